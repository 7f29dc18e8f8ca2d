"""A row merged three ways: what is sent, what is kept, what is a conflict, and what both sides agree on then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runbook.catalog import Collection, load_catalog
from runbook.mapping import Mapping
from runbook.merge import Agreement, MergedRow, Past, RowMerge, RowValues, digest
from runbook.merge.agreement import Agreed

CATALOG = """
base: B
tab_groups: [G]
system_fields:
- {wix: _id, wix_type: text, name: Legacy Wix ID, type: singleLineText, required: true, unique: true, lookup: true}
- {wix: _updatedDate, wix_type: datetime, name: Wix Updated, type: dateTime}
phase: 1
name: one
title: One
collections:
- wix: Cars
  table: Cars
  tab_group: G
  flag: cars
  primary: Plate
  fields:
  - {wix: plate, wix_type: text, name: Plate, type: singleLineText}
  - {wix: price, wix_type: number, name: Price, type: number, precision: 1, loose: true}
  - {wix: sold, wix_type: boolean, name: Sold, type: checkbox}
  - {wix: bio, wix_type: richtext, name: Bio, type: richText}
  - {wix: notes, wix_type: text, name: Notes, type: multilineText}
  - {wix: twin, wix_type: text, name: Twin ID, type: singleLineText}
  links:
  - {name: Twin, to: Cars, on: {twin: _id}}
"""
OLD, NEW = "2026-01-01T00:00:00.000Z", "2026-02-02T00:00:00.000Z"


@pytest.fixture(scope="module")
def cars(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    folder = tmp_path_factory.mktemp("catalog")
    (folder / "1.yaml").write_text(CATALOG)
    return load_catalog(folder).collection("Cars")


class World:
    """One row. `wix` is the item; `cells` what Airtable holds; `existing`: records that state knows."""

    def __init__(self, cars: Collection, **item: Any) -> None:
        self.cars, self.item = cars, {"_id": "c1", "_updatedDate": {"$date": OLD}, **item}
        self.existing = {"recA", "recB"}
        self.untold: tuple[str, ...] = ()
        self.links: list[str] = []
        self.past = Past()
        self.cells: dict[str, Any] = {}
        self.write(self.merge.new(self.staged))

    @property
    def merge(self) -> RowMerge:
        return RowMerge(self.cars, ["Twin"], self.existing.__contains__, self.untold)

    @property
    def staged(self) -> dict[str, Any]:
        encoded = Mapping(self.cars).to_airtable(self.item)
        assert not encoded.refusals
        return {**encoded.fields, **({"Twin": self.links} if self.links else {})}

    def merged(self) -> MergedRow:
        return self.merge.merge(self.staged, self.cells, self.past)

    def write(self, merged: MergedRow) -> None:
        """Airtable takes what is sent; what both sides agree on is kept as state does."""
        cells = {**self.cells, **merged.changes}
        self.cells = {name: cell for name, cell in cells.items() if cell not in (None, [], "", False)}
        text = self.merge.agreement(merged, self.cells).dumps()
        self.past = Past(Agreement.loads(text))


def test_a_row_that_nobody_changed_needs_nothing(cars: Collection) -> None:
    world = World(cars, plate="P-1", price=1.5, sold=True, extra={"a": [1]})
    merged = world.merged()
    assert (merged.changes, merged.edited, merged.conflicts, merged.agreed) == ({}, [], [], False)


def test_of_a_row_that_wix_changed_only_the_changed_cells_are_sent(cars: Collection) -> None:
    world = World(cars, plate="P-1", price=1.5, sold=True, extra="x")
    world.item |= {"plate": "P-2", "sold": False}
    merged = world.merged()
    assert merged.changes == {"Plate": "P-2", "Sold": None}
    assert merged.cleared
    world.write(merged)
    assert world.merged().changes == {}


def test_an_edit_in_airtable_is_kept_while_wix_changes_other_cells(cars: Collection) -> None:
    world = World(cars, plate="P-1", price=1.5)
    world.cells["Price"] = 9.5
    world.item["plate"] = "P-2"
    for _ in range(2):
        merged = world.merged()
        assert merged.edited == ["price"]
        assert "Price" not in merged.changes
        world.write(merged)
    assert (world.cells["Plate"], world.cells["Price"]) == ("P-2", 9.5)


def test_a_cell_emptied_in_airtable_is_an_edit(cars: Collection) -> None:
    world = World(cars, plate="P-1", price=1.5)
    del world.cells["Plate"]
    assert (world.merged().edited, world.merged().changes) == (["plate"], {})


def test_an_empty_text_or_an_unticked_box_is_an_absent_cell(cars: Collection) -> None:
    world = World(cars, plate="P-1", sold=False)
    world.cells |= {"Sold": False, "Notes": "", "Twin": []}
    assert (world.merged().edited, world.merged().changes) == ([], {})


def test_what_both_changed_to_the_same_is_taken_as_written(cars: Collection) -> None:
    world = World(cars, plate="P-1")
    world.cells["Plate"] = world.item["plate"] = "P-2"
    merged = world.merged()
    assert (merged.changes, merged.conflicts, merged.agreed) == ({}, [], True)
    world.write(merged)
    assert world.merged().agreed is False


def test_what_both_changed_to_something_else_is_a_conflict(cars: Collection) -> None:
    world = World(cars, plate="P-1", price=1)
    world.cells["Plate"] = "P-2"
    world.item |= {"plate": "P-3", "price": 2}
    (conflict,) = world.merged().conflicts
    assert (conflict.key, conflict.column, conflict.wix, conflict.airtable) == ("plate", "Plate", "P-3", "P-2")
    assert conflict.known


@pytest.mark.parametrize(("prefer", "plate"), [("wix", "P-3"), ("airtable", "P-2")])
def test_a_persons_word_settles_it_for_good(cars: Collection, prefer: Any, plate: str) -> None:
    world = World(cars, plate="P-1")
    world.cells["Plate"], world.item["plate"] = "P-2", "P-3"
    (conflict,) = world.merged().conflicts
    word = (prefer, conflict.wix_hash, conflict.airtable_hash)
    world.past = world.past._replace(settled={"plate": word})
    merged = world.merged()
    assert ([each.key for each in merged.settled], merged.conflicts) == (["plate"], [])
    world.write(merged)
    assert world.cells["Plate"] == plate
    merged = world.merged()
    assert (merged.changes, merged.edited, merged.conflicts) == ({}, [], [])
    assert world.merge.preferred(merged) == (["plate"] if prefer == "airtable" else [])
    world.item["plate"] = "P-4"  # the next change of Wix is a change on one side
    assert world.merged().changes == {"Plate": "P-4"}


def test_a_word_on_other_values_than_those_of_today_settles_nothing(cars: Collection) -> None:
    world = World(cars, plate="P-1")
    world.cells["Plate"], world.item["plate"] = "P-2", "P-3"
    (conflict,) = world.merged().conflicts
    world.past = world.past._replace(settled={"plate": ("wix", conflict.wix_hash, conflict.airtable_hash)})
    world.cells["Plate"] = "P-2b"
    assert [c.key for c in world.merged().conflicts] == ["plate"]


def test_stamps_follow_the_row_and_are_never_a_conflict(cars: Collection) -> None:
    world = World(cars, plate="P-1")
    world.cells |= {"Wix Updated": NEW, "Plate": "P-2"}
    assert world.merged().edited == ["plate"]
    world.item["_updatedDate"] = {"$date": "2026-03-03T00:00:00.000Z"}
    merged = world.merged()
    assert (merged.conflicts, merged.changes) == ([], {"Wix Updated": "2026-03-03T00:00:00.000Z"})


def test_values_beside_their_cells_are_merged_key_by_key(cars: Collection) -> None:
    world = World(cars, plate=None, extra="x", other="y")
    assert "Wix Original" in world.cells
    world.item["extra"] = "changed"
    merged = world.merged()
    assert merged.changes.keys() == {"Wix Original"}
    world.write(merged)
    item = Mapping(cars).to_wix(world.cells)
    assert (item["plate"], item["extra"], item["other"]) == (None, "changed", "y")
    world.cells["Wix Original"] = world.cells["Wix Original"].replace('"y"', '"edited"')
    world.item["extra"] = "again"
    merged = world.merged()
    assert merged.edited == ["other"]
    world.write(merged)
    item = Mapping(cars).to_wix(world.cells)
    assert (item["extra"], item["other"]) == ("again", "edited")


def test_a_key_that_gets_a_column_of_its_own_is_written_there(cars: Collection) -> None:
    world = World(cars, plate="P-1")
    world.cells["Wix Original"] = '{"values":{"notes":"n"}}'  # as before the catalog had the column Notes
    world.past = Past(Agreement({**world.past.agreement.keys, "notes": _agreed(world)}))  # type: ignore[union-attr]
    world.item["notes"] = "n"
    assert world.merged().changes == {"Notes": "n", "Wix Original": None}


def _agreed(world: World) -> Any:
    from runbook.merge import Agreed

    held = digest(world.merge.values.of(world.cells)["notes"])
    return Agreed(held, held)


def test_a_text_that_airtable_rewrites_is_no_edit(cars: Collection) -> None:
    world = World(cars, bio="a __b__", notes="n\n")
    world.cells |= {"Bio": "a **b**\n", "Notes": "n"}
    assert world.merge.merge(world.staged, world.cells, Past()).conflicts == []
    merged = world.merge.merge(world.staged, world.cells, Past(sent=True))
    world.write(merged)
    assert (world.merged().edited, world.merged().changes) == ([], {})
    world.cells["Bio"] = "a **b** c\n"
    assert world.merged().edited == ["bio"]


def test_a_row_that_was_never_agreed_on_is_adopted_where_equal_and_a_conflict_where_not(cars: Collection) -> None:
    world = World(cars, plate="P-1", price=1)
    world.past = Past()
    assert (world.merged().changes, world.merged().conflicts, world.merged().agreed) == ({}, [], True)
    world.cells["Price"] = 2
    (conflict,) = world.merged().conflicts
    assert (conflict.key, conflict.known) == ("price", False)
    world.past = Past(wix_unchanged=True)
    merged = world.merged()
    assert (merged.edited, merged.changes, merged.conflicts) == (["price"], {}, [])
    world.write(merged)
    assert world.merged().edited == ["price"]


def test_what_a_service_wrote_is_told_from_an_edit(cars: Collection) -> None:
    world = World(cars, plate="P-1", price=1)
    world.cells |= {"Plate": "P-2", "Price": 2}
    served = {"plate": digest(world.merge.values.of(world.cells)["plate"])}
    world.past = world.past._replace(served=served)
    merged = world.merged()
    assert (merged.served, merged.edited) == (["plate"], ["price"])


# Links


def test_a_link_follows_its_key_and_an_edited_one_is_kept(cars: Collection) -> None:
    world = World(cars, twin="c2")
    world.links = ["recA"]
    merged = world.merged()
    assert merged.changes == {"Twin": ["recA"]}
    world.write(merged)
    world.cells["Twin"] = ["recB"]
    merged = world.merged()
    assert (merged.edited, merged.changes) == (["Twin"], {})
    world.links = []
    (conflict,) = world.merged().conflicts
    assert (conflict.key, conflict.wix, conflict.airtable) == ("Twin", [], ["recB"])


def test_the_order_in_a_link_cell_is_no_edit(cars: Collection) -> None:
    world = World(cars, twin="c2")
    world.links = ["recA", "recB"]
    world.write(world.merged())
    world.cells["Twin"] = ["recB", "recA"]
    assert (world.merged().edited, world.merged().changes) == ([], {})


def test_a_linked_record_that_was_deleted_is_no_edit_of_the_row(cars: Collection) -> None:
    world = World(cars, twin="c2")
    world.links = ["recA"]
    world.write(world.merged())
    world.existing.remove("recA")
    del world.cells["Twin"]
    world.links = ["recNEW"]  # created again
    merged = world.merged()
    assert (merged.edited, merged.conflicts, merged.changes) == ([], [], {"Twin": ["recNEW"]})


def test_a_key_that_the_source_does_not_show_keeps_its_cells_and_its_link(cars: Collection) -> None:
    world = World(cars, plate="P-1", twin="c2", extra="x")
    world.links = ["recA"]
    world.write(world.merged())
    world.untold, world.links = ("twin", "extra"), []
    del world.item["twin"], world.item["extra"]
    world.item["plate"] = "P-2"
    merged = world.merged()
    assert merged.changes == {"Plate": "P-2"}
    world.write(merged)
    world.untold, world.links = (), ["recA"]
    world.item |= {"twin": "c2", "extra": "x"}
    assert (world.merged().changes, world.merged().conflicts) == ({}, [])


def test_a_row_whose_answer_was_lost_may_have_been_sent_before_its_targets_were_there(cars: Collection) -> None:
    world = World(cars, twin="c2")
    world.links = ["recA"]
    assert world.merge.merge(world.staged, world.cells, Past()).conflicts
    merged = world.merge.merge(world.staged, world.cells, Past(sent=True))
    assert (merged.conflicts, merged.changes) == ([], {"Twin": ["recA"]})


def test_a_copy_that_a_row_typed_in_the_grid_lacks_is_filled_once(tmp_path: Path) -> None:
    copies = "  copies:\n  - {wix: notes, wix_type: text, name: Line, type: singleLineText}\n  links:"
    (tmp_path / "1.yaml").write_text(CATALOG.replace("  links:", copies))
    world = World(load_catalog(tmp_path).collection("Cars"), notes="typed", plate="P-1")
    assert world.cells["Line"] == "typed"
    del world.cells["Line"]
    assert world.merged().edited == ["notes"]  # as long as both sides did not agree on it
    agreed = world.past.agreement
    assert agreed is not None
    typed = Agreed(agreed.keys["notes"].wix, digest(RowValues(world.cars).of(world.cells)["notes"]))
    world.past = Past(Agreement({**agreed.keys, "notes": typed}, agreed.links))
    merged = world.merged()
    assert (merged.changes, merged.edited) == ({"Line": "typed"}, [])
    world.write(merged)
    assert world.merged().changes == {}


def test_what_wix_itself_set_on_a_row_that_was_carried_back_is_not_an_edit(cars: Collection) -> None:
    world = World(cars, plate="P-1")
    world.item["_publishStatus"] = "PUBLISHED"
    agreed = world.past.agreement
    assert agreed is not None
    set_by_wix = Agreed(digest(RowValues(cars).of(world.staged)["_publishStatus"]), digest(None))
    world.past = Past(Agreement({**agreed.keys, "_publishStatus": set_by_wix}, agreed.links))
    merged = world.merged()
    assert (merged.changes, merged.edited, merged.carried) == ({}, [], ["_publishStatus"])
