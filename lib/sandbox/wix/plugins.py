"""The plugins of a collection: put on and taken off.

DRAFT_ITEMS has calls of its own, because the drafts there are must go somewhere; the others are kept as they are sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.wix.collection_api import named_collection
from sandbox.wix.collections import Collection
from sandbox.wix.drafts import publish
from sandbox.wix.errors import WixError, bad_argument
from sandbox.wix.schema import PLUGIN_TYPES, paired, plugin_of
from sandbox.wix.site import Call
from sandbox.wix.values import clean, is_draft

_ON_PUBLISH = ("FAIL_WHEN_DRAFT_ITEMS_INSTALLED", "DISCARD_DRAFT_ITEMS", "PUBLISH_DRAFT_ITEMS")
_COPY = "COPY_DRAFT_ITEMS_WITH_DRAFT_STATUS"
_ON_REMOVAL = ("FAIL_IF_DRAFT_ITEMS_EXIST", "DISCARD_EXISTING_DRAFT_ITEMS", "PUBLISH_EXISTING_DRAFT_ITEMS")

OPTIONS = {
    "publish": "publishOptions",
    "urlized": "urlizedOptions",
    "multilingual": "multilingualOptions",
    "cms": "cmsOptions",
    "catalog": "catalogOptions",
}
"""The plugins with calls of their own (`add-publish-plugin`), and where their options are."""


def add_plugin(call: Call) -> Any:
    """`{dataCollection}`; raises Violation, WDE0080 for one that is on, WDE0170 for one that cannot be put on."""
    collection = named_collection(call, call.params.collection())
    params = call.params.part("plugin")
    params.text("type")
    if params.choice("type", PLUGIN_TYPES) in ("SINGLE_ITEM", "DRAFT_ITEMS"):
        # SINGLE_ITEM is for new collections alone (the client's typings); DRAFT_ITEMS has its own call.
        raise WixError("WDE0170", "Data collection change is not supported.")
    return _add(call, collection, params.parts)


def delete_plugin(call: Call) -> Any:
    """`{dataCollection}`; raises Violation, WDE0080 for one that is not on, WDE0170 for DRAFT_ITEMS."""
    kind = call.params.text("pluginType")
    if kind == "DRAFT_ITEMS":
        raise WixError("WDE0170", "Data collection change is not supported.")
    return _delete(call, named_collection(call, call.params.collection()), kind)


def adder(name: str) -> Callable[[Call], Any]:
    """The handler of `add-<name>-plugin`: `{dataCollectionId, <name>Options}`."""

    def add(call: Call) -> Any:
        collection = named_collection(call, call.params.collection())
        options = call.params.part(OPTIONS[name]).parts
        if name == "publish" and collection.drafts_id:
            collection = _merge_drafts(call, collection)
        return _add(call, collection, {"type": name.upper(), OPTIONS[name]: options})

    return add


def deleter(name: str) -> Callable[[Call], Any]:
    """The handler of `delete-<name>-plugin`: `{dataCollectionId}`."""
    return lambda call: _delete(call, named_collection(call, call.params.collection()), name.upper())


def add_draft_items(call: Call) -> Any:
    """`{dataCollection}`: a collection for its drafts is made. `publishPluginConflictAction` says what PUBLISH's do.

    Raises WDE0080 where a plugin that keeps drafts is on, WDE0104 where the other collection's id is taken.
    """
    collection = named_collection(call, call.params.collection())
    action = call.params.choice("publishPluginConflictAction", ("FAIL_WHEN_PUBLISH_INSTALLED", _COPY))
    plugins = [plugin for plugin in collection.body["plugins"] if plugin.get("type") != "PUBLISH"]
    if plugin_of(collection.body, "DRAFT_ITEMS") or (collection.keeps_drafts and action != _COPY):
        raise bad_argument(f"Collection {collection.id} keeps drafts already.")
    call.site.quota.take("writes")
    drafts_id = f"{collection.id}__drafts"
    mine, theirs = {"draftsCollectionId": drafts_id}, {"publishedCollectionId": collection.id}
    pair = {"id": drafts_id, "displayName": f"{collection.body['displayName']} (drafts)"}
    shadow = {**collection.body, **pair, "plugins": [{"type": "DRAFT_ITEMS", "draftItemsOptions": theirs}]}
    drafts = call.site.collections.create(shadow)
    plugins.append({"type": "DRAFT_ITEMS", "draftItemsOptions": mine})
    kept = call.site.collections.store(collection, {**collection.body, "plugins": plugins})
    if collection.keeps_drafts:
        for item in call.site.items.every(collection):
            status = {key: value for key, value in item.items() if key != "_publishStatus"}
            call.site.items.put(drafts if is_draft(item) else kept, status)
            if is_draft(item):
                call.site.items.remove(kept, item["_id"])
    return {"dataCollection": call.site.collections.show(kept)}


def delete_draft_items(call: Call) -> Any:
    """`{dataCollection}`; `draftItemsRemovalAction` says what the drafts do. Raises WDE0080."""
    collection = named_collection(call, call.params.collection())
    action = call.params.choice("draftItemsRemovalAction", _ON_REMOVAL)
    if not collection.drafts_id:
        raise bad_argument(f"Collection {collection.id} has no DRAFT_ITEMS plugin.")
    call.site.quota.take("writes")
    drafts = call.site.items.every(call.site.collections.get(collection.drafts_id))
    if drafts and action == _ON_REMOVAL[0]:
        raise bad_argument(f"Collection {collection.id} has drafts.")
    if action == _ON_REMOVAL[2]:
        for draft in drafts:
            publish(call.site, collection, draft["_id"])
    return {"dataCollection": call.site.collections.show(_part(call, collection))}


def _merge_drafts(call: Call, collection: Collection) -> Collection:
    """Take DRAFT_ITEMS off for PUBLISH, the drafts as `draftItemsPluginConflictAction` says. Raises WDE0080."""
    action = call.params.choice("draftItemsPluginConflictAction", (*_ON_PUBLISH, _COPY))
    if action == _ON_PUBLISH[0]:
        raise bad_argument(f"Collection {collection.id} keeps drafts already.")
    for draft in call.site.items.every(call.site.collections.get(collection.drafts_id)):
        if action == _ON_PUBLISH[2]:
            publish(call.site, collection, draft["_id"])
        elif action == _COPY and call.site.items.find(collection, draft["_id"]) is None:
            item = publish(call.site, collection, draft["_id"])
            call.site.items.put(collection, {**item, "_publishStatus": "DRAFT"})
    return _part(call, collection)


def _part(call: Call, collection: Collection) -> Collection:
    """Take DRAFT_ITEMS off, and the other collection away for good."""
    drafts_id = paired(collection.body, "draftsCollectionId")
    plugins = [plugin for plugin in collection.body["plugins"] if plugin.get("type") != "DRAFT_ITEMS"]
    call.site.collections.purge(drafts_id)
    return call.site.collections.store(collection, {**collection.body, "plugins": plugins})


def _add(call: Call, collection: Collection, plugin: dict[str, Any]) -> Any:
    if plugin_of(collection.body, plugin["type"]) is not None:
        raise bad_argument(f"Collection {collection.id} has the {plugin['type']} plugin already.")
    if plugin["type"] == "PUBLISH" and collection.drafts_id:
        raise bad_argument(f"Collection {collection.id} keeps drafts already.")
    call.site.quota.take("writes")
    return _stored(call, collection, [*collection.body["plugins"], clean(plugin)])


def _delete(call: Call, collection: Collection, kind: str) -> Any:
    gone = plugin_of(collection.body, kind)
    if gone is None:
        raise bad_argument(f"Collection {collection.id} has no {kind} plugin.")
    call.site.quota.take("writes")
    return _stored(call, collection, [plugin for plugin in collection.body["plugins"] if plugin is not gone])


def _stored(call: Call, collection: Collection, plugins: list[dict[str, Any]]) -> Any:
    changed = call.site.collections.store(collection, {**collection.body, "plugins": plugins})
    return {"dataCollection": call.site.collections.show(changed)}
