"""A carrier's pipeline: its candidates by stage, and changing their status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from lmdr import js
from lmdr.services.access import NOT_LOGGED_IN, carrier_link, refusal
from lmdr.services.airtable_client import get_carrier_by_dot
from lmdr.services.context import Caller, Context, refused, service
from lmdr.services.dot_numbers import dot_text
from lmdr.services.interests import OUTCOMES, STAGES
from lmdr.services.recruiter.response_badge import mean_response_time, response_badge, tenths
from lmdr.services.status_history import history_with
from runbook.errors import NoSuchItem
from runbook.json_types import Item
from runbook.query import Query

NOT_FOUND = "Candidate not found"
HIDDEN = frozenset({"rejected", "withdrawn"})
ANSWERED = frozenset({"contacted", "in_review"})
"""Statuses that are a recruiter's answer; the first of them sets its response time."""


@service
def get_pipeline_candidates(
    context: Context, caller: Caller, carrier_dot: Any, filters: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A carrier's candidates, by the latest action, each with its driver's profile as `driver`.

    `filters`: status; includeHidden, for rejected and withdrawn ones too. A row without a status is 'interested'. Gives
    {success, candidates, byStage, totalCount}; `byStage` has the candidates of each of the six stages.
    """
    if denied := refusal(context, caller, carrier_dot):
        return denied
    filters = filters or {}
    rows = [
        row
        for row in _interests(context, carrier_dot, Query().descending("action_timestamp"))
        if (filters.get("includeHidden") or _stage(row) not in HIDDEN)
        and (not filters.get("status") or _stage(row) == filters["status"])
    ]
    drivers = _drivers(context, rows)
    candidates = [{**row, "driver": drivers.get(row.get("driver_id"))} for row in rows]
    return {
        "success": True,
        "candidates": candidates,
        "byStage": {stage: [row for row in candidates if _stage(row) == stage] for stage in STAGES},
        "totalCount": len(candidates),
    }


@service
def update_candidate_status(
    context: Context, caller: Caller, interest_id: str, new_status: str, notes: str = ""
) -> dict[str, Any]:
    """Set a candidate's status, any text, and mail its driver: {success, status, recruiterResponseTime}.

    The history gets an entry with `notes`, by default 'Status changed to …'. hired, rejected and withdrawn also set the
    outcome. The first 'contacted' or 'in_review' sets the response time, in hours.
    """
    if not new_status:
        return refused("Status is required")
    interest = _candidate(context, caller, interest_id)
    if isinstance(interest, str):
        return refused(interest)
    now = context.now()
    note = notes or f"Status changed to {new_status}"

    def set_status(row: Item) -> Item:
        history = history_with(context, row.get("status_history"), new_status, note=note, actor="recruiter")
        changes: Item = {"status": new_status, "action_timestamp": now, "status_history": history}
        if new_status in OUTCOMES:
            changes |= {"outcome": new_status, "outcome_date": now}
        started = row.get("application_date") or row.get("action_timestamp")
        if new_status in ANSWERED and row.get("recruiter_response_time") is None and started:
            changes["recruiter_response_time"] = tenths((now - started) / timedelta(hours=1))
        return changes

    try:
        stored = context.records.change("DriverCarrierInterests", interest_id, set_status, consistent=False)
    except NoSuchItem:
        return refused(NOT_FOUND)
    _mail_driver(context, stored)
    return {
        "success": True,
        "status": new_status,
        "recruiterResponseTime": stored.get("recruiter_response_time"),
    }


@service
def get_pipeline_stats(context: Context, caller: Caller, carrier_dot: Any) -> dict[str, Any]:
    """Statistics of all rows of a carrier's pipeline: {success, stats}.

    stats: totalPipeline, without rejected and withdrawn; byStage, a count for each status; last7Days and last30Days, by
    the last action; avgResponseTime, hours to a tenth, None where unknown; conversionRate, the percentage hired of
    those with an outcome; badge.
    """
    if denied := refusal(context, caller, carrier_dot):
        return denied
    rows = _interests(context, carrier_dot)
    by_stage = dict.fromkeys((*STAGES, *sorted(HIDDEN)), 0)
    for row in rows:
        by_stage[_stage(row)] = by_stage.get(_stage(row), 0) + 1
    ended = sum(by_stage[end] for end in OUTCOMES)
    hours = mean_response_time(rows)
    return {
        "success": True,
        "stats": {
            "totalPipeline": sum(count for stage, count in by_stage.items() if stage not in HIDDEN),
            "byStage": by_stage,
            "last7Days": _since(context, rows, 7),
            "last30Days": _since(context, rows, 30),
            "avgResponseTime": hours,
            "conversionRate": js.round_half_up(100 * by_stage["hired"] / ended) if ended else 0,
            "badge": response_badge(hours),
        },
    }


@service
def get_candidate_details(context: Context, caller: Caller, interest_id: str) -> dict[str, Any]:
    """A candidate with its driver's profile as `driver`: {success, candidate}."""
    interest = _candidate(context, caller, interest_id)
    if isinstance(interest, str):
        return refused(interest)
    driver = context.records.get("DriverProfiles", interest.get("driver_id") or "")
    return {"success": True, "candidate": {**interest, "driver": driver}}


@service
def add_recruiter_notes(context: Context, caller: Caller, interest_id: str, notes: str) -> dict[str, Any]:
    """Replace the recruiters' notes on a candidate: {success, notes}."""
    interest = _candidate(context, caller, interest_id)
    if isinstance(interest, str):
        return refused(interest)
    try:
        context.records.patch("DriverCarrierInterests", interest_id, {"recruiter_notes": notes})
    except NoSuchItem:
        return refused(NOT_FOUND)
    return {"success": True, "notes": notes}


def _candidate(context: Context, caller: Caller, interest_id: str) -> Item | str:
    """The row if the caller may work with it, else the error text."""
    if not caller.logged_in:
        return NOT_LOGGED_IN
    interest = context.records.get("DriverCarrierInterests", interest_id) if interest_id else None
    if interest is None:
        return NOT_FOUND
    if carrier_link(context, caller, interest.get("carrier_dot")) is None:
        return "You do not have access to this candidate"
    return interest


def _interests(context: Context, carrier_dot: Any, query: Query | None = None) -> list[Item]:
    of_carrier = (query or Query()).eq("carrier_dot", dot_text(carrier_dot))
    return context.records.get_all("DriverCarrierInterests", of_carrier)


def _drivers(context: Context, interests: list[Item]) -> dict[Any, Item]:
    ids = {row["driver_id"] for row in interests if row.get("driver_id")}
    if not ids:
        return {}
    profiles = context.records.get_all("DriverProfiles", Query().in_("_id", sorted(ids)))
    return {profile["_id"]: profile for profile in profiles}


def _stage(interest: Item) -> str:
    return interest.get("status") or "interested"


def _since(context: Context, interests: list[Item], days: int) -> int:
    start = context.now() - timedelta(days=days)
    return sum(bool(row.get("action_timestamp")) and row["action_timestamp"] >= start for row in interests)


def _mail_driver(context: Context, interest: Item) -> None:
    profile = context.records.get("DriverProfiles", interest.get("driver_id") or "")
    if profile is None or not profile.get("_owner"):
        return
    carrier = get_carrier_by_dot(context, interest["carrier_dot"]) or {}
    context.mail(
        "application_status_changed",
        profile["_owner"],
        carrierName=interest.get("carrier_name") or carrier.get("legal_name") or "",
        status=interest["status"].replace("_", " ").title(),
    )
