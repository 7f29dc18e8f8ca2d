"""Values as services have them and as JSON has them; when two are the same to Wix, and which comes first.

    to_json(datetime(2026, 1, 21, tzinfo=UTC))          # {"$date": "2026-01-21T00:00:00.000Z"}
    to_python({"$date": "2026-01-21T00:00:00.000Z"})    # datetime(2026, 1, 21, tzinfo=UTC)

A moment is an aware `datetime` to services, at any depth of an item, and `{"$date"}` to both sides, in whole
milliseconds: what is finer is cut off. A `{"$date"}` that no `datetime` can be (a year beyond 9999) is left as it is.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from runbook.errors import WrongType

if TYPE_CHECKING:
    from runbook.json_types import Item, Json

Identity: TypeAlias = tuple[int, Any]

NOTHING: Identity = (0, 0)
DEEPEST = 50
"""Levels of nesting that Wix takes in an item (WDE0168)."""


def stamp(moment: datetime) -> str:
    """A moment as both sides write it: ISO 8601 in UTC, whole milliseconds. Raises ValueError where it has no zone."""
    if moment.tzinfo is None:
        raise ValueError("a datetime needs a time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def is_date(value: Any) -> bool:
    """Whether a JSON value is a moment."""
    return value.__class__ is dict and len(value) == 1 and "$date" in value


def to_python(value: Json) -> Any:
    """A JSON value with its moments as aware `datetime`s; a copy where it is a list or an object."""
    kind = value.__class__
    if kind is dict:
        if len(value) == 1 and "$date" in value:
            try:
                moment = datetime.fromisoformat(value["$date"])
                return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            except (TypeError, ValueError, OverflowError):
                return dict(value)
        return {key: to_python(inner) for key, inner in value.items()}
    if kind is list:
        return [to_python(inner) for inner in value]
    return value


def to_json(value: Any, collection: str | None = None, field: str | None = None, depth: int = 0) -> Json:
    """A value of a service as JSON. Raises WrongType for what JSON cannot say: NaN, sets, a datetime without a zone."""
    match value:
        case None | bool() | str() | int():
            return value
        case float():
            if math.isfinite(value):
                return value
            problem = "a number that is not finite"
        case datetime():
            if value.tzinfo is not None:
                return {"$date": stamp(value)}
            problem = "a datetime without a time zone"
        case dict() if depth < DEEPEST and all(isinstance(key, str) for key in value):
            return {key: to_json(inner, collection, field, depth + 1) for key, inner in value.items()}
        case list() | tuple() if depth < DEEPEST:
            return [to_json(inner, collection, field, depth + 1) for inner in value]
        case dict() | list() | tuple() if depth >= DEEPEST:
            problem = f"nested deeper than {DEEPEST} levels"
        case _:
            problem = f"a {type(value).__name__}"
    where = ".".join(part for part in (collection, field) if part) or "a value"
    raise WrongType(
        f"{where}: {problem}, which no item can hold; nothing was written", collection=collection, field=field
    )


def item_json(collection: str, item: Item) -> Item:
    """An item of a service as JSON. Raises WrongType, naming the field."""
    return {key: to_json(value, collection, key) for key, value in item.items()}


def identity(value: Json) -> Identity:
    """What decides equality and order: (rank of the type, a value that compares).

    `1` is `1.0` but not `"1"` or `True`; texts compare by code point. The order of types is Wix's for what it
    documents (nothing lowest), MongoDB's for the rest.
    """
    kind = value.__class__
    if kind is str:
        return (2, value)
    if kind is bool:
        return (5, value)
    if kind is int or kind is float:
        return (1, value)
    if value is None:
        return NOTHING
    if kind is dict:
        if len(value) == 1 and "$date" in value:
            return (6, _moment(value["$date"]))
        return (3, _canonical(value))
    return (4, _canonical(value))


def values_at(item: Any, path: tuple[str, ...]) -> list[Json]:
    """Every value that a dotted path reaches; through a list it goes into each element, or the one of that number."""
    found = [item]
    for part in path:
        step: list[Any] = []
        for value in found:
            if value.__class__ is dict:
                if part in value and not is_date(value):
                    step.append(value[part])
            elif value.__class__ is list:
                if part.isascii() and part.isdigit() and len(part) < 7 and int(part) < len(value):
                    step.append(value[int(part)])
                step += [element[part] for element in value if element.__class__ is dict and part in element]
        if not step:
            return step
        found = step
    return found


def _moment(text: Any) -> str:
    """A moment's text in the one form that sorts by time."""
    if text.__class__ is str:
        if len(text) == 24 and text[10] == "T" and text[19] == "." and text[23] == "Z":
            return str(text)
        try:
            moment = datetime.fromisoformat(text)
            return stamp(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)
        except (ValueError, OverflowError):
            pass
    return str(text)


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
