"""What a carrier's plan includes: searching for drivers, and a number of profile views per month.

    | plan       | search | profile views per month | price per month |
    |------------|--------|-------------------------|-----------------|
    | free       | no     | 0                       |                 |
    | pro        | yes    | 25                      | $249            |
    | enterprise | yes    | unlimited (-1)          | $749            |

A subscription is a row of CarrierSubscriptions: `plan_type`, `is_active`, `monthly_view_quota` and
`views_used_this_month`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from lmdr import js
from runbook.json_types import MISSING, Item

UNLIMITED: Final = -1
"""An unlimited quota, and what remains of it."""


@dataclass(frozen=True)
class Plan:
    """A row of the table above; `price` in cents per month, None for a free plan."""

    name: str
    can_search: bool
    monthly_view_quota: int
    price: int | None = None

    @property
    def unlimited(self) -> bool:
        """Whether the number of profile views is unlimited."""
        return self.monthly_view_quota == UNLIMITED


FREE = Plan("free", can_search=False, monthly_view_quota=0)
PRO = Plan("pro", can_search=True, monthly_view_quota=25, price=24_900)
ENTERPRISE = Plan("enterprise", can_search=True, monthly_view_quota=UNLIMITED, price=74_900)

PLANS: Mapping[Any, Plan] = MappingProxyType({plan.name: plan for plan in (FREE, PRO, ENTERPRISE)})


def default_subscription() -> Item:
    """The subscription of a carrier without a valid row."""
    return {
        "plan_type": FREE.name,
        "monthly_view_quota": FREE.monthly_view_quota,
        "views_used_this_month": 0,
        "is_active": True,
    }


def is_valid_subscription(subscription: Mapping[str, Any] | None) -> bool | None:
    """Whether a row names a plan and has a boolean `is_active`; None for no row, as on the platform."""
    if subscription is None:
        return None
    return plan_of(subscription) is not None and isinstance(subscription.get("is_active"), bool)


def can_search_drivers(subscription: Mapping[str, Any] | None) -> bool:
    """Whether the subscription is active and its plan includes the search."""
    if subscription is None or not js.truthy(subscription.get("is_active")):
        return False
    plan = plan_of(subscription)
    return plan is not None and plan.can_search


def calculate_remaining(subscription: Mapping[str, Any] | None) -> js.Number:
    """The profile views left this month: 0 or more, `UNLIMITED` where the quota is; 0 for no row."""
    if subscription is None:
        return 0
    quota = js.or_(subscription.get("monthly_view_quota"), 0)
    if js.same(quota, UNLIMITED):
        return UNLIMITED
    used = js.or_(subscription.get("views_used_this_month"), 0)
    return js.maximum(0, js.to_number(quota) - js.to_number(used))


def can_view_profile(subscription: Mapping[str, Any] | None) -> bool:
    """Whether another profile may be viewed: an active plan with the search, and a view left."""
    remaining = calculate_remaining(subscription)
    return can_search_drivers(subscription) and (remaining > 0 or remaining == UNLIMITED)


def plan_of(subscription: Mapping[str, Any]) -> Plan | None:
    """The plan that a row names; None where it names none of `PLANS`."""
    name = subscription.get("plan_type", MISSING)
    return PLANS.get(name) if isinstance(name, str) else None
