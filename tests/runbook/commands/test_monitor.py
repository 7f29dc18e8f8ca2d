"""The weekly integrity check: green on what it looked at, red on what nothing explains."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleet_platform import ROWS, Fleet, fleet_site
from runbook.commands.monitor import IntegrityCheck, open_check
from runbook.errors import CheckFailed, RunbookError, SettingError
from runbook.merge import Agreed, Agreement, RowValues, digest
from runbook.state import AgreedRow


def steps(check: IntegrityCheck) -> None:
    check.compare()
    check.record_counts()
    check.error_rate()


def alerts(check: IntegrityCheck) -> list[str]:
    steps(check)
    with pytest.raises(CheckFailed) as error:
        check.verdict()
    return str(error.value).splitlines()[1:]


def recorded(fleet: Fleet) -> list[bool]:
    return [check.passed for check in fleet.connect().state.facts.integrity_checks()]


def test_it_is_green_and_goes_on_record(turned: Fleet) -> None:
    check = open_check(turned.platform)
    assert check.collections == ["Trucks", "Trips", "Owners"]
    assert "Trucks" in repr(check)
    assert "<table" in check._repr_html_()
    steps(check)
    assert "3 collections" in repr(check.verdict())
    assert recorded(turned) == [True]
    assert "125,000" in repr(check.show_record_limit())
    assert "P95" in repr(check.show_latency())
    for name in ("compare", "record_counts", "error_rate", "gate"):
        assert check.folder.read_evidence("integrity_check", name) is not None, name


def test_a_cell_edited_in_airtable_is_no_alert(turned: Fleet) -> None:
    turned.edit("Trucks", "t0", Plate="Somebody typed here")
    check = open_check(turned.platform)
    steps(check)
    check.verdict()
    assert recorded(turned) == [True]


def test_a_few_rows_deleted_in_airtable_stay_deleted_and_are_listed(turned: Fleet) -> None:
    turned.delete("Trucks", "t0")
    check = open_check(turned.platform)
    steps(check)
    check.verdict()
    compared: Any = check.folder.read_evidence("integrity_check", "compare")
    assert compared["collections"]["Trucks"]["reasons"] == []
    assert "1 row deleted in Airtable since the cutover: t0" in str(compared)


def test_all_rows_of_a_collection_deleted_in_airtable_are_an_alert(turned: Fleet) -> None:
    for legacy in turned.records("Trucks"):
        turned.delete("Trucks", legacy)
    found = alerts(open_check(turned.platform))
    assert any("2 rows staged, but not in Airtable" in alert for alert in found)


def test_a_cell_that_nothing_explains_is_an_alert(turned: Fleet) -> None:
    # What no person can do: Airtable answered a write of ours with another value than was sent.
    turned.edit("Trucks", "t0", Plate="Somebody typed here")
    rows = turned.connect().state.rows(turned.base(), "Trucks")
    record = turned.records("Trucks")["t0"]
    agreement = Agreement.loads(str(rows.histories(["t0"])["t0"].agreed))
    held = RowValues(turned.platform.catalog.collection("Trucks")).of(record["fields"])
    wrong = {**agreement.keys, "plate": Agreed(agreement.keys["plate"].wix, digest(held["plate"]))}
    rows.agree([AgreedRow("t0", record["id"], None, None, replace(agreement, keys=wrong).dumps())])
    check = open_check(turned.platform)
    (alert,) = alerts(check)
    assert "Trucks: " in alert
    assert recorded(turned) == [False]
    gate: Any = check.folder.read_evidence("integrity_check", "gate")
    assert not gate["passed"]
    assert len(gate["reasons"]) == 1


def test_a_step_that_was_not_run_is_an_alert(turned: Fleet) -> None:
    check = open_check(turned.platform)
    check.compare()
    with pytest.raises(CheckFailed, match=r"error_rate was not run.*\n.*record_counts was not run"):
        check.verdict()


def test_what_cannot_be_compared_is_an_alert(turned: Fleet) -> None:
    shutil.rmtree(turned.path / "runs")
    found = alerts(open_check(turned.platform))
    assert [alert.split(":")[0].strip() for alert in found] == ["Trucks", "Trips", "Owners"]


def test_a_flag_that_is_on_without_a_migration_is_an_alert(fleet: Fleet) -> None:
    fleet.connect().state.flags.set("owners", "airtable", who="a test", why="")
    check = open_check(fleet.platform)
    (alert,) = alerts(check)
    assert "Owners: " in alert
    assert "never migrated" in alert


def test_a_check_of_nothing_is_not_recorded(fleet: Fleet) -> None:
    check = open_check(fleet.platform)
    assert "No flag is on" in repr(check)
    steps(check)
    assert "nothing" in repr(check.verdict())
    assert recorded(fleet) == []


def test_answers_429_and_failures_are_alerts(turned: Fleet) -> None:
    check = open_check(turned.platform)
    read = {"service": "airtable", "method": "GET"}
    turned.box.faults(
        {"match": read, "kind": "status", "status": 503},
        {"match": {**read, "nth": 3}, "kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
    )
    found = alerts(check)
    assert any("1 response 429" in alert for alert in found)
    assert any("failed; the limit is 0.1%" in alert for alert in found)
    assert check.folder.read_evidence("integrity_check", "error_rate")["failed"] == 1  # type: ignore[index]


def test_a_base_that_is_nearly_full_is_an_alert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_PLAN", "free")
    trucks = [{"_id": f"t{n}", "plate": f"P-{n}"} for n in range(950)]
    with fleet_site(tmp_path, {**ROWS, "Trucks": trucks}, plan="free") as fleet:
        fleet.migrate(2, turn_flags=True)
        (alert,) = alerts(open_check(fleet.platform))
        assert "95% of the plan's 1,000" in alert or "96% of the plan's 1,000" in alert


def test_collections_can_be_named(migrated: Fleet) -> None:
    check = open_check(migrated.platform, collections=["Trips"], new_run="weekly")
    assert check.folder.run_id == "weekly"
    steps(check)
    check.verdict()
    for parameters, words in (
        ({"collections": ["Truck"]}, "'Truck'"),
        ({"collections": "Trips"}, "collections is 'Trips'"),
        ({"run_id": "a/b"}, "run_id is 'a/b'"),
    ):
        with pytest.raises(RunbookError, match=words):
            open_check(migrated.platform, **parameters)  # type: ignore[arg-type]
    with pytest.raises(SettingError):
        open_check(migrated.platform, environment="production")
