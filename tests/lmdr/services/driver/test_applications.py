"""Applying at a carrier, and taking it back."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from lmdr.services.context import ANYONE, Caller
from lmdr.services.driver.applications import (
    get_application_status,
    get_driver_applications,
    submit_application,
    withdraw_application,
)
from platform_kit import Platform

ADA = Caller("member-ada")
FORM = {"carrierDOT": 77, "carrierName": "ACME", "phone": "555 0100", "email": "ada@x.test"}


@pytest.fixture
def profile(platform: Platform) -> str:
    return str(platform.put("DriverProfiles", _owner="member-ada", display_name="A", is_searchable=False)["_id"])


def test_an_application_completes_the_profile_and_makes_a_row(platform: Platform, profile: str) -> None:
    context = platform.context()
    answer = submit_application(
        context,
        ADA,
        {**FORM, "firstName": "Ada", "lastName": "Lovelace", "homeZip": "07001", "message": "Bonjour 🚚", "matchScore": "81.6",
         "availability": "2_weeks", "cdlFront": "https://x.test/front.jpg"},
    )  # fmt: skip
    row = platform.rows("DriverCarrierInterests")[0]
    assert answer == {"success": True, "applicationId": row["_id"], "status": "applied", "isNew": True}
    assert {key: value for key, value in row.items() if key not in ("_id", "_createdDate", "_updatedDate")} == {
        "_owner": "member-ada",
        "driver_id": profile,
        "carrier_dot": "77",
        "carrier_name": "ACME",
        "match_score": 81,
        "origin": "driver_applied",
        "outcome": None,
        "action": "applied",
        "status": "applied",
        "application_date": platform.now,
        "action_timestamp": platform.now,
        "preferred_contact": "phone",
        "contact_phone": "555 0100",
        "contact_email": "ada@x.test",
        "availability": "2_weeks",
        "driver_message": "Bonjour 🚚",
        "driver_zip_at_match": "07001",
        "cdl_front_url": "https://x.test/front.jpg",
        "status_history": '[{"status":"applied","timestamp":"2026-01-21T12:00:00.000Z","note":"Application submitted"}]',
    }
    stored = platform.row("DriverProfiles", profile)
    assert (stored["display_name"], stored["zip_code"], stored["is_searchable"]) == ("Ada Lovelace", "07001", True)
    assert (stored["visibility_level"], stored["profile_status"]) == ("full", "active")
    assert platform.mails == [
        ("application_submitted", "member-ada", {"carrierName": "ACME", "applicationId": row["_id"]})
    ]


def test_the_first_thing_wrong_with_an_application_decides(platform: Platform, profile: str) -> None:
    before = platform.row("DriverProfiles", profile)
    context, file = platform.context(), {"data": "aGk=", "name": "front.jpg", "type": "image/jpeg"}
    for caller, data, error in (
        (ANYONE, {}, "User must be logged in"),
        (Caller("member-bob"), {}, "Driver profile not found"),
        (ADA, {}, "Carrier DOT is required"),
        (ADA, {"carrierDOT": " ", "phone": "1"}, "Carrier DOT is required"),
        (ADA, {"carrierDOT": 77, "phone": "", "email": None}, "Phone or email is required"),
        (ADA, {**FORM, "cdlFront": file}, "Document upload is not available"),
    ):
        assert submit_application(context, caller, data) == {"success": False, "error": error}
    assert platform.row("DriverProfiles", profile) == before
    assert platform.rows("DriverCarrierInterests") == []
    assert platform.mails == []


def test_the_upload_provider_gives_urls(platform: Platform, profile: str) -> None:
    def keep(name: str, data: str, content_type: str) -> str:
        if data == "bad":
            raise OSError("secret")
        return f"https://files.test/{name}"

    context = platform.context(providers={"uploads": keep})
    bad = submit_application(context, ADA, {**FORM, "resume": {"data": "bad"}})
    assert bad == {"success": False, "error": "Document upload failed"}
    names = ("cdlFront", "cdlBack", "medCard", "resume")
    documents = {name: {"data": "aGk=", "name": f"{name}.pdf", "type": "application/pdf"} for name in names}
    submit_application(context, ADA, FORM | documents)
    stored = platform.row("DriverProfiles", profile)
    assert stored["docs_complete"] is True
    assert stored["med_card_image"] == stored["med_card_url"] == "https://files.test/medCard.pdf"
    assert stored["resume_file"] == platform.rows("DriverCarrierInterests")[0]["resume_url"]


@pytest.mark.parametrize("status", ["applied", "in_review", "contacted", "offer", "hired"])
def test_an_application_that_is_under_way_is_no_second_time_handed_in(
    platform: Platform, profile: str, status: str
) -> None:
    row = platform.put("DriverCarrierInterests", driver_id=profile, carrier_dot="77", status=status)
    answer = submit_application(platform.context(), ADA, {**FORM, "city": "Elizabeth"})
    assert answer == {
        "success": False,
        "isDuplicate": True,
        "existingStatus": status,
        "applicationId": row["_id"],
        "error": "You have already applied to this carrier",
    }
    assert platform.rows("DriverCarrierInterests") == [row]
    assert platform.row("DriverProfiles", profile)["city"] == "Elizabeth"  # the profile was completed before


@pytest.mark.parametrize("status", ["interested", "withdrawn", "rejected", None])
def test_an_application_that_is_over_is_handed_in_again(platform: Platform, profile: str, status: str | None) -> None:
    row = platform.put(
        "DriverCarrierInterests",
        driver_id=profile,
        carrier_dot="77",
        status=status,
        outcome="rejected",
        match_score=70,
        recruiter_notes="kind",
        status_history='[{"status":"rejected"}]',
    )
    answer = submit_application(platform.context(), ADA, {**FORM, "matchScore": 1})
    assert answer == {"success": True, "applicationId": row["_id"], "status": "applied", "isNew": False}
    stored = platform.rows("DriverCarrierInterests")
    assert len(stored) == 1
    assert (stored[0]["status"], stored[0]["outcome"], stored[0]["match_score"]) == ("applied", "rejected", 70)
    assert stored[0]["recruiter_notes"] == "kind"
    assert [entry["status"] for entry in json.loads(stored[0]["status_history"])] == ["rejected", "applied"]


@pytest.mark.parametrize("broken", ["", "[", "{}", "7", None, "[" * 20_000])
def test_an_unreadable_history_is_replaced(platform: Platform, profile: str, broken: str | None) -> None:
    platform.put("DriverCarrierInterests", driver_id=profile, carrier_dot="77", status_history=broken)
    assert submit_application(platform.context(), ADA, FORM)["success"]
    assert len(json.loads(platform.rows("DriverCarrierInterests")[0]["status_history"])) == 1


def test_a_double_click_is_one_application(platform: Platform, profile: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: submit_application(platform.context(), ADA, FORM), range(4)))
    assert sorted(answer["success"] for answer in answers) == [False] * 3 + [True]
    (row,) = platform.rows("DriverCarrierInterests")
    assert {answer["applicationId"] for answer in answers} == {row["_id"]}
    assert len(json.loads(row["status_history"])) == 1


def test_a_removed_application_can_be_submitted_again(platform: Platform, profile: str) -> None:
    first = submit_application(platform.context(), ADA, FORM)["applicationId"]
    platform.records.remove("DriverCarrierInterests", first)
    assert submit_application(platform.context(), ADA, FORM)["isNew"] is True
    assert len(platform.rows("DriverCarrierInterests")) == 1


def test_the_status_of_an_application(platform: Platform, profile: str) -> None:
    context = platform.context()
    assert get_application_status(context, ADA, "77")["hasApplied"] is False
    row = platform.put("DriverCarrierInterests", driver_id=profile, carrier_dot="77", action="viewed")
    answer = get_application_status(context, ADA, 77)
    assert (answer["status"], answer["applicationId"]) == ("viewed", row["_id"])
    platform.records.patch("DriverCarrierInterests", row["_id"], {"status": "offer"})
    assert get_application_status(context, ADA, " 77 ")["status"] == "offer"
    assert get_application_status(context, ANYONE, "77")["error"] == "User must be logged in"
    assert get_application_status(context, Caller("bob"), "77")["error"] == "Driver profile not found"


def test_an_application_with_an_outcome_can_be_withdrawn(platform: Platform, profile: str) -> None:
    context = platform.context()
    assert withdraw_application(context, ADA, 77) == {"success": False, "error": "Application not found"}
    assert withdraw_application(context, ANYONE, 77) == {"success": False, "error": "User must be logged in"}
    row = platform.put(
        "DriverCarrierInterests",
        driver_id=profile,
        carrier_dot="77",
        status="hired",
        outcome="hired",
        status_history="[]",
    )
    answer = withdraw_application(context, ADA, 77)
    assert answer == {"success": True, "applicationId": row["_id"], "status": "withdrawn"}
    stored = platform.row("DriverCarrierInterests", row["_id"])
    assert (stored["status"], stored["outcome"], stored["outcome_date"]) == ("withdrawn", "withdrawn", platform.now)
    assert json.loads(stored["status_history"]) == [
        {"status": "withdrawn", "timestamp": "2026-01-21T12:00:00.000Z", "note": "Application withdrawn by driver"}
    ]


def test_a_driver_sees_the_last_hundred_applications(platform: Platform, profile: str) -> None:
    platform.records.bulk_insert(
        "DriverCarrierInterests",
        [
            {"driver_id": profile, "carrier_dot": f"{n}", "action_timestamp": platform.now + timedelta(minutes=n % 50, hours=n)}
            for n in range(101)
        ],
    )  # fmt: skip
    platform.put("DriverCarrierInterests", driver_id="another", carrier_dot="1")
    applications = get_driver_applications(platform.context(), ADA)["applications"]
    assert [row["carrier_dot"] for row in applications] == [f"{n}" for n in range(100, 0, -1)]
    assert get_driver_applications(platform.context(), ANYONE)["error"] == "User must be logged in"
    assert get_driver_applications(platform.context(), Caller("bob"))["error"] == "Driver profile not found"
