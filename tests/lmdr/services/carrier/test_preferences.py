"""A carrier's preferences: every rule for them, who may change them, and the weights that searches use."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lmdr.services.carrier import preferences
from lmdr.services.context import ANYONE, Caller
from platform_kit import Platform

DOT = "1234567"
RECRUITER = Caller("recruiter-1")
GOOD: dict[str, Any] = {"carrier_dot": DOT, "required_cdl_types": ["A"], "target_radius_miles": 50}
WEIGHTS = {
    "qualifications": 10,
    "experience": 20,
    "location": 30,
    "availability": 40,
    "salaryFit": 0,
    "engagement": 0.5,
}


@pytest.fixture
def hired(platform: Platform) -> Platform:
    """A platform on which the recruiter may act for the carrier."""
    platform.put("recruiterCarriers", recruiter_id="recruiter-1", carrier_dot=DOT, is_active=True)
    return platform


def create(platform: Platform, **more: Any) -> dict[str, Any]:
    result = preferences.create_hiring_preferences(platform.context(), RECRUITER, {**GOOD, **more})
    assert result["success"], result
    return dict(result["preferences"])


# ------------------------------------------------------------------ the rules


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"carrier_dot": None}, "carrier_dot is required"),
        ({"carrier_dot": " "}, "carrier_dot is required"),
        ({"required_cdl_types": []}, "required_cdl_types must be a non-empty array"),
        ({"required_cdl_types": "A"}, "required_cdl_types must be a non-empty array"),
        ({"required_cdl_types": ["A", "D", "E"]}, "Invalid CDL type: D"),
        ({"target_radius_miles": 0}, "target_radius_miles must be a number greater than 0"),
        ({"target_radius_miles": "50"}, "target_radius_miles must be a number greater than 0"),
        ({"target_radius_miles": True}, "target_radius_miles must be a number greater than 0"),
        ({"min_experience_years": -1}, "min_experience_years must be a number of 0 or more"),
        ({"positions_open": "2"}, "positions_open must be a number of 0 or more"),
        ({"offered_pay_min": "0.5"}, "offered_pay_min must be a number"),
        ({"offered_pay_min": 0.6, "offered_pay_max": 0.5}, "offered_pay_max must not be below offered_pay_min"),
        ({"urgency": "2_week"}, "urgency must be one of: immediate, 30_day, ongoing"),
        ({"target_states": "TX"}, "target_states must be an array of texts"),
        ({"target_zip_codes": [75201]}, "target_zip_codes must be an array of texts"),
    ],
)
def test_a_rule_that_is_broken_is_named(more: dict[str, Any], error: str) -> None:
    assert preferences.validate_preferences_data({**GOOD, **more}) == {"isValid": False, "errors": [error]}


def test_every_violated_rule_is_listed_and_absent_keys_violate_none() -> None:
    result = preferences.validate_preferences_data({"urgency": "now", "route_types": "OTR"})
    assert [error.split()[0] for error in result["errors"]] == [
        "carrier_dot", "required_cdl_types", "target_radius_miles", "urgency", "route_types"]  # fmt: skip
    good = {**GOOD, "min_experience_years": 0, "positions_open": 0, "offered_pay_min": 0.5, "offered_pay_max": 0.5,
            "urgency": "30_day", "target_states": [], "route_types": None, "required_cdl_types": ["A", "B", "C"]}  # fmt: skip
    assert preferences.validate_preferences_data(good) == {"isValid": True, "errors": []}


def test_an_update_may_omit_unchanged_keys() -> None:
    assert preferences.validate_preferences_data({}, is_update=True)["isValid"]
    result = preferences.validate_preferences_data({"target_radius_miles": None, "required_cdl_types": None}, True)
    assert len(result["errors"]) == 2


# ------------------------------------------------------------------ who, and what becomes of it


def test_a_recruiter_of_the_carrier_creates_updates_and_deactivates(hired: Platform) -> None:
    context = hired.context()
    row = create(hired, urgency="immediate", target_zip_codes=["07001", "75201"], carrier_dot=int(DOT), unknown=1)
    assert hired.row("CarrierHiringPreferences", row["_id"]) == row
    assert (row["carrier_dot"], row["recruiter_id"], row["_owner"], row["is_active"]) == (
        DOT, "recruiter-1", "recruiter-1", True)  # fmt: skip
    assert (row["target_zip_codes"], "unknown" in row) == (["07001", "75201"], False)
    result = preferences.update_hiring_preferences(
        context, RECRUITER, row["_id"], {"urgency": "ongoing", "carrier_dot": DOT}
    )
    assert (result["preferences"]["urgency"], result["preferences"]["target_radius_miles"]) == ("ongoing", 50)
    assert preferences.deactivate_hiring_preferences(context, RECRUITER, row["_id"]) == {"success": True}
    stored = preferences.get_hiring_preference_by_id(context, row["_id"])["preferences"]
    assert (stored["is_active"], stored["urgency"]) == (False, "ongoing")
    assert preferences.get_hiring_preferences(context, DOT) == {"success": True, "preferences": None}


def test_the_first_violated_rule_is_the_answer_and_nothing_is_stored(hired: Platform) -> None:
    context = hired.context()
    result = preferences.create_hiring_preferences(context, RECRUITER, {"carrier_dot": DOT, "urgency": "now"})
    assert result == {"success": False, "error": "required_cdl_types must be a non-empty array"}
    row = create(hired)
    result = preferences.update_hiring_preferences(context, RECRUITER, row["_id"], {"target_radius_miles": -1})
    assert result["success"] is False
    assert hired.rows("CarrierHiringPreferences") == [row]


@pytest.mark.parametrize("caller", [ANYONE, Caller("recruiter-2"), Caller("recruiter-3")])
def test_other_callers_are_refused(hired: Platform, caller: Caller) -> None:
    hired.put("recruiterCarriers", recruiter_id="recruiter-2", carrier_dot=DOT, is_active=False)
    hired.put("recruiterCarriers", recruiter_id="recruiter-3", carrier_dot="7", is_active=True)
    context, row = hired.context(), create(hired)
    answers = [
        preferences.create_hiring_preferences(context, caller, GOOD),
        preferences.update_hiring_preferences(context, caller, row["_id"], {"urgency": "ongoing"}),
        preferences.deactivate_hiring_preferences(context, caller, row["_id"]),
    ]
    assert {answer["code"] for answer in answers} == {"ACCESS_DENIED" if caller.logged_in else "NOT_LOGGED_IN"}
    assert hired.rows("CarrierHiringPreferences") == [row]


def test_preferences_stay_their_carriers(hired: Platform) -> None:
    hired.put("recruiterCarriers", recruiter_id="recruiter-1", carrier_dot="7", is_active=True)
    row = create(hired)
    result = preferences.update_hiring_preferences(hired.context(), RECRUITER, row["_id"], {"carrier_dot": "7"})
    assert result == {"success": False, "error": "carrier_dot cannot be changed"}
    assert hired.row("CarrierHiringPreferences", row["_id"])["carrier_dot"] == DOT


@pytest.mark.parametrize("missing", ["gone", ""])
def test_missing_preferences_are_refused(hired: Platform, missing: str) -> None:
    context = hired.context()
    for result in (
        preferences.update_hiring_preferences(context, RECRUITER, missing, {}),
        preferences.deactivate_hiring_preferences(context, RECRUITER, missing),
        preferences.get_hiring_preference_by_id(context, missing),
    ):
        assert result == {"success": False, "error": "Preferences not found"}


def test_the_newest_active_ones_count(platform: Platform) -> None:
    for days, radius, active in ((3, 30, True), (2, 20, True), (1, 10, False)):
        platform.put("CarrierHiringPreferences", created=platform.now - timedelta(days=days), carrier_dot=DOT,
                     required_cdl_types=["A"], target_radius_miles=radius, is_active=active)  # fmt: skip
    result = preferences.get_hiring_preferences(platform.context(), DOT)["preferences"]
    assert result["target_radius_miles"] == 20


# ------------------------------------------------------------------ weights


def test_weights_are_the_defaults_until_they_are_saved(platform: Platform) -> None:
    context = platform.context()
    assert preferences.get_weight_preferences(context, DOT) == {
        "success": True, "isDefault": True, "weights": {
            "qualifications": 30, "experience": 20, "location": 20, "availability": 15, "salaryFit": 10, "engagement": 5}}  # fmt: skip
    result = preferences.save_weight_preferences(context, DOT, {**WEIGHTS, "more": 1})
    assert result == {"success": True, "weights": WEIGHTS}
    assert preferences.get_weight_preferences(context, DOT) == {
        "success": True, "isDefault": False, "weights": WEIGHTS}  # fmt: skip
    (row,) = platform.rows("CarrierHiringPreferences")
    assert (row["required_cdl_types"], row["target_radius_miles"], row["is_active"]) == (["A"], 100, True)
    assert (row["weight_salaryFit"], row["weight_engagement"]) == (0, 0.5)


def test_weights_go_into_the_active_preferences(hired: Platform) -> None:
    row = create(hired)
    preferences.save_weight_preferences(hired.context(), DOT, WEIGHTS)
    (stored,) = hired.rows("CarrierHiringPreferences")
    assert (stored["_id"], stored["weight_location"], stored["target_radius_miles"]) == (row["_id"], 30, 50)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"location": None}, "Missing weight: location"),
        ({"location": "30"}, "Weight location must be a number between 0 and 100"),
        ({"location": -0.1}, "Weight location must be a number between 0 and 100"),
        ({"location": 100.1}, "Weight location must be a number between 0 and 100"),
        (dict.fromkeys(WEIGHTS, 0), "Total weight must be greater than 0"),
    ],
)
def test_weights_that_cannot_be_are_refused(platform: Platform, more: dict[str, Any], error: str) -> None:
    result = preferences.save_weight_preferences(platform.context(), DOT, {**WEIGHTS, **more})
    assert result == {"success": False, "error": error}
    assert preferences.save_weight_preferences(platform.context(), "", WEIGHTS)["success"] is False
    assert platform.rows("CarrierHiringPreferences") == []
