"""The quota of profile views: what counts, and in which period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lmdr.services.billing import stripe
from lmdr.services.billing.subscription import record_profile_view, reset_quota_if_needed
from lmdr.services.billing.view_quota import next_month, period_start
from platform_kit import Platform
from runbook.errors import SourceDown
from runbook.json_types import Item
from runbook.query import Query
from runbook.records.routed import _PinnedRecords

DOT = "77"
NOW = datetime(2026, 1, 21, 12, tzinfo=UTC)


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


def number(platform: Platform) -> int:
    (row,) = platform.rows("CarrierSubscriptions")
    return int(row["views_used_this_month"])


def views(platform: Platform) -> int:
    return platform.records.count("CarrierDriverViews", Query(), consistent=True)


def test_a_period_is_reset_once_however_many_saw_that_it_was_over(platform: Platform) -> None:
    stale = subscribe(platform, used=5, quota_reset_date=NOW)
    context = platform.context()
    assert reset_quota_if_needed(context, stale)["views_used_this_month"] == 0
    assert record_profile_view(context, DOT, "d")["used"] == 1
    platform.at(NOW + timedelta(minutes=1))
    late = reset_quota_if_needed(context, stale)
    assert (late["views_used_this_month"], late["quota_reset_date"]) == (1, next_month(NOW))


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
