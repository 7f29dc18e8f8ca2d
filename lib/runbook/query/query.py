"""What to ask for: a small value that is built step by step, and means the same on either side.

    Query().eq("status", "active").ge("years", 2).descending("_createdDate").limit(20)
    Query().starts_with("name", "o'b").or_(Query().is_empty("name")).skip(50)

| step                                         | keeps items of which the field                                 |
|----------------------------------------------|----------------------------------------------------------------|
| eq(key, value), ne(key, value)               | is this, is not: of the same type (123 is not "123"), or any   |
|                                              | element of a list; None: null or missing                       |
| gt, ge, lt, le (key, value)                  | is beyond: among numbers, texts (by code point), moments       |
| between(key, low, high)                      | is from low up to, but not, high                               |
| in_(key, values), has_some(key, values)      | is one of these, or has one of them                            |
| has_all(key, values)                         | has all of these                                               |
| contains, starts_with, ends_with (key, text) | is a text with this part, whatever the case                    |
| is_empty(key), is_not_empty(key)             | is null or missing, is neither ("" is a value)                 |
| and_(query), or_(query), not_()              | combines the conditions of two queries, turns them round       |
| ascending(*keys), descending(*keys)          | sorts: what is missing is lowest; without a sort newest first  |
| limit(n), skip(n)                            | at most n (50 where none is said, 1000 at the most), after n   |

Keys are Wix keys; a dotted key goes into objects. Items that no sort parts stand in the order of their `_id`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from runbook.errors import WrongType
from runbook.json_types import Json
from runbook.query.values import to_json

DEFAULT_LIMIT, MOST = 50, 1000
FARTHEST = 2**31 - 1  # Wix's offset is an int32
NEWEST_FIRST = (("_createdDate", True),)

Operator: TypeAlias = Literal[
    "eq", "ne", "gt", "ge", "lt", "le", "in", "has_some", "has_all", "contains", "starts_with", "ends_with"
]


@dataclass(frozen=True, slots=True)
class Test:
    """One condition on one field; `value` is JSON."""

    __test__ = False  # no test class, whatever pytest thinks of its name

    key: str
    operator: Operator
    value: Json


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts; of none, every item."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the parts; of none, no item."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Not the part."""

    part: Condition


Condition: TypeAlias = Test | And | Or | Not
EVERYTHING = And(())


@dataclass(frozen=True, slots=True)
class Query:
    """See the module. `order`: (key, descending) pairs. Every step gives a new query."""

    where: Condition = EVERYTHING
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
        """The field is above. Raises WrongType where the value is no number, text or moment."""
        return self._and(Test(key, "gt", _ordered(key, value)))

    def ge(self, key: str, value: Any) -> Query:
        """The field is this or above. Raises WrongType."""
        return self._and(Test(key, "ge", _ordered(key, value)))

    def lt(self, key: str, value: Any) -> Query:
        """The field is below. Raises WrongType."""
        return self._and(Test(key, "lt", _ordered(key, value)))

    def le(self, key: str, value: Any) -> Query:
        """The field is this or below. Raises WrongType."""
        return self._and(Test(key, "le", _ordered(key, value)))

    def between(self, key: str, low: Any, high: Any) -> Query:
        """The field is `low` or above, and below `high`. Raises WrongType."""
        return self.ge(key, low).lt(key, high)

    def in_(self, key: str, values: Iterable[Any]) -> Query:
        """The field is one of these; of no values, no item."""
        return self._and(Test(key, "in", [to_json(value, field=key) for value in values]))

    def has_some(self, key: str, values: Iterable[Any]) -> Query:
        """The field has, or is, one of these numbers, texts or moments. Raises WrongType."""
        return self._and(Test(key, "has_some", [_ordered(key, value) for value in values]))

    def has_all(self, key: str, values: Iterable[Any]) -> Query:
        """The field has all of these; of no values, no item. Raises WrongType."""
        return self._and(Test(key, "has_all", [_ordered(key, value) for value in values]))

    def contains(self, key: str, text: str) -> Query:
        """The field is a text with this in it, whatever the case. Raises WrongType."""
        return self._and(Test(key, "contains", _text(key, text)))

    def starts_with(self, key: str, text: str) -> Query:
        """The field is a text that begins so, whatever the case. Raises WrongType."""
        return self._and(Test(key, "starts_with", _text(key, text)))

    def ends_with(self, key: str, text: str) -> Query:
        """The field is a text that ends so, whatever the case. Raises WrongType."""
        return self._and(Test(key, "ends_with", _text(key, text)))

    def is_empty(self, key: str) -> Query:
        """The field is null or not there."""
        return self._and(Test(key, "eq", None))

    def is_not_empty(self, key: str) -> Query:
        """The field is there and not null."""
        return self._and(Test(key, "ne", None))

    def and_(self, other: Query) -> Query:
        """The conditions of both; order, limit and skip are this query's."""
        return self._and(other.where)

    def or_(self, other: Query) -> Query:
        """The conditions of either; order, limit and skip are this query's."""
        return replace(self, where=Or((*_alternatives(self.where), *_alternatives(other.where))))

    def not_(self) -> Query:
        """What the conditions so far leave out."""
        return replace(self, where=Not(self.where))

    def ascending(self, *keys: str) -> Query:
        """Sort by these, after what is sorted by already."""
        return replace(self, order=(*self.order, *((key, False) for key in keys)))

    def descending(self, *keys: str) -> Query:
        """Sort by these, the highest first."""
        return replace(self, order=(*self.order, *((key, True) for key in keys)))

    def limit(self, items: int) -> Query:
        """At most so many items. Raises ValueError outside of 1 to 1000."""
        if items.__class__ is not int or not 1 <= items <= MOST:
            raise ValueError(f"limit({items!r}): a page holds 1 to {MOST} items")
        return replace(self, size=items)

    def skip(self, items: int) -> Query:
        """Leave out so many at the beginning. Raises ValueError outside of 0 to 2,147,483,647."""
        if items.__class__ is not int or not 0 <= items <= FARTHEST:
            raise ValueError(f"skip({items!r}): 0 to {FARTHEST}")
        return replace(self, offset=items)

    def next(self) -> Query:
        """The page after this one."""
        return replace(self, offset=self.offset + self.size)

    def keys(self) -> Iterator[str]:
        """Every key that it speaks of."""
        yield from _keys(self.where)
        yield from (key for key, _ in self.order)

    def _and(self, condition: Condition) -> Query:
        if self.where == EVERYTHING:
            return replace(self, where=condition)
        parts = self.where.parts if isinstance(self.where, And) else (self.where,)
        more = condition.parts if isinstance(condition, And) else (condition,)
        return replace(self, where=And((*parts, *more)))


EVERY = Query()


def _alternatives(condition: Condition) -> tuple[Condition, ...]:
    # Side by side, not one in the other: Wix takes a filter of at most 50 levels (WDE0169).
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
        raise WrongType(f"{key}: compared with a {type(value).__name__}; a number, text or moment is right", field=key)
    return to_json(value, field=key)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise WrongType(f"{key}: searched for a {type(value).__name__}; a text is right", field=key)
    return str(to_json(value, field=key))
