"""Whether the way back was rehearsed: what a gate asks where `require_drill` is set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from runbook.catalog import Catalog
from runbook.display import plural
from runbook.state import State

DRILL_DAYS = 7
"""For how many days a drill counts."""


def reasons_for_drill(state: State, catalog: Catalog, environment: str, now: datetime | None = None) -> list[str]:
    """Why the newest drill of this environment is not enough: one reason, or none."""
    now = now or datetime.now(UTC)
    drill = state.facts.drill()
    command = f"`runbook rollback --drill -e {environment}` rehearses it, on a copy"
    if drill is None:
        return [f"the way back was never rehearsed, and require_drill is set; {command}"]
    if not drill.seconds:
        why = f"did not finish (run {drill.run})"
    elif not drill.passed:
        why = f"did not pass: {plural(drill.lost, 'write')} lost, {drill.twice} twice (run {drill.run})"
    elif drill.catalog != catalog.sha256:
        why = f"was of another catalog (run {drill.run})"
    elif (age := now - datetime.fromisoformat(drill.at)) > timedelta(days=DRILL_DAYS):
        why = f"was {plural(age.days, 'day')} ago (run {drill.run}); it counts for {DRILL_DAYS}"
    elif age < -timedelta(days=1):
        why = f"is dated in the future (run {drill.run})"
    else:
        return []
    return [f"the newest drill of the way back {why}; {command}"]
