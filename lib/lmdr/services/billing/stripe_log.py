"""Which of Stripe's events were dealt with, and whose turn it is: Stripe delivers one twice, and in any order.

An event is claimed by adding its row to StripeEvents, under an `_id` made of the event's: of two deliveries one adds
it. The row says `processed` false until the event is dealt with; a claim that its process left behind is another's
after `ABANDONED`. Taking a claim over need not keep others out: what an event does can be done twice.

Events that decide the same thing of a carrier, such as the status of its subscription, take effect in the order in
which they happened: one waits for an older one that is being dealt with, and does nothing where a newer one came.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from lmdr.services.context import Context, service
from lmdr.services.json_rows import row_id
from runbook.errors import ItemExists, NoSuchItem
from runbook.json_types import Item
from runbook.query import Query

T = TypeVar("T")

SUMMARY = 1000
"""Characters of an event's summary that are kept."""
ABANDONED = timedelta(minutes=10)
"""Age of a claim whose process must have died."""
MEMORY = timedelta(days=30)
"""How far back events are looked at: Stripe lets no older one be sent again."""
LOOKS, PAUSE = 20, 0.25
"""How often, and seconds apart, one looks whether another is done; Stripe waits longer for an answer."""

STATUS, QUOTA, NOTHING = "status", "quota", "nothing"
"""What events decide of a carrier; what they were to decide and could not, as it was not there."""
_DECIDES = {
    "customer.subscription.created": (STATUS, 0),
    "customer.subscription.updated": (STATUS, 1),
    "invoice.payment_failed": (STATUS, 1),
    "customer.subscription.deleted": (STATUS, 2),
}
"""By type: what it decides, and its place among those of one second, which is all that Stripe tells."""


class EventBusy(Exception):
    """Another delivery is at an event for longer than Stripe waits; nothing was done, and Stripe asks again."""


@service
def is_event_processed(context: Context, event_id: str) -> bool:
    """Whether an event was dealt with; False where that cannot be found out."""
    try:
        row = _row(context, event_id)
    except Exception:  # noqa: BLE001 - an event that comes again does no harm, one that is left out does
        return False
    return row is not None and _is_final(row)


@service
def log_stripe_event(context: Context, event_id: str, event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Note that an event was dealt with: {success, recordId}. `data`: what is kept of it, `carrierDot` among it."""
    row = _new_row(context, event_id, event_type, data, processed=True)
    try:
        context.records.insert("StripeEvents", row)
    except ItemExists:
        context.records.patch("StripeEvents", row["_id"], row)
    return {"success": True, "recordId": row["_id"]}


def claim(context: Context, event_id: str, event_type: str, data: Mapping[str, Any]) -> bool:
    """Take an event to deal with it; False where it was dealt with. Waits for who is at it; raises EventBusy."""

    def look() -> bool | None:
        row = _row(context, event_id)
        if row is None:
            try:
                context.records.insert("StripeEvents", _new_row(context, event_id, event_type, data, processed=False))
            except ItemExists:
                return None
            return True
        if _is_final(row):
            return False
        if context.now() - row["processed_at"] < ABANDONED:
            return None
        try:
            context.records.patch("StripeEvents", row["_id"], {"processed_at": context.now()})
        except NoSuchItem:
            return None
        return True

    return _until(context, look)


def release(context: Context, event_id: str) -> None:
    """Give a claim back, so that the next delivery can have it at once; if that fails, it can later."""
    try:
        context.records.remove("StripeEvents", row_id("stripe event", event_id))
    except Exception:  # noqa: BLE001 - what made the event fail is what its caller has to hear
        return


def is_turn(context: Context, event_id: str, event_type: str, data: Mapping[str, Any]) -> bool:
    """Whether a claimed event is the newest that decides what it decides of its carrier; its claim must say so.

    Waits for older ones that are being dealt with; raises EventBusy. `data`: as the claim's; of no carrier: True.
    """
    dot = data.get("carrierDot")
    if not dot:
        return True
    now = context.now()
    ours = _order(_new_row(context, event_id, event_type, data, processed=False))
    assert ours is not None

    def look() -> bool | None:
        asked = Query().eq("carrier_dot", dot).ge("processed_at", now - MEMORY)
        rows = context.records.get_all("StripeEvents", asked, consistent=True)
        others = [(row, order) for row in rows if row["event_id"] != event_id and (order := _order(row))]
        others = [(row, order) for row, order in others if order[0] == ours[0]]
        if any(order > ours for _, order in others):
            return False
        waiting = (row for row, order in others if order < ours and not _is_final(row))
        return None if any(now - row["processed_at"] < ABANDONED for row in waiting) else True

    return _until(context, look)


def _until(context: Context, look: Callable[[], T | None]) -> T:
    for _ in range(LOOKS):
        found = look()
        if found is not None:
            return found
        context.sleep(PAUSE)
    raise EventBusy


def _row(context: Context, event_id: str) -> Item | None:
    """By the event, not by `_id`: rows from before events were claimed have one of their own."""
    return context.records.first("StripeEvents", Query().eq("event_id", event_id), consistent=True)


def _new_row(
    context: Context, event_id: str, event_type: str, data: Mapping[str, Any], *, processed: bool
) -> dict[str, Any]:
    row = {
        "_id": row_id("stripe event", event_id),
        "event_id": event_id,
        "event_type": event_type,
        "processed_at": context.now(),
        "data_summary": json.dumps(data, ensure_ascii=False, separators=(",", ":"))[:SUMMARY],
        "processed": processed,
    }
    return {**row, "carrier_dot": data["carrierDot"]} if data.get("carrierDot") else row


def _is_final(row: Item) -> bool:
    """A row without `processed` is of the platform's own, which added none before an event was dealt with."""
    return row.get("processed") is not False


def _order(row: Item) -> tuple[str, float, int] | None:
    """What an event decides, when it happened and its place within the second; None where it decided nothing."""
    data = _summary(row)
    about, rank = _DECIDES.get(row["event_type"], (data.get("decides"), 0))
    if about is None or data.get("decides") == NOTHING or data.get("status") == "error":
        return None
    when = data.get("created")
    if not isinstance(when, int | float):
        when = row["processed_at"].timestamp() if isinstance(row.get("processed_at"), datetime) else 0
    return about, when, rank


def _summary(row: Item) -> dict[str, Any]:
    try:
        data = json.loads(row.get("data_summary") or "")
    except ValueError:  # cut at its end
        return {}
    return data if isinstance(data, dict) else {}
