"""A driver searches for carriers: matches, their order and details, and what is stored."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from lmdr.matching.carriers import calculate_match_score
from lmdr.services.context import ANYONE, Caller
from lmdr.services.driver import carrier_matching as matching
from platform_kit import Platform

ANN = Caller("member-ann", "ann@x.test")
HOME = {"homeZip": "75201"}
QUALITY = {"homeZip": "75201", "customWeights": {"qualityScore": 1}}
"""A search by which a carrier's score is its combined_score."""


def carriers(platform: Platform, *scores: float, **fields: Any) -> list[int]:
    """Carriers with these scores in a search by `QUALITY`, the first put in last: it is the newest, and read first."""
    dots = list(range(100, 100 + len(scores)))
    rows = [
        {"dot_number": dot, "legal_name": f"CARRIER {dot}", "combined_score": score, **fields}
        for dot, score in zip(dots, scores, strict=True)
    ]
    for hours, row in enumerate(rows):
        platform.put("Carriers", created=platform.now - timedelta(hours=hours), **row)
    return dots


def shown(found: dict[str, Any]) -> list[tuple[int, int]]:
    return [(match["carrier"]["DOT_NUMBER"], match["overallScore"]) for match in found["matches"]]


def test_without_carriers_nothing_matches(platform: Platform) -> None:
    found = matching.find_matching_carriers(platform.context(), ANYONE, HOME)
    assert found == {
        "success": True, "message": "No carriers in database", "matches": [], "totalScored": 0, "totalMatches": 0,
        "userTier": "free", "maxAllowed": 2, "cachedCount": 0, "needsEnrichmentCount": 0, "driverProfile": None,
        "upsellMessage": None,
    }  # fmt: skip


def test_a_match_is_the_carriers_score_with_its_reasons(platform: Platform) -> None:
    row = platform.put(
        "Carriers", dot_number=7, legal_name="ACME", phy_zip="75201", pay_cpm=0.7, nbr_power_unit=60, driver_total=10,
        recent_mileage=1_500_000, turnover_percent=40.5, accident_rate=0.1, avg_truck_age=2.5, combined_score=81,
    )  # fmt: skip
    prefs = {"homeZip": "75201", "minCPM": 0.5, "operationType": "OTR", "maxTruckAge": 5, "fleetSize": "any"}
    [match] = matching.find_matching_carriers(platform.context(), ANYONE, prefs)["matches"]
    scored = calculate_match_score(prefs, row)
    assert {key: match[key] for key in scored} == scored
    assert match["rationale"] == [
        "Competitive pay that meets your minimum requirements.",
        "Very close to your home location.",
        "Matches your preferred operation type.",
        "Excellent safety record.",
    ]
    assert (match["needsEnrichment"], "enrichment" in match) == (True, False)


@pytest.mark.parametrize(("premium", "tier", "allowed"), [(False, "free", 2), (True, "premium", 10)])
def test_the_best_come_first_and_a_free_user_sees_two(
    platform: Platform, premium: bool, tier: str, allowed: int
) -> None:
    carriers(platform, 20, 60, 90, *([30] * 9))
    found = matching.find_matching_carriers(platform.context(), ANYONE, QUALITY, premium)
    assert shown(found)[:2] == [(102, 90), (101, 60)]
    assert (len(found["matches"]), found["userTier"], found["maxAllowed"]) == (allowed, tier, allowed)
    assert (found["totalScored"], found["totalMatches"], found["needsEnrichmentCount"]) == (12, 12, allowed)
    if premium:
        assert found["upsellMessage"] is None
        assert shown(found)[2:] == [(dot, 30) for dot in range(103, 111)]  # equals in the order in which they were read
    else:
        assert found["upsellMessage"].startswith("10 more matches available!")


def test_a_free_user_who_saw_all_is_offered_nothing(platform: Platform) -> None:
    carriers(platform, 20, 60)
    assert matching.find_matching_carriers(platform.context(), ANYONE, QUALITY)["upsellMessage"] is None


def test_a_score_below_ten_is_not_shown(platform: Platform) -> None:
    carriers(platform, 10, 9.4, 9.5)
    found = matching.find_matching_carriers(platform.context(), ANYONE, QUALITY)
    assert (shown(found), found["totalScored"], found["totalMatches"]) == ([(100, 10), (102, 10)], 3, 2)


def test_a_legal_name_is_shown_once_with_its_best_match_or_the_first_of_a_tie(platform: Platform) -> None:
    same = {"legal_name": "SAME"}
    for hours, (dot, score, name) in enumerate(
        (
            (1, 40, same),
            (2, 70, same),
            (3, 70, same),
            (4, 70, {"title": "OTHER"}),
            (5, 30, {}),
            (6, 20, {"legal_name": ""}),
        )
    ):
        created = platform.now - timedelta(hours=hours)
        platform.put("Carriers", created=created, dot_number=dot, combined_score=score, **name)
    found = matching.find_matching_carriers(platform.context(), ANYONE, QUALITY, True)
    assert shown(found) == [(2, 70), (4, 70), (5, 30)]  # 5 and 6 have no name, which is one name too
    assert (found["totalScored"], found["totalMatches"]) == (6, 3)


def test_an_invalid_zip_matches_nothing(platform: Platform) -> None:
    platform.put("Carriers", dot_number=1, legal_name="NORTH", phy_zip="K1A 0B1")
    found = matching.find_matching_carriers(platform.context(), ANYONE, HOME)
    assert (found["matches"], found["totalScored"], found["totalMatches"]) == ([], 1, 0)


def test_weights_without_a_component_score_nothing(platform: Platform) -> None:
    carriers(platform, 90)
    context = platform.context()
    for weights, matches in (({}, 0), ({"qualityScore": 0}, 0), ({"charm": 5}, 0), (None, 1), (0, 1)):
        found = matching.find_matching_carriers(context, ANYONE, {**HOME, "customWeights": weights})
        assert found["totalMatches"] == matches


def test_an_enrichment_is_shown_until_it_is_fourteen_days_old(platform: Platform) -> None:
    dots = carriers(platform, 90, 80, 70, 60)
    ages = (timedelta(days=14), timedelta(days=14, seconds=1), timedelta(days=6, hours=12))
    for dot, age in zip(dots, ages, strict=False):
        row = {"dot_number": str(dot), "ai_summary": f"About {dot}", "enriched_date": platform.now - age}
        platform.put("CarrierEnrichments", **row)
    platform.put("CarrierEnrichments", dot_number=str(dots[3]), ai_summary="No one knows when")
    found = matching.find_matching_carriers(platform.context(), ANYONE, QUALITY, True)
    result = [match.get("enrichment", {}) for match in found["matches"]]
    assert [(one.get("ai_summary"), one.get("fromCache"), one.get("cacheAge")) for one in result] == [
        ("About 100", True, 14),
        (None, None, None),
        ("About 102", True, 7),
        (None, None, None),
    ]
    assert [match["needsEnrichment"] for match in found["matches"]] == [False, True, False, True]
    assert (found["cachedCount"], found["needsEnrichmentCount"]) == (2, 2)


def test_a_match_has_the_recruiters_response_time(platform: Platform) -> None:
    carriers(platform, 90, 80)
    platform.put("DriverCarrierInterests", driver_id="d", carrier_dot="100", recruiter_response_time=2.5)
    found = matching.find_matching_carriers(platform.context(), ANYONE, QUALITY)
    stats = [
        (match["recruiterStats"]["avg_response_hours"], match["recruiterStats"]["badge"]["label"])
        for match in found["matches"]
    ]
    assert stats == [(2.5, "Lightning Responder"), (None, None)]


def test_a_search_is_stored_in_the_profile_of_a_logged_in_caller(platform: Platform) -> None:
    carriers(platform, 90)
    found = matching.find_matching_carriers(platform.context(), ANN, {"homeZip": "07001", "minCPM": 0.6})
    [profile] = platform.rows("DriverProfiles")
    assert (profile["home_zip"], profile["min_cpm"], profile["total_searches"]) == ("07001", 0.6, 1)
    summary = found["driverProfile"]
    assert (summary["id"], summary["totalSearches"], summary["isComplete"]) == (profile["_id"], 1, False)
    assert summary["completenessScore"] == profile["profile_completeness_score"]


def test_a_search_that_cannot_be_stored_is_answered(platform: Platform) -> None:
    dots = carriers(platform, 90)
    platform.put("DriverProfiles", _owner=ANN.member_id, home_zip="75201")
    found = matching.find_matching_carriers(platform.context(), ANN, {**QUALITY, "minCPM": "1e400"})
    assert (shown(found), found["driverProfile"]) == ([(dots[0], 90)], None)
    [profile] = platform.rows("DriverProfiles")
    assert "total_searches" not in profile


@pytest.mark.slow
def test_five_hundred_carriers_are_matched_at_once(platform: Platform) -> None:
    rows = [
        {"dot_number": dot, "legal_name": f"C{dot}", "combined_score": dot % 97 + 1, "phy_zip": f"{dot:05}"}
        for dot in range(1, 503)
    ]
    platform.records.bulk_insert("Carriers", rows)
    context = platform.context()
    matching.find_matching_carriers(context, ANYONE, HOME)
    started = time.perf_counter()
    found = matching.find_matching_carriers(context, ANYONE, HOME, True)
    assert time.perf_counter() - started < 0.5  # the limit of the plan; it takes some 10 ms
    assert (found["totalScored"], len(found["matches"])) == (500, 10)


def test_a_drivers_action_on_a_match_is_an_interest(platform: Platform) -> None:
    fields = {"driverZip": "07001", "carrierDOT": 7, "carrierName": "ACME", "matchScore": 81, "action": "saved"}
    answer = matching.log_match_event(platform.context(), ANN, fields)
    [row] = platform.rows("DriverCarrierInterests")
    assert (answer["success"], answer["method"], answer["interestId"]) == (True, "driver_linked", row["_id"])
    assert (row["carrier_dot"], row["match_score"], row["action"]) == ("7", 81, "saved")
    assert platform.rows("MatchEvents") == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"driverZip": "07001", "driverName": "Ann", "carrierDOT": 7, "carrierName": "ACME", "matchScore": "81.9", "action": "viewed"},
            {"driver_zip": "07001", "driver_name": "Ann", "carrier_dot": "7", "carrier_name": "ACME", "match_score": 81, "action": "viewed"},
        ),
        ({"driverZip": 7001, "driverName": ""}, {"driver_zip": "7001", "driver_name": "Anonymous", "match_score": 0}),
        ({"matchScore": "high"}, {"driver_name": "Anonymous", "match_score": 0, "carrier_dot": ""}),
    ],
)  # fmt: skip
def test_an_anonymous_action_is_a_match_event(
    platform: Platform, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    answer = matching.log_match_event(platform.context(), ANYONE, fields)
    assert answer == {"success": True, "method": "legacy"}
    [row] = platform.rows("MatchEvents")
    assert {key: row[key] for key in expected} == expected
    assert row["timestamp"] == platform.now
    assert platform.rows("DriverCarrierInterests") == []


def test_an_interest_that_cannot_be_stored_is_an_error(platform: Platform) -> None:
    answer = matching.log_match_event(platform.context(), ANN, {"action": "saved"})
    assert (answer["success"], answer["error"]) == (False, "Carrier DOT is required")


def test_saved_carriers_come_with_their_carrier(platform: Platform) -> None:
    context = platform.context()
    carrier = platform.put("Carriers", dot_number=7, legal_name="ACME")
    for hour, dot in enumerate(("7", "8")):
        platform.at(platform.now + timedelta(hours=hour))
        matching.log_match_event(context, ANN, {"carrierDOT": dot, "action": "saved"})
    saved = matching.get_driver_saved_carriers(context, ANN)["carriers"]
    assert [(one["interest"]["carrier_dot"], one["carrier"]) for one in saved] == [("8", None), ("7", carrier)]
    assert matching.get_driver_saved_carriers(context, Caller("stranger")) == {"success": True, "carriers": []}
    assert matching.get_driver_saved_carriers(context, ANYONE) == {"success": False, "error": "User must be logged in"}
