"""What going back has not carried is a debt: noted with the turn, shown, and in the way of the way forth."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection

from fleet_platform import Fleet
from runbook.commands import flags as flag_commands
from runbook.commands.monitor import SLUG, open_check
from runbook.commands.status import status
from runbook.cutover.debts import leave, new_debt
from runbook.errors import CheckFailed, FlagRefused, SettingError
from runbook.state import Debt, OutboxRow
from runbook.state import flags as state_flags

SANDBOX = "sandbox"


def set_flag(fleet: Fleet, flag: str, side: str, who: str = "ann") -> str:
    return flag_commands.set_flag(fleet.platform, SANDBOX, flag, side, who=who, why="")


def test_turning_back_alone_notes_a_debt_and_says_what_it_means(turned: Fleet) -> None:
    state = turned.connect().state
    since = state.flags.history("trucks")[-1].at
    done = set_flag(turned, "trucks", "wix")
    (debt,) = state.debts.all().values()
    assert (debt.since, debt.who) == (since, "ann")
    assert since < debt.until
    assert f"Airtable was ahead of Wix from {since} until {debt.until}" in done
    assert "`runbook rollback --flag trucks --reverse-sync` carries it" in done
    # Once more, the flag stands at 'wix' already: the debt stays as it is.
    assert "not carried back to Wix" in set_flag(turned, "trucks", "wix", who="bob")
    assert state.debts.all() == {"trucks": debt}


def test_a_flag_that_never_turned_owes_nothing(migrated: Fleet) -> None:
    assert set_flag(migrated, "trucks", "wix") == "trucks is already at 'wix'"
    assert migrated.connect().state.debts.all() == {}


def test_flag_and_debt_are_one_transaction(turned: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(database: Any, connection: Connection, debts: dict[str, Debt]) -> None:
        assert debts
        raise KeyboardInterrupt

    state = turned.connect().state
    with monkeypatch.context() as patch:
        patch.setattr(state_flags, "add_debts", killed)
        with pytest.raises(KeyboardInterrupt):
            set_flag(turned, "trucks", "wix")
    assert (state.flags.get("trucks"), state.debts.all()) == ("airtable", {})
    set_flag(turned, "trucks", "wix")
    assert (state.flags.get("trucks"), set(state.debts.all())) == ("wix", {"trucks"})


def test_a_debt_lasts_from_its_first_beginning(turned: Fleet) -> None:
    state = turned.connect().state
    since = state.flags.history("trucks")[-1].at
    state.flags.set("trucks", "airtable", who="ann", why="settled", always=True)
    assert new_debt(state, "trucks", who="ann", why="").since == since
    set_flag(turned, "trucks", "wix")
    state.flags.set("trucks", "airtable", who="ann", why="as a person said")
    set_flag(turned, "trucks", "wix", who="bob")
    (debt,) = state.debts.all().values()
    assert (debt.since, debt.who) == (since, "bob")
    assert new_debt(state, "owners", who="ann", why="").since is not None
    assert new_debt(state, "no such flag", who="ann", why="").since is None


def test_status_and_flags_show_debts(turned: Fleet) -> None:
    set_flag(turned, "trucks", "wix")
    for shown in (repr(status(turned.platform, SANDBOX)), flag_commands.show(turned.platform, SANDBOX, None, "table")):
        assert "flag trucks: Airtable was ahead of Wix from" in shown
        assert "flag owners: Airtable" not in shown


def test_the_weekly_check_names_debts(turned: Fleet) -> None:
    set_flag(turned, "trucks", "wix")
    check = open_check(turned.platform)
    assert "flag trucks: Airtable was ahead" in repr(check)
    check.compare()
    check.record_counts()
    check.error_rate()
    assert "flag trucks: Airtable was ahead" in repr(check.verdict())
    (warning,) = check.folder.read_evidence(SLUG, "gate")["warnings"]
    assert "--reverse-sync" in warning


def test_a_flag_with_a_debt_does_not_turn_on(turned: Fleet) -> None:
    set_flag(turned, "trucks", "wix")
    with pytest.raises(FlagRefused, match=r"flag trucks: Airtable was ahead .* not carried back"):
        set_flag(turned, "trucks", "airtable")
    turned.connect().state.debts.clear("trucks")
    assert "'wix' → 'airtable'" in set_flag(turned, "trucks", "airtable")


def test_nothing_is_loaded_of_a_collection_with_a_debt(turned: Fleet) -> None:
    """Stranded edits, rows created and rows deleted in Airtable stay as they are until the debt is settled."""
    turned.edit("Trucks", "t0", Plate="edited")
    turned.delete("Trucks", "t1")
    for flag in ("trucks", "trips"):
        set_flag(turned, flag, "wix")
    turned.connect().state.debts.clear("trips")
    turned.save("Trips", {"_id": "r9", "truck": "t0"})
    turned.save("Trucks", {"_id": "t9", "plate": "P-9"})
    run = turned.open(2)
    assert "not carried back" in repr(run.plan())
    run = turned.open(2)
    for step in ("plan", "provision", "export", "transform", "load", "validate"):
        getattr(run, step)()
    with pytest.raises(CheckFailed, match=r"(?s)Trucks stopped: .*not carried back.*--reverse-sync") as error:
        run.gate()
    assert "Trips" not in str(error.value)
    assert {id_: record["fields"]["Plate"] for id_, record in turned.records("Trucks").items()} == {"t0": "edited"}
    assert "r9" in turned.records("Trips")


def test_leaving_it_lets_the_way_forth_go_on_and_keeps_what_was_edited(turned: Fleet) -> None:
    connections, base = turned.connect(), turned.base()
    state, catalog = connections.state, turned.platform.catalog
    with pytest.raises(SettingError, match="is at 'airtable', so services still write there"):
        leave(state, catalog, base, "trucks", who="ann", why="no use")
    turned.edit("Trucks", "t0", Plate="edited")
    state.outbox(base, "Trucks").add([OutboxRow("t0", "rec0", {"Plate": "edited"}, by_hand=True)])
    state.outbox(base, "Owners").add([OutboxRow("o0", "rec1", {}, by_hand=True)])
    set_flag(turned, "trucks", "wix")
    debt = leave(state, catalog, base, "trucks", who="bob", why="only a test drive")
    assert debt is not None
    assert (state.debts.all(), set(state.outbox_counts(base))) == ({}, {"Owners"})
    last = state.flags.history("trucks")[-1]
    assert (last.value, last.who) == ("wix", "bob")
    assert last.why == "left in Airtable, not carried back: only a test drive"
    with pytest.raises(SettingError, match="nothing that is not carried back"):
        leave(state, catalog, base, "trucks", who="bob", why="again")
    turned.migrate(2)
    assert turned.records("Trucks")["t0"]["fields"]["Plate"] == "edited"
