"""Items over HTTP: written, read, replaced, patched, removed; one at a time and in bulk."""

from __future__ import annotations

import pytest

C = {"dataCollectionId": "Cars"}


@pytest.fixture
def cars(wix):
    wix.make("Cars")
    return wix


def test_insert_get_query(cars):
    sent = {"_id": "a1", "name": "A & B", "when": {"$date": "2024-01-02T03:04:05+01:00"}, "deep": {"n": None}}
    answer = cars.send("POST", "/items", {**C, "dataItem": {"id": "a1", "data": sent}})
    assert answer.status_code == 200
    assert answer.headers["x-wix-request-id"]
    assert answer.headers["x-wix-consistent"]
    item = answer.json()["dataItem"]
    assert item["id"] == "a1"
    assert item["dataCollectionId"] == "Cars"
    assert list(item["data"])[:4] == ["_id", "_owner", "_createdDate", "_updatedDate"]
    assert item["data"]["when"] == {"$date": "2024-01-02T02:04:05.000Z"}
    assert cars.get("Cars", "a1") == item["data"]
    page = cars.query("Cars")
    assert page["dataItems"] == [item]
    assert page["pagingMetadata"] == {"count": 1, "offset": 0, "tooManyToCount": False, "hasNext": False}
    assert cars.state.stats.show()["wix"][cars.state.site_id]["recordsWritten"] == 1


def test_both_prefixes(cars):
    cars.fill("Cars", {"_id": "a"})
    for prefix in ("/wix-data/v2", "/_api/cloud-data/v2"):
        assert cars.ok("POST", "/items/count", C, prefix=prefix) == {"totalCount": 1}


def test_stamps_are_the_services_own(cars):
    forged = {"_createdDate": {"$date": "2001-01-01T00:00:00Z"}, "_updatedDate": "x", "_id": "a"}
    first = cars.ok("POST", "/items", {**C, "dataItem": {"data": forged}})["dataItem"]["data"]
    assert first["_createdDate"]["$date"] > "2024"
    cars.state.clock.advance(60)
    second = cars.ok("POST", "/items/update", {**C, "dataItem": {"id": "a", "data": forged | {"n": 1}}})
    second = second["dataItem"]["data"]
    assert second["_createdDate"] == first["_createdDate"]
    assert second["_owner"] == first["_owner"]
    assert second["_updatedDate"]["$date"] > first["_updatedDate"]["$date"]


def test_an_owner_is_set_with_the_sites_rights_alone(cars):
    def write(path, owner, **data):
        payload = {**C, "dataItem": {"id": "a", "data": {"_id": "a", "_owner": owner, **data}}}
        return cars.ok("POST", path, payload)["dataItem"]["data"]["_owner"]

    assert write("/items", "me") == "me"
    assert write("/items/update", None) == "me"
    assert write("/items/update", 5) == "me"
    assert write("/items/update", "you") == "you"
    cars.make("Open", permissions={"read": "ANYONE", "insert": "ANYONE", "update": "ANYONE", "remove": "ANYONE"})
    cars.state.wix_data_rights = False
    payload = {"dataCollectionId": "Open", "dataItem": {"data": {"_id": "b", "_owner": "me"}}}
    assert cars.ok("POST", "/items", payload)["dataItem"]["data"]["_owner"] != "me"


def test_update_replaces_the_whole_item(cars):
    cars.fill("Cars", {"_id": "a", "name": "x", "old": 1})
    for method, path in (("POST", "/items/update"), ("PUT", "/items/a")):
        cars.ok(method, path, {**C, "dataItem": {"id": "a", "data": {"name": "y"}}})
        assert "old" not in cars.get("Cars", "a")
    cars.refused(404, "WDE0073", "POST", "/items/update", {**C, "dataItem": {"id": "b", "data": {}}})
    cars.refused(400, "WDE0007", "POST", "/items/update", {**C, "dataItem": {"data": {}}})


def test_save_inserts_then_updates(cars):
    body = {**C, "dataItem": {"id": "s", "data": {"_id": "s", "n": 1}}}
    assert cars.ok("POST", "/items/save", body)["action"] == "INSERTED"
    assert cars.ok("POST", "/items/save", body)["action"] == "UPDATED"
    assert cars.ok("POST", "/items/save", {**C, "dataItem": {"data": {}}})["action"] == "INSERTED"


def test_patch(cars):
    cars.fill("Cars", {"_id": "a", "n": 0.5, "tags": ["x", "z"], "gone": 1, "keep": True})
    changes = [
        {"action": "SET_FIELD", "fieldPath": "o.p", "setFieldOptions": {"value": {"q": 1}}},
        {"action": "INCREMENT_FIELD", "fieldPath": "n", "incrementFieldOptions": {"value": 0.5}},
        {"action": "APPEND_TO_ARRAY", "fieldPath": "tags", "appendToArrayOptions": {"value": "q"}},
        {"action": "REMOVE_FROM_ARRAY", "fieldPath": "tags", "removeFromArrayOptions": {"value": "z"}},
        {"action": "REMOVE_FIELD", "fieldPath": "gone"},
        {"action": "SET_FIELD", "fieldPath": "_owner", "setFieldOptions": {"value": "me"}},
    ]
    answer = cars.ok("POST", "/items/patch", {**C, "patch": {"dataItemId": "a", "fieldModifications": changes}})
    assert answer["dataItem"]["data"]["_owner"] == "me"
    data = {key: value for key, value in answer["dataItem"]["data"].items() if not key.startswith("_")}
    assert data == {"n": 1, "tags": ["x", "q"], "keep": True, "o": {"p": {"q": 1}}}
    assert cars.ids("Cars", {"filter": {"n": 1}}) == ["a"]
    body = {**C, "patch": {"dataItemId": "b", "fieldModifications": changes}}
    cars.refused(404, "WDE0073", "PATCH", "/items/b", body)
    assert cars.ids("Cars") == ["a"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"action": "EXPLODE", "fieldPath": "n"}, "validationError"),
        ({"action": "SET_FIELD", "fieldPath": "_id", "setFieldOptions": {"value": "b"}}, "WDE0080"),
        ({"action": "INCREMENT_FIELD", "fieldPath": "name", "incrementFieldOptions": {"value": 1}}, "WDE0080"),
        ({"action": "INCREMENT_FIELD", "fieldPath": "n", "incrementFieldOptions": {"value": "1"}}, "validationError"),
        ({"action": "APPEND_TO_ARRAY", "fieldPath": "name", "appendToArrayOptions": {"value": 1}}, "WDE0080"),
        ({"action": "SET_FIELD", "fieldPath": "name.x", "setFieldOptions": {"value": 1}}, "WDE0080"),
    ],
)
def test_bad_patches(cars, change, code):
    cars.fill("Cars", {"_id": "a", "name": "x", "n": 1})
    body = {**C, "patch": {"dataItemId": "a", "fieldModifications": [change]}}
    cars.refused(400, code, "POST", "/items/patch", body)
    assert cars.get("Cars", "a")["name"] == "x"


def test_remove(cars):
    cars.fill("Cars", {"_id": "a"}, {"_id": "b"})
    assert cars.ok("POST", "/items/remove", {**C, "dataItemId": "a"})["dataItem"]["id"] == "a"
    assert cars.ok("DELETE", "/items/b?dataCollectionId=Cars&dataItemId=b")["dataItem"]["id"] == "b"
    cars.refused(404, "WDE0073", "POST", "/items/remove", {**C, "dataItemId": "a"})
    assert cars.ids("Cars") == []


def test_truncate(cars):
    cars.fill("Cars", {"_id": "a"}, {"_id": "b"})
    assert cars.ok("POST", "/items/truncate", C) == {}
    assert cars.ids("Cars") == []


def test_duplicates(cars):
    cars.fill("Cars", {"_id": "a"})
    cars.refused(409, "WDE0074", "POST", "/items", {**C, "dataItem": {"id": "a", "data": {"_id": "a"}}})
    entries = [{"data": {"_id": "a"}}, {"data": {"_id": "A"}}, {"data": {"_id": "A"}}]
    answer = cars.ok("POST", "/bulk/items/insert", {**C, "dataItems": entries, "returnEntity": True})
    assert [result["itemMetadata"]["success"] for result in answer["results"]] == [False, True, False]
    assert answer["results"][0]["itemMetadata"]["error"]["code"] == "WDE0074"
    assert answer["results"][1]["dataItem"]["data"]["_id"] == "A"
    assert answer["bulkActionMetadata"] == {"totalSuccesses": 1, "totalFailures": 2}


def test_other_bulk_forms(cars):
    cars.fill("Cars", {"_id": "a", "n": 1}, {"_id": "b"})
    saved = cars.ok("POST", "/bulk/items/save", {**C, "dataItems": [{"id": "a", "data": {}}, {"data": {"_id": "c"}}]})
    assert [result["action"] for result in saved["results"]] == ["UPDATE", "INSERT"]
    entries = [{"id": "a", "data": {"n": 2}}, {"id": "zz", "data": {}}, {"data": {}}, 5]
    updated = cars.ok("POST", "/bulk/items/update", {**C, "dataItems": entries})["results"]
    codes = [result["itemMetadata"].get("error", {}).get("code") for result in updated]
    assert codes == [None, "WDE0073", "WDE0007", "WDE0005"]
    change = [{"action": "INCREMENT_FIELD", "fieldPath": "n", "incrementFieldOptions": {"value": 5}}]
    patches = [{"dataItemId": "a", "fieldModifications": change}, {"dataItemId": "zz", "fieldModifications": change}]
    patched = cars.ok("POST", "/bulk/items/patch", {**C, "patches": patches})
    assert patched["bulkActionMetadata"] == {"totalSuccesses": 1, "totalFailures": 1}
    assert cars.get("Cars", "a")["n"] == 7
    removed = cars.ok("POST", "/bulk/items/remove", {**C, "dataItemIds": ["a", "zz", 3]})
    assert [result["action"] for result in removed["results"]] == ["DELETE"] * 3
    assert removed["bulkActionMetadata"] == {"totalSuccesses": 1, "totalFailures": 2}


def test_bulk_bounds(cars):
    many = [{"data": {}}] * 1001
    cars.refused(400, "WDE0006", "POST", "/bulk/items/insert", {**C, "dataItems": many})
    cars.refused(400, "WDE0069", "POST", "/bulk/items/remove", {**C, "dataItemIds": ["a"] * 1001})
    cars.refused(400, "WDE0080", "POST", "/bulk/items/insert", {**C, "dataItems": []})
    assert cars.ids("Cars") == []


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"id": "a", "data": {"_id": "b"}}, "WDE0080"),
        ({"data": {"_id": None}}, "WDE0080"),
        ({"data": {"_id": ""}}, "WDE0080"),
        ({"data": {"_id": 5}}, "WDE0002"),
        ({"data": {"_id": "a\0"}}, "WDE0080"),
        ({"data": []}, "WDE0004"),
        ({}, "WDE0004"),
        ({"data": {"$x": 1}}, "WDE0134"),
        ({"data": {"a": [{"$x": 1}]}}, "WDE0134"),
        ({"data": {"a": {"$date": "yesterday"}}}, "WDE0080"),
        ({"data": {"a": {"$date": 5}}}, "WDE0080"),
        ({"data": {"a": "x" * 600_000}}, "WDE0009"),
        ({"data": {"a": "ü" * 300_000}}, "WDE0009"),
    ],
)
def test_bad_items(cars, item, code):
    cars.refused(400, code, "POST", "/items", {**C, "dataItem": item})
    result = cars.ok("POST", "/bulk/items/insert", {**C, "dataItems": [item, {"data": {"_id": "good"}}]})
    assert [element["itemMetadata"]["success"] for element in result["results"]] == [False, True]
    assert cars.ids("Cars") == ["good"]


def test_nesting(cars):
    def nested(levels):
        value = "x"
        for _ in range(levels):
            value = {"a": value}
        return value

    cars.ok("POST", "/items", {**C, "dataItem": {"data": nested(50)}})
    cars.refused(400, "WDE0168", "POST", "/items", {**C, "dataItem": {"data": nested(51)}})
    filters = {"a": {"$not": {"$eq": nested(60)}}}
    cars.refused(400, "WDE0169", "POST", "/items/query", {**C, "query": {"filter": filters}})


@pytest.mark.parametrize("item_id", ["a/b c%", "query", "100%", "ü/ü", "a?b#c", "..", "%2F", "😀", "a\tb"])
def test_odd_ids(cars, item_id):
    cars.fill("Cars", {"_id": item_id, "name": "x"})
    parameters = {**C, "dataItemId": item_id}
    assert cars.ok("GET", "/items/query", params=parameters)["dataItem"]["id"] == item_id
    assert cars.get("Cars", item_id)["name"] == "x"
    assert cars.ids("Cars", {"filter": {"_id": item_id}}) == [item_id]
    assert cars.ids("Cars", {"filter": {"_id": {"$in": [item_id, "no"]}}}) == [item_id]


def test_an_id_raw_in_the_path(cars):
    import http.client

    cars.fill("Cars", {"_id": "a/b c%"})
    connection = http.client.HTTPConnection(cars.base.removeprefix("http://"))
    path = "/wix-data/v2/items/a/b%20c%?dataCollectionId=Cars&dataItemId=a%2Fb+c%25"
    connection.request("GET", path, headers=dict(cars.session.headers))
    assert connection.getresponse().status == 200
    connection.close()


def test_lone_surrogates_do_not_reach_the_store(cars):
    raw = b'{"dataCollectionId": "Cars", "dataItem": {"data": {"_id": "a\\ud800", "k\\ud800": "v\\udfff"}}}'
    assert cars.send("POST", "/items", data=raw).json()["dataItem"]["id"] == "a\ufffd"
    assert cars.ids("Cars", {"filter": {"k\ufffd": "v\ufffd"}}) == ["a\ufffd"]
    raw = b'{"dataCollectionId": "Cars", "query": {"filter": {"k\\ud800": {"$hasSome": ["v\\udfff"]}}}}'
    assert len(cars.send("POST", "/items/query", data=raw).json()["dataItems"]) == 1


def test_nul_in_values_and_in_what_is_asked_for(cars):
    cars.fill("Cars", {"_id": "a", "v": "x\0y", "k\0": 1}, {"_id": "b", "v": "x"})
    assert cars.ids("Cars", {"filter": {"v": "x\0y"}}) == ["a"]
    assert cars.ids("Cars", {"filter": {"_id": {"$in": ["a\0z", "b\0"]}}}) == []
    assert cars.ids("Cars", {"filter": {"_id": "a\0"}}) == []
