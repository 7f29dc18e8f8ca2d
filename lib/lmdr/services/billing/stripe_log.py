"""The log of Stripe's events, and the claims on them: Stripe delivers events more than once, and in any order.

An event is claimed by inserting its row into StripeEvents, under an `_id` derived from the event's: of two deliveries
one succeeds. The row has `processed` false until the event is processed; after `CLAIM_TIMEOUT` a claim may be taken
over, without excluding its owner: processing an event twice does no harm.

Events that decide the same property of a carrier, such as the status of its subscription, take effect in the order in
which they occurred: one waits for an older one in progress, and has no effect where a newer one was processed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from lmdr.services.context import Context, service
from lmdr.services.unique_rows import row_id
from runbook.errors import ItemExists, NoSuchItem
from runbook.json_types import Item
from runbook.query import Query

T = TypeVar("T")

MAX_SUMMARY = 1000
"""Characters of an event's summary that are kept."""
CLAIM_TIMEOUT = timedelta(minutes=10)
"""Age of a claim whose process is presumed dead."""
LOOKBACK = timedelta(days=30)
"""Age of the oldest events considered: Stripe resends no older ones."""
POLLS, POLL_INTERVAL = 20, 0.25
"""How often, and seconds apart, the progress of another event is checked; Stripe waits longer for an answer."""

STATUS, QUOTA, NOTHING = "status", "quota", "nothing"
"""The property of a carrier that an event decides; NOTHING where the property did not exist."""
_DECIDES = {
    "customer.subscription.created": (STATUS, 0),
    "customer.subscription.updated": (STATUS, 1),
    "invoice.payment_failed": (STATUS, 1),
    "customer.subscription.deleted": (STATUS, 2),
}
"""By type: what it decides, and its order among events of the same second, Stripe's resolution."""


class EventBusy(Exception):
    """Another delivery of an event is still in progress; nothing was done, and Stripe delivers it again."""


@service
def is_event_processed(context: Context, event_id: str) -> bool:
    """Whether an event was processed; False where the look-up fails."""
    try:
        row = _row(context, event_id)
    except Exception:  # noqa: BLE001 - processing an event again does no harm, omitting it does
        return False
    return row is not None and _is_final(row)


@service
def log_stripe_event(context: Context, event_id: str, event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Record that an event was processed: {success, recordId}. `data`: its summary, with `carrierDot`."""
    row = _new_row(context, event_id, event_type, data, processed=True)
    try:
        context.records.insert("StripeEvents", row)
    except ItemExists:
        context.records.patch("StripeEvents", row["_id"], row)
    return {"success": True, "recordId": row["_id"]}


def claim(context: Context, event_id: str, event_type: str, data: Mapping[str, Any]) -> bool:
    """Claim an event; False where it was processed. Waits for another claim on it; raises EventBusy."""

    def check() -> bool | None:
        row = _row(context, event_id)
        if row is None:
            try:
                context.records.insert("StripeEvents", _new_row(context, event_id, event_type, data, processed=False))
            except ItemExists:
                return None
            return True
        if _is_final(row):
            return False
        if context.now() - row["processed_at"] < CLAIM_TIMEOUT:
            return None
        try:
            context.records.patch("StripeEvents", row["_id"], {"processed_at": context.now()})
        except NoSuchItem:
            return None
        return True

    return _poll(context, check)


def release(context: Context, event_id: str) -> None:
    """Release a claim for the next delivery; if that fails, it times out."""
    try:
        context.records.remove("StripeEvents", row_id("stripe event", event_id))
    except Exception:  # noqa: BLE001 - the caller raises the error of the event instead
        return


def is_latest(context: Context, event_id: str, event_type: str, data: Mapping[str, Any]) -> bool:
    """Whether a claimed event is the newest that decides its property of its carrier; without a carrier True.

    Waits for older ones in progress; raises EventBusy. `data`: as given to the claim.
    """
    dot = data.get("carrierDot")
    if not dot:
        return True
    now = context.now()
    ours = _order(_new_row(context, event_id, event_type, data, processed=False))
    assert ours is not None

    def check() -> bool | None:
        recent = Query().eq("carrier_dot", dot).ge("processed_at", now - LOOKBACK)
        rows = context.records.get_all("StripeEvents", recent, consistent=True)
        others = [(row, order) for row in rows if row["event_id"] != event_id and (order := _order(row))]
        others = [(row, order) for row, order in others if order[0] == ours[0]]
        if any(order > ours for _, order in others):
            return False
        waiting = (row for row, order in others if order < ours and not _is_final(row))
        return None if any(now - row["processed_at"] < CLAIM_TIMEOUT for row in waiting) else True

    return _poll(context, check)


def _poll(context: Context, check: Callable[[], T | None]) -> T:
    """The first result that is not None. Raises EventBusy after `POLLS` checks."""
    for _ in range(POLLS):
        result = check()
        if result is not None:
            return result
        context.sleep(POLL_INTERVAL)
    raise EventBusy


def _row(context: Context, event_id: str) -> Item | None:
    """By `event_id`: rows of the platform have another `_id`."""
    return context.records.first("StripeEvents", Query().eq("event_id", event_id), consistent=True)


def _new_row(
    context: Context, event_id: str, event_type: str, data: Mapping[str, Any], *, processed: bool
) -> dict[str, Any]:
    row = {
        "_id": row_id("stripe event", event_id),
        "event_id": event_id,
        "event_type": event_type,
        "processed_at": context.now(),
        "data_summary": json.dumps(data, ensure_ascii=False, separators=(",", ":"))[:MAX_SUMMARY],
        "processed": processed,
    }
    return {**row, "carrier_dot": data["carrierDot"]} if data.get("carrierDot") else row


def _is_final(row: Item) -> bool:
    """A row without `processed` is the platform's, which inserts it after processing."""
    return row.get("processed") is not False


def _order(row: Item) -> tuple[str, float, int] | None:
    """What an event decides, when it occurred, and its order within the second; None where it decided nothing."""
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
    except ValueError:  # truncated
        return {}
    return data if isinstance(data, dict) else {}
