"""The rate limit of each base: one row that says when the next request may go out, for all who talk to that base.

SQLite's clock is this machine's, PostgreSQL's is its server's; every time here is in seconds since 1970 by that clock.
"""

from __future__ import annotations

import time

from sqlalchemy import text

from runbook.state.database import Database

# A time further ahead than this was left by a clock that has been set back since: it is ignored.
HORIZON = 900.0


class RateLimits:
    """Each change is one statement, so two processes never reserve the same time."""

    def __init__(self, database: Database) -> None:
        self._db = database
        now = ":now" if database.is_sqlite else "extract(epoch FROM clock_timestamp())::double precision"
        self._create = text(
            "INSERT INTO rate_limit (base, next, held_until) VALUES (:base, 0, 0) ON CONFLICT DO NOTHING"
        )
        self._reserve = text(
            f"UPDATE rate_limit SET next = :seconds + CASE WHEN next BETWEEN {now} AND {now} + :horizon THEN next "
            f"ELSE {now} END WHERE base = :base AND NOT next BETWEEN {now} + :within AND {now} + :horizon "
            f"RETURNING next - {now}"
        )
        self._hold = text(
            f"UPDATE rate_limit SET held_until = {now} + :seconds, next = {now} + :seconds"
            f" WHERE base = :base AND NOT held_until BETWEEN {now} AND {now} + :horizon"
        )
        self._held = text(f"SELECT held_until - {now} FROM rate_limit WHERE base = :base")

    def create(self, base: str) -> None:
        """Add the row of a base if it is missing."""
        with self._db.writing() as connection:
            connection.execute(self._create, {"base": base})

    def reserve(self, base: str, seconds: float, *, within: float = HORIZON) -> float | None:
        """Reserve the next free `seconds` of a base; returns the seconds from now to where they begin.

        None, and nothing is reserved, where they begin more than `within` seconds from now.
        """
        with self._db.writing() as connection:  # the clock is read when the lock is held
            values = {"base": base, "seconds": seconds, "within": within, "horizon": HORIZON, **self._clock()}
            begin = connection.execute(self._reserve, values).scalar_one_or_none()
        return None if begin is None else float(begin) - seconds

    def hold(self, base: str, seconds: float) -> bool:
        """Let no request to the base go out for `seconds`; False, and no change, where it is held already."""
        with self._db.writing() as connection:
            values = {"base": base, "seconds": seconds, "horizon": HORIZON, **self._clock()}
            return bool(connection.execute(self._hold, values).rowcount == 1)

    def held(self, base: str) -> float:
        """Seconds for which the base is still held; 0 where it is not."""
        with self._db.reading() as connection:
            left = float(connection.scalar(self._held, {"base": base, **self._clock()}) or 0)
        return left if 0 < left <= HORIZON else 0.0

    def _clock(self) -> dict[str, float]:
        return {"now": time.time()} if self._db.is_sqlite else {}
