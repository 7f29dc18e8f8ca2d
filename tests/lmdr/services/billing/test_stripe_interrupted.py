"""An event of Stripe whose processing ends before or after any of its writes, and is delivered again."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from lmdr.services.billing.stripe_log import is_event_processed
from lmdr.services.billing.stripe_webhook import handle_stripe_event
from lmdr.services.billing.subscription import record_profile_view
from pairs import alike
from platform_kit import Platform
from runbook.records.routed import _PinnedRecords

pytestmark = pytest.mark.slow
START, END = 1_768_953_600, 1_771_632_000  # 2026-01-21 and 2026-02-21, in Stripe's seconds
WRITES = ("_insert", "_patch", "_bulk_patch", "_change")
COLLECTIONS = ("CarrierSubscriptions", "BillingHistory", "StripeEvents", "CheckoutAbandonment", "CarrierDriverViews")


class Killed(BaseException):
    """The process ends here."""


def subscription(n: int, **more: Any) -> dict[str, Any]:
    return {"id": f"sub-{n}", "customer": f"cus-{n}", "status": "active", "metadata": {"carrier_dot": f"{n}"},
            "items": {"data": [{"price": {"id": "price_p"}}]}, "current_period_start": START,
            "current_period_end": END, **more}  # fmt: skip


def invoice(n: int) -> dict[str, Any]:
    return {"id": f"in-{n}", "subscription": f"sub-{n}", "billing_reason": "subscription_cycle", "amount_paid": 9,
            "amount_due": 9, "period_start": START, "period_end": END}  # fmt: skip


def session(n: int) -> dict[str, Any]:
    return {"id": f"cs-{n}", "customer_email": f"a-{n}@b.test", "metadata": {"carrier_dot": f"{n}"}}


EVENTS: dict[str, tuple[bool, Callable[[int], dict[str, Any]]]] = {
    "customer.subscription.created": (False, subscription),
    "customer.subscription.updated": (True, lambda n: subscription(n, cancel_at_period_end=True)),
    "customer.subscription.deleted": (True, subscription),
    "invoice.paid": (True, invoice),
    "invoice.payment_failed": (True, invoice),
    "checkout.session.expired": (True, session),
    "checkout.session.completed": (True, session),
}
"""By type: whether the carrier has a subscription and an open checkout before, and the event's object."""


def put(platform: Platform, n: int) -> None:
    platform.put("CarrierSubscriptions", _id=f"row-{n}", carrier_dot=f"{n}", plan_type="pro", is_active=True,
                 status="active", monthly_view_quota=25, views_used_this_month=7, stripe_subscription_id=f"sub-{n}",
                 stripe_customer_id=f"cus-{n}", quota_reset_date=platform.now + timedelta(days=1))  # fmt: skip
    platform.put("CheckoutAbandonment", _id=f"open-{n}", email=f"a-{n}@b.test", recovered=False,
                 abandonedAt=platform.now)  # fmt: skip


def stop_at(patched: pytest.MonkeyPatch, number: int, *, after: bool) -> None:
    """End the process at the write of this number, counted from 1, once it is done or before."""
    numbers = count(1)

    def stopping(write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            stops = next(numbers) == number
            if stops and not after:
                raise Killed
            done = write(*args)
            if stops:
                raise Killed
            return done

        return call

    for name in WRITES:
        patched.setattr(_PinnedRecords, name, stopping(getattr(_PinnedRecords, name)))


@pytest.mark.parametrize("kind", EVENTS)
def test_the_next_delivery_ends_where_an_undisturbed_one_does(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    context = platform.context()
    existing, sent = EVENTS[kind]
    stops = [(number, after) for number in (1, 2, 3) for after in (False, True)]
    for n, (number, after) in enumerate([(0, False), *stops], 10_001):
        if existing:
            put(platform, n)
        event = {"id": f"evt-{n}", "type": kind, "created": START, "data": {"object": sent(n)}}
        if number:
            with monkeypatch.context() as patched:
                stop_at(patched, number, after=after)
                with pytest.raises(Killed):
                    handle_stripe_event(context, event)
            assert is_event_processed(context, event["id"]) is ((number, after) == (3, True))
        if existing and kind != "customer.subscription.deleted" and kind != "invoice.payment_failed":
            assert record_profile_view(context, f"{n}", f"driver-{n}")["success"]
        handle_stripe_event(context, event)
    rows: dict[int, list[str]] = defaultdict(list)
    for collection in COLLECTIONS:
        for row in platform.rows(collection):
            n = int(row.get("carrier_dot") or row.get("email", "")[2:7])
            rows[n].append(json.dumps([collection, alike(row, n)], sort_keys=True))
    undisturbed = sorted(rows.pop(10_001))
    assert len(rows) == len(stops)
    for n, found in rows.items():
        assert sorted(found) == undisturbed, (kind, stops[n - 10_002])
