"""Periods of the admin's statistics: windows that end now, and the daily buckets of charts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lmdr import js
from runbook.query import Query
from runbook.records import Records

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK, MONTH = 7 * DAY, 30 * DAY


def midnight(timestamp: datetime) -> datetime:
    """The start of a timestamp's day in UTC, the platform's zone."""
    return timestamp.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def percent(part: float, total: float) -> js.Number:
    """`part` of `total` in percent, rounded; 0 where the total is 0."""
    return js.round_half_up(100 * part / total) if total else 0


def chart_days(now: datetime, period: str) -> list[str]:
    """The UTC days of a chart, 30 for a 'month' and 7 for anything else, as 'YYYY-MM-DD'.

    They end yesterday, as on the platform.
    """
    length = 30 if period == "month" else 7
    return [day_of(now - (length - number) * DAY) for number in range(length)]


def day_of(timestamp: datetime) -> str:
    """A timestamp's day in UTC."""
    return timestamp.astimezone(UTC).date().isoformat()


def daily_counts(records: Records, collection: str, key: str, now: datetime, days: list[str]) -> list[int]:
    """Number of rows on each of the days, by the timestamp under `key`; rows without one are not counted."""
    counts = dict.fromkeys(days, 0)
    for row in records.get_all(collection, Query().ge(key, now - len(days) * DAY)):
        if isinstance(row.get(key), datetime) and (day := day_of(row[key])) in counts:
            counts[day] += 1
    return [*counts.values()]
