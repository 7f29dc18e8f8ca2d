"""A carrier searches for drivers: the best matches within its plan, and a driver's profile for a view of its quota.

`lmdr.matching.drivers` has the scores. Refusals are {success: False, error, code}.
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

MAX_MATCHES: Final = 25
"""Matches of a search; unlimited for enterprise."""
PAGE_SIZE: Final = 20
MASKED: Final = "***masked***"
_RETRY_DELAYS: Final = (1.0, 2.0)
"""Seconds before the second and the third attempt."""
_SHOWN: Final = (
    "_id", "display_name", "city", "state", "home_zip", "cdl_class", "endorsements", "years_experience", "availability",
    "equipment_experience", "preferred_operation_type", "preferred_routes", "home_time_preference",
    "min_cpm_expectation", "clean_mvr", "profile_completeness_score", "last_active_date",
)  # fmt: skip
"""Keys of a profile in a search: no contact data, which costs a view."""


@service
def find_matching_drivers(
    context: Context,
    caller: Caller,
    carrier_dot: Any,
    filters: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The best drivers for a carrier, for its recruiter, if its plan has the search.

    `filters`: cdl_types (any), endorsements (all), min_experience in years, availability select drivers; with zip_code
    and radius_miles they also weight the score. `options`: usePreferences, to score by the carrier's own active
    CarrierHiringPreferences; includeMutualMatches, to add 10 points, beyond 100 too, for drivers interested in the
    carrier; limit, page (from 0), pageSize (20).

    At most 50 drivers are scored and, but for enterprise, 25 matches given; the best first, ties in the order read.
    Gives {success, code, matches, totalCount, totalPages, page, pageSize, tier, views_remaining}. `code` is SUCCESS,
    NO_MATCHES_DB where no driver passes the filters, NO_MATCHES_FILTERS where the page is empty; totalCount ignores the
    limit. A match is the result of `calculate_driver_match_score` with driver and rationale.
    """
    filters, options = filters or {}, options or {}
    subscription = get_subscription(context, carrier_dot)
    if denied := refusal(context, caller, carrier_dot) or _without_search(subscription):
        return denied
    page, size = _integer(options.get("page"), 0, minimum=0), _integer(options.get("pageSize"), PAGE_SIZE)
    result: dict[str, Any] = {
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
    # The platform's retry never calls its function; three attempts, one and two seconds apart, are intended.
    drivers = _with_retry(context, lambda: context.records.query("DriverProfiles", _search(filters)).items)
    if drivers:
        preferences = _preferences(context, carrier_dot) if options.get("usePreferences") else {}
        mutual = _interested(context, carrier_dot, drivers) if options.get("includeMutualMatches") else set()
        matches = _ranked(drivers, score_drivers(drivers, preferences, filters=filters, now=context.now()), mutual)
        limit = _limit(subscription, options.get("limit"), len(matches))
        shown = matches[page * size : min(page * size + size, limit)]
        result |= {
            "code": "SUCCESS" if shown else "NO_MATCHES_FILTERS",
            "matches": [_view(driver, match, preferences, dot_text(carrier_dot)) for driver, match in shown],
            "totalCount": len(matches),
            "totalPages": math.ceil(min(len(matches), limit) / size),
        }
    _log_search(context, caller, carrier_dot, result["totalCount"])
    return result


@service
def get_driver_profile(
    context: Context, caller: Caller, carrier_dot: Any, driver_id: str, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A driver's profile, which costs a recruiter's carrier a view, once a day for each driver.

    `options`: matchScore. For a driver whose visibility is 'limited' email and phone are masked. The first failed check
    decides: access, a plan with the search, a view left, a driver that exists and is searchable. Gives {success,
    driver, quotaUsed, quota: {used, limit, remaining}}, after the view.
    """
    if denied := refusal(context, caller, carrier_dot) or _without_search(get_subscription(context, carrier_dot)):
        return denied
    if not check_view_quota(context, carrier_dot)["hasQuota"]:
        return _exhausted(context, carrier_dot)
    driver = context.records.get("DriverProfiles", driver_id) if driver_id else None
    if driver is None:
        return refused("Driver not found", code="DRIVER_NOT_FOUND")
    if driver.get("visibility_level") == "hidden" or driver.get("is_searchable") is not True:
        return refused("Driver profile is not available", code="DRIVER_NOT_AVAILABLE")
    # The platform inserts the view before it checks for one of today, so that none is ever charged.
    details = {"matchScore": (options or {}).get("matchScore"), "recruiterId": caller.member_id}
    viewed = record_profile_view(context, carrier_dot, driver_id, "full_profile", details)
    if not viewed["success"]:
        return _exhausted(context, carrier_dot)
    if driver.get("visibility_level") == "limited":
        driver = {**driver, "email": MASKED, "phone": MASKED}
    return {
        "success": True,
        "driver": driver,
        "quotaUsed": viewed["quotaUsed"],
        # The platform gives the numbers from before the view, and from before the reset of a past month.
        "quota": {"used": viewed["used"], "limit": viewed["quota"], "remaining": viewed["remaining"]},
    }


@service
def detect_mutual_match(context: Context, carrier_dot: Any, driver_id: str) -> dict[str, Any]:
    """Whether a driver is interested in a carrier: {isMutualMatch, interestDate, scoreBoost 10 or 0}."""
    interest = context.records.first("DriverInterests", _interest(carrier_dot).eq("driver_id", driver_id))
    if interest is None:
        return {"isMutualMatch": False, "interestDate": None, "scoreBoost": 0}
    date = interest.get("created_date") or interest.get("_createdDate")
    return {"isMutualMatch": True, "interestDate": date, "scoreBoost": MUTUAL_MATCH_BOOST}


def _without_search(subscription: Item) -> dict[str, Any] | None:
    if plans.can_search_drivers(subscription):
        return None
    return refused("Your plan does not include the search for drivers", code="SUBSCRIPTION_TIER_LIMIT")


def _exhausted(context: Context, carrier_dot: Any) -> dict[str, Any]:
    if ended := _without_search(get_subscription(context, carrier_dot)):  # meanwhile
        return ended
    return refused("No profile views are left this month", code="QUOTA_EXHAUSTED")


def _with_retry(context: Context, function: Callable[[], T]) -> T:
    for seconds in _RETRY_DELAYS:
        try:
            return function()
        except SourceDown:
            context.sleep(seconds)
    return function()


def _search(filters: Mapping[str, Any]) -> Query:
    query = Query().eq("is_searchable", True).ne("visibility_level", "hidden")
    if filters.get("cdl_types"):
        query = query.has_some("cdl_class", filters["cdl_types"])
    if filters.get("endorsements"):
        query = query.has_all("endorsements", filters["endorsements"])
    # A form sends the text "2"; compared as text, no driver would pass.
    if js.truthy(years := js.parse_float(filters.get("min_experience"))):
        query = query.ge("years_experience", years)
    if filters.get("availability"):
        query = query.eq("availability", filters["availability"])
    return query


def _preferences(context: Context, carrier_dot: Any) -> Item:
    active = Query().eq("carrier_dot", dot_text(carrier_dot)).eq("is_active", True)
    return context.records.first("CarrierHiringPreferences", active) or {}


def _interest(carrier_dot: Any) -> Query:
    return Query().eq("carrier_dot", dot_text(carrier_dot)).eq("status", "interested")


def _interested(context: Context, carrier_dot: Any, drivers: Sequence[Item]) -> set[str]:
    query = _interest(carrier_dot).in_("driver_id", [driver["_id"] for driver in drivers])
    return {row["driver_id"] for row in context.records.get_all("DriverInterests", query)}


def _ranked(drivers: Sequence[Item], scores: Sequence[Item], mutual: set[str]) -> list[tuple[Item, Item]]:
    pairs = []
    for driver, score in zip(drivers, scores, strict=True):
        if driver["_id"] in mutual:
            points = score["overallScore"] + MUTUAL_MATCH_BOOST
            score = {**score, "overallScore": points, "isMutualMatch": True, "mutualMatchBoost": MUTUAL_MATCH_BOOST}
        pairs.append((driver, score))
    return sorted(pairs, key=lambda pair: pair[1]["overallScore"], reverse=True)


def _limit(subscription: Item, limit: Any, matches: int) -> int:
    if subscription["plan_type"] == plans.ENTERPRISE.name:
        return _integer(limit, matches)
    return min(MAX_MATCHES, _integer(limit, MAX_MATCHES))


def _integer(value: Any, default: int, *, minimum: int = 1) -> int:
    number = js.parse_int(value)
    return int(number) if number >= minimum else default  # also for NaN


def _view(driver: Item, match: Item, preferences: Item, dot: str) -> dict[str, Any]:
    if match["isMutualMatch"]:  # the keys by which `is_mutual_match` recognises it
        driver = {**driver, "hasExpressedInterest": True, "interestCarrierDot": dot}
        preferences = {**preferences, "carrier_dot": dot}
    return {
        **match,
        "driver": {key: driver[key] for key in _SHOWN if key in driver},
        "rationale": match_rationale(driver, preferences, match["scores"]),
    }


def _log_search(context: Context, caller: Caller, carrier_dot: Any, total: int) -> None:
    """Log the use of the feature in the background."""
    now = context.now()
    usage = {
        "featureId": "recruiter_driver_search",
        "userId": caller.member_id,
        "action": "search",  # missing in the platform's list of actions, which drops the row
        "userRole": "recruiter",
        "metadata": {"carrier_dot": dot_text(carrier_dot), "totalCount": total},
        "timestamp": now,
        "date": f"{now:%Y-%m-%d}",
        "hour": now.hour,
    }
    context.background(lambda: context.records.insert("FeatureAdoptionLog", usage))
