"""The steps of a phase: in order, again, dry, and where one collection cannot go on."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from fleet_platform import ROWS, Fleet, fleet_site
from runbook.airtable.client import Airtable
from runbook.errors import AirtableError, CheckFailed, StepError, TargetError
from runbook.evidence.manifest import verify
from runbook.state import State

STEPS = ("plan", "provision", "export", "transform", "load", "validate")


def test_a_phase_moves_its_rows_and_leaves_evidence(fleet: Fleet) -> None:
    run = fleet.migrate(2)
    assert set(fleet.records("Trucks")) == {"t0", "t1"}
    progress = run.connections.state.facts.progress(fleet.base())
    assert {(p.collection, p.exported, p.loaded, p.quarantined, p.green) for p in progress.values()} == {
        ("Trucks", 3, 2, 1, True),
        ("Trips", 2, 2, 0, True),
    }
    for name in (*STEPS, "collections", "flags", "requests", "gate"):
        assert run.folder.read_evidence("02_fleet", name) is not None, name
    assert run.folder.read_evidence("02_fleet", "collections")["Trucks"]["quarantined"] == 1  # type: ignore[index]
    assert verify(run.folder).ok
    assert "environment" in repr(run)
    assert run._repr_html_().startswith("<div")


def test_a_second_run_only_reads(fleet: Fleet) -> None:
    first = fleet.migrate(2)
    second = fleet.migrate(2)
    assert second.run_id != first.run_id
    assert {row.method for row in second.connections.log.rows()} == {"GET"}
    assert second.results.loaded["Trucks"].unchanged == 2


def test_a_dry_run_writes_nothing_and_proves_nothing(fleet: Fleet) -> None:
    run = fleet.open(2, dry_run=True)
    shown = {step: repr(getattr(run, step)()) for step in STEPS}
    assert all("Dry run" in shown[step] for step in ("provision", "load", "validate"))
    assert "4 rows could be loaded" in shown["load"]
    assert run.gate().verdict == "dry run"
    assert not run.gate().passed
    assert run.connections.base("wix") is None
    assert {row.method for row in run.connections.log.rows()} <= {"GET"}


def test_a_step_names_the_one_that_was_left_out(fleet: Fleet) -> None:
    run = fleet.open(2)
    with pytest.raises(StepError, match=r"run.provision\(\)"):
        run.base()
    run.provision()
    for step, missing in (("transform", "export"), ("load", "transform"), ("validate", "load")):
        with pytest.raises(StepError, match=rf"Trucks, Trips: `run.{missing}\(\)` has not been run"):
            getattr(run, step)()


def test_chosen_collections_alone_are_moved(fleet: Fleet) -> None:
    run = fleet.migrate(2, collections=["Trucks"])
    assert list(run.results.loaded) == ["Trucks"]
    assert "Trips" not in run.tables()


def test_a_collection_that_cannot_go_on_stops_no_other(fleet: Fleet) -> None:
    (fleet.platform.expectations / "trips_wix.json").unlink()
    run = fleet.open(2)
    for step in STEPS:
        shown = getattr(run, step)()
    assert list(run.results.validated) == ["Trucks"]
    assert "Trips" in run.results.stopped
    assert "Trips" in repr(shown)
    with pytest.raises(CheckFailed, match=r"Trips stopped: .*trips_wix.json"):
        run.gate()


def test_a_load_that_airtable_refuses_stops_its_collection_alone(fleet: Fleet) -> None:
    run = fleet.open(2)
    for step in ("plan", "provision", "export", "transform"):
        getattr(run, step)()
    table = run.tables().id("Trips")
    fleet.box.faults({"match": {"service": "airtable", "path": table}, "kind": "status", "status": 403, "times": None})
    shown = repr(run.load())
    assert list(run.results.loaded) == ["Trucks"]
    assert "failed" in shown
    fleet.box.faults(clear=True)
    run.load()
    run.validate()
    assert "Trips" not in run.results.stopped  # the same step, run again, went on
    assert run.gate().passed


def test_a_service_that_does_not_answer_stops_the_step(fleet: Fleet) -> None:
    run = fleet.open(2)
    for step in ("plan", "provision", "export", "transform"):
        getattr(run, step)()
    run.tables()
    settings = run.connections.settings
    impatient = Airtable(
        settings.airtable_key, url=settings.airtable_url, tries=1, rate_limiter=run.connections.airtable.rate_limiter
    )
    run.connections = replace(run.connections, airtable=impatient)
    fleet.box.faults({"match": {"service": "airtable"}, "kind": "drop_before", "times": None})
    with pytest.raises(AirtableError) as error:
        run.load()
    assert error.value.status is None


def test_a_cell_edited_in_airtable_is_kept_and_the_gate_says_so(fleet: Fleet) -> None:
    fleet.migrate(2)
    fleet.edit("Trucks", "t0", Plate="Somebody typed here")
    for _ in range(2):
        run = fleet.migrate(2)
        assert run.results.loaded["Trucks"].edited == {"t0": ("plate",)}
        assert run.results.validated["Trucks"].comparison.explained["edited in Airtable"] == 1
        gate = run.gate()
        assert gate.passed
        assert "Trucks: 1 row edited in Airtable, kept: t0 (plate)" in gate.warnings
        assert fleet.records("Trucks")["t0"]["fields"]["Plate"] == "Somebody typed here"


def test_a_cell_that_both_sides_changed_is_a_conflict_and_its_row_is_not_written(fleet: Fleet) -> None:
    fleet.migrate(2)
    fleet.edit("Trucks", "t0", Plate="P-0 rear")
    items = fleet.items("Trucks")
    fleet.save("Trucks", {**items["t0"], "plate": "P-0 front", "dot": "77"}, {**items["t1"], "plate": "P-1 new"})
    run = fleet.open(2)
    with pytest.raises(CheckFailed, match=f"Trucks: 1 conflict: t0, Plate: changed in Wix and.*resolve {run.run_id}"):
        fleet.steps(run)
    records = fleet.records("Trucks")
    assert (records["t0"]["fields"]["Plate"], records["t1"]["fields"]["Plate"]) == ("P-0 rear", "P-1 new")
    lines = (run.folder.path / "conflicts/Trucks.jsonl").read_text()
    assert json.loads(lines)["key"] == "plate"
    assert "front" not in lines
    assert "rear" not in lines


def test_once_services_read_airtable_a_changed_row_stays(fleet: Fleet) -> None:
    fleet.migrate(2)
    fleet.connect().state.flags.set("trucks", "airtable", who="a test", why="")
    fleet.edit("Trucks", "t0", Plate="P-0 rear")
    run = fleet.open(2)
    for step in STEPS:
        getattr(run, step)()
    assert fleet.records("Trucks")["t0"]["fields"]["Plate"] == "P-0 rear"
    assert run.results.loaded["Trucks"].updated == 0


def test_a_collection_that_the_source_lacks_is_a_warning(tmp_path: Path) -> None:
    with fleet_site(tmp_path, {name: ROWS[name] for name in ("Trucks", "Trips")}) as fleet:
        run = fleet.migrate(3)
        assert run.results.absent == {"Owners": "absent at the source"}
        assert any("Owners is absent at the source" in warning for warning in run.gate().warnings)


def test_a_similar_name_at_the_source_stops_the_collection(tmp_path: Path) -> None:
    with fleet_site(
        tmp_path, {**{name: ROWS[name] for name in ("Trucks", "Trips")}, "owners": ROWS["Owners"]}
    ) as fleet:
        run = fleet.open(3)
        assert "'owners' may be the same collection under another name" in repr(run.plan())
        with pytest.raises(CheckFailed, match="Owners stopped"):
            run.gate()


def test_a_site_of_another_project_is_named(tmp_path: Path) -> None:
    with fleet_site(tmp_path, {"Songs": [{"_id": "s0"}]}) as fleet:
        run = fleet.open(2)
        run.plan()
        with pytest.raises(CheckFailed, match="WIX_SITE_ID may belong to another site"):
            run.gate()


def test_more_rows_than_the_plan_holds_are_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_PLAN", "free")
    trucks = [{"_id": f"t{n}", "plate": f"P-{n}"} for n in range(1001)]
    with fleet_site(tmp_path, {**ROWS, "Trucks": trucks}, plan="free") as fleet:
        run = fleet.open(2)
        assert "ABOVE THE LIMIT" in repr(run.plan())
        for step in STEPS[1:]:
            getattr(run, step)()
        assert fleet.records("Trucks") == {}
        with pytest.raises(CheckFailed, match="the base would hold 1,003 records, but plan 'free' allows 1,000"):
            run.gate()


def test_a_base_that_cannot_be_read_is_named(fleet: Fleet) -> None:
    run = fleet.open(2)
    run.connections.state.facts.set_base_of("wix", "appGone0000000001", "Fleet")
    with pytest.raises(TargetError, match="the base of an earlier run, appGone0000000001, cannot be read"):
        run.plan()


def test_only_one_process_writes_to_a_base_at_a_time(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    run = fleet.open(2)
    held, release = threading.Event(), threading.Event()

    def other() -> None:
        with State(run.connections.settings.state_url) as state, state.locks.exclusive("write:wix"):
            held.set()
            release.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(10)
    timer = threading.Timer(0.3, release.set)
    timer.start()
    run.provision()
    thread.join()
    assert "another process is writing to this base" in capsys.readouterr().out


@pytest.mark.slow
def test_pictures_are_drawn_of_what_was_done(fleet: Fleet) -> None:
    run = fleet.migrate(2)
    assert "5 rows exported = 4 loaded + 1 in quarantine" in repr(run.show_counts())
    assert "answered 429" in repr(run.show_requests())
    assert "pass" in repr(run.show_outcomes())
    assert "Trucks.dot" in repr(run.show_quarantine())
    assert "P95" in repr(run.show_latency())
    assert "125,000" in repr(run.show_record_limit())
