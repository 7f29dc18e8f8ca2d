"""The six components of a driver's score, each 0 to 100: `driver` is a row of DriverProfiles, `preferences` one of
CarrierHiringPreferences. Where either is null the component is 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from lmdr import js
from lmdr.js import Number

Row: TypeAlias = Mapping[str, Any] | None

# By the first three digits; other states are unknown here.
STATES: Final = (
    ("TX", 750, 799),
    ("CA", 900, 961),
    ("OK", 730, 749),
    ("GA", 300, 319),
    ("FL", 320, 349),
    ("SC", 290, 299),
    ("LA", 700, 714),
)
MILES_PER_AREA: Final = 30
"""Miles per difference of 1 between the first three digits of two ZIP codes."""

# Scores by the carrier's urgency (outer) and the driver's availability (inner).
AVAILABILITY: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "immediate": {"immediate": 100, "2_week": 70, "30_day": 40},
        "2_week": {"immediate": 100, "2_week": 100, "30_day": 70},
        "30_day": {"immediate": 100, "2_week": 100, "30_day": 100},
        "ongoing": {"immediate": 100, "2_week": 90, "30_day": 80},
    }
)
OTHER_URGENCY: Mapping[str, int] = MappingProxyType({"immediate": 100, "2_week": 80, "30_day": 60})

SALARY_GAPS: Final = ((0.05, 85), (0.10, 70), (0.15, 50), (0.25, 25))
"""By how much the offered pay is below the expected pay, at most, and the points."""

ACTIVITY: Final = ((0, 100), (3, 95), (7, 80), (14, 60), (30, 40), (60, 20), (90, 10))
"""Days since a driver was last active, at most, and the points; `INACTIVE` beyond."""
INACTIVE: Final = 5

_ZIP = re.compile(r"[0-9]{5}(?:-[0-9]{4})?")


def listed(row: Mapping[str, Any], field: str) -> list[Any]:
    """A row's list, [] where it has none."""
    value = row.get(field)
    return value if isinstance(value, list) else []


def score_qualifications(driver: Row, preferences: Row) -> Number:
    """0 without a required licence; else the percentage of the required endorsements, 100 if none are required.

    Each violation subtracts 15, a major one 50.
    """
    if driver is None or preferences is None:
        return 0
    cdl_class, cdl_classes = driver.get("cdl_class"), listed(preferences, "required_cdl_types")
    if not js.truthy(cdl_class) or (cdl_classes and cdl_class not in cdl_classes):
        return 0
    score: Number = 100
    if required := listed(preferences, "required_endorsements"):
        score = js.round_half_up(_share(required, listed(driver, "endorsements")) * 100)
        if score == 0:
            return 0
    violations = js.to_number(js.or_(driver.get("violations"), 0))
    if violations > 0:
        score -= violations * (50 if driver.get("violation_severity") == "major" else 15)
    return js.integral(js.maximum(0, score))


def score_experience(driver: Row, preferences: Row) -> Number:
    """The driver's years as a percentage of the carrier's minimum; 30 less above its maximum, but at least 50.

    Required equipment counts for 30 of the 100. It counts alone where the driver's years are null and none are
    required: then 50 without any equipment.
    """
    if driver is None or preferences is None:
        return 0
    years = driver.get("years_experience")
    minimum, maximum = js.or_(preferences.get("min_experience_years"), 0), preferences.get("max_experience_years")
    required, equipment = listed(preferences, "equipment_types"), listed(driver, "equipment_experience")
    if not js.truthy(years) and js.less(0, minimum):
        return 0
    if years is None:
        if not required:
            return 100
        return js.round_half_up(_share(required, equipment) * 100) if equipment else 50
    score: Number = 100
    if js.less(years, minimum):
        score = js.round_half_up(js.divide(100 * js.to_number(years), js.to_number(minimum)))
    if js.truthy(maximum) and js.less(maximum, years):
        score = js.maximum(50, score - 30)
    if required:
        score = js.round_half_up(score * 0.7 + _share(required, equipment) * 100 * 0.3)
    return js.minimum(100, js.maximum(0, score))


def score_location(driver: Row, preferences: Row) -> Number:
    """100 in a target ZIP code or, without any, in a target state; else by the distance.

    The distance to the nearest target ZIP code scores from 100 down to 0 at the radius (default 100 miles). Another
    state scores 0, an unknown one 50. A home_zip that is not the text of a ZIP code (a number is not) scores 0.
    """
    if driver is None or preferences is None:
        return 0
    home = driver.get("home_zip")
    if not isinstance(home, str) or not _ZIP.fullmatch(home):
        return 0
    area = int(home[:3])
    state = next((name for name, first, last in STATES if first <= area <= last), None)
    states, zips = listed(preferences, "target_states"), listed(preferences, "target_zip_codes")
    if states and state is not None and state not in states:
        return 0
    if home in zips:
        return 100
    if not zips:
        return 100 if not states or state in states else 50
    steps = (abs(area - js.parse_int(js.to_string(target)[:3])) for target in zips)
    miles = min((number for number in steps if number == number), default=math.inf) * MILES_PER_AREA
    radius = js.to_number(js.or_(preferences.get("target_radius_miles"), 100))
    return 0 if miles > radius else js.round_half_up(100 * (1 - js.divide(miles, radius)))


def score_availability(driver: Row, preferences: Row) -> int:
    """By `AVAILABILITY`; 100 without urgency, 50 without an availability, 0 for an unknown one."""
    if driver is None or preferences is None:
        return 0
    urgency, availability = preferences.get("urgency"), driver.get("availability")
    if not js.truthy(urgency):
        return 100
    if not js.truthy(availability):
        return 50
    scores = AVAILABILITY.get(urgency, OTHER_URGENCY) if isinstance(urgency, str) else OTHER_URGENCY
    return scores.get(availability, 0) if isinstance(availability, str) else 0


def score_salary_fit(driver: Row, preferences: Row) -> int:
    """100 where the offer meets min_cpm_expectation (dollars per mile), or there is no expectation.

    50 without an offer, else by `SALARY_GAPS`. The offer is its maximum, else its minimum.
    """
    if driver is None or preferences is None:
        return 0
    if not js.truthy(driver.get("min_cpm_expectation")):
        return 100
    offer = js.or_(preferences.get("offered_pay_max"), preferences.get("offered_pay_min"))
    if not js.truthy(offer):
        return 50
    expected, offered = js.to_number(driver["min_cpm_expectation"]), js.to_number(offer)
    if offered >= expected:
        return 100
    gap = (expected - offered) / expected
    return next((points for limit, points in SALARY_GAPS if gap <= limit), 0)


def score_engagement(driver: Row, now: datetime) -> Number:
    """50 % by the days since last_active_date; 0 without one.

    30 % are the profile's completeness (default 50), 20 % the response rate (default 70).
    """
    if driver is None or not js.truthy(driver.get("last_active_date")):
        return 0
    active = js.date(driver["last_active_date"])
    days = math.inf if active is None else (now - active) // timedelta(days=1)
    activity = next((points for limit, points in ACTIVITY if days <= limit), INACTIVE)
    completeness, rate = driver.get("profile_completeness_score"), driver.get("response_rate")
    complete = 50 if completeness is None else js.to_number(completeness)
    responsive = 70 if rate is None else js.round_half_up(js.to_number(rate) * 100)
    score = js.round_half_up(activity * 0.5 + complete * 0.3 + responsive * 0.2)
    return js.minimum(100, js.maximum(0, score))


def _share(required: list[Any], held: list[Any]) -> float:
    return sum(item in held for item in required) / len(required)
