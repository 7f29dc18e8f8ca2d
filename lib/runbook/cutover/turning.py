"""Turn flags, in both directions: to 'airtable' only on evidence that is complete, green and current; back always."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from runbook.backlog import waits_for_airtable
from runbook.catalog import Catalog
from runbook.cutover.airtable_evidence import AirtableEvidence
from runbook.cutover.debts import new_debt, owed
from runbook.display import plural
from runbook.errors import AirtableError, BaseRefused, BudgetSpent, FlagRefused, RunbookError, TargetError
from runbook.holding import Hold
from runbook.state import Side, State
from runbook.state.locks import CALLS
from runbook.wix.source import Source

Check = Callable[[bool], Mapping[str, Sequence[str]]]
"""Reasons by flag; called with whether service calls are held."""
CALLS_SECONDS = 30.0
"""How long a turn to 'airtable' waits until no service call is in flight."""
BACK_SECONDS = 5.0


class Turned(NamedTuple):
    """What became of a turn. `reasons`: by flag. `seconds`: how long new service calls had to wait."""

    reasons: dict[str, list[str]]
    seconds: float

    @property
    def held(self) -> str:
        """How long calls were held, for people; "" where they were not."""
        return f"service calls were held for {self.seconds:.2f} s" if self.seconds else ""


def reasons_against(
    flag: str, catalog: Catalog, state: State, base: str, source: Source, *, gates: bool = True
) -> list[str]:
    """Why a flag may not turn to 'airtable' now; empty if it may.

    Complete: every collection of the flag has evidence. Green: it was verified with nothing unexplained, and the last
    gate of its phase passed (`gates` False: the caller is that phase and has checked it). Current: the source has the
    same number of rows and no later change than when it was exported. `AirtableEvidence` asks the same of Airtable.
    """
    if source.label != "wix":
        return [
            f"the evidence is from the folder {source.label}; only the site itself can show that nothing changed since"
        ]
    known = state.facts.progress(base)
    reasons = [debt] if (debt := owed(state, flag)) is not None else []
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


def turn(
    state: State,
    flags: Iterable[str],
    side: Side,
    *,
    check: Check,
    who: str,
    why: str,
    run_id: str | None = None,
    must: bool = False,
    unsettled: Collection[str] = (),
    also: Callable[[Connection], None] = lambda connection: None,
) -> Turned:
    """Turn flags: check while calls go on, hold the calls, check again, turn, let them go on.

    `check(held)` returns reasons by flag: against a turn to 'airtable', or, going back, why not everything is known to
    be carried. It is not called where every flag is at `side` already. Flags with a reason stay; with `must` they turn
    whatever the reasons, also when calls could not be held for `BACK_SECONDS` or a check failed, and each that turns
    back to 'wix' with a reason gets a debt in the same transaction; an error of a check that is none of ours is raised
    after that. `unsettled`: flags that turn wherever this state has them. `also`: noted in the transaction of the turn.
    `tell` tells the base.
    """
    names, before = list(flags), state.flags.all()
    turning = [name for name in names if name in unsettled or before.get(name) != side]
    reasons: dict[str, list[str]] = {name: [] for name in names}
    if not turning:
        _say(state, names, side)
        return Turned(reasons, 0.0)
    failed: list[Exception] = []
    reasons.update(_asked(check, turning, failed if must else None, held=False))
    if not must:
        turning = [name for name in turning if not reasons[name]]
    if not turning:
        return Turned(reasons, 0.0)
    began = time.monotonic()
    timeout = BACK_SECONDS if must else CALLS_SECONDS
    with state.locks.exclusive(CALLS, timeout=timeout) as acquired:
        if acquired:
            reasons.update(_asked(check, turning, failed if must else None, held=True))
        else:
            what = "; what they write is not carried back" if must else "; try again when they have finished"
            for name in turning:
                reasons[name].append(f"service calls were still in flight after {timeout:g} s{what}")
        before = state.flags.all()
        turning = [name for name in turning if must or not reasons[name]]
        turning = [name for name in turning if name in unsettled or before.get(name) != side]
        debts = {}
        if side == "wix":
            owing = [name for name in turning if reasons[name]]
            debts = {name: new_debt(state, name, who=who, why=reasons[name][0]) for name in owing}
        new = [name for name in turning if name in unsettled or name not in before]
        state.flags.turn(turning, side, who, why, run_id, always=new, debts=debts, also=also)
        _say(state, names, side)
    if failed:
        failed[-1].add_note(f"{', '.join(turning)}: turned to {side!r} all the same")
        raise failed[-1]
    return Turned(reasons, time.monotonic() - began)


def _say(state: State, flags: Iterable[str], side: Side) -> None:
    """Whatever a base says of flags that go back, it is to be told."""
    for flag in flags if side == "wix" else ():
        state.facts.say_flag(flag)


def _asked(check: Check, flags: Iterable[str], failed: list[Exception] | None, *, held: bool) -> dict[str, list[str]]:
    """The reasons of a check. `failed`: what gets an unexpected error; None: every error is raised."""
    try:
        found = check(held)
    except RunbookError as error:
        if failed is None:
            raise
        return {name: [str(error)] for name in flags}
    except Exception as error:
        if failed is None:
            raise
        failed.append(error)
        return {name: [f"the look failed: {type(error).__name__}"] for name in flags}
    return {name: list(found.get(name, ())) for name in flags}


def turn_back(state: State, flag: str, *, who: str, why: str) -> Turned:
    """Set a flag to 'wix' without carrying anything back, which a debt says. `tell` tells the base."""
    reasons = {flag: [f"turned back by {who} without carrying back"]}
    return turn(state, [flag], "wix", check=lambda held: reasons, who=who, why=why, must=True)


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
    run_id: str | None,
    why: str = "evidence complete, green and current",
    hold: Hold | None = None,
    gates: bool = False,
    airtable: AirtableEvidence,
    write_lock: str,
) -> Turned:
    """Turn each flag to 'airtable' that may turn, as `reasons_against` and `airtable` say.

    `hold`: of the base, which must not be another state's; `tell` tells it. `write_lock`: held by a run that writes to
    the base, while none turns: it would write over what services write there from then on.
    """
    left = list(flags)

    def check(held: bool) -> dict[str, list[str]]:
        nonlocal left
        found = {name: reasons_against(name, catalog, state, base, source, gates=gates) for name in left}
        left = [name for name in left if not found[name]]
        collections = {name: list(catalog.of_flag(name)) for name in left}
        airtable.look([c for each in collections.values() for c in each], held=held)
        for name, each in collections.items():
            found[name] += [reason for c in each for reason in airtable.reasons(c)]
            waits = waits_for_airtable(state, base, [c.wix for c in each])
            found[name] += [f"{wix}: {why}" for wix, why in waits.items()]
        left = [name for name in left if not found[name]]
        if not held and left and (problem := may_write(hold)) is not None:
            found.update({name: [problem] for name in left})
            left = []
        for c in [c for name in left for c in collections[name]] if held else ():
            state.outbox(base, c.wix).clear()  # what was left of an earlier turn is older than what was validated
        return found

    left = [name for name in left if state.flags.get(name) != "airtable"]
    with state.locks.exclusive(write_lock, timeout=0) as acquired:
        if not acquired:
            busy = f"a run or a repair is writing to base {base}; when it has ended, give the same command again"
            return Turned({name: [busy] for name in left}, 0.0)
        return turn(state, left, "airtable", check=check, who=who, why=why, run_id=run_id)


def refusal(flag: str, reasons: Iterable[str]) -> FlagRefused:
    """Why a flag does not turn to 'airtable', with every reason."""
    return FlagRefused(
        f"flag {flag!r} stays at 'wix'; it turns on evidence that is complete, green and current:\n  "
        + "\n  ".join(reasons)
    )
