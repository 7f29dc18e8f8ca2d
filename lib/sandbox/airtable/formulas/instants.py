"""Dates as moment.js computes with them: coercion, units, sums, differences, and how long in words."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from sandbox.airtable.formulas.locales import ENGLISH, Locale, locale_named
from sandbox.airtable.formulas.values import FaultError, Localized, Value, checked, in_utc, single, text_of

_UNITS = {
    "milliseconds": ("ms", "millisecond"),
    "seconds": ("s", "second"),
    "minutes": ("m", "minute"),
    "hours": ("h", "hour"),
    "days": ("d", "day"),
    "weeks": ("w", "week"),
    "months": ("M", "month"),
    "quarters": ("Q", "quarter"),
    "years": ("y", "year"),
}
_ALIASES = {alias: unit for unit, aliases in _UNITS.items() for alias in (unit, *aliases)}
_EXACT = {"milliseconds": 1, "seconds": 1000, "minutes": 60_000, "hours": 3_600_000}
_DAYS = {"days": 1, "weeks": 7}
_MONTHS = {"months": 1, "quarters": 3, "years": 12}
_MILLISECOND = timedelta(milliseconds=1)
_DAY = timedelta(days=1)

_ISO = re.compile(
    r"\s*(\d{4}|[+-]\d{6})(?:-?(\d\d)(?:-?(\d\d))?)?"
    r"(?:[T ]\s*(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?\s*\Z",
    re.ASCII | re.IGNORECASE,
)


def unit_of(value: Value) -> str:
    """The plural name of a unit under any of its aliases; `m` is minutes and `M` months. Raises FaultError."""
    text = text_of(value).strip()
    unit = _ALIASES.get(text) or _ALIASES.get(text.lower())
    if unit is None:
        raise FaultError
    return unit


def to_instant(value: Value) -> datetime:
    """The value as a date function sees it: an aware datetime, in UTC or in the zone SET_TIMEZONE gave it.

    A date is its midnight in UTC, a text must be ISO 8601 (as in `IS_AFTER(LAST_MODIFIED_TIME(), '2026-11-22')`).
    Raises FaultError for all else, blank too: Airtable shows #ERROR! for a date function of an empty cell.
    """
    value = checked(single(value))
    if isinstance(value, Localized):
        value = value.instant
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, str):
        return iso_moment(value)
    raise FaultError


@lru_cache(maxsize=1024)
def iso_moment(text: str) -> datetime:
    """The time of an ISO 8601 text, in UTC; without an offset it is UTC. Raises FaultError when it is none."""
    found = _ISO.match(text) if len(text) < 64 else None
    if found is None:
        raise FaultError
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    hours = int(hour or 0)
    if hours > 23 and (hours, int(minute or 0), int(second or 0), int(fraction or 0)) != (24, 0, 0, 0):
        raise FaultError
    try:
        instant = datetime(int(year), int(month or 1), int(day or 1), 0, int(minute or 0), int(second or 0), tzinfo=UTC)
        instant += timedelta(hours=hours)
        return instant + timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0"))) - offset_of(offset)
    except (ValueError, OverflowError) as error:
        raise FaultError from error


def offset_of(text: str | None) -> timedelta:
    """What `Z`, `+05:30`, `-0800` or `+02` stands for; None is UTC."""
    if not text or text in "zZ":
        return timedelta()
    digits = text[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]))
    return -size if text[0] == "-" else size


def locale_of(value: Value) -> Locale:
    """The language SET_LOCALE gave a date; English when none did."""
    return locale_named(value.locale) if isinstance(value, Localized) else ENGLISH


def like(value: Value, instant: datetime) -> Value:
    """`instant` in the language of `value`."""
    return Localized(instant, value.locale) if isinstance(value, Localized) else instant


def shifted(instant: datetime, count: float, unit: str) -> datetime:
    """The time moved by `count` units. Raises FaultError when that is no date.

    Days and more move the clock on the wall and are rounded to whole ones; months end at their last day:
    January 31 and a month is February 28 (momentjs.com/docs, "Add").
    """
    try:
        if unit in _EXACT:
            moved = in_utc(instant) + timedelta(milliseconds=count * _EXACT[unit])
            return moved.astimezone(instant.tzinfo)
        if unit in _DAYS:
            return instant + timedelta(days=_rounded(count * _DAYS[unit]))
        return _months_later(instant, _rounded(count * _MONTHS[unit]))
    except (ValueError, OverflowError) as error:
        raise FaultError from error


def _rounded(number: float) -> int:
    return int(math.copysign(math.floor(abs(number) + 0.5), number))


def _months_later(instant: datetime, months: int) -> datetime:
    year, month = divmod(instant.year * 12 + instant.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise FaultError
    return instant.replace(year=year, month=month + 1, day=min(instant.day, days_in_month(year, month + 1)))


def days_in_month(year: int, month: int) -> int:
    """28 to 31."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def difference(left: datetime, right: datetime, unit: str) -> float:
    """How many whole units `left` is after `right`, cut towards zero (momentjs.com/docs, "Difference")."""
    milliseconds = milliseconds_of(in_utc(left) - in_utc(right))
    if unit in _EXACT:
        return float(int(milliseconds / _EXACT[unit]))
    if unit in _DAYS:
        # whole days of the clock on the wall: a day with a change of clocks still is one
        zones = milliseconds_of((left.utcoffset() or timedelta()) - (right.utcoffset() or timedelta()))
        return float(int((milliseconds + zones) / (_DAYS[unit] * 86_400_000)))
    return float(int(_months_between(in_utc(left), in_utc(right)) / _MONTHS[unit]))


def milliseconds_of(span: timedelta) -> int:
    """Whole milliseconds, cut towards zero."""
    return span // _MILLISECOND if span >= timedelta() else -(-span // _MILLISECOND)


def _months_between(left: datetime, right: datetime) -> float:
    """Months as moment's monthDiff counts them: whole ones, and what is left as a part of the month it lies in."""
    if left.day < right.day:
        return -_months_between(right, left)
    whole = (right.year - left.year) * 12 + right.month - left.month
    anchor = _months_later(left, whole)
    beyond = right - anchor
    try:
        neighbour = _months_later(left, whole - 1 if beyond < timedelta() else whole + 1)
    except FaultError:
        # at the ends of the calendar there is no neighbour: any month's length does for a part that is cut off
        return -float(whole)
    return -(whole + beyond / abs(neighbour - anchor))


def start_of(instant: datetime, unit: str, week_start: int = 0) -> datetime:
    """The start of the unit that holds `instant`, on its own clock; weeks begin on Sunday [?]."""
    if unit == "milliseconds":
        return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    instant = instant.replace(microsecond=0)
    if unit == "seconds":
        return instant
    if unit == "minutes":
        return instant.replace(second=0)
    if unit == "hours":
        return instant.replace(second=0, minute=0)
    instant = instant.replace(hour=0, minute=0, second=0)
    if unit == "days":
        return instant
    if unit == "weeks":
        return shifted(instant, -((instant.isoweekday() - week_start) % 7), "days")
    month = {"months": instant.month, "quarters": (instant.month - 1) // 3 * 3 + 1, "years": 1}[unit]
    return instant.replace(month=month, day=1)


def humanized(span: timedelta, locale: Locale) -> str:
    """How long a span is, roughly and in words: `25 days`, `a month` (momentjs.com/docs, "Humanize")."""
    seconds = round(abs(span).total_seconds())
    minutes, hours, days = round(seconds / 60), round(seconds / 3600), round(seconds / 86_400)
    months, years = round(days / 30.436875), round(days / 365.2425)
    steps = (
        (seconds < 45, "s", 0),
        (minutes <= 1, "m", 1),
        (minutes < 45, "mm", minutes),
        (hours <= 1, "h", 1),
        (hours < 22, "hh", hours),
        (days <= 1, "d", 1),
        (days < 26, "dd", days),
        (months <= 1, "M", 1),
        (months < 11, "MM", months),
        (years <= 1, "y", 1),
    )
    key, number = next(((key, number) for fits, key, number in steps if fits), ("yy", years))
    return locale.relative[key].replace("%d", str(number))
