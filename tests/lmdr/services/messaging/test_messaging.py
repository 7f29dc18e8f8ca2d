"""Sending, reading and cleaning messages."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from lmdr.services.context import ANYONE, Caller
from lmdr.services.messaging.messages import get_conversation, get_unread_count, mark_as_read, sanitized, send_message
from platform_kit import Platform

DRIVER, RECRUITER = Caller("member-driver"), Caller("member-recruiter")


@pytest.fixture
def application(platform: Platform) -> str:
    """An application of the driver at the recruiter's carrier."""
    profile = platform.put("DriverProfiles", _owner=DRIVER.member_id, display_name="Ada")
    platform.put("recruiterCarriers", recruiter_id=RECRUITER.member_id, carrier_dot="77", is_active=True)
    return str(platform.put("DriverCarrierInterests", driver_id=profile["_id"], carrier_dot="77")["_id"])


def test_a_driver_and_a_recruiter_write_to_each_other(platform: Platform, application: str) -> None:
    context = platform.context()
    long = "Hi there " + "x" * 120
    sent = send_message(context, DRIVER, application, long, "member-recruiter", "driver")
    assert sent["success"]
    platform.at(platform.now + timedelta(milliseconds=1))
    assert send_message(context, RECRUITER, application, " Call <b>me</b> 🚚 ", "member-driver", "recruiter")["success"]

    first, second = get_conversation(context, application)["messages"]
    assert (first["_id"], first["content"]) == (sent["messageId"], long)
    assert {key: second[key] for key in ("application_id", "content", "sender_id", "receiver_id", "_owner")} == {
        "application_id": application,
        "content": "Call me 🚚",
        "sender_id": "member-recruiter",
        "receiver_id": "member-driver",
        "_owner": "member-recruiter",
    }
    assert (second["sender_type"], second["is_read"], second["timestamp"]) == ("recruiter", False, platform.now)
    assert platform.mails[0] == ("new_message", "member-recruiter", {"senderType": "driver", "preview": long[:100]})


def test_the_first_failed_check_of_a_message_decides(platform: Platform, application: str) -> None:
    context = platform.context()
    stranger = Caller("member-stranger")
    missing, no_permission = (
        "Missing required fields",
        "You do not have permission to send messages in this application",
    )
    for caller, to, content, receiver, kind, error in (
        (ANYONE, "", "hi", "r", "driver", missing),
        (DRIVER, application, "", "r", "driver", missing),
        (DRIVER, application, "hi", "", "driver", missing),
        (DRIVER, application, "hi", "r", "", missing),
        (ANYONE, "gone", "hi", "r", "driver", "User must be logged in"),
        (stranger, "gone", "<b></b>", "r", "driver", "Application not found"),
        (stranger, application, "<b></b>", "r", "driver", no_permission),
        (stranger, application, "hi", "r", "recruiter", no_permission),
        (RECRUITER, application, "hi", "r", "driver", no_permission),
        (DRIVER, application, "hi", "r", "recruiter", no_permission),
        (DRIVER, application, "hi", "r", "system", no_permission),
        (DRIVER, application, " <b></b> ", "r", "driver", "Message content is empty"),
    ):
        assert send_message(context, caller, to, content, receiver, kind) == {"success": False, "error": error}
    assert platform.rows("Messages") == []
    assert platform.mails == []


def test_a_driver_is_the_owner_of_the_profile_not_whoever_has_its_id(platform: Platform, application: str) -> None:
    row = platform.row("DriverCarrierInterests", application)
    assert not send_message(platform.context(), Caller(row["driver_id"]), application, "hi", "r", "driver")["success"]
    platform.records.remove("DriverProfiles", row["driver_id"])
    assert not send_message(platform.context(), DRIVER, application, "hi", "r", "driver")["success"]


def test_a_recruiter_with_an_inactive_link_cannot_write(platform: Platform, application: str) -> None:
    link = platform.rows("recruiterCarriers")[0]
    platform.records.patch("recruiterCarriers", link["_id"], {"is_active": False})
    assert not send_message(platform.context(), RECRUITER, application, "hi", "r", "recruiter")["success"]
    quick = platform.put("DriverCarrierInterests", driver_id="d", carrier_id="c")  # from the quick-apply page: no DOT
    assert not send_message(platform.context(), RECRUITER, quick["_id"], "hi", "r", "recruiter")["success"]


def test_only_messages_to_the_reader_are_marked_as_read(platform: Platform) -> None:
    rows: list[dict[str, Any]] = [
        {"application_id": "a", "receiver_id": DRIVER.member_id},
        {"application_id": "a", "receiver_id": DRIVER.member_id},
        {"application_id": "a", "receiver_id": RECRUITER.member_id},
        {"application_id": "b", "receiver_id": DRIVER.member_id},
    ]
    fields = {"sender_id": "s", "sender_type": "system", "timestamp": platform.now, "is_read": False}
    platform.records.bulk_insert("Messages", [{**fields, "content": f"{n}", **row} for n, row in enumerate(rows)])
    context = platform.context()
    assert get_unread_count(context, DRIVER) == {"success": True, "count": 3}
    assert get_unread_count(context, ANYONE) == {"success": True, "count": 0}
    assert mark_as_read(context, DRIVER, "a") == {"success": True, "updated": 2}
    assert mark_as_read(context, DRIVER, "a") == {"success": True, "updated": 0}
    assert mark_as_read(context, ANYONE, "b") == {"success": False, "error": "User must be logged in"}
    assert {row["content"]: row["is_read"] for row in platform.rows("Messages")} == {
        "0": True,
        "1": True,
        "2": False,
        "3": False,
    }


def test_a_conversation_is_a_page_of_fifty(platform: Platform) -> None:
    platform.records.bulk_insert(
        "Messages",
        [
            {
                "application_id": "a",
                "content": f"{number}",
                "sender_id": "s",
                "receiver_id": "r",
                "sender_type": "system",
                "timestamp": platform.now + timedelta(seconds=number),
            }
            for number in range(51)
        ],
    )
    messages = get_conversation(platform.context(), "a")["messages"]
    assert [message["content"] for message in messages] == [f"{number}" for number in range(50)]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("plain", "plain"),
        ("  <p>Hello</p>\n", "Hello"),
        ("a < b and c > d", "a  d"),
        ("a < b", "a < b"),
        ("<<b>>x", ">x"),
        ("Tom &amp; Jerry", "Tom  Jerry"),
        ("R&D is fun; really", "R really"),
        ("a &; b;", "a &; b;"),
        ("&; b", "&; b"),
        ("&#<b>39;x", "x"),
        ("x" * 2001, "x" * 2000),
        (" " * 2000 + "x", ""),
        ("x" * 1999 + "🚚", "x" * 1999),
        ("🚚" * 1001, "🚚" * 1000),
        ("a\ud83db", "ab"),
        ("\ufeff e\u0301 \u00a0", "e\u0301"),
        ("", ""),
        (None, ""),
        (7, ""),
        (["x"], ""),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_text_is_sanitized(given: Any, stored: str) -> None:
    assert sanitized(given) == stored


def test_a_hostile_text_is_sanitized_in_linear_time() -> None:
    start = time.perf_counter()
    assert len(sanitized("<" * 200_000)) == 2000
    assert len(sanitized("&" * 200_000)) == 2000
    assert time.perf_counter() - start < 1
