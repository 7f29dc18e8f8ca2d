"""The mirror's rows: which collections are here whole, what is written to them, and what is found in them.

    store = Store(path, catalog)
    mark = store.mark()
    store.put("Carriers", [("rec…", item)], after=mark)     # leaves alone what was written here since
    items, more = store.find("Carriers", query)

A row is an item as Wix has it, under its `_id`, with the record that it is in Airtable. Keys that services look rows up
by, and sort by, have an index of places.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from runbook.catalog import Catalog, Collection
from runbook.json_types import Item
from runbook.mirror.file import File
from runbook.mirror.search import Search
from runbook.mirror.sort_keys import places
from runbook.query.query import Condition, Query


class Held(NamedTuple):
    """A collection that is here whole.

    `as_of`: since when it may be behind; `read_at`: when it was last read row by row; both in seconds since 1970.
    """

    as_of: float
    read_at: float


class Aside(NamedTuple):
    """A record that is no row. `id`: that of the row of which it is a copy; None: it carries no legacy id."""

    collection: str
    record: str
    id: str | None


class Written(NamedTuple):
    """Ids of rows that differ now from what was here, and of those that were let be because they are newer."""

    changed: list[str]
    newer: list[str]


class Store:
    """See the module. Threads and processes may share its file."""

    def __init__(self, path: Path, catalog: Catalog) -> None:
        self.file = File(path)
        self._keys = {name: _placed(catalog, c) for name, c in catalog.collections.items()}
        self._layouts = {name: _layout(c, self._keys[name]) for name, c in catalog.collections.items()}
        self._searches = {name: Search(self.file, name, self._keys[name]) for name in self._keys}

    def __repr__(self) -> str:
        return f"Store({self.file.path.name})"

    def close(self) -> None:
        """Close every connection; it may be used again."""
        self.file.close()

    # What is here whole

    def held(self, collection: str) -> Held | None:
        """A collection that is here whole; None where it is not, or the catalog has changed since."""
        sql = "SELECT as_of, read_at FROM held WHERE collection = ? AND layout = ?"
        row = self.file.reading().execute(sql, (collection, self._layouts[collection])).fetchone()
        return None if row is None else Held(*row)

    def names(self) -> list[str]:
        """Every collection that is here whole."""
        rows = self.file.reading().execute("SELECT collection, layout FROM held ORDER BY collection").fetchall()
        return [name for name, layout in rows if self._layouts.get(name) == layout]

    def read_before(self, moment: float) -> str | None:
        """The collection that was read row by row longest ago, if that was before a moment."""
        sql = "SELECT collection, layout FROM held WHERE read_at < ? ORDER BY read_at"
        for name, layout in self.file.reading().execute(sql, (moment,)).fetchall():
            if self._layouts.get(name) == layout:
                return str(name)
        return None

    def hold(self, collection: str, *, moment: float, mark: int) -> bool:
        """A collection is here whole, read at that moment; False where the file was lost since the mark."""
        with self.file.writing() as db:
            if self.file.note("made") > mark:
                return False
            rows = db.execute("SELECT count(*) FROM row WHERE collection = ?", (collection,)).fetchone()[0]
            told = (collection, self._layouts[collection], rows, moment, moment)
            db.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?)", told)
            db.execute("DELETE FROM gone WHERE collection = ? AND seq <= ?", (collection, mark))
        return True

    def freshen(self, moment: float, collections: Iterable[str]) -> None:
        """Collections are known to be right as of a moment."""
        with self.file.writing() as db:
            told = [(moment, name) for name in collections]
            db.executemany("UPDATE held SET as_of = max(as_of, ?) WHERE collection = ?", told)

    def clear(self, collection: str) -> None:
        """Forget a collection's rows, and that it was held."""
        with self.file.writing() as db:
            for table in ("held", "place", "row", "aside", "gone"):
                db.execute(f"DELETE FROM {table} WHERE collection = ?", (collection,))

    # Reading

    def size(self, collection: str) -> int:
        """How many rows there are; 0 where the collection is not here whole."""
        return self._searches[collection].size()

    def get(self, collection: str, item_id: str) -> Item | None:
        """An item by `_id`."""
        return self._searches[collection].get(item_id)

    def find(self, collection: str, query: Query) -> tuple[list[Item], bool]:
        """The items of a query's page, and whether more follow."""
        return self._searches[collection].find(query)

    def count(self, collection: str, condition: Condition) -> int:
        """How many items a condition keeps."""
        return self._searches[collection].count(condition)

    def record_of(self, collection: str, item_id: str) -> str | None:
        """The record that an item is in Airtable."""
        sql = "SELECT record FROM row WHERE collection = ? AND id = ?"
        row = self.file.reading().execute(sql, (collection, item_id)).fetchone()
        return None if row is None else str(row[0])

    def asides(self) -> list[Aside]:
        """Every record that is known and no row."""
        rows = self.file.reading().execute("SELECT collection, record, id FROM aside ORDER BY collection, record")
        return [Aside(*row) for row in rows]

    # Writing

    def mark(self) -> int:
        """A number that every later write is above, also one to a file that took this one's place."""
        return int(self.file.note("seq"))

    def put(self, collection: str, rows: Iterable[tuple[str, Item]], *, after: int | None = None) -> Written:
        """Add or replace rows: (record, item).

        `after`: let be what was written or taken out since that mark: it is newer than what was read.
        """
        changed, newer, added = [], [], 0
        with self.file.writing() as db:
            seq = _next(db)
            for record, item in rows:
                item_id, text = item["_id"], json.dumps(item, separators=(",", ":"))
                hidden = int(item.get("_publishStatus") == "DRAFT")
                here = (collection, item_id)
                old = db.execute(
                    "SELECT seq, n, item, record, hidden FROM row WHERE collection = ? AND id = ?", here
                ).fetchone()
                written = old or db.execute("SELECT seq FROM gone WHERE collection = ? AND id = ?", here).fetchone()
                if after is not None and written is not None and written[0] > after:
                    newer.append(item_id)
                    continue
                db.execute("DELETE FROM aside WHERE record = ?", (record,))
                if old is not None and old[2:] == (text, record, hidden):
                    if after is None:  # a write that put back what was here is newer than a page read before it
                        db.execute("UPDATE row SET seq = ? WHERE n = ?", (seq, old[1]))
                    continue
                changed.append(item_id)
                if old is None:
                    db.execute("DELETE FROM gone WHERE collection = ? AND id = ?", here)
                    added += 1
                else:
                    self._unplace(db, collection, item_id, old[2])
                if old is None or old[3] != record:  # the record was another row: its legacy id was changed by hand
                    self._take_out(db, "record = ? AND NOT (collection = ? AND id = ?)", (record, *here), seq)
                n = db.execute(
                    "INSERT INTO row (collection, id, record, seq, hidden, item) VALUES (?, ?, ?, ?, ?, ?) "
                    "ON CONFLICT (collection, id) DO UPDATE SET record = excluded.record, seq = excluded.seq, "
                    "hidden = excluded.hidden, item = excluded.item RETURNING n",
                    (*here, record, seq, hidden, text),
                ).fetchone()[0]
                self._place(db, collection, n, item)
            _count(db, collection, added)
        return Written(changed, newer)

    def drop(self, collection: str, ids: Iterable[str]) -> None:
        """Take rows out by `_id`."""
        with self.file.writing() as db:
            seq = _next(db)
            for item_id in ids:
                here = (collection, item_id)
                if not self._take_out(db, "collection = ? AND id = ?", here, seq):
                    _bury(db, *here, seq)  # what a read under way finds of it is older than this

    def drop_records(self, records: Iterable[str]) -> list[tuple[str, str]]:
        """Take out what records were; the (collection, `_id`) of the rows among them."""
        found = []
        with self.file.writing() as db:
            seq = _next(db)
            for record in records:
                db.execute("DELETE FROM aside WHERE record = ?", (record,))
                found += self._take_out(db, "record = ?", (record,), seq)
        return found

    def set_aside(self, asides: Iterable[Aside], *, after: int | None = None) -> None:
        """Records are no rows, or not any more. `after`: let be what became a row since that mark."""
        with self.file.writing() as db:
            seq = _next(db)
            for aside in asides:
                row = db.execute("SELECT seq FROM row WHERE record = ?", (aside.record,)).fetchone()
                if after is not None and row is not None and row[0] > after:
                    continue
                self._take_out(db, "record = ?", (aside.record,), seq)
                told = (aside.record, aside.collection, aside.id)
                db.execute("INSERT OR REPLACE INTO aside VALUES (?, ?, ?)", told)

    def drop_unseen(self, collection: str, seen: set[str], mark: int) -> list[str]:
        """Take out all that is no record among `seen` and was not written since the mark; the ids of the rows."""
        db = self.file.reading()
        rows = db.execute("SELECT record FROM row WHERE collection = ? AND seq <= ?", (collection, mark))
        asides = db.execute("SELECT record FROM aside WHERE collection = ?", (collection,))
        unseen = [record for (record,) in (*rows, *asides) if record not in seen]
        return [item_id for _, item_id in self.drop_records(unseen)]

    def reindex(self, collection: str) -> None:
        """Make the places of a collection anew, whatever was in them."""
        with self.file.writing() as db:
            db.execute("DELETE FROM place WHERE collection = ?", (collection,))
            rows = db.execute("SELECT n, item FROM row WHERE collection = ? ORDER BY n", (collection,))
            for n, text in rows:
                self._place(db, collection, n, json.loads(text))

    def _take_out(self, db: sqlite3.Connection, where: str, values: tuple[str, ...], seq: int) -> list[tuple[str, str]]:
        found = db.execute(f"SELECT n, collection, id, item FROM row WHERE {where}", values).fetchall()
        for n, collection, item_id, text in found:
            self._unplace(db, collection, item_id, text)
            db.execute("DELETE FROM row WHERE n = ?", (n,))
            _bury(db, collection, item_id, seq)
            _count(db, collection, -1)
        return [(collection, item_id) for _, collection, item_id, _ in found]

    def _place(self, db: sqlite3.Connection, collection: str, n: int, item: Item) -> None:
        db.executemany(
            "INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?, ?, ?)",
            [(collection, key, where, item["_id"], ends, n) for key, where, ends in self._places(collection, item)],
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


def _next(db: sqlite3.Connection) -> int:
    sql = "UPDATE note SET value = CAST(value AS INTEGER) + 1 WHERE name = 'seq' RETURNING value"
    return int(db.execute(sql).fetchone()[0])


def _bury(db: sqlite3.Connection, collection: str, item_id: str, seq: int) -> None:
    db.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?)", (collection, item_id, seq))


def _count(db: sqlite3.Connection, collection: str, more: int) -> None:
    if more:
        db.execute("UPDATE held SET rows = rows + ? WHERE collection = ?", (more, collection))


def _placed(catalog: Catalog, collection: Collection) -> tuple[str, ...]:
    """The keys that get places: what services look up and link by, and the order that a query has without a sort."""
    keys = ["_id", "_createdDate", *(f.wix for f in collection.fields if f.lookup or f.unique)]
    keys += [*collection.natural_key, *catalog.link_keys.get(collection.wix, ())]
    return tuple(key for key in dict.fromkeys(keys) if key in collection.by_key)


def _layout(collection: Collection, keys: tuple[str, ...]) -> str:
    told = collection.model_dump_json() + ",".join(keys)
    return hashlib.sha256(told.encode()).hexdigest()[:16]
