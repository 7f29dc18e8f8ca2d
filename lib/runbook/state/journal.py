"""What was sent, written down before it is sent: after a kill, this is what to look up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, select

from runbook.state.database import Database
from runbook.state.ids import IdMap, Landed, now
from runbook.state.tables import journal


class Journal:
    """Lines of batches under way. A line that stands when a load begins was left by one that was killed."""

    def __init__(self, database: Database, ids: IdMap) -> None:
        self._db = database
        self._ids = ids

    def sending(self, base: str, collection: str, batches: Sequence[Sequence[str]]) -> list[int]:
        """A line a batch, in one commit; their numbers, in order."""
        if not batches:
            return []
        here = {"base": base, "collection": collection, "sent_at": now()}
        lines = [{**here, "legacy_ids": json.dumps(list(batch))} for batch in batches]
        query = journal.insert().returning(journal.c.id, sort_by_parameter_order=True)
        with self._db.writing() as connection:
            return [row[0] for row in connection.execute(query, lines)]

    def landed(self, base: str, collection: str, batches: Iterable[int], rows: Iterable[Landed]) -> None:
        """Remember the rows and strike out the lines, in one commit."""
        numbers = [{"number": number} for number in batches]
        with self._db.writing() as connection:
            self._ids.write(connection, base, collection, rows)
            if numbers:
                connection.execute(journal.delete().where(journal.c.id == bindparam("number")), numbers)

    def unfinished(self, base: str, collection: str) -> list[str]:
        """Legacy ids of every line that stands, each once."""
        query = (
            select(journal.c.legacy_ids)
            .where(journal.c.base == base, journal.c.collection == collection)
            .order_by(journal.c.id)
        )
        with self._db.reading() as connection:
            return list(dict.fromkeys(i for row in connection.execute(query) for i in json.loads(row[0])))

    def settle(self, base: str, collection: str, rows: Iterable[Landed]) -> None:
        """Remember rows and strike out every line of a collection, in one commit."""
        with self._db.writing() as connection:
            self._ids.write(connection, base, collection, rows)
            connection.execute(journal.delete().where(journal.c.base == base, journal.c.collection == collection))
