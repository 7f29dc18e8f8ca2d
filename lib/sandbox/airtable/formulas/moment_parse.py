"""DATETIME_PARSE: a text read by a format's tokens, or without one as ISO 8601 or the usual ways to write a date."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from sandbox.airtable.formulas.instants import iso_moment, offset_of
from sandbox.airtable.formulas.locales import ENGLISH, Locale
from sandbox.airtable.formulas.moment_format import tokens
from sandbox.airtable.formulas.values import FaultError

LONGEST_TEXT = 1000
"""Longest text that is read as a date; a guard of the sandbox."""

_ONE_OR_TWO = r"\d\d?"
_PATTERNS = {
    **dict.fromkeys(("M", "MM", "D", "DD", "H", "HH", "h", "hh", "k", "kk", "m", "mm", "s", "ss"), _ONE_OR_TWO),
    **dict.fromkeys(("Mo", "Do"), r"\d\d?(?:st|nd|rd|th|er|e|\.|º)?"),
    **dict.fromkeys(("DDD", "DDDD"), r"\d{1,3}"),
    **dict.fromkeys(("a", "A"), r"[aApP]\.?[mM]?\.?"),
    **dict.fromkeys(("Z", "ZZ"), r"[zZ]|[+-]\d\d:?\d\d"),
    "Q": r"[1-4]",
    "YY": r"\d\d?",
    "YYYY": r"\d{1,4}",
    "Y": r"[+-]?\d{1,6}",
    "X": r"[+-]?\d+(?:\.\d{1,3})?",
    "x": r"[+-]?\d+",
    "Hmm": r"\d{3,4}",
    "hmm": r"\d{3,4}",
    "Hmmss": r"\d{5,6}",
    "hmmss": r"\d{5,6}",
}
_COMPILED = {token: re.compile(pattern, re.ASCII | re.IGNORECASE) for token, pattern in _PATTERNS.items()}
_FRACTION = re.compile(r"\d+", re.ASCII)
_PARTS = {
    "M": "month",
    "D": "day",
    "H": "hour",
    "h": "hour",
    "k": "hour",
    "m": "minute",
    "s": "second",
    "Q": "quarter",
}
_USUAL = (
    (re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{4}\b"), "M/D/YYYY"),
    (re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2}\b"), "M/D/YY"),
    (re.compile(r"\d{4}[/.-]\d{1,2}[/.-]\d{1,2}\b"), "YYYY/M/D"),
    (re.compile(r"\d{1,2}(?:st|nd|rd|th)?[ -][^\W\d_]{3,},?[ -]\d{4}\b", re.IGNORECASE), "Do MMM YYYY"),
    (re.compile(r"[^\W\d_]{3,}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b", re.IGNORECASE), "MMM Do YYYY"),
)
_TIME = re.compile(
    r"[T,]?\s*(?:at\s+)?(\d{1,2})(?::(\d\d))?(?::(\d\d)(?:\.(\d{1,9}))?)?\s*([ap]m)?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?\Z",
    re.ASCII | re.IGNORECASE,
)


class _Read:
    """What the tokens have read so far."""

    def __init__(self) -> None:
        self.parts: dict[str, int] = {}
        self.afternoon: bool | None = None
        self.offset = timedelta()
        self.microsecond = 0
        self.stamp: int | None = None

    def instant(self, today: date) -> datetime:
        if self.stamp is not None:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.stamp)
        parts = self.parts
        if not parts and self.afternoon is None:
            raise FaultError
        hour = parts.get("hour", 0)
        if self.afternoon is not None and hour <= 12:
            hour = hour % 12 + (12 if self.afternoon else 0)
        if hour > 24 or (hour == 24 and (parts.get("minute") or parts.get("second"))):
            raise FaultError
        # moment: what is left of the largest given part is today's, what is right of it is the first
        dated = {"month", "day", "year", "quarter", "yearday"} & parts.keys()
        year = parts.get("year", today.year)
        month = parts.get("month", parts.get("quarter", 0) * 3 - 2 if "quarter" in parts else 0)
        if not month:
            month = today.month if not dated or dated == {"day"} else 1
        day = parts.get("day", 1 if dated else today.day)
        if "yearday" in parts:
            month, day = 1, 1
        instant = datetime(year, month, day, 0, parts.get("minute", 0), parts.get("second", 0), tzinfo=UTC)
        instant += timedelta(hours=hour, days=parts.get("yearday", 1) - 1, microseconds=self.microsecond)
        if "yearday" in parts and instant.year != year:
            raise FaultError
        return instant - self.offset


@lru_cache(maxsize=4096)
def parse_moment(text: str, template: str | None, locale: Locale, today: date) -> datetime:
    """The time that a text represents, in UTC; a text without an offset is UTC. Parts that it leaves out are today's.

    As in moment, a format skips what it does not expect and takes no heed of what follows it
    (momentjs.com/docs, "String + Format", not strict). Raises FaultError for what is no date.
    """
    if len(text) > LONGEST_TEXT:
        raise FaultError
    try:
        if template is not None:
            return _by_format(text, template, locale, today)
        return _by_habit(text.strip(), locale, today)
    except (ValueError, OverflowError) as error:
        raise FaultError from error


def _by_habit(text: str, locale: Locale, today: date) -> datetime:
    try:
        return iso_moment(text)
    except FaultError:
        for pattern, template in _USUAL:
            found = pattern.match(text)
            if found is None:
                continue
            instant = _by_format(found[0], template, locale, today)
            rest = text[found.end() :].strip()
            if not rest:
                return instant
            time = _TIME.match(rest)
            if time is None:
                raise
            return instant + _time_of_day(time)
        raise


def _time_of_day(found: re.Match[str]) -> timedelta:
    hour, minute, second, fraction, half, offset = found.groups()
    hours = int(hour)
    if half:
        hours = hours % 12 + (12 if half.lower() == "pm" else 0)
    if hours > 24 or int(minute or 0) > 59 or int(second or 0) > 59:
        raise FaultError
    zone = offset_of(offset if offset and offset[0] in "+-" else None)
    microseconds = int((fraction or "0")[:6].ljust(6, "0"))
    return timedelta(hours=hours, minutes=int(minute or 0), seconds=int(second or 0), microseconds=microseconds) - zone


def _by_format(text: str, template: str, locale: Locale, today: date) -> datetime:
    read = _Read()
    for token in tokens(template, locale):
        if token in ("MMM", "MMMM"):
            text = _read_month(read, text, locale)
            continue
        pattern = _FRACTION if token[0] == "S" else _COMPILED.get(token)
        if pattern is None:
            literal = token[1:-1] if len(token) > 1 and token[0] == "[" else token
            text = text.partition(literal)[2] if literal and literal in text and not literal.isalnum() else text
            continue
        found = pattern.search(text)
        if found is None:
            continue
        text = text[found.end() :]
        _take(read, token, found[0])
    return read.instant(today)


def _read_month(read: _Read, text: str, locale: Locale) -> str:
    lowered = text.lower()
    best: tuple[int, int, int] | None = None
    for words in (locale, ENGLISH):
        for names in (words.months, words.months_short):
            for month, name in enumerate(names, 1):
                bare = name.lower().rstrip(".")
                at = lowered.find(bare)
                if at >= 0 and (best is None or (at, -len(bare)) < best[:2]):
                    best = (at, -len(bare), month)
    if best is None:
        raise FaultError
    read.parts["month"] = best[2]
    return text[best[0] - best[1] :]


def _take(read: _Read, token: str, found: str) -> None:
    kind = token[0]
    if kind in "aA":
        read.afternoon = found[0] in "pP"
    elif kind == "Z":
        read.offset = offset_of(found)
    elif kind == "S":
        read.microsecond = int(found[:6].ljust(6, "0"))
    elif kind in "Xx":
        read.stamp = round(float(found) * (1000 if kind == "X" else 1))
    elif token in ("Hmm", "hmm", "Hmmss", "hmmss"):
        seconds = token.endswith("ss")
        read.parts["second"] = int(found[-2:]) if seconds else 0
        digits = found[:-2] if seconds else found
        read.parts["hour"], read.parts["minute"] = int(digits[:-2]), int(digits[-2:])
    elif kind == "Y":
        year = int(found)
        # two digits: above 68 is the last century, as in moment's parseTwoDigitYear
        read.parts["year"] = year + (1900 if year > 68 else 2000) if len(found.lstrip("+-")) <= 2 else year
    elif token in ("DDD", "DDDD"):
        read.parts["yearday"] = int(found)
    else:
        read.parts[_PARTS[kind]] = int("".join(filter(str.isdecimal, found)))
