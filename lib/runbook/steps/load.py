"""Load: staged rows into their table. What Airtable already holds is not written again.

    loaded = load(transformed, collection, airtable=…, base=…, tables=…, state=…, quarantine=…, catalog=…)
    if loaded.deferred:
        loaded = load_links(loaded, airtable=…, …)      # after the other collections of the phase

Rows are upserted by their legacy id. Links to the collection itself, or to one that is loaded later, are written by
`load_links`; all others at once. If it is killed at any point and run again, no row is duplicated or lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from runbook.airtable.client import PER_WRITE, Airtable
from runbook.airtable.lookup_ids import find_all, look_up, require_unique
from runbook.catalog import LEGACY_ID, Catalog, Collection
from runbook.display import plural
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

MANY_ROWS, MANY_SHARE = 20, 0.10  # if more rows than both are gone from the source, an operator must confirm it
_SECONDS = 0.1  # between progress updates


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
    """Make the table hold the staged rows.

    `remove_gone`: delete rows in Airtable that are no longer at the source, or that transform has quarantined since;
    more than 20 and more than a tenth of all only with `remove_many`.
    `source_of_truth`: the value of the collection's flag; nothing is written while it is 'airtable'.
    `workers`: the most requests in flight.

    Rows that Airtable refuses are quarantined (step "load"); the others are written. Raises AmbiguousKey where several
    records have the same legacy id, SchemaDrift where a column is missing, StepError where too many rows are gone,
    AirtableError, BudgetSpent; what was written until then is recorded, and the next load continues from there.
    """
    if source_of_truth == "airtable":
        note = "nothing was written: the collection's flag is 'airtable', so Airtable is the source of truth"
        staged, refused = transformed.staged, quarantine.count(collection.wix, STEP)
        unchanged = staged - refused
        return Loaded(collection.wix, staged, unchanged=unchanged, quarantined=refused, notes=(note,), dry_run=dry_run)
    missing = [name for name in tables.missing(collection) if name not in {link.name for link in collection.links}]
    if missing:
        raise SchemaDrift(
            f"{collection.wix}: the table {collection.table!r} lacks {', '.join(missing)}; nothing was written. "
            "`run.provision()` creates them; then load again"
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
    """Write the deferred links: of a collection to itself, or to one that was loaded after it.

    Call it when all collections of the run are loaded; it may be called again. Raises as `load` does.
    """
    if not loaded.deferred or loaded.transformed is None or loaded.dry_run:
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
        matched = 0 if dry_run else self._match(known)
        found = scan(transformed.rows(), self.builder, self.catalog.link_keys.get(name, ()))
        # A row that transform has quarantined since counts as gone, so that what Airtable holds depends on the source
        # only. A row that Airtable refused stays there as it was.
        refused = {entry.id for entry in self.quarantine.entries(name) if entry.step == STEP}
        # A row that the data layer created in Airtable was never at the source: only an operator may remove it.
        changes = self.rows.changes()
        created_here = {legacy_id for legacy_id, change in changes.items() if change == "created"}
        gone = sorted(known.keys() - found.ids - refused - created_here)
        quarantined = len(self.quarantine.ids(name).intersection(gone))
        if remove_gone and not dry_run:
            self._check_gone(len(gone), len(known), remove_many)
            self._remove(gone, known)
        count = _Count(transformed.staged, on_progress)
        selection = _Selection(self.builder, KnownRows(self.state, self.base), known)
        if dry_run:
            rows = list(selection.rows(transformed.rows(), count))
            created = sum(row.new for row in rows)
            written = Written(created, len(rows) - created, sum(row.cleared for row in rows))
        else:
            for key, values in found.keys.items():  # links find a row by them once it is written
                self.rows.replace_key(key, values)
            written = self._write(selection, transformed, found, count)
            self.rows.forget_changes(found.ids & changes.keys())
        count.end()
        return self._measured(
            Loaded(
                collection=name,
                staged=transformed.staged,
                created=written.created,
                updated=written.updated,
                unchanged=selection.unchanged,
                cleared=written.cleared,
                quarantined=len(written.refused),
                deferred=len(selection.deferred),
                matched=matched,
                gone=len(gone),
                removed=len(gone) if remove_gone and not dry_run else 0,
                dangling=selection.ids("dangling"),
                ambiguous=selection.ids("ambiguous"),
                not_loaded=selection.ids("not_loaded"),
                lost=tuple(written.lost),
                notes=self._notes(quarantined if remove_gone else 0),
                dry_run=dry_run,
                transformed=transformed,
            )
        )

    def load_links(self, loaded: Loaded, transformed: Transformed, on_progress: Progress | None) -> Loaded:
        """The second pass: writes the rows that differ now that all link targets are known."""
        selection = _Selection(self.builder, KnownRows(self.state, self.base), self.rows.all(), last=True)
        refused_before = {entry.id for entry in self.quarantine.entries(self.collection.wix) if entry.step == STEP}
        count = _Count(transformed.staged, on_progress)
        writer = self._writer(count)
        try:
            writer.write(selection.rows((row for row in transformed.rows() if row.id not in refused_before), count))
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
                deferred=0,
                dangling=selection.ids("dangling"),
                ambiguous=selection.ids("ambiguous"),
                not_loaded=selection.ids("not_loaded"),
                lost=(*loaded.lost, *writer.written.lost),
            )
        )

    def _match(self, known: dict[str, KnownRow]) -> int:
        """Find by legacy id what a killed load left in flight, and all records where none is known; adds to `known`."""
        name = self.collection.wix
        unfinished = self.rows.unfinished()
        if unfinished:
            records = require_unique(
                name, LEGACY_ID, look_up(self.airtable, self.base, self.table, LEGACY_ID, unfinished)
            )
            self.rows.forget([legacy_id for legacy_id in unfinished if legacy_id not in records])
        elif not known:
            records = require_unique(name, LEGACY_ID, find_all(self.airtable, self.base, self.table, LEGACY_ID))
        else:
            return 0
        new = sum(legacy_id not in known for legacy_id in records)
        # Without a hash, because their cells are not known: they are written again.
        self.rows.settle([KnownRow(*row) for row in records.items()])
        known.clear()
        known.update(self.rows.all())
        return new

    def _check_gone(self, gone: int, known: int, remove_many: bool) -> None:
        if gone > MANY_ROWS and gone > MANY_SHARE * known and not remove_many:
            raise StepError(
                f"{self.collection.wix}: {gone:,} of {known:,} rows in Airtable are no longer at the source, or can no "
                "longer be carried over; nothing was written or deleted. If the source is complete and they are to be "
                f"deleted, set RUNBOOK_REMOVE_MANY={self.collection.wix} and run it again (in Python: "
                "remove_many=True); otherwise run it again from the right source"
            )

    def _remove(self, gone: list[str], known: dict[str, KnownRow]) -> None:
        for start in range(0, len(gone), PER_WRITE):
            batch = gone[start : start + PER_WRITE]
            self.airtable.delete(self.base, self.table, [known[legacy_id].record_id for legacy_id in batch])
            self.rows.forget(batch)
            for legacy_id in batch:
                del known[legacy_id]

    def _write(self, selection: _Selection, transformed: Transformed, found: Scan, count: _Count) -> Written:
        writer = self._writer(count)
        try:
            if found.with_new_choice:
                # First one row for each new choice, in one request at a time: two requests in flight that add the same
                # choice might add it twice.
                self._add_choices(selection, found.with_new_choice.values(), count, writer)
            done = found.with_new_choice.keys()
            writer.write(selection.rows((row for row in transformed.rows() if row.id not in done), count))
        finally:
            self.quarantine.replace(self.collection.wix, STEP, writer.written.refused)
        return writer.written

    def _add_choices(self, selection: _Selection, rows: Iterable[StagedRow], count: _Count, writer: Writer) -> None:
        sequential = self._writer(count, workers=1)
        sequential.written = writer.written
        staged = list(rows)
        sequential.write(selection.rows(staged, count))
        refused = {entry.id for entry in writer.written.refused}
        for row in staged:
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

    def _notes(self, quarantined: int) -> tuple[str, ...]:
        names = ", ".join(self.builder.without_column)
        notes = [f"no links were written to {names}: the table has no such column yet"] if names else []
        if quarantined:
            notes.append(f"{plural(quarantined, 'row')} loaded before, quarantined now and deleted in Airtable")
        return tuple(notes)

    def _measured(self, loaded: Loaded) -> Loaded:
        rows = self.airtable.log.rows(self.before)
        return replace(
            loaded,
            requests=loaded.requests + len(rows),
            limited=loaded.limited + sum(row.status == 429 for row in rows),
            seconds=loaded.seconds + time.monotonic() - self.began,
        )


class _Selection:
    """The staged rows that have to be written, and counts of the others and of links that could not be made."""

    def __init__(self, builder: Builder, rows: KnownRows, known: dict[str, KnownRow], *, last: bool = False) -> None:
        self._builder, self._rows, self._known = builder, rows, known
        self._deferred = set() if last else builder.deferred
        self._unresolved: dict[str, dict[str, list[str]]] = {}
        self.deferred: list[str] = []
        self.unchanged = 0

    def rows(self, staged: Iterable[StagedRow], count: _Count) -> Iterator[Row]:
        """The rows to write."""
        for row in staged:
            links = {}
            is_deferred = False
            for name in self._builder.links if row.links else ():
                if name not in row.links:
                    continue
                cell = links[name] = resolve(row.links[name], self._rows.find)
                if cell.state != "resolved":
                    if name in self._deferred and cell.state != "ambiguous":
                        is_deferred = True
                    else:
                        self._unresolved.setdefault(self._state(name, cell), {}).setdefault(name, []).append(row.id)
            if is_deferred:
                self.deferred.append(row.id)
            built = self._builder.row(row, links, self._known.get(row.id))
            if built is None:
                self.unchanged += 1
                count.add(1)
            else:
                yield built

    def _state(self, link: str, cell: LinkCell) -> str:
        return cell.state if self._rows.has_rows(self._builder.targets[link]) else "not_loaded"

    def ids(self, state: str) -> dict[str, tuple[str, ...]]:
        """The legacy ids of rows by link, of links in this state."""
        return {name: tuple(ids) for name, ids in self._unresolved.get(state, {}).items()}


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
