"""Records over Wix Data: a query is one request, and every write is by an `_id`, so that none is done twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from runbook.catalog import Catalog
from runbook.codecs import same
from runbook.errors import ItemExists, NoSuchItem, RecordsError, SourceDown, WixError
from runbook.json_types import MISSING, Item, Json
from runbook.query.evaluate import several_lists
from runbook.query.query import NEWEST_FIRST, And, Condition, Not, Or, Query, Test
from runbook.records.contract import Found, Records, item_exists, no_such_item
from runbook.state.flags import Side
from runbook.wix.client import DATA, WixClient, WixTooMuch

T = TypeVar("T")

_BULK = 1000  # items a request takes
_AGAIN = 1.0  # seconds between two tries while the caller waits
_EXISTS, _MISSING, _SEVERAL_LISTS = "WDE0074", "WDE0073", "WDE0121"
_OPERATORS = {
    "eq": "$eq", "ne": "$ne", "gt": "$gt", "ge": "$gte", "lt": "$lt", "le": "$lte", "in": "$in",
    "has_some": "$hasSome", "has_all": "$hasAll", "contains": "$contains", "starts_with": "$startsWith",
    "ends_with": "$endsWith",
}  # fmt: skip
_PERMISSION = '"Manage Data Items"'


class WixRecords(Records):
    """The site's own collections, also those that stay. Raises WixError for what Wix refuses beside the contract."""

    side: Side = "wix"

    def __init__(self, client: WixClient, catalog: Catalog) -> None:
        super().__init__(catalog)
        self._client = client

    def __repr__(self) -> str:
        return f"WixRecords({self._client!r})"

    def _get(self, collection: str, item_id: str, consistent: bool) -> Item | None:
        if not item_id:
            return None
        body = {"dataCollectionId": collection, "dataItemId": item_id, "consistentRead": consistent}
        try:
            answer = self._read("get", collection, body, f"get an item of {collection}")
        except WixError as error:
            if error.code == _MISSING:
                return None
            raise
        return _data(answer["dataItem"])

    def _query(self, collection: str, query: Query, consistent: bool) -> Found:
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
            answer = self._read("query", collection, body, f"query {collection}")
        except WixError as error:
            raise several_lists() if error.code == _SEVERAL_LISTS else error from None
        items = [_data(entry) for entry in answer.get("dataItems") or ()]
        return Found(items, bool((answer.get("pagingMetadata") or {}).get("hasNext")))

    def _count(self, collection: str, query: Query, consistent: bool) -> int:
        body = {"dataCollectionId": collection, "consistentRead": consistent, "filter": to_filter(query.where)}
        answer = self._read("count", collection, body, f"count the items of {collection}")
        return int(answer.get("totalCount", 0))

    def _insert(self, collection: str, items: list[Item], given: list[bool], wait: float) -> list[Item]:
        theirs = [item["_id"] for item, told in zip(items, given, strict=True) if told]
        if len(items) > 1:
            for item_id in self._there(collection, theirs):
                raise item_exists(collection, item_id)
            return self._bulk(collection, "insert", items, set(theirs), wait)
        item = items[0]
        body = {"dataCollectionId": collection, "dataItem": {"id": item["_id"], "data": item}}

        def insert(again: bool) -> Item:
            # By an id of our own, a request whose answer was lost can go out again: the second then meets the first.
            try:
                return _data(self._ask("/items", collection, body, "insert", repeatable=not theirs)["dataItem"])
            except WixError as error:
                if error.code != _EXISTS:
                    raise
                found = self._met(collection, item, sure=not theirs) if again or not theirs else None
                if found is None:
                    raise item_exists(collection, item["_id"]) from None
                return found

        return [self._waiting(collection, wait, insert)]

    def _update(self, collection: str, items: list[Item], wait: float) -> list[Item]:
        if len(items) > 1:
            ids = [item["_id"] for item in items]
            there = self._there(collection, ids)
            for item_id in ids:
                if item_id not in there:
                    raise no_such_item(collection, item_id)
            return self._bulk(collection, "update", items, set(), wait)
        item = items[0]
        body = {"dataCollectionId": collection, "dataItem": {"id": item["_id"], "data": item}}
        return [self._change("/items/update", collection, item["_id"], body, "update", wait)]

    def _patch(self, collection: str, item_id: str, changes: dict[str, Any], wait: float) -> Item:
        steps = [
            {"fieldPath": key, "action": "REMOVE_FIELD"}
            if value is MISSING
            else {"fieldPath": key, "action": "SET_FIELD", "setFieldOptions": {"value": value}}
            for key, value in changes.items()
        ]
        body = {"dataCollectionId": collection, "patch": {"dataItemId": item_id, "fieldModifications": steps}}
        return self._change("/items/patch", collection, item_id, body, "patch", wait)

    def _remove(self, collection: str, item_id: str, wait: float) -> None:
        body = {"dataCollectionId": collection, "dataItemId": item_id}

        def remove(again: bool) -> None:
            try:
                self._ask("/items/remove", collection, body, "remove", repeatable=False)
            except WixError as error:
                if error.code != _MISSING:
                    raise
                if not again:  # else the request whose answer was lost has removed it
                    raise no_such_item(collection, item_id) from None

        self._waiting(collection, wait, remove)

    # ------------------------------------------------------------------ asking

    def _read(self, verb: str, collection: str, body: dict[str, Json], what: str) -> dict[str, Any]:
        try:
            return self._client.request(
                "POST", f"{DATA}/items/{verb}", body, what=what, idempotent=True, sensitive=True
            )
        except WixError as error:
            raise _down(collection, error) or error from None

    def _there(self, collection: str, ids: list[str]) -> set[str]:
        """Which of these ids are taken, by a draft too."""
        found: set[str] = set()
        for start in range(0, len(ids), _BULK):
            some = {"_id": {"$in": ids[start : start + _BULK]}}
            try:
                items, _ = self._client.query(collection, filter=some, limit=_BULK, fields=("_id",))
            except WixError as error:
                raise _down(collection, error) or error from None
            found.update(item["_id"] for item in items)
        return found

    def _ask(self, path: str, collection: str, body: dict[str, Json], verb: str, *, repeatable: bool) -> dict[str, Any]:
        what = f"{verb} in {collection}"
        return self._client.request(
            "POST", DATA + path, body, what=what, idempotent=repeatable, sensitive=True, permission=_PERMISSION
        )

    def _change(self, path: str, collection: str, item_id: str, body: dict[str, Json], verb: str, wait: float) -> Item:
        def change(again: bool) -> Item:
            try:
                return _data(self._ask(path, collection, body, verb, repeatable=True)["dataItem"])
            except WixError as error:
                if error.code == _MISSING:
                    raise no_such_item(collection, item_id) from None
                raise

        return self._waiting(collection, wait, change)

    def _met(self, collection: str, item: Item, *, sure: bool) -> Item | None:
        """The item that an insert met under its id, if it is the one that was sent, whose answer was lost.

        `sure`: by its id alone; else where it holds what was sent.
        """
        found = self._get(collection, item["_id"], True)
        if found is None or sure or all(same(value, found.get(key, MISSING)) for key, value in item.items()):
            return found
        return None

    def _waiting(self, collection: str, wait: float, ask: Callable[[bool], T], *, done: str = "") -> T:
        """Ask, and again for `wait` seconds while Wix is down: `ask(again)`. `done`: what else stands, for an error.

        Raises SourceDown.
        """
        deadline = time.monotonic() + wait
        again = False
        while True:
            try:
                return ask(again)
            except (WixError, SourceDown) as error:
                if isinstance(error, WixError) and not _is_down(error):
                    raise
                left = deadline - time.monotonic()
                if left <= 0:
                    said = f"{error}; whether it was done is not known{done}"
                    raise SourceDown(said, collection=collection, done=None) from None
            time.sleep(min(_AGAIN, left))
            again = True

    def _bulk(self, collection: str, verb: str, items: list[Item], theirs: set[str], wait: float) -> list[Item]:
        """Many items, a thousand a request. `theirs`: ids that callers gave; by the others an item is this very one."""
        written: dict[str, Item] = {}
        batches = [items[start : start + _BULK] for start in range(0, len(items), _BULK)]
        while batches:
            batch = batches.pop(0)
            done = f"; {len(written):,} of {len(items):,} items were written"
            answer = self._waiting(collection, wait, partial(self._send, collection, verb, batch), done=done)
            if answer is None:
                batches[:0] = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
                continue
            failed: dict[str, str] = {}
            for number, result in enumerate(answer["results"]):
                about = result["itemMetadata"]
                item = batch[about.get("originalIndex", number)]
                code = str((about.get("error") or {}).get("code"))
                found = _data(result["dataItem"]) if about.get("success") else None
                if code == _EXISTS:
                    found = self._met(collection, item, sure=item["_id"] not in theirs)
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

    def _send(self, collection: str, verb: str, batch: list[Item], again: bool) -> dict[str, Any] | None:
        """What Wix answers to a bulk write; None where it is too much for one request."""
        body = {
            "dataCollectionId": collection,
            "dataItems": [{"id": item["_id"], "data": item} for item in batch],
            "returnEntity": True,
        }
        try:
            return self._ask(f"/bulk/items/{verb}", collection, body, f"bulk {verb}", repeatable=True)
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


def _is_down(error: WixError) -> bool:
    """Whether Wix could not be reached or is in trouble, rather than refusing."""
    return error.status is None or error.status >= 500 or error.status == 429


def _down(collection: str, error: WixError) -> SourceDown | None:
    return SourceDown(str(error), collection=collection) if _is_down(error) else None


def _data(entry: dict[str, Json]) -> Item:
    item: Item = entry.get("data") or {}
    return item if "_id" in item else {"_id": entry["id"], **item}
