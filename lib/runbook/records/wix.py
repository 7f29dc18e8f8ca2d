"""Records over Wix Data: a query is one request, and writes are by `_id`, so that a retry does not write twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from runbook.catalog import Catalog
from runbook.codecs import same
from runbook.errors import ItemExists, NoSuchItem, RecordsError, WixError
from runbook.json_types import MISSING, Item, Json
from runbook.query.evaluate import sort_by_lists_error
from runbook.query.query import NEWEST_FIRST, And, Condition, Not, Or, Query, Test
from runbook.records.checks import item_exists, no_such_item
from runbook.records.contract import Records
from runbook.records.outage import reading, retry_while_down
from runbook.records.results import QueryResult, WriteOptions
from runbook.state import Side
from runbook.state.locks import Locks
from runbook.wix.client import DATA, WixClient, WixTooMuch

_BULK = 1000  # items per request
_EXISTS, _MISSING, _SEVERAL_LISTS = "WDE0074", "WDE0073", "WDE0121"
_OPERATORS = {
    "eq": "$eq", "ne": "$ne", "gt": "$gt", "ge": "$gte", "lt": "$lt", "le": "$lte", "in": "$in",
    "has_some": "$hasSome", "has_all": "$hasAll", "contains": "$contains", "starts_with": "$startsWith",
    "ends_with": "$endsWith",
}  # fmt: skip
_PERMISSION = '"Manage Data Items"'


class WixRecords(Records):
    """The site's collections, also those that stay in Wix. `locks`: of the state; None: they are only read.

    Raises WixError where no RecordsError fits.
    """

    side: Side = "wix"
    lags = True  # a query without `consistentRead` may be answered by a replica

    def __init__(self, client: WixClient, catalog: Catalog, locks: Locks | None) -> None:
        super().__init__(catalog, locks)
        self._client = client

    def __repr__(self) -> str:
        return f"WixRecords({self._client!r})"

    def _get(self, collection: str, item_id: str, consistent: bool) -> Item | None:
        if not item_id:
            return None
        body = {"dataCollectionId": collection, "dataItemId": item_id, "consistentRead": consistent}
        try:
            response = self._read("get", collection, body, f"get an item of {collection}")
        except WixError as error:
            if error.code == _MISSING:
                return None
            raise
        return _data(response["dataItem"])

    def _query(self, collection: str, query: Query, consistent: bool) -> QueryResult:
        order = [
            {"fieldName": key, "order": "DESC" if descending else "ASC"}
            for key, descending in query.order or NEWEST_FIRST
        ]
        if all(key != "_id" for key, _ in query.order):
            order.append({"fieldName": "_id", "order": "ASC"})
        body = {
            "dataCollectionId": collection,
            "consistentRead": consistent,
            "query": {
                "filter": to_filter(query.where),
                "sort": order,
                "paging": {"limit": query.size, "offset": query.offset},
            },
        }
        try:
            response = self._read("query", collection, body, f"query {collection}")
        except WixError as error:
            raise sort_by_lists_error() if error.code == _SEVERAL_LISTS else error from None
        items = [_data(entry) for entry in response.get("dataItems") or ()]
        return QueryResult(items, bool((response.get("pagingMetadata") or {}).get("hasNext")))

    def _count(self, collection: str, query: Query, consistent: bool) -> int:
        body = {"dataCollectionId": collection, "consistentRead": consistent, "filter": to_filter(query.where)}
        response = self._read("count", collection, body, f"count the items of {collection}")
        return int(response.get("totalCount", 0))

    # Writing: a change of a row under its lock, so that none comes between the two steps of `_change`

    def _insert(self, collection: str, items: list[Item], given: list[str], options: WriteOptions) -> list[Item]:
        wait = options.wait
        if len(items) > 1:
            for item_id in self._existing(collection, given):
                raise item_exists(collection, item_id)
            return self._bulk(collection, "insert", items, set(given), wait)
        item = items[0]
        body = {"dataCollectionId": collection, "dataItem": {"id": item["_id"], "data": item}}

        def insert(retry: bool) -> Item:
            # With an id created here, a request whose response was lost can be sent again: it then finds its own item.
            try:
                return _data(self._write("insert", "/items", collection, body, idempotent=not given)["dataItem"])
            except WixError as error:
                if error.code != _EXISTS:
                    raise
                found = self._inserted(collection, item, by_id=not given) if retry or not given else None
                if found is None:
                    raise item_exists(collection, item["_id"]) from None
                return found

        return [retry_while_down(collection, wait, insert, written="")]

    def _update(self, collection: str, items: list[Item], options: WriteOptions) -> list[Item]:
        ids = [item["_id"] for item in items]
        with self._locked(collection, ids):
            if len(items) > 1:
                self._require(collection, ids)
                return self._bulk(collection, "update", items, set(), options.wait)
            body = {"dataCollectionId": collection, "dataItem": {"id": ids[0], "data": items[0]}}
            return [self._send_change("/items/update", collection, ids[0], body, "update", options.wait)]

    def _patch(self, collection: str, item_id: str, changes: dict[str, Any], options: WriteOptions) -> Item:
        with self._locked(collection, [item_id]):
            return self._send_patch(collection, item_id, changes, options)

    def _bulk_patch(self, collection: str, changes: dict[str, dict[str, Any]], options: WriteOptions) -> list[Item]:
        with self._locked(collection, changes):
            if len(changes) > 1:
                self._require(collection, list(changes))
            return [self._send_patch(collection, item_id, new, options) for item_id, new in changes.items()]

    def _change(
        self,
        collection: str,
        item_id: str,
        changes: Callable[[Item], dict[str, Any]],
        consistent: bool,
        options: WriteOptions,
    ) -> Item:
        with self._locked(collection, [item_id]):
            existing = self._get(collection, item_id, True)
            if existing is None:
                raise no_such_item(collection, item_id)
            new = changes(existing)
            return self._send_patch(collection, item_id, new, options) if new else existing

    def _bulk_change(
        self, collection: str, changes: dict[str, Callable[[Item], dict[str, Any]]], options: WriteOptions
    ) -> list[Item]:
        with self._locked(collection, changes):
            before = {item["_id"]: item for item in self._all(collection, Query().in_("_id", changes), True)}
            for item_id in changes:
                if item_id not in before:
                    raise no_such_item(collection, item_id)
            new = {item_id: change(before[item_id]) for item_id, change in changes.items()}
            return [
                self._send_patch(collection, item_id, new[item_id], options) if new[item_id] else item
                for item_id, item in ((item_id, before[item_id]) for item_id in changes)
            ]

    def _remove(self, collection: str, item_id: str, options: WriteOptions) -> None:
        body = {"dataCollectionId": collection, "dataItemId": item_id}

        def remove(retry: bool) -> None:
            try:
                self._write("remove", "/items/remove", collection, body, idempotent=False)
            except WixError as error:
                if error.code != _MISSING:
                    raise
                if not retry:  # else the request whose response was lost has removed it
                    raise no_such_item(collection, item_id) from None

        with self._locked(collection, [item_id]):
            retry_while_down(collection, options.wait, remove, written="")

    def _locked(self, collection: str, ids: Iterable[str]) -> AbstractContextManager[None]:
        if self._locks is None:
            raise RuntimeError(f"{self!r} has no locks: it is only read")
        return self._locks.rows(collection, ids)

    def _require(self, collection: str, ids: list[str]) -> None:
        existing = self._existing(collection, ids)
        for item_id in ids:
            if item_id not in existing:
                raise no_such_item(collection, item_id)

    # Requests

    def _read(self, verb: str, collection: str, body: dict[str, Json], what: str) -> dict[str, Any]:
        with reading(collection):
            return self._client.request(
                "POST", f"{DATA}/items/{verb}", body, what=what, idempotent=True, sensitive=True
            )

    def _existing(self, collection: str, ids: list[str]) -> set[str]:
        """Those of the ids that an item has, drafts included."""
        found: set[str] = set()
        for start in range(0, len(ids), _BULK):
            batch = {"_id": {"$in": ids[start : start + _BULK]}}
            with reading(collection):
                items, _ = self._client.query(collection, filter=batch, limit=_BULK, fields=("_id",))
            found.update(item["_id"] for item in items)
        return found

    def _write(
        self, verb: str, path: str, collection: str, body: dict[str, Json], *, idempotent: bool
    ) -> dict[str, Any]:
        what = f"{verb} in {collection}"
        return self._client.request(
            "POST", DATA + path, body, what=what, idempotent=idempotent, sensitive=True, permission=_PERMISSION
        )

    def _send_patch(self, collection: str, item_id: str, changes: dict[str, Any], options: WriteOptions) -> Item:
        steps = [
            {"fieldPath": key, "action": "REMOVE_FIELD"}
            if value is MISSING
            else {"fieldPath": key, "action": "SET_FIELD", "setFieldOptions": {"value": value}}
            for key, value in changes.items()
        ]
        body = {"dataCollectionId": collection, "patch": {"dataItemId": item_id, "fieldModifications": steps}}
        return self._send_change("/items/patch", collection, item_id, body, "patch", options.wait)

    def _send_change(
        self, path: str, collection: str, item_id: str, body: dict[str, Json], verb: str, wait: float
    ) -> Item:
        def change(_: bool) -> Item:
            try:
                return _data(self._write(verb, path, collection, body, idempotent=True)["dataItem"])
            except WixError as error:
                if error.code == _MISSING:
                    raise no_such_item(collection, item_id) from None
                raise

        return retry_while_down(collection, wait, change, written="")

    def _inserted(self, collection: str, item: Item, *, by_id: bool) -> Item | None:
        """The existing item that made an insert fail, if it is the one that was sent and whose response was lost.

        `by_id`: its id is proof enough; else its values must be those sent.
        """
        found = self._get(collection, item["_id"], True)
        if found is None or by_id or all(same(value, found.get(key, MISSING)) for key, value in item.items()):
            return found
        return None

    def _bulk(self, collection: str, verb: str, items: list[Item], given: set[str], wait: float) -> list[Item]:
        """Write many items, 1000 per request. `given`: ids that the caller chose."""
        written: dict[str, Item] = {}
        batches = [items[start : start + _BULK] for start in range(0, len(items), _BULK)]
        while batches:
            batch = batches.pop(0)
            so_far = f"{len(written):,} of {len(items):,} items were written" if written else ""
            response = retry_while_down(collection, wait, partial(self._send, collection, verb, batch), written=so_far)
            if response is None:
                batches[:0] = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
                continue
            failed: dict[str, str] = {}
            for number, result in enumerate(response["results"]):
                metadata = result["itemMetadata"]
                item = batch[metadata.get("originalIndex", number)]
                code = str((metadata.get("error") or {}).get("code"))
                found = _data(result["dataItem"]) if metadata.get("success") else None
                if code == _EXISTS:
                    found = self._inserted(collection, item, by_id=item["_id"] not in given)
                if found is None:
                    failed[item["_id"]] = code
                else:
                    written[item["_id"]] = found
            for item_id, code in failed.items():
                kinds = {_EXISTS: ItemExists, _MISSING: NoSuchItem}
                raise kinds.get(code, RecordsError)(
                    f"{collection}: Wix refused to {verb} {item_id} ({code}); {len(written):,} of {len(items):,} items "
                    "were written",
                    collection=collection,
                    id=item_id,
                )
        return [written[item["_id"]] for item in items]

    def _send(self, collection: str, verb: str, batch: list[Item], _: bool) -> dict[str, Any] | None:
        """The response to a bulk write; None where it is too large for one request."""
        body = {
            "dataCollectionId": collection,
            "dataItems": [{"id": item["_id"], "data": item} for item in batch],
            "returnEntity": True,
        }
        try:
            return self._write(f"bulk {verb}", f"/bulk/items/{verb}", collection, body, idempotent=True)
        except WixTooMuch:
            if len(batch) == 1:
                raise
            return None


def to_filter(condition: Condition) -> dict[str, Json]:
    """A condition in the filter language of Wix Data."""
    match condition:
        case Test(key, operator, value):
            return {key: {_OPERATORS[operator]: value}}
        case And(parts):
            return {"$and": [to_filter(part) for part in parts]} if parts else {}
        case Or(parts):
            return {"$or": [to_filter(part) for part in parts]}
        case Not(part):
            return {"$not": [to_filter(part)]}


def _data(entry: dict[str, Json]) -> Item:
    item: Item = entry.get("data") or {}
    return item if "_id" in item else {"_id": entry["id"], **item}
