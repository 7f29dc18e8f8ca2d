"""The server's clock: real time plus an offset that `POST /_sandbox/clock` moves."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Wall time that tests can move, so that a 7-day, 30-day or monthly rule can be seen to work.

    Every rule of either service (rate limits, expiry, time stamps) reads this clock and no other.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset

    def time(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time() + self.offset

    def now(self) -> datetime:
        """The time as an aware UTC datetime, in whole milliseconds as both services keep it."""
        return datetime.fromtimestamp(int(self.time() * 1000) / 1000, UTC)

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds` (negative moves it back)."""
        self.offset += seconds


def iso(instant: datetime) -> str:
    """`2026-11-22T14:51:19.370Z`: the form both services write."""
    # Not strftime: its %Y writes the year 999 with three digits.
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def from_epoch_ms(milliseconds: int) -> datetime:
    """The aware UTC datetime of `milliseconds` since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
