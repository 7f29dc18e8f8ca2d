"""The end of a migration: freeze the migrated collections, and list what must hold before Wix is given up."""

from __future__ import annotations

from typing import Any

from runbook.backlog import Backlog, read_backlog
from runbook.cutover import freeze as freezing
from runbook.cutover.stable_days import STABLE_DAYS, stable_days
from runbook.display import Table, plural
from runbook.run.context import RunContext
from runbook.run.gate import evaluate_gate

FROZEN_CHECK = "every migrated collection is frozen, as requested"


def freeze_collections(run: RunContext, *, freeze: bool) -> Table:
    """Close every collection whose flag is on to writes. Refused, with the reasons, unless every gate is green."""
    flags = run.connections.state.flags
    migrated = [c for c in run.catalog.collections.values() if flags.get(c.flag) == "airtable"]
    if not freeze or run.dry_run:
        why = "freeze is not set" if not freeze else "dry run"
        on = f"{plural(len(migrated), 'collection')} could be frozen: the flag is on"
        return _result(run, [], (f"Nothing was frozen: {why}. {on}.",))
    run.results.checks.pop(FROZEN_CHECK, None)  # an earlier refusal must not refuse this attempt
    reasons = [*evaluate_gate(run).reasons, *_unfinished(run)]
    waiting = [flag for flag in run.catalog.flags if flags.get(flag) != "airtable"]
    if waiting:
        reasons.append(f"flags still at 'wix': {', '.join(waiting)}")
    if reasons:
        run.results.checks[FROZEN_CHECK] = False
        run.results.warnings += [f"not frozen: {reason}" for reason in reasons]
        return _result(run, [], ("Nothing was frozen, because not every gate is green:", *reasons))
    remember = run.connections.state.facts.add_frozen
    for name, permissions in freezing.open_ones(run.connections.wix, [c.wix for c in migrated]).items():
        remember(name, permissions)
    run.hold.publish()  # before any is closed: a state that is lost could not open them again
    freezing.freeze(run.connections.wix, [c.wix for c in migrated], remember=remember)
    frozen = freezing.frozen(run.connections.wix, [c.wix for c in migrated])
    run.results.checks[FROZEN_CHECK] = all(frozen.values())
    notes = (
        "`runbook unfreeze` gives them their former permissions back.",
        "A freeze stops members and visitors. API keys with data rights, the dashboard and backend code that uses "
        "suppressAuth can still write.",
    )
    states = {True: ("frozen", "passed"), False: ("open", "failed")}
    return _result(run, [(name, *states[ok]) for name, ok in frozen.items()], notes)


def _unfinished(run: RunContext) -> list[str]:
    known = run.connections.state.facts.progress(run.base())
    missing = [name for name in run.catalog.collections if name not in known]
    red = [name for name, done in known.items() if not done.green]
    return [f"not migrated yet: {', '.join(missing)}"] * bool(missing) + [f"red: {', '.join(red)}"] * bool(red)


def _result(run: RunContext, rows: list[tuple[Any, ...]], notes: tuple[str, ...]) -> Table:
    run.evidence("freeze", {"frozen": [row[0] for row in rows], "notes": list(notes)})
    return Table("Freeze", ("collection", "writes", "verdict"), rows, notes)


def show_backlog(run: RunContext) -> Backlog:
    """What Wix does not have yet of what was written in Airtable, and whether it is carried back. Reads the state."""
    found = read_backlog(run.connections.state, run.connections.base(run.source.label), run.catalog)
    run.evidence("backlog", found.facts())
    return found


def checklist(run: RunContext) -> Table:
    """What is left to do before Wix is given up, from the evidence on record."""
    state = run.connections.state
    flags = state.flags
    on = [flag for flag in run.catalog.flags if flags.get(flag) == "airtable"]
    days, explanation = stable_days(state)
    frozen = state.facts.frozen()
    known = state.facts.progress(run.base()) if run.connections.base(run.source.label) else {}
    green = [name for name, done in known.items() if done.green]
    total = len(run.catalog.collections)
    rows = [
        ("every collection migrated and verified", f"{len(green)} of {total}", len(green) == total),
        ("every flag at 'airtable'", f"{len(on)} of {len(run.catalog.flags)}", len(on) == len(run.catalog.flags)),
        ("every Wix collection frozen", f"{len(frozen)} of {total}", len(frozen) == total),
        (f"{STABLE_DAYS} days of green checks", f"{plural(days, 'day')}: {explanation}", days >= STABLE_DAYS),
        ("tab groups arranged", "manual step: phase 1 lists them", None),
        ("the Wix fallback removed", "only after all of the above", None),
    ]
    left = [condition for condition, _, ok in rows if ok is not True]
    run.evidence("checklist", {"lines": [list(row) for row in rows], "left": left, "stable_days": days})
    verdicts = {True: "passed", False: "waiting", None: "manual"}
    shown = [(condition, status, verdicts[ok]) for condition, status, ok in rows]
    return Table("What is left", ("condition", "status", "verdict"), shown, (f"Left to do: {'; '.join(left)}.",))
