"""DATA_SOURCE: which side services read, flag by flag, and the history of every flag."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias, cast, get_args

from sqlalchemy import Connection, func, select

from runbook.errors import SettingError
from runbook.state.database import Database
from runbook.state.debts import Debt, add_debts
from runbook.state.tables import flag, flag_change, now

Side: TypeAlias = Literal["wix", "airtable"]


class FlagChange(NamedTuple):
    """One change of a flag. `at`: ISO time in UTC; `run_id`: the run whose evidence allowed it, None for none."""

    at: str
    flag: str
    value: str
    who: str
    why: str
    run_id: str | None


class FlagState(NamedTuple):
    """The value of a flag, and since when (ISO time in UTC; None: it was never changed)."""

    side: Side
    since: str | None


class Flags:
    """The flags. One that was never created is 'wix'. Nothing is cached: every read sees the last change."""

    def __init__(self, database: Database) -> None:
        self._db = database
        last = select(func.max(flag_change.c.at)).where(flag_change.c.flag == flag.c.name).scalar_subquery()
        self._states = select(flag.c.name, flag.c.value, last)  # built once: every call of a service runs it

    def create(self, names: Iterable[str]) -> None:
        """Create the flags that do not exist, at 'wix'; existing ones are left unchanged."""
        with self._db.reading() as connection:
            existing = set(connection.scalars(select(flag.c.name)))
        lines = [{"name": name, "value": "wix"} for name in names if name not in existing]
        if lines:
            with self._db.writing() as connection:
                connection.execute(self._db.insert(flag).on_conflict_do_nothing(), lines)

    def get(self, name: str) -> Side:
        """The current value of a flag."""
        with self._db.reading() as connection:
            value = connection.scalar(select(flag.c.value).where(flag.c.name == name))
        return cast("Side", value or "wix")

    def all(self) -> dict[str, Side]:
        """The current value of every flag that was created, by name."""
        with self._db.reading() as connection:
            rows = connection.execute(select(flag.c.name, flag.c.value).order_by(flag.c.name))
            return {row[0]: cast("Side", row[1]) for row in rows}

    def states(self) -> dict[str, FlagState]:
        """`all`, with the time of the last change."""
        with self._db.reading() as connection:
            rows = connection.execute(self._states)
            return {row[0]: FlagState(cast("Side", row[1]), row[2]) for row in rows}

    def set(
        self, name: str, value: str, who: str, why: str, run_id: str | None = None, *, always: bool = False
    ) -> None:
        """Set a flag and add to its history, in one commit; nothing is done where it has this value already.

        `always`: the history gets a line in any case.

        Whether it may change is checked before, in `runbook.cutover.turning`. Raises SettingError for a value other
        than 'wix' and 'airtable'.
        """
        self.turn([name], value, who, why, run_id, always=[name] if always else ())

    def turn(
        self,
        names: Iterable[str],
        value: str,
        who: str,
        why: str,
        run_id: str | None = None,
        *,
        always: Collection[str] = (),
        debts: Mapping[str, Debt] | None = None,
        also: Callable[[Connection], None] = lambda connection: None,
    ) -> None:
        """`set` several flags, and note the debts that this leaves, in one transaction.

        `always`: those whose history gets a line in any case. `also`: part of the transaction. It survives a power
        failure when the method returns.
        """
        if value not in get_args(Side):
            shown = ", ".join(repr(name) for name in names)
            raise SettingError(f"flag {shown} cannot be {value!r}; valid are 'wix' and 'airtable'")
        insert = self._db.insert(flag)
        with self._db.writing(durable=True) as connection:
            for name in names:
                change = flag.update().where(flag.c.name == name, flag.c.value != value).values(value=value)
                connection.execute(insert.values(name=name, value="wix").on_conflict_do_nothing())
                if connection.execute(change).rowcount or name in always:
                    line = {"at": now(), "flag": name, "value": value, "who": who, "why": why, "run_id": run_id}
                    connection.execute(flag_change.insert(), line)
            add_debts(self._db, connection, debts or {})
            also(connection)

    def restore(self, name: str, value: Side, since: str, who: str, why: str) -> None:
        """Set a flag as the base has it, with the time of its turn there; the history gets a line where it changes."""
        insert = self._db.insert(flag)
        change = flag.update().where(flag.c.name == name, flag.c.value != value).values(value=value)
        with self._db.writing() as connection:
            connection.execute(insert.values(name=name, value="wix").on_conflict_do_nothing())
            changed = connection.execute(change).rowcount
            if since and (changed or not self._is_noted(connection, name, since)):
                line = {"at": since, "flag": name, "value": value, "who": who, "why": why, "run_id": None}
                connection.execute(flag_change.insert(), line)

    def _is_noted(self, connection: Connection, name: str, at: str) -> bool:
        query = select(flag_change.c.id).where(flag_change.c.flag == name, flag_change.c.at >= at).limit(1)
        return connection.scalar(query) is not None

    def history(self, name: str | None = None) -> list[FlagChange]:
        """Every change of a flag, or of all, oldest first."""
        t = flag_change
        query = select(t.c.at, t.c.flag, t.c.value, t.c.who, t.c.why, t.c.run_id).order_by(t.c.id)
        if name is not None:
            query = query.where(t.c.flag == name)
        with self._db.reading() as connection:
            return [FlagChange(*row) for row in connection.execute(query)]
