"""Turns: what only one process may do at a time to one base, such as making its tables and loading rows into it.

A turn can be shared by many (`share`), and then be taken whole by one that waits for them all (`whole`).

On SQLite a locked file beside the state's, on PostgreSQL an advisory lock of a session: either is free again when its
process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from runbook.errors import SettingError
from runbook.state.database import Database

_SECONDS = 0.2  # between two looks at whether it is free
CALLS = "calls"
"""The turn that every call of a service shares, and that turning a flag takes whole."""


class Turns:
    """Named locks. Not to be taken again by who holds it."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @contextmanager
    def take(self, name: str, *, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the turn `name`; waits while another process has it, and says so once through `on_wait`."""
        with self._file(name, on_wait) if self._db.is_sqlite else self._session(name, on_wait):
            yield

    @contextmanager
    def share(self, name: str) -> Iterator[None]:
        """Hold a share in a turn; waits while someone has, or waits for, the whole of it."""
        if not self._db.is_sqlite:
            with self._db.session() as connection:
                connection.execute(text("SELECT pg_advisory_lock_shared(:key)"), _key(name))
                try:
                    yield
                finally:
                    connection.execute(text("SELECT pg_advisory_unlock_shared(:key)"), _key(name))
            return
        with self._path(name).open("a") as shared:
            # Who waits for the whole has the gate, so that new shares cannot keep it waiting for ever.
            with self._path(f"{name} gate").open("a") as gate:
                fcntl.flock(gate, fcntl.LOCK_SH)
                fcntl.flock(shared, fcntl.LOCK_SH)
            yield

    @contextmanager
    def whole(self, name: str, seconds: float) -> Iterator[bool]:
        """Hold all of a turn that others share; False, and nothing held, where some still had it after `seconds`."""
        deadline = time.monotonic() + seconds
        if not self._db.is_sqlite:
            with self._db.session() as connection:
                connection.execute(text(f"SET lock_timeout = {max(1, int(seconds * 1000))}"))
                try:
                    connection.execute(text("SELECT pg_advisory_lock(:key)"), _key(name))
                except OperationalError:
                    yield False
                    return
                finally:
                    connection.execute(text("SET lock_timeout = 0"))
                try:
                    yield True
                finally:
                    connection.execute(text("SELECT pg_advisory_unlock(:key)"), _key(name))
            return
        with self._path(f"{name} gate").open("a") as gate, self._path(name).open("a") as shared:
            for file in (gate, shared):
                while not _locked(file):
                    if time.monotonic() >= deadline:
                        gate.close()  # calls go on
                        yield False
                        return
                    time.sleep(_SECONDS / 10)
            yield True

    def _path(self, name: str) -> Path:
        return Path(f"{self._db.path}.{hashlib.sha256(name.encode()).hexdigest()[:12]}.turn")

    @contextmanager
    def _file(self, name: str, on_wait: Callable[[], None] | None) -> Iterator[None]:
        path = self._path(name)
        try:
            file = path.open("a")
        except OSError as error:
            raise SettingError(f"RUNBOOK_STATE_URL: {path} cannot be written: {error.strerror}") from None
        with file:
            if not _locked(file):
                if on_wait is not None:
                    on_wait()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _session(self, name: str, on_wait: Callable[[], None] | None) -> Iterator[None]:
        key, told = _key(name), False
        with self._db.session() as connection:
            while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), key):
                if on_wait is not None and not told:
                    on_wait()
                told = True
                time.sleep(_SECONDS)
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _key(name: str) -> dict[str, int]:
    return {"key": int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)}
