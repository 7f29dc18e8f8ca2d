"""What the rows of DriverCarrierInterests have in common, whoever writes them: their stages and their history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lmdr.services.dots import dot_text
from runbook.records import Query
from runbook.records.values import stamp

if TYPE_CHECKING:
    from lmdr.services.context import Context
    from runbook.json_types import Item

STAGES = ("interested", "applied", "in_review", "contacted", "offer", "hired")
"""An application's way, in the order in which pipelines show it. Any stage may follow any other."""
ENDS = ("hired", "rejected", "withdrawn")
"""Statuses that are an outcome too."""


def interest_between(context: Context, driver_id: str, carrier_dot: Any) -> Item | None:
    """The row of a driver's profile and a carrier; None where there is none. There is one a pair, by look-up only."""
    pair = Query().eq("driver_id", driver_id).eq("carrier_dot", dot_text(carrier_dot))
    return context.records.first("DriverCarrierInterests", pair)


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
