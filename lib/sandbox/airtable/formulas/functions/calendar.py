"""Functions on days of the week and working days."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import date, timedelta

from sandbox.airtable.formulas.functions.arrays import flattened
from sandbox.airtable.formulas.instants import like, shifted, to_instant
from sandbox.airtable.formulas.moment_format import week_of
from sandbox.airtable.formulas.values import FaultError, Value, text_of, to_integer

_DAY = timedelta(days=1)


def _week_start(value: Value) -> int:
    """0 for Sunday, the default, 1 for Monday; anything else is a fault."""
    starts = {"": 0, "sunday": 0, "monday": 1}
    start = starts.get(text_of(value).strip().lower())
    if start is None:
        raise FaultError
    return start


def _weekday(instant: Value, start: Value = None) -> Value:
    """WEEKDAY: 0 is the day weeks start on."""
    return float((to_instant(instant).isoweekday() - _week_start(start)) % 7)


def _week_number(instant: Value, start: Value = None) -> Value:
    """WEEKNUM: week 1 is the one with January 1, whichever day weeks start on [?]."""
    return float(week_of(to_instant(instant).date(), _week_start(start), 1)[1])


def _holidays(value: Value) -> list[int]:
    """The holidays that fall on a working day, as ordinals in order: `YYYY-MM-DD, YYYY-MM-DD`, or a list of dates."""
    days = set()
    for element in flattened([value]):
        parts = element.split(",") if isinstance(element, str) else [element]
        for part in parts:
            if part is None or (isinstance(part, str) and not part.strip()):
                continue
            day = to_instant(part.strip() if isinstance(part, str) else part).date()
            if day.isoweekday() < 6:
                days.add(day.toordinal())
    return sorted(days)


def _working_days(first: int, last: int, holidays: list[int]) -> int:
    """Working days after ordinal `first`, up to and with `last`."""
    weeks, rest = divmod(last - first, 7)
    count = weeks * 5 + sum((first + step) % 7 not in (0, 6) for step in range(1, rest + 1))
    return count - (bisect_right(holidays, last) - bisect_right(holidays, first))


def _work_day(instant: Value, count: Value, holidays: Value = None) -> Value:
    """WORKDAY: the working day that is `count` working days after the start; before it, when negative."""
    start, left, free = to_instant(instant), to_integer(count), _holidays(holidays)
    ordinal, step = start.toordinal(), 1 if left > 0 else -1
    left = abs(left)
    while left > 0:
        # whole weeks at a leap: five working days each at most, so it never goes too far
        leap = step * (left // 5 * 7 or 1)
        target = ordinal + leap
        if not date.min.toordinal() < target < date.max.toordinal():
            raise FaultError
        low, high = (ordinal, target) if step > 0 else (target - 1, ordinal - 1)
        left -= _working_days(low, high, free)
        ordinal = target
    # a leap may end on free days that follow the last working day
    while ordinal != start.toordinal() and (ordinal % 7 in (0, 6) or ordinal in free):
        ordinal -= step
    return like(instant, shifted(start, ordinal - start.toordinal(), "days"))


def _work_day_difference(start: Value, end: Value, holidays: Value = None) -> Value:
    """WORKDAY_DIFF: the working days from start to end, both counted; negative when the end comes first."""
    first, last = to_instant(start).toordinal(), to_instant(end).toordinal()
    free = _holidays(holidays)
    if last < first:
        return -float(_working_days(last - 1, first, free))
    return float(_working_days(first - 1, last, free))


FUNCTIONS: dict[str, tuple[Callable[..., Value], int, int]] = {
    "WEEKDAY": (_weekday, 1, 2),
    "WEEKNUM": (_week_number, 1, 2),
    "WORKDAY": (_work_day, 2, 3),
    "WORKDAY_DIFF": (_work_day_difference, 2, 3),
}
