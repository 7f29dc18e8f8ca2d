"""Writes of items to Wix, for reverse sync and follow only.

Everything is by the item's own `_id`, so it is idempotent, and a request without a response is repeated. Wix sets
`_createdDate` and `_updatedDate` itself and ignores what is sent; it keeps an `_owner`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from runbook.errors import WixError
from runbook.json_types import MISSING, Item, Json
from runbook.wix.client import DATA, WixClient, WixTooMuch

BULK = 1000
BULK_PATCH = 100
BULK_BYTES = 3_000_000  # Wix refuses a request of about 4 MB

EXISTS, GONE = "WDE0074", "WDE0073"
_PERMISSION = '"Manage Data Items"'


@dataclass
class Written:
    """The result: ids done, and by id the code of Wix's error. `items`: those written, as Wix has them now."""

    done: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)


def reverse_sync_save(client: WixClient, collection: str, items: Iterable[Item]) -> Written:
    """Insert items, or replace existing ones, by `_id`: each becomes exactly what is given.

    Wix ignores multi-references among the keys: `reverse_sync_references` sets them.
    Raises WixError where a whole request is refused.
    """
    written = Written()
    for batch in _batches(items):
        entries: list[Json] = [{"id": item["_id"], "data": item} for item in batch]
        _bulk(client, collection, "save", "dataItems", entries, written, done_as=())
    return written


def reverse_sync_insert(client: WixClient, collection: str, items: Iterable[Item]) -> Written:
    """Insert items by `_id`; one that exists is refused as `EXISTS`, and stays as it is. Raises WixError.

    Wix ignores multi-references among the keys: `reverse_sync_references` sets them.
    """
    written = Written()
    for batch in _batches(items):
        entries: list[Json] = [{"id": item["_id"], "data": item} for item in batch]
        _bulk(client, collection, "insert", "dataItems", entries, written, done_as=(), returned=True)
    return written


def reverse_sync_patch(client: WixClient, collection: str, changes: Mapping[str, Mapping[str, Any]]) -> Written:
    """Change keys of items, by `_id`: {key: value}, MISSING removes a key; all other keys stay. Raises WixError.

    One that does not exist is refused as `GONE`.
    """
    written = Written()
    patches: list[Json] = [
        {
            "dataItemId": item_id,
            "fieldModifications": [
                {"fieldPath": key, "action": "REMOVE_FIELD"}
                if value is MISSING
                else {"fieldPath": key, "action": "SET_FIELD", "setFieldOptions": {"value": value}}
                for key, value in values.items()
            ],
        }
        for item_id, values in changes.items()
    ]
    for batch in _batches(patches, BULK_PATCH):
        _bulk(client, collection, "patch", "patches", batch, written, done_as=(), returned=True)
    return written


def reverse_sync_remove(client: WixClient, collection: str, ids: Iterable[str]) -> Written:
    """Remove items by `_id`; one that does not exist counts as done. Raises WixError."""
    written = Written()
    wanted: list[Json] = list(ids)
    for start in range(0, len(wanted), BULK):
        entries = wanted[start : start + BULK]
        _bulk(client, collection, "remove", "dataItemIds", entries, written, done_as=(GONE,))
    return written


def reverse_sync_references(client: WixClient, collection: str, field_key: str, item_id: str, ids: list[str]) -> None:
    """Make an item refer to these and no others in a multi-reference field. Raises WixError."""
    body = {
        "dataCollectionId": collection,
        "referringItemFieldName": field_key,
        "referringItemId": item_id,
        "newReferencedItemIds": ids,
    }
    what = f"set the references {field_key} of {item_id} in {collection}"
    path = f"{DATA}/items/replace-references"
    client.request("POST", path, body, what=what, idempotent=True, permission=_PERMISSION)


def _bulk(
    client: WixClient,
    collection: str,
    verb: str,
    name: str,
    entries: list[Json],
    written: Written,
    *,
    done_as: tuple[str, ...],
    returned: bool = False,
) -> None:
    body = {"dataCollectionId": collection, name: entries, "returnEntity": returned}
    what = f"{verb} {len(entries):,} items of {collection} (reverse sync)"
    path = f"{DATA}/bulk/items/{verb}"
    try:
        response = client.request(
            "POST", path, body, what=what, idempotent=True, sensitive=True, permission=_PERMISSION
        )
    except WixTooMuch:
        if len(entries) == 1:
            raise
        half = len(entries) // 2
        for part in (entries[:half], entries[half:]):
            _bulk(client, collection, verb, name, part, written, done_as=done_as, returned=returned)
        return
    results = response.get("results")
    if not isinstance(results, list) or len(results) != len(entries):
        raise WixError(f"{what}: Wix's response has not one result per item; run it again", status=200)
    for number, result in enumerate(results):
        metadata = result["itemMetadata"]
        entry = entries[metadata.get("originalIndex", number)]
        item_id = entry if isinstance(entry, str) else entry.get("id") or entry["dataItemId"]
        code = None if metadata.get("success") else str((metadata.get("error") or {}).get("code") or "unknown")
        if code is None or code in done_as:
            written.done.append(item_id)
            if returned and code is None:
                data = (result.get("dataItem") or {}).get("data") or {}
                written.items[item_id] = {"_id": item_id, **data}
        else:
            written.refused[item_id] = code


def _batches(items: Iterable[Item], most: int = BULK) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for item in items:
        bytes_ = len(json.dumps(item))
        if batch and (len(batch) == most or size + bytes_ > BULK_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += bytes_
    if batch:
        yield batch
