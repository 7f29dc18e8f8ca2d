"""Every service that writes: how two callers at once stay exact, and what it waits for.

A service that a member or a recruiter waits for answers once its writes are in the journal on disk: Airtable alone
takes 0.6 s a request. Money, what an admin decides, what a job does and what a page reads back from another place waits
until Airtable has it. In Wix there is no journal, and a write waits for Wix.

A service that calls another keeps to its own row here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from runbook.records.results import Durable

PAGE = "somebody waits for the page"
"""Why a service answers from the journal."""
LOG = "nobody waits for a log, and it must not take the requests of what somebody waits for"
MONEY = "money: Stripe delivers again what did not arrive"
ADMIN = "an admin sees at once what Airtable refuses"
JOB = "a job has time"
VERDICT = "it goes by what somebody has just set in the grid: verified or rejected"
ENGINE = "the caller is a program, which handles what Airtable refuses"

ALONE = "sets keys, whoever is last"
"""How a service stays exact whose writes do not depend on what was read."""
ADDS = "adds rows of its own"
CHANGE = "`change`"
ONCE = "`insert_once`"
QUOTA = "the quota's lock"
EVENT = "an `_id` that follows from the event"


class Writes(NamedTuple):
    """`durable`: when it answers; `why`; `exact`: by what, with two callers at once."""

    durable: Durable
    why: str
    exact: str


def _rows(module: str, durable: Durable, why: str, **exact: str) -> dict[str, Writes]:
    return {f"{module}.{service}": Writes(durable, why, how) for service, how in exact.items()}


WRITES: Final[dict[str, Writes]] = {
    **_rows(
        "admin.audit",
        "airtable",
        ADMIN,
        export_audit_log_csv=ADDS,
    ),
    **_rows(
        "admin.carriers",
        "airtable",
        ADMIN,
        bulk_update_carriers=CHANGE,
        export_carriers_csv=ADDS,
        flag_carrier=ALONE,
        refresh_carrier_enrichment="deletes a row, whoever is first",
        unflag_carrier=CHANGE,
        update_carrier_status=CHANGE,
    ),
    **_rows("admin.dashboard", "airtable", ADMIN, resolve_alert=CHANGE),
    **_rows(
        "admin.drivers",
        "airtable",
        ADMIN,
        flag_carrier=ALONE,
        suspend_driver=CHANGE,
        unflag_carrier=ALONE,
        update_carrier_status=CHANGE,
        update_driver_status=CHANGE,
        verify_driver=ALONE,
    ),
    **_rows("admin.matches", "airtable", ADMIN, export_matches_csv=ADDS),
    **_rows(
        "admin.moderation",
        "airtable",
        ADMIN,
        update_document_status=ALONE,
        update_job_status=ALONE,
        update_review_status=ALONE,
    ),
    **_rows(
        "airtable_client",
        "airtable",
        ENGINE,
        create_interest=ONCE,
        insert_carrier=ONCE,
        insert_driver=ONCE,
        update_carrier="the lock of the DOT number",
        update_driver=ALONE,
        update_interest_status=ALONE,
    ),
    **_rows(
        "billing.abandonment_emails",
        "airtable",
        MONEY,
        mark_checkout_recovered="a lock for each address",
        track_abandoned_checkout="a lock for each address",
    ),
    **_rows("billing.abandonment_emails", "airtable", JOB, send_abandonment_emails="a lock of the job"),
    **_rows(
        "billing.stripe",
        "airtable",
        MONEY,
        record_billing_event=EVENT,
        reset_quota=QUOTA,
        update_subscription_status=QUOTA,
        upsert_subscription=f"{QUOTA}, {ONCE}",
    ),
    **_rows("billing.stripe_log", "airtable", MONEY, log_stripe_event=EVENT),
    **_rows("billing.stripe_webhook", "airtable", MONEY, handle_stripe_event="a lock for each event, and each carrier"),
    **_rows(
        "billing.subscription",
        "journal",
        PAGE,
        check_view_quota=QUOTA,
        record_profile_view=QUOTA,
        reset_quota_if_needed=QUOTA,
    ),
    **_rows(
        "carrier.driver_matching",
        "journal",
        PAGE,
        find_matching_drivers=ADDS,
        get_driver_profile=QUOTA,
    ),
    **_rows("carrier.enrichment", "journal", PAGE, enrich_carrier=f"{ONCE}, {CHANGE}"),
    **_rows("carrier.leads", "journal", PAGE, submit_carrier_staffing_request=ADDS),
    **_rows("carrier.leads", "airtable", ADMIN, update_lead_status=CHANGE),
    **_rows(
        "carrier.preferences",
        "journal",
        PAGE,
        create_hiring_preferences=ADDS,
        deactivate_hiring_preferences=ALONE,
        save_weight_preferences=f"{ONCE}, {CHANGE}",
        update_hiring_preferences=ALONE,
    ),
    **_rows(
        "driver.applications",
        "journal",
        PAGE,
        submit_application=f"{ONCE}, {CHANGE}",
        withdraw_application=CHANGE,
    ),
    **_rows(
        "driver.carrier_matching",
        "journal",
        PAGE,
        find_matching_carriers=f"{ONCE}, {CHANGE}",
        log_match_event=f"{ONCE}, {CHANGE}",
    ),
    **_rows(
        "driver.profiles",
        "journal",
        PAGE,
        get_or_create_driver_profile=ONCE,
        log_carrier_interest=f"{ONCE}, {CHANGE}",
        remove_carrier_interest=ALONE,
        set_discoverability=f"{ONCE}, {CHANGE}",
        update_driver_documents=f"{ONCE}, {CHANGE}",
        update_driver_preferences=f"{ONCE}, {CHANGE}",
        update_driver_qualifications=f"{ONCE}, {CHANGE}",
    ),
    **_rows(
        "fmcsa.safety_data",
        "journal",
        PAGE,
        get_carrier_safety_data=f"{ONCE}, {CHANGE}",
        get_multiple_carriers_safety_data=f"{ONCE}, {CHANGE}",
        test_fmcsa_connection=f"{ONCE}, {CHANGE}",
    ),
    **_rows("jobs", "airtable", JOB, backfill_searchable_drivers=CHANGE, run_enrichment_batch=f"{ONCE}, {CHANGE}"),
    **_rows("messaging.messages", "journal", PAGE, mark_as_read="a lock for its reader", send_message=ADDS),
    **_rows(
        "observability.logs",
        "journal",
        LOG,
        end_trace=ALONE,
        log=ADDS,
        log_ai_operation=ADDS,
        log_database=ADDS,
        log_external_api=ADDS,
        start_span=CHANGE,
        start_trace=ADDS,
    ),
    **_rows(
        "recruiter.outreach",
        "journal",
        PAGE,
        get_quota_status=QUOTA,
        save_driver_to_pipeline=ONCE,
        send_message_to_driver=ONCE,
    ),
    **_rows(
        "recruiter.pipeline",
        "journal",
        PAGE,
        add_recruiter_notes=ALONE,
        update_candidate_status=CHANGE,
    ),
    **_rows("recruiter.profile", "airtable", VERDICT, add_carrier=f"{ONCE}, {CHANGE}"),
    **_rows(
        "recruiter.profile",
        "journal",
        PAGE,
        get_or_create_recruiter_profile=f"{ONCE}, {CHANGE}",
        remove_carrier=CHANGE,
        update_recruiter_profile=ALONE,
    ),
}
"""By module and function under `lmdr.services`."""


def durable_of(module: str, function: str) -> Durable:
    """When a service's writes return; `module`: its full name."""
    found = WRITES.get(f"{module.removeprefix('lmdr.services.')}.{function}")
    return "airtable" if found is None else found.durable
