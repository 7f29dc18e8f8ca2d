"""What going back to Wix has not carried: by flag, from when to when services wrote to Airtable.

state.debts.all()                       # {"carriers": Debt(since, until, who, why)}
state.debts.clear("carriers")           # everything was read and carried
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from runbook.state.database import Database
from runbook.state.tables import fact, flag_change, now, outbox

_PREFIX, _TOLD = "not carried back:", "debts in "


class Debt(NamedTuple):
    """Airtable was ahead of Wix `since` then, `until` the flag turned back; ISO times in UTC. None: it is not known.

    `who` turned it back, `why` the rest was not carried.
    """

    since: str | None
    until: str
    who: str
    why: str


class Debts:
    """At most one debt a flag. What is noted survives a power failure when the method returns."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> dict[str, Debt]:
        """Every debt by flag."""
        query = select(fact.c.key, fact.c.value).where(fact.c.key.startswith(_PREFIX, autoescape=True))
        with self._db.reading() as connection:
            found = connection.execute(query.order_by(fact.c.key))
            return {row[0].removeprefix(_PREFIX): Debt(**json.loads(row[1])) for row in found}

    def note(self, debts: Mapping[str, Debt]) -> None:
        """Add debts, as `add_debts` does."""
        with self._db.writing(durable=True) as connection:
            add_debts(self._db, connection, debts)

    def replace(self, debts: Mapping[str, Debt]) -> None:
        """Make these all that there are."""
        with self._db.writing(durable=True) as connection:
            connection.execute(fact.delete().where(fact.c.key.startswith(_PREFIX, autoescape=True)))
            add_debts(self._db, connection, debts)

    def clear(self, flag: str) -> None:
        """Everything of a flag was carried back, or there is nothing."""
        with self._db.writing(durable=True) as connection:
            connection.execute(fact.delete().where(fact.c.key == _PREFIX + flag))

    def leave(self, flag: str, base: str | None, collections: Iterable[str], who: str, why: str) -> None:
        """A person wants it to stay as it is: clear the debt, and what waits of the flag's collections in a base.

        The flag's history gets a line. One transaction.
        """
        with self._db.writing(durable=True) as connection:
            connection.execute(fact.delete().where(fact.c.key == _PREFIX + flag))
            for collection in collections:
                of_collection = (outbox.c.base == base, outbox.c.collection == collection)
                connection.execute(outbox.delete().where(*of_collection))
            line = {"at": now(), "flag": flag, "value": "wix", "who": who, "why": why, "run_id": None}
            connection.execute(flag_change.insert(), line)

    def told(self, base: str) -> dict[str, Debt]:
        """The debts on which this state and a base last agreed."""
        with self._db.reading() as connection:
            found = connection.scalar(select(fact.c.value).where(fact.c.key == _TOLD + base))
        return {} if found is None else {flag: Debt(*values) for flag, values in json.loads(found).items()}

    def set_told(self, base: str, debts: Mapping[str, Debt]) -> None:
        """See `told`."""
        if debts == self.told(base):
            return
        line = {"key": _TOLD + base, "value": json.dumps(dict(debts), sort_keys=True)}
        with self._db.writing() as connection:
            connection.execute(self._db.upsert(fact), line)


def add_debts(database: Database, connection: Connection, debts: Mapping[str, Debt]) -> None:
    """Add debts inside the caller's transaction. One that a flag has already lasts from its own beginning."""
    for flag, debt in debts.items():
        key = _PREFIX + flag
        known = connection.scalar(select(fact.c.value).where(fact.c.key == key))
        line: dict[str, Any] = {**debt._asdict(), "why": " ".join(debt.why.split())}  # a base keeps it in one line
        if known is not None:
            before = Debt(**json.loads(known))
            line["since"] = None if None in (before.since, debt.since) else min(str(before.since), str(debt.since))
        connection.execute(database.upsert(fact), {"key": key, "value": json.dumps(line, sort_keys=True)})
