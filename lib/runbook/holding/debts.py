"""Debts as a state and a base have them: one that either knows counts, until the other is known to be newer."""

from __future__ import annotations

import json
from collections.abc import Mapping

from runbook.holding import own_table
from runbook.state import Debt, State


def merge_debts(
    mine: Mapping[str, Debt], told: Mapping[str, Debt], base: Mapping[str, Debt], *, rebuilt: bool
) -> dict[str, Debt]:
    """Compare three ways: the state's, those on which it and the base last agreed, and the base's.

    `rebuilt`: another state has written to the base since.

    | state | agreed  | base         | debt                                                                |
    |-------|---------|--------------|---------------------------------------------------------------------|
    | x     | x       | y, none      | the base's, where it is rebuilt: it was settled there; else x        |
    | x     | other   | any          | x: it was noted while the base could not be told                     |
    | none  | x       | x            | none: it was settled while the base could not be told                |
    | none  | other   | x            | x                                                                   |
    """
    found = {}
    for flag in sorted({*mine, *base}):
        own, there, last = mine.get(flag), base.get(flag), told.get(flag)
        settled_here, settled_there = own is None and there == last, rebuilt and own == last
        debt = None if settled_here else there if own is None or settled_there else own
        if debt is not None:
            found[flag] = debt
    return found


def debts_row(state: State) -> dict[str, str]:
    """The debts of a state as its base is to have them; an empty value for none."""
    found = {flag: debt._asdict() for flag, debt in state.debts.all().items()}
    text = json.dumps(found, sort_keys=True, ensure_ascii=False) if found else ""
    return own_table.fact_row(own_table.DEBTS, text)


def read_debts(text: str) -> dict[str, Debt] | None:
    """What a base was told; None where that cannot be read."""
    try:
        found = {str(flag): Debt(**debt) for flag, debt in json.loads(text or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return None
    return found if all(_is_sound(debt) for debt in found.values()) else None


def _is_sound(debt: Debt) -> bool:
    return isinstance(debt.since, str | None) and all(isinstance(text, str) for text in debt[1:])
