"""A flag turns on evidence that is complete, green and current, and back whenever it is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet_platform import ROWS, Fleet, write_folder
from runbook.connections import Connections
from runbook.cutover import turning
from runbook.cutover.turning import between_calls, reasons_against, require_turn, turn_back, turn_on
from runbook.errors import FlagRefused
from runbook.state import GateResult
from runbook.state.locks import CALLS
from runbook.wix.source import WixSource


def reasons(fleet: Fleet, connections: Connections, flag: str = "trucks", *, gates: bool = True) -> list[str]:
    source = WixSource(connections.wix, fleet.platform.catalog)
    return reasons_against(flag, fleet.platform.catalog, connections.state, fleet.base(), source, gates=gates)


def test_evidence_must_be_complete_green_and_current(fleet: Fleet) -> None:
    fleet.migrate(2)
    c = fleet.connect()
    assert reasons(fleet, c) == []
    assert "Owners has not been migrated and validated yet" in reasons(fleet, c, "owners")
    assert any("the gate of phase 3" in reason for reason in reasons(fleet, c, "owners"))

    c.state.facts.set_gate(fleet.base(), 2, GateResult(passed=False, run_id="r7"))
    assert reasons(fleet, c) == ["the gate of phase 2 is red (run r7)"]
    assert reasons(fleet, c, gates=False) == []

    done = c.state.facts.progress(fleet.base())["Trucks"]
    c.state.facts.set_progress(fleet.base(), replace(done, green=False))
    assert reasons(fleet, c, gates=False) == [f"Trucks: its last validation was red (run {done.run_id})"]
    c.state.facts.set_progress(fleet.base(), replace(done, verified_at=None))
    assert reasons(fleet, c, gates=False) == ["Trucks has not been migrated and validated yet"]


@pytest.mark.parametrize("change", ["added", "removed", "updated"])
def test_a_source_that_changed_since_is_named(migrated: Fleet, change: str) -> None:
    match change:
        case "added":
            migrated.save("Trucks", {"_id": "t9", "plate": "P-9"})
        case "removed":
            migrated.remove("Trucks", "t0")
        case "updated":
            migrated.save("Trucks", {"_id": "t0", "plate": "P-00"})
    (reason,) = reasons(migrated, migrated.connect())
    assert reason.startswith("Trucks has changed in Wix since run")
    assert "Run phase 2 again" in reason


def test_a_folder_is_no_evidence_of_the_site(fleet: Fleet) -> None:
    run = fleet.migrate(2, source=str(write_folder(fleet.path / "files", ROWS)))
    (reason,) = reasons_against("trucks", run.catalog, run.connections.state, run.base(), run.source)
    assert "from the folder files" in reason


def test_a_flag_that_may_not_turn_stays_with_every_reason(fleet: Fleet) -> None:
    fleet.migrate(2)
    c = fleet.connect()
    source = WixSource(c.wix, fleet.platform.catalog)
    require_turn("trucks", fleet.platform.catalog, c.state, fleet.base(), source)
    with pytest.raises(FlagRefused, match="nothing has been migrated yet"):
        require_turn("trucks", fleet.platform.catalog, c.state, None, source)
    with pytest.raises(FlagRefused) as error:
        require_turn("owners", fleet.platform.catalog, c.state, fleet.base(), source)
    assert "flag 'owners' stays at 'wix'" in str(error.value)
    assert len(str(error.value).splitlines()) == 3


def test_flags_turn_one_by_one_each_on_its_own_evidence(migrated: Fleet) -> None:
    migrated.save("Trips", {"_id": "r9", "truck": "t0"})
    c = migrated.connect()
    c.state.flags.create(migrated.platform.catalog.flags)
    source = WixSource(c.wix, migrated.platform.catalog)
    refused = turn_on(
        ["trucks", "trips"], migrated.platform.catalog, c.state, migrated.base(), source, who="ann", run_id="r1"
    )
    assert refused["trucks"] == []
    assert refused["trips"][0].startswith("Trips has changed in Wix")
    assert c.state.flags.all() == {"owners": "wix", "trips": "wix", "trucks": "airtable"}
    (turn,) = c.state.flags.history()
    assert (turn.flag, turn.who, turn.run_id) == ("trucks", "ann", "r1")
    # One that stands at 'airtable' already is neither asked about nor turned again.
    migrated.save("Trucks", {"_id": "t9", "plate": "P-9"})
    again = turn_on(["trucks"], migrated.platform.catalog, c.state, migrated.base(), source, who="bob", run_id="r2")
    assert again == {"trucks": []}
    assert len(c.state.flags.history()) == 1


def test_calls_that_do_not_end_refuse_a_turn_but_not_the_way_back(
    migrated: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turning, "CALLS_SECONDS", 0.05)
    monkeypatch.setattr(turning, "_BACK_SECONDS", 0.05)
    c = migrated.connect()
    source = WixSource(c.wix, migrated.platform.catalog)
    with c.state.locks.shared(CALLS):
        with pytest.raises(FlagRefused, match="flag 'trucks' was not turned"), between_calls(c.state, "trucks"):
            pytest.fail("the block must not be entered")
        refused = turn_on(
            ["trucks"], migrated.platform.catalog, c.state, migrated.base(), source, who="ann", run_id="r1"
        )
        assert "was not turned" in refused["trucks"][0]
        c.state.flags.set("trips", "airtable", who="a test", why="")
        turn_back(c.state, "trips", who="ann", why="in a hurry")
    assert c.state.flags.all() == {"owners": "wix", "trips": "wix", "trucks": "wix"}
    with between_calls(c.state, "trucks"):
        pass


def test_the_notebook_turns_flags_only_where_asked_for_and_green(fleet: Fleet) -> None:
    run = fleet.migrate(2)
    assert {row[3] for row in run.turn_flags().rows} == {"turn_flags is not set"}
    run = fleet.open(2, turn_flags=True)
    for step in ("plan", "provision", "export", "transform", "load", "validate"):
        getattr(run, step)()
    run.results.checks["the moon is full"] = False
    rows = run.turn_flags().rows
    assert {row[1] for row in rows} == {"wix"}
    assert all("the gate of this phase is red: check failed: the moon is full" in row[3] for row in rows)
    del run.results.checks["the moon is full"]
    assert {row[1] for row in run.turn_flags().rows} == {"airtable"}
    assert run.gate().passed
    evidence = run.folder.read_evidence("02_fleet", "flags")
    assert evidence == {"flags": {"trucks": "airtable", "trips": "airtable"}, "refused": {"trucks": [], "trips": []}}
