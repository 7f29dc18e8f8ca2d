from __future__ import annotations

import math
from datetime import UTC, date, datetime

import pytest

from sandbox.airtable.formulas import FAULT
from sandbox.airtable.formulas.functions import arrays, numeric

NAN, INF = math.nan, math.inf
NONE = {"x": None}
CASES: list[tuple[str, dict, object]] = [
    ("ABS(-2.5)", {}, 2.5),
    ("ABS({x})", NONE, 0),
    ("ABS('2')", {}, FAULT),
    ("AVERAGE(1, 2, 6)", {}, 3),
    ("AVERAGE({x}, 4)", NONE, 4),
    ("AVERAGE({x})", NONE, NAN),
    ("AVERAGE(values)", {"values": [1, 2]}, 1.5),
    ("CEILING(1.1)", {}, 2),
    ("CEILING(-1.1)", {}, -1),
    ("CEILING(7, 5)", {}, 10),
    ("CEILING(7, 0)", {}, 0),
    ("CEILING(1/0)", {}, INF),
    ("EVEN(3)", {}, 4),
    ("EVEN(-3)", {}, -2),
    ("EVEN(0.1)", {}, 2),
    ("EVEN(2)", {}, 2),
    ("EXP(0)", {}, 1),
    ("EXP(1)", {}, math.e),
    ("EXP(10000)", {}, INF),
    ("EXP('a')", {}, FAULT),
    ("FLOOR(1.9)", {}, 1),
    ("FLOOR(-1.1)", {}, -2),
    ("FLOOR(7, 5)", {}, 5),
    ("INT(1.9)", {}, 1),
    ("INT(-1.1)", {}, -2),
    ("INT(0/0)", {}, NAN),
    ("LOG(100)", {}, 2),
    ("LOG(8, 2)", {}, 3),
    ("LOG(0)", {}, -INF),
    ("LOG(-1)", {}, NAN),
    ("LOG(5, 1)", {}, INF),
    ("LOG(5, 0)", {}, -0.0),
    ("MAX(1, 5, 3)", {}, 5),
    ("MAX({x}, -5)", NONE, -5),
    ("MAX({x})", NONE, 0),
    ("MAX('a', 2)", {}, 2),
    ("MAX(values)", {"values": [date(2026, 1, 1), date(2026, 3, 1)]}, date(2026, 3, 1)),
    ("MAX(0/0, 1)", {}, NAN),
    ("MIN(4, 2, {x})", NONE, 2),
    ("MIN(values)", {"values": []}, 0),
    ("MIN(values)", {"values": [3, [1, 2]]}, 1),
    ("MIN(CREATED_TIME(), NOW())", {}, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("MOD(7, 3)", {}, 1),
    ("MOD(-7, 3)", {}, 2),
    ("MOD(7, -3)", {}, -2),
    ("MOD(7, 0)", {}, NAN),
    ("ODD(2)", {}, 3),
    ("ODD(-2)", {}, -3),
    ("ODD(0)", {}, 1),
    ("ODD(1)", {}, 1),
    ("ODD(1.1)", {}, 3),
    ("POWER(2, 10)", {}, 1024),
    ("POWER(10, 100000)", {}, INF),
    ("POWER(-10, 100001)", {}, -INF),
    ("POWER(-1, 0.5)", {}, NAN),
    ("POWER(0, -1)", {}, INF),
    ("ROUND(2.5)", {}, 3),
    ("ROUND(-2.5)", {}, -2),
    ("ROUND(1.2345, 2)", {}, 1.23),
    ("ROUND(1250, -2)", {}, 1300),
    ("ROUND(1.5, 400)", {}, 1.5),
    ("ROUND(1.5, -400)", {}, 0),
    ("ROUND('a', 1)", {}, FAULT),
    ("ROUND(1, 0/0)", {}, FAULT),
    ("ROUNDDOWN(1.99, 1)", {}, 1.9),
    ("ROUNDDOWN(-1.99)", {}, -1),
    ("ROUNDDOWN({x}, 2)", NONE, 0),
    ("ROUNDUP(1.11, 1)", {}, 1.2),
    ("ROUNDUP(-1.1)", {}, -2),
    ("ROUNDUP(1)", {}, 1),
    ("SQRT(9)", {}, 3),
    ("SQRT(-1)", {}, NAN),
    ("SQRT({x})", NONE, 0),
    ("SUM(1, 2.5)", {}, 3.5),
    ("SUM(values)", {"values": [1, None, 2, "3", True]}, 4),
    ("SUM({x}, 2)", NONE, 2),
    ("SUM(values)", {"values": [1, FAULT]}, FAULT),
    ("SUM(1/0, 1)", {}, INF),
    ("VALUE('$1,250.5')", {}, 1250.5),
    ("VALUE('-3')", {}, -3),
    ("VALUE('abc')", {}, FAULT),
    ("VALUE({x})", NONE, None),
    ("VALUE(7)", {}, 7),
    ("VALUE('recA1b2')", {}, 12),
    ("COUNT(1, 'a', {x}, TRUE())", NONE, 2),
    ("COUNT(values)", {"values": [1, [2, "b"]]}, 2),
    ("COUNT({x})", NONE, 0),
    ("COUNTA(1, 'a', {x}, '')", NONE, 2),
    ("COUNTA(values)", {"values": ["a", None, 0]}, 2),
    ("COUNTA({x})", NONE, 0),
    ("COUNTALL(1, 'a', {x}, '')", NONE, 4),
    ("COUNTALL(values)", {"values": [None, None]}, 2),
    ("COUNTALL(values)", {"values": []}, 0),
    ("ARRAYJOIN(values, '; ')", {"values": ["a", 1, None]}, "a; 1; "),
    ("ARRAYJOIN(values)", {"values": ["a", ["b", "c"]]}, "a, b, c"),
    ("ARRAYJOIN({x})", NONE, ""),
    ("ARRAYJOIN('alone')", {}, "alone"),
    ("ARRAYJOIN(values, {x})", {"values": ["a", "b"], "x": "x" * 1_000_000}, FAULT),
    ("ARRAYUNIQUE(values)", {"values": ["a", "b", "a", 1, "1", None, None]}, ["a", "b", 1, "1", None]),
    ("ARRAYUNIQUE({x})", NONE, []),
    ("ARRAYUNIQUE(values)", {"values": ["a", FAULT]}, FAULT),
    ("ARRAYCOMPACT(values)", {"values": ["a", "", None, 0, " ", False]}, ["a", 0, " ", False]),
    ("ARRAYCOMPACT({x})", NONE, []),
    ("ARRAYCOMPACT('a')", {}, ["a"]),
    ("ARRAYFLATTEN(values)", {"values": [1, [2, [3]]]}, [1, 2, 3]),
    ("ARRAYFLATTEN(values, 'z')", {"values": [1]}, [1, "z"]),
    ("ARRAYFLATTEN(values, values)", {"values": [1] * 60_000}, FAULT),
    ("ARRAYSLICE(values, 2, 3)", {"values": [1, 2, 3, 4]}, [2, 3]),
    ("ARRAYSLICE(values, 3)", {"values": [1, 2, 3, 4]}, [3, 4]),
    ("ARRAYSLICE(values, -2)", {"values": [1, 2, 3, 4]}, [3, 4]),
    ("ARRAYSLICE(values, 9, 10)", {"values": [1, 2]}, []),
    ("ARRAYSLICE(values, 'b')", {"values": [1, 2]}, FAULT),
]


def same(left: object, right: object) -> bool:
    """Equal, NaN with NaN, and a truth is no number."""
    if isinstance(left, float) and isinstance(right, float) and math.isnan(right):
        return math.isnan(left)
    if isinstance(right, float):
        return isinstance(left, float) and math.isclose(left, right, rel_tol=1e-12)
    return left == right and isinstance(left, bool) == isinstance(right, bool)


@pytest.mark.parametrize(("formula", "fields", "expected"), CASES)
def test_number_and_array_functions(evaluate, formula, fields, expected):
    value = evaluate(formula, fields)
    assert same(value, expected), value


def test_every_number_and_array_function_has_its_cases(cases_by_function):
    counted = cases_by_function(CASES)
    assert {name for name in (*numeric.FUNCTIONS, *arrays.FUNCTIONS) if counted[name] < 3} == set()
