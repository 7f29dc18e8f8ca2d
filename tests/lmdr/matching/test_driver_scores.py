"""The score of a driver for a carrier: every branch of every component, their weights, and the whole."""

from __future__ import annotations

import copy
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lmdr.matching import driver_components as components
from lmdr.matching.driver_weights import WEIGHTS, calculate_dynamic_weights, explicit_weights, normalize_weights
from lmdr.matching.drivers import calculate_driver_match_score, is_mutual_match, score_drivers
from runbook.json_types import MISSING

NAN = math.nan
NOON = datetime(2026, 1, 21, 12, tzinfo=UTC)
DRIVER = {
    "_id": "driver-1",
    "cdl_class": "A",
    "endorsements": ["H", "N"],
    "violations": 0,
    "years_experience": 5,
    "equipment_experience": ["Dry Van", "Reefer"],
    "home_zip": "75240",
    "availability": "2_week",
    "min_cpm_expectation": 0.6,
    "last_active_date": NOON - timedelta(days=2),
    "profile_completeness_score": 90,
    "response_rate": 0.9,
    "is_searchable": True,
    "visibility_level": "full",
    "hasExpressedInterest": True,
    "interestCarrierDot": "133655",
}
PREFERENCES = {
    "_id": "preferences-1",
    "carrier_dot": "133655",
    "required_cdl_types": ["A"],
    "required_endorsements": ["H", "N", "T"],
    "min_experience_years": 2,
    "max_experience_years": 20,
    "equipment_types": ["Dry Van", "Flatbed"],
    "target_zip_codes": ["75201"],
    "target_states": ["TX"],
    "target_radius_miles": 100,
    "offered_pay_min": 0.5,
    "offered_pay_max": 0.58,
    "urgency": "immediate",
}


def given(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**row, **changes}.items() if value is not MISSING}


def test_a_score_and_its_details() -> None:
    driver, preferences = copy.deepcopy(DRIVER), copy.deepcopy(PREFERENCES)
    found = calculate_driver_match_score(driver, preferences, now=NOON)
    assert found == {
        "overallScore": 91,
        "baseScore": 81,  # 80.75
        "scores": {
            "qualifications": 67,
            "experience": 85,
            "location": 100,
            "availability": 70,
            "salaryFit": 85,
            "engagement": 93,
        },
        "weights": dict(WEIGHTS),
        "normalizedWeights": dict(WEIGHTS),
        "weightSource": "dynamic",
        "driverId": "driver-1",
        "preferenceId": "preferences-1",
        "isMutualMatch": True,
        "mutualMatchBoost": 10,
    }
    assert (driver, preferences) == (DRIVER, PREFERENCES)
    assert found["weights"] is not found["normalizedWeights"]


def test_drivers_that_are_not_scored() -> None:
    assert calculate_driver_match_score(None, None, now=NOON) == {"overallScore": 0, "error": "Invalid driver"}
    assert calculate_driver_match_score({}, None, now=NOON) == {"overallScore": 0, "error": "Invalid preferences"}
    hidden = {
        "overallScore": 0,
        "error": "Driver not searchable",
        "driverId": "driver-1",
        "preferenceId": "preferences-1",
    }
    for change in ({"is_searchable": False}, {"visibility_level": "hidden"}):
        assert calculate_driver_match_score({**DRIVER, **change}, PREFERENCES, now=NOON) == hidden
    nameless = calculate_driver_match_score({"is_searchable": False}, {}, now=NOON)
    assert nameless == {"overallScore": 0, "error": "Driver not searchable"}


@pytest.mark.parametrize(
    "change", [{"is_searchable": MISSING}, {"is_searchable": None}, {"visibility_level": "limited"}]
)
def test_only_hidden_drivers_are_excluded(change: dict[str, Any]) -> None:
    assert calculate_driver_match_score(given(DRIVER, **change), PREFERENCES, now=NOON)["overallScore"] == 91


@pytest.mark.parametrize(
    ("interest", "dot", "wanted", "expected"),
    [
        (True, "133655", "133655", True),
        (True, 133655, 133655.0, True),
        (True, 133655, "133655", False),
        (True, "133655", MISSING, False),
        (True, MISSING, MISSING, True),  # undefined is undefined
        (True, None, MISSING, False),
        ("yes", "133655", "133655", False),
        (1, "133655", "133655", False),
        (MISSING, "133655", "133655", False),
    ],
)
def test_mutual_interest(interest: Any, dot: Any, wanted: Any, expected: bool) -> None:
    driver = given(DRIVER, hasExpressedInterest=interest, interestCarrierDot=dot)
    preferences = given(PREFERENCES, carrier_dot=wanted)
    assert is_mutual_match(driver, preferences) is expected
    found = calculate_driver_match_score(driver, preferences, now=NOON)
    assert found["overallScore"] - found["baseScore"] == found["mutualMatchBoost"] == (10 if expected else 0)


def test_mutual_interest_makes_no_more_than_100() -> None:
    found = calculate_driver_match_score(DRIVER, {"carrier_dot": "133655"}, {"location": 100}, now=NOON)
    assert (found["overallScore"], found["baseScore"], found["mutualMatchBoost"]) == (100, 100, 10)


def test_many_drivers_are_scored_as_one_by_one() -> None:
    rows = [DRIVER, None, {**DRIVER, "visibility_level": "hidden"}, {"_id": "bare"}]
    filters = {"zip_code": "75201", "cdl_types": ["A"]}
    expected = [calculate_driver_match_score(row, PREFERENCES, None, filters, NOON) for row in rows]
    assert score_drivers(rows, PREFERENCES, filters=filters, now=NOON) == expected
    first, last = expected[0], expected[-1]
    first["weights"]["location"] = 0
    assert last["weights"]["location"] != 0


def test_without_now_the_clock_is_read() -> None:
    driver = {"last_active_date": datetime.now(UTC) - timedelta(hours=1)}
    assert calculate_driver_match_score(driver, {})["scores"]["engagement"] == 79


def test_the_total_is_rounded_half_up_and_unknown_weights_are_ignored() -> None:
    found = calculate_driver_match_score(DRIVER, PREFERENCES, {"experience": 50, "bogus": 50}, now=NOON)
    assert (found["scores"]["experience"], found["baseScore"]) == (85, 43)


# Weights


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (None, dict(WEIGHTS)),
        ({}, dict(WEIGHTS)),
        ({"a": 0}, dict(WEIGHTS)),
        ({"a": 1, "b": -1}, dict(WEIGHTS)),
        ({"a": 33.3, "b": 33.3, "c": 33.3}, {"a": 33, "b": 33, "c": 34}),
        ({"c": 1, "a": 1, "b": 1}, {"c": 33, "a": 33, "b": 34}),
        ({"a": 2, "b": 2, "c": 1, "d": 1}, {"a": 33, "b": 33, "c": 17, "d": 17}),
        ({"a": 2, "b": 2, "c": 2, "d": 1.5}, {"a": 27, "b": 27, "c": 26, "d": 20}),
        ({"x": 1, "y": 2, "z": 4}, {"x": 14, "y": 29, "z": 57}),
        ({"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1}, {"a": 17, "b": 17, "c": 17, "d": 17, "e": 17, "f": 15}),
        ({"a": 12.5, "b": 87.5}, {"a": 13, "b": 87}),  # 88, of which 1 goes
        ({"a": "3", "b": 1}, {"a": 75, "b": 25}),
        ({"a": 7}, {"a": 100}),
    ],
)
def test_weights_are_normalised_to_whole_percents(weights: Any, expected: dict[str, int]) -> None:
    found = normalize_weights(weights)
    assert list(found.items()) == list(expected.items())
    assert {type(weight) for weight in found.values()} == {int}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (
            {"qualifications": 40, "experience": 40, "location": 20},
            {"qualifications": 40, "experience": 40, "location": 20},
        ),
        ({"qualifications": 99.5, "location": 0.5}, {"qualifications": 99.5, "location": 0.5}),
        (
            {"qualifications": 1, "experience": 1, "location": 1},
            {"qualifications": 33, "experience": 33, "location": 33},
        ),
        ({"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1}, dict.fromkeys("abcdef", 17)),
        ({"qualifications": 0.5}, {"qualifications": 100}),
        ({"qualifications": 0}, dict(WEIGHTS)),
        ({"qualifications": -5}, dict(WEIGHTS)),
        ({"qualifications": "many"}, dict(WEIGHTS)),
    ],
)
def test_weights_sent_along(weights: dict[str, Any], expected: dict[str, int]) -> None:
    assert explicit_weights(weights) == expected
    found = calculate_driver_match_score(DRIVER, PREFERENCES, weights, {"zip_code": "75201"}, NOON)
    assert found["weightSource"] == "explicit"
    assert found["weights"] == found["normalizedWeights"] == expected


def test_without_explicit_weights_the_preferences_apply() -> None:
    found = calculate_driver_match_score(DRIVER, {**PREFERENCES, "weight_location": 120}, {}, now=NOON)
    assert found["weightSource"] == "dynamic"
    assert found["weights"] == {
        "qualifications": 15,
        "experience": 10,
        "location": 59,  # 60, of which 1 goes
        "availability": 8,
        "salaryFit": 5,
        "engagement": 3,
    }


@pytest.mark.parametrize(
    ("preferences", "filters", "expected"),
    [
        (None, None, [30, 20, 20, 15, 10, 5]),
        ({"weight_location": 0, "weight_experience": "40", "weight_salaryFit": True}, {}, [30, 20, 20, 15, 10, 5]),
        ({"weight_location": -3, "weight_engagement": NAN}, {}, [30, 20, 20, 15, 10, 5]),
        ({"weight_engagement": 1}, {}, [31, 21, 21, 16, 10, 1]),
        ({"weight_engagement": 105}, {}, [15, 10, 10, 8, 5, 52]),  # 53, of which 1 goes
        ({}, {"cdl_types": ["A"]}, [40, 17, 17, 13, 9, 4]),  # 39 and 1
        ({}, {"endorsements": ["H"]}, [46, 15, 15, 12, 8, 4]),
        ({}, {"cdl_types": ["A"], "endorsements": ["H"]}, [56, 13, 13, 9, 6, 3]),
        ({}, {"min_experience": 2}, [27, 27, 18, 14, 9, 5]),
        ({}, {"zip_code": "75201"}, [27, 18, 27, 14, 9, 5]),
        ({}, {"radius_miles": 99}, [28, 19, 25, 14, 9, 5]),
        ({}, {"zip_code": "75201", "radius_miles": 25}, [25, 17, 33, 13, 8, 4]),
        ({}, {"availability": "immediate"}, [27, 19, 19, 21, 9, 5]),  # 28, of which 1 goes
        (
            {},
            {
                "cdl_types": [],
                "endorsements": "H",
                "min_experience": 0,
                "zip_code": "",
                "radius_miles": 100,
                "availability": "",
            },
            [30, 20, 20, 15, 10, 5],
        ),
        (
            {},
            {"cdl_types": None, "min_experience": "2", "zip_code": 75201, "radius_miles": "25", "availability": None},
            [30, 20, 20, 15, 10, 5],
        ),
        ({}, {"radius_miles": 0}, [30, 20, 20, 15, 10, 5]),
    ],
)
def test_weights_of_a_search(preferences: Any, filters: Any, expected: list[int]) -> None:
    found = calculate_dynamic_weights(preferences, filters)
    assert list(found) == list(WEIGHTS)
    assert list(found.values()) == expected
    assert sum(found.values()) == 100


# Components


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (name, arguments)
        for name in ("qualifications", "experience", "location", "availability", "salary_fit")
        for arguments in ((None, {}), ({}, None), (None, None))
    ],
)
def test_a_null_driver_or_null_preferences_are_errors(name: str, arguments: tuple[Any, Any]) -> None:
    assert getattr(components, f"score_{name}")(*arguments) == 0
    assert components.score_engagement(None, NOON) == 0


@pytest.mark.parametrize(
    ("driver", "preferences", "expected"),
    [
        ({"cdl_class": "A"}, {}, 100),
        ({"cdl_class": "A"}, {"required_cdl_types": []}, 100),
        ({"cdl_class": "A"}, {"required_cdl_types": ["A", "B"]}, 100),
        ({"cdl_class": "C"}, {"required_cdl_types": ["A", "B"]}, 0),
        ({"cdl_class": "a"}, {"required_cdl_types": ["A"]}, 0),
        ({}, {}, 0),
        ({"cdl_class": ""}, {}, 0),
        ({"cdl_class": "A"}, {"required_endorsements": ["H"]}, 0),
        ({"cdl_class": "A", "endorsements": None}, {"required_endorsements": ["H"]}, 0),
        ({"cdl_class": "A", "endorsements": ["P"]}, {"required_endorsements": ["H"], "violations": 1}, 0),
        ({"cdl_class": "A", "endorsements": ["H"]}, {"required_endorsements": ["H", "N"]}, 50),
        ({"cdl_class": "A", "endorsements": ["H", "N"]}, {"required_endorsements": ["H", "N", "T"]}, 67),
        ({"cdl_class": "A", "endorsements": ["H"]}, {"required_endorsements": ["H", "N", "T"]}, 33),
        ({"cdl_class": "A", "endorsements": ["H"]}, {"required_endorsements": list("HNTXPSUV")}, 13),  # 12.5
        ({"cdl_class": "A", "violations": 1}, {}, 85),
        ({"cdl_class": "A", "violations": 7}, {}, 0),
        ({"cdl_class": "A", "violations": 1, "violation_severity": "major"}, {}, 50),
        ({"cdl_class": "A", "violations": 3, "violation_severity": "major"}, {}, 0),
        ({"cdl_class": "A", "violations": 1, "violation_severity": "MAJOR"}, {}, 85),
        ({"cdl_class": "A", "violations": "2"}, {}, 70),
        ({"cdl_class": "A", "violations": -2}, {}, 100),
        ({"cdl_class": "A", "violations": "some"}, {}, 100),
        ({"cdl_class": "A", "violations": None, "violation_severity": "major"}, {}, 100),
        ({"cdl_class": "A", "endorsements": ["H"], "violations": 2}, {"required_endorsements": ["H", "N"]}, 20),
    ],
)
def test_qualifications(driver: Any, preferences: Any, expected: int) -> None:
    assert components.score_qualifications(driver, preferences) == expected


@pytest.mark.parametrize(
    ("years", "least", "most", "required", "had", "expected"),
    [
        (None, 1, None, [], [], 0),
        (MISSING, 1, None, [], [], 0),
        (0, 1, None, [], [], 0),
        (None, None, None, [], [], 100),
        (None, 0, None, [], ["Tanker"], 100),
        (None, None, None, ["Tanker"], [], 50),
        (None, None, None, ["Tanker"], MISSING, 50),
        (None, None, None, ["Tanker", "Reefer", "Dry Van"], ["Reefer"], 33),
        (None, None, None, ["Tanker"], ["Reefer"], 0),
        (None, None, None, list("ABCDEFGH"), ["A"], 13),  # 12.5
        (NAN, 1, None, [], [], 0),
        (0, 0, None, [], [], 100),
        (0, None, None, ["Tanker"], [], 70),  # 0 years are years
        (5, 2, 20, [], [], 100),
        (1, 3, 20, [], [], 33),
        (0.5, 3, 20, [], [], 17),
        (1, 8, None, [], [], 13),  # 12.5
        (25, 2, 20, [], [], 70),
        (20, 2, 20, [], [], 100),
        (25, 2, 0, [], [], 100),
        (4, 5, 3, [], [], 50),
        (5, 2, 20, ["Tanker", "Reefer"], ["Reefer"], 85),
        (5, 2, 20, ["Tanker"], MISSING, 70),
        (5, 2, 20, ["Tanker"], ["Tanker"], 100),
        (1, 2, 20, ["Tanker"], ["Tanker"], 65),
        (25, 2, 20, ["Tanker"], [], 49),
        (9, 25, None, ["Tanker"], ["Tanker"], 55),
        (3, 20, None, ["Tanker"], [], 11),  # 10.5
        ("1", "3", None, [], [], 33),
        ("9", "10", None, [], [], 100),  # "9" does not come before "10"
        (-1, 0, None, [], [], 0),
        ("many", 2, None, [], [], 100),
        (-1, 2, None, [], [], 0),
    ],
)
def test_experience(years: Any, least: Any, most: Any, required: Any, had: Any, expected: int) -> None:
    driver = given({}, years_experience=years, equipment_experience=had)
    preferences = {"min_experience_years": least, "max_experience_years": most, "equipment_types": required}
    assert components.score_experience(driver, preferences) == expected


@pytest.mark.parametrize(
    ("home", "zips", "states", "radius", "expected"),
    [
        ("75201", [], [], None, 100),
        ("75201-1234", [], [], None, 100),
        ("invalid", [], [], None, 0),
        ("7520", [], [], None, 0),
        ("752011", [], [], None, 0),
        ("75201-12", [], [], None, 0),
        (" 75201", [], [], None, 0),
        ("75201\n", [], [], None, 0),
        ("٧٥٢٠١", [], [], None, 0),
        (75201, [], [], None, 0),
        (None, [], [], None, 0),
        (MISSING, [], [], None, 0),
        ("75201", [], ["TX"], None, 100),
        ("75201", [], ["GA", "TX"], None, 100),
        ("75201", [], ["GA"], None, 0),
        ("75201", ["75201"], ["GA"], None, 0),
        ("07001", [], ["TX"], None, 50),
        ("07001", ["07001"], ["TX"], None, 100),
        ("75201", ["90210", "75201"], [], None, 100),
        ("75201-1234", ["75201"], [], None, 100),
        ("75240", ["75201"], [], 30, 100),
        ("76101", ["75201"], [], 300, 10),
        ("76101", ["75201", "76001"], [], 100, 70),
        ("75401", ["75201"], [], 100, 40),
        ("75401", ["75201"], [], 60, 0),
        ("75401", ["75201"], [], 59, 0),
        ("75401", ["75201"], [], 0, 40),
        ("75401", ["75201"], [], "250", 76),
        ("75240", ["75201"], [], "0", NAN),
        ("75301", ["75201"], [], 80, 63),  # 62.5
        ("75301", [75201], [], 100, 70),
        ("07101", [7001], [], 100, 0),  # 700, not 070
        ("75401", ["somewhere", "75301"], [], 100, 70),
        ("75401", ["somewhere"], [], 100, 0),
    ],
)
def test_location(home: Any, zips: Any, states: Any, radius: Any, expected: float) -> None:
    preferences = {"target_zip_codes": zips, "target_states": states, "target_radius_miles": radius}
    score = components.score_location(given({}, home_zip=home), preferences)
    assert score == expected or (math.isnan(score) and math.isnan(expected))


@pytest.mark.parametrize(
    ("zip_code", "state"),
    [
        *(("75000", "TX"), ("79999", "TX"), ("74999", "OK"), ("73000", "OK"), ("90000", "CA"), ("96199", "CA")),
        *(("30000", "GA"), ("31999", "GA"), ("32000", "FL"), ("34999", "FL"), ("29000", "SC"), ("29999", "SC")),
        *(("70000", "LA"), ("71499", "LA"), ("71500", None), ("72999", None), ("80000", None), ("89999", None)),
        *(("96200", None), ("35000", None), ("28999", None), ("07001", None), ("00501", None)),
    ],
)
def test_states_by_zip_code(zip_code: str, state: str | None) -> None:
    assert components.score_location({"home_zip": zip_code}, {"target_states": ["XX"]}) == (50 if state is None else 0)
    if state:
        assert components.score_location({"home_zip": zip_code}, {"target_states": [state]}) == 100


@pytest.mark.parametrize(
    ("urgency", "expected"),
    [
        ("immediate", [100, 70, 40]),
        ("2_week", [100, 100, 70]),
        ("30_day", [100, 100, 100]),
        ("ongoing", [100, 90, 80]),
        ("asap", [100, 80, 60]),
        (5, [100, 80, 60]),
        ([], [100, 80, 60]),
    ],
)
def test_availability(urgency: Any, expected: list[int]) -> None:
    def score(availability: Any) -> int:
        return components.score_availability(given({}, availability=availability), {"urgency": urgency})

    assert [score(availability) for availability in ("immediate", "2_week", "30_day")] == expected
    assert [score(availability) for availability in (None, "", MISSING)] == [50, 50, 50]
    assert [score(availability) for availability in ("immediately", "2_weeks", 7, [])] == [0, 0, 0, 0]


@pytest.mark.parametrize("urgency", [None, "", MISSING])
def test_without_urgency_availability_scores_full(urgency: Any) -> None:
    for availability in ("immediate", "never", None, MISSING):
        preferences = given({}, urgency=urgency)
        assert components.score_availability(given({}, availability=availability), preferences) == 100


@pytest.mark.parametrize(
    ("expected_pay", "least", "most", "score"),
    [
        (None, 0.5, 0.6, 100),
        (0, None, None, 100),
        (NAN, 0.5, 0.6, 100),
        (0.6, NAN, NAN, 50),
        (0.6, None, None, 50),
        (0.6, 0, 0, 50),
        (0.6, None, 0.6, 100),
        (0.6, 0.7, None, 100),
        (0.6, 0.7, 0, 100),
        (0.6, 0.7, 0.5, 25),  # what is offered at most counts
        (1, None, 0.95, 70),  # (1 - 0.95) / 1 is 0.050000000000000044
        (0.8, None, 0.76, 70),
        (100, None, 95, 85),
        (100, None, 90, 70),
        (100, None, 85, 50),
        (100, None, 75, 25),
        (100, None, 74.9, 0),
        (0.6, None, 0.57, 70),
        (0.6, None, 0.5, 25),
        ("0.6", None, "0.58", 85),
    ],
)
def test_salary_fit(expected_pay: Any, least: Any, most: Any, score: int) -> None:
    preferences = {"offered_pay_min": least, "offered_pay_max": most}
    assert components.score_salary_fit({"min_cpm_expectation": expected_pay}, preferences) == score


@pytest.mark.parametrize(
    ("age", "points"),
    [
        (timedelta(days=-2), 100),
        (timedelta(0), 100),
        (timedelta(days=1, microseconds=-1000), 100),
        (timedelta(days=1), 95),
        (timedelta(days=4, microseconds=-1000), 95),
        (timedelta(days=4), 80),
        (timedelta(days=8), 60),
        (timedelta(days=15), 40),
        (timedelta(days=31), 20),
        (timedelta(days=61), 10),
        (timedelta(days=90, hours=23), 10),
        (timedelta(days=91), 5),
    ],
)
def test_activity(age: timedelta, points: int) -> None:
    driver = {"last_active_date": NOON - age, "profile_completeness_score": 0, "response_rate": 0.03}
    assert components.score_engagement(driver, NOON) == math.floor(points / 2 + 0.6 + 0.5)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 79),
        ({"profile_completeness_score": None, "response_rate": None}, 79),
        ({"profile_completeness_score": 0}, 64),
        ({"response_rate": 0}, 65),
        ({"response_rate": 0.02}, 65),  # 50 + 15 + 0.4
        ({"profile_completeness_score": 1}, 64),  # 50 + 0.3 + 14
        ({"profile_completeness_score": 1, "response_rate": 0.5}, 60),  # 50 + 0.3 + 10
        ({"profile_completeness_score": 100, "response_rate": 1}, 100),
        ({"profile_completeness_score": 100, "response_rate": 1.2}, 100),
        ({"profile_completeness_score": -500}, 0),
        ({"response_rate": 0.335}, 72),  # 34 percent, not 33
        ({"profile_completeness_score": "80"}, 88),
        ({"last_active_date": None}, 0),
        ({"last_active_date": MISSING}, 0),
        ({"last_active_date": ""}, 0),
        ({"last_active_date": NAN}, 0),
        ({"last_active_date": "2026-01-21T12:00:00.000Z"}, 79),
        ({"last_active_date": "2026-01-11"}, 59),
        ({"last_active_date": "long ago"}, 32),
        ({"last_active_date": 1_769_000_000_000}, 79),
        ({"response_rate": "often"}, NAN),
    ],
)
def test_engagement(change: dict[str, Any], expected: float) -> None:
    score = components.score_engagement(given({"last_active_date": NOON}, **change), NOON)
    assert score == expected or (math.isnan(score) and math.isnan(expected))
