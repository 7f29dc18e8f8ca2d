"""JavaScript's rules for numbers, texts and truth, on which the platform's figures depend.

A value is as records give it: None is null, `MISSING` an absent key or argument (undefined), an aware
`datetime` a Date. JavaScript has one type of number: here an integral result is an `int`, any other a `float` (NaN
and the infinities too), so that results compare and print as on the platform.

    truthy([])            True     truthy("")             False    truthy(nan)            False
    or_(0, 50)            50       or_("0", 50)           "0"      or_(MISSING, 50)       50
    round_half_up(2.5)    3        round_half_up(-2.5)    -2       round_half_up(nan)     nan
    to_fixed(0.125, 2)    "0.13"   to_fixed(1.005, 2)     "1.00"   to_fixed(-2.5, 0)      "-3"
    parse_int("75.9")     75       parse_int("12ab")      12       parse_int(None)        nan
    parse_float("1.5x")   1.5      parse_float(".5")      0.5      parse_float("")        nan
    to_number("")         0        to_number("12ab")      nan      to_number(None)        0
    to_string(1.0)        "1"      to_string(1e21)        "1e+21"  to_string(None)        "null"
    date("2026-01-21")    midnight of that day in UTC              date("soon")           None
    get({"a": [5]}, "a", 0)     5    get({"a": None}, "a", 0)  None
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import reduce
from typing import Any, Final, TypeAlias, TypeGuard

from runbook.json_types import MISSING

Number: TypeAlias = int | float

NAN: Final = math.nan
MAX_SAFE_INTEGER: Final = 2**53 - 1

BLANKS: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)  # unlike str.strip(), which removes \x1c to \x1f and \x85, and keeps \ufeff
_INTEGER = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]*)|([0-9]+))")
_DECIMAL = re.compile(r"[+-]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
_PREFIXED = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_ISO = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(?:([Zz])|([+-])([0-9]{2}):?([0-9]{2}))?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_EXACT = Context(prec=400)  # a double has at most 309 digits before the point, and toFixed at most 100 after it


def truthy(value: Any) -> bool:
    """Whether `if (value)` holds: not for false, 0, NaN, "", null and an absent value; for every list and object."""
    if value:
        return bool(value == value)
    return isinstance(value, list | dict | tuple)


def or_(value: Any, default: Any) -> Any:
    """`value || default`."""
    return value if truthy(value) else default


def is_number(value: Any) -> TypeGuard[Number]:
    """`typeof value === "number"`: NaN is one, true is not."""
    return value.__class__ is int or value.__class__ is float


def get(value: Any, *path: str | int) -> Any:
    """`value?.a?.[0]`: the value at a path of JSON; None where the path ends before."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def same(left: Any, right: Any) -> bool:
    """`left === right` but for lists and objects: 1 is 1.0, but neither "1" nor true; NaN is not NaN."""
    return bool(left == right) and (left.__class__ is bool) == (right.__class__ is bool)


def less(left: Any, right: Any) -> bool:
    """`left < right`: two texts by their UTF-16 units ("10" is less than "9"), others as numbers; never with NaN."""
    if left.__class__ is str and right.__class__ is str:
        return bool(left.encode("utf-16-be", "surrogatepass") < right.encode("utf-16-be", "surrogatepass"))
    return to_number(left) < to_number(right)


def integral(number: Number) -> Number:
    """A number as this module gives it: 2.0 as 2, -0.0 as 0. A float from 2**53 on stays a float."""
    if number.__class__ is float and number.is_integer() and -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
        return int(number)
    return number


def round_half_up(number: Number) -> Number:
    """`Math.round`: to the nearest integer, halves up (-2.5 gives -2); NaN and the infinities unchanged."""
    if number.__class__ is int or not -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
        return number
    below = math.floor(number)
    return below + (number - below >= 0.5)  # not floor(x + 0.5): that sum rounds 0.49999999999999994 up to 1


def minimum(left: Number, right: Number) -> Number:
    """`Math.min(left, right)`: NaN if either is."""
    return left if left < right or left != left else right


def maximum(left: Number, right: Number) -> Number:
    """`Math.max(left, right)`: NaN if either is."""
    return left if left > right or left != left else right


def total(numbers: Iterable[Number]) -> Number:
    """The sum from left to right, as a loop computes it: `sum()` is more exact from Python 3.12 on."""
    return reduce(operator.add, numbers, 0)


def divide(left: Number, right: Number) -> Number:
    """`left / right`: by 0 an infinity, NaN for 0 / 0."""
    if right != 0:
        return left / right
    return NAN if left == 0 or left != left else math.copysign(math.inf, left)


def to_fixed(number: Number, digits: int = 0) -> str:
    """`number.toFixed(digits)`: the exact binary value, rounded, ties away from zero."""
    if not math.isfinite(number) or abs(number) >= 1e21:
        return to_string(number)
    text = format(Decimal(number).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, _EXACT), "f")
    return text.removeprefix("-") if number == 0 else text


def parse_int(value: Any) -> Number:
    """`parseInt(value)`: the integer at the start of the value's text, else NaN."""
    if value.__class__ is int and -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        return int(value)
    if value.__class__ is float and 1e-6 <= abs(value) <= MAX_SAFE_INTEGER:
        return int(value)
    found = _INTEGER.match(to_string(value).lstrip(BLANKS))
    if found is None or found[2] == "":
        return NAN
    size = _from_digits(found[2], 16) if found[2] else _from_digits(found[3], 10)
    return -size if found[1] == "-" else size


def parse_float(value: Any) -> Number:
    """`parseFloat(value)`: the number at the start of the value's text, else NaN."""
    if value.__class__ is float or value.__class__ is int:
        return integral(value)
    found = _DECIMAL.match(to_string(value).lstrip(BLANKS))
    return NAN if found is None else integral(float(found[0]))


def to_number(value: Any) -> Number:
    """`Number(value)`, as in arithmetic: null, false, "" and blanks are 0, a Date its milliseconds."""
    kind = value.__class__
    if kind is int:
        return int(value)
    if kind is float:
        return integral(value)
    if value is None or kind is bool:
        return int(bool(value))
    if value is MISSING or kind is dict:
        return NAN
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MILLISECOND
    text = to_string(value).strip(BLANKS)
    if not text:
        return 0
    if _PREFIXED.fullmatch(text):
        return _from_digits(text[2:], {"x": 16, "o": 8, "b": 2}[text[1].lower()])
    return integral(float(text)) if _DECIMAL.fullmatch(text) else NAN


def to_string(value: Any) -> str:
    """`String(value)`: 1.0 as "1", 1e21 as "1e+21", a list as its elements joined by commas."""
    if value.__class__ is str:
        return str(value)
    match value:
        case bool():
            return "true" if value else "false"
        case int() if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            return str(value)
        case int() | float():
            return _number_text(float(value))
        case None:
            return "null"
        case list() | tuple():
            return ",".join("" if item is None or item is MISSING else to_string(item) for item in value)
        case datetime():
            return value.astimezone(UTC).strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")
        case _:
            return "undefined" if value is MISSING else "[object Object]"


def trim(text: str) -> str:
    """`text.trim()`: without `BLANKS` at both ends, which include a BOM but not U+0085 and U+001C to U+001F."""
    return text.strip(BLANKS)


def date(value: Any) -> datetime | None:
    """`new Date(value)` in UTC, the platform's zone; None for an Invalid Date and a year outside `datetime`.

    A text is ISO 8601, complete or a prefix from the year on, in UTC without an offset; a day up to 31 that the month
    lacks runs into the next. A number is milliseconds; null is 0.
    """
    if value.__class__ is datetime:
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    try:
        if value.__class__ is str:
            return _iso_date(value.strip(BLANKS))
        return _EPOCH + timedelta(milliseconds=math.trunc(to_number(value)))
    except (OverflowError, ValueError):
        return None


def _iso_date(text: str) -> datetime | None:
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (
        int(part or default) for part, default in zip(found.groups()[:6], "011000", strict=True)
    )
    fraction, zulu, sign, offset_hour, offset_minute = found.groups()[6:]
    if not (1 <= month <= 12 and 1 <= day <= 31 and minute < 60 and second < 60):
        return None
    milliseconds = int(f"{fraction or 0:0<3}"[:3])
    if hour > 24 or (hour == 24 and (minute or second or milliseconds)):
        return None
    local = datetime(year, month, 1, tzinfo=UTC)
    local += timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second, milliseconds=milliseconds)
    if sign is None or zulu:
        return local
    offset = timedelta(hours=int(offset_hour), minutes=int(offset_minute))
    if offset >= timedelta(days=1) or int(offset_minute) > 59:
        return None
    return local - offset if sign == "+" else local + offset


def _from_digits(digits: str, base: int) -> Number:
    if base == 10:
        return int(digits) if len(digits) < 16 else integral(float(digits))
    try:
        return integral(float(int(digits, base)))
    except OverflowError:
        return math.inf


def _number_text(number: float) -> str:
    if not math.isfinite(number):
        return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"
    sign, shortest, exponent = Decimal(repr(number)).as_tuple()
    assert isinstance(exponent, int)
    digits = "".join(map(str, shortest))
    point = len(digits) + exponent  # position of the decimal point, from the first digit
    digits = digits.rstrip("0")
    if not digits:
        return "0"
    if 0 < point <= 21:
        text = digits.ljust(point, "0")
        text = text[:point] + (f".{text[point:]}" if text[point:] else "")
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{digits}"
    else:
        text = f"{digits[0]}{'.' * (len(digits) > 1)}{digits[1:]}e{point - 1:+d}"
    return f"-{text}" if sign else text
