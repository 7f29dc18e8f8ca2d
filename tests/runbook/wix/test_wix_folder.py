"""A folder of export files as a source."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from runbook.errors import SettingError, SourceError
from runbook.steps.export import export
from runbook.wix.folder import FolderSource
from runbook.wix.json_lines import JsonLines

ITEM = {"_id": "a", "name": "Ann", "_updatedDate": {"$date": "2025-01-01T00:00:00.000Z"}}
CSV = b'\xef\xbb\xbf"ID","Name"\n"a","Ann"\n'


@pytest.fixture
def catalog(shapes):
    return shapes.catalog(
        shapes.collection(name="text", n="number"),
        shapes.collection("recruiterCarriers", "Recruiter Carriers", name="text"),
        shapes.collection("FAQs", "Questions", name="text"),
        shapes.collection("carrier_s", "Odd", name="text"),
        kept=("CityTiers",),
    )


def put(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def rows(folder, catalog, name="Carriers"):
    found = []
    FolderSource(folder, catalog).export(catalog.collection(name), found.append)
    return found


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Carriers.jsonl", "Carriers"),
        ("carrier_s.jsonl", "carrier_s"),
        ("Recruiter+Carriers.csv", "recruiterCarriers"),
        ("recruiter carriers.CSV", "recruiterCarriers"),
        ("RECRUITER-CARRIERS.jsonl.gz", "recruiterCarriers"),
        ("Questions.csv", "FAQs"),
        ("faqs.csv.gz", "FAQs"),
        ("city tiers.csv", "CityTiers"),
        ("Something+Else.csv", "Something Else"),
    ],
)
def test_a_file_is_found_by_any_of_its_names(tmp_path, catalog, file, name):
    content = CSV if ".csv" in file.lower() else json.dumps(ITEM).encode()
    (tmp_path / file).write_bytes(gzip.compress(content) if file.endswith(".gz") else content)
    (tmp_path / "notes.txt").write_text("not an export")
    assert {name: found.count for name, found in FolderSource(tmp_path, catalog).collections().items()} == {name: 1}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("Carriers.csv", "Carriers.jsonl"), "Carriers.csv and Carriers.jsonl both belong to the collection Carriers"),
        (("FAQs.jsonl", "Questions.jsonl"), "FAQs.jsonl and Questions.jsonl both belong to the collection FAQs"),
        (("CARRIERS.jsonl",), "may be Carriers or carrier_s; name it as"),
    ],
)
def test_ambiguous_files(tmp_path, catalog, files, said):
    for file in files:
        (tmp_path / file).write_bytes(CSV)
    with pytest.raises(SourceError, match=re.escape(said)):
        FolderSource(tmp_path, catalog)


@pytest.mark.parametrize("kind", ["missing", "empty", "file"])
def test_a_bad_folder_says_what_would_be_right(tmp_path, catalog, kind):
    path = tmp_path / "export"
    if kind == "empty":
        path.mkdir()
        (path / "readme.md").write_text("nothing here")
    elif kind == "file":
        path.write_text("{}")
    with pytest.raises(SettingError, match=r"a folder with files named <Collection>\.jsonl"):
        FolderSource(path, catalog)


def test_json_lines_in_either_form(tmp_path, catalog):
    envelope = {"id": "b", "dataCollectionId": "Carriers", "data": {"_id": "b", "n": 1.50}}
    bare = {"id": "c", "data": {"n": None}}
    own = {"_id": "d", "id": "kept", "data": {"a": 1}}
    other = {"data": {"x": 1}, "name": "an item with a key `data` and no id"}
    lines = [json.dumps(x) for x in (ITEM, envelope, bare, own, other)]
    put(tmp_path, Carriers__jsonl="\ufeff" + lines[0] + "\r\n\n  \n" + "\n".join(lines[1:]))
    assert rows(tmp_path, catalog) == [ITEM, {"_id": "b", "n": 1.5}, {"_id": "c", "n": None}, own, other]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"_id": "b"', "is not JSON"),
        ('["_id"]', "is not an object"),
        ('{"_id": "b", "n": NaN}', "NaN is not JSON"),
        ('{"_id": "b", "n": 1, "n": 2}', "a key occurs twice"),
        (b'{"_id": "b\xff"}', "is not UTF-8"),
        ('{"id": "b", "data": {"_id": "c"}}', "the envelope's id is not the item's _id"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_bad_line_is_named(tmp_path, catalog, line, said):
    line = line if isinstance(line, bytes) else line.encode()
    put(tmp_path, Carriers__jsonl=json.dumps(ITEM).encode() + b"\n\n" + line + b"\n")
    with pytest.raises(SourceError, match=rf"Carriers\.jsonl:3: .*{re.escape(said)}"):
        rows(tmp_path, catalog)
    found = FolderSource(tmp_path, catalog).collections()["Carriers"]
    assert found.count is None
    assert "Carriers.jsonl:3" in found.notes[0]


def test_a_cut_gzip_is_no_shorter_file(tmp_path, catalog):
    content = gzip.compress(b"".join(json.dumps({"_id": str(n)}).encode() + b"\n" for n in range(5000)))
    put(tmp_path, Carriers__jsonl__gz=content[:-20])
    with pytest.raises(SourceError, match="cannot be read after line"):
        rows(tmp_path, catalog)


def test_what_a_folder_lacks(tmp_path, catalog):
    put(tmp_path, Carrier__jsonl=json.dumps(ITEM))
    source = FolderSource(tmp_path, catalog)
    assert "it has Carrier.jsonl, which may be the same" in str(source.missing(catalog.collection("Carriers")))
    assert "may be the catalog's Carriers under another name" in source.collections()["Carrier"].notes
    with pytest.raises(SourceError, match="has no collection FAQs"):
        source.mark("FAQs")


def test_types_are_those_of_the_values(tmp_path, catalog):
    items = [{"_id": "a", "n": "text", "name": None, "new": True}, {"_id": "b", "n": "more", "new": 1}]
    put(tmp_path, Carriers__jsonl="\n".join(map(json.dumps, items)))
    found = FolderSource(tmp_path, catalog).collections()["Carriers"]
    assert found.fields == {"_id": "text", "n": "text", "new": "any"}
    assert found.notes == (
        "from Carriers.jsonl",
        "fields that the catalog does not know: new",
        "types that differ from the catalog's: n is text, in the catalog number",
    )


def test_a_changed_file_is_another_mark(tmp_path, catalog):
    put(tmp_path, Carriers__jsonl=json.dumps(ITEM))
    source = FolderSource(tmp_path, catalog)
    before = source.mark("Carriers")
    assert (before.count, before.newest_update) == (1, "2025-01-01T00:00:00.000Z")
    put(tmp_path, Carriers__jsonl=json.dumps(ITEM) + "\n")
    after = source.mark("Carriers")
    assert (after.count, after.newest_update) == (before.count, before.newest_update)
    assert after != before


# ---------------------------------------------------------------------- real files


def real(name):
    folder = Path(__file__).parents[4] / "shared" / "data" / name
    if not folder.is_dir():
        pytest.skip(f"the real data are not here: {folder}")
    return folder


def real_catalog(shapes):
    carriers = [
        "legal_name",
        "carrier_operation",
        "phy_city",
        "phy_state",
        "phy_zip",
        "telephone",
        "email_address",
        "dba_name",
    ]
    numbers = ["dot_number", "nbr_power_unit", "driver_total", "recent_mileage", "recent_mileage_year"]
    return shapes.catalog(
        shapes.collection("Carriers", **dict.fromkeys(carriers, "text"), **dict.fromkeys(numbers, "number")),
        shapes.collection(
            "FAQs", question="text", answer="text", category="text", is_active="boolean", display_order="number"
        ),
        *(shapes.collection(name, title="text") for name in ("BlogPosts", "CarrierSafetyData", "DriverJobs")),
    )


def test_real_json_lines(shapes, tmp_path):
    folder, catalog = real("wix_export"), real_catalog(shapes)
    source = FolderSource(folder, catalog)
    counts = {}
    for name in source.collections():
        snapshot = export(source, catalog.collection(name), tmp_path / "snapshots")
        lines = (folder / f"{name}.jsonl").read_text("utf-8").splitlines()
        assert list(snapshot.items()) == [json.loads(line) for line in lines]
        counts[name] = snapshot.count
    assert counts == {"BlogPosts": 343, "CarrierSafetyData": 352, "Carriers": 1202, "DriverJobs": 191, "FAQs": 110}


@pytest.mark.parametrize("name", ["Carriers", "FAQs"])
def test_real_csv_is_the_json_lines_but_for_what_csv_loses(shapes, name):
    catalog = real_catalog(shapes)
    exact = {item["_id"]: item for item in rows(real("wix_export"), catalog, name)}
    found = {item["_id"]: item for item in rows(real("wix_csv"), catalog, name)}

    def as_csv(item):
        cut = {
            key: {"$date": re.sub(r"\.[0-9]{3}Z$", "Z", value["$date"])} if isinstance(value, dict) else value
            for key, value in item.items()
        }
        return {key: value for key, value in cut.items() if value not in (None, "")}

    assert found == {item_id: as_csv(item) for item_id, item in exact.items()}
    assert list(found) == sorted(found)
    source = FolderSource(real("wix_csv"), catalog)
    assert source.collections()[name].notes == (
        f"from {name}.csv",
        'from CSV: dates have no milliseconds; null, "" and a missing key are the same, read as missing',
    )


@pytest.mark.parametrize(
    "text",
    [
        '[{"_id": "a"}, {"_id": "b"}]',
        '[{"_id": "a"},\n{"_id": "b"}]\n',
        '[\n{"_id": "a"},\n{"_id": "b"}\n]\n',
        '{"_id": "a"},\n{"_id": "b"}\n',
        '{"dataItems": [{"id": "a", "data": {}}, {"id": "b", "data": {"_id": "b"}}]}',
    ],
)
def test_items_of_an_array_are_read_and_noted(tmp_path, text):
    path = tmp_path / "Carriers.jsonl"
    path.write_text(text)
    file = JsonLines(path)
    assert list(file.items()) == [{"_id": "a"}, {"_id": "b"}]
    assert file.notes == ["its items are in an array, not one per line"]


@pytest.mark.parametrize("change", ["more", "gone"])
def test_a_file_that_changes_while_it_is_read_gives_no_snapshot(tmp_path, catalog, change):
    file = tmp_path / "Carriers.jsonl"
    file.write_text(json.dumps(ITEM) + "\n")
    source = FolderSource(tmp_path, catalog)

    def happens(done, total):
        file.unlink()
        if change == "more":
            file.write_text(json.dumps({**ITEM, "_id": "b"}) + "\n")

    with pytest.raises(SourceError, match=r"Carriers: Carriers\.jsonl changed while it was read; nothing was done"):
        export(source, catalog.collection("Carriers"), tmp_path / "snapshots", on_progress=happens)
    assert not list((tmp_path / "snapshots").iterdir())


@pytest.mark.parametrize(("cell", "untold"), [("", ("drivers",)), ('"[""d1""]"', ())])
def test_an_empty_column_of_multi_references_tells_nothing(tmp_path, shapes, cell, untold):
    collection = shapes.collection(name="text", drivers="multireference")
    (tmp_path / "Carriers.csv").write_text(
        f'"ID","Name","Drivers","Owner","Created Date","Updated Date"\n"a","x",{cell},"o",,\n'
    )
    assert FolderSource(tmp_path, shapes.catalog(collection)).untold(collection, ()) == untold
