"""Records over Airtable: read from the mirror or, where a read insists, from the source; written to the source at once.

    records = AirtableRecords(airtable, base, catalog, state, mirror=mirror)
    records.query("Carriers", query)                        # from the mirror; `page.age` says how old that may be
    records.query("Carriers", query, consistent=True)       # from Airtable: a formula, and what it cannot say here

A write is by the record that is known for an `_id`, or the one that carries it. A whole update and a patch read the
record first and send the cells that differ, under a lock that all processes share: two writers never mix a row.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from runbook.airtable.client import PER_WRITE, Airtable
from runbook.airtable.responses import Scope
from runbook.catalog import Catalog
from runbook.errors import AirtableError, BudgetSpent, SourceDown
from runbook.json_types import MISSING, Fields, Item, Json
from runbook.mirror import Mirror
from runbook.query.evaluate import arrange, predicate
from runbook.query.query import EVERY, Query
from runbook.query.values import item_json, stamp, to_python
from runbook.records.contract import Found, Records, item_exists, no_such_item
from runbook.records.formula import narrow
from runbook.records.rows import Rows, is_down
from runbook.state import State
from runbook.state.flags import Side

T = TypeVar("T")

_KEPT = ("_owner", "_createdDate", "_publishStatus")
"""Keys that a whole update leaves as they are where it does not give them, as on Wix."""
_MOST = 1 << 62  # items on a page that has no end


class AirtableRecords(Records):
    """One base. `now`: the clock that stamps rows. Without a mirror every read goes to the source."""

    side: Side = "airtable"

    def __init__(
        self,
        airtable: Airtable,
        base: str,
        catalog: Catalog,
        state: State,
        *,
        mirror: Mirror | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(catalog)
        self._airtable, self._base, self._state = airtable, base, state
        self._mirror, self._now = mirror, now
        self._flights = Flights()
        self._rows: dict[str, Rows] = {}

    def __repr__(self) -> str:
        return f"AirtableRecords({self._base}{'' if self._mirror is None else ', mirrored'})"

    # What the platform's own client is called by

    def airtable_request(self, method: str, path: str, *, json: Json = None, what: str | None = None) -> Json:
        """Any request to this base, within its rate limit; `path` begins after the base's id.

        Raises AirtableError, BudgetSpent.
        """
        path = f"{self._base}/{path.lstrip('/')}"
        scope: Scope = "data.records:read" if method == "GET" else "data.records:write"
        return self._airtable.request(method, path, scope=scope, base=self._base, json=json, what=what)

    def get_all_records(self, collection: str, query: Query = EVERY) -> list[Item]:
        """Every item that a query keeps, read from Airtable itself, page by page to the last."""
        return self.get_all(collection, query, consistent=True)

    def to_wix_format(self, collection: str, record: dict[str, Json]) -> Item:
        """A record of Airtable's API as services know it: Wix keys, Wix ids, what empty cells stand for restored."""
        return dict(to_python(self.mapping(collection).to_wix(record["fields"])))

    def to_airtable_format(self, collection: str, item: Item) -> Fields:
        """An item as the cells of a record, links as record ids. Raises WrongType for what no cell can hold."""
        return self._of_rows(collection).cells(item_json(collection, item))

    # Reading

    def catch_up(self, collection: str, since: str) -> None:
        """See that a read finds what was in Airtable at a moment (ISO time): when services came to read it there.

        Raises SourceDown where the mirror is older and Airtable cannot be asked.
        """
        mirror = self._mirror
        if mirror is not None:
            _reading(collection, lambda: mirror.catch_up(collection, datetime.fromisoformat(since).timestamp()))

    def _get(self, collection: str, item_id: str, consistent: bool) -> Item | None:
        self.catalog.collection(collection)
        mirror = self._mirror
        if mirror is not None and not consistent:
            return _reading(collection, lambda: mirror.get(collection, item_id))
        if not item_id.strip():
            return None
        found, _ = self._read(collection, Query().eq("_id", item_id))
        return found[0] if found else None

    def _query(self, collection: str, query: Query, consistent: bool) -> Found:
        self.catalog.collection(collection)
        mirror = self._mirror
        if mirror is not None and not consistent:
            items, more = _reading(collection, lambda: mirror.find(collection, query))
            return Found(items, more, mirror.age(collection))
        found, unsaid = self._read(collection, query)
        arranged = arrange(found, query.order)
        end = query.offset + query.size
        return Found(arranged[query.offset : end], len(arranged) > end, 0.0, unsaid)

    def _count(self, collection: str, query: Query, consistent: bool) -> int:
        self.catalog.collection(collection)
        mirror = self._mirror
        if mirror is not None and not consistent:
            return _reading(collection, lambda: mirror.count(collection, query.where))
        return len(self._read(collection, query)[0])

    def _all(self, collection: str, query: Query, consistent: bool) -> list[Item]:
        """At once: a page of a consistent read would read as much as all of them."""
        return self._query(collection, replace(query, size=_MOST), consistent).items

    def _read(self, collection: str, query: Query) -> tuple[list[Item], tuple[str, ...]]:
        """Every item that a query keeps, in no order, and what was kept to after reading."""
        c = self.catalog.collection(collection)
        narrowed = narrow(query.where, c)

        def ask() -> list[Item]:
            mark = self._mirror.store.mark() if self._mirror is not None else None
            records = list(self._airtable.records(self._base, c.table, formula=narrowed.formula))
            if self._mirror is not None and self._mirror.store.as_of(collection) is not None:
                return self._mirror.ingest(collection, records, after=mark)
            mapping = self.mapping(collection)
            return [mapping.to_wix(record["fields"]) for record in self._of_rows(collection).only(records)]

        keeps = predicate(query.where)
        found = _reading(collection, lambda: self._flights.share((collection, narrowed.formula), ask))
        return [item for item in found if item.get("_publishStatus") != "DRAFT" and keeps(item)], narrowed.unsaid

    # Writing

    def _insert(self, collection: str, items: list[Item], given: list[bool], wait: float) -> list[Item]:
        rows = self._of_rows(collection)
        theirs = [item["_id"] for item, told in zip(items, given, strict=True) if told]
        moment = {"$date": stamp(self._now())}
        with self._writing(rows, theirs):
            for item_id in rows.waiting(wait, lambda: rows.there(theirs)) if theirs else ():
                raise item_exists(collection, item_id)
            written: list[Item] = []
            for start in range(0, len(items), PER_WRITE):
                batch = [
                    {**i, "_createdDate": moment, "_updatedDate": moment} for i in items[start : start + PER_WRITE]
                ]
                written += rows.create(batch, wait, _so_far(written, items))
        return written

    def _update(self, collection: str, items: list[Item], wait: float) -> list[Item]:
        def whole(item: Item) -> Callable[[Item], Item]:
            return lambda before: {**{key: before[key] for key in _KEPT if key in before}, **item}

        return self._change(collection, {item["_id"]: whole(item) for item in items}, wait)

    def _patch(self, collection: str, item_id: str, changes: dict[str, Any], wait: float) -> Item:
        def patched(before: Item) -> Item:
            return {key: value for key, value in {**before, **changes}.items() if value is not MISSING}

        return self._change(collection, {item_id: patched}, wait)[0]

    def _change(self, collection: str, changes: dict[str, Callable[[Item], Item]], wait: float) -> list[Item]:
        rows = self._of_rows(collection)
        ids = list(changes)
        moment = {"$date": stamp(self._now())}
        with self._writing(rows, ids):
            records = rows.waiting(wait, lambda: rows.current(ids))
            for item_id in ids:
                if item_id not in records:
                    rows.gone(item_id)
                    raise no_such_item(collection, item_id)
            after = [
                {**change(rows.mapping.to_wix(records[item_id]["fields"])), "_id": item_id, "_updatedDate": moment}
                for item_id, change in changes.items()
            ]
            written: list[Item] = []
            for start in range(0, len(after), PER_WRITE):
                batch = after[start : start + PER_WRITE]
                written += rows.change(records, batch, wait, _so_far(written, after))
        return written

    def _remove(self, collection: str, item_id: str, wait: float) -> None:
        rows = self._of_rows(collection)
        with self._writing(rows, [item_id]):
            found = rows.waiting(wait, lambda: rows.there([item_id]))
            if item_id not in found:
                rows.gone(item_id)
                raise no_such_item(collection, item_id)
            rows.remove(item_id, found[item_id], wait)

    @contextmanager
    def _writing(self, rows: Rows, ids: list[str]) -> Iterator[None]:
        """Hold back other writers of these rows; what is read from then on is read anew, however the writing ended."""
        with rows.locked(ids):
            try:
                yield
            finally:
                self._flights.part()

    def _of_rows(self, collection: str) -> Rows:
        if collection not in self._rows:
            self._rows[collection] = Rows(
                self.catalog.collection(collection),
                self.mapping(collection),
                self.catalog,
                self._airtable,
                self._base,
                self._state,
                self._mirror,
            )
        return self._rows[collection]


class Flights:
    """Reads under way: who asks for the same, after the same writes, gets the same answer, from one request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[Any, Future[Any]] = {}
        self._writes = 0

    def part(self) -> None:
        """Something was written: who asks from now on must not get what was asked before."""
        with self._lock:
            self._writes += 1

    def share(self, what: Any, ask: Callable[[], T]) -> T:
        """What `ask` gives, or another caller's `ask` of the same gave; its error too."""
        with self._lock:
            key = (self._writes, what)
            flight: Future[T] | None = self._under_way.get(key)
            mine = flight is None
            if flight is None:
                flight = self._under_way[key] = Future()
        if mine:
            try:
                flight.set_result(ask())
            except BaseException as error:  # noqa: BLE001 - it is raised again below, for every caller
                flight.set_exception(error)
            finally:
                with self._lock:
                    del self._under_way[key]
        return flight.result()


def _reading(collection: str, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except (AirtableError, BudgetSpent) as error:
        if is_down(error):
            raise SourceDown(str(error), collection=collection) from None
        raise


def _so_far(written: list[Item], items: list[Item]) -> str:
    return f"{len(written):,} of {len(items):,} items were written" if len(items) > 1 else ""
