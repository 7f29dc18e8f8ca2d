"""Rows that exist once for something, under an `_id` derived from it, so that concurrent inserts meet."""

from __future__ import annotations

import uuid

from lmdr.services.context import Context
from runbook.errors import ItemExists
from runbook.json_types import Item


def row_id(kind: str, key: str) -> str:
    """The `_id` of the only row of a kind for a key, such as the id of a Stripe event."""
    return derived_id(f"{kind}:{key}")


def derived_id(name: str) -> str:
    """An `_id` derived from a name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def insert_once(context: Context, collection: str, row: Item) -> tuple[Item, bool]:
    """Insert a row with its derived `_id`: the row as stored, and whether this call inserted it."""
    try:
        return context.records.insert(collection, row), True
    except ItemExists:
        existing = context.records.get(collection, row["_id"], consistent=True)
        if existing is None:
            raise
        return existing, False
