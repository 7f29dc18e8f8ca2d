"""Phase 4: interests, applications, matches and views of drivers and carriers, also as admins see them.

Pipelines need recruiterCarriers and so belong to phase 5. Views of profiles are left out: they are charged.
"""

from __future__ import annotations

from typing import Any

from lmdr.parallel.calls import (
    ADMIN,
    SMALL_SAMPLE,
    Responses,
    answer_of,
    context_of,
    newest,
    parallel_test,
    sample_items,
    sample_keys,
    values,
)
from lmdr.services.admin import matches as admin_match
from lmdr.services.airtable_client import get_interests_by_carrier, get_interests_by_driver
from lmdr.services.carrier.driver_matching import detect_mutual_match
from lmdr.services.carrier.preferences import get_hiring_preferences, get_weight_preferences
from lmdr.services.context import Caller
from lmdr.services.dot_numbers import dot_text
from lmdr.services.driver.applications import get_application_status, get_driver_applications
from lmdr.services.driver.carrier_matching import get_driver_saved_carriers
from lmdr.services.driver.profiles import get_carrier_interest_stats, get_driver_interests
from lmdr.services.recruiter.pipeline import get_candidate_details, get_pipeline_candidates, get_pipeline_stats
from lmdr.services.recruiter.stats import get_all_recruiter_stats
from runbook.query import Query
from runbook.records import Records

INTERESTS = "DriverCarrierInterests"
VIEWS = ("CarrierDriverViews", "ProfileViews")

_BATCH = 50
_HALF_A_YEAR = {"dateFrom": "2025-01-01", "dateTo": "2025-06-30"}
_MATCH_LISTS: tuple[dict[str, Any], ...] = (
    {},
    {"page": 2, "pageSize": 100},
    {"sortField": "match_score", "sortDirection": "asc"},
    {"filters": {"action": "applied"}},
    {"filters": {"minScore": "60", "maxScore": "75"}},
    {"filters": {"driverName": "anonymous"}, "page": 3},
    {"filters": _HALF_A_YEAR},
)
_INTEREST_LISTS: tuple[dict[str, Any], ...] = (
    {},
    {"page": 2, "pageSize": 100},
    {"sortField": "action_timestamp"},
    {"filters": {"status": "hired"}},
    {"filters": _HALF_A_YEAR},
)


def interests_of_drivers(records: Records) -> Responses:
    """Interests of drivers, and their own interests, applications and saved carriers."""
    context = context_of(records)
    drivers = sample_items(records.get_all("DriverProfiles"), SMALL_SAMPLE)
    for driver in drivers:
        yield f"interests of driver {driver['_id']}", answer_of(get_interests_by_driver, context, driver["_id"])
    for driver in sample_items(drivers):
        caller = Caller(driver.get("_owner"))
        for call in (get_driver_interests, get_driver_applications, get_driver_saved_carriers):
            yield f"{call.__name__} of driver {driver['_id']}", answer_of(call, context, caller)
        rows = records.get_all(INTERESTS, Query().eq("driver_id", driver["_id"]))
        for dot in values(rows, "carrier_dot"):
            yield f"driver {driver['_id']} at carrier {dot}", answer_of(get_application_status, context, caller, dot)


def interests_in_carriers(records: Records) -> Responses:
    """Interests in carriers, their statistics, and the response times of all carriers."""
    context = context_of(records, newest(records, INTERESTS, "action_timestamp"))
    rows = records.get_all(INTERESTS)
    dots, ids = values(rows, "carrier_dot"), set(values(rows, "carrier_id"))
    carriers = [c for c in records.get_all("Carriers") if dot_text(c["dot_number"]) in set(dots) or c["_id"] in ids]
    for carrier in sample_items(carriers, SMALL_SAMPLE):
        interests = answer_of(get_interests_by_carrier, context, carrier["_id"])
        stats = answer_of(get_carrier_interest_stats, context, dot_text(carrier["dot_number"]))
        yield f"interests in carrier {carrier['_id']}", [interests, stats]
    for start in range(0, len(dots), _BATCH):
        batch = dots[start : start + _BATCH]
        yield f"how fast carriers {batch[0]} to {batch[-1]} answer", answer_of(get_all_recruiter_stats, context, batch)


def hiring_preferences(records: Records) -> Responses:
    """Carriers' hiring preferences and weights."""
    context = context_of(records)
    for dot in sample_keys(values(records.get_all("CarrierHiringPreferences"), "carrier_dot"), SMALL_SAMPLE):
        for call in (get_hiring_preferences, get_weight_preferences):
            yield f"{call.__name__} of carrier {dot}", answer_of(call, context, dot)


def mutual_matches(records: Records) -> Responses:
    """Drivers' interests, each with its own carrier and with that of another interest."""
    context = context_of(records)
    interests = sample_items(records.get_all("DriverInterests"), SMALL_SAMPLE)
    for row, other in zip(interests, [*interests[1:], *interests[:1]], strict=True):
        driver = row.get("driver_id") or ""
        for dot in (row.get("carrier_dot"), other.get("carrier_dot")):
            yield f"driver {driver} and carrier {dot}", answer_of(detect_mutual_match, context, dot, driver)


def matches(records: Records) -> Responses:
    """Matches and interests for admins: lists, statistics, trends, samples of matches and carriers."""
    context = context_of(records, newest(records, admin_match.MATCHES, "timestamp"))
    for n, options in enumerate(_MATCH_LISTS):
        yield f"list of matches {n}", answer_of(admin_match.get_matches_list, context, ADMIN, options)
    for n, options in enumerate(_INTEREST_LISTS):
        yield f"list of interests {n}", answer_of(admin_match.get_interests_list, context, ADMIN, options)
    yield "match statistics", answer_of(admin_match.get_match_stats, context, ADMIN)
    for period in ("week", "month"):
        yield f"trends of a {period}", answer_of(admin_match.get_match_trends, context, ADMIN, period)
    yield "top matches", answer_of(admin_match.get_top_matches, context, ADMIN)
    yield "actions", answer_of(admin_match.get_action_list, context, ADMIN)
    rows = records.get_all(admin_match.MATCHES)
    for row in sample_items(rows):
        yield f"match {row['_id']}", answer_of(admin_match.get_match_detail, context, ADMIN, row["_id"])
    for dot in sample_keys(values(rows, "carrier_dot")):
        yield f"matches of carrier {dot}", answer_of(admin_match.get_carrier_match_summary, context, ADMIN, dot)


def views(records: Records) -> Responses:
    """Carriers' views of profiles, as the quota and the outreach query them."""
    for collection in VIEWS:
        rows = records.get_all(collection)
        for row in sample_items(rows):
            pair = Query().eq("carrier_dot", row.get("carrier_dot")).eq("driver_id", row.get("driver_id"))
            views = records.query(collection, pair.ge("_createdDate", row["_createdDate"])).items
            yield f"{collection} {row['_id']}", views
        for month in values(rows, "billing_period"):
            yield f"{collection} of {month}", records.count(collection, Query().eq("billing_period", month))


def pipelines(records: Records) -> Responses:
    """Pipelines of recruiters' carriers, their statistics, and some candidates."""
    context = context_of(records, newest(records, INTERESTS, "action_timestamp"))
    for link in sample_items(records.get_all("recruiterCarriers", Query().eq("is_active", True)), SMALL_SAMPLE):
        caller, dot = Caller(link.get("recruiter_id")), link.get("carrier_dot")
        answers = [
            answer_of(get_pipeline_candidates, context, caller, dot),
            answer_of(get_pipeline_candidates, context, caller, dot, {"includeHidden": True}),
            answer_of(get_pipeline_stats, context, caller, dot),
        ]
        yield f"pipeline of carrier {dot} for recruiter {caller.member_id}", answers
        for row in sample_items(records.get_all(INTERESTS, Query().eq("carrier_dot", dot)), 3):
            yield f"candidate {row['_id']}", answer_of(get_candidate_details, context, caller, row["_id"])


TESTS = (
    parallel_test(4, "interests of drivers", (INTERESTS, "DriverProfiles", "Carriers"), interests_of_drivers),
    parallel_test(4, "interests in carriers", (INTERESTS, "Carriers"), interests_in_carriers),
    parallel_test(4, "hiring preferences", ("CarrierHiringPreferences",), hiring_preferences),
    parallel_test(4, "mutual matches", ("DriverInterests",), mutual_matches),
    parallel_test(4, "matches as admins see them", (admin_match.MATCHES, INTERESTS, "Carriers"), matches),
    parallel_test(4, "views of profiles", VIEWS, views),
    parallel_test(5, "pipelines as recruiters see them", (INTERESTS, "DriverProfiles", "recruiterCarriers"), pipelines),
)
