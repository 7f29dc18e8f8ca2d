"""The platform's services called on both sides after a phase: on the source and on Airtable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from runbook.cutover import run_parallel
from runbook.cutover.parallel import Parallel
from runbook.display import Progress, Table, plural
from runbook.json_types import Item
from runbook.merge import STAMPS
from runbook.patience import unlimited
from runbook.quarantine import Quarantine
from runbook.records.opening import connect_records
from runbook.records.routed import all_turned
from runbook.records.views import ItemRecords, ReadOnly, Restamped
from runbook.run.context import RunContext
from runbook.run.phase_checks import created_in_airtable
from runbook.snapshot import Snapshot
from runbook.state import CollectionProgress


def check_services(run: RunContext) -> Parallel | Table:
    """Run the phase's parallel tests. Reads only; of Airtable, through a mirror, what the phase has not read yet."""
    if run.dry_run:
        return run.skip("services", "nothing was loaded")
    tests = [test for test in run.connections.platform.parallel_tests() if test.phase == run.phase.number]
    comparable = _comparable(run)
    stay = {kept.wix for kept in run.catalog.kept} if run.source.label == "wix" else set()
    readable = comparable.keys() | stay
    needed = {name for test in tests if readable >= set(test.needs) for name in test.needs} - stay
    hidden = {name: _quarantined(run, comparable[name]) for name in needed}
    created = {name: created_in_airtable(run, name) for name in needed}
    stamps = {name: _stamps_of_wix(run, comparable[name]) for name in needed}
    with ExitStack() as stack:
        opened = connect_records(run.connections, stack, base=run.base(), update_mirror=False)
        assert opened.airtable is not None
        assert opened.mirror is not None
        source = (
            opened.wix
            if run.source.label == "wix"
            else ItemRecords(run.catalog, lambda name: _exported(run, comparable[name]) if name in comparable else ())
        )
        opened.mirror.load([name for name in run.catalog.collections if name in needed], readings=run.readings)
        with Progress("Services on both sides") as report, unlimited():  # nobody waits for these calls
            found = run_parallel(
                tests,
                ReadOnly(source, without=hidden),
                ReadOnly(Restamped(all_turned(run.catalog, source, opened.airtable), stamps), without=created),
                available=readable,
                left_out=sum(map(len, hidden.values())),
                on_test=lambda done: report(done, len(tests)),
            )
        run.connections.log.extend(opened.log)
    for name, tally in found.tallies.items():
        run.results.checks[f"services return the same on both sides: {name}"] = tally.clean
    run.results.warnings += [
        f"{name}: {plural(len(rows), 'row')} carried back to Wix before, compared with the times that Wix set then"
        for name, rows in stamps.items()
        if rows
    ]
    run.results.warnings += [f"services not compared: {name}: {reason}" for name, reason in found.skipped.items()]
    if not found.passed:
        run.results.warnings += _changed_since_export(run, comparable, needed)
    run.save_requests()
    run.evidence("services", found.facts())
    return found


def _comparable(run: RunContext) -> Mapping[str, CollectionProgress]:
    """The migrated collections whose flag is off: with the flag on, Airtable may have newer rows than the source."""
    known = run.connections.state.facts.progress(run.base())
    flags = run.connections.state.flags.all()
    return {
        c.wix: known[c.wix]
        for c in run.catalog.collections.values()
        if c.wix in known and c.wix not in run.results.absent and flags.get(c.flag) != "airtable"
    }


def _quarantined(run: RunContext, done: CollectionProgress) -> set[str]:
    return Quarantine(run.connections.settings.runs / done.run_id / "quarantine").ids(done.collection)


def _stamps_of_wix(run: RunContext, done: CollectionProgress) -> dict[str, Item]:
    """What Wix itself set on rows that were carried back to it, by `_id`: Airtable has the first writes' times."""
    carried = run.connections.state.rows(run.base(), done.collection).carried_back()
    if not carried:
        return {}
    return {
        item["_id"]: {key: item[key] for key in STAMPS if key in item}
        for item in _exported(run, done)
        if item["_id"] in carried
    }


def _exported(run: RunContext, done: CollectionProgress) -> Iterator[Item]:
    """The items that a run exported; of several with one id the first, which is the one that was loaded."""
    folder = run.connections.settings.runs / done.run_id / "snapshots"
    snapshot = Snapshot.read(folder, run.catalog.collection(done.collection))
    seen: set[str] = set()
    for item in snapshot.items() if snapshot is not None else ():
        item_id = item.get("_id")
        if isinstance(item_id, str) and item_id not in seen:
            seen.add(item_id)
            yield item


def _changed_since_export(run: RunContext, migrated: Mapping[str, CollectionProgress], needed: set[str]) -> list[str]:
    """A possible cause of differences: collections whose rows changed in Wix since the export."""
    if run.source.label != "wix":
        return []
    marks = {name: run.source.mark(name) for name in sorted(needed)}
    changed = [
        name
        for name, mark in marks.items()
        if (mark.count, mark.newest_update) != (migrated[name].source_count, migrated[name].source_newest)
    ]
    cause = f"{', '.join(changed)} changed in Wix since the export, which may be why services differ"
    return [f"{cause}: run the phase again"] if changed else []
