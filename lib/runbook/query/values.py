"""Values of services as JSON and back; equality and order of JSON values as in Wix.

    to_json(datetime(2026, 1, 21, tzinfo=UTC))          # {"$date": "2026-01-21T00:00:00.000Z"}
    to_python({"$date": "2026-01-21T00:00:00.000Z"})    # datetime(2026, 1, 21, tzinfo=UTC)

A timestamp is an aware `datetime` for services, at any depth of an item, and `{"$date"}` in JSON, truncated to
milliseconds. A `{"$date"}` outside of `datetime`'s range (a year after 9999) is returned unchanged.
A number is a double, as in JavaScript: 2.0 is 2.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Any, TypeAlias

from runbook.codecs import Refused
from runbook.codecs.values import exact_int
from runbook.errors import WrongType
from runbook.json_types import Item, Json

Identity: TypeAlias = tuple[int, Any]

NULL: Identity = (0, 0)
MAX_LEVELS = 50
"""Levels of nesting that Wix allows in an item, the item being the first (WDE0168)."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_NESTED = (dict, list)  # types that may contain timestamps
_EXPONENT = 1e21  # from here on JavaScript writes integers with an exponent


def stamp(timestamp: datetime) -> str:
    """A timestamp as both sides write it: ISO 8601, UTC, milliseconds. Raises ValueError without a time zone."""
    if timestamp.tzinfo is None:
        raise ValueError("a datetime needs a time zone")
    return timestamp.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def is_date(value: Any) -> bool:
    """Whether a JSON value is a timestamp, `{"$date": …}`."""
    return value.__class__ is dict and len(value) == 1 and "$date" in value


def to_python(value: Json) -> Any:
    """A JSON value with timestamps as aware `datetime`s; a list or an object is copied."""
    kind = value.__class__
    if kind is dict:
        if len(value) == 1 and "$date" in value:
            try:
                timestamp = datetime.fromisoformat(value["$date"])
                return timestamp.replace(tzinfo=UTC) if timestamp.tzinfo is None else timestamp.astimezone(UTC)
            except (TypeError, ValueError, OverflowError):
                return dict(value)
        return {key: to_python(inner) if inner.__class__ in _NESTED else inner for key, inner in value.items()}
    if kind is list:
        return [to_python(inner) for inner in value]
    return value


def to_json(value: Any, collection: str | None = None, field: str | None = None) -> Json:
    """A value of a service as JSON. Raises WrongType for values that an item cannot hold on both sides.

    Those are: what JSON cannot represent (NaN, sets, a datetime without a time zone), an integer that a double cannot
    represent, an unpaired surrogate, a key that begins with `$`, an invalid `{"$date"}`.
    """
    try:
        return _json(value, 2)
    except Refused as refused:
        where = ".".join(part for part in (collection, field) if part) or "a value"
        raise WrongType(
            f"{where}: an item cannot hold this: {refused.reason}; nothing was written",
            collection=collection,
            field=field,
        ) from None


def item_json(collection: str, item: Item) -> Item:
    """An item of a service as JSON. Raises WrongType, naming the field."""
    if not isinstance(item, dict):
        raise WrongType(
            f"{collection}: an item is a dict, not a {type(item).__name__}; nothing was written", collection=collection
        )
    return {key: to_json(value, collection, key) for key, value in item.items()}


def _json(value: Any, level: int) -> Json:
    match value:
        case None | bool():
            return value
        case str():
            return _text(value)
        case int() | float():
            return _number(value)
        case datetime():
            return _date(value)
        case dict() if is_date(value):
            return _date(value["$date"])
        case dict() | list() | tuple() if level > MAX_LEVELS:
            raise Refused(f"nested deeper than {MAX_LEVELS} levels")
        case dict():
            return {_key(key): _json(inner, level + 1) for key, inner in value.items()}
        case list() | tuple():
            return [_json(inner, level + 1) for inner in value]
        case _:
            raise Refused(f"a {type(value).__name__}")


def _text(value: str) -> str:
    if not value.isascii() and _SURROGATE.search(value):
        raise Refused("unpaired surrogate")
    return str.__str__(value)  # an enum member becomes its text


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise Refused(f"a key that is a {type(key).__name__}")
    if key.startswith("$"):
        raise Refused("a key that begins with $")
    return _text(key)


def _number(value: float) -> float:
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused("not a finite number")
    number = float(value) if isinstance(value, float) else float(exact_int(int(value)))
    return int(number) if number.is_integer() and abs(number) < _EXPONENT else number


def _date(value: Any) -> dict[str, Json]:
    try:
        timestamp = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        if timestamp.tzinfo is None and timestamp is value:
            raise Refused("a datetime without a time zone")
        return {"$date": stamp(timestamp if timestamp.tzinfo is not None else timestamp.replace(tzinfo=UTC))}
    except (TypeError, ValueError, OverflowError):
        raise Refused("not a valid date") from None


def identity(value: Json) -> Identity:
    """A key for equality and order: (rank of the type, comparable value).

    `1` is `1.0` but not `"1"` or `True`; texts compare by code point. The order of types is Wix's where documented
    (null is lowest), else MongoDB's.
    """
    kind = value.__class__
    if kind is str:
        return (2, value)
    if kind is bool:
        return (5, value)
    if kind is int or kind is float:
        return (1, value)
    if value is None:
        return NULL
    if kind is dict:
        if len(value) == 1 and "$date" in value:
            return (6, _timestamp(value["$date"]))
        return (3, _canonical(value))
    return (4, _canonical(value))


def values_at(item: Any, path: tuple[str, ...]) -> list[Json]:
    """Every value at a dotted path; in a list that is each element, or the one with that index."""
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


def _timestamp(text: Any) -> str:
    """A timestamp's text in the form that sorts by time."""
    if text.__class__ is str:
        if len(text) == 24 and text[10] == "T" and text[19] == "." and text[23] == "Z":
            return str(text)
        try:
            timestamp = datetime.fromisoformat(text)
            return stamp(timestamp.replace(tzinfo=UTC) if timestamp.tzinfo is None else timestamp)
        except (ValueError, OverflowError):
            pass
    return str(text)


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
