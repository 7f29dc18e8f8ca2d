"""Each table is read once a phase, whoever looks at its rows; nothing of what was read is left."""

from __future__ import annotations

import json
from collections import Counter

from fleet_platform import Fleet
from runbook.run import PhaseRun


def full_readings(run: PhaseRun, start: int) -> Counter[str]:
    """Lists of records by table id; look-ups of services and of `check_lookups` ask by table name or with a filter."""
    names = {run.tables().id(name): name for name in run.catalog.collections if name in run.tables()}
    tables = {f"list records of {table}": name for table, name in names.items()}
    tables |= {f"list records of {run.catalog.collection(name).table}": name for name in names.values()}
    return Counter(tables[row.what] for row in run.connections.log.rows(start) if row.what in tables)


def test_validation_links_services_and_recheck_share_one_reading(fleet: Fleet) -> None:
    run = fleet.migrate(2)
    start = len(run.connections.log)
    run.validate()
    run.check_links()
    run.check_services()
    assert full_readings(run, start) == {"Trucks": 1, "Trips": 1}
    run.recheck()
    assert full_readings(run, start) == {"Trucks": 1, "Trips": 1}
    folder = run.folder.path / ".readings"
    assert sorted(path.name for path in folder.iterdir()) == ["Trips.jsonl.gz", "Trucks.jsonl.gz"]
    run.gate()
    assert not folder.exists()
    manifest = json.loads((run.folder.path / "manifest.json").read_text())
    assert not [name for name in manifest["files"] if "readings" in name]


def test_what_is_validated_again_is_read_again(fleet: Fleet) -> None:
    run = fleet.migrate(2)
    run.validate()
    fleet.edit("Trucks", "t0", Plate="Somebody typed here")
    start = len(run.connections.log)
    run.validate()
    assert full_readings(run, start) == {"Trucks": 1, "Trips": 1}
    assert run.results.validated["Trucks"].comparison.explained["edited in Airtable"] == 1
    run.recheck()
    run.recheck()  # a second one looks anew
    assert full_readings(run, start) == {"Trucks": 2, "Trips": 2}


def test_after_a_load_nothing_is_taken_from_before_it(fleet: Fleet) -> None:
    run = fleet.migrate(2)
    run.validate()
    start = len(run.connections.log)
    run.load()
    assert full_readings(run, start) == {"Trucks": 1, "Trips": 1}
    run.check_services()
    run.validate()
    assert full_readings(run, start) == {"Trucks": 1, "Trips": 1}, "what it read and did not write is as current as it"
    run.validate()
    assert full_readings(run, start) == {"Trucks": 2, "Trips": 2}


def test_after_a_load_has_written_a_table_it_is_read_again(fleet: Fleet) -> None:
    run = fleet.migrate(2)
    fleet.save("Trucks", {**fleet.items("Trucks")["t0"], "plate": "P-0 new"})
    run = fleet.open(2)
    for step in ("plan", "provision", "export", "transform"):
        getattr(run, step)()
    start = len(run.connections.log)
    run.load()
    run.validate()
    # The row to be changed once more by itself, just before it was.
    assert full_readings(run, start) == {"Trucks": 1 + 1 + 1, "Trips": 1}
