"""Functions on numbers. Out-of-range results are Infinity or NaN, as in JavaScript, and not faults."""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Callable

from sandbox.airtable.formulas.functions.arrays import flattened
from sandbox.airtable.formulas.row import MANY
from sandbox.airtable.formulas.values import FaultError, Value, in_utc, text_of, to_integer, to_number

_NOT_NUMERIC = re.compile(r"[^0-9.\-]+")
_NUMERIC = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")


def divided(left: float, right: float) -> float:
    """`left / right`; over zero it is Infinity, -Infinity or NaN."""
    if right:
        return left / right
    if left == 0 or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def _numbers(values: tuple[Value, ...]) -> list[float]:
    """The numbers among the values, lists element by element. Text and blanks do not count, as in COUNT."""
    return [to_number(value) for value in flattened(values) if isinstance(value, int | float)]


def _sum(*values: Value) -> Value:
    # one by one as JavaScript does; Python 3.12's sum() would correct the rounding
    return functools.reduce(operator.add, _numbers(values), 0.0)


def _average(*values: Value) -> Value:
    numbers = _numbers(values)
    return divided(to_number(_sum(*numbers)), len(numbers))


def _extreme(choose: Callable[[list[float]], float], latest: bool) -> Callable[..., Value]:
    """MIN and MAX: 0 of nothing; of dates alone, the earliest or latest, as rollups offer it."""
    from datetime import date, datetime

    def function(*values: Value) -> Value:
        flat = flattened(values)
        dates = [value for value in flat if isinstance(value, date)]
        if dates and not any(isinstance(value, int | float) for value in flat):

            def order(value: date) -> str:
                return in_utc(value).isoformat() if isinstance(value, datetime) else value.isoformat()

            return max(dates, key=order) if latest else min(dates, key=order)
        numbers = _numbers(tuple(flat))
        if any(map(math.isnan, numbers)):
            return math.nan
        return choose(numbers) if numbers else 0.0

    return function


def _scaled(rounding: Callable[[float], float]) -> Callable[..., Value]:
    """ROUND and its kin: to `precision` decimals, negative ones round to tens and hundreds."""

    def function(value: Value, precision: Value = 0) -> Value:
        number, places = to_number(value), to_integer(precision)
        if not math.isfinite(number) or places > 300:
            return number
        if places < -300:
            return 0.0
        scale = 10.0 ** abs(places)
        scaled = number * scale if places >= 0 else number / scale
        if not math.isfinite(scaled):
            return number
        return rounding(scaled) / scale if places >= 0 else rounding(scaled) * scale

    return function


def _half_up(number: float) -> float:
    """To the nearest whole; halves go up, towards positive infinity."""
    return float(math.floor(number + 0.5))


def _away(number: float) -> float:
    return float(math.ceil(number) if number > 0 else math.floor(number))


def _to_multiple(rounding: Callable[[float], float]) -> Callable[..., Value]:
    """CEILING and FLOOR: the next multiple of `significance`, 1 by default; multiples of 0 are 0."""

    def function(value: Value, significance: Value = 1) -> Value:
        number, step = to_number(value), to_number(significance)
        if not step:
            return 0.0
        quotient = divided(number, step)
        return rounding(quotient) * step if math.isfinite(quotient) else number

    return function


def _whole(value: Value) -> Value:
    """INT: the greatest whole number not above the value."""
    number = to_number(value)
    return float(math.floor(number)) if math.isfinite(number) else number


def _remainder(value: Value, divisor: Value) -> Value:
    """MOD: has the sign of the divisor, as in spreadsheets [?]; of 0 it is NaN."""
    left, right = to_number(value), to_number(divisor)
    return left % right if right and math.isfinite(left) else math.nan


def _even(value: Value) -> Value:
    """EVEN: the smallest even number that is not below the value."""
    number = to_number(value)
    return math.ceil(number / 2) * 2.0 if math.isfinite(number) else number


def _odd(value: Value) -> Value:
    """ODD: a positive value goes up, a negative one down, to the nearest odd number; 0 is 1."""
    number = to_number(value)
    if not math.isfinite(number):
        return number
    size = math.ceil((abs(number) - 1) / 2) * 2.0 + 1
    return math.copysign(max(size, 1.0), number or 1.0)


def _power(base: Value, exponent: Value) -> Value:
    left, right = to_number(base), to_number(exponent)
    try:
        return math.pow(left, right)
    except OverflowError:
        return -math.inf if left < 0 and right % 2 == 1 else math.inf
    except ValueError:
        return math.inf if left == 0 else math.nan


def _exponential(value: Value) -> Value:
    try:
        return math.exp(to_number(value))
    except OverflowError:
        return math.inf


def _root(value: Value) -> Value:
    number = to_number(value)
    return math.sqrt(number) if number >= 0 else math.nan


def _logarithm(value: Value, base: Value = 10) -> Value:
    number, to_base = to_number(value), to_number(base)
    if number < 0 or to_base < 0 or math.isnan(number) or math.isnan(to_base):
        return math.nan
    if number == 0:
        return -math.inf
    if to_base == 10:
        return math.log10(number)
    return divided(math.log(number), math.log(to_base) if to_base else -math.inf)


def _absolute(value: Value) -> Value:
    return abs(to_number(value))


def _value(value: Value) -> Value:
    """VALUE: the number in a text, all that is not a digit, a point or a minus left out: `$1,250.5` is 1250.5.

    Blank and "" stay blank; a text without digits is #ERROR! [?].
    """
    if isinstance(value, int | float):
        return to_number(value)
    text = text_of(value)
    if not text:
        return None
    found = _NUMERIC.search(_NOT_NUMERIC.sub("", text))
    if found is None:
        raise FaultError
    return float(found[0])


FUNCTIONS: dict[str, tuple[Callable[..., Value], int, int]] = {
    "ABS": (_absolute, 1, 1),
    "AVERAGE": (_average, 1, MANY),
    "CEILING": (_to_multiple(math.ceil), 1, 2),
    "EVEN": (_even, 1, 1),
    "EXP": (_exponential, 1, 1),
    "FLOOR": (_to_multiple(math.floor), 1, 2),
    "INT": (_whole, 1, 1),
    "LOG": (_logarithm, 1, 2),
    "MAX": (_extreme(max, latest=True), 1, MANY),
    "MIN": (_extreme(min, latest=False), 1, MANY),
    "MOD": (_remainder, 2, 2),
    "ODD": (_odd, 1, 1),
    "POWER": (_power, 2, 2),
    "ROUND": (_scaled(_half_up), 1, 2),
    "ROUNDDOWN": (_scaled(lambda number: float(math.trunc(number))), 1, 2),
    "ROUNDUP": (_scaled(_away), 1, 2),
    "SQRT": (_root, 1, 1),
    "SUM": (_sum, 1, MANY),
    "VALUE": (_value, 1, 1),
}
