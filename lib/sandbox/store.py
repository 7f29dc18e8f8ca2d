"""The one place state lives: a SQLite database, on disk with `--data`, else in memory.

Both services keep their rows here, so one commit is one answer: what was answered 200 is in the database,
what was not is there wholly or not at all. The server runs on one thread and never awaits inside a
transaction, so a transaction needs no lock beside SQLite's own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class StoreError(RuntimeError):
    """The data folder cannot be used: it cannot be made, or belongs to another running sandbox."""


class Store:
    """A SQLite connection in autocommit mode, with explicit transactions.

    `folder` is made if it is missing. Raises StoreError if that fails, or another process holds it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        if folder is None:
            path = ":memory:"
        else:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(f"{folder} cannot be made: {error.strerror}; give another --data") from None
            path = str(folder / "sandbox.sqlite")
        self.connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=0.5
        )
        self._on_rollback: list[Callable[[], None]] = []
        self._depth = 0
        self.serial = 0  # of the transaction that runs, or ran last
        try:
            if folder is not None:
                self.connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                # WAL with NORMAL: a commit is a write to the log file, which outlives kill -9
                # (it may be lost with the power, which no rehearsal needs to survive).
                self.connection.execute("PRAGMA journal_mode = WAL")
                self.connection.execute("PRAGMA synchronous = NORMAL")
            self.connection.execute("PRAGMA cache_size = -32768")
            self.connection.execute("CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value ANY) STRICT")
        except sqlite3.OperationalError as error:
            self.connection.close()
            if "locked" in str(error):
                raise StoreError(
                    f"{folder} is in use by another running sandbox: stop it, or give another --data"
                ) from None
            raise

    def script(self, statements: str) -> None:
        """Run DDL; several statements."""
        self.connection.executescript(statements)

    def execute(self, sql: str, parameters: Iterable[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self.connection.execute(sql, tuple(parameters))

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[Any]:
        """Every row of a query, as tuples."""
        return self.connection.execute(sql, tuple(parameters)).fetchall()

    def row(self, sql: str, parameters: Iterable[Any] = ()) -> Any | None:
        """The first row of a query, or None."""
        return self.connection.execute(sql, tuple(parameters)).fetchone()

    def many(self, sql: str, parameters: Iterable[tuple[Any, ...]]) -> None:
        """Run one statement for each row of parameters."""
        self.connection.executemany(sql, parameters)

    def setting(self, name: str, default: Any = None) -> Any:
        """A single remembered value."""
        found = self.row("SELECT value FROM setting WHERE name = ?", (name,))
        return default if found is None else found[0]

    def set_setting(self, name: str, value: Any) -> None:
        """Remember a single value."""
        self.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))

    def on_rollback(self, forget: Callable[[], None]) -> None:
        """Have `forget` called after a rollback: whoever caches rows drops them there."""
        self._on_rollback.append(forget)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. A transaction inside another joins it. Never await inside."""
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        self.connection.execute("BEGIN IMMEDIATE")
        self._depth = 1
        self.serial += 1
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            for forget in self._on_rollback:
                forget()
            raise
        else:
            self.connection.execute("COMMIT")
        finally:
            self._depth = 0

    def close(self) -> None:
        """Close the database; the last commit stays."""
        self.connection.close()
