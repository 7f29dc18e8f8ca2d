"""The one row a base that every process takes its turn from."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import case, func, literal, select, update

from runbook.state.schema import pace

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from runbook.state.store import State


class Pace:
    """Slots in seconds since the epoch: this machine's clock for SQLite, the database's own for PostgreSQL."""

    def __init__(self, state: State) -> None:
        self._state = state

    def reserve(self, base: str, seconds: float) -> float:
        """Take the next `seconds` of a base; returns in how many seconds from now they begin."""
        with self._state.write() as connection:
            now = self._now()
            begin = case((pace.c.next_slot > now, pace.c.next_slot), else_=now)
            taken = (
                update(pace)
                .where(pace.c.base == base)
                .values(next_slot=begin + seconds)
                .returning(pace.c.next_slot, now)
            )
            row = connection.execute(taken).one_or_none()
            if row is None:
                self._state.upsert(connection, pace, [{"base": base, "next_slot": 0.0}])
                row = connection.execute(taken).one()
        return max(0.0, float(row[0]) - seconds - float(row[1]))

    def hold(self, base: str, seconds: float) -> None:
        """No slot begins before so long from now: one pause, however many ask for it."""
        with self._state.write() as connection:
            until = self._now() + seconds
            if connection.execute(select(pace.c.base).where(pace.c.base == base)).scalar() is None:
                self._state.upsert(connection, pace, [{"base": base, "next_slot": 0.0}])
            longer = case((pace.c.next_slot > until, pace.c.next_slot), else_=until)
            connection.execute(update(pace).where(pace.c.base == base).values(next_slot=longer))

    def _now(self) -> ColumnElement[float]:
        if self._state.is_sqlite:
            return literal(time.time())
        return func.extract("epoch", func.clock_timestamp())
