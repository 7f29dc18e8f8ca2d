"""Aggregation: groups counted and summed while the items stream by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.wix.errors import Violation, WixError
from sandbox.wix.filters import predicate_of
from sandbox.wix.paging import read_page
from sandbox.wix.queries import filter_of
from sandbox.wix.sorting import Order, read_order
from sandbox.wix.values import identity, path_of, values_at

if TYPE_CHECKING:
    from sandbox.wix.asked import Asked
    from sandbox.wix.site import Call

MAX_GROUPS = 100_000
"""Groups held in memory at once; more is WDE0092 [ASSUME]."""

OPERATIONS = ("sum", "average", "avg", "min", "max", "first", "last", "push", "itemCount")


class Accumulator:
    """One figure of one group. Only numbers are summed and averaged; min and max go by the order of values."""

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self._count = 0
        self._numbers = 0
        self._total: float = 0
        self._kept: Any = None
        self._pushed: list[Any] = []

    def add(self, value: Any) -> None:
        """Take in one item's value (None: it has none)."""
        self._count += 1
        if self._operation in ("sum", "average", "avg"):
            if type(value) in (int, float):
                self._numbers += 1
                self._total += value
        elif self._operation == "push":
            self._pushed.append(value)
        elif self._operation == "first":
            self._kept = value if self._count == 1 else self._kept
        elif self._operation == "last" or (value is not None and (self._kept is None or self._beats(value))):
            self._kept = value

    def _beats(self, value: Any) -> bool:
        new, old = identity(value), identity(self._kept)
        return new < old if self._operation == "min" else new > old

    def result(self) -> Any:
        """The figure; null for an average, minimum or maximum of nothing."""
        if self._operation == "itemCount":
            return self._count
        if self._operation == "sum":
            return _finite(self._total)
        if self._operation in ("average", "avg"):
            return _finite(self._total / self._numbers) if self._numbers else None
        return self._pushed if self._operation == "push" else self._kept


def _finite(number: float) -> Any:
    """JSON has no infinity; and a whole number is written as one."""
    if number in (float("inf"), float("-inf")) or number != number:
        return None
    return int(number) if abs(number) < 1e21 and number == int(number) else number


def first_value(item: Any, path: tuple[str, ...]) -> Any:
    """The value at a path, None where there is none."""
    values = values_at(item, path)
    return values[0] if values else None


class Groups:
    """Items gathered by their keys. `operations` are (result field, operation, path of the value)."""

    def __init__(self, keys: list[tuple[str, tuple[str, ...]]], operations: list[tuple[str, str, tuple[str, ...]]]):
        self._keys = keys
        self._operations = operations
        self._groups: dict[Any, tuple[dict[str, Any], list[Accumulator]]] = {}

    def add(self, item: dict[str, Any]) -> None:
        """Take in one item; raises WDE0092 past 100,000 groups."""
        named = {name: first_value(item, path) for name, path in self._keys}
        key = tuple(identity(value) for value in named.values())
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MAX_GROUPS:
                raise WixError("WDE0092", "Dataset is too large to sort.")
            group = self._groups[key] = (named, [Accumulator(operation) for _, operation, _ in self._operations])
        for accumulator, (_, _, path) in zip(group[1], self._operations, strict=True):
            accumulator.add(first_value(item, path) if path else None)

    def rows(self) -> list[dict[str, Any]]:
        """One row a group, in the order the groups appeared; `_id` holds the keys where there are any."""
        rows = []
        for named, accumulators in self._groups.values():
            row: dict[str, Any] = {"_id": named, **named} if named else {}
            for (name, _, _), accumulator in zip(self._operations, accumulators, strict=True):
                row[name] = accumulator.result()
            rows.append(row)
        return rows


def item_path(asked: Asked, name: str) -> tuple[str, ...]:
    """The path of an item field to aggregate; raises WDE0173 and WDE0167."""
    text = asked.text_or(name)
    if not text:
        raise WixError("WDE0173", "Aggregation item field name cannot be empty.")
    if text.endswith("."):
        raise WixError("WDE0167", "Aggregation item field name cannot end with `.`")
    return path_of(text)


def _read_operations(asked: Asked) -> list[tuple[str, str, tuple[str, ...]]]:
    operations = []
    for entry in asked.each("operations"):
        chosen = [name for name in ("sum", "average", "min", "max", "itemCount") if name in entry]
        if len(chosen) != 1:
            raise Violation(entry.path, "must have one of sum, average, min, max, itemCount", "ONE_OF")
        path = () if chosen[0] == "itemCount" else item_path(entry.part(chosen[0]), "itemFieldName")
        operations.append((entry.text("resultFieldName"), chosen[0], path))
    return operations


def sort_rows(rows: list[dict[str, Any]], order: Order) -> list[dict[str, Any]]:
    """Rows in an order; equal ones stay as they stand."""
    keyed: list[Any] = [(order.keys(row), number, row) for number, row in enumerate(rows)]
    order.arrange(keyed)
    return [row for _, _, row in keyed]


async def aggregate(call: Call) -> Any:
    """`{results, pagingMetadata}`. Raises Violation, WDE0092, WDE0167, WDE0173."""
    collection = call.open("read", "AGGREGATE")
    asked = call.asked
    aggregation = asked.part("aggregation")
    what = {"of": collection.id}
    page = read_page(call.site.world, asked, what)
    operations = _read_operations(aggregation)
    keys = [(name, path_of(name)) for name in aggregation.texts("groupingFields")]
    final = predicate_of(asked.raw("finalFilter"))
    order = read_order(asked.each("sort"), ["id"]) if asked.array("sort") else None
    compiled = filter_of(call, collection, asked.raw("initialFilter"))
    call.site.quota.take("reads")
    groups = Groups(keys, operations)
    async for _, item in call.snapshot(collection).scan(compiled):
        groups.add(item)
    rows = [row for row in groups.rows() if final is None or final(row)]
    if order is not None:
        rows = sort_rows(rows, order)
    results = rows[page.offset : page.offset + page.limit]
    more = len(rows) > page.offset + page.limit
    total = len(rows) if asked.flag("returnTotalCount") else None
    return {"results": results, "pagingMetadata": page.metadata(call.site.world, len(results), more, total)}
