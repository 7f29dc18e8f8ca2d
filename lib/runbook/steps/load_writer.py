"""Writes many rows of a table: ten per request, several requests in flight, each recorded before it is sent.

If it is killed at any point and run again, no row is duplicated or lost: a row is found by its legacy id, and what
was in flight is looked up first.
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
from runbook.json_types import Fields, Json
from runbook.merge import MergedRow, RowMerge
from runbook.quarantine import Entry
from runbook.state import AgreedRow, State

STEP = "load"
WORKERS = 8  # most requests in flight
_UNLIMITED = 3  # the same without a rate limit: enough to keep a server on this machine busy
_GROUP = 32  # batches per commit of the journal
_FLUSH_SECONDS = 1.0


class Row(NamedTuple):
    """A row to write. `fields`: what to send; None empties a cell. `record`: the one to change, None: a new row.

    `hash`: of all its staged cells; None where not all of them are sent.
    """

    id: str
    fields: Fields
    hash: str | None
    merged: MergedRow
    record: str | None = None
    typecast: bool = False


@dataclass
class Written:
    """What was written so far. `lost`: legacy ids of rows with a link to a record that was deleted in Airtable."""

    created: int = 0
    updated: int = 0
    cleared: int = 0
    refused: list[Entry] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


class _Outcome(NamedTuple):
    number: int
    landed: list[AgreedRow]
    rows: list[Row]
    refused: list[Entry]
    lost: list[str]


class Writer:
    """Writes rows of one collection. `done` is called in the calling thread, with the number of rows finished."""

    def __init__(
        self,
        airtable: Airtable,
        base: str,
        table: str,
        collection: Collection,
        state: State,
        merge: RowMerge,
        *,
        workers: int | None = None,
        done: Callable[[int], None] = lambda rows: None,
    ) -> None:
        self._airtable, self._base, self._table = airtable, base, table
        self._collection, self._merge, self._done = collection, merge, done
        self._rows = state.rows(base, collection.wix)
        self._workers = workers or WORKERS
        self._limiter = airtable.rate_limiter(base)
        self._outcomes: list[_Outcome] = []
        self._flushed = time.monotonic()
        self.written = Written()

    def write(self, rows: Iterable[Row]) -> None:
        """Upsert new rows by legacy id, change others by record id.

        What stops the collection is raised after all requests in flight are recorded.
        """
        in_flight: set[Future[_Outcome]] = set()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="airtable") as pool:
            try:
                for group in _groups(_batches(rows), _GROUP):
                    numbers = self._rows.start_batches([[row.id for row in batch] for batch in group])
                    for number, batch in zip(numbers, group, strict=True):
                        while len(in_flight) >= self._most_in_flight():
                            in_flight = self._collect(in_flight)
                        in_flight.add(pool.submit(self._send, number, batch))
                while in_flight:
                    in_flight = self._collect(in_flight)
            finally:
                for future in in_flight:
                    future.cancel()
                for future in wait(in_flight).done:
                    if not future.cancelled() and future.exception() is None:
                        self._outcomes.append(future.result())
                self._flush()

    def _most_in_flight(self) -> int:
        if self._limiter.rate is None:
            return min(_UNLIMITED, self._workers)
        return max(1, min(self._workers, math.ceil(self._limiter.latency * self._limiter.rate) + 1))

    def _collect(self, in_flight: set[Future[_Outcome]]) -> set[Future[_Outcome]]:
        ready, pending = wait(in_flight, return_when=FIRST_COMPLETED)
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
            in_flight -= ready
            raise failed
        return pending

    def _flush(self) -> None:
        """Record what was written, in one commit."""
        outcomes, self._outcomes = self._outcomes, []
        self._flushed = time.monotonic()
        if not outcomes:
            return
        landed = [row for outcome in outcomes for row in outcome.landed]
        self._rows.finish_batches([outcome.number for outcome in outcomes], landed)
        for outcome in outcomes:
            written = {row.legacy_id for row in outcome.landed}
            for row in outcome.rows:
                if row.id in written:
                    self.written.created += row.record is None
                    self.written.updated += row.record is not None
                    self.written.cleared += row.merged.cleared
            self.written.refused += outcome.refused
            self.written.lost += outcome.lost

    # In the threads of the pool

    def _send(self, number: int, batch: list[Row]) -> _Outcome:
        outcome = _Outcome(number, [], batch, [], [])
        self._upsert(batch, outcome)
        return outcome

    def _upsert(self, rows: Sequence[Row], outcome: _Outcome) -> None:
        try:
            records = self._request(rows)
        except AirtableError as error:
            if not row_errors.may_be_one_row(error):
                raise
            self._narrow(rows, error, outcome)
            return
        by_id = {record["fields"].get(LEGACY_ID): record for record in records}
        for row in rows:
            if row.id not in by_id:
                raise AirtableError(
                    f"{self._collection.wix}: Airtable's response lacks the row {row.id}; it may have been written or "
                    "not. Load again: the table is read first"
                )
            outcome.landed.append(agreed_row(self._merge, row.id, by_id[row.id], row.hash, row.merged))

    def _request(self, rows: Sequence[Row]) -> list[dict[str, Json]]:
        typecast = any(row.typecast for row in rows)
        if rows[0].record is None:
            fields = [row.fields for row in rows]
            return self._airtable.upsert(self._base, self._table, fields, [LEGACY_ID], typecast=typecast)
        changes: list[dict[str, Json]] = [{"id": row.record, "fields": row.fields} for row in rows]
        return self._airtable.update(self._base, self._table, changes, typecast=typecast)

    def _narrow(self, rows: Sequence[Row], error: AirtableError, outcome: _Outcome) -> None:
        """A batch is written completely or not at all, and the error does not name the row that caused it: halve it."""
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
        unlinked = None if target is None else _unlink(row, target)
        if unlinked is not None:
            outcome.lost.append(row.id)
            self._upsert([unlinked], outcome)
            return
        key, message = row_errors.describe(error, self._collection.keys_by_column)
        if row.record is not None:
            message += "; Airtable still holds the row as it was before"
        outcome.refused.append(Entry(STEP, row.id, key, message))


def agreed_row(
    merge: RowMerge, legacy_id: str, record: dict[str, Json], hash_: str | None, merged: MergedRow
) -> AgreedRow:
    """What state keeps of a row that Airtable holds as decided. One with a kept cell is merged again by each load."""
    fields = record["fields"]
    kept = merged.edited or merged.served
    answer = None if kept else merge.answer(fields)
    return AgreedRow(legacy_id, record["id"], hash_, answer, merge.agreement(merged, fields).dumps())


def _unlink(row: Row, target: str) -> Row | None:
    """The row without its links to a record; None where it has none. Without a hash, so that it is written again."""
    fields = {
        name: [record for record in cell if record != target] if isinstance(cell, list) and target in cell else cell
        for name, cell in row.fields.items()
    }
    if fields == row.fields:
        return None
    return row._replace(fields=fields, hash=None, merged=row.merged.without_link(target))


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Batches of ten rows: new ones and others, and apart from them those that need typecast.

    Typecast would convert values of rows that do not need it.
    """
    batches: dict[tuple[bool, bool], list[Row]] = {}
    for row in rows:
        batch = batches.setdefault((row.typecast, row.record is None), [])
        batch.append(row)
        if len(batch) == PER_WRITE:
            yield batch.copy()
            batch.clear()
    for key in sorted(batches, reverse=True):
        if batches[key]:
            yield batches[key]


def _groups(batches: Iterable[list[Row]], size: int) -> Iterator[list[list[Row]]]:
    group: list[list[Row]] = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
