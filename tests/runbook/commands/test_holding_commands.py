"""`--settle`, `--take-over`, `rebuild-state`: as a terminal calls them; exit code 2 where nothing was done."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from command_kit import call
from fleet_platform import Fleet
from machines import change_fact, claim_of_another, lose_state, values


@pytest.fixture
def terminal(migrated: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setattr("runbook.cli.find_platform", lambda: migrated.platform)
    yield migrated
    assert "RUNBOOK_TAKE_OVER" not in os.environ  # a command leaves nothing behind


def test_a_flag_that_differs_is_settled(terminal: Fleet) -> None:
    change_fact(terminal, "flag trucks", Value="airtable")
    refused = call("flags", "trips", "airtable", code=2).err
    assert "trucks: this state says 'wix'" in refused
    assert "runbook flags trucks airtable --settle -e sandbox" in refused
    done = call("flags", "trucks", "airtable", "--settle", "--who", "ann", "--why", "turned by hand")
    assert "trucks: 'airtable', as said by ann" in done.err
    assert '"trucks": "airtable"' in call("flags", "--format", "json").out


@pytest.mark.parametrize("arguments", [("--settle",), ("trucks", "--settle")])
def test_settle_needs_a_flag_and_a_side(terminal: Fleet, arguments: tuple[str, ...]) -> None:
    assert "--settle needs a flag" in call("flags", *arguments, code=2).err


def test_what_is_settled_is_turned_not_settled(terminal: Fleet) -> None:
    for flag in ("trucks", "all"):
        assert "nothing was done" in call("flags", flag, "airtable", "--settle", code=2).err
    assert values(terminal)["flag trucks"] == "wix"


def test_a_base_that_is_held_is_taken_over_by_a_word(terminal: Fleet) -> None:
    claim_of_another(terminal, seconds_ago=120)
    refused = call("rebuild-state", "--yes", code=2).err
    assert "bob on hub7, /srv/state.db" in refused
    assert "2 minutes" in refused
    call("rebuild-state", "--yes", "--take-over")
    assert "claim c0ffee" not in values(terminal)


def test_turning_back_works_whoever_holds_the_base(terminal: Fleet) -> None:
    terminal.connect().state.flags.set("trucks", "airtable", who="a test", why="")
    claim_of_another(terminal)
    said = call("flags", "trucks", "wix").err
    assert "'airtable' → 'wix'" in said
    assert "the base was not told" in said
    assert terminal.connect().state.flags.get("trucks") == "wix"


def test_rebuild_state_is_data_on_stdout(terminal: Fleet) -> None:
    lose_state(terminal)
    found = json.loads(call("rebuild-state", "--json").out)
    assert found["written"] is False
    assert found["collections"]["Trucks"]["unknown"] == 2
    assert json.loads(call("rebuild-state", "--json", "--yes").out)["written"] is True
