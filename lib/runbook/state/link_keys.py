"""The natural keys of one collection's rows, by which links find them; the key `_id` is the legacy id."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, select

from runbook.state.database import Database, chunked
from runbook.state.tables import id_map, link_key


class Ambiguous(enum.Enum):
    """The type of `AMBIGUOUS`: a key of several rows, of which none is guessed."""

    AMBIGUOUS = "ambiguous"


AMBIGUOUS: Final = Ambiguous.AMBIGUOUS


class LinkKeys:
    """Cheap to make. Every change is one transaction, committed when the method returns."""

    def __init__(self, database: Database, base: str, collection: str) -> None:
        self._db = database
        self._scope = {"base": base, "collection": collection}

    def replace_key(self, key: str, values: Mapping[str, str]) -> None:
        """Make `values`, legacy id -> normal form, all that is known of a key; writes only what differs."""
        k = link_key
        query = select(k.c.legacy_id, k.c.value).where(self._in_scope(k), k.c.key == key)
        with self._db.reading() as connection:
            existing = {(row[0], row[1]) for row in connection.execute(query)}
        differing = {legacy_id for legacy_id, _ in existing ^ set(values.items())}
        if not differing:
            return
        with self._db.writing() as connection:
            for chunk in self._chunks(k, differing):
                connection.execute(k.delete().where(chunk, k.c.key == key))
            self._insert_keys(connection, [(i, key, values[i]) for i in differing if i in values])

    def replace_keys_of(self, legacy_id: str, values: Mapping[str, str]) -> None:
        """Make `values`, key -> normal form, all that is known of one row's keys."""
        with self._db.writing() as connection:
            connection.execute(link_key.delete().where(self._in_scope(link_key), link_key.c.legacy_id == legacy_id))
            self._insert_keys(connection, [(legacy_id, key, value) for key, value in values.items()])

    def resolve(self, key: str, value: str) -> str | Ambiguous | None:
        """The record of the row that has a key's value; AMBIGUOUS for several, None for none."""
        column = id_map.c.legacy_id if key == "_id" else link_key.c.value
        query = self._keys(key).where(column == value).limit(2)
        with self._db.reading() as connection:
            found = [row[1] for row in connection.execute(query)]
        return AMBIGUOUS if len(found) > 1 else found[0] if found else None

    def keys_of(self, legacy_ids: Iterable[str], key: str) -> dict[str, str]:
        """The value of a key of some rows, in normal form, by legacy id; rows without one are left out."""
        k = link_key
        query = select(k.c.legacy_id, k.c.value).where(k.c.key == key)
        with self._db.reading() as connection:
            chunks = self._chunks(k, legacy_ids)
            return {row[0]: row[1] for chunk in chunks for row in connection.execute(query.where(chunk))}

    def resolve_all(self, key: str) -> dict[str, str | Ambiguous]:
        """`resolve` for every value of a key."""
        found: dict[str, str | Ambiguous] = {}
        with self._db.reading() as connection:
            for value, record_id in connection.execute(self._keys(key)):
                found[value] = AMBIGUOUS if value in found else record_id
        return found

    def _insert_keys(self, connection: Connection, keys: Iterable[tuple[str, str, str]]) -> None:
        lines = [{**self._scope, "legacy_id": legacy_id, "key": key, "value": value} for legacy_id, key, value in keys]
        if lines:
            connection.execute(self._db.insert(link_key).on_conflict_do_nothing(), lines)

    def _keys(self, key: str) -> Select[str, str]:
        i, k = id_map, link_key
        if key == "_id":
            return select(i.c.legacy_id, i.c.record_id).where(self._in_scope(i))
        same_row = (i.c.base == k.c.base) & (i.c.collection == k.c.collection) & (i.c.legacy_id == k.c.legacy_id)
        rows = select(k.c.value, i.c.record_id).select_from(k.join(i, same_row))
        return rows.where(self._in_scope(i), k.c.key == key)

    def _in_scope(self, table: Table) -> ColumnElement[bool]:
        return and_(*(table.c[name] == value for name, value in self._scope.items()))

    def _some(self, table: Table, legacy_ids: Iterable[str]) -> ColumnElement[bool]:
        return self._in_scope(table) & table.c.legacy_id.in_(list(legacy_ids))

    def _chunks(self, table: Table, legacy_ids: Iterable[str]) -> Iterator[ColumnElement[bool]]:
        return (self._some(table, chunk) for chunk in chunked(legacy_ids))
