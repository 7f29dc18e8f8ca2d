"""The DATA_SOURCE flags: which side services use. Every turn is kept: when, who, why, on which run's evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from sqlalchemy import insert, select

from runbook.errors import SettingError
from runbook.state.schema import flags, turns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runbook.state.store import State

Side = Literal["wix", "airtable"]


@dataclass(frozen=True)
class Turn:
    """One turn of a flag. `at`: ISO 8601, UTC, to the millisecond."""

    at: str
    flag: str
    value: str
    who: str
    why: str
    run_id: str | None


class Flags:
    """Read from the database at each call: a turn by another process is seen at once."""

    def __init__(self, state: State) -> None:
        self._state = state

    def create(self, names: Iterable[str]) -> None:
        """Make those that are missing, at 'wix'."""
        with self._state.write() as connection:
            there = set(connection.execute(select(flags.c.name)).scalars())
            rows = [{"name": name, "value": "wix"} for name in names if name not in there]
            if rows:
                connection.execute(insert(flags), rows)

    def get(self, name: str) -> str:
        """'wix' or 'airtable'; a flag that was never made stands at 'wix'."""
        with self._state.read() as connection:
            found = connection.execute(select(flags.c.value).where(flags.c.name == name)).scalar()
        return found or "wix"

    def all(self) -> dict[str, str]:
        """Every flag that was made."""
        with self._state.read() as connection:
            return {row.name: row.value for row in connection.execute(select(flags.c.name, flags.c.value))}

    def set(self, name: str, value: str, *, who: str, why: str, run_id: str | None = None) -> None:
        """Turn a flag, with its history, in one transaction. Whether it may turn is asked before (`run.turning`)."""
        if value not in ("wix", "airtable"):
            raise SettingError(f"a flag is 'wix' or 'airtable', not {value!r}")
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._state.write() as connection:
            self._state.upsert(connection, flags, [{"name": name, "value": value}])
            connection.execute(insert(turns).values(at=at, flag=name, value=value, who=who, why=why, run_id=run_id))

    def history(self, name: str | None = None) -> list[Turn]:
        """Turns of one flag or of all, oldest first."""
        asked = select(turns.c.at, turns.c.flag, turns.c.value, turns.c.who, turns.c.why, turns.c.run_id)
        if name is not None:
            asked = asked.where(turns.c.flag == name)
        with self._state.read() as connection:
            return [Turn(*row) for row in connection.execute(asked.order_by(turns.c.id))]
