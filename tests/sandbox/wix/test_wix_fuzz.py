"""Good requests with parts replaced at random: a result of the right shape, or a refusal with its documented status."""

from __future__ import annotations

import json
import random
import re

import pytest

CHANGES = [
    {"action": "SET_FIELD", "fieldPath": "o.p", "setFieldOptions": {"value": 1}},
    {"action": "INCREMENT_FIELD", "fieldPath": "n", "incrementFieldOptions": {"value": 2}},
    {"action": "APPEND_TO_ARRAY", "fieldPath": "tags", "appendToArrayOptions": {"value": "q"}},
    {"action": "REMOVE_FROM_ARRAY", "fieldPath": "tags", "removeFromArrayOptions": {"value": "z"}},
]
LINK = {"referringItemFieldName": "friends", "referringItemId": "a", "referencedItemId": "b"}
FRIENDS = {"multiReference": {"referencedCollectionId": "Cars", "referencingFieldKey": "friendOf"}}
FIELDS = [
    {"key": "name", "type": "TEXT"},
    {"key": "boss", "type": "REFERENCE", "typeMetadata": {"reference": {"referencedCollectionId": "Cars"}}},
    {"key": "friends", "type": "MULTI_REFERENCE", "typeMetadata": FRIENDS},
]
QUERY = {"filter": {"name": {"$in": ["a"]}, "friends": {"$hasSome": ["b"]}}, "sort": [{"fieldName": "n"}]}
GROUP = {
    "groupIds": [{"key": "k", "expression": {"fieldPath": "tags"}}],
    "accumulators": [{"resultFieldName": "r", "push": {"expression": {"fieldPath": "n"}}}],
}
SUM = {"add": {"expressions": [{"fieldPath": "n"}, {"numeric": 2}]}}
TEXT = {"substring": {"expression": {"stringify": {"expression": SUM}}, "startExpression": {"numeric": 1}}}
NESTED = {"resultFieldName": "o", "fields": [{"exclude": {"fieldName": "p"}}, {"include": {"fieldName": "q"}}]}
SHAPE = [{"reshape": {"resultFieldName": "o.r", "expression": TEXT}}, {"projectNested": NESTED}]
STAGES = [
    {"filter": {"n": 1}},
    {"unwindArray": {"fieldPath": "tags"}},
    {"projection": {"fields": [{"include": {"fieldName": "tags"}}, *SHAPE]}},
    {"objectToArray": {"objectFieldName": "o", "destinationFieldName": "p.q"}},
    {"group": GROUP},
    {"limit": 5},
]
OPERATIONS = [{"resultFieldName": "n", "sum": {"itemFieldName": "n"}}, {"resultFieldName": "c", "itemCount": {}}]
REQUESTS = {
    "/items/query": {"query": {**QUERY, "paging": {"limit": 5}}, "includeReferences": [{"field": "friends"}]},
    "/items/search": {"search": {"search": {"expression": "a b", "fuzzy": True}, "cursorPaging": {"limit": 2}}},
    "/items/save": {"dataItem": {"id": "a", "data": {"name": "x", "o": {"p": [1, {"q": 2}]}}}},
    "/items/patch": {"patch": {"dataItemId": "a", "fieldModifications": CHANGES}},
    "/bulk/items/save": {"dataItems": [{"id": "a", "data": {"n": 1}}, {"data": {}}], "returnEntity": True},
    "/bulk/items/patch": {"patches": [{"dataItemId": "a", "fieldModifications": CHANGES}]},
    "/items/aggregate": {
        "aggregation": {"groupingFields": ["name"], "operations": OPERATIONS},
        "finalFilter": {"n": 1},
    },
    "/items/aggregate-pipeline": {"pipeline": {"stages": STAGES, "paging": {"limit": 2}}},
    "/items/query-distinct-values": {"fieldName": "tags", "filter": {}, "cursorPaging": {"limit": 1}},
    "/items/query-referenced": {**LINK, "referringItemIds": ["a", "b"], "paging": {"limit": 2}},
    "/bulk/items/insert-references": {"dataItemReferences": [LINK]},
    "/collections": {"collection": {"id": "New", "fields": FIELDS, "plugins": [{"type": "PUBLISH"}]}},
    "/collections/patch-field": {"field": FIELDS[2]},
    "/items/update": {
        "dataItem": {"id": "a", "data": {"friends": ["b"]}},
        "saveReferences": True,
        "condition": {"filter": {"n": 1}},
    },
    "/items/unpublish": {"dataItemId": "a", "copyToDraft": True},
    "/bulk/items/publish-drafts": {"dataItemIds": ["a", "b"], "returnEntity": True},
    "/bulk/items/create-drafts": {"dataItemIds": ["a"]},
    "/collections/add-plugin": {"plugin": {"type": "PUBLISH", "publishOptions": {"defaultStatus": "DRAFT"}}},
    "/collections/add-publish-plugin": {"publishOptions": {}, "draftItemsPluginConflictAction": "PUBLISH_DRAFT_ITEMS"},
    "/collections/add-draft-items-plugin": {"publishPluginConflictAction": "COPY_DRAFT_ITEMS_WITH_DRAFT_STATUS"},
    "/collections/delete-draft-items-plugin": {"draftItemsRemovalAction": "PUBLISH_EXISTING_DRAFT_ITEMS"},
    "/indexes": {"index": {"name": "i", "fields": [{"path": "name"}], "unique": True}},
}
ATOMS = [
    None, True, 5, -1, 1.5, 1e300, 2**70, "", "a", "x\0y", "_id", "friends", ".", "a.", "$x", "\ud800", [], {},
    {"$date": "2020-01-01T00:00:00Z"}, {"$date": "x"}, {"$date": []},
]  # fmt: skip
BULK, COLLECTION = {"results", "bulkActionMetadata"}, {"dataCollection"}
RESULTS = {
    "/items/query": {"dataItems", "pagingMetadata"},
    "/items/search": {"dataItems", "pagingMetadata"},
    "/items/save": {"dataItem", "action"},
    "/items/patch": {"dataItem"},
    "/bulk/items/save": BULK,
    "/bulk/items/patch": BULK,
    "/items/aggregate": {"results", "pagingMetadata"},
    "/items/aggregate-pipeline": {"results", "pagingMetadata"},
    "/items/query-distinct-values": {"distinctValues", "pagingMetadata"},
    "/items/query-referenced": {"results", "pagingMetadata"},
    "/bulk/items/insert-references": BULK,
    "/collections": {"collection"},
    "/collections/patch-field": COLLECTION,
    "/items/update": {"dataItem"},
    "/items/unpublish": {"dataItem"},
    "/bulk/items/publish-drafts": BULK,
    "/bulk/items/create-drafts": BULK,
    "/collections/add-plugin": COLLECTION,
    "/collections/add-publish-plugin": COLLECTION,
    "/collections/add-draft-items-plugin": COLLECTION,
    "/collections/delete-draft-items-plugin": COLLECTION,
    "/indexes": {"index"},
}
STATUS = {
    "WDE0025": 404,
    "WDE0026": 404,
    "WDE0073": 404,
    "WDE0074": 409,
    "WDE0104": 409,
    "WDE0123": 409,
    "WDE0178": 409,
}
"""Codes of refusals that are no 400."""


def check(path, body, status, payload):
    """A result has the keys of its endpoint; a refusal has a code, and the status of that code, or names the field."""
    if status == 200:
        assert set(payload) == RESULTS[path], (path, body, payload)
        return
    assert set(payload) == {"message", "details"}, (path, body, payload)
    ((kind, error),) = payload["details"].items()
    if kind == "validationError":
        assert status == 400, (path, body, payload)
        assert all(violation["field"] and violation["description"] for violation in error["fieldViolations"]), (
            path,
            body,
        )
    else:
        assert kind == "applicationError", (path, body, payload)
        assert re.fullmatch(r"WDE\d{4}", error["code"]), (path, body, payload)
        assert STATUS.get(error["code"], 400) == status, (path, body, payload)
        assert isinstance(body, dict) or error["code"] == "WDE0080", (path, body, payload)


def mutated(value, chance, dice):
    if dice.random() < chance:
        return dice.choice(ATOMS)
    if isinstance(value, dict):
        return {
            dice.choice(["$or", "$not", "a.b", "_id"]) if dice.random() < chance / 3 else key: mutated(
                inner, chance, dice
            )
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [mutated(inner, chance, dice) for inner in value] * (2 if dice.random() < chance else 1)
    return value


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_requests_with_parts_replaced(start, seed):
    dice = random.Random(seed)
    with start(stale_reads=seed * 20) as wix:
        wix.make("Cars", fields=FIELDS)
        wix.fill("Cars", {"_id": "a", "n": 1, "boss": "b", "tags": ["x"], "o": {"p": 1}}, {"_id": "b", "n": "x"})
        for _ in range(400):
            path = dice.choice(list(REQUESTS))
            body = mutated(REQUESTS[path], dice.choice([0, 0.05, 0.2]), dice)
            if isinstance(body, dict):
                body = {**body, "dataCollectionId": "Cars"}
            answer = wix.send("POST", path, data=json.dumps(body))
            check(path, body, answer.status_code, answer.json())
