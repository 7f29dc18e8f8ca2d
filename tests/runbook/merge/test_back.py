"""A row on the way back: what Wix is given, what stays as it is there, and what a person must decide."""

from __future__ import annotations

from typing import Any

import pytest

from back_world import NEW, World, read_cars
from runbook.catalog import Collection
from runbook.json_types import MISSING
from runbook.mapping import Mapping
from runbook.merge import Past, RowMerge, after_write, digest


@pytest.fixture(scope="module")
def cars(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return read_cars(tmp_path_factory.mktemp("catalog"))


@pytest.fixture
def world(cars: Collection) -> World:
    return World(cars)


def test_nothing_changed_is_nothing_to_do(world: World) -> None:
    assert world.merged() == world.merge.merge(world.item, world.cells, world.past)
    assert (world.merged().action, world.merged().values) == ("nothing", {})


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        ({"Plate": "B-2"}, {"plate": "B-2"}),
        ({"Plate": None}, {"plate": MISSING}),
        ({"Sold": False}, {"sold": False}),
        ({"Price": 12.5, "Twin_ID": "c9"}, {"price": 12.5, "twin": "c9"}),
        ({"Wix_Owner_ID": "bob"}, {"_owner": "bob"}),
        ({"Wix_Original": '{"values":{"extra":[1]}}'}, {"extra": [1]}),
    ],
)
def test_what_changed_in_airtable_alone_is_patched(world: World, cells: dict[str, Any], values: dict[str, Any]) -> None:
    world.airtable(**cells)
    row = world.merged()
    assert (row.action, row.values, row.conflicts) == ("patch", values, [])


def test_times_and_an_emptied_owner_are_not_sent(world: World) -> None:
    world.airtable(Wix_Updated=NEW, Wix_Created=NEW, Wix_Owner_ID=None)
    assert world.merged().action == "nothing"


def test_what_changed_in_wix_alone_stays(world: World) -> None:
    world.wix(plate="W-1", note="typed in the CMS")
    row = world.merged()
    assert (row.action, row.kept, row.conflicts) == ("nothing", ["plate", "note"], [])


def test_each_side_keeps_its_own_change(world: World) -> None:
    world.wix(plate="W-1")
    world.airtable(Price=11)
    row = world.merged()
    assert (row.action, row.values, row.kept) == ("patch", {"price": 11}, ["plate"])
    world.write(row)
    assert world.item is not None
    assert (world.item["plate"], world.item["price"]) == ("W-1", 11)
    assert world.forth().changes == {"Plate": "W-1"}  # what Wix changed is still to go forth


def test_both_to_the_same_is_agreed(world: World) -> None:
    world.wix(plate="S-1")
    world.airtable(Plate="S-1")
    row = world.merged()
    assert (row.action, row.conflicts) == ("nothing", [])
    world.write(row)
    assert world.forth().changes == {}


def test_both_changed_is_a_conflict_and_nothing_of_the_row_goes(world: World) -> None:
    world.wix(plate="W-1")
    world.airtable(Plate="A-9", Price=11)
    row = world.merged()
    assert (row.action, row.values, row.is_held) == ("nothing", {}, True)
    (conflict,) = row.conflicts
    assert (conflict.key, conflict.column, conflict.wix, conflict.airtable) == ("plate", "Plate", "W-1", "A-9")


def test_a_word_for_airtable_carries_it(world: World) -> None:
    world.wix(plate="W-1")
    world.airtable(Plate="A-9")
    world.settle(world.merged(), "airtable")
    row = world.merged()
    assert (row.action, row.values, [each.key for each in row.settled]) == ("patch", {"plate": "A-9"}, ["plate"])
    world.write(row)
    assert world.merged().action == "nothing"
    assert world.forth().changes == {}


def test_a_word_for_wix_leaves_it_and_the_way_forth_takes_it_to_airtable(world: World) -> None:
    world.wix(plate="W-1")
    world.airtable(Plate="A-9")
    world.settle(world.merged(), "wix")
    row = world.merged()
    assert (row.action, row.kept) == ("nothing", ["plate"])
    world.write(row)
    assert world.merged().action == "nothing"
    assert world.forth().changes == {"Plate": "W-1"}


def test_a_word_is_good_for_the_values_that_the_person_saw(world: World) -> None:
    world.wix(plate="W-1")
    world.airtable(Plate="A-9")
    world.settle(world.merged(), "airtable")
    world.airtable(Plate="A-10")
    assert [each.airtable for each in world.merged().conflicts] == ["A-10"]


def test_what_was_carried_is_no_echo_on_the_way_forth(world: World) -> None:
    world.airtable(Plate="B-2", Bio="**new**\n")
    world.write(world.merged())
    assert world.merged().action == "nothing"
    forth = world.forth()
    assert (forth.changes, forth.edited, forth.conflicts) == ({}, [], [])


def test_a_key_that_a_person_left_to_wix_takes_its_link_along_on_the_way_forth(world: World) -> None:
    world.airtable(Twin_ID="a", Twin=["recA"])
    world.wix(twin="b")
    world.settle(world.merged(), "wix")
    row = world.merged()
    assert (row.kept, row.conflicts) == (["twin"], [])
    world.write(row)
    forth = RowMerge(world.cars, ["Twin"], {"recA", "recB"}.__contains__)
    staged = {**Mapping(world.cars).to_airtable(world.item or {}).fields, "Twin": ["recB"]}
    merged = forth.merge(staged, world.cells or {}, world.past)
    assert merged.conflicts == []
    assert merged.changes["Twin"] == ["recB"]


def test_a_value_that_a_person_preferred_on_the_way_forth_goes_back(world: World) -> None:
    world.wix(plate="W-1")
    world.airtable(Plate="A-9")
    forth = RowMerge(world.cars, ["Twin"], lambda record: True)
    staged = Mapping(world.cars).to_airtable(world.item or {}).fields
    found = forth.merge(staged, world.cells or {}, world.past)
    word = {"plate": ("airtable", found.conflicts[0].wix_hash, found.conflicts[0].airtable_hash)}
    settled = forth.merge(staged, world.cells or {}, world.past._replace(settled=word))  # type: ignore[arg-type]
    world.past = Past(forth.agreement(settled, world.cells or {}))
    assert world.merged().values == {"plate": "A-9"}


def test_multi_references_are_told_apart(world: World) -> None:
    world.airtable(Part_IDs='["p1","p2"]')
    row = world.merged()
    assert (row.values, row.references) == ({"parts": ["p1", "p2"]}, {"parts": ["p1", "p2"]})


# A row that one side has not


def test_a_row_that_was_never_in_wix_is_inserted(world: World) -> None:
    world.item, world.past = None, Past()
    row = world.merged()
    assert (row.action, row.values["plate"], row.values["_id"]) == ("insert", "A-1", "c1")
    world.write(row)
    assert world.forth().changes == {}


def test_an_item_deleted_in_wix_alone_is_not_inserted_again(world: World) -> None:
    world.item = None
    row = world.merged()
    assert (row.action, row.kept_deleted, row.conflicts) == ("nothing", True, [])


@pytest.mark.parametrize(("prefer", "action"), [("airtable", "insert"), ("wix", "nothing")])
def test_an_item_deleted_in_wix_and_changed_in_airtable_is_a_conflict(world: World, prefer: str, action: str) -> None:
    world.item = None
    world.airtable(Plate="B-2")
    row = world.merged()
    assert (row.action, row.row_conflict, [each.key for each in row.conflicts]) == ("nothing", "gone in Wix", [""])
    world.settle(row, prefer)
    row = world.merged()
    assert (row.action, row.kept_deleted, row.is_held) == (action, prefer == "wix", False)


def test_a_row_deleted_in_airtable_alone_is_removed(world: World) -> None:
    world.cells = None
    world.wix()  # a stamp alone is no change
    row = world.merged()
    assert (row.action, row.gone) == ("remove", True)


@pytest.mark.parametrize(("prefer", "action"), [("airtable", "remove"), ("wix", "nothing")])
def test_a_row_deleted_in_airtable_and_changed_in_wix_is_a_conflict(world: World, prefer: str, action: str) -> None:
    world.cells = None
    world.wix(plate="W-1")
    row = world.merged()
    assert (row.action, row.row_conflict, [each.key for each in row.conflicts]) == ("nothing", "gone in Airtable", [""])
    world.settle(row, prefer)
    row = world.merged()
    assert (row.action, row.is_held) == (action, False)


def test_a_row_deleted_on_both_sides_is_gone(world: World) -> None:
    world.cells = world.item = None
    assert (world.merged().action, world.merged().gone, world.merged().is_held) == ("nothing", True, False)


# What is not known


def test_a_row_deleted_in_airtable_of_which_nothing_is_known_is_never_removed(world: World) -> None:
    world.cells, world.past = None, Past()
    row = world.merged()
    assert (row.action, row.row_conflict, [each.known for each in row.conflicts]) == (
        "nothing",
        "gone in Airtable",
        [False],
    )
    world.past = Past(wix_unchanged=True)
    assert world.merged().action == "remove"


def test_without_an_agreement_a_difference_is_airtable_s_where_wix_is_unchanged(world: World) -> None:
    world.airtable(Plate="B-2")
    world.past = Past()
    assert [each.known for each in world.merged().conflicts] == [False]
    world.past = Past(wix_unchanged=True)
    assert world.merged().values == {"plate": "B-2"}


# After a kill


def test_what_landed_before_a_kill_is_no_change_of_wix(world: World) -> None:
    world.airtable(Plate="B-2")
    row = world.merged()
    world.sent = world.merge.hashes(row, world.item)
    assert set(world.sent) == {"plate"}
    landed = dict(world.item or {})
    world.item = after_write(world.item, row)
    world.airtable(Plate="B-3")  # changed once more before anyone came back
    assert world.merged().values == {"plate": "B-3"}
    world.item = landed  # it had not landed
    assert world.merged().values == {"plate": "B-3"}
    world.item = {**landed, "plate": "W-1"}  # and someone changed it in Wix meanwhile
    assert [each.key for each in world.merged().conflicts] == ["plate"]


def test_what_landed_before_a_kill_is_taken_back_where_airtable_is_as_it_was(world: World) -> None:
    before = dict(world.cells or {})
    world.airtable(Plate="B-2")
    row = world.merged()
    world.sent = world.merge.hashes(row, world.item)
    world.item = after_write(world.item, row)
    world.cells = before
    assert (world.merged().values, world.merged().conflicts) == ({"plate": "A-1"}, [])


@pytest.mark.parametrize("insert", [False, True])
def test_killed_twice_whichever_of_the_two_landed_is_known(world: World, insert: bool) -> None:
    if insert:
        world.item, world.past = None, Past()
    else:
        world.airtable(Plate="B-2")
    row = world.merged()
    world.sent = world.merge.hashes(row, world.item, world.sent)
    first = world.item = {**after_write(world.item, row), "_id": "c1"}
    world.airtable(Plate="B-3", Price=11)
    row = world.merged()
    world.sent = world.merge.hashes(row, world.item, world.sent)
    second = after_write(world.item, row)
    world.airtable(Plate="B-4")
    for world.item in (first, second):
        assert world.merged().conflicts == []
        assert world.merged().values["plate"] == "B-4"


def test_an_insert_that_landed_before_a_kill_is_known_again(world: World) -> None:
    world.item, world.past = None, Past()
    row = world.merged()
    world.sent = world.merge.hashes(row, None)
    world.item = {**after_write(None, row), "_id": "c1"}
    assert world.merged().action == "nothing"
    world.airtable(Plate="B-3")
    assert (world.merged().values, world.merged().conflicts) == ({"plate": "B-3"}, [])
    world.cells = None
    assert world.merged().action == "remove"
    world.wix(plate="W-1")
    assert world.merged().row_conflict == "gone in Airtable"


def test_a_value_of_wix_that_no_cell_holds_is_a_value(world: World) -> None:
    world.wix(plate=["not", "text"])
    assert world.merged().kept == ["plate"]
    world.airtable(Plate="B-2")
    assert [each.key for each in world.merged().conflicts] == ["plate"]


def test_a_link_changed_by_hand_is_seen_where_its_key_was_not(world: World) -> None:
    assert world.merge.edited_links(world.cells or {}, world.past) == []
    world.airtable(Twin=["recA"])
    assert world.merge.edited_links(world.cells or {}, world.past) == ["Twin"]
    world.airtable(Twin_ID="c9")
    assert world.merge.edited_links(world.cells or {}, world.past) == []


def test_a_link_of_a_row_never_agreed_on_counts_where_its_keys_are_empty(world: World) -> None:
    cells = {name: cell for name, cell in (world.cells or {}).items() if name not in ("Twin ID", "Twin")}
    assert world.merge.edited_links(cells, Past()) == []
    assert world.merge.edited_links({**cells, "Twin": ["recA"]}, Past()) == ["Twin"]
    assert world.merge.edited_links({**cells, "Twin": ["recA"], "Twin ID": "c9"}, Past()) == []


def test_hashes_are_those_of_the_value_as_a_cell(world: World) -> None:
    world.airtable(Price=12)
    row = world.merged()
    assert world.merge.hashes(row, world.item) == {"price": digest([12, None])}
