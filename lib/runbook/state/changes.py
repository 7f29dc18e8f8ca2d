"""Rows that the data layer made in Airtable or removed from it: what a comparison with Wix, and a load, must know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from sqlalchemy import select

from runbook.state.ids import now
from runbook.state.tables import change

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runbook.state.database import Database

Change: TypeAlias = Literal["born", "removed"]


class Changes:
    """A line a row: the last that was done. A row that came from Wix and was only changed has none."""

    def __init__(self, database: Database) -> None:
        self._db = database
        insert = database.insert(change)
        self._upsert = insert.on_conflict_do_update(
            index_elements=[change.c.base, change.c.collection, change.c.legacy_id],
            set_={"what": insert.excluded.what, "at": insert.excluded.at},
        )

    def born(self, base: str, collection: str, legacy_ids: Iterable[str]) -> None:
        """Rows were made in Airtable: Wix does not have them."""
        self._note(base, collection, legacy_ids, "born")

    def removed(self, base: str, collection: str, legacy_ids: Iterable[str]) -> None:
        """Rows were taken out of Airtable on purpose; of one that was born there nothing is left to tell."""
        gone = list(legacy_ids)
        own = self.of(base, collection)
        self._note(base, collection, [i for i in gone if own.get(i) != "born"], "removed")
        self.forget(base, collection, [i for i in gone if own.get(i) == "born"])

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

    def _note(self, base: str, collection: str, legacy_ids: Iterable[str], what: Change) -> None:
        here = {"base": base, "collection": collection, "what": what, "at": now()}
        lines = [{**here, "legacy_id": legacy_id} for legacy_id in legacy_ids]
        if lines:
            with self._db.writing() as connection:
                connection.execute(self._upsert, lines)
