"""A look at a whole table: which of its rows Wix may not have as Airtable has them.

with carrying(state, base):
    look = look_at(connections, base, collection, tables)
    look.note(connections.state, base)      # into the outbox, from which they are carried back
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from runbook.airtable.lookup_ids import fetch_records
from runbook.catalog import LEGACY_ID, ORIGINAL, Collection
from runbook.connections import Connections
from runbook.display import plural
from runbook.errors import FlagsUnsettled, RunbookError
from runbook.grid_rows import assign_ids
from runbook.holding import Hold, open_base
from runbook.holding.hold import SITE
from runbook.holding.opening import identity_of
from runbook.json_types import Fields, Item
from runbook.mapping import Mapping as RowMapping
from runbook.merge import RowMerge
from runbook.mirror.ingest import put_link_keys
from runbook.schema import Tables
from runbook.schema.identity import require_tables
from runbook.state import OutboxRow, State
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


@contextmanager
def carrying(state: State, base: str) -> Iterator[None]:
    """One process at a time looks at a base's tables to carry rows back, or carries them.

    Whoever holds service calls as well takes this first.
    """
    with state.locks.exclusive(f"carry back {base}"):
        yield


def open_going_back(connections: Connections, *, run_id: str | None = None, dry_run: bool = False) -> Hold:
    """Open the base to go back to Wix, which is always allowed: what would refuse another command is only noted."""
    try:
        with connections.airtable.brief():
            return open_base(connections, SITE, run_id=run_id, dry_run=dry_run)
    except RunbookError as error:
        hold = Hold(connections, SITE, identity_of(connections, SITE), run_id)
        hold.notes.append(str(error))
        hold.unsettled = error.flags if isinstance(error, FlagsUnsettled) else ()
        return hold


def look_at(connections: Connections, base: str, c: Collection, tables: Tables, *, dry_run: bool = False) -> Look:
    """Read a table, and find what is not as both sides last agreed. Raises AirtableError, WixError, SchemaDrift.

    Rows that were typed or copied in the grid get an `_id` first; with `dry_run` they are only counted.
    """
    state, airtable = connections.state, connections.airtable
    require_tables(state, base, connections.catalog, c.wix, tables.all)
    rows, read_at = state.rows(base, c.wix), state.outbox(base, c.wix).marks()
    known, removed, preferred = rows.all(), rows.removed(), rows.preferred()
    records = list(airtable.records(base, tables.id(c)))
    grid = assign_ids(
        c,
        records,
        catalog=connections.catalog,
        airtable=airtable,
        base=base,
        state=state,
        dry_run=dry_run,
    )
    links = [link.name for link in c.links]
    merge = RowMerge(c, links, lambda record: True)
    seen, changed = set(), []
    for record in records:
        legacy = grid.rows.get(record["id"])
        if legacy is None:
            continue
        seen.add(legacy)
        fields = {**record["fields"], **grid.written.get(record["id"], {}), LEGACY_ID: legacy}
        row = known.get(legacy)
        if row is None or row.answer != merge.answer(fields) or legacy in preferred:
            changed.append(OutboxRow(legacy, record["id"], fields, by_hand=True))
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


def _never_known(connections: Connections, c: Collection, base: str, known: set[str]) -> tuple[str, ...]:
    """Items of Wix that may have been deleted in Airtable before the state was read again from the base."""
    rows = connections.state.rows(base, c.wix)
    if not rows.count() or len(rows.never_agreed()) < rows.count():
        return ()
    in_wix: set[str] = set()
    WixSource(connections.wix, connections.catalog).export(c, lambda item: in_wix.add(item["_id"]))
    return tuple(sorted(in_wix - known))


_STAMPS = ("_createdDate", "_updatedDate", "_owner")


@dataclass
class Losses:
    """Rows of a collection that differ in Airtable, by `_id`. `error`: why they could not be found.

    `notes`: rows that were typed or copied in Airtable's grid, and those that are not complete yet.
    """

    added: list[Item] = field(default_factory=list)
    changed: list[Item] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    error: str = ""
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """The number of rows that would be lost."""
        return len(self.added) + len(self.changed) + len(self.removed)


def find_losses(connections: Connections, c: Collection, base: str, tables: Tables, *, dry_run: bool = False) -> Losses:
    """Compare both sides as they are now, by `_id`. An item is compared as the cells it would be written as.

    Rows that were typed or copied in Airtable's grid get an `_id` first; with `dry_run` they are only counted.
    """
    require_tables(connections.state, base, connections.catalog, c.wix, tables.all)
    mapping, lost = RowMapping(c), Losses()
    names = {column.name for column in c.columns} | {ORIGINAL}  # links are derived from keys
    # Wix sets these on every write: a row that differs in nothing else has lost nothing.
    stamps = {c.field(key).name for key in _STAMPS}
    source = WixSource(connections.wix, connections.catalog)
    in_wix: dict[str, Item] = {}
    source.export(c, lambda item: in_wix.__setitem__(item["_id"], item))
    seen = set()
    records = list(connections.airtable.records(base, tables.id(c)))
    grid = assign_ids(
        c,
        records,
        catalog=connections.catalog,
        airtable=connections.airtable,
        base=base,
        state=connections.state,
        dry_run=dry_run,
    )
    lost.notes = grid.notes()
    for record in records:
        legacy = grid.rows.get(record["id"])
        if legacy is None:
            continue
        fields = {**record["fields"], **grid.written.get(record["id"], {}), LEGACY_ID: legacy}
        cells = {name: cell for name, cell in fields.items() if name in names}
        seen.add(legacy)
        item = in_wix.get(legacy)
        if item is None:
            lost.added.append(mapping.to_wix(cells))
        elif _without(stamps, mapping.to_airtable(item).fields) != _without(stamps, cells):
            lost.changed.append(mapping.to_wix(cells))
    rows = connections.state.rows(base, c.wix)
    known, changes = rows.all(), rows.changes()
    absent = [id_ for id_ in in_wix if id_ not in seen]
    lost.removed = [id_ for id_ in absent if id_ in known or changes.get(id_) == "removed"]
    never_known = len(absent) - len(lost.removed)
    if never_known and known and all(row.hash is None for row in known.values()):
        lost.notes += (
            f"{c.wix}: {plural(never_known, 'row')} of Wix not in Airtable; whether they were deleted there is not "
            "known, because the state was read again from the base",
        )
    return lost


def _without(names: set[str], fields: Fields) -> Fields:
    return {name: cell for name, cell in fields.items() if name not in names}
