"""Named locks among threads, processes and, on PostgreSQL, machines.

    with locks.exclusive("carry back app…"): ...     # one of a few fixed names
    with locks.keyed(["views 1234567"]): ...          # any number of names, such as a key of the data
    with locks.rows("Carriers", ["1f…"]): ...         # rows against every other writer

On SQLite they are locked files beside the state's, on PostgreSQL advisory locks of a session: either is released when
its process ends, however it ends. Not reentrant.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import IO

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from runbook.errors import SettingError
from runbook.state.database import Database

CALLS = "calls"
"""Held shared by every call of a service, and exclusively while a flag changes."""
MANY_ROWS = 100
"""Above this, all rows of a collection are locked rather than each: a process may have some hundred files open."""
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

    @contextmanager
    def rows(self, collection: str, ids: Iterable[str]) -> Iterator[None]:
        """Hold rows, by `_id`, against every other writer, on whichever side they are written."""
        names = {f"row {collection} {item_id}" for item_id in ids}
        whole = f"rows {collection}"
        with ExitStack() as held:
            if len(names) > MANY_ROWS:
                held.enter_context(self.exclusive(whole))
            elif self._db.is_sqlite:
                held.enter_context(self.shared(whole))
                held.enter_context(self.keyed(names))
            else:  # one connection for all of them: twenty callers need twenty
                connection = held.enter_context(self._db.session())
                connection.execute(text("SELECT pg_advisory_lock_shared(:key)"), _key(whole))
                held.callback(connection.execute, text("SELECT pg_advisory_unlock_shared(:key)"), _key(whole))
                _lock_keys(connection, names, None, held)
            yield

    def sending(
        self, collection: str, ids: Iterable[str], *, timeout: float | None = None
    ) -> AbstractContextManager[bool]:
        """Hold rows against whoever sends their lines of the journal of writes; as `keyed`.

        Who holds `rows` may take it, not the other way round.
        """
        return self.keyed((f"sending {collection} {item_id}" for item_id in ids), timeout=timeout)

    @contextmanager
    def keyed(self, names: Iterable[str], *, timeout: float | None = None) -> Iterator[bool]:
        """Hold an exclusive lock for each name, of which there may be any number over time: none leaves a file.

        False, and nothing held, where others still had one after `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with ExitStack() as held:
            acquired = True
            if self._db.is_sqlite:
                for path in sorted({self._path(name) for name in names}):  # all callers in one order
                    acquired = acquired and held.enter_context(_passing_file(path, deadline))
            else:
                acquired = _lock_keys(held.enter_context(self._db.session()), names, deadline, held)
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
            if not _lock_until(file, deadline):
                return False
        return True

    def _lock_session(self, name: str, timeout: float | None, on_wait: Callable[[], None], held: ExitStack) -> bool:
        connection = held.enter_context(self._db.session())
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), _key(name)):
            on_wait()
            if not _lock_in_time(connection, _key(name), timeout):
                return False
        held.callback(connection.execute, text("SELECT pg_advisory_unlock(:key)"), _key(name))
        return True

    def _open(self, name: str) -> IO[str]:
        return _open(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._db.path}.{_digest(name).hex()[:12]}.lock"


def _lock_keys(connection: Connection, names: Iterable[str], deadline: float | None, held: ExitStack) -> bool:
    for key in sorted({_key(name)["key"] for name in names}):
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not _lock_in_time(connection, {"key": key}, left):
            return False
        held.callback(connection.execute, text("SELECT pg_advisory_unlock(:key)"), {"key": key})
    return True


def _open(path: str) -> IO[str]:
    try:
        return open(path, "a")
    except OSError as error:
        raise SettingError(f"RUNBOOK_STATE_URL: {path} cannot be written: {error.strerror}") from None


@contextmanager
def _passing_file(path: str, deadline: float | None) -> Iterator[bool]:
    """Hold a locked file that is deleted at the end; whoever waited for it then makes it again.

    False, and nothing held, where others still had it at the deadline.
    """
    while True:
        with _open(path) as file:
            if not _lock_until(file, deadline):
                yield False
                return
            if not _is_at(path, file):  # its last holder has deleted it
                continue
            try:
                yield True
            finally:
                os.unlink(path)
            return


def _lock_until(file: IO[str], deadline: float | None) -> bool:
    if deadline is None:
        fcntl.flock(file, fcntl.LOCK_EX)
        return True
    while not _try_lock(file):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _lock_in_time(connection: Connection, key: dict[str, int], timeout: float | None) -> bool:
    """Wait for an advisory lock of PostgreSQL; False where others still had it after `timeout` seconds."""
    connection.execute(text(f"SET lock_timeout = {0 if timeout is None else max(1, int(timeout * 1000))}"))
    try:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), key)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    finally:
        connection.execute(text("SET lock_timeout = 0"))
    return True


def _is_at(path: str, file: IO[str]) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _key(name: str) -> dict[str, int]:
    return {"key": int.from_bytes(_digest(name)[:8], signed=True)}


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
