"""Candidates on their way through a carrier's pipeline."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from lmdr.services.context import ANYONE, Caller
from lmdr.services.recruiter.profile import (
    add_recruiter_notes,
    get_candidate_details,
    get_pipeline_candidates,
    get_pipeline_stats,
    update_candidate_status,
)
from platform_kit import Platform
from runbook.json_types import Item

RAY, STRANGER = Caller("member-ray"), Caller("member-stranger")
NOBODY = {"success": False, "error": "User must be logged in"}
NO_ACCESS = {"success": False, "error": "You do not have access to this carrier", "code": "ACCESS_DENIED"}
NOT_THEIRS = {"success": False, "error": "You do not have access to this candidate"}


@pytest.fixture(autouse=True)
def link(platform: Platform) -> None:
    platform.put("recruiterCarriers", recruiter_id=RAY.member_id, carrier_dot="77", is_active=True)


@pytest.fixture
def driver(platform: Platform) -> Item:
    return platform.put("DriverProfiles", _owner="member-ada", display_name="Ada")


def candidate(platform: Platform, driver: Item, status: str | None = "applied", **more: Any) -> Item:
    row: dict[str, Any] = {"driver_id": driver["_id"], "carrier_dot": "77", "action_timestamp": platform.now}
    return platform.put("DriverCarrierInterests", **row, **({"status": status} if status else {}), **more)


def test_the_pipeline_hides_rejected_and_withdrawn_unless_requested(platform: Platform, driver: Item) -> None:
    context = platform.context()
    for hours, status in enumerate(("applied", None, "rejected", "withdrawn", "hired", "on_hold")):
        platform.at(platform.now + timedelta(hours=hours))
        candidate(platform, driver, status)
    platform.put("DriverCarrierInterests", driver_id="gone", carrier_dot="78", status="applied")

    answer = get_pipeline_candidates(context, RAY, 77)
    assert [row.get("status") for row in answer["candidates"]] == ["on_hold", "hired", None, "applied"]
    assert {row["driver"]["display_name"] for row in answer["candidates"]} == {"Ada"}
    assert answer["totalCount"] == 4
    assert list(answer["byStage"]) == ["interested", "applied", "in_review", "contacted", "offer", "hired"]
    assert [len(rows) for rows in answer["byStage"].values()] == [1, 1, 0, 0, 0, 1]

    everyone = get_pipeline_candidates(context, RAY, "77", {"includeHidden": True})
    assert everyone["totalCount"] == 6
    assert get_pipeline_candidates(context, RAY, "77", {"status": "interested"})["totalCount"] == 1
    assert get_pipeline_candidates(context, RAY, "77", {"status": "rejected"})["totalCount"] == 0
    hidden = get_pipeline_candidates(context, RAY, "77", {"status": "rejected", "includeHidden": True})
    assert hidden["totalCount"] == 1


def test_a_pipeline_is_for_the_carriers_recruiters(platform: Platform) -> None:
    context = platform.context()
    for ask in (get_pipeline_candidates, get_pipeline_stats):
        assert ask(context, ANYONE, "77") == {**NOBODY, "code": "NOT_LOGGED_IN"}
        assert ask(context, STRANGER, "77") == NO_ACCESS
        assert ask(context, RAY, "78") == NO_ACCESS
    assert get_pipeline_candidates(context, RAY, "77")["candidates"] == []


def test_a_candidates_status_changes_and_its_driver_gets_a_mail(platform: Platform, driver: Item) -> None:
    platform.put("Carriers", dot_number=77, legal_name="ACME")
    row = candidate(platform, driver, application_date=platform.now, status_history='[{"status":"applied"}]')
    platform.at(platform.now + timedelta(hours=2, minutes=15))
    context = platform.context()
    answer = update_candidate_status(context, RAY, row["_id"], "in_review")
    assert answer == {"success": True, "status": "in_review", "recruiterResponseTime": 2.3}
    stored = platform.row("DriverCarrierInterests", row["_id"])
    assert (stored["status"], stored["action_timestamp"], "outcome" in stored) == ("in_review", platform.now, False)
    assert json.loads(stored["status_history"]) == [
        {"status": "applied"},
        {
            "status": "in_review",
            "timestamp": "2026-01-21T14:15:00.000Z",
            "note": "Status changed to in_review",
            "actor": "recruiter",
        },
    ]
    assert platform.mails == [
        ("application_status_changed", "member-ada", {"carrierName": "ACME", "status": "In Review"})
    ]

    platform.at(platform.now + timedelta(days=3))
    answer = update_candidate_status(context, RAY, row["_id"], "contacted", "rang twice")
    assert answer["recruiterResponseTime"] == 2.3  # the first answer's
    assert json.loads(platform.row("DriverCarrierInterests", row["_id"])["status_history"])[-1]["note"] == "rang twice"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("hired", True), ("rejected", True), ("withdrawn", True), ("offer", False), ("anything at all", False)],
)
def test_an_end_is_the_outcome_from_any_status(platform: Platform, driver: Item, status: str, outcome: bool) -> None:
    row = candidate(platform, driver, "hired")
    assert update_candidate_status(platform.context(), RAY, row["_id"], status)["recruiterResponseTime"] is None
    stored = platform.row("DriverCarrierInterests", row["_id"])
    assert stored["status"] == status
    assert stored.get("outcome") == (status if outcome else None)
    assert stored.get("outcome_date") == (platform.now if outcome else None)


def test_the_clock_of_an_answer_starts_with_the_application_or_the_last_action(
    platform: Platform, driver: Item
) -> None:
    begun = candidate(platform, driver, None)
    never = platform.put("DriverCarrierInterests", driver_id="gone", carrier_dot="77")
    platform.at(platform.now + timedelta(minutes=3))
    context = platform.context()
    assert update_candidate_status(context, RAY, begun["_id"], "contacted")["recruiterResponseTime"] == 0.1
    assert update_candidate_status(context, RAY, never["_id"], "contacted")["recruiterResponseTime"] is None
    assert len(platform.mails) == 1  # the second has no driver to tell


def test_a_candidate_of_another_carrier_cannot_be_changed(platform: Platform, driver: Item) -> None:
    context, row = platform.context(), candidate(platform, driver)
    quick = platform.put("DriverCarrierInterests", driver_id=driver["_id"], carrier_id="c")  # it has no DOT number
    calls = (
        lambda caller, row_id: update_candidate_status(context, caller, row_id, "hired"),
        lambda caller, row_id: get_candidate_details(context, caller, row_id),
        lambda caller, row_id: add_recruiter_notes(context, caller, row_id, "n"),
    )
    for call in calls:
        assert call(ANYONE, row["_id"]) == NOBODY
        assert call(STRANGER, row["_id"]) == NOT_THEIRS
        assert call(RAY, quick["_id"]) == NOT_THEIRS
        assert call(RAY, "gone")["error"] == "Candidate not found"
        assert call(RAY, "")["error"] == "Candidate not found"
    assert update_candidate_status(context, RAY, row["_id"], "")["error"] == "Status is required"
    assert platform.row("DriverCarrierInterests", row["_id"]) == row
    assert platform.mails == []


def test_details_and_notes_of_a_candidate(platform: Platform, driver: Item) -> None:
    context, row = platform.context(), candidate(platform, driver, recruiter_notes="old")
    assert add_recruiter_notes(context, RAY, row["_id"], "kind\n– 🚚") == {"success": True, "notes": "kind\n– 🚚"}
    details = get_candidate_details(context, RAY, row["_id"])["candidate"]
    assert (details["recruiter_notes"], details["driver"]) == ("kind\n– 🚚", driver)
    platform.records.remove("DriverProfiles", driver["_id"])
    assert get_candidate_details(context, RAY, row["_id"])["candidate"]["driver"] is None


def test_the_pipeline_in_figures(platform: Platform) -> None:
    context = platform.context()
    empty = get_pipeline_stats(context, RAY, "77")["stats"]
    assert (empty["totalPipeline"], empty["avgResponseTime"], empty["conversionRate"]) == (0, None, 0)
    days = {
        "applied": (0, 6.0), "offer": (7, None), "hired": (8, 3), "rejected": (30, None), "withdrawn": (31, 3.1), "other": (99, None),
    }  # fmt: skip
    platform.records.bulk_insert(
        "DriverCarrierInterests",
        [
            {"driver_id": "d", "carrier_dot": "77", "status": status, "recruiter_response_time": hours,
             "action_timestamp": platform.now - timedelta(days=ago)}
            for status, (ago, hours) in days.items()
        ]
        + [{"driver_id": "e", "carrier_dot": "77"}],
    )  # fmt: skip
    assert get_pipeline_stats(context, RAY, 77)["stats"] == {
        "totalPipeline": 5,
        "byStage": {
            "interested": 1, "applied": 1, "in_review": 0, "contacted": 0, "offer": 1, "hired": 1, "rejected": 1,
            "withdrawn": 1, "other": 1,
        },
        "last7Days": 2,
        "last30Days": 4,
        "avgResponseTime": 4,
        "conversionRate": 33,
        "badge": {"label": "Fast Responder", "color": "#3b82f6"},
    }  # fmt: skip
