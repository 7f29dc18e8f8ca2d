"""What a phase has read of the base: each table once, with what its readers need, for its owner alone, then gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from load_kit import BASE, SEED, World, trucks, world
from runbook.airtable.client import Airtable
from runbook.errors import AirtableError, SchemaDrift
from runbook.readings import Readings
from runbook.schema import Tables
from sandbox import Sandbox

GET = {"service": "airtable", "method": "GET", "path": f"/v0/{BASE}/*"}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(seed=SEED, requests_per_second="off") as running:
        yield running


@pytest.fixture
def w(box: Sandbox, tmp_path: Path) -> Iterator[World]:
    with world(box, tmp_path) as made:
        yield made


def readings(w: World, *linking: str) -> Readings:
    tables = Tables(w.airtable.tables(BASE), w.catalog)
    collections = [w.catalog.collection(name) for name in linking]
    return Readings(w.airtable, BASE, tables, w.folder / ".readings", linking=collections)


def requests(airtable: Airtable) -> int:
    return len(airtable.log)


def test_a_table_is_read_once_and_its_records_are_as_they_came(w: World) -> None:
    w.load("Trucks", [*trucks(150), {"_id": "odd", "plate": "Ä\n"}])
    table = readings(w).tables.id("Trucks")
    direct = list(w.airtable.records(BASE, table))
    with readings(w) as read:
        assert read.get("Trucks") is None
        before, progress = requests(w.airtable), []
        assert list(read.records("Trucks", progress.append)) == direct
        assert (requests(w.airtable) - before, progress) == (2, [100])
        reading = read.get("Trucks")
        assert reading is not None
        assert list(read.records("Trucks")) == list(reading.records()) == direct
        assert [len(page) for page in reading.pages()] == [100, 51]
        assert requests(w.airtable) - before == 2


def test_only_the_owner_may_look_and_nothing_is_left(w: World) -> None:
    w.load("Trucks", trucks(1))
    folder = w.folder / ".readings"
    with readings(w) as read:
        list(read.records("Trucks"))
        assert [folder.stat().st_mode & 0o777, *(path.stat().st_mode & 0o777 for path in folder.iterdir())] == [
            0o700,
            0o600,
        ]
    assert not folder.exists()
    before = requests(w.airtable)
    assert len(list(read.records("Trucks"))) == 1, "what was discarded is read again"
    assert requests(w.airtable) == before + 1
    read.discard()


def test_what_a_killed_process_left_is_not_read(w: World) -> None:
    w.load("Trucks", trucks(1))
    killed = readings(w)
    list(killed.records("Trucks"))
    w.load("Trucks", trucks(2))
    with readings(w) as read:
        assert len(list(read.records("Trucks"))) == 2


def test_columns_are_those_of_the_catalog_and_the_inverses_that_are_looked_at(w: World) -> None:
    w.load("Trucks", trucks(1))
    w.load("Trips", [{"_id": "r1", "truck_dot": "1000"}])
    table = next(t for t in w.airtable.tables(BASE) if t["name"] == "Trucks")
    w.airtable.create_field(BASE, table["id"], {"name": "Mine", "type": "singleLineText"})
    w.airtable.update(BASE, "Trucks", [{"id": w.record_id("Trucks", "t0"), "fields": {"Mine": "x"}}])
    with readings(w) as read:
        (record,) = read.records("Trucks")
        assert record["fields"].keys() == {"Legacy Wix ID", "Plate", "DOT", "Wix Original"}
    with readings(w, "Trips") as read:
        (record,) = read.records("Trucks")
        assert record["fields"]["Tours"] == [w.record_id("Trips", "r1")]
        (record,) = read.records("Trips")
        assert record["fields"]["Truck"] == [w.record_id("Trucks", "t0")]


def test_a_reading_that_failed_is_not_kept(box: Sandbox, w: World) -> None:
    w.load("Trucks", trucks(150))
    with readings(w) as read:
        box.faults({"kind": "status", "status": 403, "match": {**GET, "nth": 2}})
        with pytest.raises(AirtableError):
            list(read.records("Trucks"))
        assert read.get("Trucks") is None
        box.faults(clear=True)
        assert len(list(read.records("Trucks"))) == 150


def test_a_table_that_is_not_there_is_named(w: World) -> None:
    table = next(t for t in w.airtable.tables(BASE) if t["name"] == "Trucks")
    w.airtable.update_table(BASE, table["id"], {"name": "Lorries"})
    with pytest.raises(SchemaDrift, match="Trucks"):
        readings(w).records("Trucks")
