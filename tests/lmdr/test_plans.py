"""What a subscription lets a carrier do, for rows as they should be and as they come."""

from __future__ import annotations

from typing import Any

import pytest

from lmdr import plans


def subscription(plan: Any, used: Any = 0, *, active: Any = True) -> dict[str, Any]:
    quota = plans.PLANS[plan].monthly_view_quota if plan in plans.PLANS else 5
    return {"plan_type": plan, "is_active": active, "monthly_view_quota": quota, "views_used_this_month": used}


@pytest.mark.parametrize(
    ("row", "valid", "searches", "remaining", "views"),
    [
        (None, None, False, 0, False),
        ({}, False, False, 0, False),
        (plans.default_subscription(), True, False, 0, False),
        (subscription("free"), True, False, 0, False),
        (subscription("pro"), True, True, 25, True),
        (subscription("pro", 24), True, True, 1, True),
        (subscription("pro", 25), True, True, 0, False),
        (subscription("pro", 26), True, True, 0, False),
        (subscription("pro", None), True, True, 25, True),
        (subscription("pro", active=False), True, False, 25, False),
        (subscription("enterprise", 999), True, True, -1, True),
        (subscription("enterprise", active=False), True, False, -1, False),
        (subscription("gold", 1), False, False, 4, False),
        (subscription("Pro"), False, False, 5, False),
        ({"plan_type": "pro", "is_active": True}, True, True, 0, False),
        ({"plan_type": "pro", "is_active": "yes"}, False, True, 0, False),
        ({"plan_type": "pro", "is_active": None}, False, False, 0, False),
        ({"plan_type": ["pro"], "is_active": True}, False, False, 0, False),
    ],
)
def test_permissions_of_a_subscription(
    row: Any, valid: bool | None, searches: bool, remaining: int, views: bool
) -> None:
    assert plans.is_valid_subscription(row) is valid
    assert plans.can_search_drivers(row) is searches
    assert plans.calculate_remaining(row) == remaining
    assert plans.can_view_profile(row) is views


def test_an_invalid_quota_allows_nothing() -> None:
    assert not plans.can_view_profile({"plan_type": "pro", "is_active": True, "monthly_view_quota": "many"})


def test_each_default_is_a_new_object() -> None:
    plans.default_subscription()["plan_type"] = "enterprise"
    assert plans.default_subscription() == subscription("free")


def test_plans() -> None:
    assert [(plan.name, plan.can_search, plan.unlimited, plan.price) for plan in plans.PLANS.values()] == [
        ("free", False, False, None),
        ("pro", True, False, 24_900),
        ("enterprise", True, True, 74_900),
    ]
