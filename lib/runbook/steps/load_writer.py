"""Writing many rows of a table: in tens, several requests under way, each written down before it is sent.

Killed at any instruction and run again, it makes no duplicate and loses nothing: a row is found by its legacy id, and
what was under way is looked up first.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import NamedTuple

from runbook.airtable import row_errors
from runbook.airtable.client import PER_WRITE, Airtable
from runbook.airtable.lookup_ids import look_up, require_unique
from runbook.catalog import LEGACY_ID, Collection
from runbook.errors import AirtableError
from runbook.json_types import Fields
from runbook.quarantine import Entry
from runbook.state import KnownRow, State

STEP = "load"
WORKERS = 8  # requests under way at the most
_UNLIMITED = 3  # as many where no pace is kept: enough to keep a server on this machine busy
_GROUP = 32  # batches a commit of the journal
_FLUSH_SECONDS = 1.0


class Row(NamedTuple):
    """A row to write. `fields`: what to send, None empties a cell. `hash`, `filled`: what state is to know of it."""

    id: str
    fields: Fields
    hash: str | None
    filled: str
    new: bool
    cleared: bool = False
    typecast: bool = False


@dataclass
class Written:
    """What has landed so far. `lost`: rows whose link named a record that is gone from Airtable, by legacy id."""

    created: int = 0
    updated: int = 0
    cleared: int = 0
    refused: list[Entry] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


class _Outcome(NamedTuple):
    number: int
    landed: list[KnownRow]
    rows: list[Row]
    refused: list[Entry]
    lost: list[str]


class Writer:
    """Writes rows of one collection. `done` is called with the number of rows settled, in the calling thread."""

    def __init__(
        self,
        airtable: Airtable,
        base: str,
        table: str,
        collection: Collection,
        state: State,
        *,
        workers: int | None = None,
        done: Callable[[int], None] = lambda rows: None,
    ) -> None:
        self._airtable, self._base, self._table = airtable, base, table
        self._collection, self._done = collection, done
        self._rows = state.rows(base, collection.wix)
        self._workers = workers or WORKERS
        self._limiter = airtable.rate_limiter(base)
        self._outcomes: list[_Outcome] = []
        self._flushed = time.monotonic()
        self.written = Written()

    def write(self, rows: Iterable[Row]) -> None:
        """Upsert rows by legacy id. Raises what stops the collection, after everything under way is done and noted."""
        under_way: set[Future[_Outcome]] = set()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="airtable") as pool:
            try:
                for group in _groups(_batches(rows), _GROUP):
                    numbers = self._rows.start_batches([[row.id for row in batch] for batch in group])
                    for number, batch in zip(numbers, group, strict=True):
                        while len(under_way) >= self._at_once():
                            under_way = self._collect(under_way)
                        under_way.add(pool.submit(self._send, number, batch))
                while under_way:
                    under_way = self._collect(under_way)
            finally:
                for future in under_way:
                    future.cancel()
                for future in wait(under_way).done:
                    if not future.cancelled() and future.exception() is None:
                        self._outcomes.append(future.result())
                self._flush()

    def _at_once(self) -> int:
        if self._limiter.rate is None:
            return min(_UNLIMITED, self._workers)
        return max(1, min(self._workers, math.ceil(self._limiter.latency * self._limiter.rate) + 1))

    def _collect(self, under_way: set[Future[_Outcome]]) -> set[Future[_Outcome]]:
        ready, left = wait(under_way, return_when=FIRST_COMPLETED)
        failed = None
        for future in ready:
            if (error := future.exception()) is not None:
                failed = failed or error
            else:
                outcome = future.result()
                self._outcomes.append(outcome)
                self._done(len(outcome.rows))
        if len(self._outcomes) >= _GROUP or time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self._flush()
        if failed is not None:
            under_way -= ready
            raise failed
        return left

    def _flush(self) -> None:
        """Note what has landed, in one commit."""
        outcomes, self._outcomes = self._outcomes, []
        self._flushed = time.monotonic()
        if not outcomes:
            return
        landed = [row for outcome in outcomes for row in outcome.landed]
        self._rows.finish_batches([outcome.number for outcome in outcomes], landed)
        for outcome in outcomes:
            there = {row.legacy_id for row in outcome.landed}
            for row in outcome.rows:
                if row.id in there:
                    self.written.created += row.new
                    self.written.updated += not row.new
                    self.written.cleared += row.cleared
            self.written.refused += outcome.refused
            self.written.lost += outcome.lost

    # In a thread of the pool

    def _send(self, number: int, batch: list[Row]) -> _Outcome:
        outcome = _Outcome(number, [], batch, [], [])
        self._upsert(batch, outcome)
        return outcome

    def _upsert(self, rows: Sequence[Row], outcome: _Outcome) -> None:
        try:
            records = self._airtable.upsert(
                self._base,
                self._table,
                [row.fields for row in rows],
                [LEGACY_ID],
                typecast=any(row.typecast for row in rows),
            )
        except AirtableError as error:
            if not row_errors.may_be_one_row(error):
                raise
            self._narrow(rows, error, outcome)
            return
        by_id = {record["fields"].get(LEGACY_ID): record["id"] for record in records}
        for row in rows:
            if row.id not in by_id:
                raise AirtableError(
                    f"{self._collection.wix}: Airtable's answer to an upsert lacks the row {row.id}; whether it was "
                    "written is not known. Load again: it is looked up first"
                )
            outcome.landed.append(KnownRow(row.id, by_id[row.id], row.hash, row.filled))

    def _narrow(self, rows: Sequence[Row], error: AirtableError, outcome: _Outcome) -> None:
        """A batch is written whole or not at all, and the refusal does not say which row it was: halve it."""
        row_errors.raise_if_collection_wide(error, self._collection.wix)
        if len(rows) == 1 or row_errors.several_match(error):
            found = look_up(self._airtable, self._base, self._table, LEGACY_ID, [row.id for row in rows])
            require_unique(self._collection.wix, LEGACY_ID, found)
        if len(rows) > 1:
            half = len(rows) // 2
            self._upsert(rows[:half], outcome)
            self._upsert(rows[half:], outcome)
            return
        (row,) = rows
        target = row_errors.lost_target(error)
        without = None if target is None else _without(row, target)
        if without is not None:
            outcome.lost.append(row.id)
            self._upsert([without], outcome)
            return
        key, said = row_errors.describe(error, self._collection.keys_by_column)
        if not row.new:
            said += "; Airtable still holds the row as it was before"
        outcome.refused.append(Entry(STEP, row.id, key, said))


def _without(row: Row, record: str) -> Row | None:
    """The row without links to a record; None where it has none. Its hash is not known then: it is written again."""
    fields = {
        name: [one for one in cell if one != record] if isinstance(cell, list) and record in cell else cell
        for name, cell in row.fields.items()
    }
    return None if fields == row.fields else row._replace(fields=fields, hash=None)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Tens of rows, those that need typecast apart from the others."""
    plain: list[Row] = []
    cast: list[Row] = []
    for row in rows:
        batch = cast if row.typecast else plain
        batch.append(row)
        if len(batch) == PER_WRITE:
            yield batch.copy()
            batch.clear()
    for batch in (cast, plain):
        if batch:
            yield batch


def _groups(batches: Iterable[list[Row]], size: int) -> Iterator[list[list[Row]]]:
    group: list[list[Row]] = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
