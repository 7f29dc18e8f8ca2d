"""The database of the state: opened, its tables made or upgraded, read and written in transactions.

SQLite: a file of mode 600 in WAL mode, so that reads never wait; a write takes the lock at its beginning, or two
processes that read and then write would fail on each other. What is committed survives the end of the process, and
what is said to be durable a power failure.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError

from runbook.errors import SettingError
from runbook.private_files import create_private
from runbook.state.migrations import is_ready, upgrade

BUSY_SECONDS = 30.0
EXPECTED = "expected sqlite:////absolute/path/state.db or postgresql://user:password@host/database"
_UPGRADE_LOCK = 0x5275_6E62  # the advisory lock under which PostgreSQL makes and upgrades the tables


class Database:
    """One database: `with db.reading() as c`, `with db.writing() as c`. Threads may share it."""

    def __init__(self, url: str) -> None:
        self._url = _parsed(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = self._sqlite() if self.is_sqlite else self._postgresql()
        self._reader = self._engine.execution_options(reading=True)
        self._durable = self._engine.execution_options(durable=True)
        try:
            self._prepare()
        except SettingError:
            self.close()
            raise
        except DatabaseError as error:
            self.close()
            problem = "cannot be opened" if isinstance(error, OperationalError) else "holds no state"
            raise _error(f"{self} {problem}: {_first_line(error)}") from None

    def __repr__(self) -> str:
        return self._url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees what is committed now."""
        with self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = False) -> Iterator[Connection]:
        """A transaction: committed at the end, rolled back on an error. `durable`: it survives a power failure too."""
        with (self._durable if durable else self._engine).begin() as connection:
            yield connection

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A separate connection, outside of any transaction, however long it is held."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection

    @property
    def path(self) -> Path:
        """SQLite's file."""
        return Path(str(self._url.database)).absolute()

    @property
    def place(self) -> str:
        """Where it is, for people: the file, or the server and database without who connects."""
        url = self._url
        return str(self.path) if self.is_sqlite else f"postgresql://{url.host or ''}:{url.port or ''}/{url.database}"

    def insert(self, table: Table) -> Any:
        """An INSERT that has `on_conflict_do_update` and `on_conflict_do_nothing`."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def upsert(self, table: Table) -> Any:
        """An INSERT that replaces the row with the same primary key."""
        insert = self.insert(table)
        others = {column.name: insert.excluded[column.name] for column in table.c if not column.primary_key}
        return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=others)

    def _prepare(self) -> None:
        # Read without a lock, so it may see another process between its tables: what is not ready is judged under one.
        with self.reading() as connection:
            ready = is_ready(connection)
        if not ready:
            with self.writing() as connection:
                if not self.is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
                upgrade(connection)
        if self.is_sqlite:
            self._use_wal()

    def _use_wal(self) -> None:
        # Kept in the file. To change the mode needs the file alone, and SQLite does not wait for that by itself.
        end = time.monotonic() + BUSY_SECONDS
        with self.reading() as connection:
            while True:
                try:
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                    return
                except OperationalError as error:
                    if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                        raise
                    time.sleep(0.01)

    def _sqlite(self) -> Engine:
        path = self.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            create_private(path)  # its -wal and -shm take the mode from it
        except OSError as error:
            raise _error(f"{path} cannot be written: {error.strerror}") from None
        url = self._url.set(database=str(path))
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, pool_size=4, max_overflow=-1)

        @event.listens_for(engine, "connect")
        def _connected(connection: Any, _: Any) -> None:
            connection.isolation_level = None  # transactions begin where `_begun` says, not before some statements

        @event.listens_for(engine, "begin")
        def _begun(connection: Connection) -> None:
            options = connection.get_execution_options()
            if not options.get("reading"):
                level = "FULL" if options.get("durable") else "NORMAL"  # PostgreSQL's commits are durable as they are
                connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
                connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine

    def _postgresql(self) -> Engine:
        try:
            return create_engine(self._url, pool_pre_ping=True, pool_size=4, max_overflow=-1)
        except ModuleNotFoundError as error:
            raise SettingError(
                f"RUNBOOK_STATE_URL: {self} needs the package {error.name}, which is not installed; "
                "`pip install 'psycopg[binary]'` installs PostgreSQL's"
            ) from None


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError):
        scheme = url.partition(":")[0]
        raise _error(f"it starts with {scheme!r:.40}, which is not a supported database") from None
    if backend not in ("sqlite", "postgresql"):
        raise _error(f"it names {backend}, which is not a supported database")
    if backend == "sqlite":
        if parsed.host:
            raise _error("it has two slashes before the path; a file needs three or four")
        if parsed.database in (None, "", ":memory:"):
            raise _error("it names no file, and the state must outlive its process")
    elif not parsed.database:
        raise _error("it names no database on the server")
    return parsed


def _error(problem: str) -> SettingError:
    return SettingError(f"RUNBOOK_STATE_URL: {problem}; {EXPECTED}")


def _first_line(error: DatabaseError) -> str:
    return str(error.orig).strip().partition("\n")[0]


CHUNK = 500
"""Values in one statement, at the most."""


def chunked(values: Iterable[str]) -> Iterator[list[str]]:
    """Values in lists of `CHUNK`."""
    listed = list(values)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]
