"""Functions that make, move, write and compare dates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from sandbox.airtable.formulas.instants import (
    difference,
    like,
    locale_of,
    shifted,
    start_of,
    to_instant,
    unit_of,
)
from sandbox.airtable.formulas.moment_format import DEFAULT_FORMAT, format_moment
from sandbox.airtable.formulas.values import FaultError, Localized, Value, in_utc, text_of, to_number


def _add(instant: Value, count: Value, unit: Value) -> Value:
    return like(instant, shifted(to_instant(instant), to_number(count), unit_of(unit)))


def _difference(left: Value, right: Value, unit: Value = "seconds") -> Value:
    """DATETIME_DIFF: left minus right in whole units, seconds unless told."""
    return difference(to_instant(left), to_instant(right), unit_of(unit))


def _format(instant: Value, template: Value = DEFAULT_FORMAT) -> Value:
    """DATETIME_FORMAT: without a format as moment's own default, `2026-11-22T14:51:19+00:00` [?]."""
    return format_moment(to_instant(instant), text_of(template), locale_of(instant))


def _date_text(instant: Value) -> Value:
    return format_moment(to_instant(instant), "YYYY-MM-DD", locale_of(instant))


def _time_text(instant: Value) -> Value:
    return format_moment(to_instant(instant), "HH:mm:ss", locale_of(instant))


def _set_timezone(instant: Value, name: Value) -> Value:
    """SET_TIMEZONE: the same moment on another clock; shows in DATETIME_FORMAT, HOUR and the like."""
    try:
        return like(instant, to_instant(instant).astimezone(ZoneInfo(text_of(name))))
    except (ValueError, OverflowError, OSError, KeyError) as error:
        raise FaultError from error


def _set_locale(instant: Value, name: Value) -> Value:
    return Localized(to_instant(instant), text_of(name))


def _is_same(left: Value, right: Value, unit: Value = "milliseconds") -> Value:
    return _starts(left, unit) == _starts(right, unit)


def _is_before(left: Value, right: Value, unit: Value = "milliseconds") -> Value:
    return _starts(left, unit) < _starts(right, unit)


def _is_after(left: Value, right: Value, unit: Value = "milliseconds") -> Value:
    return _starts(left, unit) > _starts(right, unit)


def _starts(value: Value, unit: Value) -> datetime:
    return in_utc(start_of(to_instant(value), unit_of(unit)))


def _part(name: str) -> Callable[[Value], Value]:
    return lambda instant: float(getattr(to_instant(instant), name))


FUNCTIONS: dict[str, tuple[Callable[..., Value], int, int]] = {
    "DATEADD": (_add, 3, 3),
    "DATESTR": (_date_text, 1, 1),
    "DATETIME_DIFF": (_difference, 2, 3),
    "DATETIME_FORMAT": (_format, 1, 2),
    "DAY": (_part("day"), 1, 1),
    "HOUR": (_part("hour"), 1, 1),
    "IS_AFTER": (_is_after, 2, 3),
    "IS_BEFORE": (_is_before, 2, 3),
    "IS_SAME": (_is_same, 2, 3),
    "MINUTE": (_part("minute"), 1, 1),
    "MONTH": (_part("month"), 1, 1),
    "SECOND": (_part("second"), 1, 1),
    "SET_LOCALE": (_set_locale, 2, 2),
    "SET_TIMEZONE": (_set_timezone, 2, 2),
    "TIMESTR": (_time_text, 1, 1),
    "YEAR": (_part("year"), 1, 1),
}
