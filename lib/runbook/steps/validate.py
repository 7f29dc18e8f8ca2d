"""Validate: suites on both sides, and every cell of the table compared with what was staged.

done = validate(snapshot, transformed, collection, readings=…, state=…, quarantine=…, suites=Path("expectations"))
done.green          # every critical check passed, nothing unexplained, nothing that could not be run
done.write(run / "evidence" / "03_core_business")
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook.catalog import LEGACY_ID, Collection
from runbook.checks.gx import read_suite, run_suite
from runbook.checks.link_columns import LinkCheck, Links, verify_links
from runbook.checks.report import ORDER, Outcome, SuiteReport, Verdict, worst
from runbook.checks.suites import EXPECTED_ROWS, suite_path, wix_columns
from runbook.display import Shown, Table, plural
from runbook.errors import CheckFailed
from runbook.json_types import Item, Json
from runbook.link_resolver import KnownRows, LinkCell, TargetRows, resolve
from runbook.mapping import Mapping as CatalogMapping
from runbook.merge import Agreement, Past, RowMerge
from runbook.quarantine import Quarantine
from runbook.readings import Readings
from runbook.snapshot import Snapshot
from runbook.staged import StagedRow, Transformed, is_older
from runbook.state import State, ValidatedTable
from runbook.steps.compare import Comparison, compare
from runbook.steps.conflict_file import some
from runbook.steps.difference_rules import declared_rules


@dataclass(frozen=True, repr=False)
class Validated(Shown):
    """The result of validating a collection. `loaded`: rows of the snapshot that are in Airtable, each once.

    `state_differs`: how many of those the id map knows under another record, or not at all. `links`: None where they
    were not checked. `in_conflict`: legacy ids of rows of which nothing is written until a person decides.
    `table_read`: for the turn of the flag.
    """

    collection: str
    exported: int
    loaded: int
    quarantined: int
    source: SuiteReport
    target: SuiteReport
    comparison: Comparison
    state_differs: int = 0
    links: LinkCheck | None = None
    in_conflict: tuple[str, ...] = ()
    table_read: ValidatedTable | None = None

    @property
    def green(self) -> bool:
        """Every critical check passed, all rows and cells accounted for, nothing that could not be run."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not green; empty where it is."""
        found = []
        if self.exported != self.loaded + self.quarantined + self.comparison.removed:
            found.append(
                f"{self.exported:,} rows were exported, but {self.loaded:,} are loaded and "
                f"{self.quarantined:,} in quarantine"
            )
        if self.in_conflict:
            many = plural(len(self.in_conflict), "row")
            found.append(f"{many} in conflict, not written: {some(self.in_conflict)}; `runbook resolve` settles them")
        if self.state_differs:
            found.append(f"{plural(self.state_differs, 'row')} with another record than in the id map; load again")
        found += self.comparison.reasons()
        for report in (self.source, self.target):
            if not report.outcomes:
                found.append(f"suite {report.suite} checked nothing")
            for o in report.outcomes:
                if o.verdict in ("fail", "error"):
                    what = "could not be run" if o.verdict == "error" else "failed"
                    found.append(f"suite {report.suite}: {what}: {o.sentence}{_detail(o)}")
        return tuple(found)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reviewer should know though it does not stop the gate."""
        suites = [
            f"suite {report.suite}: {o.sentence}{_detail(o)}"
            for report in (self.source, self.target)
            for o in report.outcomes
            if o.verdict == "warn"
        ]
        return (*suites, *self.comparison.warnings())

    def counts(self) -> dict[str, int]:
        """Checks by outcome, of both suites: pass, warn, fail, error."""
        source, target = self.source.counts(), self.target.counts()
        return {verdict: source[verdict] + target[verdict] for verdict in ORDER}

    def outcomes(self) -> dict[str, Verdict]:
        """The worst outcome of each kind of check; that of the comparison is `cells`."""
        source, target = self.source.of_kind(), self.target.of_kind()
        kinds = [*target, *(kind for kind in source if kind not in target)]
        found = {kind: worst(report[kind] for report in (source, target) if kind in report) for kind in kinds}
        return {**found, "cells": "pass" if self.comparison.clean else "fail"}

    def table(self) -> Table:
        """The counts, then the reasons why it is not green."""
        c, checks = self.comparison, self.counts()
        columns = ("Collection", "Exported", "Loaded", "Quarantined", "Cells", "Explained", "Unexplained")
        row = (self.collection, self.exported, self.loaded, self.quarantined, c.cells, sum(c.explained.values()))
        verdict = (
            f"{'green' if self.green else 'RED'}: {checks['pass']} checks passed, {checks['warn']} warned, "
            f"{checks['fail']} failed, {checks['error']} could not be run"
        )
        return Table(f"Validated {self.collection}", columns, [(*row, c.unexplained_cells)], (verdict, *self.reasons))

    def facts(self) -> dict[str, Any]:
        """The counts, for the evidence."""
        c, checks = self.comparison, self.counts()
        return {
            "collection": self.collection,
            "green": self.green,
            "exported": self.exported,
            "loaded": self.loaded,
            "quarantined": self.quarantined,
            "verified_rows": c.rows,
            "cells_compared": c.cells,
            "explained": dict(c.explained),
            "unexplained": c.unexplained_cells,
            "checks": {
                "passed": checks["pass"],
                "warned": checks["warn"],
                "failed": checks["fail"],
                "errors": checks["error"],
            },
            "outcomes": dict(self.outcomes()),
            "reasons": list(self.reasons),
            "warnings": len(self.warnings),
        }

    def require(self) -> Validated:
        """Returns itself. Raises CheckFailed where it is not green."""
        if not self.green:
            raise CheckFailed(f"{self.collection} is not validated:\n  " + "\n  ".join(self.reasons))
        return self

    def write(self, folder: Path) -> Path:
        """Write everything to `<Collection>.validation.json`, without values of personal fields."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.collection.replace('/', '%2F')}.validation.json"
        payload = {
            **self.facts(),
            "comparison": self.comparison.facts(),
            "suites": {"wix": self.source.facts(), "airtable": self.target.facts()},
        }
        part = path.with_name(f"{path.name}.part")
        text = json.dumps(payload, ensure_ascii=False, indent=1) + "\n"
        part.write_bytes(text.encode("utf-8", "backslashreplace"))
        part.replace(path)
        return path


def validate(
    snapshot: Snapshot,
    transformed: Transformed,
    collection: Collection,
    *,
    readings: Readings,
    state: State,
    quarantine: Quarantine,
    suites: Path,
    check_links: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Validated:
    """Check a table by its reading; with `check_links`, also its links by the readings of their targets. Reads only.

    While the collection's flag is 'airtable', changes since it was turned are explained by that. Raises
    CheckNotRun where a suite cannot be run as it is written, AirtableError or SchemaDrift where a table cannot be read.
    """
    from runbook.checks.frames import AirtableFrame, WixFrame  # pandas: 0.3 s

    catalog = readings.tables.catalog
    wix_suite = read_suite(suite_path(catalog, collection, "wix", suites))
    airtable_suite = read_suite(suite_path(catalog, collection, "airtable", suites))
    refused = quarantine.ids(collection.wix)  # rows that load quarantined are in the staged file
    expected: dict[str, StagedRow] = {}
    candidates: dict[str, Links] = {}
    for row in transformed.rows():
        if row.id not in refused:
            expected[row.id] = row
        if check_links:
            candidates[row.id] = row.links
    wanted = set(expected)

    rows = KnownRows(state, readings.base)
    own_rows = state.rows(readings.base, collection.wix)
    read_back = AirtableFrame(collection, readings.tables.columns(collection))
    known = own_rows.all()
    other_record: set[str] = set()
    answers, known_read = dict[str, str](), set[str]()

    def report(done: int) -> None:
        if on_progress is not None:
            on_progress(min(done, len(wanted)), len(wanted))

    def records() -> Iterator[dict[str, Json]]:
        for record in readings.records(collection.wix, report):
            id_ = record["fields"].get(LEGACY_ID)
            if id_ in wanted and (id_ not in known or known[id_].record_id != record["id"]):
                other_record.add(id_)
            answer, own = merge.answer(record["fields"]), known.get(id_)
            is_own = own is not None and own.record_id == record["id"]
            if is_own:
                known_read.add(id_)
            if own is None or not is_own or own.answer != answer:
                answers[record["id"]] = answer
            yield record

    turned_at = _turned_at(state, collection)
    conflicts = state.conflicts(readings.base, collection.wix).all() if turned_at is None else []
    in_conflict = dict.fromkeys(each.legacy_id for each in conflicts)
    changes = own_rows.changes()
    removed = {id_ for id_, what in changes.items() if what == "removed"} if turned_at is not None else set()
    created = {id_ for id_, what in changes.items() if what == "created"} - wanted
    old: set[str] = set()  # rows that Wix has not changed since the turn
    if turned_at is not None:
        old = {id_ for id_, row in expected.items() if is_older(row, collection, turned_at)}
        created |= (
            own_rows.never_agreed() - wanted
        )  # after a loss of the state it is not known which of them services made

    def seen(fields: Mapping[str, Json], links: Mapping[str, LinkCell]) -> None:
        """The suites judge the rows that were migrated, and the links whose keys the source shows."""
        if fields.get(LEGACY_ID) and fields[LEGACY_ID] not in created:
            read_back.add(fields, {name: cell for name, cell in links.items() if name not in merge.untold})

    targets = TargetRows(state, readings.base, [link.to for link in collection.links])

    merge = RowMerge(collection, [link.name for link in collection.links], targets.exists, transformed.untold)

    def past_of(ids: set[str]) -> dict[str, Past]:
        return {
            id_: Past(Agreement.loads(history.agreed) if history.agreed else None, id_ in old, served=history.served)
            for id_, history in own_rows.histories(ids).items()
            if history.agreed or id_ in old
        }

    comparison = compare(
        collection,
        CatalogMapping(collection),
        expected,
        records(),
        lambda row: {link.name: resolve(row.links.get(link.name, ()), rows.find) for link in collection.links},
        declared_rules(turned_at=turned_at),
        originals=lambda ids: {item["_id"]: item for item in _first_of_each(snapshot.items(), ids)},
        merge=merge,
        past_of=past_of,
        turned_at=turned_at,
        removed=removed,
        loaded=known.keys() if turned_at is not None else (),
        in_conflict=in_conflict,
        created=created,
        seen=seen,
        name_of=rows.legacy_id,
    )
    target = run_suite(
        airtable_suite,
        read_back.frame(),
        key=LEGACY_ID,
        parameters={EXPECTED_ROWS: len(wanted) + comparison.late - comparison.removed},
    )
    exported = WixFrame(collection)
    for item in _first_of_each(snapshot.items(), wanted):
        exported.add(item)
    source = run_suite(
        wix_suite,
        exported.frame(),
        key="_id",
        parameters={EXPECTED_ROWS: len(wanted)},
        not_judged=wix_columns(collection, transformed.untold),
    )

    def kept(legacy_id: str, link: str) -> bool:
        return link in merge.untold or (legacy_id, link) in comparison.kept_links

    links = verify_links(readings, collection, candidates, state, kept) if check_links else None
    report(len(wanted))
    return Validated(
        collection=collection.wix,
        exported=snapshot.count,
        loaded=comparison.rows,
        quarantined=quarantine.count(collection.wix),
        source=source,
        target=target,
        comparison=comparison,
        state_differs=len(other_record),
        links=links,
        in_conflict=tuple(in_conflict),
        table_read=ValidatedTable(len(known_read), answers),
    )


def _detail(outcome: Outcome) -> str:
    if outcome.why:
        return f" ({outcome.why})"
    return f" ({outcome.rows:,} rows)" if outcome.rows is not None else ""


def _first_of_each(items: Iterator[Item], ids: set[str]) -> Iterator[Item]:
    """The first item of each id: transform quarantines further items with the same id."""
    remaining = set(ids)
    for item in items:
        id_ = item.get("_id")
        if isinstance(id_, str) and id_ in remaining:
            remaining.discard(id_)
            yield item


def _turned_at(state: State, collection: Collection) -> str | None:
    """When the collection's flag was set to 'airtable'; None while it is 'wix'."""
    turns = state.flags.history(collection.flag)
    return str(turns[-1].at) if turns and turns[-1].value == "airtable" else None
