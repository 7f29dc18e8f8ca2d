"""`runbook resolve`: a person says which side is right, and the next run of the phase obeys."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_platform import Fleet
from runbook.commands.resolve import resolve
from runbook.errors import CheckFailed, SettingError
from runbook.run import PhaseRun


@pytest.fixture
def red(fleet: Fleet) -> PhaseRun:
    """A phase whose gate is red: both sides changed the plate of t0, and the DOT of t1."""
    fleet.migrate(2)
    fleet.edit("Trucks", "t0", Plate="P-0 rear")
    fleet.edit("Trucks", "t1", DOT=7)
    items = fleet.items("Trucks")
    fleet.save("Trucks", {**items["t0"], "plate": "P-0 front"}, {**items["t1"], "dot": "8"})
    run = fleet.open(2)
    with pytest.raises(CheckFailed, match="2 rows in conflict, not written: t0; t1; `runbook resolve` settles them"):
        fleet.steps(run)
    assert run.results.validated["Trucks"].comparison.unexplained_cells == 0
    return run


def settle(fleet: Fleet, run: PhaseRun, prefer: Any, **which: str) -> list[tuple[Any, ...]]:
    return list(resolve(fleet.platform, run.run_id, prefer=prefer, who="ann", why="phoned them", **which).rows)


def test_conflicts_are_listed_without_their_values(fleet: Fleet, red: PhaseRun) -> None:
    table = resolve(fleet.platform, red.run_id, prefer=None, who="ann", why="")
    assert [row[:3] for row in table.rows] == [("Trucks", "t0", "Plate"), ("Trucks", "t1", "DOT")]
    assert [row[-1] for row in table.rows] == ["open", "open"]
    assert "front" not in repr(table)


def test_one_cell_is_settled_and_then_all_that_is_left(fleet: Fleet, red: PhaseRun) -> None:
    assert [row[1] for row in settle(fleet, red, "airtable", collection="Trucks", row="t0", key="Plate")] == ["t0"]
    run = fleet.open(2)
    with pytest.raises(CheckFailed, match="1 row in conflict, not written: t1"):
        fleet.steps(run)
    assert fleet.records("Trucks")["t0"]["fields"]["Plate"] == "P-0 rear"
    with pytest.raises(SettingError, match="has no open conflict of row t0"):
        settle(fleet, run, "wix", row="t0")
    settle(fleet, run, "wix")
    run = fleet.migrate(2)
    assert run.gate().passed
    assert "Trucks: 1 conflict settled as people decided: t1, dot: wix (ann: phoned them)" in run.gate().warnings
    assert fleet.records("Trucks")["t1"]["fields"]["DOT"] == 8
    loaded: Any = run.folder.read_evidence(run.phase.slug, "load")
    assert loaded["Trucks"]["settled"] == [
        {"id": "t1", "key": "dot", "prefer": "wix", "who": "ann", "why": "phoned them"}
    ]
    again = fleet.migrate(2)
    assert (again.results.loaded["Trucks"].writes, again.results.loaded["Trucks"].settled) == (0, ())
    assert again.results.validated["Trucks"].comparison.explained["settled for Airtable"] == 1


def test_a_decision_on_values_that_have_changed_since_is_asked_for_again(fleet: Fleet, red: PhaseRun) -> None:
    settle(fleet, red, "wix")
    fleet.edit("Trucks", "t0", Plate="P-0 again")
    run = fleet.open(2)
    with pytest.raises(CheckFailed, match="1 row in conflict, not written: t0"):
        fleet.steps(run)
    assert fleet.records("Trucks")["t0"]["fields"]["Plate"] == "P-0 again"
    assert fleet.records("Trucks")["t1"]["fields"]["DOT"] == 8


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ({"collection": "Truck"}, "--collection: 'Truck' is not in the catalog; it has Trucks, Trips, Owners"),
        ({"row": "t9"}, "has no open conflict of row t9"),
        ({"key": "vin"}, "has no open conflict of key vin"),
    ],
)
def test_a_name_without_a_conflict_is_refused_and_nothing_is_noted(
    fleet: Fleet, red: PhaseRun, which: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        settle(fleet, red, "wix", **which)
    assert red.connections.state.conflicts(fleet.base(), "Trucks").settled() == {}


def test_a_decision_needs_a_reason(fleet: Fleet, red: PhaseRun) -> None:
    with pytest.raises(SettingError, match="--why is empty"):
        resolve(fleet.platform, red.run_id, prefer="wix", who="ann", why=" ")
