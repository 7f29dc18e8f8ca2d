"""Carriers looking for drivers: who may, what is found, what a profile costs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lmdr.matching.drivers import calculate_driver_match_score
from lmdr.services.carrier.driver_matching import detect_mutual_match, find_matching_drivers, get_driver_profile
from lmdr.services.context import ANYONE, Caller
from platform_kit import Platform
from runbook.errors import RecordsError, SourceDown
from runbook.json_types import Item
from runbook.records import Records

RAY = Caller("member-ray")


@pytest.fixture
def carrier(platform: Platform) -> Item:
    """The subscription of a carrier on the pro plan, which RAY acts for."""
    platform.put("recruiterCarriers", recruiter_id=RAY.member_id, carrier_dot="77", is_active=True)
    return platform.put(
        "CarrierSubscriptions",
        carrier_dot="77",
        plan_type="pro",
        is_active=True,
        monthly_view_quota=25,
        views_used_this_month=3,
        quota_reset_date=platform.now + timedelta(days=9),
    )


def driver(platform: Platform, name: str, **more: Any) -> Item:
    row = {
        "display_name": name,
        "is_searchable": True,
        "visibility_level": "full",
        "cdl_class": "A",
        "home_zip": "75201",
    }
    return platform.put("DriverProfiles", _owner=f"member-{name}", **row | more)


def names(answer: dict[str, Any]) -> list[str]:
    return [match["driver"]["display_name"] for match in answer["matches"]]


# ------------------------------------------------------------------ who may search


def test_the_search_is_for_recruiters_of_a_carrier_whose_plan_has_it(platform: Platform, carrier: Item) -> None:
    context = platform.context()
    ada = driver(platform, "ada")
    for ask in (
        lambda caller, dot: find_matching_drivers(context, caller, dot),
        lambda caller, dot: get_driver_profile(context, caller, dot, ada["_id"]),
    ):
        assert ask(ANYONE, "77")["code"] == "NOT_LOGGED_IN"
        assert ask(Caller("stranger"), "77")["code"] == "ACCESS_DENIED"
        assert ask(RAY, "78")["code"] == "ACCESS_DENIED"
        assert ask(RAY, 77)["success"]
    platform.records.patch("CarrierSubscriptions", carrier["_id"], {"is_active": False})
    free = find_matching_drivers(context, RAY, "77")
    assert free == {
        "success": False,
        "error": "Your plan does not include the search for drivers",
        "code": "SUBSCRIPTION_TIER_LIMIT",
    }
    assert get_driver_profile(context, RAY, "77", ada["_id"])["code"] == "SUBSCRIPTION_TIER_LIMIT"


# ------------------------------------------------------------------ what is found


def test_matches_are_scored_and_show_nothing_to_reach_a_driver_by(platform: Platform, carrier: Item) -> None:
    low = driver(platform, "low", years_experience=None, cdl_class=None)
    high = driver(platform, "high", years_experience=5, email="h@x.test", phone="555", dob="1985-01-15")
    answer = find_matching_drivers(platform.context(), RAY, "77", {"zip_code": "75201"})
    assert {key: value for key, value in answer.items() if key != "matches"} == {
        "success": True,
        "code": "SUCCESS",
        "totalCount": 2,
        "totalPages": 1,
        "page": 0,
        "pageSize": 20,
        "tier": "pro",
        "views_remaining": 22,
    }
    assert names(answer) == ["high", "low"]
    for match, row in zip(answer["matches"], (high, low), strict=True):
        score = calculate_driver_match_score(row, {}, filters={"zip_code": "75201"}, now=platform.now)
        assert {key: match[key] for key in score} == score
        assert match["rationale"]["overallAssessment"]
        assert not {"email", "phone", "dob", "first_name", "last_name", "_owner"} & match["driver"].keys()


def test_filters_keep_the_drivers_that_have_it_all(platform: Platform, carrier: Item) -> None:
    context = platform.context()
    driver(platform, "a", endorsements=["H", "N"], years_experience=2, availability="immediate")
    driver(platform, "b", cdl_class="B", endorsements=["H"], years_experience=1.5)
    driver(platform, "hidden", visibility_level="hidden")
    driver(platform, "closed", is_searchable=False)
    driver(platform, "shy", visibility_level=None)
    for filters, found in (
        ({}, {"a", "b", "shy"}),
        ({"cdl_types": []}, {"a", "b", "shy"}),
        ({"cdl_types": ["B", "C"]}, {"b"}),
        ({"endorsements": ["H"]}, {"a", "b"}),
        ({"endorsements": ["N", "H"]}, {"a"}),
        ({"min_experience": 1.5}, {"a", "b"}),
        ({"min_experience": "2"}, {"a"}),
        ({"min_experience": 0}, {"a", "b", "shy"}),
        ({"availability": "immediate"}, {"a"}),
        ({"zip_code": "00000", "radius_miles": 1}, {"a", "b", "shy"}),
    ):
        assert set(names(find_matching_drivers(context, RAY, "77", filters))) == found
    none = find_matching_drivers(context, RAY, "77", {"cdl_types": ["C"]})
    assert (none["success"], none["code"], none["totalCount"], none["matches"]) == (True, "NO_MATCHES_DB", 0, [])


def test_equal_scores_stand_in_the_order_of_the_query(platform: Platform, carrier: Item) -> None:
    for hours, name in enumerate("abc"):
        driver(platform, name, created=platform.now - timedelta(hours=hours))
    assert names(find_matching_drivers(platform.context(), RAY, "77")) == ["a", "b", "c"]


def many(platform: Platform, count: int) -> None:
    rows = [
        {"_owner": f"m{number}", "display_name": f"{number}", "is_searchable": True, "visibility_level": "full"}
        for number in range(count)
    ]
    platform.records.bulk_insert("DriverProfiles", rows)


def test_pages_end_at_the_plans_limit(platform: Platform, carrier: Item) -> None:
    many(platform, 52)
    context = platform.context()

    def search(**options: Any) -> tuple[int, int, int, str]:
        answer = find_matching_drivers(context, RAY, "77", None, options)
        return len(answer["matches"]), answer["totalCount"], answer["totalPages"], answer["code"]

    assert search() == (20, 50, 2, "SUCCESS")  # fifty are read, whoever there is
    assert search(page=1) == (5, 50, 2, "SUCCESS")
    assert search(page=2) == (0, 50, 2, "NO_MATCHES_FILTERS")
    assert search(limit=3) == (3, 50, 1, "SUCCESS")
    assert search(limit=40, pageSize=40) == (25, 50, 1, "SUCCESS")
    assert search(page="1", pageSize="10") == (10, 50, 3, "SUCCESS")
    assert search(page=-1, pageSize=0, limit="x") == (20, 50, 2, "SUCCESS")
    changes = {"plan_type": "enterprise", "monthly_view_quota": -1}
    platform.records.patch("CarrierSubscriptions", carrier["_id"], changes)
    assert search(pageSize=100) == (50, 50, 1, "SUCCESS")
    assert search(pageSize=100, limit=30) == (30, 50, 1, "SUCCESS")
    assert find_matching_drivers(context, RAY, "77")["views_remaining"] == -1


def test_the_carriers_preferences_count_only_if_requested(platform: Platform, carrier: Item) -> None:
    context = platform.context()
    expected = {"carrier_dot": "77", "required_cdl_types": ["B"], "weight_qualifications": 90}
    platform.put("CarrierHiringPreferences", **expected | {"required_cdl_types": ["C"]}, is_active=False)
    preferences = platform.put("CarrierHiringPreferences", **expected, is_active=True)
    driver(platform, "a")
    without = find_matching_drivers(context, RAY, "77")["matches"][0]
    assert ("preferenceId" in without, without["scores"]["qualifications"]) == (False, 100)
    by_them = find_matching_drivers(context, RAY, 77, None, {"usePreferences": True})["matches"][0]
    assert (by_them["preferenceId"], by_them["scores"]["qualifications"]) == (preferences["_id"], 0)


def test_interest_adds_ten_points_beyond_a_hundred(platform: Platform, carrier: Item) -> None:
    best = {
        "years_experience": 9,
        "last_active_date": platform.now,
        "profile_completeness_score": 100,
        "response_rate": 1,
    }
    ada, bob = driver(platform, "ada", **best), driver(platform, "bob", **best)
    for result in (
        {"driver_id": bob["_id"], "carrier_dot": "77", "status": "interested"},
        {"driver_id": ada["_id"], "carrier_dot": "77", "status": "not_interested"},
        {"driver_id": ada["_id"], "carrier_dot": "78", "status": "interested"},
    ):
        platform.put("DriverInterests", **result)
    context = platform.context()
    plain = find_matching_drivers(context, RAY, "77")["matches"]
    assert [match["overallScore"] for match in plain] == [100, 100]
    first, second = find_matching_drivers(context, RAY, "77", None, {"includeMutualMatches": True})["matches"]
    assert (first["driver"]["display_name"], first["overallScore"], first["baseScore"]) == ("bob", 110, 100)
    assert (first["isMutualMatch"], first["mutualMatchBoost"], first["rationale"]["isMutualMatch"]) == (True, 10, True)
    assert (second["overallScore"], second["isMutualMatch"]) == (100, False)


def test_a_search_is_counted_among_the_uses_of_features(
    platform: Platform, carrier: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver(platform, "a")
    find_matching_drivers(platform.context(), RAY, 77)
    use = platform.rows("FeatureAdoptionLog")[0]
    assert use.items() >= {"featureId": "recruiter_driver_search", "action": "search", "userId": RAY.member_id}.items()
    assert (use["date"], use["hour"]) == ("2026-01-21", 12)

    def refuse(*args: object, **more: object) -> None:
        raise RecordsError("no such collection")

    monkeypatch.setattr(Records, "insert", refuse)
    assert find_matching_drivers(platform.context(), RAY, 77)["success"]


# ------------------------------------------------------------------ a source that stumbles


def stumble(platform: Platform, monkeypatch: pytest.MonkeyPatch, times: int, error: Exception) -> None:
    """Let so many reads of profiles fail."""
    side: Records = platform.sides.airtable if platform.side == "airtable" else platform.sides.wix
    query, failures = side._query, [error] * times

    def fail(collection: str, *args: Any) -> Any:
        if collection == "DriverProfiles" and failures:
            raise failures.pop()
        return query(collection, *args)

    monkeypatch.setattr(side, "_query", fail)


def test_a_source_that_is_down_is_tried_three_times(
    platform: Platform, carrier: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver(platform, "a")
    slept: list[float] = []
    context = platform.context(sleep=slept.append)
    stumble(platform, monkeypatch, 2, SourceDown("gone"))
    assert names(find_matching_drivers(context, RAY, "77")) == ["a"]
    assert slept == [1, 2]
    stumble(platform, monkeypatch, 3, SourceDown("gone"))
    with pytest.raises(SourceDown, match="gone"):
        find_matching_drivers(context, RAY, "77")
    assert slept == [1, 2, 1, 2]
    stumble(platform, monkeypatch, 1, RecordsError("refused"))
    with pytest.raises(RecordsError, match="refused"):
        find_matching_drivers(context, RAY, "77")
    assert slept == [1, 2, 1, 2]  # what was refused is refused again


# ------------------------------------------------------------------ one driver's profile


def test_a_profile_costs_one_view_a_day(platform: Platform, carrier: Item) -> None:
    context, ada = platform.context(), driver(platform, "ada", email="a@x.test", phone="555")
    first = get_driver_profile(context, RAY, 77, ada["_id"], {"matchScore": 81})
    assert first == {
        "success": True,
        "driver": ada,
        "quotaUsed": True,
        "quota": {"used": 4, "limit": 25, "remaining": 21},
    }
    again = get_driver_profile(context, RAY, "77", ada["_id"])
    assert (again["quotaUsed"], again["quota"]) == (False, first["quota"])
    (view,) = platform.rows("CarrierDriverViews")
    assert view.items() >= {"view_type": "full_profile", "recruiter_id": "member-ray", "match_score": 81}.items()
    platform.at(platform.now + timedelta(days=1))
    assert get_driver_profile(context, RAY, "77", ada["_id"])["quota"]["used"] == 5


def test_a_month_that_is_over_is_reset_before_the_view_is_charged(platform: Platform, carrier: Item) -> None:
    ada = driver(platform, "ada")
    changes = {"views_used_this_month": 25, "quota_reset_date": platform.now}
    platform.records.patch("CarrierSubscriptions", carrier["_id"], changes)
    assert get_driver_profile(platform.context(), RAY, "77", ada["_id"])["quota"] == {
        "used": 1,
        "limit": 25,
        "remaining": 24,
    }


def test_without_a_view_left_no_profile_is_shown(platform: Platform, carrier: Item) -> None:
    ada = driver(platform, "ada")
    platform.records.patch("CarrierSubscriptions", carrier["_id"], {"views_used_this_month": 25})
    answer = get_driver_profile(platform.context(), RAY, "77", ada["_id"])
    assert answer["code"] == "QUOTA_EXHAUSTED"
    assert "driver" not in answer
    assert platform.rows("CarrierDriverViews") == []


def test_a_driver_who_is_not_searchable_costs_no_view(platform: Platform, carrier: Item) -> None:
    context = platform.context()
    for row_id, code in (
        ("gone", "DRIVER_NOT_FOUND"),
        ("", "DRIVER_NOT_FOUND"),
        (driver(platform, "hidden", visibility_level="hidden")["_id"], "DRIVER_NOT_AVAILABLE"),
        (driver(platform, "closed", is_searchable=False)["_id"], "DRIVER_NOT_AVAILABLE"),
    ):
        assert get_driver_profile(context, RAY, "77", row_id)["code"] == code
    assert platform.row("CarrierSubscriptions", carrier["_id"]) == carrier
    assert platform.rows("CarrierDriverViews") == []


def test_a_limited_profile_masks_the_contact_data(platform: Platform, carrier: Item) -> None:
    ada = driver(platform, "ada", visibility_level="limited", email="a@x.test", phone="555")
    shown = get_driver_profile(platform.context(), RAY, "77", ada["_id"])["driver"]
    assert shown == {**ada, "email": "***masked***", "phone": "***masked***"}
    assert platform.row("DriverProfiles", ada["_id"]) == ada


def test_a_mutual_match_is_found_by_the_drivers_interest(platform: Platform) -> None:
    context = platform.context()
    none = {"isMutualMatch": False, "interestDate": None, "scoreBoost": 0}
    assert detect_mutual_match(context, "77", "d") == none
    platform.put("DriverInterests", driver_id="d", carrier_dot="77", status="applied")
    assert detect_mutual_match(context, "77", "d") == none
    text = platform.put("DriverInterests", driver_id="d", carrier_dot="77", status="interested")
    found = {"isMutualMatch": True, "interestDate": text["_createdDate"], "scoreBoost": 10}
    assert detect_mutual_match(context, 77, "d") == found
    platform.records.patch("DriverInterests", text["_id"], {"created_date": platform.now})
    assert detect_mutual_match(context, "77", "d")["interestDate"] == platform.now
