"""A recruiter's own profile, and the carriers that it may act for. `recruiter.pipeline` has what it does for them.

A recruiter acts for a carrier by an active row of recruiterCarriers. A new row waits for manual verification, which
sets `verification_status` 'verified' and `is_active`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmdr.services.access import NO_ACCESS, NOT_LOGGED_IN, carrier_link
from lmdr.services.airtable_client import get_carrier_by_dot
from lmdr.services.context import Caller, Context, Refused, refused, service
from lmdr.services.dot_numbers import dot_number, dot_text
from lmdr.services.recruiter.pipeline import add_recruiter_notes as add_recruiter_notes
from lmdr.services.recruiter.pipeline import get_candidate_details as get_candidate_details
from lmdr.services.recruiter.pipeline import get_pipeline_candidates as get_pipeline_candidates
from lmdr.services.recruiter.pipeline import get_pipeline_stats as get_pipeline_stats
from lmdr.services.recruiter.pipeline import update_candidate_status as update_candidate_status
from lmdr.services.unique_rows import insert_or_change
from runbook.errors import NoSuchItem
from runbook.json_types import Item
from runbook.query import Query

PENDING, VERIFIED, REJECTED = "pending_verification", "verified", "rejected"
_PROTECTED_KEYS = frozenset({"is_active", "verification_status"})
"""Keys of a profile, beside the system's, that the recruiter must not change."""
_SHOWN = ("dot_number", "legal_name", "dba_name", "phy_city", "phy_state", "nbr_power_unit", "driver_total", "logo_url")


@service
def get_or_create_recruiter_profile(context: Context, caller: Caller) -> dict[str, Any]:
    """The caller's row of recruiterProfiles, created if missing, and its carriers.

    {success, profile, carriers, needsSetup, isNew}: `carriers` as in `get_recruiter_carriers`; `needsSetup` if none.
    """
    if not caller.member_id:
        return refused(NOT_LOGGED_IN)
    now = context.now()
    new: Item = {
        "email": caller.email,
        "is_independent": True,
        "is_active": False,
        "verification_status": "pending",
        "last_active_date": now,
    }
    key = {"_owner": caller.member_id}
    profile, is_new = insert_or_change(context, "recruiterProfiles", key, new, {"last_active_date": now})
    carriers = _carriers(context, caller.member_id)
    return {"success": True, "profile": profile, "carriers": carriers, "needsSetup": not carriers, "isNew": is_new}


@service
def update_recruiter_profile(context: Context, caller: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Change keys of the caller's profile, but those of its verification: {success, profile}."""
    if not caller.member_id:
        return refused(NOT_LOGGED_IN)
    profile = _profile(context, caller.member_id)
    if profile is None:
        return refused("Recruiter profile not found")
    changes = {key: value for key, value in data.items() if not key.startswith("_") and key not in _PROTECTED_KEYS}
    return {"success": True, "profile": context.records.patch("recruiterProfiles", profile["_id"], changes)}


@service
def validate_carrier_dot(context: Context, carrier_dot: Any) -> dict[str, Any]:
    """Whether a carrier has that DOT number: {success, valid, carrier}, or {success: False, valid, error}."""
    if not dot_text(carrier_dot):
        return refused("DOT number is required", valid=False)
    if dot_number(carrier_dot) is None:
        return refused("Invalid DOT number", valid=False)
    # The platform queries by text and finds no carrier: Carriers holds a number.
    carrier = get_carrier_by_dot(context, carrier_dot)
    if carrier is None:
        return refused("Carrier not found", valid=False)
    return {"success": True, "valid": True, "carrier": _shown(carrier)}


@service
def add_carrier(context: Context, caller: Caller, carrier_dot: Any) -> dict[str, Any]:
    """Request to act for a carrier: {success, carrier, isActive, verificationStatus}.

    A new link is inactive until it is verified; repeated requests do not change that. A verified link that was removed
    becomes active again. An active or rejected one is refused.
    """
    if not caller.member_id:
        return refused(NOT_LOGGED_IN)
    checked = validate_carrier_dot(context, carrier_dot)
    if not checked["success"]:
        return refused(checked["error"])
    carrier = checked["carrier"]
    dot = dot_text(carrier["dot_number"])
    now = context.now()
    new = {
        "_owner": caller.member_id,
        "carrier_name": carrier.get("legal_name") or carrier.get("dba_name") or "",
        "is_active": False,
        "added_date": now,
        "verification_status": PENDING,
    }

    def request_again(link: Item) -> Item:
        if link.get("is_active"):
            raise Refused("You already have access to this carrier")
        status = link.get("verification_status")
        if status == REJECTED:
            raise Refused("Your access to this carrier was rejected")
        if status == VERIFIED:
            # The platform activates any inactive link, even an unverified one; a removed one is intended.
            return {"is_active": True, "added_date": now}
        waits = {"is_active": False, "verification_status": PENDING}
        return {} if waits.items() <= link.items() else waits

    key = {"recruiter_id": caller.member_id, "carrier_dot": dot}
    # People verify a link in the grid: what they have just done must hold.
    link, _ = insert_or_change(context, "recruiterCarriers", key, new, request_again, consistent=True)
    return {
        "success": True,
        "carrier": carrier,
        "isActive": link["is_active"],
        "verificationStatus": link["verification_status"],
    }


@service
def remove_carrier(context: Context, caller: Caller, carrier_dot: Any) -> dict[str, Any]:
    """Stop acting for a carrier; the link stays, inactive: {success}."""
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    link = carrier_link(context, caller, carrier_dot)
    if link is None:
        return refused(NO_ACCESS)

    def deactivate(link: Item) -> Item:
        if not link.get("is_active"):
            raise Refused(NO_ACCESS)
        return {"is_active": False}

    try:
        context.records.change("recruiterCarriers", link["_id"], deactivate, consistent=False)
    except NoSuchItem:
        return refused(NO_ACCESS)
    return {"success": True}


@service
def get_recruiter_carriers(context: Context, caller: Caller) -> dict[str, Any]:
    """The carriers that the caller acts for, the last added first: {success, carriers}.

    Each is {carrierDot, carrierName, addedDate, verificationStatus, carrier}; `carrier` has some keys of its row, None
    without one.
    """
    if not caller.member_id:
        return refused(NOT_LOGGED_IN)
    return {"success": True, "carriers": _carriers(context, caller.member_id)}


def _carriers(context: Context, member_id: str) -> list[dict[str, Any]]:
    active = Query().eq("recruiter_id", member_id).eq("is_active", True).descending("added_date")
    links = context.records.get_all("recruiterCarriers", active)
    # The platform queries by texts and finds no carrier: Carriers holds numbers.
    dots = {number for link in links if (number := dot_number(link["carrier_dot"])) is not None}
    rows = context.records.get_all("Carriers", Query().in_("dot_number", sorted(dots))) if dots else []
    by_dot = {carrier["dot_number"]: _shown(carrier) for carrier in rows}
    return [
        {
            "carrierDot": link["carrier_dot"],
            "carrierName": link.get("carrier_name"),
            "addedDate": link.get("added_date"),
            "verificationStatus": link.get("verification_status"),
            "carrier": by_dot.get(dot_number(link["carrier_dot"])),
        }
        for link in links
    ]


def _shown(carrier: Item) -> Item:
    return {key: carrier[key] for key in _SHOWN if key in carrier}


def _profile(context: Context, member_id: str) -> Item | None:
    return context.records.first("recruiterProfiles", Query().eq("_owner", member_id))
