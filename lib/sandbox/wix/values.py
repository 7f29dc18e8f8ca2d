"""Values of items: their types, their order, when two are the same, and where a dotted path leads.

An item is plain JSON with one addition, `{"$date": "2023-03-28T12:20:43.745Z"}`, a type of its own.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sandbox.clock import from_epoch_ms, iso
from sandbox.web import clean_text
from sandbox.wix.errors import WixError, bad_argument

MAX_DEPTH = 50
"""Levels of nesting in an item (WDE0168) and in a filter (WDE0169)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Identity = tuple[int, Any]
"""(rank of the type, a comparable value): equal exactly when type and value are."""

NOTHING: Identity = (0, 0)


def dump_text(value: Any) -> str:
    """Compact JSON, the one form items are stored in."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def id_list(ids: list[str]) -> str:
    """Ids as the JSON that SQL unpacks with json_each; it ends a text at NUL, which no item's id has."""
    return dump_text([clean_text(item_id) for item_id in ids if "\0" not in item_id])


def is_date(value: Any) -> bool:
    """Whether `value` is a `{"$date": ...}`."""
    return type(value) is dict and len(value) == 1 and "$date" in value


def is_draft(item: dict[str, Any]) -> bool:
    """Whether an item under the PUBLISH plugin is a draft."""
    return item.get("_publishStatus") == "DRAFT"


def date_ms(value: dict[str, Any]) -> int:
    """Milliseconds since 1970 of a `{"$date": ISO}` (UTC where no zone is given); raises WDE0080."""
    text = value["$date"]
    try:
        instant = datetime.fromisoformat(text)
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise bad_argument("$date must be an ISO 8601 date and time.") from None
    delta = instant - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def date_value(ms: int) -> dict[str, str]:
    """`{"$date": "...sssZ"}` of milliseconds since 1970."""
    return {"$date": iso(from_epoch_ms(ms))}


def identity(value: Any) -> Identity:
    """What decides eq and order. Types in MongoDB's order: nothing, number, string, object, array, boolean, date.

    `1` and `1.0` are the same number; `True` is no number. Strings compare by code point. The service calls the
    order of booleans, objects and arrays undefined [ASSUME].
    """
    kind = type(value)
    if kind is str:
        return (2, value)
    if kind is bool:
        return (5, value)
    if kind is int or kind is float:
        return (1, value)
    if value is None:
        return NOTHING
    if kind is dict:
        if is_date(value):
            return (6, date_ms(value))
        return (3, _canonical(value))
    return (4, _canonical(value))


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def values_at(item: Any, path: tuple[str, ...]) -> list[Any]:
    """Every value a dotted path reaches; through an array it goes into each element (or the one of that number)."""
    found = [item]
    for part in path:
        step: list[Any] = []
        for value in found:
            if type(value) is dict:
                if part in value and not is_date(value):
                    step.append(value[part])
            elif type(value) is list:
                if part.isascii() and part.isdigit() and len(part) < 7 and int(part) < len(value):
                    step.append(value[int(part)])
                step += [element[part] for element in value if type(element) is dict and part in element]
        if not step:
            return step
        found = step
    return found


def first_value(item: Any, path: tuple[str, ...]) -> Any:
    """The value at a path, None where there is none."""
    values = values_at(item, path)
    return values[0] if values else None


def path_of(name: str) -> tuple[str, ...]:
    """The parts of a dotted path."""
    return tuple(name.split("."))


def clean(value: Any, depth: int = 1) -> Any:
    """A value as the service keeps it: dates in whole milliseconds, text that UTF-8 can hold.

    Raises WDE0168 past 50 levels, WDE0134 for a key that begins with `$`, WDE0080 for a bad date.
    """
    kind = type(value)
    if kind is str:
        return clean_text(value)
    if kind is dict:
        if is_date(value):
            return date_value(date_ms(value))
        if depth > MAX_DEPTH:
            raise WixError("WDE0168", "Document nesting level is too deep")
        cleaned = {}
        for key, inner in value.items():
            if key.startswith("$"):
                raise WixError("WDE0134", "Field names with dollar ($) prefix are not allowed.")
            cleaned[clean_text(key)] = clean(inner, depth + 1)
        return cleaned
    if kind is list:
        if depth > MAX_DEPTH:
            raise WixError("WDE0168", "Document nesting level is too deep")
        return [clean(inner, depth + 1) for inner in value]
    return value


def project(item: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    """The item with only the named keys or dotted paths, and `_id`, which is always present."""
    kept: dict[str, Any] = {"_id": item["_id"]} if "_id" in item else {}
    for name in fields:
        _copy(item, kept, path_of(name))
    return kept


def _copy(source: dict[str, Any], target: dict[str, Any], path: tuple[str, ...]) -> None:
    part, rest = path[0], path[1:]
    if part not in source:
        return
    value = source[part]
    if not rest:
        target[part] = value
    elif type(value) is dict and not is_date(value):
        inner = target.setdefault(part, {})
        if type(inner) is dict and inner is not value:
            _copy(value, inner, rest)
    elif type(value) is list:
        elements = [element for element in value if type(element) is dict]
        kept = target.setdefault(part, [{} for _ in elements])
        if kept is not value:
            for element, into in zip(elements, kept, strict=True):
                _copy(element, into, rest)
