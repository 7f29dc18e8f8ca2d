"""A driver's applications to carriers: submitting, status, withdrawing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmdr import js
from lmdr.services.access import NOT_LOGGED_IN, own_profile
from lmdr.services.context import Caller, Context, Refused, refused, service
from lmdr.services.dot_numbers import dot_text
from lmdr.services.driver.application_form import document_urls, profile_changes
from lmdr.services.driver.uploads import UploadFailed
from lmdr.services.interests import add_or_change_interest, interest_between
from lmdr.services.status_history import history_with
from runbook.errors import NoSuchItem
from runbook.json_types import Item
from runbook.query import Query

NO_PROFILE = "Driver profile not found"
IN_PROGRESS = frozenset({"applied", "in_review", "contacted", "offer", "hired"})
"""Statuses in which a driver cannot apply again."""


@service
def submit_application(context: Context, caller: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Apply to a carrier with the application form, which also updates the driver's profile.

    `data`: carrierDOT, phone or email (at least one), carrierName, matchScore, message, preferredContact (default
    'phone'), availability, and the fields of `profile_changes`. The first failed check decides: logged in, a profile,
    a carrierDOT, a phone or an email, documents that can be uploaded.

    A rejected or withdrawn application, or an interest, is submitted again and keeps its outcome. Gives {success,
    applicationId, status, isNew}. One in progress is refused, after the profile was updated: {success: False,
    isDuplicate, existingStatus, applicationId, error}.
    """
    profile = own_profile(context, caller)
    dot = dot_text(data.get("carrierDOT"))
    if error := _first_error(caller, profile, dot, data):
        return refused(error)
    assert profile is not None
    try:
        documents = document_urls(context, data)
    except UploadFailed as failed:
        return refused(str(failed))
    now = context.now()
    try:
        profile = context.records.change(
            "DriverProfiles", profile["_id"], lambda row: profile_changes(data, documents, row, now), consistent=False
        )
    except NoSuchItem:
        return refused(NO_PROFILE)
    applied = _applied(context, data, profile)

    def apply_again(row: Item) -> Item:
        if row.get("status") in IN_PROGRESS:
            raise Refused(
                "You have already applied to this carrier",
                isDuplicate=True,
                existingStatus=row["status"],
                applicationId=row["_id"],
            )
        return {**applied, "status_history": _submitted(context, row.get("status_history"))}

    new = {
        "_owner": caller.member_id,
        "carrier_name": data.get("carrierName") or "",
        "match_score": js.or_(js.parse_int(data.get("matchScore")), 0),
        "origin": "driver_applied",
        "outcome": None,
        **applied,
        "status_history": _submitted(context, None),
    }
    interest, is_new = add_or_change_interest(context, profile["_id"], dot, new, apply_again)
    context.mail(
        "application_submitted",
        caller.member_id,
        carrierName=interest.get("carrier_name") or "",
        applicationId=interest["_id"],
    )
    return {"success": True, "applicationId": interest["_id"], "status": "applied", "isNew": is_new}


@service
def get_application_status(context: Context, caller: Caller, carrier_dot: Any) -> dict[str, Any]:
    """The caller's application to a carrier: {success, hasApplied, status, applicationId, application}.

    `status`: the row's status, else its action; the last three are None without a row.
    """
    interest = _own_interest(context, caller, carrier_dot)
    if isinstance(interest, str):
        return refused(interest)
    if interest is None:
        return {"success": True, "hasApplied": False, "status": None, "applicationId": None, "application": None}
    return {
        "success": True,
        "hasApplied": True,
        "status": interest.get("status") or interest.get("action"),
        "applicationId": interest["_id"],
        "application": interest,
    }


@service
def withdraw_application(context: Context, caller: Caller, carrier_dot: Any) -> dict[str, Any]:
    """Withdraw the caller's application to a carrier, from any status: {success, applicationId, status}."""
    interest = _own_interest(context, caller, carrier_dot)
    if interest is None or isinstance(interest, str):
        return refused(interest or "Application not found")
    changes = {"status": "withdrawn", "outcome": "withdrawn", "outcome_date": context.now()}

    def withdraw(row: Item) -> Item:
        history = history_with(context, row.get("status_history"), "withdrawn", note="Application withdrawn by driver")
        return {**changes, "status_history": history}

    try:
        context.records.change("DriverCarrierInterests", interest["_id"], withdraw, consistent=False)
    except NoSuchItem:
        return refused("Application not found")
    return {"success": True, "applicationId": interest["_id"], "status": "withdrawn"}


@service
def get_driver_applications(context: Context, caller: Caller) -> dict[str, Any]:
    """The caller's applications and interests, by the latest action, at most 100: {success, applications}."""
    profile = own_profile(context, caller)
    if profile is None:
        return refused(NO_PROFILE if caller.logged_in else NOT_LOGGED_IN)
    newest = Query().eq("driver_id", profile["_id"]).descending("action_timestamp").limit(100)
    return {"success": True, "applications": context.records.query("DriverCarrierInterests", newest).items}


def _first_error(caller: Caller, profile: Item | None, dot: str, data: Mapping[str, Any]) -> str | None:
    if not caller.logged_in:
        return NOT_LOGGED_IN
    if profile is None:
        return NO_PROFILE
    if not dot:
        return "Carrier DOT is required"
    return None if data.get("phone") or data.get("email") else "Phone or email is required"


def _applied(context: Context, data: Mapping[str, Any], profile: Item) -> Item:
    """The keys that an application sets, whether new or repeated, but its history."""
    now = context.now()
    given = {
        "contact_phone": data.get("phone"),
        "contact_email": data.get("email"),
        "availability": data.get("availability"),
        "driver_message": data.get("message"),
        "driver_zip_at_match": profile.get("home_zip"),
        **{key: profile.get(key) for key in ("cdl_front_url", "cdl_back_url", "med_card_url", "resume_url")},
    }
    return {
        "action": "applied",
        "status": "applied",
        "application_date": now,
        "action_timestamp": now,
        "preferred_contact": data.get("preferredContact") or "phone",
        **{key: value for key, value in given.items() if value},
    }


def _submitted(context: Context, history: Any) -> str:
    return history_with(context, history, "applied", note="Application submitted")


def _own_interest(context: Context, caller: Caller, carrier_dot: Any) -> Item | str | None:
    """The caller's row for a carrier, None without one, or the error text without a profile."""
    profile = own_profile(context, caller)
    if profile is None:
        return NO_PROFILE if caller.logged_in else NOT_LOGGED_IN
    return interest_between(context, profile["_id"], carrier_dot)
