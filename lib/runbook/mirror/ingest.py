"""Takes records of Airtable over: which of them are rows, and what becomes of the others.

A record is a row by its legacy id. Of several that carry one, the row is the one that state knows, else the one that
the mirror has; the others are copies that someone made, and stand aside until the row is gone. A record without a
legacy id was made by hand; it gets one where Airtable is what services read.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from runbook.airtable import formulas
from runbook.airtable.client import PER_WRITE, Airtable
from runbook.catalog import LEGACY_ID, Catalog
from runbook.errors import AirtableError
from runbook.json_types import Item, Json
from runbook.mapping import Mapping, link_key
from runbook.mirror.store import Aside, Store, Written
from runbook.state import Landed, State

_BY_ID = 100  # records a look-up: a page


class Intake:
    """One base's way into a store. Threads may share it."""

    def __init__(self, airtable: Airtable, base: str, catalog: Catalog, state: State, store: Store) -> None:
        self.airtable, self.base, self.catalog, self.state, self.store = airtable, base, catalog, state, store
        self._mappings: dict[str, Mapping] = {}

    def take(self, name: str, records: Sequence[dict[str, Json]], *, after: int | None) -> tuple[list[Item], Written]:
        """Take over records as they are in Airtable: the items among them, and what was new. `after`: `Store.put`."""
        ids = {record["id"]: record["fields"].get(LEGACY_ID) or None for record in records}
        known = self.state.id_map.records(self.base, name, [item_id for item_id in ids.values() if item_id])
        mapping = self._mapping(name)
        rows: dict[str, tuple[str, Item]] = {}
        asides: list[Aside] = []
        for record in records:
            item_id = ids[record["id"]]
            owner = None if item_id is None else known.get(item_id) or self.store.record_of(name, item_id)
            if item_id is None or owner not in (None, record["id"]) or item_id in rows:
                asides.append(Aside(name, record["id"], item_id))
            else:
                rows[item_id] = (record["id"], mapping.to_wix(record["fields"]))
        with self.store.file.writing():
            written = self.store.put(name, rows.values(), after=after)
            self.store.set_aside(asides, after=after)
        if self._is_source(name):
            new = rows.keys() - known.keys() - set(written.newer)
            self._introduce(name, [rows[item_id] for item_id in new])
            # What a first reading finds was there before, and its keys are known.
            changed = new if self.store.held(name) is None else new.union(written.changed)
            self._note_keys(name, [rows[item_id][1] for item_id in changed])
        return [item for _, item in rows.values()], written

    def drop(self, records: Iterable[str]) -> int:
        """Records are gone; how many of them were rows."""
        dropped: dict[str, list[str]] = {}
        for name, item_id in self.store.drop_records(records):
            dropped.setdefault(name, []).append(item_id)
        for name, ids in dropped.items():
            self.state.forget(self.base, name, ids)
        return sum(map(len, dropped.values()))

    def drop_unseen(self, name: str, seen: set[str], mark: int) -> int:
        """A collection was read whole since the mark, and these are its records; how many rows are gone."""
        dropped = self.store.drop_unseen(name, seen, mark)
        self.state.forget(self.base, name, dropped)
        return len(dropped)

    def by_record(self, name: str, records: Iterable[str]) -> list[dict[str, Json]]:
        """Records as they are in Airtable now; those that are gone are left out. A request a hundred."""
        wanted = sorted(records)
        found: list[dict[str, Json]] = []
        for start in range(0, len(wanted), _BY_ID):
            terms = [f"RECORD_ID()={formulas.text(record)}" for record in wanted[start : start + _BY_ID]]
            table = self.catalog.collection(name).table
            found += self.airtable.records(self.base, table, formula=formulas.any_of(terms))
        return found

    def settle(self, names: Iterable[str]) -> None:
        """Make rows of what stands aside and can be one now: made by hand, or a copy of a row that is gone.

        One that Airtable does not let be changed stays aside.
        """
        held = set(names)
        waiting: dict[str, list[Aside]] = {}
        for aside in self.store.asides():
            if aside.collection in held and self._may_be_row(aside):
                waiting.setdefault(aside.collection, []).append(aside)
        for name, asides in waiting.items():
            self.state.forget(self.base, name, [aside.id for aside in asides if aside.id is not None])
            mark = self.store.mark()
            found = self.by_record(name, [aside.record for aside in asides])
            self.drop({aside.record for aside in asides} - {record["id"] for record in found})
            self.take(name, found, after=mark)
            try:
                self._name(name, [record for record in found if not record["fields"].get(LEGACY_ID)])
            except AirtableError as error:
                if error.status not in (403, 422):
                    raise

    def _may_be_row(self, aside: Aside) -> bool:
        if aside.id is None:
            return self._is_source(aside.collection)
        return self.store.record_of(aside.collection, aside.id) is None

    def _introduce(self, name: str, rows: Sequence[tuple[str, Item]]) -> None:
        """State hears of rows that others made in Airtable."""
        if rows:
            self.state.changes.born(self.base, name, [item["_id"] for _, item in rows])
            self.state.remember(self.base, name, [Landed(item["_id"], record) for record, item in rows])

    def _note_keys(self, name: str, items: Sequence[Item]) -> None:
        """State hears of the keys that links find rows by."""
        keys = self.catalog.link_keys.get(name, ())
        for item in items if keys else ():
            values = {key: value for key in keys if (value := link_key(item.get(key))) is not None}
            self.state.link_keys.put(self.base, name, item["_id"], values)

    def _mapping(self, name: str) -> Mapping:
        if name not in self._mappings:
            self._mappings[name] = Mapping(self.catalog.collection(name))
        return self._mappings[name]

    def _is_source(self, name: str) -> bool:
        return self.state.flags.get(self.catalog.collection(name).flag) == "airtable"

    def _name(self, name: str, records: Sequence[dict[str, Json]]) -> None:
        """Give records that were made by hand an `_id`."""
        c = self.catalog.collection(name)
        stamps = [c.by_key[key].name for key in ("_createdDate", "_updatedDate") if key in c.by_key]
        for start in range(0, len(records) if self._is_source(name) else 0, PER_WRITE):
            changes = []
            for record in records[start : start + PER_WRITE]:
                cells = {column: record["fields"].get(column) or record["createdTime"] for column in stamps}
                changes.append({"id": record["id"], "fields": {LEGACY_ID: str(uuid.uuid4()), **cells}})
            self.take(name, self.airtable.update(self.base, c.table, changes), after=None)
