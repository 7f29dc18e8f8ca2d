"""Other people's sites: folders with anything in them, sites that change, bases that people have had their hands in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lmdr.platform import PLATFORM
from other_sites import LEGACY, Folder, folder_of, run
from runbook.errors import SchemaDrift, SettingError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with folder_of(tmp_path_factory.mktemp("others")) as made:
        yield made


@pytest.fixture
def folder(servers: Any, request: pytest.FixtureRequest) -> Folder:
    return Folder(servers / request.node.name[:40])


# References


def test_references_of_every_spelling_and_a_target_that_comes_later(folder: Folder) -> None:
    views = [
        {"_id": f"v{n}", "carrier_dot": dot, "driver_id": "d1"}
        for n, dot in enumerate(["0123", " 123 ", "123", "124", "999", "bad"])
    ]
    folder.write("CarrierDriverViews", views)
    done = run(4, folder)
    assert done.green, done.reasons
    assert done.counts("CarrierDriverViews") == (6, 5, 1)
    assert done.links("CarrierDriverViews", "Carrier") == {}

    carriers = [{"_id": "c1", "dot_number": 123.0}, {"_id": "c2", "dot_number": 124}, {"_id": "c3", "dot_number": "x"}]
    folder.write("Carriers", carriers)
    assert run(3, folder, collections=["Carriers"]).green
    done = run(4, folder)
    assert done.green, done.reasons
    assert done.links("CarrierDriverViews", "Carrier") == {"v0": ["c1"], "v1": ["c1"], "v2": ["c1"], "v3": ["c2"]}

    # two carriers of one DOT; a row moved to another carrier; a target in quarantine
    folder.write("Carriers", [*carriers[:2], {"_id": "c4", "dot_number": 124}])
    views[0]["carrier_dot"], views[4]["carrier_dot"] = "124", "123"
    folder.write("CarrierDriverViews", views)
    assert run(3, folder, collections=["Carriers"]).green
    done = run(4, folder)
    assert done.green, done.reasons
    assert done.links("CarrierDriverViews", "Carrier") == {"v1": ["c1"], "v2": ["c1"], "v4": ["c1"]}
    assert done.loaded("CarrierDriverViews").ambiguous == {"Carrier": ("v0", "v3")}

    # the target is removed, then there again
    folder.write("Carriers", [carriers[1]])
    assert run(3, folder, collections=["Carriers"]).green
    assert run(4, folder).links("CarrierDriverViews", "Carrier") == {"v0": ["c2"], "v3": ["c2"]}
    folder.write("Carriers", carriers[:2])
    assert run(3, folder, collections=["Carriers"]).green
    done = run(4, folder)
    assert done.green, done.reasons
    assert done.links("CarrierDriverViews", "Carrier").keys() == {"v0", "v1", "v2", "v3", "v4"}
    assert run(4, folder).writes == 0


# Rows that come, go and change


def test_a_row_goes_bad_and_back_and_one_goes_and_comes_back(folder: Folder) -> None:
    faqs = [{"_id": f"f{n}", "question": f"Q{n}", "display_order": n} for n in range(6)]
    folder.write("FAQs", faqs)
    assert run(2, folder).counts("FAQs") == (6, 6, 0)
    folder.write("FAQs", [{**faqs[0], "question": "x" * 100_001}, *faqs[2:]])
    done = run(2, folder)
    assert done.green, done.reasons
    assert done.counts("FAQs") == (5, 4, 1)
    assert done.records("FAQs").keys() == {"f2", "f3", "f4", "f5"}
    folder.write("FAQs", faqs)
    done = run(2, folder)
    assert done.green, done.reasons
    assert done.counts("FAQs") == (6, 6, 0)
    assert run(2, folder).writes == 0


def test_many_rows_gone_stop_and_say_the_way_on(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    faqs = [{"_id": f"f{n}", "question": f"Q{n}"} for n in range(100)]
    folder.write("FAQs", faqs)
    folder.write("CaseStudies", [{"_id": "case", "title": "one"}])
    assert run(2, folder).green
    folder.write("FAQs", faqs[:70])
    folder.write("CaseStudies", [{"_id": "case", "title": "two"}])
    done = run(2, folder)
    assert len(done.reasons) == 1
    assert "set RUNBOOK_REMOVE_MANY=FAQs and run it again" in done.reasons[0]
    assert len(done.records("FAQs")) == 100
    assert done.records("CaseStudies")["case"]["Title"] == "two"  # the others go on
    monkeypatch.setenv("RUNBOOK_REMOVE_MANY", "FAQ")
    with pytest.raises(SettingError, match="RUNBOOK_REMOVE_MANY names FAQ"):
        run(2, folder)
    monkeypatch.setenv("RUNBOOK_REMOVE_MANY", "CaseStudies, FAQs")
    done = run(2, folder)
    assert done.green, done.reasons
    assert len(done.records("FAQs")) == 70


def test_a_file_that_cannot_be_read_stops_its_collection_alone(folder: Folder) -> None:
    folder.write("FAQs", [{"_id": "f1", "question": "Q"}])
    (folder.path / "CaseStudies.csv").write_bytes(b'"Title","Summary"\n"a","b"\n')
    done = run(2, folder)
    assert len(done.reasons) == 1
    assert "CaseStudies stopped" in done.reasons[0]
    assert "has no column ID" in done.reasons[0]
    assert done.counts("FAQs") == (1, 1, 0)


# People's hands in the base


def test_what_people_did_in_the_base_is_kept_and_named(folder: Folder) -> None:
    faqs = [{"_id": f"f{n}", "question": f"Q{n}", "category": "General"} for n in range(6)]
    folder.write("FAQs", faqs)
    done = run(2, folder)
    assert done.green, done.reasons
    ids = done.record_ids("FAQs")
    airtable, base, table = done.airtable, done.base, "FAQs"
    airtable.delete(base, table, [ids["f1"]])
    airtable.update(base, table, [{"id": ids["f2"], "fields": {"Question": "by hand"}}])
    airtable.update(base, table, [{"id": ids["f3"], "fields": {"Wix Original": "scribble"}}])
    airtable.create(base, table, [{"Question": "no id"}, {LEGACY: "f4", "Question": "twin"}])
    done = run(2, folder)
    assert done.green, done.reasons
    listed = "\n".join(done.warnings)
    for words in (
        "1 row deleted in Airtable, created again",
        "2 rows edited in Airtable, kept: f2 (question)",
        "1 row created in Airtable",
        "1 row copied in Airtable: f4, whose copy is now",
    ):
        assert words in listed, words
    assert "by hand" not in listed
    records = list(airtable.records(base, table))
    assert len(records) == 6 + 2
    assert {record["fields"]["Question"] for record in records} >= {"by hand", "no id", "twin", "Q1", "Q4"}
    assert run(2, folder).writes == 0

    airtable.create(base, table, [{LEGACY: "stray"}])
    done = run(2, folder)
    assert [reason.partition(";")[0] for reason in done.reasons] == [
        "FAQs stopped: FAQs: the table holds rows that are not in Wix and that no load is known to have written: stray"
    ]
    assert done.writes == 0


def test_of_two_records_of_one_row_the_one_that_is_left_may_hold_something_else(folder: Folder) -> None:
    folder.write("FAQs", [{"_id": f"f{n}", "question": f"Q{n}"} for n in range(3)])
    done = run(2, folder)
    former = done.record_ids("FAQs")["f1"]
    done.airtable.create(done.base, "FAQs", [{LEGACY: "f1", "Question": "twin"}])
    done.airtable.delete(done.base, "FAQs", [former])
    done = run(2, folder)
    assert "f1, Question: differs, and it is not known which side changed it" in done.reasons[0]
    assert len(done.records("FAQs")) == 3
    assert done.records("FAQs")["f1"]["Question"] == "twin"


def test_a_renamed_column_is_named_and_never_made_again(folder: Folder) -> None:
    folder.write("FAQs", [{"_id": f"f{n}", "question": f"Q{n}", "answer": "A"} for n in range(3)])
    done = run(2, folder)
    fields = done.fields("FAQs")
    done.airtable.update_field(done.base, done.table_id("FAQs"), fields["Answer"], {"name": "Reply"})
    with pytest.raises(SchemaDrift, match="`Reply` was `Answer`"):
        run(2, folder)
    (table,) = (table for table in done.airtable.tables(done.base) if table["name"] == "FAQs")
    assert "Answer" not in {field["name"] for field in table["fields"]}
    done.airtable.update_field(done.base, done.table_id("FAQs"), fields["Answer"], {"name": "Answer"})
    done = run(2, folder)
    assert done.green, done.reasons
    assert {record["Answer"] for record in done.records("FAQs").values()} == {"A"}


# Choices


def test_choices_of_every_shape(folder: Folder) -> None:
    names = [
        "OTR",
        "otr",
        "Otr",
        "a, b",
        '"q"',
        "'q'",
        "a,b",
        "x" * 300,
        "ü",
        "U\u0308",
        "😀",
        "=1",
        "1",
        "{x}",
        "a\\b",
    ]
    carriers = [{"_id": f"c{n}", "dot_number": n, "operation_type": name} for n, name in enumerate(names)]
    carriers.append({"_id": "list", "dot_number": 900, "operation_type": names[:5]})
    carriers.append({"_id": "blank", "dot_number": 901, "operation_type": " otr "})
    folder.write("Carriers", carriers)
    done = run(3, folder, collections=["Carriers"])
    assert done.green, done.reasons
    assert done.counts("Carriers") == (17, 17, 0)
    cells = {key: record["Operation Type"] for key, record in done.records("Carriers").items()}
    assert cells == {
        **{f"c{n}": [name] for n, name in enumerate(names)},
        "list": names[:5],
        "blank": ["otr"],
    }
    done.same_as_the_source(folder, "Carriers")
    assert run(3, folder, collections=["Carriers"]).writes == 0


# Files


@pytest.mark.parametrize(
    "text",
    [
        '\ufeff{"_id":"f1","question":"Q1"}\r\n\r\n{"_id":"f2","question":"Q2"}\r\n',
        '{"id":"f1","dataCollectionId":"FAQs","data":{"question":"Q1"}}\n{"id":"f2","data":{"_id":"f2","question":"Q2"}}',
        '{"_id":"f1","question":"Q1"},\n{"_id":"f2","question":"Q2"},\n',
        '[\n{"_id":"f1","question":"Q1"},\n{"_id":"f2","question":"Q2"}\n]\n',
        '[{"_id":"f1","question":"Q1"},{"_id":"f2","question":"Q2"}]',
    ],
)
def test_json_lines_as_people_save_them(folder: Folder, text: str) -> None:
    (folder.path / "FAQs.jsonl").write_bytes(text.encode())
    done = run(2, folder)
    assert done.green, done.reasons
    assert {key: cells["Question"] for key, cells in done.records("FAQs").items()} == {"f1": "Q1", "f2": "Q2"}


EXCEL = (
    "\ufeffID,Display Order,Question,Unheard Of,Category,Updated Date\r\n"
    'f1,"1,200",What?,x,General,2024-03-01T10:11:12Z\r\n'
    'f2,7,"a, b",,General,2024-03-01T10:11:12Z\r\n'
    "f3,8,late,,General,3/1/2024 10:11\r\n"
)


def test_a_csv_that_excel_saved_is_typed_or_put_aside_never_guessed(folder: Folder) -> None:
    (folder.path / "FAQs.csv").write_bytes(EXCEL.encode())
    done = run(2, folder)
    assert done.green, done.reasons
    assert done.counts("FAQs") == (3, 1, 2)
    reasons = {entry.id: entry.reason for entry in done.run.quarantine.entries("FAQs")}
    assert reasons == {"f1": 'not a number: "1,200"', "f3": 'not an ISO date: "3/1/2024 10:11"'}
    assert "FAQs: 2 of 3 rows in quarantine, not in Airtable" in done.warnings
    cells, order = done.records("FAQs")["f2"], PLATFORM.catalog.collection("FAQs").field("display_order").name
    assert (cells["Question"], cells[order]) == ("a, b", 7)


def test_a_csv_in_another_encoding_is_refused_with_the_way_on(folder: Folder) -> None:
    (folder.path / "FAQs.csv").write_bytes("ID,Question\r\nf1,Señor\r\n".encode("cp1252"))
    done = run(2, folder)
    assert len(done.reasons) == 1
    assert "save it as CSV UTF-8" in done.reasons[0]
    assert str(folder.path) not in done.reasons[0]


def test_a_folder_that_is_called_wix_is_not_the_site(folder: Folder) -> None:
    inner = Folder(folder.path / "wix")
    inner.write("FAQs", [{"_id": "f1", "question": "Q"}])
    done = run(2, inner)
    assert done.green, done.reasons
    assert done.run.source.label != "wix"
    assert done.base != done.run.connections.base("wix")
