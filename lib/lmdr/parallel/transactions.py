"""Phase 4: what drivers and carriers did about each other, and what admins see of it.

Pipelines are shown to those whom recruiterCarriers lets in, so they wait for phase 5. Left out: looking at a profile,
which charges a view.
"""

from __future__ import annotations

from typing import Any

from lmdr.parallel.calls import ADMIN, EACH, Answers, answered, because, context_of, newest, sampled, some, values
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
from runbook.cutover import ParallelTest
from runbook.query import Query
from runbook.records import Records

INTERESTS = "DriverCarrierInterests"
VIEWS = ("CarrierDriverViews", "ProfileViews")

_TOGETHER = 50
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


def interests_of_drivers(records: Records) -> Answers:
    """Drivers' interests; of some all that they see of their interests, applications and saved carriers."""
    context = context_of(records)
    drivers = sampled(records.get_all("DriverProfiles"), EACH)
    for driver in drivers:
        yield f"interests of driver {driver['_id']}", answered(get_interests_by_driver, context, driver["_id"])
    for driver in sampled(drivers):
        caller = Caller(driver.get("_owner"))
        for call in (get_driver_interests, get_driver_applications, get_driver_saved_carriers):
            yield f"{call.__name__} of driver {driver['_id']}", answered(call, context, caller)
        rows = records.get_all(INTERESTS, Query().eq("driver_id", driver["_id"]))
        for dot in values(rows, "carrier_dot"):
            yield f"driver {driver['_id']} at carrier {dot}", answered(get_application_status, context, caller, dot)


def interests_in_carriers(records: Records) -> Answers:
    """Carriers that drivers are interested in: who is, how many; and how fast every one of them answers."""
    context = context_of(records, newest(records, INTERESTS, "action_timestamp"))
    rows = records.get_all(INTERESTS)
    dots, ids = values(rows, "carrier_dot"), set(values(rows, "carrier_id"))
    meant = [c for c in records.get_all("Carriers") if dot_text(c["dot_number"]) in set(dots) or c["_id"] in ids]
    for carrier in sampled(meant, EACH):
        found = answered(get_interests_by_carrier, context, carrier["_id"])
        stats = answered(get_carrier_interest_stats, context, dot_text(carrier["dot_number"]))
        yield f"interests in carrier {carrier['_id']}", [found, stats]
    for start in range(0, len(dots), _TOGETHER):
        together = dots[start : start + _TOGETHER]
        answers = answered(get_all_recruiter_stats, context, together)
        yield f"how fast carriers {together[0]} to {together[-1]} answer", answers


def hiring_preferences(records: Records) -> Answers:
    """What carriers with preferences look for, and how much each thing counts for them."""
    context = context_of(records)
    for dot in some(values(records.get_all("CarrierHiringPreferences"), "carrier_dot"), EACH):
        for call in (get_hiring_preferences, get_weight_preferences):
            yield f"{call.__name__} of carrier {dot}", answered(call, context, dot)


def mutual_matches(records: Records) -> Answers:
    """Drivers who said that they are interested, with the carrier of which they said so, and with another's."""
    context = context_of(records)
    said = sampled(records.get_all("DriverInterests"), EACH)
    for row, other in zip(said, [*said[1:], *said[:1]], strict=True):
        driver = row.get("driver_id") or ""
        for dot in (row.get("carrier_dot"), other.get("carrier_dot")):
            yield f"driver {driver} and carrier {dot}", answered(detect_mutual_match, context, dot, driver)


def matches(records: Records) -> Answers:
    """Matches and interests as admins see them: lists, figures, trends, some matches, some carriers."""
    context = context_of(records, newest(records, admin_match.MATCHES, "timestamp"))
    for n, asked in enumerate(_MATCH_LISTS):
        yield f"list of matches {n}", answered(admin_match.get_matches_list, context, ADMIN, asked)
    for n, asked in enumerate(_INTEREST_LISTS):
        yield f"list of interests {n}", answered(admin_match.get_interests_list, context, ADMIN, asked)
    yield "match statistics", answered(admin_match.get_match_stats, context, ADMIN)
    for period in ("week", "month"):
        yield f"trends of a {period}", answered(admin_match.get_match_trends, context, ADMIN, period)
    yield "top matches", answered(admin_match.get_top_matches, context, ADMIN)
    yield "actions", answered(admin_match.get_action_list, context, ADMIN)
    rows = records.get_all(admin_match.MATCHES)
    for row in sampled(rows):
        yield f"match {row['_id']}", answered(admin_match.get_match_detail, context, ADMIN, row["_id"])
    for dot in some(values(rows, "carrier_dot")):
        yield f"matches of carrier {dot}", answered(admin_match.get_carrier_match_summary, context, ADMIN, dot)


def views(records: Records) -> Answers:
    """Which profiles carriers looked at, as the quota and the outreach ask for it."""
    for collection in VIEWS:
        rows = records.get_all(collection)
        for row in sampled(rows):
            pair = Query().eq("carrier_dot", row.get("carrier_dot")).eq("driver_id", row.get("driver_id"))
            seen = records.query(collection, pair.ge("_createdDate", row["_createdDate"])).items
            yield f"{collection} {row['_id']}", seen
        for month in values(rows, "billing_period"):
            yield f"{collection} of {month}", records.count(collection, Query().eq("billing_period", month))


def pipelines(records: Records) -> Answers:
    """The pipelines of carriers that recruiters act for, their figures, and some of their candidates."""
    context = context_of(records, newest(records, INTERESTS, "action_timestamp"))
    for link in sampled(records.get_all("recruiterCarriers", Query().eq("is_active", True)), EACH):
        caller, dot = Caller(link.get("recruiter_id")), link.get("carrier_dot")
        found = [
            answered(get_pipeline_candidates, context, caller, dot),
            answered(get_pipeline_candidates, context, caller, dot, {"includeHidden": True}),
            answered(get_pipeline_stats, context, caller, dot),
        ]
        yield f"pipeline of carrier {dot} for recruiter {caller.member_id}", found
        for row in sampled(records.get_all(INTERESTS, Query().eq("carrier_dot", dot)), 3):
            yield f"candidate {row['_id']}", answered(get_candidate_details, context, caller, row["_id"])


TESTS = (
    ParallelTest(
        4,
        "interests of drivers",
        (INTERESTS, "DriverProfiles", "Carriers"),
        interests_of_drivers,
        because(INTERESTS, "DriverProfiles", "Carriers"),
    ),
    ParallelTest(
        4,
        "interests in carriers",
        (INTERESTS, "Carriers"),
        interests_in_carriers,
        because(INTERESTS, "Carriers"),
    ),
    ParallelTest(
        4,
        "hiring preferences",
        ("CarrierHiringPreferences",),
        hiring_preferences,
        because("CarrierHiringPreferences"),
    ),
    ParallelTest(4, "mutual matches", ("DriverInterests",), mutual_matches, because("DriverInterests")),
    ParallelTest(
        4,
        "matches as admins see them",
        (admin_match.MATCHES, INTERESTS, "Carriers"),
        matches,
        because(admin_match.MATCHES, INTERESTS, "Carriers"),
    ),
    ParallelTest(4, "views of profiles", VIEWS, views, because(*VIEWS)),
    ParallelTest(
        5,
        "pipelines as recruiters see them",
        (INTERESTS, "DriverProfiles", "recruiterCarriers"),
        pipelines,
        because(INTERESTS, "DriverProfiles", "recruiterCarriers"),
    ),
)
