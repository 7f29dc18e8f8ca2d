"""What people did since the turn, all at once, and one rollback with reverse sync: each case as it must end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleet_platform import LEGACY, Fleet, copy_of
from runbook.commands.resolve import resolve
from runbook.commands.rollback import Rollback, open_rollback
from runbook.errors import RunbookError
from runbook.records.opening import open_records
from yard import conflicts, items, went_back
from yard_book import Book, standard_writes

pytestmark = pytest.mark.slow


@dataclass
class Back:
    fleet: Fleet
    book: Book
    rollback: Rollback
    said: str

    def wix(self, collection: str, item_id: str) -> dict[str, Any] | None:
        return next((item for item in items(self.fleet, collection) if item["_id"] == item_id), None)


@pytest.fixture(scope="module")
def back(saved_yard: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Back]:
    with copy_of(saved_yard, tmp_path_factory.mktemp("cases")) as fleet:
        book = Book(fleet)
        with open_records(fleet.platform, update_mirror=False) as opened:
            assert opened.mirror is not None
            opened.mirror.load()
            standard_writes(book, opened.records)
            book.delete_by_hand("Drivers", "d6")
            opened.mirror.load(["Drivers"])  # so that the mirror has seen that d6 is gone
        book.delete_by_hand("Drivers", "d7")
        fleet.edit("Trucks", "t10", **{LEGACY: None})
        copy = {LEGACY: "t9", "Plate": "copy", "Note": "of the copy"}
        fleet.connect().airtable.create(fleet.base(), "Trucks", [copy])
        book.by_hand("Trucks", "t11", note=book.value())
        book.in_wix("Trucks", "t11", note=book.value())
        book.remove_in_wix("Drivers", "d8")
        book.by_hand("Drivers", "d8", city=book.value())
        book.remove_in_wix("Drivers", "d5")
        book.by_hand("Drivers", "d5", city=book.value())
        book.delete_by_hand("Drivers", "d9")
        book.in_wix("Drivers", "d9", city=book.value())
        rollback = open_rollback(fleet.platform, reverse_sync=True)
        said = [repr(getattr(rollback, step)()) for step in ("losses", "reverse_sync", "turn_back")]
        try:
            said.append(repr(rollback.verdict()))
        except RunbookError as error:
            said.append(str(error))
        yield Back(fleet, book, rollback, "\n".join(said))


def test_all_of_it_is_carried_and_nothing_else_is_touched(back: Back) -> None:
    assert back.book.wrong() == {}


def test_a_legacy_id_emptied_by_hand_deletes_nothing_in_wix(back: Back) -> None:
    assert back.wix("Trucks", "t10") is not None


def test_a_value_corrected_in_the_cms_alone_stays(back: Back) -> None:
    truck = back.wix("Trucks", "t5")
    assert truck is not None
    assert truck["note"] == back.book.rows["Trucks", "t5"].values["note"]["wix"]


def test_an_item_deleted_in_wix_since_is_not_inserted_again(back: Back) -> None:
    assert back.wix("Trucks", "t6") is None


def test_a_duplicated_record_does_not_win_over_its_original(back: Back) -> None:
    truck = back.wix("Trucks", "t9")
    assert truck is not None
    assert (truck["plate"], truck["note"]) == ("P-9", "note 9")
    (copy,) = [item for item in items(back.fleet, "Trucks") if item["plate"] == "copy"]
    assert copy["_id"] != "t9"


@pytest.mark.parametrize("driver", ["d6", "d7"], ids=["the mirror has looked", "it has not"])
def test_a_row_deleted_by_hand_goes_from_wix_whether_or_not_the_mirror_has_looked(back: Back, driver: str) -> None:
    assert back.wix("Drivers", driver) is None


def test_multi_references_go_back_also_to_rows_that_are_new(back: Back) -> None:
    changed, new = back.wix("Trucks", "t1"), back.wix("Trucks", "t90")
    assert changed is not None
    assert new is not None
    assert (set(changed["crew"]), set(new["crew"])) == ({"d2", "d90"}, {"d90", "d1"})


def test_what_both_sides_changed_is_a_conflict_that_the_verdict_names(back: Back) -> None:
    assert conflicts(back.fleet) == {
        ("Trucks", "t8", "note"),
        ("Trucks", "t11", "note"),
        ("Drivers", "d5", ""),
        ("Drivers", "d8", ""),
        ("Drivers", "d9", ""),
    }
    assert "runbook resolve" in back.said
    assert all(
        value not in back.said for row in back.book.rows.values() for value in row.values.get("note", {}).values()
    )


def test_conflicts_are_settled_by_resolve_either_way_then_carried_and_known_forth(back: Back) -> None:
    """The last test of the module: it changes what the others look at."""
    fleet, run = back.fleet, back.rollback.folder.run_id
    for row, prefer in (("t8", "airtable"), ("t11", "wix"), ("d5", "wix"), ("d8", "airtable"), ("d9", "airtable")):
        resolve(fleet.platform, run, prefer=prefer, row=row, who="ann", why="phoned them")  # type: ignore[arg-type]
    assert went_back(fleet.platform) is None
    notes = {row: back.book.rows["Trucks", row].values["note"] for row in ("t8", "t11")}
    t8, t11 = back.wix("Trucks", "t8"), back.wix("Trucks", "t11")
    assert t8 is not None
    assert t11 is not None
    assert (t8["note"], t11["note"]) == (notes["t8"]["airtable"], notes["t11"]["wix"])
    d8 = back.wix("Drivers", "d8")
    assert d8 is not None
    assert d8["city"] == back.book.rows["Drivers", "d8"].values["city"]["airtable"]
    assert (back.wix("Drivers", "d9"), back.wix("Drivers", "d5")) == (None, None)
    fleet.migrate(2)  # green: the way forth knows what was decided
    assert "d5" not in fleet.records("Drivers")
