"""A look at a table: which of its rows Wix may not have as Airtable has them.

with carrying(state, base):
    look = look_at(connections, base, collection, tables)
    look.note(connections.state, base)      # into the outbox, from which they are carried back
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from runbook.airtable.lookup_ids import fetch_records
from runbook.catalog import LEGACY_ID, Collection
from runbook.connections import Connections
from runbook.grid_rows import GridRows, assign_ids, legacy_id
from runbook.json_types import Json
from runbook.mapping import Mapping as RowMapping
from runbook.merge import RowMerge
from runbook.mirror.ingest import put_link_keys
from runbook.schema import Tables
from runbook.schema.identity import require_tables
from runbook.state import KnownRow, OutboxRow, State
from runbook.wix.source import WixSource


@dataclass(frozen=True)
class Look:
    """Of one collection. `changed`: rows whose record is not as both sides last agreed. `gone`: rows that the table
    has no more. `unmatched`: records that have no `_id` and cannot be given one. `unknown`: items of Wix of which it is
    not known whether they were deleted in Airtable; they stay. `notes`: for people.

    `read_at`: the marks of the outbox from before the table was read.
    """

    collection: Collection
    changed: tuple[OutboxRow, ...] = ()
    gone: tuple[OutboxRow, ...] = ()
    unmatched: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    read_at: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> list[OutboxRow]:
        """All that Wix may not have."""
        return [*self.changed, *self.gone]

    def note(self, state: State, base: str, link_keys: Iterable[str] = ()) -> None:
        """Add the rows to the outbox; what was agreed on of those that are gone stays known.

        `link_keys`: the keys by which links of other rows find them.
        """
        name, mapping = self.collection.wix, RowMapping(self.collection)
        put_link_keys(state.rows(base, name), link_keys, [mapping.to_wix(row.fields or {}) for row in self.changed])
        state.outbox(base, name).add(self.changed, read_at=self.read_at)
        state.rows(base, name).note_removed([row.legacy_id for row in self.gone], by_hand=True)


def look_at(connections: Connections, base: str, c: Collection, tables: Tables, *, dry_run: bool = False) -> Look:
    """Read a table, and find what is not as both sides last agreed. Raises AirtableError, WixError, SchemaDrift.

    Rows that were typed or copied in the grid get an `_id` first; with `dry_run` they are only counted.
    """
    state, airtable = connections.state, connections.airtable
    require_tables(state, base, connections.catalog, c.wix, tables.all)
    rows, read_at = state.rows(base, c.wix), state.outbox(base, c.wix).marks()
    known, removed = rows.all(), rows.removed()
    records = list(airtable.records(base, tables.id(c)))
    grid = _with_ids(connections, base, c, records, dry_run=dry_run)
    changed, seen = _changed(state, base, c, records, grid, known)
    absent = {id_: row.record_id for id_, row in known.items() if id_ not in seen}
    # Pages of a table that changes meanwhile are no moment of it: what they lack is asked for by its record.
    found = fetch_records(airtable, base, c.table, list(absent.values()), fields=[LEGACY_ID]) if absent else []
    there = {record["id"] for record in found}
    gone = [OutboxRow(id_, record, None, by_hand=True) for id_, record in absent.items() if record not in there]
    # Those noted before, by a service or the mirror, which may have seen that no service did it.
    noted = {row.legacy_id: row for row in state.outbox(base, c.wix).rows(held=True)}
    for id_ in removed.keys() - seen - absent.keys():
        by_hand = noted[id_].by_hand if id_ in noted else True
        gone.append(OutboxRow(id_, noted[id_].record_id if id_ in noted else "", None, by_hand))
    unknown = _never_known(connections, c, base, known={*known, *removed, *seen})
    return Look(c, tuple(changed), tuple(gone), grid.refused, unknown, grid.notes(), read_at)


def look_at_some(
    connections: Connections, base: str, c: Collection, records: Sequence[dict[str, Json]], deleted: Iterable[str]
) -> Look:
    """`look_at` for records that were changed since it, and records that were deleted. Raises AirtableError."""
    state = connections.state
    rows, read_at = state.rows(base, c.wix), state.outbox(base, c.wix).marks()
    read = list(records)
    cells = {record["id"]: legacy_id(record) for record in read}
    owners = rows.record_ids(cell for cell in cells.values() if cell is not None)
    rivals = {owners[cell] for cell in cells.values() if cell in owners} - cells.keys()  # which of them is the row
    read += fetch_records(connections.airtable, base, c.table, sorted(rivals))
    grid = _with_ids(connections, base, c, read)
    known = {id_: row for id_, row in rows.all().items() if id_ in set(grid.rows.values())} if read else {}
    changed, _ = _changed(state, base, c, read, grid, known)
    ids = rows.by_record(deleted)
    gone = [OutboxRow(id_, record, None, by_hand=True) for record, id_ in ids.items()]
    return Look(c, tuple(changed), tuple(gone), grid.refused, (), grid.notes(), read_at)


def _with_ids(
    connections: Connections, base: str, c: Collection, records: Iterable[dict[str, Json]], *, dry_run: bool = False
) -> GridRows:
    return assign_ids(
        c,
        records,
        catalog=connections.catalog,
        airtable=connections.airtable,
        base=base,
        state=connections.state,
        dry_run=dry_run,
    )


def _changed(
    state: State,
    base: str,
    c: Collection,
    records: Iterable[dict[str, Json]],
    grid: GridRows,
    known: Mapping[str, KnownRow],
) -> tuple[list[OutboxRow], set[str]]:
    """Rows that are not as both sides last agreed, and the `_id`s of all. `known`: from before they were read."""
    preferred = state.rows(base, c.wix).preferred()
    merge = RowMerge(c, [link.name for link in c.links], lambda record: True)
    changed, seen = [], set()
    for record in records:
        legacy = grid.rows.get(record["id"])
        if legacy is None:
            continue
        seen.add(legacy)
        fields = {**record["fields"], **grid.written.get(record["id"], {}), LEGACY_ID: legacy}
        row = known.get(legacy)
        if row is None or row.answer != merge.answer(fields) or legacy in preferred:
            changed.append(OutboxRow(legacy, record["id"], fields, by_hand=True))
    return changed, seen


def _never_known(connections: Connections, c: Collection, base: str, known: set[str]) -> tuple[str, ...]:
    """Items of Wix that may have been deleted in Airtable before the state was read again from the base."""
    rows = connections.state.rows(base, c.wix)
    if not rows.count() or len(rows.never_agreed()) < rows.count():
        return ()
    in_wix: set[str] = set()
    WixSource(connections.wix, connections.catalog).export(c, lambda item: in_wix.add(item["_id"]))
    return tuple(sorted(in_wix - known))
