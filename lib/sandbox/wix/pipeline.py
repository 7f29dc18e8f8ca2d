"""Aggregation pipelines: stages that items run through one after another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.wix.aggregates import Groups, keep_rows, rows_response, sort_rows, too_many
from sandbox.wix.collections import Collection
from sandbox.wix.errors import Violation, WixError
from sandbox.wix.expressions import MAX_LENGTH, Expression, read_expression
from sandbox.wix.filters import predicate_of
from sandbox.wix.paging import Page, read_page
from sandbox.wix.params import Params
from sandbox.wix.projections import Projection, placed, reaches, read_field_path
from sandbox.wix.queries import filter_of
from sandbox.wix.site import Call
from sandbox.wix.sorting import Order
from sandbox.wix.time_slice import TimeSlice
from sandbox.wix.values import first_value, is_date

Row = dict[str, Any]
Rows = list[Row]
Stage = Callable[[Rows, TimeSlice], Awaitable[Rows]]

MAX_STAGES = 100
MAX_RESULTS = 10_000
MAX_PARTS = 20_000
"""Objects in the stages of one request, and so expressions; more is WDE0109 [ASSUME]."""

MAX_ROWS = 50_000
"""Rows that may be held between two stages before the request is refused (WDE0092) [ASSUME]."""

STAGES = ("filter", "group", "sort", "projection", "objectToArray", "unwindArray", "skip", "limit")
_ACCUMULATORS = ("sum", "avg", "min", "max", "first", "last", "push")


async def aggregate_pipeline(call: Call) -> Any:
    """`{results, pagingMetadata}`: the page that `pipeline.paging` asks for, without one the first 10,000 results.

    Filters that come first run while the items stream, and a group after them too; what else there is works on rows.
    Raises Violation, WDE0080 and WDE0009 for what an expression finds, WDE0092, WDE0109, WDE0121, WDE0167, WDE0173.
    """
    collection = call.open("read", "AGGREGATE")
    pipeline = call.params.part("pipeline")
    what = {"of": collection.id, "stages": pipeline.raw("stages")}
    paged = "paging" in pipeline or "cursorPaging" in pipeline
    page = read_page(call.site.state, pipeline, what) if paged else Page(MAX_RESULTS, what=what)
    stages = Params(page.what or {}, "pipeline").each("stages")
    if not 1 <= len(stages) <= MAX_STAGES:
        raise Violation("pipeline.stages", "must have 1 to 100 entries", "MAX_SIZE", threshold=MAX_STAGES)
    _check_parts([stage.parts for stage in stages])
    try:
        return await rows_response(await _run(call, collection, stages), page, call)
    except RecursionError:  # every stage may nest what came of the stage before
        raise WixError("WDE0168", "Document nesting level is too deep") from None


def _check_parts(stages: list[Any]) -> None:
    """Raises WDE0109 past 20,000 objects."""
    count, inside = 0, stages
    while inside:
        value = inside.pop()
        if type(value) is dict:
            count += 1
            inside.extend(value.values())
        elif type(value) is list:
            inside.extend(value)
    if count > MAX_PARTS:
        raise WixError("WDE0109", "Payload is too large.")


async def _run(call: Call, collection: Collection, stages: list[Params]) -> Rows:
    """Every row that comes out of the last stage."""
    kinds = [_kind(stage) for stage in stages]
    leading = next((number for number, kind in enumerate(kinds) if kind != "filter"), len(kinds))
    compiled = filter_of(call, collection, {"$and": [stage.part("filter").parts for stage in stages[:leading]]})
    groups = None
    if leading < len(kinds) and kinds[leading] == "group":
        groups = _read_group(stages[leading].part("group"))
        leading += 1
    steps = [_read_stage(stage, kind) for stage, kind in zip(stages[leading:], kinds[leading:], strict=True)]
    call.site.quota.take("reads")
    rows: Rows = []
    async for _, item in call.snapshot(collection).scan(compiled):
        if groups is not None:
            groups.add(item)
            continue
        rows.append(item)
        _check_size(rows)
    time_slice = TimeSlice()
    if groups is not None:
        rows = await groups.rows(time_slice)
    for step in steps:
        rows = await step(rows, time_slice)
    return rows


def _check_size(rows: Rows) -> None:
    if len(rows) > MAX_ROWS:
        raise too_many()


def _kind(stage: Params) -> str:
    kinds = [kind for kind in STAGES if kind in stage]
    if len(kinds) != 1:
        raise Violation(stage.path, f"must have one of {', '.join(STAGES)}", "ONE_OF")
    return kinds[0]


def _read_group(params: Params) -> Groups:
    ids, accumulators = params.each("groupIds"), params.each("accumulators")
    if max(len(ids), len(accumulators)) > MAX_LENGTH:
        raise Violation(params.path, "must have at most 1000 entries of a kind", "MAX_SIZE", threshold=MAX_LENGTH)
    keys = [(entry.text("key"), read_expression(entry.part("expression"))) for entry in ids]
    operations: list[tuple[str, str, Expression]] = []
    for entry in accumulators:
        chosen = [name for name in _ACCUMULATORS if name in entry]
        if len(chosen) != 1:
            raise Violation(entry.path, f"must have one of {', '.join(_ACCUMULATORS)}", "ONE_OF")
        expression = read_expression(entry.part(chosen[0]).part("expression"))
        operations.append((entry.text("resultFieldName"), chosen[0], expression))
    return Groups(keys, operations)


def _read_stage(stage: Params, kind: str) -> Stage:
    """Compile a stage. Raises what is wrong with it before any item is read."""
    if kind == "filter":
        holds = predicate_of(stage.part("filter").parts)
        return lambda rows, time_slice: keep_rows(rows, holds, time_slice)
    if kind == "group":
        return _group_stage(stage.part("group"))
    if kind == "sort":
        order = _read_order(stage.part("sort"))
        return lambda rows, time_slice: sort_rows(rows, order, time_slice)
    if kind == "skip":
        return _slice_stage(stage.integer("skip", 0, 0), None)
    if kind == "limit":
        return _slice_stage(0, stage.integer("limit", MAX_RESULTS, 1))
    params = stage.part(kind)
    if kind == "projection":
        projection = Projection(params)
        return _each_row(lambda row: [projection.apply(row)])
    if kind == "unwindArray":
        return _each_row(_unwind(_field(params, "arrayFieldName")))
    return _each_row(_object_to_array(_field(params, "objectFieldName"), params))


def _field(params: Params, name: str) -> tuple[str, ...]:
    """The field in a stage: under the name the official client gives it, or as `fieldPath`."""
    return read_field_path(params, "fieldPath" if "fieldPath" in params else name)


def _read_order(params: Params) -> Order:
    fields = [
        (entry.text("fieldName"), entry.choice("order", ("ASC", "DESC")) == "DESC") for entry in params.each("values")
    ]
    return Order(tuple(fields))


def _slice_stage(start: int, count: int | None) -> Stage:
    async def step(rows: Rows, _: TimeSlice) -> Rows:
        return rows[start:] if count is None else rows[start : start + count]

    return step


def _group_stage(params: Params) -> Stage:
    groups = _read_group(params)

    async def step(rows: Rows, time_slice: TimeSlice) -> Rows:
        for row in rows:
            groups.add(row)
            if time_slice.over():
                await time_slice.rest()
        return await groups.rows(time_slice)

    return step


def _each_row(change: Callable[[Row], Rows]) -> Stage:
    """A stage that makes rows of one row at a time."""

    async def step(rows: Rows, time_slice: TimeSlice) -> Rows:
        changed: Rows = []
        for row in rows:
            changed += change(row)
            _check_size(changed)
            if time_slice.over():
                await time_slice.rest()
        return changed

    return step


def _unwind(path: tuple[str, ...]) -> Callable[[Row], Rows]:
    """A row for each element; a row whose array is empty or missing goes, one that has another value stays."""

    def change(row: Row) -> Rows:
        if not reaches(row, path):
            return []
        value = first_value(row, path)
        if not isinstance(value, list):
            return [row] if value is not None else []
        if len(value) > MAX_ROWS:
            raise too_many()
        return [placed(row, path, element) for element in value]

    return change


def _object_to_array(path: tuple[str, ...], params: Params) -> Callable[[Row], Rows]:
    """`destinationFieldName` is the key of the array; the object's own place where it is left out [ASSUME]."""
    named = "destinationFieldName" in params
    destination = read_field_path(params, "destinationFieldName") if named else path

    def change(row: Row) -> Rows:
        value = first_value(row, path)
        if not reaches(row, path) or not isinstance(value, dict) or is_date(value):
            return [row]
        return [placed(row, destination, [{"key": key, "value": inner} for key, inner in value.items()])]

    return change
