"""Functions over lists: links, multiple selects, lookups, a rollup's `values`. Anything else is a list of itself."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.airtable.formulas.row import MANY
from sandbox.airtable.formulas.values import (
    MOST_CHARACTERS,
    MOST_ELEMENTS,
    FaultError,
    Value,
    checked,
    text_of,
    to_integer,
)


def flattened(values: tuple[Value, ...] | list[Value]) -> list[Value]:
    """All elements of all values in one flat list. Raises FaultError for a fault or past MOST_ELEMENTS."""
    flat: list[Value] = []
    for value in values:
        if isinstance(value, list):
            flat += flattened(value)
        else:
            flat.append(checked(value))
        if len(flat) > MOST_ELEMENTS:
            raise FaultError
    return flat


def elements(value: Value) -> list[Value]:
    """The elements of a list; a blank has none, any other value is its own only element."""
    if isinstance(value, list):
        return value
    return [] if value is None else [checked(value)]


def joined(texts: list[str], separator: str) -> str:
    """The texts with the separator between them; raises FaultError, before building it, for too long a result."""
    if sum(map(len, texts)) + len(separator) * (len(texts) - 1) > MOST_CHARACTERS:
        raise FaultError
    return separator.join(texts)


def _join(array: Value, separator: Value = ", ") -> Value:
    """ARRAYJOIN: the default separator is ", " (older docs say ",")."""
    return joined([text_of(element) for element in flattened(elements(array))], text_of(separator))


def _unique(*arrays: Value) -> Value:
    """ARRAYUNIQUE: keeps the first of equals, in order. What counts as equal: the same kind and the same text."""
    unique: dict[tuple[bool, str], Value] = {}
    for element in flattened([elements(array) for array in arrays]):
        unique.setdefault((isinstance(element, str), text_of(element)), element)
    return list(unique.values())


def _compact(*arrays: Value) -> Value:
    """ARRAYCOMPACT: drops blanks and "", keeps false, 0 and texts of spaces."""
    return [element for element in flattened([elements(array) for array in arrays]) if not empty(element)]


def _flatten(*arrays: Value) -> Value:
    return flattened([elements(array) for array in arrays])


def _slice(array: Value, start: Value, end: Value = None) -> Value:
    """ARRAYSLICE: positions count from 1, both ends are included; negative ones count from the end."""
    listed = elements(array)
    return listed[_position(start, len(listed)) - 1 : len(listed) if end is None else _position(end, len(listed))]


def _position(value: Value, size: int) -> int:
    whole = to_integer(value)
    return max(1, whole) if whole > 0 else max(1, size + 1 + whole) if whole < 0 else 1


def empty(value: Value) -> bool:
    """Whether a value is blank or ""."""
    return value is None or value == ""


def _count(*values: Value) -> Value:
    """COUNT: how many are numbers."""
    return float(sum(isinstance(value, int | float) for value in flattened(values)))


def _count_filled(*values: Value) -> Value:
    """COUNTA: how many are neither blank nor ""."""
    return float(sum(not empty(value) for value in flattened(values)))


def _count_all(*values: Value) -> Value:
    """COUNTALL: how many there are, blanks too."""
    return float(len(flattened(values)))


FUNCTIONS: dict[str, tuple[Callable[..., Value], int, int]] = {
    "ARRAYCOMPACT": (_compact, 1, MANY),
    "ARRAYFLATTEN": (_flatten, 1, MANY),
    "ARRAYJOIN": (_join, 1, 2),
    "ARRAYSLICE": (_slice, 2, 3),
    "ARRAYUNIQUE": (_unique, 1, MANY),
    "COUNT": (_count, 1, MANY),
    "COUNTA": (_count_filled, 1, MANY),
    "COUNTALL": (_count_all, 1, MANY),
}
