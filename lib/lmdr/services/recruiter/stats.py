"""Response times of carriers' recruiters, as drivers see them with their matches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lmdr.services.context import Context, service
from lmdr.services.dot_numbers import dot_text
from lmdr.services.recruiter.response_badge import mean_response_time, response_badge
from runbook.json_types import Item
from runbook.query import Query


@service
def get_recruiter_stats(context: Context, carrier_dot: Any) -> dict[str, Any]:
    """A carrier's statistics: {dot_number, responses, avg_response_hours, badge}; see `get_all_recruiter_stats`."""
    dot = dot_text(carrier_dot)
    return get_all_recruiter_stats(context, [dot])[dot]


@service
def get_all_recruiter_stats(context: Context, carrier_dots: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """The statistics of several carriers in one query, by DOT number as text.

    responses: the number of answered drivers; avg_response_hours: the mean, to a tenth, None without any; badge:
    {label, color}.
    """
    answered: dict[str, list[Item]] = {dot_text(dot): [] for dot in carrier_dots}
    if not answered:
        return {}
    # The platform queries with isNotNull(), which Wix Data lacks, so that no carrier ever gets its badge.
    query = Query().has_some("carrier_dot", answered).is_not_empty("recruiter_response_time")
    for row in context.records.get_all("DriverCarrierInterests", query):
        answered[row["carrier_dot"]].append(row)
    return {dot: _stats(dot, rows) for dot, rows in answered.items()}


def _stats(dot: str, rows: list[Item]) -> dict[str, Any]:
    hours = mean_response_time(rows)
    return {"dot_number": dot, "responses": len(rows), "avg_response_hours": hours, "badge": response_badge(hours)}
