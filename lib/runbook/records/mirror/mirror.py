"""A copy of the base on this machine that reads are answered from, and how it is kept what Airtable is.

    mirror = Mirror(airtable, base, catalog, state, folder / "mirror.db")
    mirror.load(["Carriers"])           # each collection is read whole once, also at its first use
    with mirror.kept():                 # a thread asks every 30 seconds what changed
        mirror.find("Carriers", query)

Why: Airtable answers 5 requests a second, 100 rows each at 0.6 s a page, and 100,000 a month on the Team plan.

- This project writes: the answer is taken over at once.
- Others change or remove rows: the base's webhook tells within `refresh` seconds, at one request for the whole base
  while nothing changed.
- No webhook can be made: each table is asked by modified time, in turn; `lag` says how late a change may be. That a
  row was removed is noticed when its table is next read whole.
- The watch is lost (7 days without a look): every collection is read again, and answered from meanwhile.
- It drifts, whatever the reason: every collection is read whole once in `repair` seconds, one at a time.
- Airtable is down: it goes on answering; `age` grows.
- The process ends: it stays on disk, and the next process catches up with one request.

Several processes share one file: whichever finds that a refresh is due does it for all.
"""

from __future__ import annotations

import fcntl
import math
import sqlite3
import string
import threading
import time
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from runbook.airtable import formulas
from runbook.airtable.tables import Tables
from runbook.airtable.webhooks import KEPT_SECONDS, Watch, create_watch, drop_watch, read_changes
from runbook.catalog import LEGACY_ID
from runbook.errors import TargetError
from runbook.mapping import Mapping
from runbook.records.mirror.store import Store
from runbook.records.values import stamp
from runbook.state import Landed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from runbook.airtable.client import Airtable
    from runbook.catalog import Catalog
    from runbook.json_types import Item, Json
    from runbook.records.query import Condition, Query
    from runbook.state import State

REFRESH_SECONDS = 30.0
REPAIR_SECONDS = 24 * 3600.0
CALLS_A_SECOND = 0.04  # to Airtable while nothing changes
WORKERS = 8
_STREAM_ROWS = 500  # rows from which on a table is read by several at once
_BY_ID = 100  # records a look-up: a page
_ID_CHARACTERS = string.digits + string.ascii_letters
_OVERLAP = 5.0  # seconds: a change that was written while the last look was under way
_WATCH, _LOOKED, _TABLES = "watch", "looked", "tables"


@dataclass(frozen=True)
class Refreshed:
    """What a look at the base came to: rows taken over, rows removed; `whole`: collections that were read whole."""

    changed: int = 0
    removed: int = 0
    whole: tuple[str, ...] = ()


class Mirror:
    """See the module. `path`: its file; `clock`: seconds since 1970. Threads may share it."""

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
        self._airtable, self._state = airtable, state
        self._refresh_seconds, self._repair_seconds, self._clock = refresh, repair, clock
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._mappings: dict[str, Mapping] = {}
        self._stop = threading.Event()

    def __repr__(self) -> str:
        return f"Mirror({self.base}, {len(self.store.names())} collections)"

    def close(self) -> None:
        """End its thread and its connections; it may be used again."""
        self._stop.set()
        self.store.close()

    # Reading

    def get(self, collection: str, item_id: str) -> Item | None:
        """An item by `_id`."""
        self.need(collection)
        return self.store.get(collection, item_id)

    def find(self, collection: str, query: Query) -> tuple[list[Item], bool]:
        """The items of a query's page, and whether more follow."""
        self.need(collection)
        return self.store.find(collection, query)

    def count(self, collection: str, condition: Condition) -> int:
        """How many items a condition keeps."""
        self.need(collection)
        return self.store.count(collection, condition)

    def age(self, collection: str) -> float:
        """Seconds since a collection is known to have been what Airtable is; infinite where it was never read."""
        held = self.store.held(collection)
        return math.inf if held is None else max(0.0, self._clock() - held.as_of)

    @property
    def lag(self) -> float:
        """Seconds by which a change that others make may be late."""
        if self.store.note(_WATCH) is not None:
            return self._refresh_seconds
        return self._refresh_seconds * max(1.0, len(self.store.names()) / self._asked_at_once)

    @property
    def _asked_at_once(self) -> int:
        """Tables that are asked by modified time at each look."""
        return max(1, int(self._refresh_seconds * CALLS_A_SECOND))

    def need(self, collection: str) -> None:
        """Read a collection whole where it never was. Raises AirtableError where that cannot be done now."""
        if self.store.held(collection) is None:
            with self._alone():
                if self.store.held(collection) is None:  # another thread or process was quicker
                    self._watch()
                    self._read_whole([collection])

    def catch_up(self, collection: str, moment: float) -> None:
        """See that a collection is here as it was at a moment (seconds since 1970), or later. Raises AirtableError."""
        held = self.store.held(collection)
        if held is None:
            self.need(collection)
        elif held.as_of < moment:
            self.refresh()
            held = self.store.held(collection)
            if held is not None and held.as_of < moment:  # not all collections are looked at, where none tells
                self.load([collection])

    # Taking over

    def learn(self, collection: str, records: Sequence[dict[str, Json]], *, after: int | None = None) -> list[Item]:
        """Take records over as they are in Airtable now; the items that they are, but for those without a legacy id."""
        rows = self._rows(collection, records)
        self.store.put(collection, rows, after=after)
        return [item for _, item in rows]

    def forget(self, collection: str, ids: Iterable[str]) -> None:
        """Rows are no longer in Airtable."""
        self.store.drop(collection, ids)

    def _item(self, collection: str, record: dict[str, Json]) -> Item | None:
        if not record["fields"].get(LEGACY_ID):
            return None
        if collection not in self._mappings:
            self._mappings[collection] = Mapping(self.catalog.collection(collection))
        return self._mappings[collection].to_wix(record["fields"])

    # Reading whole

    def load(self, collections: Iterable[str] | None = None, *, workers: int = WORKERS) -> dict[str, int]:
        """Read collections whole (all of the catalog where None), several streams at once; how many rows differed.

        The base is watched before the first page is read, so that nothing which changes meanwhile is missed. Rows that
        are written here meanwhile stay as written. Raises AirtableError; what was taken over until then stays.
        """
        names = list(self.catalog.collections if collections is None else collections)
        with self._alone():
            self._watch()
            return self._read_whole(names, workers)

    def _read_whole(self, names: list[str], workers: int = WORKERS) -> dict[str, int]:
        began, mark = self._clock(), self.store.mark()
        seen: dict[str, set[str]] = {name: set() for name in names}
        changed: dict[str, int] = dict.fromkeys(names, 0)
        unnamed: dict[str, list[dict[str, Json]]] = defaultdict(list)
        lock = threading.Lock()
        for name in names:
            if self.store.held(name) is None:
                self.store.clear(name)

        def read(job: tuple[str, str | None]) -> None:
            name, formula = job
            for page in _pages(self._airtable.records(self.base, self.catalog.collection(name).table, formula=formula)):
                rows = self._rows(name, page)
                with lock:
                    once = [
                        (record, item)
                        for record, item in rows
                        if item["_id"] not in seen[name] or self._is_known(name, item["_id"], record)
                    ]
                    changed[name] += self.store.put(name, once, after=mark)
                    seen[name].update(item["_id"] for _, item in rows)
                    unnamed[name] += [record for record in page if not record["fields"].get(LEGACY_ID)]

        jobs = [(name, formula) for name in names for formula in self._streams(name, workers)]
        with ThreadPoolExecutor(workers, thread_name_prefix="mirror") as pool:
            for _ in pool.map(read, jobs):
                pass
        for name in names:
            changed[name] += self.store.drop(name, self.store.others(name, seen[name], mark))
            self._adopt(name, unnamed[name])
            self._remember(name, seen[name])
            self.store.hold(name, as_of=began, read_at=began)
        return changed

    def _is_known(self, name: str, item_id: str, record: str) -> bool:
        """Whether of two records with one legacy id this is the row, and the other a copy that someone made."""
        return self._state.resolve(self.base, name, "_id", item_id) == record

    def _streams(self, name: str, workers: int) -> list[str | None]:
        """Formulas that part a table into about equal shares: the last character of a record's id is random.

        One stream waits for each page before it may ask for the next; as many as the latency asks for use the quota.
        """
        known = len(self._state.ids(self.base, name))
        shares = min(workers, known // _STREAM_ROWS)
        if shares < 2:
            return [None]
        groups = [_ID_CHARACTERS[n::shares] for n in range(shares)]
        return [f"FIND(RIGHT(RECORD_ID(),1),{formulas.text(group)})>0" for group in groups]

    # Keeping up

    @contextmanager
    def kept(self) -> Iterator[Mirror]:
        """A thread keeps it up to date while the block lasts. What goes wrong shows in `age`, and is tried again."""
        self._stop.clear()
        thread = threading.Thread(target=self._keep, name="mirror", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join(timeout=60)

    def _keep(self) -> None:
        while not self._stop.is_set():
            try:
                self.refresh_if_due()
                self.repair_if_due()
            except (TargetError, OSError, sqlite3.Error):
                pass  # Airtable is down, or the month is spent: reads go on and say their age
            self._stop.wait(max(0.05, min(1.0, self._refresh_seconds / 10)))

    def refresh_if_due(self) -> Refreshed | None:
        """Look what changed, if no process has for `refresh` seconds and none does now; None where nothing was done."""
        looked = self.store.note(_LOOKED)
        if looked is not None and 0 <= self._clock() - looked < self._refresh_seconds:
            return None
        with self._alone(wait=False) as mine:
            return self._look() if mine else None

    def refresh(self) -> Refreshed:
        """Look now what changed in the base, and take it over. Raises AirtableError."""
        with self._alone():
            return self._look()

    def repair_if_due(self) -> str | None:
        """Read one collection whole that was not for `repair` seconds; its name, None where none is due."""
        due = self._clock() - self._repair_seconds
        for name in self.store.names():
            held = self.store.held(name)
            if held is not None and held.read_at < due:
                with self._alone(wait=False) as mine:
                    if mine:
                        self._read_whole([name])
                        return name
        return None

    def _look(self) -> Refreshed:
        began = self._clock()
        names = self.store.names()
        watch = self._watch()
        if watch is None:
            done = self._ask_modified(names, began)
        else:
            changes = read_changes(self._airtable, self.base, watch)
            if changes is None:  # the watch is gone, and with it what happened since
                self.store.set_note(_WATCH, None)
                self._watch()
                self._read_whole(names)
                done = Refreshed(whole=tuple(names))
            else:
                done = self._take_over(changes.changed, changes.gone, names)
                self.store.set_note(_WATCH, [*changes.watch])
                self.store.freshen(began)
        self.store.set_note(_LOOKED, began)
        return done

    def _watch(self) -> Watch | None:
        """The base's webhook, made where there is none; None where none can be."""
        noted, looked = self.store.note(_WATCH), self.store.note(_LOOKED)
        if noted is not None:
            return Watch(*noted)
        if self.store.note("unwatchable") is not None and looked is not None and self._clock() - looked < KEPT_SECONDS:
            return None
        made = create_watch(self._airtable, self.base)
        self.store.set_note(_WATCH, None if made is None else [*made])
        self.store.set_note("unwatchable", True if made is None else None)
        return made

    def unwatch(self) -> None:
        """Drop the base's webhook: of a mirror that is not used any more."""
        noted = self.store.note(_WATCH)
        if noted is not None:
            drop_watch(self._airtable, self.base, Watch(*noted))
            self.store.set_note(_WATCH, None)

    def _take_over(self, changed: dict[str, set[str]], gone: dict[str, set[str]], names: list[str]) -> Refreshed:
        tables = self._tables({*changed, *gone})
        taken = 0
        removed = self._drop_records(set().union(*gone.values()))
        for table, records in changed.items():
            name = tables.get(table)
            if name not in names or not records:
                continue
            mark = self.store.mark()
            found = self._by_record(name, records)
            taken += self._take(name, found, mark)
            removed += self._drop_records(records - {record["id"] for record in found})
        return Refreshed(taken, removed)

    def _take(self, name: str, records: list[dict[str, Json]], mark: int) -> int:
        """Take over records that changed; a copy that carries another row's legacy id is let be."""
        rows = [
            (record, item)
            for record, item in self._rows(name, records)
            if self.store.record_of(name, item["_id"]) in (None, record)
        ]
        taken = self.store.put(name, rows, after=mark)
        self._adopt(name, [record for record in records if not record["fields"].get(LEGACY_ID)])
        self._remember(name, [item["_id"] for _, item in rows])
        return taken

    def _drop_records(self, records: Iterable[str]) -> int:
        dropped = self.store.drop_records(records)
        for name, item_id in dropped:
            self._state.forget(self.base, name, [item_id])
        return len(dropped)

    def _ask_modified(self, names: list[str], began: float) -> Refreshed:
        """The collection that waits longest, asked by modified time: as many requests as the budget allows."""
        due = sorted(names, key=self.age, reverse=True)
        taken = 0
        for name in due[: self._asked_at_once]:
            held = self.store.held(name)
            assert held is not None
            since = formulas.text(stamp(datetime.fromtimestamp(held.as_of - _OVERLAP, UTC)))
            mark = self.store.mark()
            found = list(
                self._airtable.records(
                    self.base,
                    self.catalog.collection(name).table,
                    formula=f"IS_AFTER(LAST_MODIFIED_TIME(),DATETIME_PARSE({since}))",
                )
            )
            taken += self._take(name, found, mark)
            self.store.freshen(began, [name])
        return Refreshed(taken)

    def _rows(self, name: str, records: Iterable[dict[str, Json]]) -> list[tuple[str, Item]]:
        return [(record["id"], item) for record in records if (item := self._item(name, record)) is not None]

    def _by_record(self, name: str, records: Iterable[str]) -> list[dict[str, Json]]:
        wanted = sorted(records)
        found: list[dict[str, Json]] = []
        table = self.catalog.collection(name).table
        for start in range(0, len(wanted), _BY_ID):
            some = wanted[start : start + _BY_ID]
            formula = formulas.any_of(f"RECORD_ID()={formulas.text(record)}" for record in some)
            found += self._airtable.records(self.base, table, formula=formula)
        return found

    def _adopt(self, name: str, records: list[dict[str, Json]]) -> None:
        """Rows that someone made in Airtable by hand get an `_id`, if Airtable is where services read them."""
        if not records or self._state.flags.get(self.catalog.collection(name).flag) != "airtable":
            return
        c = self.catalog.collection(name)
        created, updated = c.field("_createdDate").name, c.field("_updatedDate").name
        table = c.table
        for start in range(0, len(records), 10):
            some = records[start : start + 10]
            changes = [
                {
                    "id": record["id"],
                    "fields": {
                        LEGACY_ID: str(uuid.uuid4()),
                        created: record["fields"].get(created) or record["createdTime"],
                        updated: record["fields"].get(updated) or record["createdTime"],
                    },
                }
                for record in some
            ]
            written = self._airtable.update(self.base, table, changes)
            items = self.learn(name, written)
            self._state.changes.born(self.base, name, [item["_id"] for item in items])
            self._state.remember(
                self.base, name, [Landed(record["fields"][LEGACY_ID], record["id"]) for record in written]
            )

    def _remember(self, name: str, ids: Iterable[str]) -> None:
        """Let state know of rows that it does not, so that links find them; only where Airtable is the source."""
        if self._state.flags.get(self.catalog.collection(name).flag) != "airtable":
            return
        known = self._state.ids(self.base, name)
        new = [(i, record) for i in ids if i not in known and (record := self.store.record_of(name, i)) is not None]
        self._state.remember(self.base, name, [Landed(*row) for row in new])

    def _tables(self, wanted: set[str]) -> dict[str, str]:
        """Collections by table id; the schema is asked for only when a table is not known."""
        known: dict[str, str] = self.store.note(_TABLES) or {}
        if wanted - set(known):
            tables = Tables(self._airtable.tables(self.base), self.catalog)
            known = {str(table["id"]): "" for table in tables.all}
            known |= {tables.id(name): name for name in self.catalog.collections if name in tables}
            self.store.set_note(_TABLES, known)
        return known

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


def _pages(records: Iterator[dict[str, Json]]) -> Iterator[list[dict[str, Json]]]:
    page: list[dict[str, Json]] = []
    for record in records:
        page.append(record)
        if len(page) == 100:
            yield page
            page = []
    if page:
        yield page
