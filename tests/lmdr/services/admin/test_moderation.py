"""Moderation: who may, what waits and in which order, each change of it audited."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from admin_kit import ADMIN, SUPER, audited, refuse_all
from lmdr.services.admin.access import AdminError
from lmdr.services.admin.moderation import (
    get_moderation_queue,
    get_moderation_stats,
    update_document_status,
    update_job_status,
    update_review_status,
)
from lmdr.services.context import Caller
from platform_kit import NOON, Platform

HOUR = timedelta(hours=1)
MODERATOR = Caller("member-9", "mo@example.com")


@pytest.fixture
def moderated(platform: Platform) -> Platform:
    """A platform with a moderator."""
    platform.put("AdminUsers", email="mo@example.com", status="active")
    return platform


def done_by_moderator(action: str, kind: str, item_id: str) -> list[tuple[Any, ...]]:
    return [(action, kind, item_id, "member-9", "mo@example.com")]


def test_moderation_is_for_members_of_admin_users_of_any_role(moderated: Platform) -> None:
    moderated.put("AdminUsers", email="ann@example.com", status="inactive")
    review = moderated.put("CarrierReviews", status="pending")
    job = moderated.put("JobPostings", status="pending")
    driver = moderated.put("DriverProfiles", cdl_front_status="pending")
    refuse_all(
        moderated,
        (
            get_moderation_queue, get_moderation_stats,
            lambda context, caller: update_review_status(context, caller, review["_id"], "approved"),
            lambda context, caller: update_job_status(context, caller, job["_id"], "approved"),
            lambda context, caller: update_document_status(context, caller, driver["_id"], "cdl_front", "approved"),
        ),
        ADMIN, SUPER, Caller(None, "mo@example.com"), Caller("member-9", "MO@example.com"),
    )  # fmt: skip
    assert moderated.row("CarrierReviews", review["_id"]) == review
    assert moderated.row("JobPostings", job["_id"]) == job
    assert moderated.row("DriverProfiles", driver["_id"]) == driver
    assert audited(moderated) == []
    assert len(get_moderation_queue(moderated.context(), MODERATOR)) == 2


def test_the_queue_merges_pending_items_newest_first(moderated: Platform) -> None:
    review = moderated.put("CarrierReviews", status="pending", submitted_date=NOON - 2 * HOUR, title="Fine", rating=4)
    moderated.put("CarrierReviews", status="approved", submitted_date=NOON)
    job = moderated.put("JobPostings", status="pending", created=NOON - 3 * HOUR, title="OTR")
    driver = moderated.put(
        "DriverProfiles",
        profile_status="active",
        updated_date=NOON - HOUR,
        display_name="Dan",
        cdl_front_image="wix:image://v1/front",
        cdl_front_status="pending",
        cdl_back_image="wix:image://v1/back",
        med_card_image="wix:image://v1/med",
        med_card_status="verified",
    )["_id"]
    moderated.put("DriverProfiles", profile_status="active", updated_date=NOON, cdl_front_status="pending")
    moderated.put("DriverProfiles", profile_status="incomplete", updated_date=NOON, cdl_front_image="wix:image://v1/x")
    queue = get_moderation_queue(moderated.context(), MODERATOR)
    assert [(item["type"], item["id"]) for item in queue] == [
        ("document", f"{driver}_cdl_front"),
        ("document", f"{driver}_cdl_back"),
        ("review", review["_id"]),
        ("job", job["_id"]),
    ]
    assert (queue[0]["driverId"], queue[0]["docType"], queue[0]["image"]) == (
        driver,
        "cdl_front",
        "wix:image://v1/front",
    )
    assert (queue[2]["title"], queue[2]["rating"], queue[2]["date"]) == ("Fine", 4, NOON - 2 * HOUR)
    for expected, kinds in (
        ("reviews", {"review"}),
        ("jobs", {"job"}),
        ("documents", {"document"}),
        ("all", {"review", "job", "document"}),
        ("none", set()),
    ):
        found = get_moderation_queue(moderated.context(), MODERATOR, {"type": expected})
        assert {item["type"] for item in found} == kinds


def test_fifty_of_each_kind_are_read(moderated: Platform) -> None:
    moderated.records.bulk_insert("CarrierReviews", [{"status": "pending"} for _ in range(51)])
    assert len(get_moderation_queue(moderated.context(), MODERATOR, {"type": "reviews"})) == 50
    assert get_moderation_stats(moderated.context(), MODERATOR)["pendingReviews"] == 51


def test_a_review_accepts_any_status(moderated: Platform) -> None:
    review = moderated.put("CarrierReviews", status="pending", title="Fine")["_id"]
    update_review_status(moderated.context(), MODERATOR, review, "on hold", "check names")
    row = moderated.row("CarrierReviews", review)
    assert (row["status"], row["moderation_reason"], row["moderated_at"], row["title"]) == (
        "on hold",
        "check names",
        NOON,
        "Fine",
    )
    assert audited(moderated) == done_by_moderator("updateReview", "review", review)
    [entry] = moderated.rows("AdminAuditLog")
    assert entry["details"] == {"status": "on hold", "reason": "check names"}


def test_a_job_is_approved(moderated: Platform) -> None:
    job = moderated.put("JobPostings", status="pending")["_id"]
    update_job_status(moderated.context(), MODERATOR, job, "approved")
    row = moderated.row("JobPostings", job)
    assert (row["status"], row["moderated_at"]) == ("approved", NOON)
    assert audited(moderated) == done_by_moderator("updateJob", "job", job)


def test_the_reason_of_a_rejection_is_cleared_by_another_status(moderated: Platform) -> None:
    driver = moderated.put("DriverProfiles", med_card_image="wix:image://v1/med", cdl_back_status="pending")["_id"]
    update_document_status(moderated.context(), MODERATOR, driver, "med_card", "rejected", "blurred")
    row = moderated.row("DriverProfiles", driver)
    assert (row["med_card_status"], row["med_card_rejection_reason"]) == ("rejected", "blurred")
    update_document_status(moderated.context(), MODERATOR, driver, "med_card", "approved", "blurred")
    row = moderated.row("DriverProfiles", driver)
    assert (row["med_card_status"], row["med_card_rejection_reason"]) == ("approved", None)
    assert row["cdl_back_status"] == "pending"
    assert audited(moderated) == done_by_moderator("updateDocument", "driver_document", driver) * 2


def test_a_missing_item_cannot_be_moderated(moderated: Platform) -> None:
    driver = moderated.put("DriverProfiles")["_id"]
    context = moderated.context()
    with pytest.raises(AdminError, match="Review not found"):
        update_review_status(context, MODERATOR, "no such", "approved")
    with pytest.raises(AdminError, match="Job not found"):
        update_job_status(context, MODERATOR, "no such", "approved")
    with pytest.raises(AdminError, match="Driver not found"):
        update_document_status(context, MODERATOR, "no such", "cdl_front", "approved")
    with pytest.raises(AdminError, match="Invalid document type"):
        update_document_status(context, MODERATOR, driver, "resume", "approved")
    with pytest.raises(AdminError, match="Failed to update the review"):
        update_review_status(context, MODERATOR, None, "approved")  # type: ignore[arg-type]
    assert audited(moderated) == []


def test_documents_are_never_counted(moderated: Platform) -> None:
    moderated.put("DriverProfiles", profile_status="active", cdl_front_image="wix:image://v1/front")
    moderated.put("JobPostings", status="pending")
    assert get_moderation_stats(moderated.context(), MODERATOR) == {
        "pendingReviews": 0,
        "pendingJobs": 1,
        "pendingDocuments": 0,
    }
