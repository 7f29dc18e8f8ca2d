"""Unique indexes: one row for each value, so that a second item with it is refused."""

from __future__ import annotations

from typing import Any

from sandbox.store import Store
from sandbox.wix.collections import Collection
from sandbox.wix.errors import WixError
from sandbox.wix.values import NOTHING, dump_text, identity, path_of, values_at

MAX_KEY_BYTES = 1024


def unique_value(index: dict[str, Any], item: dict[str, Any]) -> str | None:
    """What the index holds of an item; None where the field has no value, which any number of items may share.

    That null and missing do not count as a value is a choice [ASSUME]. Raises WDE0133 past 1024 bytes.
    """
    values = values_at(item, path_of(index["fields"][0]["path"]))
    if not values or identity(values[0]) == NOTHING:
        return None
    rank, value = identity(values[0])
    if index.get("caseInsensitive") and isinstance(value, str):
        value = value.lower()
    if rank == 1 and float(value).is_integer():
        value = int(value)
    text = dump_text([rank, value])
    if len(text.encode()) > MAX_KEY_BYTES:
        raise WixError("WDE0133", "Document field is too large to index, exceeds 1024 bytes.")
    return text


def check_unique(store: Store, collection: Collection, item: dict[str, Any]) -> None:
    """Raises WDE0123 where another item has a value that a unique index holds."""
    for index in collection.uniques:
        value = unique_value(index, item)
        row = store.row(
            "SELECT id FROM wix_unique WHERE collection = ? AND name = ? AND value = ?",
            (collection.number, index["name"], value),
        )
        if value is not None and row is not None and row[0] != item["_id"]:
            text = "Duplicated values cannot be added to a field with a unique index."
            raise WixError("WDE0123", text, {"indexName": index["name"]})


def keep_unique(store: Store, collection: Collection, item: dict[str, Any]) -> None:
    """Hold the values of an item that is being written, in place of those it had."""
    if not collection.uniques:
        return
    store.execute("DELETE FROM wix_unique WHERE collection = ? AND id = ?", (collection.number, item["_id"]))
    for index in collection.uniques:
        value = unique_value(index, item)
        if value is not None:
            store.execute(
                "INSERT INTO wix_unique VALUES (?, ?, ?, ?)",
                (collection.number, index["name"], value, item["_id"]),
            )
