"""What going back to Wix has not carried, by flag: noted as the flag turns; the way forth refuses until it is settled.

A debt says that Airtable was ahead of Wix from one time until another. It is cleared where everything was read and
carried back, or by `leave`: a person wants it to stay as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from runbook.catalog import Catalog
from runbook.errors import SettingError
from runbook.state import Debt, State
from runbook.state.tables import now


def new_debt(state: State, flag: str, *, who: str, why: str) -> Debt:
    """The debt of a flag that turns back now without everything carried."""
    since = None
    for turn in reversed(state.flags.history(flag)):
        if turn.value != "airtable":
            break
        since = turn.at
    return Debt(since, now(), who, why)


def period(debt: Debt) -> str:
    """When Airtable was ahead, for people."""
    return f"from {debt.since or 'a time that is not known'} until {debt.until}"


def settling(flag: str) -> str:
    """The commands that settle a debt, for people."""
    return f"`runbook rollback --flag {flag} --reverse-sync` carries it (`--leave --why …` leaves it as it is)"


def as_text(flag: str, debt: Debt) -> str:
    """A debt, why there is one, and the commands that settle it."""
    ahead = f"flag {flag}: Airtable was ahead of Wix {period(debt)}, not carried back to Wix ({debt.why})"
    return f"{ahead}; {settling(flag)}"


def as_texts(state: State) -> tuple[str, ...]:
    """Every debt, for people."""
    return tuple(as_text(flag, debt) for flag, debt in state.debts.all().items())


def owed(state: State, flag: str) -> str | None:
    """Why nothing may go to Airtable under a flag; None where it has no debt."""
    debt = state.debts.all().get(flag)
    return None if debt is None else as_text(flag, debt)


def leave(state: State, catalog: Catalog, base: str | None, flag: str, *, who: str, why: str) -> Debt | None:
    """Settle a flag without carrying: what was written in Airtable stays there and is never carried back to Wix.

    The way forth goes on then: it keeps edits and rows created in Airtable, and creates again there what was deleted,
    since Wix has it. Returns the debt. Raises SettingError where the flag is at 'airtable', or has nothing to settle.
    """
    names = [c.wix for c in catalog.of_flag(flag)]
    if state.flags.get(flag) == "airtable":
        raise SettingError(
            f"flag {flag!r} is at 'airtable', so services still write there; nothing was done. "
            f"`runbook rollback --flag {flag} --reverse-sync` carries back and turns it; `runbook flags {flag} wix` "
            "turns it alone"
        )
    debt = state.debts.all().get(flag)
    if debt is None and not _waiting(state, base, names):
        raise SettingError(f"flag {flag!r} has nothing that is not carried back; nothing was done")
    state.debts.leave(flag, base, names, who, f"left in Airtable, not carried back: {why}")
    return debt


def _waiting(state: State, base: str | None, collections: Iterable[str]) -> bool:
    return base is not None and not state.outbox_counts(base).keys().isdisjoint(collections)
