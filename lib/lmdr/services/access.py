"""Permissions: a recruiter acts for a carrier, a member as a driver."""

from __future__ import annotations

from typing import Any

from lmdr.services.context import Caller, Context, refused
from lmdr.services.dot_numbers import dot_text
from runbook.json_types import Item
from runbook.query import Query

NOT_LOGGED_IN = "User must be logged in"
NO_ACCESS = "You do not have access to this carrier"


def carrier_link(context: Context, caller: Caller, carrier_dot: Any) -> Item | None:
    """The caller's active row of recruiterCarriers, which permits it to act for a carrier; None without one.

    `carrier_dot`: a number or text.
    """
    dot = dot_text(carrier_dot)
    if not caller.member_id or not dot:
        return None
    active = Query().eq("recruiter_id", caller.member_id).eq("carrier_dot", dot).eq("is_active", True)
    return context.records.first("recruiterCarriers", active)


def refusal(context: Context, caller: Caller, carrier_dot: Any) -> dict[str, Any] | None:
    """The answer to a caller who may not act for a carrier, `code` NOT_LOGGED_IN or ACCESS_DENIED; None if it may."""
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN, code="NOT_LOGGED_IN")
    if carrier_link(context, caller, carrier_dot) is None:
        return refused(NO_ACCESS, code="ACCESS_DENIED")
    return None


def own_profile(context: Context, caller: Caller) -> Item | None:
    """The caller's own driver profile, else None."""
    if not caller.member_id:
        return None
    return context.records.first("DriverProfiles", Query().eq("_owner", caller.member_id))
