"""Frames: dtypes that make a type check mean something, and the odd values found one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_suites import FILE, write_catalog

from runbook.catalog import Catalog, Collection
from runbook.checks.frames import AirtableFrame, WixFrame
from runbook.checks.gx import read_suite, run_suite
from runbook.checks.report import SuiteReport
from runbook.checks.suites import suite_path, write_suites
from runbook.link_resolver import LinkCell

pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")

ITEM = {
    "_id": "id-0", "_updatedDate": {"$date": "2025-06-01T00:00:00.000Z"}, "name": "Ann", "email": "a@b.c", "age": 30,
    "pay": 1.5, "status": "new", "mood": "fine", "tags": ["a"], "kind": "x", "note": "text", "active": True,
    "born": "1990-01-01", "boss": "id-1",
}  # fmt: skip
RECORD = {
    "Legacy Wix ID": "id-0", "Wix Updated": "2025-06-01T00:00:00.000Z", "Name": "Ann", "Email": "a@b.c", "Age": 30,
    "Pay": 1.5, "Status": "new", "Mood": "fine", "Level": "Top Level", "Tags": ["a"], "Kind": "x", "Note": "text",
    "Active": True, "Born": "1990-01-01", "Boss ID": "id-1", "Boss": ["recAAAAAAAAAAAAAA"], "Wix Original": "{}",
}  # fmt: skip
BOSS = {"Boss": LinkCell("resolved", ("recAAAAAAAAAAAAAA",))}


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    found = write_catalog(tmp_path / "catalog", FILE)
    write_suites(found, tmp_path / "suites")
    return found


@pytest.fixture
def people(catalog: Catalog) -> Collection:
    return catalog.collection("People")


def wix_report(catalog: Catalog, tmp_path: Path, items: list[dict[str, Any]]) -> SuiteReport:
    people = catalog.collection("People")
    made = WixFrame(people)
    for item in items:
        made.add(item)
    suite = read_suite(suite_path(catalog, people, "wix", tmp_path / "suites"))
    return run_suite(suite, made.frame(), key="_id", parameters={"expected_rows": len(items)})


def airtable_report(
    catalog: Catalog, tmp_path: Path, records: list[dict[str, Any]], links: Any = BOSS, present: Any = None
) -> SuiteReport:
    people = catalog.collection("People")
    made = AirtableFrame(people, present if present is not None else RECORD)
    for record in records:
        made.add(record, links)
    suite = read_suite(suite_path(catalog, people, "airtable", tmp_path / "suites"))
    return run_suite(suite, made.frame(), key="Legacy Wix ID", parameters={"expected_rows": len(records)})


def bad(report: SuiteReport) -> dict[tuple[str | None, str], tuple[str, tuple[str, ...]]]:
    return {(o.column, o.kind): (o.verdict, o.ids) for o in report.outcomes if o.verdict != "pass"}


@pytest.mark.slow
def test_what_is_as_it_should_be_passes_on_both_sides(catalog: Catalog, tmp_path: Path) -> None:
    second = {"_id": "id-1", "name": "Bob", "active": False}
    assert bad(wix_report(catalog, tmp_path, [ITEM, second])) == {}
    links = {"Boss": LinkCell("empty")}
    assert bad(airtable_report(catalog, tmp_path, [{"Legacy Wix ID": "id-1", "Name": "Bob"}], links)) == {}
    assert bad(airtable_report(catalog, tmp_path, [RECORD])) == {}


def test_dtypes(people: Collection) -> None:
    made = AirtableFrame(people, RECORD)
    made.add(RECORD, BOSS)
    made.add({"Legacy Wix ID": "id-1"}, {"Boss": LinkCell("dangling")})
    dtypes = made.frame().dtypes.astype(str).to_dict()
    assert dtypes == {
        **dict.fromkeys(dtypes, "object"),
        "Age": "float64", "Pay": "float64", "Active": "bool", "Born": "datetime64[us]",
        "Wix Updated": "datetime64[us, UTC]",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Name", 5), ("Name", ["Ann"]), ("Age", "30"), ("Age", True), ("Pay", "1.5"), ("Pay", True),
        ("Active", "true"), ("Active", 1), ("Born", "1990-01-01T00:00:00.000Z"), ("Born", "soon"), ("Born", 19900101),
        ("Born", "19900101"), ("Born", "1990-W01-1"),
        ("Wix Updated", "2025-06-01"), ("Wix Updated", "soon"), ("Wix Updated", 5), ("Wix Updated", "2025-13-01T00:00:00Z"),
        ("Status", ["new"]),
    ],
)  # fmt: skip
def test_one_cell_of_another_type_is_found_among_good_ones(
    catalog: Catalog, tmp_path: Path, column: str, value: Any
) -> None:
    others = [{**RECORD, "Legacy Wix ID": f"id-{n}", "Email": f"{n}@b.c"} for n in (1, 2)]
    report = airtable_report(catalog, tmp_path, [*others, {**RECORD, column: value}])
    assert bad(report)[column, "types"] == ("fail", ("id-0",))
    assert not report.passed


@pytest.mark.parametrize(
    ("key", "value"),
    [("name", 5), ("age", "30"), ("age", True), ("active", "true"), ("_updatedDate", "soon"), ("tags", "a")],
)
def test_in_wix_another_type_is_a_warning(catalog: Catalog, tmp_path: Path, key: str, value: Any) -> None:
    report = wix_report(catalog, tmp_path, [{**ITEM, "_id": "id-1", "email": "b@b.c"}, {**ITEM, key: value}])
    assert bad(report)[key, "types"] == ("warn", ("id-0",))
    assert report.passed


def test_a_range_is_asked_of_numbers_though_text_stands_among_them(catalog: Catalog, tmp_path: Path) -> None:
    items = [
        {"_id": f"id-{n}", "name": "x", "active": True, "age": age} for n, age in enumerate([30, "old", 200, None])
    ]
    assert bad(wix_report(catalog, tmp_path, items)) == {
        ("age", "types"): ("warn", ("id-1",)),
        ("age (as number)", "ranges"): ("warn", ("id-2",)),
    }


def test_a_key_that_the_catalog_does_not_know_is_a_warning(catalog: Catalog, tmp_path: Path) -> None:
    report = wix_report(catalog, tmp_path, [ITEM, {"_id": "id-1", "name": "Bob", "active": False, "shoe": 44}])
    assert [(o.kind, o.verdict, o.why) for o in report.outcomes if o.verdict != "pass"] == [
        ("columns", "warn", "unexpected: shoe")
    ]


def test_a_key_that_comes_late_stands_in_its_own_row(people: Collection) -> None:
    made = WixFrame(people)
    for item in (ITEM, {"_id": "id-1", "shoe": 44}, {"_id": "id-2"}):
        made.add(item)
    assert made.frame()["shoe"].tolist() == [None, 44, None]


def test_choices(catalog: Catalog, tmp_path: Path) -> None:
    wrong = {**RECORD, "Status": "lost", "Tags": ["a", "z"], "Mood": "new mood", "Kind": "z"}
    assert bad(airtable_report(catalog, tmp_path, [wrong])) == {
        ("Status", "values"): ("fail", ("id-0",)),
        ("Tags (allowed)", "values"): ("fail", ("id-0",)),
        ("Kind", "values"): ("warn", ("id-0",)),
    }
    wrong = {**ITEM, "status": "lost", "tags": ["a", "z"], "mood": "new mood", "kind": "z"}
    assert bad(wix_report(catalog, tmp_path, [wrong])) == {
        ("status (allowed)", "values"): ("fail", ("id-0",)),
        ("tags (allowed)", "values"): ("fail", ("id-0",)),
        ("mood (allowed)", "values"): ("warn", ("id-0",)),
        ("kind", "values"): ("warn", ("id-0",)),
    }


def test_a_choice_is_allowed_as_its_codec_reads_it(catalog: Catalog, tmp_path: Path) -> None:
    second = {"_id": "id-1", "name": "x", "active": True, "status": ""}
    assert bad(wix_report(catalog, tmp_path, [{**ITEM, "level": "top_level"}, second])) == {}


def test_what_is_required_and_missing_is_found_on_both_sides(catalog: Catalog, tmp_path: Path) -> None:
    lacks = {key: value for key, value in ITEM.items() if key != "name"}
    assert bad(wix_report(catalog, tmp_path, [lacks])) == {("name", "filled"): ("fail", ("id-0",))}
    lacks = {name: value for name, value in RECORD.items() if name != "Name"}
    assert bad(airtable_report(catalog, tmp_path, [lacks])) == {("Name", "filled"): ("fail", ("id-0",))}


@pytest.mark.parametrize("email", ["nobody", "a@b\n", "\na@b"])
def test_a_pattern_is_of_the_whole_text(catalog: Catalog, tmp_path: Path, email: str) -> None:
    assert bad(airtable_report(catalog, tmp_path, [{**RECORD, "Email": email}])) == {
        ("Email", "patterns"): ("warn", ("id-0",))
    }


def test_text_too_long_and_an_original_that_is_no_json(catalog: Catalog, tmp_path: Path) -> None:
    report = airtable_report(catalog, tmp_path, [{**RECORD, "Note": "x" * 100_001, "Wix Original": "{"}])
    assert bad(report) == {
        ("Note", "lengths"): ("fail", ("id-0",)),
        ("Wix Original", "types"): ("fail", ("id-0",)),
    }


def test_a_column_that_the_table_lacks(catalog: Catalog, tmp_path: Path) -> None:
    report = airtable_report(catalog, tmp_path, [RECORD], present=[n for n in RECORD if n != "Age"])
    assert not report.passed
    assert {(o.kind, o.verdict, o.why) for o in report.outcomes if o.verdict != "pass"} == {
        ("columns", "fail", "missing: Age"),
        ("types", "error", "there is no column 'Age'"),
        ("ranges", "error", "there is no column 'Age'"),
    }


@pytest.mark.parametrize(
    ("link", "cell", "found"),
    [
        (BOSS["Boss"], ["recAAAAAAAAAAAAAA"], {}),
        (BOSS["Boss"], None, {"Boss (holds it)": "fail"}),
        (BOSS["Boss"], ["recBBBBBBBBBBBBBB"], {"Boss (holds it)": "fail"}),
        (BOSS["Boss"], ["recAAAAAAAAAAAAAA", "recBBBBBBBBBBBBBB"], {"Boss (holds it)": "fail"}),
        (LinkCell("dangling"), None, {"Boss (leads to)": "warn"}),
        (LinkCell("dangling"), ["recAAAAAAAAAAAAAA"], {"Boss (leads to)": "warn", "Boss (holds it)": "fail"}),
        (LinkCell("ambiguous"), None, {"Boss (leads to)": "warn"}),
        (LinkCell("empty"), None, {}),
        (LinkCell("empty"), ["recAAAAAAAAAAAAAA"], {"Boss (holds it)": "fail"}),
    ],
)
def test_links(catalog: Catalog, tmp_path: Path, link: LinkCell, cell: Any, found: dict[str, str]) -> None:
    report = airtable_report(catalog, tmp_path, [{**RECORD, "Boss": cell}], {"Boss": link})
    assert {o.column: o.verdict for o in report.outcomes if o.verdict != "pass"} == found
    assert report.of_kind()["links"] == (max(found.values(), key=["warn", "fail"].index) if found else "pass")


def test_no_personal_value_is_in_what_a_suite_came_to(catalog: Catalog, tmp_path: Path) -> None:
    wrong = {
        **RECORD,
        "Name": 5551234,
        "Email": "secret",
        "Status": "private",
        "Born": "hidden",
        "Kind": "confidential",
    }
    shown = json.dumps(airtable_report(catalog, tmp_path, [wrong]).facts())
    for value in ("5551234", "secret", "private", "hidden", "confidential"):
        assert value not in shown
