"""Payments by Stripe: checkouts, a carrier's subscription, its billing history.

`context.providers["stripe"]` is a `StripeApi`; without one, calls that need it are refused. Secrets:
STRIPE_PUBLISHABLE_KEY, and the price ids STRIPE_PRICE_PRO, STRIPE_PRICE_PRO_MONTHLY, STRIPE_PRICE_PRO_6MONTH,
STRIPE_PRICE_ENTERPRISE, STRIPE_PRICE_ENTERPRISE_6MONTH. SITE_URL is the base of the pages that a checkout returns to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

from lmdr import js
from lmdr.plans import ENTERPRISE, PLANS, PRO
from lmdr.services.billing.stripe_log import is_event_processed as is_event_processed
from lmdr.services.billing.stripe_log import log_stripe_event as log_stripe_event
from lmdr.services.billing.view_quota import SUBSCRIPTIONS, period_start, viewing, views_since
from lmdr.services.context import Context, refused, service
from lmdr.services.dot_numbers import dot_number, dot_text
from lmdr.services.unique_rows import insert_or_change, row_id
from runbook.errors import ItemExists
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

DEPOSIT = 10_000
"""Cents to pay for each driver before a placement starts."""
FREE_VIEWS_SHOWN = 5
"""The views shown to a carrier without a subscription, though it has none."""

_PRICES = {  # the first secret that is set
    ("pro", "6month"): ("STRIPE_PRICE_PRO_6MONTH",),
    ("pro", "monthly"): ("STRIPE_PRICE_PRO_MONTHLY", "STRIPE_PRICE_PRO"),
    ("enterprise", "6month"): ("STRIPE_PRICE_ENTERPRISE_6MONTH",),
    ("enterprise", "monthly"): ("STRIPE_PRICE_ENTERPRISE",),
}
_PAID = frozenset({PRO.name, ENTERPRISE.name})


class StripeApi(Protocol):
    """Sends a request to Stripe's API; returns its JSON answer, raises for anything but success."""

    def __call__(self, method: str, path: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        """`path`: from "/v1" on; `form`: the form-encoded body, with Stripe's keys such as "metadata[x]"."""


# ------------------------------------------------------------------ checkouts


@service
def create_checkout_session(
    context: Context,
    price_or_plan: str,
    dot: str,
    email: str,
    success_url: str | None = None,
    cancel_url: str | None = None,
    period: str = "monthly",
) -> dict[str, Any]:
    """Open a Stripe page on which a carrier subscribes: {success, sessionId, url} or {success: False, error}.

    `price_or_plan`: a price id, 'pro' or 'enterprise'; `period` of a plan: 'monthly' or '6month'. Refused where the
    carrier's newest subscription is active.
    """
    dot = dot_text(dot)
    if not (price_or_plan and dot and email):
        return refused("Missing required parameters")
    plan = price_or_plan if price_or_plan in _PAID else _plan_of(context, price_or_plan)
    price = _price(context, price_or_plan, period) if price_or_plan in _PAID else price_or_plan
    if price is None:
        return refused("No price is set for this plan")
    current = _newest(context.records, dot, consistent=True)
    if current is not None and current.get("status") == "active":
        return refused("Carrier already has an active subscription")
    return _checkout(
        context,
        {
            "mode": "subscription",
            "line_items[0][price]": price,
            "line_items[0][quantity]": "1",
            "customer_email": email,
            "success_url": success_url or _page(context, "/carrier-dashboard?checkout=success"),
            "cancel_url": cancel_url or _page(context, "/pricing?checkout=canceled"),
            "metadata[carrier_dot]": dot,
            "metadata[plan_type]": plan,
            "subscription_data[metadata][carrier_dot]": dot,
        },
    )


@service
def create_placement_deposit_checkout(
    context: Context,
    dot: str,
    email: str,
    count: int,
    success_url: str | None = None,
    cancel_url: str | None = None,
    details: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Open a Stripe page for the deposit of `count` drivers; shapes as `create_checkout_session`.

    `details`: further metadata of the session, such as the fields of a form.
    """
    dot = dot_text(dot)
    if not (dot and email) or isinstance(count, bool) or not isinstance(count, int) or count < 1:
        return refused("Missing required parameters")
    metadata = {**(details or {}), "carrier_dot": dot, "type": "placement_deposit", "driver_count": str(count)}
    return _checkout(
        context,
        {
            "mode": "payment",
            "line_items[0][price_data][currency]": "usd",
            "line_items[0][price_data][unit_amount]": str(DEPOSIT),
            "line_items[0][price_data][product_data][name]": "Driver placement deposit",
            "line_items[0][quantity]": str(count),
            "customer_email": email,
            "success_url": success_url or _page(context, "/carrier-dashboard?placement=success"),
            "cancel_url": cancel_url or _page(context, "/pricing?placement=canceled"),
            **{f"metadata[{key}]": value for key, value in metadata.items()},
            # The events of the payment, and of its refund, have only this metadata.
            "payment_intent_data[metadata][carrier_dot]": dot,
        },
    )


@service
def create_portal_session(context: Context, dot: str, return_url: str | None = None) -> dict[str, Any]:
    """Open Stripe's billing portal for a carrier: {success, url}, or an error, `code` NO_SUBSCRIPTION."""
    current = _newest(context.records, dot_text(dot))
    if current is None or not current.get("stripe_customer_id"):
        return refused("No subscription found for this carrier", code="NO_SUBSCRIPTION")
    form = {
        "customer": current["stripe_customer_id"],
        "return_url": return_url or _page(context, "/carrier-dashboard"),
    }
    session = _ask(context, "POST", "/v1/billing_portal/sessions", form)
    return refused("Stripe could not be asked") if session is None else {"success": True, "url": session.get("url")}


@service
def get_checkout_session(context: Context, session_id: str) -> dict[str, Any]:
    """A checkout from Stripe: {success, session} or {success: False, error}."""
    if not session_id:
        return refused("Missing required parameters")
    session = _ask(context, "GET", f"/v1/checkout/sessions/{quote(session_id, safe='')}")
    return refused("Stripe could not be asked") if session is None else {"success": True, "session": session}


@service
def get_publishable_key(context: Context) -> dict[str, Any]:
    """The browser's key for Stripe: {success, publishableKey} or {success: False, error}."""
    key = context.secrets.get("STRIPE_PUBLISHABLE_KEY")
    return {"success": True, "publishableKey": key} if key else refused("Stripe is not configured")


# ------------------------------------------------------------------ a carrier's subscription


@service
def get_subscription_by_carrier(context: Context, dot: str) -> Item | None:
    """A carrier's newest row of CarrierSubscriptions, of any status; None without one."""
    return _newest(context.records, dot_text(dot))


@service
def get_subscription_details(context: Context, dot: str) -> dict[str, Any]:
    """A carrier's subscription for the billing page; `viewsLimit` -1 is unlimited."""
    row = _newest(context.records, dot_text(dot))
    if row is None:
        return {"success": True, "tier": "free", "status": "none", "isActive": False, "viewsUsed": 0,
                "viewsLimit": FREE_VIEWS_SHOWN, "quotaResetDate": None, "currentPeriodEnd": None,
                "cancelAtPeriodEnd": False}  # fmt: skip
    return {
        "success": True,
        "tier": row.get("plan_type"),
        "status": row.get("status"),
        "isActive": row.get("is_active"),
        "viewsUsed": row.get("views_used_this_month") or 0,
        "viewsLimit": row.get("monthly_view_quota"),
        "quotaResetDate": row.get("quota_reset_date"),
        "currentPeriodEnd": row.get("current_period_end"),
        "cancelAtPeriodEnd": bool(row.get("cancel_at_period_end")),
    }


@service
def upsert_subscription(
    context: Context, stripe_subscription: Mapping[str, Any], customer_id: str | None
) -> dict[str, Any]:
    """Store a Stripe subscription in the row of its carrier: {success, subscription}.

    The carrier is `metadata.carrier_dot`; without a DOT number: {success: False, error}. One row a carrier: its newest,
    whose used views are kept.
    """
    dot = dot_text(js.get(stripe_subscription, "metadata", "carrier_dot"))
    if dot_number(dot) is None:
        return refused("Subscription names no carrier in its metadata")
    item = js.get(stripe_subscription, "items", "data", 0) or {}
    price, status = js.get(item, "price", "id"), stripe_subscription.get("status")
    plan = _plan_of(context, price)
    fields: dict[str, Any] = {
        "carrier_dot": dot,
        "plan_type": plan,
        "status": status,
        "is_active": status == "active",
        "monthly_view_quota": PLANS[plan].monthly_view_quota,
        "stripe_customer_id": customer_id,
        "stripe_subscription_id": stripe_subscription.get("id"),
        "stripe_price_id": price,
        "cancel_at_period_end": bool(stripe_subscription.get("cancel_at_period_end")),
        # Since 2025 Stripe gives the period in the subscription's item, before in the subscription.
        **_period(*(stripe_subscription.get(key) or item.get(key) for key in _PERIOD)),
    }
    fields = {key: value for key, value in fields.items() if value is not None}
    new = {"views_used_this_month": 0, **fields}
    with viewing(context.records, dot) as exact:
        key = {"carrier_dot": dot}
        once = insert_or_change(replace(context, records=exact), SUBSCRIPTIONS, key, new, lambda before: fields)
    return {"success": True, "subscription": once.item}


@service
def reset_quota(context: Context, dot: str, start: float | None, end: float | None) -> dict[str, Any]:
    """Start a carrier's month: its dates, and no views used but those since. Unix timestamps, as Stripe sends them."""
    dot = dot_text(dot)
    with viewing(context.records, dot) as exact:
        current = _newest(exact, dot)
        if current is None:
            return refused("Subscription not found")
        period, now = _period(start, end), context.now()
        used = views_since(exact, dot, period_start({**current, **period}, now)) if period else 0
        exact.patch(SUBSCRIPTIONS, current["_id"], {"views_used_this_month": used, **period})
    return {"success": True}


@service
def update_subscription_status(context: Context, subscription_id: str | None, status: str) -> dict[str, Any]:
    """Store the status that Stripe gives a subscription: {success, subscription}, or {success: False, error}."""
    query = Query().eq("stripe_subscription_id", subscription_id)
    current = context.records.first(SUBSCRIPTIONS, query) if subscription_id else None
    if current is None:
        return refused("Subscription not found")

    def change(item: Item) -> dict[str, Any]:
        if item.get("stripe_subscription_id") != subscription_id:  # the carrier has another one meanwhile
            return {}
        return {"status": status, "is_active": status == "active"}

    with viewing(context.records, dot_text(current.get("carrier_dot"))) as exact:
        stored = exact.change(SUBSCRIPTIONS, current["_id"], change, consistent=False)
    if stored.get("stripe_subscription_id") != subscription_id:
        return refused("Subscription not found")
    return {"success": True, "subscription": stored}


# ------------------------------------------------------------------ billing history


@service
def record_billing_event(
    context: Context, dot: str | None, event_type: str, details: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Add a row to BillingHistory: {success, recordId}. For the same event only once.

    `details`: amount in cents (0), currency ('usd'), invoiceId, description, eventId: Stripe's event.
    """
    details = details or {}
    event_id = details.get("eventId")
    row = {
        "_id": billing_id(event_id) if event_id else None,
        "carrier_dot": dot_text(dot) or None,
        "event_type": event_type,
        "amount": details.get("amount") or 0,
        "currency": details.get("currency") or "usd",
        "invoice_id": details.get("invoiceId"),
        "description": details.get("description"),
        "timestamp": context.now(),
        "stripe_event_id": event_id,
    }
    try:
        added = context.records.insert("BillingHistory", {k: value for k, value in row.items() if value is not None})
    except ItemExists:
        return {"success": True, "recordId": row["_id"]}
    return {"success": True, "recordId": added["_id"]}


def billing_id(event_id: str) -> str:
    """The `_id` of an event's row of BillingHistory."""
    return row_id("stripe billing", event_id)


@service
def get_billing_history(context: Context, dot: str, limit: int = 50) -> dict[str, Any]:
    """A carrier's billing history, the newest first: {success, history}."""
    query = Query().eq("carrier_dot", dot_text(dot)).descending("timestamp").limit(limit)
    return {"success": True, "history": context.records.query("BillingHistory", query).items}


_PERIOD = ("current_period_start", "current_period_end")


def _period(start: float | None, end: float | None) -> dict[str, datetime]:
    dates: dict[str, datetime] = {}
    if start:
        dates["current_period_start"] = datetime.fromtimestamp(start, UTC)
    if end:
        dates["current_period_end"] = dates["quota_reset_date"] = datetime.fromtimestamp(end, UTC)
    return dates


def _newest(records: Records, dot: str, *, consistent: bool = False) -> Item | None:
    query = Query().eq("carrier_dot", dot).descending("_createdDate")
    return records.first(SUBSCRIPTIONS, query, consistent=consistent) if dot else None


def _plan_of(context: Context, price: str | None) -> str:
    # The platform knows only the monthly price of Enterprise, and takes its six-month price for Pro.
    names = ("STRIPE_PRICE_ENTERPRISE", "STRIPE_PRICE_ENTERPRISE_6MONTH")
    return ENTERPRISE.name if price and price in {context.secrets.get(name) for name in names} else PRO.name


def _price(context: Context, plan: str, period: str) -> str | None:
    names = _PRICES.get((plan, period), ())
    return next((context.secrets[name] for name in names if context.secrets.get(name)), None)


def _page(context: Context, path: str) -> str:
    return f"{context.secrets.get('SITE_URL', '').rstrip('/')}{path}"


def _checkout(context: Context, form: Mapping[str, str]) -> dict[str, Any]:
    session = _ask(context, "POST", "/v1/checkout/sessions", form)
    if session is None:
        return refused("Failed to create checkout session")
    return {"success": True, "sessionId": session.get("id"), "url": session.get("url")}


def _ask(context: Context, method: str, path: str, form: Mapping[str, str] | None = None) -> dict[str, Any] | None:
    """Stripe's answer; None without a provider, or where it raised."""
    api: StripeApi | None = context.providers.get("stripe")
    if api is None:
        return None
    try:
        return api(method, path, form)
    except Exception:  # noqa: BLE001 - a provider's error may be of any type, and may contain the request
        return None
