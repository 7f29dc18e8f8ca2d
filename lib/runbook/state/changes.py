"""Rows that the data layer made in Airtable or removed from it: what a comparison with Wix, and a load, must know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, cast

from sqlalchemy import select

from runbook.state.database import Database
from runbook.state.ids import now
from runbook.state.tables import change

Change: TypeAlias = Literal["born", "removed"]


class Changes:
    """A line a row that only one side has by this project's doing. One that came from Wix and was changed has none."""

    def __init__(self, database: Database) -> None:
        self._db = database
        insert = database.insert(change)
        self._upsert = insert.on_conflict_do_update(
            index_elements=[change.c.base, change.c.collection, change.c.legacy_id],
            set_={"what": insert.excluded.what, "at": insert.excluded.at},
        )

    def born(self, base: str, collection: str, legacy_ids: Iterable[str]) -> None:
        """Rows were made in Airtable: Wix does not have them. Of one that was removed before it has."""
        self._note(base, collection, legacy_ids, "born", undoes="removed")

    def removed(self, base: str, collection: str, legacy_ids: Iterable[str]) -> None:
        """Rows were taken out of Airtable on purpose; of one that was born there nothing is left to tell."""
        self._note(base, collection, legacy_ids, "removed", undoes="born")

    def of(self, base: str, collection: str) -> dict[str, Change]:
        """What was done, by legacy id."""
        query = select(change.c.legacy_id, change.c.what).where(
            change.c.base == base, change.c.collection == collection
        )
        with self._db.reading() as connection:
            return {row[0]: cast("Change", row[1]) for row in connection.execute(query)}

    def forget(self, base: str, collection: str, legacy_ids: Iterable[str] | None = None) -> None:
        """Both sides agree again on these rows, or on all of a collection."""
        query = change.delete().where(change.c.base == base, change.c.collection == collection)
        with self._db.writing() as connection:
            if legacy_ids is None:
                connection.execute(query)
                return
            for legacy_id in legacy_ids:
                connection.execute(query.where(change.c.legacy_id == legacy_id))

    def _note(self, base: str, collection: str, legacy_ids: Iterable[str], what: Change, *, undoes: Change) -> None:
        here = {"base": base, "collection": collection, "what": what, "at": now()}
        of_row = (change.c.base == base) & (change.c.collection == collection) & (change.c.what == undoes)
        with self._db.writing() as connection:
            for legacy_id in legacy_ids:
                if not connection.execute(change.delete().where(of_row, change.c.legacy_id == legacy_id)).rowcount:
                    connection.execute(self._upsert, {**here, "legacy_id": legacy_id})
