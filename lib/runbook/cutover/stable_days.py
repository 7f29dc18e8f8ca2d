"""For how many days all checks have been green since the cut-over: what decides when Wix may be given up."""

from __future__ import annotations

from datetime import UTC, datetime

from runbook.state import State

STABLE_DAYS = 30  # the users' plan: Wix stays as a fallback for 30 days


def stable_days(state: State, now: datetime | None = None) -> tuple[int, str]:
    """Full days without a red check, from the checks on record: (days, explanation).

    Counting starts at the first green check after the last red one and after the last turn of a flag to 'airtable'. It
    starts again after a gap of more than 8 days between checks: the check is weekly.
    """
    now = now or datetime.now(UTC)
    turns = [turn.at for turn in state.flags.history() if turn.value == "airtable"]
    start: datetime | None = None
    last: datetime | None = None
    since = max(turns, default="")
    for check in state.facts.integrity_checks():
        at = datetime.fromisoformat(check.at)
        if not check.passed or check.at < since:
            start = last = None
            continue
        if last is None or (at - last).days > 8:
            start = at
        last = at
    if start is None or last is None:
        return 0, "no green integrity check since the last red one or the last turn of a flag"
    if (now - last).days > 8:
        return 0, f"the last integrity check was on {last:%Y-%m-%d}; it must run weekly"
    return (now - start).days, f"green since {start:%Y-%m-%d}, last checked on {last:%Y-%m-%d}"
