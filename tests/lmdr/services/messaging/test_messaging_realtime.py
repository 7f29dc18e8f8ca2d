"""Polling for messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lmdr.services.context import ANYONE, Caller
from lmdr.services.messaging.realtime import check_for_new_messages, get_new_messages, get_unread_count_for_user
from platform_kit import Platform
from runbook.query.values import stamp

MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def talk(platform: Platform) -> Platform:
    """Three messages, a millisecond apart, the last one of another application."""
    fields = {"sender_id": "s", "receiver_id": "r", "sender_type": "system", "is_read": False}
    rows = [
        {**fields, "application_id": application, "content": content, "timestamp": platform.now + number * MILLISECOND}
        for number, (application, content) in enumerate([("a", "one"), ("a", "two"), ("b", "three")])
    ]
    platform.records.bulk_insert("Messages", reversed(rows))
    return platform


def contents(answer: dict[str, Any]) -> list[str]:
    return [message["content"] for message in answer["messages"]]


def test_only_later_messages_are_new(talk: Platform) -> None:
    context = talk.context()
    first = talk.now
    milliseconds = first.timestamp() * 1000
    for since in (first, stamp(first), milliseconds, int(milliseconds)):
        assert contents(get_new_messages(context, "a", since)) == ["two"]
    assert contents(get_new_messages(context, "a", first - MILLISECOND)) == ["one", "two"]
    for falsy in (None, "", 0):
        assert contents(get_new_messages(context, "a", falsy)) == ["one", "two"]


def test_the_latest_timestamp_is_the_next_since(talk: Platform) -> None:
    latest = get_new_messages(talk.context(), "a")["latestTimestamp"]
    assert latest == talk.now + MILLISECOND
    again = get_new_messages(talk.context(), "a", latest)
    assert again == {"success": True, "messages": [], "latestTimestamp": latest}


def test_checking_for_new_messages_counts_them(talk: Platform) -> None:
    context = talk.context()
    one = {"success": True, "hasNew": True, "newCount": 1}
    none = {"success": True, "hasNew": False, "newCount": 0}
    assert check_for_new_messages(context, "a", stamp(talk.now)) == one
    assert check_for_new_messages(context, "a", talk.now + MILLISECOND) == none
    assert check_for_new_messages(context, "a", None) == none
    assert check_for_new_messages(context, "gone", stamp(talk.now)) == none


def test_an_invalid_timestamp_is_refused(talk: Platform) -> None:
    refused = {"success": False, "error": "Invalid timestamp"}
    assert get_new_messages(talk.context(), "a", "soon") == refused
    assert check_for_new_messages(talk.context(), "a", "soon") == refused


def test_unread_messages_are_counted_by_application(talk: Platform) -> None:
    fields = {"sender_id": "s", "sender_type": "system", "timestamp": talk.now, "content": "x", "application_id": "b"}
    talk.put("Messages", **fields, receiver_id="r", is_read=True)
    talk.put("Messages", **fields, receiver_id="someone", is_read=False)
    answer = get_unread_count_for_user(talk.context(), Caller("r"))
    assert answer == {"success": True, "count": 3, "byApplication": {"a": 2, "b": 1}}
    assert not get_unread_count_for_user(talk.context(), ANYONE)["success"]
