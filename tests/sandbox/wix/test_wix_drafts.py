"""Drafts under the PUBLISH and the DRAFT_ITEMS plugin, and the plugin calls of the Collections API."""

from __future__ import annotations

import pytest

C = {"dataCollectionId": "Cars"}
SHOWN = {"publishPluginOptions": {"includeDraftItems": True}}
PUBLISH = {"type": "PUBLISH"}
ITEM = {**C, "dataItemId": "a"}
LINK = {"referringItemFieldName": "cars", "referringItemId": "s"}


def plugins(wix, collection="Cars"):
    return wix.ok("GET", f"/collections/{collection}")["collection"]["plugins"]


@pytest.fixture
def marked(wix):
    """Cars under PUBLISH: `a` is a draft, `b` says nothing; and a shop that is linked to both."""
    fields = [
        {"key": "one", "type": "REFERENCE", "typeMetadata": {"reference": {"referencedCollectionId": "Cars"}}},
        {
            "key": "cars",
            "type": "MULTI_REFERENCE",
            "typeMetadata": {"multiReference": {"referencedCollectionId": "Cars"}},
        },
    ]
    wix.make("Cars", {"_id": "a", "_publishStatus": "DRAFT"}, {"_id": "b"}, plugins=[PUBLISH])
    wix.make("Shops", {"_id": "s", "one": "a"}, fields=fields)
    links = [{**LINK, "referencedItemId": item} for item in ("a", "b")]
    wix.ok("POST", "/bulk/items/insert-references", {"dataCollectionId": "Shops", "dataItemReferences": links})
    return wix


@pytest.fixture
def paired(wix):
    """Cars under DRAFT_ITEMS: `a` is published, with a link."""
    field = {
        "key": "kin",
        "type": "MULTI_REFERENCE",
        "typeMetadata": {"multiReference": {"referencedCollectionId": "Cars", "referencingFieldKey": "of"}},
    }
    wix.make("Cars", {"_id": "a", "n": 1}, {"_id": "b"}, fields=[field])
    link = {"referringItemFieldName": "kin", "referringItemId": "a", "referencedItemId": "b"}
    wix.ok("POST", "/items/insert-reference", {**C, "dataItemReference": link})
    wix.ok("POST", "/collections/add-draft-items-plugin", C)
    return wix


def kin(wix, collection="Cars"):
    body = {"dataCollectionId": collection, "referringItemFieldName": "kin", "referringItemId": "a"}
    return [result["dataItem"]["id"] for result in wix.ok("POST", "/items/query-referenced", body)["results"]]


def test_drafts_are_left_out_unless_asked_for(marked):
    assert marked.ids("Cars") == ["b"]
    assert sorted(marked.ids("Cars", **SHOWN)) == ["a", "b"]
    assert marked.ok("POST", "/items/count", C) == {"totalCount": 1}
    marked.refused(404, "WDE0073", "POST", "/items/get", ITEM)
    marked.refused(404, "WDE0073", "GET", "/items/a?dataCollectionId=Cars")
    assert marked.get("Cars", "a", **SHOWN)["_publishStatus"] == "DRAFT"
    asked = "/items/a?dataCollectionId=Cars&publishPluginOptions.includeDraftItems=true"
    assert marked.ok("GET", asked)["dataItem"]["id"] == "a"
    stages = {"stages": [{"projection": {"fields": []}}]}
    assert marked.ok("POST", "/items/aggregate-pipeline", {**C, "pipeline": stages})["results"] == [{"_id": "b"}]


def test_references_to_drafts_lead_nowhere_unless_asked_for(marked):
    includes = [{"field": "one"}, {"field": "cars", "limit": 1}]
    body = {"dataCollectionId": "Shops", "includeReferences": includes}
    item = marked.ok("POST", "/items/query", body)["dataItems"][0]["data"]
    assert (item["one"], [car["_id"] for car in item["cars"]]) == ("a", ["b"])
    item = marked.ok("POST", "/items/query", {**body, **SHOWN})["dataItems"][0]["data"]
    assert (item["one"]["_id"], [car["_id"] for car in item["cars"]]) == ("a", ["a"])
    body = {"dataCollectionId": "Shops", **LINK}
    first, second = marked.ok("POST", "/items/query-referenced", body)["results"]
    assert first == {"unresolvedReference": {"referringItemId": "s", "referringItemFieldName": "cars"}}
    assert second["dataItem"]["id"] == "b"
    assert "dataItem" in marked.ok("POST", "/items/query-referenced", {**body, **SHOWN})["results"][0]


@pytest.mark.parametrize(
    ("condition", "ids"),
    [("DRAFT", ["a"]), ("PUBLISHED", ["b", "c"]), ({"$ne": "DRAFT"}, ["b", "c"]), ({"$ne": "PUBLISHED"}, ["a"])],
)
def test_status_in_filters(wix, condition, ids):
    wix.make("Cars", {"_id": "c"})  # older than the plugin
    wix.ok("POST", "/collections/add-publish-plugin", {**C, "publishOptions": {}})
    wix.fill("Cars", {"_id": "a", "_publishStatus": "DRAFT"}, {"_id": "b"})
    assert sorted(wix.ids("Cars", {"filter": {"_publishStatus": condition}}, **SHOWN)) == ids
    for bad in ({"$in": ["DRAFT"]}, {"$exists": True}, None, "OTHER", {"$hasSome": ["DRAFT"]}):
        wix.refused(400, "WDE0093", "POST", "/items/query", {**C, "query": {"filter": {"_publishStatus": bad}}})


def test_status_of_writes(wix):
    wix.make("Cars", plugins=[{"type": "PUBLISH", "publishOptions": {"defaultStatus": "DRAFT"}}])
    wix.fill("Cars", {"_id": "a"}, {"_id": "b", "_publishStatus": "PUBLISHED"}, {"_id": "c", "_publishStatus": None})
    assert wix.ids("Cars") == ["b"]
    wix.ok("POST", "/items/update", {**C, "dataItem": {"id": "a", "data": {"n": 1}}})
    assert wix.get("Cars", "a", **SHOWN)["_publishStatus"] == "DRAFT"
    gone = {"dataItemId": "b", "fieldModifications": [{"action": "REMOVE_FIELD", "fieldPath": "_publishStatus"}]}
    assert wix.ok("POST", "/items/patch", {**C, "patch": gone})["dataItem"]["data"]["_publishStatus"] == "PUBLISHED"
    for bad in ("draft", 5, []):
        wix.refused(400, "WDE0080", "POST", "/items", {**C, "dataItem": {"data": {"_publishStatus": bad}}})
    wix.ok("POST", "/collections/delete-publish-plugin", C)
    assert sorted(wix.ids("Cars")) == ["a", "b", "c"]
    assert wix.ok("POST", "/items", {**C, "dataItem": {"data": {"_publishStatus": 5}}})


def test_items_are_marked_under_publish(marked):
    payload = marked.ok("POST", "/items/publish-draft", ITEM)["dataItem"]
    assert (payload["dataCollectionId"], payload["data"]["_publishStatus"]) == ("Cars", "PUBLISHED")
    assert marked.get("Cars", "a")
    marked.refused(404, "WDE0073", "POST", "/items/publish-draft", ITEM)
    assert marked.ok("POST", "/items/unpublish", ITEM)["dataItem"]["data"]["_publishStatus"] == "DRAFT"
    for body in (ITEM, {**ITEM, "copyToDraft": False}):
        marked.refused(404, "WDE0073", "POST", "/items/unpublish", body)
    marked.refused(400, "WDE0120", "POST", "/items/create-draft", ITEM)
    assert marked.ok("POST", "/items/unpublish", {**C, "dataItemId": "b", "copyToDraft": False}) == {}
    assert marked.ids("Cars", **SHOWN) == ["a"]


@pytest.mark.parametrize("path", ["/items/create-draft", "/items/publish-draft", "/items/unpublish"])
def test_a_collection_without_drafts(wix, path):
    wix.make("Cars", {"_id": "a"})
    wix.refused(400, "WDE0120", "POST", path, ITEM)


def test_drafts_beside_the_published_items(paired):
    assert plugins(paired) == [{"type": "DRAFT_ITEMS", "draftItemsOptions": {"draftsCollectionId": "Cars__drafts"}}]
    pair = {"publishedCollectionId": "Cars"}
    assert plugins(paired, "Cars__drafts") == [{"type": "DRAFT_ITEMS", "draftItemsOptions": pair}]
    drafts = {"dataCollectionId": "Cars__drafts"}
    made = paired.get("Cars", "a")["_createdDate"]
    paired.state.clock.advance(60)
    payload = paired.ok("POST", "/items/create-draft", ITEM)["dataItem"]
    assert (payload["dataCollectionId"], payload["id"], payload["data"]["n"], payload["data"]["_createdDate"]) == (
        "Cars__drafts",
        "a",
        1,
        made,
    )
    paired.refused(409, "WDE0074", "POST", "/items/create-draft", ITEM)
    assert kin(paired, "Cars__drafts") == ["b"]
    paired.ok("POST", "/items/update", {**drafts, "dataItem": {"id": "a", "data": {"n": 2}}})
    assert paired.get("Cars", "a")["n"] == 1
    payload = paired.ok("POST", "/items/publish-draft", ITEM)["dataItem"]
    assert (payload["dataCollectionId"], payload["data"]["n"], payload["data"]["_createdDate"]) == ("Cars", 2, made)
    assert (paired.ids("Cars__drafts"), kin(paired)) == ([], ["b"])
    paired.refused(404, "WDE0073", "POST", "/items/publish-draft", ITEM)
    payload = paired.ok("POST", "/items/unpublish", ITEM)["dataItem"]
    assert (payload["dataCollectionId"], paired.ids("Cars"), paired.ids("Cars__drafts")) == (
        "Cars__drafts",
        ["b"],
        ["a"],
    )
    paired.refused(404, "WDE0073", "POST", "/items/unpublish", ITEM)
    paired.ok("POST", "/items/publish-draft", ITEM)
    assert kin(paired) == ["b"]
    assert paired.ok("POST", "/items/unpublish", {**ITEM, "copyToDraft": False}) == {}
    assert (paired.ids("Cars"), paired.ids("Cars__drafts")) == (["b"], [])


def test_bulk_drafts(paired):
    ids = {**C, "dataItemIds": ["a", "b", "gone", ""], "returnEntity": True}
    for path, home, ids_left in (("create-drafts", "Cars__drafts", ["a", "b"]), ("publish-drafts", "Cars", []), ("unpublish", "Cars__drafts", ["a", "b"])):  # fmt: skip
        answer = paired.ok("POST", f"/bulk/items/{path}", ids)
        assert answer["bulkActionMetadata"] == {"totalSuccesses": 2, "totalFailures": 2}
        assert answer["results"][0]["dataItem"]["dataCollectionId"] == home
        errors = [result["itemMetadata"].get("error", {}).get("code") for result in answer["results"]]
        assert errors == [None, None, "WDE0073", "WDE0080"]
        assert sorted(paired.ids("Cars__drafts")) == ids_left


def test_the_pair_stays_together(paired):
    field = {"key": "new", "type": "TEXT"}
    paired.ok("POST", "/collections/create-field", {**C, "field": field})
    assert "new" in {
        element["key"] for element in paired.ok("GET", "/collections/Cars__drafts")["collection"]["fields"]
    }
    body = paired.ok("GET", "/collections/Cars")["collection"]
    paired.ok("PUT", "/collections", {"collection": {**body, "plugins": [{"type": "CMS"}]}})
    assert [plugin["type"] for plugin in plugins(paired)] == ["CMS", "DRAFT_ITEMS"]
    paired.ok("DELETE", "/collections/Cars")
    paired.refused(404, "WDE0025", "GET", "/collections/Cars__drafts")
    paired.ok("POST", "/collections/restore/Cars")
    assert paired.ids("Cars__drafts") == []
    more = {"collection": {"id": "More", "fields": [field], "plugins": [{"type": "DRAFT_ITEMS"}]}}
    paired.refused(400, "WDE0170", "POST", "/collections", more)


@pytest.mark.parametrize(
    ("action", "numbers"),
    [("DISCARD_EXISTING_DRAFT_ITEMS", {"a": 1, "b": None}), ("PUBLISH_EXISTING_DRAFT_ITEMS", {"a": 2, "b": None, "c": 3})],
)  # fmt: skip
def test_the_end_of_draft_items(paired, action, numbers):
    drafts = {"dataCollectionId": "Cars__drafts"}
    paired.fill("Cars__drafts", {"_id": "a", "n": 2}, {"_id": "c", "n": 3})
    paired.refused(400, "WDE0080", "POST", "/collections/delete-draft-items-plugin", C)
    paired.ok("POST", "/collections/delete-draft-items-plugin", {**C, "draftItemsRemovalAction": action})
    assert plugins(paired) == []
    assert {item["id"]: item["data"].get("n") for item in paired.query("Cars")["dataItems"]} == numbers
    paired.refused(404, "WDE0025", "POST", "/items/count", drafts)
    paired.refused(400, "WDE0080", "POST", "/collections/delete-draft-items-plugin", C)


@pytest.mark.parametrize(
    ("action", "published", "every"),
    [
        ("DISCARD_DRAFT_ITEMS", {"a": 1, "b": None}, ["a", "b"]),
        ("PUBLISH_DRAFT_ITEMS", {"a": 2, "b": None, "c": 3}, ["a", "b", "c"]),
        ("COPY_DRAFT_ITEMS_WITH_DRAFT_STATUS", {"a": 1, "b": None}, ["a", "b", "c"]),
    ],
)
def test_from_draft_items_to_publish(paired, action, published, every):
    paired.fill("Cars__drafts", {"_id": "a", "n": 2}, {"_id": "c", "n": 3})
    paired.refused(400, "WDE0080", "POST", "/collections/add-publish-plugin", {**C, "publishOptions": {}})
    paired.refused(400, "WDE0080", "POST", "/collections/add-plugin", {**C, "plugin": PUBLISH})
    body = {**C, "publishOptions": {"defaultStatus": "DRAFT"}, "draftItemsPluginConflictAction": action}
    payload = paired.ok("POST", "/collections/add-publish-plugin", body)["dataCollection"]
    assert payload["plugins"] == [{"type": "PUBLISH", "publishOptions": {"defaultStatus": "DRAFT"}}]
    assert {item["id"]: item["data"].get("n") for item in paired.query("Cars")["dataItems"]} == published
    assert sorted(paired.ids("Cars", **SHOWN)) == every


def test_from_publish_to_draft_items(marked):
    marked.refused(400, "WDE0080", "POST", "/collections/add-draft-items-plugin", C)
    body = {**C, "publishPluginConflictAction": "COPY_DRAFT_ITEMS_WITH_DRAFT_STATUS"}
    payload = marked.ok("POST", "/collections/add-draft-items-plugin", body)["dataCollection"]
    assert [plugin["type"] for plugin in payload["plugins"]] == ["DRAFT_ITEMS"]
    assert (marked.ids("Cars"), marked.ids("Cars__drafts")) == (["b"], ["a"])
    assert "_publishStatus" not in marked.get("Cars__drafts", "a")
    marked.refused(400, "WDE0080", "POST", "/collections/add-draft-items-plugin", body)


def test_plugins(wix):
    wix.make("Cars", plugins=[{"type": "CMS"}])
    urlized = {"type": "URLIZED", "urlizedOptions": {"format": "PLAIN"}}
    payload = wix.ok("POST", "/collections/add-plugin", {**C, "plugin": urlized})["dataCollection"]
    assert (payload["plugins"], payload["revision"]) == ([{"type": "CMS"}, urlized], "2")
    wix.refused(400, "WDE0080", "POST", "/collections/add-plugin", {**C, "plugin": urlized})
    wix.ok("POST", "/collections/delete-plugin", {**C, "pluginType": "CMS"})
    wix.refused(400, "WDE0080", "POST", "/collections/delete-plugin", {**C, "pluginType": "CMS"})
    for name in ("multilingual", "cms", "catalog"):
        body = {**C, f"{name}Options": {"x": 1}}
        assert {"type": name.upper(), f"{name}Options": {"x": 1}} in wix.ok(
            "POST", f"/collections/add-{name}-plugin", body
        )["dataCollection"]["plugins"]
        wix.ok("POST", f"/collections/delete-{name}-plugin", C)
    assert plugins(wix) == [urlized]
    for kind in ("SINGLE_ITEM", "DRAFT_ITEMS"):
        wix.refused(400, "WDE0170", "POST", "/collections/add-plugin", {**C, "plugin": {"type": kind}})
    wix.refused(400, "WDE0170", "POST", "/collections/delete-plugin", {**C, "pluginType": "DRAFT_ITEMS"})
    for bad in ({}, {"type": 5}, {"type": "OTHER"}):
        wix.refused(400, "validationError", "POST", "/collections/add-plugin", {**C, "plugin": bad})
    wix.refused(404, "WDE0025", "POST", "/collections/add-plugin", {"dataCollectionId": "No", "plugin": PUBLISH})
