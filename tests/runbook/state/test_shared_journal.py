"""Machines that share one state share its journal of writes; each has a mirror of its own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from records_kit import CATALOG, Both
from runbook.errors import ItemExists, NoSuchItem
from runbook.mirror import Mirror
from runbook.records import AirtableRecords
from sandbox import Sandbox

pytestmark = pytest.mark.slow
CARRIERS, DRIVERS = "Carriers", "Drivers"


@pytest.fixture
def machines(postgres: str, tmp_path: Path) -> Iterator[tuple[Both, AirtableRecords, AirtableRecords]]:
    """A base, and the records of two machines, whose writes go into the journal."""
    import psycopg

    name = f"journal{abs(hash(tmp_path))}"
    with psycopg.connect(f"{postgres.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with Sandbox(requests_per_second="off", plan="business") as box:
        both = Both(box, tmp_path, f"{postgres}/{name}")
        both.turn("airtable")
        mirror = Mirror(both.api, both.base, CATALOG, both.state, tmp_path / "other.db")
        mirror.load()
        other = both.over(mirror)._with(durable="journal")
        other.journal.is_running = True
        yield both, both.journaled, other
        other.journal.close()
        mirror.close()
        both.close()


def test_what_one_machine_wrote_is_never_undone_by_another(
    machines: tuple[Both, AirtableRecords, AirtableRecords],
) -> None:
    both, here, there = machines
    new = here.insert(CARRIERS, {"trucks": 1, "dot_number": "0123"})  # Wix Original keeps "0123"
    item_id = new["_id"]
    start = both.request_count()
    here.patch(CARRIERS, item_id, {"trucks": 2})
    assert both.request_count() == start
    there.patch(CARRIERS, item_id, {"legal_name": "A"})  # its mirror has no such row, but the journal has
    assert len(there.journal.pending.lines()) == 3
    assert there.journal.drain(10.0) == {}
    here.patch(CARRIERS, item_id, {"legal_name": "Ann"})  # nor its mirror, nor the journal: written at once
    assert here.journal.pending.lines() == []
    both.mirror.refresh()
    here.patch(CARRIERS, item_id, {"insured": True})
    there.patch(CARRIERS, item_id, {"trucks": 3, "status": "active"})
    here.patch(CARRIERS, item_id, {"trucks": 4})
    assert len(here.journal.pending.lines()) == 3
    assert there.journal.drain(10.0) == {}
    (row,) = both.rows(CARRIERS).values()
    item = here.mapping(CARRIERS).to_wix(row["fields"])
    assert {key: value for key, value in item.items() if not key.startswith("_")} == {
        "trucks": 4, "dot_number": "0123", "legal_name": "Ann", "insured": True, "status": "active",
    }  # fmt: skip
    here.remove(CARRIERS, item_id)
    with pytest.raises(NoSuchItem):
        there.change(CARRIERS, item_id, lambda item: {"trucks": 9})
    there.insert(CARRIERS, {"_id": "given"})
    with pytest.raises(ItemExists):
        here.insert(CARRIERS, {"_id": "given"})


def test_both_count_at_once(machines: tuple[Both, AirtableRecords, AirtableRecords]) -> None:
    both, here, there = machines
    both.mirrored.insert(CARRIERS, {"_id": "a", "trucks": 0})
    with here.journal.kept_sent(), there.journal.kept_sent(), ThreadPoolExecutor(8) as pool:
        calls = [
            pool.submit(records.change, CARRIERS, "a", lambda item: {"trucks": item["trucks"] + 1})
            for records in (here, there) * 10
        ]
        calls += [pool.submit(records.insert, DRIVERS, {"name": "Ann"}) for records in (here, there) * 10]
        once = [pool.submit(records.insert_once, CARRIERS, {"legal_name": "Ann"}) for records in (here, there) * 5]
        for call in calls:
            call.result()
        assert sum(call.result().inserted for call in once) == 1
    assert both.cells(CARRIERS, "a")["Trucks"] == 20
    assert len(both.rows(DRIVERS)) == 20
    assert len(both.rows(CARRIERS)) == 2
