"""Aggregation: groups counted and summed while the items stream by."""

from __future__ import annotations

from typing import Any

from sandbox.wix.errors import Violation, WixError
from sandbox.wix.expressions import Expression, finite, read_path
from sandbox.wix.filters import Predicate, predicate_of
from sandbox.wix.paging import Page, read_page
from sandbox.wix.params import Params
from sandbox.wix.queries import filter_of
from sandbox.wix.responses import dump_each, join_response
from sandbox.wix.site import Call
from sandbox.wix.sorting import Order, read_order
from sandbox.wix.time_slice import TimeSlice
from sandbox.wix.values import first_value, identity, path_of

Rows = list[dict[str, Any]]

MAX_GROUPS = 50_000
MAX_FIGURES = 500_000
MAX_PUSHED = 200_000
"""Groups, figures in them and values gathered by `push`, held at once; more is WDE0092 [ASSUME]."""


class Accumulator:
    """One figure of one group. Only numbers are summed and averaged; min and max go by the order of values."""

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self._count = 0
        self._numbers = 0
        self._total: float = 0
        self._kept: Any = [] if operation == "push" else None

    def add(self, value: Any) -> None:
        """Take in one item's value (None: it has none)."""
        self._count += 1
        if self._operation in ("sum", "average", "avg"):
            if type(value) in (int, float):
                self._numbers += 1
                self._total += value
        elif self._operation == "push":
            self._kept.append(value)
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
            return finite(self._total)
        if self._operation in ("average", "avg"):
            return finite(self._total / self._numbers) if self._numbers else None
        return self._kept


class Groups:
    """Items gathered by their keys.

    `keys` are (name, reader); `operations` are (result field, operation, reader). A reader takes an item and gives a
    value, None where there is none.
    """

    def __init__(self, keys: list[tuple[str, Expression]], operations: list[tuple[str, str, Expression]]) -> None:
        self._keys = keys
        self._operations = operations
        self._pushes = sum(operation == "push" for _, operation, _ in operations)
        self._pushed = 0
        self._groups: dict[Any, tuple[dict[str, Any], list[Accumulator]]] = {}

    def add(self, item: dict[str, Any]) -> None:
        """Take in one item; raises WDE0092 past 50,000 groups, 500,000 figures or 200,000 pushed values."""
        named = {name: read(item) for name, read in self._keys}
        key = tuple(identity(value) for value in named.values())
        group = self._groups.get(key)
        if group is None:
            number = len(self._groups) + 1
            if number > MAX_GROUPS or number * len(self._operations) > MAX_FIGURES:
                raise too_many()
            group = self._groups[key] = (named, [Accumulator(operation) for _, operation, _ in self._operations])
        self._pushed += self._pushes
        if self._pushed > MAX_PUSHED:
            raise too_many()
        for accumulator, (_, _, read) in zip(group[1], self._operations, strict=True):
            accumulator.add(read(item))

    async def rows(self, time_slice: TimeSlice) -> list[dict[str, Any]]:
        """One row a group, in the order the groups appeared; `_id` holds the keys where there are any."""
        rows = []
        for named, accumulators in self._groups.values():
            row: dict[str, Any] = {"_id": named} if named else {}
            row.update((name, value) for name, value in named.items() if name != "_id")
            for (name, _, _), accumulator in zip(self._operations, accumulators, strict=True):
                row[name] = accumulator.result()
            rows.append(row)
            if time_slice.over():
                await time_slice.rest()
        return rows


def too_many() -> WixError:
    """400 WDE0092."""
    return WixError("WDE0092", "Dataset is too large to sort.")


async def keep_rows(rows: Rows, holds: Predicate | None, time_slice: TimeSlice) -> Rows:
    """The rows that a predicate holds for; all where there is none."""
    if holds is None:
        return rows
    kept = []
    for row in rows:
        if holds(row):
            kept.append(row)
        if time_slice.over():
            await time_slice.rest()
    return kept


async def sort_rows(rows: Rows, order: Order, time_slice: TimeSlice) -> Rows:
    """Rows in an order; equal ones stay as they stand. Raises WDE0121."""
    keyed: list[Any] = []
    for number, row in enumerate(rows):
        keyed.append((order.keys(row), number, row))
        if time_slice.over():
            await time_slice.rest()
    return [row for _, _, row in await order.arrange(keyed, time_slice)]


async def rows_response(rows: Rows, page: Page, call: Call) -> bytes:
    """`{results, pagingMetadata}` of a page of all the rows there are. Raises WDE0180."""
    results = rows[page.offset : page.offset + page.limit]
    more = len(rows) > page.offset + page.limit
    total = len(rows) if call.params.flag("returnTotalCount") else None
    metadata = page.metadata(call.site.state, len(results), more, total)
    return join_response("results", await dump_each(results), metadata)


def _read_operations(params: Params) -> list[tuple[str, str, Expression]]:
    operations: list[tuple[str, str, Expression]] = []
    for entry in params.each("operations"):
        chosen = [name for name in ("sum", "average", "min", "max", "itemCount") if name in entry]
        if len(chosen) != 1:
            raise Violation(entry.path, "must have one of sum, average, min, max, itemCount", "ONE_OF")
        name = chosen[0]
        read = (lambda _: None) if name == "itemCount" else read_path(entry.part(name), "itemFieldName")
        operations.append((entry.text("resultFieldName"), name, read))
    return operations


def _reader(name: str) -> Expression:
    path = path_of(name)
    return lambda item: first_value(item, path)


async def aggregate(call: Call) -> Any:
    """`{results, pagingMetadata}`. Raises Violation, WDE0092, WDE0121, WDE0167, WDE0173."""
    collection = call.open("read", "AGGREGATE")
    params = call.params
    parts = ("aggregation", "initialFilter", "finalFilter", "sort")
    page = read_page(call.site.state, params, {"of": collection.id, **{name: params.raw(name) for name in parts}})
    remembered = Params(page.what or {})
    aggregation = remembered.part("aggregation")
    operations = _read_operations(aggregation)
    keys = [(name, _reader(name)) for name in aggregation.texts("groupingFields")]
    final = predicate_of(remembered.raw("finalFilter"))
    order = read_order(remembered.each("sort"), ["id"]) if remembered.array("sort") else None
    compiled = filter_of(call, collection, remembered.raw("initialFilter"))
    call.site.quota.take("reads")
    groups = Groups(keys, operations)
    async for _, item in call.snapshot(collection).scan(compiled):
        groups.add(item)
    time_slice = TimeSlice()
    rows = await keep_rows(await groups.rows(time_slice), final, time_slice)
    if order is not None:
        rows = await sort_rows(rows, order, time_slice)
    return await rows_response(rows, page, call)
