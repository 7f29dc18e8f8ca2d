"""What a formula computes with: blank, text, numbers, booleans, dates, lists, faults; how one becomes another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeAlias

MOST_CHARACTERS = 1_000_000
"""Longest text a formula may build; a guard of the sandbox, Airtable publishes none."""
MOST_ELEMENTS = 100_000
"""Longest list a formula may build."""


@dataclass(frozen=True, slots=True)
class FormulaFault:
    """The value of a formula that cannot be computed for a row; Airtable shows `#ERROR!`."""

    def __str__(self) -> str:
        return "#ERROR!"


@dataclass(frozen=True, slots=True)
class Localized:
    """A date and time with the language of SET_LOCALE; only DATETIME_FORMAT, TONOW and FROMNOW use the language."""

    instant: datetime
    locale: str


Value: TypeAlias = "str | float | bool | date | Localized | FormulaFault | list[Value] | None"
"""Blank is None; a date without time is a `date`, with time an aware `datetime`; numbers are int or float."""

FAULT = FormulaFault()


class FaultError(Exception):
    """Ends the evaluation of one row; ISERROR and Program.evaluate turn it into a value. Never leaves this package."""


def checked(value: Value) -> Value:
    """The value itself; raises FaultError for a fault, so that one #ERROR! makes all that is built on it #ERROR!."""
    if value.__class__ is FormulaFault:
        raise FaultError
    return value


def to_text(value: Value) -> str:
    """The value as `&`, CONCATENATE and comparisons with text see it.

    Blank is "", TRUE() and FALSE() are "1" and "0", a date is `YYYY-MM-DD`, a date and time is ISO 8601 in UTC with
    milliseconds, a list its elements joined with ", ", a fault "#ERROR!".
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, list):
        return ", ".join([to_text(element) for element in value])
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Localized):
        return moment_text(value.instant)
    return str(value)


def text_of(value: Value) -> str:
    """Like to_text, for an argument of a function: raises FaultError for a fault or a list that holds one."""
    if value.__class__ is str:
        return value
    if value.__class__ is FormulaFault:
        raise FaultError
    if isinstance(value, list):
        return ", ".join([text_of(element) for element in value])
    return to_text(value)


def capped(text: str) -> str:
    """The text; raises FaultError when it is longer than MOST_CHARACTERS."""
    if len(text) > MOST_CHARACTERS:
        raise FaultError
    return text


def moment_text(instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as in `2026-11-22T14:51:19.370Z`."""
    utc = in_utc(instant)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}Z" if utc.year > 999 else _early_text(utc)


def _early_text(utc: datetime) -> str:
    # strftime does not pad years below 1000 on every platform
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def in_utc(instant: datetime) -> datetime:
    """The same time in UTC; one without a zone is taken as UTC already."""
    if instant.tzinfo is UTC:
        return instant
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def number_text(number: float) -> str:
    """The number as JavaScript writes it: no ".0", exponents only from 1e21 and below 1e-6."""
    if isinstance(number, int) and abs(number) < 10**21:
        return str(number)
    number = to_number(number)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    size = abs(number)
    if size < 1e21 and number == int(number):
        return str(int(number))
    shortest = repr(number)
    if "e" not in shortest:
        return shortest
    mantissa, exponent = shortest.split("e")
    if 1e-6 <= size < 1e21:
        sign, digits = ("-" if number < 0 else ""), mantissa.lstrip("-").replace(".", "")
        return f"{sign}0.{'0' * (-int(exponent) - 1)}{digits}"
    return f"{mantissa}e{int(exponent):+d}"


def to_number(value: Value) -> float:
    """The value as arithmetic sees it: blank is 0, TRUE() is 1, a list of one is its element.

    Raises FaultError for text (Airtable shows #ERROR! for `"5" + 1`, VALUE() converts), dates, longer lists, faults.
    """
    kind = value.__class__
    if kind is float:
        return value  # type: ignore[return-value]
    if value is None:
        return 0.0
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if isinstance(value, list) and len(value) < 2:
        return to_number(value[0]) if value else 0.0
    raise FaultError


def to_integer(value: Value) -> int:
    """A count or position, cut to a whole number within ±10**9; raises FaultError for NaN and non-numbers."""
    number = to_number(value)
    if math.isnan(number):
        raise FaultError
    return int(max(-1e9, min(1e9, number)))


def truth(value: Value) -> bool:
    """Whether the value counts as true: none of blank, 0, false, "", NaN and []. Raises FaultError for a fault."""
    if value is True:
        return True
    if not value:
        return False
    if value.__class__ is FormulaFault:
        raise FaultError
    return value == value


def single(value: Value) -> Value:
    """A list as one value: an empty one is blank, one element is itself; a longer list stays."""
    while isinstance(value, list) and len(value) < 2:
        value = value[0] if value else None
    return value


def equals(left: Value, right: Value) -> bool:
    """The `=` of formulas, also SWITCH's. Facts marked [?] are decided here.

    Blank equals blank, "", 0 and FALSE() (community.airtable.com 30827: `BLANK()=0` is true). A number and a text are
    compared as texts, so `{Num}='5'` is true of 5. Moments are equal to the millisecond, a date is midnight UTC, and
    neither ever equals a text (pyairtable #304). A list is its one element, or its elements joined with ", ".
    """
    if left.__class__ is str and right.__class__ is str:
        return left == right
    left, right = checked(single(left)), checked(single(right))
    if left is None or right is None:
        other = right if left is None else left
        return other is None or other == "" or (isinstance(other, int | float) and other == 0)
    left_instant, right_instant = _instant(left), _instant(right)
    if left_instant is not None or right_instant is not None:
        return left_instant == right_instant
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right
    return text_of(left) == text_of(right)


def _instant(value: Value) -> int | None:
    """Milliseconds since year 1, for what is a date; None for everything else."""
    if isinstance(value, Localized):
        value = value.instant
    if isinstance(value, datetime):
        since = in_utc(value).replace(tzinfo=None) - datetime.min  # noqa: DTZ901 - only a zero point
        return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    if isinstance(value, date):
        return (value.toordinal() - 1) * 86_400_000
    return None


def ordered(left: Value, right: Value) -> int | None:
    """Negative, 0 or positive as `left` comes before, with or after `right`; None where they have no order.

    The choice for [?]: blank counts as 0 beside a number and as "" beside a text, a number and a text are compared as
    numbers when the text is one, dates have an order only with dates; everything else makes `<` and its kin false.
    """
    left, right = checked(single(left)), checked(single(right))
    left_instant, right_instant = _instant(left), _instant(right)
    if left_instant is not None and right_instant is not None:
        return _sign(left_instant, right_instant)
    if left_instant is not None or right_instant is not None:
        return None
    if isinstance(left, str | list) and isinstance(right, str | list | None):
        return _sign(text_of(left), text_of(right))
    if left is None and isinstance(right, str | list):
        return _sign("", text_of(right))
    left_number, right_number = _loose_number(left), _loose_number(right)
    if math.isnan(left_number) or math.isnan(right_number):
        return None
    return _sign(left_number, right_number)


def _loose_number(value: Value) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return math.nan
    return math.nan if isinstance(value, list) else to_number(value)


def _sign(left: float | str, right: float | str) -> int:
    return (left > right) - (left < right)  # type: ignore[operator]


def to_cell(value: Value, kind: str | None = None) -> object:
    """The value as the API shows it in JSON (airtable_api facts, section 2).

    Integral floats become int, NaN and infinities `{"specialValue": …}`, faults `{"error": "#ERROR!"}`, datetimes ISO
    text, dates `YYYY-MM-DD`, booleans 1 and 0 (the choice for [?]), lists element by element, blank None.
    `kind` is the formula's type as Program.result gives it: a number in a formula of text is shown as text, and a 0 as
    blank (community.airtable.com 10264).
    """
    if value is None or isinstance(value, str):
        return value
    if kind == "singleLineText" and isinstance(value, int | float):
        return to_text(value) if value else None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return {"specialValue": number_text(value)}
        return int(value) if abs(value) < 1e21 and value == int(value) else value
    if isinstance(value, list):
        return [to_cell(element) for element in value]
    if isinstance(value, FormulaFault):
        return {"error": "#ERROR!"}
    return to_text(value)
