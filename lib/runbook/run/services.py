"""The platform's services over both sides, as a phase has left them: the source as it is, and Airtable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from runbook.cutover import run_parallel
from runbook.cutover.parallel import Parallel
from runbook.display import Progress, Table
from runbook.json_types import Item
from runbook.quarantine import Quarantine
from runbook.records.opening import connect_records
from runbook.records.routed import all_turned
from runbook.records.views import ItemRecords, ReadOnly
from runbook.run.context import RunContext
from runbook.snapshot import Snapshot
from runbook.state import CollectionProgress


def check_services(run: RunContext) -> Parallel | Table:
    """Make the phase's parallel tests. Reads only; of Airtable, through a mirror, what the phase has not read yet."""
    if run.dry_run:
        return run.skip("services", "nothing was loaded")
    tests = [test for test in run.connections.platform.parallel_tests() if test.phase == run.phase.number]
    there = _there(run)
    stay = {kept.wix for kept in run.catalog.kept} if run.source.label == "wix" else set()
    readable = there.keys() | stay
    needed = {name for test in tests if readable >= set(test.needs) for name in test.needs} - stay
    hidden = {name: _quarantined(run, there[name]) for name in needed}
    with ExitStack() as stack:
        opened = connect_records(run.connections, stack, base=run.base(), update_mirror=False)
        assert opened.airtable is not None
        assert opened.mirror is not None
        source = (
            opened.wix
            if run.source.label == "wix"
            else ItemRecords(run.catalog, lambda name: _exported(run, there[name]) if name in there else ())
        )
        opened.mirror.load([name for name in run.catalog.collections if name in needed], readings=run.readings)
        with Progress("Services on both sides") as report:
            found = run_parallel(
                tests,
                ReadOnly(source, without=hidden),
                ReadOnly(all_turned(run.catalog, source, opened.airtable)),
                there=readable,
                left_out=sum(map(len, hidden.values())),
                on_test=lambda done: report(done, len(tests)),
            )
        run.connections.log.extend(opened.log)
    for name, tally in found.tallies.items():
        run.results.checks[f"services answer alike on both sides: {name}"] = tally.clean
    run.results.warnings += [f"services not compared: {name}: {why}" for name, why in found.skipped.items()]
    if not found.passed:
        run.results.warnings += _moved(run, there, needed)
    run.save_requests()
    run.evidence("services", found.facts())
    return found


def _there(run: RunContext) -> Mapping[str, CollectionProgress]:
    """The collections that are in this run's base and still the source's: where the flag is on, Airtable is ahead."""
    known = run.connections.state.facts.progress(run.base())
    flags = run.connections.state.flags.all()
    return {
        c.wix: known[c.wix]
        for c in run.catalog.collections.values()
        if c.wix in known and c.wix not in run.results.absent and flags.get(c.flag) != "airtable"
    }


def _quarantined(run: RunContext, done: CollectionProgress) -> set[str]:
    return Quarantine(run.connections.settings.runs / done.run_id / "quarantine").ids(done.collection)


def _exported(run: RunContext, done: CollectionProgress) -> Iterator[Item]:
    """What a run exported of a collection: of several items with one id the first, which is the one that was loaded."""
    folder = run.connections.settings.runs / done.run_id / "snapshots"
    snapshot = Snapshot.read(folder, run.catalog.collection(done.collection))
    seen: set[str] = set()
    for item in snapshot.items() if snapshot is not None else ():
        item_id = item.get("_id")
        if isinstance(item_id, str) and item_id not in seen:
            seen.add(item_id)
            yield item


def _moved(run: RunContext, there: Mapping[str, CollectionProgress], needed: set[str]) -> list[str]:
    """What may be behind a difference: rows of the source that changed since they were exported."""
    if run.source.label != "wix":
        return []
    marks = {name: run.source.mark(name) for name in sorted(needed)}
    moved = [
        name
        for name, mark in marks.items()
        if (mark.count, mark.newest_update) != (there[name].source_count, there[name].source_newest)
    ]
    words = f"{', '.join(moved)} changed in Wix since the export, which may be why services answer differently"
    return [f"{words}: run the phase again"] if moved else []
