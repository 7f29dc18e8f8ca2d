"""Any two services of subscriptions, checkouts, admins and programs that share a row, called at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import combinations_with_replacement
from types import MappingProxyType
from typing import Any

import pytest

from at_once import AtOnce, Call
from lmdr.services import airtable_client
from lmdr.services.admin import carriers, dashboard, drivers, moderation
from lmdr.services.billing import stripe
from lmdr.services.billing.abandonment_emails import mark_checkout_recovered, track_abandoned_checkout
from lmdr.services.billing.stripe_webhook import handle_stripe_event
from lmdr.services.billing.subscription import check_view_quota, record_profile_view
from lmdr.services.carrier.driver_matching import get_driver_profile
from lmdr.services.carrier.enrichment import enrich_carrier
from lmdr.services.context import Caller
from lmdr.services.driver.profiles import log_carrier_interest, remove_carrier_interest
from lmdr.services.observability.logs import end_trace, start_span
from pairs import Outcome, Pair, Pairs
from platform_kit import NOON, Sides
from runbook.errors import ItemExists, NoSuchItem
from runbook.json_types import Item

pytestmark = pytest.mark.slow
START, END = 1_768_953_600, 1_771_632_000  # 2026-01-21 and 2026-02-21, in Stripe's seconds
ADMIN = Caller("admin-1", "ann@lmdr.test", frozenset({"super_admin"}))
OTHER = Caller("admin-2", "bob@lmdr.test", frozenset({"super_admin"}))


def research(prompt: str, **how: Any) -> dict[str, Any]:
    return {"content": "It hires.", "citations": []}


def synthesis(prompt: str, **how: Any) -> str:
    return json.dumps({"ai_summary": "Fine."})


PROVIDERS = MappingProxyType({"providers": {"perplexity": research, "claude": synthesis}})


def _rows(n: int, pair: Pair) -> Iterator[tuple[str, Item]]:
    dot = str(n)
    match pair.room:
        case "money":
            link = {"_id": f"link-{n}", "recruiter_id": f"recruiter-{n}", "carrier_dot": dot, "is_active": True}
            yield "recruiterCarriers", link
            yield "DriverProfiles", {"_id": f"driver-{n}", "is_searchable": True, "visibility_level": "full"}
            if pair.before != "none":
                over = pair.before == "over"
                yield "CarrierSubscriptions", {
                    "_id": f"row-{n}", "carrier_dot": dot, "plan_type": "pro", "status": "active", "is_active": True,
                    "monthly_view_quota": 5, "views_used_this_month": 4, "stripe_subscription_id": f"sub-{n}",
                    "stripe_customer_id": f"cus-{n}", "quota_reset_date": NOON + timedelta(hours=-1 if over else 99),
                }  # fmt: skip
        case "checkout" if pair.before == "open":
            yield "CheckoutAbandonment", {
                "_id": f"open-{n}", "email": f"a-{n}@b.test", "carrierDot": dot, "abandonedAt": NOON,
                "recovered": False, "email1Sent": False, "email2Sent": False, "email3Sent": False,
            }  # fmt: skip
        case "carrier":
            yield "Carriers", {"_id": f"carrier-{n}", "dot_number": n, "status": "active", "flagReason": "old"}
            yield "CarrierEnrichments", {"_id": f"cache-{n}", "dot_number": dot, "match_count": 3, "source": "old"}
        case "driver":
            yield "DriverProfiles", {"_id": f"driver-{n}", "status": "pending", "display_name": "Ada"}
            yield "AdminUsers", {"_id": f"admin-{n}", "email": ADMIN.email, "status": "active"}
        case "interest":
            yield "DriverProfiles", {"_id": f"driver-{n}", "_owner": f"member-{n}"}
            yield "Carriers", {"_id": f"carrier-{n}", "dot_number": n, "legal_name": "ACME"}
            if pair.before == "logged":
                yield "DriverCarrierInterests", {
                    "_id": f"interest-{n}", "driver_id": f"driver-{n}", "carrier_dot": dot, "action": "saved",
                    "action_timestamp": NOON,
                }  # fmt: skip
        case "alert":
            yield "SystemAlerts", {"_id": f"alert-{n}", "type": "info"}
        case "trace":
            yield "SystemTraces", {"_id": f"row-{n}", "traceId": f"tr-{n}", "startTime": NOON, "spans": []}


def _subscription(n: int, **more: Any) -> Item:
    return {"id": f"sub-{n}", "customer": f"cus-{n}", "status": "active", "metadata": {"carrier_dot": str(n)},
            "items": {"data": [{"price": {"id": "price_p"}}]}, "current_period_start": START,
            "current_period_end": END, **more}  # fmt: skip


def _session(n: int, name: str) -> Item:
    return {"id": f"{name}-{n}", "customer_email": f"a-{n}@b.test", "metadata": {"carrier_dot": str(n)}}


def _event(n: int, name: str, kind: str, sent: Item, created: int = START) -> Call:
    return Call(handle_stripe_event, {"id": f"{name}-{n}", "type": kind, "created": created, "data": {"object": sent}})


def _invoice(n: int, **more: Any) -> Item:
    return {"id": f"in-{n}", "subscription": f"sub-{n}", "customer": f"cus-{n}", "amount_paid": 9,
            "metadata": {"carrier_dot": str(n)}, "period_start": START, "period_end": END, **more}  # fmt: skip


INTEREST = MappingProxyType({"matchScore": 80, "action": "interested"})
UPDATED, CREATED = "customer.subscription.updated", "customer.subscription.created"
ACTIONS: dict[str, dict[str, Callable[[int], Call]]] = {
    "money": {
        "view": lambda n: Call(record_profile_view, str(n), "d1"),
        "view another": lambda n: Call(record_profile_view, str(n), "d2"),
        "open a profile": lambda n: Call(get_driver_profile, Caller(f"recruiter-{n}"), str(n), f"driver-{n}"),
        "check": lambda n: Call(check_view_quota, str(n)),
        "created": lambda n: _event(n, "evt-1", CREATED, _subscription(n, status="incomplete")),
        "updated": lambda n: _event(n, "evt-2", UPDATED, _subscription(n, status="trialing"), START + 1),
        "active": lambda n: _event(n, "evt-3", UPDATED, _subscription(n), START + 2),
        "deleted": lambda n: _event(n, "evt-4", "customer.subscription.deleted", _subscription(n), START + 3),
        "renewed": lambda n: _event(n, "evt-5", "invoice.paid", _invoice(n, billing_reason="subscription_cycle")),
        "unpaid": lambda n: _event(n, "evt-6", "invoice.payment_failed", _invoice(n), START + 1),
        "upsert": lambda n: Call(stripe.upsert_subscription, _subscription(n), f"cus-{n}"),
        "pause": lambda n: Call(stripe.update_subscription_status, f"sub-{n}", "paused"),
    },
    "checkout": {
        "expired": lambda n: _event(n, "evt-1", "checkout.session.expired", _session(n, "cs-1")),
        "another expired": lambda n: _event(n, "evt-2", "checkout.session.expired", _session(n, "cs-2")),
        "completed": lambda n: _event(n, "evt-3", "checkout.session.completed", _session(n, "cs-3")),
        "track": lambda n: Call(track_abandoned_checkout, _session(n, "cs-1")),
        "recover": lambda n: Call(mark_checkout_recovered, f"a-{n}@b.test", "cs-4"),
    },
    "carrier": {
        "end": lambda n: Call(carriers.update_carrier_status, ADMIN, f"carrier-{n}", "inactive", "moved"),
        "suspend": lambda n: Call(carriers.update_carrier_status, OTHER, f"carrier-{n}", "suspended", "unsafe"),
        "suspend, older key": lambda n: Call(drivers.update_carrier_status, OTHER, f"carrier-{n}", "suspended", ""),
        "flag": lambda n: Call(carriers.flag_carrier, ADMIN, f"carrier-{n}", "fraud"),
        "unflag": lambda n: Call(carriers.unflag_carrier, OTHER, f"carrier-{n}"),
        "activate all": lambda n: Call(carriers.bulk_update_carriers, ADMIN, [f"carrier-{n}", f"no-{n}"], "activate"),
        "unflag all": lambda n: Call(carriers.bulk_update_carriers, OTHER, [f"carrier-{n}"], "unflag"),
        "refresh": lambda n: Call(carriers.refresh_carrier_enrichment, ADMIN, f"carrier-{n}"),
        "enrich": lambda n: Call(enrich_carrier, n, {"dot_number": n}),
        "rename": lambda n: Call(
            airtable_client.update_carrier, f"carrier-{n}", {"legal_name": "New", "dot_number": n}
        ),
    },
    "driver": {
        "verify": lambda n: Call(drivers.verify_driver, ADMIN, f"driver-{n}"),
        "suspend": lambda n: Call(drivers.suspend_driver, OTHER, f"driver-{n}", "papers"),
        "activate": lambda n: Call(drivers.update_driver_status, ADMIN, f"driver-{n}", "active", "fine"),
        "reject": lambda n: Call(moderation.update_document_status, ADMIN, f"driver-{n}", "med_card", "rejected", "x"),
        "accept": lambda n: Call(moderation.update_document_status, ADMIN, f"driver-{n}", "med_card", "approved"),
        "rename": lambda n: Call(airtable_client.update_driver, f"driver-{n}", {"display_name": "Bea"}),
    },
    "interest": {
        "create": lambda n: Call(airtable_client.create_interest, f"driver-{n}", f"carrier-{n}", {"match_score": 7}),
        "log": lambda n: Call(log_carrier_interest, Caller(f"member-{n}"), {**INTEREST, "carrierDOT": n}),
        "remove": lambda n: Call(remove_carrier_interest, Caller(f"member-{n}"), n),
        "offer": lambda n: Call(airtable_client.update_interest_status, f"interest-{n}", "offer"),
    },
    "alert": {
        "resolve": lambda n: Call(dashboard.resolve_alert, ADMIN, f"alert-{n}"),
        "resolve too": lambda n: Call(dashboard.resolve_alert, OTHER, f"alert-{n}"),
    },
    "trace": {
        "span": lambda n: Call(start_span, f"tr-{n}", "score"),
        "another": lambda n: Call(start_span, f"tr-{n}", "rank"),
        "end": lambda n: Call(end_trace, f"tr-{n}"),
    },
}
SOME = {
    "none": {"view", "created", "updated", "deleted", "renewed", "upsert"},
    "over": {"view", "view another", "check", "active", "renewed", "unpaid", "pause"},
}
"""The actions that meet without a subscription, and with one whose month is over; elsewhere all do."""
BEFORE = {"money": ("none", "open", "over"), "checkout": ("none", "open"), "interest": ("none", "logged")}
"""What there is before the calls: a subscription within its month or past it; an open checkout; an interest."""
pairs = Pairs(
    [
        Pair(room, before, one, other)
        for room, actions in ACTIONS.items()
        for before in BEFORE.get(room, ("one",))
        for one, other in combinations_with_replacement(actions, 2)
        if room != "money" or {one, other} <= SOME.get(before, {*actions})
        if {one, other} != {"enrich"}  # both ask the providers
    ],
    _rows,
    lambda number, room, action: ACTIONS[room][action](number),
    (
        "CarrierSubscriptions", "CarrierDriverViews", "BillingHistory", "StripeEvents", "CheckoutAbandonment", "Carriers",
        "CarrierEnrichments", "AdminAuditLog", "DriverProfiles", "DriverCarrierInterests", "SystemAlerts", "SystemTraces",
    ),
    (ItemExists, NoSuchItem),
    PROVIDERS,
)  # fmt: skip


@pytest.fixture(scope="module")
def serial(sides: Sides) -> list[tuple[Outcome, Outcome]]:
    return pairs.one_after_the_other(sides)


@pytest.mark.parametrize("at_once", ["wix", "two processes on airtable through the journal"], indirect=True)
def test_two_calls_at_once_are_one_after_the_other(serial: list[tuple[Outcome, Outcome]], at_once: AtOnce) -> None:
    assert pairs.not_serial(at_once, serial) == []
