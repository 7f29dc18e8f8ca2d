"""Read, think, write: many callers at once, through every way to the data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from records_kit import OWNER, Both, without_dates
from runbook.errors import ItemExists, NoSuchItem, UnknownField, WrongType
from runbook.json_types import MISSING, Item
from runbook.query import Query
from runbook.records import Records

CARRIERS = "Carriers"
CALLERS = 20


def at_once(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    """The results of calls made at the same time."""
    listed = list(calls)
    with ThreadPoolExecutor(len(listed)) as pool:
        return [future.result() for future in [pool.submit(call) for call in listed]]


def one_more(item: Item) -> Item:
    return {"trucks": item.get("trucks", 0) + 1}


def test_a_change_gets_the_item_as_it_is_and_returns_it_as_stored(records: Records) -> None:
    records.insert(CARRIERS, {"_id": "a", "_owner": OWNER, "legal_name": "Ann", "trucks": 1})
    seen: list[Item] = []

    def change(item: Item) -> Item:
        seen.append(item)
        return {"trucks": item["trucks"] + 1, "legal_name": MISSING}

    stored = records.change(CARRIERS, "a", change)
    assert without_dates(stored) == {"_id": "a", "_owner": OWNER, "trucks": 2}
    assert stored == records.get(CARRIERS, "a", consistent=True)
    assert seen[0]["_updatedDate"].tzinfo is not None


def test_a_change_to_nothing_writes_nothing(records: Records, both: Both) -> None:
    before = records.insert(CARRIERS, {"_id": "a", "trucks": 1})
    both.later()
    assert records.change(CARRIERS, "a", lambda item: {}) == before
    assert records.get(CARRIERS, "a", consistent=True) == before


@pytest.mark.parametrize(
    ("changes", "error"), [({"nothing": 1}, UnknownField), ({"_id": "b"}, WrongType), ({"trucks": "many"}, WrongType)]
)
def test_what_a_change_returns_is_checked(records: Records, changes: Item, error: type[Exception]) -> None:
    before = records.insert(CARRIERS, {"_id": "a", "trucks": 1})
    with pytest.raises(error):
        records.change(CARRIERS, "a", lambda item: changes)
    assert records.get(CARRIERS, "a", consistent=True) == before
    assert records.change(CARRIERS, "a", one_more)["trucks"] == 2  # its lock was let go


def test_an_error_of_the_function_writes_nothing(records: Records) -> None:
    before = records.insert(CARRIERS, {"_id": "a", "trucks": 1})
    with pytest.raises(ZeroDivisionError):
        records.change(CARRIERS, "a", lambda item: {"trucks": 1 / 0})
    assert records.get(CARRIERS, "a", consistent=True) == before


def test_a_change_of_a_missing_item_is_an_error(records: Records) -> None:
    with pytest.raises(NoSuchItem):
        records.change(CARRIERS, "nobody", one_more)


def test_changes_at_once_all_count(records: Records) -> None:
    records.insert(CARRIERS, {"_id": "a"})
    at_once([lambda: records.change(CARRIERS, "a", one_more)] * CALLERS)
    stored = records.get(CARRIERS, "a", consistent=True)
    assert stored is not None
    assert stored["trucks"] == CALLERS


def test_a_patch_does_not_come_between_the_steps_of_a_change(records: Records) -> None:
    records.insert(CARRIERS, {"_id": "a", "legal_name": "", "trucks": 0})

    def append(letter: str) -> Callable[[], Item]:
        return lambda: records.change(
            CARRIERS, "a", lambda item: {"legal_name": item["legal_name"] + letter, **one_more(item)}
        )

    at_once([*map(append, "abcdefghij"), *[lambda: records.patch(CARRIERS, "a", {"insured": True})] * 10])
    stored = records.get(CARRIERS, "a", consistent=True)
    assert stored is not None
    assert (sorted(stored["legal_name"]), stored["trucks"], stored["insured"]) == (list("abcdefghij"), 10, True)


def test_of_many_who_insert_once_one_does(records: Records) -> None:
    key = {"legal_name": "Ann", "trucks": 7}
    results = at_once([lambda: records.insert_once(CARRIERS, key, {"insured": True, "_owner": OWNER})] * CALLERS)
    assert sum(result.inserted for result in results) == 1
    assert {json.dumps(without_dates(result.item), sort_keys=True) for result in results} == {
        json.dumps({"_id": results[0].item["_id"], **key, "insured": True, "_owner": OWNER}, sort_keys=True)
    }
    assert records.count(CARRIERS, consistent=True) == 1


def test_one_that_exists_is_given_as_it_is_whatever_its_id(records: Records) -> None:
    records.insert(CARRIERS, {"_id": "old", "legal_name": "Ann", "trucks": 1})
    found = records.insert_once(CARRIERS, {"legal_name": "Ann"}, {"trucks": 2})
    assert (found.inserted, found.item["_id"], found.item["trucks"]) == (False, "old", 1)


def test_keys_are_told_apart_by_collection_name_value_and_type(records: Records) -> None:
    keys: list[Item] = [{"legal_name": "1"}, {"legal_name": "2"}, {"legal_name": "1", "trucks": 1}, {"trucks": 2}]
    made = [records.insert_once(CARRIERS, key).item["_id"] for key in keys]
    assert len(set(made)) == len(keys)
    assert not any(records.insert_once(CARRIERS, key).inserted for key in keys)


def test_the_id_follows_from_the_key_on_either_side(both: Both) -> None:
    both.turn("wix")
    in_wix = both.routed.insert_once(CARRIERS, {"legal_name": "Ann", "trucks": 1}).item
    both.turn("airtable")
    in_airtable = both.routed.insert_once(CARRIERS, {"trucks": 1, "legal_name": "Ann"}).item
    assert in_wix["_id"] == in_airtable["_id"]


def test_one_whose_key_was_changed_is_no_longer_that_one(records: Records) -> None:
    first = records.insert_once(CARRIERS, {"legal_name": "Ann"}).item
    records.patch(CARRIERS, first["_id"], {"legal_name": "Bob"})
    second = records.insert_once(CARRIERS, {"legal_name": "Ann"})
    assert second.inserted
    assert second.item["_id"] != first["_id"]
    assert not records.insert_once(CARRIERS, {"legal_name": "Ann"}).inserted


def test_one_that_was_removed_can_be_inserted_again(records: Records) -> None:
    first = records.insert_once(CARRIERS, {"legal_name": "Ann"}).item
    records.remove(CARRIERS, first["_id"])
    again = records.insert_once(CARRIERS, {"legal_name": "Ann"}, {"trucks": 2})
    assert (again.inserted, again.item["_id"]) == (True, first["_id"])
    assert records.get(CARRIERS, first["_id"]) == again.item
    assert records.first(CARRIERS, Query().eq("legal_name", "Ann")) == again.item


def test_in_an_exclusive_block_what_earlier_holders_wrote_is_seen(records: Records) -> None:
    def add() -> bool:
        with records.exclusive("the quota of Ann") as exact:
            if exact.count(CARRIERS, Query().eq("legal_name", "Ann")) >= 5:
                return False
            exact.insert(CARRIERS, {"legal_name": "Ann"})
            return True

    assert sum(at_once([add] * CALLERS)) == 5
    assert records.count(CARRIERS, consistent=True) == 5


def test_patches_of_many_items_leave_what_they_do_not_name(records: Records) -> None:
    records.bulk_insert(CARRIERS, [{"_id": f"{n}", "legal_name": "x", "trucks": n} for n in range(25)])
    stored = records.bulk_patch(CARRIERS, {f"{n}": {"insured": True} for n in range(25)})
    assert [item["trucks"] for item in stored] == list(range(25))
    assert records.count(CARRIERS, Query().eq("insured", True).eq("legal_name", "x"), consistent=True) == 25
    with pytest.raises(NoSuchItem):
        records.bulk_patch(CARRIERS, {"1": {"trucks": 99}, "nobody": {"trucks": 99}})
    assert records.count(CARRIERS, Query().eq("trucks", 99), consistent=True) == 0


def test_an_id_that_is_given_is_kept_and_refused_where_it_exists(records: Records) -> None:
    assert records.insert_once(CARRIERS, {"legal_name": "Ann"}, {"_id": "a"}).item["_id"] == "a"
    with pytest.raises(ItemExists):
        records.insert_once(CARRIERS, {"legal_name": "Bob"}, {"_id": "a"})
    assert records.count(CARRIERS, consistent=True) == 1


def test_who_gives_a_key_to_an_item_and_who_inserts_one_take_the_same_lock(records: Records) -> None:
    items = [records.insert(CARRIERS, {"legal_name": f"{n}"})["_id"] for n in range(10)]
    key = {"legal_name": "Ann"}

    def rename(item_id: str) -> bool:
        with records.exclusive_key(CARRIERS, key) as exact:
            if exact.first(CARRIERS, Query().eq("legal_name", "Ann")):
                return False
            exact.patch(CARRIERS, item_id, key)
            return True

    inserts = [lambda: records.insert_once(CARRIERS, key).inserted] * 10
    assert sum(at_once([*inserts, *(lambda item_id=item_id: rename(item_id) for item_id in items)])) == 1
    assert records.count(CARRIERS, Query().eq("legal_name", "Ann"), consistent=True) == 1


def test_changes_of_many_items_are_made_by_what_each_is(records: Records) -> None:
    records.bulk_insert(CARRIERS, [{"_id": f"{n}", "trucks": n, "insured": n == 3} for n in range(25)])
    functions = {f"{n}": one_more for n in range(25)} | {"3": lambda item: {} if item["insured"] else one_more(item)}
    stored = records.bulk_change(CARRIERS, functions)
    assert [item["trucks"] for item in stored] == [n + (n != 3) for n in range(25)]
    assert records.bulk_change(CARRIERS, {}) == []
    for wrong, error in (({"nobody": one_more}, NoSuchItem), ({"4": lambda item: {"trucks": "many"}}, WrongType)):
        with pytest.raises(error):
            records.bulk_change(CARRIERS, {"1": one_more, **wrong})
    trucks = {item["_id"]: item["trucks"] for item in records.get_all(CARRIERS, consistent=True)}
    assert trucks == {f"{n}": n + (n != 3) for n in range(25)}


def test_changes_of_many_items_at_once_all_count(records: Records) -> None:
    records.bulk_insert(CARRIERS, [{"_id": f"{n}"} for n in range(5)])
    many = {f"{n}": one_more for n in range(5)}
    at_once(
        [*[lambda: records.bulk_change(CARRIERS, many)] * 5, *[lambda: records.change(CARRIERS, "2", one_more)] * 5]
    )
    trucks = {item["_id"]: item["trucks"] for item in records.get_all(CARRIERS, consistent=True)}
    assert trucks == {"0": 5, "1": 5, "2": 10, "3": 5, "4": 5}
