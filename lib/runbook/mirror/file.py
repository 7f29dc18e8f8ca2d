"""The mirror's file: SQLite beside the state, mode 600, shared by any number of processes of this machine.

    file = File(path)
    with file.snapshot() as db: ...         # reads that see one state of the file
    with file.transaction() as db: ...

It can be deleted at any time, also while it is in use: it is created again, empty. A file that is no longer a valid
database is treated as deleted.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runbook.private_files import create_private

_VERSION = 5
_BUSY_SECONDS = 30.0
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# row: an item, under its `_id`, with its record; NULL: Airtable has none yet. `seq`: the number of the write that put
# it there. Where the journal of writes has lines of the row, `item` is as they make it, and `base` as Airtable has it.
# sort_key: the position of an item by one field; see the module `sort_keys`.
# set_aside: records of Airtable that are not rows. `id`: the row whose legacy id it has; NULL: it has none. `waits`:
# which cells it lacks to be one; NULL: none.
# tombstone: rows that were deleted, until the next full sync of their collection.
# synced: collections that have been read in full.
# meta: named JSON values.
_DDL = """
CREATE TABLE row (
    n INTEGER PRIMARY KEY, collection TEXT NOT NULL, id TEXT NOT NULL, record TEXT UNIQUE,
    seq INTEGER NOT NULL, hidden INTEGER NOT NULL, item TEXT NOT NULL, base TEXT, UNIQUE (collection, id)) STRICT;
CREATE INDEX row_hidden ON row (collection) WHERE hidden;
CREATE INDEX row_pending ON row (collection, id) WHERE record IS NULL OR base IS NOT NULL;
CREATE TABLE sort_key (
    collection TEXT NOT NULL, field TEXT NOT NULL, value BLOB NOT NULL, id TEXT NOT NULL, roles INTEGER NOT NULL,
    n INTEGER NOT NULL, PRIMARY KEY (collection, field, value, id)) STRICT, WITHOUT ROWID;
CREATE TABLE set_aside (
    record TEXT PRIMARY KEY, collection TEXT NOT NULL, id TEXT, waits TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE tombstone (
    collection TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (collection, id)) STRICT, WITHOUT ROWID;
CREATE TABLE synced (
    collection TEXT PRIMARY KEY, layout TEXT NOT NULL, rows INTEGER NOT NULL, as_of REAL NOT NULL,
    full_sync_at REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


class File:
    """See the module. Threads and processes may share it; each thread has its own connection."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._open: dict[threading.Thread, sqlite3.Connection] = {}
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection()

    def __repr__(self) -> str:
        return f"File({self.path.name})"

    def close(self) -> None:
        """Close every connection; it may be used again."""
        with self._lock:
            opened, self._open = self._open, {}
            self._local = threading.local()
        for db in opened.values():
            db.close()

    def discard(self) -> None:
        """Delete the file; the next use creates it again."""
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, to the file that exists now."""
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None or not (db.in_transaction or self._identity() == self._local.identity):
            db = self._connect()
        return db

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """All reads in the block see one state of the file. The block must not write."""
        db = self.connection()
        if db.in_transaction:
            yield db
            return
        db.execute("BEGIN")
        try:
            yield db
        finally:
            db.rollback()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction, or part of the enclosing one: committed at the end, rolled back on an error."""
        db = self.connection()
        if db.in_transaction:
            yield db
            return
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.rollback()
            raise
        db.commit()

    def meta(self, name: str) -> Any:
        """A named value; None where it is not set."""
        row = self.connection().execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_meta(self, name: str, value: Any) -> None:
        """Set a named value; None removes it."""
        with self.transaction() as db:
            if value is None:
                db.execute("DELETE FROM meta WHERE name = ?", (name,))
            else:
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _connect(self) -> sqlite3.Connection:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # one process at a time checks whether the file must be created
            try:
                db = self._opened()
            except sqlite3.DatabaseError as error:
                if not is_broken(error):
                    raise
                self.discard()
                db = self._opened()
            self._local.db, self._local.identity = db, self._identity()
        finally:
            os.close(folder)
        with self._lock:
            ended = [self._open.pop(thread) for thread in list(self._open) if not thread.is_alive()]
            before = self._open.pop(threading.current_thread(), None)
            self._open[threading.current_thread()] = db
        for unused in (*ended, *([before] if before else ())):
            unused.close()
        return db

    def _opened(self) -> sqlite3.Connection:
        if self._identity() is None:
            self.discard()  # the write-ahead log of a deleted file does not belong to the new one
            create_private(self.path)  # its -wal and -shm get the same mode
        db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                _create_tables(db)
        except BaseException:
            db.close()
            raise
        return db


def is_broken(error: sqlite3.Error) -> bool:
    """Whether a file is no longer a valid database."""
    return getattr(error, "sqlite_errorcode", None) in _BROKEN


def _create_tables(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        db.execute(f"DROP TABLE {table}")
    for statement in _DDL.split(";\n"):
        db.execute(statement)
    # Write numbers start here: above every number of an earlier file.
    first = str(time.time_ns() // 1000)
    db.executemany("INSERT INTO meta VALUES (?, ?)", [("created", first), ("seq", first)])
    db.execute(f"PRAGMA user_version = {_VERSION}")
    db.commit()
