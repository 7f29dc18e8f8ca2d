"""A local copy of the base that answers reads, and is kept up to date with Airtable.

    mirror = Mirror(airtable, base, catalog, state, folder / "mirror.db")
    mirror.load(["Carriers"])           # a full sync; a collection's first use does it too
    with mirror.kept_updated():         # a thread syncs every minute
        mirror.find("Carriers", query)

Why: Airtable answers 5 requests per second, with 100 rows each at 0.6 s per page, and 100,000 per month on the Team
plan.

- A write by this project: the response is stored at once.
- A change or deletion by others: here within `lag` seconds (see `sync`).
- A difference for any other reason: every collection has a full sync once per `repair` seconds, one at a time.
- Airtable is down: reads go on; `age` grows, `last_error` says why.
- The process ends: the file stays, and the next process catches up with one request.
- The file is deleted or broken: full sync.
- A person renames, deletes or retypes a column: the collection keeps what it has, and nothing more is read until the
  table is as it was (see `schema_watch`).

Processes may share one file: the first to find that a sync is due does it for all.
"""

from __future__ import annotations

import fcntl
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from runbook.airtable.client import Airtable
from runbook.catalog import Catalog
from runbook.errors import AirtableError
from runbook.json_types import Item, Json
from runbook.mirror.file import is_broken
from runbook.mirror.full_sync import MAX_STREAMS, full_sync
from runbook.mirror.ingest import Ingester
from runbook.mirror.store import Store
from runbook.mirror.sync import Sync, SyncResult
from runbook.patience import unlimited
from runbook.query.query import Condition, Query
from runbook.readings import Reading, Readings
from runbook.state import State

T = TypeVar("T")

REFRESH_SECONDS = 60.0
"""43,200 requests per month of 100,000, and 15,000 more for a daily full sync of 50,000 rows."""
REPAIR_SECONDS = 24 * 3600.0
_TICK = (0.02, 1.0)  # seconds between two checks whether something is due: least and most


class Mirror:
    """See the module. `path`: its file; `clock`: seconds since 1970. Threads may share it.

    `last_error`: what went wrong at the last sync in the background; None after a success.
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
        self.last_error: Exception | None = None
        self._refresh, self._repair, self._clock = refresh, repair, clock
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._ingester = Ingester(airtable, base, catalog, state, self.store)
        self._sync = Sync(self._ingester, interval=refresh, clock=clock)
        self._stop = threading.Event()

    def __repr__(self) -> str:
        synced = self.store.synced()
        parts = [self.base, f"{len(synced)} collections"]
        if synced:
            parts += [f"{max(map(self.age, synced)):.0f} s old", f"changes seen within {self.lag:.0f} s"]
        parts += [f"{len(problems)} problems" for problems in [self.problems()] if problems]
        return f"Mirror({', '.join(parts)})"

    def close(self) -> None:
        """End its thread and its connections; it may be used again."""
        self._stop.set()
        self.store.close()

    def discard(self) -> None:
        """Delete its file; the next read of a collection does a full sync first."""
        self.store.close()
        self.store.file.discard()

    # Reading

    def get(self, collection: str, item_id: str) -> Item | None:
        """An item by `_id`. Raises AirtableError where the collection was never read in full and cannot be now."""
        return self._read(collection, lambda: self.store.get(collection, item_id))

    def find(self, collection: str, query: Query) -> tuple[list[Item], bool]:
        """The items of a query's page, and whether there are more. Raises as `get`."""
        return self._read(collection, lambda: self.store.find(collection, query))

    def count(self, collection: str, condition: Condition) -> int:
        """How many items a condition keeps. Raises as `get`."""
        return self._read(collection, lambda: self.store.count(collection, condition))

    def row(self, collection: str, item_id: str) -> tuple[str, Item] | None:
        """An item's record and the item as Airtable has it, without what the journal of writes makes of it.

        Of a draft too; None where Airtable has none, and where the collection was never read in full.
        """
        try:
            with self.store.file.snapshot():
                return None if self.store.as_of(collection) is None else self.store.row(collection, item_id)
        except sqlite3.DatabaseError as error:
            if not is_broken(error):
                raise
            return None

    def age(self, collection: str) -> float:
        """Seconds since a collection is known to have equalled Airtable's; infinite where it was never read."""
        as_of = self.store.as_of(collection)
        return math.inf if as_of is None else max(0.0, self._clock() - as_of)

    @property
    def lag(self) -> float:
        """Seconds until a change made by others is here, at the most."""
        return self._sync.lag

    def problems(self) -> list[str]:
        """Records of Airtable that are not rows and why, and what keeps the mirror from being up to date."""
        found = [] if self.last_error is None else [f"not up to date: {self.last_error}"]
        found += [*self._sync.schema.stopped().values(), *self._sync.schema.notes()]
        for aside in self.store.records_set_aside():
            reason = (
                f"has no legacy id yet{f': {aside.waits}' if aside.waits else ''}"
                if aside.id is None
                else f"is a copy of the row {aside.id}; only the row is read"
            )
            found.append(f"{aside.collection}: the record {aside.record} {reason}")
        return found

    def assigned(self) -> list[str]:
        """Rows typed or copied in the grid that got an id lately, and ids that were written again."""
        return self._ingester.assigned()

    def require(self, collection: str) -> None:
        """Raises SchemaDrift where a person has changed the collection's table, so that it cannot be read."""
        self._sync.schema.require([collection])

    def ensure_loaded(self, collection: str) -> None:
        """Full sync of a collection that never had one. Raises AirtableError where that is not possible now."""
        if self.store.as_of(collection) is None:
            with self._exclusive():
                if self.store.as_of(collection) is None:  # another thread or process was faster
                    self._load([collection])

    def catch_up(self, collection: str, timestamp: float) -> None:
        """Make sure that a collection is as it was at a time (seconds since 1970), or later. Raises AirtableError."""
        self.ensure_loaded(collection)
        if not self._is_as_of(collection, timestamp):
            with self._exclusive():
                if not self._is_as_of(collection, timestamp):
                    self._sync.run()
                if not self._is_as_of(collection, timestamp):  # without a webhook not all collections are synced
                    self._load([collection])

    def _is_as_of(self, collection: str, timestamp: float) -> bool:
        as_of = self.store.as_of(collection)
        return as_of is not None and as_of >= timestamp

    def _read(self, collection: str, read: Callable[[], T]) -> T:
        while True:
            try:
                with self.store.file.snapshot():
                    self._sync.schema.require_ids(collection)
                    if self.store.as_of(collection) is not None:
                        return read()
            except sqlite3.DatabaseError as error:
                if not is_broken(error):
                    raise
                self.store.file.discard()
            self.ensure_loaded(collection)

    # Writing

    def ingest(
        self, collection: str, records: Sequence[dict[str, Json]], *, after: int | None = None, by_hand: bool = True
    ) -> list[Item]:
        """Store records as they are in Airtable now; the items among them. `after`: `Store.put`.

        `by_hand`: the caller is not the service that wrote them.
        """
        return self._ingester.ingest(collection, records, after=after, by_hand=by_hand)[0]

    def delete(self, collection: str, ids: Iterable[str]) -> None:
        """Rows were deleted in Airtable."""
        with self.store.file.transaction():
            deleted = list(ids)
            self.store.delete(collection, deleted)
            self._ingester.overlay(collection, deleted)

    def overlay(self, collection: str, ids: Collection[str]) -> None:
        """Make rows what the journal of writes makes of them now."""
        try:
            self._ingester.overlay(collection, ids)
        except sqlite3.DatabaseError as error:
            if not is_broken(error):
                raise
            self.store.file.discard()

    def overlay_all(self) -> None:
        """`overlay` for all rows: after a kill some may not be as the journal makes them."""
        for name in self.store.synced():
            self._ingester.overlay_all(name)

    def finishing(self, lines: Collection[int]) -> AbstractContextManager[None]:
        """What this thread stores within the block is Airtable's answer to these lines of the journal of writes."""
        return self._ingester.finishing(lines)

    def confirm_deleted(self, collection: str, records: Mapping[str, str]) -> None:
        """Look once more whether records, by legacy id, are gone; what is there is stored, and known as a row again.

        By the record and by the legacy id: a copy may have become the row. Raises AirtableError, SchemaDrift.
        """
        mark = self.store.mark()
        self.check_schema()
        self.require(collection)
        found = self._ingester.find(collection, records)
        if found:
            self._ingester.ingest(collection, found, after=mark)
            self._ingester.resolve_set_aside([collection])

    def check_schema(self, *, within: float = 0.0) -> None:
        """Look whether people have changed tables; not again `within` seconds. One request. Raises AirtableError."""
        self._sync.check_schema(within)

    @property
    def is_watched(self) -> bool:
        """Whether a webhook reports changes, deletions and changes of the schema."""
        return self._sync.has_webhook

    def load(
        self,
        collections: Iterable[str] | None = None,
        *,
        streams: int = MAX_STREAMS,
        readings: Readings | None = None,
    ) -> dict[str, int]:
        """Full sync of collections (None: all of the catalog), `streams` at once; how many rows of each differed.

        The webhook is created before the first page is read, so that no change made meanwhile is missed. Rows that are
        written here meanwhile stay as written. Raises AirtableError, and SchemaDrift where a person has changed a
        table; what was stored until then stays.

        `readings`: tables that were read already are not read again; later changes are found by the next sync.
        """
        with self._exclusive():
            names = list(self.catalog.collections if collections is None else collections)
            if readings is None:
                return self._load(names, streams)
            return self._load(names, streams, self._usable(readings, names), readings.tables.all)

    def _usable(self, readings: Readings, names: Iterable[str]) -> dict[str, Reading]:
        """The readings that are newer than what is stored, of collections that nobody writes to here."""
        found = {}
        for name in names:
            reading, as_of = readings.get(name), self.store.as_of(name)
            if reading is not None and (as_of is None or as_of < reading.began) and not self._ingester.is_source(name):
                found[name] = reading
        return found

    def _load(
        self,
        names: Sequence[str],
        streams: int = MAX_STREAMS,
        readings: Mapping[str, Reading] | None = None,
        tables_json: list[dict[str, Json]] | None = None,
    ) -> dict[str, int]:
        self._sync.ensure_webhook()
        readings = readings or {}
        self._sync.schema.check(tables_json)
        self._sync.schema.require(names)
        try:
            changed = full_sync(self._ingester, names, clock=self._clock, streams=streams, readings=readings)
        except AirtableError as error:
            if self._sync.schema.is_drift(error):
                self._sync.schema.require(names)
            raise
        self._sync.set_loaded(names, {name: reading.began for name, reading in readings.items()})
        return changed

    # Staying up to date

    @contextmanager
    def kept_updated(self) -> Iterator[Mirror]:
        """A thread syncs while the block lasts; an error is kept in `last_error`, and the sync is tried again."""
        self._stop.clear()
        thread = threading.Thread(target=self._keep_updated, name="mirror", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join(timeout=60)

    def _keep_updated(self) -> None:
        least, most = _TICK
        while not self._stop.is_set():
            pause = max(least, min(most, self._refresh / 10))
            try:
                self.refresh_if_due()
                self.repair_if_due()
                self.last_error = None
            except Exception as error:  # noqa: BLE001 - whatever it is, reads go on, and the next sync may succeed
                self.last_error, pause = error, self._refresh
            self._stop.wait(pause)

    def refresh_if_due(self) -> SyncResult | None:
        """Sync, if no process has for `refresh` seconds and none does now; None where nothing was done."""
        if not self._sync.is_due():
            return None
        with self._exclusive(wait=False) as acquired:
            return self._sync.run() if acquired else None

    def refresh(self) -> SyncResult:
        """Sync now: store what changed in the base. Raises AirtableError."""
        with self._exclusive():
            return self._sync.run()

    def repair_if_due(self) -> str | None:
        """Full sync of one collection that had none for `repair` seconds; its name, None where nothing was done."""
        name = self.store.oldest_full_sync(self._clock() - self._repair, but=self._sync.schema.stopped())
        if name is None:
            return None
        with self._exclusive(wait=False) as acquired:
            if acquired:
                self._load([name])
            return name if acquired else None

    def delete_webhook(self) -> None:
        """Delete the base's webhook, once no mirror of the base is used any more."""
        with self._exclusive():
            self._sync.delete_webhook()

    @contextmanager
    def _exclusive(self, *, wait: bool = True) -> Iterator[bool]:
        """The lock of the process that syncs; False where another process has it and `wait` is False."""
        with self._lock_path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            with unlimited():  # all who read the mirror wait for this sync
                yield True
