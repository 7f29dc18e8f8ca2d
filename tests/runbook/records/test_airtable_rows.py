"""Records over Airtable, where people work on the same rows: links, single cells, copies, deletions, requests."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from records_kit import CATALOG, OWNER, Both, ids, without_dates
from runbook.errors import AmbiguousKey, ItemExists, NoSuchItem, WrongType
from runbook.mirror import Mirror
from runbook.query import Query
from runbook.records import AirtableRecords, Records

# Links


def test_links_are_made_from_keys_and_read_back_as_wix_ids(both: Both, airtable: Records) -> None:
    for name, dot in (("c1", "101"), ("c2", "102"), ("c3", "0103")):
        airtable.insert("Carriers", {"_id": name, "dot_number": dot})
    records = {item_id: row["id"] for item_id, row in both.rows("Carriers").items()}
    payload = {"_id": "d", "_owner": OWNER, "name": "Ann", "carrier_dot": "0101", "carrier_ids": ["c3", "c2", "nobody"]}
    made = airtable.insert("Drivers", payload)
    assert without_dates(made) == payload
    assert both.cells("Drivers", "d")["Carrier"] == [records["c1"]]
    assert both.cells("Drivers", "d")["Carriers"] == [records["c3"], records["c2"]]

    changed = airtable.patch("Drivers", "d", {"carrier_id": "c2", "carrier_ids": []})
    assert without_dates(changed) == {**payload, "carrier_id": "c2", "carrier_ids": []}
    assert both.cells("Drivers", "d")["Carrier"] == [records["c2"]]
    assert "Carriers" not in both.cells("Drivers", "d")
    whole = airtable.update("Drivers", {"_id": "d", "name": "Ann", "carrier_dot": "103"})
    assert both.cells("Drivers", "d")["Carrier"] == [records["c3"]]
    for item in (made, changed, whole, airtable.get("Drivers", "d"), *airtable.query("Drivers", consistent=True)):
        assert not any(record in repr(item) for record in records.values())


def test_rows_turn_to_airtables_format_and_back_by_name(both: Both, airtable: AirtableRecords) -> None:
    airtable.insert("Carriers", {"_id": "c1", "dot_number": "101"})
    payload = {"_id": "d", "_owner": OWNER, "name": "Ann", "carrier_dot": "0101", "carrier_ids": []}
    made = airtable.insert("Drivers", payload)
    record = both.rows("Drivers")["d"]
    assert airtable.to_wix_format("Drivers", record) == made
    cells = airtable.to_airtable_format("Drivers", made)
    assert cells == record["fields"]
    assert cells["Carrier"] == [both.rows("Carriers")["c1"]["id"]]
    with pytest.raises(WrongType, match="Drivers"):
        airtable.to_airtable_format("Drivers", {"_id": "d", "name": float("nan")})


def test_a_key_that_leads_nowhere_or_to_several_links_nothing(both: Both, airtable: Records) -> None:
    airtable.bulk_insert("Carriers", [{"_id": "c1", "dot_number": "5"}, {"_id": "c2", "dot_number": "5"}])
    for name, keys in (("several", {"carrier_dot": "5"}), ("none", {"carrier_dot": "6", "carrier_id": "nobody"})):
        assert airtable.insert("Drivers", {"_id": name, "name": "x", **keys})["carrier_dot"] == keys["carrier_dot"]
        assert "Carrier" not in both.cells("Drivers", name)
    airtable.remove("Carriers", "c1")
    for dot in (None, "05"):
        airtable.patch("Drivers", "several", {"carrier_dot": dot})
    assert both.cells("Drivers", "several")["Carrier"] == [both.rows("Carriers")["c2"]["id"]]


def test_a_changed_key_is_found_by_its_new_value(both: Both, airtable: Records) -> None:
    airtable.insert("Carriers", {"_id": "c", "dot_number": "5"})
    airtable.patch("Carriers", "c", {"dot_number": "6"})
    airtable.insert("Drivers", {"_id": "old", "name": "x", "carrier_dot": "5"})
    airtable.insert("Drivers", {"_id": "new", "name": "x", "carrier_dot": "6"})
    assert "Carrier" not in both.cells("Drivers", "old")
    assert both.cells("Drivers", "new")["Carrier"] == [both.rows("Carriers")["c"]["id"]]


def test_a_link_to_rows_that_people_deleted_is_left_out(both: Both, airtable: Records) -> None:
    names = [f"c{n:02}" for n in range(30)]
    airtable.bulk_insert("Carriers", [{"_id": name} for name in names])
    both.delete("Carriers", names[:25])
    made = airtable.insert("Drivers", {"_id": "d", "name": "x", "carrier_id": "c00", "carrier_ids": names})
    assert made["carrier_ids"] == names
    assert len(both.cells("Drivers", "d")["Carriers"]) == 5
    assert "Carrier" not in both.cells("Drivers", "d")


# Other people's changes


def test_a_patch_sends_only_the_cells_that_differ(both: Both, airtable: Records) -> None:
    airtable.insert("Carriers", {"_id": "a", "legal_name": "Ace", "trucks": 5, "status": "active"})
    both.edit("Carriers", "a", {"Legal Name": "Ace Inc", "Trucks": 6})
    both.later()
    changed = airtable.patch("Carriers", "a", {"status": "inactive", "trucks": 6})
    assert (changed["legal_name"], changed["trucks"], changed["status"]) == ("Ace Inc", 6, "inactive")
    bodies = sent(both, lambda: airtable.patch("Carriers", "a", {"trucks": 7, "legal_name": "Ace Inc"}))
    (record,) = bodies[0]["records"]
    # With a mirror the row is not read first, and what the patch names is sent in any case.
    assert set(record["fields"]) == (
        {"Trucks", "Legal Name", "Wix Updated"} if airtable is both.mirrored else {"Trucks"}
    )
    both.later()
    bodies = sent(both, lambda: airtable.update("Carriers", {"_id": "a", "trucks": 7, "legal_name": "Ace Inc"}))
    assert bodies[0]["records"][0]["fields"].keys() == {"Status", "Wix Updated"}


def sent(both: Both, write: Any) -> list[dict[str, Any]]:
    """The bodies of the writes that a call sends to Airtable."""
    bodies: list[dict[str, Any]] = []
    request = both.api.request

    def noted(method: str, path: str, **settings: Any) -> Any:
        if method == "PATCH":
            bodies.append(settings["json"])
        return request(method, path, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(both.api, "request", noted)
        write()
    return bodies


def test_new_choices_are_let_in_only_where_the_catalog_says_so(both: Both, airtable: Records) -> None:
    assert airtable.insert("Drivers", {"_id": "d", "name": "x", "skills": ["hazmat"]})["skills"] == ["hazmat"]
    bodies = sent(both, lambda: airtable.patch("Drivers", "d", {"skills": ["hazmat", "tanker"]}))
    assert bodies[0]["typecast"] is True
    assert "typecast" not in sent(both, lambda: airtable.patch("Drivers", "d", {"carrier_dot": "1"}))[0]
    with pytest.raises(WrongType, match="status"):
        airtable.insert("Carriers", {"status": "asleep"})


def test_what_a_person_put_into_other_cells_does_not_keep_a_patch_back(both: Both, airtable: Records) -> None:
    airtable.insert("Drivers", {"_id": "d", "name": "Ann"})
    airtable.insert("Carriers", {"_id": "c", "status": "active"})
    both.edit("Drivers", "d", {"Name": None, "Carrier IDs": "not JSON"})
    table = CATALOG.collection("Carriers").table
    record = both.rows("Carriers")["c"]["id"]
    both.api.update(both.base, table, [{"id": record, "fields": {"Status": "asleep"}}], typecast=True)

    assert airtable.patch("Drivers", "d", {"carrier_dot": "7"})["carrier_ids"] == "not JSON"
    changed = airtable.patch("Carriers", "c", {"trucks": 1})
    assert (changed["status"], changed["trucks"]) == ("asleep", 1)
    assert without_dates(airtable.update("Carriers", {"_id": "c", "status": "asleep", "trucks": 2})) == {
        "_id": "c", "status": "asleep", "trucks": 2,
    }  # fmt: skip
    assert both.cells("Carriers", "c")["Status"] == "asleep"
    assert airtable.update("Carriers", {"_id": "c", "status": "active"})["status"] == "active"


def test_an_original_that_a_person_spoiled_is_let_be(both: Both, airtable: Records) -> None:
    airtable.insert("Carriers", {"_id": "c", "trucks": None, "legal_name": "Ace"})
    for spoiled in ("", "oops", "[]", '{"values":5}'):
        both.edit("Carriers", "c", {"Wix Original": spoiled or None})
        assert airtable.patch("Carriers", "c", {"trucks": 3})["legal_name"] == "Ace"


def test_a_row_that_people_deleted_is_not_there(both: Both, airtable: Records) -> None:
    for write in (
        lambda: airtable.patch("Carriers", "a", {"trucks": 2}),
        lambda: airtable.update("Carriers", {"_id": "a"}),
        lambda: airtable.remove("Carriers", "a"),
    ):
        airtable.insert("Carriers", {"_id": "a", "trucks": 1})
        both.delete("Carriers", ["a"])
        with pytest.raises(NoSuchItem):
            write()
        assert airtable.get("Carriers", "a") is None
    assert both.rows("Carriers") == {}


def test_a_row_that_people_made_anew_is_the_row(both: Both, airtable: Records) -> None:
    airtable.insert("Carriers", {"_id": "a", "trucks": 1})
    both.delete("Carriers", ["a"])
    both.api.create(both.base, CATALOG.collection("Carriers").table, [{"Legacy Wix ID": "a", "Trucks": 9}])
    assert airtable.patch("Carriers", "a", {"legal_name": "Ace"})["trucks"] == 9
    for consistent in (False, True):
        found = airtable.get("Carriers", "a", consistent=consistent)
        assert found is not None
        assert (found["trucks"], found["legal_name"]) == (9, "Ace")


def test_a_copy_that_people_made_is_no_second_row(both: Both, airtable: Records) -> None:
    airtable.insert("Carriers", {"_id": "a", "trucks": 1})
    both.api.create(both.base, CATALOG.collection("Carriers").table, [{"Legacy Wix ID": "a", "Trucks": 1}])
    for consistent in (False, True):
        assert ids(airtable.query("Carriers", consistent=consistent)) == ["a"]
        assert airtable.count("Carriers", consistent=consistent) == 1
    assert airtable.patch("Carriers", "a", {"trucks": 2})["trucks"] == 2
    both.state.rows(both.base, "Carriers").forget(["a"])
    with pytest.raises(AmbiguousKey):
        both.bare.patch("Carriers", "a", {"trucks": 3})


def test_a_record_without_a_legacy_id_is_no_row(both: Both, airtable: Records) -> None:
    both.api.create(both.base, CATALOG.collection("Carriers").table, [{"Legal Name": "by hand"}])
    assert airtable.query("Carriers", consistent=True).items == []
    assert airtable.count("Carriers", consistent=True) == 0


# Requests


def written(both: Both) -> list[dict[str, Any]]:
    return list(both.api.records(both.base, CATALOG.collection("Carriers").table))


@pytest.mark.parametrize("cell", [None, "another"], ids=["emptied", "changed"])
def test_a_row_whose_legacy_id_someone_changes_is_still_the_row(
    both: Both, airtable: Records, cell: str | None
) -> None:
    airtable.bulk_insert("Carriers", [{"_id": name, "trucks": 1} for name in ("patched", "removed", "there")])
    emptied = [{"id": r["id"], "fields": {"Legacy Wix ID": cell and f"{cell} {r['id']}"}} for r in written(both)]
    both.api.update(both.base, CATALOG.collection("Carriers").table, emptied)
    found = airtable.query("Carriers", consistent=True).items
    assert ids(found) == ["patched", "removed", "there"]
    for consistent in (False, True):
        item = airtable.get("Carriers", "there", consistent=consistent)
        assert item is not None
        assert (item["_id"], item["trucks"]) == ("there", 1)
    assert airtable.patch("Carriers", "patched", {"trucks": 2})["trucks"] == 2
    assert [row["fields"]["Legacy Wix ID"] for row in written(both) if row["fields"]["Trucks"] == 2] == ["patched"]
    airtable.remove("Carriers", "removed")
    with pytest.raises(ItemExists):
        airtable.insert("Carriers", {"_id": "there"})
    assert sorted(ids(airtable.query("Carriers", consistent=True).items)) == ["patched", "there"]


def test_the_plans_own_names(both: Both, airtable: AirtableRecords) -> None:
    airtable.bulk_insert("Carriers", [{"_id": f"{n:03}", "trucks": n} for n in range(25)])
    airtable.bulk_update("Carriers", [{"_id": f"{n:03}", "trucks": -n} for n in range(25)])
    every = airtable.get_all_records("Carriers", Query().ascending("_id"))
    assert [item["trucks"] for item in every] == [-n for n in range(25)]
    payload = airtable.airtable_request("GET", f"{CATALOG.collection('Carriers').table.replace(' ', '%20')}?pageSize=1")
    assert len(payload["records"]) == 1


def test_requests_are_batched_and_everything_is_read_once(both: Both, airtable: Records) -> None:
    start = both.request_count()
    airtable.bulk_insert("Carriers", [{"trucks": n} for n in range(25)])
    assert both.written(start) == ["PATCH"] * 3
    assert both.request_count() == start + 3
    airtable.bulk_insert("Carriers", [{"trucks": n} for n in range(230)])
    start = both.request_count()
    assert len(airtable.get_all("Carriers", Query().limit(10), consistent=True)) == 255
    assert both.request_count() == start + 3


def test_the_same_look_up_by_many_is_one_request(both: Both, airtable: Records) -> None:
    airtable.insert("Carriers", {"_id": "a", "dot_number": "7"})
    both.box.faults({"match": {"service": "airtable", "method": "GET"}, "kind": "delay", "ms": 150, "times": None})
    start = both.request_count()
    together = threading.Barrier(20)

    def look(n: int) -> list[str]:
        together.wait()
        return ids(
            airtable.query("Carriers", Query().eq("dot_number", "7").ascending("_id").limit(n + 1), consistent=True)
        )

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(look, range(20))) == [["a"]] * 20
    assert both.request_count() == start + 1


def test_a_read_is_never_answered_from_before_ones_own_write(both: Both, airtable: Records) -> None:
    airtable.insert("Carriers", {"_id": "a", "trucks": 0})
    both.box.faults({"match": {"service": "airtable", "method": "GET"}, "kind": "delay", "ms": 10, "times": None})
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            airtable.get("Carriers", "a", consistent=True)

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(look) for _ in range(3)]
        for n in range(1, 8):
            airtable.patch("Carriers", "a", {"trucks": n})
            for consistent in (True, False):
                found = airtable.get("Carriers", "a", consistent=consistent)
                assert found is not None
                assert found["trucks"] == n
        stop.set()
        for reader in readers:
            reader.result()


def test_a_write_while_the_mirror_is_first_read_is_seen(both: Both, tmp_path: Path) -> None:
    both.bare.bulk_insert("Carriers", [{"_id": f"{n}", "trucks": 0} for n in range(3)])
    mirror = Mirror(both.api, both.base, CATALOG, both.state, tmp_path / "other.db")
    records = both.over(mirror)
    rule = {"match": {"service": "airtable", "method": "GET", "path": "Carriers"}, "kind": "delay", "ms": 300}
    both.box.faults(rule)
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(mirror.ensure_loaded, "Carriers")
        while not any(fault["hits"] for fault in both.box.faults()):
            pass
        records.patch("Carriers", "1", {"trucks": 5})
        records.insert("Carriers", {"_id": "new"})
        records.remove("Carriers", "2")
        loading.result()
    assert [(i["_id"], i.get("trucks")) for i in records.query("Carriers", Query().ascending("_id"))] == [
        ("0", 0), ("1", 5), ("new", None),
    ]  # fmt: skip
    mirror.delete_webhook()
    mirror.close()


# Writers at once


def test_eight_writers_of_one_row_lose_nothing(both: Both, records: Records) -> None:
    keys = ["line", "long", "link", "phone", "number", "money", "dot", "any"]
    records.insert("Everything", {"_id": "a", "tick": True})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: [records.patch("Everything", "a", {key: f"{n}"}) for n in range(3)], keys))
    for consistent in (False, True):
        found = records.get("Everything", "a", consistent=consistent)
        assert found is not None
        assert {key: found[key] for key in keys} == dict.fromkeys(keys, "2")
        assert found["tick"] is True


def test_of_eight_who_insert_one_id_one_wins(both: Both, records: Records) -> None:
    together = threading.Barrier(8)

    def insert(n: int) -> int | None:
        together.wait()
        try:
            return int(records.insert("Carriers", {"_id": "a", "trucks": n})["trucks"])
        except ItemExists:
            return None

    with ThreadPoolExecutor(8) as pool:
        won = [n for n in pool.map(insert, range(8)) if n is not None]
    assert len(won) == 1
    assert [item["trucks"] for item in records.query("Carriers", consistent=True)] == won
    assert [item["trucks"] for item in records.query("Carriers")] == won


def test_stamps_move_with_the_clock(both: Both, airtable: Records) -> None:
    made = airtable.insert("Carriers", {"_id": "a"})
    both.later(90)
    assert airtable.patch("Carriers", "a", {"trucks": 1})["_updatedDate"] - made["_updatedDate"] == timedelta(
        seconds=90
    )
