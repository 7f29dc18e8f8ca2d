"""Rows of one base as records: an item's record, its cells, and how cells are sent.

Every request is idempotent: an upsert by the legacy id, an update by the record id.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Any, NamedTuple, TypeVar

from runbook.airtable import row_errors
from runbook.airtable.client import Airtable
from runbook.airtable.lookup_ids import fetch_records, look_up, require_unique
from runbook.catalog import LEGACY_ID, ORIGINAL, Catalog, Collection
from runbook.codecs import same
from runbook.errors import AirtableError, RecordsError, SourceDown, WrongType
from runbook.grid_rows import legacy_id
from runbook.json_types import MISSING, Fields, Item, Json
from runbook.link_resolver import resolve
from runbook.mapping import Mapping, Refusal
from runbook.merge import RowValues, digest
from runbook.mirror import Mirror
from runbook.mirror.ingest import put_link_keys
from runbook.mirror.outgoing import Outgoing
from runbook.records.outage import retry_while_down
from runbook.schema.identity import UNKNOWN_COLUMN, known_columns
from runbook.state import Ambiguous, State

T = TypeVar("T")


class MirrorRow(NamedTuple):
    """A row as the mirror has it."""

    record: str
    item: Item


def patched(changes: dict[str, Any], before: Item) -> Item:
    """An item after a patch."""
    return {key: value for key, value in {**before, **changes}.items() if value is not MISSING}


class Rows:
    """The rows of one collection."""

    def __init__(
        self,
        collection: Collection,
        mapping: Mapping,
        catalog: Catalog,
        airtable: Airtable,
        base: str,
        state: State,
        mirror: Mirror | None,
    ) -> None:
        self.collection, self.mapping = collection, mapping
        self._link_keys = catalog.link_keys.get(collection.wix, ())
        self._airtable, self._base, self._state, self._mirror = airtable, base, state, mirror
        self._state_rows = state.rows(base, collection.wix)
        self._outgoing = Outgoing(base, catalog, state)
        self._values = RowValues(collection)
        self._columns = [*dict.fromkeys(column.name for column in collection.columns), ORIGINAL]

    # Cells

    def cells(self, item: Item) -> Fields:
        """All cells of an item: typed ones, `Wix Original`, links. Raises WrongType for a value without a cell."""
        return {**self.encoded(item), **self._links(item)}

    def encoded(self, item: Item, keys: Container[str] | None = None) -> Fields:
        """The cells of an item without links. Raises WrongType for a value (of `keys`, if given) without a cell."""
        encoded = self.mapping.to_airtable(item)
        for refusal in encoded.refusals:
            if keys is None or refusal.field in keys:
                raise self._wrong_type(item, refusal)
        return encoded.fields

    def difference(self, existing: Fields, before: Item, after: Item) -> Fields:
        """The cells to change so that a record becomes `after`; None empties a cell.

        A value that someone entered in Airtable and no item could have stays. Raises WrongType where it is new.
        """
        encoded = self.mapping.to_airtable(after)
        columns = dict.fromkeys(self._columns)
        for refusal in encoded.refusals:
            key = refusal.field
            if key not in self.collection.by_key or not same(before.get(key, MISSING), after.get(key, MISSING)):
                raise self._wrong_type(after, refusal)
            columns.pop(self.collection.by_key[key].name)
        cells = encoded.fields
        changed = {name: cells.get(name) for name in columns if not same(cells.get(name), existing.get(name))}
        if encoded.links != self.mapping.links_of(before):
            links = self._links(after)
            changed |= {link.name: links.get(link.name, []) for link in self.collection.links}
        return changed

    def _wrong_type(self, item: Item, refusal: Refusal) -> WrongType:
        name, key = self.collection.wix, refusal.field or None
        message = f"{name} {item['_id']}, {key or 'the item'}: {refusal.reason}; it was not written"
        return WrongType(message, collection=name, field=key, id=item["_id"])

    def _links(self, item: Item) -> Fields:
        """The link cells of an item; a key that no row has, or several, links nothing."""

        def find(target: str, key: str, value: str) -> str | Ambiguous | None:
            return self._state.rows(self._base, target).resolve(key, value)

        cells = {name: resolve(candidates, find) for name, candidates in self.mapping.links_of(item).items()}
        return {name: list(cell.records) for name, cell in cells.items() if cell.records}

    # Finding records

    def find_records(self, ids: list[str]) -> dict[str, str]:
        """The record id of each id as Airtable has it now. Of several records with one id, the one that state knows.

        Raises AmbiguousKey where state knows none of them.
        """
        found = look_up(self._airtable, self._base, self.collection.table, LEGACY_ID, ids)
        known = {item_id: self._state_rows.resolve("_id", item_id) for item_id in found}
        chosen = {i: [str(known[i])] if known[i] in records else records for i, records in found.items()}
        return require_unique(self.collection.wix, LEGACY_ID, chosen)

    def fetch(self, ids: list[str]) -> dict[str, dict[str, Json]]:
        """The record of each id as it is in Airtable now; ids without a record are left out."""
        known: dict[str, str] = {}
        for item_id in ids:
            record: Any = self._mirror.store.record_of(self.collection.wix, item_id) if self._mirror else None
            record = record or self._state_rows.resolve("_id", item_id)
            if isinstance(record, str):
                known[item_id] = record
        found = self.fetch_records(known)
        missing = [item_id for item_id in ids if item_id not in found]
        return found | self.fetch_records(self.find_records(missing)) if missing else found

    def as_rows(self, records: list[dict[str, Json]]) -> list[dict[str, Json]]:
        """The records that are rows, with the legacy id by which state knows them.

        Of several with the same id, the one that state knows, or any; one that has none yet is no row.
        """
        cells = {record["id"]: legacy_id(record) for record in records}
        owners = self._state_rows.record_ids([cell for cell in cells.values() if cell is not None])
        settled = {record: cell for record, cell in cells.items() if cell is not None and owners.get(cell) == record}
        known = settled | self._state_rows.by_record(cells.keys() - settled.keys())
        rows: dict[str, dict[str, Json]] = {}
        for record in records:
            item_id = known.get(record["id"]) or cells[record["id"]]
            is_owner = record["id"] in known
            if item_id and (is_owner or (item_id not in rows and owners.get(item_id) not in cells)):
                rows[item_id] = {**record, "fields": {**record["fields"], LEGACY_ID: item_id}}
        return list(rows.values())

    def fetch_records(self, records: dict[str, str]) -> dict[str, dict[str, Json]]:
        """Records by legacy id, whatever their cell has by now: the record is what is known of a row."""
        fields = known_columns(self._state, self._base, self.collection)
        table, ids = self.collection.table, list(records.values())
        found = fetch_records(self._airtable, self._base, table, ids, fields=fields)
        by_record = {record["id"]: record for record in found}
        return {item_id: by_record[record] for item_id, record in records.items() if record in by_record}

    # Writing

    def create(self, items: list[Item], wait: float, written: str) -> list[Item]:
        """Add at most ten rows; the items as stored. `written`: what else was written, for an error message."""
        rows = [self.cells(item) for item in items]
        typecast = any(map(self._has_new_choice, rows))
        records = self._send(
            rows,
            lambda: self._airtable.upsert(self._base, self.collection.table, rows, [LEGACY_ID], typecast=typecast),
            wait,
            written,
        )
        return self._store([item["_id"] for item in items], records, created=True)

    def update(self, records: dict[str, dict[str, Json]], items: list[Item], wait: float, written: str) -> list[Item]:
        """Make at most ten records, by id, equal to the items; the items as stored. `written`: as in `create`."""
        changes = []
        for item in items:
            record = records[item["_id"]]
            before = self.mapping.to_wix(record["fields"])
            changes.append({"id": record["id"], "fields": self.difference(record["fields"], before, item)})
        updated = self._send_update(changes, wait, written)
        for record in updated:
            item_id = record["fields"].get(LEGACY_ID)
            old, new = self._values.of(records[item_id]["fields"]), self._values.of(record["fields"])
            self._note_served(item_id, old, new, dict.fromkeys([*old, *new]))
        return self._store([item["_id"] for item in items], updated)

    def _send_update(self, changes: list[dict[str, Json]], wait: float, written: str) -> list[dict[str, Json]]:
        cells = [change["fields"] for change in changes]
        typecast = any(map(self._has_new_choice, cells))
        return self._send(
            cells,
            lambda: self._airtable.update(self._base, self.collection.table, changes, typecast=typecast),
            wait,
            written,
        )

    def known(self, item_id: str) -> MirrorRow | None:
        """A row as the mirror has it; None: it must be read in Airtable."""
        found = None if self._mirror is None else self._mirror.row(self.collection.wix, item_id)
        return None if found is None else MirrorRow(*found)

    def may_exist(self, ids: list[str]) -> list[str]:
        """Those of some ids that a row may have: all, where there is no mirror that would know it."""
        if self._mirror is None or self._mirror.store.as_of(self.collection.wix) is None:
            return ids
        in_state = self._state_rows.record_ids(ids)
        return [item_id for item_id in ids if item_id in in_state or self.known(item_id) is not None]

    def patch_known(self, changes: dict[str, dict[str, Any]], wait: float) -> list[Item] | None:
        """Change keys of at most ten rows without reading them; the items as stored. None: they must be read first.

        Only the cells of these keys are sent, so that what people have edited since the mirror was read stays. A row is
        read first where the mirror does not have it, and where `Wix Original` changes, which holds other keys as well.
        """
        sent: list[dict[str, Json]] = []
        before: dict[str, Fields] = {}
        after: dict[str, Fields] = {}
        for item_id, new in changes.items():
            known = self.known(item_id)
            if known is None:
                return None
            item = patched(new, known.item)
            old, encoded = self.mapping.to_airtable(known.item).fields, self.encoded(item, new)
            if old.get(ORIGINAL) != encoded.get(ORIGINAL):
                return None
            names = [column.name for key in new for column in self._values.columns(key)]
            cells = {name: encoded.get(name) for name in names}
            links = [link.name for link in self.collection.links if not new.keys().isdisjoint(link.on)]
            linked = self._links(item) if links else {}
            sent.append({"id": known.record, "fields": cells | {name: linked.get(name, []) for name in links}})
            before[item_id], after[item_id] = old, encoded
        try:
            updated = self._send_update(sent, wait, written="")
        except (AirtableError, RecordsError) as error:
            if isinstance(error, SourceDown) or getattr(error, "status", 422) not in (403, 404, 422):
                raise
            return None  # such as a record that someone has deleted
        by_record = {str(change["id"]): item_id for item_id, change in zip(changes, sent, strict=True)}
        found = {by_record[record["id"]]: record for record in updated}
        stored = {item_id: self._values.of(record["fields"]) for item_id, record in found.items()}
        for item_id, new in changes.items():
            wanted = self._values.of(after[item_id])
            if found[item_id]["fields"].get(LEGACY_ID) != item_id or any(
                not self._values.equal(key, wanted.get(key), stored[item_id].get(key), sent=True) for key in new
            ):
                return None  # someone has changed the legacy id, or `Wix Original` keeps another value of a key
        for item_id, old_fields in before.items():
            old_values = self._values.of(old_fields)
            self._note_served(item_id, old_values, stored[item_id], changes[item_id])
        return self._store(list(changes), list(found.values()))

    def _note_served(
        self, item_id: str, old: dict[str, list[Json]], new: dict[str, list[Json]], keys: Iterable[str]
    ) -> None:
        """Tell what a service changed from what people edit in Airtable; a load keeps both."""
        changed = [key for key in keys if old.get(key) != new.get(key)]
        if changed:
            self._state_rows.note_served(item_id, {key: digest(new.get(key)) for key in changed})

    def note_written(self, records: dict[str, dict[str, Json]], keys: dict[str, set[str]], *, created: bool) -> None:
        """Rows, by legacy id, have been written, `keys` of each, and this was not noted."""
        for item_id, record in records.items():
            if not created:
                self._note_served(item_id, {}, self._values.of(record["fields"]), keys[item_id])
        self._store(list(records), list(records.values()), created=created)

    def is_known(self, item_id: str) -> bool:
        """Whether state knows a record of a row."""
        return bool(self._state_rows.record_ids([item_id]))

    def delete(self, records: dict[str, str], wait: float) -> None:
        """Delete at most ten rows, by legacy id their records."""
        ids = list(records.values())
        self.retry(wait, lambda: self._airtable.delete(self._base, self.collection.table, ids), written="")
        self._remove(list(records), by_hand=False)

    def forget(self, item_id: str) -> None:
        """Remove a row from state and mirror: Airtable does not have it any more, and no service removed it."""
        self._remove([item_id], by_hand=True)

    def _remove(self, ids: list[str], *, by_hand: bool) -> None:
        self._state_rows.note_removed(ids, by_hand=by_hand)
        if self._mirror is not None:
            self._mirror.delete(self.collection.wix, ids)

    def _store(self, ids: list[str], records: list[dict[str, Json]], *, created: bool = False) -> list[Item]:
        """Note written records in state, for Wix, and in the mirror; the items in the order of `ids`."""
        by_id = {record["fields"].get(LEGACY_ID): record for record in records}
        ordered = {item_id: by_id[item_id] for item_id in ids}
        written = [self.mapping.to_wix(record["fields"]) for record in ordered.values()]
        name, known = self.collection.wix, {item_id: record["id"] for item_id, record in ordered.items()}
        # State first, because the mirror relies on it; the mirror also during its first full sync.
        if created:
            self._state_rows.put_created(known)
        else:
            self._state_rows.put(known)
        if self._mirror is not None:
            self._mirror.ingest(name, list(ordered.values()), by_hand=False)
        else:
            self._outgoing.add(name, ordered, by_hand=False)
        put_link_keys(self._state_rows, self._link_keys, written)
        return written

    def _has_new_choice(self, cells: Fields) -> bool:
        """Whether a cell holds a choice that the catalog does not list and may be added."""
        for column in self.collection.columns:
            cell = cells.get(column.name) if column.open else None
            if cell is not None and any(x not in column.choices for x in (cell if isinstance(cell, list) else [cell])):
                return True
        return False

    def _send(self, cells: list[Fields], call: Callable[[], T], wait: float, written: str) -> T:
        """Send rows, without links to records that were deleted."""
        links = [link.name for link in self.collection.links]
        while True:  # each round removes one deleted record from the links
            try:
                return self.retry(wait, call, written=written)
            except AirtableError as error:
                deleted = row_errors.lost_target(error)
                linking = [(row, name) for row in cells for name in links if deleted in (row.get(name) or ())]
                if deleted is None or not linking:
                    raise self._row_error(error) from None
                for row, name in linking:
                    row[name] = [record for record in row[name] if record != deleted]

    def _row_error(self, error: AirtableError) -> Exception:
        """The error for a row that Airtable refused, without its values."""
        if error.status != 422 or error.kind in UNKNOWN_COLUMN:
            return error
        key, reason = row_errors.describe(error, self.collection.keys_by_column)
        name = self.collection.wix
        message = f"{name}: Airtable refused the row: {reason}; it was not written"
        return RecordsError(message, collection=name, field=key)

    # Retries

    def retry(self, wait: float, call: Callable[[], T], *, written: str | None = None) -> T:
        """`retry_while_down` for this collection."""
        return retry_while_down(self.collection.wix, wait, lambda _: call(), written=written)
