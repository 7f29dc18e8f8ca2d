"""Small facts of an environment: the base of a source, permissions before the freeze, thresholds of alerts."""

from __future__ import annotations

import json

from sqlalchemy import select

from runbook.json_types import Json
from runbook.state.database import Database
from runbook.state.tables import fact


class Facts:
    """Key -> JSON."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, key: str) -> Json:
        """What is known under a key; None for nothing."""
        with self._db.reading() as connection:
            found = connection.scalar(select(fact.c.value).where(fact.c.key == key))
        return None if found is None else json.loads(found)

    def put(self, key: str, value: Json) -> None:
        """Know `value` under a key from now on; None forgets it."""
        if value is None:
            with self._db.writing() as connection:
                connection.execute(fact.delete().where(fact.c.key == key))
            return
        insert = self._db.insert(fact)
        query = insert.on_conflict_do_update(index_elements=[fact.c.key], set_={"value": insert.excluded.value})
        with self._db.writing() as connection:
            connection.execute(query, {"key": key, "value": _text(value)})

    def swap(self, key: str, old: Json, new: Json) -> bool:
        """Put `new` if `old` is what is known now (None: nothing), as one step; whether it was done."""
        with self._db.writing() as connection:
            if old is None:
                # RETURNING, because not every driver counts the rows of an INSERT.
                query = self._db.insert(fact).on_conflict_do_nothing().returning(fact.c.key)
                return connection.execute(query, {"key": key, "value": _text(new)}).first() is not None
            change = fact.delete() if new is None else fact.update().values(value=_text(new))
            return bool(connection.execute(change.where(fact.c.key == key, fact.c.value == _text(old))).rowcount == 1)

    def append(self, key: str, value: Json) -> None:
        """Add to the list under a key, begun where there is none; whoever does so at the same time adds too."""
        while True:
            old = self.get(key)
            if self.swap(key, old, [*(old or ()), value]):
                return


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
