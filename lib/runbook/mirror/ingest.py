"""Stores records of Airtable in the mirror: decides which of them are rows, and what becomes of the others.

A record is a row by its legacy id. Where several records have the same one, the row is the record that state knows,
else the one that the mirror has; the others are copies that someone made, and are set aside until the row is deleted.
A record without a legacy id was created by hand; it gets one where Airtable is what services read.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from runbook.airtable.client import PER_WRITE, Airtable
from runbook.airtable.lookup_ids import fetch_records
from runbook.catalog import LEGACY_ID, Catalog
from runbook.errors import AirtableError
from runbook.json_types import Item, Json
from runbook.mapping import Mapping, link_key
from runbook.mirror.store import PutResult, SetAside, Store
from runbook.state import CollectionRows, KnownRow, State


class Ingester:
    """Writes one base's records to a store. Threads may share it."""

    def __init__(self, airtable: Airtable, base: str, catalog: Catalog, state: State, store: Store) -> None:
        self.airtable, self.base, self.catalog, self.state, self.store = airtable, base, catalog, state, store
        self._mappings: dict[str, Mapping] = {}

    def ingest(
        self, name: str, records: Sequence[dict[str, Json]], *, after: int | None
    ) -> tuple[list[Item], PutResult]:
        """Store records as they are in Airtable now: the items among them, and what changed. `after`: `Store.put`."""
        ids = {record["id"]: record["fields"].get(LEGACY_ID) or None for record in records}
        state_rows = self.state.rows(self.base, name)
        known = state_rows.record_ids([item_id for item_id in ids.values() if item_id])
        mapping = self._mapping(name)
        rows: dict[str, tuple[str, Item]] = {}
        aside: list[SetAside] = []
        for record in records:
            item_id = ids[record["id"]]
            owner = None if item_id is None else known.get(item_id) or self.store.record_of(name, item_id)
            if item_id is None or owner not in (None, record["id"]) or item_id in rows:
                aside.append(SetAside(name, record["id"], item_id))
            else:
                rows[item_id] = (record["id"], mapping.to_wix(record["fields"]))
        with self.store.file.transaction():
            written = self.store.put(name, rows.values(), after=after)
            self.store.set_aside(aside, after=after)
        if self.is_source(name):
            new = rows.keys() - known.keys() - set(written.skipped)
            if new:
                state_rows.note_created(new)
                state_rows.put([KnownRow(item_id, rows[item_id][0]) for item_id in new])
            # Rows of a first full sync were there before, and state has their link keys.
            changed = new if self.store.as_of(name) is None else new.union(written.changed)
            keys = self.catalog.link_keys.get(name, ())
            put_link_keys(state_rows, keys, [rows[item_id][1] for item_id in changed])
        return [item for _, item in rows.values()], written

    def delete(self, records: Iterable[str]) -> int:
        """Records were deleted in Airtable; how many of them were rows."""
        deleted: dict[str, list[str]] = {}
        for name, item_id in self.store.delete_records(records):
            deleted.setdefault(name, []).append(item_id)
        for name, ids in deleted.items():
            self.state.rows(self.base, name).forget(ids)
        return sum(map(len, deleted.values()))

    def delete_unseen(self, name: str, seen: set[str], mark: int) -> int:
        """A collection was read in full since the mark, and `seen` are its records; how many rows are deleted."""
        deleted = self.store.delete_unseen(name, seen, mark)
        self.state.rows(self.base, name).forget(deleted)
        return len(deleted)

    def fetch(self, name: str, records: Iterable[str]) -> list[dict[str, Json]]:
        """Records as they are in Airtable now, without those that are deleted. One request per 100."""
        return fetch_records(self.airtable, self.base, self.catalog.collection(name).table, sorted(records))

    def resolve_set_aside(self, names: Iterable[str]) -> None:
        """Make rows of records set aside that can be rows now: created by hand, or copies of a deleted row.

        A record that Airtable does not allow to be changed stays set aside.
        """
        wanted = set(names)
        pending: dict[str, list[SetAside]] = {}
        for aside in self.store.records_set_aside():
            if aside.collection in wanted and self._can_be_row(aside):
                pending.setdefault(aside.collection, []).append(aside)
        for name, asides in pending.items():
            self.state.rows(self.base, name).forget([aside.id for aside in asides if aside.id is not None])
            mark = self.store.mark()
            found = self.fetch(name, [aside.record for aside in asides])
            self.delete({aside.record for aside in asides} - {record["id"] for record in found})
            self.ingest(name, found, after=mark)
            try:
                self._assign_ids(name, [record for record in found if not record["fields"].get(LEGACY_ID)])
            except AirtableError as error:
                if error.status not in (403, 422):
                    raise

    def _can_be_row(self, aside: SetAside) -> bool:
        if aside.id is None:
            return self.is_source(aside.collection)
        return self.store.record_of(aside.collection, aside.id) is None

    def _mapping(self, name: str) -> Mapping:
        if name not in self._mappings:
            self._mappings[name] = Mapping(self.catalog.collection(name))
        return self._mappings[name]

    def is_source(self, name: str) -> bool:
        """Whether services read the collection from Airtable."""
        return self.state.flags.get(self.catalog.collection(name).flag) == "airtable"

    def _assign_ids(self, name: str, records: Sequence[dict[str, Json]]) -> None:
        """Give records that were created by hand an `_id`."""
        c = self.catalog.collection(name)
        dates = [c.by_key[key].name for key in ("_createdDate", "_updatedDate") if key in c.by_key]
        for start in range(0, len(records) if self.is_source(name) else 0, PER_WRITE):
            changes = []
            for record in records[start : start + PER_WRITE]:
                cells = {column: record["fields"].get(column) or record["createdTime"] for column in dates}
                changes.append({"id": record["id"], "fields": {LEGACY_ID: str(uuid.uuid4()), **cells}})
            self.ingest(name, self.airtable.update(self.base, c.table, changes), after=None)


def put_link_keys(rows: CollectionRows, keys: Iterable[str], items: Iterable[Item]) -> None:
    """Note in state the keys by which links find these items."""
    for item in items if keys else ():
        values = {key: value for key in keys if (value := link_key(item.get(key))) is not None}
        rows.replace_keys_of(item["_id"], values)
