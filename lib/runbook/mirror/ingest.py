"""Stores records of Airtable in the mirror: decides which of them are rows, and what becomes of the others.

A record is the row that state knows it as, else that of its legacy id. Where several records have the same one, the row
is the record that state knows, else the one that the mirror has; the others are copies that someone made, and are set
aside, like records without a legacy id, until `resolve_set_aside` has given them one (see `runbook.grid_rows`).

While a flag is at 'airtable', what is new here is noted in state for Wix (see `outgoing`), inside the transaction of
the mirror's file: after a kill between the two it is still new to the mirror, and of two writers the later one is the
later in both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from runbook.airtable.client import Airtable
from runbook.airtable.lookup_ids import fetch_records, look_up
from runbook.catalog import LEGACY_ID, Catalog
from runbook.grid_rows import GridRows, Waiting, assign_ids, empty_cells, legacy_id
from runbook.json_types import Item, Json
from runbook.mapping import Mapping as RowMapping
from runbook.mapping import link_key
from runbook.mirror.outgoing import Outgoing
from runbook.mirror.overlay import overlaid
from runbook.mirror.store import PutResult, SetAside, Store
from runbook.schema.identity import known_columns
from runbook.state import CollectionRows, State

_ASSIGNED, _KEPT_NOTES = "assigned", 20


class Ingester:
    """Writes one base's records to a store. Threads may share it."""

    def __init__(self, airtable: Airtable, base: str, catalog: Catalog, state: State, store: Store) -> None:
        self.airtable, self.base, self.catalog, self.state, self.store = airtable, base, catalog, state, store
        self.outgoing = Outgoing(base, catalog, state)
        self._mappings: dict[str, RowMapping] = {}
        self._changed_ids: dict[str, set[str]] = {}
        self._pending = state.pending_writes(base)
        self._local = threading.local()

    def ingest(
        self, name: str, records: Sequence[dict[str, Json]], *, after: int | None, by_hand: bool = True
    ) -> tuple[list[Item], PutResult]:
        """Store records as they are in Airtable now: the items among them, and what changed. `after`: `Store.put`.

        `by_hand`: the caller is not the service that wrote them.
        """
        state_rows = self.state.rows(self.base, name)
        cells = {record["id"]: legacy_id(record) for record in records}
        owners = state_rows.record_ids([cell for cell in cells.values() if cell is not None])
        known = {
            owners[cell]: cell for record, cell in cells.items() if cell is not None and owners.get(cell) == record
        }
        known |= state_rows.by_record(cells.keys() - known.keys())
        collection, mapping = self.catalog.collection(name), self._mapping(name)
        rows: dict[str, tuple[str, Item]] = {}
        as_read: dict[str, dict[str, Json]] = {}
        aside: list[SetAside] = []
        for record in records:
            cell = cells[record["id"]]
            item_id = known.get(record["id"], cell)
            if item_id is None:
                empty = empty_cells(collection, record["fields"])
                waits = None if empty is None else Waiting(record["id"], empty).reason
                aside.append(SetAside(name, record["id"], None, waits))
            elif item_id in rows or not self._is_row(name, record["id"], item_id, known, owners):
                aside.append(SetAside(name, record["id"], item_id))
            else:
                rows[item_id] = (record["id"], mapping.to_wix({**record["fields"], LEGACY_ID: item_id}))
                as_read[item_id] = record
                if cell != item_id:
                    self._changed_ids.setdefault(name, set()).add(record["id"])
        with self.store.file.transaction():
            written = self.store.put(name, rows.values(), after=after, overlay=self._overlay(name, rows))
            self.store.set_aside(aside, after=after)
            if self.outgoing.is_on(name):
                skipped = set(written.skipped)
                new = rows.keys() - known.values() - owners.keys() - skipped
                state_rows.put_created({item_id: rows[item_id][0] for item_id in new})
                seen = {item_id: record for item_id, record in as_read.items() if item_id not in skipped}
                self.outgoing.add(name, seen, by_hand=by_hand)
                # Rows of a first full sync were there before, and state has their link keys.
                changed = new if self.store.as_of(name) is None else new.union(written.changed)
                keys = self.catalog.link_keys.get(name, ())
                put_link_keys(state_rows, keys, [rows[item_id][1] for item_id in changed])
        return [item for _, item in rows.values()], written

    # The journal of writes

    def overlay(self, name: str, ids: Collection[str]) -> None:
        """Make rows what the journal of writes makes of them now."""
        with self.store.file.transaction():
            overlay = self._overlay(name, ids)
            for item_id in ids:
                self.store.overlay(name, item_id, overlay)

    def overlay_all(self, name: str) -> None:
        """`overlay` for every row that the journal has lines of, or that was overlaid."""
        with self.store.file.transaction():
            ids = {line.legacy_id for line in self._pending.lines(name)}.union(self.store.pending(name))
            self.overlay(name, ids)

    @contextmanager
    def finishing(self, lines: Collection[int]) -> Iterator[None]:
        """What this thread stores within the block is Airtable's answer to these lines: they are not overlaid on it."""
        self._local.finishing = frozenset(lines)
        try:
            yield
        finally:
            self._local.finishing = frozenset()

    def _overlay(self, name: str, ids: Collection[str]) -> Callable[[str, Item | None], Item | None]:
        # Read inside the transaction of the mirror's file: who appends a line overlays it after that.
        lines = self._pending.of_rows(name, ids)
        finishing: Collection[int] = getattr(self._local, "finishing", ())

        def overlay(item_id: str, item: Item | None) -> Item | None:
            of_row = [line for line in lines.get(item_id, ()) if line.id not in finishing]
            return overlaid(of_row, item) if of_row else item

        return overlay

    def delete(self, records: Iterable[str]) -> int:
        """Records were deleted in Airtable; how many of them were rows."""
        with self.store.file.transaction():
            deleted = self.store.delete_records(records)
            by_collection: dict[str, dict[str, str]] = {}
            for name, item_id, record in deleted:
                by_collection.setdefault(name, {})[item_id] = record
            for name, gone in by_collection.items():
                self.outgoing.note_removed(name, gone)
        return len(deleted)

    def delete_unseen(self, name: str, seen: set[str], mark: int, known: Mapping[str, str] | None = None) -> int:
        """A collection was read in full since the mark, and `seen` are its records; how many rows are deleted.

        `known`: by legacy id, the records that state knew before it was read: what is not among them is gone as well.
        """
        with self.store.file.transaction():
            deleted = {item_id: record for _, item_id, record in self.store.delete_unseen(name, seen, mark)}
            missing = {item_id: record for item_id, record in (known or {}).items() if record not in seen}
            still = self.state.rows(self.base, name).record_ids(missing)
            missing = {item_id: record for item_id, record in missing.items() if still.get(item_id) == record}
            self.outgoing.note_removed(name, {**missing, **deleted})
        return len(deleted)

    def fetch(self, name: str, records: Iterable[str]) -> list[dict[str, Json]]:
        """Records as they are in Airtable now, without those that are deleted. One request per 100."""
        collection, fields = self.catalog.collection(name), self.columns(name)
        return fetch_records(self.airtable, self.base, collection.table, sorted(records), fields=fields)

    def find(self, name: str, records: Mapping[str, str]) -> list[dict[str, Json]]:
        """Records of rows, by legacy id, as they are in Airtable now, and all others with one of these legacy ids."""
        found = self.fetch(name, records.values())
        table = self.catalog.collection(name).table
        by_id = look_up(self.airtable, self.base, table, LEGACY_ID, list(records))
        others = {record for listed in by_id.values() for record in listed} - {record["id"] for record in found}
        return found + self.fetch(name, others)

    def columns(self, name: str) -> list[str]:
        """The columns to read."""
        return known_columns(self.state, self.base, self.catalog.collection(name))

    def resolve_set_aside(self, names: Iterable[str]) -> tuple[str, ...]:
        """Make rows of records set aside: they get an `_id`, and ids that someone has changed are written again.

        What was written, for people. A record that Airtable does not allow to be changed is tried again next time.
        """
        pending: dict[str, set[str]] = {name: self._changed_ids.pop(name, set()) for name in names}
        for aside in self.store.records_set_aside():
            if aside.collection in pending and aside.waits is None:
                pending[aside.collection].add(aside.record)
                if aside.id is not None:  # with its rivals: the oldest is the row where state knows none
                    rival = self.store.record_of(aside.collection, aside.id)
                    known = self.state.rows(self.base, aside.collection).record_ids([aside.id])
                    pending[aside.collection].update(known.values(), [] if rival is None else [rival])
        notes: list[str] = []
        for name, records in pending.items():
            if records:
                assigned = self._assign_ids(name, records)
                notes += assigned.notes() if assigned.written else ()
        if notes:
            with self.store.file.transaction():
                self.store.file.set_meta(_ASSIGNED, [*self.assigned(), *notes][-_KEPT_NOTES:])
        return tuple(notes)

    def assigned(self) -> list[str]:
        """The last ids that were written, for people."""
        return list(self.store.file.meta(_ASSIGNED) or ())

    def _assign_ids(self, name: str, records: set[str]) -> GridRows:
        mark = self.store.mark()
        found = self.fetch(name, records)
        self.delete(records - {record["id"] for record in found})
        assigned = assign_ids(
            self.catalog.collection(name),
            found,
            catalog=self.catalog,
            airtable=self.airtable,
            base=self.base,
            state=self.state,
        )
        for record in found:
            record["fields"].update(assigned.written.get(record["id"], {}))
        self.ingest(name, found, after=mark)
        return assigned

    def _is_row(self, name: str, record: str, item_id: str, known: dict[str, str], owners: dict[str, str]) -> bool:
        """Whether a record with a legacy id is the row of that id, rather than a copy of it."""
        if record in known:
            return True
        return (owners.get(item_id) or self.store.record_of(name, item_id)) in (None, record)

    def _mapping(self, name: str) -> RowMapping:
        if name not in self._mappings:
            self._mappings[name] = RowMapping(self.catalog.collection(name))
        return self._mappings[name]

    def is_source(self, name: str) -> bool:
        """Whether services read the collection from Airtable."""
        return self.outgoing.is_on(name)


def put_link_keys(rows: CollectionRows, keys: Iterable[str], items: Iterable[Item]) -> None:
    """Note in state the keys by which links find these items."""
    for item in items if keys else ():
        values = {key: value for key in keys if (value := link_key(item.get(key))) is not None}
        rows.replace_keys_of(item["_id"], values)
