"""Writing items: insert, update, save, patch, remove, truncate."""

from __future__ import annotations

from typing import Any

from sandbox.web import clean_text
from sandbox.wix.collections import Collection
from sandbox.wix.errors import WixError, bad_argument
from sandbox.wix.items import read_item_id
from sandbox.wix.params import Params
from sandbox.wix.patches import modify, read_modifications
from sandbox.wix.queries import condition_of
from sandbox.wix.responses import envelope
from sandbox.wix.site import Call
from sandbox.wix.values import path_of


def read_data(entry: Params, *, update: bool = False, tail: str = "") -> dict[str, Any]:
    """`{id?, data}` as an item whose `_id`, where it has one, is checked. Raises WDE0002, WDE0004, WDE0007, WDE0080."""
    data = entry.raw("data")
    if data is None and "id" not in entry and not tail:
        raise WixError("WDE0004", "Failed to save item. Items must be JavaScript objects.")
    if data is not None and not isinstance(data, dict):
        raise WixError("WDE0004", "Failed to save item. Items must be JavaScript objects.")
    data = dict(data or {})
    outer = entry.raw("id")
    inner = data.get("_id")
    if "_id" in data and not update:
        read_item_id(inner)
    if outer is not None and inner is not None and outer != inner:
        raise bad_argument("dataItem.id and dataItem.data._id must be the same.")
    given = inner if inner is not None else outer if outer is not None else tail or None
    if update or given is not None:
        data["_id"] = read_item_id(given, update=update)
    return data


def refuse_links(collection: Collection, names: list[str]) -> None:
    """Raises WDE0303 where an item's keys hold a multi-reference."""
    for name in names:
        if path_of(name)[0] in collection.faces:
            text = f"Multi-reference field {name} cannot be written by item operations; use the reference operations."
            raise WixError("WDE0303", text, {"fieldName": name})


def take_links(call: Call, collection: Collection, data: dict[str, Any], *, bulk: bool = False) -> dict[str, list[str]]:
    """Take the multi-references out of an item's data; with `saveReferences` they are ids to link to, by key.

    Without it they are refused (WDE0303), and in bulk writes left out silently [REAL for bulk insert; the others
    are ASSUMEd alike]. Raises WDE0021 for what is no list of ids or items, WDE0073 for an item that does not exist.
    """
    held = [key for key in data if key in collection.faces]
    if not call.params.flag("saveReferences"):
        if not bulk:
            refuse_links(collection, held)
        for key in held:
            del data[key]
        return {}
    links = {}
    for key in held:
        values = data.pop(key) or []
        entries = values if isinstance(values, list) else [None]
        named = [entry.get("_id") if isinstance(entry, dict) else entry for entry in entries]
        ids = [clean_text(entry) for entry in named if isinstance(entry, str) and entry]
        if len(ids) < len(named):
            raise WixError("WDE0021", "Invalid reference", {"fieldName": key})
        for entry in ids:
            call.site.links.check_item(collection.faces[key].target, entry)
        links[key] = ids
    return links


def save_links(call: Call, collection: Collection, item: dict[str, Any], links: dict[str, list[str]]) -> dict[str, Any]:
    """Link a written item to these and no others, under the keys that were sent; returns the item."""
    for key, ids in links.items():
        call.site.links.replace(collection.faces[key], item["_id"], ids)
    return item


def insert(call: Call) -> Any:
    """`{dataItem}`; raises WDE0074, WDE0303."""
    collection = call.open("insert", "INSERT")
    data = read_data(call.params.part("dataItem"))
    links = take_links(call, collection, data)
    call.site.quota.take("writes")
    call.wrote = 1
    item = save_links(call, collection, call.site.items.insert(collection, data), links)
    return {"dataItem": envelope(item, collection.id)}


def update(call: Call) -> Any:
    """`{dataItem}`: the whole item is replaced; raises WDE0073, WDE0303."""
    collection = call.open("update", "UPDATE")
    data = read_data(call.params.part("dataItem"), update=True, tail=call.tail)
    links = take_links(call, collection, data)
    call.site.quota.take("writes")
    call.wrote = 1
    condition_of(call, collection)(data["_id"])
    item = save_links(call, collection, call.site.items.update(collection, data), links)
    return {"dataItem": envelope(item, collection.id)}


def save(call: Call) -> Any:
    """`{action, dataItem}`: update where the item exists, insert where it does not; raises WDE0303."""
    collection = call.open("insert", "SAVE")
    call.site.allow(collection, "update")
    data = read_data(call.params.part("dataItem"))
    links = take_links(call, collection, data)
    call.site.quota.take("writes")
    call.wrote = 1
    action, item = upsert(call, collection, data)
    save_links(call, collection, item, links)
    done = {"INSERT": "INSERTED", "UPDATE": "UPDATED"}[action]
    return {"action": done, "dataItem": envelope(item, collection.id)}


def upsert(call: Call, collection: Collection, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """("INSERT" or "UPDATE", the item)."""
    items = call.site.items
    if collection.single_id:
        data.setdefault("_id", collection.single_id)
    if "_id" in data and items.find(collection, data["_id"]) is not None:
        return "UPDATE", items.update(collection, data)
    return "INSERT", items.insert(collection, data)


def patch(call: Call) -> Any:
    """`{dataItem}` with the changes made; raises WDE0073, WDE0303."""
    collection = call.open("update", "UPDATE")
    params = call.params.part("patch")
    item_id = read_item_id(params.raw("dataItemId") or call.item_id())
    changes = read_modifications(params)
    call.site.quota.take("writes")
    call.wrote = 1
    condition_of(call, collection)(item_id)
    return {"dataItem": envelope(patch_item(call, collection, item_id, changes), collection.id)}


def patch_item(call: Call, collection: Collection, item_id: str, changes: list[tuple[str, str, Any]]) -> dict[str, Any]:
    """Make the changes on one item."""
    refuse_links(collection, [name for _, name, _ in changes])
    before = call.site.items.find(collection, item_id)
    return call.site.items.update(collection, modify(before or {}, changes) | {"_id": item_id})


def remove(call: Call) -> Any:
    """`{dataItem}`, the one removed; raises WDE0073."""
    item_id = read_item_id(call.item_id())
    collection = call.open("remove", "REMOVE")
    call.site.quota.take("writes")
    call.wrote = 1
    condition_of(call, collection)(item_id)
    return {"dataItem": envelope(call.site.items.remove(collection, item_id), collection.id)}


def truncate(call: Call) -> Any:
    """`{}`: every item is deleted, with its links on both sides."""
    collection = call.open("remove", "TRUNCATE")
    call.site.quota.take("writes")
    call.wrote = call.site.items.truncate(collection)
    return {}
