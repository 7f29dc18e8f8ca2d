"""Periods of the admin's figures: windows that end now, and the day buckets of charts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from lmdr import js

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK, MONTH = 7 * DAY, 30 * DAY


def midnight(moment: datetime) -> datetime:
    """The beginning of a moment's day in UTC, the platform's zone."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def percent(part: float, whole: float) -> js.Number:
    """A share in whole percent, 0 of nothing."""
    return js.round_half_up(100 * part / whole) if whole else 0


def chart_days(now: datetime, period: str) -> list[str]:
    """The UTC days of a chart, 30 of a 'month' and 7 of all else, as 'YYYY-MM-DD'.

    They begin so many days ago, so today is none of them, as on the platform.
    """
    length = 30 if period == "month" else 7
    return [day_of(now - (length - number) * DAY) for number in range(length)]


def day_of(moment: datetime) -> str:
    """A moment's day in UTC."""
    return moment.astimezone(UTC).date().isoformat()


def per_day(moments: Iterable[Any], days: list[str]) -> list[int]:
    """How many of the moments lie on each of the days; what is no moment lies on none."""
    counts = dict.fromkeys(days, 0)
    for moment in moments:
        if isinstance(moment, datetime) and (day := day_of(moment)) in counts:
            counts[day] += 1
    return [*counts.values()]
