"""Sends the journal of writes to Airtable: in order per row, until Airtable has each line or has refused it.

    with journal.kept_sent():           # a thread sends what anyone appends to the journal of this base
        journal.append([NewWrite("Carriers", "1f…", "patch", {"status": "active"})])
    journal.drain(timeout=30.0)         # what is left then, by collection

- Two never send the same lines at once: a row's lines are sent under a lock of their own, which writers of the row need
  only to send lines themselves, so an append does not wait for a request.
- A kill anywhere is harmless: a line leaves the journal after all that follows from it is noted; whether one that was
  being sent has arrived is looked up.
- Airtable is down: lines wait, and are sent again. It refuses a write: that line is kept with the reason, the row is
  again as Airtable has it, and the others go on.
"""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Protocol

from runbook.airtable.rate_limiter import RateLimiter
from runbook.catalog import Catalog
from runbook.errors import AirtableError, AmbiguousKey, RecordsError, RunbookError, SchemaDrift, SourceDown
from runbook.json_types import Item
from runbook.mirror.batches import Batch, Order, Row, RowWrites
from runbook.mirror.file import is_broken
from runbook.mirror.mirror import Mirror
from runbook.patience import turn_limit
from runbook.state import PendingCount, PendingWrite, State
from runbook.state.pending_writes import NewWrite

MAX_LINES = 1000
MAX_SECONDS = 3600.0
_STREAMS = 6  # requests at once
_TICK = 0.2  # seconds between two looks for what other processes appended
_LAST_SECONDS = 5.0  # to send what is left when the thread ends
_MOST_PAUSE = 10.0  # seconds between two attempts
_OVERLAY_SECONDS = 60.0  # between two looks whether all rows are as the journal makes them


class Delivery(Protocol):
    """Writes rows in Airtable."""

    def write(self, batch: Batch) -> None:
        """Write a batch's rows, note the outcome and take its lines out of the journal; raises what Airtable refused.

        Killed anywhere and called again, it does what is left.
        """

    def read_again(self, collection: str, item_id: str) -> None:
        """Make the mirror's row as Airtable has it."""


class Journal:
    """Of one base. Threads may share it.

    `max_lines`, `max_seconds`: lines that may wait, and for how long. `last_error`: what went wrong at the last attempt
    in the background; None after a success.
    """

    def __init__(
        self,
        base: str,
        catalog: Catalog,
        state: State,
        mirror: Mirror | None,
        limiter: Callable[[], RateLimiter],
        delivery: Delivery,
        *,
        max_lines: int = MAX_LINES,
        max_seconds: float = MAX_SECONDS,
    ) -> None:
        self.pending = state.pending_writes(base)
        self.order = Order(catalog)
        self.last_error: Exception | None = None
        self.is_running = False
        """Whether a thread of this process sends."""
        self._base, self._catalog, self._state, self._mirror = base, catalog, state, mirror
        self._limiter, self._delivery = limiter, delivery
        self.max_lines, self.max_seconds = max_lines, max_seconds
        self._pool = ThreadPoolExecutor(_STREAMS, thread_name_prefix="journal")
        self._appended, self._stop = threading.Event(), threading.Event()

    def __repr__(self) -> str:
        return f"Journal({self._base})"

    def append(self, writes: Sequence[NewWrite]) -> bool:
        """Append lines, durably; False, and nothing appended, where the journal is full."""
        if self.pending.append(writes, limit=self.max_lines, max_age=self.max_seconds) is None:
            return False
        self._appended.set()
        return True

    def counts(self) -> dict[str, PendingCount]:
        """What waits and what was refused, by collection."""
        return self.pending.counts()

    # Sending

    def send(self, collection: str, ids: Collection[str] | None = None) -> None:
        """Send what rows (None: all of the collection) have in the journal now, and what must go before it.

        Raises SourceDown where that is not possible now.
        """

        def waiting() -> list[PendingWrite]:
            if ids is None:
                return self.pending.lines(collection)
            return [line for of_row in self.pending.of_rows(collection, ids).values() for line in of_row]

        def left() -> list[PendingWrite]:
            rows = {(collection, line.legacy_id) for line in waiting() if line.id <= newest}
            return self.order.with_earlier(self.pending.lines(), rows) if rows else []

        if newest := max((line.id for line in waiting()), default=0):
            self._send_waiting(left)

    def send_linked(self, collection: str, items: Iterable[Item]) -> None:
        """Send the rows to which items of a collection link, so that they can be linked. Raises as `send`."""
        targets = sorted({link.to for link in self._catalog.collection(collection).links})
        lines = [line for target in targets for line in self.pending.lines(target)]
        rows: set[Row] = set()
        for item in items if lines else ():
            rows |= self.order.linked(lines, collection, item)
        for target in targets:
            ids = [item_id for name, item_id in rows if name == target]
            if ids:
                self.send(target, ids)

    def drain(self, timeout: float, *, gives_up: bool = False) -> dict[str, PendingCount]:
        """Send everything; what is left after `timeout` seconds, by collection. `gives_up`: at the first error."""
        deadline = time.monotonic() + timeout
        pause = 0.1
        while self.pending.lines(limit=1) and time.monotonic() < deadline:
            try:
                self._send_waiting(self.pending.lines, lambda: time.monotonic() >= deadline)
            except Exception as error:  # noqa: BLE001 - as in the background
                self._note(error)
                if gives_up:
                    break
                pause = min(pause * 2, max(0.0, deadline - time.monotonic()))
                time.sleep(pause)
            else:
                self.last_error, pause = None, 0.1
        return self.counts()

    @contextmanager
    def kept_sent(self) -> Iterator[Journal]:
        """A thread sends while the block lasts; at its end it has some seconds for what is left."""
        self._stop.clear()
        thread = threading.Thread(target=self._keep_sending, name="journal", daemon=True)
        self.is_running = True
        thread.start()
        try:
            yield self
        finally:
            self.is_running = False
            self._stop.set()
            self._appended.set()
            thread.join(timeout=60)
            if self.last_error is None:
                self.drain(_LAST_SECONDS)

    def close(self) -> None:
        """End its threads."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _keep_sending(self) -> None:
        failures, overlay_at = 0, 0.0
        while not self._stop.is_set():
            try:
                if self._mirror is not None and time.monotonic() >= overlay_at:
                    self._mirror.overlay_all()
                    # Another machine may have sent what this mirror does not have yet: there only once.
                    overlay_at = time.monotonic() + _OVERLAY_SECONDS if self._state.is_local else math.inf
                self._send_all()
                self.last_error, failures = None, 0
            except Exception as error:  # noqa: BLE001 - whatever it is, the lines are kept, and sent later
                self._note(error)
                failures += 1
                self._stop.wait(min(_MOST_PAUSE, 0.5 * 2**failures))
            else:
                self._appended.wait(_TICK)
                self._appended.clear()

    def _note(self, error: Exception) -> None:
        self.last_error = error
        if self._mirror is not None and isinstance(error, sqlite3.DatabaseError) and is_broken(error):
            self._mirror.discard()  # read again from Airtable, it is as the journal makes it

    def _send_all(self) -> None:
        """Send until nothing waits, unless another process does."""
        if not self.pending.lines(limit=1):
            return
        with self._state.locks.exclusive(f"journal {self._base}", timeout=0) as acquired:
            if acquired:
                self._send_waiting(self.pending.lines, self._stop.is_set)

    def _send_waiting(
        self, waiting: Callable[[], Sequence[PendingWrite]], stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Send until nothing is `waiting`, which gives lines in order; a request begins as soon as another has ended.

        Where Airtable is closed to us for one collection, the others go on; where it is down, nothing new is begun.
        Raises the first error, once all that have begun have ended.
        """
        in_flight: dict[Future[None], Batch] = {}
        errors: list[BaseException] = []
        closed: set[str] = set()
        is_down = False
        while True:
            if not is_down and not stop():
                lines = waiting()
                busy = {(batch.collection, row.legacy_id) for batch in in_flight.values() for row in batch.rows}
                busy |= {(line.collection, line.legacy_id) for line in lines if line.collection in closed}
                most = self._streams() - len(in_flight)
                for batch in self.order.next_batches(lines, most, busy=busy):
                    # With the patience of this call.
                    in_flight[self._pool.submit(copy_context().run, self._send, batch)] = batch
            if not in_flight:
                break
            ended, _ = wait(in_flight, timeout=_TICK, return_when=FIRST_COMPLETED)
            for future in ended:
                batch = in_flight.pop(future)
                if (error := future.exception()) is not None:
                    errors.append(error)
                    closed.add(batch.collection)
                    is_down |= isinstance(error, SourceDown)
        if errors:
            raise errors[0]

    def _streams(self) -> int:
        """How many requests at once use the whole rate."""
        limiter = self._limiter()
        needed = math.ceil(limiter.latency * limiter.rate) + 1 if limiter.rate and limiter.latency else 1
        return min(_STREAMS, needed)

    def _send(self, batch: Batch) -> None:
        """Send a batch whose lines are still as they were read."""
        name, ids = batch.collection, [row.legacy_id for row in batch.rows]
        limit = turn_limit()
        timeout = None if limit == math.inf else max(0.0, limit - time.monotonic())
        with self._state.locks.sending(name, ids, timeout=timeout) as acquired:
            if not acquired:
                raise SourceDown(
                    f"{name}: what is in the journal of a row is still being sent after {timeout:.0f} s",
                    collection=name,
                    done=False,
                )
            now = self.pending.of_rows(name, ids)
            same = [row for row in batch.rows if tuple(now.get(row.legacy_id, ())[: len(row.lines)]) == row.lines]
            if same:
                self._write_or_refuse(batch._replace(rows=tuple(same)))

    def _write_or_refuse(self, batch: Batch) -> None:
        try:
            self._delivery.write(batch)
            return
        except (RunbookError, AirtableError) as error:
            if not _is_refusal(error):
                raise
            reason = str(error)
        parts = batch.parts()
        for part in parts:
            self._write_or_refuse(part)
        if not parts:
            self._refuse(batch.collection, batch.rows[0], reason)

    def _refuse(self, collection: str, row: RowWrites, reason: str) -> None:
        self.pending.refuse({row.lines[0].id: reason})
        if self._mirror is not None:
            self._mirror.overlay(collection, [row.legacy_id])
            with suppress(RunbookError):  # then it is as it was read last
                self._delivery.read_again(collection, row.legacy_id)


def _is_refusal(error: RunbookError) -> bool:
    """Whether a write will be refused again, rather than Airtable being down or closed to us."""
    if isinstance(error, AirtableError):
        return error.status in (400, 413, 422)
    return isinstance(error, RecordsError | SchemaDrift | AmbiguousKey) and not isinstance(error, SourceDown)
