"""Writes rows of the journal in Airtable, and notes the outcome as for any other write of a service."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from runbook.catalog import LEGACY_ID
from runbook.errors import NoSuchItem, SourceDown
from runbook.json_types import MISSING, Item, Json
from runbook.mirror import Mirror
from runbook.mirror.batches import Batch, RowWrites
from runbook.mirror.overlay import overlaid
from runbook.records.checks import no_such_item
from runbook.records.journaled import UPDATED
from runbook.records.rows import Rows
from runbook.state import PendingWrites


class RowDelivery:
    """Of one base. `sound`: as `AirtableRecords`; `knows`: whether the mirror has all that services wrote."""

    def __init__(
        self,
        pending: PendingWrites,
        mirror: Mirror | None,
        rows_of: Callable[[str], Rows],
        sound: Callable[[str], AbstractContextManager[None]],
        *,
        knows: bool,
    ) -> None:
        self._pending, self._mirror, self._knows = pending, mirror, knows and mirror is not None
        self._rows_of, self._sound = rows_of, sound

    def read_again(self, collection: str, item_id: str) -> None:
        """See `runbook.mirror.journal.Delivery`."""
        found = self._rows_of(collection).fetch([item_id])
        if self._mirror is not None and item_id in found:
            self._mirror.ingest(collection, [found[item_id]])

    def write(self, batch: Batch) -> None:
        """See `runbook.mirror.journal.Delivery`. What may have been sent before is looked up. Raises as `Rows`."""
        name, lines = batch.collection, batch.lines()
        rows = self._rows_of(name)
        with self._sound(name), nullcontext() if self._mirror is None else self._mirror.finishing(lines):
            left = self._not_done(rows, batch)
            if left:
                sent = [line.id for row in left for line in row.lines]
                self._pending.note_sent(sent)
                try:
                    {"insert": self._insert, "patch": self._patch, "remove": self._remove}[batch.kind](rows, left)
                except SourceDown as error:
                    if error.done is False:
                        self._pending.note_not_sent(line.id for row in left for line in row.lines if line.sent is None)
                    raise
        self._pending.finish(lines)
        if self._mirror is not None:
            self._mirror.overlay(name, [row.legacy_id for row in batch.rows])

    def _not_done(self, rows: Rows, batch: Batch) -> list[RowWrites]:
        """The rows that must be written: of one that may have been sent, Airtable's record says what it has.

        Each write of a row has an `_updatedDate` of its own, which people leave alone.
        """
        unsure = [row.legacy_id for row in batch.rows if any(line.sent for line in row.lines)]
        if batch.kind == "remove":  # of a row that Airtable never had nothing is to be removed
            never = {row.legacy_id for row in batch.rows if row.lines[0].kind == "insert"}.difference(unsure)
            return [row for row in batch.rows if row.legacy_id not in never]
        if not unsure:
            return list(batch.rows)
        records = rows.retry(0.0, lambda: rows.fetch(unsure))
        left: list[RowWrites] = []
        done: dict[str, dict[str, Json]] = {}
        keys: dict[str, set[str]] = {}
        for row in batch.rows:
            record = records.get(row.legacy_id)
            sent = [line for line in row.lines if line.sent]
            if record is not None and sent:
                is_done = rows.mapping.to_wix(record["fields"]).get(UPDATED) == sent[-1].values.get(UPDATED)
                if is_done and sent[-1] is row.lines[-1]:
                    done[row.legacy_id] = {**record, "fields": {**record["fields"], LEGACY_ID: row.legacy_id}}
                    keys[row.legacy_id] = {key for line in row.lines for key in (*line.values, *line.unset)}
                    continue
            left.append(row)
        if done:
            rows.note_written(done, keys, created=batch.kind == "insert")
        return left

    def _insert(self, rows: Rows, writes: list[RowWrites]) -> None:
        items = [item for row in writes if (item := overlaid(row.lines, None)) is not None]
        rows.create(items, 0.0, "")

    def _patch(self, rows: Rows, writes: list[RowWrites]) -> None:
        changes: dict[str, dict[str, Json]] = {}
        for row in writes:
            for line in row.lines:
                changes.setdefault(row.legacy_id, {}).update({**dict.fromkeys(line.unset, MISSING), **line.values})
        if self._knows and rows.patch_known(changes, 0.0) is not None:
            return
        records = rows.retry(0.0, lambda: rows.fetch(list(changes)))
        self._require(rows, writes, records)
        items: list[Item] = []
        for row in writes:
            item = overlaid(row.lines, rows.mapping.to_wix(records[row.legacy_id]["fields"]))
            items.append({**(item or {}), "_id": row.legacy_id})
        rows.update(records, items, 0.0, "")

    def _remove(self, rows: Rows, writes: list[RowWrites]) -> None:
        records = rows.retry(0.0, lambda: rows.fetch([row.legacy_id for row in writes]))
        if records:
            rows.delete({item_id: str(record["id"]) for item_id, record in records.items()}, 0.0)
        for row in writes:
            if row.legacy_id not in records:
                rows.forget(row.legacy_id)

    def _require(self, rows: Rows, writes: list[RowWrites], records: dict[str, dict[str, Json]]) -> None:
        """Raises NoSuchItem where a row has no record: someone has deleted it."""
        missing: NoSuchItem | None = None
        for row in writes:
            if row.legacy_id not in records:
                missing = missing or no_such_item(rows.collection.wix, row.legacy_id)
                rows.forget(row.legacy_id)
        if missing is not None:
            raise missing
