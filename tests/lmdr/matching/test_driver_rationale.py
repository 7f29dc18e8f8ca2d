"""Rationales of drivers: the sentences at each score."""

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
    answer = [
        match_rationale(DRIVER, PREFERENCES, {"engagement": score})["summary"] for score in (29, 30, 49, 50, 70, 85)
    ]
    assert answer[1] == answer[2]
    assert len(set(answer)) == 5


def test_mutual_interest_comes_first() -> None:
    answer = match_rationale(DRIVER, {**PREFERENCES, "carrier_dot": "7"}, {"engagement": 100})
    assert answer["isMutualMatch"] is True
    assert answer["points"] == [answer["summary"]]
    assert match_rationale(DRIVER, PREFERENCES, {"engagement": 100})["points"] == []


def test_no_concerns_are_no_list() -> None:
    answer = match_rationale(DRIVER, PREFERENCES, dict.fromkeys(NAMES, 100))
    assert set(answer) == {"summary", "points", "overallAssessment", "isMutualMatch"}
    assert match_rationale(DRIVER, PREFERENCES, {})["points"] == []


def text(name: str, score: float, driver: Any = None, preferences: Any = None) -> tuple[list[str], list[str]]:
    answer = match_rationale({**DRIVER, **(driver or {})}, {**PREFERENCES, **(preferences or {})}, {name: score})
    return answer["points"], answer.get("concerns", [])


def test_qualifications() -> None:
    assert text("qualifications", 100) == (["Has a CDL Class A with H and N endorsements."], [])
    assert text("qualifications", 100, None, {"required_endorsements": []}) == (["Has a CDL Class A."], [])
    assert text("qualifications", 50) == text("qualifications", 67) == (["Has H and N but is missing T."], [])
    assert text("qualifications", 50, {"endorsements": []}) == ([], [])
    assert text("qualifications", 85, {"endorsements": ["H", "N", "T"]}) == ([], [])
    assert [len(text("qualifications", score)[1]) for score in (49, 1, 0)] == [1, 1, 0]


def test_location() -> None:
    [in_zip], _ = text("location", 100)
    [in_area], _ = text("location", 100, {"home_zip": "75240"})
    assert in_zip != in_area
    assert text("location", 50)[0] == text("location", 99)[0] == ["Lives within a reasonable distance."]
    assert text("location", 49) == (["Lives about 50 miles away."], [])
    assert text("location", 36) == (["Lives about 60 miles away."], [])
    assert text("location", 35) == (["Lives about 70 miles away."], [])
    assert text("location", 1) == (["Lives about 100 miles away."], [])
    assert text("location", 0) == ([], ["Lives outside your target area."])


def test_experience() -> None:
    assert text("experience", 100)[0] == [
        "5 years of experience, 2 required.",
        "Experienced with Dry Van and Reefer.",
        "Experienced with all your required equipment.",
    ]
    assert text("experience", 100, {"equipment_experience": ["Reefer"]}, {"min_experience_years": None})[0] == [
        "5 years of experience.",
        "Experienced with Reefer.",
    ]
    assert text("experience", 100, {"years_experience": None, "equipment_experience": None}) == ([], [])
    assert text("experience", 99) == text("experience", 50) == ([], [])
    assert text("experience", 49) == ([], ["Less experience than you require."])


def test_availability() -> None:
    assert text("availability", 100) == (["Available when you need a driver."], [])
    assert text("availability", 70) == text("availability", 0) == ([], [])
    assert text("availability", 69) == ([], ["Available only in 2 weeks."])
    assert text("availability", 1, {"availability": "30_day"}) == ([], ["Available only in 30 days."])
    assert text("availability", 50, {"availability": None}) == ([], ["Available only later."])


def test_salary() -> None:
    assert text("salaryFit", 100) == (["Your offer of $0.65 a mile meets the $0.60 expected."], [])
    assert text("salaryFit", 100, None, {"offered_pay_max": None}) == ([], [])
    assert text("salaryFit", 50) == ([], [])
    assert text("salaryFit", 25, {"min_cpm_expectation": 0.8}) == (
        [],
        ["Expects $0.80 a mile, your offer is $0.65."],
    )
    assert text("salaryFit", 0, None, {"offered_pay_max": None}) == ([], ["Expects more than you offer."])


def test_engagement() -> None:
    assert text("engagement", 50) == ([], [])
    assert text("engagement", 49) == ([], ["Has not been active lately."])
