"""The service: credentials, quotas, lagging reads, and everything a client can get wrong."""

from __future__ import annotations

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from sandbox.wix.errors import WixError
from sandbox.wix.filters import Filter
from sandbox.wix.snapshot import Snapshot

C = {"dataCollectionId": "Cars"}
PREFIX = "/wix-data/v2"


@pytest.fixture
def cars(wix):
    wix.make("Cars", {"_id": "a"})
    return wix


def test_credentials(cars):
    path = "/items/a?dataCollectionId=Cars"
    cars.refused(401, "UNAUTHENTICATED", "GET", path, headers={"Authorization": ""})
    cars.refused(401, "UNAUTHENTICATED", "GET", path, headers={"Authorization": None})
    cars.refused(400, "WDE0117", "GET", path, headers={"wix-site-id": None})
    cars.ok("GET", path, headers={"Authorization": "Bearer some-token", "wix-site-id": None})
    cars.ok("GET", path, headers={"wix-account-id": "x"})


def test_named_tokens_alone(start):
    with start(tokens=frozenset({"only-this"})) as wix:
        wix.refused(401, "UNAUTHENTICATED", "GET", "/collections", headers={"Authorization": "another"})
        wix.ok("GET", "/collections", headers={"Authorization": "only-this"})


def test_preflight_and_headers(cars):
    answer = cars.send("OPTIONS", "/items/query", headers={"Authorization": None})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert cars.send("GET", "/collections").headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("PUT", "/items"), ("GET", "/items"), ("POST", "/items/frobnicate"), ("GET", "/items/")],
)
def test_no_such_endpoint(cars, method, path):
    cars.refused(404, "WDE0080", method, path)
    assert cars.send("GET", "/sites", prefix="/wix-data/v9").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"5",
        b'"x"',
        b"\xff\xfe{}",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"dataCollectionId": "Cars", "query": ' + b'{"filter":' * 5_000,
    ],
)
@pytest.mark.parametrize("path", ["/items/query", "/items", "/bulk/items/insert", "/collections"])
def test_bodies_that_are_no_request(cars, path, body):
    cars.refused(400, "WDE0080", "POST", path, data=body)
    assert cars.ids("Cars") == ["a"]


@pytest.mark.parametrize("packed", ["%%%", "a", "é", "e30=x", "Ww", "_w", "bnVsbA"])
def test_bad_packed_requests(cars, packed):
    cars.refused(400, "WDE0080", "GET", "/items/query", params={".r": packed})


def test_sizes(cars):
    big = {**C, "dataItems": [{"data": {"x": "y" * 400_000}} for _ in range(11)]}
    cars.refused(413, "WDE0109", "POST", "/bulk/items/insert", big)
    cars.refused(413, "WDE0109", "GET", "/items/query", params={".r": "x" * 20_000})
    assert cars.ids("Cars") == ["a"]


POSTS = [
    "/items/query", "/items/get", "/items", "/items/update", "/items/save", "/items/patch", "/items/remove",
    "/items/truncate", "/items/count", "/items/query-distinct-values", "/items/aggregate", "/items/aggregate-pipeline",
    "/items/search", "/items/insert-reference", "/items/remove-reference", "/items/replace-references",
    "/items/is-referenced", "/items/query-referenced", "/bulk/items/insert", "/bulk/items/update", "/bulk/items/save",
    "/bulk/items/patch", "/bulk/items/remove", "/bulk/items/insert-references", "/bulk/items/remove-references",
    "/bulk/items/async-remove-by-filter", "/bulk/items/async-patch-by-filter", "/collections",
    "/collections/create-field", "/collections/update-field", "/collections/delete-field", "/indexes",
]  # fmt: skip
PARTS = [
    "query", "dataItem", "dataItems", "dataItemId", "dataItemIds", "patch", "patches", "filter", "paging", "search",
    "cursorPaging", "aggregation", "pipeline", "fieldName", "order", "includeReferences", "field", "index", "fields",
    "collection", "dataItemReference", "dataItemReferences", "referringItemIds", "newReferencedItemIds", "sort",
    "publishPluginOptions", "consistentRead", "randomOptions", "sortMode", "fieldModifications", "initialFilter",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("value", [5, "x", [], ["x"], [None], {}, {"x": []}, True, "", -1, [[{}]], {"_id": {}}])
def test_wrong_types_anywhere(cars, path, value):
    """Each part alone with a wrong value, and all at once: accepted, or refused with a code or the field's path."""
    bodies = [{"dataCollectionId": "Cars", part: value} for part in PARTS]
    bodies += [{"dataCollectionId": "Cars", **dict.fromkeys(PARTS, value)}, {"dataCollectionId": value}]
    for body in bodies:
        answer = cars.send("POST", path, body)
        payload = answer.json()
        if answer.status_code == 200:
            assert "details" not in payload, (path, body, payload)
        else:
            assert answer.status_code in (400, 404, 409), (path, body, payload)
            (error,) = payload["details"].values()
            assert error.get("fieldViolations") or re.fullmatch(r"WDE\d{4}", error["code"]), (path, body, payload)


def test_quotas(start):
    with start(requests_per_second=5, wix_reads_per_minute=5, wix_writes_per_minute=3) as wix:
        boss = {"key": "b", "type": "REFERENCE", "typeMetadata": {"reference": {"referencedCollectionId": "Cars"}}}
        wix.make("Cars", fields=[boss])
        wix.fill("Cars", {"_id": "a"})
        wix.ok("POST", "/items", {**C, "dataItem": {"data": {}}})
        wix.refused(429, "WDE0014", "POST", "/items", {**C, "dataItem": {"data": {}}})
        wix.refused(429, "WDE0014", "POST", "/items", {**C, "dataItem": {"data": {}}})
        wix.query("Cars", includeReferences=[{"field": "b"}])
        wix.query("Cars", includeReferences=[{"field": "b"}])
        wix.refused(429, "WDE0014", "POST", "/items/query", {**C, "includeReferences": [{"field": "b"}]})
        assert len(wix.ids("Cars")) == 2
        wix.refused(429, "WDE0014", "POST", "/items/count", C)
        stats = wix.state.stats.show()["wix"][wix.state.site_id]
        assert stats["lockouts"] == 3
        assert stats["endpoints"]["POST /items"]["429"] == 2
        wix.state.clock.advance(61)
        wix.ok("POST", "/items", {**C, "dataItem": {"data": {}}})
        assert len(wix.ids("Cars")) == 3


def test_stale_reads(start):
    with start(stale_reads=60_000) as wix:
        wix.make("Cars", {"_id": "a", "n": 1}, {"_id": "b", "n": 1}, {"_id": "c", "n": 1})
        assert wix.ids("Cars") == []
        assert len(wix.ids("Cars", consistentRead=True)) == 3
        wix.state.clock.advance(61)
        assert len(wix.ids("Cars")) == 3
        wix.ok("POST", "/items/update", {**C, "dataItem": {"id": "a", "data": {"n": 2}}})
        wix.ok("POST", "/items/update", {**C, "dataItem": {"id": "a", "data": {"n": 3}}})
        wix.ok("POST", "/items/remove", {**C, "dataItemId": "b"})
        answer = wix.send("POST", "/items", {**C, "dataItem": {"data": {"_id": "aa", "n": 1}}})
        by_id = {"sort": [{"fieldName": "_id"}]}
        for query in (by_id, {"filter": {"n": 1}, **by_id}, {"filter": {"n": 1}, "sort": [{"fieldName": "n"}]}):
            assert wix.ids("Cars", query) == ["a", "b", "c"]
        assert wix.ids("Cars", {**by_id, "paging": {"limit": 1, "offset": 1}}) == ["b"]
        assert wix.get("Cars", "a")["n"] == 1
        assert wix.get("Cars", "a", consistentRead=True)["n"] == 3
        assert wix.ok("POST", "/items/count", C) == {"totalCount": 3}
        assert wix.ids("Cars", by_id, consistentRead=True) == ["a", "aa", "c"]
        seen = {"X-Wix-Consistent": answer.headers["x-wix-consistent"]}
        page = wix.ok("POST", "/items/query", {**C, "query": by_id}, headers=seen)
        assert [item["id"] for item in page["dataItems"]] == ["a", "aa", "c"]
        wix.ok("POST", "/items/query", C, headers={"X-Wix-Consistent": "rubbish é".encode("latin-1")})
        wix.ok("POST", "/items/truncate", C)
        assert wix.ids("Cars", by_id) == ["a", "b", "c"]
        wix.state.clock.advance(61)
        assert wix.ids("Cars") == []


def test_a_slow_scan_is_cut(cars):
    async def scan():
        number = cars.service._site.collections.get("Cars").number
        return [row async for row, _ in Snapshot(cars.state.store, number, seconds=0).scan(Filter())]

    with pytest.raises(WixError, match="WDE0028"):
        asyncio.run(scan())


@pytest.mark.slow
def test_a_scan_lets_others_through(cars):
    for start in range(0, 20_000, 1000):
        cars.fill("Cars", *({"n": start + number, "text": "x" * 200} for number in range(1000)))
    heavy = {**C, "query": {"filter": {"text": {"$contains": "none"}}, "sort": [{"fieldName": "n"}]}}
    answered = 0
    with ThreadPoolExecutor(3) as pool:
        scans = [
            pool.submit(requests.post, cars.base + PREFIX + "/items/query", json=heavy, headers=cars.session.headers)
        ]
        while not all(scan.done() for scan in scans):
            cars.get("Cars", "a")
            answered += 1
    assert [scan.result().status_code for scan in scans] == [200]
    assert answered > 3


def test_answers_are_json_of_the_stored_text(cars):
    cars.fill("Cars", {"_id": 'q"uote\\', "v": "\u2028</script>", "n": 1e300, "big": 2**53})
    page = json.loads(cars.send("POST", "/items/query", {**C, "query": {"filter": {"_id": 'q"uote\\'}}}).content)
    assert page["dataItems"][0]["data"]["v"] == "\u2028</script>"
    assert page["dataItems"][0]["data"]["n"] == 1e300


@pytest.mark.parametrize(
    ("query", "status"),
    [("paging.limit=--5", 400), ("paging.limit=-", 400), ("fields.x=1&fields=a", 200), ("fields=a&fields.x=1", 200)],
)
def test_odd_query_strings(cars, query, status):
    assert cars.send("GET", f"/collections?{query}").status_code == status


def test_secrets_and_data_are_apart(cars):
    cars.refused(404, "WDE0080", "GET", "/secrets")
    cars.refused(404, "WDE0080", "POST", "/items/query", C, prefix="/_api/cloud-secrets-vault-server/api/v1")
