"""The book of a drill sees each kind of harm on either side: else a drill that passes proves nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from fleet_platform import INFRASTRUCTURE
from runbook.catalog import LEGACY_ID, Catalog, load_catalog
from runbook.drill.book import EMPTY, Book, Comparison, IdOf, Row
from runbook.drill.plain import as_key, cell_of, free_fields
from runbook.json_types import MISSING, Item
from yard import YARD

Sides = dict[str, list[Item]]
KINDS = ("lost", "twice", "wrong", "unknown")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("catalog")
    for number, text in enumerate((INFRASTRUCTURE, YARD), 1):
        (folder / f"{number}.yaml").write_text(text)
    return load_catalog(folder)


def _items() -> Sides:
    return {
        "Drivers": [{"_id": "d0", "name": "a", "city": "x"}, {"_id": "d1", "name": "b", "_updatedDate": 1}],
        "Trucks": [{"_id": "t0", "plate": "P-0", "dot": "1000", "crew": ["d0", "d1"]}, {"_id": "t1", "plate": "P-1"}],
    }


@pytest.fixture
def book(catalog: Catalog) -> Book:
    """After one write of each kind."""
    book = Book(catalog, _items())
    book.insert("Drivers", {"_id": "d2", "name": "c", "_owner": "o"})
    book.change("Drivers", "d0", {"city": EMPTY, "name": "a2"})
    book.delete("Trucks", "t1")
    driver = book.make("Drivers", Row({"name": "typed"}, None, ("name", "typed"), whole=True))
    book.make("Trucks", Row({"plate": "P-9", "driver": IdOf(driver)}, None, ("plate", "P-9"), whole=True))
    return book


def _wix() -> Sides:
    """What Wix must hold then."""
    return {
        "Drivers": [
            {"_id": "d0", "name": "a2"},
            {"_id": "d1", "name": "b", "_updatedDate": 2},
            {"_id": "d2", "name": "c", "_owner": "o", "_createdDate": 3},
            {"_id": "new", "name": "typed", "city": ""},
        ],
        "Trucks": [
            {"_id": "t0", "plate": "P-0", "dot": "1000", "crew": ["d1", "d0"]},
            {"_id": "new-2", "plate": "P-9", "driver": "new"},
        ],
    }


def _found(compared: Comparison) -> dict[str, int]:
    return {kind: len(getattr(compared, kind)) for kind in KINDS if getattr(compared, kind)}


def _set(collection: str, place: int, /, **values: Any) -> Callable[[Sides], None]:
    return lambda sides: sides[collection][place].update(values)


def _drop(name: str, place: int) -> Callable[[Sides], None]:
    return lambda sides: sides[name].__delitem__(place)


def _add(name: str, /, **item: Any) -> Callable[[Sides], None]:
    return lambda sides: sides[name].append(item)


HARM: dict[str, tuple[Callable[[Sides], None], str]] = {
    "an inserted row is not there": (_drop("Drivers", 2), "lost"),
    "a row that nobody touched is not there": (_drop("Trucks", 0), "lost"),
    "a typed row is not there": (_drop("Trucks", 1), "lost"),
    "a deleted row is there again": (_add("Trucks", _id="t1", plate="P-1"), "lost"),
    "a typed row is there under two ids": (_add("Trucks", _id="x", plate="P-9", driver="new"), "twice"),
    "a row is there twice": (_add("Drivers", _id="d2", name="c", _owner="o"), "twice"),
    "a row that nobody wrote": (_add("Drivers", _id="x", name="?"), "unknown"),
    "an edit is not there": (_set("Drivers", 0, name="a"), "wrong"),
    "a value that nobody changed is another": (_set("Drivers", 1, name="B"), "wrong"),
    "a value of another type": (_set("Trucks", 0, dot=1000), "wrong"),
    "an emptied cell has its value again": (_set("Drivers", 0, city="x"), "wrong"),
    "a key that nobody gave": (_set("Drivers", 1, city="x"), "wrong"),
    "null where there was no key": (_set("Drivers", 1, city=None), "wrong"),
    "a typed row with more than was typed": (_set("Drivers", 3, city="x"), "wrong"),
    "a link to another row": (_set("Trucks", 1, driver="d0"), "wrong"),
    "a reference less": (_set("Trucks", 0, crew=["d0"]), "wrong"),
    "another owner": (_set("Drivers", 2, _owner="p"), "wrong"),
}


def test_what_must_be_there_is_clean(book: Book) -> None:
    compared = book.compare(_wix())
    assert _found(compared) == {}
    assert compared.clean
    assert compared.rows == 6


@pytest.mark.parametrize("harm", HARM)
def test_each_kind_of_harm_in_wix_is_seen(book: Book, harm: str) -> None:
    do, kind = HARM[harm]
    sides = _wix()
    do(sides)
    assert _found(book.compare(sides)) == {kind: 1}


def _records(catalog: Catalog, book: Book) -> dict[str, list[dict[str, Any]]]:
    book.compare(_wix())  # rows made in the grid get their ids
    found = {}
    for name, items in _wix().items():
        names = {f.wix: f.name for f in catalog.collection(name).fields}
        found[name] = [{"fields": {names[k]: v for k, v in item.items() if k != "crew" and v != ""}} for item in items]
    for record in found["Trucks"]:
        if "DOT" in record["fields"]:
            record["fields"]["DOT"] = 1000
    return found


CELLS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a record is not there": (lambda found: found["Drivers"].__delitem__(2), "lost"),
    "a deleted row is there again": (lambda found: found["Trucks"].append({"fields": {LEGACY_ID: "t1"}}), "lost"),
    "two records of a row": (lambda found: found["Drivers"].append(copy.deepcopy(found["Drivers"][1])), "twice"),
    "a record of nobody": (lambda found: found["Drivers"].append({"fields": {LEGACY_ID: "x"}}), "unknown"),
    "a record without an id": (lambda found: found["Drivers"].append({"fields": {}}), "unknown"),
    "an edit is not there": (lambda found: found["Drivers"][0]["fields"].update(Name="a"), "wrong"),
    "an emptied cell is filled": (lambda found: found["Drivers"][0]["fields"].update(City="x"), "wrong"),
    "a link's key leads elsewhere": (lambda found: found["Trucks"][1]["fields"].update({"Driver ID": "d0"}), "wrong"),
}


@pytest.mark.parametrize("harm", CELLS)
def test_each_kind_of_harm_in_airtable_is_seen(catalog: Catalog, book: Book, harm: str) -> None:
    records = _records(catalog, book)
    assert book.compare_records(records, {}).clean
    do, kind = CELLS[harm]
    do(records)
    assert _found(book.compare_records(records, {})) == {kind: 1}


def test_rows_that_no_table_can_hold_are_not_missed_in_airtable(catalog: Catalog, book: Book) -> None:
    records = _records(catalog, book)
    del records["Drivers"][1]
    assert book.compare_records(records, {"Drivers": {"d1"}}).clean


def test_it_names_rows_and_keys_and_no_values(book: Book) -> None:
    sides = _wix()
    sides["Drivers"][0]["name"] = "secret"
    assert book.compare(sides).wrong == ["Drivers d0: name"]


def test_a_replaced_row_keeps_what_wix_alone_sets(catalog: Catalog) -> None:
    book = Book(catalog, {"Drivers": [{"_id": "d0", "name": "a", "city": "x", "_createdDate": 1}]})
    book.replace("Drivers", {"_id": "d0", "name": "b"})
    assert book.rows["Drivers"]["d0"].item == {"_id": "d0", "name": "b", "_createdDate": 1}
    assert book.compare({"Drivers": [{"_id": "d0", "name": "b"}]}).clean
    assert book.compare({"Drivers": [{"_id": "d0", "name": "b", "city": "x"}]}).wrong == ["Drivers d0: city"]


def test_plain_columns_hold_the_same_on_both_sides(catalog: Catalog) -> None:
    trucks = catalog.collection("Trucks")
    cases = {
        ("note", "text"): "text",
        ("dot", "1000"): 1000,
        ("dot", "007"): None,
        ("crew", "x"): None,
        ("note", 5): None,
    }
    assert {(key, value): cell_of(trucks.field(key), value) for key, value in cases} == cases
    assert [f.wix for f in free_fields(catalog, trucks, "text")] == ["plate", "note"]
    assert as_key(trucks.field("dot"), 1000) == "1000"


def test_a_removed_key_must_be_gone(catalog: Catalog) -> None:
    book = Book(catalog, {"Drivers": [{"_id": "d0", "name": "a", "city": "x"}]})
    book.change("Drivers", "d0", {"city": MISSING})
    assert book.compare({"Drivers": [{"_id": "d0", "name": "a"}]}).clean
    assert not book.compare({"Drivers": [{"_id": "d0", "name": "a", "city": None}]}).clean
