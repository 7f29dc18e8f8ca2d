"""Drafts: items taken back from the site, and put on it.

Two plugins keep drafts. Under DRAFT_ITEMS a second collection, `<id>__drafts`, holds them beside the published items
of the same id (dev.wix.com, "CMS Draft & Publish Workflow"). Under PUBLISH an item is there once, and
`_publishStatus` says what it is; that the same calls turn it is a choice [ASSUME].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.wix.bulk import write_each
from sandbox.wix.collections import Collection
from sandbox.wix.errors import WixError, no_such_item
from sandbox.wix.items import read_item_id
from sandbox.wix.responses import envelope
from sandbox.wix.site import Call, Site
from sandbox.wix.values import is_draft

Item = dict[str, Any]
Move = Callable[[Site, Collection, str], Item]


def create_draft(call: Call) -> Any:
    """`{dataItem}`, the draft: a copy of the published item. Raises WDE0073, WDE0074, WDE0120."""
    return _single(call, "CREATE_DRAFT", copy_to_draft)


def publish_draft(call: Call) -> Any:
    """`{dataItem}`, the published item: the draft has taken its place. Raises WDE0073, WDE0120, WDE0123."""
    return _single(call, "PUBLISH_DRAFT", publish)


def unpublish_item(call: Call) -> Any:
    """`{dataItem}`, the draft, over one there was; with `copyToDraft` false the item is deleted: `{}`.

    Raises WDE0073, WDE0120.
    """
    if "copyToDraft" in call.params and not call.params.flag("copyToDraft"):
        return _single(call, "UNPUBLISH", withdraw)
    return _single(call, "UNPUBLISH", unpublish)


def bulk_create_drafts(call: Call) -> Any:
    """Bulk result of new drafts."""
    return _each(call, "CREATE_DRAFT", "INSERT", copy_to_draft)


def bulk_publish_drafts(call: Call) -> Any:
    """Bulk result of published drafts."""
    return _each(call, "PUBLISH_DRAFT", "UPDATE", publish)


def bulk_unpublish(call: Call) -> Any:
    """Bulk result of items turned into drafts."""
    return _each(call, "UNPUBLISH", "UPDATE", unpublish)


def copy_to_draft(site: Site, collection: Collection, item_id: str) -> Item:
    """Copy a published item to the drafts; raises WDE0073, WDE0074."""
    drafts = _drafts(site, collection)
    if site.items.find(drafts, item_id) is not None:
        text = f"A draft of the item with _id [{item_id}] already exists."
        raise WixError("WDE0074", text, {"dataItemId": item_id})
    return _copy(site, collection, drafts, item_id)


def publish(site: Site, collection: Collection, item_id: str) -> Item:
    """Put a draft in the place of the published item; raises WDE0073, WDE0123."""
    if not collection.drafts_id:
        return _turn(site, collection, item_id, "PUBLISHED")
    drafts = _drafts(site, collection)
    item = _copy(site, drafts, collection, item_id)
    site.items.remove(drafts, item_id)
    return item


def unpublish(site: Site, collection: Collection, item_id: str) -> Item:
    """Put a published item in the place of its draft; raises WDE0073."""
    if not collection.drafts_id:
        return _turn(site, collection, item_id, "DRAFT")
    item = _copy(site, collection, _drafts(site, collection), item_id)
    site.items.remove(collection, item_id)
    return item


def withdraw(site: Site, collection: Collection, item_id: str) -> Item:
    """Remove a published item; raises WDE0073."""
    item = site.items.find(collection, item_id)
    if item is None or (collection.keeps_drafts and is_draft(item)):
        raise no_such_item(item_id, collection.id)
    return site.items.remove(collection, item_id)


def _drafts(site: Site, collection: Collection) -> Collection:
    return site.collections.get(collection.drafts_id)


def _copy(site: Site, source: Collection, target: Collection, item_id: str) -> Item:
    """The item with its links, over what the other collection has under the id."""
    item = site.items.find(source, item_id)
    if item is None:
        raise no_such_item(item_id, source.id)
    written = site.items.put(target, item)
    for key, face in source.faces.items():
        if key in target.faces:
            site.links.replace(target.faces[key], item_id, site.links.of(face, item_id))
    return written


def _turn(site: Site, collection: Collection, item_id: str, status: str) -> Item:
    """Mark an item that is not `status` yet; one that is counts as missing."""
    item = site.items.find(collection, item_id)
    if item is None or is_draft(item) == (status == "DRAFT"):
        raise no_such_item(item_id, collection.id)
    return site.items.put(collection, {**item, "_publishStatus": status})


def _open(call: Call, operation: str) -> Collection:
    """The published collection. Raises WDE0120 where it keeps no drafts, or none beside the published items."""
    collection = call.open("update")
    if not collection.drafts_id and (operation == "CREATE_DRAFT" or not collection.keeps_drafts):
        raise WixError("WDE0120", f"{collection.id} does not support {operation} operation.")
    return collection


def _home(call: Call, collection: Collection, move: Move) -> Collection:
    """The collection of the item that a move gives."""
    if collection.drafts_id and move in (copy_to_draft, unpublish):
        return _drafts(call.site, collection)
    return collection


def _single(call: Call, operation: str, move: Move) -> Any:
    collection = _open(call, operation)
    item_id = read_item_id(call.params.raw("dataItemId"))
    call.site.quota.take("writes")
    call.wrote = 1
    item = move(call.site, collection, item_id)
    return {} if move is withdraw else {"dataItem": envelope(item, _home(call, collection, move).id)}


def _each(call: Call, operation: str, action: str, move: Move) -> Any:
    collection = _open(call, operation)

    def write(entry: Any) -> tuple[str, Item]:
        return action, move(call.site, collection, read_item_id(entry))

    return write_each(call, _home(call, collection, move), "dataItemIds", action, write)
