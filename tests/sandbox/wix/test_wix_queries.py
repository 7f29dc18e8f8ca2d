"""Queries over HTTP: order, pages, projection, includes, counts, and the official client's own requests."""

from __future__ import annotations

import base64
import json

import pytest

from sandbox.wix import paging

C = {"dataCollectionId": "Cars"}


@pytest.fixture
def cars(wix):
    wix.make("Cars")
    return wix


def packed(value, *, pad=False, urlsafe=True):
    raw = json.dumps(value).encode()
    text = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(raw).decode()
    return text if pad else text.rstrip("=")


def test_default_order_is_newest_first_then_id(cars):
    cars.fill("Cars", {"_id": "b"}, {"_id": "a"})
    cars.state.clock.advance(5)
    cars.fill("Cars", {"_id": "c"})
    assert cars.ids("Cars") == ["c", "a", "b"] or cars.ids("Cars")[0] == "c"
    assert cars.ids("Cars", {"sort": [{"fieldName": "_createdDate", "order": "DESC"}]}) == cars.ids("Cars")
    oldest = cars.ids("Cars", {"sort": [{"fieldName": "_createdDate"}]})
    assert oldest[-1] == "c"


def test_sort_by_value_and_type(cars):
    values = {"date": {"$date": "2020-01-01T00:00:00Z"}, "Z": "Z", "a": "a", "n2": 2, "n10": 10, "null": None}
    cars.fill("Cars", {"_id": "missing"}, *({"_id": key, "f": value} for key, value in values.items()))
    ascending = cars.ids("Cars", {"sort": [{"fieldName": "f", "order": "ASC"}]})
    assert ascending == ["missing", "null", "n2", "n10", "Z", "a", "date"]
    descending = cars.ids("Cars", {"sort": [{"fieldName": "f", "order": "DESC"}]})
    assert descending == ["date", "a", "Z", "n10", "n2", "missing", "null"]
    both = [{"fieldName": "g", "order": "DESC"}, {"fieldName": "id", "order": "DESC"}]
    assert cars.ids("Cars", {"sort": both})[0] == "null"


def test_two_arrays_in_a_sort_are_refused(cars):
    cars.fill("Cars", {"a": [1], "b": [2]})
    sort = [{"fieldName": "a"}, {"fieldName": "b"}]
    cars.refused(400, "WDE0121", "POST", "/items/query", {**C, "query": {"sort": sort}})


def test_offset_pages(cars):
    cars.fill("Cars", *({"_id": f"{number:03d}", "odd": number % 2} for number in range(130)))
    seen = []
    while True:
        page = cars.query("Cars", {"paging": {"offset": len(seen)}, "sort": [{"fieldName": "_id"}]})
        seen += [item["id"] for item in page["dataItems"]]
        assert page["pagingMetadata"]["offset"] == len(seen) - page["pagingMetadata"]["count"]
        if not page["pagingMetadata"]["hasNext"]:
            break
    assert seen == [f"{number:03d}" for number in range(130)]
    page = cars.query("Cars", {"filter": {"odd": 1}, "paging": {"limit": 10, "offset": 60}}, returnTotalCount=True)
    assert page["pagingMetadata"] == {"count": 5, "offset": 60, "total": 65, "tooManyToCount": False, "hasNext": False}


@pytest.mark.parametrize("sort", [[], [{"fieldName": "_id"}], [{"fieldName": "n", "order": "DESC"}]])
@pytest.mark.parametrize("filter_", [{}, {"n": {"$gte": 0}}])
def test_cursor_pages(cars, sort, filter_):
    cars.fill("Cars", *({"n": number, "x": "y"} for number in range(23)))
    query = {"filter": filter_, "sort": sort, "fields": ["n"], "cursorPaging": {"limit": 5}}
    everything = cars.ids("Cars", {"filter": filter_, "sort": sort})
    seen, pages = [], []
    while True:
        page = cars.query("Cars", query)
        assert set(page["dataItems"][0]["data"]) == {"_id", "n"}
        pages.append(page["pagingMetadata"])
        seen += [item["id"] for item in page["dataItems"]]
        if not page["pagingMetadata"]["hasNext"]:
            break
        cursor = page["pagingMetadata"]["cursors"]["next"]
        query = {"fields": [], "filter": {"n": "ignored"}, "cursorPaging": {"limit": 5, "cursor": cursor}}
    assert seen == everything
    assert "next" not in pages[-1]["cursors"]
    assert "prev" not in pages[0]["cursors"]
    back = cars.ids("Cars", {"cursorPaging": {"limit": 5, "cursor": pages[-1]["cursors"]["prev"]}})
    assert back == everything[15:20]


def test_cursors_keep_their_place_and_their_secrets(cars):
    cars.fill("Cars", *({"_id": f"{number}"} for number in range(6)))
    query = {"sort": [{"fieldName": "_id"}], "cursorPaging": {"limit": 3}}
    cursor = cars.query("Cars", query)["pagingMetadata"]["cursors"]["next"]
    cars.ok("POST", "/items/remove", {**C, "dataItemId": "0"})
    follow = {"cursorPaging": {"limit": 3, "cursor": cursor}}
    assert cars.ids("Cars", follow) == ["3", "4", "5"]
    for bad in ("x", "AAAA", cursor[:-2] + "AA", "é"):
        body = {**C, "query": {"cursorPaging": {"cursor": bad}}}
        cars.refused(400, "WDE0151", "POST", "/items/query", body)
    cars.make("Other")
    cars.refused(400, "WDE0151", "POST", "/items/query", {"dataCollectionId": "Other", "query": follow})
    cars.state.clock.advance(paging.CURSOR_SECONDS + 1)
    cars.refused(400, "WDE0152", "POST", "/items/query", {**C, "query": follow})


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"paging": {"limit": 1001}}, "query.paging.limit"),
        ({"paging": {"limit": 0}}, "query.paging.limit"),
        ({"paging": {"limit": "10"}}, "query.paging.limit"),
        ({"paging": {"limit": 1.5}}, "query.paging.limit"),
        ({"paging": {"limit": True}}, "query.paging.limit"),
        ({"paging": {"offset": -1}}, "query.paging.offset"),
        ({"paging": {"offset": 10**30}}, "query.paging.offset"),
        ({"paging": []}, "query.paging"),
        ({"paging": {}, "cursorPaging": {}}, "query.paging"),
        ({"cursorPaging": {"limit": 1001}}, "query.cursorPaging.limit"),
        ({"cursorPaging": {"cursor": 5}}, "query.cursorPaging.cursor"),
        ({"sort": {}}, "query.sort"),
        ({"sort": ["name"]}, "query.sort[0]"),
        ({"sort": [{"fieldName": "a", "order": "UP"}]}, "query.sort[0].order"),
        ({"fields": "name"}, "query.fields"),
        ({"fields": [1]}, "query.fields[0]"),
    ],
)
def test_malformed_queries(cars, query, field):
    details = cars.refused(400, "validationError", "POST", "/items/query", {**C, "query": query})
    assert details["validationError"]["fieldViolations"][0]["field"] == field


def test_the_limit_refusal_word_for_word(cars):
    answer = cars.send("POST", "/items/query", {**C, "query": {"paging": {"limit": 1001, "offset": 0}}})
    violation = {
        "field": "query.paging.limit",
        "description": "must be less than or equal to 1000",
        "violatedRule": "MAX",
        "ruleName": "MAX",
        "data": {"threshold": 1000},
    }
    expected = {"message": "Validation failed", "details": {"validationError": {"fieldViolations": [violation]}}}
    assert answer.json() == expected


@pytest.mark.parametrize("pad", [True, False])
@pytest.mark.parametrize("urlsafe", [True, False])
def test_packed_queries(cars, pad, urlsafe):
    cars.fill("Cars", {"_id": "a", "name": "ÿ?>~~ü"})
    body = {**C, "query": {"fields": [], "filter": {"name": "ÿ?>~~ü"}, "sort": []}, "includeReferences": []}
    answer = cars.ok("GET", "/items/query", params={".r": packed(body, pad=pad, urlsafe=urlsafe)})
    assert [item["id"] for item in answer["dataItems"]] == ["a"]
    got = cars.ok("GET", "/items/a", params={".r": packed({**C, "dataItemId": "a", "fields": ["name"]})})
    assert got["dataItem"]["data"] == {"_id": "a", "name": "ÿ?>~~ü"}


def test_projection(cars):
    cars.fill("Cars", {"_id": "a", "o": {"p": 1, "q": 2}, "l": [{"x": 1, "y": 2}, 5], "n": 3})
    page = cars.query("Cars", {"fields": ["o.p", "l.x", "missing"]})
    assert page["dataItems"][0]["data"] == {"_id": "a", "o": {"p": 1}, "l": [{"x": 1}]}


def test_random_order_repeats_with_its_seed(cars):
    cars.fill("Cars", *({"_id": f"{number}"} for number in range(30)))
    shuffled = cars.ids("Cars", sortMode="RANDOM", randomOptions={"seed": 7})
    assert shuffled == cars.ids("Cars", sortMode="RANDOM", randomOptions={"seed": 7})
    assert shuffled != cars.ids("Cars", sortMode="RANDOM", randomOptions={"seed": 8})
    assert sorted(shuffled) == sorted(cars.ids("Cars"))


def test_count_and_distinct(cars):
    cars.fill("Cars", {"s": "TX", "t": ["a", "b"]}, {"s": "CA", "t": ["b"]}, {"s": "TX"}, {"s": None}, {})
    assert cars.ok("POST", "/items/count", {**C, "filter": {"s": "TX"}}) == {"totalCount": 2}
    body = {**C, "fieldName": "s", "filter": {}, "order": "DESC", "returnTotalCount": True}
    answer = cars.ok("POST", "/items/query-distinct-values", body)
    assert answer["distinctValues"] == ["TX", "CA"]
    assert answer["pagingMetadata"]["total"] == 2
    assert cars.ok("POST", "/items/query-distinct-values", {**C, "fieldName": "t"})["distinctValues"] == ["a", "b"]


def test_aggregate(cars):
    cars.fill("Cars", {"s": "TX", "n": 1}, {"s": "TX", "n": 4}, {"s": "CA", "n": "x"}, {"n": 9})
    names = {"sum": "total", "average": "avg", "min": "least", "max": "most"}
    operations = [{"resultFieldName": name, kind: {"itemFieldName": "n"}} for kind, name in names.items()]
    operations.append({"resultFieldName": "count", "itemCount": {}})
    body = {**C, "aggregation": {"groupingFields": ["s"], "operations": operations}, "initialFilter": {"s": "TX"}}
    answer = cars.ok("POST", "/items/aggregate", {**body, "finalFilter": {"count": {"$gt": 1}}})
    figures = {"total": 5, "avg": 2.5, "least": 1, "most": 4, "count": 2}
    assert answer["results"] == [{"_id": {"s": "TX"}, "s": "TX", **figures}]
    whole = cars.ok("POST", "/items/aggregate", {**C, "aggregation": {"operations": operations[-1:]}})
    assert whole["results"] == [{"count": 4}]
    sort = [{"fieldName": "count", "order": "DESC"}]
    ranked = cars.ok("POST", "/items/aggregate", {**body, "initialFilter": {}, "sort": sort, "paging": {"limit": 1}})
    assert ranked["results"][0]["s"] == "TX"
    assert ranked["pagingMetadata"]["hasNext"]
    for bad, code in (({"sum": {"itemFieldName": ""}}, "WDE0173"), ({"sum": {"itemFieldName": "a."}}, "WDE0167")):
        aggregation = {"operations": [{"resultFieldName": "r", **bad}]}
        cars.refused(400, code, "POST", "/items/aggregate", {**C, "aggregation": aggregation})


def test_pipeline(cars):
    cars.fill("Cars", {"s": "TX", "t": ["a", "b"]}, {"s": "TX", "t": ["a"]}, {"s": "CA", "o": {"k": 1}})
    group = {
        "groupIds": [{"key": "tag", "expression": {"fieldPath": "t"}}],
        "accumulators": [{"resultFieldName": "n", "sum": {"expression": {"fieldPath": "one"}}}],
    }
    stages = [
        {"filter": {"s": "TX"}},
        {"unwindArray": {"fieldPath": "t"}},
        {"group": group},
        {"sort": {"values": [{"fieldName": "tag", "order": "DESC"}]}},
        {"limit": 1},
    ]
    answer = cars.ok("POST", "/items/aggregate-pipeline", {**C, "pipeline": {"stages": stages}})
    assert answer["results"] == [{"_id": {"tag": "b"}, "tag": "b", "n": 0}]
    stages = [{"filter": {"s": "CA"}}, {"objectToArray": {"fieldPath": "o"}}, {"projection": {"fields": []}}]
    cars.ok("POST", "/items/aggregate-pipeline", {**C, "pipeline": {"stages": stages}})
    for bad in ([], [{}], [{"limit": 0}], [{"limit": 1, "skip": 1}], [5]):
        cars.refused(400, "validationError", "POST", "/items/aggregate-pipeline", {**C, "pipeline": {"stages": bad}})


def test_search(cars):
    cars.fill("Cars", {"_id": "a", "name": "Acme Trucking"}, {"_id": "b", "tags": ["acne"]}, {"_id": "c", "n": 5})

    def find(expression, **more):
        body = {**C, "search": {"filter": {}, "search": {"expression": expression, **more}, "fields": []}}
        return sorted(item["id"] for item in cars.ok("POST", "/items/search", body)["dataItems"])

    assert find("ACME") == ["a"]
    assert find("acme", fuzzy=True) == ["a", "b"]
    assert find("acme nothing", mode="AND") == []
    assert find("acme", fields=["tags"]) == []


def test_requests_of_the_official_client(cars):
    """Bodies recorded from @wix/data; what the SDK needs of each answer."""
    cars.fill("Cars", {"_id": "a1", "a": 5, "h": "z", "state": "TX"})
    every = [
        {"a": {"$ne": 1}},
        {"b": {"$not": {"$gt": 2}}},
        {"a": {"$gte": 3}},
        {"h": {"$startsWith": "Z"}},
        {"h": {"$contains": "z"}},
        {"a": {"$hasSome": [5, 6]}},
        {"h": {"$hasAll": ["z"]}},
        {"k": None},
        {"h": {"$ne": None}},
        {"a": {"$in": [5, 2]}},
        {"h": {"$exists": True}},
        {"$or": [{"a": 1}, {"a": 5}]},
        {"$not": [{"c": 4}]},
    ]
    more = {"suppressHooks": True, "appOptions": {"includeHiddenProducts": True}, "language": "en"}
    more["publishPluginOptions"] = {"includeDraftItems": True}
    body = {**C, "query": {"fields": [], "filter": {"$and": every}, "sort": []}, "includeReferences": [], **more}
    answer = cars.ok("GET", "/items/query", params={".r": packed(body)})
    assert answer["dataItems"][0]["id"] == answer["dataItems"][0]["data"]["_id"] == "a1"
    old = {**C, "returnTotalCount": True, "query": {"filter": {}, "sort": [{"fieldName": "id", "order": "ASC"}]}}
    assert cars.ok("POST", "/items/query", old)["pagingMetadata"]["total"] == 1
    assert cars.ok("GET", "/items/a1?dataItemId=a1&dataCollectionId=Cars")["dataItem"]["id"] == "a1"
    assert cars.ok("PUT", "/items/a1", {**C, "dataItem": {"data": {"n": 2}, "id": "a1"}})["dataItem"]["data"]["n"] == 2


def test_items_named_like_an_endpoint(cars):
    cars.fill("Cars", {"_id": "query", "n": 1}, {"_id": "count"})
    asked = {**C, "dataItemId": "query", "fields": ["n"]}
    answer = cars.ok("GET", "/items/query", params={".r": packed(asked)})
    assert answer["dataItem"]["data"] == {"_id": "query", "n": 1}
    assert cars.ok("GET", "/items/count?dataItemId=count&dataCollectionId=Cars")["dataItem"]["id"] == "count"
    assert len(cars.ok("GET", "/items/query", params={".r": packed(C)})["dataItems"]) == 2


def test_cursors_remember_the_question(cars):
    cars.fill("Cars", *({"_id": f"i{n}", "name": "same", "n": n} for n in range(3)))
    search = {
        "filter": {},
        "search": {"expression": "same"},
        "sort": [{"fieldName": "n"}],
        "cursorPaging": {"limit": 2},
    }
    first = cars.ok("POST", "/items/search", {**C, "search": search})
    following = {"cursorPaging": {"cursor": first["pagingMetadata"]["cursors"]["next"]}}
    found = cars.ok("POST", "/items/search", {**C, "search": following})["dataItems"]
    assert [item["id"] for item in found] == ["i2"]
    asked = {**C, "fieldName": "n", "cursorPaging": {"limit": 2}}
    first = cars.ok("POST", "/items/query-distinct-values", asked)
    following = {"cursorPaging": {"cursor": first["pagingMetadata"]["cursors"]["next"]}}
    assert cars.ok("POST", "/items/query-distinct-values", {**C, **following})["distinctValues"] == [2]
    for bad in ({}, {"fieldName": 5}, {"fieldName": ""}):
        body = {**C, **bad, "cursorPaging": {}}
        cars.refused(400, "validationError", "POST", "/items/query-distinct-values", body)
