"""The mirror's rows on disk: a SQLite file beside the state, mode 600, which any process of this machine may read.

    store = Store(path, catalog)
    store.put("Carriers", [("rec…", item)])
    items, more = store.find("Carriers", query)

A row is an item as Wix has it, under its `_id`, with the record that it is in Airtable. Keys that services look rows up
by, and sort by, have an index of places. It can be deleted at any time: everything in it is read from Airtable again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from runbook.catalog import LEGACY_ID
from runbook.records.evaluate import arrange, predicate
from runbook.records.mirror.places import HIGHEST, LOWEST, Ids, ids_of, places
from runbook.records.query import EVERYTHING, NEWEST_FIRST, And

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from runbook.catalog import Catalog, Collection
    from runbook.json_types import Item
    from runbook.records.query import Condition, Query

_VERSION = 1
_BUSY_SECONDS = 30.0
_FEW = 64  # rows that are cheaper to read than to plan for
_DDL = """
CREATE TABLE IF NOT EXISTS row (
    n INTEGER PRIMARY KEY, collection TEXT NOT NULL, id TEXT NOT NULL, record TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL, hidden INTEGER NOT NULL, item TEXT NOT NULL, UNIQUE (collection, id)) STRICT;
CREATE TABLE IF NOT EXISTS place (
    collection TEXT NOT NULL, key TEXT NOT NULL, place BLOB NOT NULL, id TEXT NOT NULL, ends INTEGER NOT NULL,
    n INTEGER NOT NULL, PRIMARY KEY (collection, key, place, id)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
    collection TEXT PRIMARY KEY, layout TEXT NOT NULL, rows INTEGER NOT NULL, as_of REAL NOT NULL,
    read_at REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


class Held(NamedTuple):
    """A collection that is in the mirror whole. `as_of`: since when it may be behind; `read_at`: when it was last read
    row by row; seconds since 1970."""

    rows: int
    as_of: float
    read_at: float


class Store:
    """See the module. Threads and processes may share the file; each thread has a connection of its own."""

    def __init__(self, path: Path, catalog: Catalog) -> None:
        self.path = path
        self.catalog = catalog
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._keys = {name: _placed(catalog, c) for name, c in catalog.collections.items()}
        self._layouts = {name: _layout(c, self._keys[name]) for name, c in catalog.collections.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # its -wal and -shm take the mode from it
        with self.writing() as db:
            if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                for table in ("row", "place", "held", "note"):
                    db.execute(f"DROP TABLE IF EXISTS {table}")
                db.execute(f"PRAGMA user_version = {_VERSION}")
            for statement in _DDL.split(";\n"):
                db.execute(statement)

    def __repr__(self) -> str:
        return f"Store({self.path.name})"

    def close(self) -> None:
        """Close every connection; it may be used again."""
        with self._lock:
            opened, self._open = self._open, []
            self._local = threading.local()
        for db in opened:
            db.close()

    def reading(self) -> sqlite3.Connection:
        """This thread's connection."""
        found: sqlite3.Connection | None = getattr(self._local, "db", None)
        if found is None:
            found = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            found.execute("PRAGMA journal_mode = WAL")
            found.execute("PRAGMA synchronous = NORMAL")
            self._local.db = found
            with self._lock:
                self._open.append(found)
        return found

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end, rolled back on an error."""
        db = self.reading()
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    # What it holds

    def held(self, collection: str) -> Held | None:
        """A collection that is here whole; None where it is not, or the catalog has changed since."""
        found = self.reading().execute(
            "SELECT layout, rows, as_of, read_at FROM held WHERE collection = ?", (collection,)
        )
        row = found.fetchone()
        return Held(*row[1:]) if row is not None and row[0] == self._layouts[collection] else None

    def hold(self, collection: str, *, as_of: float, read_at: float) -> None:
        """From now on a collection is here whole."""
        with self.writing() as db:
            rows = db.execute("SELECT count(*) FROM row WHERE collection = ?", (collection,)).fetchone()[0]
            db.execute(
                "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?)",
                (collection, self._layouts[collection], rows, as_of, read_at),
            )

    def freshen(self, as_of: float, collections: Iterable[str] | None = None) -> None:
        """Whatever is held, or these collections of it, is known to be right as of then."""
        with self.writing() as db:
            if collections is None:
                db.execute("UPDATE held SET as_of = max(as_of, ?)", (as_of,))
            else:
                db.executemany(
                    "UPDATE held SET as_of = max(as_of, ?) WHERE collection = ?",
                    [(as_of, name) for name in collections],
                )

    def clear(self, collection: str) -> None:
        """Forget a collection's rows, and that it was held."""
        with self.writing() as db:
            for table in ("held", "place", "row"):
                db.execute(f"DELETE FROM {table} WHERE collection = ?", (collection,))

    def names(self) -> list[str]:
        """Every collection that is here whole."""
        rows = self.reading().execute("SELECT collection, layout FROM held ORDER BY collection").fetchall()
        return [name for name, layout in rows if self._layouts.get(name) == layout]

    def note(self, name: str) -> Any:
        """Something noted; None for nothing."""
        row = self.reading().execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_note(self, name: str, value: Any) -> None:
        """Note something; None forgets it."""
        with self.writing() as db:
            if value is None:
                db.execute("DELETE FROM note WHERE name = ?", (name,))
            else:
                db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, json.dumps(value)))

    # Reading

    def get(self, collection: str, item_id: str) -> Item | None:
        """An item by `_id`."""
        row = (
            self.reading()
            .execute("SELECT item FROM row WHERE collection = ? AND id = ? AND NOT hidden", (collection, item_id))
            .fetchone()
        )
        return None if row is None else json.loads(row[0])

    def find(self, collection: str, query: Query) -> tuple[list[Item], bool]:
        """The items of a query's page, and whether more follow."""
        end = query.offset + query.size
        keeps = predicate(query.where)
        order = query.order or NEWEST_FIRST
        chosen, few = self._cheapest(collection, query.where)
        if self._in_order(collection, order) and not few:
            found: list[Item] = []
            for item in self._stream(collection, order):
                if keeps(item):
                    found.append(item)
                    if len(found) > end:
                        break
        else:
            found = arrange((item for item in self._items(collection, chosen) if keeps(item)), order)
        return found[query.offset : end], len(found) > end

    def count(self, collection: str, condition: Condition) -> int:
        """How many items a condition keeps."""
        db = self.reading()
        if condition == EVERYTHING:
            row = db.execute("SELECT count(*) FROM row WHERE collection = ? AND NOT hidden", (collection,)).fetchone()
            return int(row[0])
        ids = ids_of(condition, collection, self._keys[collection])
        if ids is not None and ids.exact:
            sql = (
                f"SELECT count(*) FROM ({ids.sql}) JOIN row USING (id) WHERE collection = ? AND NOT hidden"
                if self._has_hidden(collection)
                else f"SELECT count(*) FROM ({ids.sql})"
            )
            values = (*ids.values, collection) if self._has_hidden(collection) else ids.values
            return int(db.execute(sql, values).fetchone()[0])
        keeps = predicate(condition)
        return sum(1 for item in self._items(collection, self._cheapest(collection, condition)[0]) if keeps(item))

    def record_of(self, collection: str, item_id: str) -> str | None:
        """The record that an item is in Airtable."""
        row = (
            self.reading()
            .execute("SELECT record FROM row WHERE collection = ? AND id = ?", (collection, item_id))
            .fetchone()
        )
        return None if row is None else str(row[0])

    def _has_hidden(self, collection: str) -> bool:
        found = self.reading().execute("SELECT 1 FROM row WHERE collection = ? AND hidden LIMIT 1", (collection,))
        return found.fetchone() is not None

    def _items(self, collection: str, ids: Ids | None) -> Iterator[Item]:
        if ids is None:
            rows = self.reading().execute("SELECT item FROM row WHERE collection = ? AND NOT hidden", (collection,))
        else:
            sql = f"SELECT item FROM row WHERE collection = ? AND NOT hidden AND id IN ({ids.sql})"
            rows = self.reading().execute(sql, (collection, *ids.values))
        for (text,) in rows:
            yield json.loads(text)

    def _stream(self, collection: str, order: tuple[tuple[str, bool], ...]) -> Iterator[Item]:
        ((key, descending),) = order
        sql = (
            "SELECT item FROM place JOIN row USING (n) WHERE place.collection = ? AND key = ? AND ends & ? "
            f"AND NOT hidden ORDER BY place {'DESC' if descending else 'ASC'}, place.id"
        )
        rows = self.reading().execute(sql, (collection, key, HIGHEST if descending else LOWEST))
        for (text,) in rows:
            yield json.loads(text)

    def _in_order(self, collection: str, order: tuple[tuple[str, bool], ...]) -> bool:
        """Whether the index has this order: one key, whose places are not cut."""
        if len(order) != 1 or order[0][0] not in self._keys[collection]:
            return False
        return self.catalog.collections[collection].by_key[order[0][0]].wix_type in ("number", "datetime", "boolean")

    def _cheapest(self, collection: str, condition: Condition) -> tuple[Ids | None, bool]:
        """The part of a condition that the index narrows best, and whether it leaves only few rows."""
        parts = condition.parts if isinstance(condition, And) else (condition,)
        found = [ids for part in parts if (ids := ids_of(part, collection, self._keys[collection])) is not None]
        best, fewest = None, _FEW * 16 + 1
        for ids in found:
            size = self._size(ids, fewest)
            if best is None or size < fewest:
                best, fewest = ids, size
            if size <= _FEW:
                break
        return best, best is not None and fewest <= _FEW * 16

    def _size(self, ids: Ids, most: int) -> int:
        """How many rows it gives, counted up to `most`."""
        sql = f"SELECT count(*) FROM (SELECT id FROM ({ids.sql}) LIMIT {most})"
        return int(self.reading().execute(sql, ids.values).fetchone()[0])

    # Writing

    def mark(self) -> int:
        """A number that every later write is above."""
        return int(self.note("seq") or 0)

    def put(self, collection: str, rows: Iterable[tuple[str, Item]], *, after: int | None = None) -> int:
        """Add or replace rows, (record id, item); how many differed from what was here.

        `after`: leave alone what was written since that mark: it is newer than what was read.
        """
        changed = 0
        with self.writing() as db:
            seq = self._next(db)
            for record, item in rows:
                text, item_id = json.dumps(item, separators=(",", ":")), item["_id"]
                old = db.execute(
                    "SELECT n, seq, item, record FROM row WHERE collection = ? AND id = ?", (collection, item_id)
                ).fetchone()
                if old is not None:
                    if after is not None and old[1] > after:
                        continue
                    if old[2] == text and old[3] == record:
                        continue
                    self._unplace(db, collection, item_id, old[2])
                changed += 1
                db.execute(
                    "DELETE FROM row WHERE record = ? AND NOT (collection = ? AND id = ?)",
                    (record, collection, item_id),
                )
                n = db.execute(
                    "INSERT INTO row (collection, id, record, seq, hidden, item) VALUES (?, ?, ?, ?, ?, ?) "
                    "ON CONFLICT (collection, id) DO UPDATE SET record = excluded.record, seq = excluded.seq, "
                    "hidden = excluded.hidden, item = excluded.item RETURNING n",
                    (collection, item_id, record, seq, item.get("_publishStatus") == "DRAFT", text),
                ).fetchone()[0]
                self._place(db, collection, item_id, n, item)
        return changed

    def drop(self, collection: str, ids: Iterable[str], *, after: int | None = None) -> int:
        """Take rows out by `_id`; how many there were. `after` as in `put`."""
        gone = 0
        with self.writing() as db:
            for item_id in ids:
                old = db.execute(
                    "SELECT n, seq, item FROM row WHERE collection = ? AND id = ?", (collection, item_id)
                ).fetchone()
                if old is None or (after is not None and old[1] > after):
                    continue
                self._unplace(db, collection, item_id, old[2])
                db.execute("DELETE FROM row WHERE n = ?", (old[0],))
                gone += 1
        return gone

    def drop_records(self, records: Iterable[str]) -> list[tuple[str, str]]:
        """Take rows out by record id; the (collection, `_id`) of each that was here."""
        found = []
        for record in records:
            row = self.reading().execute("SELECT collection, id FROM row WHERE record = ?", (record,)).fetchone()
            if row is not None and self.drop(row[0], [row[1]]):
                found.append((row[0], row[1]))
        return found

    def others(self, collection: str, seen: set[str], after: int) -> list[str]:
        """The ids of rows that are not among `seen`, and not written since the mark `after`."""
        rows = self.reading().execute("SELECT id FROM row WHERE collection = ? AND seq <= ?", (collection, after))
        return [item_id for (item_id,) in rows if item_id not in seen]

    def _next(self, db: sqlite3.Connection) -> int:
        row = db.execute(
            "INSERT INTO note VALUES ('seq', '1') ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + 1 "
            "RETURNING value"
        ).fetchone()
        return int(row[0])

    def _place(self, db: sqlite3.Connection, collection: str, item_id: str, n: int, item: Item) -> None:
        db.executemany(
            "INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?, ?, ?)",
            [(collection, key, where, item_id, ends, n) for key, where, ends in self._places(collection, item)],
        )

    def _unplace(self, db: sqlite3.Connection, collection: str, item_id: str, text: str) -> None:
        db.executemany(
            "DELETE FROM place WHERE collection = ? AND key = ? AND place = ? AND id = ?",
            [(collection, key, where, item_id) for key, where, _ in self._places(collection, json.loads(text))],
        )

    def _places(self, collection: str, item: Item) -> Iterator[tuple[str, bytes, int]]:
        for key in self._keys[collection]:
            for where, ends in places(item.get(key), there=key in item).items():
                yield key, where, ends


def _placed(catalog: Catalog, collection: Collection) -> tuple[str, ...]:
    """The keys that get places: what services look up and link by, and the order that a query has without a sort."""
    keys = dict.fromkeys([f.wix for f in collection.fields if f.lookup or f.unique])
    keys.update(dict.fromkeys((*collection.natural_key, *catalog.link_keys.get(collection.wix, ()), "_createdDate")))
    return tuple(key for key in keys if key in collection.by_key and collection.by_key[key].name != LEGACY_ID)


def _layout(collection: Collection, keys: tuple[str, ...]) -> str:
    told = collection.model_dump_json() + ",".join(keys)
    return hashlib.sha256(told.encode()).hexdigest()[:16]
