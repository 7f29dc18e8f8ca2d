"""A copy of the base on this machine that reads are answered from, and how it is kept what Airtable is.

    mirror = Mirror(airtable, base, catalog, state, folder / "mirror.db")
    mirror.load(["Carriers"])           # each collection is read whole once, also at its first use
    with mirror.kept():                 # a thread asks every minute what changed
        mirror.find("Carriers", query)

Why: Airtable answers 5 requests a second, 100 rows each at 0.6 s a page, and 100,000 a month on the Team plan.

- This project writes: the answer is taken over at once.
- Others change or remove rows: noticed within `lag` seconds (`watching` says how).
- It drifts, whatever the reason: every collection is read whole once in `repair` seconds, one at a time.
- Airtable is down: it goes on answering; `age` grows, `trouble` says why.
- The process ends: it stays on disk, and the next process catches up with one request.
- Its file is deleted, or broken: collections are read whole again.

Several processes share one file: whichever finds that a look is due does it for all.
"""

from __future__ import annotations

import fcntl
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from runbook.airtable.client import Airtable
from runbook.catalog import Catalog
from runbook.json_types import Item, Json
from runbook.mirror.file import is_broken
from runbook.mirror.full_sync import MOST_STREAMS, read_whole
from runbook.mirror.ingest import Intake
from runbook.mirror.store import Store
from runbook.mirror.sync import Refreshed, Watching
from runbook.query.query import Condition, Query
from runbook.state import State

T = TypeVar("T")

REFRESH_SECONDS = 60.0
"""43,200 of a month's 100,000 calls, and 15,000 more for reading 50,000 rows whole every day."""
REPAIR_SECONDS = 24 * 3600.0
_TICK = (0.02, 1.0)  # seconds, at the least and the most, between two looks whether something is due


class Mirror:
    """See the module. `path`: its file; `clock`: seconds since 1970. Threads may share it.

    `trouble`: what went wrong when it was last kept up to date, None if nothing did.
    """

    def __init__(
        self,
        airtable: Airtable,
        base: str,
        catalog: Catalog,
        state: State,
        path: Path,
        *,
        refresh: float = REFRESH_SECONDS,
        repair: float = REPAIR_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.base = base
        self.catalog = catalog
        self.store = Store(path, catalog)
        self.trouble: Exception | None = None
        self._refresh, self._repair, self._clock = refresh, repair, clock
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._intake = Intake(airtable, base, catalog, state, self.store)
        self._watching = Watching(self._intake, refresh=refresh, clock=clock)
        self._stop = threading.Event()

    def __repr__(self) -> str:
        held = self.store.names()
        told = [self.base, f"{len(held)} collections"]
        if held:
            told += [f"{max(map(self.age, held)):.0f} s old", f"changes seen within {self.lag:.0f} s"]
        told += [f"{len(problems)} problems" for problems in [self.problems()] if problems]
        return f"Mirror({', '.join(told)})"

    def close(self) -> None:
        """End its thread and its connections; it may be used again."""
        self._stop.set()
        self.store.close()

    def discard(self) -> None:
        """Delete it; what is read of it from then on is read whole from Airtable first."""
        self.store.close()
        self.store.file.discard()

    # Reading

    def get(self, collection: str, item_id: str) -> Item | None:
        """An item by `_id`. Raises AirtableError where the collection was never read and cannot be now."""
        return self._read(collection, lambda: self.store.get(collection, item_id))

    def find(self, collection: str, query: Query) -> tuple[list[Item], bool]:
        """The items of a query's page, and whether more follow. Raises as `get`."""
        return self._read(collection, lambda: self.store.find(collection, query))

    def count(self, collection: str, condition: Condition) -> int:
        """How many items a condition keeps. Raises as `get`."""
        return self._read(collection, lambda: self.store.count(collection, condition))

    def age(self, collection: str) -> float:
        """Seconds since a collection is known to have been what Airtable is; infinite where it was never read."""
        held = self.store.held(collection)
        return math.inf if held is None else max(0.0, self._clock() - held.as_of)

    @property
    def lag(self) -> float:
        """Seconds by which a change that others make may be late."""
        return self._watching.lag

    def problems(self) -> list[str]:
        """What keeps records of Airtable from being rows, and what keeps it from being up to date."""
        found = [] if self.trouble is None else [f"not kept up to date: {self.trouble}"]
        for aside in self.store.asides():
            why = (
                "has no legacy id yet" if aside.id is None else f"is a copy of the row {aside.id}, which alone is read"
            )
            found.append(f"{aside.collection}: the record {aside.record} {why}")
        return found

    def need(self, collection: str) -> None:
        """Read a collection whole where it never was. Raises AirtableError where that cannot be done now."""
        if self.store.held(collection) is None:
            with self._alone():
                if self.store.held(collection) is None:  # another thread or process was quicker
                    self._load([collection])

    def catch_up(self, collection: str, moment: float) -> None:
        """See that a collection is here as it was at a moment (seconds since 1970), or later. Raises AirtableError."""
        self.need(collection)
        if not self._is_of(collection, moment):
            with self._alone():
                if not self._is_of(collection, moment):
                    self._watching.look()
                if not self._is_of(collection, moment):  # not all collections are looked at, where none tells
                    self._load([collection])

    def _is_of(self, collection: str, moment: float) -> bool:
        held = self.store.held(collection)
        return held is not None and held.as_of >= moment

    def _read(self, collection: str, ask: Callable[[], T]) -> T:
        while True:
            try:
                with self.store.file.snapshot():
                    if self.store.held(collection) is not None:
                        return ask()
            except sqlite3.DatabaseError as error:
                if not is_broken(error):
                    raise
                self.store.file.discard()
            self.need(collection)

    # Taking over

    def learn(self, collection: str, records: Sequence[dict[str, Json]], *, after: int | None = None) -> list[Item]:
        """Take over records as they are in Airtable now; the items among them. `after`: `Store.put`."""
        return self._intake.take(collection, records, after=after)[0]

    def forget(self, collection: str, ids: Iterable[str]) -> None:
        """Rows are no longer in Airtable."""
        self.store.drop(collection, ids)

    def load(self, collections: Iterable[str] | None = None, *, streams: int = MOST_STREAMS) -> dict[str, int]:
        """Read collections whole (all of the catalog where None), `streams` at once; how many rows differed.

        The base is watched before the first page is read, so that nothing which changes meanwhile is missed. Rows that
        are written here meanwhile stay as written. Raises AirtableError; what was taken over until then stays.
        """
        with self._alone():
            return self._load(list(self.catalog.collections if collections is None else collections), streams)

    def _load(self, names: Sequence[str], streams: int = MOST_STREAMS) -> dict[str, int]:
        self._watching.begin()
        return read_whole(self._intake, names, clock=self._clock, streams=streams)

    # Keeping up

    @contextmanager
    def kept(self) -> Iterator[Mirror]:
        """A thread keeps it up to date while the block lasts; what goes wrong is `trouble`, and is tried again."""
        self._stop.clear()
        thread = threading.Thread(target=self._keep, name="mirror", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join(timeout=60)

    def _keep(self) -> None:
        least, most = _TICK
        while not self._stop.is_set():
            pause = max(least, min(most, self._refresh / 10))
            try:
                self.refresh_if_due()
                self.repair_if_due()
                self.trouble = None
            except Exception as error:  # noqa: BLE001 - whatever it is, reads go on, and the next look may do better
                self.trouble, pause = error, self._refresh
            self._stop.wait(pause)

    def refresh_if_due(self) -> Refreshed | None:
        """Look what changed, if no process has for `refresh` seconds and none does now; None where nothing was done."""
        if not self._watching.is_due():
            return None
        with self._alone(wait=False) as mine:
            return self._watching.look() if mine else None

    def refresh(self) -> Refreshed:
        """Look now what changed in the base, and take it over. Raises AirtableError."""
        with self._alone():
            return self._watching.look()

    def repair_if_due(self) -> str | None:
        """Read one collection whole that was not for `repair` seconds; its name, None where none is due."""
        name = self.store.read_before(self._clock() - self._repair)
        if name is None:
            return None
        with self._alone(wait=False) as mine:
            if mine:
                self._load([name])
            return name if mine else None

    def unwatch(self) -> None:
        """Drop the base's webhook: of a base whose mirrors are not used any more."""
        with self._alone():
            self._watching.end()

    @contextmanager
    def _alone(self, *, wait: bool = True) -> Iterator[bool]:
        """The turn to read from Airtable for all processes; False where another has it and `wait` is False."""
        with self._lock_path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True
