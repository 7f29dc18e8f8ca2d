"""Writes of rows that the mirror knows: one request, and still nothing of what people edit is overwritten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from records_kit import Both, without_dates
from runbook.catalog import LEGACY_ID, ORIGINAL
from runbook.errors import ItemExists, NoSuchItem, WrongType
from runbook.json_types import MISSING, Item

CARRIERS, DRIVERS = "Carriers", "Drivers"
WHOLE: Item = {"_id": "a", "legal_name": "Ace", "trucks": 1, "status": "active", "insured": True}


def methods(both: Both, call: Callable[[], Any]) -> list[str]:
    """The methods of the requests to Airtable that a call made."""
    start = both.request_count()
    call()
    return [row.method for row in both.api.log.rows(start)]


def test_requests_of_each_kind_of_write(both: Both) -> None:
    records = both.mirrored
    records.insert(CARRIERS, WHOLE)
    trucks = {"trucks": 2}
    costs: dict[str, tuple[Callable[[], Any], list[str]]] = {
        "an insert": (lambda: records.insert(CARRIERS, {"trucks": 1}), ["PATCH"]),
        "an insert with an id": (lambda: records.insert(CARRIERS, {"_id": "b"}), ["PATCH"]),
        "one of a natural key": (lambda: records.insert_once(CARRIERS, {"legal_name": "C"}), ["PATCH"]),
        "one that exists": (lambda: records.insert_once(CARRIERS, {"legal_name": "C"}), []),
        "a patch": (lambda: records.patch(CARRIERS, "a", trucks), ["PATCH"]),
        "ten patches": (lambda: records.bulk_patch(CARRIERS, {"a": trucks, "b": {"insured": MISSING}}), ["PATCH"]),
        "a change": (lambda: records.change(CARRIERS, "a", lambda item: {"trucks": 3}), ["GET", "PATCH"]),
        "a change to nothing": (lambda: records.change(CARRIERS, "a", lambda item: {}), ["GET"]),
        "a change by the mirror": (
            lambda: records.change(CARRIERS, "a", lambda item: {"trucks": 4}, consistent=False),
            ["PATCH"],
        ),
        "to nothing, by the mirror": (lambda: records.change(CARRIERS, "a", lambda item: {}, consistent=False), []),
        "an update": (lambda: records.update(CARRIERS, WHOLE), ["GET", "PATCH"]),
        "a removal": (lambda: records.remove(CARRIERS, "a"), ["GET", "DELETE"]),
    }
    found = {name: methods(both, call) for name, (call, _) in costs.items()}
    assert found == {name: wanted for name, (_, wanted) in costs.items()}


def test_a_patch_leaves_what_people_edited_since_in_keys_that_it_does_not_name(both: Both) -> None:
    records = both.mirrored
    records.insert(CARRIERS, WHOLE)
    both.edit(CARRIERS, "a", {"Legal Name": "by hand", "Trucks": 77})
    stored = records.patch(CARRIERS, "a", {"trucks": 2})
    assert (stored["legal_name"], stored["trucks"]) == ("by hand", 2)
    assert records.get(CARRIERS, "a") == stored == records.get(CARRIERS, "a", consistent=True)


def test_a_patch_sets_what_it_names_also_where_the_mirror_has_it_already(both: Both) -> None:
    records = both.mirrored
    records.insert(CARRIERS, WHOLE)
    both.edit(CARRIERS, "a", {"Trucks": 77})
    assert records.patch(CARRIERS, "a", {"trucks": 1})["trucks"] == 1


def test_a_change_sees_what_people_edited_since_unless_it_may_go_by_the_mirror(both: Both) -> None:
    records = both.mirrored
    records.insert(CARRIERS, WHOLE)
    both.edit(CARRIERS, "a", {"Trucks": 77})
    assert records.change(CARRIERS, "a", lambda item: {"trucks": item["trucks"] + 1})["trucks"] == 78
    both.edit(CARRIERS, "a", {"Trucks": 0})
    changed = records.change(CARRIERS, "a", lambda item: {"trucks": item["trucks"] + 1}, consistent=False)
    assert changed["trucks"] == 79


@pytest.mark.parametrize(
    "changes",
    [{"insured": MISSING}, {"legal_name": None}, {"legal_name": ""}, {"status": "", "trucks": 5}],
    ids=repr,
)
def test_where_wix_original_changes_the_row_is_read_first(both: Both, changes: Item) -> None:
    """Another writer may have kept something there of another key, which the mirror does not know yet."""
    records = both.mirrored
    records.insert(CARRIERS, WHOLE)
    both.over(None).patch(CARRIERS, "a", {"status": None})  # as another machine does
    stored = records.patch(CARRIERS, "a", changes)
    wanted = {"status": None} | changes
    assert stored == records.get(CARRIERS, "a", consistent=True)
    assert {key: stored.get(key, MISSING) for key in wanted} == wanted


def test_what_wix_original_keeps_of_a_key_does_not_outlive_a_patch_of_it(both: Both) -> None:
    records = both.mirrored
    records.insert(CARRIERS, {"_id": "a", "dot_number": 5})
    assert ORIGINAL in both.cells(CARRIERS, "a")
    both.over(None).patch(CARRIERS, "a", {"dot_number": "6"})
    stored = records.patch(CARRIERS, "a", {"dot_number": 6})
    assert stored["dot_number"] == 6
    assert records.get(CARRIERS, "a", consistent=True) == stored


def test_links_follow_the_keys_that_a_patch_names(both: Both) -> None:
    records = both.mirrored
    for name in "abc":
        records.insert(CARRIERS, {"_id": name, "dot_number": f"{ord(name)}"})
    records.insert(DRIVERS, {"_id": "d", "name": "x", "carrier_id": "a", "carrier_ids": ["a", "b"]})
    carriers = {name: row["id"] for name, row in both.rows(CARRIERS).items()}
    records.patch(DRIVERS, "d", {"carrier_id": "c"})
    cells = both.cells(DRIVERS, "d")
    assert (cells["Carrier"], set(cells["Carriers"])) == ([carriers["c"]], {carriers["a"], carriers["b"]})
    records.patch(DRIVERS, "d", {"carrier_id": "nobody", "carrier_ids": ["c"]})
    cells = both.cells(DRIVERS, "d")
    assert ("Carrier" in cells, cells["Carriers"]) == (False, [carriers["c"]])


def test_a_row_that_someone_deleted_is_missing(both: Both) -> None:
    records = both.mirrored
    for write in (
        lambda: records.patch(CARRIERS, "a", {"trucks": 2}),
        lambda: records.change(CARRIERS, "a", lambda item: {"trucks": 2}, consistent=False),
    ):
        records.insert(CARRIERS, WHOLE)
        both.delete(CARRIERS, ["a"])
        with pytest.raises(NoSuchItem):
            write()
        assert records.get(CARRIERS, "a") is None
        assert both.rows(CARRIERS) == {}


def test_an_id_of_a_row_that_someone_deleted_is_free(both: Both) -> None:
    records = both.mirrored
    records.insert(CARRIERS, WHOLE)
    both.delete(CARRIERS, ["a"])
    assert without_dates(records.insert(CARRIERS, {"_id": "a", "trucks": 9})) == {"_id": "a", "trucks": 9}


def test_an_id_that_another_machine_has_given_is_taken(both: Both) -> None:
    """Its row is in the shared state; this mirror does not have it yet."""
    both.over(None).insert(CARRIERS, WHOLE)
    with pytest.raises(ItemExists):
        both.mirrored.insert(CARRIERS, {"_id": "a"})
    assert both.mirrored.get(CARRIERS, "a", consistent=True) is not None


def test_an_id_that_the_mirror_alone_knows_is_taken(both: Both) -> None:
    both.mirrored.insert(CARRIERS, WHOLE)
    both.state.rows(both.base, CARRIERS).forget(["a"])
    with pytest.raises(ItemExists):
        both.mirrored.insert(CARRIERS, {"_id": "a"})


def test_a_legacy_id_that_someone_changed_is_written_again(both: Both) -> None:
    records = both.mirrored
    records.insert(CARRIERS, WHOLE)
    both.edit(CARRIERS, "a", {LEGACY_ID: "z"})
    assert records.patch(CARRIERS, "a", {"trucks": 2})["_id"] == "a"
    assert both.cells(CARRIERS, "a")["Trucks"] == 2


def test_a_value_that_no_cell_can_hold_is_refused_before_anything_is_sent(both: Both) -> None:
    records = both.mirrored
    records.insert(CARRIERS, WHOLE)
    with pytest.raises(WrongType):
        records.patch(CARRIERS, "a", {"trucks": "many"})
    assert methods(both, lambda: records.get(CARRIERS, "a")) == []
    assert both.cells(CARRIERS, "a")["Trucks"] == 1


def test_a_load_tells_what_a_patch_changed_from_what_people_edited(both: Both) -> None:
    records, rows = both.mirrored, both.state.rows(both.base, CARRIERS)
    records.insert(CARRIERS, WHOLE)
    both.edit(CARRIERS, "a", {"Legal Name": "by hand"})
    both.later()
    records.patch(CARRIERS, "a", {"trucks": 2})
    assert set(rows.histories(["a"])["a"].served) == {"trucks", "_updatedDate"}


def test_a_mirror_that_was_never_loaded_or_is_lost_knows_nothing(both: Both) -> None:
    records = both.mirrored
    records.insert(CARRIERS, WHOLE)
    both.mirror.store.clear(CARRIERS)
    try:
        assert methods(both, lambda: records.patch(CARRIERS, "a", {"trucks": 2})) == ["GET", "PATCH"]
        assert methods(both, lambda: records.insert(CARRIERS, {"_id": "b"})) == ["GET", "PATCH"]
    finally:
        both.mirror.load([CARRIERS])
