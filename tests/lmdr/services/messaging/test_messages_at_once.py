"""Messages sent and read, twenty ways at once."""

from __future__ import annotations

from typing import Any

import pytest

from at_once import AtOnce, Call, write
from lmdr.services.context import Caller
from lmdr.services.messaging.messages import get_unread_count, mark_as_read, send_message
from platform_kit import NOON

RAY, ADA = Caller("member-ray"), Caller("member-ada")
CALLERS = 20


@pytest.fixture
def application(at_once: AtOnce) -> str:
    profile = at_once.put("DriverProfiles", _owner=ADA.member_id, display_name="Ada")["_id"]
    at_once.put("recruiterCarriers", recruiter_id=RAY.member_id, carrier_dot="77", is_active=True)
    return str(at_once.put("DriverCarrierInterests", driver_id=profile, carrier_dot="77")["_id"])


def message(application: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "_id": f"message-{number}",
        "application_id": application,
        "content": "old",
        "receiver_id": ADA.member_id,
        "sender_id": RAY.member_id,
        "sender_type": "recruiter",
        "timestamp": NOON,
        "is_read": False,
        **more,
    }


def test_a_message_is_marked_and_counted_once(at_once: AtOnce, application: str) -> None:
    at_once.records.bulk_insert("Messages", [message(application, n) for n in range(25)])
    answers = at_once.run([Call(mark_as_read, ADA, application)] * CALLERS)
    assert sum(answer["updated"] for answer in answers) == 25
    assert all(row["is_read"] for row in at_once.rows("Messages"))
    assert get_unread_count(at_once.context(), ADA)["count"] == 0


def test_marking_a_message_leaves_what_others_write_into_it(at_once: AtOnce, application: str) -> None:
    at_once.records.bulk_insert("Messages", [message(application, n) for n in range(10)])
    edits = [Call(write, "patch", "Messages", f"message-{n}", {"content": f"new {n}"}) for n in range(10)]
    at_once.run([*edits[:5], *[Call(mark_as_read, ADA, application)] * 10, *edits[5:]])
    rows = {row["_id"]: row for row in at_once.rows("Messages")}
    assert all(row["is_read"] for row in rows.values())
    assert [rows[f"message-{n}"]["content"] for n in range(10)] == [f"new {n}" for n in range(10)]


def test_messages_sent_while_others_are_read_are_all_there(at_once: AtOnce, application: str) -> None:
    at_once.records.bulk_insert("Messages", [message(application, n) for n in range(5)])
    sends = [Call(send_message, RAY, application, f"Hello {n}", ADA.member_id, "recruiter") for n in range(10)]
    answers = at_once.run([*sends, *[Call(mark_as_read, ADA, application)] * 10])
    rows = at_once.rows("Messages")
    sent = {answer["messageId"] for answer in answers[:10]}
    assert len(sent) == 10
    assert {row["content"] for row in rows if row["_id"] in sent} == {f"Hello {n}" for n in range(10)}
    assert sum(row["is_read"] for row in rows) == sum(answer["updated"] for answer in answers[10:])
    assert all(row["is_read"] for row in rows if row["_id"] not in sent)


def test_a_message_that_is_removed_meanwhile_keeps_no_other_unread(at_once: AtOnce, application: str) -> None:
    at_once.records.bulk_insert("Messages", [message(application, n) for n in range(15)])
    removals = [Call(write, "remove", "Messages", f"message-{n}") for n in range(5)]
    at_once.run([*[Call(mark_as_read, ADA, application)] * 5, *removals])
    rows = at_once.rows("Messages")
    assert len(rows) == 10
    assert all(row["is_read"] for row in rows)
