"""Sort orders: which run on an index, and the keys of those that do not."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.web import clean_text
from sandbox.wix.errors import WixError
from sandbox.wix.params import Params
from sandbox.wix.time_slice import TimeSlice, sort_in_slices
from sandbox.wix.values import NOTHING, Identity, identity, path_of, values_at

INDEXED = {
    (("_id", False),): "id",
    (("_id", True),): "id DESC",
    (("_createdDate", True),): "newest, id",
    (("_createdDate", True), ("_id", False)): "newest, id",
}
"""The orders that SQLite reads off an index."""


@dataclass(frozen=True)
class Order:
    """Fields with their direction (True = descending), or with `seed` a shuffle that depends on it alone."""

    fields: tuple[tuple[str, bool], ...]
    seed: str | None = None

    @property
    def sql(self) -> str | None:
        """The indexed columns that give this order, or None."""
        return None if self.seed is not None else INDEXED.get(self.fields)

    def keys(self, item: dict[str, Any]) -> tuple[Identity, ...]:
        """One key a field; missing and null rank lowest. Raises WDE0121 where two of the fields are arrays."""
        if self.seed is not None:
            return ((0, zlib.crc32(f"{self.seed}:{item['_id']}".encode())),)
        keys = []
        arrays = 0
        for name, descending in self.fields:
            values = values_at(item, path_of(name))
            if len(values) == 1 and type(values[0]) is not list:
                keys.append(identity(values[0]))
                continue
            elements = [element for value in values for element in (value if type(value) is list else [value])]
            arrays += bool(values)
            identities = [identity(element) for element in elements]
            pick = max if descending else min
            keys.append(pick(identities, default=NOTHING))
        if arrays > 1:
            raise WixError("WDE0121", "Sorting by multiple array fields is not supported")
        return tuple(keys)

    async def arrange(self, rows: list[Any], time_slice: TimeSlice) -> list[Any]:
        """`(keys, id, ...)` rows in this order; those with equal keys are in the order of their ids."""
        rows = await sort_in_slices(rows, lambda row: row[1], False, time_slice)
        directions = [False] if self.seed is not None else [descending for _, descending in self.fields]
        for number, descending in reversed(list(enumerate(directions))):
            rows = await sort_in_slices(rows, lambda row, at=number: row[0][at], descending, time_slice)  # type: ignore[misc]
        return rows


NEWEST_FIRST = Order((("_createdDate", True),))
"""The documented order of a query without a sort; equal stamps then by `_id` [ASSUME]."""


def read_order(sort: Iterable[Params], own_keys: Iterable[str] = ()) -> Order:
    """`[{"fieldName": "n", "order": "DESC"}]`; raises Violation.

    The old generated client writes `id` for `_id`; it is taken so unless the collection has a field `id` of its own.
    """
    fields = []
    for entry in sort:
        name = clean_text(entry.text("fieldName"))
        if name == "id" and "id" not in own_keys:
            name = "_id"
        fields.append((name, entry.choice("order", ("ASC", "DESC")) == "DESC"))
    return Order(tuple(fields)) if fields else NEWEST_FIRST
