"""Options of writes: conditions, saved references; and the single item of a collection."""

from __future__ import annotations

import pytest

C = {"dataCollectionId": "Cars"}
KIN = {"key": "kin", "type": "MULTI_REFERENCE", "typeMetadata": {"multiReference": {"referencedCollectionId": "Cars", "referencingFieldKey": "of"}}}  # fmt: skip
SAVED = {**C, "saveReferences": True}


@pytest.fixture
def cars(wix):
    wix.make("Cars", {"_id": "a", "n": 1}, {"_id": "b", "n": 2}, fields=[KIN])
    return wix


def kin(wix, item="a"):
    body = {**C, "referringItemFieldName": "kin", "referringItemId": item}
    return [result["dataItem"]["id"] for result in wix.ok("POST", "/items/query-referenced", body)["results"]]


def only(**filter_):
    return {"condition": {"filter": filter_}}


CHANGE = {"fieldModifications": [{"action": "SET_FIELD", "fieldPath": "x", "setFieldOptions": {"value": 1}}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/items/update", {"dataItem": {"id": "a", "data": {"x": 1}}}),
        ("/items/patch", {"patch": {"dataItemId": "a", **CHANGE}}),
        ("/items/remove", {"dataItemId": "a"}),
    ],
)
def test_a_condition_of_one_write(cars, path, body):
    cars.refused(404, "WDE0073", "POST", path, {**C, **body, **only(n=2)})
    assert "x" not in cars.get("Cars", "a")
    cars.refused(400, "WDE0016", "POST", path, {**C, **body, "condition": {"filter": 5}})
    assert cars.ok("POST", path, {**C, **body, **only(n={"$lt": 2})})["dataItem"]["id"] == "a"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/bulk/items/update", {"dataItems": [{"id": name, "data": {}} for name in ("a", "b", "c")]}),
        ("/bulk/items/patch", {"patches": [{"dataItemId": name, **CHANGE} for name in ("a", "b", "c")]}),
        ("/bulk/items/remove", {"dataItemIds": ["a", "b", "c"]}),
    ],
)
def test_a_condition_of_many_writes(cars, path, body):
    results = cars.ok("POST", path, {**C, **body, **only(n=2)})["results"]
    assert [result["itemMetadata"]["success"] for result in results] == [False, True, False]
    assert results[0]["itemMetadata"]["error"]["code"] == "WDE0073"


def test_saved_references(cars):
    insert = {"dataItem": {"data": {"_id": "c", "kin": ["a", {"_id": "b"}]}}}
    cars.refused(400, "WDE0303", "POST", "/items", {**C, **insert})
    assert "kin" not in cars.ok("POST", "/items", {**SAVED, **insert})["dataItem"]["data"]
    assert kin(cars, "c") == ["a", "b"]
    cars.ok("POST", "/items/update", {**SAVED, "dataItem": {"id": "c", "data": {"kin": ["b"]}}})
    assert kin(cars, "c") == ["b"]
    cars.ok("POST", "/items/save", {**SAVED, "dataItem": {"id": "c", "data": {"n": 1}}})
    assert kin(cars, "c") == ["b"]
    cars.ok("POST", "/items/save", {**SAVED, "dataItem": {"id": "c", "data": {"kin": None}}})
    assert kin(cars, "c") == []
    for bad, status, code in (("a", 400, "WDE0021"), ([5], 400, "WDE0021"), ([{}], 400, "WDE0021"), (["no"], 404, "WDE0073")):  # fmt: skip
        body = {**SAVED, "dataItem": {"data": {"_id": "d", "kin": bad}}}
        cars.refused(status, code, "POST", "/items", body)
    assert sorted(cars.ids("Cars")) == ["a", "b", "c"]


@pytest.mark.parametrize("path", ["insert", "save", "update"])
def test_saved_references_in_bulk(cars, path):
    name = "new" if path == "insert" else "a"
    entries = [{"data": {"_id": name, "kin": ["b"]}}, {"data": {"_id": "b", "kin": 5}}]
    if path != "insert":
        cars.ok("POST", f"/bulk/items/{path}", {**C, "dataItems": entries[:1]})
        assert kin(cars) == []
    results = cars.ok("POST", f"/bulk/items/{path}", {**SAVED, "dataItems": entries})["results"]
    assert [result["itemMetadata"]["success"] for result in results] == [True, False]
    assert kin(cars, name) == ["b"]


def test_a_single_item(wix):
    wix.make("Cars", plugins=[{"type": "SINGLE_ITEM", "singleItemOptions": {"singleItemId": "one"}}])
    other = {**C, "dataItem": {"id": "two", "data": {}}}
    for path in ("/items", "/items/save", "/items/update"):
        wix.refused(400, "WDE0079", "POST", path, other)
    assert wix.ok("POST", "/items", {**C, "dataItem": {"data": {"n": 1}}})["dataItem"]["id"] == "one"
    wix.refused(409, "WDE0074", "POST", "/items", {**C, "dataItem": {"data": {}}})
    assert wix.ok("POST", "/items/save", {**C, "dataItem": {"data": {"n": 2}}})["action"] == "UPDATED"
