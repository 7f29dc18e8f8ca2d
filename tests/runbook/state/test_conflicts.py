"""Conflicts and people's word on them; in SQLite and PostgreSQL alike."""

from __future__ import annotations

from runbook.state import Conflict, Conflicts, State

BASE = "appFleet000000001"
PLATE = Conflict("a", "plate", "both changed", "w1", "a1")
ROW = Conflict("b", "", "origin unknown", "", "a2")


def conflicts(state: State) -> Conflicts:
    return state.conflicts(BASE, "Trucks")


def test_what_is_found_replaces_what_was_found_before(state: State) -> None:
    conflicts(state).replace("run-1", [PLATE, ROW])
    state.conflicts(BASE, "Trips").replace("run-1", [PLATE])
    assert conflicts(state).of_run("run-1") == [PLATE, ROW]
    conflicts(state).replace("run-2", [PLATE])
    assert conflicts(state).of_run("run-1") == []
    assert conflicts(state).all() == [PLATE]
    conflicts(state).replace("run-3", [])
    assert conflicts(state).all() == []
    assert state.conflicts(BASE, "Trips").all() == [PLATE]


def test_a_word_stays_while_both_values_are_those_that_the_person_saw(state: State) -> None:
    conflicts(state).replace("run-1", [PLATE, ROW])
    conflicts(state).settle([PLATE], "airtable", who="ann", why="phoned them")
    conflicts(state).replace("run-2", [PLATE, ROW])
    ((key, word),) = conflicts(state).settled().items()
    assert (key, word.prefer, word.who, word.why) == (("a", "plate"), "airtable", "ann", "phoned them")
    conflicts(state).settle([PLATE], "wix", who="bob", why="no")
    assert conflicts(state).settled()["a", "plate"].prefer == "wix"
    conflicts(state).replace("run-3", [PLATE._replace(airtable="a9"), ROW])
    assert conflicts(state).settled() == {}


def test_conflicts_are_added_to_those_that_are_known(state: State) -> None:
    conflicts(state).replace("run-1", [PLATE])
    conflicts(state).settle([PLATE], "wix", who="ann", why="x")
    conflicts(state).add("run-2", [ROW])
    assert conflicts(state).all() == [PLATE, ROW]
    assert conflicts(state).settled().keys() == {("a", "plate")}
    conflicts(state).add("run-2", [PLATE._replace(wix="w9")])
    assert conflicts(state).settled() == {}
