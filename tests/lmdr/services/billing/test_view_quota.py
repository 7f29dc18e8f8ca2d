"""The quota of profile views: what counts, in which period, with any number of callers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lmdr.services.billing import stripe
from lmdr.services.billing.subscription import check_view_quota, record_profile_view, reset_quota_if_needed
from lmdr.services.billing.view_quota import next_month, period_start
from lmdr.services.carrier.driver_matching import get_driver_profile
from lmdr.services.context import Caller
from platform_kit import Platform
from runbook.errors import SourceDown
from runbook.json_types import Item
from runbook.query import Query
from runbook.records.routed import _PinnedRecords

DOT = "77"
RECRUITER = Caller("recruiter-1", "r@x.test")
NOW = datetime(2026, 1, 21, 12, tzinfo=UTC)
CALLERS = 20


def at_once(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    listed = list(calls)
    with ThreadPoolExecutor(len(listed)) as pool:
        return [future.result() for future in [pool.submit(call) for call in listed]]


def subscribe(platform: Platform, plan: str = "pro", used: int = 0, **more: Any) -> Item:
    row = {
        "carrier_dot": DOT,
        "plan_type": plan,
        "is_active": True,
        "monthly_view_quota": 5,
        "views_used_this_month": used,
        "quota_reset_date": NOW + timedelta(days=9),
    }
    return platform.put("CarrierSubscriptions", **row | more)


def view(platform: Platform, driver: str, date: datetime = NOW, **more: Any) -> None:
    platform.put("CarrierDriverViews", carrier_dot=DOT, driver_id=driver, view_date=date, created=date, **more)


def look(platform: Platform, *drivers: str) -> list[dict[str, Any]]:
    context = platform.context()
    return at_once([lambda driver=driver: record_profile_view(context, DOT, driver) for driver in drivers])


def number(platform: Platform) -> int:
    (row,) = platform.rows("CarrierSubscriptions")
    return int(row["views_used_this_month"])


def views(platform: Platform) -> int:
    return platform.records.count("CarrierDriverViews", Query(), consistent=True)


DRIVERS = [f"d{n}" for n in range(CALLERS)]


# ------------------------------------------------------------------ at once


def test_of_twenty_first_views_those_that_are_left_are_given_and_charged(platform: Platform) -> None:
    subscribe(platform)
    answers = look(platform, *DRIVERS)
    given = [answer for answer in answers if answer["success"]]
    assert sorted(answer["used"] for answer in given) == [1, 2, 3, 4, 5]
    assert [a for a in answers if not a["success"]] == [{"success": False, "error": "quota_exhausted"}] * 15
    assert (number(platform), views(platform)) == (5, 5)


def test_twenty_profiles_at_once_with_five_views_left(platform: Platform) -> None:
    subscribe(platform)
    platform.put("recruiterCarriers", recruiter_id=RECRUITER.member_id, carrier_dot=DOT, is_active=True)
    for driver in DRIVERS:
        platform.put("DriverProfiles", _id=driver, is_searchable=True, visibility_level="full")
    context = platform.context()
    answers = at_once([lambda d=driver: get_driver_profile(context, RECRUITER, DOT, d) for driver in DRIVERS])
    assert sorted(a["quota"]["used"] for a in answers if a["success"]) == [1, 2, 3, 4, 5]
    assert [a["code"] for a in answers if not a["success"]] == ["QUOTA_EXHAUSTED"] * 15
    assert (number(platform), views(platform)) == (5, 5)


def test_twenty_views_of_one_driver_are_one(platform: Platform) -> None:
    subscribe(platform)
    assert sorted(a["quotaUsed"] for a in look(platform, *["d"] * CALLERS)) == [False] * 19 + [True]
    assert (number(platform), views(platform)) == (1, 1)


def test_twenty_views_without_a_limit_all_count(platform: Platform) -> None:
    subscribe(platform, "enterprise", used=4000, monthly_view_quota=-1)
    assert sorted(a["used"] for a in look(platform, *DRIVERS)) == list(range(4001, 4021))
    assert (number(platform), views(platform)) == (4020, 20)


def test_a_number_above_its_rows_leaves_what_it_leaves(platform: Platform) -> None:
    subscribe(platform, used=3)
    assert sorted(a["success"] for a in look(platform, *DRIVERS)) == [False] * 18 + [True] * 2
    assert (number(platform), views(platform)) == (5, 2)


def test_views_and_resets_at_once(platform: Platform) -> None:
    row = subscribe(platform, used=5, quota_reset_date=NOW)
    context = platform.context()

    def one(driver: str) -> dict[str, Any]:
        check_view_quota(context, DOT)
        return record_profile_view(context, DOT, driver)

    answers = at_once([lambda d=driver: one(d) for driver in DRIVERS])
    assert sorted(a["success"] for a in answers) == [False] * 15 + [True] * 5
    assert (number(platform), views(platform)) == (5, 5)
    assert platform.row("CarrierSubscriptions", row["_id"])["quota_reset_date"] == next_month(NOW)


def test_a_period_is_reset_once_however_many_saw_that_it_was_over(platform: Platform) -> None:
    stale = subscribe(platform, used=5, quota_reset_date=NOW)
    context = platform.context()
    assert reset_quota_if_needed(context, stale)["views_used_this_month"] == 0
    assert record_profile_view(context, DOT, "d")["used"] == 1
    platform.at(NOW + timedelta(minutes=1))
    late = reset_quota_if_needed(context, stale)
    assert (late["views_used_this_month"], late["quota_reset_date"]) == (1, next_month(NOW))


def test_a_downgrade_at_the_time_of_views_gives_none_back(platform: Platform) -> None:
    row = subscribe(platform, "enterprise", monthly_view_quota=-1)
    assert all(a["success"] for a in look(platform, *DRIVERS[:8]))
    platform.records.patch("CarrierSubscriptions", row["_id"], {"plan_type": "pro", "monthly_view_quota": 10})
    assert sum(a["success"] for a in look(platform, *DRIVERS[8:])) == 2
    assert (number(platform), views(platform)) == (10, 10)


def test_a_view_whose_charge_failed_is_counted_by_its_row(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe(platform)

    def down(*args: Any, **more: Any) -> None:
        raise SourceDown("gone", collection="CarrierSubscriptions")

    with monkeypatch.context() as patched:
        patched.setattr(_PinnedRecords, "change", down)
        with pytest.raises(SourceDown):
            record_profile_view(platform.context(), DOT, "d")
    assert (number(platform), views(platform)) == (0, 1)
    again = record_profile_view(platform.context(), DOT, "d")
    assert (again["alreadyViewed"], again["used"]) == (True, 1)
    assert record_profile_view(platform.context(), DOT, "e")["used"] == 2
    assert (number(platform), views(platform)) == (2, 2)


# ------------------------------------------------------------------ what counts


def test_what_counts_is_a_driver_on_a_day_since_the_period_began(platform: Platform) -> None:
    start = NOW + timedelta(days=9) - timedelta(days=31)  # a calendar month before the reset
    subscribe(platform, used=1)
    view(platform, "before", start)
    view(platform, "a", start + timedelta(milliseconds=1))
    view(platform, "b", NOW - timedelta(days=2), view_type="contact_reveal")
    view(platform, "b", NOW - timedelta(days=2, hours=1))
    view(platform, "b", NOW - timedelta(days=3))
    platform.put("CarrierDriverViews", carrier_dot="78", driver_id="c", view_date=NOW)
    assert record_profile_view(platform.context(), DOT, "d")["used"] == 4
    assert number(platform) == 4


@pytest.mark.parametrize(
    ("more", "start"),
    [
        ({"quota_reset_date": datetime(2026, 2, 15, 8, tzinfo=UTC)}, datetime(2026, 1, 15, 8, tzinfo=UTC)),
        ({"quota_reset_date": datetime(2026, 3, 31, tzinfo=UTC)}, datetime(2026, 2, 28, tzinfo=UTC)),
        ({"quota_reset_date": None}, datetime(2026, 1, 1, tzinfo=UTC)),
        ({}, datetime(2026, 1, 1, tzinfo=UTC)),
        ({"quota_reset_date": NOW}, NOW),
        (
            {
                "quota_reset_date": datetime(2026, 7, 1, tzinfo=UTC),
                "current_period_start": datetime(2026, 1, 1, tzinfo=UTC),
                "current_period_end": datetime(2026, 7, 1, tzinfo=UTC),
            },
            datetime(2026, 1, 1, tzinfo=UTC),
        ),
        (
            {
                "quota_reset_date": datetime(2026, 2, 5, tzinfo=UTC),
                "current_period_start": datetime(2025, 12, 1, tzinfo=UTC),
                "current_period_end": datetime(2026, 1, 1, tzinfo=UTC),
            },
            datetime(2026, 1, 5, tzinfo=UTC),
        ),
    ],
)
def test_where_a_period_begins(more: Item, start: datetime) -> None:
    assert period_start(more, NOW) == start


@pytest.mark.parametrize("day", range(1, 29))
def test_a_period_begins_where_it_was_reset(day: int) -> None:
    reset = datetime(2026, 2, day, 23, 59, 59, 999000, tzinfo=UTC)
    assert period_start({"quota_reset_date": next_month(reset)}, reset) == reset


def test_what_stripe_resets_keeps_the_views_of_the_new_period(platform: Platform) -> None:
    subscribe(platform, used=5)
    view(platform, "old", NOW - timedelta(hours=2))
    view(platform, "new", NOW - timedelta(minutes=5))
    start, end = NOW - timedelta(hours=1), NOW + timedelta(days=30)
    for _ in range(2):  # Stripe delivers an event again
        assert stripe.reset_quota(platform.context(), DOT, start.timestamp(), end.timestamp())["success"]
        assert number(platform) == 1
    assert record_profile_view(platform.context(), DOT, "d")["used"] == 2


def test_twenty_resets_by_stripe_among_views_lose_none(platform: Platform) -> None:
    subscribe(platform, used=5, quota_reset_date=NOW - timedelta(hours=1))
    start, end = (NOW - timedelta(hours=1)).timestamp(), (NOW + timedelta(days=30)).timestamp()
    context = platform.context()
    at_once(
        [
            *[lambda: stripe.reset_quota(context, DOT, start, end)] * 10,
            *[lambda d=driver: record_profile_view(context, DOT, d) for driver in DRIVERS],
            *[lambda: stripe.reset_quota(context, DOT, start, end)] * 10,
        ]
    )
    assert number(platform) == views(platform) <= 5
    left = 5 - views(platform)
    assert sum(a["success"] for a in look(platform, *[f"e{n}" for n in range(CALLERS)])) == left
    assert (number(platform), views(platform)) == (5, 5)
