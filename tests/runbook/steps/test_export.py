"""Export as a step: a snapshot that is current is kept, any other is made anew."""

from __future__ import annotations

import json

import pytest
import requests

from runbook.catalog import Catalog, Collection, Field, Phase
from runbook.errors import SourceError
from runbook.snapshot import Snapshot
from runbook.steps.export import export
from runbook.wix.client import WixClient
from runbook.wix.folder import FolderSource
from runbook.wix.source import WixSource
from sandbox import Sandbox

CARRIERS = Collection(
    wix="Carriers",
    table="Carriers",
    phase=1,
    tab_group="All",
    flag="all",
    primary="Legacy Wix ID",
    fields=(
        Field(wix="_id", wix_type="text", name="Legacy Wix ID", type="singleLineText"),
        Field(wix="name", wix_type="text", name="Name", type="singleLineText", personal=True),
    ),
)
CATALOG = Catalog(
    base="Base",
    tab_groups=("All",),
    flags=("all",),
    phases=(Phase(number=1, name="one", title="One", collections=(CARRIERS,)),),
)
STAMP = {"$date": "2024-05-01T10:00:00.000Z"}
ITEMS = [{"_id": f"{n:04}", "name": f"Ann {n}", "extra": n, "_updatedDate": STAMP} for n in range(2500)]


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "export"
    made.mkdir()
    (made / "Carriers.jsonl").write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    return made


@pytest.fixture
def box(folder):
    with Sandbox(site=folder, requests_per_second="off") as running:
        yield running


@pytest.fixture
def wix(box):
    client = WixClient(box.wix_url, box.wix_key, box.site_id)
    yield WixSource(client)
    client.close()


def write(box, verb, **what):
    requests.post(
        f"{box.wix_url}/wix-data/v2/items/{verb}",
        json={"dataCollectionId": "Carriers", **what},
        headers={"Authorization": box.wix_key, "wix-site-id": box.site_id},
        timeout=30,
    ).raise_for_status()


def stamp(snapshot):
    return snapshot.path.stat().st_mtime_ns, snapshot.taken


def test_site_and_folder_give_one_snapshot(wix, folder, tmp_path):
    from_site = export(wix, CARRIERS, tmp_path / "site-snapshots")
    from_folder = export(FolderSource(folder, CATALOG), CARRIERS, tmp_path / "folder-snapshots")
    assert list(from_folder.items()) == ITEMS
    assert from_site.count == from_folder.count == 2500
    own = [{key: value for key, value in item.items() if key in ITEMS[0]} for item in from_site.items()]
    assert own == ITEMS
    assert (from_site.source, from_folder.source) == ("wix", "export")


def test_what_has_not_changed_is_not_read_again(wix, box, folder, tmp_path):
    for source in (wix, FolderSource(folder, CATALOG)):
        first = export(source, CARRIERS, tmp_path / source.label)
        second = export(source, CARRIERS, tmp_path / source.label)
        assert first == second
        assert stamp(first) == stamp(second)


@pytest.mark.parametrize("verb", ["save", "remove", "insert"])
def test_a_changed_site_is_read_again(wix, box, tmp_path, verb):
    export(wix, CARRIERS, tmp_path / "s")
    match verb:
        case "remove":
            write(box, "remove", dataItemId="0007")
        case "save":
            write(box, "save", dataItem={"id": "0007", "data": {"_id": "0007", "name": "new"}})
        case "insert":
            write(box, "insert", dataItem={"id": "new", "data": {"name": "new"}})
    rows = {item["_id"]: item.get("name") for item in export(wix, CARRIERS, tmp_path / "s").items()}
    assert len(rows) == {"save": 2500, "remove": 2499, "insert": 2501}[verb]
    assert rows.get("0007") == {"save": "new", "insert": "Ann 7"}.get(verb)


def test_a_row_stamped_in_the_future_hides_no_change(tmp_path):
    site = tmp_path / "export"
    site.mkdir()
    items = [
        {"_id": "a", "name": "x", "_updatedDate": {"$date": "2999-01-01T00:00:00.000Z"}},
        {"_id": "b", "name": "x"},
    ]
    (site / "Carriers.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    with Sandbox(site=site, requests_per_second="off") as box:
        client = WixClient(box.wix_url, box.wix_key, box.site_id)
        export(WixSource(client), CARRIERS, tmp_path / "s")
        write(box, "save", dataItem={"id": "b", "data": {"_id": "b", "name": "new"}})
        snapshot = export(WixSource(client), CARRIERS, tmp_path / "s")
        assert {item["_id"]: item["name"] for item in snapshot.items()} == {"a": "x", "b": "new"}
        client.close()


def test_a_changed_file_is_read_again(folder, tmp_path):
    source = FolderSource(folder, CATALOG)
    export(source, CARRIERS, tmp_path / "s")
    (folder / "Carriers.jsonl").write_text(json.dumps({"_id": "a"}))
    assert list(export(source, CARRIERS, tmp_path / "s").items()) == [{"_id": "a"}]


def test_another_source_is_read_though_its_rows_look_alike(wix, folder, tmp_path):
    export(wix, CARRIERS, tmp_path / "s")
    assert export(FolderSource(folder, CATALOG), CARRIERS, tmp_path / "s").source == "export"


def test_a_damaged_snapshot_is_written_again_and_noted(folder, tmp_path):
    source = FolderSource(folder, CATALOG)
    first = export(source, CARRIERS, tmp_path / "s")
    first.path.write_bytes(first.path.read_bytes()[:-1])
    again = export(source, CARRIERS, tmp_path / "s")
    assert again.sha256 == first.sha256
    assert again.notes == ("the existing snapshot did not match its metadata; it was written again",)


def test_a_bad_line_leaves_the_former_snapshot(folder, tmp_path):
    source = FolderSource(folder, CATALOG)
    first = export(source, CARRIERS, tmp_path / "s")
    with (folder / "Carriers.jsonl").open("a") as file:
        file.write("{oops\n")
    with pytest.raises(SourceError, match=r"Carriers\.jsonl:2501"):
        export(source, CARRIERS, tmp_path / "s")
    assert Snapshot.read(tmp_path / "s", "Carriers") == first


def test_what_is_absent_is_an_empty_snapshot_that_says_so(folder, tmp_path):
    (folder / "Carriers.jsonl").rename(folder / "Others.jsonl")
    snapshot = export(FolderSource(folder, CATALOG), CARRIERS, tmp_path / "s")
    assert (snapshot.absent, snapshot.count, list(snapshot.items())) == (True, 0, [])
    assert snapshot.notes == ("the folder export has no file for Carriers",)
    assert Snapshot.read(tmp_path / "s", "Carriers") == snapshot


def test_progress_ends_at_the_count(wix, folder, tmp_path):
    for source in (wix, FolderSource(folder, CATALOG)):
        progress = []
        for _ in range(2):  # made, then reused
            export(source, CARRIERS, tmp_path / source.label, on_progress=lambda *now, to=progress: to.append(now))
            assert progress[-1] == (2500, 2500)


def test_what_is_shown_holds_no_value(folder, tmp_path):
    snapshot = export(FolderSource(folder, CATALOG), CARRIERS, tmp_path / "s")
    shown = repr(snapshot) + snapshot._repr_html_() + json.dumps(snapshot.facts())
    assert "2,500" in shown
    assert "extra (2,500)" in shown
    assert "Ann" not in shown
