"""A recruiter contacts a driver: saving it to the carrier's pipeline, sending it a message.

Both require a view of the driver's profile, which the carrier pays for. Refusals are {success: False, error, code}.
"""

from __future__ import annotations

from typing import Any

from lmdr import js
from lmdr.services.access import refusal
from lmdr.services.airtable_client import get_carrier_by_dot
from lmdr.services.billing.subscription import can_view_profile, get_subscription, reset_quota_if_needed, usage_of
from lmdr.services.context import Caller, Context, refused, service
from lmdr.services.dot_numbers import dot_text
from lmdr.services.interests import add_interest, interest_between
from lmdr.services.messaging.messages import deliver, sanitized
from lmdr.services.status_history import history_with
from runbook.json_types import Item
from runbook.query import Query
from runbook.records.results import Once

LOG = "RecruiterOutreachHistory"


@service
def save_driver_to_pipeline(
    context: Context, caller: Caller, carrier_dot: Any, driver_id: str, notes: str = ""
) -> dict[str, Any]:
    """Add a driver to the carrier's pipeline, as 'contacted': {success, interestId, status}.

    The first failed check decides: access to the carrier, DRIVER_NOT_FOUND, DUPLICATE_SAVE (with existingId and
    existingStatus), PROFILE_VIEW_REQUIRED.
    """
    if denied := refusal(context, caller, carrier_dot):
        return denied
    driver = context.records.get("DriverProfiles", driver_id) if driver_id else None
    if driver is None:
        return refused("Driver not found", code="DRIVER_NOT_FOUND")
    existing = interest_between(context, driver_id, carrier_dot)
    if existing is not None:
        return _duplicate(existing)
    if not _viewed(context, carrier_dot, driver_id):
        return _view_required()
    saved, is_new = _add_to_pipeline(context, caller, carrier_dot, driver, notes)
    if not is_new:
        return _duplicate(saved)
    _log(context, caller, saved, "saved_to_pipeline")
    return {"success": True, "interestId": saved["_id"], "status": saved["status"]}


save_to_recruiter_pipeline = save_driver_to_pipeline


@service
def send_message_to_driver(
    context: Context, caller: Caller, carrier_dot: Any, driver_id: str, text: str
) -> dict[str, Any]:
    """Send a driver a message, and add it to the carrier's pipeline if missing: {success, messageId, interestId}.

    The first failed check decides: access to the carrier, EMPTY_MESSAGE, PROFILE_VIEW_REQUIRED, DRIVER_NOT_FOUND.
    """
    if denied := refusal(context, caller, carrier_dot):
        return denied
    message = sanitized(text)
    if not message:
        return refused("Message is empty", code="EMPTY_MESSAGE")
    if not _viewed(context, carrier_dot, driver_id):
        return _view_required()
    driver = context.records.get("DriverProfiles", driver_id)
    if driver is None:
        return refused("Driver not found", code="DRIVER_NOT_FOUND")
    interest = interest_between(context, driver_id, carrier_dot)
    if interest is None:
        interest, _ = _add_to_pipeline(context, caller, carrier_dot, driver, "")
    # The platform addresses the profile, which reads no messages; the member who owns it is intended.
    receiver = driver.get("_owner") or driver_id
    sent = deliver(context, caller, interest["_id"], message, receiver, "recruiter")
    _log(context, caller, interest, "message_sent")
    return {"success": True, "messageId": sent["_id"], "interestId": interest["_id"]}


@service
def get_outreach_history(
    context: Context, caller: Caller, carrier_dot: Any, driver_id: str | None = None
) -> dict[str, Any]:
    """The last 100 contacts of a carrier's recruiters, with all drivers or one: {success, history}."""
    if denied := refusal(context, caller, carrier_dot):
        return denied
    query = Query().eq("carrier_dot", dot_text(carrier_dot)).descending("timestamp").limit(100)
    if driver_id:
        query = query.eq("driver_id", driver_id)
    return {"success": True, "history": context.records.query(LOG, query).items}


@service
def get_quota_status(context: Context, caller: Caller, carrier_dot: Any) -> dict[str, Any]:
    """A carrier's plan and views: {success, tier, used, limit, remaining, hasQuota, resetDate}; -1 is unlimited."""
    if denied := refusal(context, caller, carrier_dot):
        return denied
    # The platform reads tier, used and limit from the quota check, which lacks them, and gives free, 0 and 5 always.
    subscription = reset_quota_if_needed(context, get_subscription(context, carrier_dot))
    usage = usage_of(subscription, context.now())
    return {
        "success": True,
        "tier": subscription["plan_type"],
        "used": usage["used"],
        "limit": usage["quota"],
        "remaining": usage["remaining"],
        "hasQuota": can_view_profile(subscription),
        "resetDate": subscription.get("quota_reset_date"),
    }


def _duplicate(interest: Item) -> dict[str, Any]:
    return refused(
        "Driver is already in your pipeline",
        code="DUPLICATE_SAVE",
        existingId=interest["_id"],
        existingStatus=interest.get("status"),
    )


def _view_required() -> dict[str, Any]:
    return refused("View the driver's profile first", code="PROFILE_VIEW_REQUIRED")


def _viewed(context: Context, carrier_dot: Any, driver_id: str) -> bool:
    view = Query().eq("carrier_dot", dot_text(carrier_dot)).eq("driver_id", driver_id)
    return context.records.first("CarrierDriverViews", view) is not None


def _add_to_pipeline(context: Context, caller: Caller, carrier_dot: Any, driver: Item, notes: str) -> Once:
    """Add a driver to the pipeline where it is missing."""
    carrier = get_carrier_by_dot(context, carrier_dot) or {}
    return add_interest(
        context,
        driver["_id"],
        carrier_dot,
        {
            "_owner": caller.member_id,
            "carrier_name": js.or_(carrier.get("legal_name"), ""),
            "status": "contacted",
            "action": "contacted",
            "action_timestamp": context.now(),
            "origin": "recruiter_search",
            "match_score": 0,
            "preferred_contact": "email",
            "recruiter_notes": notes,
            "status_history": history_with(context, None, "contacted", by="recruiter"),
        },
    )


def _log(context: Context, caller: Caller, interest: Item, action: str) -> None:
    context.records.insert(
        LOG,
        {
            "_owner": caller.member_id,
            "recruiter_id": caller.member_id,
            "carrier_dot": interest["carrier_dot"],
            "driver_id": interest["driver_id"],
            "interest_id": interest["_id"],
            "action": action,
            "timestamp": context.now(),
        },
    )
