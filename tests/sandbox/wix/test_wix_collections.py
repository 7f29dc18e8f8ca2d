"""Collections, their fields, permissions, indexes; secrets; jobs."""

from __future__ import annotations

import time

import pytest

C = {"dataCollectionId": "Cars"}
SECRETS = "/_api/cloud-secrets-vault-server/api/v1"


def test_create_and_get(wix):
    field = {"key": "dot_number", "displayName": "DOT", "type": "NUMBER"}
    permissions = {"insert": "ADMIN", "update": "ADMIN", "remove": "ADMIN", "read": "ANYONE"}
    body = {"displayName": "Cars", "fields": [field], "permissions": permissions, "id": "Cars"}
    made = wix.ok("POST", "/collections", {"collection": body})["collection"]
    assert made["revision"] == "1"
    assert made["maxPageSize"] == 1000
    assert made["permissions"] == permissions
    assert [element["key"] for element in made["fields"]] == [
        "dot_number",
        "_id",
        "_owner",
        "_createdDate",
        "_updatedDate",
    ]
    assert [element["systemField"] for element in made["fields"]] == [False, True, True, True, True]
    assert wix.ok("GET", "/collections/Cars?dataCollectionId=Cars")["collection"] == made
    wix.refused(409, "WDE0104", "POST", "/collections", {"collection": body})
    some = wix.ok("GET", "/collections/Cars?dataCollectionId=Cars&consistentRead=true&fields=revision&fields=plugins")
    assert set(some["collection"]) == {"id", "revision", "plugins"}


def test_an_id_with_a_slash(wix):
    wix.make("Stores/Products")
    for path in ("/collections/Stores/Products", "/collections/Stores/Products?dataCollectionId=Stores%2FProducts"):
        assert wix.ok("GET", path)["collection"]["id"] == "Stores/Products"
    assert wix.ok("DELETE", "/collections/Stores/Products?dataCollectionId=Stores%2FProducts") == {}


@pytest.mark.parametrize(
    ("collection", "field"),
    [
        ({}, "collection.id"),
        ({"id": 5}, "collection.id"),
        ({"id": "a b"}, "collection.id"),
        ({"id": "A"}, "collection.fields"),
        ({"id": "A", "fields": [{}]}, "collection.fields[0].key"),
        ({"id": "A", "fields": [{"key": "$x", "type": "TEXT"}]}, "collection.fields[0].key"),
        ({"id": "A", "fields": [{"key": "x", "type": "HTML"}]}, "collection.fields[0].type"),
        ({"id": "A", "fields": [{"key": "x", "type": "TEXT"}], "permissions": {"read": "ME"}}, None),
        ({"id": "A", "fields": [{"key": "x", "type": "REFERENCE", "typeMetadata": 5}]}, None),
        ({"id": "A", "plugins": {}}, "collection.plugins"),
        ({"id": "A", "fields": [{"key": [], "type": "TEXT"}]}, "collection.fields[0].key"),
        ({"id": "A", "fields": [{"key": {}, "type": "TEXT"}]}, "collection.fields[0].key"),
    ],
)
def test_bad_collections(wix, collection, field):
    details = wix.refused(400, "validationError", "POST", "/collections", {"collection": collection})
    if field:
        assert details["validationError"]["fieldViolations"][0]["field"] == field
    assert wix.ok("GET", "/collections")["collections"] == []


def test_text_that_utf8_cannot_hold(wix):
    field = {"key": "a", "type": "TEXT", "description": "\ud800"}
    wix.make("Cars", fields=[field], plugins=[{"type": "\udfff"}], defaultDisplayOrder={"fieldKey": "\ud800"})
    assert wix.ok("GET", "/collections/Cars")["collection"]["fields"][0]["description"] == "\ufffd"


def test_the_published_spelling_of_a_target_is_lost(wix):
    target = {"referencedCollection": "Drivers"}
    boss = {"key": "boss", "type": "REFERENCE", "typeMetadata": {"reference": target}}
    wix.make("Cars", fields=[boss])
    shown = wix.ok("GET", "/collections/Cars")["collection"]["fields"][0]
    assert shown["typeMetadata"]["reference"]["referencedCollectionId"] == ""


def test_list(wix):
    for name in ("b", "a", "c"):
        wix.make(name)
    answer = wix.ok("GET", "/collections?paging.limit=2&paging.offset=1&consistentRead=true")
    assert [collection["id"] for collection in answer["collections"]] == ["b", "c"]
    assert answer["pagingMetadata"] == {"count": 2, "offset": 1, "total": 3, "tooManyToCount": False}
    answer = wix.ok("GET", "/collections?sort.fieldName=id&sort.order=DESC&fields=displayName")
    assert [collection["id"] for collection in answer["collections"]] == ["c", "b", "a"]
    for bad in ("paging.limit=x", "paging.limit=0", "sort.order=UP", "consistentRead=maybe", "paging=5"):
        wix.refused(400, "validationError", "GET", f"/collections?{bad}")


def test_update_needs_the_revision_and_replaces_all(wix):
    wix.make("Cars")
    body = wix.ok("GET", "/collections/Cars")["collection"]
    changed = {"id": "Cars", "revision": body["revision"], "fields": [{"key": "n", "type": "NUMBER"}]}
    answer = wix.ok("PUT", "/collections", {"collection": changed})["collection"]
    assert answer["revision"] == "2"
    assert [field["key"] for field in answer["fields"]][:2] == ["n", "_id"]
    assert answer["permissions"]["read"] == "ADMIN"
    assert answer["createdDate"] == body["createdDate"]
    wix.refused(409, "WDE0178", "PUT", "/collections", {"collection": changed})
    wix.refused(400, "validationError", "PUT", "/collections", {"collection": {"id": "Cars"}})
    wix.refused(404, "WDE0025", "PUT", "/collections", {"collection": {"id": "No", "revision": "1"}})
    assert wix.ok("PUT", "/collections", {"collection": answer})["collection"]["fields"] == answer["fields"]


def test_patch(wix):
    wix.make("Cars")
    answer = wix.ok("PATCH", "/collections/Cars", {"dataCollection": {"displayName": "New", "id": "Cars"}})
    assert answer["dataCollection"]["displayName"] == "New"
    body = {"dataCollection": {"permissions": {"read": "ADMIN"}}}
    wix.refused(400, "WDE0075", "PATCH", "/collections/Cars", body)


def test_delete_and_restore(wix):
    wix.make("Cars", {"_id": "a"})
    assert wix.ok("DELETE", "/collections/Cars") == {}
    wix.refused(404, "WDE0026", "POST", "/items/query", C)
    wix.refused(404, "WDE0025", "GET", "/collections/Cars")
    wix.ok("POST", "/collections/restore/Cars")
    assert wix.ids("Cars") == ["a"]
    wix.ok("DELETE", "/collections/Cars")
    wix.make("Cars")
    assert wix.ids("Cars") == []
    wix.refused(404, "WDE0025", "POST", "/collections/restore/Nothing")
    wix.refused(404, "WDE0025", "POST", "/items/query", {"dataCollectionId": "Nothing"})


def test_fields(wix):
    wix.make("Cars")
    new = {"key": "x", "type": "TEXT", "description": "d"}
    made = wix.ok("POST", "/collections/create-field", {**C, "field": new})["dataCollection"]
    assert [field["key"] for field in made["fields"]][:2] == ["name", "x"]
    wix.refused(400, "WDE0080", "POST", "/collections/create-field", {**C, "field": new})
    patched = wix.ok("POST", "/collections/patch-field", {**C, "field": {"key": "x", "displayName": "X"}})
    assert patched["dataCollection"]["fields"][1]["description"] == "d"
    updated = wix.ok("POST", "/collections/update-field", {**C, "field": {"key": "x", "type": "NUMBER"}})
    assert "description" not in updated["dataCollection"]["fields"][1]
    gone = wix.ok("POST", "/collections/delete-field", {**C, "fieldKey": "x"})["dataCollection"]
    assert gone["fields"][1]["key"] == "_id"
    assert gone["revision"] == "5"
    wix.refused(400, "WDE0080", "POST", "/collections/delete-field", {**C, "fieldKey": "x"})


def test_freezing_stops_a_key_without_rights(wix):
    wix.make("Cars", {"_id": "a"})
    insert = {**C, "dataItem": {"data": {}}}
    wix.ok("POST", "/items", insert)
    wix.state.wix_data_rights = False
    details = wix.refused(403, "WDE0027", "POST", "/items", insert)
    assert "permissions to insert on the Cars collection" in details["applicationError"]["description"]
    update = {**C, "dataItem": {"id": "a", "data": {}}}
    for path, body in (
        ("/items/update", update),
        ("/items/save", update),
        ("/bulk/items/insert", {**C, "dataItems": [{"data": {}}]}),
        ("/bulk/items/remove", {**C, "dataItemIds": ["a"]}),
        ("/items/truncate", C),
        ("/items/patch", {**C, "patch": {"dataItemId": "a"}}),
        ("/bulk/items/async-remove-by-filter", C),
    ):
        wix.refused(403, "WDE0027", "POST", path, body)
    assert len(wix.ids("Cars")) == 2
    body = wix.ok("GET", "/collections/Cars")["collection"]
    wix.ok("PUT", "/collections", {"collection": {**body, "permissions": {"insert": "ANYONE", "read": "ADMIN"}}})
    wix.ok("POST", "/items", insert)
    wix.refused(403, "WDE0027", "POST", "/items/query", C)


def test_unique_index(wix):
    wix.make("Cars", {"_id": "a", "n": "x"}, {"_id": "b", "n": "y"}, {"_id": "c"}, {"_id": "d"})
    index = {"name": "n", "fields": [{"path": "n", "order": "ASC"}], "unique": True, "caseInsensitive": True}
    made = wix.ok("POST", "/indexes", {**C, "index": index})["index"]
    assert made["status"] == "BUILDING"
    listed = wix.ok("GET", "/indexes?dataCollectionId=Cars")
    assert listed["indexes"] == [{**made, "status": "ACTIVE"}]
    assert listed["pagingMetadata"] == {"count": 1, "offset": 0, "total": 1, "tooManyToCount": False}
    wix.refused(409, "WDE0123", "POST", "/items", {**C, "dataItem": {"data": {"n": "X"}}})
    wix.refused(409, "WDE0123", "POST", "/items/update", {**C, "dataItem": {"id": "b", "data": {"n": "x"}}})
    wix.ok("POST", "/items/update", {**C, "dataItem": {"id": "a", "data": {"n": "X"}}})
    wix.refused(400, "WDE0133", "POST", "/items", {**C, "dataItem": {"data": {"n": "x" * 2000}}})
    entries = [{"data": {"n": "new"}}, {"data": {"n": "new"}}]
    answer = wix.ok("POST", "/bulk/items/insert", {**C, "dataItems": entries})
    assert answer["results"][1]["itemMetadata"]["error"]["code"] == "WDE0123"
    wix.ok("POST", "/items/remove", {**C, "dataItemId": "a"})
    wix.ok("POST", "/items", {**C, "dataItem": {"data": {"n": "x"}}})
    wix.refused(400, "WDE0164", "POST", "/indexes", {**C, "index": {**index, "name": "other"}})
    assert wix.ok("DELETE", "/indexes?dataCollectionId=Cars&indexName=n") == {}
    wix.ok("POST", "/items", {**C, "dataItem": {"data": {"n": "x"}}})
    wix.ok("POST", "/indexes", {**C, "index": {**index, "name": "again"}})
    failed = wix.ok("GET", "/indexes?dataCollectionId=Cars")["indexes"][0]
    assert failed["status"] == "FAILED"
    assert failed["failure"]["code"] == "WDE0113"
    wix.ok("POST", "/items", {**C, "dataItem": {"data": {"n": "x"}}})


def test_secrets(wix):
    def send(method, path="", json=None):
        return wix.send(method, f"/secrets{path}", json, prefix=SECRETS)

    secret = {"name": "stripe_key", "description": "d", "value": "s3cret"}
    made = send("POST", json={"secret": secret})
    assert made.status_code == 200
    secret_id = made.json()["id"]
    assert send("POST", json={"secret": secret}).status_code == 409
    assert send("POST", json={"secret": {**secret, "name": "a b"}}).status_code == 400
    assert send("POST", json={"secret": {"name": "x"}}).status_code == 400
    listed = send("GET").json()["secrets"]
    assert set(listed[0]) == {"id", "name", "description", "createdDate", "updatedDate"}
    assert send("GET", "/name/stripe_key").json() == {"value": "s3cret"}
    assert send("GET", "/name/other").status_code == 404
    assert send("PATCH", f"/{secret_id}", {"secret": {"value": "new"}}).json() == {}
    assert send("GET", "/name/stripe_key").json() == {"value": "new"}
    assert send("DELETE", f"/{secret_id}").json() == {}
    assert send("DELETE", f"/{secret_id}").status_code == 404


def test_jobs(wix):
    wix.make("Cars", *({"n": number} for number in range(450)))

    def finish(path, body):
        job = wix.ok("POST", path, {**C, **body})["jobId"]
        for _ in range(200):
            state = wix.ok("GET", f"/async-jobs/{job}/status?jobId={job}")
            if state["status"] not in ("INITIALIZED", "PROCESSING"):
                return state
            time.sleep(0.01)
        return state

    change = [{"action": "SET_FIELD", "fieldPath": "half", "setFieldOptions": {"value": True}}]
    patch = {"filter": {"n": {"$gte": 225}}, "patch": {"fieldModifications": change}}
    assert finish("/bulk/items/async-patch-by-filter", patch) == {"status": "SUCCEEDED", "successCount": 225}
    gone = finish("/bulk/items/async-remove-by-filter", {"filter": {"half": True}})
    assert gone == {"status": "SUCCEEDED", "successCount": 225}
    assert wix.ok("POST", "/items/count", C) == {"totalCount": 225}
    wix.refused(404, "WDE0080", "GET", "/async-jobs/nothing/status?jobId=nothing")


def test_available_indexes(wix):
    wix.make("Cars")
    payload = wix.ok("GET", "/indexes/available?dataCollectionId=Cars")
    assert payload == {"regular1Field": 0, "regular3Field": 3, "unique1Field": 1, "total": 4}
    wix.refused(404, "WDE0025", "GET", "/indexes/available?dataCollectionId=No")
