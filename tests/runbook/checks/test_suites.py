"""Suites from the catalog: what is derived, what stays, what has drifted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from lmdr import catalog as lmdr_catalog
from runbook.catalog import Catalog, load_catalog
from runbook.checks.gx import read_suite
from runbook.checks.suites import derive, drifted, snake, suite_path, write_suites
from runbook.errors import CheckNotRun

COMMITTED = Path(__file__).resolve().parents[3] / "expectations"

FILE: dict[str, Any] = {
    "phase": 2,
    "name": "content",
    "title": "Content",
    "base": "People",
    "tab_groups": ["All"],
    "system_fields": [
        {"wix": "_id", "wix_type": "text", "name": "Legacy Wix ID", "type": "singleLineText", "required": True, "unique": True},
        {"wix": "_updatedDate", "wix_type": "datetime", "name": "Wix Updated", "type": "dateTime"},
    ],
    "collections": [
        {
            "wix": "People",
            "table": "People",
            "tab_group": "All",
            "flag": "people",
            "primary": "Name",
            "fields": [
                {"wix": "name", "wix_type": "text", "name": "Name", "type": "singleLineText", "required": True},
                {"wix": "email", "wix_type": "email", "name": "Email", "type": "email", "unique": True, "pattern": ".+@.+"},
                {"wix": "age", "wix_type": "number", "name": "Age", "type": "number", "precision": 0, "minimum": 0, "maximum": 150},
                {"wix": "pay", "wix_type": "number", "name": "Pay", "type": "currency", "precision": 2, "symbol": "$"},
                {"wix": "status", "wix_type": "text", "name": "Status", "type": "singleSelect", "choices": ["new", "old"]},
                {"wix": "mood", "wix_type": "text", "name": "Mood", "type": "singleSelect", "choices": ["fine"], "open": True},
                {"wix": "level", "wix_type": "text", "name": "Level", "type": "singleSelect", "choices": ["Top Level"], "codec": "enum_title"},
                {"wix": "tags", "wix_type": "tags", "name": "Tags", "type": "multipleSelects", "choices": ["a", "b"]},
                {"wix": "kind", "wix_type": "text", "name": "Kind", "type": "singleLineText", "values": ["x", "y"]},
                {"wix": "note", "wix_type": "richtext", "name": "Note", "type": "multilineText"},
                {"wix": "active", "wix_type": "boolean", "name": "Active", "type": "checkbox", "required": True},
                {"wix": "born", "wix_type": "date", "name": "Born", "type": "date"},
                {"wix": "boss", "wix_type": "reference", "name": "Boss ID", "type": "singleLineText"},
            ],
            "links": [{"name": "Boss", "to": "People", "on": {"boss": "_id"}}],
        }
    ],
}  # fmt: skip


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return write_catalog(tmp_path / "catalog", FILE)


def write_catalog(folder: Path, payload: dict[str, Any]) -> Catalog:
    folder.mkdir(exist_ok=True)
    (folder / "one.yaml").write_text(yaml.safe_dump(payload))
    return load_catalog(folder)


def about(expectations: list[dict[str, Any]], column: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """By type: severity and the other arguments, of one column."""
    return {
        e["type"].removeprefix("expect_column_value").removeprefix("s_to_"): (
            e["severity"],
            {k: v for k, v in e["kwargs"].items() if k != "column"},
        )
        for e in expectations
        if e["kwargs"].get("column") == column
    }


def test_the_side_of_airtable(catalog: Catalog) -> None:
    found = derive(catalog.collection("People"), "airtable")
    assert found[0]["kwargs"] == {"value": {"$PARAMETER": "expected_rows"}}
    assert found[1]["kwargs"]["exact_match"] is False
    assert set(found[1]["kwargs"]["column_set"]) >= {"Name", "Legacy Wix ID", "Boss", "Wix Original"}
    assert about(found, "Legacy Wix ID") == {
        "not_be_null": ("critical", {}),
        "be_unique": ("critical", {}),
        "be_of_type": ("critical", {"type_": "str"}),
    }
    assert about(found, "Name") == {"be_of_type": ("critical", {"type_": "str"}), "not_be_null": ("critical", {})}
    assert about(found, "Email")["be_unique"] == ("warning", {})
    assert about(found, "Email")["match_regex"] == ("warning", {"regex": r"\A(?:.+@.+)\Z"})
    assert about(found, "Age") == {
        "be_of_type": ("critical", {"type_": "float"}),  # it shows no decimals, and holds them all the same
        "be_between": ("warning", {"min_value": 0, "max_value": 150}),
    }
    assert about(found, "Pay") == {"be_of_type": ("critical", {"type_": "float"})}
    assert about(found, "Status")["be_in_set"] == ("critical", {"value_set": ["new", "old"]})
    assert "be_in_set" not in about(found, "Mood")
    assert about(found, "Level")["be_in_set"] == ("critical", {"value_set": ["Top Level"]})
    assert about(found, "Tags (allowed)") == {"be_in_set": ("critical", {"value_set": [True]})}
    assert about(found, "Kind")["be_in_set"] == ("warning", {"value_set": ["x", "y"]})
    assert about(found, "Note")["_lengths_to_be_between"] == ("critical", {"max_value": 100_000})
    assert about(found, "Active") == {"be_of_type": ("critical", {"type_": "bool"})}
    assert about(found, "Born") == {"be_of_type": ("critical", {"type_": "datetime64"})}
    assert about(found, "Wix Updated") == {"be_of_type": ("critical", {"type_": "Timestamp"})}
    assert "be_json_parseable" in about(found, "Wix Original")
    assert about(found, "Boss (holds it)") == {"be_in_set": ("critical", {"value_set": [True]})}
    assert about(found, "Boss (leads to)") == {"be_in_set": ("warning", {"value_set": ["resolved"]})}


def test_the_side_of_wix(catalog: Catalog) -> None:
    found = derive(catalog.collection("People"), "wix")
    assert found[1]["severity"] == "warning"
    assert about(found, "_id")["not_be_null"] == ("critical", {})
    assert about(found, "name")["be_of_type"] == ("warning", {"type_": "str"})
    assert about(found, "age") == {"be_of_type": ("warning", {"type_": "float"})}
    assert about(found, "age (as number)") == {"be_between": ("warning", {"min_value": 0, "max_value": 150})}
    assert about(found, "status (allowed)") == {"be_in_set": ("critical", {"value_set": [True]})}
    assert about(found, "mood (allowed)") == {"be_in_set": ("warning", {"value_set": [True]})}
    assert about(found, "tags (allowed)") == {"be_in_set": ("critical", {"value_set": [True]})}
    assert about(found, "active") == {"be_of_type": ("warning", {"type_": "bool"}), "not_be_null": ("critical", {})}
    assert about(found, "born") == {}
    assert not [e for e in found if "Boss" in json.dumps(e)]


def test_every_derived_expectation_says_so(catalog: Catalog) -> None:
    people = catalog.collection("People")
    assert all(e["meta"]["from"] == "catalog" for side in ("wix", "airtable") for e in derive(people, side))  # type: ignore[arg-type]


def test_one_expectation_a_line_and_the_same_again(catalog: Catalog, tmp_path: Path) -> None:
    first = write_suites(catalog, tmp_path / "suites")
    assert first.changed == ("people_wix.json", "people_airtable.json")
    text = (tmp_path / "suites" / "people_wix.json").read_text()
    assert text.count("\n  {") == len(json.loads(text)["expectations"])
    again = write_suites(catalog, tmp_path / "suites")
    assert (again.changed, again.unchanged) == ((), first.changed)
    assert drifted(catalog, tmp_path / "suites") == []


def test_what_was_added_by_hand_survives(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "suites"
    write_suites(catalog, folder)
    path = suite_path(catalog, catalog.collection("People"), "airtable", folder)
    payload = json.loads(path.read_text())
    mine = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "Name"}, "notes": "asked for by Ann"}
    payload["expectations"].insert(3, mine)
    payload["description"] = "Said by hand"
    path.write_text(json.dumps(payload))
    again = write_suites(catalog, folder)
    assert again.by_hand == {"people_airtable.json": 1}
    assert read_suite(path).expectations[-1] == mine
    assert read_suite(path).description == "Said by hand"
    assert drifted(catalog, folder) == []


def test_what_was_derived_and_then_changed_is_drift(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "suites"
    write_suites(catalog, folder)
    path = folder / "people_airtable.json"
    path.write_text(path.read_text().replace('"critical"', '"warning"', 1))
    assert drifted(catalog, folder) == ["people_airtable.json: differs from the catalog"]
    assert write_suites(catalog, folder).changed == ("people_airtable.json",)
    assert drifted(catalog, folder) == []


def test_a_changed_catalog_is_drift(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "suites"
    write_suites(catalog, folder)
    payload = json.loads(json.dumps(FILE))
    payload["collections"][0]["fields"][4]["type"] = "singleLineText"
    del payload["collections"][0]["fields"][4]["choices"]
    assert drifted(write_catalog(tmp_path / "catalog", payload), folder) == [
        "people_wix.json: differs from the catalog",
        "people_airtable.json: differs from the catalog",
    ]


def test_missing_files_and_those_of_no_collection_are_named(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "suites"
    write_suites(catalog, folder)
    (folder / "people_wix.json").rename(folder / "persons_wix.json")
    assert drifted(catalog, folder) == [
        "people_wix.json: is missing",
        "persons_wix.json: the catalog has no such collection",
    ]
    assert write_suites(catalog, folder).strays == ("persons_wix.json",)
    assert (folder / "persons_wix.json").exists()


def test_a_file_that_cannot_be_read_is_not_overwritten(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "suites"
    folder.mkdir()
    (folder / "people_airtable.json").write_text("half a fi")
    with pytest.raises(CheckNotRun, match=r"people_airtable\.json.*manual"):
        write_suites(catalog, folder)
    assert not (folder / "people_wix.json").exists()
    assert (folder / "people_airtable.json").read_text() == "half a fi"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Carriers", "carriers"),
        ("FAQs", "faqs"),
        ("AIUsageLog", "ai_usage_log"),
        ("recruiterCarriers", "recruiter_carriers"),
        ("Stores/Products", "stores_products"),
        ("Import123", "import_123"),
    ],
)
def test_names_of_files(name: str, stem: str) -> None:
    assert snake(name) == stem


def test_two_names_that_look_alike_get_two_files(tmp_path: Path) -> None:
    payload = json.loads(json.dumps(FILE))
    twin = {**payload["collections"][0], "wix": "people", "table": "Persons", "links": []}
    payload["collections"].append(twin)
    found = write_catalog(tmp_path / "catalog", payload)
    assert len(write_suites(found, tmp_path / "suites").changed) == 4
    paths = {suite_path(found, c, "wix", tmp_path) for c in found.collections.values()}
    assert len(paths) == 2


# The committed ones


def test_the_committed_suites_are_what_the_catalog_says() -> None:
    assert drifted(lmdr_catalog.load(), COMMITTED) == [], "`runbook suites` writes them anew"


def test_every_collection_has_two_suites_that_guard_rows_and_keys() -> None:
    catalog = lmdr_catalog.load()
    assert len(list(COMMITTED.glob("*.json"))) == 2 * len(catalog.collections) == 80
    for collection in catalog.collections.values():
        for side, key in (("wix", "_id"), ("airtable", "Legacy Wix ID")):
            suite = read_suite(suite_path(catalog, collection, side, COMMITTED))  # type: ignore[arg-type]
            asked = [(e["type"], e["kwargs"].get("column")) for e in suite.expectations]
            assert ("expect_table_row_count_to_equal", None) in asked
            assert ("expect_column_values_to_not_be_null", key) in asked
