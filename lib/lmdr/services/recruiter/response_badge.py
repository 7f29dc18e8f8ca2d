"""The badge for the response time of a carrier's recruiters.

| mean hours to the first answer | badge               | colour  |
|--------------------------------|---------------------|---------|
| below 4                        | Lightning Responder | #10b981 |
| below 24                       | Fast Responder      | #3b82f6 |
| below 48                       | Active Recruiter    | #6366f1 |
| more, or unknown               | none                | #64748b |
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lmdr import js
from runbook.json_types import Item

_BADGES = (
    (4, "Lightning Responder", "#10b981"),
    (24, "Fast Responder", "#3b82f6"),
    (48, "Active Recruiter", "#6366f1"),
)


def mean_response_time(interests: Iterable[Item]) -> js.Number | None:
    """The mean `recruiter_response_time` of the rows that have one, in hours to a tenth; None without any."""
    hours = [row["recruiter_response_time"] for row in interests if js.is_number(row.get("recruiter_response_time"))]
    return tenths(sum(hours) / len(hours)) if hours else None


def response_badge(hours: js.Number | None) -> dict[str, Any]:
    """The badge for a mean response time: {label, color}; the label may be None."""
    for below, label, color in _BADGES:
        if hours is not None and hours < below:
            return {"label": label, "color": color}
    return {"label": None, "color": "#64748b"}


def tenths(hours: float) -> js.Number:
    """Hours, rounded to a tenth, halves up."""
    return js.integral(js.round_half_up(hours * 10) / 10)
