"""Why a driver fits: what is said at which score."""

from __future__ import annotations

from typing import Any

import pytest

from lmdr.matching.driver_rationale import match_rationale

DRIVER = {
    "cdl_class": "A",
    "endorsements": ["H", "N"],
    "years_experience": 5,
    "equipment_experience": ["Dry Van", "Reefer"],
    "home_zip": "75201",
    "availability": "2_week",
    "min_cpm_expectation": 0.6,
    "hasExpressedInterest": True,
    "interestCarrierDot": "7",
}
PREFERENCES = {
    "carrier_dot": "8",
    "required_endorsements": ["H", "N", "T"],
    "min_experience_years": 2,
    "equipment_types": ["Dry Van", "Reefer"],
    "target_zip_codes": ["75201"],
    "offered_pay_max": 0.65,
}
NAMES = ("qualifications", "experience", "location", "availability", "salaryFit", "engagement")


@pytest.mark.parametrize(
    ("score", "assessment"),
    [
        (100, "highly_recommended"),
        (85, "highly_recommended"),
        (84, "recommended"),
        (70, "recommended"),
        (69, "consider"),
        (50, "consider"),
        (49, "not_recommended"),
        (30, "not_recommended"),
        (29, "not_recommended"),
        (0, "not_recommended"),
    ],
)
def test_the_assessment_uses_the_unweighted_mean(score: int, assessment: str) -> None:
    assert match_rationale(DRIVER, PREFERENCES, dict.fromkeys(NAMES, score))["overallAssessment"] == assessment
    assert match_rationale(DRIVER, PREFERENCES, {"engagement": score})["overallAssessment"] == assessment


def test_the_summary_differs_at_30() -> None:
    told = [
        match_rationale(DRIVER, PREFERENCES, {"engagement": score})["summary"] for score in (29, 30, 49, 50, 70, 85)
    ]
    assert told[1] == told[2]
    assert len(set(told)) == 5


def test_mutual_interest_comes_first() -> None:
    told = match_rationale(DRIVER, {**PREFERENCES, "carrier_dot": "7"}, {"engagement": 100})
    assert told["isMutualMatch"] is True
    assert told["points"] == [told["summary"]]
    assert match_rationale(DRIVER, PREFERENCES, {"engagement": 100})["points"] == []


def test_no_concerns_are_no_list() -> None:
    told = match_rationale(DRIVER, PREFERENCES, dict.fromkeys(NAMES, 100))
    assert set(told) == {"summary", "points", "overallAssessment", "isMutualMatch"}
    assert match_rationale(DRIVER, PREFERENCES, {})["points"] == []


def said(name: str, score: float, driver: Any = None, preferences: Any = None) -> tuple[list[str], list[str]]:
    told = match_rationale({**DRIVER, **(driver or {})}, {**PREFERENCES, **(preferences or {})}, {name: score})
    return told["points"], told.get("concerns", [])


def test_qualifications() -> None:
    assert said("qualifications", 100) == (["Has a CDL Class A with H and N endorsements."], [])
    assert said("qualifications", 100, None, {"required_endorsements": []}) == (["Has a CDL Class A."], [])
    assert said("qualifications", 50) == said("qualifications", 67) == (["Has H and N but is missing T."], [])
    assert said("qualifications", 50, {"endorsements": []}) == ([], [])
    assert said("qualifications", 85, {"endorsements": ["H", "N", "T"]}) == ([], [])
    assert [len(said("qualifications", score)[1]) for score in (49, 1, 0)] == [1, 1, 0]


def test_location() -> None:
    [in_zip], _ = said("location", 100)
    [in_area], _ = said("location", 100, {"home_zip": "75240"})
    assert in_zip != in_area
    assert said("location", 50)[0] == said("location", 99)[0] == ["Lives within a reasonable distance."]
    assert said("location", 49) == (["Lives about 50 miles away."], [])
    assert said("location", 36) == (["Lives about 60 miles away."], [])
    assert said("location", 35) == (["Lives about 70 miles away."], [])
    assert said("location", 1) == (["Lives about 100 miles away."], [])
    assert said("location", 0) == ([], ["Lives outside your target area."])


def test_experience() -> None:
    assert said("experience", 100)[0] == [
        "5 years of experience, 2 required.",
        "Experienced with Dry Van and Reefer.",
        "Experienced with all your required equipment.",
    ]
    assert said("experience", 100, {"equipment_experience": ["Reefer"]}, {"min_experience_years": None})[0] == [
        "5 years of experience.",
        "Experienced with Reefer.",
    ]
    assert said("experience", 100, {"years_experience": None, "equipment_experience": None}) == ([], [])
    assert said("experience", 99) == said("experience", 50) == ([], [])
    assert said("experience", 49) == ([], ["Less experience than you require."])


def test_availability() -> None:
    assert said("availability", 100) == (["Available when you need a driver."], [])
    assert said("availability", 70) == said("availability", 0) == ([], [])
    assert said("availability", 69) == ([], ["Available only in 2 weeks."])
    assert said("availability", 1, {"availability": "30_day"}) == ([], ["Available only in 30 days."])
    assert said("availability", 50, {"availability": None}) == ([], ["Available only later."])


def test_salary() -> None:
    assert said("salaryFit", 100) == (["Your offer of $0.65 a mile meets the $0.60 expected."], [])
    assert said("salaryFit", 100, None, {"offered_pay_max": None}) == ([], [])
    assert said("salaryFit", 50) == ([], [])
    assert said("salaryFit", 25, {"min_cpm_expectation": 0.8}) == (
        [],
        ["Expects $0.80 a mile, your offer is $0.65."],
    )
    assert said("salaryFit", 0, None, {"offered_pay_max": None}) == ([], ["Expects more than you offer."])


def test_engagement() -> None:
    assert said("engagement", 50) == ([], [])
    assert said("engagement", 49) == ([], ["Has not been active lately."])
