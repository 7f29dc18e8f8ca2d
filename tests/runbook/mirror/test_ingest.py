"""Which records of Airtable are rows: copies and rows made by hand get an id of their own, changed ids are restored."""

from __future__ import annotations

from typing import Any

import pytest

from mirror_kit import CATALOG, Fleet, carrier, items
from runbook.airtable.lookup_ids import fetch_records
from runbook.catalog import LEGACY_ID
from runbook.mirror import Mirror
from runbook.query import Query


def rows(mirror: Mirror) -> dict[str, Any]:
    return {item["_id"]: item.get("name") for item in mirror.find("Carriers", Query().limit(1000))[0]}


# Copies


@pytest.mark.parametrize("known", [True, False], ids=["known to state", "not known"])
def test_a_copy_that_someone_makes_never_flips_the_row_and_gets_its_own_id(fleet: Fleet, known: bool) -> None:
    (row,) = fleet.add("Carriers", carrier(1), known=known)
    mirror = fleet.mirror()
    mirror.load()
    (copy,) = fleet.add("Carriers", carrier(1, name="a copy"), known=False)
    result = mirror.refresh()
    (item_id,) = rows(mirror).keys() - {"c00001"}
    fleet.edit("Carriers", copy, Name="a copy, changed")
    mirror.refresh()
    mirror.load(["Carriers"])
    assert rows(mirror) == {"c00001": "Carrier 1", item_id: "a copy, changed"}
    assert mirror.store.record_of("Carriers", "c00001") == row
    assert mirror.store.record_of("Carriers", item_id) == copy
    assert mirror.problems() == []
    assert result.notes == (f"Carriers: 1 row copied in Airtable: c00001, whose copy is now {item_id}",)
    assert mirror.assigned() == [*result.notes]


def test_of_copies_that_a_first_reading_finds_state_knows_the_row(fleet: Fleet) -> None:
    fleet.add("Carriers", *[carrier(1, name="a copy") for _ in range(3)], known=False)
    (row,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load()
    assert sorted(rows(mirror).values()) == ["Carrier 1", "a copy", "a copy", "a copy"]
    assert rows(mirror)["c00001"] == "Carrier 1"
    assert mirror.store.record_of("Carriers", "c00001") == row
    assert mirror.problems() == []


def test_of_copies_that_state_does_not_know_the_oldest_is_the_row(own_fleet: Fleet) -> None:
    fleet = own_fleet
    (first,) = fleet.add("Carriers", carrier(1), known=False)
    fleet.box.clock(advance=60)
    fleet.add("Carriers", carrier(1, name="a copy"), known=False)
    mirror = fleet.mirror()
    mirror.ingest("Carriers", [r for r in fleet.api.records(fleet.base, "The Carriers") if r["id"] != first])
    mirror.load()  # the copy was here first
    assert mirror.store.record_of("Carriers", "c00001") == first
    assert sorted(rows(mirror).values()) == ["Carrier 1", "a copy"]


def test_a_copy_is_the_row_where_the_row_is_gone_before_anyone_has_looked(fleet: Fleet) -> None:
    (row,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load()
    (copy,) = fleet.add("Carriers", carrier(1, name="a copy"), known=False)
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
    assert len(rows(mirror)) == 2
    fleet.delete("Carriers", copy)
    mirror.refresh()
    assert mirror.problems() == []
    assert rows(mirror) == {"c00001": "Carrier 1"}


def test_a_copy_that_someone_gives_an_id_of_its_own_is_that_row(fleet: Fleet) -> None:
    fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load()
    (copy,) = fleet.add("Carriers", carrier(1), known=False)
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


def fields(fleet: Fleet, record: str) -> dict[str, Any]:
    (found,) = fetch_records(fleet.api, fleet.base, CATALOG.collection("Carriers").table, [record])
    return dict(found["fields"])


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


def test_a_row_made_by_hand_gets_an_id_also_while_wix_is_the_source(fleet: Fleet) -> None:
    made_by_hand(fleet, "before the mirror")
    mirror = fleet.mirror()
    mirror.load()
    made_by_hand(fleet, "after it")
    result = mirror.refresh()
    assert sorted(rows(mirror).values()) == ["after it", "before the mirror"]
    assert fleet.state.rows(fleet.base, "Carriers").changes() == dict.fromkeys(rows(mirror), "created")
    assert mirror.problems() == []
    assert "1 row created in Airtable" in result.notes[0]


def test_an_empty_row_waits_is_listed_and_costs_nothing(fleet: Fleet) -> None:
    mirror = fleet.mirror()
    mirror.load()
    table = CATALOG.collection("Carriers").table
    (record,) = fleet.api.create(fleet.base, table, [{}])
    mirror.refresh()
    assert rows(mirror) == {}
    assert mirror.problems() == [f"Carriers: the record {record['id']} has no legacy id yet: every cell empty"]
    assert "1 problems" in repr(mirror)
    before = fleet.requests()
    mirror.refresh()
    assert fleet.requests() == before + 1
    fleet.edit("Carriers", record["id"], Name="typed")
    mirror.refresh()
    assert list(rows(mirror).values()) == ["typed"]
    assert mirror.problems() == []


def test_a_row_that_airtable_does_not_let_be_named_keeps_no_one_from_the_others(fleet: Fleet) -> None:
    fleet.turn("airtable")
    (record,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load()
    (typed,) = made_by_hand(fleet, "by hand")
    fleet.edit("Carriers", record, Name="changed")
    fleet.box.faults({"match": {"method": "PATCH"}, "kind": "status", "status": 422, "times": None})
    mirror.refresh()
    assert sorted(rows(mirror).values()) == ["by hand", "changed"]
    (item_id,) = rows(mirror).keys() - {"c00001"}
    assert LEGACY_ID not in fields(fleet, typed)
    fleet.box.faults(clear=True)
    mirror.refresh()
    assert sorted(rows(mirror).values()) == ["by hand", "changed"]
    assert fields(fleet, typed)[LEGACY_ID] == item_id


def test_many_rows_made_by_hand_get_ids_ten_at_a_time(fleet: Fleet) -> None:
    fleet.turn("airtable")
    made_by_hand(fleet, *(f"row {n}" for n in range(10)))
    made_by_hand(fleet, *(f"row {n}" for n in range(10, 13)))
    mirror = fleet.mirror()
    mirror.load()
    assert sorted(rows(mirror).values()) == sorted(f"row {n}" for n in range(13))


@pytest.mark.parametrize("side", ["wix", "airtable"])
@pytest.mark.parametrize("cell", [None, "c00002", "another"], ids=["emptied", "another row's", "changed"])
def test_a_legacy_id_that_someone_changes_is_written_again(fleet: Fleet, cell: str | None, side: str) -> None:
    fleet.turn(side)
    record, other = fleet.add("Carriers", carrier(1), carrier(2))
    mirror = fleet.mirror()
    mirror.load()
    fleet.edit("Carriers", record, **{LEGACY_ID: cell, "Name": "and its name"})
    result = mirror.refresh()
    assert rows(mirror) == {"c00001": "and its name", "c00002": "Carrier 2"}
    assert mirror.store.record_of("Carriers", "c00002") == other
    assert fields(fleet, record)[LEGACY_ID] == "c00001"
    assert fleet.state.rows(fleet.base, "Carriers").changes() == {}
    assert "written again: c00001" in result.notes[0]


def test_a_whole_column_of_legacy_ids_that_someone_empties_is_written_again(fleet: Fleet) -> None:
    records = fleet.add("Carriers", *items(25))
    mirror = fleet.mirror()
    mirror.load()
    before = rows(mirror)
    for record in records:
        fleet.edit("Carriers", record, **{LEGACY_ID: None})
    mirror.load()  # as it is read in full, before anything of it is known
    assert rows(mirror) == before
    assert sorted(fields(fleet, record)[LEGACY_ID] for record in records) == sorted(before)


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
