"""What the rows of DriverCarrierInterests have in common, whoever writes them: their stages and their history."""

from __future__ import annotations

import json
import uuid
from typing import Any

from lmdr.services.context import Context
from lmdr.services.dot_numbers import dot_text
from runbook.errors import ItemExists
from runbook.json_types import Item
from runbook.query import Query
from runbook.query.values import stamp

STAGES = ("interested", "applied", "in_review", "contacted", "offer", "hired")
"""An application's way, in the order in which pipelines show it. Any stage may follow any other."""
ENDS = ("hired", "rejected", "withdrawn")
"""Statuses that are an outcome too."""


def interest_between(context: Context, driver_id: str, carrier_dot: Any) -> Item | None:
    """The row of a driver's profile and a carrier; None where there is none. There is one a pair, by look-up only."""
    pair = Query().eq("driver_id", driver_id).eq("carrier_dot", dot_text(carrier_dot))
    return context.records.first("DriverCarrierInterests", pair)


def add_interest(context: Context, row: Item) -> tuple[Item, bool]:
    """Add the row of a driver and a carrier, both in it: the row as it is stored, and whether it is this one.

    Its `_id` follows from the two, so that of two who add it at one moment, such as a click that was made twice, the
    second gets the first one's.
    """
    row_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"DriverCarrierInterests/{row['driver_id']}/{row['carrier_dot']}"))
    try:
        return context.records.insert("DriverCarrierInterests", {"_id": row_id, **row}), True
    except ItemExists:
        there = context.records.get("DriverCarrierInterests", row_id, consistent=True)
        if there is None:
            raise
        return there, False


def history_with(context: Context, text: Any, status: str, **more: str) -> str:
    """A row's status_history, JSON text, with one entry more, of now; what cannot be read is started anew."""
    entry = {"status": status, "timestamp": stamp(context.now()), **more}
    return json.dumps([*history(text), entry], ensure_ascii=False, separators=(",", ":"))


def history(text: Any) -> list[Any]:
    """The entries of a status_history, the oldest first; none where it cannot be read."""
    try:
        entries = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return []
    return entries if isinstance(entries, list) else []
