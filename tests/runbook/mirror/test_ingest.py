"""Which records of Airtable are rows: copies stand aside, rows made by hand get an id where Airtable is the source."""

from __future__ import annotations

from typing import Any

import pytest

from mirror_kit import CATALOG, Fleet, carrier, items
from runbook.catalog import LEGACY_ID
from runbook.mirror import Mirror
from runbook.query import Query


def rows(mirror: Mirror) -> dict[str, Any]:
    return {item["_id"]: item.get("name") for item in mirror.find("Carriers", Query().limit(1000))[0]}


# Copies


@pytest.mark.parametrize("known", [True, False], ids=["known to state", "not known"])
def test_a_copy_that_someone_makes_never_flips_the_row(fleet: Fleet, known: bool) -> None:
    (row,) = fleet.add("Carriers", carrier(1), known=known)
    mirror = fleet.mirror()
    mirror.load()
    (copy,) = fleet.add("Carriers", carrier(1, name="a copy"), known=False)
    mirror.refresh()
    fleet.edit("Carriers", copy, Name="a copy, changed")
    mirror.refresh()
    mirror.load(["Carriers"])
    assert rows(mirror) == {"c00001": "Carrier 1"}
    assert mirror.store.record_of("Carriers", "c00001") == row
    assert mirror.problems() == [f"Carriers: the record {copy} is a copy of the row c00001; only the row is read"]
    assert "1 problems" in repr(mirror)


def test_of_copies_that_a_first_reading_finds_state_knows_the_row(fleet: Fleet) -> None:
    fleet.add("Carriers", *[carrier(1, name="a copy") for _ in range(3)], known=False)
    (row,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load()
    assert rows(mirror) == {"c00001": "Carrier 1"}
    assert mirror.store.record_of("Carriers", "c00001") == row
    assert len(mirror.problems()) == 3


def test_a_copy_is_the_row_once_the_row_is_gone(fleet: Fleet) -> None:
    (row,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load()
    (copy,) = fleet.add("Carriers", carrier(1, name="a copy"), known=False)
    mirror.refresh()
    fleet.delete("Carriers", row)
    mirror.refresh()
    assert rows(mirror) == {"c00001": "a copy"}
    assert mirror.store.record_of("Carriers", "c00001") == copy
    assert mirror.problems() == []


def test_a_row_that_went_unseen_is_known_to_be_gone_after_a_whole_read(fleet: Fleet) -> None:
    (row,) = fleet.add("Carriers", carrier(1))
    fleet.add("Carriers", carrier(1, name="a copy"), known=False)
    fleet.delete("Carriers", row)  # while no mirror was there; state knows it still
    mirror = fleet.mirror()
    mirror.load()
    assert rows(mirror) == {"c00001": "a copy"}


def test_a_copy_that_is_deleted_is_no_problem_any_more(fleet: Fleet) -> None:
    fleet.add("Carriers", carrier(1))
    (copy,) = fleet.add("Carriers", carrier(1), known=False)
    mirror = fleet.mirror()
    mirror.load()
    assert len(mirror.problems()) == 1
    fleet.delete("Carriers", copy)
    mirror.refresh()
    assert mirror.problems() == []
    assert rows(mirror) == {"c00001": "Carrier 1"}


def test_a_copy_that_gets_an_id_of_its_own_is_a_row(fleet: Fleet) -> None:
    fleet.add("Carriers", carrier(1))
    (copy,) = fleet.add("Carriers", carrier(1), known=False)
    mirror = fleet.mirror()
    mirror.load()
    fleet.edit("Carriers", copy, **{LEGACY_ID: "c00002", "Name": "its own"})
    mirror.refresh()
    assert rows(mirror) == {"c00001": "Carrier 1", "c00002": "its own"}
    assert mirror.problems() == []


def test_a_consistent_read_gives_the_row_and_no_copy(fleet: Fleet) -> None:
    fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load()
    fleet.add("Carriers", carrier(1, name="a copy"), known=False)
    found = fleet.records(mirror).query("Carriers", consistent=True).items
    assert [item["name"] for item in found] == ["Carrier 1"]


# Made by hand


def made_by_hand(fleet: Fleet, *names: str) -> list[str]:
    table = CATALOG.collection("Carriers").table
    return [record["id"] for record in fleet.api.create(fleet.base, table, [{"Name": name} for name in names])]


def test_a_row_made_by_hand_gets_an_id_where_airtable_is_the_source(fleet: Fleet) -> None:
    fleet.turn("airtable")
    mirror = fleet.mirror()
    mirror.load()
    (record,) = made_by_hand(fleet, "by hand")
    mirror.refresh()
    ((item_id, name),) = rows(mirror).items()
    assert name == "by hand"
    item = mirror.get("Carriers", item_id)
    assert item is not None
    assert {"_createdDate", "_updatedDate"} <= item.keys()
    assert fleet.state.rows(fleet.base, "Carriers").resolve("_id", item_id) == record
    assert fleet.state.rows(fleet.base, "Carriers").changes() == {item_id: "created"}
    before = fleet.requests()
    mirror.refresh()  # its own change is no news
    assert fleet.requests() <= before + 2
    assert list(rows(mirror)) == [item_id]


def test_a_row_made_by_hand_waits_until_airtable_is_the_source(fleet: Fleet) -> None:
    made_by_hand(fleet, "before the mirror")
    mirror = fleet.mirror()
    mirror.load()
    (record,) = made_by_hand(fleet, "after it")
    mirror.refresh()
    assert rows(mirror) == {}
    assert len(mirror.problems()) == 2
    assert f"Carriers: the record {record} has no legacy id yet" in mirror.problems()
    fleet.turn("airtable")
    mirror.refresh()
    assert sorted(rows(mirror).values()) == ["after it", "before the mirror"]
    assert mirror.problems() == []


def test_a_row_that_airtable_does_not_let_be_named_keeps_no_one_from_the_others(fleet: Fleet) -> None:
    fleet.turn("airtable")
    (record,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load()
    made_by_hand(fleet, "by hand")
    fleet.edit("Carriers", record, Name="changed")
    fleet.box.faults({"match": {"method": "PATCH"}, "kind": "status", "status": 422, "times": None})
    mirror.refresh()
    assert rows(mirror) == {"c00001": "changed"}
    fleet.box.faults(clear=True)
    mirror.refresh()
    assert sorted(rows(mirror).values()) == ["by hand", "changed"]


def test_many_rows_made_by_hand_get_ids_ten_at_a_time(fleet: Fleet) -> None:
    fleet.turn("airtable")
    made_by_hand(fleet, *(f"row {n}" for n in range(10)))
    made_by_hand(fleet, *(f"row {n}" for n in range(10, 13)))
    mirror = fleet.mirror()
    mirror.load()
    assert sorted(rows(mirror).values()) == sorted(f"row {n}" for n in range(13))


def test_a_legacy_id_that_is_wiped_out_makes_another_row_of_the_record(fleet: Fleet) -> None:
    fleet.turn("airtable")
    (record,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load()
    fleet.edit("Carriers", record, **{LEGACY_ID: None})
    mirror.refresh()
    (item_id,) = rows(mirror)
    assert item_id != "c00001"
    assert mirror.get("Carriers", "c00001") is None


# What state hears


def test_links_find_rows_that_others_made_and_keys_that_they_changed(fleet: Fleet) -> None:
    fleet.turn("airtable")
    (record,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load()
    (other,) = fleet.add("Carriers", carrier(2), known=False)
    fleet.edit("Carriers", record, DOT=777)
    mirror.refresh()
    assert fleet.state.rows(fleet.base, "Carriers").resolve("dot", "777") == record
    assert fleet.state.rows(fleet.base, "Carriers").resolve("dot", "100002") == other
    assert fleet.state.rows(fleet.base, "Carriers").resolve("_id", "c00002") == other
    driver = fleet.records(mirror).insert("Drivers", {"name": "Ann", "carrier_dot": "100002"})
    record_of_driver = mirror.store.record_of("Drivers", driver["_id"])
    (row,) = mirror._ingester.fetch("Drivers", [str(record_of_driver)])
    assert row["fields"]["Carrier"] == [other]


def test_while_wix_is_the_source_state_hears_of_no_row_that_others_made(fleet: Fleet) -> None:
    mirror = fleet.mirror()
    mirror.load()
    fleet.add("Carriers", carrier(1), known=False)
    mirror.refresh()
    assert list(rows(mirror)) == ["c00001"]
    assert fleet.state.rows(fleet.base, "Carriers").all() == {}
    assert fleet.state.rows(fleet.base, "Carriers").changes() == {}


def test_state_forgets_rows_that_others_removed(fleet: Fleet) -> None:
    first, second = fleet.add("Carriers", *items(2))
    mirror = fleet.mirror()
    mirror.load()
    fleet.delete("Carriers", first)
    mirror.refresh()
    assert fleet.state.rows(fleet.base, "Carriers").all().keys() == {"c00001"}
    fleet.delete("Carriers", second)
    mirror.load(["Carriers"])
    assert fleet.state.rows(fleet.base, "Carriers").all() == {}
