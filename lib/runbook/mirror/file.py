"""The mirror's file: SQLite beside the state, mode 600, that any process of this machine may share.

    file = File(path)
    with file.snapshot() as db: ...         # reads that see one moment
    with file.writing() as db: ...          # a transaction

It can be deleted at any time, also while it is in use: it is made again, empty. One that is no database any more is
taken for deleted.
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

_VERSION = 2
_BUSY_SECONDS = 30.0
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# row: an item, under its `_id`, with the record that it is. `seq`: the number of the write that put it there.
# place: where an item stands by a key; see `places`.
# aside: records of Airtable that are no rows; `id`: the row whose legacy id it carries, NULL where it carries none.
# gone: rows that were taken out, until their collection is next read whole.
# held: collections that are here whole.
_DDL = """
CREATE TABLE IF NOT EXISTS row (
    n INTEGER PRIMARY KEY, collection TEXT NOT NULL, id TEXT NOT NULL, record TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL, hidden INTEGER NOT NULL, item TEXT NOT NULL, UNIQUE (collection, id)) STRICT;
CREATE INDEX IF NOT EXISTS row_hidden ON row (collection) WHERE hidden;
CREATE TABLE IF NOT EXISTS place (
    collection TEXT NOT NULL, key TEXT NOT NULL, place BLOB NOT NULL, id TEXT NOT NULL, ends INTEGER NOT NULL,
    n INTEGER NOT NULL, PRIMARY KEY (collection, key, place, id)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aside (
    record TEXT PRIMARY KEY, collection TEXT NOT NULL, id TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone (
    collection TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (collection, id)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
    collection TEXT PRIMARY KEY, layout TEXT NOT NULL, rows INTEGER NOT NULL, as_of REAL NOT NULL,
    read_at REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


class File:
    """See the module. Threads and processes may share it; each thread has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._open: dict[threading.Thread, sqlite3.Connection] = {}
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.reading()

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
        """Delete it; it is made again when it is next used."""
        for path in self._paths():
            path.unlink(missing_ok=True)

    def reading(self) -> sqlite3.Connection:
        """This thread's connection, to the file that is there now."""
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None or not (db.in_transaction or self._identity() == self._local.identity):
            db = self._connect()
        return db

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Reads in the block see one moment. Nothing is to be written in it."""
        db = self.reading()
        if db.in_transaction:
            yield db
            return
        db.execute("BEGIN")
        try:
            yield db
        finally:
            db.rollback()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, or a part of the one that the block is in: committed at the end, rolled back on an error."""
        db = self.reading()
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

    def _paths(self) -> list[Path]:
        return [self.path.with_name(self.path.name + end) for end in ("", "-wal", "-shm")]

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _connect(self) -> sqlite3.Connection:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # one process at a time finds out whether the file has to be made
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
            self.discard()  # the write-ahead log of a file that is gone says nothing of a new one
            create_private(self.path)  # its -wal and -shm take the mode from it
        db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                _make(db)
        except BaseException:
            db.close()
            raise
        return db


def is_broken(error: sqlite3.Error) -> bool:
    """Whether a file holds no database any more."""
    return getattr(error, "sqlite_errorcode", None) in _BROKEN


def _make(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        db.execute(f"DROP TABLE {table}")
    for statement in _DDL.split(";\n"):
        db.execute(statement)
    # Numbers of writes go on from here, above every number of a file that was there before.
    db.executemany("INSERT INTO note VALUES (?, ?)", [(name, str(time.time_ns() // 1000)) for name in ("made", "seq")])
    db.execute(f"PRAGMA user_version = {_VERSION}")
    db.commit()
