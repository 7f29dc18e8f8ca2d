"""What the journal of writes makes of a row: its lines, in order, on top of the row as Airtable has it."""

from __future__ import annotations

from collections.abc import Iterable

from runbook.json_types import Item
from runbook.state import PendingWrite
from runbook.state.pending_writes import NewWrite


def overlaid(lines: Iterable[PendingWrite | NewWrite], item: Item | None) -> Item | None:
    """An item after these lines; None: there is none, or it is removed. A patch of no item makes none."""
    for line in lines:
        if line.kind == "insert":
            item = {**line.values, "_id": line.legacy_id}
        elif line.kind == "remove":
            item = None
        elif item is not None:
            kept = {key: value for key, value in item.items() if key not in line.unset}
            item = {**kept, **line.values}
    return item
