"""Rows of one base as records: which record an item is, which cells it has, and how cells are sent.

Everything sent may be sent twice: an upsert on the legacy id, a change by record id.
"""

from __future__ import annotations

import contextlib
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from runbook.airtable import formulas, row_errors
from runbook.airtable.client import Airtable
from runbook.airtable.lookup_ids import look_up, require_unique
from runbook.catalog import LEGACY_ID, ORIGINAL, Catalog, Collection
from runbook.codecs import same
from runbook.errors import AirtableError, BudgetSpent, RecordsError, SourceDown, WrongType
from runbook.json_types import MISSING, Fields, Item, Json
from runbook.link_resolver import resolve
from runbook.mapping import Mapping, Refusal, link_key
from runbook.mirror import Mirror
from runbook.state import Ambiguous, KnownRow, State

T = TypeVar("T")

_STRIPES = 16  # locks that all rows share
_PAGE = 100  # records a look-up
_AGAIN = 1.0  # seconds between two tries while a caller waits


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
        self._airtable, self._base, self._state, self._mirror = airtable, base, state, mirror
        self._state_rows = state.rows(base, collection.wix)
        self._keys = catalog.link_keys.get(collection.wix, ())
        self._names = [*dict.fromkeys(column.name for column in collection.columns), ORIGINAL]

    # What a row is

    def cells(self, item: Item) -> Fields:
        """All cells of an item: typed ones, `Wix Original`, links. Raises WrongType for what no cell can hold."""
        encoded = self.mapping.to_airtable(item)
        for refusal in encoded.refusals:
            raise self._no_cell(item, refusal)
        return {**encoded.fields, **self._links(item)}

    def difference(self, there: Fields, before: Item, after: Item) -> Fields:
        """The cells that must change for a record to be what `after` is; None empties one.

        What a person put into a cell that no item could bring there stays. Raises WrongType where it is new.
        """
        encoded = self.mapping.to_airtable(after)
        names = dict.fromkeys(self._names)
        for refusal in encoded.refusals:
            key = refusal.field
            if key not in self.collection.by_key or not same(before.get(key, MISSING), after.get(key, MISSING)):
                raise self._no_cell(after, refusal)
            names.pop(self.collection.by_key[key].name)
        cells = encoded.fields
        changed = {name: cells.get(name) for name in names if not same(cells.get(name), there.get(name))}
        if encoded.links != self.mapping.links_of(before):
            links = self._links(after)
            changed |= {link.name: links.get(link.name, []) for link in self.collection.links}
        return changed

    def _no_cell(self, item: Item, refusal: Refusal) -> WrongType:
        name, key = self.collection.wix, refusal.field or None
        said = f"{name} {item['_id']}, {key or 'the item'}: {refusal.reason}; it was not written"
        return WrongType(said, collection=name, field=key, id=item["_id"])

    def _links(self, item: Item) -> Fields:
        """Where the keys of an item lead, as record ids; a key that leads to no row, or to several, links nothing."""

        def find(target: str, key: str, value: str) -> str | Ambiguous | None:
            return self._state.rows(self._base, target).resolve(key, value)

        cells = {name: resolve(candidates, find) for name, candidates in self.mapping.links_of(item).items()}
        return {name: list(cell.records) for name, cell in cells.items() if cell.records}

    # Which record it is

    def there(self, ids: list[str]) -> dict[str, str]:
        """The record of each id as Airtable has it now. Of several with one id the one that state knows is the row.

        Raises AmbiguousKey where state knows none of them.
        """
        found = look_up(self._airtable, self._base, self.collection.table, LEGACY_ID, ids)
        known = {item_id: self._state_rows.resolve("_id", item_id) for item_id in found}
        chosen = {i: [str(known[i])] if known[i] in records else records for i, records in found.items()}
        return require_unique(self.collection.wix, LEGACY_ID, chosen)

    def current(self, ids: list[str]) -> dict[str, dict[str, Json]]:
        """The whole record of each id as it is in Airtable now; an id that is not there is left out."""
        known: dict[str, str] = {}
        for item_id in ids:
            record: Any = self._mirror.store.record_of(self.collection.wix, item_id) if self._mirror else None
            record = record or self._state_rows.resolve("_id", item_id)
            if isinstance(record, str):
                known[item_id] = record
        found = self._by_id(known)
        lost = [item_id for item_id in ids if item_id not in found]
        return found | self._by_id(self.there(lost)) if lost else found

    def only(self, records: list[dict[str, Json]]) -> list[dict[str, Json]]:
        """The records that are rows: those with a legacy id, of several with one that which state knows, else one."""
        ids = [record["fields"].get(LEGACY_ID) for record in records]
        doubled = [item_id for item_id, count in Counter(ids).items() if item_id is not None and count > 1]
        known = self._state_rows.record_ids(doubled) if doubled else {}
        there = {record["id"] for record in records}
        rows: dict[str, dict[str, Json]] = {}
        for item_id, record in zip(ids, records, strict=True):
            owner = known.get(item_id)
            if item_id and (record["id"] == owner or (item_id not in rows and owner not in there)):
                rows[item_id] = record
        return list(rows.values())

    def _by_id(self, records: dict[str, str]) -> dict[str, dict[str, Json]]:
        wanted = list(records.values())
        found: dict[str, dict[str, Json]] = {}
        for start in range(0, len(wanted), _PAGE):
            terms = [f"RECORD_ID()={formulas.text(record)}" for record in wanted[start : start + _PAGE]]
            for record in self._airtable.records(self._base, self.collection.table, formula=formulas.any_of(terms)):
                found[str(record["fields"].get(LEGACY_ID))] = record
        return {item_id: found[item_id] for item_id in records if item_id in found}

    # Writing

    def create(self, items: list[Item], wait: float, done: str) -> list[Item]:
        """Add at most ten rows; the items as they are then. `done`: what else stands, for an error."""
        rows = [self.cells(item) for item in items]
        typecast = any(map(self._has_new_choice, rows))
        records = self._send(
            rows,
            lambda: self._airtable.upsert(self._base, self.collection.table, rows, [LEGACY_ID], typecast=typecast),
            wait,
            done,
        )
        self._state_rows.note_created([item["_id"] for item in items])
        return self._landed([item["_id"] for item in items], records)

    def change(self, records: dict[str, dict[str, Json]], items: list[Item], wait: float, done: str) -> list[Item]:
        """Make at most ten records, by id, what the items are; the items as they are then."""
        rows = []
        for item in items:
            record = records[item["_id"]]
            before = self.mapping.to_wix(record["fields"])
            rows.append({"id": record["id"], "fields": self.difference(record["fields"], before, item)})
        cells = [row["fields"] for row in rows]
        typecast = any(map(self._has_new_choice, cells))
        written = self._send(
            cells,
            lambda: self._airtable.update(self._base, self.collection.table, rows, typecast=typecast),
            wait,
            done,
        )
        return self._landed([item["_id"] for item in items], written)

    def remove(self, item_id: str, record: str, wait: float) -> None:
        """Delete a row's record."""
        self.waiting(wait, lambda: self._airtable.delete(self._base, self.collection.table, [record]), done="")
        self.gone(item_id)
        self._state_rows.note_removed([item_id])

    def gone(self, item_id: str) -> None:
        """A row is not in Airtable."""
        self._state_rows.forget([item_id])
        if self._mirror is not None:
            self._mirror.delete(self.collection.wix, [item_id])

    def _landed(self, ids: list[str], records: list[dict[str, Json]]) -> list[Item]:
        """What Airtable answered to a write, taken over by state and mirror."""
        by_id = {record["fields"].get(LEGACY_ID): record for record in records}
        ordered = [by_id[item_id] for item_id in ids]
        written = [self.mapping.to_wix(record["fields"]) for record in ordered]
        name = self.collection.wix
        # State first: the mirror goes by it. And the mirror also while it is being read for the first time.
        self._state_rows.put([KnownRow(i, record["id"]) for i, record in zip(ids, ordered, strict=True)])
        if self._mirror is not None:
            self._mirror.ingest(name, ordered)
        for item in written if self._keys else ():
            values = {key: value for key in self._keys if (value := link_key(item.get(key))) is not None}
            self._state_rows.replace_keys_of(item["_id"], values)
        return written

    def _has_new_choice(self, cells: Fields) -> bool:
        """Whether a cell holds a choice that the catalog does not list and may be added."""
        for column in self.collection.columns:
            cell = cells.get(column.name) if column.open else None
            if cell is not None and any(x not in column.choices for x in (cell if isinstance(cell, list) else [cell])):
                return True
        return False

    def _send(self, cells: list[Fields], call: Callable[[], T], wait: float, done: str) -> T:
        """Send rows; a link to a record that is gone is taken out, and the rest sent all the same."""
        links = [link.name for link in self.collection.links]
        while True:  # each round takes a record out of the links
            try:
                return self.waiting(wait, call, done=done)
            except AirtableError as error:
                lost = row_errors.lost_target(error)
                holding = [(row, name) for row in cells for name in links if lost in (row.get(name) or ())]
                if lost is None or not holding:
                    raise self._refused(error) from None
                for row, name in holding:
                    row[name] = [record for record in row[name] if record != lost]

    def _refused(self, error: AirtableError) -> Exception:
        """A refusal of what was sent, in words without values."""
        if error.status != 422:
            return error
        key, said = row_errors.describe(error, self.collection.keys_by_column)
        name = self.collection.wix
        return RecordsError(f"{name}: Airtable refused the row: {said}; it was not written", collection=name, field=key)

    # Waiting and taking turns

    def waiting(self, wait: float, ask: Callable[[], T], *, done: str | None = None) -> T:
        """Ask, and again for `wait` seconds while Airtable is down. `done`: of a write, what else stands.

        Raises SourceDown.
        """
        deadline = time.monotonic() + wait
        while True:
            try:
                return ask()
            except (AirtableError, BudgetSpent) as error:
                if not is_down(error):
                    raise
                spent = isinstance(error, BudgetSpent)
                left = deadline - time.monotonic()
                if left <= 0 or spent:
                    unsure = done is not None and not spent
                    words = "; whether it was done is not known" if unsure else ""
                    also = f"; {done}" if done else ""
                    said = f"{error}{words}{also}"
                    raise SourceDown(said, collection=self.collection.wix, done=None if unsure else False) from None
            time.sleep(min(_AGAIN, left))

    @contextlib.contextmanager
    def locked(self, ids: Iterable[str]) -> Iterator[None]:
        """Hold back other writers of these rows, in any process."""
        names = (f"{self.collection.wix} {item_id}".encode("utf-8", "surrogatepass") for item_id in ids)
        with contextlib.ExitStack() as stack:
            for stripe in sorted({zlib.crc32(name) % _STRIPES for name in names}):
                stack.enter_context(self._state.locks.exclusive(f"rows {self._base} {stripe}"))
            yield


def is_down(error: AirtableError | BudgetSpent) -> bool:
    """Whether Airtable could not be reached, is in trouble or takes no more calls, rather than refusing."""
    return isinstance(error, BudgetSpent) or error.status is None or error.status >= 500 or error.status == 429
