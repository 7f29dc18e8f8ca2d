"""Recruiters reaching out to drivers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from lmdr.services.context import ANYONE, Caller
from lmdr.services.recruiter.outreach import (
    get_outreach_history,
    get_quota_status,
    save_driver_to_pipeline,
    save_to_recruiter_pipeline,
    send_message_to_driver,
)
from platform_kit import Platform

RAY = Caller("member-ray")


@pytest.fixture(autouse=True)
def link(platform: Platform) -> None:
    platform.put("recruiterCarriers", recruiter_id=RAY.member_id, carrier_dot="77", is_active=True)


def driver(platform: Platform, *, viewed: bool = True, **more: Any) -> str:
    row_id = str(platform.put("DriverProfiles", display_name="Ada", **{"_owner": "member-ada", **more})["_id"])
    if viewed:
        platform.put("CarrierDriverViews", carrier_dot="77", driver_id=row_id)
    return row_id


def test_a_driver_is_saved_at_contacted(platform: Platform) -> None:
    platform.put("Carriers", dot_number=77, legal_name="ACME")
    ada = driver(platform)
    answer = save_driver_to_pipeline(platform.context(), RAY, 77, ada, "met at the fair")
    (row,) = platform.rows("DriverCarrierInterests")
    assert answer == {"success": True, "interestId": row["_id"], "status": "contacted"}
    assert {key: value for key, value in row.items() if key not in ("_id", "_createdDate", "_updatedDate")} == {
        "_owner": "member-ray",
        "driver_id": ada,
        "carrier_dot": "77",
        "carrier_name": "ACME",
        "status": "contacted",
        "action": "contacted",
        "action_timestamp": platform.now,
        "origin": "recruiter_search",
        "match_score": 0,
        "preferred_contact": "email",
        "recruiter_notes": "met at the fair",
        "status_history": '[{"status":"contacted","timestamp":"2026-01-21T12:00:00.000Z","by":"recruiter"}]',
    }
    (result,) = get_outreach_history(platform.context(), RAY, "77")["history"]
    assert result.items() >= {"action": "saved_to_pipeline", "driver_id": ada, "interest_id": row["_id"]}.items()


def test_the_first_thing_wrong_with_a_save_decides(platform: Platform) -> None:
    context = platform.context()
    unseen = driver(platform, viewed=False)
    assert save_driver_to_pipeline(context, ANYONE, "77", "gone")["code"] == "NOT_LOGGED_IN"
    assert save_driver_to_pipeline(context, RAY, "78", "gone")["code"] == "ACCESS_DENIED"
    assert save_driver_to_pipeline(context, RAY, "77", "gone")["code"] == "DRIVER_NOT_FOUND"
    assert save_driver_to_pipeline(context, RAY, "77", "")["code"] == "DRIVER_NOT_FOUND"
    assert save_driver_to_pipeline(context, RAY, "77", unseen)["code"] == "PROFILE_VIEW_REQUIRED"
    platform.put("CarrierDriverViews", carrier_dot="78", driver_id=unseen)  # another carrier's view
    assert save_driver_to_pipeline(context, RAY, "77", unseen)["code"] == "PROFILE_VIEW_REQUIRED"
    assert platform.rows("DriverCarrierInterests") == []
    existing = platform.put("DriverCarrierInterests", driver_id=unseen, carrier_dot="77", status="offer")
    duplicate = save_to_recruiter_pipeline(context, RAY, "77", unseen)
    assert (duplicate["code"], duplicate["existingId"], duplicate["existingStatus"]) == (
        "DUPLICATE_SAVE",
        existing["_id"],
        "offer",
    )
    assert platform.rows("DriverCarrierInterests") == [existing]
    assert platform.rows("RecruiterOutreachHistory") == []


def test_a_message_reaches_the_member_and_creates_the_row_once(platform: Platform) -> None:
    ada, context = driver(platform), platform.context()
    first = send_message_to_driver(context, RAY, "77", ada, "Hello <b>Ada</b> 🚚")
    second = send_message_to_driver(context, RAY, 77, ada, "Are you there?")
    (row,) = platform.rows("DriverCarrierInterests")
    assert first["interestId"] == second["interestId"] == row["_id"]
    assert json.loads(row["status_history"])[0]["by"] == "recruiter"
    message = platform.row("Messages", first["messageId"])
    assert (
        message.items()
        >= {
            "application_id": row["_id"],
            "content": "Hello Ada 🚚",
            "sender_id": "member-ray",
            "receiver_id": "member-ada",
            "sender_type": "recruiter",
        }.items()
    )
    assert [mail[1] for mail in platform.mails] == ["member-ada", "member-ada"]
    history = get_outreach_history(context, RAY, "77", ada)["history"]
    assert [entry["action"] for entry in history] == ["message_sent", "message_sent"]


def test_a_driver_without_a_member_is_addressed_by_the_profile(platform: Platform) -> None:
    ada = driver(platform, _owner=None)
    sent = send_message_to_driver(platform.context(), RAY, "77", ada, "Hello")
    owner = platform.row("DriverProfiles", ada).get("_owner")  # Wix gives every row one
    assert platform.row("Messages", sent["messageId"])["receiver_id"] == (owner or ada)


def test_a_refused_message_writes_nothing(platform: Platform) -> None:
    context = platform.context()
    unseen = driver(platform, viewed=False)
    platform.put("CarrierDriverViews", carrier_dot="77", driver_id="gone")
    for caller, dot, to, text, code in (
        (ANYONE, "77", unseen, "", "NOT_LOGGED_IN"),
        (RAY, "78", unseen, "", "ACCESS_DENIED"),
        (RAY, "77", unseen, " ", "EMPTY_MESSAGE"),
        (RAY, "77", unseen, "<b></b>", "EMPTY_MESSAGE"),
        (RAY, "77", unseen, "Hello", "PROFILE_VIEW_REQUIRED"),
        (RAY, "77", "gone", "Hello", "DRIVER_NOT_FOUND"),
    ):
        assert send_message_to_driver(context, caller, dot, to, text)["code"] == code
    for name in ("DriverCarrierInterests", "Messages", "RecruiterOutreachHistory"):
        assert platform.rows(name) == []
    assert platform.mails == []


def test_the_history_is_the_last_hundred_of_a_carrier(platform: Platform) -> None:
    platform.records.bulk_insert(
        "RecruiterOutreachHistory",
        [
            {"carrier_dot": "77", "driver_id": f"d{n % 2}", "timestamp": platform.now + timedelta(minutes=n), "n": n}
            for n in range(101)
        ]
        + [{"carrier_dot": "78", "driver_id": "d0", "timestamp": platform.now}],
    )
    context = platform.context()
    assert [row["n"] for row in get_outreach_history(context, RAY, 77)["history"]] == list(range(100, 0, -1))
    assert [row["n"] for row in get_outreach_history(context, RAY, 77, "d1")["history"]] == list(range(99, 0, -2))
    assert get_outreach_history(context, RAY, "78")["code"] == "ACCESS_DENIED"


def test_the_quota_is_that_of_the_plan_after_a_reset(platform: Platform) -> None:
    context = platform.context()
    nothing = {"tier": "free", "used": 0, "limit": 0, "remaining": 0, "hasQuota": False, "resetDate": None}
    assert get_quota_status(context, RAY, "77") == {"success": True, **nothing}
    fields = {"carrier_dot": "77", "is_active": True, "views_used_this_month": 9}
    due = platform.now + timedelta(seconds=1)
    platform.put("CarrierSubscriptions", **fields, plan_type="pro", monthly_view_quota=25, quota_reset_date=due)
    pro = {"tier": "pro", "used": 9, "limit": 25, "remaining": 16, "hasQuota": True, "resetDate": due}
    assert get_quota_status(context, RAY, 77) == {"success": True, **pro}
    platform.at(due)
    again = get_quota_status(context, RAY, 77)
    assert (again["used"], again["remaining"], again["resetDate"].month) == (0, 25, 2)
    platform.put(
        "CarrierSubscriptions", created=due + timedelta(days=1), **fields, plan_type="enterprise", monthly_view_quota=-1
    )
    large = get_quota_status(context, RAY, 77)
    assert (large["tier"], large["used"], large["limit"], large["remaining"], large["hasQuota"]) == (
        "enterprise", 9, -1, -1, True,
    )  # fmt: skip
    assert get_quota_status(context, ANYONE, "77")["code"] == "NOT_LOGGED_IN"
