"""Carriers' staffing requests from the landing page, and their status."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lmdr import js
from lmdr.services.context import Context, refused, service
from lmdr.services.dot_numbers import dot_number
from lmdr.services.status_history import history
from runbook.errors import NoSuchItem
from runbook.json_types import MISSING, Item
from runbook.query import Query
from runbook.query.query import DEFAULT_LIMIT, MAX_LIMIT
from runbook.query.values import stamp

STATUSES = ("new", "contacted", "qualified", "in_progress", "closed_won", "closed_lost")
"""The usual statuses; others are accepted."""
REQUIRED = {
    "companyName": "Company name is required",
    "contactName": "Contact name is required",
    "email": "Email is required",
    "phone": "Phone number is required",
}

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


@service
def submit_carrier_staffing_request(context: Context, data: Mapping[str, Any]) -> dict[str, Any]:
    """Submit a request: {success, requestId, message} or {success: False, error} for the first failed check.

    `data`: companyName, contactName, email, phone, staffingType; dotNumber, driversNeeded (a range as text),
    driverTypes (texts), additionalNotes, sourceUrl are optional. An address with surrounding blanks is refused. Where
    Carriers has the DOT number, the request is linked to that carrier.
    """
    for key, error in REQUIRED.items():
        if not _trimmed(data.get(key)):
            return refused(error)
    if not js.truthy(data.get("staffingType", MISSING)):
        return refused("Staffing type is required")
    if not _EMAIL.fullmatch(js.to_string(data["email"])):
        return refused("Please enter a valid email address")
    now = context.now()
    types = data.get("driverTypes")
    row: dict[str, Any] = {
        "company_name": _trimmed(data["companyName"]),
        "contact_name": _trimmed(data["contactName"]),
        "email": _trimmed(data["email"]).lower(),
        "phone": _trimmed(data["phone"]),
        "staffing_type": _trimmed(data["staffingType"]),
        "drivers_needed": _trimmed(data.get("driversNeeded")),
        "driver_types": [*filter(None, map(_trimmed, types))] if isinstance(types, list) else [],
        "additional_notes": _trimmed(data.get("additionalNotes")),
        "linked_carrier_id": None,
        "status": "new",
        "submitted_date": now,
        "last_updated": now,
        "source": "landing_page",
        "source_url": _trimmed(data.get("sourceUrl")) or "/last-mile-staffing",
    }
    if dot := _trimmed(data.get("dotNumber")):
        row["dot_number"] = dot
        row["linked_carrier_id"] = _carrier_id(context, dot)
    request = context.records.insert("carrierStaffingRequests", row)
    return {
        "success": True,
        "requestId": request["_id"],
        "message": "Your request has been submitted. We will contact you shortly.",
    }


@service
def get_lead_status(context: Context, request_id: str) -> dict[str, Any]:
    """The status of a request: {success, status, companyName, submittedDate, lastUpdated}, or an error."""
    row = context.records.get("carrierStaffingRequests", request_id) if request_id else None
    if row is None:
        return refused("Request not found")
    return {
        "success": True,
        "status": row.get("status"),
        "companyName": row.get("company_name"),
        "submittedDate": row.get("submitted_date"),
        "lastUpdated": row.get("last_updated"),
    }


@service
def get_carrier_leads(context: Context, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Requests, the newest first: {success, leads, totalCount, hasMore}.

    `options`: status (all), limit (50; at most 1000), skip (0). `totalCount`: all of that status.
    """
    options = options or {}
    limit = min(max(int(js.or_(js.parse_int(options.get("limit")), DEFAULT_LIMIT)), 1), MAX_LIMIT)
    skip = max(int(js.or_(js.parse_int(options.get("skip")), 0)), 0)
    query = Query().eq("status", options["status"]) if options.get("status") else Query()
    page = context.records.query("carrierStaffingRequests", query.descending("submitted_date").limit(limit).skip(skip))
    total = context.records.count("carrierStaffingRequests", query)
    return {"success": True, "leads": page.items, "totalCount": total, "hasMore": skip + len(page) < total}


@service
def update_lead_status(context: Context, request_id: str, new_status: str, notes: str = "") -> dict[str, Any]:
    """Set a request's status, any text, with an entry in its history: {success} or {success: False, error}."""
    if not (request_id and new_status):
        return refused("Missing required parameters")
    if context.records.get("carrierStaffingRequests", request_id) is None:
        return refused("Request not found")
    now = context.now()

    def set_status(row: Item) -> Item:
        entry = {"from": row.get("status"), "to": new_status, "timestamp": stamp(now), "notes": notes or ""}
        entries = json.dumps([*history(row.get("status_history")), entry], ensure_ascii=False)
        return {"status": new_status, "last_updated": now, "status_history": entries}

    try:
        context.records.change("carrierStaffingRequests", request_id, set_status)
    except NoSuchItem:
        return refused("Request not found")
    return {"success": True}


def _trimmed(value: Any) -> str:
    return js.trim(js.to_string(value)) if js.truthy(value) else ""


def _carrier_id(context: Context, dot: str) -> str | None:
    number = dot_number(js.parse_int(dot))
    row = None if number is None else context.records.first("Carriers", Query().eq("dot_number", number))
    return None if row is None else str(row["_id"])
