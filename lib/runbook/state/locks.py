"""Named locks among threads, processes and, on PostgreSQL, machines.

On SQLite they are locked files beside the state's, on PostgreSQL advisory locks of a session: either is released when
its process ends, however it ends. Not reentrant.
"""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from runbook.errors import SettingError
from runbook.state.database import Database

CALLS = "calls"
"""Held shared by every call of a service, and exclusively while a flag changes."""
_POLL_SECONDS = 0.02
_LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL: `lock_timeout` has passed


class Locks:
    """`with locks.exclusive("name"): ...`; many may hold `locks.shared("name")` at once."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @contextmanager
    def shared(self, name: str) -> Iterator[None]:
        """Hold a shared lock; waits while another has, or waits for, the exclusive one."""
        if self._db.is_sqlite:
            with self._open(name) as file:
                # Who waits for the exclusive lock has the gate: new shared ones cannot keep it waiting for ever.
                with self._open(f"{name} gate") as gate:
                    fcntl.flock(gate, fcntl.LOCK_SH)
                    fcntl.flock(file, fcntl.LOCK_SH)
                yield
            return
        with self._db.session() as connection:
            connection.execute(text("SELECT pg_advisory_lock_shared(:key)"), _key(name))
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock_shared(:key)"), _key(name))

    @contextmanager
    def exclusive(
        self, name: str, *, timeout: float | None = None, on_wait: Callable[[], None] = lambda: None
    ) -> Iterator[bool]:
        """Hold an exclusive lock; False, and nothing held, where others still had it after `timeout` seconds.

        `on_wait` is called once where it must be waited for.
        """
        with ExitStack() as held:
            if self._db.is_sqlite:
                acquired = self._lock_files(name, timeout, on_wait, held)
            else:
                acquired = self._lock_session(name, timeout, on_wait, held)
            if not acquired:
                held.close()
            yield acquired

    def _lock_files(self, name: str, timeout: float | None, on_wait: Callable[[], None], held: ExitStack) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        waits = False
        for file in (held.enter_context(self._open(f"{name} gate")), held.enter_context(self._open(name))):
            if _try_lock(file):
                continue
            if not waits:
                on_wait()
                waits = True
            if deadline is None:
                fcntl.flock(file, fcntl.LOCK_EX)
                continue
            while not _try_lock(file):
                if time.monotonic() >= deadline:
                    return False
                time.sleep(_POLL_SECONDS)
        return True

    def _lock_session(self, name: str, timeout: float | None, on_wait: Callable[[], None], held: ExitStack) -> bool:
        connection = held.enter_context(self._db.session())
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), _key(name)):
            on_wait()
            connection.execute(text(f"SET lock_timeout = {0 if timeout is None else max(1, int(timeout * 1000))}"))
            try:
                connection.execute(text("SELECT pg_advisory_lock(:key)"), _key(name))
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                    raise
                return False
            finally:
                connection.execute(text("SET lock_timeout = 0"))
        held.callback(connection.execute, text("SELECT pg_advisory_unlock(:key)"), _key(name))
        return True

    def _open(self, name: str) -> IO[str]:
        path = f"{self._db.path}.{hashlib.sha256(name.encode()).hexdigest()[:12]}.lock"
        try:
            return open(path, "a")
        except OSError as error:
            raise SettingError(f"RUNBOOK_STATE_URL: {path} cannot be written: {error.strerror}") from None


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _key(name: str) -> dict[str, int]:
    return {"key": int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)}
