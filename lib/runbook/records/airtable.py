"""Records over Airtable: reads from the mirror or, with `consistent=True`, from the source; writes to the source.

    records = AirtableRecords(airtable, base, catalog, state, mirror=mirror)
    records.query("Carriers", query)                        # from the mirror; `page.age` says how old it may be
    records.query("Carriers", query, consistent=True)       # from Airtable: by formula, then filtered here

An update and a patch read the record first and send only the cells that differ, under a lock that all processes use:
concurrent writers never mix a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from runbook.airtable.client import PER_WRITE, Airtable
from runbook.airtable.responses import Scope
from runbook.catalog import LEGACY_ID, Catalog, Collection
from runbook.errors import AirtableError
from runbook.json_types import MISSING, Fields, Item, Json
from runbook.mirror import Mirror
from runbook.mirror.journal import Journal
from runbook.query.evaluate import predicate, sort_items
from runbook.query.query import ALL_ITEMS, Query
from runbook.query.values import item_json, stamp, to_python
from runbook.records.checks import item_exists, no_such_item
from runbook.records.contract import Records
from runbook.records.delivery import RowDelivery
from runbook.records.formula import narrow
from runbook.records.journaled import UPDATED, JournaledWrites
from runbook.records.outage import reading
from runbook.records.results import QueryResult, WriteOptions
from runbook.records.rows import Rows, patched
from runbook.records.single_flight import SingleFlight
from runbook.schema.identity import explain, known_columns
from runbook.state import Side, State

_KEPT = ("_owner", "_createdDate", "_publishStatus")
"""Keys that an update leaves unchanged where it does not give them, as on Wix."""
_UNLIMITED = 1 << 62


class AirtableRecords(Records):
    """One base. `now`: the clock for created and updated dates. Without a mirror every read goes to the source."""

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
        super().__init__(catalog, state.locks)
        self.lags = mirror is not None and not state.is_local
        self._airtable, self._base, self._state = airtable, base, state
        self._mirror, self._now = mirror, now
        self._single_flight = SingleFlight()
        self._rows: dict[str, Rows] = {}
        pending, exact = state.pending_writes(base), not self.lags
        delivery = RowDelivery(pending, mirror, self._rows_of, self._sound, knows=exact)
        self.journal = Journal(base, catalog, state, mirror, lambda: airtable.rate_limiter(base), delivery)
        """What is written with `durable="journal"`, while `journal.kept_sent()` lasts; else such writes are direct."""
        self._journaled = None if mirror is None else JournaledWrites(self.journal, mirror, self._locked, exact=exact)

    def __repr__(self) -> str:
        return f"AirtableRecords({self._base}{'' if self._mirror is None else ', mirrored'})"

    # By the method names of the platform's own client

    def airtable_request(self, method: str, path: str, *, json: Json = None, what: str | None = None) -> Json:
        """Any request to this base, under the shared rate limit; `path` starts after the base's id.

        Raises AirtableError, BudgetSpent.
        """
        path = f"{self._base}/{path.lstrip('/')}"
        scope: Scope = "data.records:read" if method == "GET" else "data.records:write"
        return self._airtable.request(method, path, scope=scope, base=self._base, json=json, what=what)

    def get_all_records(self, collection: str, query: Query = ALL_ITEMS) -> list[Item]:
        """Every item that matches a query, read from Airtable itself."""
        return self.get_all(collection, query, consistent=True)

    def to_wix_format(self, collection: str, record: dict[str, Json]) -> Item:
        """A record of Airtable's API as an item: Wix keys, Wix ids, the values that empty cells stand for restored."""
        return dict(to_python(self.mapping(collection).to_wix(record["fields"])))

    def to_airtable_format(self, collection: str, item: Item) -> Fields:
        """An item as a record's cells, links as record ids. Raises WrongType for a value that no cell can hold."""
        return self._rows_of(collection).cells(item_json(collection, item))

    # Reading

    def catch_up(self, collection: str, since: str) -> None:
        """Make sure that reads see Airtable as it was at a time (ISO text), or later.

        Raises SourceDown where the mirror is older and Airtable is down.
        """
        if self._mirror is not None:
            with reading(collection):
                self._mirror.catch_up(collection, datetime.fromisoformat(since).timestamp())

    def _get(self, collection: str, item_id: str, consistent: bool) -> Item | None:
        mirror = self._mirror_for(collection, consistent)
        if mirror is not None:
            with reading(collection):
                return mirror.get(collection, item_id)
        if not item_id.strip():
            return None
        found, _ = self._read(collection, Query().eq("_id", item_id))
        return found[0] if found else self._get_known(collection, item_id)

    def _get_known(self, collection: str, item_id: str) -> Item | None:
        """An item that cannot be found by its legacy id, because someone has emptied or changed that cell."""
        record = self._state.rows(self._base, collection).record_ids([item_id])
        if not record:
            return None
        rows = self._rows_of(collection)
        with reading(collection), self._sound(collection):
            found = rows.fetch_records(record)
        items = [rows.mapping.to_wix({**found[item_id]["fields"], LEGACY_ID: item_id})] if found else []
        return next((item for item in items if item.get("_publishStatus") != "DRAFT"), None)

    def _query(self, collection: str, query: Query, consistent: bool) -> QueryResult:
        mirror = self._mirror_for(collection, consistent)
        if mirror is not None:
            with reading(collection):
                items, more = mirror.find(collection, query)
            return QueryResult(items, more, mirror.age(collection))
        found, filtered = self._read(collection, query)
        arranged = sort_items(found, query.order)
        end = query.offset + query.size
        return QueryResult(arranged[query.offset : end], len(arranged) > end, 0.0, filtered)

    def _count(self, collection: str, query: Query, consistent: bool) -> int:
        mirror = self._mirror_for(collection, consistent)
        if mirror is not None:
            with reading(collection):
                return mirror.count(collection, query.where)
        return len(self._read(collection, query)[0])

    def _all(self, collection: str, query: Query, consistent: bool) -> list[Item]:
        """In one go: each page of a consistent read would read all records."""
        return self._query(collection, replace(query, size=_UNLIMITED), consistent).items

    def _mirror_for(self, collection: str, consistent: bool) -> Mirror | None:
        self.catalog.collection(collection)
        return None if consistent else self._mirror

    def _read(self, collection: str, query: Query) -> tuple[list[Item], tuple[str, ...]]:
        """Every item that matches a query, unsorted, and the conditions that were applied after reading."""
        c = self.catalog.collection(collection)
        narrowed = narrow(query.where, c)

        def read() -> list[Item]:
            mark = self._mirror.store.mark() if self._mirror is not None else None
            columns = known_columns(self._state, self._base, c)
            records = list(self._airtable.records(self._base, c.table, fields=columns, formula=narrowed.formula))
            if self._mirror is not None and self._mirror.store.as_of(collection) is not None:
                return self._mirror.ingest(collection, records, after=mark)
            mapping = self.mapping(collection)
            return [mapping.to_wix(record["fields"]) for record in self._rows_of(collection).as_rows(records)]

        keeps = predicate(query.where)
        with reading(collection):
            self.journal.send(collection)
        with reading(collection), self._sound(collection):
            found = self._single_flight.run((collection, narrowed.formula), read)
        return [item for item in found if item.get("_publishStatus") != "DRAFT" and keeps(item)], narrowed.filtered

    # Writing

    def _insert(self, collection: str, items: list[Item], given: list[str], options: WriteOptions) -> list[Item]:
        rows, wait = self._rows_of(collection), options.wait
        now = self._updated()
        items = [{**item, "_createdDate": now[UPDATED], **now} for item in items]
        journaled = self._through_journal(collection, options)
        if journaled and (stored := journaled.insert(rows, items, given, options)) is not None:
            return stored
        with self._writing(rows, given, wait, items):
            doubtful = rows.may_exist(given)
            for item_id in rows.retry(wait, lambda: rows.fetch(doubtful)) if doubtful else ():
                raise item_exists(collection, item_id)
            return _in_batches(items, lambda batch, written: rows.create(batch, wait, written))

    def _update(self, collection: str, items: list[Item], options: WriteOptions) -> list[Item]:
        rows, journaled = self._rows_of(collection), self._through_journal(collection, options)
        if journaled:
            wholes = {item["_id"]: partial(_replaced, item, self.catalog.collection(collection)) for item in items}
            if (stored := journaled.rewrite(rows, wholes, self._now(), options)) is not None:
                return stored

        def updated(item: Item) -> Callable[[Item], Item]:
            return lambda before: {**{key: before[key] for key in _KEPT if key in before}, **item}

        return self._rewrite(collection, {item["_id"]: updated(item) for item in items}, options.wait)

    def _bulk_patch(self, collection: str, changes: dict[str, dict[str, Any]], options: WriteOptions) -> list[Item]:
        rows, journaled = self._rows_of(collection), self._through_journal(collection, options)
        if journaled:
            constant = {item_id: partial(_always, new) for item_id, new in changes.items()}
            if (stored := journaled.rewrite(rows, constant, self._now(), options)) is not None:
                return stored
        if len(changes) <= PER_WRITE:
            with self._writing(rows, list(changes), options.wait, changes.values()):
                stored = rows.patch_known({i: {**new, **self._updated()} for i, new in changes.items()}, options.wait)
            if stored is not None:
                return stored
        return self._rewrite(collection, {i: partial(patched, new) for i, new in changes.items()}, options.wait)

    def _change(
        self,
        collection: str,
        item_id: str,
        changes: Callable[[Item], dict[str, Any]],
        consistent: bool,
        options: WriteOptions,
    ) -> Item:
        rows, journaled = self._rows_of(collection), self._through_journal(collection, options)
        if journaled and not self.lags:
            of_row = journaled.rewrite(rows, {item_id: changes}, self._now(), options)
            if of_row is not None:
                return of_row[0]
        with self._writing(rows, [item_id], options.wait):
            known = None if consistent or self.lags else rows.known(item_id)
            new = {} if known is None else changes(known.item)
            if known is not None and not new:
                return known.item
            rows.retry(options.wait, lambda: self.journal.send_linked(collection, [new]))
            stored = rows.patch_known({item_id: {**new, **self._updated()}}, options.wait) if new else None
        if stored is not None:
            return stored[0]

        return self._rewrite(collection, {item_id: partial(_changed, changes)}, options.wait)[0]

    def _bulk_change(
        self, collection: str, changes: dict[str, Callable[[Item], dict[str, Any]]], options: WriteOptions
    ) -> list[Item]:
        rows, journaled = self._rows_of(collection), self._through_journal(collection, options)
        if journaled and not self.lags:
            stored = journaled.rewrite(rows, changes, self._now(), options)
            if stored is not None:
                return stored
        return self._rewrite(collection, {i: partial(_changed, change) for i, change in changes.items()}, options.wait)

    def _rewrite(
        self, collection: str, changes: Mapping[str, Callable[[Item], Item | None]], wait: float
    ) -> list[Item]:
        """Make rows what functions of them say; None: a row stays as it is."""
        rows = self._rows_of(collection)
        ids = list(changes)
        now = self._updated()
        with self._writing(rows, ids, wait):
            records = rows.retry(wait, lambda: rows.fetch(ids))
            for item_id in ids:
                if item_id not in records:
                    rows.forget(item_id)
                    raise no_such_item(collection, item_id)
            before = {item_id: rows.mapping.to_wix(records[item_id]["fields"]) for item_id in ids}
            after = {item_id: change(before[item_id]) for item_id, change in changes.items()}
            new = [{**item, "_id": item_id, **now} for item_id, item in after.items() if item is not None]
            rows.retry(wait, lambda: self.journal.send_linked(collection, new))
            written = _in_batches(new, lambda batch, written: rows.update(records, batch, wait, written))
            by_id = before | {item["_id"]: item for item in written}
            return [by_id[item_id] for item_id in ids]

    def _remove(self, collection: str, item_id: str, options: WriteOptions) -> None:
        rows, wait = self._rows_of(collection), options.wait
        journaled = self._through_journal(collection, options)
        if journaled and journaled.remove(rows, item_id, options):
            return
        with self._writing(rows, [item_id], wait):
            found = rows.retry(wait, lambda: rows.fetch([item_id]))
            if item_id not in found:
                rows.forget(item_id)
                raise no_such_item(collection, item_id)
            rows.delete({item_id: str(found[item_id]["id"])}, wait)

    def _through_journal(self, collection: str, options: WriteOptions) -> JournaledWrites | None:
        """What takes a write of a collection into the journal; None: it is a direct one."""
        return self._journaled if self._journaled and self._journaled.takes(collection, options) else None

    def _updated(self) -> Item:
        return {UPDATED: {"$date": stamp(self._now())}}

    @contextmanager
    def _writing(self, rows: Rows, ids: list[str], wait: float, items: Iterable[Item] = ()) -> Iterator[None]:
        """`_locked`, once what these rows have in the journal has been sent, and those to which new `items` link."""
        name = rows.collection.wix
        rows.retry(wait, lambda: self.journal.send_linked(name, items))
        with self._locked(rows, ids):
            rows.retry(wait, lambda: self.journal.send(name, ids))
            yield

    @contextmanager
    def _locked(self, rows: Rows, ids: list[str]) -> Iterator[None]:
        """Lock these rows against other writers; later reads see the write, even if it failed half way."""
        with self._state.locks.rows(rows.collection.wix, ids), self._sound(rows.collection.wix):
            try:
                yield
            finally:
                self._single_flight.invalidate()

    @contextmanager
    def _sound(self, collection: str) -> Iterator[None]:
        """Raises SchemaDrift, in place of what Airtable responds, where a person has changed the collection's table."""
        if self._mirror is not None:
            self._mirror.require(collection)
        try:
            yield
        except AirtableError as error:
            drift = explain(error, self._airtable, self._base, self.catalog, self._state, collection)
            if drift is None:
                raise
            raise drift from None

    def _rows_of(self, collection: str) -> Rows:
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


def _changed(changes: Callable[[Item], dict[str, Any]], before: Item) -> Item | None:
    new = changes(before)
    return patched(new, before) if new else None


def _always(changes: dict[str, Any], before: Item) -> dict[str, Any]:
    return changes


def _replaced(item: Item, collection: Collection, before: Item) -> dict[str, Any]:
    """The changes that make a whole item of what was before: also of keys that only Airtable has by now."""
    gone = {*before, *collection.by_key}.difference(item, _KEPT, ("_id", UPDATED))
    return {**dict.fromkeys(sorted(gone), MISSING), **{key: value for key, value in item.items() if key != "_id"}}


def _in_batches(items: list[Item], write: Callable[[list[Item], str], list[Item]]) -> list[Item]:
    """Write items by tens; `write` gets a batch, and what was written before it, for its error message."""
    written: list[Item] = []
    for start in range(0, len(items), PER_WRITE):
        so_far = f"{len(written):,} of {len(items):,} items were written" if written else ""
        written += write(items[start : start + PER_WRITE], so_far)
    return written
