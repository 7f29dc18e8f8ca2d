"""DATETIME_FORMAT's tokens (momentjs.com/docs, "Format"; support.airtable.com, "Supported format specifiers")."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache

from sandbox.airtable.formulas.locales import Locale
from sandbox.airtable.formulas.values import FaultError, capped, in_utc

LONGEST_FORMAT = 2000
"""Longest format in characters; a guard of the sandbox."""
DEFAULT_FORMAT = "YYYY-MM-DDTHH:mm:ssZ"

TOKENS = re.compile(
    r"\[[^\[\]]*\]|\\.|[Hh]mm(?:ss)?|Mo|MM?M?M?|Do|DDDo|DD?D?D?|ddd?d?|do?|w[ow]?|W[oW]?|Qo?|YYYYYY|YYYYY|YYYY|YY|Y"
    r"|gggg|gg|GGGG|GG|e|E|a|A|hh?|HH?|kk?|mm?|ss?|S{1,9}|x|X|zz?|ZZ?|LTS|LT|LL?L?L?|l{1,4}|.",
    re.DOTALL,
)
_SHORTER = {"MMMM": "MMM", "MM": "M", "DD": "D", "dddd": "ddd"}


@lru_cache(maxsize=512)
def tokens(template: str, locale: Locale) -> tuple[str, ...]:
    """The tokens of a format, the language's own ones (`L`, `LT`, `ll` …) put in. Raises FaultError when too long."""
    if len(template) > LONGEST_FORMAT:
        raise FaultError
    found: list[str] = []
    for token in TOKENS.findall(template):
        found += TOKENS.findall(_localized(token, locale)) if token[0] in "Ll" else [token]
    return tuple(found)


def _localized(token: str, locale: Locale) -> str:
    if token[0] == "L":
        return locale.formats[token]
    long = locale.formats[token.upper()]
    return re.sub(r"\[[^\]]*\]|MMMM|MM|DD|dddd", lambda part: _SHORTER.get(part[0], part[0]), long)


def format_moment(instant: datetime, template: str, locale: Locale) -> str:
    """The moment, on its own clock, written by a format. Raises FaultError past the longest format or text."""
    pieces = []
    for token in tokens(template, locale):
        writer = _WRITERS.get(token)
        if writer is not None:
            pieces.append(writer(instant, locale))
        elif token[0] == "[" and len(token) > 1:
            pieces.append(token[1:-1])
        elif token[0] == "S":
            pieces.append(f"{instant.microsecond:06}000"[: len(token)])
        else:
            pieces.append(token[1:] if token[0] == "\\" and len(token) > 1 else token)
    return capped("".join(pieces))


def day_of_year(day: date) -> int:
    """1 to 366."""
    return day.toordinal() - date(day.year, 1, 1).toordinal() + 1


def week_of(day: date, week_start: int, first_week_day: int) -> tuple[int, int]:
    """(year, week) of a day: week 1 holds January `first_week_day`, weeks begin on `week_start`, 0 for Sunday."""

    def first(year: int) -> int:
        january = date(year, 1, first_week_day)
        return january.toordinal() - (january.isoweekday() - week_start) % 7

    year = day.year
    if day.year < date.max.year and day.toordinal() >= first(year + 1):
        year += 1
    elif day.toordinal() < first(year):
        if year == 1:
            return 0, 52
        year -= 1
    return year, (day.toordinal() - first(year)) // 7 + 1


def _weekday(instant: datetime) -> int:
    return instant.isoweekday() % 7


def _offset(instant: datetime, separator: str) -> str:
    minutes = (instant.utcoffset() or timedelta()) // timedelta(minutes=1)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{separator}{abs(minutes) % 60:02}"


def _week(instant: datetime, locale: Locale) -> tuple[int, int]:
    return week_of(instant.date(), locale.week_start, locale.first_week_day)


def _epoch_milliseconds(instant: datetime) -> int:
    utc = in_utc(instant)
    days = utc.toordinal() - date(1970, 1, 1).toordinal()
    return ((days * 24 + utc.hour) * 60 + utc.minute) * 60_000 + utc.second * 1000 + utc.microsecond // 1000


def _half(instant: datetime, _: Locale) -> str:
    return "AM" if instant.hour < 12 else "PM"


def _zone(instant: datetime, _: Locale) -> str:
    return instant.tzname() or "UTC"


_WRITERS: dict[str, Callable[[datetime, Locale], str]] = {
    "M": lambda m, _: str(m.month),
    "Mo": lambda m, words: words.ordinal(m.month, "M"),
    "MM": lambda m, _: f"{m.month:02}",
    "MMM": lambda m, words: words.months_short[m.month - 1],
    "MMMM": lambda m, words: words.months[m.month - 1],
    "Q": lambda m, _: str((m.month + 2) // 3),
    "Qo": lambda m, words: words.ordinal((m.month + 2) // 3, "Q"),
    "D": lambda m, _: str(m.day),
    "Do": lambda m, words: words.ordinal(m.day, "D"),
    "DD": lambda m, _: f"{m.day:02}",
    "DDD": lambda m, _: str(day_of_year(m)),
    "DDDo": lambda m, words: words.ordinal(day_of_year(m), "DDD"),
    "DDDD": lambda m, _: f"{day_of_year(m):03}",
    "d": lambda m, _: str(_weekday(m)),
    "do": lambda m, words: words.ordinal(_weekday(m), "d"),
    "dd": lambda m, words: words.weekdays_min[_weekday(m)],
    "ddd": lambda m, words: words.weekdays_short[_weekday(m)],
    "dddd": lambda m, words: words.weekdays[_weekday(m)],
    "e": lambda m, words: str((_weekday(m) - words.week_start) % 7),
    "E": lambda m, _: str(m.isoweekday()),
    "w": lambda m, words: str(_week(m, words)[1]),
    "wo": lambda m, words: words.ordinal(_week(m, words)[1], "w"),
    "ww": lambda m, words: f"{_week(m, words)[1]:02}",
    "W": lambda m, _: str(m.isocalendar()[1]),
    "Wo": lambda m, words: words.ordinal(m.isocalendar()[1], "W"),
    "WW": lambda m, _: f"{m.isocalendar()[1]:02}",
    "Y": lambda m, _: str(m.year),
    "YY": lambda m, _: f"{m.year % 100:02}",
    "YYYY": lambda m, _: f"{m.year:04}",
    "YYYYY": lambda m, _: f"{m.year:05}",
    "YYYYYY": lambda m, _: f"+{m.year:06}",
    "gg": lambda m, words: f"{_week(m, words)[0] % 100:02}",
    "gggg": lambda m, words: f"{_week(m, words)[0]:04}",
    "GG": lambda m, _: f"{m.isocalendar()[0] % 100:02}",
    "GGGG": lambda m, _: f"{m.isocalendar()[0]:04}",
    "A": _half,
    "a": lambda m, words: _half(m, words).lower(),
    "H": lambda m, _: str(m.hour),
    "HH": lambda m, _: f"{m.hour:02}",
    "h": lambda m, _: str(m.hour % 12 or 12),
    "hh": lambda m, _: f"{m.hour % 12 or 12:02}",
    "k": lambda m, _: str(m.hour or 24),
    "kk": lambda m, _: f"{m.hour or 24:02}",
    "Hmm": lambda m, _: f"{m.hour}{m.minute:02}",
    "Hmmss": lambda m, _: f"{m.hour}{m.minute:02}{m.second:02}",
    "hmm": lambda m, _: f"{m.hour % 12 or 12}{m.minute:02}",
    "hmmss": lambda m, _: f"{m.hour % 12 or 12}{m.minute:02}{m.second:02}",
    "m": lambda m, _: str(m.minute),
    "mm": lambda m, _: f"{m.minute:02}",
    "s": lambda m, _: str(m.second),
    "ss": lambda m, _: f"{m.second:02}",
    "X": lambda m, _: str(_epoch_milliseconds(m) // 1000),
    "x": lambda m, _: str(_epoch_milliseconds(m)),
    "z": _zone,
    "zz": _zone,
    "Z": lambda m, _: _offset(m, ":"),
    "ZZ": lambda m, _: _offset(m, ""),
}
