"""Where an item stands by a key, as bytes that SQLite compares as Wix compares the values; and conditions as SQL.

    encode(identity(5)) < encode(identity(40)) < encode(identity("1"))       # type first, then value

A text is cut at `CUT` bytes, and a number is a double: a condition that this could blur finds more rows than it should,
and says so.
"""

from __future__ import annotations

import struct
from collections.abc import Collection as Keys
from typing import Any, NamedTuple

from runbook.json_types import Json
from runbook.query.query import And, Condition, Not, Or, Test
from runbook.query.values import NOTHING, Identity, identity

CUT = 200
LOWEST, HIGHEST, VALUE = 1, 2, 4
"""What a place is of its item: the one that counts when it is sorted by the key (of a list the lowest element, or the
highest), and a value that it has. An empty list stands like null, but is none."""
_EXACT = float(1 << 53)
_RANGES = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_NONE = "SELECT n FROM row WHERE 0"
_MOST_VALUES = 10_000  # SQLite takes 32,766 in a statement,
_MOST_PARTS = 200  # 500 parts of a compound SELECT,
_DEEPEST = 8  # and parentheses to a depth of 100


def encode(value: Identity) -> bytes:
    """An identity as bytes, cut."""
    rank, what = value
    if rank == 0:
        return b"\x00"
    if rank == 1:
        try:
            number = float(what) + 0.0  # -0.0 is 0.0
        except OverflowError:
            number = float("inf") if what > 0 else float("-inf")
        (bits,) = struct.unpack(">Q", struct.pack(">d", number))
        return b"\x01" + struct.pack(">Q", bits ^ 0xFFFFFFFFFFFFFFFF if bits >> 63 else bits | 1 << 63)
    if rank == 5:
        return b"\x05" + bytes([what])
    text: str = what
    return bytes([rank]) + text.encode("utf-8", "surrogatepass")[:CUT]


def places(value: Json, *, there: bool) -> dict[bytes, int]:
    """The places of an item by one key's value, each with what it is: `LOWEST`, `HIGHEST`, `VALUE` together.

    A key that is not `there` is placed like null, lowest of all.
    """
    if not there or value.__class__ is not list:
        return {encode(identity(value if there else None)): LOWEST | HIGHEST | VALUE}
    elements = [encode(identity(element)) for element in value]
    if not elements:
        return {encode(NOTHING): LOWEST | HIGHEST}
    found = dict.fromkeys(elements, VALUE)
    found[min(found)] |= LOWEST
    found[max(found)] |= HIGHEST
    return found


def is_blurred(place: bytes) -> bool:
    """Whether values that differ may share this place."""
    if place[0] == 1:
        (bits,) = struct.unpack(">Q", place[1:])
        (number,) = struct.unpack(">d", struct.pack(">Q", bits & ~(1 << 63) if bits >> 63 else bits ^ (1 << 64) - 1))
        return bool(abs(number) >= _EXACT)
    return len(place) > CUT


class Rows(NamedTuple):
    """SQL that gives the numbers (`n`) of rows, some of them perhaps twice.

    `exact`: just those that the condition keeps, not more.
    """

    sql: str
    values: tuple[Any, ...]
    exact: bool


def rows_of(condition: Condition, collection: str, keys: Keys[str], depth: int = 0) -> Rows | None:
    """The rows that a condition keeps, by the keys that have places; None where it needs the items themselves."""
    match condition:
        case Test():
            return _test(condition, collection) if condition.key in keys else None
        case _ if depth > _DEEPEST:
            return None
        case And(parts):
            found = [rows_of(part, collection, keys, depth + 1) for part in parts[:_MOST_PARTS]]
            known = [part for part in found if part is not None]
            return _joined(" INTERSECT ", known, exact=len(known) == len(parts)) if known else None
        case Or(parts):
            found = [rows_of(part, collection, keys, depth + 1) for part in parts[: _MOST_PARTS + 1]]
            known = [part for part in found if part is not None]
            if not known:
                return None if parts else Rows(_NONE, (), True)
            return _joined(" UNION ", known, exact=True) if len(known) == len(parts) <= _MOST_PARTS else None
        case Not(part):
            inner = rows_of(part, collection, keys, depth + 1)
            return _but(collection, inner) if inner is not None and inner.exact else None


def _joined(by: str, parts: list[Rows], *, exact: bool) -> Rows:
    if len(parts) == 1:
        return parts[0]._replace(exact=exact and parts[0].exact)
    sql = by.join(f"SELECT n FROM ({part.sql})" for part in parts)
    return Rows(sql, tuple(value for part in parts for value in part.values), exact and all(p.exact for p in parts))


def _but(collection: str, inner: Rows) -> Rows:
    sql = f"SELECT n FROM row WHERE collection = ? EXCEPT SELECT n FROM ({inner.sql})"
    return Rows(sql, (collection, *inner.values), True)


def _test(test: Test, collection: str) -> Rows | None:
    match test.operator:
        case "eq":
            return _any(test.key, [test.value], collection)
        case "in" | "has_some":
            return _any(test.key, test.value, collection)
        case "ne":
            equal = _any(test.key, [test.value], collection)
            return _but(collection, equal) if equal is not None and equal.exact else None
        case "has_all":
            if not test.value:
                return Rows(_NONE, (), True)
            found = [_any(test.key, [value], collection) for value in test.value[:_MOST_PARTS]]
            known = [part for part in found if part is not None]
            return _joined(" INTERSECT ", known, exact=len(known) == len(test.value)) if known else None
        case "gt" | "ge" | "lt" | "le":
            return _range(test, collection)
        case _:
            return None


def _any(key: str, values: list[Json], collection: str) -> Rows | None:
    identities = set(map(identity, values))
    if any(rank in (3, 4) for rank, _ in identities) or len(identities) > _MOST_VALUES:
        return None  # lists and objects as a whole have no places
    if not identities:
        return Rows(_NONE, (), True)
    wanted = {encode(value) for value in identities}
    sql = (
        "SELECT n FROM place WHERE collection = ? AND key = ? AND "
        f"place IN ({','.join('?' * len(wanted))}) AND ends >= {VALUE}"
    )
    return Rows(sql, (collection, key, *wanted), not any(map(is_blurred, wanted)))


def _range(test: Test, collection: str) -> Rows:
    bound = encode(identity(test.value))
    blurred = is_blurred(bound)
    sign = _RANGES[test.operator] if not blurred else ">=" if test.operator in ("gt", "ge") else "<="
    above = test.operator in ("gt", "ge")
    # The other end is that of the type: only values of one type are compared.
    other, edge = ("<", bytes([bound[0] + 1])) if above else (">=", bound[:1])
    sql = f"SELECT n FROM place WHERE collection = ? AND key = ? AND place {sign} ? AND place {other} ?"
    return Rows(sql, (collection, test.key, bound, edge), not blurred)
