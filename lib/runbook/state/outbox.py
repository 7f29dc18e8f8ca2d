"""What Wix may not have yet: rows as Airtable last had them, one line a row, until Wix has answered.

outbox = state.outbox(base, "Carriers")
outbox.add([OutboxRow("1f…", "rec…", fields, by_hand=False)])       # by whoever wrote to Airtable, or saw a change
for row in outbox.rows():                                           # by whoever carries it back
    outbox.note_sent({row.legacy_id: hashes})
    ...
outbox.finish([(row.legacy_id, row.mark)], agreed, gone)
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import and_, func, select

from runbook.json_types import Fields
from runbook.state.database import Database, chunked
from runbook.state.outbox_lines import OutboxRow, add_to_outbox
from runbook.state.rows import AgreedRow, CollectionRows
from runbook.state.tables import id_map, outbox

IN_CONFLICT = "in conflict; `runbook resolve` settles it"
"""Why a line is held whose row was changed on both sides."""


class PendingRow(NamedTuple):
    """A line of the outbox. `mark`: of this change of the row. `at`: when the row was first noted, ISO time in UTC.

    `sent`: hashes of what was sent to Wix and not answered, by Wix key, as `BackMerge.hashes` gives them. `held`: why
    it is not sent; None: it waits for its turn.
    """

    legacy_id: str
    record_id: str
    fields: Fields | None
    by_hand: bool
    mark: str
    at: str
    sent: dict[str, str]
    held: str | None


class OutboxCount(NamedTuple):
    """`waiting` for their turn, and `held`; `oldest`: when the oldest of those that wait was noted, ISO time in UTC."""

    waiting: int
    held: int
    oldest: str | None


class Outbox:
    """Cheap to make. What is added survives a power failure when the method returns."""

    def __init__(self, database: Database, base: str, collection: str) -> None:
        self._db = database
        self._scope = {"base": base, "collection": collection}
        self._in_scope = and_(*(outbox.c[name] == value for name, value in self._scope.items()))

    def marks(self) -> dict[str, str]:
        """The mark of every line, by legacy id."""
        query = select(outbox.c.legacy_id, outbox.c.mark).where(self._in_scope)
        with self._db.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def differing(self, answers: Mapping[str, str]) -> set[str]:
        """Of some rows, with a hash of Airtable's cells, those that Wix may not have like that.

        Those that are not as both sides last agreed, and those that have a line: it must not be older than the row.
        """
        t, o = id_map, outbox
        same_row = and_(*(o.c[name] == t.c[name] for name in ("base", "collection", "legacy_id")))
        query = select(t.c.legacy_id, t.c.answer).outerjoin(o, same_row).where(o.c.legacy_id.is_(None))
        query = query.where(*(t.c[name] == value for name, value in self._scope.items()))
        agreed: dict[str, str | None] = {}
        with self._db.reading() as connection:
            for chunk in chunked(answers):
                agreed.update((row[0], row[1]) for row in connection.execute(query.where(t.c.legacy_id.in_(chunk))))
        return {legacy_id for legacy_id, answer in answers.items() if agreed.get(legacy_id) != answer}

    def add(self, rows: Iterable[OutboxRow], *, read_at: Mapping[str, str] | None = None) -> None:
        """Rows may differ from Wix. A line that a row has already is replaced; it is no longer held.

        `read_at`: the `marks` from before the rows were read: one with a newer line is left as it is.
        """
        wanted = list(rows)
        if not wanted:
            return
        with self._db.writing(durable=True) as connection:
            if read_at is not None:
                query = select(outbox.c.legacy_id, outbox.c.mark).where(self._in_scope)
                newer = {row[0] for row in connection.execute(query) if read_at.get(row[0]) != row[1]}
                wanted = [row for row in wanted if row.legacy_id not in newer]
            add_to_outbox(self._db, connection, self._scope, wanted)

    def rows(
        self,
        *,
        limit: int | None = None,
        held: bool = False,
        of: Collection[str] | None = None,
        deleted: bool | None = None,
        by_hand: bool | None = None,
    ) -> list[PendingRow]:
        """Those that wait, the oldest first; with `held`, all. `of`: of these rows. `deleted`, `by_hand`: only such."""
        t = outbox
        columns = (t.c.legacy_id, t.c.record_id, t.c.fields, t.c.by_hand, t.c.mark, t.c.at, t.c.sent, t.c.held)
        query = select(*columns).where(self._in_scope).order_by(t.c.at, t.c.legacy_id).limit(limit)
        if not held:
            query = query.where(t.c.held.is_(None))
        if of is not None:
            query = query.where(t.c.legacy_id.in_(list(of)))
        if deleted is not None:
            query = query.where(t.c.fields.is_(None) if deleted else t.c.fields.is_not(None))
        if by_hand is not None:
            query = query.where(t.c.by_hand if by_hand else ~t.c.by_hand)
        with self._db.reading() as connection:
            return [_pending(row) for row in connection.execute(query)]

    def note_sent(self, hashes: Mapping[str, Mapping[str, str]]) -> set[str]:
        """Values are about to be sent to Wix: by legacy id, {Wix key: hash}. Returns the rows that still have a line.

        Any other was removed since its line was read, and no note of it is left: it must not be sent.
        """
        noted = set()
        with self._db.writing(durable=True) as connection:
            for legacy_id, of_row in hashes.items():
                of_line = (self._in_scope, outbox.c.legacy_id == legacy_id)
                query = outbox.update().where(*of_line).values(sent=json.dumps(dict(of_row)))
                if connection.execute(query).rowcount:
                    noted.add(legacy_id)
        return noted

    def finish(
        self,
        done: Iterable[tuple[str, str]],
        rows: CollectionRows,
        agreed: Iterable[AgreedRow] = (),
        gone: Iterable[str] = (),
    ) -> None:
        """Wix has answered: delete lines, (legacy id, mark), but for rows that have changed since, in one transaction.

        `rows`: of the same collection, in which `agreed` and `gone` are noted.
        """
        with self._db.writing(durable=True) as connection:
            rows.carried(connection, agreed, gone)
            for legacy_id, mark in done:
                of_row = (self._in_scope, outbox.c.legacy_id == legacy_id)
                connection.execute(outbox.delete().where(*of_row, outbox.c.mark == mark))
                connection.execute(outbox.update().where(*of_row).values(sent=None))

    def hold(self, reasons: Mapping[tuple[str, str], str]) -> None:
        """Keep lines, (legacy id, mark), from being sent, each for a reason, until the row changes again."""
        with self._db.writing() as connection:
            for (legacy_id, mark), reason in reasons.items():
                of_line = (self._in_scope, outbox.c.legacy_id == legacy_id, outbox.c.mark == mark)
                connection.execute(outbox.update().where(*of_line).values(held=reason))

    def release(self, of: Collection[str] | None = None) -> None:
        """No line is held any more; `of`: of these rows."""
        query = outbox.update().where(self._in_scope, outbox.c.held.is_not(None)).values(held=None)
        if of is not None:
            query = query.where(outbox.c.legacy_id.in_(list(of)))
        with self._db.writing() as connection:
            connection.execute(query)

    def clear(self) -> None:
        """Delete every line."""
        with self._db.writing() as connection:
            connection.execute(outbox.delete().where(self._in_scope))


def count_outbox(database: Database, base: str) -> dict[str, OutboxCount]:
    """By collection that has any line in a base."""
    t = outbox
    waits = t.c.held.is_(None)
    query = (
        select(
            t.c.collection,
            func.count().filter(waits),
            func.count().filter(t.c.held.is_not(None)),
            func.min(t.c.at).filter(waits),
        )
        .where(t.c.base == base)
        .group_by(t.c.collection)
    )
    with database.reading() as connection:
        return {row[0]: OutboxCount(*row[1:]) for row in connection.execute(query)}


def _pending(row: Any) -> PendingRow:
    legacy_id, record_id, fields, by_hand, mark, at, sent, held = row
    cells = None if fields is None else json.loads(fields)
    return PendingRow(legacy_id, record_id, cells, by_hand, mark, at, json.loads(sent) if sent else {}, held)
