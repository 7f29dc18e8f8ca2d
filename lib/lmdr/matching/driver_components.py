"""The six components of a driver's score, each 0 to 100: `driver` is a row of DriverProfiles, `preferences` one of
CarrierHiringPreferences. Where one of the two is null the component is 0.
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

# By the first three digits; ZIP codes of other states have no state here.
STATES: Final = (
    ("TX", 750, 799),
    ("CA", 900, 961),
    ("OK", 730, 749),
    ("GA", 300, 319),
    ("FL", 320, 349),
    ("SC", 290, 299),
    ("LA", 700, 714),
)
MILES_A_STEP: Final = 30
"""Miles for each step between the first three digits of two ZIP codes."""

# What a carrier's urgency (outer) gives a driver's availability (inner).
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
"""How far the pay offered lies below the pay expected, at most, and the points for it."""

ACTIVITY: Final = ((0, 100), (3, 95), (7, 80), (14, 60), (30, 40), (60, 20), (90, 10))
"""Days since a driver was last active, at most, and the points for it; `LONG_GONE` beyond."""
LONG_GONE: Final = 5

_ZIP = re.compile(r"[0-9]{5}(?:-[0-9]{4})?")


def listed(row: Mapping[str, Any], field: str) -> list[Any]:
    """A row's list, empty where it has none."""
    value = row.get(field)
    return value if isinstance(value, list) else []


def score_qualifications(driver: Row, preferences: Row) -> Number:
    """0 without a licence or one that is required; else the share of the endorsements required, 100 if none are.

    Each violation takes 15 off, a major one 50.
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
    """The years against the carrier's minimum; 30 off above its maximum, but not below 50.

    Equipment that is required makes up 30 of the 100. Alone it counts where the driver's years are missing and none are
    required: then 50 without any equipment.
    """
    if driver is None or preferences is None:
        return 0
    years = driver.get("years_experience")
    least, most = js.or_(preferences.get("min_experience_years"), 0), preferences.get("max_experience_years")
    required, equipment = listed(preferences, "equipment_types"), listed(driver, "equipment_experience")
    if not js.truthy(years) and js.less(0, least):
        return 0
    if years is None:
        if not required:
            return 100
        return js.round_half_up(_share(required, equipment) * 100) if equipment else 50
    score: Number = 100
    if js.less(years, least):
        score = js.round_half_up(js.divide(100 * js.to_number(years), js.to_number(least)))
    if js.truthy(most) and js.less(most, years):
        score = js.maximum(50, score - 30)
    if required:
        score = js.round_half_up(score * 0.7 + _share(required, equipment) * 100 * 0.3)
    return js.minimum(100, js.maximum(0, score))


def score_location(driver: Row, preferences: Row) -> Number:
    """100 in a ZIP code or, where the carrier names none, in a state that it looks for; else by the distance.

    The distance is that to the nearest of its ZIP codes, from 100 next to it down to 0 at its radius (100 miles, if it
    gives none). A driver in another state gets 0, one whose state is not known 50. A home_zip that is not the text of a
    ZIP code (a number is not) gets 0.
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
    miles = min((number for number in steps if number == number), default=math.inf) * MILES_A_STEP
    radius = js.to_number(js.or_(preferences.get("target_radius_miles"), 100))
    return 0 if miles > radius else js.round_half_up(100 * (1 - js.divide(miles, radius)))


def score_availability(driver: Row, preferences: Row) -> int:
    """By `AVAILABILITY`; 100 if it is not urgent, 50 if the driver does not say, 0 for words that are not there."""
    if driver is None or preferences is None:
        return 0
    urgency, availability = preferences.get("urgency"), driver.get("availability")
    if not js.truthy(urgency):
        return 100
    if not js.truthy(availability):
        return 50
    row = AVAILABILITY.get(urgency, OTHER_URGENCY) if isinstance(urgency, str) else OTHER_URGENCY
    return row.get(availability, 0) if isinstance(availability, str) else 0


def score_salary_fit(driver: Row, preferences: Row) -> int:
    """100 where what the driver asks for is offered, or nothing is asked for (min_cpm_expectation, dollars a mile).

    50 without an offer, else by `SALARY_GAPS`. The offer is its maximum or, if that is missing, its minimum.
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
    """Half of it by the days since last_active_date, 0 without one.

    30 percent are the profile's completeness, 20 the response rate; 50 and 70 stand in where they are missing.
    """
    if driver is None or not js.truthy(driver.get("last_active_date")):
        return 0
    active = js.date(driver["last_active_date"])
    days = math.inf if active is None else (now - active) // timedelta(days=1)
    activity = next((points for limit, points in ACTIVITY if days <= limit), LONG_GONE)
    completeness, rate = driver.get("profile_completeness_score"), driver.get("response_rate")
    complete = 50 if completeness is None else js.to_number(completeness)
    responsive = 70 if rate is None else js.round_half_up(js.to_number(rate) * 100)
    score = js.round_half_up(activity * 0.5 + complete * 0.3 + responsive * 0.2)
    return js.minimum(100, js.maximum(0, score))


def _share(required: list[Any], had: list[Any]) -> float:
    return sum(one in had for one in required) / len(required)
