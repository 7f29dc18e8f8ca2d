"""Rows that exist once for a natural key, such as a driver and a carrier."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lmdr.services.context import Context
from runbook.errors import NoSuchItem
from runbook.json_types import Item
from runbook.query import Query
from runbook.records.results import Once

T = TypeVar("T")

_ATTEMPTS = 5


def row_id(kind: str, key: str) -> str:
    """The `_id` of the only row of a kind for a key, such as the id of a Stripe event."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}:{key}"))


def insert_or_change(
    context: Context,
    collection: str,
    key: Mapping[str, Any],
    item: Item,
    change: Item | Callable[[Item], Item],
    *,
    consistent: bool = False,
) -> Once:
    """The row with a natural key, inserted as `item`, else changed.

    `change`: a function as for `Records.change`, which never gets a row whose key has changed meanwhile; or only keys,
    for a natural key that never changes.
    """

    query = Query()
    for name, value in key.items():
        query = query.eq(name, value)

    def store(item_id: str) -> Item:
        if not callable(change):
            return context.records.patch(collection, item_id, change)

        def change_if_same(row: Item) -> Item:
            if any(row.get(name) != value for name, value in key.items()):
                raise _KeyChanged
            return change(row)

        return context.records.change(collection, item_id, change_if_same, consistent=consistent)

    row = context.records.first(collection, query)  # one that is found needs no lock of its key
    for attempt in range(1, _ATTEMPTS + 1):
        if row is None:
            row, inserted = context.records.insert_once(collection, key, item)
            if inserted:
                return Once(row, True)
        try:
            return Once(store(row["_id"]), False)
        except (NoSuchItem, _KeyChanged):
            if attempt == _ATTEMPTS:
                raise
            row = None
    raise AssertionError


def again_where_removed(work: Callable[[], T]) -> T:
    """What `work` gives; it is done again where a row that it read was removed before it wrote."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return work()
        except NoSuchItem:
            continue
    return work()


class _KeyChanged(Exception):
    """A row that was found no longer has its natural key."""
