"""The score of a driver for a carrier: six components of 0 to 100, weighted in percent.

    calculate_driver_match_score(driver, preferences, filters={"zip_code": "75201"}, now=now)["overallScore"]    # one
    score_drivers(drivers, preferences, filters={"zip_code": "75201"}, now=now)                                  # many

The components are in `driver_components`, their weights in `driver_weights`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from lmdr import js
from lmdr.matching.driver_components import (
    score_availability,
    score_engagement,
    score_experience,
    score_location,
    score_qualifications,
    score_salary_fit,
)
from lmdr.matching.driver_weights import calculate_dynamic_weights, explicit_weights, normalize_weights
from runbook.json_types import MISSING, Item

__all__ = [
    "MUTUAL_MATCH_BOOST",
    "calculate_driver_match_score",
    "calculate_dynamic_weights",
    "is_mutual_match",
    "normalize_weights",
    "score_availability",
    "score_drivers",
    "score_engagement",
    "score_experience",
    "score_location",
    "score_qualifications",
    "score_salary_fit",
]

MUTUAL_MATCH_BOOST: Final = 10


def calculate_driver_match_score(
    driver: Mapping[str, Any] | None,
    preferences: Mapping[str, Any] | None,
    weights: Mapping[str, Any] | None = None,
    filters: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> Item:
    """The score of a row of DriverProfiles for a row of CarrierHiringPreferences.

    {overallScore, baseScore, scores, weights, normalizedWeights, weightSource, driverId, preferenceId, isMutualMatch,
    mutualMatchBoost}, or {overallScore: 0, error} for a null argument or a driver who is not searchable. `weights`
    replace those of the preferences; `now` is an aware datetime, by default the current time.
    """
    return score_drivers((driver,), preferences, weights, filters, now)[0]


def score_drivers(
    drivers: Iterable[Mapping[str, Any] | None],
    preferences: Mapping[str, Any] | None,
    weights: Mapping[str, Any] | None = None,
    filters: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> list[Item]:
    """`calculate_driver_match_score` of several drivers, in their order; the weights are computed once."""
    now = now or datetime.now(UTC)
    if weights:
        source, effective = "explicit", explicit_weights(weights)
    else:
        source, effective = "dynamic", calculate_dynamic_weights(preferences, filters)
    return [_score(driver, preferences, effective, source, now) for driver in drivers]


def is_mutual_match(driver: Mapping[str, Any], preferences: Mapping[str, Any]) -> bool:
    """Whether the driver is interested in this carrier: the DOT numbers are equal, also in type."""
    dots = driver.get("interestCarrierDot", MISSING), preferences.get("carrier_dot", MISSING)
    return driver.get("hasExpressedInterest") is True and js.same(*dots)


def _score(
    driver: Mapping[str, Any] | None,
    preferences: Mapping[str, Any] | None,
    weights: dict[str, js.Number],
    source: str,
    now: datetime,
) -> Item:
    if driver is None:
        return {"overallScore": 0, "error": "Invalid driver"}
    if preferences is None:
        return {"overallScore": 0, "error": "Invalid preferences"}
    ids = {name: row["_id"] for name, row in (("driverId", driver), ("preferenceId", preferences)) if "_id" in row}
    if driver.get("is_searchable") is False or driver.get("visibility_level") == "hidden":
        return {"overallScore": 0, "error": "Driver not searchable", **ids}
    scores = {
        "qualifications": score_qualifications(driver, preferences),
        "experience": score_experience(driver, preferences),
        "location": score_location(driver, preferences),
        "availability": score_availability(driver, preferences),
        "salaryFit": score_salary_fit(driver, preferences),
        "engagement": score_engagement(driver, now),
    }
    points: js.Number = 0
    for name, score in scores.items():
        points += score * (js.to_number(js.or_(weights.get(name), 0)) / 100)
    base = js.round_half_up(points)
    mutual = is_mutual_match(driver, preferences)
    boost = MUTUAL_MATCH_BOOST if mutual else 0
    return {
        "overallScore": js.minimum(100, base + boost) if mutual else base,
        "baseScore": base,
        "scores": scores,
        "weights": dict(weights),
        "normalizedWeights": dict(weights),
        "weightSource": source,
        **ids,
        "isMutualMatch": mutual,
        "mutualMatchBoost": boost,
    }
