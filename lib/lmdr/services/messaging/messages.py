"""Messages between a driver and a carrier's recruiters, within an application."""

from __future__ import annotations

import re
from typing import Any

from lmdr.js import trim
from lmdr.services.access import NOT_LOGGED_IN, carrier_link
from lmdr.services.context import Caller, Context, refused, service
from lmdr.services.unique_rows import again_where_removed
from runbook.json_types import Item
from runbook.query import Query

MAX_LENGTH = 2000
"""UTF-16 units of a message, as JavaScript counts them."""
PREVIEW = 100
"""Characters of a message in its mail."""

_TAG = re.compile(r"<[^>]*>")
_ENTITY = re.compile(r"&[^;]+;")


@service
def send_message(
    context: Context, caller: Caller, application_id: str, content: str, receiver_id: str, sender_type: str
) -> dict[str, Any]:
    """Send a message in an application; its receiver gets a mail with a preview.

    `sender_type`: 'driver', for the driver who owns the application's profile, or 'recruiter', with an active link to
    its carrier. `receiver_id`: a member's id. The first failed check decides: all four are given, the caller is logged
    in, the application exists, the caller may write in it, the sanitised text is not empty. Gives {success, messageId,
    message} or {success: False, error}.
    """
    if not (application_id and content and receiver_id and sender_type):
        return refused("Missing required fields")
    if not caller.member_id:
        return refused(NOT_LOGGED_IN)
    application = context.records.get("DriverCarrierInterests", application_id)
    if application is None:
        return refused("Application not found")
    if not _may_write(context, caller, application, sender_type):
        return refused("You do not have permission to send messages in this application")
    text = sanitized(content)
    if not text:
        return refused("Message content is empty")
    message = deliver(context, caller, application_id, text, receiver_id, sender_type)
    return {"success": True, "messageId": message["_id"], "message": message}


def deliver(
    context: Context, caller: Caller, application_id: str, text: str, receiver_id: str, sender_type: str
) -> Item:
    """Add a message whose sender and sanitised text were checked, and mail its receiver; the row."""
    message = context.records.insert(
        "Messages",
        {
            "_owner": caller.member_id,
            "application_id": application_id,
            "content": text,
            "sender_id": caller.member_id,
            "receiver_id": receiver_id,
            "sender_type": sender_type,
            "timestamp": context.now(),
            "is_read": False,
        },
    )
    context.mail("new_message", receiver_id, senderType=sender_type, preview=text[:PREVIEW])
    return message


@service
def get_conversation(context: Context, application_id: str) -> dict[str, Any]:
    """The messages of an application, the oldest first, at most 50, for any caller: {success, messages}."""
    oldest = Query().eq("application_id", application_id).ascending("timestamp")
    return {"success": True, "messages": context.records.query("Messages", oldest).items}


@service
def get_unread_count(context: Context, caller: Caller) -> dict[str, Any]:
    """The number of unread messages to the caller, 0 if not logged in: {success, count}."""
    if not caller.member_id:
        return {"success": True, "count": 0}
    return {"success": True, "count": context.records.count("Messages", unread_by(caller.member_id))}


@service
def mark_as_read(context: Context, caller: Caller, application_id: str) -> dict[str, Any]:
    """Mark the messages to the caller in an application as read: {success, updated}."""
    if not caller.member_id:
        return refused(NOT_LOGGED_IN)
    unread = unread_by(caller.member_id).eq("application_id", application_id)

    def mark() -> int:
        # Of calls at once, one marks a message, and counts it.
        with context.records.exclusive(f"Messages of {application_id} to {caller.member_id}") as records:
            ids = [message["_id"] for message in records.get_all("Messages", unread)]
            records.bulk_patch("Messages", {item_id: {"is_read": True} for item_id in ids})
            return len(ids)

    return {"success": True, "updated": again_where_removed(mark)}


def unread_by(member_id: str) -> Query:
    """The query for unread messages to a member."""
    return Query().eq("receiver_id", member_id).eq("is_read", False)


def sanitized(content: Any) -> str:
    """A message's text as stored: without tags and entities, its first 2,000 UTF-16 units, trimmed; "" for no text.

    Any text between an `&` and the next `;` counts as an entity: "a & b; c" becomes "a  c".
    """
    if not isinstance(content, str):
        return ""
    plain = _without(_ENTITY, ";", _without(_TAG, ">", content))
    units = plain.encode("utf-16-le", "surrogatepass")[: 2 * MAX_LENGTH]
    return trim(units.decode("utf-16-le", "ignore"))  # drops lone surrogates


def _without(pattern: re.Pattern[str], end: str, text: str) -> str:
    """The text without matches; none lies after the last `end`, where the search would take quadratic time."""
    head, last, tail = text.rpartition(end)
    return pattern.sub("", head + last) + tail


def _may_write(context: Context, caller: Caller, application: Item, sender_type: str) -> bool:
    if sender_type == "driver":
        # The platform compares driver_id, a profile's id, with the member's: no driver can write. The owner is meant.
        profile = context.records.get("DriverProfiles", application.get("driver_id") or "")
        return profile is not None and profile.get("_owner") == caller.member_id
    return sender_type == "recruiter" and carrier_link(context, caller, application.get("carrier_dot")) is not None
