"""`runbook status`: the status of a migration."""

from __future__ import annotations

from typing import Any

from runbook.backlog import read_backlog
from runbook.display import Table
from runbook.platform import Platform
from runbook.settings import read_home
from runbook.state import State


def status(platform: Platform, environment: str, source: str = "wix") -> Table:
    """One row per collection: phase, flag, rows, verdict, run. Reads only the state.

    "nothing to do": the phase found no row of any of its collections at the source.
    """
    state = State(read_home(environment, platform)[1])
    base = state.facts.base_of(source)
    done = state.facts.progress(base) if base else {}
    flags = state.flags.all()
    rows: list[tuple[Any, ...]] = []
    for phase in platform.catalog.phases:
        for c in phase.collections:
            found = done.get(c.wix)
            flag = f"{c.flag}: {flags.get(c.flag, 'unknown')}"
            nothing = base is not None and state.facts.nothing_to_do(base, phase.number)
            if found is None:
                verdict = "nothing to do" if nothing else "not migrated"
                rows.append((phase.number, c.wix, flag, None, None, None, verdict, None))
                continue
            verdict = "nothing to do" if nothing and found.green else "passed" if found.green else "failed"
            rows.append(
                (phase.number, c.wix, flag, found.exported, found.loaded, found.quarantined, verdict, found.run_id)
            )
    green = sum(1 for found in done.values() if found.green)
    total = len(platform.catalog.collections)
    backlog = read_backlog(state, base, platform.catalog)
    on = sorted(flag for flag, value in flags.items() if value == "airtable")
    return Table(
        f"{environment}: {green} of {total} collections migrated and verified in {base or 'no base yet'}",
        ("phase", "collection", "flag", "exported", "loaded", "quarantined", "verdict", "run"),
        rows,
        (f"Flags at airtable: {', '.join(on) or 'none'}.", *_debts(state), *backlog.notes()),
    )


def _debts(state: State) -> tuple[str, ...]:
    if not state.debts.all():
        return ()
    from runbook.cutover.debts import as_texts  # brings the client of Airtable: 0.5 s

    return as_texts(state)
