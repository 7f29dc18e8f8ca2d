"""The score of a carrier for a driver: every branch of every component, and what becomes of odd values."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmdr.matching import carriers
from lmdr.matching.carriers import calculate_match_score, match_rationale, normalize_carrier, score_carriers
from runbook.json_types import MISSING

NAN = math.nan
CARRIER = {
    "_id": "carrier-1",
    "dot_number": 133655,
    "legal_name": "ACME FREIGHT",
    "phy_city": "DALLAS",
    "phy_state": "TX",
    "phy_zip": "75201",
    "telephone": "2145550100",
    "email_address": "a@acme.test",
    "nbr_power_unit": 120,
    "driver_total": 100,
    "recent_mileage": 6_000_000,
    "pay_cpm": 0.62,
    "turnover_percent": 30,
    "accident_rate": 0.5,
    "avg_truck_age": 2,
    "combined_score": 88,
}
DRIVER = {
    "homeZip": "75240",
    "maxDistance": 100,
    "minCPM": 0.5,
    "operationType": "Regional",
    "maxTurnover": 90,
    "maxTruckAge": 5,
    "fleetSize": "medium",
}


def is_same(ours: Any, expected: Any) -> bool:
    return ours.__class__ is expected.__class__ and (ours == expected or (ours != ours and expected != expected))


def test_a_score_and_its_details() -> None:
    found = calculate_match_score(DRIVER, CARRIER)
    assert found == {
        "overallScore": 81,  # 80.75
        "scores": {
            "location": 85,
            "pay": 72,
            "operationType": 100,
            "turnover": 70,
            "safety": 75,
            "truckAge": 60,
            "fleetSize": 100,
            "qualityScore": 88,
        },
        "inferredOpType": "Regional",
        "carrier": normalize_carrier(CARRIER),
    }


def test_empty_rows_on_both_sides() -> None:
    found = calculate_match_score({}, {})
    assert found["overallScore"] == 49  # 48.5
    assert list(found["scores"].values()) == [0, 50, 80, 50, 100, 50, 80, 50]
    assert found["carrier"] == {
        "DOT_NUMBER": None,
        "LEGAL_NAME": "Unknown Carrier",
        "DBA_NAME": None,
        "PHY_CITY": "",
        "PHY_STATE": "",
        "PHY_ZIP": "",
        "TELEPHONE": None,
        "EMAIL_ADDRESS": None,
        "NBR_POWER_UNIT": 0,
        "DRIVER_TOTAL": 1,
        "RECENT_MILEAGE": 0,
        "PAY_CPM": 0,
        "TURNOVER_PERCENT": 0,
        "ACCIDENT_RATE": 0,
        "AVG_TRUCK_AGE": 0,
        "COMBINED_SCORE": 50,
        "isClient": False,
    }


def test_a_zip_code_that_is_not_a_number_makes_location_and_total_nan() -> None:
    found = calculate_match_score({**DRIVER, "homeZip": "ABCDE"}, CARRIER)
    assert math.isnan(found["scores"]["location"])
    assert math.isnan(found["overallScore"])
    without = calculate_match_score({**DRIVER, "homeZip": "ABCDE"}, CARRIER, {"pay": 1})
    assert without["overallScore"] == 72


def test_the_weight_of_each_component() -> None:
    assert dict(carriers.WEIGHTS) == {
        "location": 25,
        "pay": 20,
        "operationType": 15,
        "turnover": 12,
        "safety": 10,
        "truckAge": 8,
        "fleetSize": 5,
        "qualityScore": 5,
    }


def test_nothing_is_changed_that_was_given() -> None:
    driver, carrier, weights = copy.deepcopy(DRIVER), copy.deepcopy(CARRIER), {"pay": 3, "bogus": 4}
    calculate_match_score(driver, carrier, weights)
    assert (driver, carrier, weights) == (DRIVER, CARRIER, {"pay": 3, "bogus": 4})


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (None, 81),
        ({"pay": 100}, 72),
        ({"pay": 1, "location": 1}, 79),  # 78.5
        ({"pay": "1", "location": "1"}, 79),
        ({"pay": 1, "bogus": 99}, 72),
        ({"pay": 1, "location": 0, "safety": None, "turnover": NAN, "fleetSize": ""}, 72),
        ({}, 0),
        ({"bogus": 99}, 0),
        (dict.fromkeys(carriers.WEIGHTS, 0), 0),
        ({"pay": 1, "location": -1}, 0),
        ({"pay": 2, "location": -1}, 59),
        ({"pay": "many"}, NAN),
    ],
)
def test_custom_weights_of_a_driver(weights: dict[str, Any] | None, expected: float) -> None:
    assert is_same(calculate_match_score(DRIVER, CARRIER, weights)["overallScore"], expected)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({}, "Unknown Carrier"),
        ({"dba_name": "D"}, "D"),
        ({"title": "T", "dba_name": "D"}, "T"),
        ({"legal_name": "", "title": None, "dba_name": "D"}, "D"),
        ({"legal_name": "L", "title": "T"}, "L"),
        ({"legal_name": " "}, " "),
    ],
)
def test_the_name_shown(names: dict[str, Any], expected: str) -> None:
    assert normalize_carrier(names)["LEGAL_NAME"] == expected


@pytest.mark.parametrize(
    ("field", "key", "value", "expected"),
    [
        ("nbr_power_unit", "NBR_POWER_UNIT", "88", 88),
        ("nbr_power_unit", "NBR_POWER_UNIT", "88.9 trucks", 88),
        ("nbr_power_unit", "NBR_POWER_UNIT", 88.9, 88),
        ("nbr_power_unit", "NBR_POWER_UNIT", "1,200", 1),
        ("nbr_power_unit", "NBR_POWER_UNIT", "٨٨", 0),
        ("nbr_power_unit", "NBR_POWER_UNIT", True, 0),
        ("driver_total", "DRIVER_TOTAL", "0", 1),
        ("driver_total", "DRIVER_TOTAL", "x", 1),
        ("driver_total", "DRIVER_TOTAL", -3, -3),
        ("recent_mileage", "RECENT_MILEAGE", "1500000", 1_500_000),
        ("pay_cpm", "PAY_CPM", "0.62 CPM", 0.62),
        ("pay_cpm", "PAY_CPM", "$0.62", 0),
        ("pay_cpm", "PAY_CPM", 1.0, 1),
        ("combined_score", "COMBINED_SCORE", 0, 50),
        ("combined_score", "COMBINED_SCORE", "0", 50),
        ("combined_score", "COMBINED_SCORE", "49.9", 49.9),
        ("phy_zip", "PHY_ZIP", 7001, 7001),
        ("phy_zip", "PHY_ZIP", None, ""),
        ("phy_zip", "PHY_ZIP", 0, 0),
        ("telephone", "TELEPHONE", "", None),
        ("dot_number", "DOT_NUMBER", "133655", "133655"),
        ("clientCarriers", "isClient", "", False),
        ("clientCarriers", "isClient", "yes", "yes"),
        ("clientCarriers2", "isClient", "recX", "recX"),
        ("clientCarriers", "isClient", [], []),
    ],
)
def test_fields_as_scores_and_pages_have_them(field: str, key: str, value: Any, expected: Any) -> None:
    assert is_same(normalize_carrier({field: value})[key], expected)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("75201", "75201", 0),
        (75201, "75201", 0),
        (7001, 7001.0, 0),
        ("75201", "75299", 15),
        ("752", "75201-1234", 15),
        ("75201", "75301", 50),
        ("75301", "75201", 50),
        ("75201", "76101", 450),
        ("75201", "76201", 500),
        ("75201", "90210", 500),
        ("07001", "07101", 50),
        (7001, "07001", 500),  # 700 and 070: a number has lost its zero
        (7001, "70099", 15),
        ("7", "8", 50),
        ("", "75201", 500),
        (0, "75201", 500),
        (None, "75201", 500),
        (MISSING, "75201", 500),
        ("75201", MISSING, 500),
        (NAN, NAN, 500),
        ("ABCDE", "75201", NAN),
        ("75201", "ABCDE", NAN),
        ("ABCDE", "ABCXX", 15),
        ("٧٥٢01", "75201", NAN),
        ("7x201", "80001", 500),
        (" 75201", "75201", 500),  # its first three are " 75"
        (True, "75201", NAN),
        ([75201], "75201", 0),
        ([], "75201", NAN),
        ("75201", {}, NAN),
    ],
)
def test_miles_between_zip_codes(one: Any, other: Any, expected: float) -> None:
    assert is_same(carriers.estimate_distance_from_zips(one, other), expected)


def test_arguments_that_are_absent() -> None:
    assert carriers.estimate_distance_from_zips() == 500
    assert carriers.score_pay() == 50
    assert carriers.score_turnover() == carriers.score_safety() == carriers.score_truck_age() == 50
    assert carriers.score_operation_type() == carriers.score_fleet_size() == 80
    assert math.isnan(carriers.score_location("75201", "75201"))
    assert math.isnan(carriers.score_pay(0.5))
    assert carriers.score_turnover(55) == 44.99999999999999
    assert math.isnan(carriers.score_truck_age(3))


@pytest.mark.parametrize(
    ("home", "zip_code", "limit", "expected"),
    [
        ("75201", "75201", 100, 100),
        ("75201", "75299", 100, 85),
        ("75201", "75299", 15, 0),
        ("75201", "75299", 14.9, 0),
        ("75201", "75301", 60, 16.666666666666664),
        ("75201", "75301", "60", 16.666666666666664),
        ("75201", "90210", 500, 0),
        ("75201", "90210", 1000, 50),
        ("75201", "75201", 0, NAN),
        ("75201", "75201", -5, 0),
        ("75201", "75299", "far", NAN),
        ("ABCDE", "75201", 100, NAN),
    ],
)
def test_location(home: Any, zip_code: Any, limit: Any, expected: float) -> None:
    assert is_same(carriers.score_location(home, zip_code, limit), expected)


@pytest.mark.parametrize(
    ("wish", "component", "figures", "expected"),
    [
        ("maxDistance", "location", {"phy_zip": "75399"}, 50),
        ("maxDistance", "location", {"phy_zip": "75401"}, 0),
        ("minCPM", "pay", {"pay_cpm": 0.1}, 70),
        ("maxTurnover", "turnover", {"turnover_percent": 100}, 0),
        ("maxTurnover", "turnover", {"turnover_percent": 100.1}, 10),
        ("maxTruckAge", "truckAge", {"avg_truck_age": 5}, 50),
        ("maxTruckAge", "truckAge", {"avg_truck_age": 10.1}, 10),
    ],
)
def test_defaults_for_a_limit_of_0(wish: str, component: str, figures: Any, expected: float) -> None:
    for limit in (0, None, "", NAN):
        found = calculate_match_score({**DRIVER, wish: limit}, {**CARRIER, **figures})
        assert is_same(found["scores"][component], expected)


@pytest.mark.parametrize(
    ("cpm", "least", "expected"),
    [
        (0, 0.5, 50),
        (None, 0.5, 50),
        (NAN, 0.5, 50),
        (0.49, 0.5, 20),
        (0.5, 0.5, 60),
        (0.62, 0.5, 72),
        (0.55, 0.5, 65),
        (0.719, 0.7, 61.9),
        (0.9, 0.5, 100),
        (0.91, 0.5, 100),
        (62, 0.5, 100),
        (-0.1, 0, 20),
        (0.4, 0, 100),
        ("0.3", "0.2", 70),
        (0.3, "x", NAN),
    ],
)
def test_pay(cpm: Any, least: Any, expected: float) -> None:
    assert is_same(carriers.score_pay(cpm, least), expected)


@pytest.mark.parametrize(
    ("preferred", "expected"),
    [
        ("OTR", {"OTR": 100, "Regional": 40, "Local": 10}),
        ("Regional", {"OTR": 50, "Regional": 100, "Local": 60}),
        ("Local", {"OTR": 10, "Regional": 50, "Local": 100}),
        *((name, {"OTR": 20, "Regional": 20, "Local": 20}) for name in ("any", "Dedicated", "otr", 5, ["OTR"], [])),
        *((name, {"OTR": 80, "Regional": 80, "Local": 80}) for name in ("", None, "no_preference", MISSING)),
    ],
)
def test_operation_type(preferred: Any, expected: dict[str, int]) -> None:
    assert {inferred: carriers.score_operation_type(inferred, preferred) for inferred in expected} == expected


@pytest.mark.parametrize(
    ("miles", "drivers", "expected"),
    [
        (100_001, 1, "OTR"),
        (100_000, 1, "Regional"),
        (50_001, 1, "Regional"),
        (50_000, 1, "Local"),
        (10_000_001, 100, "OTR"),
        (60_000, 0, "Regional"),
        (60_000, MISSING, "Regional"),
        (MISSING, 1, "Local"),
        (None, None, "Local"),
        (90_000, -1, "Local"),
        ("120000", "1", "OTR"),
        ("x", 1, "Local"),
        (1, "0", "OTR"),
        (0, "0", "Local"),
    ],
)
def test_operation_type_inferred(miles: Any, drivers: Any, expected: str) -> None:
    row = {"RECENT_MILEAGE": miles, "DRIVER_TOTAL": drivers}
    assert carriers.infer_operation_type({k: v for k, v in row.items() if v is not MISSING}) == expected


@pytest.mark.parametrize(
    ("turnover", "limit", "expected"),
    [
        (0, 90, 50),
        (None, 90, 50),
        (1, 90, 99),
        (55.5, 90, 44.49999999999999),
        (90, 90, 9.999999999999998),
        (90.1, 90, 10),
        (120, 200, -19.999999999999996),
        (-5, 90, 105),
        (NAN, 90, 50),
        ("55.5", "90", 44.49999999999999),
    ],
)
def test_turnover(turnover: Any, limit: Any, expected: float) -> None:
    assert is_same(carriers.score_turnover(turnover, limit), expected)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (0, 100),
        (0.0, 100),
        (None, 50),
        (NAN, 50),
        ("", 50),
        (0.5, 75),
        (1.1, 44.99999999999999),
        (2, 0),
        (5, 0),
        (5.01, 10),
        (-1, 150),
        ("0.5", 75),
        ("0", 100),
        ("x", NAN),
    ],
)
def test_safety(rate: Any, expected: float) -> None:
    assert is_same(carriers.score_safety(rate), expected)


@pytest.mark.parametrize(
    ("age", "limit", "expected"),
    [
        (0, 5, 50),
        (None, 5, 50),
        (1, 5, 80),
        (5, 5, 0),
        (5.1, 5, 10),
        (9.3, 10, 6.999999999999995),
        (-1, 0, math.inf),
        (1, 0, 10),
        (NAN, 5, 50),
        ("1", "5", 80),
    ],
)
def test_truck_age(age: Any, limit: Any, expected: float) -> None:
    assert is_same(carriers.score_truck_age(age, limit), expected)


@pytest.mark.parametrize(
    ("units", "fleet"),
    [
        *((0, "small"), (49, "small"), (None, "small"), (MISSING, "small"), ("x", "small"), ("49.9", "small")),
        *((50, "medium"), (499, "medium"), ("75", "medium"), ("75.9", "medium"), (500, "large"), (12000, "large")),
    ],
)
def test_fleet_size(units: Any, fleet: str) -> None:
    for required in ("small", "medium", "large", "any", "Medium", []):
        assert carriers.score_fleet_size(units, required) == (100 if required == fleet else 40)
    for required in ("", None, "no_preference", MISSING):
        assert carriers.score_fleet_size(units, required) == 80


def test_why_it_fits() -> None:
    scores = {"location": 95, "pay": 90, "operationType": 95, "safety": 90, "truckAge": 90}
    best = match_rationale(scores, {"PAY_CPM": 0.705})
    assert best[0] == "Excellent pay: $0.70 CPM exceeds your target."  # 0.705 lies below 0.705
    assert len(best) == 5
    middling = match_rationale({**scores, "location": 70, "pay": 70, "safety": 89}, {"PAY_CPM": 0.6})
    assert middling[0] == "Competitive pay that meets your minimum requirements."
    assert len(middling) == 4
    assert middling[1] != best[1]
    none = {"location": 69, "pay": 69, "operationType": 94, "safety": 89, "truckAge": 89}
    assert match_rationale(none, {"PAY_CPM": 0.6}) == []
    assert match_rationale({**none, "pay": 20}, {"PAY_CPM": 0.375}) == ["Pay ($0.38) is below your preferred minimum."]
    assert match_rationale({**none, "pay": 40}, {"PAY_CPM": 0.375}) == []
    assert match_rationale({**none, "pay": 20}, {"PAY_CPM": 0}) == []
    assert match_rationale({**none, "pay": NAN, "location": NAN}, {"PAY_CPM": 0.5}) == []


def test_many_carriers_keep_their_order() -> None:
    rows = [{**CARRIER, "legal_name": str(number), "pay_cpm": number / 100} for number in range(100)]
    found = score_carriers(DRIVER, map(normalize_carrier, rows))
    assert [one["carrier"]["LEGAL_NAME"] for one in found] == [str(number) for number in range(100)]
    assert score_carriers(DRIVER, []) == []


ODD = st.one_of(
    *(st.none(), st.booleans(), st.integers(-10, 10**7), st.floats(), st.text(max_size=6)),
    st.sampled_from(["75201", "07001", "75201-1234", "0.62", "1500000", "any", "OTR", "small", "no_preference", "1e3"]),
)
ROWS = st.dictionaries(st.sampled_from([*CARRIER, "title", "dba_name", "clientCarriers", "clientCarriers2"]), ODD)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*DRIVER]), ODD),
    st.lists(ROWS, max_size=4),
    st.none() | st.dictionaries(st.sampled_from([*carriers.WEIGHTS, "bogus"]), ODD),
)
def test_normalised_once_or_each_time_is_the_same(driver: Any, rows: Any, weights: Any) -> None:
    once = [normalize_carrier(row) for row in rows]
    before = copy.deepcopy(once)
    # Texts, so that NaN is NaN.
    assert repr(score_carriers(driver, once, weights)) == repr(
        [calculate_match_score(driver, row, weights) for row in rows]
    )
    assert repr(once) == repr(before)
    assert [repr(normalize_carrier(row)) for row in rows] == [repr(one) for one in before]
