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
from lmdr.services.billing.view_quota import (
    SUBSCRIPTIONS,
    VIEWS,
    active_subscription,
    is_over,
    next_month,
    one_more,
    viewing,
    with_used,
)
from lmdr.services.context import Caller, Context, refused, service
from lmdr.services.dot_numbers import dot_text
from runbook.errors import ItemExists, RecordsError
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

NO_CARRIER = "No carrier found for this account"
_VIEWS = uuid.UUID("6f0a6a1e-6d2f-4d0a-9f6e-0d8f5d6f2c11")
"""Namespace of the ids of views, one for each carrier, driver and day."""


@service
def get_subscription(context: Context, carrier_dot: Any) -> Item:
    """A carrier's newest active row of CarrierSubscriptions; the free plan where it names none of the plans."""
    return active_subscription(context.records, dot_text(carrier_dot))


@service
def check_view_quota(context: Context, carrier_dot: Any) -> dict[str, Any]:
    """Whether a carrier may view another profile: {hasQuota, remaining, resetDate}; `remaining` -1 is unlimited.

    A past month is reset first. On an error of the data layer there is no quota.
    """
    dot = dot_text(carrier_dot)
    try:
        subscription = active_subscription(context.records, dot)
        if _is_due(subscription, context.now()):
            with viewing(context.records, dot) as exact:  # it may have ended meanwhile
                subscription = _reset(exact, active_subscription(exact, dot), context.now())
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
    today. The month is not reset here. Views are counted for every plan that may view, see `billing.view_quota`.

    The view's id is derived from carrier, driver and day.
    """
    options, dot = options or {}, dot_text(carrier_dot)
    with viewing(context.records, dot) as exact:
        subscription = active_subscription(exact, dot)
        if subscription["plan_type"] == plans.FREE.name:
            return refused("tier_not_allowed")
        now = context.now().astimezone(UTC)
        subscription = with_used(exact, subscription, now)
        remaining = calculate_remaining(subscription)
        if remaining != plans.UNLIMITED and remaining <= 0:
            return refused("quota_exhausted")
        if _viewed_on(exact, dot, driver_id, now):
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
            exact.insert(VIEWS, {key: value for key, value in view.items() if value is not None})
        except ItemExists:
            return _recorded(subscription, charged=False)
        row = exact.change(SUBSCRIPTIONS, subscription["_id"], one_more(subscription), consistent=False)
        charged = {**subscription, "views_used_this_month": row["views_used_this_month"]}
        return _recorded(charged, charged=True)


@service
def get_usage_stats(context: Context, carrier_dot: Any) -> dict[str, Any]:
    """A carrier's usage of its month: {used, quota, remaining, isUnlimited, isExhausted, daysUntilReset}.

    `daysUntilReset`: rounded up; None without a date. A past month shows until it is reset.
    """
    return usage_of(active_subscription(context.records, dot_text(carrier_dot)), context.now())


@service
def reset_quota_if_needed(context: Context, subscription: Item) -> Item:
    """Start a new month of the pro plan where the reset date is missing or past; gives the subscription.

    The next date is a calendar month from now; a day that the month lacks runs into the next: January 31 gives March 3,
    in a leap year March 2.
    """
    if "_id" not in subscription or not _is_due(subscription, context.now()):
        return subscription
    with viewing(context.records, dot_text(subscription.get("carrier_dot"))) as exact:
        return _reset(exact, subscription, context.now())


@service
def get_full_subscription_status(context: Context, caller: Caller, carrier_dot: Any = None) -> dict[str, Any]:
    """A carrier's plan and usage, by default that of the caller's own carrier.

    {success, carrierDot, subscription, usage, canSearch, canViewProfiles} or {success: False, error}.
    """
    dot = dot_text(carrier_dot) or _own_dot(context, caller)
    if not dot:
        return _no_carrier(caller)
    subscription = active_subscription(context.records, dot)
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


def _is_due(subscription: Item, now: datetime) -> bool:
    return subscription.get("plan_type") == plans.PRO.name and is_over(subscription, now)


def _reset(exact: Records, subscription: Item, now: datetime) -> Item:
    """Reset a past month; gives the subscription as it is then."""
    if "_id" not in subscription:
        return subscription

    def reset(item: Item) -> dict[str, Any]:
        # Someone else may have reset it meanwhile, or Stripe changed the plan.
        return {"views_used_this_month": 0, "quota_reset_date": next_month(now)} if _is_due(item, now) else {}

    return exact.change(SUBSCRIPTIONS, subscription["_id"], reset, consistent=False)


def _viewed_on(exact: Records, dot: str, driver_id: str, now: datetime) -> bool:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = Query().eq("carrier_dot", dot).eq("driver_id", driver_id).ge("_createdDate", midnight)
    return exact.first(VIEWS, today) is not None


def _recorded(subscription: Item, *, charged: bool) -> dict[str, Any]:
    return {
        "success": True,
        "alreadyViewed": not charged,
        "quotaUsed": charged,
        "used": js.or_(subscription.get("views_used_this_month"), 0),
        "quota": js.or_(subscription.get("monthly_view_quota"), 0),
        "remaining": calculate_remaining(subscription),
    }


def _own_dot(context: Context, caller: Caller) -> str:
    """The DOT number of the caller's own carrier, as text; "" without one."""
    if not caller.member_id:
        return ""
    carrier = context.records.first("Carriers", Query().eq("_owner", caller.member_id))
    return dot_text(carrier["dot_number"]) if carrier else ""
