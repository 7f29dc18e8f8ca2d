"""What pages that poll ask of the messages: what is new since they last looked."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from lmdr import js
from lmdr.services.access import NOT_LOGGED_IN
from lmdr.services.context import Caller, Context, refused, service
from lmdr.services.messaging.messages import unread_by
from runbook.query import Query

NO_MOMENT = "Invalid timestamp"


@service
def get_new_messages(
    context: Context, application_id: str, since: str | float | datetime | None = None
) -> dict[str, Any]:
    """Messages of an application strictly after `since`, the oldest first, 50 at the most.

    `since`: an ISO text, milliseconds since 1970, or a moment; all messages where it is falsy. Gives {success,
    messages, latestTimestamp}, the last being what to ask with next: the moment of the newest message here, or `since`
    as it came; or {success: False, error}.
    """
    asked = Query().eq("application_id", application_id).ascending("timestamp")
    if js.truthy(since):
        moment = js.date(since)
        if moment is None:
            return refused(NO_MOMENT)
        asked = asked.gt("timestamp", moment)
    messages = context.records.query("Messages", asked).items
    return {
        "success": True,
        "messages": messages,
        "latestTimestamp": messages[-1]["timestamp"] if messages else since,
    }


@service
def get_unread_count_for_user(context: Context, caller: Caller) -> dict[str, Any]:
    """How many messages to the caller are unread, in all and by application: {success, count, byApplication}."""
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
    """How many messages an application has strictly after `since`, read as in `get_new_messages`; falsy: none.

    {success, hasNew, newCount} or {success: False, error}.
    """
    if not js.truthy(since):
        return {"success": True, "hasNew": False, "newCount": 0}
    moment = js.date(since)
    if moment is None:
        return refused(NO_MOMENT)
    found = context.records.count("Messages", Query().eq("application_id", application_id).gt("timestamp", moment))
    return {"success": True, "hasNew": found > 0, "newCount": found}
