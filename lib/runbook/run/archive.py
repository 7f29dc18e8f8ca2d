"""The end of a migration: freezing what has moved, and what must hold before the Wix side may go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runbook.connections import connect
from runbook.display import Table
from runbook.run.gate import judge
from runbook.wix import freeze as closing

if TYPE_CHECKING:
    from runbook.platform import Platform
    from runbook.run.opened import Opened
    from runbook.state import State

STABLE_DAYS = 30  # the users' plan: Wix stays a fallback for 30 days
CHECKS = "integrity checks"  # the state's fact that holds [{"at", "passed", "run"}]
FROZEN = "frozen collections"  # the state's fact that holds former permissions by collection


def archive(run: Opened, *, freeze: bool) -> Table:
    """Close to writes every collection whose flag is on. Refused, with reasons, where a gate is red."""
    flags = run.connections.state.flags
    moved = [c for c in run.catalog.collections.values() if flags.get(c.flag) == "airtable"]
    if not freeze or run.dry_run:
        why = "freeze is not set" if not freeze else "dry run"
        return _told(run, [], (f"Nothing was closed: {why}. {len(moved)} collections have their flag on.",))
    reasons = [*judge(run).reasons, *_red(run)]
    waiting = [flag for flag in run.catalog.flags if flags.get(flag) != "airtable"]
    if waiting:
        reasons.append(f"flags that still stand at 'wix': {', '.join(waiting)}")
    if reasons:
        run.results.checks["the freeze that was asked for could be done"] = False
        run.results.warnings += [f"not frozen: {reason}" for reason in reasons]
        return _told(run, [], ("Nothing was closed, because not every gate is green:", *reasons))
    facts = run.connections.state.facts

    def remember(name: str, permissions: closing.Permissions) -> None:
        facts.put(FROZEN, {**(facts.get(FROZEN) or {}), name: permissions})

    closing.freeze(run.connections.wix, [c.wix for c in moved], remember=remember)
    closed = closing.frozen(run.connections.wix, [c.wix for c in moved])
    run.results.checks["the freeze that was asked for could be done"] = all(closed.values())
    notes = (
        "`runbook unfreeze` opens them again.",
        "A freeze keeps out members and visitors. An API key with data rights, the dashboard and backend code with "
        "suppressAuth can still write.",
    )
    words = {True: ("closed", "passed"), False: ("open", "failed")}
    return _told(run, [(name, *words[ok]) for name, ok in closed.items()], notes)


def _red(run: Opened) -> list[str]:
    known = run.connections.state.progress.all(run.base())
    missing = [name for name in run.catalog.collections if name not in known]
    red = [name for name, done in known.items() if not done.green]
    return [f"not migrated yet: {', '.join(missing)}"] * bool(missing) + [f"red: {', '.join(red)}"] * bool(red)


def _told(run: Opened, rows: list[tuple[Any, ...]], notes: tuple[str, ...]) -> Table:
    run.evidence("archive", {"closed": [row[0] for row in rows], "notes": list(notes)})
    return Table("Archive", ("collection", "writes", "verdict"), rows, notes)


def unfreeze(platform: Platform, environment: str, *, who: str) -> Table:
    """Give the frozen collections their former permissions back."""
    connections = connect(platform, environment)
    former = connections.state.facts.get(FROZEN) or {}
    opened = closing.unfreeze(connections.wix, former)
    connections.state.facts.put(FROZEN, {})
    note = f"Opened by {who}." if opened else "No collection is frozen."
    return Table("Unfrozen", ("collection", "verdict"), [(name, "passed") for name in opened], (note,))


def stable_days(state: State, now: datetime | None = None) -> tuple[int, str]:
    """Whole days without a red check, counted from evidence: (days, words).

    The count begins at the first green check after the last red one and after the last turn of a flag to 'airtable'.
    Days in which no check ran count only while checks are at most 8 days apart: the check is weekly.
    """
    now = now or datetime.now(UTC)
    checks = state.facts.get(CHECKS) or []
    turns = [turn.at for turn in state.flags.history() if turn.value == "airtable"]
    start: datetime | None = None
    last: datetime | None = None
    since = max(turns, default="")
    for check in checks:
        at = datetime.fromisoformat(check["at"])
        if not check["passed"] or check["at"] < since:
            start = last = None
            continue
        if last is None or (at - last).days > 8:
            start = at
        last = at
    if start is None or last is None:
        return 0, "no green integrity check is on record since the last red one or the last turn of a flag"
    if (now - last).days > 8:
        return 0, f"the last integrity check was on {last:%Y-%m-%d}; it must run weekly to count"
    return (now - start).days, f"green since {start:%Y-%m-%d}, last checked on {last:%Y-%m-%d}"


def checklist(run: Opened) -> Table:
    """What is left before the Wix side may go, each line from the evidence on record."""
    state = run.connections.state
    flags = state.flags
    on = [flag for flag in run.catalog.flags if flags.get(flag) == "airtable"]
    days, words = stable_days(state)
    frozen = state.facts.get(FROZEN) or {}
    known = state.progress.all(run.base()) if run.connections.base(run.source.label) else {}
    green = [name for name, done in known.items() if done.green]
    total = len(run.catalog.collections)
    rows = [
        ("every collection migrated and verified", f"{len(green)} of {total}", len(green) == total),
        ("every flag on airtable", f"{len(on)} of {len(run.catalog.flags)}", len(on) == len(run.catalog.flags)),
        ("Wix collections closed to writes", f"{len(frozen)} of {total}", len(frozen) == total),
        (f"{STABLE_DAYS} days of green checks", f"{days} days: {words}", days >= STABLE_DAYS),
        ("tab groups arranged", "by hand: the list is in phase 1", None),
        ("the Wix fallback removed", "only after all of the above", None),
    ]
    run.evidence("checklist", {"lines": [list(row) for row in rows], "stable_days": days})
    shown = [(what, how, "by hand" if ok is None else "passed" if ok else "waiting") for what, how, ok in rows]
    return Table("What is left", ("what", "where it stands", "verdict"), shown)
