"""The book of who wrote what sees each kind of harm: else the tests of the way back prove nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fleet_platform import LEGACY, Fleet
from runbook.records.opening import open_records
from yard_book import Book, standard_writes

pytestmark = pytest.mark.slow


@pytest.fixture
def book(yard: Fleet) -> Book:
    book = Book(yard)
    with open_records(yard.platform, update_mirror=False) as opened:
        standard_writes(book, opened.records)
    return book


def _overwrites_in_wix(fleet: Fleet) -> None:
    fleet.save("Trucks", {**fleet.items("Trucks")["t5"], "note": "note 5"})


def _overwrites_in_airtable(fleet: Fleet) -> None:
    fleet.edit("Trucks", "t3", Note="note 3")


def _loses_a_key(fleet: Fleet) -> None:
    item = fleet.items("Drivers")["d3"]
    fleet.save("Drivers", {key: value for key, value in item.items() if key != "city"})


def _doubles_in_airtable(fleet: Fleet) -> None:
    cells = {LEGACY: "t0", "Plate": "again"}
    fleet.connect().airtable.create(fleet.base(), "Trucks", [cells])


HARM: dict[str, tuple[Callable[[Fleet], None], str]] = {
    "an edit of the CMS overwritten": (_overwrites_in_wix, "overwritten"),
    "an edit of the grid overwritten": (_overwrites_in_airtable, "overwritten"),
    "a value that nobody changed, gone": (_loses_a_key, "overwritten"),
    "an item inserted again": (lambda fleet: fleet.save("Trucks", {"_id": "t6", "plate": "P-6"}), "twice"),
    "an item under two ids": (lambda fleet: fleet.save("Drivers", {"_id": "x", "name": "driver 0"}), "twice"),
    "a record twice": (_doubles_in_airtable, "twice"),
    "an item deleted": (lambda fleet: fleet.remove("Trucks", "t0"), "deleted"),
    "a record deleted": (lambda fleet: fleet.delete("Trucks", "t90"), "deleted"),
    "an item of the CMS deleted": (lambda fleet: fleet.remove("Drivers", "d91"), "lost"),
}


@pytest.mark.parametrize("harm", HARM)
def test_each_kind_of_harm_is_seen(yard: Fleet, book: Book, harm: str) -> None:
    do, kind = HARM[harm]
    do(yard)
    assert kind in book.wrong(carried=False)


def test_what_is_not_carried_is_lost_only_where_it_should_be(book: Book) -> None:
    assert book.wrong(carried=False) == {}
    assert {line.split()[1].rstrip(":") for line in book.wrong()["lost"]} >= {
        "d90",
        "t90",
        "d1",
        "t1",
        "t2",
        "t3",
        "t4",
    }
