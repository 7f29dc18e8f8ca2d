"""The completeness of a driver's profile: the points of each field."""

from __future__ import annotations

from typing import Any

import pytest

from lmdr.matching.completeness import calculate_completeness, enrich_profile
from runbook.json_types import MISSING

RECORDS = dict.fromkeys(("clean_mvr", "accidents_last_3_years", "violations_last_3_years"))
"""Null records: an empty profile has 15 points, because absent records count."""
FULL = {
    "display_name": "Jo D",
    "email": "jo@drivers.test",
    "phone": "2145550100",
    "home_zip": "75201",
    "preferred_operation_type": "OTR",
    "min_cpm": 0.5,
    "years_experience": 3,
    "cdl_class": "A",
    "endorsements": ["H"],
    "clean_mvr": True,
    "accidents_last_3_years": 0,
    "violations_last_3_years": 0,
}


@pytest.mark.parametrize(
    ("field", "value", "points"),
    [
        ("display_name", "Jo D", 10),
        ("display_name", " \t\u00a0", 0),
        ("display_name", None, 0),
        ("email", "jo@drivers.test", 10),
        ("email", "@", 10),
        ("email", "jo", 0),
        ("phone", "2145550100", 5),
        ("phone", "214555010", 0),
        ("phone", 2145550100, 0),
        ("home_zip", "75201", 15),
        ("home_zip", "7520", 0),
        ("home_zip", 75201, 0),
        ("preferred_operation_type", "OTR", 10),
        ("preferred_operation_type", "any", 10),
        ("preferred_operation_type", "no_preference", 0),
        ("preferred_operation_type", "", 0),
        ("min_cpm", 0.01, 10),
        ("min_cpm", 0, 0),
        ("min_cpm", -1, 0),
        ("min_cpm", None, 0),
        ("years_experience", 0, 10),
        ("years_experience", 40, 10),
        ("years_experience", -1, 0),
        ("years_experience", None, 0),
        ("cdl_class", "A", 10),
        ("cdl_class", "", 0),
        ("cdl_class", [], 10),
        ("endorsements", ["H"], 5),
        ("endorsements", [], 0),
        ("clean_mvr", False, 5),
        ("clean_mvr", True, 5),
        ("accidents_last_3_years", 0, 5),
        ("violations_last_3_years", MISSING, 5),
        ("cdl_front_image", "wix:image://front", 0),
        ("cdl_back_image", "wix:image://back", 0),
        ("med_card_image", "wix:image://card", 5),
        ("med_card_image", None, 0),
    ],
)
def test_points_of_a_field(field: str, value: Any, points: int) -> None:
    profile = {key: answer for key, answer in {**RECORDS, field: value}.items() if answer is not MISSING}
    assert calculate_completeness(profile) == points


def test_photos_count_only_together() -> None:
    assert calculate_completeness({**RECORDS, "cdl_front_image": "f", "cdl_back_image": "b"}) == 10
    assert calculate_completeness({**RECORDS, "cdl_front_image": "f", "cdl_back_image": None}) == 0


def test_never_more_than_100() -> None:
    assert calculate_completeness(FULL) == 100
    assert calculate_completeness({**FULL, "cdl_front_image": "f", "cdl_back_image": "b", "med_card_image": "m"}) == 100
    without = {key: value for key, value in FULL.items() if key != "home_zip"}
    assert calculate_completeness({**without, "cdl_front_image": "f", "cdl_back_image": "b"}) == 95


def test_absent_records_count() -> None:
    assert calculate_completeness({}) == 15
    assert calculate_completeness(RECORDS) == 0


def test_derived_fields_of_a_profile() -> None:
    profile = {"display_name": " ", "home_zip": "", "years_experience": 0, "cdl_front_image": "f", "note": None}
    before = dict(profile)
    assert enrich_profile(profile) == {
        **before,
        "profile_completeness_score": 25,
        "missing_fields": ["home ZIP", "experience", "CDL class", "CDL photos", "Medical Card"],
        "is_complete": False,
    }
    assert profile == before
    assert enrich_profile({})["missing_fields"][0] == "name"


@pytest.mark.parametrize(
    ("expected", "left_out", "complete", "found"),
    [
        (True, (), True, True),
        (True, ("display_name", "email"), True, True),
        (True, ("display_name", "email", "phone"), False, True),
        (True, ("display_name", "email", "phone", "home_zip", "min_cpm"), False, True),
        (True, ("display_name", "email", "phone", "home_zip", "min_cpm", "endorsements"), False, False),
        (False, (), True, False),
        (None, (), True, None),
        ("yes", (), True, True),
    ],
)
def test_complete_from_80_and_found_from_50(
    expected: Any, left_out: tuple[str, ...], complete: bool, found: Any
) -> None:
    profile = {key: value for key, value in FULL.items() if key not in left_out}
    answer = enrich_profile({**profile, "is_discoverable": expected})
    assert answer["is_complete"] is complete
    assert answer["can_be_discovered"] is found
