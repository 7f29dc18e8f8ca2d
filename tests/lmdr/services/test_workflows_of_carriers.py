"""What carriers and partners do: welcomed, asking for staff, paying, and what is found out about them; turned half-way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from lmdr.services.billing.stripe import get_billing_history, get_subscription_details
from lmdr.services.billing.stripe_webhook import handle_stripe_event
from lmdr.services.billing.subscription import (
    check_view_quota,
    get_full_subscription_status,
    get_subscription,
    get_usage_stats,
    start_checkout,
)
from lmdr.services.carrier.driver_matching import find_matching_drivers, get_driver_profile
from lmdr.services.carrier.enrichment import enrich_carrier
from lmdr.services.carrier.leads import (
    get_carrier_leads,
    get_lead_status,
    submit_carrier_staffing_request,
    update_lead_status,
)
from lmdr.services.carrier.onboarding import get_carrier_onboarding
from lmdr.services.carrier.preferences import (
    create_hiring_preferences,
    get_hiring_preferences,
    get_weight_preferences,
    save_weight_preferences,
    update_hiring_preferences,
)
from lmdr.services.content.partner_onboarding import get_partner_page
from lmdr.services.context import Caller, Context
from lmdr.services.fmcsa.client import Fmcsa
from lmdr.services.fmcsa.safety_data import get_carrier_safety_data
from lmdr.services.jobs import run_enrichment_batch
from platform_kit import Platform

OWNER = Caller("member-owen", "owen@example.com", frozenset({"carrier"}))
RAY = Caller("member-ray", "ray@example.com", frozenset({"recruiter"}))
DOT = 1234567
PRICES = {"STRIPE_PRICE_PRO": "price_pro", "STRIPE_PRICE_ENTERPRISE": "price_ent"}
START = datetime(2026, 1, 21, tzinfo=UTC)
END = datetime(2026, 2, 21, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)


def put_carrier(platform: Platform, **fields: Any) -> str:
    row = {"dot_number": DOT, "legal_name": "ACME", "_owner": OWNER.member_id, "status": "active", **fields}
    return str(platform.put("Carriers", **row)["_id"])


def later(platform: Platform, **by: float) -> None:
    platform.at(platform.now + timedelta(**by))


def test_a_carrier_is_welcomed_and_requests_staff(workflow: Platform) -> None:
    carrier = put_carrier(workflow)
    row = workflow.put("CarrierOnboarding", dot_number=str(DOT), company_name="ACME", profile_complete=True)
    assert get_carrier_onboarding(workflow.context(), str(DOT))["percentComplete"] == 25
    form = {
        "companyName": "  ACME ",
        "contactName": "Owen Ó Briain",
        "email": "OWEN@example.com",
        "phone": "201-555-0100",
        "staffingType": "last_mile",
        "driversNeeded": "5-10",
        "driverTypes": ["CDL-A", "box truck, 26 ft"],
        "dotNumber": str(DOT),
    }
    no_mail = submit_carrier_staffing_request(workflow.context(), {**form, "email": "owen@example"})
    assert no_mail == {"success": False, "error": "Please enter a valid email address"}
    requests = submit_carrier_staffing_request(workflow.context(), form)
    assert requests["success"] is True
    request = requests["requestId"]
    assert get_lead_status(workflow.context(), request)["status"] == "new"

    workflow.turn()

    context = workflow.context()
    changes = {"jobs_posted": 2, "branding_uploaded": True, "payment_setup": True}
    workflow.records.patch("CarrierOnboarding", row["_id"], changes)
    welcomed = get_carrier_onboarding(context, str(DOT))
    assert (welcomed["percentComplete"], set(welcomed["steps"].values())) == (100, {True})
    later(workflow, days=1)
    assert update_lead_status(context, request, "contacted", "Rang Owen")["success"]
    later(workflow, days=1)
    assert update_lead_status(context, request, "closed_won")["success"]
    second = submit_carrier_staffing_request(context, {**form, "dotNumber": "999"})["requestId"]

    found = get_carrier_leads(context)
    assert ([lead["_id"] for lead in found["leads"]], found["totalCount"]) == ([second, request], 2)
    assert get_carrier_leads(context, {"status": "closed_won"})["leads"][0]["_id"] == request
    answer = get_lead_status(context, request)
    assert (answer["companyName"], answer["submittedDate"], answer["lastUpdated"]) == (
        "ACME",
        workflow.now - timedelta(days=2),
        workflow.now,
    )
    stored = workflow.row("carrierStaffingRequests", request)
    assert (stored["linked_carrier_id"], stored["email"], stored["driver_types"]) == (
        carrier,
        "owen@example.com",
        ["CDL-A", "box truck, 26 ft"],
    )
    assert [(step["from"], step["to"], step["notes"]) for step in json.loads(stored["status_history"])] == [
        ("new", "contacted", "Rang Owen"),
        ("contacted", "closed_won", ""),
    ]
    assert workflow.row("carrierStaffingRequests", second)["linked_carrier_id"] is None


def test_a_carrier_sets_preferences_and_finds_drivers(workflow: Platform) -> None:
    put_carrier(workflow)
    workflow.put("recruiterCarriers", recruiter_id=RAY.member_id, carrier_dot=str(DOT), is_active=True)
    put_plan(workflow, "pro", 0)
    put_drivers(workflow, "H", "T")
    wants = {"carrier_dot": DOT, "required_cdl_types": ["A"], "target_radius_miles": 50, "urgency": "immediate"}
    made = create_hiring_preferences(workflow.context(), RAY, {**wants, "required_endorsements": ["H"]})
    preferences = made["preferences"]["_id"]
    first = find_matching_drivers(workflow.context(), RAY, DOT, {}, {"usePreferences": True})["matches"]
    assert [match["driver"]["display_name"] for match in first] == ["Driver H", "Driver T"]

    workflow.turn()

    context = workflow.context()
    again = find_matching_drivers(context, RAY, DOT, {}, {"usePreferences": True})["matches"]
    assert [(match["driver"]["_id"], match["overallScore"]) for match in again] == [
        (match["driver"]["_id"], match["overallScore"]) for match in first
    ]
    assert update_hiring_preferences(context, RAY, preferences, {"required_endorsements": ["T"]})["success"]
    other = find_matching_drivers(context, RAY, DOT, {}, {"usePreferences": True})["matches"]
    assert [match["driver"]["display_name"] for match in other] == ["Driver T", "Driver H"]
    weights = {
        "qualifications": 100,
        "experience": 0,
        "location": 0,
        "availability": 0,
        "salaryFit": 0,
        "engagement": 0,
    }
    assert save_weight_preferences(context, DOT, weights)["success"]  # type: ignore[arg-type]
    assert get_weight_preferences(context, str(DOT)) == {"success": True, "weights": weights, "isDefault": False}
    assert get_hiring_preferences(context, str(DOT))["preferences"]["_id"] == preferences


def test_a_partner_sees_its_own_steps(workflow: Platform) -> None:
    steps = [{"step": 1, "title": "Begin", "description": 'Say "hi" – 日本'}, {"step": 2, "title": "Go"}]
    row = workflow.put(
        "PartnerOnboarding",
        partner_code="ACME1",
        partner_name="ACME",
        welcome_message="Welcome\n\nall",
        onboarding_steps=steps,
        primary_color="#111111",
        contact_email="pat@example.com",
        benefits=["Pay, weekly", ""],
    )
    before = get_partner_page(workflow.context(), "acme1")
    assert (before["steps"], before["branding"]["primaryColor"]) == (steps, "#111111")

    workflow.turn()

    assert get_partner_page(workflow.context(), "Acme1") == before
    workflow.records.patch("PartnerOnboarding", row["_id"], {"onboarding_steps": steps[:1]})
    after = get_partner_page(workflow.context(), "acme1")
    assert after == {**before, "steps": steps[:1]}
    assert len(get_partner_page(workflow.context(), "nobody")["steps"]) == 3


def put_plan(platform: Platform, plan: str, used: int, **fields: Any) -> str:
    given = {"plan_type": plan, "status": "active", "is_active": True, "views_used_this_month": used, **fields}
    reset = {"quota_reset_date": END} | {key: value for key, value in fields.items() if key == "quota_reset_date"}
    quota = {"pro": 25, "enterprise": -1, "free": 0}[plan]
    row = platform.put("CarrierSubscriptions", carrier_dot=str(DOT), monthly_view_quota=quota, **{**given, **reset})
    return str(row["_id"])


def put_drivers(platform: Platform, *endorsements: str) -> list[str]:
    shown = {"is_searchable": True, "visibility_level": "full", "cdl_class": "A", "home_zip": "07001"}
    rows = [{**shown, "display_name": f"Driver {name}", "endorsements": [name]} for name in endorsements]
    return [row["_id"] for row in platform.records.bulk_insert("DriverProfiles", rows)]


def subscription(kind: str, number: int, price: str = "price_pro", **more: Any) -> dict[str, Any]:
    fields = {
        "id": "sub_1",
        "customer": "cus_1",
        "status": "active",
        "metadata": {"carrier_dot": str(DOT)},
        "items": {"data": [{"price": {"id": price}}]},
        "current_period_start": int(START.timestamp()),
        "current_period_end": int(END.timestamp()),
        "cancel_at_period_end": False,
    }
    return event(f"customer.subscription.{kind}", number, {**fields, **more})


def event(kind: str, number: int, fields: dict[str, Any]) -> dict[str, Any]:
    created = int(START.timestamp()) + 60 * number
    return {"id": f"evt_{number}", "type": kind, "created": created, "data": {"object": fields}}


def status(context: Context, fields: dict[str, Any]) -> str:
    return str(handle_stripe_event(context, fields)["status"])


def test_a_carrier_upgrades_and_downgrades(workflow: Platform) -> None:
    put_carrier(workflow)
    requests: list[dict[str, str]] = []

    def stripe(method: str, path: str, form: dict[str, str]) -> dict[str, Any]:
        requests.append(form)
        return {"id": "cs_1", "url": "https://pay.test/1"}

    def context() -> Context:
        return workflow.context(providers={"stripe": stripe}, secrets=PRICES)

    assert get_full_subscription_status(context(), OWNER)["canSearch"] is False
    assert start_checkout(context(), OWNER, "pro") == {
        "success": True,
        "sessionId": "cs_1",
        "url": "https://pay.test/1",
    }
    assert (requests[0]["line_items[0][price]"], requests[0]["metadata[carrier_dot]"]) == ("price_pro", str(DOT))
    assert status(context(), subscription("created", 1)) == "created"
    bought = get_full_subscription_status(context(), OWNER)
    assert (bought["subscription"]["plan_type"], bought["canSearch"], bought["usage"]["quota"]) == ("pro", True, 25)
    assert "already has" in start_checkout(context(), OWNER, "enterprise")["error"]

    workflow.turn()

    upgrade = subscription("updated", 2, "price_ent")
    assert status(context(), upgrade) == "updated"
    usage = get_usage_stats(context(), DOT)
    assert (usage["isUnlimited"], usage["remaining"], usage["daysUntilReset"]) == (True, -1, 31)
    assert status(context(), subscription("updated", 3, "price_pro", cancel_at_period_end=True)) == "updated"
    assert status(context(), upgrade) == "already_processed"
    details = get_subscription_details(context(), str(DOT))
    assert (details["tier"], details["viewsLimit"], details["cancelAtPeriodEnd"]) == ("pro", 25, True)
    assert status(context(), subscription("deleted", 4)) == "deleted"
    assert get_subscription(context(), DOT)["plan_type"] == "free"
    assert get_full_subscription_status(context(), OWNER)["canSearch"] is False
    (row,) = workflow.rows("CarrierSubscriptions")
    assert (row["status"], row["is_active"], row["stripe_customer_id"]) == ("canceled", False, "cus_1")
    assert start_checkout(context(), OWNER, "enterprise")["success"] is True


def test_views_are_charged_until_the_quota_is_used_and_reset_each_month(workflow: Platform) -> None:
    put_carrier(workflow)
    workflow.put("recruiterCarriers", recruiter_id=RAY.member_id, carrier_dot=str(DOT), is_active=True)
    put_plan(workflow, "pro", 23)
    first, second, third = put_drivers(workflow, "H", "T", "N")
    context = workflow.context()
    looked = get_driver_profile(context, RAY, DOT, first)
    assert (looked["quotaUsed"], looked["quota"]) == (True, {"used": 24, "limit": 25, "remaining": 1})

    workflow.turn()

    context = workflow.context()
    assert get_driver_profile(context, RAY, DOT, first)["quotaUsed"] is False
    assert get_driver_profile(context, RAY, DOT, second)["quota"]["remaining"] == 0
    assert get_driver_profile(context, RAY, DOT, third)["code"] == "QUOTA_EXHAUSTED"
    assert check_view_quota(context, DOT) == {"hasQuota": False, "remaining": 0, "resetDate": END}
    assert get_usage_stats(context, DOT)["isExhausted"] is True
    views = workflow.rows("CarrierDriverViews")
    assert {view["driver_id"] for view in views} == {first, second}
    assert {(view["billing_period"], view["recruiter_id"]) for view in views} == {("2026-01", RAY.member_id)}

    workflow.at(END - MOMENT)
    assert check_view_quota(context, DOT)["hasQuota"] is False
    workflow.at(END)
    assert check_view_quota(context, DOT) == {
        "hasQuota": True,
        "remaining": 25,
        "resetDate": datetime(2026, 3, 21, tzinfo=UTC),
    }
    assert get_driver_profile(context, RAY, DOT, third)["quota"] == {"used": 1, "limit": 25, "remaining": 24}


def test_stripes_events_are_stored_once_each(workflow: Platform) -> None:
    put_carrier(workflow)

    def context() -> Context:
        return workflow.context(secrets=PRICES)

    invoice = {"id": "in_1", "subscription": "sub_1", "customer": "cus_1", "currency": "usd", "amount_paid": 24900,
               "billing_reason": "subscription_cycle", "period_start": int(START.timestamp()),
               "period_end": int(END.timestamp()), "lines": {"data": [{"description": "Pro plan"}]}}  # fmt: skip
    created, paid = subscription("created", 1), event("invoice.paid", 2, invoice)
    failed = event("invoice.payment_failed", 3, {**invoice, "id": "in_2", "amount_due": 24900})
    assert status(context(), created) == "created"
    (row,) = workflow.rows("CarrierSubscriptions")
    workflow.records.patch("CarrierSubscriptions", row["_id"], {"views_used_this_month": 9})
    assert status(context(), paid) == "paid"
    assert get_subscription(context(), DOT)["views_used_this_month"] == 0

    workflow.turn()
    later(workflow, minutes=30)

    workflow.records.patch("CarrierSubscriptions", row["_id"], {"views_used_this_month": 4})
    assert [status(context(), answer) for answer in (created, paid)] == ["already_processed"] * 2
    assert get_subscription(context(), DOT)["views_used_this_month"] == 4
    assert status(context(), failed) == "payment_failed"
    assert status(context(), event("charge.refunded", 4, {"customer": "cus_1", "amount_refunded": 900})) == "refunded"
    assert status(context(), event("customer.created", 5, {"id": "cus_1"})) == "unhandled"
    assert status(context(), failed) == "already_processed"

    assert workflow.row("CarrierSubscriptions", row["_id"])["status"] == "past_due"
    history = get_billing_history(context(), str(DOT))["history"]
    assert {(entry["event_type"], entry["amount"], entry.get("stripe_event_id")) for entry in history} == {
        ("subscription_created", 0, "evt_1"),
        ("payment_succeeded", 24900, "evt_2"),
        ("payment_failed", 24900, "evt_3"),
        ("refunded", 900, "evt_4"),
    }
    events = workflow.rows("StripeEvents")
    assert sorted((answer["event_id"], answer["event_type"], answer["processed"]) for answer in events) == [
        ("evt_1", "customer.subscription.created", True),
        ("evt_2", "invoice.paid", True),
        ("evt_3", "invoice.payment_failed", True),
        ("evt_4", "charge.refunded", True),
        ("evt_5", "customer.created", True),
    ]
    assert {answer.get("carrier_dot") for answer in events if answer["event_id"] != "evt_5"} == {str(DOT)}


class Outside:
    """Stands for the model, the research and FMCSA; `asked` says who was asked, in order."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.fmcsa = Fmcsa(self.look, jitter=lambda: 0.0)

    def look(self, path: str, timeout: float) -> tuple[int, Any]:
        if path.endswith("/basics"):
            return 200, {"content": []}
        self.requests.append("fmcsa")
        return 200, {"content": {"carrier": {"legalName": "ACME", "allowedToOperate": "Y", "safetyRating": "S"}}}

    def research(self, prompt: str, **how: Any) -> dict[str, Any]:
        return {"content": "It hires."}

    def write(self, prompt: str, **how: Any) -> str:
        self.requests.append("claude")
        return json.dumps({"ai_summary": f"Summary {len(self.requests)}", "sentiment_pros": ["Pay, weekly"]})

    def context(self, platform: Platform) -> Context:
        providers = {"perplexity": self.research, "claude": self.write, "fmcsa": self.fmcsa}
        return platform.context(providers=providers)


def test_enrichments_are_fetched_cached_and_refreshed(workflow: Platform) -> None:
    put_carrier(workflow, combined_score=90)
    workflow.records.bulk_insert(
        "Carriers", [{"dot_number": n, "legal_name": f"C{n}", "combined_score": n} for n in (10, 20, 30)]
    )
    outside = Outside()
    done = run_enrichment_batch(outside.context(workflow))
    assert (done["carriers"], done["failed"]) == ([str(DOT), "30", "20"], 0)
    assert (outside.requests.count("claude"), outside.requests.count("fmcsa")) == (3, 3)

    workflow.turn()

    made = workflow.now
    assert run_enrichment_batch(outside.context(workflow))["carriers"] == ["10"]
    outside.requests.clear()
    cached = enrich_carrier(outside.context(workflow), DOT, {"legal_name": "ACME"})
    assert (cached["fromCache"], cached["cache_age_days"], cached["sentiment_pros"]) == (True, 0, ["Pay, weekly"])

    # What a driver sees is good for 14 days, what FMCSA says for 7, what the batch makes for 30: each to the millisecond.
    workflow.at(made + timedelta(days=7))
    assert get_carrier_safety_data(outside.context(workflow), DOT)["fromCache"] is True
    workflow.at(made + timedelta(days=7) + MOMENT)
    assert get_carrier_safety_data(outside.context(workflow), DOT)["fromCache"] is False
    assert outside.requests == ["fmcsa"]
    workflow.at(made + timedelta(days=14))
    assert enrich_carrier(outside.context(workflow), DOT, {"legal_name": "ACME"})["fromCache"] is True
    workflow.at(made + timedelta(days=14) + MOMENT)
    assert enrich_carrier(outside.context(workflow), DOT, {"legal_name": "ACME"})["fromCache"] is False
    assert outside.requests == ["fmcsa", "claude"]
    workflow.at(made + timedelta(days=30))
    assert run_enrichment_batch(outside.context(workflow))["processed"] == 0
    workflow.at(made + timedelta(days=30) + MOMENT)
    assert run_enrichment_batch(outside.context(workflow))["carriers"] == ["30", "20", "10"]

    rows = {row["dot_number"]: row for row in workflow.rows("CarrierEnrichments")}
    assert {dot: row["match_count"] for dot, row in rows.items()} == {str(DOT): 2, "30": 2, "20": 2, "10": 2}
    assert rows[str(DOT)]["enriched_date"] == made + timedelta(days=14) + MOMENT
    safety = {row["dot_number"]: row for row in workflow.rows("CarrierSafetyData")}
    assert (len(safety), safety[str(DOT)]["safety_rating"]) == (4, "SATISFACTORY")
