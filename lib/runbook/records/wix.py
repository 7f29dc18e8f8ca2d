"""Records over Wix Data: a query is one request, and every write is by an `_id`, so that none is done twice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from runbook.errors import RecordsError, SourceDown, WixError
from runbook.json_types import MISSING
from runbook.records.contract import Found, Records, item_exists, no_such_item
from runbook.records.query import NEWEST_FIRST, And, Not, Or, Test
from runbook.wix.client import DATA

if TYPE_CHECKING:
    from runbook.catalog import Catalog
    from runbook.json_types import Item, Json
    from runbook.records.query import Condition, Query
    from runbook.state.flags import Side
    from runbook.wix.client import WixClient

_BULK = 1000  # items a request takes
_AGAIN = 1.0  # seconds between two tries while the caller waits
_EXISTS, _MISSING = "WDE0074", "WDE0073"
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
        answer = self._read("query", collection, body, f"query {collection}")
        items = [_data(entry) for entry in answer.get("dataItems") or ()]
        return Found(items, bool((answer.get("pagingMetadata") or {}).get("hasNext")))

    def _count(self, collection: str, query: Query, consistent: bool) -> int:
        body = {"dataCollectionId": collection, "consistentRead": consistent, "filter": to_filter(query.where)}
        answer = self._read("count", collection, body, f"count the items of {collection}")
        return int(answer.get("totalCount", 0))

    def _insert(self, collection: str, items: list[Item], given: list[bool], wait: float) -> list[Item]:
        if len(items) > 1:
            return self._bulk(
                collection, "insert", items, {i["_id"] for i, ours in zip(items, given, strict=True) if not ours}, wait
            )
        item = items[0]
        body = {"dataCollectionId": collection, "dataItem": {"id": item["_id"], "data": item}}
        try:
            # By an id of our own, a request whose answer was lost can go out again: the second then meets the first.
            return [_data(self._write("/items", collection, body, "insert", wait, repeatable=not given[0])["dataItem"])]
        except WixError as error:
            if error.code != _EXISTS:
                raise
            if given[0]:
                raise item_exists(collection, item["_id"]) from None
            found = self._get(collection, item["_id"], True)
            assert found is not None
            return [found]

    def _update(self, collection: str, items: list[Item], wait: float) -> list[Item]:
        if len(items) > 1:
            return self._bulk(collection, "update", items, set(), wait)
        item = items[0]
        body = {"dataCollectionId": collection, "dataItem": {"id": item["_id"], "data": item}}
        return [_data(self._change("/items/update", collection, item["_id"], body, "update", wait)["dataItem"])]

    def _patch(self, collection: str, item_id: str, changes: dict[str, Any], wait: float) -> Item:
        if not changes:
            found = self._get(collection, item_id, True)
            if found is None:
                raise no_such_item(collection, item_id)
            return found
        steps = [
            {"fieldPath": key, "action": "REMOVE_FIELD"}
            if value is MISSING
            else {"fieldPath": key, "action": "SET_FIELD", "setFieldOptions": {"value": value}}
            for key, value in changes.items()
        ]
        body = {"dataCollectionId": collection, "patch": {"dataItemId": item_id, "fieldModifications": steps}}
        return _data(self._change("/items/patch", collection, item_id, body, "patch", wait)["dataItem"])

    def _remove(self, collection: str, item_id: str, wait: float) -> None:
        body = {"dataCollectionId": collection, "dataItemId": item_id}
        self._change("/items/remove", collection, item_id, body, "remove", wait)

    # ------------------------------------------------------------------ asking

    def _read(self, verb: str, collection: str, body: dict[str, Json], what: str) -> dict[str, Any]:
        try:
            return self._client.ask("POST", f"{DATA}/items/{verb}", body, what=what, repeatable=True, quiet=True)
        except WixError as error:
            if _is_down(error):
                raise SourceDown(str(error), collection=collection) from None
            raise

    def _change(
        self, path: str, collection: str, item_id: str, body: dict[str, Json], verb: str, wait: float
    ) -> dict[str, Any]:
        try:
            return self._write(path, collection, body, verb, wait, repeatable=verb != "remove")
        except WixError as error:
            if error.code == _MISSING:
                raise no_such_item(collection, item_id) from None
            raise

    def _write(
        self, path: str, collection: str, body: dict[str, Json], verb: str, wait: float, *, repeatable: bool
    ) -> dict[str, Any]:
        deadline = time.monotonic() + wait
        while True:
            try:
                return self._client.ask(
                    "POST",
                    f"{DATA}{path}",
                    body,
                    what=f"{verb} in {collection}",
                    repeatable=repeatable,
                    quiet=True,
                    permission=_PERMISSION,
                )
            except WixError as error:
                if not _is_down(error):
                    raise
                if not repeatable or time.monotonic() >= deadline:
                    unsure = f"{error}; whether it was done is not known"
                    raise SourceDown(unsure, collection=collection, done=None) from None
                time.sleep(_AGAIN)

    def _bulk(self, collection: str, verb: str, items: list[Item], ours: set[str], wait: float) -> list[Item]:
        """Many items, a thousand a request. `ours`: ids that were made here, so one that is there is this very item."""
        written: dict[str, Item] = {}
        for start in range(0, len(items), _BULK):
            entries: list[Json] = [{"id": item["_id"], "data": item} for item in items[start : start + _BULK]]
            body = {"dataCollectionId": collection, "dataItems": entries, "returnEntity": True}
            answer = self._write(f"/bulk/items/{verb}", collection, body, f"bulk {verb}", wait, repeatable=True)
            for number, result in enumerate(answer["results"]):
                about = result["itemMetadata"]
                item_id = entries[about.get("originalIndex", number)]["id"]
                if about.get("success"):
                    written[item_id] = _data(result["dataItem"])
                    continue
                code = (about.get("error") or {}).get("code")
                done = f"{len(written):,} of {len(items):,} were written"
                if code == _EXISTS and item_id in ours:
                    found = self._get(collection, item_id, True)
                    assert found is not None
                    written[item_id] = found
                elif code in (_EXISTS, _MISSING):
                    error = (item_exists if code == _EXISTS else no_such_item)(collection, item_id)
                    raise type(error)(
                        f"{collection}: bulk {verb} stopped at {item_id} ({code}); {done}",
                        collection=collection,
                        field="_id",
                        id=item_id,
                    )
                else:
                    raise RecordsError(
                        f"{collection}: Wix refused to {verb} {item_id} ({code}); {done}",
                        collection=collection,
                        id=item_id,
                    )
        return [written[item["_id"]] for item in items]


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


def _data(entry: dict[str, Json]) -> Item:
    item: Item = entry.get("data") or {}
    return item if "_id" in item else {"_id": entry["id"], **item}
