"""Which Airtable record a Wix row is."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from runbook.state.database import Database
from runbook.state.tables import id_map, link_key


class Known(NamedTuple):
    """A row in the base. `hash`: of the cells it was last written with, None where that is not known.

    `filled`: which of its cells were not empty then, as the loader writes it.
    """

    record_id: str
    hash: str | None
    filled: str | None = None


class Landed(NamedTuple):
    """A row that has landed; the rest as in `Known`."""

    legacy_id: str
    record_id: str
    hash: str | None = None
    filled: str | None = None


class Ambiguous(enum.Enum):
    """The type of `AMBIGUOUS`: a key that leads to several rows, of which none is guessed."""

    AMBIGUOUS = "ambiguous"


AMBIGUOUS: Final = Ambiguous.AMBIGUOUS
_AT_ONCE = 500  # rows a query


def now() -> str:
    """The time as state writes it: ISO, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class IdMap:
    """(base, collection, legacy id) -> record."""

    def __init__(self, database: Database) -> None:
        self._db = database
        t, k = id_map, link_key
        insert = database.insert(t)
        self._upsert = insert.on_conflict_do_update(
            index_elements=[t.c.base, t.c.collection, t.c.legacy_id],
            set_={name: insert.excluded[name] for name in ("record_id", "hash", "filled", "loaded_at")},
        )
        told: tuple[Any, ...] = (bindparam("b"), bindparam("c"), bindparam("legacy"))
        of_row = (t.c.base == told[0]) & (t.c.collection == told[1]) & (t.c.legacy_id == told[2])
        self._delete = t.delete().where(of_row)
        self._distrust = t.update().where(of_row).values(hash=None)
        self._delete_keys = k.delete().where(k.c.base == told[0], k.c.collection == told[1], k.c.legacy_id == told[2])

    def all(self, base: str, collection: str) -> dict[str, Known]:
        """Every row of a collection by legacy id."""
        t = id_map
        query = select(t.c.legacy_id, t.c.record_id, t.c.hash, t.c.filled).where(
            t.c.base == base, t.c.collection == collection
        )
        with self._db.reading() as connection:
            return {row[0]: Known(row[1], row[2], row[3]) for row in connection.execute(query)}

    def records(self, base: str, collection: str, legacy_ids: Iterable[str]) -> dict[str, str]:
        """The records of some rows by legacy id; those that are not known are left out."""
        t, wanted = id_map, list(legacy_ids)
        found: dict[str, str] = {}
        with self._db.reading() as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                some = t.c.legacy_id.in_(wanted[start : start + _AT_ONCE])
                query = select(t.c.legacy_id, t.c.record_id).where(t.c.base == base, t.c.collection == collection, some)
                found.update((row[0], row[1]) for row in connection.execute(query))
        return found

    def count(self, base: str, collection: str) -> int:
        """How many rows of a collection are known."""
        query = select(func.count()).where(id_map.c.base == base, id_map.c.collection == collection)
        with self._db.reading() as connection:
            return int(connection.scalar(query) or 0)

    def remember(self, base: str, collection: str, rows: Iterable[Landed]) -> None:
        """Add or replace rows, in one commit."""
        with self._db.writing() as connection:
            self.write(connection, base, collection, rows)

    def write(self, connection: Connection, base: str, collection: str, rows: Iterable[Landed]) -> None:
        """`remember`, in someone else's transaction."""
        here = {"base": base, "collection": collection, "loaded_at": now()}
        values = [{**here, **row._asdict()} for row in rows]
        if values:
            connection.execute(self._upsert, values)

    def forget(self, base: str, collection: str, legacy_ids: Iterable[str]) -> None:
        """Drop rows and their keys, in one commit."""
        values = _rows(base, collection, legacy_ids)
        if values:
            with self._db.writing() as connection:
                connection.execute(self._delete, values)
                connection.execute(self._delete_keys, values)

    def distrust(self, base: str, collection: str, legacy_ids: Iterable[str]) -> None:
        """Drop the hashes of rows, in one commit."""
        values = _rows(base, collection, legacy_ids)
        if values:
            with self._db.writing() as connection:
                connection.execute(self._distrust, values)


def _rows(base: str, collection: str, legacy_ids: Iterable[str]) -> list[dict[str, str]]:
    return [{"b": base, "c": collection, "legacy": legacy} for legacy in legacy_ids]
