"""Stripe's events and what they do, twenty times at once."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from at_once import AtOnce, Call
from lmdr.services.billing import stripe
from lmdr.services.billing.abandonment_emails import (
    mark_checkout_recovered,
    send_abandonment_emails,
    track_abandoned_checkout,
)
from lmdr.services.billing.stripe_log import log_stripe_event
from lmdr.services.billing.stripe_webhook import handle_stripe_event
from lmdr.services.billing.subscription import record_profile_view
from platform_kit import NOON
from runbook.json_types import Item

CALLERS = 20
DOT = "1234567"
START, END = 1_768_953_600, 1_771_632_000  # 2026-01-21 and 2026-02-21, in Stripe's seconds
SESSION = {"id": "cs_1", "customer_email": "a@b.test", "metadata": {"carrier_dot": DOT, "plan_type": "pro"}}


def stripe_subscription(**more: Any) -> dict[str, Any]:
    sent = {
        "id": "sub_1",
        "customer": "cus_1",
        "status": "active",
        "metadata": {"carrier_dot": DOT},
        "items": {"data": [{"price": {"id": "price_p"}}]},
        "current_period_start": START,
        "current_period_end": END,
    }
    return {**sent, **more}


def deliver(number: int, kind: str, sent: dict[str, Any], *, created: int = START) -> Call:
    event = {"id": f"evt_{number}", "type": kind, "created": created, "data": {"object": sent}}
    return Call(handle_stripe_event, event)


def statuses(results: list[dict[str, Any]]) -> Counter[str]:
    return Counter(result["status"] for result in results)


def only(at_once: AtOnce, collection: str) -> Item:
    (row,) = at_once.rows(collection)
    return row


def test_an_event_delivered_twenty_times_acts_once(at_once: AtOnce) -> None:
    sent = deliver(1, "customer.subscription.created", stripe_subscription())
    assert statuses(at_once.run([sent] * CALLERS)) == {"created": 1, "already_processed": 19}
    assert only(at_once, "CarrierSubscriptions")["stripe_subscription_id"] == "sub_1"
    assert only(at_once, "BillingHistory")["event_type"] == "subscription_created"
    assert only(at_once, "StripeEvents")["processed"] is True


def test_a_renewal_delivered_twenty_times_among_views_resets_once(at_once: AtOnce) -> None:
    at_once.put("CarrierSubscriptions", carrier_dot=DOT, plan_type="pro", is_active=True, monthly_view_quota=25,
                views_used_this_month=25, stripe_subscription_id="sub_1",
                quota_reset_date=NOON + timedelta(days=1))  # fmt: skip
    sent = {"id": "in_1", "subscription": "sub_1", "billing_reason": "subscription_cycle", "amount_paid": 24_900,
            "metadata": {"carrier_dot": DOT}, "period_start": START, "period_end": END}  # fmt: skip
    renewal = deliver(1, "invoice.paid", sent)
    views = [Call(record_profile_view, DOT, f"d{n}") for n in range(10)]
    results = at_once.run([*[renewal] * 10, *views])
    assert statuses(results[:10]) == {"paid": 1, "already_processed": 9}
    given = sum(view["success"] for view in results[10:])
    assert only(at_once, "CarrierSubscriptions")["views_used_this_month"] == given
    assert len(at_once.rows("CarrierDriverViews")) == given
    assert len(at_once.rows("BillingHistory")) == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_the_events_of_a_subscription_end_as_the_latest_says(at_once: AtOnce, seed: int) -> None:
    at_once.run([deliver(0, "customer.subscription.created", stripe_subscription(status="incomplete"))])
    ordered = ["trialing", "active", "past_due", "unpaid", "paused"] * 3
    sent = [
        deliver(n, "customer.subscription.updated", stripe_subscription(status=status), created=START + n)
        for n, status in enumerate(ordered, 1)
    ]
    sent.append(deliver(90, "customer.subscription.deleted", stripe_subscription(), created=START + 15))
    sent.append(deliver(91, "invoice.payment_failed", {"id": "in_1", "subscription": "sub_1"}, created=START + 14))
    random.Random(seed).shuffle(sent)
    results = at_once.run(sent)
    assert statuses(results)["deleted"] == 1
    row = only(at_once, "CarrierSubscriptions")
    assert (row["status"], row["is_active"]) == ("canceled", False)
    assert len(at_once.rows("StripeEvents")) == len(sent) + 1


def test_two_events_at_airtables_pace_end_as_the_later_says(at_once: AtOnce) -> None:
    at_once.run([deliver(0, "customer.subscription.created", stripe_subscription(status="incomplete"))])
    later = deliver(2, "customer.subscription.updated", stripe_subscription(), created=START + 2)
    earlier = deliver(1, "customer.subscription.updated", stripe_subscription(status="past_due"), created=START + 1)
    with at_once.slow(0.05):
        results = at_once.run([later, earlier], after=[0.0, 0.06])
    assert [result["status"] for result in results] == ["updated", "superseded"]
    assert only(at_once, "CarrierSubscriptions")["status"] == "active"


def test_a_new_customer_has_one_subscription(at_once: AtOnce) -> None:
    results = at_once.run([Call(stripe.upsert_subscription, stripe_subscription(), "cus_1")] * CALLERS)
    row = only(at_once, "CarrierSubscriptions")
    assert {result["subscription"]["_id"] for result in results} == {row["_id"]}
    changes = [Call(stripe.update_subscription_status, "sub_1", "past_due")] * CALLERS
    assert all(result["success"] for result in at_once.run(changes))
    assert only(at_once, "CarrierSubscriptions")["is_active"] is False


def test_a_status_of_another_subscription_changes_nothing(at_once: AtOnce) -> None:
    at_once.run([Call(stripe.upsert_subscription, stripe_subscription(), "cus_1")])
    newer = Call(stripe.upsert_subscription, stripe_subscription(id="sub_2"), "cus_1")
    at_once.run([newer, *[Call(stripe.update_subscription_status, "sub_1", "canceled")] * 9])
    row = only(at_once, "CarrierSubscriptions")
    assert (row["stripe_subscription_id"], row["status"], row["is_active"]) == ("sub_2", "active", True)


def test_an_event_is_billed_and_logged_once(at_once: AtOnce) -> None:
    bill = Call(stripe.record_billing_event, DOT, "payment_succeeded", {"amount": 9, "eventId": "evt_1"})
    log = Call(log_stripe_event, "evt_1", "invoice.paid", {"carrierDot": DOT})
    assert len({result["recordId"] for result in at_once.run([bill, log] * 10)}) == 2
    assert len(at_once.rows("BillingHistory")) == len(at_once.rows("StripeEvents")) == 1


def test_checkouts_abandoned_at_once_are_one_row_for_each_address(at_once: AtOnce) -> None:
    sent = [
        deliver(n, "checkout.session.expired", {**SESSION, "id": f"cs_{n}", "customer_email": f"{n % 2}@b.test"})
        for n in range(10)
    ]
    assert statuses(at_once.run([*sent, *sent])) == {"checkout_expired": 10, "already_processed": 10}
    rows = at_once.rows("CheckoutAbandonment")
    assert sorted(row["email"] for row in rows) == ["0@b.test", "1@b.test"]
    assert len(at_once.rows("BillingHistory")) == 10


def test_a_checkout_is_recovered_whatever_expires_at_the_same_time(at_once: AtOnce) -> None:
    at_once.run([Call(track_abandoned_checkout, SESSION)])
    recovered = Call(mark_checkout_recovered, "a@b.test", "cs_2")
    expired = Call(track_abandoned_checkout, SESSION)
    results = at_once.run([recovered, expired] * 10)
    assert sum(result.get("recovered", 0) for result in results) == 1
    row = only(at_once, "CheckoutAbandonment")
    assert (row["recovered"], row["recoverySessionId"], row["stripeSessionId"]) == (True, "cs_2", "cs_1")


def test_twenty_runs_of_the_job_send_each_mail_once(at_once: AtOnce) -> None:
    rows = [
        {"email": f"{n}@b.test", "abandonedAt": NOON - timedelta(hours=2 if n else 1), "recovered": False}
        for n in range(13)
    ]
    at_once.records.bulk_insert("CheckoutAbandonment", rows)
    results = at_once.run([Call(send_abandonment_emails)] * CALLERS)
    assert sum(result["sent"] for result in results) == 12
    sent = [(template, to) for template, to, _ in at_once.mails]
    assert sorted(sent) == sorted(("checkout_abandonment_1", f"{n}@b.test") for n in range(1, 13))
    assert sum(row.get("email1Sent") is True for row in at_once.rows("CheckoutAbandonment")) == 12
