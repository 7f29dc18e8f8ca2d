"""Created, updated, deleted, unchanged, by collection: at the gate, in the index, on the console."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from export_folder import run_steps
from fleet_platform import Fleet
from runbook.evidence.changes import console_lines, read_changes
from runbook.evidence.report import write_report
from runbook.steps.deletion import Deletion

TRUCKS = {"created": 1, "updated": 1, "deleted": 1, "unchanged": 0}
TRIPS = {"created": 0, "updated": 0, "deleted": 0, "unchanged": 2}
LINE = "Trucks: 1 created, 1 updated, 1 deleted, 0 unchanged"


def test_gate_and_index_show_what_was_done_to_the_rows(migrated: Fleet) -> None:
    migrated.save("Trucks", {"_id": "t9", "plate": "P-9"}, {"_id": "t1", "plate": "P-1b", "dot": "1001"})
    migrated.save("Trips", {"_id": "r0", "truck": "t1"})
    migrated.remove("Trucks", "t0")
    run, reasons = run_steps(migrated)
    assert not reasons
    assert read_changes(run.folder, "02_fleet")["Trucks"] == TRUCKS
    assert LINE in repr(run.gate())
    assert run.gate().facts()["changes"]["Trucks"] == TRUCKS
    row = (
        r"<td>Trucks</td><td[^>]*>02_fleet</td><td[^>]*>1</td><td[^>]*>1</td><td[^>]*warning[^>]*>1</td><td[^>]*>0</td>"
    )
    assert re.search(row, write_report(run.folder).read_text())


def test_what_an_earlier_attempt_of_the_run_deleted_is_still_shown(migrated: Fleet) -> None:
    migrated.remove("Trucks", "t0")
    migrated.save("Trips", {"_id": "r0", "truck": "t1"})
    first = migrated.open(2)
    for step in ("plan", "provision", "export", "transform", "load"):
        getattr(first, step)()  # and is stopped before it validates
    second, reasons = run_steps(migrated, run_id=first.run_id)
    assert not reasons
    assert second.results.loaded["Trucks"].deleted == ()
    assert "Trucks: 0 created, 0 updated, 1 deleted, 1 unchanged" in repr(second.gate())


def test_what_a_killed_load_deleted_is_still_shown(migrated: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    migrated.remove("Trucks", "t0")
    migrated.save("Trips", {"_id": "r0", "truck": "t1"})
    first = migrated.open(2)
    for step in ("plan", "provision", "export", "transform"):
        getattr(first, step)()
    with monkeypatch.context() as patch:
        patch.setattr(Deletion, "delete", killed_after(Deletion.delete))
        with pytest.raises(KeyboardInterrupt):
            first.load()
    assert first.folder.read_evidence("02_fleet", "deletions") == {"Trucks": ["t0"]}
    second, reasons = run_steps(migrated, run_id=first.run_id)
    assert not reasons
    assert second.results.loaded["Trucks"].deleted == ()
    assert "Trucks: 0 created, 0 updated, 1 deleted, 1 unchanged" in repr(second.gate())


def killed_after(delete: Callable[..., None]) -> Callable[..., None]:
    def then_killed(*arguments: Any) -> None:
        delete(*arguments)
        raise KeyboardInterrupt

    return then_killed


def test_the_console_has_a_line_for_each_collection_that_was_written() -> None:
    assert console_lines({"Trucks": TRUCKS, "Trips": TRIPS}) == [LINE, "others: nothing written, 2 rows unchanged"]
    assert console_lines({"Trips": TRIPS}) == ["1 collection: nothing written, 2 rows unchanged"]
    assert console_lines({}) == []
