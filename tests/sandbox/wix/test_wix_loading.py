"""Loading a site from files: all of it or, with a reason, nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.app_state import AppState
from sandbox.settings import Settings
from sandbox.wix import SiteError, WixService

EXPORT = Path(__file__).resolve().parents[4] / "shared" / "data" / "wix_export"
STAMP = {"$date": "2020-01-01T00:00:00.000Z"}


def write(folder, name, *items):
    (folder / name).write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")


def drivers_field(target="Drivers"):
    target = {"referencedCollectionId": target, "referencingFieldKey": "cars"}
    return {"key": "drivers", "type": "MULTI_REFERENCE", "typeMetadata": {"multiReference": target}}


def test_a_site(wix, tmp_path):
    car = {"_id": "c1", "_owner": "me", "_createdDate": STAMP, "_updatedDate": STAMP, "drivers": ["d1", "d2", "gone"]}
    write(tmp_path, "Cars.jsonl", car, {"_id": "c2"})
    write(tmp_path, "Drivers.jsonl", {"_id": "d1", "cars": ["c1"]}, {"_id": "d2", "n": 1, "when": STAMP, "t": ["x"]})
    collections = [{"id": "Cars", "fields": [drivers_field()]}, {"id": "Drivers", "fields": []}]
    (tmp_path / "collections.json").write_text(json.dumps({"collections": collections}))
    assert wix.service.load_site(tmp_path) == {"Cars": 2, "Drivers": 2}
    item = wix.get("Cars", "c1")
    assert (item["_owner"], item["_createdDate"], item["_updatedDate"]) == ("me", STAMP, STAMP)
    assert "drivers" not in item
    body = {"dataCollectionId": "Cars", "referringItemId": "c1", "referringItemFieldName": "drivers"}
    results = wix.ok("POST", "/items/query-referenced", body)["results"]
    assert [result.get("dataItem", {}).get("id") for result in results] == ["d1", "d2", None]
    assert results[2] == {"unresolvedReference": {"referringItemId": "c1", "referringItemFieldName": "drivers"}}


def test_types_are_inferred(wix, tmp_path):
    first = {"_id": "1", "t": "x", "n": 1, "b": True, "d": STAMP, "tags": ["x"], "mixed": 1, "o": {}}
    write(tmp_path, "Stores%2FThings.jsonl", first, {"_id": "2", "mixed": "x", "late": None})
    assert wix.service.load_site(tmp_path) == {"Stores/Things": 2}
    fields = wix.ok("GET", "/collections/Stores/Things")["collection"]["fields"]
    kinds = {field["key"]: field["type"] for field in fields if not field["systemField"]}
    expected = ["TEXT", "NUMBER", "BOOLEAN", "DATETIME", "ARRAY_STRING", "ANY", "OBJECT"]
    assert list(kinds.values()) == expected


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[]", "an item is an object"),
        (b"{}", "WDE0080"),
        (b'{"_id": 5}', "WDE0002"),
        (b'{"_id": "ok"}', "already exists"),
        (b'{"_id": "x", "$y": 1}', "WDE0134"),
        (b'{"_id": "x", "_createdDate": "2020"}', "_createdDate must be"),
        (b'{"_id": "x", "_updatedDate": {"$date": "?"}}', "WDE0080"),
        (b'{"_id": "x", "_owner": 5}', "_owner"),
        (b'{"_id": "x", "drivers": "d1"}', "array of ids"),
        (b'{"_id": "x", "drivers": [""]}', "array of ids"),
        (b'{"_id": "x", "n": 1e999}', "out of range"),
    ],
)
def test_a_bad_line_loads_nothing(wix, tmp_path, line, reason):
    (tmp_path / "collections.json").write_text(json.dumps([{"id": "Cars", "fields": [drivers_field()]}]))
    (tmp_path / "Cars.jsonl").write_bytes(b'{"_id": "ok", "drivers": ["d"]}\n\n' + line + b"\n")
    with pytest.raises(SiteError, match=r"Cars.jsonl, line 3: ") as caught:
        wix.service.load_site(tmp_path)
    assert reason in str(caught.value)
    assert wix.ok("GET", "/collections")["collections"] == []
    assert wix.state.store.row("SELECT count(*) FROM wix_link")[0] == 0


@pytest.mark.parametrize("text", ["{", "5", "{}", "[5]", '[{"id": 5}]', '[{"id": "a", "fields": [{}]}]'])
def test_bad_collections_json(wix, tmp_path, text):
    (tmp_path / "collections.json").write_text(text)
    with pytest.raises(SiteError, match=r"collections.json"):
        wix.service.load_site(tmp_path)


def test_no_folder(wix, tmp_path):
    with pytest.raises(SiteError, match="no such folder"):
        wix.service.load_site(tmp_path / "missing")


@pytest.mark.skipif(not EXPORT.is_dir(), reason="the real export is not beside this repository")
def test_a_real_export(wix):
    loaded = wix.service.load_site(EXPORT)
    assert loaded["Carriers"] == 1202
    with (EXPORT / "Carriers.jsonl").open(encoding="utf-8") as lines:
        items = {item["_id"]: item for item in map(json.loads, lines)}
    seen = {}
    while True:
        last = max(seen, default="")
        query = {"filter": {"_id": {"$gt": last}}, "sort": [{"fieldName": "_id"}], "paging": {"limit": 500}}
        page = wix.query("Carriers", query)
        seen |= {item["id"]: item["data"] for item in page["dataItems"]}
        if not page["pagingMetadata"]["hasNext"]:
            break
    assert seen == items


def test_state_outlives_a_restart(tmp_path):
    write(tmp_path, "Cars.jsonl", {"_id": "a"})
    world = AppState(Settings(data=tmp_path / "data"))
    WixService(world).load_site(tmp_path)
    world.store.close()
    world = AppState(Settings(data=tmp_path / "data"))
    WixService(world)
    assert world.store.row("SELECT id FROM wix_item") == ("a",)
    world.store.close()
