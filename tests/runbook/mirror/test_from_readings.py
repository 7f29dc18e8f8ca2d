"""A mirror filled from what a phase has read: no table is read twice, and what was changed since is found all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mirror_kit import CATALOG, Fleet, carrier, items
from runbook.json_types import Item
from runbook.mirror import Mirror
from runbook.query import Query
from runbook.readings import Readings
from runbook.schema import Tables


@pytest.fixture
def readings(fleet: Fleet) -> Iterator[Readings]:
    tables = Tables(fleet.api.tables(fleet.base), CATALOG)
    with Readings(fleet.api, fleet.base, tables, fleet.folder / ".readings") as read:
        yield read


def read(readings: Readings) -> None:
    assert list(readings.records("Carriers"))


def listed(fleet: Fleet, start: int) -> int:
    return sum(row.what.startswith("list records") for row in fleet.api.log.rows(start))


def stored(mirror: Mirror) -> dict[str, Item]:
    return {item["_id"]: item for item in mirror.find("Carriers", Query().limit(1000))[0]}


def expected(*found: Item) -> dict[str, Item]:
    return {item["_id"]: item for item in found}


def test_nothing_is_read_again(fleet: Fleet, readings: Readings) -> None:
    fleet.add("Carriers", *items(230))
    read(readings)
    start = len(fleet.api.log)
    mirror = fleet.mirror()
    assert mirror.load(["Carriers"], readings=readings) == {"Carriers": 230}
    assert stored(mirror) == expected(*items(230))
    assert listed(fleet, start) == 0
    reading = readings.get("Carriers")
    assert reading is not None
    assert mirror.store.as_of("Carriers") == reading.began


def test_what_was_not_read_yet_is(fleet: Fleet, readings: Readings) -> None:
    fleet.add("Carriers", *items(3))
    fleet.add("Drivers", {"_id": "d1", "name": "Ann"})
    read(readings)
    start = len(fleet.api.log)
    mirror = fleet.mirror()
    mirror.load(readings=readings)
    assert listed(fleet, start) == 1
    assert mirror.count("Drivers", Query().where) == 1


@pytest.mark.parametrize("watched_before", [True, False], ids=["a webhook from before", "a webhook from after"])
def test_changes_since_the_reading_are_found_by_the_next_sync(
    fleet: Fleet, readings: Readings, watched_before: bool
) -> None:
    first, second, *_ = fleet.add("Carriers", *items(4))
    mirror = fleet.mirror()
    if watched_before:
        mirror.load(["Drivers"])
    read(readings)
    fleet.edit("Carriers", first, Name="changed")
    fleet.delete("Carriers", second)
    fleet.add("Carriers", carrier(9))
    mirror.load(["Carriers"], readings=readings)
    assert stored(mirror) == expected(*items(4))
    start = len(fleet.api.log)
    mirror.refresh()
    assert stored(mirror) == expected({**carrier(0), "name": "changed"}, carrier(2), carrier(3), carrier(9))
    assert listed(fleet, start) == 1  # the records that changed; or the whole table
    start = len(fleet.api.log)
    mirror.refresh()
    assert listed(fleet, start) == 0


def test_a_sync_between_reading_and_load_loses_nothing(fleet: Fleet, readings: Readings) -> None:
    first, *_ = fleet.add("Carriers", *items(3))
    mirror = fleet.mirror()
    mirror.load(["Drivers"])
    read(readings)
    fleet.edit("Carriers", first, Name="changed")
    fleet.mirror().refresh()  # another process: the webhook reports the change to it, and not again
    mirror.load(["Carriers"], readings=readings)
    mirror.refresh()
    assert stored(mirror)["c00000"]["name"] == "changed"


def test_what_is_stored_and_newer_stays(fleet: Fleet, readings: Readings) -> None:
    first, *_ = fleet.add("Carriers", *items(3))
    read(readings)
    fleet.edit("Carriers", first, Name="changed")
    mirror = fleet.mirror()
    mirror.load(["Carriers"])
    start = len(fleet.api.log)
    mirror.load(["Carriers"], readings=readings)
    assert stored(mirror)["c00000"]["name"] == "changed"
    assert listed(fleet, start) == 1


def test_a_row_that_was_gone_at_the_reading_is_deleted(fleet: Fleet, readings: Readings) -> None:
    first, *_ = fleet.add("Carriers", *items(3))
    mirror = fleet.mirror()
    mirror.load(["Carriers"])
    fleet.delete("Carriers", first)
    read(readings)
    mirror.load(["Carriers"], readings=readings)
    assert stored(mirror) == expected(carrier(1), carrier(2))


def test_where_services_read_airtable_the_table_is_read_again(fleet: Fleet, readings: Readings) -> None:
    first, *_ = fleet.add("Carriers", *items(3))
    read(readings)
    fleet.edit("Carriers", first, Name="changed")
    fleet.turn("airtable")
    mirror = fleet.mirror()
    mirror.load(["Carriers"], readings=readings)
    assert stored(mirror)["c00000"]["name"] == "changed"
