"""Why a driver fits a carrier or not, in sentences for the recruiter.

Amounts are dollars per mile. A component without a score gives no sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from lmdr import js
from lmdr.js import Number
from lmdr.matching.driver_components import listed
from lmdr.matching.drivers import is_mutual_match
from runbook.json_types import Item

Sentences: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any], Number], Iterator[str]]

ASSESSMENTS = (
    (85, "highly_recommended", "Excellent match: this driver meets or exceeds most of your requirements."),
    (70, "recommended", "Strong match: this driver meets most of your requirements."),
    (50, "consider", "Possible match: this driver meets some of your requirements."),
    (30, "not_recommended", "Weak match: this driver meets few of your requirements."),
)
POOR = ("not_recommended", "Poor match: this driver does not meet your requirements.")
MUTUAL = "Mutual match: this driver has shown interest in your company."


def match_rationale(driver: Mapping[str, Any], preferences: Mapping[str, Any], scores: Mapping[str, Number]) -> Item:
    """{summary, points, concerns, overallAssessment, isMutualMatch}; `concerns` is absent without any.

    The assessment uses the unweighted mean of the scores: from 85 "highly_recommended", from 70 "recommended", from 50
    "consider", else "not_recommended".
    """
    mutual = is_mutual_match(driver, preferences)
    mean = js.divide(js.total(scores.values()), len(scores))
    assessment, summary = next((texts for minimum, *texts in ASSESSMENTS if mean >= minimum), POOR)

    def texts_of(components: Mapping[str, Sentences]) -> list[str]:
        scored = ((sentences, scores[name]) for name, sentences in components.items() if name in scores)
        return [text for sentences, score in scored for text in sentences(driver, preferences, score)]

    concerns = texts_of(CONCERNS)
    return {
        "summary": MUTUAL if mutual else summary,
        "points": [MUTUAL, *texts_of(POINTS)] if mutual else texts_of(POINTS),
        **({"concerns": concerns} if concerns else {}),
        "overallAssessment": assessment,
        "isMutualMatch": mutual,
    }


def _qualified(driver: Mapping[str, Any], preferences: Mapping[str, Any], score: Number) -> Iterator[str]:
    required = listed(preferences, "required_endorsements")
    held = listed(driver, "endorsements")
    matched, missing = [item for item in required if item in held], [item for item in required if item not in held]
    if score >= 100:
        cdl = f"Has a CDL Class {js.to_string(driver.get('cdl_class'))}"
        yield f"{cdl} with {_and(matched)} endorsements." if matched else f"{cdl}."
    elif score >= 50 and matched and missing:
        yield f"Has {_and(matched)} but is missing {_and(missing)}."


def _unqualified(driver: Mapping[str, Any], preferences: Mapping[str, Any], score: Number) -> Iterator[str]:
    if 0 < score < 50:
        yield "Lacks some of the qualifications that you require."


def _near(driver: Mapping[str, Any], preferences: Mapping[str, Any], score: Number) -> Iterator[str]:
    # The platform's sentences name Dallas, whatever the target area; these name no place.
    if score >= 100:
        in_zip = driver.get("home_zip") in listed(preferences, "target_zip_codes")
        yield "Lives in a ZIP code that you look in." if in_zip else "Lives within your target area."
    elif score >= 50:
        yield "Lives within a reasonable distance."
    elif score > 0:
        yield f"Lives about {js.round_half_up((100 - score) / 10) * 10} miles away."


def _far(driver: Mapping[str, Any], preferences: Mapping[str, Any], score: Number) -> Iterator[str]:
    if score == 0:
        yield "Lives outside your target area."


def _experienced(driver: Mapping[str, Any], preferences: Mapping[str, Any], score: Number) -> Iterator[str]:
    if score < 100:
        return
    years, minimum = driver.get("years_experience"), preferences.get("min_experience_years")
    if js.truthy(years):
        requirement = f", {js.to_string(minimum)} required" if js.truthy(minimum) else ""
        yield f"{js.to_string(years)} years of experience{requirement}."
    required = listed(preferences, "equipment_types")
    matched = [item for item in required if item in listed(driver, "equipment_experience")]
    if matched:
        yield f"Experienced with {_and(matched)}."
        if len(matched) == len(required):
            yield "Experienced with all your required equipment."


def _inexperienced(driver: Mapping[str, Any], preferences: Mapping[str, Any], score: Number) -> Iterator[str]:
    if score < 50:
        yield "Less experience than you require."


def _available(driver: Mapping[str, Any], preferences: Mapping[str, Any], score: Number) -> Iterator[str]:
    if score >= 100:
        yield "Available when you need a driver."


def _unavailable(driver: Mapping[str, Any], preferences: Mapping[str, Any], score: Number) -> Iterator[str]:
    if 0 < score < 70:
        wait = {"30_day": "in 30 days", "2_week": "in 2 weeks"}.get(js.to_string(driver.get("availability")), "later")
        yield f"Available only {wait}."


def _paid(driver: Mapping[str, Any], preferences: Mapping[str, Any], score: Number) -> Iterator[str]:
    expected, offered = driver.get("min_cpm_expectation"), preferences.get("offered_pay_max")
    if score >= 100 and js.truthy(expected) and js.truthy(offered):
        yield f"Your offer of {_dollars(offered)} a mile meets the {_dollars(expected)} expected."


def _underpaid(driver: Mapping[str, Any], preferences: Mapping[str, Any], score: Number) -> Iterator[str]:
    if score >= 50:
        return
    expected, offered = driver.get("min_cpm_expectation"), preferences.get("offered_pay_max")
    if js.truthy(expected) and js.truthy(offered):
        yield f"Expects {_dollars(expected)} a mile, your offer is {_dollars(offered)}."
    else:
        yield "Expects more than you offer."


def _unengaged(driver: Mapping[str, Any], preferences: Mapping[str, Any], score: Number) -> Iterator[str]:
    if score < 50:
        yield "Has not been active lately."


POINTS: Mapping[str, Sentences] = {
    "qualifications": _qualified,
    "location": _near,
    "experience": _experienced,
    "availability": _available,
    "salaryFit": _paid,
}
CONCERNS: Mapping[str, Sentences] = {
    "qualifications": _unqualified,
    "location": _far,
    "experience": _inexperienced,
    "availability": _unavailable,
    "salaryFit": _underpaid,
    "engagement": _unengaged,
}


def _and(values: list[Any]) -> str:
    return " and ".join(map(js.to_string, values))


def _dollars(amount: Any) -> str:
    return f"${js.to_fixed(js.to_number(amount), 2)}"
