"""Phase 5: messages, subscriptions and bills, what is known of carriers, recruiters, leads, onboarding.

Left out, for they write: whether a view is left (it begins a month that is due), looking at a profile, the webhook.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from lmdr import freshness
from lmdr.parallel.calls import EACH, NOW, Answers, answered, because, context_of, newest, sampled, some, values
from lmdr.services.admin.carriers import enrichment_status
from lmdr.services.billing import stripe, subscription
from lmdr.services.carrier import leads as carrier_leads
from lmdr.services.carrier.driver_matching import find_matching_drivers
from lmdr.services.carrier.enrichment import enrich_carrier
from lmdr.services.carrier.onboarding import get_carrier_onboarding
from lmdr.services.content.partner_onboarding import get_partner_page
from lmdr.services.context import ANYONE, Caller
from lmdr.services.fmcsa.safety_data import build_safety_summary, get_carrier_safety_data
from lmdr.services.messaging.messages import get_conversation, get_unread_count
from lmdr.services.messaging.realtime import check_for_new_messages, get_new_messages, get_unread_count_for_user
from lmdr.services.recruiter import profile as recruiter
from runbook.cutover import ParallelTest
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

SEARCHING = 10
"""Recruiters who search."""
ASKED_OF_AIRTABLE = 5
"""Carriers whose billing page is asked for: it insists on the source, and so costs a request each time."""
ENRICHED = ("CarrierEnrichments", "CarrierSafetyData", "Carriers")
SEARCHED = (
    "recruiterCarriers",
    "CarrierSubscriptions",
    "DriverProfiles",
    "CarrierHiringPreferences",
    "DriverInterests",
)

_SEARCHES: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({}, {}),
    ({}, {"usePreferences": True, "includeMutualMatches": True, "page": 1, "pageSize": 10}),
    ({"cdl_types": ["A"], "endorsements": ["H"]}, {"includeMutualMatches": True}),
    ({"min_experience": "3", "availability": "immediate", "zip_code": "75201", "radius_miles": 50}, {"limit": 5}),
)
_LEAD_LISTS: tuple[dict[str, Any], ...] = (
    {},
    {"limit": "20", "skip": "20"},
    *({"status": status} for status in carrier_leads.STATUSES),
)


def conversations(records: Records) -> Answers:
    """Conversations: whole, and what is new in them since their second message."""
    context = context_of(records)
    for application in some(values(records.get_all("Messages"), "application_id"), EACH):
        yield f"conversation of application {application}", answered(get_conversation, context, application)
        of_it = Query().eq("application_id", application).ascending("timestamp")
        since = [row.get("timestamp") for row in records.query("Messages", of_it.limit(2))][-1]
        for call in (get_new_messages, check_for_new_messages):
            yield f"{call.__name__} of application {application}", answered(call, context, application, since)


def unread_messages(records: Records) -> Answers:
    """How much members have not read, in all and by application."""
    context = context_of(records)
    for member in some(values(records.get_all("Messages"), "receiver_id"), EACH):
        for call in (get_unread_count, get_unread_count_for_user):
            yield f"{call.__name__} of {member}", answered(call, context, Caller(member))


def subscriptions(records: Records) -> Answers:
    """Carriers' plan, use and bills, of some the billing page; and of a carrier that has none of them."""
    context = context_of(records, newest(records, "CarrierSubscriptions", "_createdDate"))
    dots = values((*records.get_all("CarrierSubscriptions"), *records.get_all("BillingHistory")), "carrier_dot")
    for dot in ("0", *some(dots, EACH)):
        for call in (subscription.get_subscription, subscription.get_usage_stats, stripe.get_billing_history):
            yield f"{call.__name__} of carrier {dot}", answered(call, context, dot)
        status = answered(subscription.get_full_subscription_status, context, ANYONE, dot)
        yield f"all of the plan of carrier {dot}", status
    for dot in some(dots, ASKED_OF_AIRTABLE):
        for page in (stripe.get_subscription_by_carrier, stripe.get_subscription_details):
            yield f"{page.__name__} of carrier {dot}", answered(page, context, dot)


def own_subscriptions(records: Records) -> Answers:
    """The plan of the carrier that a member owns."""
    context = context_of(records)
    for carrier in sampled(records.get_all("Carriers")):
        found = answered(subscription.get_full_subscription_status, context, Caller(carrier.get("_owner")))
        yield f"own plan of carrier {carrier['_id']}", found


def enrichments(records: Records) -> Answers:
    """What is kept of carriers, how fresh that is, and what a driver is given while it is just fresh enough."""
    carriers = {str(carrier["dot_number"]): carrier for carrier in records.get_all("Carriers")}
    now = newest(records, "CarrierEnrichments", "enriched_date")
    for row in sampled(records.get_all("CarrierEnrichments"), EACH):
        dot, enriched = row["dot_number"], row.get("enriched_date")
        fresh = answered(enrichment_status, enriched, now), answered(freshness.is_batch_due, enriched, now)
        kept = context_of(records, _just(row, "enriched_date", freshness.ENRICHMENT_TTL))
        given = answered(enrich_carrier, kept, dot, carriers.get(dot, {}))
        yield f"enrichment {row['_id']}", [*fresh, given]
    for row in sampled(records.get_all("CarrierSafetyData"), EACH):
        in_time = context_of(records, _just(row, "fetched_date", freshness.SAFETY_TTL))
        for words, context in (("in time", in_time), ("late", context_of(records))):
            given = answered(get_carrier_safety_data, context, row["dot_number"])
            yield f"safety data {row['_id']}, {words}", given
        yield f"summary of safety data {row['_id']}", answered(build_safety_summary, row)


def searches_of_recruiters(records: Records) -> Answers:
    """The search for drivers as recruiters make it, each for a carrier of its own."""
    context = context_of(records, newest(records, "DriverProfiles", "_updatedDate"))
    for link in sampled(records.get_all("recruiterCarriers", Query().eq("is_active", True)), SEARCHING):
        caller, dot = Caller(link.get("recruiter_id")), link.get("carrier_dot")
        for n, asked in enumerate(_SEARCHES):
            yield f"search {n} of carrier {dot}", answered(find_matching_drivers, context, caller, dot, *asked)


def recruiters(records: Records) -> Answers:
    """The carriers of recruiters, and the check that a carrier may be added."""
    context = context_of(records)
    links = records.get_all("recruiterCarriers")
    for member in some(values(links, "recruiter_id"), EACH):
        found = answered(recruiter.get_recruiter_carriers, context, Caller(member))
        yield f"carriers of recruiter {member}", found
    for dot in some(values(links, "carrier_dot")):
        yield f"whether carrier {dot} is there", answered(recruiter.validate_carrier_dot, context, dot)


def leads(records: Records) -> Answers:
    """Carriers' requests for staff: the list, each status, requests one by one."""
    context = context_of(records)
    for n, options in enumerate(_LEAD_LISTS):
        yield f"list of leads {n}", answered(carrier_leads.get_carrier_leads, context, options)
    for row in sampled(records.get_all("carrierStaffingRequests"), EACH):
        yield f"lead {row['_id']}", answered(carrier_leads.get_lead_status, context, row["_id"])


def onboarding(records: Records) -> Answers:
    """Partners' and carriers' welcome pages, and those that nobody knows."""
    context = context_of(records)
    for code in ("nobody", *some(values(records.get_all("PartnerOnboarding"), "partner_code"), EACH)):
        yield f"page of partner {code}", answered(get_partner_page, context, code.lower())
    for dot in ("0", *some(values(records.get_all("CarrierOnboarding"), "dot_number"), EACH)):
        yield f"page of carrier {dot}", answered(get_carrier_onboarding, context, dot)


def _just(row: Item, key: str, ttl: timedelta) -> datetime:
    """The last moment at which a row is fresh; now, if it never was."""
    moment = row.get(key)
    return moment + ttl if isinstance(moment, datetime) else NOW


TESTS = (
    ParallelTest(5, "conversations", ("Messages",), conversations, because("Messages")),
    ParallelTest(5, "unread messages", ("Messages",), unread_messages, because("Messages")),
    ParallelTest(
        5,
        "subscriptions and bills",
        ("CarrierSubscriptions", "BillingHistory"),
        subscriptions,
        because("CarrierSubscriptions", "BillingHistory"),
    ),
    ParallelTest(
        5,
        "plans of members' own carriers",
        ("CarrierSubscriptions", "Carriers"),
        own_subscriptions,
        because("CarrierSubscriptions", "Carriers"),
    ),
    ParallelTest(5, "enrichments and safety data", ENRICHED, enrichments, because(*ENRICHED)),
    ParallelTest(5, "searches as recruiters make them", SEARCHED, searches_of_recruiters, because(*SEARCHED)),
    ParallelTest(
        5,
        "recruiters and their carriers",
        ("recruiterCarriers", "Carriers"),
        recruiters,
        because("recruiterCarriers", "Carriers"),
    ),
    ParallelTest(5, "staffing requests", ("carrierStaffingRequests",), leads, because("carrierStaffingRequests")),
    ParallelTest(
        5,
        "onboarding of partners and carriers",
        ("PartnerOnboarding", "CarrierOnboarding"),
        onboarding,
        because("PartnerOnboarding", "CarrierOnboarding"),
    ),
)
