"""The rows of one collection in one base: which record each is, its keys, what was sent, who created or removed it.

rows = state.rows(base, "Carriers")
rows.all()                              # {legacy id: KnownRow(legacy_id, record_id, hash, answer)}
rows.resolve("dot_number", "123")       # a record id, AMBIGUOUS for several, None for none
numbers = rows.start_batches([["a", "b"]])
rows.finish_batches(numbers, [AgreedRow("a", "rec1", …), AgreedRow("b", "rec2", …)])
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, case, func, select

from runbook.state.database import Database
from runbook.state.tables import id_map, journal, link_key, now, row_change

Change: TypeAlias = Literal["created", "removed"]


class KnownRow(NamedTuple):
    """A row that is in the base. `hash`: of the staged cells, `answer`: of Airtable's, when both sides last agreed.

    None where that is not known, or where a cell was kept as it is in Airtable.
    """

    legacy_id: str
    record_id: str
    hash: str | None = None
    answer: str | None = None


class AgreedRow(NamedTuple):
    """A row on which both sides agree now. `agreed`: on what, as `runbook.merge` writes it."""

    legacy_id: str
    record_id: str
    hash: str | None
    answer: str | None
    agreed: str


class History(NamedTuple):
    """What is known of a row's past. `agreed`: None where it is not known that the row came from Wix.

    `served`: what services wrote since, {Wix key: hash}.
    """

    agreed: str | None
    served: dict[str, str]


class Ambiguous(enum.Enum):
    """The type of `AMBIGUOUS`: a key of several rows, of which none is guessed."""

    AMBIGUOUS = "ambiguous"


AMBIGUOUS: Final = Ambiguous.AMBIGUOUS
_CHUNK = 500  # values in one statement


class CollectionRows:
    """Cheap to make. Every change is one transaction, committed when the method returns."""

    def __init__(self, database: Database, base: str, collection: str) -> None:
        self._db = database
        self._scope = {"base": base, "collection": collection}

    def all(self) -> dict[str, KnownRow]:
        """Every row by legacy id."""
        t = id_map
        query = select(t.c.legacy_id, t.c.record_id, t.c.hash, t.c.answer).where(self._in_scope(t))
        with self._db.reading() as connection:
            return {row[0]: KnownRow._make(row) for row in connection.execute(query)}

    def record_ids(self, legacy_ids: Iterable[str]) -> dict[str, str]:
        """The records of some rows by legacy id; unknown rows are left out."""
        query = select(id_map.c.legacy_id, id_map.c.record_id)
        with self._db.reading() as connection:
            chunks = self._chunks(id_map, legacy_ids)
            return {row[0]: row[1] for chunk in chunks for row in connection.execute(query.where(chunk))}

    def by_record(self, records: Iterable[str]) -> dict[str, str]:
        """The legacy ids of some records by record id; unknown records are left out."""
        wanted = set(records)
        if len(wanted) > _CHUNK:
            return {row.record_id: row.legacy_id for row in self.all().values() if row.record_id in wanted}
        query = select(id_map.c.record_id, id_map.c.legacy_id)
        with self._db.reading() as connection:
            found = connection.execute(query.where(self._in_scope(id_map), id_map.c.record_id.in_(wanted)))
            return {row[0]: row[1] for row in found}

    def count(self) -> int:
        """How many rows are known."""
        query = select(func.count()).where(self._in_scope(id_map))
        with self._db.reading() as connection:
            return int(connection.scalar(query) or 0)

    def histories(self, legacy_ids: Iterable[str]) -> dict[str, History]:
        """What is known of some rows' past; unknown rows are left out."""
        t = id_map
        query = select(t.c.legacy_id, t.c.agreed, t.c.served)
        with self._db.reading() as connection:
            chunks = self._chunks(t, legacy_ids)
            return {
                row[0]: History(row[1], json.loads(row[2]) if row[2] else {})
                for chunk in chunks
                for row in connection.execute(query.where(chunk))
            }

    def never_agreed(self) -> set[str]:
        """The rows of which it is not known that they came from Wix."""
        with self._db.reading() as connection:
            query = select(id_map.c.legacy_id).where(self._in_scope(id_map), id_map.c.agreed.is_(None))
            return set(connection.scalars(query))

    def put(self, records: Mapping[str, str]) -> None:
        """Rows were seen in the base, legacy id -> record. What was agreed on stays, unless the record is another."""
        with self._db.writing() as connection:
            self._put(connection, records)

    def put_unknown(self, records: Mapping[str, str]) -> None:
        """The base was read by a state that may not know what was written: `put`, and nothing is agreed on any row."""
        unknown = dict.fromkeys(("hash", "answer", "agreed", "served"))
        with self._db.writing() as connection:
            connection.execute(id_map.update().where(self._in_scope(id_map)).values(unknown))
            self._put(connection, records)
            connection.execute(journal.delete().where(self._in_scope(journal)))

    def agree(self, rows: Iterable[AgreedRow]) -> None:
        """Both sides agree on these rows."""
        with self._db.writing() as connection:
            self._agree(connection, rows)

    def replace_agreed(self, agreed: Mapping[str, str]) -> None:
        """Replace what was agreed on, by legacy id; the rows are looked at again at the next load."""
        t = id_map
        with self._db.writing() as connection:
            for legacy_id, text in agreed.items():
                of_row = (self._in_scope(t), t.c.legacy_id == legacy_id)
                connection.execute(t.update().where(*of_row).values(agreed=text, hash=None, answer=None))

    def note_served(self, legacy_id: str, values: Mapping[str, str]) -> None:
        """A service wrote values of a row, {Wix key: hash}."""
        t = id_map
        of_row = (self._in_scope(t), t.c.legacy_id == legacy_id)
        with self._db.writing() as connection:
            known = connection.scalar(select(t.c.served).where(*of_row))
            text = json.dumps({**(json.loads(known) if known else {}), **values}, sort_keys=True)
            connection.execute(t.update().where(*of_row).values(served=text))

    def forget(self, legacy_ids: Iterable[str]) -> None:
        """Rows are no longer in the base: drop them and their keys."""
        ids = list(legacy_ids)
        if not ids:
            return
        with self._db.writing() as connection:
            for table in (id_map, link_key):
                for chunk in self._chunks(table, ids):
                    connection.execute(table.delete().where(chunk))

    # Natural keys by which links find rows; the key `_id` is the legacy id

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

    def resolve_all(self, key: str) -> dict[str, str | Ambiguous]:
        """`resolve` for every value of a key."""
        found: dict[str, str | Ambiguous] = {}
        with self._db.reading() as connection:
            for value, record_id in connection.execute(self._keys(key)):
                found[value] = AMBIGUOUS if value in found else record_id
        return found

    # The journal of what is sent: after a kill, these rows are looked up

    def start_batches(self, batches: Sequence[Sequence[str]]) -> list[int]:
        """Note batches of legacy ids before they are sent; their numbers, in order."""
        if not batches:
            return []
        lines = [{**self._scope, "sent_at": now(), "legacy_ids": json.dumps(list(batch))} for batch in batches]
        query = journal.insert().returning(journal.c.id, sort_by_parameter_order=True)
        with self._db.writing() as connection:
            return [row[0] for row in connection.execute(query, lines)]

    def finish_batches(self, numbers: Sequence[int], rows: Iterable[AgreedRow]) -> None:
        """Batches were answered: both sides agree on their rows; delete them from the journal."""
        with self._db.writing() as connection:
            self._agree(connection, rows)
            connection.execute(journal.delete().where(journal.c.id.in_(numbers)))

    def unfinished(self) -> list[str]:
        """Legacy ids that were sent without an answer, each once: what became of them must be looked up."""
        query = select(journal.c.legacy_ids).where(self._in_scope(journal)).order_by(journal.c.id)
        with self._db.reading() as connection:
            return list(dict.fromkeys(i for row in connection.execute(query) for i in json.loads(row[0])))

    def settle(self) -> None:
        """What became of the unfinished was looked up: empty the journal."""
        with self._db.writing() as connection:
            connection.execute(journal.delete().where(self._in_scope(journal)))

    # Rows that only one side has because this project created them in Airtable, or removed them from it

    def changes(self) -> dict[str, Change]:
        """What was done, by legacy id; rows of Wix that were only updated are not among them."""
        query = select(row_change.c.legacy_id, row_change.c.what).where(self._in_scope(row_change))
        with self._db.reading() as connection:
            return {row[0]: cast("Change", row[1]) for row in connection.execute(query)}

    def note_created(self, legacy_ids: Iterable[str]) -> None:
        """Rows were created in Airtable, so Wix lacks them; except one that was removed before: Wix still has it."""
        self._note(legacy_ids, "created", undoes="removed")

    def put_created(self, records: Mapping[str, str]) -> None:
        """`put` for rows that were created in Airtable, and note that they were, in one transaction."""
        with self._db.writing() as connection:
            self._put(connection, records)
            for legacy_id in records:
                line = {**self._scope, "legacy_id": legacy_id, "what": "created", "at": now()}
                connection.execute(self._db.upsert(row_change), line)

    def note_removed(self, legacy_ids: Iterable[str]) -> None:
        """Rows were removed from Airtable; of one that was created there, no note remains."""
        self._note(legacy_ids, "removed", undoes="created")

    def forget_changes(self, legacy_ids: Iterable[str]) -> None:
        """Both sides agree again on these rows."""
        with self._db.writing() as connection:
            for chunk in self._chunks(row_change, legacy_ids):
                connection.execute(row_change.delete().where(chunk))

    def _note(self, legacy_ids: Iterable[str], what: Change, *, undoes: Change) -> None:
        of_undone = (self._in_scope(row_change), row_change.c.what == undoes)
        with self._db.writing() as connection:
            for legacy_id in legacy_ids:
                if not connection.execute(
                    row_change.delete().where(*of_undone, row_change.c.legacy_id == legacy_id)
                ).rowcount:
                    line = {**self._scope, "legacy_id": legacy_id, "what": what, "at": now()}
                    connection.execute(self._db.upsert(row_change), line)

    def _put(self, connection: Connection, records: Mapping[str, str]) -> None:
        if not records:
            return
        t, insert = id_map, self._db.insert(id_map)
        past = {
            name: case((t.c.record_id == insert.excluded.record_id, t.c[name]), else_=None)
            for name in ("hash", "answer", "agreed", "served")
        }
        query = insert.on_conflict_do_update(
            index_elements=list(t.primary_key), set_={"record_id": insert.excluded.record_id, **past}
        )
        lines = [
            {**self._scope, "legacy_id": legacy_id, "record_id": record_id, "loaded_at": now()}
            for legacy_id, record_id in records.items()
        ]
        connection.execute(query, lines)

    def _agree(self, connection: Connection, rows: Iterable[AgreedRow]) -> None:
        lines = [{**self._scope, "loaded_at": now(), "served": None, **row._asdict()} for row in rows]
        if lines:
            connection.execute(self._db.upsert(id_map), lines)

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

    def _chunks(self, table: Table, legacy_ids: Iterable[str]) -> Iterator[ColumnElement[bool]]:
        ids = list(legacy_ids)
        for start in range(0, len(ids), _CHUNK):
            yield self._in_scope(table) & table.c.legacy_id.in_(ids[start : start + _CHUNK])
