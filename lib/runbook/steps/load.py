"""Load: staged rows into their table. What Airtable holds is not written again; what people changed there stays.

    loaded = load(transformed, collection, Target(airtable, base, tables, state, …))
    if loaded.deferred:
        loaded = load_links(loaded, Target(…))      # after the other collections of the phase

The table is read once, then every row is merged: what both sides last agreed on, what Wix holds, what Airtable holds
(`runbook.merge`). New rows are upserted by their legacy id; of others, only the cells that changed are sent, after
reading them once more. Links to the collection itself, or to one that is loaded later, are written by `load_links`; all
others at once. If it is killed at any point and run again, no row is duplicated or lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from runbook.airtable.client import Airtable
from runbook.airtable.lookup_ids import fetch_records
from runbook.catalog import Catalog, Collection
from runbook.display import plural
from runbook.errors import SchemaDrift, StepError
from runbook.json_types import Json
from runbook.link_resolver import TargetRows
from runbook.merge import RowMerge
from runbook.quarantine import Quarantine
from runbook.schema.identity import require_tables
from runbook.schema.tables import Tables
from runbook.staged import StagedRow, Transformed
from runbook.state import KnownRow, State
from runbook.steps.conflict_file import ConflictFile, Found, some
from runbook.steps.deletion import Deletion
from runbook.steps.held import read_held
from runbook.steps.load_rows import Builder, scan
from runbook.steps.load_selection import Progress, RowCount, Selection
from runbook.steps.load_writer import STEP, Writer, Written
from runbook.steps.loaded import Loaded

ReadTable = Callable[[str], Iterable[dict[str, Json]]]
"""The records of a collection's table as they are now."""


@dataclass(frozen=True)
class Target:
    """What a load writes to, and what it keeps record in. `run_id`: of the run in which conflicts are found."""

    airtable: Airtable
    base: str
    tables: Tables
    state: State
    quarantine: Quarantine
    catalog: Catalog
    conflicts: ConflictFile
    run_id: str
    read: ReadTable
    workers: int | None = None  # the most requests in flight


def load(
    transformed: Transformed,
    collection: Collection,
    target: Target,
    *,
    remove_gone: bool = False,
    remove_many: bool = False,
    source_of_truth: str = "wix",
    on_progress: Progress | None = None,
    on_deletion: Callable[[list[str]], None] = lambda ids: None,
) -> Loaded:
    """Make the table hold the staged rows, but for what people changed in it.

    `remove_gone`: delete rows in Airtable that came from the source and are no longer there, or that transform has
    quarantined since; all rows of a table, or more than three and a tenth of them, only with `remove_many`.
    `on_deletion` is called with their legacy ids before anything is written.
    `source_of_truth`: the value of the collection's flag; nothing is written while it is 'airtable'.

    Rows that Airtable refuses are quarantined (step "load"); the others are written. A conflict is noted in state and
    in the run, and nothing of its row is written. Raises AmbiguousKey where several records have the same legacy id,
    SchemaDrift where a column is missing, StepError where too many rows are gone or rows of unknown origin are in the
    table, AirtableError, BudgetSpent; what was written until then is recorded, and the next load continues from there.
    """
    if source_of_truth == "airtable":
        note = "nothing was written: the collection's flag is 'airtable', so Airtable is the source of truth"
        staged, refused = transformed.staged, target.quarantine.count(collection.wix, STEP)
        return Loaded(collection.wix, staged, unchanged=staged - refused, quarantined=refused, notes=(note,))
    known = target.state.facts.table(target.base, collection.wix)
    if known is not None or collection in target.tables:
        require_tables(target.state, target.base, target.catalog, collection.wix, target.tables.all)
    links = {link.name for link in collection.links}
    missing = [name for name in target.tables.missing(collection) if name not in links]
    if missing:
        raise SchemaDrift(
            f"{collection.wix}: the table {collection.table!r} lacks {', '.join(missing)}; nothing was written. "
            "`run.provision()` creates them; then load again"
        )
    work = _Work(collection, target, transformed)
    return work.load(on_deletion if remove_gone else None, remove_many, on_progress)


def load_links(loaded: Loaded, target: Target, *, on_progress: Progress | None = None) -> Loaded:
    """Write the deferred links: of a collection to itself, or to one that was loaded after it.

    Call it when all collections of the run are loaded; it may be called again. Raises as `load` does.
    """
    if not loaded.deferred or loaded.transformed is None:
        return loaded
    work = _Work(target.catalog.collection(loaded.collection), target, loaded.transformed)
    return work.load_links(loaded, on_progress)


class _Work:
    def __init__(self, collection: Collection, target: Target, transformed: Transformed) -> None:
        self.collection, self.target, self.transformed = collection, target, transformed
        self.rows = target.state.rows(target.base, collection.wix)
        self.conflicts = target.state.conflicts(target.base, collection.wix)
        self.builder = Builder(collection, target.catalog, target.tables)
        self.targets = TargetRows(target.state, target.base, self.builder.targets.values())
        self.merge = RowMerge(collection, self.builder.links, self.targets.exists, transformed.untold)
        self.began = time.monotonic()
        self.before = len(target.airtable.log)

    def load(
        self, on_deletion: Callable[[list[str]], None] | None, remove_many: bool, on_progress: Progress | None
    ) -> Loaded:
        target, transformed, name = self.target, self.transformed, self.collection.wix
        records = target.read(name)  # first, because rows typed in the grid get their ids by it
        known, sent = self.rows.all(), set(self.rows.unfinished())
        found = scan(transformed.rows(), self.builder, target.catalog.link_keys.get(name, ()))
        held = read_held(name, records, known, self.rows, self.merge)
        # Rows that are not in Airtable any more: those that Wix still has are created again.
        vanished = [id_ for id_ in known if id_ not in held.records]
        self.rows.forget(vanished)
        known = self.rows.all()
        # A row that Airtable refused stays there as it was; one that was created in Airtable was never at the source.
        refused = {entry.id for entry in target.quarantine.entries(name) if entry.step == STEP}
        changes = self.rows.changes()
        created_here = {legacy_id for legacy_id, change in changes.items() if change == "created"}
        gone = sorted(held.records.keys() - found.ids - refused - created_here)
        deletion = Deletion(self.collection, target.airtable, target.base, target.tables.id(self.collection), self.rows)
        deletion.plan(gone, held, known, self.merge, self.conflicts.settled())
        if deletion.unknown:
            found_now = [*deletion.unknown, *deletion.changed]
            self.conflicts.add(target.run_id, [each.conflict for each in found_now])
            target.conflicts.replace(name, [each.line for each in found_now])
            raise StepError(
                f"{name}: the table holds rows that are not in Wix and that no load is known to have written: "
                f"{some([each.conflict.legacy_id for each in deletion.unknown])}; nothing was written or deleted. "
                f"`runbook resolve {target.run_id} --collection {name} --prefer airtable --why …` keeps them as "
                "created there, `--prefer wix` deletes them; then run the phase again"
            )
        if on_deletion is not None:
            deletion.check(len(held.records), allowed=remove_many)
            if deletion.ids:
                on_deletion(deletion.ids)
            deletion.delete(self.merge)
        self.rows.note_created(deletion.kept)
        count = RowCount(transformed.staged, on_progress)
        selection = self._selection(known, count, sent)
        selection.held = held
        for key, values in found.keys.items():  # links find a row by them once it is written
            if key not in transformed.untold:
                self.rows.replace_key(key, values)
        written = self._write(selection, found.with_new_choice, count)
        if not selection.deferred:  # else a row that was sent and killed is still to be told from an edited one
            self.rows.settle()
        self.rows.forget_changes((found.ids & changes.keys()) - selection.in_conflict)
        conflicts = [*deletion.changed, *selection.conflicts]
        left = set(selection.deferred)  # to the second pass, and so are their conflicts
        self._note(conflicts, selection, {id_ for id_ in left if id_ not in selection.in_conflict})
        target.conflicts.replace(name, [each.line for each in conflicts])
        count.end()
        quarantined = len(target.quarantine.ids(name).intersection(deletion.deleted))
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
                matched=held.matched,
                recreated=len(found.ids.intersection(vanished)),
                gone=len(deletion.ids),
                deleted=tuple(deletion.deleted),
                edited=selection.edited,
                served=selection.served,
                settled=(*selection.settled, *deletion.settled),
                conflicts=tuple(each.line for each in conflicts),
                in_conflict=len(selection.in_conflict),
                written_now=frozenset(selection.created),
                dangling=selection.ids("dangling"),
                ambiguous=selection.ids("ambiguous"),
                not_loaded=selection.ids("not_loaded"),
                lost=tuple(written.lost),
                notes=self._notes(quarantined),
                transformed=transformed,
            )
        )

    def load_links(self, loaded: Loaded, on_progress: Progress | None) -> Loaded:
        """The second pass: writes the rows that differ now that all link targets are known."""
        refused_before = {
            entry.id for entry in self.target.quarantine.entries(self.collection.wix) if entry.step == STEP
        }
        in_conflict = {line.id for line in loaded.conflicts}
        count = RowCount(self.transformed.staged, on_progress)
        selection = self._selection(self.rows.all(), count, set(self.rows.unfinished()))
        selection.last, selection.written_now = True, loaded.written_now
        writer = self._writer(count)
        passed_over = refused_before | in_conflict
        try:
            writer.write(selection.rows(row for row in self.transformed.rows() if row.id not in passed_over))
        finally:
            for entry in writer.written.refused:
                self.target.quarantine.add(self.collection.wix, entry)
        self.rows.settle()
        count.end()
        conflicts = (*loaded.conflicts, *(each.line for each in selection.conflicts))
        self._note(selection.conflicts, selection, in_conflict)
        self.target.conflicts.replace(self.collection.wix, conflicts)
        refused = len({entry.id for entry in writer.written.refused})
        updated = min(loaded.updated, refused)
        created = min(loaded.created, refused - updated)
        return self._measured(
            replace(
                loaded,
                linked=loaded.linked + writer.written.updated + writer.written.created,
                cleared=loaded.cleared + writer.written.cleared,
                updated=loaded.updated - updated,
                created=loaded.created - created,
                unchanged=loaded.unchanged - (refused - updated - created) - len(selection.in_conflict),
                quarantined=loaded.quarantined + refused,
                deferred=0,
                edited=loaded.edited | selection.edited,
                served=loaded.served | selection.served,
                settled=(*loaded.settled, *selection.settled),
                conflicts=conflicts,
                in_conflict=loaded.in_conflict + len(selection.in_conflict),
                dangling=selection.ids("dangling"),
                ambiguous=selection.ids("ambiguous"),
                not_loaded=selection.ids("not_loaded"),
                lost=(*loaded.lost, *writer.written.lost),
            )
        )

    def _note(self, found: Iterable[Found], selection: Selection, kept: set[str]) -> None:
        """Make what was found all conflicts, but for those of rows that this pass does not decide on."""
        others = [each for each in self.conflicts.all() if each.legacy_id in kept]
        self.conflicts.replace(self.target.run_id, [*others, *(each.conflict for each in found), *selection.waiting])

    def _selection(self, known: dict[str, KnownRow], count: RowCount, sent: set[str]) -> Selection:
        target = self.target
        return Selection(
            self.collection,
            self.builder,
            self.merge,
            self.targets,
            known,
            self.rows,
            fetch=lambda ids: fetch_records(target.airtable, target.base, target.tables.id(self.collection), ids),
            settled=self.conflicts.settled(),
            sent=sent,
            turned_at=target.state.unchanged_since(target.base, self.collection.flag),
            count=count,
        )

    def _write(self, selection: Selection, with_new_choice: dict[str, StagedRow], count: RowCount) -> Written:
        writer = self._writer(count)
        try:
            if with_new_choice:
                # First one row for each new choice, in one request at a time: two requests in flight that add the same
                # choice might add it twice.
                self._add_choices(selection, with_new_choice.values(), count, writer)
            done = with_new_choice.keys()
            writer.write(selection.rows(row for row in self.transformed.rows() if row.id not in done))
        finally:
            self.target.quarantine.replace(self.collection.wix, STEP, writer.written.refused)
        return writer.written

    def _add_choices(self, selection: Selection, rows: Iterable[StagedRow], count: RowCount, writer: Writer) -> None:
        sequential = self._writer(count, workers=1)
        sequential.written = writer.written
        staged = list(rows)
        sequential.write(selection.rows(staged))
        missed = {entry.id for entry in writer.written.refused} | selection.in_conflict
        for row in staged:
            if row.id not in missed:
                for column, choice in list(self.builder.new_choices(row.fields)):
                    self.builder.choices[column].add(choice)

    def _writer(self, count: RowCount, workers: int | None = None) -> Writer:
        target = self.target
        return Writer(
            target.airtable,
            target.base,
            target.tables.id(self.collection),
            self.collection,
            target.state,
            self.merge,
            workers=workers or target.workers,
            done=count.add,
        )

    def _notes(self, quarantined: int) -> tuple[str, ...]:
        names = ", ".join(self.builder.without_column)
        notes = [f"no links were written to {names}: the table has no such column yet"] if names else []
        if quarantined:
            notes.append(f"{plural(quarantined, 'row')} loaded before, quarantined now and deleted in Airtable")
        return tuple(notes)

    def _measured(self, loaded: Loaded) -> Loaded:
        rows = self.target.airtable.log.rows(self.before)
        return replace(
            loaded,
            requests=loaded.requests + len(rows),
            limited=loaded.limited + sum(row.status == 429 for row in rows),
            seconds=loaded.seconds + time.monotonic() - self.began,
        )


__all__ = ["Loaded", "Target", "load", "load_links"]
