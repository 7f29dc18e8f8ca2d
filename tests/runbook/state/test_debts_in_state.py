"""Debts in the state, in SQLite and PostgreSQL alike."""

from __future__ import annotations

import pytest

from runbook.errors import SettingError
from runbook.state import Debt, OutboxRow, State

BASE = "appFleet000000001"
FIRST = Debt("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "ann", "3 rows\n  refused")
SECOND = Debt("2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z", "bob", "in a hurry")


def test_a_debt_lasts_from_its_first_beginning_to_its_last_end(state: State) -> None:
    state.debts.note({"core": FIRST, "co%re": FIRST, "core two": FIRST})
    assert state.debts.all()["core"] == FIRST._replace(why="3 rows refused")  # in one line
    state.debts.note({"core": SECOND})
    state.debts.note({"core": FIRST})
    assert state.debts.all()["core"][:3] == (SECOND.since, FIRST.until, "ann")
    state.debts.note({"core": FIRST._replace(since=None)})
    assert state.debts.all()["core"].since is None
    state.debts.clear("core")
    assert set(state.debts.all()) == {"co%re", "core two"}
    state.debts.replace({"core": SECOND})
    assert state.debts.all() == {"core": SECOND}


def test_flags_and_debts_turn_together_or_not_at_all(state: State) -> None:
    for flag in ("a", "b"):
        state.flags.set(flag, "airtable", who="ann", why="")
    with pytest.raises(SettingError, match="flag 'a', 'b' cannot be 'Wix'"):
        state.flags.turn(["a", "b"], "Wix", "ann", "", debts={"a": FIRST})
    with pytest.raises(AttributeError):
        state.flags.turn(["a", "b"], "wix", "ann", "", debts={"a": None})  # type: ignore[dict-item]
    assert (set(state.flags.all().values()), state.debts.all()) == ({"airtable"}, {})
    state.flags.turn(["a", "b"], "wix", "ann", "back", debts={"a": SECOND}, always=["a"])
    assert (set(state.flags.all().values()), state.debts.all()) == ({"wix"}, {"a": SECOND})
    state.flags.turn(["a", "b"], "wix", "bob", "again", always=["a"])
    assert [len(state.flags.history(flag)) for flag in ("a", "b")] == [3, 2]


def test_to_leave_it_clears_debt_and_outbox_of_that_flag_alone(state: State) -> None:
    state.debts.note({"core": FIRST, "people": FIRST})
    for name in ("Trucks", "Trips", "Owners"):
        state.outbox(BASE, name).add([OutboxRow("1", "rec1", {}, by_hand=True)])
    state.debts.leave("core", BASE, ["Trucks", "Trips"], "ann", "left")
    assert (set(state.debts.all()), set(state.outbox_counts(BASE))) == ({"people"}, {"Owners"})
    assert [(t.value, t.who, t.why) for t in state.flags.history("core")] == [("wix", "ann", "left")]


def test_what_a_base_was_told_is_kept_by_base(state: State) -> None:
    state.debts.set_told(BASE, {"core": SECOND})
    assert state.debts.told(BASE) == {"core": SECOND}
    assert state.debts.told("appOther000000001") == {}
    state.debts.set_told(BASE, {})
    assert (state.debts.told(BASE), state.debts.all()) == ({}, {})
