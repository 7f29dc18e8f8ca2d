"""The end of a migration: freezing what has moved, and what must hold before the Wix side may go."""

from __future__ import annotations

from typing import Any

from runbook.cutover import freeze as closing
from runbook.cutover.freeze import FROZEN
from runbook.cutover.stable_days import STABLE_DAYS, stable_days
from runbook.display import Table
from runbook.run.context import RunContext
from runbook.run.gate import evaluate_gate

DONE = "the freeze that was asked for could be done"


def freeze_collections(run: RunContext, *, freeze: bool) -> Table:
    """Close to writes every collection whose flag is on. Refused, with reasons, where a gate is red."""
    flags = run.connections.state.flags
    moved = [c for c in run.catalog.collections.values() if flags.get(c.flag) == "airtable"]
    if not freeze or run.dry_run:
        why = "freeze is not set" if not freeze else "dry run"
        return _told(run, [], (f"Nothing was closed: {why}. {len(moved)} collections have their flag on.",))
    run.results.checks.pop(DONE, None)  # a former refusal is no reason against this attempt
    reasons = [*evaluate_gate(run).reasons, *_red(run)]
    waiting = [flag for flag in run.catalog.flags if flags.get(flag) != "airtable"]
    if waiting:
        reasons.append(f"flags that still stand at 'wix': {', '.join(waiting)}")
    if reasons:
        run.results.checks[DONE] = False
        run.results.warnings += [f"not frozen: {reason}" for reason in reasons]
        return _told(run, [], ("Nothing was closed, because not every gate is green:", *reasons))
    facts = run.connections.state.facts

    def remember(name: str, permissions: closing.Permissions) -> None:
        facts.put(FROZEN, {**(facts.get(FROZEN) or {}), name: permissions})

    closing.freeze(run.connections.wix, [c.wix for c in moved], remember=remember)
    closed = closing.frozen(run.connections.wix, [c.wix for c in moved])
    run.results.checks[DONE] = all(closed.values())
    notes = (
        "`runbook unfreeze` opens them again.",
        "A freeze keeps out members and visitors. An API key with data rights, the dashboard and backend code with "
        "suppressAuth can still write.",
    )
    words = {True: ("closed", "passed"), False: ("open", "failed")}
    return _told(run, [(name, *words[ok]) for name, ok in closed.items()], notes)


def _red(run: RunContext) -> list[str]:
    known = run.connections.state.progress.all(run.base())
    missing = [name for name in run.catalog.collections if name not in known]
    red = [name for name, done in known.items() if not done.green]
    return [f"not migrated yet: {', '.join(missing)}"] * bool(missing) + [f"red: {', '.join(red)}"] * bool(red)


def _told(run: RunContext, rows: list[tuple[Any, ...]], notes: tuple[str, ...]) -> Table:
    run.evidence("archive", {"closed": [row[0] for row in rows], "notes": list(notes)})
    return Table("Archive", ("collection", "writes", "verdict"), rows, notes)


def checklist(run: RunContext) -> Table:
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
