"""Staffing requests: validation, its order, and their status."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from lmdr.services.carrier.leads import (
    STATUSES,
    get_carrier_leads,
    get_lead_status,
    submit_carrier_staffing_request,
    update_lead_status,
)
from platform_kit import Platform

FORM = {"companyName": " ACME ", "contactName": "Ann Ng", "email": "Ann@B.Test", "phone": " 555-0100",
        "staffingType": "emergency"}  # fmt: skip


def submit(platform: Platform, **more: Any) -> dict[str, Any]:
    return submit_carrier_staffing_request(platform.context(), {**FORM, **more})


def test_a_request_is_stored_trimmed_with_its_defaults(platform: Platform) -> None:
    answer = submit(platform)
    assert answer["success"] is True
    row = platform.row("carrierStaffingRequests", answer["requestId"])
    assert {key: value for key, value in row.items() if key[0] != "_"} == {
        "company_name": "ACME", "contact_name": "Ann Ng", "email": "ann@b.test", "phone": "555-0100",
        "staffing_type": "emergency", "drivers_needed": "", "driver_types": [], "additional_notes": "",
        "linked_carrier_id": None, "status": "new", "submitted_date": platform.now, "last_updated": platform.now,
        "source": "landing_page", "source_url": "/last-mile-staffing",
    }  # fmt: skip


def test_optional_fields_of_a_form_are_stored_unchanged(platform: Platform) -> None:
    answer = submit(platform, driversNeeded="6-15", driverTypes=["class_a", "own"], additionalNotes="Sí, 日本\n2",
                  sourceUrl="/other", companyName="O'Brien \"& Co\"", staffingType="anything")  # fmt: skip
    row = platform.row("carrierStaffingRequests", answer["requestId"])
    assert (row["drivers_needed"], row["driver_types"], row["source_url"]) == ("6-15", ["class_a", "own"], "/other")
    assert (row["additional_notes"], row["company_name"]) == ("Sí, 日本\n2", 'O\'Brien "& Co"')
    assert row["staffing_type"] == "anything"
    other = submit(platform, driverTypes="class_a")
    assert platform.row("carrierStaffingRequests", other["requestId"])["driver_types"] == []


def test_the_first_failed_check_decides_and_nothing_is_stored(platform: Platform) -> None:
    form: dict[str, Any] = {}
    for key, error in (
        ("companyName", "Company name is required"),
        ("contactName", "Contact name is required"),
        ("email", "Email is required"),
        ("phone", "Phone number is required"),
        ("staffingType", "Staffing type is required"),
    ):
        for blank in ({}, {key: None}, {key: ""}, {} if key == "staffingType" else {key: " \n"}):
            answer = submit_carrier_staffing_request(platform.context(), form | blank)
            assert answer == {"success": False, "error": error}, (key, blank)
        form[key] = "not an address" if key == "email" else "x"
    answer = submit_carrier_staffing_request(platform.context(), form)
    assert answer == {"success": False, "error": "Please enter a valid email address"}
    assert platform.rows("carrierStaffingRequests") == []


@pytest.mark.parametrize("email", ["a@b", "a b@c.d", "@b.c", "a@@b.c", " a@b.test", "a@b.test\n", "a@b.", 5])
def test_an_invalid_or_padded_address_is_refused(platform: Platform, email: Any) -> None:
    assert submit(platform, email=email) == {"success": False, "error": "Please enter a valid email address"}


@pytest.mark.parametrize(
    ("given", "stored", "linked"),
    [("77", "77", True), (77, "77", True), (" 77 ", "77", True), ("77-A", "77-A", True), ("78", "78", False),
     ("MC 77", "MC 77", False), ("", None, False), (None, None, False)],
)  # fmt: skip
def test_a_request_is_linked_to_the_carrier_of_its_dot_number(
    platform: Platform, given: Any, stored: str | None, linked: bool
) -> None:
    carrier = platform.put("Carriers", dot_number=77, legal_name="ACME")
    row = platform.row("carrierStaffingRequests", submit(platform, dotNumber=given)["requestId"])
    assert row.get("dot_number") == stored
    assert row["linked_carrier_id"] == (carrier["_id"] if linked else None)


def test_a_request_has_its_status(platform: Platform) -> None:
    answer = submit(platform)
    assert get_lead_status(platform.context(), answer["requestId"]) == {
        "success": True, "status": "new", "companyName": "ACME", "submittedDate": platform.now,
        "lastUpdated": platform.now}  # fmt: skip
    for missing in ("gone", ""):
        assert get_lead_status(platform.context(), missing) == {"success": False, "error": "Request not found"}


def test_requests_come_the_newest_first_in_pages(platform: Platform) -> None:
    context = platform.context()
    for number, status in enumerate(("new", "new", "contacted", "new")):
        platform.put("carrierStaffingRequests", company_name=str(number), contact_name="x", email="a@b.test", phone="1",
                     staffing_type="strategic", status=status,
                     submitted_date=platform.now + timedelta(hours=number))  # fmt: skip

    def names(**options: Any) -> tuple[str, int, bool]:
        page = get_carrier_leads(context, options)
        return "".join(lead["company_name"] for lead in page["leads"]), page["totalCount"], page["hasMore"]

    assert names() == ("3210", 4, False)
    assert names(limit=2) == ("32", 4, True)
    assert names(limit=2, skip=2) == ("10", 4, False)
    assert names(status="new", limit=2) == ("31", 3, True)
    assert names(status="closed_won") == ("", 0, False)
    assert names(limit=0, skip=-1) == names(limit="many", status=None) == ("3210", 4, False)
    assert get_carrier_leads(context)["totalCount"] == 4


def test_a_request_moves_to_any_status_and_keeps_its_history(platform: Platform) -> None:
    context, lead = platform.context(), submit(platform)["requestId"]
    for status in (*STATUSES[1:], "own word"):
        assert update_lead_status(context, lead, status, f"to {status}") == {"success": True}
    platform.at(platform.now + timedelta(hours=1))
    update_lead_status(context, lead, "new")
    row = platform.row("carrierStaffingRequests", lead)
    history = json.loads(row["status_history"])
    assert (row["status"], row["last_updated"], len(history)) == ("new", platform.now, 7)
    assert history[0] == {"from": "new", "to": "contacted", "timestamp": "2026-01-21T12:00:00.000Z",
                          "notes": "to contacted"}  # fmt: skip
    assert history[-1] == {"from": "own word", "to": "new", "timestamp": "2026-01-21T13:00:00.000Z", "notes": ""}


@pytest.mark.parametrize("history", ["{no", '{"a": 1}', "", "null"])
def test_an_unreadable_history_is_replaced(platform: Platform, history: str) -> None:
    lead = submit(platform)["requestId"]
    platform.records.patch("carrierStaffingRequests", lead, {"status_history": history})
    update_lead_status(platform.context(), lead, "contacted")
    row = platform.row("carrierStaffingRequests", lead)
    assert [step["to"] for step in json.loads(row["status_history"])] == ["contacted"]


def test_a_status_of_no_request_is_refused(platform: Platform) -> None:
    context = platform.context()
    assert update_lead_status(context, "gone", "new") == {"success": False, "error": "Request not found"}
    lead = submit(platform)["requestId"]
    assert update_lead_status(context, lead, "")["success"] is False
    assert platform.row("carrierStaffingRequests", lead)["status"] == "new"
