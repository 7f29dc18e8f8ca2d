"""A carrier looks for drivers: the best matches within its plan, and one driver's profile for one view of its quota.

Scores are `lmdr.matching.drivers`'. Refusals are {success: False, error, code}.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from lmdr import js, plans
from lmdr.matching.driver_rationale import match_rationale
from lmdr.matching.drivers import MUTUAL_MATCH_BOOST, score_drivers
from lmdr.services.access import refusal
from lmdr.services.billing.subscription import check_view_quota, get_subscription, record_profile_view
from lmdr.services.context import Caller, Context, refused, service
from lmdr.services.dot_numbers import dot_text
from runbook.errors import SourceDown
from runbook.json_types import Item
from runbook.query import Query

T = TypeVar("T")

MOST: Final = 25
"""Matches of a search, but for enterprise."""
PAGE: Final = 20
MASKED: Final = "***masked***"
_WAITS: Final = (1.0, 2.0)
"""Seconds before the second and the third try."""
_SHOWN: Final = (
    "_id", "display_name", "city", "state", "home_zip", "cdl_class", "endorsements", "years_experience", "availability",
    "equipment_experience", "preferred_operation_type", "preferred_routes", "home_time_preference",
    "min_cpm_expectation", "clean_mvr", "profile_completeness_score", "last_active_date",
)  # fmt: skip
"""What a search shows of a profile: nothing to reach the driver by, which is what a view pays for."""


@service
def find_matching_drivers(
    context: Context,
    caller: Caller,
    carrier_dot: Any,
    filters: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The drivers that fit a carrier best, for a recruiter of it whose plan has the search.

    `filters`: cdl_types (any), endorsements (all), min_experience in years, availability keep drivers; with zip_code
    and radius_miles they also say what counts for the score. `options`: usePreferences, to score by the carrier's own
    active CarrierHiringPreferences; includeMutualMatches, for 10 points, beyond 100 too, to drivers who said that they
    are interested; limit, page (from 0), pageSize (20).

    50 drivers are scored at the most, and 25 matches given but for enterprise; the best first, of equals the one that
    was read first. Gives {success, code, matches, totalCount, totalPages, page, pageSize, tier, views_remaining}.
    `code` is SUCCESS, NO_MATCHES_DB where no driver passes the filters, NO_MATCHES_FILTERS where none is on the page;
    totalCount is without the limit. A match is what `calculate_driver_match_score` gives, with driver and rationale.
    """
    filters, options = filters or {}, options or {}
    subscription = get_subscription(context, carrier_dot)
    if no := refusal(context, caller, carrier_dot) or _without_search(subscription):
        return no
    page, size = _whole(options.get("page"), 0, least=0), _whole(options.get("pageSize"), PAGE)
    found: dict[str, Any] = {
        "success": True,
        "code": "NO_MATCHES_DB",
        "matches": [],
        "totalCount": 0,
        "totalPages": 0,
        "page": page,
        "pageSize": size,
        "tier": subscription["plan_type"],
        "views_remaining": plans.calculate_remaining(subscription),
    }
    # The platform's retry never ran what it was to try; three tries, one and two seconds apart, are meant.
    drivers = _with_retry(context, lambda: context.records.query("DriverProfiles", _searched(filters)).items)
    if drivers:
        preferences = _preferences(context, carrier_dot) if options.get("usePreferences") else {}
        mutual = _interested(context, carrier_dot, drivers) if options.get("includeMutualMatches") else set()
        matches = _ranked(drivers, score_drivers(drivers, preferences, filters=filters, now=context.now()), mutual)
        most = _most(subscription, options.get("limit"), len(matches))
        shown = matches[page * size : min(page * size + size, most)]
        found |= {
            "code": "SUCCESS" if shown else "NO_MATCHES_FILTERS",
            "matches": [_shown(driver, match, preferences, dot_text(carrier_dot)) for driver, match in shown],
            "totalCount": len(matches),
            "totalPages": math.ceil(min(len(matches), most) / size),
        }
    _log_search(context, caller, carrier_dot, found["totalCount"])
    return found


@service
def get_driver_profile(
    context: Context, caller: Caller, carrier_dot: Any, driver_id: str, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A driver's whole profile, which costs a recruiter's carrier a view: once a day for each driver.

    `options`: matchScore. Of a driver whose visibility is 'limited' email and phone are masked. The first check that
    fails decides: access, a plan with the search, a view that is left, a driver that exists and lets itself be found.
    Gives {success, driver, quotaUsed, quota: {used, limit, remaining}}, as it stands after the view.
    """
    if no := refusal(context, caller, carrier_dot) or _without_search(get_subscription(context, carrier_dot)):
        return no
    if not check_view_quota(context, carrier_dot)["hasQuota"]:
        return _exhausted()
    driver = context.records.get("DriverProfiles", driver_id) if driver_id else None
    if driver is None:
        return refused("Driver not found", code="DRIVER_NOT_FOUND")
    if driver.get("visibility_level") == "hidden" or driver.get("is_searchable") is not True:
        return refused("Driver profile is not available", code="DRIVER_NOT_AVAILABLE")
    # The platform added the view before it asked whether there was one today, so that none was ever charged.
    told = {"matchScore": (options or {}).get("matchScore"), "recruiterId": caller.member_id}
    viewed = record_profile_view(context, carrier_dot, driver_id, "full_profile", told)
    if not viewed["success"]:
        return _exhausted()
    if driver.get("visibility_level") == "limited":
        driver = {**driver, "email": MASKED, "phone": MASKED}
    return {
        "success": True,
        "driver": driver,
        "quotaUsed": viewed["quotaUsed"],
        # The platform told the figures from before the view, and from before the reset of a month that was over.
        "quota": {"used": viewed["used"], "limit": viewed["quota"], "remaining": viewed["remaining"]},
    }


@service
def detect_mutual_match(context: Context, carrier_dot: Any, driver_id: str) -> dict[str, Any]:
    """Whether a driver said that it is interested in a carrier: {isMutualMatch, interestDate, scoreBoost 10 or 0}."""
    said = context.records.first("DriverInterests", _interest(carrier_dot).eq("driver_id", driver_id))
    if said is None:
        return {"isMutualMatch": False, "interestDate": None, "scoreBoost": 0}
    date = said.get("created_date") or said.get("_createdDate")
    return {"isMutualMatch": True, "interestDate": date, "scoreBoost": MUTUAL_MATCH_BOOST}


def _without_search(subscription: Item) -> dict[str, Any] | None:
    if plans.can_search_drivers(subscription):
        return None
    return refused("Your plan does not include the search for drivers", code="SUBSCRIPTION_TIER_LIMIT")


def _exhausted() -> dict[str, Any]:
    return refused("No profile views are left this month", code="QUOTA_EXHAUSTED")


def _with_retry(context: Context, ask: Callable[[], T]) -> T:
    for seconds in _WAITS:
        try:
            return ask()
        except SourceDown:
            context.sleep(seconds)
    return ask()


def _searched(filters: Mapping[str, Any]) -> Query:
    asked = Query().eq("is_searchable", True).ne("visibility_level", "hidden")
    if filters.get("cdl_types"):
        asked = asked.has_some("cdl_class", filters["cdl_types"])
    if filters.get("endorsements"):
        asked = asked.has_all("endorsements", filters["endorsements"])
    # A form's "2" is a number of years; as the text that it is no driver would pass.
    if js.truthy(years := js.parse_float(filters.get("min_experience"))):
        asked = asked.ge("years_experience", years)
    if filters.get("availability"):
        asked = asked.eq("availability", filters["availability"])
    return asked


def _preferences(context: Context, carrier_dot: Any) -> Item:
    active = Query().eq("carrier_dot", dot_text(carrier_dot)).eq("is_active", True)
    return context.records.first("CarrierHiringPreferences", active) or {}


def _interest(carrier_dot: Any) -> Query:
    return Query().eq("carrier_dot", dot_text(carrier_dot)).eq("status", "interested")


def _interested(context: Context, carrier_dot: Any, drivers: Sequence[Item]) -> set[str]:
    asked = _interest(carrier_dot).in_("driver_id", [driver["_id"] for driver in drivers])
    return {row["driver_id"] for row in context.records.get_all("DriverInterests", asked)}


def _ranked(drivers: Sequence[Item], scores: Sequence[Item], mutual: set[str]) -> list[tuple[Item, Item]]:
    pairs = []
    for driver, score in zip(drivers, scores, strict=True):
        if driver["_id"] in mutual:
            points = score["overallScore"] + MUTUAL_MATCH_BOOST
            score = {**score, "overallScore": points, "isMutualMatch": True, "mutualMatchBoost": MUTUAL_MATCH_BOOST}
        pairs.append((driver, score))
    return sorted(pairs, key=lambda pair: pair[1]["overallScore"], reverse=True)


def _most(subscription: Item, limit: Any, there: int) -> int:
    if subscription["plan_type"] == plans.ENTERPRISE.name:
        return _whole(limit, there)
    return min(MOST, _whole(limit, MOST))


def _whole(value: Any, default: int, *, least: int = 1) -> int:
    number = js.parse_int(value)
    return int(number) if number >= least else default  # NaN is not


def _shown(driver: Item, match: Item, preferences: Item, dot: str) -> dict[str, Any]:
    if match["isMutualMatch"]:  # said to the rationale in the way of the score's own test
        driver = {**driver, "hasExpressedInterest": True, "interestCarrierDot": dot}
        preferences = {**preferences, "carrier_dot": dot}
    return {
        **match,
        "driver": {key: driver[key] for key in _SHOWN if key in driver},
        "rationale": match_rationale(driver, preferences, match["scores"]),
    }


def _log_search(context: Context, caller: Caller, carrier_dot: Any, found: int) -> None:
    """Count the search among the uses of features; it does not fail with that."""
    now = context.now()
    use = {
        "featureId": "recruiter_driver_search",
        "userId": caller.member_id,
        "action": "search",  # the platform's list of actions lacks it, so that it kept none
        "userRole": "recruiter",
        "metadata": {"carrier_dot": dot_text(carrier_dot), "totalCount": found},
        "timestamp": now,
        "date": f"{now:%Y-%m-%d}",
        "hour": now.hour,
    }
    context.aside(lambda: context.records.insert("FeatureAdoptionLog", use))
