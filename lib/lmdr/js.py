"""JavaScript's rules for numbers, texts and truth, which the platform's figures rest on.

A value is one as records have it: None is null, `MISSING` a key or an argument that is absent (undefined), an aware
`datetime` a Date. JavaScript has one type of number: here a result that is integral is an `int`, any other a `float`
(NaN and the infinities too), so that results compare and print as the platform's do.

    truthy([])            True     truthy("")             False    truthy(nan)            False
    or_(0, 50)            50       or_("0", 50)           "0"      or_(MISSING, 50)       50
    round_half_up(2.5)    3        round_half_up(-2.5)    -2       round_half_up(nan)     nan
    to_fixed(0.125, 2)    "0.13"   to_fixed(1.005, 2)     "1.00"   to_fixed(-2.5, 0)      "-3"
    parse_int("75.9")     75       parse_int("12ab")      12       parse_int(None)        nan
    parse_float("1.5x")   1.5      parse_float(".5")      0.5      parse_float("")        nan
    to_number("")         0        to_number("12ab")      nan      to_number(None)        0
    to_string(1.0)        "1"      to_string(1e21)        "1e+21"  to_string(None)        "null"
    date("2026-01-21")    midnight of that day in UTC              date("soon")           None
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
)  # not what str.strip() takes: that knows \x1c to \x1f and \x85, and lacks \ufeff
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
    """What `if (value)` takes: anything but false, 0, NaN, "", null and what is absent; lists and objects always."""
    if value:
        return bool(value == value)
    return isinstance(value, list | dict | tuple)


def or_(value: Any, default: Any) -> Any:
    """`value || default`."""
    return value if truthy(value) else default


def is_number(value: Any) -> TypeGuard[Number]:
    """`typeof value === "number"`: NaN is one, true is not."""
    return value.__class__ is int or value.__class__ is float


def same(one: Any, other: Any) -> bool:
    """`one === other` for what is not a list or an object: 1 is 1.0, but neither "1" nor true; NaN is not NaN."""
    return bool(one == other) and (one.__class__ is bool) == (other.__class__ is bool)


def less(one: Any, other: Any) -> bool:
    """`one < other`: two texts by their letters ("10" is less than "9"), anything else as numbers; NaN never."""
    if one.__class__ is str and other.__class__ is str:
        return bool(one.encode("utf-16-be", "surrogatepass") < other.encode("utf-16-be", "surrogatepass"))
    return to_number(one) < to_number(other)


def integral(number: Number) -> Number:
    """A number as this module has it: 2.0 as 2, -0.0 as 0. From 2**53 on a float stays one."""
    if number.__class__ is float and number.is_integer() and -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
        return int(number)
    return number


def round_half_up(number: Number) -> Number:
    """`Math.round`: to the nearest integer, halves up (-2.5 gives -2); NaN and the infinities as they are."""
    if number.__class__ is int or not -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
        return number
    below = math.floor(number)
    return below + (number - below >= 0.5)  # not floor(x + 0.5): that sum rounds 0.49999999999999994 up to 1


def minimum(one: Number, other: Number) -> Number:
    """`Math.min` of two: NaN where one of them is."""
    return one if one < other or one != one else other


def maximum(one: Number, other: Number) -> Number:
    """`Math.max` of two: NaN where one of them is."""
    return one if one > other or one != one else other


def total(numbers: Iterable[Number]) -> Number:
    """The sum from left to right, as a loop has it: `sum()` is more exact from Python 3.12 on."""
    return reduce(operator.add, numbers, 0)


def divide(one: Number, other: Number) -> Number:
    """`one / other`: by 0 an infinity, NaN for 0 / 0."""
    if other != 0:
        return one / other
    return NAN if one == 0 or one != one else math.copysign(math.inf, one)


def to_fixed(number: Number, digits: int = 0) -> str:
    """`number.toFixed(digits)`: the exact binary value, rounded; an exact tie goes away from zero."""
    if not math.isfinite(number) or abs(number) >= 1e21:
        return to_string(number)
    exact = Decimal(number)
    text = format(exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, _EXACT), "f")
    return text.removeprefix("-") if number == 0 else text


def parse_int(value: Any) -> Number:
    """`parseInt(value)`: the integer that the value's text begins with, NaN where there is none."""
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
    """`parseFloat(value)`: the number that the value's text begins with, NaN where there is none."""
    if value.__class__ is float or value.__class__ is int:
        return integral(value)
    found = _DECIMAL.match(to_string(value).lstrip(BLANKS))
    return NAN if found is None else integral(float(found[0]))


def to_number(value: Any) -> Number:
    """`Number(value)`, which arithmetic does too: null, false, "" and blanks are 0, a Date its milliseconds."""
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
    """`String(value)`: 1.0 as "1", 1e21 as "1e+21", a list as its elements with commas between."""
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
            return ",".join("" if one is None or one is MISSING else to_string(one) for one in value)
        case datetime():
            return value.astimezone(UTC).strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")
        case _:
            return "undefined" if value is MISSING else "[object Object]"


def trim(text: str) -> str:
    """`text.trim()`: without JavaScript's blanks at both ends: a BOM is one, U+0085 and U+001C to U+001F are not."""
    return text.strip(BLANKS)


def date(value: Any) -> datetime | None:
    """`new Date(value)` in UTC, the platform's zone; None for an Invalid Date, and for a year that no `datetime` has.

    A text is ISO 8601, whole or from the year on; without an offset it is UTC, a 31st that a month lacks is the day
    after its last. A number is milliseconds; null is 0.
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
    moment = datetime(year, month, 1, tzinfo=UTC)
    moment += timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second, milliseconds=milliseconds)
    if sign is None or zulu:
        return moment
    offset = timedelta(hours=int(offset_hour), minutes=int(offset_minute))
    if offset >= timedelta(days=1) or int(offset_minute) > 59:
        return None
    return moment - offset if sign == "+" else moment + offset


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
    point = len(digits) + exponent  # where the point stands, counted from the first digit
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
