"""JavaScript's rules, by tables of results from Node 20; where Node is installed, they are compared again."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from lmdr import js
from runbook.json_types import MISSING

NAN = math.nan
NOON = datetime(2026, 1, 21, 12, tzinfo=UTC)


def alike(one: Any, other: Any) -> bool:
    """The same number of the same type; NaN is NaN."""
    return one.__class__ is other.__class__ and (one == other or (one != one and other != other))


@pytest.mark.parametrize("value", [0, 0.0, -0.0, NAN, "", None, False, MISSING])
def test_falsy(value: Any) -> None:
    assert not js.truthy(value)
    assert js.or_(value, "default") == "default"


@pytest.mark.parametrize("value", [1, -0.5, math.inf, "0", " ", "false", True, [], {}, [0], NOON])
def test_truthy(value: Any) -> None:
    assert js.truthy(value)
    assert js.or_(value, "default") is value


def test_a_number_is_no_text_and_no_boolean() -> None:
    assert js.is_number(1)
    assert js.is_number(0.5)
    assert js.is_number(NAN)
    assert not any(js.is_number(value) for value in (True, "1", None, MISSING, []))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 1.0, True),
        (1, "1", False),
        (1, True, False),
        (0, False, False),
        (True, True, True),
        ("a", "a", True),
        (None, None, True),
        (None, MISSING, False),
        (MISSING, MISSING, True),
        (NAN, NAN, False),
    ],
)
def test_same(one: Any, other: Any, expected: bool) -> None:
    assert js.same(one, other) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (9, 10, True),
        ("9", "10", False),
        ("9", 10, True),
        (9, "10", True),
        ("", 1, True),
        (None, 1, True),
        (MISSING, 1, False),
        (1, MISSING, False),
        ("x", 1, False),
        (NAN, 1, False),
        ("\uffff", "\U0001f600", False),  # by UTF-16 units, not by code points
    ],
)
def test_less(one: Any, other: Any, expected: bool) -> None:
    assert js.less(one, other) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2.5, 3),
        (3.5, 4),
        (-2.5, -2),
        (-2.51, -3),
        (-0.5, 0),
        (0.49999999999999994, 0),
        (-1e-20, 0),
        (4503599627370495.5, 4503599627370496),
        (4503599627370497.0, 4503599627370497),
        (7, 7),
        (NAN, NAN),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
    ],
)
def test_round_half_up(value: float, expected: float) -> None:
    assert alike(js.round_half_up(value), expected)


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (0.125, 2, "0.13"),
        (0.375, 2, "0.38"),
        (-0.125, 2, "-0.13"),
        (1.005, 2, "1.00"),
        (0.615, 2, "0.61"),
        (2.5, 0, "3"),
        (-2.5, 0, "-3"),
        (0, 2, "0.00"),
        (-0.0, 2, "0.00"),
        (-1e-9, 2, "-0.00"),
        (0.000001234, 10, "0.0000012340"),
        (5, 2, "5.00"),
        (123.456, 1, "123.5"),
        (1e20, 2, "100000000000000000000.00"),
        (1e21, 2, "1e+21"),
        (NAN, 2, "NaN"),
        (-math.inf, 2, "-Infinity"),
    ],
)
def test_to_fixed(value: float, digits: int, expected: str) -> None:
    assert js.to_fixed(value, digits) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("75.9", 75),
        ("12ab", 12),
        ("  -7 ", -7),
        ("+7", 7),
        ("\ufeff\u00a07", 7),
        ("\x1c7", NAN),  # str.strip() would take it off
        ("007", 7),
        ("1e3", 1),
        ("0x1F", 31),
        ("-0x1f", -31),
        ("0x", NAN),
        ("0xg", NAN),
        ("- 7", NAN),
        ("", NAN),
        ("x", NAN),
        ("٧", NAN),  # a digit to str.isdigit() and to int()
        ("７5", NAN),
        ("7٧", 7),
        ("1_000", 1),
        ("9007199254740991", 9007199254740991),
        ("123456789012345678901", 123456789012345683968.0),
        ("9" * 5000, math.inf),
        ("0x" + "f" * 400, math.inf),
        (75.9, 75),
        (-75.9, -75),
        (0.4, 0),
        (5e-7, 5),
        (1e21, 1),
        (7, 7),
        (NAN, NAN),
        (math.inf, NAN),
        (None, NAN),
        (True, NAN),
        (MISSING, NAN),
        ({}, NAN),
        ([], NAN),
        (["8", 9], 8),
        (NOON, NAN),
    ],
)
def test_parse_int(value: Any, expected: float) -> None:
    assert alike(js.parse_int(value), expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.5x", 1.5),
        (".5", 0.5),
        ("5.", 5),
        ("-.5e-1z", -0.05),
        ("1e", 1),
        ("1e+", 1),
        ("1e3", 1000),
        ("1e1000", math.inf),
        ("  0.62 CPM", 0.62),
        ("$0.62", NAN),
        ("Infinityx", math.inf),
        ("inf", NAN),
        ("nan", NAN),
        ("0x10", 0),
        ("1,5", 1),
        ("1_0", 1),
        ("٠.٥", NAN),
        (".", NAN),
        ("", NAN),
        ("9" * 400, math.inf),
        (0.62, 0.62),
        (2.0, 2),
        (None, NAN),
        (False, NAN),
        (MISSING, NAN),
        ([0.5], 0.5),
        (math.inf, math.inf),
    ],
)
def test_parse_float(value: Any, expected: float) -> None:
    assert alike(js.parse_float(value), expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", 0),
        (" \n", 0),
        (" 12 ", 12),
        ("1e3 ", 1000),
        ("12ab", NAN),
        ("1.", 1),
        (".", NAN),
        ("0x1f", 31),
        ("0b11", 3),
        ("0o17", 15),
        ("-0x1f", NAN),
        ("Infinity", math.inf),
        ("inf", NAN),
        ("1_0", NAN),
        ("١", NAN),
        (None, 0),
        (True, 1),
        (MISSING, NAN),
        ([], 0),
        ([5], 5),
        ([5, 6], NAN),
        ({}, NAN),
        (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), 1000),
        (1.0, 1),
    ],
)
def test_to_number(value: Any, expected: float) -> None:
    assert alike(js.to_number(value), expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (123, "123"),
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (-75.25, "-75.25"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (-1.5e-10, "-1.5e-10"),
        (1e16, "10000000000000000"),
        (123456789012345680000, "123456789012345680000"),
        (2**53 + 1, "9007199254740992"),
        (1e21, "1e+21"),
        (1.25e21, "1.25e+21"),
        (5e-324, "5e-324"),
        (NAN, "NaN"),
        (-math.inf, "-Infinity"),
        (True, "true"),
        (None, "null"),
        (MISSING, "undefined"),
        ("x", "x"),
        ([1, None, [2, MISSING]], "1,,2,"),
        ({}, "[object Object]"),
        (NOON, "Wed Jan 21 2026 12:00:00 GMT+0000 (Coordinated Universal Time)"),
    ],
)
def test_to_string(value: Any, expected: str) -> None:
    assert js.to_string(value) == expected


def test_trim() -> None:
    assert js.trim("\ufeff\t\u2003a b\u00a0\n") == "a b"
    assert js.trim("\x85\x1ca\x1f") == "\x85\x1ca\x1f"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2.0, 2), (-0.0, 0), (2.5, 2.5), (3, 3), (2.0**53, 2.0**53), (1e300, 1e300), (NAN, NAN), (-math.inf, -math.inf)],
)
def test_integral(value: float, expected: float) -> None:
    assert alike(js.integral(value), expected)


def test_minimum_and_maximum_with_nan() -> None:
    assert (js.minimum(1, 2), js.minimum(2, 1), js.maximum(1, 2), js.maximum(2, 1)) == (1, 1, 2, 2)
    for pair in ((NAN, 1), (1, NAN)):
        assert math.isnan(js.minimum(*pair))
        assert math.isnan(js.maximum(*pair))


def test_a_sum_is_computed_from_left_to_right() -> None:
    assert js.total([1e100, 1.0, -1e100]) == 0  # 1.0 to sum() of Python 3.12
    assert js.total([0.1] * 10) == 0.9999999999999999
    assert alike(js.total([]), 0)


def test_division_by_nothing() -> None:
    assert (js.divide(1, 4), js.divide(1, 0), js.divide(-0.5, 0)) == (0.25, math.inf, -math.inf)
    assert math.isnan(js.divide(0, 0))
    assert math.isnan(js.divide(NAN, 0))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-21T12:00:00.000Z", NOON),
        ("2026-01-21T12:00", NOON),
        (" 2026-01-21 12:00:00 ", NOON),
        ("2026-01-21t12:00:00z", NOON),
        ("2026-01-21T17:30:00+0530", NOON),
        ("2026-01-21T07:00:00-05:00", NOON),
        ("2026-01-21T12:00:00.1234567Z", NOON + timedelta(milliseconds=123)),
        ("2026-01-21T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
        ("2026-01-21", NOON - timedelta(hours=12)),
        ("2026-01", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-02-30", datetime(2026, 3, 2, tzinfo=UTC)),
        ("2026-01-20T24:00:00Z", NOON - timedelta(hours=12)),
        (NOON, NOON),
        (NOON.astimezone(timezone(timedelta(hours=2))), NOON),
        (1.9, datetime(1970, 1, 1, microsecond=1000, tzinfo=UTC)),
        (None, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_date(value: Any, expected: datetime) -> None:
    assert js.date(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "2026-13-01",
        "2026-01-32",
        "2026-00-01",
        "2026-01-21T12",
        "2026-01-21T25:00:00Z",
        "2026-01-21T24:00:01Z",
        "2026-01-21T12:60:00Z",
        "2026-01-21T12:00:00-24:00",
        "٢٠٢٦-01-21",
        "0000-01-01",
        "9999-12-32",
        MISSING,
        NAN,
        math.inf,
        8.65e15,
    ],
)
def test_no_date(value: Any) -> None:
    assert js.date(value) is None


ODD_NUMBERS = [
    *(0.5, 1.5, 2.5, -0.5, -1.5, 0.045, 1.255, 8.345, 0.1 + 0.2, 1 / 3, 2 / 3, 1e-7, 123456.789, 1e15 + 0.3, 5e-324),
    *(1.7976931348623157e308, 2.0**53, 2.0**70, 1e21, 999999999999999900000.0, 4.35, 1.45, 9.995, 0.285, 10.235),
]
ODD_TEXTS = [
    "1e400",
    "-.5",
    "+.5e1",
    "0x1fz",
    "0b1",
    " 12\n",
    "\u30007",
    "1e+",
    "--1",
    "1.2.3",
    "Infinity",
    "0e5",
    "00.5",
]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_node_gives_the_same_results() -> None:
    script = """
    const [numbers, texts] = JSON.parse(require("fs").readFileSync(0, "utf8"));
    console.log(JSON.stringify([
      ...numbers.map(x => [x, x.toFixed(0), x.toFixed(2), x.toFixed(7), Math.round(x), parseInt(x)].map(String)),
      ...texts.map(x => [parseInt(x), parseFloat(x), Number(x)].map(String)),
    ]));
    """
    numbers = [sign * size for size in ODD_NUMBERS for sign in (1, -1)]
    done = subprocess.run(
        ["node", "-e", script], input=json.dumps([numbers, ODD_TEXTS]), capture_output=True, text=True, check=True
    )
    fixed = [[js.to_fixed(number, digits) for digits in (0, 2, 7)] for number in numbers]
    ours = [[x, *texts, js.round_half_up(x), js.parse_int(x)] for x, texts in zip(numbers, fixed, strict=True)]
    ours += [[js.parse_int(x), js.parse_float(x), js.to_number(x)] for x in ODD_TEXTS]
    for value, one, other in zip(numbers + ODD_TEXTS, ours, json.loads(done.stdout), strict=True):
        assert (value, [js.to_string(part) for part in one]) == (value, other)
