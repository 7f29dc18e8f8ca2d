"""The Collections API: collections and their fields."""

from __future__ import annotations

from typing import Any

from sandbox.wix.collections import Collection
from sandbox.wix.errors import Violation, WixError, bad_argument, no_such_collection
from sandbox.wix.schema import MAX_COLLECTIONS, MAX_FIELDS, SYSTEM_KEYS, plugin_of, read_collection, read_field
from sandbox.wix.site import Call

_PATCHABLE = ("displayName", "displayField", "displayNamespace")


def named_collection(call: Call, collection_id: str) -> Collection:
    """An existing collection; raises WDE0025, also for one that was deleted."""
    collection = call.site.collections.find(collection_id)
    if collection is None:
        raise no_such_collection(collection_id)
    return collection


def list_collections(call: Call) -> Any:
    """`{collections, pagingMetadata}`, by id; no `hasNext`."""
    params = call.params
    paging, sort = params.part("paging"), params.part("sort")
    limit, offset = paging.integer("limit", 50, 1, 1000), paging.integer("offset", 0, 0)
    descending = sort.choice("order", ("ASC", "DESC")) == "DESC"
    fields = params.texts("fields")
    call.site.quota.take("reads")
    collections = [call.site.collections.get(name) for name in call.site.collections.ids()]
    key = sort.text_or("fieldName", "id")
    collections.sort(key=lambda element: str(element.body.get(key, "")), reverse=descending)
    page = collections[offset : offset + limit]
    metadata = {"count": len(page), "offset": offset, "total": len(collections), "tooManyToCount": False}
    return {"collections": [_shown(call, element, fields) for element in page], "pagingMetadata": metadata}


def get_collection(call: Call) -> Any:
    """`{collection}`; raises WDE0025, also for one that was deleted."""
    collection_id = call.params.text_or("dataCollectionId") or call.tail
    collection = named_collection(call, collection_id)
    call.site.quota.take("reads")
    return {"collection": _shown(call, collection, call.params.texts("fields"))}


def _shown(call: Call, collection: Collection, fields: list[str]) -> dict[str, Any]:
    shown = call.site.collections.show(collection)
    if not fields:
        return shown
    return {name: value for name, value in shown.items() if name == "id" or name in fields}


def create_collection(call: Call) -> Any:
    """`{collection}`; raises Violation, WDE0104, WDE0170 for the DRAFT_ITEMS plugin."""
    params = call.params.part("collection")
    body = read_collection(params)
    if plugin_of(body, "DRAFT_ITEMS") is not None:
        raise WixError("WDE0170", "Data collection change is not supported.")
    if not body["fields"]:
        raise Violation("collection.fields", "must have at least one entry", "MIN_SIZE", threshold=1)
    if len(call.site.collections.ids()) >= MAX_COLLECTIONS:
        raise bad_argument(f"A site cannot have more than {MAX_COLLECTIONS} collections.")
    call.site.quota.take("writes")
    return {"collection": call.site.collections.show(call.site.collections.create(body))}


def update_collection(call: Call) -> Any:
    """`{collection}`: replaced as a whole; needs the current `revision` (409 WDE0178 [ASSUME])."""
    params = call.params.part("collection")
    collection = named_collection(call, params.text("id"))
    revision = params.raw("revision")
    if isinstance(revision, bool) or not isinstance(revision, (str, int)):
        raise Violation("collection.revision", "must be the collection's revision", "REQUIRED_FIELD")
    if str(revision) != collection.body["revision"]:
        raise WixError("WDE0178", "Invalid document revision.", {"revision": collection.body["revision"]})
    call.site.quota.take("writes")
    body = {**read_collection(params), "createdDate": collection.body["createdDate"]}
    body["plugins"] = [plugin for plugin in body["plugins"] if plugin.get("type") != "DRAFT_ITEMS"]
    kept = plugin_of(collection.body, "DRAFT_ITEMS")  # which only its own calls put on and take off
    body["plugins"] += [] if kept is None else [kept]
    return {"collection": _stored(call, collection, body)}


def patch_collection(call: Call) -> Any:
    """`{dataCollection}`; names only. Raises WDE0075 for fields or permissions."""
    params = call.params.part("dataCollection" if "dataCollection" in call.params else "collection")
    collection = named_collection(call, call.tail or params.text("id"))
    changes = {name: params.text(name) for name in _PATCHABLE if name in params}
    if {"permissions", "fields", "plugins"} & set(params.parts):
        raise WixError("WDE0075", "Only displayName and displayField can be patched.")
    call.site.quota.take("writes")
    return {"dataCollection": _stored(call, collection, {**collection.body, **changes})}


def delete_collection(call: Call) -> Any:
    """`{}`."""
    collection = named_collection(call, call.params.text_or("dataCollectionId") or call.tail)
    call.site.quota.take("writes")
    call.site.collections.remove(collection)
    return {}


def restore_collection(call: Call) -> Any:
    """`{dataCollection}`; raises WDE0025."""
    call.site.quota.take("writes")
    return {"dataCollection": call.site.collections.show(call.site.collections.restore(call.tail))}


def create_field(call: Call) -> Any:
    """`{dataCollection}`; raises Violation, WDE0080 for a key in use."""
    collection = named_collection(call, call.params.collection())
    field = read_field(call.params.part("field"), collection.id)
    if field["key"] in collection.keys or field["key"] in SYSTEM_KEYS:
        raise bad_argument(f"Field {field['key']} already exists in collection {collection.id}.")
    if len(collection.keys) >= MAX_FIELDS:
        raise bad_argument(f"A collection cannot have more than {MAX_FIELDS} fields.")
    return _with_fields(call, collection, [*collection.fields, field])


def update_field(call: Call) -> Any:
    """`{dataCollection}`: the field is replaced; raises WDE0080 where there is none of its key."""
    collection = named_collection(call, call.params.collection())
    field = read_field(call.params.part("field"), collection.id)
    _field(collection, field["key"])
    return _with_fields(
        call, collection, [field if element["key"] == field["key"] else element for element in collection.fields]
    )


def patch_field(call: Call) -> Any:
    """`{dataCollection}`: what is sent of the field is changed."""
    collection = named_collection(call, call.params.collection())
    params = call.params.part("field")
    before = _field(collection, params.text_or("key") or call.params.text("fieldKey"))
    params.parts = {**before, **params.parts, "key": before["key"]}
    field = read_field(params, collection.id)
    return _with_fields(call, collection, [field if element is before else element for element in collection.fields])


def delete_field(call: Call) -> Any:
    """`{dataCollection}`; items keep what they hold under the key, links of a multi-reference go."""
    collection = named_collection(call, call.params.collection())
    gone = _field(collection, call.params.text("fieldKey"))
    return _with_fields(call, collection, [field for field in collection.fields if field is not gone])


def _field(collection: Collection, key: str) -> dict[str, Any]:
    for field in collection.fields:
        if field["key"] == key:
            return field
    raise bad_argument(f"Field {key} does not exist in collection {collection.id}.")


def _with_fields(call: Call, collection: Collection, fields: list[dict[str, Any]]) -> Any:
    call.site.quota.take("writes")
    return {"dataCollection": _stored(call, collection, {**collection.body, "fields": fields})}


def _stored(call: Call, collection: Collection, body: dict[str, Any]) -> dict[str, Any]:
    return call.site.collections.show(call.site.collections.store(collection, body))
