"""Where an item stands by a key, as bytes that SQLite compares as Wix compares the values; and conditions as SQL.

    place(5) < place(40) < place("1") < place({"$date": …})       # type first, then value

A text is cut at `CUT` bytes: a condition that the cut could blur finds more rows than it should, and says so.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from runbook.records.query import And, Not, Or, Test
from runbook.records.values import Identity, identity

if TYPE_CHECKING:
    from collections.abc import Collection as Keys

    from runbook.json_types import Json
    from runbook.records.query import Condition

CUT = 200
LOWEST, HIGHEST = 1, 2
"""Which place of an item counts when it is sorted by a key: of a list the lowest or the highest element."""
_EXACT_INT = 1 << 53
_RANGES = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def encode(value: Identity) -> bytes:
    """An identity as bytes, cut."""
    rank, what = value
    if rank == 1:
        try:
            number = float(what) + 0.0  # -0.0 is 0.0
        except OverflowError:
            number = float("inf") if what > 0 else float("-inf")
        (bits,) = struct.unpack(">Q", struct.pack(">d", number))
        return b"\x01" + struct.pack(">Q", bits ^ 0xFFFFFFFFFFFFFFFF if bits >> 63 else bits | 1 << 63)
    if rank == 0:
        return b"\x00"
    if rank == 5:
        return b"\x05" + bytes([what])
    text: str = what
    return bytes([rank]) + text.encode("utf-8", "surrogatepass")[:CUT]


def places(value: Json, *, there: bool) -> dict[bytes, int]:
    """The places of an item by one key's value, each with the ends that it is: `LOWEST`, `HIGHEST`, both, or 0.

    A key that is not `there` is placed like null, lowest of all.
    """
    if not there or value.__class__ is not list:
        return {encode(identity(value if there else None)): LOWEST | HIGHEST}
    elements = [encode(identity(element)) for element in value]
    if not elements:
        return {b"\x00": LOWEST | HIGHEST}
    found = dict.fromkeys(elements, 0)
    found[min(found)] |= LOWEST
    found[max(found)] |= HIGHEST
    return found


class Ids(NamedTuple):
    """SQL that gives the ids of rows. `exact`: just those that the condition keeps, not more."""

    sql: str
    values: tuple[Any, ...]
    exact: bool


def ids_of(condition: Condition, collection: str, keys: Keys[str]) -> Ids | None:
    """The rows that a condition keeps, by the keys that have places; None where it needs the items themselves."""
    match condition:
        case Test():
            return _test(condition, collection) if condition.key in keys else None
        case And(parts):
            found = [ids_of(part, collection, keys) for part in parts]
            known = [part for part in found if part is not None]
            if not known:
                return None
            return _joined(" INTERSECT ", known, exact=len(known) == len(found))
        case Or(parts):
            found = [ids_of(part, collection, keys) for part in parts]
            known = [part for part in found if part is not None]
            return _joined(" UNION ", known, exact=True) if known and len(known) == len(found) else None
        case Not(part):
            inner = ids_of(part, collection, keys)
            if inner is None or not inner.exact:
                return None
            return _but(collection, inner)


def _joined(by: str, parts: list[Ids], *, exact: bool) -> Ids:
    if len(parts) == 1:
        return parts[0]._replace(exact=exact and parts[0].exact)
    sql = by.join(f"SELECT id FROM ({part.sql})" for part in parts)
    return Ids(sql, tuple(value for part in parts for value in part.values), exact and all(p.exact for p in parts))


def _but(collection: str, inner: Ids) -> Ids:
    sql = f"SELECT id FROM row WHERE collection = ? EXCEPT SELECT id FROM ({inner.sql})"
    return Ids(sql, (collection, *inner.values), True)


def _test(test: Test, collection: str) -> Ids | None:
    begin = "SELECT DISTINCT id FROM place WHERE collection = ? AND key = ? AND "
    match test.operator:
        case "eq" | "in" | "has_some":
            return _any(begin, test, collection)
        case "ne":
            equal = _any(begin, Test(test.key, "eq", test.value), collection)
            return _but(collection, equal) if equal is not None and equal.exact else None
        case "has_all":
            parts = [_any(begin, Test(test.key, "eq", value), collection) for value in test.value]
            known = [part for part in parts if part is not None]
            return _joined(" INTERSECT ", known, exact=len(known) == len(parts)) if known else None
        case "gt" | "ge" | "lt" | "le":
            return _range(begin, test, collection)
        case _:
            return None


def _any(begin: str, test: Test, collection: str) -> Ids | None:
    values = [test.value] if test.operator == "eq" else test.value
    if any(value.__class__ in (list, dict) and identity(value)[0] != 6 for value in values):
        return None
    wanted = list(dict.fromkeys(encode(identity(value)) for value in values))
    if not wanted:
        return Ids("SELECT id FROM row WHERE 0", (), True)
    sql = f"{begin}place IN ({','.join('?' * len(wanted))})"
    return Ids(sql, (collection, test.key, *wanted), not any(map(_blurred, values)))


def _range(begin: str, test: Test, collection: str) -> Ids:
    bound = encode(identity(test.value))
    blurred = _blurred(test.value)
    sign = _RANGES[test.operator] if not blurred else ">=" if test.operator in ("gt", "ge") else "<="
    kind = bound[:1]
    sql = f"{begin}place {sign} ? AND place >= ? AND place < ?"
    return Ids(sql, (collection, test.key, bound, kind, bytes([kind[0] + 1])), not blurred)


def _blurred(value: Json) -> bool:
    if value.__class__ is str:
        return len(value.encode("utf-8", "surrogatepass")) >= CUT
    return value.__class__ is int and abs(value) > _EXACT_INT
