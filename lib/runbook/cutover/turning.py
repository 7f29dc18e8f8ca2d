"""Turn flags on evidence: a flag goes to 'airtable' only if its collections are complete, green and current."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from runbook.catalog import Catalog
from runbook.display import plural
from runbook.errors import AirtableError, BaseRefused, BudgetSpent, FlagRefused, TargetError
from runbook.holding import Hold
from runbook.state import State
from runbook.state.locks import CALLS
from runbook.wix.source import Source


def reasons_against(
    flag: str, catalog: Catalog, state: State, base: str, source: Source, *, gates: bool = True
) -> list[str]:
    """Why a flag may not turn to 'airtable' now; empty if it may.

    Complete: every collection of the flag has evidence. Green: it was verified with nothing unexplained, and the last
    gate of its phase passed (`gates` False: the caller is that phase and has checked it). Current: the source has the
    same number of rows and no later change than when it was exported.
    """
    if source.label != "wix":
        return [
            f"the evidence is from the folder {source.label}; only the site itself can show that nothing changed since"
        ]
    known = state.facts.progress(base)
    reasons = []
    for phase in dict.fromkeys(c.phase for c in catalog.of_flag(flag)) if gates else ():
        gate = state.facts.gate(base, phase)
        if gate is None or not gate.passed:
            status = f"is red (run {gate.run_id})" if gate else "has not passed yet"
            if gate is not None and state.facts.nothing_to_do(base, phase):
                status = f"found nothing to do, so it verified nothing (run {gate.run_id})"
            reasons.append(f"the gate of phase {phase} {status}")
    for c in catalog.of_flag(flag):
        done = known.get(c.wix)
        if done is None or done.verified_at is None:
            reasons.append(f"{c.wix} has not been migrated and validated yet")
        elif not done.green:
            reasons.append(f"{c.wix}: its last validation was red (run {done.run_id})")
        else:
            mark = source.mark(c.wix)
            if (mark.count, mark.newest_update) != (done.source_count, done.source_newest):
                reasons.append(
                    f"{c.wix} has changed in Wix since run {done.run_id}: {plural(mark.count, 'row')}, last changed "
                    f"{mark.newest_update}; the evidence has {done.source_count:,} and {done.source_newest}. "
                    f"Run phase {c.phase} again"
                )
    return reasons


CALLS_SECONDS = 30.0
"""How long a turn waits until no service call is in flight."""
_BACK_SECONDS = 5.0


@contextmanager
def between_calls(state: State, flag: str) -> Iterator[None]:
    """Block service calls, after those in flight have finished. Raises FlagRefused if they do not finish in time."""
    with state.locks.exclusive(CALLS, timeout=CALLS_SECONDS) as acquired:
        if not acquired:
            raise FlagRefused(
                f"flag {flag!r} was not turned: service calls were still in flight after {CALLS_SECONDS:g} s. "
                "Try again when they have finished"
            )
        yield


def turn_back(state: State, flag: str, *, who: str, why: str, run_id: str | None = None) -> None:
    """Set a flag to 'wix': when no call is in flight, but after a few seconds in any case. `tell` tells the base."""
    with state.locks.exclusive(CALLS, timeout=_BACK_SECONDS):
        state.flags.set(flag, "wix", who=who, why=why, run_id=run_id)
    state.facts.say_flag(flag)


def tell(hold: Hold) -> str | None:
    """Tell the base which side its flags are on; why it could not be told. It is told at the next opening then."""
    if hold.base is None:
        return "the base was not told; the next opening tells it"
    try:
        hold.publish()
    except (TargetError, BaseRefused) as error:
        return f"the base {hold.base} was not told; the next opening tells it: {error}"
    return None


def may_write(hold: Hold | None) -> str | None:
    """Why this state may not write to the base now; a base that cannot be reached can be told later."""
    try:
        if hold is not None:
            hold.claim()
    except BudgetSpent:
        return None
    except AirtableError as error:
        return str(error) if error.status is not None and error.status < 500 else None
    except (TargetError, BaseRefused) as error:
        return str(error)
    return None


def turn_on(
    flags: Iterable[str],
    catalog: Catalog,
    state: State,
    base: str,
    source: Source,
    *,
    who: str,
    run_id: str,
    hold: Hold | None = None,
) -> dict[str, list[str]]:
    """Turn each flag that may turn; returns the reasons against each flag (empty: it is at 'airtable' now).

    `hold`: of the base, which must not be another state's; `tell` tells it.
    """
    refused: dict[str, list[str]] = {}
    for flag in flags:
        if state.flags.get(flag) == "airtable":
            refused[flag] = []
            continue
        # Checked first while calls continue, because Wix may respond slowly; then again while calls are blocked.
        refused[flag] = reasons_against(flag, catalog, state, base, source, gates=False)
        if refused[flag]:
            continue
        if (problem := may_write(hold)) is not None:
            refused[flag] = [problem]
            continue
        try:
            with between_calls(state, flag):
                refused[flag] = reasons_against(flag, catalog, state, base, source, gates=False)
                if not refused[flag]:
                    why = "evidence complete, green and current"
                    state.flags.set(flag, "airtable", who=who, why=why, run_id=run_id)
        except FlagRefused as error:
            refused[flag] = [str(error)]
    return refused


def require_turn(flag: str, catalog: Catalog, state: State, base: str | None, source: Source) -> None:
    """Raises FlagRefused, with every reason, if a flag may not turn to 'airtable'."""
    reasons = ["nothing has been migrated yet"] if base is None else reasons_against(flag, catalog, state, base, source)
    if reasons:
        raise FlagRefused(
            f"flag {flag!r} stays at 'wix'; it turns on evidence that is complete, green and current:\n  "
            + "\n  ".join(reasons)
        )
