"""Turns: what only one process may do at a time to one base, such as making its tables and loading rows into it.

On SQLite a locked file beside the state's, on PostgreSQL an advisory lock of a session: either is free again when its
process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from runbook.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runbook.state.database import Database

_SECONDS = 0.2  # between two looks at whether it is free


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
    def _file(self, name: str, on_wait: Callable[[], None] | None) -> Iterator[None]:
        path = Path(f"{self._db.path}.{hashlib.sha256(name.encode()).hexdigest()[:12]}.turn")
        try:
            file = path.open("a")
        except OSError as error:
            raise SettingError(f"RUNBOOK_STATE_URL: {path} cannot be written: {error.strerror}") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if on_wait is not None:
                    on_wait()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _session(self, name: str, on_wait: Callable[[], None] | None) -> Iterator[None]:
        key = {"key": int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)}
        told = False
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
