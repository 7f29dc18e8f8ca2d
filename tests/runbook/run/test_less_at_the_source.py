"""A source that shows less than before: what it does not show is neither deleted nor emptied."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from export_folder import ExportFolder, lines, rows_of, run_steps
from fleet_platform import ROWS, Fleet

TRIPS = ROWS["Trips"]
BODY_404: dict[str, Any] = {"kind": "status", "status": 404, "body": {"message": "no route to host"}}
NOT_FOUND = {
    "kind": "status",
    "status": 404,
    "body": {
        "message": "WDE0025: The Trips collection does not exist.",
        "details": {"applicationError": {"code": "WDE0025", "description": "", "data": {}}},
    },
}


# No rows any more, of a site


def read_nothing(fleet: Fleet) -> None:
    """As a key without rights sees it: an empty collection, and no error."""
    nothing = {"dataItems": [], "pagingMetadata": {"count": 0, "hasNext": False}}
    for path, body in (("/items/query", nothing), ("/items/count", {"totalCount": 0})):
        fleet.box.faults({"match": {"path": path}, "kind": "status", "status": 200, "body": body, "times": None})


def test_a_key_that_sees_nothing_deletes_nothing(migrated: Fleet) -> None:
    read_nothing(migrated)
    run, reasons = run_steps(migrated)
    assert len(reasons) == 2
    trips = next(reason for reason in reasons if "Trips" in reason)
    assert "the site shows no rows, and Airtable holds 2 rows that came from there; nothing was written" in trips
    assert "check the permissions of WIX_API_KEY" in trips
    assert "set RUNBOOK_REMOVE_MANY=Trips and run it again" in trips
    assert rows_of(run, "Trips").keys() == {"r0", "r1"}
    assert rows_of(run, "Trucks").keys() == {"t0", "t1"}
    migrated.box.faults(clear=True)
    run, reasons = run_steps(migrated)
    assert not reasons


def test_plan_and_export_say_so_before_anything_is_done(migrated: Fleet) -> None:
    read_nothing(migrated)
    run = migrated.open(2)
    assert "Airtable holds 2 rows that came from there" in repr(run.plan())
    assert "STOPPED Trips: the site shows no rows, and Airtable holds 2 rows" in repr(run.export())


def test_all_rows_of_a_small_collection_go_with_the_explicit_word_alone(
    migrated: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrated.remove("Trips", "r0", "r1")
    run, reasons = run_steps(migrated)
    assert len(reasons) == 1
    assert "Trips stopped: Trips: the site shows no rows" in reasons[0]
    assert rows_of(run, "Trips").keys() == {"r0", "r1"}
    monkeypatch.setenv("RUNBOOK_REMOVE_MANY", "Trips")
    run, reasons = run_steps(migrated)
    assert not reasons
    assert rows_of(run, "Trips") == {}


def test_a_collection_that_was_always_empty_is_no_loss(migrated: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    migrated.remove("Trips", "r0", "r1")
    monkeypatch.setenv("RUNBOOK_REMOVE_MANY", "Trips")
    run_steps(migrated)
    monkeypatch.delenv("RUNBOOK_REMOVE_MANY")
    _, reasons = run_steps(migrated)
    assert not reasons


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/items/query", BODY_404),
        ("/items/query", NOT_FOUND),
        ("/collections/Trips", BODY_404),
        ("/collections/Trips", NOT_FOUND),
        ("/collections/Trips", {"kind": "status", "status": 404, "body": "<html>404</html>"}),
    ],
    ids=["a page, a proxy's", "a page, Wix's", "the schema, a proxy's", "the schema, Wix's", "the schema, HTML"],
)
def test_a_404_deletes_nothing(migrated: Fleet, path: str, fault: dict[str, Any]) -> None:
    migrated.box.faults({"match": {"path": path}, "times": None, **fault})
    run, reasons = run_steps(migrated)
    assert reasons
    assert any("Trips stopped" in reason for reason in reasons)
    assert rows_of(run, "Trips").keys() == {"r0", "r1"}
    migrated.box.faults(clear=True)
    assert not run_steps(migrated)[1]


def test_a_proxys_404_says_whose_it_is(migrated: Fleet) -> None:
    migrated.box.faults({"match": {"path": "/collections/Trips"}, "times": None, **BODY_404})
    _, reasons = run_steps(migrated)
    assert "HTTP 404; this is not Wix's own answer: a proxy may have given it" in reasons[0]


def unlist(fleet: Fleet, name: str) -> None:
    """The list of collections lacks one."""
    listed = [entry for entry in fleet.connect().wix.collections() if entry["id"] != name]
    body = {"collections": listed, "pagingMetadata": {"count": len(listed), "total": len(listed)}}
    fault = {"match": {"method": "GET", "path": "*/collections"}, "kind": "status", "status": 200, "body": body}
    fleet.box.faults({**fault, "times": None})


def test_a_list_that_lacks_a_collection_is_not_believed_alone(migrated: Fleet) -> None:
    unlist(migrated, "Trips")
    run, reasons = run_steps(migrated)
    assert reasons == ["Trips stopped: the source does not list it, and has it all the same; run it again"]
    assert rows_of(run, "Trips").keys() == {"r0", "r1"}


def test_a_list_that_lacks_a_collection_and_a_proxys_404_prove_nothing(migrated: Fleet) -> None:
    unlist(migrated, "Trips")
    migrated.box.faults({"match": {"path": "/collections/Trips"}, "times": None, **BODY_404})
    run, reasons = run_steps(migrated)
    assert len(reasons) == 1
    assert "the source does not list it, and it is not known whether it exists" in reasons[0]
    assert rows_of(run, "Trips").keys() == {"r0", "r1"}


def test_a_collection_that_is_gone_keeps_its_rows_and_is_named(migrated: Fleet) -> None:
    unlist(migrated, "Trips")
    migrated.box.faults({"match": {"path": "/collections/Trips"}, "times": None, **NOT_FOUND})
    run, reasons = run_steps(migrated)
    assert not reasons
    assert any("Trips is absent at the source; 2 rows in Airtable kept" in w for w in run.gate().warnings)
    assert rows_of(run, "Trips").keys() == {"r0", "r1"}


# No rows any more, in a folder


@pytest.fixture
def export(fleet: Fleet) -> ExportFolder:
    folder = ExportFolder(fleet)
    folder.write("Trucks.jsonl", lines(*ROWS["Trucks"]))
    return folder


HEADER = '"ID","Truck ID"\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Trips.jsonl", ""),
        ("Trips.jsonl", "\n\n"),
        ("Trips.jsonl", "[]"),
        ("Trips.jsonl", '{"dataItems": []}'),
        ("Trips.jsonl.gz", gzip.compress(b"", mtime=0)),
        ("Trips.csv", HEADER),
        ("Trips.csv", "\ufeff" + HEADER),
        ("Trips.csv", ""),
    ],
    ids=["empty", "blank lines", "an array", "a response", "empty gz", "header", "header with a mark", "empty CSV"],
)
def test_a_file_without_rows_deletes_nothing(
    export: ExportFolder, monkeypatch: pytest.MonkeyPatch, name: str, content: str | bytes
) -> None:
    export.write("Trips.jsonl", lines(*TRIPS))
    assert not export.run()[1]
    export.write(name, content)
    run, reasons = export.run()
    assert len(reasons) == 1
    assert "Trips stopped: " in reasons[0]
    assert name in reasons[0]
    assert rows_of(run, "Trips").keys() == {"r0", "r1"}
    if content == "":
        return
    assert "RUNBOOK_REMOVE_MANY=Trips" in reasons[0]
    monkeypatch.setenv("RUNBOOK_REMOVE_MANY", "Trips")
    run, reasons = export.run()
    assert not reasons
    assert rows_of(run, "Trips") == {}


def test_a_folder_that_lacks_what_it_had_keeps_its_rows(export: ExportFolder) -> None:
    export.write("Trips.jsonl", lines(*TRIPS))
    export.run()
    export.remove("Trips")
    run, reasons = export.run()
    assert not reasons
    assert any("Trips is absent at the source; 2 rows in Airtable kept" in w for w in run.gate().warnings)
    assert rows_of(run, "Trips").keys() == {"r0", "r1"}


def test_a_first_export_without_rows_is_no_loss(export: ExportFolder) -> None:
    export.write("Trips.csv", HEADER)
    run, reasons = export.run()
    assert not reasons
    assert run.results.snapshots["Trips"].count == 0
