"""The page that welcomes a carrier: what it has done of what it takes to begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmdr import js
from lmdr.services.context import Context, service
from lmdr.services.dot_numbers import dot_text
from runbook.json_types import MISSING
from runbook.query import Query

STEPS = ("profile_complete", "jobs_posted", "branding_uploaded", "payment_setup")
"""What counts, a quarter each; that a first candidate was looked at is shown and does not."""


@service
def get_carrier_onboarding(context: Context, dot: str) -> dict[str, Any]:
    """How far a carrier is: {success, onboarding: its row or null, steps: {name: done}, percentComplete}.

    `dot`: as the page's address has it. A carrier of which nothing is known has done nothing yet.
    """
    number = dot_text(dot)
    row = context.records.first("CarrierOnboarding", Query().eq("dot_number", number)) if number else None
    steps = steps_done(row or {})
    return {"success": True, "onboarding": row, "steps": steps, "percentComplete": 25 * sum(steps.values())}


def steps_done(row: Mapping[str, Any]) -> dict[str, bool]:
    """Which of `STEPS` a row of CarrierOnboarding says are done; of jobs one is enough."""
    done = {name: js.truthy(row.get(name, MISSING)) for name in STEPS}
    return {**done, "jobs_posted": js.less(0, row.get("jobs_posted", MISSING))}
