"""Writes that return once they are in the journal: checked against the mirror, seen by its reads at once, sent later.

Whatever the mirror cannot answer for certain (a row it does not have, an id that someone else may have used on another
machine) is left to a direct write: these methods then return None, and nothing was written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from runbook.errors import SourceDown
from runbook.json_types import Item
from runbook.mirror import Mirror
from runbook.mirror.journal import Journal
from runbook.mirror.overlay import overlaid
from runbook.patience import GRACE
from runbook.query.values import stamp
from runbook.records.checks import item_exists
from runbook.records.results import WriteOptions
from runbook.records.rows import Rows, patched
from runbook.state import PendingWrite
from runbook.state.pending_writes import NewWrite

UPDATED = "_updatedDate"
_POLL_SECONDS = 0.05
_MILLISECOND = timedelta(milliseconds=1)

Make = Callable[[dict[str, Item | None]], list[NewWrite] | None]
"""The lines to append, from rows as they are now, by `_id`; None: the write must be a direct one."""


class JournaledWrites:
    """Of one base. `locked`: holds rows against other writers; `exact`: the mirror has all that services wrote."""

    def __init__(
        self,
        journal: Journal,
        mirror: Mirror,
        locked: Callable[[Rows, list[str]], AbstractContextManager[None]],
        *,
        exact: bool,
    ) -> None:
        self._journal, self._mirror, self._locked, self._exact = journal, mirror, locked, exact

    def takes(self, collection: str, options: WriteOptions) -> bool:
        """Whether a write goes through the journal: a thread sends, and the mirror has the collection."""
        asked = options.durable == "journal" and self._journal.is_running
        return asked and self._mirror.store.as_of(collection) is not None

    def insert(self, rows: Rows, items: list[Item], given: list[str], options: WriteOptions) -> list[Item] | None:
        """Add items; `given` as in `Records._insert`."""
        if given and not self._exact:
            return None

        def make(before: dict[str, Item | None]) -> list[NewWrite] | None:
            for item_id in given:
                if before[item_id] is not None:
                    raise item_exists(rows.collection.wix, item_id)
            return [
                NewWrite(rows.collection.wix, item["_id"], "insert", rows.mapping.to_wix(rows.encoded(item)))
                for item in items
            ]

        return self._append(rows, [item["_id"] for item in items], make, options, unknown=given)

    def rewrite(
        self,
        rows: Rows,
        changes: Mapping[str, Callable[[Item], Mapping[str, Any]]],
        updated: datetime,
        options: WriteOptions,
    ) -> list[Item] | None:
        """Change keys of items to what functions of them say; {}: an item stays as it is. `updated`: the time."""

        def make(before: dict[str, Item | None]) -> list[NewWrite] | None:
            writes = []
            for item_id, change in changes.items():
                item = before[item_id]
                if item is None:
                    return None
                new = dict(change(item))
                if not new:
                    continue
                new[UPDATED] = _later(updated, item)
                after = rows.mapping.to_wix(rows.encoded(patched(new, item), new.keys()))
                values = {key: after[key] for key in new if key in after}
                unset = tuple(key for key in new if key not in after)
                writes.append(NewWrite(rows.collection.wix, item_id, "patch", values, unset))
            return writes

        return self._append(rows, list(changes), make, options)

    def remove(self, rows: Rows, item_id: str, options: WriteOptions) -> bool:
        """Delete an item; False: the write must be a direct one."""
        line = NewWrite(rows.collection.wix, item_id, "remove")
        return self._append(rows, [item_id], lambda before: [line] if before[item_id] else None, options) is not None

    def _append(
        self, rows: Rows, ids: list[str], make: Make, options: WriteOptions, *, unknown: Iterable[str] = ()
    ) -> list[Item] | None:
        """Append lines under the rows' lock; the rows after that, in the order of `ids`."""
        name, deadline = rows.collection.wix, time.monotonic() + options.wait + GRACE
        while True:
            with self._locked(rows, ids):
                lines = self._journal.pending.of_rows(name, ids)
                before = {item_id: self._current(name, item_id, lines) for item_id in ids}
                if any(before[i] is None and i not in lines and rows.is_known(i) for i in unknown):
                    return None  # the mirror is behind
                writes = make(before)
                if writes is None:
                    return None
                if not writes or self._journal.append(writes):
                    if writes:
                        self._mirror.overlay(name, ids)
                    new = {write.legacy_id: write for write in writes}
                    after = (overlaid([new[i]] if i in new else (), before[i]) for i in ids)
                    return [item for item in after if item is not None]
            if time.monotonic() >= deadline:
                raise self._full(name)
            time.sleep(_POLL_SECONDS)

    def _current(self, name: str, item_id: str, lines: Mapping[str, list[PendingWrite]]) -> Item | None:
        """An item as Airtable has it, with what the journal makes of it."""
        row = self._mirror.row(name, item_id)
        return overlaid(lines.get(item_id, ()), None if row is None else row[1])

    def _full(self, name: str) -> SourceDown:
        counts = [count for count in self._journal.counts().values() if count.waiting]
        oldest = min((count.oldest for count in counts if count.oldest), default=None)
        seconds = 0.0 if oldest is None else (datetime.now(UTC) - datetime.fromisoformat(oldest)).total_seconds()
        return SourceDown(
            f"{name}: the journal of writes is full: {sum(count.waiting for count in counts):,} lines wait for "
            f"Airtable, the oldest for {seconds:,.0f} s; nothing was written; `runbook status` shows why",
            collection=name,
            done=False,
        )


def _later(updated: datetime, item: Item) -> Item:
    """When an item is changed: after any change before it, so that its record says which of them it has."""
    before = item.get(UPDATED)
    text = before.get("$date") if isinstance(before, dict) else None
    now = stamp(updated)
    return {"$date": now if not text or text < now else stamp(datetime.fromisoformat(text) + _MILLISECOND)}
