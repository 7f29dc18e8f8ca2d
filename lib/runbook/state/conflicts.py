"""The conflicts of one collection in one base, and how people settled them.

conflicts = state.conflicts(base, "Carriers")
conflicts.replace("20261130-1", found)          # by a load: those that it no longer found are settled, and go
conflicts.settle(keys, "airtable", who="ann", why="phoned them")
conflicts.settled()                             # {(legacy id, key): Settled(…)}, which the next load obeys
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias, cast

from sqlalchemy import ColumnElement, and_, select

from runbook.state.database import Database
from runbook.state.flags import Side
from runbook.state.tables import conflict, now

ConflictKind: TypeAlias = Literal["both changed", "never agreed", "gone in Wix", "gone in Airtable", "origin unknown"]


class Conflict(NamedTuple):
    """What a person must settle. `key`: a Wix key or the name of a link, "" for the whole row.

    `wix`, `airtable`: hashes of both values when it was found.
    """

    legacy_id: str
    key: str
    kind: ConflictKind
    wix: str
    airtable: str


class Settled(NamedTuple):
    """A person's word on a conflict, good while both values are those that the person saw. `at`: ISO time in UTC."""

    prefer: Side
    wix: str
    airtable: str
    who: str
    why: str
    at: str


class Conflicts:
    """Cheap to make. Every change is committed when the method returns."""

    def __init__(self, database: Database, base: str, collection: str) -> None:
        self._db = database
        self._scope = {"base": base, "collection": collection}
        self._in_scope = and_(*(conflict.c[name] == value for name, value in self._scope.items()))

    def of_run(self, run_id: str) -> list[Conflict]:
        """Those that were last found in a run."""
        return self._read(conflict.c.run_id == run_id)

    def all(self) -> list[Conflict]:
        """Every one, settled or not."""
        return self._read()

    def settled(self) -> dict[tuple[str, str], Settled]:
        """What people settled and no load has obeyed yet, by legacy id and key."""
        t = conflict
        query = select(t.c.legacy_id, t.c.key, t.c.prefer, t.c.wix, t.c.airtable, t.c.who, t.c.why, t.c.settled_at)
        with self._db.reading() as connection:
            rows = connection.execute(query.where(self._in_scope, t.c.prefer.is_not(None)))
            return {(row[0], row[1]): Settled(cast("Side", row[2]), *row[3:]) for row in rows}

    def replace(self, run_id: str, found: Iterable[Conflict]) -> None:
        """Make `found` all conflicts of the collection. A word on one that is still the same stays."""
        self._write(run_id, found, replace=True)

    def add(self, run_id: str, found: Iterable[Conflict]) -> None:
        """Add conflicts to those that are known, in the same way."""
        self._write(run_id, found, replace=False)

    def drop(self, legacy_ids: Iterable[str]) -> None:
        """Rows are in conflict no more."""
        with self._db.writing() as connection:
            for legacy_id in legacy_ids:
                connection.execute(conflict.delete().where(self._in_scope, conflict.c.legacy_id == legacy_id))

    def _write(self, run_id: str, found: Iterable[Conflict], *, replace: bool) -> None:
        kept, lines = self.settled(), []
        for each in found:
            word = kept.get((each.legacy_id, each.key))
            line = {**self._scope, **each._asdict(), "run_id": run_id, "found_at": now()}
            line |= {"prefer": None, "who": None, "why": None, "settled_at": None}
            if word is not None and (word.wix, word.airtable) == (each.wix, each.airtable):
                line |= {"prefer": word.prefer, "who": word.who, "why": word.why, "settled_at": word.at}
            lines.append(line)
        with self._db.writing() as connection:
            if replace:
                connection.execute(conflict.delete().where(self._in_scope))
            if lines:
                connection.execute(self._db.upsert(conflict), lines)

    def settle(self, conflicts: Iterable[Conflict], prefer: Side, who: str, why: str) -> None:
        """Note a person's word on conflicts; one given before is replaced."""
        t = conflict
        with self._db.writing() as connection:
            for each in conflicts:
                of_one = (self._in_scope, t.c.legacy_id == each.legacy_id, t.c.key == each.key)
                values = {"prefer": prefer, "who": who, "why": why, "settled_at": now()}
                connection.execute(t.update().where(*of_one).values(**values))

    def _read(self, *conditions: ColumnElement[bool]) -> list[Conflict]:
        t = conflict
        query = select(t.c.legacy_id, t.c.key, t.c.kind, t.c.wix, t.c.airtable).where(self._in_scope, *conditions)
        with self._db.reading() as connection:
            return [Conflict._make(row) for row in connection.execute(query.order_by(t.c.legacy_id, t.c.key))]
