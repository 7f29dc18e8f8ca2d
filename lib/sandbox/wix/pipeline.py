"""Aggregation pipelines: stages that items run through one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.wix.aggregates import Groups, first_value, item_path, sort_rows
from sandbox.wix.errors import Violation, WixError
from sandbox.wix.filters import predicate_of
from sandbox.wix.queries import filter_of
from sandbox.wix.sorting import Order
from sandbox.wix.values import path_of, project

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.wix.asked import Asked
    from sandbox.wix.site import Call

    Rows = list[dict[str, Any]]
    Stage = Callable[[Rows], Rows]

MAX_STAGES = 100
MAX_RESULTS = 10_000
MAX_ROWS = 50_000
"""Rows that may stand between two stages before the request is refused (WDE0092) [ASSUME]."""

STAGES = ("filter", "group", "sort", "projection", "objectToArray", "unwindArray", "skip", "limit")
_ACCUMULATORS = ("sum", "avg", "min", "max", "first", "last", "push", "itemCount")


async def aggregate_pipeline(call: Call) -> Any:
    """`{results, pagingMetadata}`, at most 10,000 results. Raises Violation, WDE0092.

    Filters that come first run while the items stream, and a group after them too; what else there is works on rows.
    """
    collection = call.open("read", "AGGREGATE")
    stages = call.asked.part("pipeline").each("stages")
    if not 1 <= len(stages) <= MAX_STAGES:
        raise Violation("pipeline.stages", "must have 1 to 100 entries", "MAX_SIZE", threshold=MAX_STAGES)
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
    if groups is not None:
        rows = groups.rows()
    for step in steps:
        rows = step(rows)
        _check_size(rows)
    results = rows[:MAX_RESULTS]
    metadata = {"count": len(results), "tooManyToCount": False, "hasNext": len(rows) > MAX_RESULTS}
    return {"results": results, "pagingMetadata": metadata}


def _check_size(rows: Rows) -> None:
    if len(rows) > MAX_ROWS:
        raise WixError("WDE0092", "Dataset is too large to sort.")


def _kind(stage: Asked) -> str:
    kinds = [kind for kind in STAGES if kind in stage]
    if len(kinds) != 1:
        raise Violation(stage.path, f"must have one of {', '.join(STAGES)}", "ONE_OF")
    return kinds[0]


def _expression(asked: Asked) -> tuple[str, ...]:
    """The path of `{"fieldPath": "a.b"}`, the one kind of expression that is read. Raises Violation for any other."""
    if "fieldPath" not in asked:
        raise Violation(asked.path, "must be a fieldPath: the sandbox reads no other expression", "ONE_OF")
    return item_path(asked, "fieldPath")


def _read_group(asked: Asked) -> Groups:
    keys = [(entry.text("key"), _expression(entry.part("expression"))) for entry in asked.each("groupIds")]
    operations = []
    for entry in asked.each("accumulators"):
        chosen = [name for name in _ACCUMULATORS if name in entry]
        if len(chosen) != 1:
            raise Violation(entry.path, f"must have one of {', '.join(_ACCUMULATORS)}", "ONE_OF")
        operation, path = chosen[0], tuple[str, ...]()
        expression = entry.part(operation).part("expression")
        if operation == "sum" and expression.raw("numeric") == 1:
            operation = "itemCount"  # the official client's count()
        elif operation != "itemCount":
            path = _expression(expression)
        operations.append((entry.text("resultFieldName"), operation, path))
    return Groups(keys, operations)


def _read_stage(stage: Asked, kind: str) -> Stage:
    if kind == "filter":
        holds = predicate_of(stage.part("filter").parts)
        return lambda rows: [row for row in rows if holds is None or holds(row)]
    if kind == "group":
        return _group_stage(stage.part("group"))
    if kind == "sort":
        order = _read_order(stage.part("sort"))
        return lambda rows: sort_rows(rows, order)
    if kind == "skip":
        skip = stage.whole("skip", 0, 0)
        return lambda rows: rows[skip:]
    if kind == "limit":
        limit = stage.whole("limit", MAX_RESULTS, 1, MAX_RESULTS)
        return lambda rows: rows[:limit]
    if kind == "projection":
        return _project_stage(stage.part("projection"))
    asked = stage.part(kind)
    if kind == "unwindArray":
        return _unwind(path_of(_field_name(asked, "arrayFieldName")))
    return _object_to_array(path_of(_field_name(asked, "objectFieldName")), asked.text_or("destinationFieldName"))


def _field_name(asked: Asked, name: str = "fieldName") -> str:
    """The field in a stage: under the name the official client gives it, or as `fieldPath`."""
    return asked.text("fieldPath" if "fieldPath" in asked else name)


def _project_stage(asked: Asked) -> Stage:
    names, without = [], []
    for entry in asked.each("fields"):
        if "exclude" in entry:
            without.append(path_of(_field_name(entry.part("exclude"))))
        elif "reshape" in entry or "projectNested" in entry:
            raise Violation(entry.path, "must be include or exclude: the sandbox reads no other projection", "ONE_OF")
        else:
            names.append(_field_name(entry.part("include") if "include" in entry else entry))

    def step(rows: Rows) -> Rows:
        rows = rows if without and not names else [project(row, names) for row in rows]
        for path in without:
            rows = [_without(row, path) for row in rows]
        return rows

    return step


def _read_order(asked: Asked) -> Order:
    fields = [
        (entry.text("fieldName"), entry.choice("order", ("ASC", "DESC")) == "DESC") for entry in asked.each("values")
    ]
    return Order(tuple(fields))


def _group_stage(asked: Asked) -> Stage:
    _read_group(asked)  # refuse a bad one before any item is read

    def step(rows: Rows) -> Rows:
        groups = _read_group(asked)
        for row in rows:
            groups.add(row)
        return groups.rows()

    return step


def _with(row: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The row with another value at a path that it has."""
    inner = row[path[0]]
    return {**row, path[0]: value if len(path) == 1 else _with(inner, path[1:], value)}


def _without(row: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The row without what is at a path."""
    if not _reaches(row, path):
        return row
    if len(path) == 1:
        return {key: value for key, value in row.items() if key != path[0]}
    return {**row, path[0]: _without(row[path[0]], path[1:])}


def _reaches(row: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(row, dict) or part not in row:
            return False
        row = row[part]
    return True


def _unwind(path: tuple[str, ...]) -> Stage:
    def step(rows: Rows) -> Rows:
        unwound: Rows = []
        for row in rows:
            if not _reaches(row, path):
                continue
            value = first_value(row, path)
            unwound += [_with(row, path, element) for element in (value if isinstance(value, list) else [value])]
            _check_size(unwound)
        return unwound

    return step


def _object_to_array(path: tuple[str, ...], destination: str) -> Stage:
    """`destination` is the key of the array; the object's own place where it is left out [ASSUME]."""

    def turn(row: dict[str, Any]) -> dict[str, Any]:
        value = first_value(row, path)
        if not _reaches(row, path) or not isinstance(value, dict):
            return row
        pairs = [{"key": key, "value": inner} for key, inner in value.items()]
        return {**row, destination: pairs} if destination else _with(row, path, pairs)

    return lambda rows: [turn(row) for row in rows]
