"""The rows of one collection in one base: which record each is, its keys, what was sent, who created or removed it.

rows = state.rows(base, "Carriers")
rows.all()                              # {legacy id: KnownRow(legacy_id, record_id, hash, answer)}
rows.resolve("dot_number", "123")       # a record id, AMBIGUOUS for several, None for none
numbers = rows.start_batches([["a", "b"]])
rows.finish_batches(numbers, [AgreedRow("a", "rec1", …), AgreedRow("b", "rec2", …)])
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias, cast

from sqlalchemy import Connection, case, func, select

from runbook.state.database import CHUNK, chunked
from runbook.state.link_keys import LinkKeys
from runbook.state.outbox_lines import OutboxRow, add_to_outbox
from runbook.state.tables import id_map, journal, link_key, now, outbox, row_change

Change: TypeAlias = Literal["created", "removed", "carried"]


_IN_WIX = ("removed", "carried")  # changes of rows that Wix has and Airtable has not


class KnownRow(NamedTuple):
    """A row that is in the base. `hash`: of the staged cells, `answer`: of Airtable's, when both sides last agreed.

    None where that is not known, or where a cell was kept as it is in Airtable.
    """

    legacy_id: str
    record_id: str
    hash: str | None = None
    answer: str | None = None


class AgreedRow(NamedTuple):
    """A row on which both sides agree now. `agreed`: on what, as `runbook.merge` writes it.

    `record_id` "": Airtable does not have the row, or may not have it.
    """

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


class CollectionRows(LinkKeys):
    """Cheap to make. Every change is one transaction, committed when the method returns."""

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
        if len(wanted) > CHUNK:
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

    def preferred(self) -> set[str]:
        """Rows of which a person preferred a value of Airtable to Wix's."""
        t = id_map
        with self._db.reading() as connection:
            query = select(t.c.legacy_id).where(self._in_scope(t), t.c.agreed.contains(",true]", autoescape=True))
            return set(connection.scalars(query))

    def carried_back(self) -> set[str]:
        """Rows of which Wix has another time than Airtable, since they were carried back to it."""
        t = id_map
        pair = t.c.agreed.contains('"_updatedDate":["', autoescape=True)
        created = t.c.agreed.contains('"_createdDate":["', autoescape=True)
        with self._db.reading() as connection:
            return set(connection.scalars(select(t.c.legacy_id).where(self._in_scope(t), pair | created)))

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
        with self._db.writing() as connection:
            self._note_created(connection, list(legacy_ids))

    def put_created(self, records: Mapping[str, str]) -> None:
        """`put` for rows that were created in Airtable, and `note_created`, in one transaction."""
        with self._db.writing() as connection:
            c = row_change
            noted = select(c.c.legacy_id).where(self._in_scope(c), c.c.what.in_(_IN_WIX))
            in_wix = set(connection.scalars(noted))
            self._put(connection, records)
            self._note_created(connection, [legacy_id for legacy_id in records if legacy_id not in in_wix])

    def note_removed(self, legacy_ids: Iterable[str], *, by_hand: bool = False) -> None:
        """Rows are no longer in the base: forget them, and note them as removed, and to be removed from Wix.

        Of one that was created in Airtable and never sent to Wix, no note remains. `by_hand`: no service removed it;
        rows that are not known are ignored then.
        """
        with self._db.writing(durable=True) as connection:
            for chunk in chunked(legacy_ids):
                self._note_removed(connection, chunk, by_hand=by_hand)

    def forget_changes(self, legacy_ids: Iterable[str]) -> None:
        """Both sides agree again on these rows."""
        with self._db.writing() as connection:
            for chunk in self._chunks(row_change, legacy_ids):
                connection.execute(row_change.delete().where(chunk))

    def removed(self) -> dict[str, str | None]:
        """Rows that were removed from Airtable, with what both sides had agreed on; None where that is not known."""
        t = row_change
        with self._db.reading() as connection:
            found = connection.execute(
                select(t.c.legacy_id, t.c.agreed).where(self._in_scope(t), t.c.what == "removed")
            )
            return {row[0]: row[1] for row in found}

    def agreed_of_absent(self) -> dict[str, str | None]:
        """What both sides agree on of rows that Airtable does not have: removed there, or only carried to Wix."""
        t = row_change
        query = select(t.c.legacy_id, t.c.agreed).where(self._in_scope(t), t.c.what.in_(_IN_WIX))
        with self._db.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def carried(self, connection: Connection, agreed: Iterable[AgreedRow], gone: Iterable[str]) -> None:
        """Wix has these rows as Airtable has them, and has those that are `gone` no more. Part of a transaction.

        A row that was removed from Airtable meanwhile stays removed.
        """
        c, listed = row_change, list(agreed)
        rows = {row.legacy_id: row for row in listed if row.record_id}
        absent = [row for row in listed if not row.record_id]
        noted = select(c.c.legacy_id).where(self._in_scope(c), c.c.what == "removed")
        removed = rows.keys() & set(connection.scalars(noted))
        for legacy_id in removed:
            of_row = (self._in_scope(c), c.c.legacy_id == legacy_id)
            connection.execute(c.update().where(*of_row).values(agreed=rows[legacy_id].agreed))
        there = rows.keys() - removed
        self._agree(connection, [rows[legacy_id] for legacy_id in there])
        for chunk in self._chunks(c, [*there, *gone, *(row.legacy_id for row in absent)]):
            connection.execute(c.delete().where(chunk))
        lines = [
            {**self._scope, "legacy_id": row.legacy_id, "what": "carried", "at": now(), "agreed": row.agreed}
            for row in absent
        ]
        if lines:
            connection.execute(c.insert(), lines)
        for table in (id_map, link_key):
            for chunk in self._chunks(table, [row.legacy_id for row in absent]):
                connection.execute(table.delete().where(chunk))

    def _note_created(self, connection: Connection, legacy_ids: Iterable[str]) -> None:
        t = row_change
        for legacy_id in legacy_ids:
            of_row = (self._in_scope(t), t.c.legacy_id == legacy_id)
            note = connection.execute(select(t.c.what, t.c.agreed).where(*of_row)).first()
            if note is None:
                line = {**self._scope, "legacy_id": legacy_id, "what": "created", "at": now()}
                connection.execute(t.insert(), line)
            elif note.what == "removed":
                connection.execute(t.delete().where(*of_row))

    def _note_removed(self, connection: Connection, legacy_ids: list[str], *, by_hand: bool) -> None:
        t, o = row_change, outbox
        known = {row.legacy_id: row for row in connection.execute(select(id_map).where(self._some(id_map, legacy_ids)))}
        notes = {row.legacy_id: row for row in connection.execute(select(t).where(self._some(t, legacy_ids)))}
        sent = set(connection.scalars(select(o.c.legacy_id).where(self._some(o, legacy_ids), o.c.sent.is_not(None))))
        lines: list[dict[str, str | None]] = []
        waiting: list[OutboxRow] = []
        for legacy_id in legacy_ids:
            row, note = known.get(legacy_id), notes.get(legacy_id)
            never_sent = note is not None and note.what == "created" and legacy_id not in sent
            if never_sent or (by_hand and row is None and note is None):
                continue
            agreed = row.agreed if row is not None else note.agreed if note is not None else None
            line = {**self._scope, "legacy_id": legacy_id, "what": "removed", "at": now(), "agreed": agreed}
            lines.append(line)
            record = row.record_id if row is not None else ""
            waiting.append(OutboxRow(legacy_id, record, None, by_hand))
        for table in (id_map, link_key, t):
            connection.execute(table.delete().where(self._some(table, legacy_ids)))
        never = set(legacy_ids) - {row.legacy_id for row in waiting}
        connection.execute(o.delete().where(self._some(o, never)))
        if lines:
            connection.execute(t.insert(), lines)
            add_to_outbox(self._db, connection, self._scope, waiting)

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
        self._restore(connection, records)

    def _restore(self, connection: Connection, records: Mapping[str, str]) -> None:
        """Rows that were noted as removed, or carried to Wix alone, are in the base: what was agreed on is known."""
        c, o = row_change, outbox
        noted = select(c.c.legacy_id, c.c.agreed).where(self._in_scope(c), c.c.what.in_(_IN_WIX))
        found = [row for row in connection.execute(noted) if row.legacy_id in records]
        for row in found:
            of_known = (self._in_scope(id_map), id_map.c.legacy_id == row.legacy_id, id_map.c.agreed.is_(None))
            connection.execute(id_map.update().where(*of_known).values(agreed=row.agreed))
        for chunk in chunked(row.legacy_id for row in found):
            connection.execute(c.delete().where(self._some(c, chunk)))
            connection.execute(o.delete().where(self._some(o, chunk), o.c.fields.is_(None)))

    def _agree(self, connection: Connection, rows: Iterable[AgreedRow]) -> None:
        lines = [{**self._scope, "loaded_at": now(), "served": None, **row._asdict()} for row in rows]
        if lines:
            connection.execute(self._db.upsert(id_map), lines)
