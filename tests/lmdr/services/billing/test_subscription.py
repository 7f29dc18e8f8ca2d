"""Plans, quotas and what a profile view costs."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lmdr.plans import default_subscription
from lmdr.services.billing.subscription import (
    check_view_quota,
    get_all_plan_info,
    get_full_subscription_status,
    get_stripe_publishable_key,
    get_subscription,
    get_usage_stats,
    open_billing_portal,
    record_profile_view,
    reset_quota_if_needed,
    start_checkout,
    start_placement_checkout,
)
from lmdr.services.context import ANYONE, Caller
from platform_kit import Platform
from runbook.errors import SourceDown
from runbook.json_types import Item
from runbook.records import Records

OWNER = Caller("member-owner", "owner@x.test")
QUOTAS = {"free": 0, "pro": 25, "enterprise": -1}


def subscribe(platform: Platform, plan: str = "pro", used: int = 0, **more: Any) -> Item:
    row = {
        "carrier_dot": "77",
        "plan_type": plan,
        "is_active": True,
        "monthly_view_quota": QUOTAS[plan],
        "views_used_this_month": used,
        "quota_reset_date": platform.now + timedelta(days=9, hours=1),
    }
    return platform.put("CarrierSubscriptions", **row | more)


def used(platform: Platform, row: Item) -> int:
    return int(platform.row("CarrierSubscriptions", row["_id"])["views_used_this_month"])


# ------------------------------------------------------------------ the subscription


def test_the_newest_active_row_counts_and_without_one_the_plan_is_free(platform: Platform) -> None:
    context = platform.context()
    assert get_subscription(context, "77") == default_subscription()
    subscribe(platform, "enterprise", is_active=False)
    assert get_subscription(context, "77") == default_subscription()
    subscribe(platform, "enterprise", created=platform.now - timedelta(days=3))
    newest = subscribe(platform, created=platform.now - timedelta(days=2))
    assert get_subscription(context, "77") == newest
    assert get_subscription(context, 77) == newest
    for nobody in ("78", "", None):
        assert get_subscription(context, nobody) == default_subscription()


def test_usage_is_counted_against_the_quota(platform: Platform) -> None:
    context = platform.context()
    nothing = {
        "used": 0,
        "quota": 0,
        "remaining": 0,
        "isUnlimited": False,
        "isExhausted": False,
        "daysUntilReset": None,
    }
    assert get_usage_stats(context, "77") == nothing
    row = subscribe(platform, used=24)
    stats = {"used": 24, "quota": 25, "remaining": 1, "isUnlimited": False, "isExhausted": False, "daysUntilReset": 10}
    assert get_usage_stats(context, "77") == stats
    changes = {"views_used_this_month": 26, "quota_reset_date": platform.now - timedelta(days=3)}
    platform.records.patch("CarrierSubscriptions", row["_id"], changes)
    over = stats | {"used": 26, "remaining": 0, "isExhausted": True, "daysUntilReset": 0}
    assert get_usage_stats(context, "77") == over  # as it stands: nothing is reset by looking
    platform.records.patch("CarrierSubscriptions", row["_id"], {"plan_type": "enterprise", "monthly_view_quota": -1})
    assert get_usage_stats(context, "77") == over | {
        "quota": -1,
        "remaining": -1,
        "isUnlimited": True,
        "isExhausted": False,
    }


# ------------------------------------------------------------------ the month


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ((2026, 1, 31), (2026, 3, 3)),
        ((2028, 1, 31), (2028, 3, 2)),
        ((2026, 3, 31), (2026, 5, 1)),
        ((2026, 2, 28), (2026, 3, 28)),
        ((2026, 12, 31), (2027, 1, 31)),
    ],
)
def test_a_month_from_now_runs_over_where_that_month_is_shorter(
    platform: Platform, now: tuple[int, int, int], due: tuple[int, int, int]
) -> None:
    platform.at(datetime(*now, 23, 59, 59, 999000, tzinfo=UTC))
    row = subscribe(platform, used=7, quota_reset_date=platform.now)
    reset = reset_quota_if_needed(platform.context(), row)
    assert reset["quota_reset_date"] == datetime(*due, 23, 59, 59, 999000, tzinfo=UTC)
    assert reset["views_used_this_month"] == 0
    assert platform.row("CarrierSubscriptions", row["_id"]) == reset


def test_a_month_is_reset_at_its_date_to_the_millisecond_and_only_for_pro(platform: Platform) -> None:
    context = platform.context()
    soon = subscribe(platform, used=7, quota_reset_date=platform.now + timedelta(milliseconds=1))
    assert reset_quota_if_needed(context, soon) == soon
    none = subscribe(platform, used=7, quota_reset_date=None)
    assert reset_quota_if_needed(context, none)["views_used_this_month"] == 0
    large = subscribe(platform, "enterprise", used=7, quota_reset_date=platform.now - timedelta(days=1))
    assert reset_quota_if_needed(context, large) == large
    assert used(platform, large) == 7
    assert reset_quota_if_needed(context, default_subscription()) == default_subscription()


def test_the_quota_is_checked_after_a_reset(platform: Platform) -> None:
    context = platform.context()
    assert check_view_quota(context, "77") == {"hasQuota": False, "remaining": 0, "resetDate": None}
    row = subscribe(platform, used=25)
    assert check_view_quota(context, "77") == {
        "hasQuota": False,
        "remaining": 0,
        "resetDate": row["quota_reset_date"],
    }
    platform.at(row["quota_reset_date"])
    assert check_view_quota(context, 77) == {
        "hasQuota": True,
        "remaining": 25,
        "resetDate": datetime(2026, 3, 2, 13, tzinfo=UTC),
    }
    subscribe(platform, "enterprise", used=900, created=platform.now + timedelta(days=1))
    assert check_view_quota(context, "77")["remaining"] == -1
    assert check_view_quota(context, "77")["hasQuota"] is True


def test_an_unreadable_quota_is_no_quota(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*args: object, **more: object) -> None:
        raise SourceDown("gone", collection="CarrierSubscriptions")

    subscribe(platform)
    monkeypatch.setattr(Records, "first", down)
    assert check_view_quota(platform.context(), "77") == {"hasQuota": False, "remaining": 0, "resetDate": None}


# ------------------------------------------------------------------ views


def test_a_view_is_recorded_and_charged_once_a_day(platform: Platform) -> None:
    context, row = platform.context(), subscribe(platform, used=3)
    first = record_profile_view(context, 77, "d", options={"matchScore": 81, "recruiterId": "r"})
    assert first == {
        "success": True, "alreadyViewed": False, "quotaUsed": True, "used": 4, "quota": 25, "remaining": 21,
    }  # fmt: skip
    view = platform.rows("CarrierDriverViews")[0]
    assert {key: value for key, value in view.items() if not key.startswith("_")} == {
        "carrier_dot": "77",
        "driver_id": "d",
        "recruiter_id": "r",
        "view_type": "full_profile",
        "billing_period": "2026-01",
        "match_score": 81,
        "view_date": platform.now,
    }
    platform.at(datetime(2026, 1, 21, 23, 59, 59, tzinfo=UTC))
    again = record_profile_view(context, "77", "d", "contact_reveal")
    assert (again["alreadyViewed"], again["quotaUsed"], again["used"]) == (True, False, 4)
    assert record_profile_view(context, "77", "other")["used"] == 5
    platform.at(datetime(2026, 1, 22, tzinfo=UTC))
    assert record_profile_view(context, "77", "d")["used"] == 6
    assert (used(platform, row), len(platform.rows("CarrierDriverViews"))) == (6, 3)


def test_a_view_of_today_by_an_older_service_counts(platform: Platform) -> None:
    context, row = platform.context(), subscribe(platform)
    midnight = platform.now.replace(hour=0)
    platform.put("CarrierDriverViews", carrier_dot="77", driver_id="d", created=midnight - timedelta(seconds=9))
    assert not record_profile_view(context, "77", "d")["alreadyViewed"]
    platform.put("CarrierDriverViews", carrier_dot="77", driver_id="e", created=midnight)
    assert record_profile_view(context, "77", "e")["alreadyViewed"]
    assert used(platform, row) == 1


def test_without_a_view_left_none_is_recorded(platform: Platform) -> None:
    context = platform.context()
    assert record_profile_view(context, "77", "d") == {"success": False, "error": "tier_not_allowed"}
    row = subscribe(platform, used=24)
    assert record_profile_view(context, "77", "d")["remaining"] == 0
    for driver in ("d", "other"):  # also one who was seen today
        assert record_profile_view(context, "77", driver) == {"success": False, "error": "quota_exhausted"}
    assert (used(platform, row), len(platform.rows("CarrierDriverViews"))) == (25, 1)


def test_enterprise_counts_its_views_without_a_limit(platform: Platform) -> None:
    row = subscribe(platform, "enterprise", used=4000)
    answer = record_profile_view(platform.context(), "77", "d")
    assert (answer["quotaUsed"], answer["used"], answer["remaining"]) == (True, 4001, -1)
    assert used(platform, row) == 4001


def test_of_concurrent_views_one_is_charged(platform: Platform) -> None:
    context, row = platform.context(), subscribe(platform)
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: record_profile_view(context, "77", "d"), range(6)))
    assert sorted(answer["quotaUsed"] for answer in answers) == [False] * 5 + [True]
    assert (used(platform, row), len(platform.rows("CarrierDriverViews"))) == (1, 1)


# ------------------------------------------------------------------ the caller's own carrier


def test_the_status_is_of_the_callers_or_the_named_carrier(platform: Platform) -> None:
    context = platform.context()
    assert get_full_subscription_status(context, ANYONE)["error"] == "User must be logged in"
    assert get_full_subscription_status(context, OWNER)["error"] == "No carrier found for this account"
    platform.put("Carriers", dot_number=77, _owner=OWNER.member_id)
    row = subscribe(platform, used=25)
    status = get_full_subscription_status(context, OWNER)
    assert (status["carrierDot"], status["subscription"], status["usage"]["isExhausted"]) == ("77", row, True)
    assert (status["canSearch"], status["canViewProfiles"]) == (True, False)
    other = get_full_subscription_status(context, ANYONE, "78")
    assert (other["subscription"], other["canSearch"]) == (default_subscription(), False)


def test_prices_of_plans(platform: Platform) -> None:
    plans = get_all_plan_info(platform.context())
    assert {name: (plan["price"], plan["monthlyViewQuota"]) for name, plan in plans.items()} == {
        "pro": (24_900, 25),
        "enterprise": (74_900, -1),
    }
    context = platform.context(secrets={"STRIPE_PUBLISHABLE_KEY": "pk_test"})
    assert get_stripe_publishable_key(context) == {"success": True, "publishableKey": "pk_test"}
    assert not get_stripe_publishable_key(platform.context())["success"]


def test_checkouts_and_the_portal_are_of_the_callers_carrier(platform: Platform) -> None:
    requests: list[tuple[str, dict[str, str]]] = []

    def answer(method: str, path: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        requests.append((path, dict(form or {})))
        return {"id": "cs_1", "url": "https://stripe.test/1"}

    secrets = {"STRIPE_PRICE_PRO": "price_pro", "STRIPE_PRICE_PRO_6MONTH": "price_half"}
    context = platform.context(providers={"stripe": answer}, secrets=secrets)
    for start in (
        lambda caller: start_checkout(context, caller, "pro"),
        lambda caller: start_placement_checkout(context, caller, 2),
        lambda caller: open_billing_portal(context, caller),
    ):
        assert start(ANYONE) == {"success": False, "error": "User must be logged in"}
        assert start(OWNER) == {"success": False, "error": "No carrier found for this account"}
    assert requests == []

    platform.put("Carriers", dot_number=77, _owner=OWNER.member_id)
    assert start_checkout(context, OWNER, "free") == {"success": False, "error": "Unknown plan"}
    assert start_checkout(context, OWNER, "pro", "6month")["url"] == "https://stripe.test/1"
    assert start_placement_checkout(context, OWNER, 2, {"email": "hr@x.test", "company": "ACME", "n": 3})["success"]
    assert open_billing_portal(context, OWNER)["code"] == "NO_SUBSCRIPTION"
    subscribe(platform, stripe_customer_id="cus_1")
    assert open_billing_portal(context, OWNER, "https://x.test/back")["success"]

    (_, checkout), (_, placement), (path, portal) = requests
    assert (checkout["line_items[0][price]"], checkout["customer_email"]) == ("price_half", "owner@x.test")
    assert checkout["metadata[carrier_dot]"] == placement["metadata[carrier_dot]"] == "77"
    assert (placement["customer_email"], placement["metadata[company]"]) == ("hr@x.test", "ACME")
    assert path == "/v1/billing_portal/sessions"
    assert portal == {"customer": "cus_1", "return_url": "https://x.test/back"}
