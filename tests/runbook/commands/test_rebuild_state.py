"""`runbook rebuild-state`: it shows first, changes the state on --yes, and never more than that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet_platform import Fleet
from machines import base_of, change_fact, delete_facts, facts, lose_state, requests
from runbook.commands.rebuild_state import rebuild_state
from runbook.errors import FlagsUnsettled, SettingError
from runbook.holding import open_base

SANDBOX = "sandbox"


@pytest.fixture
def lost(turned: Fleet) -> Fleet:
    open_base(turned.connect()).release()
    lose_state(turned)
    return turned


def rows(fleet: Fleet, collection: str) -> set[str]:
    return set(fleet.connect().state.rows(base_of(fleet), collection).all())


def test_without_yes_it_only_compares(lost: Fleet) -> None:
    before = requests(lost)[1]
    shown = rebuild_state(lost.platform, SANDBOX)
    assert requests(lost)[1] == before
    assert rows(lost, "Trucks") == set()
    assert lost.connect().state.flags.all() == {}
    assert {c.collection: (c.rows, c.unknown) for c in shown.rows.collections} == {
        "Trucks": (2, 2),
        "Trips": (2, 2),
        "Owners": (2, 2),
    }
    assert "--yes changes the state" in repr(shown.page())
    assert shown.facts()["flags"]["trucks"] == {"state": None, "base": "airtable", "verdict": "take"}


def test_with_yes_the_state_knows_what_the_base_says(lost: Fleet) -> None:
    done = rebuild_state(lost.platform, SANDBOX, yes=True)
    assert done.rows.written
    assert rows(lost, "Trucks") == {"t0", "t1"}
    assert set(lost.connect().state.flags.all().values()) == {"airtable"}
    assert facts(lost)["state"]["Value"] == lost.connect().state.facts.state_id()
    again = rebuild_state(lost.platform, SANDBOX)
    assert [(c.unknown, c.gone) for c in again.rows.collections] == [(0, 0)] * 3
    assert lost.open(2).results.warnings == []


def test_a_state_that_wrote_the_base_keeps_what_it_knows_of_its_rows(migrated: Fleet) -> None:
    before = migrated.connect().state.rows(migrated.base(), "Trucks").all()
    rebuild_state(migrated.platform, SANDBOX, yes=True)
    assert migrated.connect().state.rows(migrated.base(), "Trucks").all() == before


def test_flags_that_nobody_knows_are_shown_and_stop_it(lost: Fleet) -> None:
    delete_facts(lost)
    shown = rebuild_state(lost.platform, SANDBOX)
    assert {found["verdict"] for found in shown.facts()["flags"].values()} == {"unknown"}
    with pytest.raises(FlagsUnsettled):
        rebuild_state(lost.platform, SANDBOX, yes=True)


def test_a_flag_that_differs_is_shown(migrated: Fleet) -> None:
    change_fact(migrated, "flag trucks", Value="airtable")
    assert rebuild_state(migrated.platform, SANDBOX).facts()["flags"]["trucks"]["verdict"] == "differ"


def test_it_is_json_for_scripts(lost: Fleet) -> None:
    assert json.loads(json.dumps(rebuild_state(lost.platform, SANDBOX).facts()))["base"] == base_of(lost)


def test_without_a_base_there_is_nothing_to_read(fleet: Fleet, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="there is no base 'Fleet'"):
        rebuild_state(fleet.platform, SANDBOX)
