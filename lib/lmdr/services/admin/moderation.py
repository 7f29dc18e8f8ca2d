"""Moderation of pending reviews, job postings and drivers' documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from lmdr import js
from lmdr.services.admin.access import AdminError, admitted, moderators
from lmdr.services.admin.changes import Change, change_item, setting
from lmdr.services.context import Caller, Context, service
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

DOCUMENTS: Final = ("cdl_front", "cdl_back", "med_card")
"""Kinds of document; a driver has `<kind>_image`, `<kind>_status` and `<kind>_rejection_reason`."""

_PENDING = Query().eq("status", "pending")  # 50 rows, the default limit


@service
@admitted(moderators, "Failed to get the moderation queue")
def get_moderation_queue(
    context: Context, caller: Caller, options: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Pending items, the newest first: {id, type, date, status, …}, of type 'review', 'job' or 'document'.

    `options`: type 'reviews', 'jobs', 'documents' or 'all'. 50 pending reviews and 50 pending jobs are read, and the
    documents of the 50 active drivers whose profile changed last, where the image exists and its status is pending or
    missing. Raises AdminError.
    """
    wanted = js.or_((options or {}).get("type"), "all")
    sources = {"reviews": _reviews, "jobs": _jobs, "documents": _documents}
    items = [item for name, read in sources.items() if wanted in (name, "all") for item in read(context.records)]
    return sorted(items, key=lambda item: item["date"], reverse=True)


@service
@admitted(moderators, "Failed to update the review")
def update_review_status(
    context: Context, caller: Caller, review_id: str, status: str, reason: str | None = None
) -> dict[str, Any]:
    """Set a review's status, any text, with moderation_reason and moderated_at; audited. Raises AdminError."""
    keys = {"status": status, "moderation_reason": reason, "moderated_at": context.now()}
    change = setting("updateReview", "review", keys, status=status, reason=reason)
    return _moderate(context, caller, "CarrierReviews", review_id, change, status)


@service
@admitted(moderators, "Failed to update the job")
def update_job_status(context: Context, caller: Caller, job_id: str, status: str) -> dict[str, Any]:
    """Set a job posting's status, any text, and moderated_at; audited. Raises AdminError."""
    change = setting("updateJob", "job", {"status": status, "moderated_at": context.now()}, status=status)
    return _moderate(context, caller, "JobPostings", job_id, change, status)


@service
@admitted(moderators, "Failed to update the document")
def update_document_status(
    context: Context, caller: Caller, driver_id: str, doc_type: str, status: str, reason: str | None = None
) -> dict[str, Any]:
    """Set the status of a driver's document, any text, and the reason of a rejection (else None); audited.

    `doc_type`: cdl_front, cdl_back or med_card. Raises AdminError for any other, or where there is no driver.
    """
    if doc_type not in DOCUMENTS:
        raise AdminError("Invalid document type")
    rejected = reason if status == "rejected" else None
    keys = {f"{doc_type}_status": status, f"{doc_type}_rejection_reason": rejected}
    change = setting("updateDocument", "driver_document", keys, docType=doc_type, status=status, reason=reason)
    return _moderate(context, caller, "DriverProfiles", driver_id, change, status, not_found="Driver not found")


@service
@admitted(moderators, "Failed to get the moderation statistics")
def get_moderation_stats(context: Context, caller: Caller) -> dict[str, int]:
    """Numbers of pending items: pendingReviews, pendingJobs, and pendingDocuments, always 0 as on the platform."""
    records = context.records
    return {
        "pendingReviews": records.count("CarrierReviews", _PENDING),
        "pendingJobs": records.count("JobPostings", _PENDING),
        "pendingDocuments": 0,
    }


def _reviews(records: Records) -> Iterator[dict[str, Any]]:
    keys = {"title": "title", "content": "content", "rating": "rating", "carrierName": "carrier_name",
            "reviewerName": "reviewer_name"}  # fmt: skip
    for row in records.query("CarrierReviews", _PENDING):
        yield _pending("review", row, row["_id"], "submitted_date") | {name: row.get(key) for name, key in keys.items()}


def _jobs(records: Records) -> Iterator[dict[str, Any]]:
    keys = {"title": "title", "content": "description", "carrierName": "carrier_name"}
    for row in records.query("JobPostings", _PENDING):
        yield _pending("job", row, row["_id"], "submitted_date") | {name: row.get(key) for name, key in keys.items()}


def _documents(records: Records) -> Iterator[dict[str, Any]]:
    for row in records.query("DriverProfiles", Query().eq("profile_status", "active").descending("updated_date")):
        for kind in DOCUMENTS:
            image, status = row.get(f"{kind}_image"), row.get(f"{kind}_status")
            if js.truthy(image) and js.or_(status, "pending") == "pending":
                yield _pending("document", row, f"{row['_id']}_{kind}", "updated_date") | {
                    "driverId": row["_id"],
                    "driverName": row.get("display_name"),
                    "docType": kind,
                    "image": image,
                }


def _pending(kind: str, row: Item, item_id: str, date_key: str) -> dict[str, Any]:
    """A pending item; without a date under `date_key` it has that of its creation."""
    date = row[date_key] if isinstance(row.get(date_key), datetime) else row.get("_createdDate")
    return {"id": item_id, "type": kind, "status": "pending", "date": date}


def _moderate(
    context: Context,
    caller: Caller,
    collection: str,
    item_id: str,
    change: Change,
    status: str,
    *,
    not_found: str | None = None,
) -> dict[str, Any]:
    # The platform writes its rows of the audit log with other keys (admin_email, target_type, …), which the audit page
    # does not read. Here they have the same keys as all others.
    change_item(context, caller, collection, item_id, change, not_found=not_found)
    return {"success": True, "id": item_id, "status": status}
