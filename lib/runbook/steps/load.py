"""Load: staged rows into their table. What Airtable holds already is not written again.

    loaded = load(transformed, collection, airtable=…, base=…, tables=…, state=…, quarantine=…, catalog=…)
    if loaded.waiting:
        loaded = load_links(loaded, airtable=…, …)      # after the other collections of the phase

Rows are upserted by their legacy id. Links to the collection itself, or to one that comes later, are written by
`load_links`; all others at once. Killed at any instruction, it is to be run again: no row is there twice, none is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from runbook.airtable.client import PER_WRITE, Airtable
from runbook.airtable.lookup_ids import find_all, look_up, require_unique
from runbook.catalog import LEGACY_ID, Catalog, Collection
from runbook.errors import SchemaDrift, StepError
from runbook.link_resolver import KnownRows, LinkCell, resolve
from runbook.quarantine import Quarantine
from runbook.schema.tables import Tables
from runbook.staged import StagedRow, Transformed
from runbook.state import KnownRow, State
from runbook.steps.load_rows import Builder, Scan, scan
from runbook.steps.load_writer import STEP, Row, Writer, Written
from runbook.steps.loaded import Loaded

Progress = Callable[[int, int], None]

MANY_ROWS, MANY_SHARE = 20, 0.10  # more rows than both gone from the source: someone must say that this is meant
_SECONDS = 0.1  # between two words of progress


def load(
    transformed: Transformed,
    collection: Collection,
    *,
    airtable: Airtable,
    base: str,
    tables: Tables,
    state: State,
    quarantine: Quarantine,
    catalog: Catalog,
    workers: int | None = None,
    remove_gone: bool = False,
    remove_many: bool = False,
    source_of_truth: str = "wix",
    dry_run: bool = False,
    on_progress: Progress | None = None,
) -> Loaded:
    """Make the table hold what was staged.

    `remove_gone`: rows that are no longer at the source, or that transform has put into quarantine since, are deleted
    in Airtable; more than 20 and a tenth of all only with `remove_many`.
    `source_of_truth`: where the collection's flag stands; at 'airtable' nothing is written.
    `workers`: requests under way at the most.

    Rows that Airtable refuses go into quarantine (step "load"), the others go on. Raises AmbiguousKey where several
    records carry one legacy id, SchemaDrift where a column is missing, StepError where too much is gone, AirtableError,
    BudgetSpent; what was written until then stands and is known, and loading again goes on from there.
    """
    if source_of_truth == "airtable":
        note = "nothing was written: its flag stands at 'airtable', so Airtable holds the truth and Wix the copy"
        staged, aside = transformed.staged, quarantine.count(collection.wix, STEP)
        kept = staged - aside
        return Loaded(collection.wix, staged, unchanged=kept, quarantined=aside, notes=(note,), dry_run=dry_run)
    missing = [name for name in tables.missing(collection) if name not in {link.name for link in collection.links}]
    if missing:
        raise SchemaDrift(
            f"{collection.wix}: the table {collection.table!r} lacks {', '.join(missing)}; nothing was written. "
            "`run.provision()` makes them, then load again"
        )
    work = _Work(collection, airtable, base, tables, state, quarantine, catalog, workers)
    return work.load(
        transformed, remove_gone=remove_gone, remove_many=remove_many, dry_run=dry_run, on_progress=on_progress
    )


def load_links(
    loaded: Loaded,
    *,
    airtable: Airtable,
    base: str,
    tables: Tables,
    state: State,
    quarantine: Quarantine,
    catalog: Catalog,
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> Loaded:
    """Write the links that had to wait for their target: of a collection to itself, or to one loaded after it.

    To be called when all collections of the run are loaded; raises as `load` does, and may be called again.
    """
    if not loaded.waiting or loaded.transformed is None or loaded.dry_run:
        return loaded
    collection = catalog.collection(loaded.collection)
    work = _Work(collection, airtable, base, tables, state, quarantine, catalog, workers)
    return work.load_links(loaded, loaded.transformed, on_progress)


@dataclass
class _Work:
    collection: Collection
    airtable: Airtable
    base: str
    tables: Tables
    state: State
    quarantine: Quarantine
    catalog: Catalog
    workers: int | None

    def __post_init__(self) -> None:
        self.table = self.tables.id(self.collection)
        self.rows = self.state.rows(self.base, self.collection.wix)
        self.builder = Builder(self.collection, self.catalog, self.tables)
        self.began = time.monotonic()
        self.before = len(self.airtable.log)

    def load(
        self,
        transformed: Transformed,
        *,
        remove_gone: bool,
        remove_many: bool,
        dry_run: bool,
        on_progress: Progress | None,
    ) -> Loaded:
        name = self.collection.wix
        known = self.rows.all()
        adopted = 0 if dry_run else self._adopt(known)
        found = scan(transformed.rows(), self.builder, self.catalog.link_keys.get(name, ()))
        # A row that transform has put into quarantine since is gone too, as if it had been there from the first: what
        # Airtable holds depends on the source alone. Of one that Airtable refuses, the former state stays.
        refused = {entry.id for entry in self.quarantine.entries(name) if entry.step == STEP}
        # One that the data layer created in Airtable never was in Wix: only an operator may carry it back or remove it.
        changes = self.rows.changes()
        in_airtable_only = {legacy for legacy, what in changes.items() if what == "created"}
        gone = sorted(known.keys() - found.ids - refused - in_airtable_only)
        aside = len(self.quarantine.ids(name).intersection(gone))
        if remove_gone and not dry_run:
            self._check_gone(len(gone), len(known), remove_many)
            self._remove(gone, known)
        count = _Count(transformed.staged, on_progress)
        passing = _Pass(self.builder, KnownRows(self.state, self.base), known)
        if dry_run:
            rows = list(passing.rows(transformed.rows(), count))
            created = sum(row.new for row in rows)
            written = Written(created, len(rows) - created, sum(row.cleared for row in rows))
        else:
            for key, values in found.keys.items():  # they lead to a row as soon as it has landed
                self.rows.replace_key(key, values)
            written = self._write(passing, transformed, found, count)
            self.rows.forget_changes(found.ids & changes.keys())
        count.end()
        return self._measured(
            Loaded(
                collection=name,
                staged=transformed.staged,
                created=written.created,
                updated=written.updated,
                unchanged=passing.unchanged,
                cleared=written.cleared,
                quarantined=len(written.refused),
                waiting=len(passing.waiting),
                adopted=adopted,
                gone=len(gone),
                removed=len(gone) if remove_gone and not dry_run else 0,
                dangling=passing.ids("dangling"),
                ambiguous=passing.ids("ambiguous"),
                not_there=passing.ids("not loaded"),
                lost=tuple(written.lost),
                notes=self._notes(aside if remove_gone else 0),
                dry_run=dry_run,
                transformed=transformed,
            )
        )

    def load_links(self, loaded: Loaded, transformed: Transformed, on_progress: Progress | None) -> Loaded:
        """The second pass; every row is looked at, those that have changed by it are written."""
        passing = _Pass(self.builder, KnownRows(self.state, self.base), self.rows.all(), last=True)
        aside = {entry.id for entry in self.quarantine.entries(self.collection.wix) if entry.step == STEP}
        count = _Count(transformed.staged, on_progress)
        writer = self._writer(count)
        try:
            writer.write(passing.rows((row for row in transformed.rows() if row.id not in aside), count))
        finally:
            for entry in writer.written.refused:
                self.quarantine.add(self.collection.wix, entry)
        count.end()
        refused = len({entry.id for entry in writer.written.refused})
        updated = min(loaded.updated, refused)
        created = min(loaded.created, refused - updated)
        return self._measured(
            replace(
                loaded,
                linked=loaded.linked + writer.written.updated + writer.written.created,
                updated=loaded.updated - updated,
                created=loaded.created - created,
                unchanged=loaded.unchanged - (refused - updated - created),
                quarantined=loaded.quarantined + refused,
                waiting=0,
                dangling=passing.ids("dangling"),
                ambiguous=passing.ids("ambiguous"),
                not_there=passing.ids("not loaded"),
                lost=(*loaded.lost, *writer.written.lost),
            )
        )

    def _adopt(self, known: dict[str, KnownRow]) -> int:
        """Take up what a killed load left under way, and what was there before; `known` then holds it too."""
        name = self.collection.wix
        unfinished = self.rows.unfinished()
        if unfinished:
            records = require_unique(
                name, LEGACY_ID, look_up(self.airtable, self.base, self.table, LEGACY_ID, unfinished)
            )
            self.rows.forget([legacy for legacy in unfinished if legacy not in records])
        elif not known:
            records = require_unique(name, LEGACY_ID, find_all(self.airtable, self.base, self.table, LEGACY_ID))
        else:
            return 0
        new = sum(legacy not in known for legacy in records)
        # What they hold is not known, so they are written once more.
        self.rows.settle([KnownRow(legacy, record) for legacy, record in records.items()])
        known.clear()
        known.update(self.rows.all())
        return new

    def _check_gone(self, gone: int, known: int, remove_many: bool) -> None:
        if gone > MANY_ROWS and gone > MANY_SHARE * known and not remove_many:
            raise StepError(
                f"{self.collection.wix}: {gone:,} of {known:,} rows in Airtable are no longer at the source, or can no "
                "longer be carried over; nothing was written or deleted. If the source is whole and they are meant to "
                f"go, set RUNBOOK_REMOVE_MANY={self.collection.wix} and run it again (in Python: remove_many=True); "
                "else run it again from the right source"
            )

    def _remove(self, gone: list[str], known: dict[str, KnownRow]) -> None:
        for start in range(0, len(gone), PER_WRITE):
            some = gone[start : start + PER_WRITE]
            self.airtable.delete(self.base, self.table, [known[legacy].record_id for legacy in some])
            self.rows.forget(some)
            for legacy in some:
                del known[legacy]

    def _write(self, passing: _Pass, transformed: Transformed, found: Scan, count: _Count) -> Written:
        writer = self._writer(count)
        try:
            if found.first:
                # One row for each new choice first, one batch after the other: two requests that add the same choice
                # at the same time might add it twice.
                self._add_choices(passing, found.first.values(), count, writer)
            done = found.first.keys()
            writer.write(passing.rows((row for row in transformed.rows() if row.id not in done), count))
        finally:
            self.quarantine.replace(self.collection.wix, STEP, writer.written.refused)
        return writer.written

    def _add_choices(self, passing: _Pass, rows: Iterable[StagedRow], count: _Count, writer: Writer) -> None:
        alone = self._writer(count, workers=1)
        alone.written = writer.written
        some = list(rows)
        alone.write(passing.rows(some, count))
        refused = {entry.id for entry in writer.written.refused}
        for row in some:
            if row.id not in refused:
                for column, choice in list(self.builder.new_choices(row.fields)):
                    self.builder.choices[column].add(choice)

    def _writer(self, count: _Count, workers: int | None = None) -> Writer:
        return Writer(
            self.airtable,
            self.base,
            self.table,
            self.collection,
            self.state,
            workers=workers or self.workers,
            done=count.add,
        )

    def _notes(self, aside: int = 0) -> tuple[str, ...]:
        names = ", ".join(self.builder.without_column)
        said = [f"no links were written to {names}: there is no such column yet"] if names else []
        if aside:
            said.append(f"{aside:,} rows that were loaded before are in quarantine now, and no longer in Airtable")
        return tuple(said)

    def _measured(self, loaded: Loaded) -> Loaded:
        rows = self.airtable.log.rows(self.before)
        return replace(
            loaded,
            requests=loaded.requests + len(rows),
            too_many=loaded.too_many + sum(row.status == 429 for row in rows),
            seconds=loaded.seconds + time.monotonic() - self.began,
        )


class _Pass:
    """One going through the staged rows: which are to be written, where their links lead."""

    def __init__(self, builder: Builder, rows: KnownRows, known: dict[str, KnownRow], *, last: bool = False) -> None:
        self._builder, self._rows, self._known = builder, rows, known
        self._deferred = set() if last else builder.deferred
        self._found: dict[str, dict[str, list[str]]] = {}
        self.waiting: list[str] = []
        self.unchanged = 0

    def rows(self, staged: Iterable[StagedRow], count: _Count) -> Iterator[Row]:
        """The rows to write."""
        for row in staged:
            links = {}
            waits = False
            for name in self._builder.links if row.links else ():
                if name not in row.links:
                    continue
                cell = links[name] = resolve(row.links[name], self._rows.find)
                if cell.state != "resolved":
                    if name in self._deferred and cell.state != "ambiguous":
                        waits = True
                    else:
                        self._found.setdefault(self._state(name, cell), {}).setdefault(name, []).append(row.id)
            if waits:
                self.waiting.append(row.id)
            made = self._builder.row(row, links, self._known.get(row.id))
            if made is None:
                self.unchanged += 1
                count.add(1)
            else:
                yield made

    def _state(self, link: str, cell: LinkCell) -> str:
        if cell.state == "dangling" and not cell.records and not self._rows.has_rows(self._builder.targets[link]):
            return "not loaded"
        return cell.state

    def ids(self, state: str) -> dict[str, tuple[str, ...]]:
        """By link, the rows whose keys came to this."""
        return {name: tuple(ids) for name, ids in self._found.get(state, {}).items()}


class _Count:
    def __init__(self, total: int, report: Progress | None) -> None:
        self._total, self._report = total, report
        self._done, self._next = 0, 0.0

    def add(self, rows: int) -> None:
        self._done += rows
        if self._report is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS
            self._report(min(self._done, self._total), self._total)

    def end(self) -> None:
        if self._report is not None:
            self._report(self._total, self._total)


__all__ = ["Loaded", "load", "load_links"]
