"""A driver's profile and interests, from the first visit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from lmdr.services.context import ANYONE, Caller
from lmdr.services.driver import profiles
from platform_kit import Platform
from runbook.errors import WrongType

ANN = Caller("member-ann", "ann@x.test")
NOT_LOGGED_IN = {"success": False, "error": "User must be logged in"}
COMPLETE = {
    "display_name": "Ann Lee", "email": "ann@x.test", "phone": "2145551234", "home_zip": "07001", "cdl_class": "A",
    "preferred_operation_type": "OTR", "min_cpm": 0.6, "years_experience": 4, "endorsements": ["H"], "clean_mvr": True,
    "accidents_last_3_years": 0, "violations_last_3_years": 0, "profile_status": "incomplete",
}  # fmt: skip


def anns(platform: Platform, **fields: Any) -> str:
    return str(platform.put("DriverProfiles", _owner=ANN.member_id, **fields)["_id"])


def test_the_first_visit_makes_a_profile_with_its_defaults(platform: Platform) -> None:
    context = platform.context()
    found = profiles.get_or_create_driver_profile(context, ANN)
    expected = {
        "_owner": "member-ann", "email": "ann@x.test", "max_commute_miles": 50, "min_cpm": 0.5,
        "preferred_operation_type": "no_preference", "max_turnover_percent": 90, "max_truck_age_years": 5,
        "fleet_size_preference": "no_preference", "years_experience": None, "clean_mvr": None,
        "accidents_last_3_years": None, "violations_last_3_years": None, "cdl_class": "", "endorsements": [],
        "total_searches": 0, "is_discoverable": False, "profile_status": "incomplete",
        "profile_completeness_score": 20, "created_date": platform.now, "updated_date": platform.now,
    }  # fmt: skip
    stored = platform.row("DriverProfiles", found["profile"]["_id"])
    assert {key: stored[key] for key in expected} == expected
    assert found["isNew"] is True
    assert (found["profile"]["is_complete"], found["profile"]["can_be_discovered"]) == (False, False)
    assert "home ZIP" in found["profile"]["missing_fields"]
    assert "is_complete" not in stored  # what follows from the score is not kept


def test_the_next_visit_finds_it(platform: Platform) -> None:
    own = anns(platform, **COMPLETE)
    found = profiles.get_or_create_driver_profile(platform.context(), ANN)
    assert (found["isNew"], found["profile"]["_id"], found["profile"]["profile_completeness_score"]) == (
        False,
        own,
        100,
    )
    assert len(platform.rows("DriverProfiles")) == 1


def test_two_pages_opened_at_once_create_one_profile(platform: Platform) -> None:
    context = platform.context()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: profiles.get_or_create_driver_profile(context, ANN), range(4)))
    assert all(answer["success"] for answer in found)
    assert sum(answer["isNew"] for answer in found) <= 1
    assert len(platform.rows("DriverProfiles")) == 1


@pytest.mark.parametrize(
    "call",
    [
        profiles.get_or_create_driver_profile,
        lambda context, caller: profiles.update_driver_preferences(context, caller, {"homeZip": "75201"}),
        lambda context, caller: profiles.update_driver_documents(context, caller, {"cdlFront": "https://x.test/a"}),
        lambda context, caller: profiles.update_driver_qualifications(context, caller, {"cdl_class": "A"}),
        lambda context, caller: profiles.set_discoverability(context, caller, True),
        lambda context, caller: profiles.log_carrier_interest(context, caller, {"carrierDOT": 7}),
        profiles.get_driver_interests,
        lambda context, caller: profiles.remove_carrier_interest(context, caller, 7),
    ],
)
def test_an_anonymous_caller_changes_nothing(platform: Platform, call: Callable[..., Any]) -> None:
    assert call(platform.context(), ANYONE) == NOT_LOGGED_IN
    assert platform.rows("DriverProfiles") == []
    assert platform.rows("DriverCarrierInterests") == []


def test_a_profile_is_read_by_its_id(platform: Platform) -> None:
    own = anns(platform, **COMPLETE, is_discoverable=True)
    context = platform.context()
    profile = profiles.get_profile_by_id(context, own)["profile"]
    assert (profile["display_name"], profile["is_complete"], profile["can_be_discovered"]) == ("Ann Lee", True, True)
    for missing in ("gone", "", "member-ann"):
        assert profiles.get_profile_by_id(context, missing) == {"success": False, "error": "Profile not found"}


def test_a_search_is_stored_and_counted(platform: Platform) -> None:
    own = anns(platform, total_searches=2, home_zip="10001")
    fields = {
        "homeZip": "07001", "maxDistance": "250", "minCPM": 0.62, "operationType": "OTR", "maxTurnover": 80.5,
        "maxTruckAge": 4, "fleetSize": "small", "driverName": "Ann Ünïcode",
    }  # fmt: skip
    answer = profiles.update_driver_preferences(platform.context(), ANN, fields)
    stored = platform.row("DriverProfiles", own)
    expected = {
        "home_zip": "07001", "max_commute_miles": 250, "min_cpm": 0.62, "preferred_operation_type": "OTR",
        "max_turnover_percent": 80.5, "max_truck_age_years": 4, "fleet_size_preference": "small",
        "display_name": "Ann Ünïcode", "total_searches": 3, "last_search_date": platform.now,
    }  # fmt: skip
    assert {key: stored[key] for key in expected} == expected
    assert stored["profile_completeness_score"] == answer["profile"]["profile_completeness_score"]


@pytest.mark.parametrize("empty", [0, "", None, False, float("nan")])
def test_an_empty_preference_leaves_the_profile_as_it_was(platform: Platform, empty: Any) -> None:
    own = anns(platform, max_commute_miles=75, min_cpm=0.7, home_zip="07001")
    fields = {"maxDistance": empty, "minCPM": "soon", "homeZip": empty}
    profiles.update_driver_preferences(platform.context(), ANN, fields)
    stored = platform.row("DriverProfiles", own)
    assert (stored["max_commute_miles"], stored["min_cpm"], stored["home_zip"]) == (75, 0.7, "07001")
    assert stored["total_searches"] == 1


def test_a_search_without_a_profile_creates_one(platform: Platform) -> None:
    answer = profiles.update_driver_preferences(platform.context(), ANN, {"homeZip": "75201"})
    [stored] = platform.rows("DriverProfiles")
    assert (stored["_owner"], stored["home_zip"], stored["total_searches"]) == ("member-ann", "75201", 1)
    assert answer["profile"]["_id"] == stored["_id"]


@pytest.mark.parametrize(
    ("changes", "points", "status"),
    [
        ({"endorsements": [], "phone": "", "min_cpm": 0}, 80, "active"),
        ({"endorsements": [], "phone": "", "min_cpm": 0, "clean_mvr": None}, 75, "incomplete"),
        (dict.fromkeys(("display_name", "email", "phone", "home_zip", "cdl_class"), ""), 50, "incomplete"),
    ],
)
def test_a_search_moves_the_status_with_the_points(
    platform: Platform, changes: dict[str, Any], points: int, status: str
) -> None:
    own = anns(platform, **{**COMPLETE, "profile_status": "dormant", **changes})
    profiles.update_driver_preferences(platform.context(), ANN, {})
    stored = platform.row("DriverProfiles", own)
    assert (stored["profile_completeness_score"], stored["profile_status"]) == (points, status)


@pytest.mark.parametrize(("name", "points", "status"), [("", 25, "dormant"), ("Ann", 35, "incomplete")])
def test_below_thirty_points_a_search_leaves_the_status(
    platform: Platform, name: str, points: int, status: str
) -> None:
    own = anns(platform, years_experience=0, display_name=name, profile_status="dormant")
    profiles.update_driver_preferences(platform.context(), ANN, {})
    stored = platform.row("DriverProfiles", own)
    assert (stored["profile_completeness_score"], stored["profile_status"]) == (points, status)


def test_only_a_search_makes_a_profile_incomplete(platform: Platform) -> None:
    own = anns(platform, **{**COMPLETE, "display_name": "", "email": "", "cdl_class": "", "profile_status": "dormant"})
    context = platform.context()
    profiles.set_discoverability(context, ANN, True)
    assert platform.row("DriverProfiles", own)["profile_status"] == "dormant"
    profiles.update_driver_preferences(context, ANN, {})
    assert platform.row("DriverProfiles", own)["profile_status"] == "incomplete"


def test_a_null_qualification_and_an_empty_class_change_nothing(platform: Platform) -> None:
    own = anns(
        platform, years_experience=4, clean_mvr=True, cdl_class="A", endorsements=["H"], accidents_last_3_years=2
    )
    context = platform.context()
    nothing = {"years_experience": None, "clean_mvr": None, "cdl_class": "", "endorsements": None}
    profiles.update_driver_qualifications(context, ANN, nothing)
    stored = platform.row("DriverProfiles", own)
    assert (stored["years_experience"], stored["clean_mvr"], stored["cdl_class"], stored["endorsements"]) == (
        4,
        True,
        "A",
        ["H"],
    )
    zeros = {"years_experience": 0, "clean_mvr": False, "accidents_last_3_years": 0, "endorsements": []}
    profiles.update_driver_qualifications(context, ANN, zeros)
    stored = platform.row("DriverProfiles", own)
    assert (stored["years_experience"], stored["clean_mvr"], stored["accidents_last_3_years"]) == (0, False, 0)
    assert stored["endorsements"] == []  # a list is truthy in JavaScript, an empty one too
    assert "violations_last_3_years" not in stored
    with pytest.raises(WrongType, match=r"DriverProfiles.*years_experience"):
        profiles.update_driver_qualifications(context, ANN, {"years_experience": "many"})


def test_a_complete_profile_becomes_active(platform: Platform) -> None:
    own = anns(platform, **{**COMPLETE, "cdl_class": "", "years_experience": None, "endorsements": []})
    answer = profiles.update_driver_qualifications(platform.context(), ANN, {"cdl_class": "A", "years_experience": 5})
    assert answer["profile"]["is_complete"] is True
    assert platform.row("DriverProfiles", own)["profile_status"] == "active"


def test_a_driver_is_discoverable_if_it_chooses_and_has_fifty_points(platform: Platform) -> None:
    own = anns(platform, **COMPLETE)
    context = platform.context()
    assert profiles.set_discoverability(context, ANN, True)["profile"]["can_be_discovered"] is True
    assert profiles.set_discoverability(context, ANN, False)["profile"]["can_be_discovered"] is False
    platform.records.update("DriverProfiles", {"_id": own, "_owner": ANN.member_id, "email": "ann@x.test"})
    assert profiles.set_discoverability(context, ANN, True)["profile"]["can_be_discovered"] is False
    assert platform.row("DriverProfiles", own)["is_discoverable"] is True


def test_documents_are_stored_and_read(platform: Platform) -> None:
    own = anns(platform)
    seen: list[tuple[str, str]] = []

    def read(document: str, url: str) -> dict[str, Any]:
        seen.append((document, url))
        fields = {"cdl_class": "B", "endorsements": ["T"], "expiration_date": "03/31/2027"}
        return fields if document == "cdlFront" else {"expiration_date": "2026-12-01", "cdl_class": "C"}

    providers = {"ocr": read, "uploads": lambda name, data, content_type: f"https://files.test/{name}"}
    documents = {
        "cdlFront": {"name": "front.jpg", "data": "aGk=", "type": "image/jpeg"},
        "cdlBack": "https://files.test/back.jpg",
        "medCard": "https://files.test/med.jpg",
    }
    answer = profiles.update_driver_documents(platform.context(providers=providers), ANN, documents)
    stored = platform.row("DriverProfiles", own)
    expected = {
        "cdl_front_image": "https://files.test/front.jpg", "cdl_back_image": "https://files.test/back.jpg",
        "med_card_image": "https://files.test/med.jpg", "cdl_class": "B", "endorsements": ["T"],
        "cdl_expiration": "2027-03-31", "med_card_expiration": "2026-12-01",
    }  # fmt: skip
    assert {key: stored[key] for key in expected} == expected
    assert seen == [("cdlFront", "https://files.test/front.jpg"), ("medCard", "https://files.test/med.jpg")]
    assert not {"CDL photos", "Medical Card"} & set(answer["profile"]["missing_fields"])


def test_an_unreadable_document_is_stored_too(platform: Platform) -> None:
    own = anns(platform, cdl_class="A")

    def fail(document: str, url: str) -> dict[str, Any]:
        raise OSError(document, url)

    for providers in ({}, {"ocr": fail}, {"ocr": lambda document, url: {"expiration_date": "unreadable"}}):
        context = platform.context(providers=providers)
        assert profiles.update_driver_documents(context, ANN, {"cdlFront": "https://files.test/a.jpg"})["success"]
    stored = platform.row("DriverProfiles", own)
    assert (stored["cdl_front_image"], stored["cdl_class"]) == ("https://files.test/a.jpg", "A")
    assert "cdl_expiration" not in stored


def test_a_file_that_nothing_keeps_is_refused_before_anything_changes(platform: Platform) -> None:
    documents = {"cdlBack": "https://files.test/back.jpg", "cdlFront": {"name": "a", "data": "aGk="}}
    answer = profiles.update_driver_documents(platform.context(), ANN, documents)
    assert answer == {"success": False, "error": "Document upload is not available"}
    assert platform.rows("DriverProfiles") == []


def test_an_interest_is_one_row_for_each_driver_and_carrier(platform: Platform) -> None:
    own = anns(platform, home_zip="07001")
    context = platform.context()
    fields = {"carrierDOT": 7, "carrierName": "ACME", "matchScore": 81, "action": "viewed"}
    first = profiles.log_carrier_interest(context, ANN, fields)
    row = platform.row("DriverCarrierInterests", first["interestId"])
    expected = {
        "_owner": "member-ann", "driver_id": own, "carrier_dot": "7", "carrier_name": "ACME", "match_score": 81,
        "action": "viewed", "action_timestamp": platform.now, "driver_zip_at_match": "07001",
    }  # fmt: skip
    assert {key: row[key] for key in expected} == expected
    assert (first["isNew"], "status" in row) == (True, False)
    platform.records.patch("DriverCarrierInterests", row["_id"], {"status": "applied"})
    platform.at(platform.now + timedelta(hours=1))
    again = profiles.log_carrier_interest(context, ANN, {"carrierDOT": "7", "matchScore": "90", "action": "saved"})
    assert again == {"success": True, "interestId": row["_id"], "isNew": False}
    [row] = platform.rows("DriverCarrierInterests")
    assert (row["match_score"], row["action"], row["action_timestamp"]) == (90, "saved", platform.now)
    assert (row["status"], row["carrier_name"]) == ("applied", "ACME")


@pytest.mark.parametrize("dot", [None, "", "  ", {}])
def test_an_interest_needs_a_carrier(platform: Platform, dot: Any) -> None:
    answer = profiles.log_carrier_interest(platform.context(), ANN, {"carrierDOT": dot, "action": "saved"})
    assert answer == {"success": False, "error": "Carrier DOT is required"}
    assert platform.rows("DriverCarrierInterests") == []


def test_a_driver_reads_and_removes_its_own_interests(platform: Platform) -> None:
    own = anns(platform)
    context = platform.context()
    for dot, hours in (("7", 2), ("8", 1), ("9", 3)):
        timestamp = platform.now - timedelta(hours=hours)
        platform.put("DriverCarrierInterests", driver_id=own, carrier_dot=dot, action_timestamp=timestamp)
    another = platform.put(
        "DriverCarrierInterests", driver_id="another", carrier_dot="7", action_timestamp=platform.now
    )
    seen = profiles.get_driver_interests(context, ANN)["interests"]
    assert [row["carrier_dot"] for row in seen] == ["8", "7", "9"]
    assert profiles.remove_carrier_interest(context, ANN, 7) == {"success": True}
    missing = {"success": False, "error": "Interest not found"}
    assert profiles.remove_carrier_interest(context, ANN, 7) == missing
    assert profiles.remove_carrier_interest(context, Caller("stranger"), 8) == missing
    assert {row["carrier_dot"] for row in platform.rows("DriverCarrierInterests")} == {"7", "8", "9"}
    assert platform.row("DriverCarrierInterests", another["_id"]) == another
    assert profiles.get_driver_interests(context, Caller("stranger")) == {"success": True, "interests": []}


def test_a_hundred_interests_are_shown(platform: Platform) -> None:
    own = anns(platform)
    rows = [{"driver_id": own, "carrier_dot": str(dot)} for dot in range(1, 103)]
    platform.records.bulk_insert("DriverCarrierInterests", rows)
    assert len(profiles.get_driver_interests(platform.context(), ANN)["interests"]) == 100


def test_interest_in_a_carrier_is_counted_to_the_second(platform: Platform) -> None:
    context = platform.context()
    ages = (0, 7, 7.0001, 30, 30.0001)
    zips = ("07001", "07002", "75201", "75202", "30301")
    scores = (80, "81", None, 0, 90)  # a number kept as text is one
    rows = [
        {
            "driver_id": str(number),
            "carrier_dot": "7",
            "action_timestamp": platform.now - timedelta(days=age),
            "driver_zip_at_match": zip_code,
            **({} if score is None else {"match_score": score}),
        }
        for number, (age, zip_code, score) in enumerate(zip(ages, zips, scores, strict=True))
    ]
    platform.records.bulk_insert("DriverCarrierInterests", [*rows, {"driver_id": "x", "carrier_dot": "70"}])
    stats = profiles.get_carrier_interest_stats(context, 7)["stats"]
    assert (stats["total"], stats["last30Days"], stats["last7Days"], stats["averageMatchScore"]) == (5, 4, 2, 50)
    assert sorted((zip3["prefix"], zip3["count"]) for zip3 in stats["topZipPrefixes"]) == [
        ("070", 2),
        ("303", 1),
        ("752", 2),
    ]
    empty = profiles.get_carrier_interest_stats(context, "")["stats"]
    assert empty == {"total": 0, "last30Days": 0, "last7Days": 0, "averageMatchScore": 0, "topZipPrefixes": []}


def test_activity_is_that_of_fifty_profiles(platform: Platform) -> None:
    context = platform.context()
    assert profiles.get_driver_activity_stats(context)["stats"]["averageCompleteness"] == 0
    rows: list[dict[str, Any]] = [
        {"last_search_date": platform.now - timedelta(days=7), "profile_completeness_score": 80, "total_searches": 3},
        {
            "last_search_date": platform.now - timedelta(days=30),
            "profile_completeness_score": 79,
            "is_discoverable": True,
        },
        {
            "last_search_date": platform.now - timedelta(days=31),
            "profile_status": "active",
            "profile_completeness_score": 60,
        },
        {"profile_status": "active"},
    ]
    platform.records.bulk_insert("DriverProfiles", rows)
    assert profiles.get_driver_activity_stats(context)["stats"] == {
        "totalProfiles": 4, "last30Days": 2, "last7Days": 1, "discoverable": 1, "complete": 1,
        "averageCompleteness": 55, "averageSearches": 1, "byStatus": {"active": 2, "unknown": 2},
    }  # fmt: skip
    platform.records.bulk_insert("DriverProfiles", [{"profile_status": "dormant"} for _ in range(47)])
    assert profiles.get_driver_activity_stats(context)["stats"]["totalProfiles"] == 50


def test_completeness_is_found_here_too() -> None:
    assert profiles.calculate_completeness({}) == 15
    assert profiles.calculate_completeness(COMPLETE) == 100
