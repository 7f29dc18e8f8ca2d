"""Slots for requests: one row a base that says when the next may go out, for all who talk to that base.

SQLite's clock is this machine's, PostgreSQL's is its server's; every time here is in seconds since 1970 by that clock.
"""

from __future__ import annotations

import time

from sqlalchemy import text

from runbook.state.database import Database

# A slot further away than this was left by a clock that has been set back since: it holds no one.
HORIZON = 900.0


class Slots:
    """Reserving and pushing back, each in one statement: whoever comes second sees what the first took."""

    def __init__(self, database: Database) -> None:
        self._db = database
        now = ":now" if database.is_sqlite else "extract(epoch FROM clock_timestamp())::double precision"
        self._create = text("INSERT INTO pace (base, next, held_until) VALUES (:base, 0, 0) ON CONFLICT DO NOTHING")
        self._reserve = text(
            f"UPDATE pace SET next = :span + CASE WHEN next BETWEEN {now} AND {now} + :horizon THEN next ELSE {now} END"
            f" WHERE base = :base RETURNING next - {now}"
        )
        self._push = text(
            f"UPDATE pace SET held_until = {now} + :seconds, next = {now} + :seconds"
            f" WHERE base = :base AND NOT held_until BETWEEN {now} AND {now} + :horizon"
        )
        self._held = text(f"SELECT held_until - {now} FROM pace WHERE base = :base")

    def create(self, base: str) -> None:
        """Make the row of a base where there is none."""
        with self._db.writing() as connection:
            connection.execute(self._create, {"base": base})

    def reserve(self, base: str, span: float) -> float:
        """Take the next `span` seconds of a base for oneself; gives the seconds from now to where they begin."""
        with self._db.writing() as connection:  # holds the lock, so that the clock is read after the wait for it
            told = {"base": base, "span": span, "horizon": HORIZON, **self._clock()}
            return float(connection.execute(self._reserve, told).scalar_one()) - span

    def push(self, base: str, seconds: float) -> bool:
        """Hold the base back from now on; False where it is held back already, and nothing was done."""
        with self._db.writing() as connection:
            told = {"base": base, "seconds": seconds, "horizon": HORIZON, **self._clock()}
            return bool(connection.execute(self._push, told).rowcount == 1)

    def held(self, base: str) -> float:
        """Seconds for which the base is still held back; 0 where it is not."""
        with self._db.reading() as connection:
            left = float(connection.scalar(self._held, {"base": base, **self._clock()}) or 0)
        return left if 0 < left <= HORIZON else 0.0

    def _clock(self) -> dict[str, float]:
        return {"now": time.time()} if self._db.is_sqlite else {}
