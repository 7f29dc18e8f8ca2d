"""Values as bytes that SQLite compares as Wix compares the values; and conditions on them as SQL.

    encode(identity(5)) < encode(identity(40)) < encode(identity("1"))       # type first, then value

A text is cut at `MAX_BYTES` and a number is a double, so different values may have one encoding. A condition on such a
value finds more rows than it should, and says so (`Rows.exact`).
"""

from __future__ import annotations

import struct
from collections.abc import Collection as Keys
from typing import Any, NamedTuple

from runbook.json_types import Json
from runbook.query.query import And, Condition, Not, Or, Test
from runbook.query.values import NULL, Identity, identity

MAX_BYTES = 200
LOWEST, HIGHEST, VALUE = 1, 2, 4
"""Roles of a sort key, as bits: the one that counts in an ascending sort, in a descending sort (of a list its lowest
and its highest element), and a value that the item has. An empty list sorts like null but has no value."""
_EXACT = float(1 << 53)
_RANGES = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_NO_ROWS = "SELECT n FROM row WHERE 0"
# SQLite's limits are 32,766 values in a statement, 500 terms of a compound SELECT, 100 nested parentheses.
_MAX_VALUES = 10_000
_MAX_TERMS = 200
_MAX_DEPTH = 8


def encode(value: Identity) -> bytes:
    """An identity as bytes, cut."""
    rank, content = value
    if rank == 0:
        return b"\x00"
    if rank == 1:
        try:
            number = float(content) + 0.0  # -0.0 is 0.0
        except OverflowError:
            number = float("inf") if content > 0 else float("-inf")
        (bits,) = struct.unpack(">Q", struct.pack(">d", number))
        return b"\x01" + struct.pack(">Q", bits ^ 0xFFFFFFFFFFFFFFFF if bits >> 63 else bits | 1 << 63)
    if rank == 5:
        return b"\x05" + bytes([content])
    text: str = content
    return bytes([rank]) + text.encode("utf-8", "surrogatepass")[:MAX_BYTES]


def sort_keys(value: Json, *, present: bool) -> dict[bytes, int]:
    """The sort keys of an item by one field's value, each with its roles: `LOWEST`, `HIGHEST`, `VALUE` together.

    A field that is not `present` sorts like null, lowest of all.
    """
    if not present or value.__class__ is not list:
        return {encode(identity(value if present else None)): LOWEST | HIGHEST | VALUE}
    elements = [encode(identity(element)) for element in value]
    if not elements:
        return {encode(NULL): LOWEST | HIGHEST}
    found = dict.fromkeys(elements, VALUE)
    found[min(found)] |= LOWEST
    found[max(found)] |= HIGHEST
    return found


def is_ambiguous(key: bytes) -> bool:
    """Whether different values may have this encoding."""
    if key[0] == 1:
        (bits,) = struct.unpack(">Q", key[1:])
        (number,) = struct.unpack(">d", struct.pack(">Q", bits & ~(1 << 63) if bits >> 63 else bits ^ (1 << 64) - 1))
        return bool(abs(number) >= _EXACT)
    return len(key) > MAX_BYTES


class Rows(NamedTuple):
    """SQL that gives the numbers (`n`) of rows, possibly repeated. `exact`: only rows that the condition keeps."""

    sql: str
    values: tuple[Any, ...]
    exact: bool


def rows_of(condition: Condition, collection: str, keys: Keys[str], depth: int = 0) -> Rows | None:
    """The rows that a condition keeps, by the fields that are indexed; None where it needs the items themselves."""
    match condition:
        case Test():
            return _test(condition, collection) if condition.key in keys else None
        case _ if depth > _MAX_DEPTH:
            return None
        case And(parts):
            return _intersection(
                [rows_of(part, collection, keys, depth + 1) for part in parts[:_MAX_TERMS]], len(parts)
            )
        case Or(parts):
            if len(parts) > _MAX_TERMS:
                return None
            found = [rows for part in parts if (rows := rows_of(part, collection, keys, depth + 1)) is not None]
            if len(found) < len(parts):
                return None
            return _joined(" UNION ", found, exact=True) if found else Rows(_NO_ROWS, (), True)
        case Not(part):
            return _complement(collection, rows_of(part, collection, keys, depth + 1))


def _intersection(terms: list[Rows | None], count: int) -> Rows | None:
    """The rows of all terms that are known; exact where those are all `count` of them."""
    known = [rows for rows in terms if rows is not None]
    return _joined(" INTERSECT ", known, exact=len(known) == count) if known else None


def _joined(operator: str, parts: list[Rows], *, exact: bool) -> Rows:
    if len(parts) == 1:
        return parts[0]._replace(exact=exact and parts[0].exact)
    sql = operator.join(f"SELECT n FROM ({part.sql})" for part in parts)
    return Rows(sql, tuple(value for part in parts for value in part.values), exact and all(p.exact for p in parts))


def _complement(collection: str, inner: Rows | None) -> Rows | None:
    if inner is None or not inner.exact:
        return None
    sql = f"SELECT n FROM row WHERE collection = ? EXCEPT SELECT n FROM ({inner.sql})"
    return Rows(sql, (collection, *inner.values), True)


def _test(test: Test, collection: str) -> Rows | None:
    match test.operator:
        case "eq":
            return _any(test.key, [test.value], collection)
        case "in" | "has_some":
            return _any(test.key, test.value, collection)
        case "ne":
            return _complement(collection, _any(test.key, [test.value], collection))
        case "has_all":
            if not test.value:
                return Rows(_NO_ROWS, (), True)
            terms = [_any(test.key, [value], collection) for value in test.value[:_MAX_TERMS]]
            return _intersection(terms, len(test.value))
        case "gt" | "ge" | "lt" | "le":
            return _range(test, collection)
        case _:
            return None


def _any(key: str, values: list[Json], collection: str) -> Rows | None:
    identities = set(map(identity, values))
    if any(rank in (3, 4) for rank, _ in identities) or len(identities) > _MAX_VALUES:
        return None  # whole lists and objects are not indexed
    if not identities:
        return Rows(_NO_ROWS, (), True)
    wanted = {encode(value) for value in identities}
    sql = (
        "SELECT n FROM sort_key WHERE collection = ? AND field = ? AND "
        f"value IN ({','.join('?' * len(wanted))}) AND roles >= {VALUE}"
    )
    return Rows(sql, (collection, key, *wanted), not any(map(is_ambiguous, wanted)))


def _range(test: Test, collection: str) -> Rows:
    bound = encode(identity(test.value))
    ambiguous = is_ambiguous(bound)
    above = test.operator in ("gt", "ge")
    sign = _RANGES[test.operator] if not ambiguous else ">=" if above else "<="
    # The other bound is that of the type: only values of one type are compared.
    other, edge = ("<", bytes([bound[0] + 1])) if above else (">=", bound[:1])
    sql = f"SELECT n FROM sort_key WHERE collection = ? AND field = ? AND value {sign} ? AND value {other} ?"
    return Rows(sql, (collection, test.key, bound, edge), not ambiguous)
