"""A phase's parallel tests: over the source as it is, and over Airtable."""

from __future__ import annotations

import pytest

from fleet_platform import ROWS, Fleet, write_folder
from runbook.cutover.parallel import Parallel
from runbook.errors import CheckFailed
from runbook.run import PhaseRun


def check(run: PhaseRun) -> Parallel:
    found = run.check_services()
    assert isinstance(found, Parallel)
    return found


def test_services_answer_alike_but_for_rows_in_quarantine(fleet: Fleet) -> None:
    run = fleet.migrate(2)
    found = check(run)
    assert found.passed
    assert found.tallies["plates"].identical == 1
    assert found.left_out == 1
    assert found.skipped == {"owners": "Owners not migrated"}
    assert run.gate().passed


def test_a_difference_makes_the_gate_red(fleet: Fleet) -> None:
    run = fleet.migrate(2)
    fleet.edit("Trucks", "t0", Plate="P-9")
    assert not check(run).passed
    with pytest.raises(CheckFailed, match="services return the same on both sides: plates"):
        run.gate()


def test_a_source_that_changed_since_the_export_is_named(fleet: Fleet) -> None:
    run = fleet.migrate(2)
    fleet.save("Trucks", {"_id": "t3", "plate": "P-3"})
    assert not check(run).passed
    assert any("Trucks changed in Wix since the export" in warning for warning in run.results.warnings)


def test_a_folder_is_compared_by_its_snapshots(fleet: Fleet) -> None:
    folder = write_folder(fleet.path / "files", {**ROWS, "Trucks": [*ROWS["Trucks"], {"_id": "t0", "plate": "again"}]})
    run = fleet.migrate(2, source=str(folder))
    assert check(run).passed
    fleet_records = run.connections.airtable.records(run.base(), "Trucks")
    assert sorted(record["fields"]["Plate"] for record in fleet_records) == ["P-0", "P-1"]


def test_what_services_read_from_airtable_already_is_not_compared(fleet: Fleet) -> None:
    run = fleet.migrate(2)
    run.connections.state.flags.set("trucks", "airtable", who="a test", why="")
    assert set(check(run).skipped) == {"plates", "owners"}
