"""References: links seen from both sides, included, filtered by, and gone with their items."""

from __future__ import annotations

import pytest

A = {"dataCollectionId": "Cars"}
NAME = {"key": "name", "type": "TEXT"}


def multi(key, target, reverse):
    target = {"referencedCollectionId": target, "referencingFieldKey": reverse}
    return {"key": key, "type": "MULTI_REFERENCE", "typeMetadata": {"multiReference": target}}


@pytest.fixture
def linked(wix):
    wix.make("Drivers")
    boss = {"key": "boss", "type": "REFERENCE", "typeMetadata": {"reference": {"referencedCollectionId": "Drivers"}}}
    wix.make("Cars", fields=[NAME, boss, multi("drivers", "Drivers", "cars")])
    wix.fill("Cars", {"_id": "a1", "boss": "d1"}, {"_id": "a2", "boss": "gone"})
    wix.fill("Drivers", *({"_id": f"d{number}", "name": f"n{number}"} for number in range(1, 4)))
    return wix


def link(wix, *pairs, collection="Cars", field="drivers", path="insert"):
    entries = [
        {"referringItemFieldName": field, "referringItemId": element, "referencedItemId": other}
        for element, other in pairs
    ]
    body = {"dataCollectionId": collection, "dataItemReferences": entries, "returnEntity": True}
    return wix.ok("POST", f"/bulk/items/{path}-references", body)


def referenced(wix, item, collection="Cars", field="drivers", **more):
    body = {"dataCollectionId": collection, "referringItemId": item, "referringItemFieldName": field, **more}
    answer = wix.ok("POST", "/items/query-referenced", body)
    return [result.get("dataItem", {}).get("id") for result in answer["results"]]


def test_two_faces(linked):
    fields = linked.ok("GET", "/collections/Drivers")["collection"]["fields"]
    other = next(field for field in fields if field["key"] == "cars")
    assert other["typeMetadata"]["multiReference"]["referencedCollectionId"] == "Cars"
    answer = link(linked, ("a1", "d2"), ("a1", "d1"), ("a1", "d2"), ("zz", "d1"), ("a1", "zz"))
    codes = [result["referenceMetadata"].get("error", {}).get("code") for result in answer["results"]]
    assert codes == [None, None, "WDE0029", "WDE0073", "WDE0073"]
    assert referenced(linked, "a1") == ["d2", "d1"]
    assert referenced(linked, "a1", order="DESC") == ["d1", "d2"]
    assert referenced(linked, "d2", "Drivers", "cars") == ["a1"]
    link(linked, ("d3", "a1"), collection="Drivers", field="cars")
    assert referenced(linked, "a1") == ["d2", "d1", "d3"]
    assert referenced(linked, "a1", paging={"limit": 1, "offset": 1}) == ["d1"]


def test_single_forms(linked):
    reference = {"referringItemFieldName": "drivers", "referringItemId": "a1", "referencedItemId": "d1"}
    body = {**A, "dataItemReference": reference}
    assert linked.ok("POST", "/items/insert-reference", body) == {"dataItemReference": reference}
    linked.refused(409, "WDE0029", "POST", "/items/insert-reference", body)
    assert linked.ok("POST", "/items/is-referenced", {**A, **reference}) == {"isReferenced": True}
    linked.ok("POST", "/items/remove-reference", body)
    linked.refused(404, "WDE0153", "POST", "/items/remove-reference", body)
    assert linked.ok("POST", "/items/is-referenced", {**A, **reference}) == {"isReferenced": False}
    bad = {**A, "dataItemReference": {**reference, "referringItemFieldName": "name"}}
    linked.refused(400, "WDE0020", "POST", "/items/insert-reference", bad)


def test_replace(linked):
    link(linked, ("a1", "d1"))
    body = {**A, "referringItemFieldName": "drivers", "referringItemId": "a1", "newReferencedItemIds": ["d3", "d2"]}
    assert len(linked.ok("POST", "/items/replace-references", body)["dataItemReferences"]) == 2
    assert referenced(linked, "a1") == ["d3", "d2"]
    bad = {**body, "newReferencedItemIds": ["zz"]}
    linked.refused(404, "WDE0073", "POST", "/items/replace-references", bad)
    assert referenced(linked, "a1") == ["d3", "d2"]


def test_includes_cut_in_silence(linked):
    linked.fill("Drivers", *({"_id": f"x{number:03d}"} for number in range(60)))
    link(linked, *(("a1", f"x{number:03d}") for number in range(60)))
    assert "drivers" not in linked.get("Cars", "a1")
    item = linked.get("Cars", "a1", includeReferences=[{"field": "drivers"}, {"field": "boss"}])
    assert len(item["drivers"]) == 50
    assert item["boss"]["name"] == "n1"
    page = linked.query("Cars", includeReferences=[{"field": "drivers", "limit": 55}, {"field": "boss"}])
    items = {dataItem["id"]: dataItem["data"] for dataItem in page["dataItems"]}
    assert len(items["a1"]["drivers"]) == 55
    assert items["a2"]["drivers"] == []
    assert items["a2"]["boss"] == "gone"
    assert len(linked.query("Cars", includeReferencedItems=["drivers"])["dataItems"]) == 2
    linked.refused(400, "WDE0020", "POST", "/items/query", {**A, "includeReferences": [{"field": "name"}]})
    too_many = {**A, "includeReferences": [{"field": "drivers", "limit": 1001}]}
    linked.refused(400, "validationError", "POST", "/items/query", too_many)


def test_filters_on_links(linked):
    link(linked, ("a1", "d1"), ("a1", "d2"), ("a2", "d2"))
    assert sorted(linked.ids("Cars", {"filter": {"drivers": {"$hasSome": ["d1", "zz"]}}})) == ["a1"]
    assert linked.ids("Cars", {"filter": {"drivers": {"$hasAll": ["d1", "d2"]}}}) == ["a1"]
    assert sorted(linked.ids("Cars", {"filter": {"drivers": "d2"}})) == ["a1", "a2"]


def test_item_writes_cannot_set_links(linked):
    data = {"_id": "a1", "drivers": ["d1"]}
    for path in ("/items", "/items/update", "/items/save"):
        linked.refused(400, "WDE0303", "POST", path, {**A, "dataItem": {"id": "a1", "data": data}})
    change = {"action": "SET_FIELD", "fieldPath": "drivers", "setFieldOptions": {"value": []}}
    body = {**A, "patch": {"dataItemId": "a1", "fieldModifications": [change]}}
    linked.refused(400, "WDE0303", "POST", "/items/patch", body)
    linked.fill("Cars", {"_id": "a9", "drivers": ["d1"]})
    assert referenced(linked, "a9") == []


def test_links_go_with_their_items(linked):
    link(linked, ("a1", "d1"), ("a2", "d1"), ("a2", "d2"))
    linked.ok("POST", "/items/update", {**A, "dataItem": {"id": "a1", "data": {}}})
    assert referenced(linked, "a1") == ["d1"]
    linked.ok("POST", "/items/remove", {"dataCollectionId": "Drivers", "dataItemId": "d1"})
    assert referenced(linked, "a1") == []
    linked.ok("POST", "/items/truncate", A)
    assert referenced(linked, "d2", "Drivers", "cars") == []


def test_self_reference(wix):
    wix.make("People", fields=[NAME, multi("friends", "People", "friendOf")])
    wix.fill("People", {"_id": "p"}, {"_id": "q"})
    link(wix, ("p", "q"), collection="People", field="friends")
    assert referenced(wix, "p", "People", "friends") == ["q"]
    assert referenced(wix, "q", "People", "friends") == []
    assert referenced(wix, "q", "People", "friendOf") == ["p"]


def test_dropping_a_field_drops_both_faces(linked):
    link(linked, ("a1", "d1"))
    linked.ok("POST", "/collections/delete-field", {**A, "fieldKey": "drivers"})
    fields = linked.ok("GET", "/collections/Drivers")["collection"]["fields"]
    assert "cars" not in [field["key"] for field in fields]


def test_a_collection_made_anew_has_no_old_links(linked):
    link(linked, ("a1", "d1"))
    linked.ok("DELETE", "/collections/Cars")
    assert referenced(linked, "d1", "Drivers", "cars") == [None]
    linked.make("Cars", fields=[NAME, multi("drivers", "Drivers", "cars")])
    assert referenced(linked, "d1", "Drivers", "cars") == []


def test_includes_need_the_right_to_read(linked):
    linked.make("Hidden", {"_id": "h"}, permissions={"read": "ADMIN"})
    field = {"key": "h", "type": "REFERENCE", "typeMetadata": {"reference": {"referencedCollectionId": "Hidden"}}}
    linked.make("Open", {"_id": "o", "h": "h"}, fields=[field])
    assert linked.get("Open", "o", includeReferences=[{"field": "h"}])["h"]["_id"] == "h"
    linked.state.wix_data_rights = False
    assert linked.get("Open", "o", includeReferences=[{"field": "h"}])["h"] == "h"
