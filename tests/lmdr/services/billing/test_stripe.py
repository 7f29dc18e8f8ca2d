"""Checkouts, a carrier's subscription and its bills, as services and pages call them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lmdr.services.billing import stripe
from lmdr.services.context import Context
from platform_kit import Platform

DOT = "1234567"
PRICES = {
    "STRIPE_PRICE_PRO": "price_pro",
    "STRIPE_PRICE_PRO_6MONTH": "price_pro_6",
    "STRIPE_PRICE_ENTERPRISE": "price_ent",
    "STRIPE_PRICE_ENTERPRISE_6MONTH": "price_ent_6",
}


class Api:
    """Stands for Stripe: keeps what it is asked, gives one answer, or raises it."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    def __call__(self, method: str, path: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        self.requests.append((method, path, dict(form or {})))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def with_api(platform: Platform, answer: dict[str, Any] | Exception, **secrets: str) -> tuple[Context, Api]:
    api = Api(answer)
    return platform.context(providers={"stripe": api}, secrets={**PRICES, **secrets}), api


def subscription(price: str = "price_pro", **more: Any) -> dict[str, Any]:
    fields = {"id": "sub_1", "status": "active", "metadata": {"carrier_dot": DOT}}
    return {**fields, "items": {"data": [{"price": {"id": price}}]}, **more}


def test_a_checkout_names_the_carrier_to_the_session_and_the_subscription(platform: Platform) -> None:
    context, api = with_api(platform, {"id": "cs_1", "url": "https://pay.test/1"}, SITE_URL="https://lmdr.test/")
    answer = stripe.create_checkout_session(context, "pro", DOT, "a@b.test", cancel_url="https://lmdr.test/no")
    assert answer == {"success": True, "sessionId": "cs_1", "url": "https://pay.test/1"}
    assert api.requests == [("POST", "/v1/checkout/sessions", {
        "mode": "subscription", "line_items[0][price]": "price_pro", "line_items[0][quantity]": "1",
        "customer_email": "a@b.test", "success_url": "https://lmdr.test/carrier-dashboard?checkout=success",
        "cancel_url": "https://lmdr.test/no", "metadata[carrier_dot]": DOT, "metadata[plan_type]": "pro",
        "subscription_data[metadata][carrier_dot]": DOT,
    })]  # fmt: skip


@pytest.mark.parametrize(
    ("requests", "period", "price", "plan"),
    [
        ("pro", "6month", "price_pro_6", "pro"),
        ("enterprise", "monthly", "price_ent", "enterprise"),
        ("enterprise", "6month", "price_ent_6", "enterprise"),
        ("price_ent_6", "monthly", "price_ent_6", "enterprise"),
        ("price_other", "6month", "price_other", "pro"),
    ],
)
def test_a_plan_and_period_make_a_price(platform: Platform, requests: str, period: str, price: str, plan: str) -> None:
    context, api = with_api(platform, {"id": "cs_1"})
    assert stripe.create_checkout_session(context, requests, DOT, "a@b.test", period=period)["success"]
    (_, _, form) = api.requests[0]
    assert (form["line_items[0][price]"], form["metadata[plan_type]"]) == (price, plan)


def test_the_monthly_price_of_pro_precedes_its_general_one(platform: Platform) -> None:
    context, api = with_api(platform, {"id": "cs_1"}, STRIPE_PRICE_PRO_MONTHLY="price_pro_m")
    stripe.create_checkout_session(context, "pro", DOT, "a@b.test")
    assert api.requests[0][2]["line_items[0][price]"] == "price_pro_m"


@pytest.mark.parametrize("missing", [("", DOT, "a@b.test"), ("pro", "", "a@b.test"), ("pro", DOT, "")])
def test_a_checkout_needs_all_three(platform: Platform, missing: tuple[str, str, str]) -> None:
    context, api = with_api(platform, {"id": "cs_1"})
    answer = stripe.create_checkout_session(context, *missing)
    assert answer == {"success": False, "error": "Missing required parameters"}
    assert api.requests == []


def test_a_failed_checkout_hides_stripes_error(platform: Platform) -> None:
    context, api = with_api(platform, OSError("sk_live_secret a@b.test"))
    assert stripe.create_checkout_session(context, "pro", DOT, "a@b.test") == {
        "success": False, "error": "Failed to create checkout session"}  # fmt: skip
    assert len(api.requests) == 1
    unset = stripe.create_checkout_session(context, "pro", DOT, "a@b.test", period="weekly")
    assert unset == {"success": False, "error": "No price is set for this plan"}
    alone = stripe.create_checkout_session(platform.context(secrets=PRICES), "pro", DOT, "a@b.test")
    assert alone["success"] is False


def test_only_the_newest_subscription_keeps_a_carrier_from_another(platform: Platform) -> None:
    platform.put("CarrierSubscriptions", created=platform.now - timedelta(days=2), carrier_dot=DOT, plan_type="pro",
                 status="active", is_active=True)  # fmt: skip
    context, api = with_api(platform, {"id": "cs_1"})
    answer = stripe.create_checkout_session(context, "pro", DOT, "a@b.test")
    assert answer == {"success": False, "error": "Carrier already has an active subscription"}
    assert api.requests == []
    platform.put("CarrierSubscriptions", carrier_dot=DOT, plan_type="pro", status="canceled", is_active=False)
    newest = stripe.get_subscription_by_carrier(context, DOT)
    assert newest is not None
    assert newest["status"] == "canceled"
    assert stripe.create_checkout_session(context, "pro", DOT, "a@b.test")["success"] is True
    assert stripe.get_subscription_by_carrier(context, "7") is None
    assert stripe.get_subscription_by_carrier(context, "") is None


def test_a_deposit_is_a_hundred_dollars_a_driver(platform: Platform) -> None:
    context, api = with_api(platform, {"id": "cs_1", "url": "u"})
    answer = stripe.create_placement_deposit_checkout(context, DOT, "a@b.test", 3, details={"contact": "Ann"})
    assert answer == {"success": True, "sessionId": "cs_1", "url": "u"}
    (_, path, form) = api.requests[0]
    assert (path, form["mode"]) == ("/v1/checkout/sessions", "payment")
    assert (form["line_items[0][price_data][unit_amount]"], form["line_items[0][quantity]"]) == ("10000", "3")
    assert (form["metadata[carrier_dot]"], form["metadata[contact]"], form["metadata[driver_count]"]) == (
        DOT, "Ann", "3")  # fmt: skip
    assert form["payment_intent_data[metadata][carrier_dot]"] == DOT
    for dot, email, count in ((DOT, "a@b.test", 0), (DOT, "", 1), ("", "a@b.test", 1), (DOT, "a@b.test", True)):
        assert stripe.create_placement_deposit_checkout(context, dot, email, count)["success"] is False
    assert len(api.requests) == 1


def test_the_portal_requires_a_subscription(platform: Platform) -> None:
    context, api = with_api(platform, {"url": "https://pay.test/portal"})
    refused = stripe.create_portal_session(context, DOT, "https://lmdr.test/back")
    assert (refused["success"], refused["code"]) == (False, "NO_SUBSCRIPTION")
    platform.put("CarrierSubscriptions", carrier_dot=DOT, plan_type="pro", stripe_customer_id="cus_1")
    answer = stripe.create_portal_session(context, DOT, "https://lmdr.test/back")
    assert answer == {"success": True, "url": "https://pay.test/portal"}
    form = {"customer": "cus_1", "return_url": "https://lmdr.test/back"}
    assert api.requests == [("POST", "/v1/billing_portal/sessions", form)]


def test_a_session_is_requested_by_its_escaped_id(platform: Platform) -> None:
    context, api = with_api(platform, {"id": "cs_1"})
    assert stripe.get_checkout_session(context, "cs_1") == {"success": True, "session": {"id": "cs_1"}}
    stripe.get_checkout_session(context, "../customers?x")
    assert [path for _, path, _ in api.requests] == [
        "/v1/checkout/sessions/cs_1", "/v1/checkout/sessions/..%2Fcustomers%3Fx"]  # fmt: skip
    assert stripe.get_checkout_session(context, "")["success"] is False


def test_the_publishable_key(platform: Platform) -> None:
    key = stripe.get_publishable_key(platform.context(secrets={"STRIPE_PUBLISHABLE_KEY": "pk_1"}))
    assert key == {"success": True, "publishableKey": "pk_1"}
    assert stripe.get_publishable_key(platform.context())["success"] is False


def test_details_of_a_subscription_and_of_none(platform: Platform) -> None:
    context = platform.context()
    none = stripe.get_subscription_details(context, DOT)
    assert (none["success"], none["tier"], none["viewsUsed"], none["viewsLimit"]) == (True, "free", 0, 5)
    stripe.upsert_subscription(context, subscription(current_period_end=1_771_632_000), "cus_1")
    assert stripe.get_subscription_details(context, DOT) == {
        "success": True, "tier": "pro", "status": "active", "isActive": True, "viewsUsed": 0, "viewsLimit": 25,
        "quotaResetDate": datetime(2026, 2, 21, tzinfo=UTC), "currentPeriodEnd": datetime(2026, 2, 21, tzinfo=UTC),
        "cancelAtPeriodEnd": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("price", "plan", "quota"),
    [("price_ent", "enterprise", -1), ("price_ent_6", "enterprise", -1), ("price_pro_6", "pro", 25), ("x", "pro", 25)],
)
def test_either_price_of_enterprise_is_enterprise(platform: Platform, price: str, plan: str, quota: int) -> None:
    context = platform.context(secrets=PRICES)
    row = stripe.upsert_subscription(context, subscription(price), "cus_1")["subscription"]
    assert (row["plan_type"], row["monthly_view_quota"]) == (plan, quota)


def test_two_concurrent_events_of_a_new_carrier_create_one_row(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = platform.context(secrets=PRICES)
    stripe.upsert_subscription(context, subscription(), "cus_1")
    monkeypatch.setattr(stripe, "_newest", lambda *args: None)  # as the second sees it before the first has written
    stripe.upsert_subscription(context, subscription("price_ent", status="past_due"), "cus_1")
    (row,) = platform.rows("CarrierSubscriptions")
    assert (row["plan_type"], row["status"]) == ("enterprise", "past_due")


def test_no_price_is_enterprise_while_no_price_is_set(platform: Platform) -> None:
    result = subscription(items={"data": []})
    assert stripe.upsert_subscription(platform.context(), result, "cus_1")["subscription"]["plan_type"] == "pro"


@pytest.mark.parametrize("status", ["trialing", "past_due", "canceled"])
def test_only_an_active_subscription_is_active(platform: Platform, status: str) -> None:
    context = platform.context()
    stripe.upsert_subscription(context, subscription(), "cus_1")
    answer = stripe.update_subscription_status(context, "sub_1", status)
    assert (answer["subscription"]["status"], answer["subscription"]["is_active"]) == (status, False)
    assert stripe.update_subscription_status(context, "sub_1", "active")["subscription"]["is_active"] is True
    assert stripe.update_subscription_status(context, "sub_2", "active")["success"] is False
    assert stripe.update_subscription_status(context, "", "active")["success"] is False


def test_a_quota_is_reset_for_a_carrier_that_has_one(platform: Platform) -> None:
    context = platform.context()
    assert stripe.reset_quota(context, DOT, 0, 0) == {"success": False, "error": "Subscription not found"}
    stripe.upsert_subscription(context, subscription(), "cus_1")
    row = platform.rows("CarrierSubscriptions")[0]
    platform.records.patch("CarrierSubscriptions", row["_id"], {"views_used_this_month": 9})
    assert stripe.reset_quota(context, DOT, 1_768_953_600, 1_771_632_000) == {"success": True}
    row = platform.rows("CarrierSubscriptions")[0]
    assert (row["views_used_this_month"], row["current_period_start"]) == (0, datetime(2026, 1, 21, tzinfo=UTC))
    assert row["quota_reset_date"] == row["current_period_end"] == datetime(2026, 2, 21, tzinfo=UTC)


def test_bills_of_a_carrier_the_newest_first(platform: Platform) -> None:
    context = platform.context()
    for hours in (3, 1, 2):
        platform.at(platform.now.replace(hour=hours))
        stripe.record_billing_event(context, DOT, "payment_succeeded", {"amount": hours * 100, "invoiceId": "in_1"})
    stripe.record_billing_event(context, "7", "payment_succeeded")
    stripe.record_billing_event(context, None, "checkout_completed")
    assert [row["amount"] for row in stripe.get_billing_history(context, DOT)["history"]] == [300, 200, 100]
    assert len(stripe.get_billing_history(context, DOT, limit=1)["history"]) == 1
    (other,) = stripe.get_billing_history(context, "7")["history"]
    assert (other["amount"], other["currency"], other["timestamp"]) == (0, "usd", platform.now)


def test_an_event_is_billed_once(platform: Platform) -> None:
    context = platform.context()
    first = stripe.record_billing_event(context, DOT, "payment_failed", {"amount": 5, "eventId": "evt_1"})
    again = stripe.record_billing_event(context, DOT, "payment_failed", {"amount": 5, "eventId": "evt_1"})
    assert first == again
    assert len(platform.rows("BillingHistory")) == 1


def test_an_event_is_logged_once_with_a_thousand_characters_of_it(platform: Platform) -> None:
    context = platform.context()
    assert stripe.is_event_processed(context, "evt_1") is False
    stripe.log_stripe_event(context, "evt_1", "invoice.paid", {"carrierDot": DOT, "status": "paid"})
    stripe.log_stripe_event(context, "evt_1", "invoice.paid", {"carrierDot": DOT, "status": "é" * 2000})
    (row,) = platform.rows("StripeEvents")
    whole = json.dumps({"carrierDot": DOT, "status": "é" * 2000}, ensure_ascii=False, separators=(",", ":"))
    assert (row["event_id"], row["carrier_dot"], row["data_summary"]) == ("evt_1", DOT, whole[:1000])
    assert stripe.is_event_processed(context, "evt_1") is True
    assert stripe.is_event_processed(context, "evt_2") is False
