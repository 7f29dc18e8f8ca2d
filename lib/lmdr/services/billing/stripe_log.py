"""The log of Stripe's events: Stripe delivers events more than once, at the same time, and in any order.

An event is processed under a lock of its own, and its row of StripeEvents is inserted last: it says that the event was
processed. Where a process ends in between, there is no row, and Stripe's next delivery processes the event again, which
does no harm.

Events that decide the same property of a carrier, such as the status of its subscription, take effect in the order in
which they occurred: they are processed one at a time, and one has no effect where a newer one was processed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any

from lmdr.services.context import Context, service
from lmdr.services.unique_rows import row_id
from runbook.errors import ItemExists
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

MAX_SUMMARY = 1000
"""Characters of an event's summary that are kept."""
LOOKBACK = timedelta(days=30)
"""Age of the oldest events considered: Stripe resends no older ones."""
STATUS, QUOTA, NOTHING = "status", "quota", "nothing"
"""The property of a carrier that an event decides; NOTHING where the property did not exist."""
_RANKS = {
    "customer.subscription.created": 0,
    "customer.subscription.updated": 1,
    "invoice.payment_failed": 1,
    "customer.subscription.deleted": 2,
}
"""The events that decide the status, and their order within one second, Stripe's resolution."""


def processing(records: Records, event_id: str) -> AbstractContextManager[Records]:
    """Hold the lock of an event; gives records whose reads are exact."""
    return records.exclusive(f"stripe event {event_id}")


def deciding(records: Records, event_type: str, data: Mapping[str, Any]) -> AbstractContextManager[Records]:
    """Hold the lock of the events that decide something of a carrier, where this is one; else none.

    `data`: the event's summary. Held until the event is logged, so that `is_latest` is true as long.
    """
    if not data.get("carrierDot") or _about(event_type, data) is None:
        return nullcontext(records)
    return records.exclusive(f"stripe events of {data['carrierDot']}")


@service
def is_event_processed(context: Context, event_id: str) -> bool:
    """Whether an event was processed; False where the look-up fails."""
    try:
        return was_processed(context.records, event_id, consistent=True)
    except Exception:  # noqa: BLE001 - processing an event again does no harm, omitting it does
        return False


@service
def log_stripe_event(context: Context, event_id: str, event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Record that an event was processed: {success, recordId}. `data`: its summary, with `carrierDot`."""
    row = _new_row(context, event_id, event_type, data)
    try:
        context.records.insert("StripeEvents", row)
    except ItemExists:  # logged by another, or begun by an earlier version
        context.records.patch("StripeEvents", row["_id"], row)
    return {"success": True, "recordId": row["_id"]}


def was_processed(records: Records, event_id: str, *, consistent: bool = False) -> bool:
    """Whether an event was processed; by its `event_id`: rows of the platform have another `_id`."""
    row = records.first("StripeEvents", Query().eq("event_id", event_id), consistent=consistent)
    return row is not None and _is_final(row)


def is_latest(context: Context, event_id: str, event_type: str, data: Mapping[str, Any]) -> bool:
    """Whether no newer event decided the same property of its carrier; without a carrier True. Under `deciding`."""
    dot = data.get("carrierDot")
    if not dot:
        return True
    ours = _order(_new_row(context, event_id, event_type, data))
    assert ours is not None
    recent = Query().eq("carrier_dot", dot).ge("processed_at", context.now() - LOOKBACK)
    others = [row for row in context.records.get_all("StripeEvents", recent) if row["event_id"] != event_id]
    orders = [order for row in others if _is_final(row) and (order := _order(row))]
    return not any(order > ours for order in orders if order[0] == ours[0])


def _new_row(context: Context, event_id: str, event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    row = {
        "_id": row_id("stripe event", event_id),
        "event_id": event_id,
        "event_type": event_type,
        "processed_at": context.now(),
        "data_summary": json.dumps(data, ensure_ascii=False, separators=(",", ":"))[:MAX_SUMMARY],
        "processed": True,
    }
    return {**row, "carrier_dot": data["carrierDot"]} if data.get("carrierDot") else row


def _is_final(row: Item) -> bool:
    """A row without `processed` is the platform's; False: begun by an earlier version, and not finished."""
    return row.get("processed") is not False


def _order(row: Item) -> tuple[str, float, int] | None:
    """What an event decides, when it occurred, and its order within the second; None where it decided nothing."""
    data = _summary(row)
    about = _about(row["event_type"], data)
    if about is None or data.get("decides") == NOTHING or data.get("status") == "error":
        return None
    when = data.get("created")
    if not isinstance(when, int | float):
        when = row["processed_at"].timestamp() if isinstance(row.get("processed_at"), datetime) else 0
    return about, when, _RANKS.get(row["event_type"], 0)


def _about(event_type: str, data: Mapping[str, Any]) -> str | None:
    """The property that an event decides, if any."""
    return STATUS if event_type in _RANKS else data.get("decides")


def _summary(row: Item) -> dict[str, Any]:
    try:
        data = json.loads(row.get("data_summary") or "")
    except ValueError:  # truncated
        return {}
    return data if isinstance(data, dict) else {}
