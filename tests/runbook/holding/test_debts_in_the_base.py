"""What was not carried back stands in the base too, so that a lost or copied state does not forget it."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest

from fleet_platform import Fleet
from machines import change_fact, copy_state, delete_facts, lose_state, put_back, requests, values
from runbook.commands import flags as flag_commands
from runbook.commands.rebuild_state import rebuild_state
from runbook.cutover.debts import leave
from runbook.cutover.turning import tell
from runbook.holding import open_base
from runbook.holding.debts import merge_debts
from runbook.holding.own_table import DEBTS
from runbook.state import Debt

SANDBOX = "sandbox"
OLD, NEW = (
    Debt("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "ann", "a try"),
    Debt(None, "2026-01-03T00:00:00Z", "bob", ""),
)


def back(fleet: Fleet, flag: str = "trucks") -> str:
    return flag_commands.set_flag(fleet.platform, SANDBOX, flag, "wix", who="ann", why="")


def end(fleet: Fleet) -> None:
    """What held the base ends."""
    gc.collect()  # holds that nobody uses any more
    hold = open_base(fleet.connect())
    hold.claim()
    assert hold.release() is None


def in_base(fleet: Fleet) -> set[str]:
    return set(json.loads(values(fleet).get(DEBTS) or "{}"))


def debts(fleet: Fleet) -> dict[str, Debt]:
    return fleet.connect().state.debts.all()


@pytest.mark.parametrize(
    ("mine", "told", "base", "rebuilt", "found"),
    [
        (OLD, None, None, False, OLD),  # noted while the base could not be told
        (OLD, None, None, True, OLD),
        (NEW, OLD, OLD, True, NEW),
        (None, None, OLD, False, OLD),  # only the base knows it
        (None, OLD, OLD, False, None),  # settled here while the base could not be told
        (None, OLD, OLD, True, None),
        (None, OLD, NEW, True, NEW),  # and another one since, of another state
        (OLD, OLD, None, True, None),  # settled by another state
        (OLD, OLD, NEW, True, NEW),
        (OLD, OLD, None, False, OLD),  # somebody edited the base
        (OLD, OLD, NEW, False, OLD),
    ],
)
def test_debts_are_compared_three_ways(
    mine: Debt | None, told: Debt | None, base: Debt | None, rebuilt: bool, found: Debt | None
) -> None:
    sides = [{"trucks": debt} if debt else {} for debt in (mine, told, base)]
    assert merge_debts(*sides, rebuilt=rebuilt) == ({"trucks": found} if found else {})


def test_the_base_is_told_at_once_and_a_state_that_was_lost_reads_it_there(turned: Fleet) -> None:
    open_base(turned.connect())
    back(turned)
    known = debts(turned)
    assert in_base(turned) == set(known) == {"trucks"}
    end(turned)
    lose_state(turned)
    assert debts(turned) == {}
    run = turned.open(2)
    assert debts(turned) == known
    assert "not carried back" in repr(run.plan())
    leave(run.connections.state, turned.platform.catalog, turned.base(), "trucks", who="ann", why="a try")
    assert (tell(run.hold), run.hold.release()) == (None, None)
    assert in_base(turned) == set()
    end(turned)
    lose_state(turned)
    turned.open(2)
    assert debts(turned) == {}


def test_a_state_that_is_rebuilt_by_hand_shows_it_first(turned: Fleet) -> None:
    open_base(turned.connect())
    back(turned)
    known = debts(turned)
    end(turned)
    lose_state(turned)
    assert "flag trucks: Airtable was ahead" in repr(rebuild_state(turned.platform, SANDBOX))
    assert debts(turned) == {}
    assert "flag trucks: Airtable was ahead" in repr(rebuild_state(turned.platform, SANDBOX, yes=True))
    assert debts(turned) == known


def test_a_base_that_was_down_is_told_once_it_answers(turned: Fleet) -> None:
    open_base(turned.connect())
    turned.box.faults({"match": {"service": "airtable"}, "kind": "status", "status": 503, "times": None})
    assert "the next opening tells it" in back(turned)
    turned.box.faults(clear=True)
    assert in_base(turned) == set()
    turned.open(2).hold.release()
    assert in_base(turned) == {"trucks"}
    every, written = requests(turned)
    turned.open(2)
    assert requests(turned) == (every + 1, written)  # told once


def test_a_debt_that_was_settled_is_not_taken_from_the_base_again(turned: Fleet) -> None:
    back(turned)
    turned.connect().state.debts.clear("trucks")
    assert in_base(turned) == {"trucks"}
    turned.open(2).hold.release()
    assert (debts(turned), in_base(turned)) == ({}, set())


def test_an_older_copy_of_the_state_learns_it_and_that_it_is_settled(turned: Fleet, tmp_path: Path) -> None:
    open_base(turned.connect()).release()
    before = copy_state(turned, tmp_path / "before")
    back(turned)
    owing = copy_state(turned, tmp_path / "owing")
    put_back(turned, before)
    turned.open(2)
    assert set(debts(turned)) == {"trucks"}
    put_back(turned, owing)
    turned.open(2).hold.release()
    other = copy_state(turned, tmp_path / "other")
    hold = open_base(turned.connect())
    leave(hold.state, turned.platform.catalog, turned.base(), "trucks", who="bob", why="a try")
    tell(hold)
    hold.release()
    put_back(turned, other)
    assert set(debts(turned)) == {"trucks"}
    turned.open(2)
    assert debts(turned) == {}


@pytest.mark.parametrize("value", ["", "[]", "{", '{"trucks": 1}', '{"trucks": {"since": 1, "until": 2}}'])
def test_what_somebody_did_to_it_in_the_base_is_put_right(turned: Fleet, value: str) -> None:
    back(turned)
    known = debts(turned)
    change_fact(turned, DEBTS, Value=value)
    turned.open(2).hold.release()
    assert debts(turned) == known
    assert in_base(turned) == {"trucks"}


def test_what_cannot_be_read_in_the_base_by_a_state_that_was_lost_is_owed(turned: Fleet) -> None:
    back(turned)
    change_fact(turned, DEBTS, Value="{")
    lose_state(turned)
    turned.open(2)
    assert set(debts(turned)) == {"trucks", "trips", "owners"}
    assert {debt.since for debt in debts(turned).values()} == {None}


def test_a_table_that_was_deleted_gets_its_debts_again(turned: Fleet) -> None:
    back(turned)
    delete_facts(turned)
    turned.open(2).hold.release()
    assert in_base(turned) == {"trucks"}


def test_turning_back_where_only_the_base_knew_that_it_was_on_owes_what_was_written(migrated: Fleet) -> None:
    change_fact(migrated, "flag trucks", Value="airtable", Since="2026-01-01T00:00:00Z")
    assert "not carried back" in back(migrated)
    assert debts(migrated)["trucks"].since == "2026-01-01T00:00:00Z"
    assert in_base(migrated) == {"trucks"}


def test_turning_back_without_a_state_owes_since_the_turn_in_the_base(turned: Fleet) -> None:
    open_base(turned.connect()).release()
    since = turned.connect().state.flags.history("trucks")[-1].at
    lose_state(turned)
    turned.box.faults({"match": {"service": "airtable"}, "kind": "status", "status": 503, "times": None})
    assert "from a time that is not known" in back(turned)
    turned.box.faults(clear=True)
    turned.open(2)
    assert debts(turned)["trucks"].since == since


@pytest.mark.parametrize("there", ["wix", "airtable"])
def test_settling_a_flag_as_wix_owes_where_either_side_had_it_on(migrated: Fleet, there: str) -> None:
    if there == "wix":  # and this state says 'airtable'
        migrated.connect().state.flags.set("trucks", "airtable", who="ann", why="")
        open_base(migrated.connect()).release()
    change_fact(migrated, "flag trucks", Value=there)
    done = flag_commands.settle(migrated.platform, SANDBOX, "trucks", "wix", who="ann", why="asked")
    assert "`runbook rollback --flag trucks --reverse-sync`" in done
    assert set(debts(migrated)) == in_base(migrated) == {"trucks"}
