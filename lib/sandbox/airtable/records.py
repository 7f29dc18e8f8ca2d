"""Rows and links in the store. Cells are kept as JSON under field ids; links are a relation with two sides."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox import ids
from sandbox.airtable.schema import Field, Schema, Table
from sandbox.store import Store

_DDL = """
CREATE TABLE IF NOT EXISTS record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, tbl INTEGER NOT NULL, number INTEGER NOT NULL,
    created INTEGER NOT NULL, created_by TEXT, modified INTEGER, modified_by TEXT,
    cells TEXT NOT NULL, touched TEXT) STRICT;
CREATE INDEX IF NOT EXISTS record_table ON record (tbl, seq);
CREATE TABLE IF NOT EXISTS link (
    record INTEGER NOT NULL, field INTEGER NOT NULL, pos INTEGER NOT NULL, target INTEGER NOT NULL,
    PRIMARY KEY (record, field, pos)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS link_target ON link (target, field);
"""
_COLUMNS = "seq, id, tbl, number, created, created_by, modified, modified_by, cells, touched"


@dataclass(slots=True)
class Record:
    """One row. Times are epoch milliseconds; `by` are user ids, None for the token's owner.

    `cells` maps field ids to kept values, without blanks and links; `touched` maps field ids to the time of their
    last change after the record's creation.
    """

    seq: int
    id: str
    table: Table
    number: int
    created: int
    created_by: str | None
    modified: int | None
    modified_by: str | None
    cells: dict[str, Any]
    touched: dict[str, int]
    links: dict[str, list[int]]


class Records:
    """The rows of every base, and the links between them."""

    def __init__(self, store: Store, schema: Schema) -> None:
        self._store = store
        self._schema = schema
        self._counts: dict[int, int] = {}
        store.script(_DDL)
        store.on_rollback(self._counts.clear)

    # ------------------------------------------------------------------ reading

    def _with_links(self, rows: list[Any]) -> list[Record]:
        tables = self._schema.tables_by_num
        found = [
            Record(
                seq, record_id, tables[table], number, created, created_by, modified, modified_by,
                json.loads(cells), json.loads(touched) if touched else {}, {},
            )
            for seq, record_id, table, number, created, created_by, modified, modified_by, cells, touched in rows
        ]  # fmt: skip
        seen = {record.table.id: record.table for record in found}
        if any(field.is_link for table in seen.values() for field in table.fields):
            self._add_links({record.seq: record for record in found})
        return found

    def _add_links(self, records: dict[int, Record]) -> None:
        fields = self._schema.fields_by_num
        for some in _chunks(list(records)):
            for seq, number, target in self._store.rows(
                f"SELECT record, field, target FROM link WHERE record IN ({_marks(some)})", some
            ):
                records[seq].links.setdefault(fields[number].id, []).append(target)

    def get(self, record_id: str) -> Record | None:
        """A record of any base by its id."""
        found = self._with_links(self._store.rows(f"SELECT {_COLUMNS} FROM record WHERE id = ?", (record_id,)))
        return found[0] if found else None

    def by_ids(self, record_ids: Iterable[str]) -> dict[str, Record]:
        """Records by their ids; those that do not exist are left out."""
        rows: list[Any] = []
        for some in _chunks(list(record_ids)):
            rows += self._store.rows(f"SELECT {_COLUMNS} FROM record WHERE id IN ({_marks(some)})", some)
        return {record.id: record for record in self._with_links(rows)}

    def by_seqs(self, seqs: Iterable[int]) -> dict[int, Record]:
        """Records by their row numbers; those that do not exist are left out."""
        rows: list[Any] = []
        for some in _chunks(list(seqs)):
            rows += self._store.rows(f"SELECT {_COLUMNS} FROM record WHERE seq IN ({_marks(some)})", some)
        return {record.seq: record for record in self._with_links(rows)}

    def ids_of(self, seqs: Iterable[int]) -> dict[int, str]:
        """Record ids by row number."""
        return {
            row[0]: row[1]
            for some in _chunks(list(seqs))
            for row in self._store.rows(f"SELECT seq, id FROM record WHERE seq IN ({_marks(some)})", some)
        }

    def after(self, table: Table, seq: int, limit: int) -> list[Record]:
        """The next `limit` records of a table after row number `seq`, in creation order."""
        return self._with_links(
            self._store.rows(
                f"SELECT {_COLUMNS} FROM record WHERE tbl = ? AND seq > ? ORDER BY seq LIMIT ?", (table.num, seq, limit)
            )
        )

    def with_value(self, field: Field, values: Iterable[Any]) -> list[Record]:
        """Records whose kept cell may equal one of `values`: a superset, found by an index made at the first use."""
        table = self._schema.tables[field.table_id]
        self._store.execute(
            f"CREATE INDEX IF NOT EXISTS cell_{field.num} ON record (json_extract(cells, '$.{field.id}')) "
            f"WHERE tbl = {table.num}"
        )
        keys = [_index_key(value) for value in values]
        rows: list[Any] = []
        for some in _chunks(keys):
            rows += self._store.rows(
                f"SELECT {_COLUMNS} FROM record WHERE tbl = {table.num} "
                f"AND json_extract(cells, '$.{field.id}') IN ({_marks(some)}) ORDER BY seq",
                some,
            )
        return self._with_links(rows)

    def places(self, record_ids: list[str]) -> dict[str, tuple[int, int]]:
        """(row number, table number) of those records that exist."""
        return {
            row[0]: (row[1], row[2])
            for some in _chunks(record_ids)
            for row in self._store.rows(f"SELECT id, seq, tbl FROM record WHERE id IN ({_marks(some)})", some)
        }

    def count(self, table: Table) -> int:
        """How many records a table has."""
        known = self._counts.get(table.num)
        if known is None:
            known = int(self._store.rows("SELECT count(*) FROM record WHERE tbl = ?", (table.num,))[0][0])
            self._counts[table.num] = known
        return known

    def referring(self, record: Record) -> Iterator[tuple[int, str]]:
        """(row number, field id) of every cell that links to a record."""
        fields = self._schema.fields_by_num
        for seq, number in self._store.rows("SELECT record, field FROM link WHERE target = ?", (record.seq,)):
            yield seq, fields[number].id

    # ------------------------------------------------------------------ writing (inside the caller's transaction)

    def insert(self, table: Table, cells: dict[str, Any], now: int, by: str | None, record_id: str | None) -> Record:
        """A new record with its next number."""
        count = self.count(table)
        number = int(
            self._store.rows(
                "UPDATE tbl SET last_number = last_number + 1 WHERE num = ? RETURNING last_number", (table.num,)
            )[0][0]
        )
        made = record_id or ids.airtable_id("rec")
        created = now - now % 1000  # whole seconds, as the service shows them
        cursor = self._store.execute(
            "INSERT INTO record (id, tbl, number, created, created_by, modified, modified_by, cells) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (made, table.num, number, created, by, now if cells else None, by, json.dumps(cells)),
        )
        self._counts[table.num] = count + 1
        seq = int(cursor.lastrowid or 0)
        return Record(seq, made, table, number, created, by, now if cells else None, by, dict(cells), {}, {})

    def save(self, record: Record) -> None:
        """Keep a record's cells and times."""
        self._store.execute(
            "UPDATE record SET cells = ?, touched = ?, modified = ?, modified_by = ? WHERE seq = ?",
            (
                json.dumps(record.cells),
                json.dumps(record.touched) if record.touched else None,
                record.modified,
                record.modified_by,
                record.seq,
            ),
        )

    def touch(self, seqs: list[int], field: Field, now: int, by: str | None) -> None:
        """Note that a cell changed through the inverse field of its link."""
        for some in _chunks(seqs):
            self._store.execute(
                f"UPDATE record SET modified = ?, modified_by = ?, "
                f"touched = json_set(coalesce(touched, '{{}}'), '$.{field.id}', ?) WHERE seq IN ({_marks(some)})",
                (now, by, now, *some),
            )

    def delete(self, record: Record) -> None:
        """Drop a record and every link from and to it."""
        count = self.count(record.table)
        self._store.execute("DELETE FROM link WHERE record = ?", (record.seq,))
        self._store.execute("DELETE FROM link WHERE target = ?", (record.seq,))
        self._store.execute("DELETE FROM record WHERE seq = ?", (record.seq,))
        self._counts[record.table.num] = count - 1

    def set_links(self, record: Record, field: Field, targets: list[int]) -> tuple[list[int], list[int]]:
        """Make a cell link to `targets`, in that order, and the inverse cells agree.

        Returns the row numbers that were newly linked and those that no longer are.
        """
        before = record.links.get(field.id, [])
        self._store.execute("DELETE FROM link WHERE record = ? AND field = ?", (record.seq, field.num))
        self._store.many(
            "INSERT INTO link VALUES (?, ?, ?, ?)",
            [(record.seq, field.num, position, target) for position, target in enumerate(targets)],
        )
        added = [target for target in targets if target not in before]
        removed = [target for target in before if target not in targets]
        inverse = self._schema.fields.get(field.inverse or "")
        if inverse is not None:
            for target in removed:
                self._store.execute(
                    "DELETE FROM link WHERE target = ? AND field = ? AND record = ?", (record.seq, inverse.num, target)
                )
            for target in added:
                self._store.execute(
                    "INSERT INTO link SELECT ?, ?, coalesce(max(pos) + 1, 0), ? FROM link "
                    "WHERE record = ? AND field = ?",
                    (target, inverse.num, record.seq, target, inverse.num),
                )
        if targets:
            record.links[field.id] = targets
        else:
            record.links.pop(field.id, None)
        return added, removed


def _chunks(items: list[Any]) -> Iterator[list[Any]]:
    # SQLite takes 32,766 parameters; short statements of few sizes stay in the statement cache.
    for start in range(0, len(items), 500):
        yield items[start : start + 500]


def _marks(items: list[Any]) -> str:
    return ",".join("?" * len(items))


def _index_key(value: Any) -> Any:
    """What json_extract gives for a kept value: scalars themselves, text up to a NUL, JSON text for the rest."""
    if isinstance(value, str):
        return value.split("\0", 1)[0]
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, int) and abs(value) >= 1 << 63:  # SQLite reads such a number as a double
        return float(value)
    return value
