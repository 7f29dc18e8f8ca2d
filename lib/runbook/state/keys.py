"""Natural keys by which links find the rows of a collection."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Select, bindparam, select

from runbook.state.database import Database
from runbook.state.ids import AMBIGUOUS, Ambiguous
from runbook.state.tables import id_map, link_key


class LinkKeys:
    """(base, collection, key, value) -> the rows that have it. A row that is not in the base is found by no key."""

    def __init__(self, database: Database) -> None:
        self._db = database
        k = link_key
        self._insert = database.insert(k).on_conflict_do_nothing()
        self._delete = k.delete().where(
            k.c.base == bindparam("b"),
            k.c.collection == bindparam("c"),
            k.c.key == bindparam("k"),
            k.c.value == bindparam("v"),
            k.c.legacy_id == bindparam("legacy"),
        )

    def replace(self, base: str, collection: str, key: str, values: Mapping[str, str]) -> None:
        """Make `values` (legacy id -> value) all that is known of a key, in one commit; writes only what differs."""
        k = link_key
        query = select(k.c.legacy_id, k.c.value).where(k.c.base == base, k.c.collection == collection, k.c.key == key)
        wanted = set(values.items())
        with self._db.reading() as connection:
            there = {(row[0], row[1]) for row in connection.execute(query)}
        if there == wanted:
            return
        gone = [
            {"b": base, "c": collection, "k": key, "v": value, "legacy": legacy} for legacy, value in there - wanted
        ]
        new = [
            {"base": base, "collection": collection, "key": key, "value": value, "legacy_id": legacy}
            for legacy, value in wanted - there
        ]
        with self._db.writing() as connection:
            if gone:
                connection.execute(self._delete, gone)
            if new:
                connection.execute(self._insert, new)

    def put(self, base: str, collection: str, legacy_id: str, values: Mapping[str, str]) -> None:
        """Make `values` (key -> value) all that is known of one row's keys, in one commit."""
        k = link_key
        here = (k.c.base == base, k.c.collection == collection, k.c.legacy_id == legacy_id)
        lines = [
            {"base": base, "collection": collection, "key": key, "value": value, "legacy_id": legacy_id}
            for key, value in values.items()
        ]
        with self._db.writing() as connection:
            connection.execute(k.delete().where(*here))
            if lines:
                connection.execute(self._insert, lines)

    def resolve(self, base: str, collection: str, key: str, value: str) -> str | Ambiguous | None:
        """The one record that has a key's value; AMBIGUOUS for several, None for none."""
        column = id_map.c.legacy_id if key == "_id" else link_key.c.value
        with self._db.reading() as connection:
            found = [
                row[1] for row in connection.execute(_query(base, collection, key).where(column == value).limit(2))
            ]
        return AMBIGUOUS if len(found) > 1 else found[0] if found else None

    def all(self, base: str, collection: str, key: str) -> dict[str, str | Ambiguous]:
        """Every value of a key."""
        found: dict[str, str | Ambiguous] = {}
        with self._db.reading() as connection:
            for row in connection.execute(_query(base, collection, key)):
                found[row[0]] = AMBIGUOUS if row[0] in found else row[1]
        return found


def _query(base: str, collection: str, key: str) -> Select[str, str]:
    i, k = id_map, link_key
    here = (i.c.base == base, i.c.collection == collection)
    if key == "_id":
        return select(i.c.legacy_id, i.c.record_id).where(*here)
    same_row = (i.c.base == k.c.base) & (i.c.collection == k.c.collection) & (i.c.legacy_id == k.c.legacy_id)
    return select(k.c.value, i.c.record_id).select_from(k.join(i, same_row)).where(*here, k.c.key == key)
