"""What a phase checks beside its own rows: each check passes as it should, and sees what is broken."""

from __future__ import annotations

import shutil

import pytest

from export_folder import run_steps
from fleet_platform import Fleet
from runbook.errors import CheckFailed
from runbook.run import PhaseRun


@pytest.fixture
def run(fleet: Fleet) -> PhaseRun:
    return fleet.migrate(2)


def test_a_link_edited_in_airtable_turns_no_check_of_links_red(migrated: Fleet) -> None:
    other = migrated.records("Trucks")["t1"]["id"]
    migrated.edit("Trips", "r0", Truck=[other])
    run, reasons = run_steps(migrated)
    assert not reasons
    assert "failed" not in repr(run.check_links())
    assert run.gate().passed
    assert migrated.records("Trips")["r0"]["fields"]["Truck"] == [other]


def test_lookups_find_what_wix_holds(run: PhaseRun, fleet: Fleet) -> None:
    check = "look-up of Trucks by plate finds what Wix holds"
    run.check_lookups()
    assert run.results.checks[check]
    fleet.edit("Trucks", "t1", Plate="P-0")
    run.check_lookups()
    assert run.results.checks[check] is False
    evidence = run.folder.read_evidence("02_fleet", "lookups")
    assert evidence is not None
    assert len(evidence["lookups"]) == 1


def test_a_phase_without_lookups_or_links_says_so(fleet: Fleet) -> None:
    run = fleet.migrate(2, 3)
    assert run.check_lookups().rows == []  # type: ignore[union-attr]
    assert run.check_links().rows == []  # type: ignore[union-attr]
    assert run.gate().passed


def test_links_are_checked_from_both_tables(run: PhaseRun, fleet: Fleet) -> None:
    check = "links of Trips hold from both tables"
    run.check_links()
    assert run.results.checks[check]
    fleet.edit("Trips", "r1", Truck=[fleet.records("Trucks")["t0"]["id"]])
    run.validate()
    run.check_links()
    assert run.results.checks[check]  # a person changed it
    run.connections.state.rows(run.base(), "Trips").forget(["r1"])
    run.validate()
    run.check_links()
    assert run.results.checks[check] is False  # what was last written is not known


def test_recheck_compares_every_collection_of_every_phase(fleet: Fleet) -> None:
    run = fleet.migrate(2, 3)
    rows = {row[1]: row for row in run.recheck().rows}
    assert {name: row[-1] for name, row in rows.items()} == {"Trucks": "passed", "Trips": "passed", "Owners": "passed"}
    assert run.gate().passed
    fleet.edit("Trucks", "t0", Plate="Somebody typed here")
    assert {row[1]: row[-1] for row in run.recheck().rows}["Trucks"] == "passed"
    assert run.results.rechecked["Trucks"].comparison.explained["edited in Airtable"] == 1
    fleet.delete("Trucks", "t0")
    rows = {row[1]: row for row in run.recheck().rows}
    assert rows["Trucks"][-1] == "failed"
    assert "Trucks" in run.results.stopped
    with pytest.raises(CheckFailed, match="Trucks stopped"):
        run.gate()
    assert fleet.migrate(2).results.loaded["Trucks"].recreated == 1


def test_recheck_names_what_is_not_migrated_and_what_cannot_be_compared(run: PhaseRun) -> None:
    shutil.rmtree(run.folder.path / "snapshots")
    rows = {row[1]: row[-1] for row in run.recheck().rows}
    assert rows == {"Trucks": "error", "Trips": "error", "Owners": "not migrated"}
    assert "Owners has not been migrated yet" in run.results.warnings
    assert f"the snapshot of run {run.run_id} is not in its folder" in run.results.stopped["Trucks"]
    assert [ok for check, ok in run.results.checks.items() if check.startswith("every collection of every phase")] == [
        False
    ]


def test_look_ups_are_timed(run: PhaseRun) -> None:
    benchmark = run.benchmark()
    assert benchmark.limited == 0  # type: ignore[union-attr]
    assert run.results.checks["no 429 while look-ups were measured"]


def test_record_counts_are_kept_in_the_base(run: PhaseRun, fleet: Fleet) -> None:
    assert run.record_counts().total == 2 + 2 + 2 + 1  # type: ignore[union-attr]
    records = run.connections.airtable.records(fleet.base(), "Record Counts")
    assert {r["fields"]["Table"]: r["fields"]["Rows"] for r in records}["Trucks"] == 2


def test_alerts_are_set_once_and_not_in_a_dry_run(run: PhaseRun, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = run.connections.state.facts
    fleet.open(2, dry_run=True).set_alerts()
    assert facts.alert_levels() is None
    assert "RUNBOOK_ALERT_URL is not set" in repr(run.set_alerts())
    assert len(facts.alert_levels() or ()) == 6
    monkeypatch.setenv("RUNBOOK_ALERT_URL", "https://hooks.example/secret")
    shown = repr(fleet.open(2).set_alerts())
    assert "posted to RUNBOOK_ALERT_URL" in shown
    assert "secret" not in shown


def test_a_dry_run_checks_nothing(fleet: Fleet) -> None:
    run = fleet.open(2, dry_run=True)
    for step in (run.check_lookups, run.check_links, run.recheck, run.benchmark, run.record_counts, run.check_services):
        assert "Dry run" in repr(step())
    assert run.results.checks == {}
