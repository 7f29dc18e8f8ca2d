"""Phase 5: messages, subscriptions and bills, enrichments of carriers, recruiters, leads, onboarding.

Calls that write are left out: the quota check (it resets a past month), viewing a profile, the webhook.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from lmdr import freshness
from lmdr.parallel.calls import (
    NOW,
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
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

RECRUITER_SEARCHES = 10
BILLING_PAGES = 5
"""Billing pages read consistently, at the cost of a request each."""
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


def conversations(records: Records) -> Responses:
    """Conversations, and their new messages since the second."""
    context = context_of(records)
    for application in sample_keys(values(records.get_all("Messages"), "application_id"), SMALL_SAMPLE):
        yield f"conversation of application {application}", answer_of(get_conversation, context, application)
        first_two = Query().eq("application_id", application).ascending("timestamp").limit(2)
        since = [row.get("timestamp") for row in records.query("Messages", first_two)][-1]
        for call in (get_new_messages, check_for_new_messages):
            yield f"{call.__name__} of application {application}", answer_of(call, context, application, since)


def unread_messages(records: Records) -> Responses:
    """Members' numbers of unread messages."""
    context = context_of(records)
    for member in sample_keys(values(records.get_all("Messages"), "receiver_id"), SMALL_SAMPLE):
        for call in (get_unread_count, get_unread_count_for_user):
            yield f"{call.__name__} of {member}", answer_of(call, context, Caller(member))


def subscriptions(records: Records) -> Responses:
    """Carriers' plan, usage and billing history, some billing pages; and those of an unknown carrier."""
    context = context_of(records, newest(records, "CarrierSubscriptions", "_createdDate"))
    dots = values((*records.get_all("CarrierSubscriptions"), *records.get_all("BillingHistory")), "carrier_dot")
    for dot in ("0", *sample_keys(dots, SMALL_SAMPLE)):
        for call in (subscription.get_subscription, subscription.get_usage_stats, stripe.get_billing_history):
            yield f"{call.__name__} of carrier {dot}", answer_of(call, context, dot)
        status = answer_of(subscription.get_full_subscription_status, context, ANYONE, dot)
        yield f"all of the plan of carrier {dot}", status
    for dot in sample_keys(dots, BILLING_PAGES):
        for page in (stripe.get_subscription_by_carrier, stripe.get_subscription_details):
            yield f"{page.__name__} of carrier {dot}", answer_of(page, context, dot)


def own_subscriptions(records: Records) -> Responses:
    """The plan of a member's own carrier."""
    context = context_of(records)
    for carrier in sample_items(records.get_all("Carriers")):
        status = answer_of(subscription.get_full_subscription_status, context, Caller(carrier.get("_owner")))
        yield f"own plan of carrier {carrier['_id']}", status


def enrichments(records: Records) -> Responses:
    """Cached enrichments and safety data: their freshness, and the answers while they are just fresh."""
    carriers = {str(carrier["dot_number"]): carrier for carrier in records.get_all("Carriers")}
    now = newest(records, "CarrierEnrichments", "enriched_date")
    for row in sample_items(records.get_all("CarrierEnrichments"), SMALL_SAMPLE):
        dot, enriched = row["dot_number"], row.get("enriched_date")
        fresh = answer_of(enrichment_status, enriched, now), answer_of(freshness.is_batch_due, enriched, now)
        just_fresh = context_of(records, _expiry(row, "enriched_date", freshness.ENRICHMENT_TTL))
        given = answer_of(enrich_carrier, just_fresh, dot, carriers.get(dot, {}))
        yield f"enrichment {row['_id']}", [*fresh, given]
    for row in sample_items(records.get_all("CarrierSafetyData"), SMALL_SAMPLE):
        in_time = context_of(records, _expiry(row, "fetched_date", freshness.SAFETY_TTL))
        for words, context in (("in time", in_time), ("late", context_of(records))):
            given = answer_of(get_carrier_safety_data, context, row["dot_number"])
            yield f"safety data {row['_id']}, {words}", given
        yield f"summary of safety data {row['_id']}", answer_of(build_safety_summary, row)


def searches_of_recruiters(records: Records) -> Responses:
    """Recruiters' searches for drivers, each for its own carrier."""
    context = context_of(records, newest(records, "DriverProfiles", "_updatedDate"))
    for link in sample_items(records.get_all("recruiterCarriers", Query().eq("is_active", True)), RECRUITER_SEARCHES):
        caller, dot = Caller(link.get("recruiter_id")), link.get("carrier_dot")
        for n, search in enumerate(_SEARCHES):
            yield f"search {n} of carrier {dot}", answer_of(find_matching_drivers, context, caller, dot, *search)


def recruiters(records: Records) -> Responses:
    """Recruiters' carriers, and the validation of DOT numbers."""
    context = context_of(records)
    links = records.get_all("recruiterCarriers")
    for member in sample_keys(values(links, "recruiter_id"), SMALL_SAMPLE):
        yield f"carriers of recruiter {member}", answer_of(recruiter.get_recruiter_carriers, context, Caller(member))
    for dot in sample_keys(values(links, "carrier_dot")):
        yield f"whether carrier {dot} is there", answer_of(recruiter.validate_carrier_dot, context, dot)


def leads(records: Records) -> Responses:
    """Staffing requests: lists, by status, a sample."""
    context = context_of(records)
    for n, options in enumerate(_LEAD_LISTS):
        yield f"list of leads {n}", answer_of(carrier_leads.get_carrier_leads, context, options)
    for row in sample_items(records.get_all("carrierStaffingRequests"), SMALL_SAMPLE):
        yield f"lead {row['_id']}", answer_of(carrier_leads.get_lead_status, context, row["_id"])


def onboarding(records: Records) -> Responses:
    """Welcome pages of partners and carriers, and of unknown ones."""
    context = context_of(records)
    for code in ("nobody", *sample_keys(values(records.get_all("PartnerOnboarding"), "partner_code"), SMALL_SAMPLE)):
        yield f"page of partner {code}", answer_of(get_partner_page, context, code.lower())
    for dot in ("0", *sample_keys(values(records.get_all("CarrierOnboarding"), "dot_number"), SMALL_SAMPLE)):
        yield f"page of carrier {dot}", answer_of(get_carrier_onboarding, context, dot)


def _expiry(row: Item, key: str, ttl: timedelta) -> datetime:
    """The last time at which a row is fresh; now, without a date."""
    timestamp = row.get(key)
    return timestamp + ttl if isinstance(timestamp, datetime) else NOW


TESTS = (
    parallel_test(5, "conversations", ("Messages",), conversations),
    parallel_test(5, "unread messages", ("Messages",), unread_messages),
    parallel_test(5, "subscriptions and bills", ("CarrierSubscriptions", "BillingHistory"), subscriptions),
    parallel_test(5, "plans of members' own carriers", ("CarrierSubscriptions", "Carriers"), own_subscriptions),
    parallel_test(5, "enrichments and safety data", ENRICHED, enrichments),
    parallel_test(5, "searches as recruiters make them", SEARCHED, searches_of_recruiters),
    parallel_test(5, "recruiters and their carriers", ("recruiterCarriers", "Carriers"), recruiters),
    parallel_test(5, "staffing requests", ("carrierStaffingRequests",), leads),
    parallel_test(5, "onboarding of partners and carriers", ("PartnerOnboarding", "CarrierOnboarding"), onboarding),
)
