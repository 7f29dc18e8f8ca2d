"""Evaluation of a query over local items: which ones Wix would return, and in which order.

keeps = predicate(query.where)
sort_items(filter(keeps, items), query.order)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from runbook.errors import WrongType
from runbook.json_types import Item, Json
from runbook.query.query import NEWEST_FIRST, And, Condition, Not, Or, Test
from runbook.query.values import NULL, Identity, identity, values_at

Predicate = Callable[[Item], bool]
Reader = Callable[[Item], list[Json]]


def predicate(condition: Condition) -> Predicate:
    """A function that says whether an item matches the condition."""
    match condition:
        case Test():
            return _test(condition)
        case Not(part):
            inner = predicate(part)
            return lambda item: not inner(item)
        case And(parts):
            every = [predicate(part) for part in parts]
            return every[0] if len(every) == 1 else lambda item: all(keeps(item) for keeps in every)
        case Or(parts):
            some = [predicate(part) for part in parts]
            return lambda item: any(keeps(item) for keeps in some)


def sort_items(items: Iterable[Item], order: Sequence[tuple[str, bool]]) -> list[Item]:
    """Items in a query's order, newest first by default; ties by `_id`.

    Raises WrongType where an item has lists in two of the sort fields, which Wix refuses (WDE0121).
    """
    order = order or NEWEST_FIRST
    rows = sorted(items, key=lambda item: str(item.get("_id", "")))
    for key, descending in reversed(order):
        path = tuple(key.split("."))
        rows.sort(key=lambda item, path=path, down=descending: sort_key(item, path, down), reverse=descending)  # type: ignore[misc]
    if len(order) > 1:
        paths = [tuple(key.split(".")) for key, _ in order]
        for item in rows:
            if sum(any(value.__class__ is list for value in values_at(item, path)) for path in paths) > 1:
                raise sort_by_lists_error()
    return rows


def sort_by_lists_error() -> WrongType:
    """The error for sorting by two lists."""
    return WrongType("an item has lists in several of the sort fields; sort by one of them")


def sort_key(item: Item, path: tuple[str, ...], descending: bool) -> Identity:
    """The sort key of an item by a field; for a list its lowest element, or its highest where descending."""
    if len(path) == 1:
        value = item.get(path[0])
        if value.__class__ is not list:
            return identity(value)
    values = values_at(item, path)
    elements = [element for value in values for element in (value if value.__class__ is list else [value])]
    return (max if descending else min)((identity(element) for element in elements), default=NULL)


def _test(test: Test) -> Predicate:
    path = tuple(test.key.split("."))
    if len(path) == 1:
        key = path[0]

        def read(item: Item) -> list[Json]:
            return [item[key]] if key in item else []
    else:

        def read(item: Item) -> list[Json]:
            return values_at(item, path)

    match test.operator:
        case "eq":
            return _any_of([test.value], read)
        case "ne":
            equal = _any_of([test.value], read)
            return lambda item: not equal(item)
        case "in" | "has_some":
            return _any_of(test.value, read)
        case "has_all":
            wanted = frozenset(map(identity, test.value))
            return lambda item: bool(wanted) and wanted.issubset(_identities(read(item)))
        case "contains" | "starts_with" | "ends_with":
            return _text(test, read)
        case _:
            return _range(test, read)


def _any_of(values: list[Json], read: Reader) -> Predicate:
    wanted = frozenset(map(identity, values))
    empty = NULL in wanted

    def keeps(item: Item) -> bool:
        found = read(item)
        if not found:
            return empty
        return any(value in wanted for value in _identities(found))

    return keeps


def _range(test: Test, read: Reader) -> Predicate:
    bound = identity(test.value)
    rank = bound[0]
    holds: dict[str, Callable[[Identity], bool]] = {
        "gt": lambda value: bool(value > bound),
        "ge": lambda value: bool(value >= bound),
        "lt": lambda value: bool(value < bound),
        "le": lambda value: bool(value <= bound),
    }
    check = holds[test.operator]
    return lambda item: any(value[0] == rank and check(value) for value in _identities(read(item)))


def _text(test: Test, read: Reader) -> Predicate:
    part = test.value.lower()
    holds: dict[str, Callable[[str], bool]] = {
        "contains": lambda text: part in text,
        "starts_with": lambda text: text.startswith(part),
        "ends_with": lambda text: text.endswith(part),
    }
    check = holds[test.operator]
    return lambda item: any(check(text.lower()) for text in _texts(read(item)))


def _identities(values: list[Json]) -> list[Identity]:
    """Identities of the values, and of the elements of those that are lists."""
    found = []
    for value in values:
        found.append(identity(value))
        if value.__class__ is list:
            found += map(identity, value)
    return found


def _texts(values: list[Json]) -> list[str]:
    found: list[str] = []
    for value in values:
        if value.__class__ is str:
            found.append(value)
        elif value.__class__ is list:
            found += [element for element in value if element.__class__ is str]
    return found
