"""A column that a file no longer shows: named everywhere, its cells kept, emptied by an explicit word alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from export_folder import ExportFolder, lines, rows_of, run_steps
from fleet_platform import Fleet, read_platform
from runbook.checks.suites import write_suites
from runbook.evidence.report import write_report
from runbook.state.facts import Facts

CASE = Path(__file__).parents[4] / "shared/cases/18_hidden_column_wipes_cells"
FAQS = """
- wix: FAQs
  table: FAQs
  tab_group: Core
  flag: faqs
  primary: Question
  fields:
  - {wix: question, wix_type: text, name: Question, type: singleLineText}
  - {wix: answer, wix_type: richtext, name: Answer, type: multilineText}
  - {wix: category, wix_type: text, name: Category, type: singleLineText}
  - {wix: is_active, wix_type: boolean, name: Is Active, type: checkbox}
  - {wix: display_order, wix_type: number, name: Order, type: number, precision: 0}
"""
TRIPS = lines({"_id": "r0", "truck": "t0"}, {"_id": "r1", "truck": "t1"})
WHOLE = '"ID","Plate","DOT","Owner","Created Date","Updated Date"\n'
ROWS = ['"t0","P-0","1000","o",2024-01-02T03:04:05Z,2024-02-02T03:04:05Z\n', '"t1","P-1","1001","o",,\n']
FULL = WHOLE + "".join(ROWS)
HIDDEN = '"ID","Plate","Owner","Created Date","Updated Date"\n"t0","P-0","o",,\n"t1","P-1","o",,\n'
NOTE = "Trucks.csv does not show DOT: what Airtable holds there stays"
WORD = "RUNBOOK_EMPTY_COLUMNS=Trucks.dot"


@pytest.fixture
def export(fleet: Fleet) -> ExportFolder:
    folder = ExportFolder(fleet)
    folder.write("Trips.jsonl", TRIPS)
    folder.write("Trucks.csv", FULL)
    return folder


def test_a_header_that_has_every_column_is_no_doubt(export: ExportFolder) -> None:
    run, reasons = export.run()
    assert not reasons
    assert run.results.snapshots["Trucks"].untold == ()
    assert not [warning for warning in run.gate().warnings if "does not show" in warning]


def test_a_column_that_a_csv_does_not_show_is_named_everywhere(export: ExportFolder) -> None:
    export.run()
    export.write("Trucks.csv", HIDDEN)
    run = export.fleet.open(2, source=export.name)
    assert NOTE in repr(run.plan())
    run, reasons = export.run()
    assert not reasons
    assert run.results.snapshots["Trucks"].untold == run.results.transformed["Trucks"].untold == ("dot",)
    assert NOTE in repr(run.export())
    assert any(warning.startswith(f"Trucks: {NOTE}") and WORD in warning for warning in run.gate().warnings)
    assert NOTE in write_report(run.folder).read_text()


def test_it_is_named_at_the_first_export_too(export: ExportFolder) -> None:
    export.write("Trucks.csv", HIDDEN)
    assert NOTE in repr(export.fleet.open(2, source=export.name).plan())
    run, reasons = export.run()
    assert not reasons
    assert any(NOTE in warning for warning in run.gate().warnings)


def test_system_columns_and_columns_that_the_catalog_does_not_know_are_named(export: ExportFolder) -> None:
    export.write("Trucks.csv", '"ID","Plate","DOT","Colour"\n"t0","P-0","1000","red"\n')
    run, _ = export.run()
    assert run.results.snapshots["Trucks"].untold == ("_owner", "_createdDate", "_updatedDate")
    export.write("Trucks.csv", FULL)
    run, _ = export.run()
    assert run.results.snapshots["Trucks"].untold == ("colour",)
    assert "Trucks.csv does not show colour" in repr(run.export())


def test_the_explicit_word_empties(export: ExportFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    export.run()
    export.write("Trucks.csv", HIDDEN)
    run = export.fleet.open(2, source=export.name)
    run.plan()
    run.export()
    assert run.results.snapshots["Trucks"].untold == ("dot",)
    monkeypatch.setenv("RUNBOOK_EMPTY_COLUMNS", "Trucks.dot, Trips.never")
    run, reasons = export.run()
    assert not reasons
    assert run.results.snapshots["Trucks"].untold == ()
    said = "Trucks.csv does not show DOT: emptied in Airtable, as RUNBOOK_EMPTY_COLUMNS says"
    assert [warning for warning in run.gate().warnings if "does not show" in warning] == [f"Trucks: {said}"]
    assert said in repr(run.plan())


@pytest.mark.parametrize("value", ["dot", "Truck.dot", "Trucks", ".dot"])
def test_a_word_that_names_no_column_is_refused(export: ExportFolder, monkeypatch: Any, value: str) -> None:
    monkeypatch.setenv("RUNBOOK_EMPTY_COLUMNS", value)
    with pytest.raises(ValueError, match=r"RUNBOOK_EMPTY_COLUMNS names .*; expected Collection.key"):
        export.fleet.open(2, source=export.name)


def require(fleet: Fleet, key: str) -> Fleet:
    """The same platform, where every row of Trucks needs a field."""
    path = fleet.platform.root / "catalog/2.yaml"
    path.write_text(path.read_text().replace(f"{{wix: {key}, ", f"{{wix: {key}, required: true, "))
    return Fleet(read_platform(fleet.platform.root), fleet.box, fleet.path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("Trucks.csv", HIDDEN), ("Trucks.jsonl", lines({"_id": "t0", "plate": "P-0"}, {"_id": "t1", "plate": "P-1"}))],
)
def test_a_required_column_that_is_not_told_stops_the_collection(
    export: ExportFolder, monkeypatch: pytest.MonkeyPatch, name: str, content: str
) -> None:
    export.fleet = require(export.fleet, "dot")
    export.run()
    export.write(name, content)
    assert "does not show DOT, which every row needs" in repr(export.fleet.open(2, source=export.name).plan())
    monkeypatch.setenv("RUNBOOK_EMPTY_COLUMNS", "Trucks.dot")  # no word empties a required column
    run, reasons = export.run()
    assert reasons == [
        f"Trucks stopped: Trucks: {name} does not show DOT, which every row needs; nothing was written or deleted. "
        "Show DOT and export again"
    ]
    assert len(list(run.connections.airtable.records(run.base(), "Trucks"))) == 2


def test_what_a_suite_expects_of_a_column_that_is_not_told_is_not_judged(export: ExportFolder) -> None:
    path = export.fleet.platform.expectations / "trucks_wix.json"
    suite = json.loads(path.read_text())
    suite["expectations"].append({"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "dot"}})
    path.write_text(json.dumps(suite))
    export.write("Trucks.csv", HIDDEN)
    run, reasons = export.run()
    assert not reasons
    notes = run.results.validated["Trucks"].source.notes
    assert any("left out, because the source does not show" in note and "dot" in note for note in notes)


def test_what_airtables_suite_expects_of_it_is_judged_by_what_airtable_holds(export: ExportFolder) -> None:
    path = export.fleet.platform.expectations / "trucks_airtable.json"
    suite = json.loads(path.read_text())
    suite["expectations"].append({"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "DOT"}})
    path.write_text(json.dumps(suite))
    export.run()
    export.write("Trucks.csv", HIDDEN)
    assert not export.run()[1]


def test_a_look_up_by_a_column_that_is_not_told_is_not_made(export: ExportFolder) -> None:
    assert "Trucks by plate" in repr(export.run()[0].check_lookups())
    export.write("Trucks.csv", '"ID","DOT"\n"t0","1000"\n"t1","1001"\n')
    run, reasons = export.run()
    assert not reasons
    assert "The source does not show the keys of Trucks by plate." in repr(run.check_lookups())
    assert run.gate().passed


# What Airtable holds of them


def kept(export: ExportFolder, collection: str = "Trucks") -> dict[str, dict[str, Any]]:
    """The cells after a green run, and after another, which writes nothing."""
    run, reasons = export.run()
    assert not reasons
    cells = rows_of(run, collection)
    run, reasons = export.run()
    assert not reasons
    assert run.results.loaded[collection].writes == 0
    assert rows_of(run, collection) == cells
    return cells


def test_cells_of_a_hidden_column_stay(export: ExportFolder) -> None:
    before = kept(export)
    export.write("Trucks.csv", HIDDEN.replace('"P-1"', '"P-1 new"').replace(",,", ",2024-01-02T03:04:05Z,"))
    after = kept(export)
    assert [row.get("DOT") for row in before.values()] == [1000, 1001]
    assert [row.get("DOT") for row in after.values()] == [1000, 1001]
    assert after["t1"]["Plate"] == "P-1 new"


def test_cells_of_a_hidden_column_are_emptied_by_the_word_alone(
    export: ExportFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(export)
    export.write("Trucks.csv", HIDDEN)
    kept(export)
    monkeypatch.setenv("RUNBOOK_EMPTY_COLUMNS", "Trucks.DOT")  # the column's name means its key
    assert [row.get("DOT") for row in kept(export).values()] == [None, None]


def test_a_column_that_is_shown_again_is_carried_over_again(export: ExportFolder) -> None:
    kept(export)
    export.write("Trucks.csv", HIDDEN)
    kept(export)
    export.write("Trucks.csv", FULL.replace("1001", "2002"))
    assert [row.get("DOT") for row in kept(export).values()] == [1000, 2002]


def test_a_new_row_has_an_empty_cell_there(export: ExportFolder) -> None:
    kept(export)
    export.write("Trucks.csv", HIDDEN + '"t9","P-9","o",,\n')
    assert {id_: row.get("DOT") for id_, row in kept(export).items()} == {"t0": 1000, "t1": 1001, "t9": None}


def test_what_wix_original_keeps_of_a_hidden_column_stays(export: ExportFolder) -> None:
    """A column that the catalog does not know, and a value that its cell cannot hold as it is."""
    head = '"ID","Plate","DOT","Colour"\n'
    export.write("Trucks.csv", head + '"t0","P-0","01000","red"\n"t1","P-1","1001","blue"\n')
    before = kept(export)
    assert json.loads(before["t0"]["Wix Original"]) == {"values": {"colour": "red", "dot": "01000"}}
    export.write("Trucks.csv", '"ID","Plate"\n"t0","P-0"\n"t1","P-1 new"\n')
    after = kept(export)
    assert {id_: row["Wix Original"] for id_, row in after.items()} == {
        id_: row["Wix Original"] for id_, row in before.items()
    }
    assert after["t1"]["Plate"] == "P-1 new"
    assert [row["DOT"] for row in after.values()] == [1000, 1001]


def test_a_key_that_the_catalog_does_not_know_is_emptied_by_the_word(
    export: ExportFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    export.write("Trucks.jsonl", lines({"_id": "t0", "colour": "red"}, {"_id": "t1", "colour": "blue", "old": 1}))
    kept(export)
    export.write("Trucks.jsonl", lines({"_id": "t0"}, {"_id": "t1"}))
    monkeypatch.setenv("RUNBOOK_EMPTY_COLUMNS", "Trucks.colour")
    after = kept(export)
    assert {id_: row.get("Wix Original") for id_, row in after.items()} == {"t0": None, "t1": '{"values":{"old":1}}'}


def test_links_by_a_hidden_key_stay(export: ExportFolder) -> None:
    before = kept(export, "Trips")
    assert all(row["Truck"] for row in before.values())
    export.write("Trips.csv", '"ID"\n"r0"\n"r1"\n')
    run, _ = export.run()
    assert "truck" in run.results.snapshots["Trips"].untold
    assert "failed" not in repr(run.check_links())
    assert "failed" not in repr(run.recheck())
    assert kept(export, "Trips") == before


def test_links_to_a_hidden_key_stay_and_new_ones_are_found(export: ExportFolder) -> None:
    path = export.fleet.platform.root / "catalog/2.yaml"
    path.write_text(path.read_text().replace("on: {truck: _id}", "on: {truck: plate}"))
    platform = read_platform(export.fleet.platform.root)
    export.fleet = Fleet(platform, export.fleet.box, export.fleet.path)
    trips = [{"_id": "r0", "truck": "P-0"}, {"_id": "r1", "truck": "P-1"}]
    export.write("Trips.jsonl", lines(*trips))
    before = kept(export, "Trips")
    assert all(row["Truck"] for row in before.values())
    export.write("Trucks.csv", '"ID","DOT"\n"t0","1000"\n"t1","1001"\n')
    export.write("Trips.jsonl", lines(*trips, {"_id": "r2", "truck": "P-1"}))
    after = kept(export, "Trips")
    assert after["r0"] == before["r0"]
    assert after["r2"]["Truck"] == before["r1"]["Truck"]


def with_fields(fleet: Fleet, *fields: str) -> Fleet:
    """The same platform, with more fields in Trucks."""
    path = fleet.platform.root / "catalog/2.yaml"
    last = "  - {wix: dot, "
    path.write_text(path.read_text().replace(last, "".join(f"  - {{{field}}}\n" for field in fields) + last))
    platform = read_platform(fleet.platform.root)
    write_suites(platform.catalog, platform.expectations)
    return Fleet(platform, fleet.box, fleet.path)


def test_cells_that_stand_for_a_value_when_they_are_empty_stay(export: ExportFolder) -> None:
    """An unticked box is false: of a row that does not show it, it is not known."""
    export.fleet = with_fields(
        export.fleet,
        "wix: active, wix_type: boolean, name: Active, type: checkbox",
        "wix: tags, wix_type: tags, name: Tags, type: multipleSelects, choices: [a, b], open: true",
    )
    head = '"ID","Plate","DOT","Active","Tags"\n'
    rows = '"t0","P-0","1000",true,"[""a"",""b""]"\n"t1","P-1","1001",false,"[]"\n"t2","P-2","1002",,\n'
    export.write("Trucks.csv", head + rows)
    before = kept(export)
    assert [row.get("Active") for row in before.values()] == [True, None, None]
    export.write("Trucks.csv", '"ID","Plate","DOT"\n"t0","P-0 new","1000"\n"t1","P-1","1001"\n"t2","P-2","1002"\n')
    after = kept(export)
    assert after["t0"]["Plate"] == "P-0 new"
    for column in ("Active", "Tags", "Wix Original"):
        assert [row.get(column) for row in after.values()] == [row.get(column) for row in before.values()]


def test_the_recorded_case(fleet: Fleet) -> None:
    if not CASE.is_dir():
        pytest.skip("the recorded case is not here")
    export = ExportFolder(fleet)
    path = fleet.platform.root / "catalog/2.yaml"
    path.write_text(path.read_text() + FAQS)
    platform = read_platform(fleet.platform.root)
    write_suites(platform.catalog, platform.expectations)
    export.fleet = Fleet(platform, fleet.box, fleet.path)
    export.write("FAQs.csv", (CASE / "first/site/FAQs.csv").read_bytes())
    before = kept(export, "FAQs")
    export.write("FAQs.csv", (CASE / "second/site/FAQs.csv").read_bytes())
    after = kept(export, "FAQs")
    assert {id_: (row["Answer"], row["Category"]) for id_, row in after.items()} == {
        id_: (row["Answer"], row["Category"]) for id_, row in before.items()
    }
    run, reasons = export.run()
    assert not reasons
    assert any("FAQs.csv does not show Answer, Category" in warning for warning in run.gate().warnings)


# JSON lines: nothing declares a key, so it was shown if it had values before


def trucks(*dots: Any) -> str:
    return lines(*({"_id": f"t{n}", "plate": f"P-{n}", **({} if d is ... else {"dot": d})} for n, d in enumerate(dots)))


def test_a_key_that_no_row_has_any_more_is_not_told(export: ExportFolder) -> None:
    export.write("Trucks.jsonl", trucks("1000", ...))
    assert export.run()[0].results.snapshots["Trucks"].untold == ()
    export.write("Trucks.jsonl", trucks(..., ...))
    for _ in range(3):  # and so it stays, run after run
        assert "Trucks.jsonl does not show DOT" in repr(export.fleet.open(2, source=export.name).plan())
        run, reasons = export.run()
        assert not reasons
        assert run.results.snapshots["Trucks"].untold == ("dot",)
        assert any("Trucks.jsonl does not show DOT" in warning for warning in run.gate().warnings)
    export.write("Trucks.jsonl", trucks(..., "7"))
    assert export.run()[0].results.snapshots["Trucks"].untold == ()


def test_cells_of_a_key_that_no_row_has_any_more_stay(export: ExportFolder) -> None:
    export.write("Trucks.jsonl", trucks("1000", "1001"))
    kept(export)
    export.write("Trucks.jsonl", trucks(..., ...))
    assert [row.get("DOT") for row in kept(export).values()] == [1000, 1001]


def test_cells_of_a_key_that_some_row_has_are_emptied(export: ExportFolder) -> None:
    export.write("Trucks.jsonl", trucks("1000", "1001"))
    kept(export)
    export.write("Trucks.jsonl", trucks("1000", ...))
    assert [row.get("DOT") for row in kept(export).values()] == [1000, None]


def test_a_key_that_some_row_has_is_told(export: ExportFolder) -> None:
    export.write("Trucks.jsonl", trucks("1000", "1001"))
    export.run()
    export.write("Trucks.jsonl", trucks(None, ...))
    assert export.run()[0].results.snapshots["Trucks"].untold == ()
    export.write("Trucks.jsonl", trucks(..., ...))  # null was its last value
    assert export.run()[0].results.snapshots["Trucks"].untold == ()


def test_a_key_that_never_had_a_value_is_no_doubt(export: ExportFolder) -> None:
    export.write("Trucks.jsonl", trucks(..., None))
    export.run()
    export.write("Trucks.jsonl", trucks(..., ...))
    assert export.run()[0].results.snapshots["Trucks"].untold == ()


def test_a_key_emptied_by_the_word_is_not_asked_for_again(
    export: ExportFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    export.write("Trucks.jsonl", trucks("1000", "1001"))
    export.run()
    export.write("Trucks.jsonl", trucks(..., ...))
    with monkeypatch.context() as patch:
        patch.setenv("RUNBOOK_EMPTY_COLUMNS", "Trucks.dot")
        assert not export.run()[1]
    run, _ = export.run()
    assert run.results.snapshots["Trucks"].untold == ()


def test_a_state_of_before_knows_the_keys_by_its_last_snapshot(
    export: ExportFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    export.write("Trucks.jsonl", trucks("1000", "1001"))
    with monkeypatch.context() as patch:
        patch.setattr(Facts, "set_keys_held", lambda *_: None)
        export.run()
    export.write("Trucks.jsonl", trucks(..., ...))
    assert export.run()[0].results.snapshots["Trucks"].untold == ("dot",)


def test_the_site_itself_tells_every_key(migrated: Fleet) -> None:
    migrated.save("Trucks", {"_id": "t0", "plate": "P-0"}, {"_id": "t1", "plate": "P-1"})
    migrated.remove("Trucks", "t2")
    run, reasons = run_steps(migrated)
    assert not reasons
    assert run.results.snapshots["Trucks"].untold == ()
