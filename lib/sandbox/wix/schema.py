"""Fields and collections in the Collections API's words: checked on the way in, completed on the way out."""

from __future__ import annotations

import re
from typing import Any

from sandbox.wix.errors import Violation, WixError, bad_argument
from sandbox.wix.params import Params
from sandbox.wix.values import clean

FIELD_TYPES = frozenset(
    [
        "TEXT",
        "NUMBER",
        "BOOLEAN",
        "DATE",
        "DATETIME",
        "TIME",
        "URL",
        "EMAIL",
        "SLUG",
        "RICH_TEXT",
        "RICH_CONTENT",
        "IMAGE",
        "VIDEO",
        "AUDIO",
        "DOCUMENT",
        "MEDIA_GALLERY",
        "MEDIA_IMAGE",
        "MEDIA_VECTOR_ART",
        "ADDRESS",
        "LANGUAGE",
        "PAGE_LINK",
        "REFERENCE",
        "MULTI_REFERENCE",
        "OBJECT",
        "ARRAY",
        "ARRAY_STRING",
        "ARRAY_DOCUMENT",
        "ANY",
        "LEGACY_TIME",
        "LEGACY_BOOK",
        "LEGACY_EXTERNAL_URL",
        "LEGACY_BROKEN_REFERENCE",
        "LEGACY_IMAGE",
        "LEGACY_COLOR",
        "LEGACY_EXTERNAL_VIDEO",
        "UNKNOWN_FIELD_TYPE",
    ]
)
ACTIONS = ("insert", "update", "remove", "read")
ROLES = ("ADMIN", "SITE_MEMBER_AUTHOR", "SITE_MEMBER", "ANYONE", "CMS_EDITOR", "PRIVILEGED")
OPERATIONS = [
    "AGGREGATE",
    "BULK_INSERT",
    "BULK_REMOVE",
    "BULK_SAVE",
    "BULK_UPDATE",
    "COUNT",
    "DISTINCT",
    "FIND",
    "GET",
    "INSERT",
    "INSERT_REFERENCE",
    "IS_REFERENCED",
    "QUERY_REFERENCED",
    "REMOVE",
    "REMOVE_REFERENCE",
    "REPLACE_REFERENCES",
    "SAVE",
    "TRUNCATE",
    "UPDATE",
]
PLUGIN_TYPES = (
    "PUBLISH",
    "SINGLE_ITEM",
    "URLIZED",
    "GRIDAPPLESS",
    "MULTILINGUAL",
    "SHARED",
    "EDITABLE_PAGE_LINK",
    "CMS",
    "CATALOG",
    "DRAFT_ITEMS",
)
MAX_COLLECTIONS = MAX_FIELDS = 1000

_OPERATORS = [
    "EQ",
    "LT",
    "GT",
    "NE",
    "LTE",
    "GTE",
    "STARTS_WITH",
    "ENDS_WITH",
    "CONTAINS",
    "HAS_SOME",
    "HAS_ALL",
    "EXISTS",
    "URLIZED",
]
_KEY = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
_COLLECTION_ID = re.compile(r"[\w#$@.+-]+(/[\w#$@.+-]+)*")


def _system_field(key: str, name: str, kind: str) -> dict[str, Any]:
    return {"key": key, "displayName": name, "type": kind, "systemField": True}


SYSTEM_FIELDS = [
    _system_field("_id", "ID", "TEXT"),
    _system_field("_owner", "Owner", "TEXT"),
    _system_field("_createdDate", "Created Date", "DATETIME"),
    _system_field("_updatedDate", "Updated Date", "DATETIME"),
]
SYSTEM_KEYS = tuple(field["key"] for field in SYSTEM_FIELDS)


def references(fields: list[dict[str, Any]]) -> dict[str, str]:
    """Single references: key -> the collection they point to."""
    return {
        field["key"]: _metadata(field, "reference").get("referencedCollectionId", "")
        for field in fields
        if field["type"] == "REFERENCE"
    }


def multi_references(fields: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Multi-references: (key, the other collection, the key of the inverse field)."""
    found = []
    for field in fields:
        target = _metadata(field, "multiReference")
        if field["type"] == "MULTI_REFERENCE" and target.get("referencedCollectionId"):
            found.append((field["key"], target["referencedCollectionId"], target["referencingFieldKey"]))
    return found


def _metadata(field: dict[str, Any], kind: str) -> dict[str, Any]:
    metadata = field.get("typeMetadata", {}).get(kind, {})
    return metadata if isinstance(metadata, dict) else {}


def read_field(params: Params, collection_id: str) -> dict[str, Any]:
    """A field, checked. Raises Violation and WDE0080.

    As on the service, `referencedCollection` (the published examples' spelling) is taken and stored as an empty
    target. Without a `referencingFieldKey` the inverse field is called `<collection>_<key>` [ASSUME].
    """
    key = params.text("key")
    if not _KEY.fullmatch(key):
        raise Violation(params.where("key"), f"must match {_KEY.pattern}", "PATTERN")
    kind = params.text("type")
    if kind not in FIELD_TYPES:
        raise Violation(params.where("type"), "must be one of the field types", "ENUM")
    field = {**params.parts, "key": key, "type": kind, "displayName": params.text_or("displayName", key)}
    metadata = dict(params.part("typeMetadata").parts)
    if kind == "REFERENCE":
        target = params.part("typeMetadata").part("reference")
        metadata["reference"] = {"referencedCollectionId": target.text_or("referencedCollectionId")}
    if kind == "MULTI_REFERENCE":
        target = params.part("typeMetadata").part("multiReference")
        reverse = target.text_or("referencingFieldKey") or f"{collection_id.replace('/', '_')}_{key}"[:64]
        if "referencingFieldKey" in target and not _KEY.fullmatch(reverse):
            raise Violation(target.where("referencingFieldKey"), f"must match {_KEY.pattern}", "PATTERN")
        metadata["multiReference"] = {
            "referencedCollectionId": target.text_or("referencedCollectionId"),
            "referencingFieldKey": reverse,
            "referencingDisplayName": target.text_or("referencingDisplayName", reverse),
        }
    if metadata:
        field["typeMetadata"] = metadata
    for name in ("systemField", "capabilities"):
        field.pop(name, None)
    cleaned: dict[str, Any] = clean(field)
    return cleaned


def plugin_of(body: dict[str, Any], kind: str) -> dict[str, Any] | None:
    """A collection's plugin of a type, or None."""
    plugins: list[dict[str, Any]] = body["plugins"]
    return next((plugin for plugin in plugins if plugin.get("type") == kind), None)


def paired(body: dict[str, Any], side: str) -> str:
    """The other collection of the DRAFT_ITEMS plugin: `side` is `draftsCollectionId` or `publishedCollectionId`."""
    options = (plugin_of(body, "DRAFT_ITEMS") or {}).get("draftItemsOptions")
    name = options.get(side) if isinstance(options, dict) else None
    return name if isinstance(name, str) else ""


def read_fields(params: Params, collection_id: str) -> list[dict[str, Any]]:
    """`fields`, without the system fields that a client may send back. Raises Violation and WDE0080."""
    fields = [
        read_field(entry, collection_id)
        for entry in params.each("fields")
        if entry.raw("key") not in SYSTEM_KEYS and entry.raw("systemField") is not True
    ]
    keys = [field["key"] for field in fields]
    if len(set(keys)) < len(keys):
        raise bad_argument("Field keys must be unique.")
    if len(fields) > MAX_FIELDS:
        raise Violation(params.where("fields"), f"must not have more than {MAX_FIELDS} entries", "MAX_SIZE")
    return fields


def read_permissions(params: Params) -> dict[str, str]:
    """`{insert, update, remove, read}`; what is left out is ADMIN. Raises Violation."""
    return {action: params.choice(action, ROLES) for action in ACTIONS}


def read_collection(params: Params) -> dict[str, Any]:
    """A whole collection as create, update and a site's `collections.json` give it. Raises Violation, WDE0080."""
    collection_id = params.text("id")
    if not _COLLECTION_ID.fullmatch(collection_id) or len(collection_id) > 256:
        raise Violation(params.where("id"), "must be letters, digits, `_`, `-`, with `/` between parts", "PATTERN")
    body: dict[str, Any] = {
        "id": collection_id,
        "collectionType": params.text_or("collectionType", "NATIVE"),
        "maxPageSize": params.integer("maxPageSize", 1000, 1, 1000),
        "displayName": params.text_or("displayName", collection_id),
        "fields": read_fields(params, collection_id),
        "permissions": read_permissions(params.part("permissions")),
        "plugins": [plugin.parts for plugin in params.each("plugins")],
        "pagingModes": params.texts("pagingModes") or ["OFFSET"],
    }
    for name in ("displayField", "displayNamespace", "ownerAppId"):
        if name in params:
            body[name] = params.text(name)
    for name in ("defaultDisplayOrder", "capabilities"):
        if name in params:
            body[name] = params.part(name).parts
    cleaned: dict[str, Any] = clean(body)
    return cleaned


def describe(body: dict[str, Any]) -> dict[str, Any]:
    """A stored collection as the API answers it: with capabilities, and the system fields after the user's."""
    fields = [_describe_field({"systemField": False, **field}) for field in body["fields"]]
    fields += [_describe_field(field) for field in SYSTEM_FIELDS]
    capabilities = {
        "dataOperations": OPERATIONS,
        "collectionOperations": ["UPDATE", "REMOVE"],
        "indexLimits": {"regular": 3, "unique": 1, "total": 4},
    }
    return {"capabilities": capabilities, **body, "fields": fields}


def _describe_field(field: dict[str, Any]) -> dict[str, Any]:
    operators = ["HAS_SOME", "HAS_ALL"] if field["type"] == "MULTI_REFERENCE" else _OPERATORS
    capabilities = {"sortable": field["type"] != "MULTI_REFERENCE", "queryOperators": operators}
    return {"encrypted": False, **field, "capabilities": capabilities}


def check_operation(body: dict[str, Any], operation: str) -> None:
    """Raises WDE0120 where the collection's own capabilities leave an operation out (read-only app collections)."""
    operations = body.get("capabilities", {}).get("dataOperations")
    if isinstance(operations, list) and operations and operation not in operations:
        raise WixError("WDE0120", f"{body['id']} does not support {operation} operation.")
