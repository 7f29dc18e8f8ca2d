"""Bulk writes: always 200, each entry with its own success or refusal; the entries that succeed commit together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.wix.collections import Collection
from sandbox.wix.errors import Refusal, WixError, bad_argument
from sandbox.wix.items import read_item_id
from sandbox.wix.params import Params
from sandbox.wix.patches import read_modifications
from sandbox.wix.queries import condition_of
from sandbox.wix.responses import envelope
from sandbox.wix.site import Call
from sandbox.wix.writes import patch_item, read_data, save_links, take_links, upsert

Write = Callable[[Any], tuple[str, dict[str, Any]]]

MAX_ENTRIES = 1000


def bulk_insert(call: Call) -> Any:
    """Bulk result of inserts."""
    collection = call.open("insert", "BULK_INSERT")

    def write(entry: Any) -> tuple[str, dict[str, Any]]:
        data = read_data(_entry(entry))
        links = take_links(call, collection, data, bulk=True)
        return "INSERT", save_links(call, collection, call.site.items.insert(collection, data), links)

    return write_each(call, collection, "dataItems", "INSERT", write)


def bulk_update(call: Call) -> Any:
    """Bulk result of updates."""
    collection = call.open("update", "BULK_UPDATE")
    check = condition_of(call, collection)

    def write(entry: Any) -> tuple[str, dict[str, Any]]:
        data = read_data(_entry(entry), update=True)
        links = take_links(call, collection, data, bulk=True)
        check(data["_id"])
        return "UPDATE", save_links(call, collection, call.site.items.update(collection, data), links)

    return write_each(call, collection, "dataItems", "UPDATE", write)


def bulk_save(call: Call) -> Any:
    """Bulk result of saves; each entry says whether it was an INSERT or an UPDATE."""
    collection = call.open("insert", "BULK_SAVE")
    call.site.allow(collection, "update")

    def write(entry: Any) -> tuple[str, dict[str, Any]]:
        data = read_data(_entry(entry))
        links = take_links(call, collection, data, bulk=True)
        action, item = upsert(call, collection, data)
        return action, save_links(call, collection, item, links)

    return write_each(call, collection, "dataItems", "INSERT", write)


def bulk_patch(call: Call) -> Any:
    """Bulk result of patches."""
    collection = call.open("update", "BULK_UPDATE")
    check = condition_of(call, collection)

    def write(entry: Any) -> tuple[str, dict[str, Any]]:
        params = _entry(entry)
        item_id = read_item_id(params.raw("dataItemId"), update=True)
        changes = read_modifications(params)
        check(item_id)
        return "UPDATE", patch_item(call, collection, item_id, changes)

    return write_each(call, collection, "patches", "UPDATE", write)


def bulk_remove(call: Call) -> Any:
    """Bulk result of removals."""
    collection = call.open("remove", "BULK_REMOVE")
    check = condition_of(call, collection)

    def write(entry: Any) -> tuple[str, dict[str, Any]]:
        item_id = read_item_id(entry)
        check(item_id)
        return "DELETE", call.site.items.remove(collection, item_id)

    return write_each(call, collection, "dataItemIds", "DELETE", write)


def entries_of(call: Call, name: str) -> list[Any]:
    """The entries of a bulk request, 1 to 1000; raises WDE0080, WDE0006, WDE0069."""
    entries = call.params.array(name)
    if not entries:
        raise bad_argument(f"{name} must not be empty")
    if len(entries) > MAX_ENTRIES:
        if name == "dataItemIds":
            raise WixError("WDE0069", "Failed to remove items. Cannot remove more than 1000 items in one request.")
        raise WixError("WDE0006", "Failed to bulk save items. Cannot insert more than 1000 items in one request.")
    return entries


def refusal_of(error: Refusal) -> dict[str, Any]:
    """A refusal as a failed entry carries it; a violation is reported as WDE0080."""
    known = error if isinstance(error, WixError) else bad_argument(str(error))
    return known.application_error()


def write_each(call: Call, collection: Collection, name: str, action: str, write: Write) -> Any:
    """The bulk result of `write` on each entry of `name`: it gives (action, the item), `collection` is the item's."""
    entries = entries_of(call, name)
    returned = call.params.flag("returnEntity")
    call.site.quota.take("writes")
    results: list[dict[str, Any]] = []
    for number, entry in enumerate(entries):
        result: dict[str, Any] = {"action": action}
        try:
            result["action"], item = write(entry)
        except Refusal as error:
            metadata = {"id": _named_id(entry), "originalIndex": number, "success": False, "error": refusal_of(error)}
            results.append({**result, "itemMetadata": metadata})
            continue
        call.wrote += 1
        result["itemMetadata"] = {"id": item["_id"], "originalIndex": number, "success": True}
        if returned:
            result["dataItem"] = envelope(item, collection.id)
        results.append(result)
    counts = {"totalSuccesses": call.wrote, "totalFailures": len(entries) - call.wrote}
    return {"results": results, "bulkActionMetadata": counts}


def _entry(entry: Any) -> Params:
    if not isinstance(entry, dict):
        raise WixError("WDE0005", "Failed to bulk save items. Items must be an array of JavaScript objects.")
    return Params(entry)


def _named_id(entry: Any) -> str:
    """The id an entry was sent with, to identify which one failed."""
    if isinstance(entry, dict):
        data = entry.get("data")
        inner = data.get("_id") if isinstance(data, dict) else None
        entry = entry.get("id") or entry.get("dataItemId") or inner
    return entry if isinstance(entry, str) else ""
