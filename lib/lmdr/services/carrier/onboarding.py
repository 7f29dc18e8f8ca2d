"""A carrier's welcome page: which onboarding steps are done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmdr import js
from lmdr.services.context import Context, service
from lmdr.services.dot_numbers import dot_text
from runbook.json_types import MISSING
from runbook.query import Query

STEPS = ("profile_complete", "jobs_posted", "branding_uploaded", "payment_setup")
"""The steps that count, 25 % each; `first_candidate_viewed` is shown and does not count."""


@service
def get_carrier_onboarding(context: Context, dot: str) -> dict[str, Any]:
    """A carrier's progress: {success, onboarding: its row or null, steps: {name: done}, percentComplete}.

    `dot`: from the page's URL. An unknown carrier has done no step.
    """
    number = dot_text(dot)
    row = context.records.first("CarrierOnboarding", Query().eq("dot_number", number)) if number else None
    steps = steps_done(row or {})
    return {"success": True, "onboarding": row, "steps": steps, "percentComplete": 25 * sum(steps.values())}


def steps_done(row: Mapping[str, Any]) -> dict[str, bool]:
    """Which of `STEPS` are done by a row of CarrierOnboarding; one posted job is enough."""
    done = {name: js.truthy(row.get(name, MISSING)) for name in STEPS}
    return {**done, "jobs_posted": js.less(0, row.get("jobs_posted", MISSING))}
