"""A query: an immutable value, built step by step, with the same meaning on both sides.

    Query().eq("status", "active").ge("years", 2).descending("_createdDate").limit(20)
    Query().starts_with("name", "o'b").or_(Query().is_empty("name")).skip(50)

| step                                         | selects items whose field                                      |
|----------------------------------------------|----------------------------------------------------------------|
| eq(key, value), ne(key, value)               | is this, is not: of the same type (123 is not "123"), or any   |
|                                              | element of a list; None: null or missing                       |
| gt, ge, lt, le (key, value)                  | compares: among numbers, texts (by code point), timestamps     |
| between(key, low, high)                      | is low or greater, and less than high                          |
| in_(key, values), has_some(key, values)      | is one of these, or has one of them                            |
| has_all(key, values)                         | has all of these                                               |
| contains, starts_with, ends_with (key, text) | is a text with this part, case-insensitive                     |
| is_empty(key), is_not_empty(key)             | is null or missing, is neither ("" is a value)                 |
| and_(query), or_(query), not_()              | combines the conditions of two queries, negates them           |
| ascending(*keys), descending(*keys)          | sorts: a missing field is lowest; newest first by default      |
| limit(n), skip(n)                            | returns at most n (default 50, maximum 1000), after the first n |

Keys are Wix keys; a dotted key is a path into objects. Ties are sorted by `_id`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from runbook.errors import WrongType
from runbook.json_types import Json
from runbook.query.values import to_json

DEFAULT_LIMIT, MAX_LIMIT = 50, 1000
MAX_OFFSET = 2**31 - 1  # Wix's offset is an int32
NEWEST_FIRST = (("_createdDate", True),)

Operator: TypeAlias = Literal[
    "eq", "ne", "gt", "ge", "lt", "le", "in", "has_some", "has_all", "contains", "starts_with", "ends_with"
]


@dataclass(frozen=True, slots=True)
class Test:
    """One condition on one field; `value` is JSON."""

    __test__ = False  # not a test class for pytest

    key: str
    operator: Operator
    value: Json


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts; without parts, every item."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the parts; without parts, no item."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Not the part."""

    part: Condition


Condition: TypeAlias = Test | And | Or | Not
NO_CONDITION = And(())


@dataclass(frozen=True, slots=True)
class Query:
    """See the module. `order`: (key, descending) pairs. Every step returns a new query."""

    where: Condition = NO_CONDITION
    order: tuple[tuple[str, bool], ...] = ()
    size: int = DEFAULT_LIMIT
    offset: int = 0

    def eq(self, key: str, value: Any) -> Query:
        """The field is this value."""
        return self._and(Test(key, "eq", to_json(value, field=key)))

    def ne(self, key: str, value: Any) -> Query:
        """The field is not this value; an item without the field is kept too."""
        return self._and(Test(key, "ne", to_json(value, field=key)))

    def gt(self, key: str, value: Any) -> Query:
        """The field is greater. Raises WrongType unless the value is a number, a string or a datetime."""
        return self._and(Test(key, "gt", _ordered(key, value)))

    def ge(self, key: str, value: Any) -> Query:
        """The field is greater or equal. Raises WrongType."""
        return self._and(Test(key, "ge", _ordered(key, value)))

    def lt(self, key: str, value: Any) -> Query:
        """The field is less. Raises WrongType."""
        return self._and(Test(key, "lt", _ordered(key, value)))

    def le(self, key: str, value: Any) -> Query:
        """The field is less or equal. Raises WrongType."""
        return self._and(Test(key, "le", _ordered(key, value)))

    def between(self, key: str, low: Any, high: Any) -> Query:
        """The field is `low` or greater, and less than `high`. Raises WrongType."""
        return self.ge(key, low).lt(key, high)

    def in_(self, key: str, values: Iterable[Any]) -> Query:
        """The field is one of these; without values, no item."""
        return self._and(Test(key, "in", [to_json(value, field=key) for value in values]))

    def has_some(self, key: str, values: Iterable[Any]) -> Query:
        """The field is or contains one of these numbers, texts or timestamps. Raises WrongType."""
        return self._and(Test(key, "has_some", [_ordered(key, value) for value in values]))

    def has_all(self, key: str, values: Iterable[Any]) -> Query:
        """The field contains all of these; without values, no item. Raises WrongType."""
        return self._and(Test(key, "has_all", [_ordered(key, value) for value in values]))

    def contains(self, key: str, text: str) -> Query:
        """The field is a text that contains this, case-insensitive. Raises WrongType."""
        return self._and(Test(key, "contains", _text(key, text)))

    def starts_with(self, key: str, text: str) -> Query:
        """The field is a text that starts with this, case-insensitive. Raises WrongType."""
        return self._and(Test(key, "starts_with", _text(key, text)))

    def ends_with(self, key: str, text: str) -> Query:
        """The field is a text that ends with this, case-insensitive. Raises WrongType."""
        return self._and(Test(key, "ends_with", _text(key, text)))

    def is_empty(self, key: str) -> Query:
        """The field is null or missing."""
        return self._and(Test(key, "eq", None))

    def is_not_empty(self, key: str) -> Query:
        """The field is neither null nor missing."""
        return self._and(Test(key, "ne", None))

    def and_(self, other: Query) -> Query:
        """The conditions of both; order, limit and skip are this query's."""
        return self._and(other.where)

    def or_(self, other: Query) -> Query:
        """The conditions of either; order, limit and skip are this query's."""
        return replace(self, where=Or((*_alternatives(self.where), *_alternatives(other.where))))

    def not_(self) -> Query:
        """The items that the conditions so far do not select."""
        return replace(self, where=Not(self.where))

    def ascending(self, *keys: str) -> Query:
        """Sort by these, after the existing sort keys."""
        return replace(self, order=(*self.order, *((key, False) for key in keys)))

    def descending(self, *keys: str) -> Query:
        """Sort by these in descending order."""
        return replace(self, order=(*self.order, *((key, True) for key in keys)))

    def limit(self, items: int) -> Query:
        """At most this number of items. Raises ValueError outside of 1 to 1000."""
        if items.__class__ is not int or not 1 <= items <= MAX_LIMIT:
            raise ValueError(f"limit({items!r}): a page holds 1 to {MAX_LIMIT} items")
        return replace(self, size=items)

    def skip(self, items: int) -> Query:
        """Skip this number of items. Raises ValueError outside of 0 to 2,147,483,647."""
        if items.__class__ is not int or not 0 <= items <= MAX_OFFSET:
            raise ValueError(f"skip({items!r}): 0 to {MAX_OFFSET}")
        return replace(self, offset=items)

    def next(self) -> Query:
        """The page after this one."""
        return replace(self, offset=self.offset + self.size)

    def keys(self) -> Iterator[str]:
        """Every key of its conditions and order."""
        yield from _keys(self.where)
        yield from (key for key, _ in self.order)

    def _and(self, condition: Condition) -> Query:
        if self.where == NO_CONDITION:
            return replace(self, where=condition)
        parts = self.where.parts if isinstance(self.where, And) else (self.where,)
        more = condition.parts if isinstance(condition, And) else (condition,)
        return replace(self, where=And((*parts, *more)))


ALL_ITEMS = Query()


def _alternatives(condition: Condition) -> tuple[Condition, ...]:
    # Flat, not nested: Wix allows at most 50 levels in a filter (WDE0169).
    return condition.parts if isinstance(condition, Or) else (condition,)


def _keys(condition: Condition) -> Iterator[str]:
    match condition:
        case Test(key):
            yield key
        case Not(part):
            yield from _keys(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _keys(part)


def _ordered(key: str, value: Any) -> Json:
    if isinstance(value, bool) or not isinstance(value, str | int | float | datetime):
        raise WrongType(f"{key}: must be a number, a string or a datetime, not a {type(value).__name__}", field=key)
    return to_json(value, field=key)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise WrongType(f"{key}: must be a string, not a {type(value).__name__}", field=key)
    return str(to_json(value, field=key))
