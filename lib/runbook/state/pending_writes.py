"""The journal of writes: what services wrote and Airtable does not have yet, line by line in the order of writing.

pending = state.pending_writes(base)
pending.append([NewWrite("Carriers", "1f…", "patch", {"status": "active"})], limit=1000, max_age=3600)
pending.counts()                        # {"Carriers": PendingCount(waiting, oldest, refused)}
for line in pending.lines():            # by whoever sends them
    ...
pending.finish([line.id])

Lines of one row are appended under the row's lock (`locks.rows`), so their order is that of the writes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from sqlalchemy import ColumnElement, Connection, Select, func, select

from runbook.json_types import Item
from runbook.state.database import CHUNK, Database, chunked
from runbook.state.tables import fact, now, pending_write

_KEPT_NOTES = 100  # of lines given up
WriteKind: TypeAlias = Literal["insert", "patch", "remove"]


class NewWrite(NamedTuple):
    """A write to be appended. `values`: of an insert the whole item, of a patch the keys set; `unset`: keys removed."""

    collection: str
    legacy_id: str
    kind: WriteKind
    values: Item = {}  # noqa: RUF012 - never changed
    unset: tuple[str, ...] = ()


class PendingWrite(NamedTuple):
    """A line. `at`: when it was written, ISO time in UTC. `sent`: since when Airtable may have it; None: it was never
    sent. `refused`: why Airtable did not take it, without values; None: it waits.
    """

    id: int
    collection: str
    legacy_id: str
    kind: WriteKind
    values: Item
    unset: tuple[str, ...]
    at: str
    sent: str | None
    refused: str | None


class GivenUp(NamedTuple):
    """A refused line that an operator gave up, when and why. `keys`: the Wix keys that it would have written."""

    at: str
    who: str
    why: str
    collection: str
    legacy_id: str
    kind: WriteKind
    keys: tuple[str, ...]


class PendingCount(NamedTuple):
    """Of one collection. `oldest`: when the oldest line that waits was written, ISO time in UTC."""

    waiting: int
    oldest: str | None
    refused: int


class PendingWrites:
    """Of one base. Cheap to make. What is appended survives a power failure when the method returns."""

    def __init__(self, database: Database, base: str) -> None:
        self._db = database
        self._base = base
        self._in_base = pending_write.c.base == base
        self._given_up_key = f"given up {base}"

    def append(
        self, writes: Sequence[NewWrite], *, limit: int | None = None, max_age: float | None = None
    ) -> list[int] | None:
        """Append lines, all or none; their numbers. None where the journal is full: nothing was appended then.

        `limit`: lines that may wait; `max_age`: seconds that the oldest may have waited.
        """
        t, at = pending_write, now()
        lines = [
            {
                "base": self._base,
                "collection": write.collection,
                "legacy_id": write.legacy_id,
                "kind": write.kind,
                "changes": _changes(write.values, write.unset),
                "at": at,
            }
            for write in writes
        ]
        query = t.insert().returning(t.c.id, sort_by_parameter_order=True)
        with self._db.writing(durable=True) as connection:
            waits = select(func.count(), func.min(t.c.at)).where(self._in_base, t.c.refused.is_(None))
            waiting, oldest = connection.execute(waits).one()
            # More than the limit at once must pass at some time: when nothing else waits.
            if waiting and limit is not None and waiting + len(lines) > limit:
                return None
            if oldest is not None and max_age is not None and _age(oldest, at) > max_age:
                return None
            return [row[0] for row in connection.execute(query, lines)]

    # Reading

    def counts(self) -> dict[str, PendingCount]:
        """By collection that has any line."""
        t = pending_write
        waits = t.c.refused.is_(None)
        query = (
            select(
                t.c.collection,
                func.count().filter(waits),
                func.min(t.c.at).filter(waits),
                func.count().filter(t.c.refused.is_not(None)),
            )
            .where(self._in_base)
            .group_by(t.c.collection)
        )
        with self._db.reading() as connection:
            return {row[0]: PendingCount(*row[1:]) for row in connection.execute(query)}

    def lines(
        self, collection: str | None = None, *, refused: bool = False, limit: int | None = None
    ) -> list[PendingWrite]:
        """Those that wait, in order; `refused`: those that Airtable refused, instead."""
        query = self._select(refused=refused).limit(limit)
        if collection is not None:
            query = query.where(pending_write.c.collection == collection)
        with self._db.reading() as connection:
            return [_line(row) for row in connection.execute(query)]

    def of_rows(self, collection: str, legacy_ids: Collection[str]) -> dict[str, list[PendingWrite]]:
        """The lines of some rows that wait, by legacy id, each in order; rows without any are left out."""
        found: dict[str, list[PendingWrite]] = {}
        query = self._select().where(pending_write.c.collection == collection)
        many = len(legacy_ids) > CHUNK
        with self._db.reading() as connection:
            for chunk in [list(legacy_ids)] if many else chunked(legacy_ids):
                of_rows = query if many else query.where(pending_write.c.legacy_id.in_(chunk))
                for row in connection.execute(of_rows):
                    if row.legacy_id in legacy_ids:
                        found.setdefault(row.legacy_id, []).append(_line(row))
        return found

    # Sending

    def note_sent(self, ids: Iterable[int]) -> None:
        """Lines are about to be sent: until they are finished, Airtable may have them."""
        with self._db.writing(durable=True) as connection:
            for some in self._some(ids):
                connection.execute(pending_write.update().where(some).values(sent=now()))

    def note_not_sent(self, ids: Iterable[int]) -> None:
        """Lines that were about to be sent have not been: Airtable has taken nothing of them."""
        with self._db.writing() as connection:
            for some in self._some(ids):
                connection.execute(pending_write.update().where(some).values(sent=None))

    def finish(self, ids: Iterable[int]) -> None:
        """Airtable has what these lines say, and that is noted: delete them."""
        with self._db.writing() as connection:
            for some in self._some(ids):
                connection.execute(pending_write.delete().where(some))

    def refuse(self, reasons: Mapping[int, str]) -> None:
        """Airtable does not take these lines, each for a reason without values: they are kept, and no longer wait."""
        with self._db.writing(durable=True) as connection:
            for id_, reason in reasons.items():
                of_line = (self._in_base, pending_write.c.id == id_)
                connection.execute(pending_write.update().where(*of_line).values(refused=reason, sent=None))

    # What goes to Wix instead, because a flag turns back while Airtable cannot take it

    def sent_to_wix(self, collection: str) -> dict[str, dict[str, str]]:
        """Hashes of what was sent to Wix of rows that have lines, by legacy id and Wix key, as `BackMerge.hashes`."""
        with self._db.reading() as connection:
            return self._sent_to_wix(connection, collection)

    def note_sent_to_wix(self, collection: str, hashes: Mapping[str, Mapping[str, str]]) -> None:
        """Values are about to be sent to Wix: it may have them from here on."""
        with self._db.writing(durable=True) as connection:
            self._replace_sent(connection, collection, {**self._sent_to_wix(connection, collection), **hashes})

    def forget_sent_to_wix(self, collection: str, legacy_ids: Collection[str]) -> None:
        """Both sides agree on these rows: what was sent of them does not matter any more, unless they have lines."""
        with self._db.reading() as connection:
            sent = self._sent_to_wix(connection, collection)
        ended = sent.keys() & set(legacy_ids)
        if ended := ended - self.of_rows(collection, ended).keys():
            with self._db.writing() as connection:
                sent = self._sent_to_wix(connection, collection)
                left = {id_: of_row for id_, of_row in sent.items() if id_ not in ended}
                self._replace_sent(connection, collection, left)

    def carried(self, connection: Connection, collection: str, lines: Mapping[str, Collection[int]]) -> None:
        """Wix has what lines of rows say, by legacy id: they are no longer to be sent. Part of a transaction."""
        for some in self._some(id_ for ids in lines.values() for id_ in ids):
            connection.execute(pending_write.delete().where(some))
        sent = self._sent_to_wix(connection, collection)
        self._replace_sent(connection, collection, {id_: of_row for id_, of_row in sent.items() if id_ not in lines})

    def _sent_to_wix(self, connection: Connection, collection: str) -> dict[str, dict[str, str]]:
        found = connection.scalar(select(fact.c.value).where(fact.c.key == self._sent_key(collection)))
        return json.loads(found) if found else {}

    def _replace_sent(self, connection: Connection, collection: str, hashes: Mapping[str, Mapping[str, str]]) -> None:
        key = self._sent_key(collection)
        connection.execute(fact.delete().where(fact.c.key == key))
        if hashes:
            line = {"key": key, "value": json.dumps({id_: dict(of_row) for id_, of_row in hashes.items()})}
            connection.execute(fact.insert(), line)

    def _sent_key(self, collection: str) -> str:
        return f"sent to Wix {self._base} {collection}"

    # What was refused, by an operator

    def retry(self, id_: int) -> PendingWrite | None:
        """Let a refused line wait again, as the newest write of its row; None where there is no such line.

        To be called under the row's lock.
        """
        with self._db.writing(durable=True) as connection:
            t = pending_write
            of_line = (self._in_base, t.c.id == id_, t.c.refused.is_not(None))
            found = connection.execute(select(t).where(*of_line)).mappings().first()
            if found is None:
                return None
            connection.execute(t.delete().where(*of_line))
            line = {**found, "at": now(), "sent": None, "refused": None}
            del line["id"]
            return _line(connection.execute(t.insert().returning(*_COLUMNS), line).one())

    def drop(self, id_: int, *, who: str, why: str) -> PendingWrite | None:
        """Give up a refused line, which is noted; the line as it was, None where there is no such line."""
        with self._db.writing(durable=True) as connection:
            t = pending_write
            of_line = (self._in_base, t.c.id == id_, t.c.refused.is_not(None))
            row = connection.execute(t.delete().where(*of_line).returning(*_COLUMNS)).first()
            if row is None:
                return None
            line = _line(row)
            noted = GivenUp(now(), who, why, line.collection, line.legacy_id, line.kind, (*line.values, *line.unset))
            kept = [*self._given_up(connection), noted][-_KEPT_NOTES:]
            text = json.dumps([each._asdict() for each in kept])
            connection.execute(self._db.upsert(fact), {"key": self._given_up_key, "value": text})
            return line

    def given_up(self) -> list[GivenUp]:
        """The last refused lines that were given up, oldest first."""
        with self._db.reading() as connection:
            return self._given_up(connection)

    def _given_up(self, connection: Connection) -> list[GivenUp]:
        found = connection.scalar(select(fact.c.value).where(fact.c.key == self._given_up_key))
        return [GivenUp(**{**line, "keys": tuple(line["keys"])}) for line in json.loads(found)] if found else []

    def _select(self, *, refused: bool = False) -> Select[Any]:
        state = pending_write.c.refused.is_not(None) if refused else pending_write.c.refused.is_(None)
        return select(*_COLUMNS).where(self._in_base, state).order_by(pending_write.c.id)

    def _some(self, ids: Iterable[int]) -> list[ColumnElement[bool]]:
        listed = list(ids)
        chunks = [listed[start : start + CHUNK] for start in range(0, len(listed), CHUNK)]
        return [self._in_base & pending_write.c.id.in_(chunk) for chunk in chunks]


_COLUMNS = tuple(column for column in pending_write.c if column.name != "base")


def _changes(values: Item, unset: Iterable[str]) -> str:
    return json.dumps({"set": values, "unset": list(unset)}, separators=(",", ":"))


def _line(row: Any) -> PendingWrite:
    changes = json.loads(row.changes)
    kind = cast("WriteKind", row.kind)
    values, unset = changes["set"], tuple(changes["unset"])
    return PendingWrite(row.id, row.collection, row.legacy_id, kind, values, unset, row.at, row.sent, row.refused)


def _age(at: str, until: str) -> float:
    """Seconds between two times of the state."""
    then, there = (datetime.fromisoformat(text).astimezone(UTC) for text in (at, until))
    return (there - then).total_seconds()
