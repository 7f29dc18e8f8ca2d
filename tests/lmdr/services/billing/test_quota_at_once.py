"""A carrier's quota of profile views, looked at by twenty at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from at_once import AtOnce, Call
from lmdr.services.billing import stripe
from lmdr.services.billing.subscription import check_view_quota, record_profile_view
from lmdr.services.billing.view_quota import next_month
from lmdr.services.carrier.driver_matching import get_driver_profile
from lmdr.services.context import Caller, Context
from platform_kit import NOON
from runbook.json_types import Item
from runbook.query import Query

DOT = "77"
RECRUITER = Caller("recruiter-1", "r@x.test")
CALLERS = 20
DRIVERS = [f"d{n}" for n in range(CALLERS)]


def subscribe(at_once: AtOnce, plan: str = "pro", used: int = 0, **more: Any) -> Item:
    row = {
        "carrier_dot": DOT,
        "plan_type": plan,
        "is_active": True,
        "monthly_view_quota": 5,
        "views_used_this_month": used,
        "quota_reset_date": NOON + timedelta(days=9),
    }
    return at_once.put("CarrierSubscriptions", **row | more)


def look(at_once: AtOnce, *drivers: str) -> list[dict[str, Any]]:
    return at_once.run([Call(record_profile_view, DOT, driver) for driver in drivers])


def number(at_once: AtOnce) -> int:
    (row,) = at_once.rows("CarrierSubscriptions")
    return int(row["views_used_this_month"])


def views(at_once: AtOnce) -> int:
    return at_once.records.count("CarrierDriverViews", Query(), consistent=True)


def test_of_twenty_first_views_those_that_are_left_are_given_and_charged(at_once: AtOnce) -> None:
    subscribe(at_once)
    answers = look(at_once, *DRIVERS)
    assert sorted(answer["used"] for answer in answers if answer["success"]) == [1, 2, 3, 4, 5]
    refused = [answer for answer in answers if not answer["success"]]
    assert refused == [{"success": False, "error": "quota_exhausted"}] * 15
    assert (number(at_once), views(at_once)) == (5, 5)


def test_twenty_profiles_at_once_with_five_views_left(at_once: AtOnce) -> None:
    subscribe(at_once)
    at_once.put("recruiterCarriers", recruiter_id=RECRUITER.member_id, carrier_dot=DOT, is_active=True)
    profiles = [{"_id": driver, "is_searchable": True, "visibility_level": "full"} for driver in DRIVERS]
    at_once.records.bulk_insert("DriverProfiles", profiles)
    answers = at_once.run([Call(get_driver_profile, RECRUITER, DOT, driver) for driver in DRIVERS])
    assert sorted(a["quota"]["used"] for a in answers if a["success"]) == [1, 2, 3, 4, 5]
    assert [a["code"] for a in answers if not a["success"]] == ["QUOTA_EXHAUSTED"] * 15
    assert (number(at_once), views(at_once)) == (5, 5)


def test_two_views_at_airtables_pace(at_once: AtOnce) -> None:
    subscribe(at_once, used=3)
    with at_once.slow(0.05):
        calls = [Call(record_profile_view, DOT, driver) for driver in ("a", "b", "b", "c")]
        answers = at_once.run(calls, after=[0.0, 0.06, 0.08, 0.1])
    assert sorted(a.get("quotaUsed", False) for a in answers) == [False, False, True, True]
    assert (number(at_once), views(at_once)) == (5, 2)


def test_twenty_views_of_one_driver_are_one(at_once: AtOnce) -> None:
    subscribe(at_once)
    assert sorted(a["quotaUsed"] for a in look(at_once, *["d"] * CALLERS)) == [False] * 19 + [True]
    assert (number(at_once), views(at_once)) == (1, 1)


def test_twenty_views_without_a_limit_all_count(at_once: AtOnce) -> None:
    subscribe(at_once, "enterprise", used=4000, monthly_view_quota=-1)
    assert sorted(a["used"] for a in look(at_once, *DRIVERS)) == list(range(4001, 4021))
    assert (number(at_once), views(at_once)) == (4020, 20)


def test_a_number_above_its_rows_leaves_what_it_leaves(at_once: AtOnce) -> None:
    subscribe(at_once, used=3)
    assert sorted(a["success"] for a in look(at_once, *DRIVERS)) == [False] * 18 + [True] * 2
    assert (number(at_once), views(at_once)) == (5, 2)


def test_views_and_resets_at_once(at_once: AtOnce) -> None:
    subscribe(at_once, used=5, quota_reset_date=NOON)
    answers = at_once.run([Call(_checked_view, DOT, driver) for driver in DRIVERS])
    assert sorted(a["success"] for a in answers) == [False] * 15 + [True] * 5
    (row,) = at_once.rows("CarrierSubscriptions")
    assert (row["views_used_this_month"], row["quota_reset_date"]) == (5, next_month(NOON))
    assert views(at_once) == 5


def _checked_view(context: Context, dot: str, driver: str) -> dict[str, Any]:
    check_view_quota(context, dot)
    return record_profile_view(context, dot, driver)


def test_a_downgrade_at_the_time_of_views_gives_none_back(at_once: AtOnce) -> None:
    row = subscribe(at_once, "enterprise", monthly_view_quota=-1)
    assert all(a["success"] for a in look(at_once, *DRIVERS[:8]))
    at_once.records.patch("CarrierSubscriptions", row["_id"], {"plan_type": "pro", "monthly_view_quota": 10})
    assert sum(a["success"] for a in look(at_once, *DRIVERS[8:])) == 2
    assert (number(at_once), views(at_once)) == (10, 10)


def test_resets_by_stripe_among_views_lose_none(at_once: AtOnce) -> None:
    subscribe(at_once, used=5, quota_reset_date=NOON - timedelta(hours=1))
    period = (NOON - timedelta(hours=1)).timestamp(), (NOON + timedelta(days=30)).timestamp()
    resets = [Call(stripe.reset_quota, DOT, *period)] * 10
    at_once.run([*resets, *[Call(record_profile_view, DOT, driver) for driver in DRIVERS], *resets])
    assert number(at_once) == views(at_once) <= 5
    left = 5 - views(at_once)
    assert sum(a["success"] for a in look(at_once, *[f"e{n}" for n in range(CALLERS)])) == left
    assert (number(at_once), views(at_once)) == (5, 5)
