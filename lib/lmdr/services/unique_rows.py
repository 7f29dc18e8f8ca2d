"""Rows that exist once for a natural key, such as a driver and a carrier."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lmdr.services.context import Context
from runbook.errors import NoSuchItem
from runbook.json_types import Item
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
    change: Callable[[Item], Item],
    *,
    consistent: bool = False,
) -> Once:
    """The row with a natural key, inserted as `item`, else changed by `change` as in `Records.change`."""

    def attempt() -> Once:
        once = context.records.insert_once(collection, key, item)
        if once.inserted:
            return once
        return Once(context.records.change(collection, once.item["_id"], change, consistent=consistent), False)

    return again_where_removed(attempt)


def again_where_removed(work: Callable[[], T]) -> T:
    """What `work` gives; it is done again where a row that it read was removed before it wrote."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return work()
        except NoSuchItem:
            continue
    return work()
