"""A typical call of every service that writes, each with rows of its own: to count its requests, and to time it.

    for name, case in CASES.items():
        rows, call = case(17)           # the 17th call; it shares no row with any other
        ...insert the rows...
        call.function(context, *call.args, **call.kwargs)

A name is that of `lmdr.services.writes`, or has an ending ": the second time" where a service then does something else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from at_once import Call
from lmdr.services import airtable_client as client
from lmdr.services import jobs
from lmdr.services.admin import audit, dashboard, drivers, matches, moderation
from lmdr.services.admin import carriers as admin_carriers
from lmdr.services.billing import abandonment_emails, stripe, stripe_log, stripe_webhook, subscription
from lmdr.services.carrier import driver_matching, enrichment, leads, preferences
from lmdr.services.context import ANYONE, Caller
from lmdr.services.driver import applications, carrier_matching, profiles
from lmdr.services.fmcsa import safety_data
from lmdr.services.fmcsa.client import Fmcsa
from lmdr.services.messaging import messages
from lmdr.services.observability import logs
from lmdr.services.recruiter import outreach, pipeline
from lmdr.services.recruiter import profile as recruiter_profile
from runbook.json_types import Item
from sides import NOON

ADMIN = Caller("admin-1", "ann@lmdr.test", frozenset({"super_admin"}))
ADMIN_USER: Item = {"_id": "admin-user", "email": "ann@lmdr.test", "status": "active"}
DAY = timedelta(days=1)
Rows = dict[str, list[Item]]


class Case(NamedTuple):
    """A call, and the rows that it needs: by collection."""

    rows: Rows
    call: Call


CASES: dict[str, Callable[[int], Case]] = {}


def _case(name: str) -> Callable[[Callable[[int], Case]], Callable[[int], Case]]:
    def add(make: Callable[[int], Case]) -> Callable[[int], Case]:
        CASES[name] = make
        return make

    return add


def providers() -> Mapping[str, Any]:
    """Outside services that answer at once."""
    written = {"freight_types": "Dry van", "sentiment_pros": ["pay"], "sentiment_cons": [], "ai_summary": "Fine."}

    def fmcsa(path: str, timeout: float) -> tuple[int, Any]:
        if path.endswith("/basics"):
            return 200, {"content": []}
        return 200, {"content": {"carrier": {"legalName": "ACME", "allowedToOperate": "Y"}}}

    return {
        "perplexity": lambda prompt, **_: {"content": "It hires.", "citations": []},
        "claude": lambda prompt, **_: json.dumps(written),
        "fmcsa": Fmcsa(fmcsa),
    }


SECRETS = MappingProxyType({"STRIPE_PRICE_PRO": "price_pro", "STRIPE_PRICE_ENTERPRISE": "price_enterprise"})


# Rows


def dot(n: int) -> int:
    return 9_000_000 + n


def _carrier(n: int) -> Rows:
    row = {"_id": f"carrier-{n}", "_owner": f"owner-{n}", "dot_number": dot(n), "legal_name": f"ACME {n}",
           "status": "active", "isFlagged": False}  # fmt: skip
    return {"Carriers": [row]}


def _driver(n: int, **more: Any) -> Rows:
    row = {"_id": f"driver-{n}", "_owner": f"member-{n}", "display_name": "Ada", "email": "ada@lmdr.test",
           "is_searchable": True, "visibility_level": "full", "total_searches": 3, "home_zip": "75201",
           "cdl_class": "A", "endorsements": ["H"], "docs_submitted": True, "is_discoverable": True,
           "profile_status": "active", **more}  # fmt: skip
    return {"DriverProfiles": [row]}


def _recruiter(n: int) -> Rows:
    row = {"_id": f"link-{n}", "recruiter_id": f"recruiter-{n}", "carrier_dot": f"{dot(n)}", "is_active": True}
    return {"recruiterCarriers": [row]}


def _subscription(n: int) -> Rows:
    row = {"_id": f"subscription-{n}", "carrier_dot": f"{dot(n)}", "plan_type": "pro", "status": "active",
           "is_active": True, "monthly_view_quota": 25, "views_used_this_month": 0, "quota_reset_date": _date(9),
           "stripe_subscription_id": f"sub_{n}", "stripe_customer_id": f"cus_{n}",
           "cancel_at_period_end": False}  # fmt: skip
    return {"CarrierSubscriptions": [row]}


def _interest(n: int) -> Rows:
    history = json.dumps([{"status": "applied", "timestamp": "2026-01-20T12:00:00.000Z"}])
    row = {"_id": f"interest-{n}", "driver_id": f"driver-{n}", "carrier_dot": f"{dot(n)}", "status": "interested",
           "action": "interested", "action_timestamp": _date(-1), "application_date": _date(-1), "match_score": 70,
           "status_history": history}  # fmt: skip
    return {"DriverCarrierInterests": [row]}


def _view(n: int) -> Rows:
    row = {"_id": f"view-{n}", "carrier_dot": f"{dot(n)}", "driver_id": f"driver-{n}", "view_type": "full_profile",
           "billing_period": "2026-01", "view_date": _date(-1)}  # fmt: skip
    return {"CarrierDriverViews": [row]}


def _preferences(n: int) -> Rows:
    row = {"_id": f"preferences-{n}", "carrier_dot": f"{dot(n)}", "is_active": True, "required_cdl_types": ["A"],
           "target_radius_miles": 100}  # fmt: skip
    return {"CarrierHiringPreferences": [row]}


def _date(days: float) -> Any:
    return NOON + days * DAY


def _all(*parts: Rows) -> Rows:
    found: Rows = {}
    for part in parts:
        for name, rows in part.items():
            found.setdefault(name, []).extend(rows)
    return found


def _driver_of(n: int) -> Caller:
    return Caller(f"member-{n}", "ada@lmdr.test")


def _recruiter_of(n: int) -> Caller:
    return Caller(f"recruiter-{n}")


# Admins


def _by_admin(name: str, function: Callable[..., Any], rows: Callable[[int], Rows], *args: Any) -> None:
    def make(n: int) -> Case:
        given = [arg.replace("{n}", f"{n}") if isinstance(arg, str) else arg for arg in args]
        return Case(rows(n), Call(function, ADMIN, *given))

    CASES[name] = make


def _alert(n: int) -> Rows:
    return {"SystemAlerts": [{"_id": f"alert-{n}", "severity": "warning", "resolved": False}]}


def _review(n: int) -> Rows:
    return {"CarrierReviews": [{"_id": f"review-{n}", "status": "pending", "title": "Good"}]}


def _job(n: int) -> Rows:
    return {"JobPostings": [{"_id": f"job-{n}", "status": "pending", "title": "Driver"}]}


def _lead(n: int) -> Rows:
    row = {"_id": f"lead-{n}", "status": "new", "company_name": "ACME", "contact_name": "Ann", "phone": "1",
           "email": "ann@lmdr.test", "staffing_type": "x"}  # fmt: skip
    return {"carrierStaffingRequests": [row]}


def _cached(n: int) -> Rows:
    return _all(_carrier(n), {"CarrierEnrichments": [{"_id": f"enrichment-{n}", "dot_number": f"{dot(n)}"}]})


_by_admin("admin.audit.export_audit_log_csv", audit.export_audit_log_csv, lambda n: {})
_by_admin("admin.carriers.export_carriers_csv", admin_carriers.export_carriers_csv, lambda n: {})
_by_admin("admin.carriers.flag_carrier", admin_carriers.flag_carrier, _carrier, "carrier-{n}", "fraud")
_by_admin("admin.carriers.unflag_carrier", admin_carriers.unflag_carrier, _carrier, "carrier-{n}")
_by_admin("admin.carriers.refresh_carrier_enrichment", admin_carriers.refresh_carrier_enrichment, _cached,
          "carrier-{n}")  # fmt: skip
_by_admin("admin.carriers.update_carrier_status", admin_carriers.update_carrier_status, _carrier, "carrier-{n}",
          "inactive", "moved")  # fmt: skip
_by_admin("admin.dashboard.resolve_alert", dashboard.resolve_alert, _alert, "alert-{n}")
_by_admin("admin.drivers.flag_carrier", drivers.flag_carrier, _carrier, "carrier-{n}", "fraud")
_by_admin("admin.drivers.unflag_carrier", drivers.unflag_carrier, _carrier, "carrier-{n}")
_by_admin("admin.drivers.update_carrier_status", drivers.update_carrier_status, _carrier, "carrier-{n}", "inactive")
_by_admin("admin.drivers.suspend_driver", drivers.suspend_driver, _driver, "driver-{n}", "documents")
_by_admin("admin.drivers.update_driver_status", drivers.update_driver_status, _driver, "driver-{n}", "active")
_by_admin("admin.drivers.verify_driver", drivers.verify_driver, _driver, "driver-{n}")
_by_admin("admin.matches.export_matches_csv", matches.export_matches_csv, lambda n: {})
_by_admin("admin.moderation.update_review_status", moderation.update_review_status, _review, "review-{n}", "approved")
_by_admin("admin.moderation.update_job_status", moderation.update_job_status, _job, "job-{n}", "approved")
_by_admin("admin.moderation.update_document_status", moderation.update_document_status, _driver, "driver-{n}",
          "med_card", "rejected", "blurred")  # fmt: skip


@_case("admin.carriers.bulk_update_carriers")
def _bulk(n: int) -> Case:
    rows = [
        {**_carrier(n)["Carriers"][0], "_id": f"bulk-{n}-{m}", "dot_number": dot(n) + 300_000 * m} for m in range(5)
    ]
    ids = [row["_id"] for row in rows]
    return Case({"Carriers": rows}, Call(admin_carriers.bulk_update_carriers, ADMIN, ids, "flag"))


# Programs


def _plain(name: str, make: Callable[[int], tuple[Rows, Call]]) -> None:
    CASES[name] = lambda n: Case(*make(n))


_plain("airtable_client.create_interest", lambda n: (
    _all(_carrier(n), _driver(n)), Call(client.create_interest, f"driver-{n}", f"carrier-{n}", {"match_score": 80})))  # fmt: skip
_plain("airtable_client.insert_carrier", lambda n: ({}, Call(client.insert_carrier, {"dot_number": dot(n)})))
_plain("airtable_client.insert_driver", lambda n: ({}, Call(client.insert_driver, {"_owner": f"member-{n}"})))
_plain("airtable_client.update_carrier", lambda n: (
    _carrier(n), Call(client.update_carrier, f"carrier-{n}", {"status": "inactive"})))  # fmt: skip
_plain("airtable_client.update_driver", lambda n: (
    _driver(n), Call(client.update_driver, f"driver-{n}", {"display_name": "Bea"})))  # fmt: skip
_plain("airtable_client.update_interest_status", lambda n: (
    _interest(n), Call(client.update_interest_status, f"interest-{n}", "offer")))  # fmt: skip
_plain("jobs.backfill_searchable_drivers", lambda n: (
    _driver(n, is_searchable=False), Call(jobs.backfill_searchable_drivers)))  # fmt: skip
_plain("jobs.run_enrichment_batch", lambda n: ({}, Call(jobs.run_enrichment_batch)))


# Money


def _session(n: int) -> Item:
    return {"id": f"cs_{n}", "customer_email": f"{n}@lmdr.test", "metadata": {"carrier_dot": f"{dot(n)}"}}


def _stripe_subscription(n: int, **more: Any) -> Item:
    return {"id": f"sub_{n}", "customer": f"cus_{n}", "status": "active", "metadata": {"carrier_dot": f"{dot(n)}"},
            "items": {"data": [{"price": {"id": "price_pro"}}]}, "current_period_start": 1_768_000_000,
            "current_period_end": 1_770_600_000, **more}  # fmt: skip


def _event(n: int, kind: str, stripe_object: Item) -> Call:
    event = {"id": f"evt_{n}", "type": kind, "created": 1_769_000_000, "data": {"object": stripe_object}}
    return Call(stripe_webhook.handle_stripe_event, event)


def _abandoned(n: int) -> Rows:
    row = {"_id": f"abandoned-{n}", "email": f"{n}@lmdr.test", "carrierDot": f"{dot(n)}", "abandonedAt": _date(-0.5),
           "recovered": False, "email1Sent": False, "email2Sent": False, "email3Sent": False}  # fmt: skip
    return {"CheckoutAbandonment": [row]}


_plain("billing.abandonment_emails.track_abandoned_checkout", lambda n: (
    {}, Call(abandonment_emails.track_abandoned_checkout, _session(n))))  # fmt: skip
_plain("billing.abandonment_emails.mark_checkout_recovered", lambda n: (
    _abandoned(n), Call(abandonment_emails.mark_checkout_recovered, f"{n}@lmdr.test", f"cs_{n}")))  # fmt: skip
_plain("billing.abandonment_emails.send_abandonment_emails", lambda n: (
    _abandoned(n), Call(abandonment_emails.send_abandonment_emails)))  # fmt: skip
_plain("billing.stripe.record_billing_event", lambda n: (
    {}, Call(stripe.record_billing_event, f"{dot(n)}", "invoice_paid", {"amount": 24_900, "eventId": f"evt_{n}"})))  # fmt: skip
_plain("billing.stripe.reset_quota", lambda n: (
    _subscription(n), Call(stripe.reset_quota, f"{dot(n)}", 1_769_000_000, 1_771_600_000)))  # fmt: skip
_plain("billing.stripe.update_subscription_status", lambda n: (
    _subscription(n), Call(stripe.update_subscription_status, f"sub_{n}", "past_due")))  # fmt: skip
_plain("billing.stripe.upsert_subscription", lambda n: (
    _subscription(n), Call(stripe.upsert_subscription, _stripe_subscription(n), f"cus_{n}")))  # fmt: skip
_plain("billing.stripe.upsert_subscription: a new carrier", lambda n: (
    {}, Call(stripe.upsert_subscription, _stripe_subscription(n), f"cus_{n}")))  # fmt: skip
_plain("billing.stripe_log.log_stripe_event", lambda n: (
    {}, Call(stripe_log.log_stripe_event, f"evt_{n}", "invoice.paid", {"object": {"id": f"in_{n}"}})))  # fmt: skip
_plain("billing.stripe_webhook.handle_stripe_event", lambda n: (
    _subscription(n), _event(n, "customer.subscription.updated", _stripe_subscription(n, status="past_due"))))  # fmt: skip
_plain("billing.stripe_webhook.handle_stripe_event: it is to end", lambda n: (
    _subscription(n), _event(n, "customer.subscription.updated", _stripe_subscription(n, cancel_at_period_end=True))))  # fmt: skip
_plain("billing.stripe_webhook.handle_stripe_event: a new subscription", lambda n: (
    {}, _event(n, "customer.subscription.created", _stripe_subscription(n))))  # fmt: skip
_plain("billing.stripe_webhook.handle_stripe_event: an invoice is paid", lambda n: (
    _subscription(n),
    _event(n, "invoice.paid", {"id": f"in_{n}", "subscription": f"sub_{n}", "customer": f"cus_{n}",
                               "billing_reason": "subscription_cycle", "amount_paid": 24_900, "period_start": 1_769_000_000, "period_end": 1_771_600_000})))  # fmt: skip
_plain("billing.stripe_webhook.handle_stripe_event: a payment fails", lambda n: (
    _subscription(n),
    _event(n, "invoice.payment_failed", {"id": f"in_{n}", "subscription": f"sub_{n}", "customer": f"cus_{n}",
                                         "amount_due": 24_900})))  # fmt: skip
_plain("billing.stripe_webhook.handle_stripe_event: a checkout expires", lambda n: (
    _subscription(n), _event(n, "checkout.session.expired", {**_session(n), "customer": f"cus_{n}"})))  # fmt: skip
_plain("billing.stripe_webhook.handle_stripe_event: a checkout completes", lambda n: (
    _all(_subscription(n), _abandoned(n)),
    _event(n, "checkout.session.completed", {**_session(n), "customer": f"cus_{n}"})))  # fmt: skip
_plain("billing.subscription.check_view_quota", lambda n: (
    _subscription(n), Call(subscription.check_view_quota, f"{dot(n)}")))  # fmt: skip
_plain("billing.subscription.check_view_quota: of a past month", lambda n: (
    {"CarrierSubscriptions": [{**_subscription(n)["CarrierSubscriptions"][0], "quota_reset_date": _date(-1)}]},
    Call(subscription.check_view_quota, f"{dot(n)}")))  # fmt: skip
_plain("billing.subscription.record_profile_view", lambda n: (
    _subscription(n), Call(subscription.record_profile_view, f"{dot(n)}", f"driver-{n}")))  # fmt: skip
_plain("billing.subscription.reset_quota_if_needed", lambda n: (
    _subscription(n),
    Call(subscription.reset_quota_if_needed,
         {**_subscription(n)["CarrierSubscriptions"][0], "quota_reset_date": _date(-1)})))  # fmt: skip


# Carriers


_plain("carrier.driver_matching.find_matching_drivers", lambda n: (
    _all(_recruiter(n), _subscription(n), _driver(n)),
    Call(driver_matching.find_matching_drivers, _recruiter_of(n), f"{dot(n)}")))  # fmt: skip
_plain("carrier.driver_matching.get_driver_profile", lambda n: (
    _all(_recruiter(n), _subscription(n), _driver(n)),
    Call(driver_matching.get_driver_profile, _recruiter_of(n), f"{dot(n)}", f"driver-{n}")))  # fmt: skip
_plain("carrier.enrichment.enrich_carrier", lambda n: (
    _carrier(n), Call(enrichment.enrich_carrier, dot(n), _carrier(n)["Carriers"][0])))  # fmt: skip
_plain("carrier.enrichment.enrich_carrier: the second time", lambda n: (
    _cached(n), Call(enrichment.enrich_carrier, dot(n), _carrier(n)["Carriers"][0])))  # fmt: skip
_plain("carrier.leads.submit_carrier_staffing_request", lambda n: (
    _carrier(n),
    Call(leads.submit_carrier_staffing_request,
         {"companyName": "ACME", "contactName": "Ann", "email": "ann@lmdr.test", "phone": "1", "staffingType": "x",
          "dotNumber": f"{dot(n)}"})))  # fmt: skip
_plain("carrier.leads.update_lead_status", lambda n: (
    _lead(n),
    Call(leads.update_lead_status, f"lead-{n}", "contacted", "called")))  # fmt: skip
_plain("carrier.preferences.create_hiring_preferences", lambda n: (
    _recruiter(n),
    Call(preferences.create_hiring_preferences, _recruiter_of(n),
         {"carrier_dot": f"{dot(n)}", "required_cdl_types": ["A"], "target_radius_miles": 50})))  # fmt: skip
_plain("carrier.preferences.update_hiring_preferences", lambda n: (
    _all(_recruiter(n), _preferences(n)),
    Call(preferences.update_hiring_preferences, _recruiter_of(n), f"preferences-{n}", {"target_radius_miles": 60})))  # fmt: skip
_plain("carrier.preferences.deactivate_hiring_preferences", lambda n: (
    _all(_recruiter(n), _preferences(n)),
    Call(preferences.deactivate_hiring_preferences, _recruiter_of(n), f"preferences-{n}")))  # fmt: skip
_WEIGHTS = {"qualifications": 30, "experience": 20, "location": 20, "availability": 15, "salaryFit": 10,
            "engagement": 5}  # fmt: skip
_plain("carrier.preferences.save_weight_preferences", lambda n: (
    {}, Call(preferences.save_weight_preferences, f"{dot(n)}", _WEIGHTS)))  # fmt: skip
_plain("carrier.preferences.save_weight_preferences: the second time", lambda n: (
    _preferences(n), Call(preferences.save_weight_preferences, f"{dot(n)}", _WEIGHTS)))  # fmt: skip
_plain("fmcsa.safety_data.get_carrier_safety_data", lambda n: (
    {}, Call(safety_data.get_carrier_safety_data, dot(n))))  # fmt: skip
_plain("fmcsa.safety_data.get_multiple_carriers_safety_data", lambda n: (
    {}, Call(safety_data.get_multiple_carriers_safety_data, [dot(n), dot(n) + 400_000])))  # fmt: skip
_plain("fmcsa.safety_data.test_fmcsa_connection", lambda n: ({}, Call(safety_data.test_fmcsa_connection)))


# Drivers


_FORM = {"firstName": "Ada", "lastName": "Lee", "phone": "5550100", "email": "ada@lmdr.test", "cdlClass": "A",
         "endorsements": ["H"], "yearsExperience": 4, "dob": "1990-01-02", "preferredRoutes": ["OTR"]}  # fmt: skip
_plain("driver.applications.submit_application", lambda n: (
    _driver(n), Call(applications.submit_application, _driver_of(n), {**_FORM, "carrierDOT": dot(n)})))  # fmt: skip
_plain("driver.applications.submit_application: the second time", lambda n: (
    _all(_driver(n), _interest(n)),
    Call(applications.submit_application, _driver_of(n), {**_FORM, "carrierDOT": dot(n)})))  # fmt: skip
_plain("driver.applications.withdraw_application", lambda n: (
    _all(_driver(n), _interest(n)), Call(applications.withdraw_application, _driver_of(n), dot(n))))  # fmt: skip
_plain("driver.carrier_matching.find_matching_carriers", lambda n: (
    _driver(n), Call(carrier_matching.find_matching_carriers, _driver_of(n), {"homeZip": "75201", "minCPM": 0.6})))  # fmt: skip
_EVENT = {"carrierName": "ACME", "matchScore": 80, "action": "interested", "driverZip": "75201"}
_plain("driver.carrier_matching.log_match_event", lambda n: (
    {}, Call(carrier_matching.log_match_event, ANYONE, {**_EVENT, "carrierDOT": dot(n)})))  # fmt: skip
_plain("driver.carrier_matching.log_match_event: of a member", lambda n: (
    _driver(n), Call(carrier_matching.log_match_event, _driver_of(n), {**_EVENT, "carrierDOT": dot(n)})))  # fmt: skip
_plain("driver.profiles.get_or_create_driver_profile", lambda n: (
    {}, Call(profiles.get_or_create_driver_profile, _driver_of(n))))  # fmt: skip
_plain("driver.profiles.log_carrier_interest", lambda n: (
    _driver(n), Call(profiles.log_carrier_interest, _driver_of(n), {**_EVENT, "carrierDOT": dot(n)})))  # fmt: skip
_plain("driver.profiles.log_carrier_interest: the second time", lambda n: (
    _all(_driver(n), _interest(n)),
    Call(profiles.log_carrier_interest, _driver_of(n), {**_EVENT, "carrierDOT": dot(n)})))  # fmt: skip
_plain("driver.profiles.log_carrier_interest: without a profile", lambda n: (
    {}, Call(profiles.log_carrier_interest, _driver_of(n), {**_EVENT, "carrierDOT": dot(n)})))  # fmt: skip
_plain("driver.profiles.remove_carrier_interest", lambda n: (
    _all(_driver(n), _interest(n)), Call(profiles.remove_carrier_interest, _driver_of(n), dot(n))))  # fmt: skip
_plain("driver.profiles.set_discoverability", lambda n: (
    _driver(n), Call(profiles.set_discoverability, _driver_of(n), False)))  # fmt: skip
_plain("driver.profiles.update_driver_documents", lambda n: (
    _driver(n), Call(profiles.update_driver_documents, _driver_of(n), {"cdlFront": "https://lmdr.test/1.png"})))  # fmt: skip
_plain("driver.profiles.update_driver_preferences", lambda n: (
    _driver(n), Call(profiles.update_driver_preferences, _driver_of(n), {"homeZip": "75202", "minCPM": 0.7})))  # fmt: skip
_plain("driver.profiles.update_driver_qualifications", lambda n: (
    _driver(n),
    Call(profiles.update_driver_qualifications, _driver_of(n), {"years_experience": 4, "clean_mvr": True})))  # fmt: skip


# Messages and logs


def _message(n: int) -> Rows:
    row = {"_id": f"message-{n}", "application_id": f"interest-{n}", "content": "Hello", "sender_id": f"recruiter-{n}",
           "receiver_id": f"member-{n}", "sender_type": "recruiter", "timestamp": _date(-1), "is_read": False}  # fmt: skip
    return {"Messages": [row]}


def _talk(n: int) -> Rows:
    return _all(_driver(n), _interest(n), _recruiter(n))


def _trace(n: int) -> Rows:
    row = {"_id": f"trace-{n}", "traceId": f"tr_{n}", "name": "search", "startTime": _date(0), "status": "active",
           "spans": [], "metadata": {}, "tags": []}  # fmt: skip
    return {logs.TRACES: [row]}


_plain("messaging.messages.send_message", lambda n: (
    _talk(n),
    Call(messages.send_message, _driver_of(n), f"interest-{n}", "Hello", f"recruiter-{n}", "driver")))  # fmt: skip
_plain("messaging.messages.mark_as_read", lambda n: (
    _all(_talk(n), _message(n)), Call(messages.mark_as_read, _driver_of(n), f"interest-{n}")))  # fmt: skip
_plain("observability.logs.log", lambda n: ({}, Call(logs.log, {"level": "ERROR", "message": "It failed"})))
_plain("observability.logs.log_ai_operation", lambda n: (
    {}, Call(logs.log_ai_operation, {"provider": "claude", "model": "x", "tokens": 7})))  # fmt: skip
_plain("observability.logs.log_database", lambda n: ({}, Call(logs.log_database, {"operation": "query", "count": 2})))
_plain("observability.logs.log_external_api", lambda n: (
    {}, Call(logs.log_external_api, {"service": "fmcsa", "url": "https://lmdr.test", "status": 200})))  # fmt: skip
_plain("observability.logs.start_trace", lambda n: ({}, Call(logs.start_trace, "search")))
_plain("observability.logs.start_span", lambda n: (_trace(n), Call(logs.start_span, f"tr_{n}", "score")))
_plain("observability.logs.end_trace", lambda n: (_trace(n), Call(logs.end_trace, f"tr_{n}")))


# Recruiters


_plain("recruiter.outreach.get_quota_status", lambda n: (
    _all(_recruiter(n), _subscription(n)), Call(outreach.get_quota_status, _recruiter_of(n), f"{dot(n)}")))  # fmt: skip
_plain("recruiter.outreach.save_driver_to_pipeline", lambda n: (
    _all(_recruiter(n), _driver(n), _view(n)),
    Call(outreach.save_driver_to_pipeline, _recruiter_of(n), f"{dot(n)}", f"driver-{n}", "promising")))  # fmt: skip
_plain("recruiter.outreach.send_message_to_driver", lambda n: (
    _all(_recruiter(n), _driver(n), _view(n)),
    Call(outreach.send_message_to_driver, _recruiter_of(n), f"{dot(n)}", f"driver-{n}", "Hello")))  # fmt: skip
_plain("recruiter.pipeline.add_recruiter_notes", lambda n: (
    _talk(n), Call(pipeline.add_recruiter_notes, _recruiter_of(n), f"interest-{n}", "call back")))  # fmt: skip
_plain("recruiter.pipeline.update_candidate_status", lambda n: (
    _talk(n), Call(pipeline.update_candidate_status, _recruiter_of(n), f"interest-{n}", "in_review")))  # fmt: skip
_plain("recruiter.profile.add_carrier", lambda n: (
    _carrier(n), Call(recruiter_profile.add_carrier, _recruiter_of(n), f"{dot(n)}")))  # fmt: skip
_plain("recruiter.profile.get_or_create_recruiter_profile", lambda n: (
    {}, Call(recruiter_profile.get_or_create_recruiter_profile, _recruiter_of(n))))  # fmt: skip
_plain("recruiter.profile.get_or_create_recruiter_profile: the second time", lambda n: (
    {"recruiterProfiles": [{"_id": f"recruiter-profile-{n}", "_owner": f"recruiter-{n}"}]},
    Call(recruiter_profile.get_or_create_recruiter_profile, _recruiter_of(n))))  # fmt: skip
_plain("recruiter.profile.remove_carrier", lambda n: (
    _recruiter(n), Call(recruiter_profile.remove_carrier, _recruiter_of(n), f"{dot(n)}")))  # fmt: skip
_plain("recruiter.profile.update_recruiter_profile", lambda n: (
    {"recruiterProfiles": [{"_id": f"recruiter-profile-{n}", "_owner": f"recruiter-{n}"}]},
    Call(recruiter_profile.update_recruiter_profile, _recruiter_of(n), {"agency_name": "Lee & Co"})))  # fmt: skip
