"""The Indexes API: indexes listed, built and dropped."""

from __future__ import annotations

import json
import uuid
from typing import Any

from sandbox.wix.collection_api import named_collection
from sandbox.wix.collections import Collection
from sandbox.wix.errors import Violation, WixError, bad_argument
from sandbox.wix.filters import Filter
from sandbox.wix.site import Call
from sandbox.wix.snapshot import Snapshot
from sandbox.wix.uniques import unique_value
from sandbox.wix.values import dump_text

MAX_REGULAR, MAX_UNIQUE, MAX_PATHS = 3, 1, 3
_BUILD_SECONDS = 60.0


def list_indexes(call: Call) -> Any:
    """`{indexes, pagingMetadata}`."""
    collection = named_collection(call, call.params.collection())
    paging = call.params.part("paging")
    limit, offset = paging.integer("limit", 100, 1, 100), paging.integer("offset", 0, 0)
    call.site.quota.take("reads")
    indexes = _indexes(call, collection)
    page = indexes[offset : offset + limit]
    metadata = {"count": len(page), "offset": offset, "total": len(indexes), "tooManyToCount": False}
    return {"indexes": page, "pagingMetadata": metadata}


def available_indexes(call: Call) -> Any:
    """How many indexes of each kind the collection may have; single-field ones come out of `regular3Field`."""
    named_collection(call, call.params.collection())
    call.site.quota.take("reads")
    total = MAX_REGULAR + MAX_UNIQUE
    return {"regular1Field": 0, "regular3Field": MAX_REGULAR, "unique1Field": MAX_UNIQUE, "total": total}


async def create_index(call: Call) -> Any:
    """`{index}`, with status BUILDING; ACTIVE, or FAILED with a `failure`, is what the list says afterwards.

    Raises Violation, WDE0164 for the same fields twice, WDE0080 for one index too many or a name in use.
    A unique index holds for writes from the start; the items there are read while others are served.
    """
    collection = named_collection(call, call.params.collection())
    index = _read_index(call, collection)
    call.site.quota.take("writes")
    store = call.site.store
    with store.transaction():
        row = (collection.number, index["name"], dump_text(index))
        store.execute("INSERT INTO wix_index VALUES (?, ?, ?)", row)
        call.site.collections.forget()
    built = {**index, "status": "ACTIVE"}
    if index["unique"]:
        failure = await _fill(call, collection, index)
        if failure is not None:
            built = {**index, "status": "FAILED", "failure": failure}
    with store.transaction():
        key = (collection.number, index["name"])
        store.execute("UPDATE wix_index SET body = ? WHERE collection = ? AND name = ?", (dump_text(built), *key))
        if built["status"] == "FAILED":
            store.execute("DELETE FROM wix_unique WHERE collection = ? AND name = ?", key)
        call.site.collections.forget()
    return {"index": index}


def drop_index(call: Call) -> Any:
    """`{}`; raises WDE0080 where there is none of that name."""
    collection = named_collection(call, call.params.collection())
    name = call.params.text_or("indexName") or call.tail
    key = (collection.number, name)
    call.site.quota.take("writes")
    if call.site.store.execute("DELETE FROM wix_index WHERE collection = ? AND name = ?", key).rowcount == 0:
        raise bad_argument(f"Index {name} does not exist in collection {collection.id}.")
    call.site.store.execute("DELETE FROM wix_unique WHERE collection = ? AND name = ?", key)
    call.site.collections.forget()
    return {}


def _indexes(call: Call, collection: Collection) -> list[dict[str, Any]]:
    rows = call.site.store.rows("SELECT body FROM wix_index WHERE collection = ? ORDER BY rowid", (collection.number,))
    return [json.loads(row[0]) for row in rows]


def _read_index(call: Call, collection: Collection) -> dict[str, Any]:
    params = call.params.part("index")
    paths = [
        {"path": entry.text("path"), "order": entry.choice("order", ("ASC", "DESC"))} for entry in params.each("fields")
    ]
    unique = params.flag("unique")
    if not 1 <= len(paths) <= (1 if unique else MAX_PATHS):
        raise Violation("index.fields", "must have 1 to 3 entries, 1 for a unique index", "MAX_SIZE")
    index = {
        "id": str(uuid.uuid4()),
        "name": params.text_or("name") or "_".join(path["path"] for path in paths),
        "fields": paths,
        "status": "BUILDING",
        "unique": unique,
        "caseInsensitive": params.flag("caseInsensitive"),
        "source": "USER",
    }
    others = [other for other in _indexes(call, collection) if other["status"] != "FAILED"]
    if any(other["name"] == index["name"] for other in _indexes(call, collection)):
        raise bad_argument(f"Index {index['name']} already exists in collection {collection.id}.")
    if any(other["fields"] == paths and other["unique"] == unique for other in others):
        text = f"The index {index['name']} with the same fields already exists in collection {collection.id}."
        raise WixError("WDE0164", text)
    if sum(other["unique"] == unique for other in others) >= (MAX_UNIQUE if unique else MAX_REGULAR):
        raise bad_argument("The collection cannot have more indexes of this kind.")
    return index


async def _fill(call: Call, collection: Collection, index: dict[str, Any]) -> dict[str, Any] | None:
    """Hold the value of every item there is; the failure where two share one (WDE0113) or one is too long."""
    store = call.site.store
    async for _, scanned in Snapshot(store, collection.number, seconds=_BUILD_SECONDS).scan(Filter()):
        item = call.site.items.find(collection, scanned["_id"])  # it may have changed since it was scanned
        if item is None:
            continue
        try:
            value = unique_value(index, item)
        except WixError as error:
            return {**error.application_error(), "itemId": item["_id"]}
        if value is None:
            continue
        store.execute(
            "INSERT OR IGNORE INTO wix_unique VALUES (?, ?, ?, ?)",
            (collection.number, index["name"], value, item["_id"]),
        )
        row: Any = store.row(
            "SELECT id FROM wix_unique WHERE collection = ? AND name = ? AND value = ?",
            (collection.number, index["name"], value),
        )
        if row[0] != item["_id"]:
            text = "WDE0113: Index could not be built: values are not unique."
            return {"code": "WDE0113", "description": text, "itemId": item["_id"]}
    return None
