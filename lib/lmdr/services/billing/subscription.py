"""A carrier's plan: its permissions, the profile views left this month, and changing it.

`lmdr.plans` has the table of plans. A subscription is the carrier's active row of CarrierSubscriptions, else the free
plan.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lmdr import js, plans
from lmdr.plans import calculate_remaining as calculate_remaining
from lmdr.plans import can_search_drivers as can_search_drivers
from lmdr.plans import can_view_profile as can_view_profile
from lmdr.plans import is_valid_subscription as is_valid_subscription
from lmdr.services.access import NOT_LOGGED_IN
from lmdr.services.billing import stripe
from lmdr.services.context import Caller, Context, refused, service
from lmdr.services.dot_numbers import dot_text
from runbook.errors import ItemExists, RecordsError
from runbook.json_types import Item
from runbook.query import Query

NO_CARRIER = "No carrier found for this account"
_VIEWS = uuid.UUID("6f0a6a1e-6d2f-4d0a-9f6e-0d8f5d6f2c11")
"""Namespace of the ids of views, one for each carrier, driver and day."""


@service
def get_subscription(context: Context, carrier_dot: Any) -> Item:
    """A carrier's newest active row of CarrierSubscriptions; the free plan where it names none of the plans."""
    return _subscription(context, carrier_dot)


@service
def check_view_quota(context: Context, carrier_dot: Any) -> dict[str, Any]:
    """Whether a carrier may view another profile: {hasQuota, remaining, resetDate}; `remaining` -1 is unlimited.

    A past month is reset first. On an error of the data layer there is no quota.
    """
    try:
        subscription = reset_quota_if_needed(context, _subscription(context, carrier_dot))
    except RecordsError:
        return {"hasQuota": False, "remaining": 0, "resetDate": None}
    return {
        "hasQuota": can_view_profile(subscription),
        "remaining": calculate_remaining(subscription),
        "resetDate": subscription.get("quota_reset_date"),
    }


@service
def record_profile_view(
    context: Context,
    carrier_dot: Any,
    driver_id: str,
    view_type: str = "full_profile",
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Record a carrier's view of a driver's profile, and charge it: once a day (UTC) for each driver.

    `options`: matchScore, recruiterId. Gives {success, alreadyViewed, quotaUsed, used, quota, remaining}, or {success:
    False, error}: 'tier_not_allowed' on the free plan, 'quota_exhausted' with no view left, even for a driver seen
    today. The month is not reset here. Views are counted for every plan that may view.

    The view's id is derived from carrier, driver and day, so that of two concurrent calls one inserts and charges it.
    Concurrent calls for different drivers may charge one view for both: neither side can increment a number.
    """
    options, dot = options or {}, dot_text(carrier_dot)
    subscription = _subscription(context, dot, consistent=True)
    if subscription["plan_type"] == plans.FREE.name:
        return refused("tier_not_allowed")
    remaining = calculate_remaining(subscription)
    if remaining != plans.UNLIMITED and remaining <= 0:
        return refused("quota_exhausted")
    now = context.now().astimezone(UTC)
    if _viewed_on(context, dot, driver_id, now):
        return _recorded(subscription, charged=False)
    view = {
        "_id": str(uuid.uuid5(_VIEWS, f"{dot}\n{driver_id}\n{now:%Y-%m-%d}")),
        "carrier_dot": dot,
        "driver_id": driver_id,
        "recruiter_id": options.get("recruiterId"),
        "view_type": view_type,
        "billing_period": f"{now:%Y-%m}",
        "match_score": options.get("matchScore"),
        "view_date": now,
    }
    try:
        context.records.insert("CarrierDriverViews", {key: value for key, value in view.items() if value is not None})
    except ItemExists:
        return _recorded(subscription, charged=False)
    used = js.or_(subscription.get("views_used_this_month"), 0) + 1
    charged = context.records.patch("CarrierSubscriptions", subscription["_id"], {"views_used_this_month": used})
    return _recorded(charged, charged=True)


@service
def get_usage_stats(context: Context, carrier_dot: Any) -> dict[str, Any]:
    """A carrier's usage of its month: {used, quota, remaining, isUnlimited, isExhausted, daysUntilReset}.

    `daysUntilReset`: rounded up; None without a date. A past month shows until it is reset.
    """
    return usage_of(_subscription(context, carrier_dot), context.now())


@service
def reset_quota_if_needed(context: Context, subscription: Item) -> Item:
    """Start a new month of the pro plan where the reset date is missing or past; gives the subscription.

    The next date is a calendar month from now; a day that the month lacks runs into the next: January 31 gives March 3,
    in a leap year March 2.
    """
    if subscription.get("plan_type") != plans.PRO.name or "_id" not in subscription:
        return subscription
    now, due = context.now(), js.date(js.or_(subscription.get("quota_reset_date"), 0))
    if due is not None and due > now:
        return subscription
    fresh = {"views_used_this_month": 0, "quota_reset_date": _next_month(now)}
    return context.records.patch("CarrierSubscriptions", subscription["_id"], fresh)


@service
def get_full_subscription_status(context: Context, caller: Caller, carrier_dot: Any = None) -> dict[str, Any]:
    """A carrier's plan and usage, by default that of the caller's own carrier.

    {success, carrierDot, subscription, usage, canSearch, canViewProfiles} or {success: False, error}.
    """
    dot = dot_text(carrier_dot) or _own_dot(context, caller)
    if not dot:
        return _no_carrier(caller)
    subscription = _subscription(context, dot)
    return {
        "success": True,
        "carrierDot": dot,
        "subscription": subscription,
        "usage": usage_of(subscription, context.now()),
        "canSearch": can_search_drivers(subscription),
        "canViewProfiles": can_view_profile(subscription),
    }


@service
def get_all_plan_info(context: Context) -> dict[str, Any]:
    """The paid plans, by name: {name, price in cents per month, monthlyViewQuota, canSearch}."""
    return {
        plan.name: {
            "name": plan.name,
            "price": plan.price,
            "monthlyViewQuota": plan.monthly_view_quota,
            "canSearch": plan.can_search,
        }
        for plan in plans.PLANS.values()
        if plan.price is not None
    }


@service
def get_stripe_publishable_key(context: Context) -> dict[str, Any]:
    """See `stripe.get_publishable_key`."""
    return stripe.get_publishable_key(context)


@service
def start_checkout(context: Context, caller: Caller, plan: str, period: str = "monthly") -> dict[str, Any]:
    """Open a checkout for the caller's carrier: 'pro' or 'enterprise', 'monthly' or '6month'; shapes as `stripe`'s."""
    dot = _own_dot(context, caller)
    if not dot:
        return _no_carrier(caller)
    chosen = plans.PLANS.get(plan)
    if chosen is None or chosen.price is None:
        return refused("Unknown plan")
    return stripe.create_checkout_session(context, plan, dot, caller.email or "", period=period)


@service
def start_placement_checkout(
    context: Context, caller: Caller, count: int, form: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Open a checkout of the deposit for `count` drivers. `form`: texts that become metadata; email, if another."""
    dot = _own_dot(context, caller)
    if not dot:
        return _no_carrier(caller)
    texts = {key: value for key, value in (form or {}).items() if isinstance(value, str) and value}
    email = texts.pop("email", None) or caller.email or ""
    return stripe.create_placement_deposit_checkout(context, dot, email, count, details=texts)


@service
def open_billing_portal(context: Context, caller: Caller, return_url: str | None = None) -> dict[str, Any]:
    """Open Stripe's billing portal for the caller's carrier: {success, url} or {success: False, error}."""
    dot = _own_dot(context, caller)
    if not dot:
        return _no_carrier(caller)
    return stripe.create_portal_session(context, dot, return_url)


def usage_of(subscription: Item, now: datetime) -> dict[str, Any]:
    """The result of `get_usage_stats` for a subscription."""
    used = js.or_(subscription.get("views_used_this_month"), 0)
    quota = js.or_(subscription.get("monthly_view_quota"), 0)
    reset = subscription.get("quota_reset_date")
    due = js.date(reset) if reset else None
    return {
        "used": used,
        "quota": quota,
        "remaining": calculate_remaining(subscription),
        "isUnlimited": quota == plans.UNLIMITED,
        "isExhausted": used >= quota and quota > 0,
        "daysUntilReset": None if due is None else max(0, math.ceil((due - now) / timedelta(days=1))),
    }


def _no_carrier(caller: Caller) -> dict[str, Any]:
    return refused(NO_CARRIER if caller.logged_in else NOT_LOGGED_IN)


def _subscription(context: Context, carrier_dot: Any, *, consistent: bool = False) -> Item:
    dot = dot_text(carrier_dot)
    active = Query().eq("carrier_dot", dot).eq("is_active", True)
    row = context.records.first("CarrierSubscriptions", active, consistent=consistent) if dot else None
    return row if row is not None and is_valid_subscription(row) else plans.default_subscription()


def _viewed_on(context: Context, dot: str, driver_id: str, now: datetime) -> bool:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = Query().eq("carrier_dot", dot).eq("driver_id", driver_id).ge("_createdDate", midnight)
    return context.records.first("CarrierDriverViews", today) is not None


def _recorded(subscription: Item, *, charged: bool) -> dict[str, Any]:
    return {
        "success": True,
        "alreadyViewed": not charged,
        "quotaUsed": charged,
        "used": js.or_(subscription.get("views_used_this_month"), 0),
        "quota": js.or_(subscription.get("monthly_view_quota"), 0),
        "remaining": calculate_remaining(subscription),
    }


def _next_month(now: datetime) -> datetime:
    first = now.astimezone(UTC).replace(day=1)
    month = first.replace(year=first.year + 1, month=1) if first.month == 12 else first.replace(month=first.month + 1)
    return month + timedelta(days=now.astimezone(UTC).day - 1)


def _own_dot(context: Context, caller: Caller) -> str:
    """The DOT number of the caller's own carrier, as text; "" without one."""
    if not caller.member_id:
        return ""
    carrier = context.records.first("Carriers", Query().eq("_owner", caller.member_id))
    return dot_text(carrier["dot_number"]) if carrier else ""
