"""New and unread messages, for pages that poll."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from lmdr import js
from lmdr.services.access import NOT_LOGGED_IN
from lmdr.services.context import Caller, Context, refused, service
from lmdr.services.messaging.messages import unread_by
from runbook.query import Query

INVALID_TIMESTAMP = "Invalid timestamp"


@service
def get_new_messages(
    context: Context, application_id: str, since: str | float | datetime | None = None
) -> dict[str, Any]:
    """Messages of an application after `since`, the oldest first, at most 50.

    `since`: an ISO text, milliseconds since 1970, or a datetime; all messages if falsy. Gives {success, messages,
    latestTimestamp} or {success: False, error}. latestTimestamp is the next `since`: that of the last message, else the
    given one.
    """
    query = Query().eq("application_id", application_id).ascending("timestamp")
    if js.truthy(since):
        start = js.date(since)
        if start is None:
            return refused(INVALID_TIMESTAMP)
        query = query.gt("timestamp", start)
    messages = context.records.query("Messages", query).items
    latest = messages[-1]["timestamp"] if messages else since
    return {"success": True, "messages": messages, "latestTimestamp": latest}


@service
def get_unread_count_for_user(context: Context, caller: Caller) -> dict[str, Any]:
    """The number of unread messages to the caller, in total and by application: {success, count, byApplication}."""
    if not caller.member_id:
        return refused(NOT_LOGGED_IN, count=0, byApplication={})
    unread = context.records.get_all("Messages", unread_by(caller.member_id))
    return {
        "success": True,
        "count": len(unread),
        "byApplication": dict(Counter(message["application_id"] for message in unread)),
    }


@service
def check_for_new_messages(
    context: Context, application_id: str, since: str | float | datetime | None
) -> dict[str, Any]:
    """The number of messages of an application after `since`, as in `get_new_messages`; 0 if falsy.

    {success, hasNew, newCount} or {success: False, error}.
    """
    if not js.truthy(since):
        return {"success": True, "hasNew": False, "newCount": 0}
    start = js.date(since)
    if start is None:
        return refused(INVALID_TIMESTAMP)
    count = context.records.count("Messages", Query().eq("application_id", application_id).gt("timestamp", start))
    return {"success": True, "hasNew": count > 0, "newCount": count}
