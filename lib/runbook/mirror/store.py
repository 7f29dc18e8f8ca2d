"""The mirror's rows: which collections were read in full, writing rows, and finding them.

    store = Store(path, catalog)
    mark = store.mark()
    store.put("Carriers", [("rec…", item)], after=mark)     # keeps what was written here since the mark
    items, more = store.find("Carriers", query)

A row is an item as Wix has it, under its `_id`, with its record in Airtable. The fields that services look rows up by,
and sort by, are indexed by sort keys.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from runbook.catalog import Catalog, Collection
from runbook.json_types import Item
from runbook.mirror.file import File
from runbook.mirror.search import Search
from runbook.mirror.sort_keys import sort_keys
from runbook.query.query import Condition, Query


class SetAside(NamedTuple):
    """A record that is not a row. `id`: that of the row it is a copy of; None: it has no legacy id.

    `waits`: which of its cells are empty that a row needs, for people; None where it can be a row.
    """

    collection: str
    record: str
    id: str | None
    waits: str | None = None


class PutResult(NamedTuple):
    """Ids of rows that differ from what was stored, and of those that were skipped: the stored row is newer."""

    changed: list[str]
    skipped: list[str]


class Store:
    """See the module. Threads and processes may share its file."""

    def __init__(self, path: Path, catalog: Catalog) -> None:
        self.file = File(path)
        self._keys = {name: _indexed_keys(catalog, c) for name, c in catalog.collections.items()}
        self._layouts = {name: _layout(c, self._keys[name]) for name, c in catalog.collections.items()}
        self._searches = {name: Search(self.file, name, self._keys[name]) for name in self._keys}

    def __repr__(self) -> str:
        return f"Store({self.file.path.name})"

    def close(self) -> None:
        """Close every connection; it may be used again."""
        self.file.close()

    # Which collections were read in full

    def as_of(self, collection: str) -> float | None:
        """The time a collection is known to equal Airtable's, in seconds since 1970.

        None where it was never read in full, or the catalog has changed since.
        """
        sql = "SELECT as_of FROM synced WHERE collection = ? AND layout = ?"
        row = self.file.connection().execute(sql, (collection, self._layouts[collection])).fetchone()
        return None if row is None else float(row[0])

    def synced(self) -> list[str]:
        """Every collection that was read in full."""
        rows = self.file.connection().execute("SELECT collection, layout FROM synced ORDER BY collection").fetchall()
        return [name for name, layout in rows if self._layouts.get(name) == layout]

    def oldest_full_sync(self, before: float, *, but: Container[str] = ()) -> str | None:
        """The collection whose last full sync is the oldest, if that was before a time, of all `but` some."""
        sql = "SELECT collection, layout FROM synced WHERE full_sync_at < ? ORDER BY full_sync_at"
        rows = self.file.connection().execute(sql, (before,)).fetchall()
        found = (name for name, layout in rows if self._layouts.get(name) == layout and name not in but)
        return next(found, None)

    def set_synced(self, collection: str, *, at: float, mark: int) -> bool:
        """A collection was read in full at a time; False where the file was lost since the mark."""
        with self.file.transaction() as db:
            if self.file.meta("created") > mark:
                return False
            rows = db.execute("SELECT count(*) FROM row WHERE collection = ?", (collection,)).fetchone()[0]
            values = (collection, self._layouts[collection], rows, at, at)
            db.execute("INSERT OR REPLACE INTO synced VALUES (?, ?, ?, ?, ?)", values)
            db.execute("DELETE FROM tombstone WHERE collection = ? AND seq <= ?", (collection, mark))
        return True

    def set_as_of(self, timestamp: float, collections: Iterable[str]) -> None:
        """Collections are known to equal Airtable's at a time."""
        with self.file.transaction() as db:
            values = [(timestamp, name) for name in collections]
            db.executemany("UPDATE synced SET as_of = max(as_of, ?) WHERE collection = ?", values)

    def clear(self, collection: str) -> None:
        """Delete everything about a collection."""
        with self.file.transaction() as db:
            for table in ("synced", "sort_key", "row", "set_aside", "tombstone"):
                db.execute(f"DELETE FROM {table} WHERE collection = ?", (collection,))

    # Reading

    def size(self, collection: str) -> int:
        """How many rows there are; 0 where the collection was not read in full."""
        return self._searches[collection].size()

    def get(self, collection: str, item_id: str) -> Item | None:
        """An item by `_id`."""
        return self._searches[collection].get(item_id)

    def find(self, collection: str, query: Query) -> tuple[list[Item], bool]:
        """The items of a query's page, and whether there are more."""
        return self._searches[collection].find(query)

    def count(self, collection: str, condition: Condition) -> int:
        """How many items a condition keeps."""
        return self._searches[collection].count(condition)

    def record_of(self, collection: str, item_id: str) -> str | None:
        """The record id of an item."""
        sql = "SELECT record FROM row WHERE collection = ? AND id = ?"
        row = self.file.connection().execute(sql, (collection, item_id)).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    def row(self, collection: str, item_id: str) -> tuple[str, Item] | None:
        """An item's record and the item as Airtable has it, of a draft too; None where Airtable has none."""
        sql = "SELECT record, ifnull(base, item) FROM row WHERE collection = ? AND id = ? AND record IS NOT NULL"
        row = self.file.connection().execute(sql, (collection, item_id)).fetchone()
        return None if row is None else (str(row[0]), json.loads(row[1]))

    def pending(self, collection: str) -> list[str]:
        """The ids of rows that are as the journal of writes makes them."""
        sql = "SELECT id FROM row WHERE collection = ? AND (record IS NULL OR base IS NOT NULL)"
        return [row[0] for row in self.file.connection().execute(sql, (collection,))]

    def records_set_aside(self) -> list[SetAside]:
        """Every known record that is not a row."""
        sql = "SELECT collection, record, id, waits FROM set_aside ORDER BY collection, record"
        return [SetAside(*row) for row in self.file.connection().execute(sql)]

    # Writing

    def mark(self) -> int:
        """A number below that of every later write, also of a write to a new file in place of this one."""
        return int(self.file.meta("seq"))

    def put(
        self,
        collection: str,
        rows: Iterable[tuple[str, Item]],
        *,
        after: int | None = None,
        overlay: Callable[[str, Item], Item | None] | None = None,
    ) -> PutResult:
        """Add or replace rows: (record, item as Airtable has it).

        `after`: skip rows that were written or deleted since that mark: they are newer than what was read. `overlay`:
        what the journal of writes makes of an item, by its id; the same object where it has no lines, None: removed.
        """
        changed, skipped, added = [], [], 0
        with self.file.transaction() as db:
            seq = _next_seq(db)
            for record, read in rows:
                item_id, item = read["_id"], read if overlay is None else overlay(read["_id"], read)
                key = (collection, item_id)
                if item is None:
                    self._delete(db, "collection = ? AND id = ?", key, seq)
                    continue
                text, base = _text(item), None if item is read else _text(read)
                hidden = _is_hidden(item)
                old = db.execute(
                    "SELECT seq, n, item, record, hidden, base FROM row WHERE collection = ? AND id = ?", key
                ).fetchone()
                written = old or db.execute("SELECT seq FROM tombstone WHERE collection = ? AND id = ?", key).fetchone()
                if after is not None and written is not None and written[0] > after:
                    skipped.append(item_id)
                    continue
                db.execute("DELETE FROM set_aside WHERE record = ?", (record,))
                if old is not None and old[2:] == (text, record, hidden, base):
                    if after is None:  # a write without a change is still newer than a page that was read before it
                        db.execute("UPDATE row SET seq = ? WHERE n = ?", (seq, old[1]))
                    continue
                changed.append(item_id)
                if old is None:
                    db.execute("DELETE FROM tombstone WHERE collection = ? AND id = ?", key)
                    added += 1
                else:
                    self._remove_sort_keys(db, collection, item_id, old[2])
                if old is None or old[3] != record:  # the record was another row: someone changed its legacy id
                    self._delete(db, "record = ? AND NOT (collection = ? AND id = ?)", (record, *key), seq)
                n = db.execute(
                    "INSERT INTO row (collection, id, record, seq, hidden, item, base) VALUES (?, ?, ?, ?, ?, ?, ?) "
                    "ON CONFLICT (collection, id) DO UPDATE SET record = excluded.record, seq = excluded.seq, "
                    "hidden = excluded.hidden, item = excluded.item, base = excluded.base RETURNING n",
                    (*key, record, seq, hidden, text, base),
                ).fetchone()[0]
                self._add_sort_keys(db, collection, n, item)
            _add_to_size(db, collection, added)
        return PutResult(changed, skipped)

    def overlay(self, collection: str, item_id: str, overlay: Callable[[str, Item | None], Item | None]) -> None:
        """Make a row what the journal of writes makes of it; `overlay` as in `put`, None also for no item in Airtable.

        What Airtable has of the row is not newer by that.
        """
        key = (collection, item_id)
        with self.file.transaction() as db:
            sql = "SELECT n, item, record, base FROM row WHERE collection = ? AND id = ?"
            old = db.execute(sql, key).fetchone()
            read_text = None if old is None or old[2] is None else old[3] or old[1]
            read = None if read_text is None else json.loads(read_text)
            item = overlay(item_id, read)
            if item is read and (old is None or old[3] is None) and (old is None) == (item is None):
                return  # as it is stored
            if item is None:
                if old is not None:
                    self._delete(db, "n = ?", (old[0],), _next_seq(db))
                return
            text, hidden = _text(item), _is_hidden(item)
            if old is None:
                n = db.execute(
                    "INSERT INTO row (collection, id, seq, hidden, item) VALUES (?, ?, ?, ?, ?) RETURNING n",
                    (*key, _next_seq(db), hidden, text),
                ).fetchone()[0]
                db.execute("DELETE FROM tombstone WHERE collection = ? AND id = ?", key)
                _add_to_size(db, collection, 1)
            else:
                n, base = old[0], None if item is read else read_text
                self._remove_sort_keys(db, collection, item_id, old[1])
                db.execute("UPDATE row SET item = ?, base = ?, hidden = ? WHERE n = ?", (text, base, hidden, n))
            self._add_sort_keys(db, collection, n, item)

    def delete(self, collection: str, ids: Iterable[str]) -> None:
        """Delete rows by `_id`."""
        with self.file.transaction() as db:
            seq = _next_seq(db)
            for item_id in ids:
                key = (collection, item_id)
                if not self._delete(db, "collection = ? AND id = ?", key, seq):
                    _add_tombstone(db, *key, seq)  # a read still in flight may find it, but is older than this

    def delete_records(self, records: Iterable[str]) -> list[tuple[str, str, str]]:
        """Delete records; (collection, `_id`, record) of those that were rows."""
        found = []
        with self.file.transaction() as db:
            seq = _next_seq(db)
            for record in records:
                db.execute("DELETE FROM set_aside WHERE record = ?", (record,))
                found += [(*row, record) for row in self._delete(db, "record = ?", (record,), seq)]
        return found

    def set_aside(self, records: Iterable[SetAside], *, after: int | None = None) -> None:
        """Records are not rows, or no longer. `after`: skip those that became a row since that mark."""
        with self.file.transaction() as db:
            seq = _next_seq(db)
            for record in records:
                row = db.execute("SELECT seq FROM row WHERE record = ?", (record.record,)).fetchone()
                if after is not None and row is not None and row[0] > after:
                    continue
                self._delete(db, "record = ?", (record.record,), seq)
                values = (record.record, record.collection, record.id, record.waits)
                db.execute("INSERT OR REPLACE INTO set_aside VALUES (?, ?, ?, ?)", values)

    def delete_unseen(self, collection: str, seen: set[str], mark: int) -> list[tuple[str, str, str]]:
        """Delete all records but those `seen` and those written since the mark; the rows, as `delete_records`."""
        db = self.file.connection()
        rows = db.execute(
            "SELECT record FROM row WHERE collection = ? AND seq <= ? AND record NOT NULL", (collection, mark)
        )
        aside = db.execute("SELECT record FROM set_aside WHERE collection = ?", (collection,))
        unseen = [record for (record,) in (*rows, *aside) if record not in seen]
        return self.delete_records(unseen)

    def reindex(self, collection: str) -> None:
        """Rebuild the sort keys of a collection."""
        with self.file.transaction() as db:
            db.execute("DELETE FROM sort_key WHERE collection = ?", (collection,))
            rows = db.execute("SELECT n, item FROM row WHERE collection = ? ORDER BY n", (collection,))
            for n, text in rows:
                self._add_sort_keys(db, collection, n, json.loads(text))

    def _delete(self, db: sqlite3.Connection, where: str, values: tuple[str, ...], seq: int) -> list[tuple[str, str]]:
        found = db.execute(f"SELECT n, collection, id, item FROM row WHERE {where}", values).fetchall()
        for n, collection, item_id, text in found:
            self._remove_sort_keys(db, collection, item_id, text)
            db.execute("DELETE FROM row WHERE n = ?", (n,))
            _add_tombstone(db, collection, item_id, seq)
            _add_to_size(db, collection, -1)
        return [(collection, item_id) for _, collection, item_id, _ in found]

    def _add_sort_keys(self, db: sqlite3.Connection, collection: str, n: int, item: Item) -> None:
        db.executemany(
            "INSERT OR REPLACE INTO sort_key VALUES (?, ?, ?, ?, ?, ?)",
            [
                (collection, key, value, item["_id"], roles, n)
                for key, value, roles in self._sort_keys(collection, item)
            ],
        )

    def _remove_sort_keys(self, db: sqlite3.Connection, collection: str, item_id: str, text: str) -> None:
        db.executemany(
            "DELETE FROM sort_key WHERE collection = ? AND field = ? AND value = ? AND id = ?",
            [(collection, key, value, item_id) for key, value, _ in self._sort_keys(collection, json.loads(text))],
        )

    def _sort_keys(self, collection: str, item: Item) -> Iterator[tuple[str, bytes, int]]:
        for key in self._keys[collection]:
            for value, roles in sort_keys(item.get(key), present=key in item).items():
                yield key, value, roles


def _text(item: Item) -> str:
    return json.dumps(item, separators=(",", ":"))


def _is_hidden(item: Item) -> int:
    return int(item.get("_publishStatus") == "DRAFT")


def _next_seq(db: sqlite3.Connection) -> int:
    sql = "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'seq' RETURNING value"
    return int(db.execute(sql).fetchone()[0])


def _add_tombstone(db: sqlite3.Connection, collection: str, item_id: str, seq: int) -> None:
    db.execute("INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?)", (collection, item_id, seq))


def _add_to_size(db: sqlite3.Connection, collection: str, rows: int) -> None:
    if rows:
        db.execute("UPDATE synced SET rows = rows + ? WHERE collection = ?", (rows, collection))


def _indexed_keys(catalog: Catalog, collection: Collection) -> tuple[str, ...]:
    """The fields that services look up and link by, and the default sort order."""
    keys = ["_id", "_createdDate", *(f.wix for f in collection.fields if f.lookup or f.unique)]
    keys += [*collection.natural_key, *catalog.link_keys.get(collection.wix, ())]
    return tuple(key for key in dict.fromkeys(keys) if key in collection.by_key)


def _layout(collection: Collection, keys: tuple[str, ...]) -> str:
    """A hash of all that the stored items and sort keys depend on."""
    definition = collection.model_dump_json() + ",".join(keys)
    return hashlib.sha256(definition.encode()).hexdigest()[:16]
