"""Credentials, routes, headers: what every request meets before an endpoint."""

from __future__ import annotations

import gzip
import json

import pytest
import requests

from sandbox.in_process import Sandbox

AUTH = (401, "AUTHENTICATION_REQUIRED", "Authentication required")
NOT_FOUND = (404, "NOT_FOUND", None)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer   ", "Basic abc", "patABC", "Token x"])
def test_a_request_without_a_bearer_token_is_refused(base, header):
    headers = {} if header is None else {"Authorization": header}
    answer = requests.get(base.url("Every"), headers=headers, timeout=10)
    assert (answer.status_code, answer.json()) == (401, {"error": {"type": AUTH[1], "message": AUTH[2]}})


def test_any_token_is_let_in_where_none_was_named(base):
    assert requests.get(base.url("Every"), headers={"Authorization": "bearer anything"}, timeout=10).status_code == 200


def test_only_named_tokens_are_let_in_where_some_were_named():
    with Sandbox(tokens=["patOne", "patTwo"]) as box:
        for token, status in (("patOne", 200), ("patTwo", 200), ("patThree", 401), (box.token, 200)):
            payload = {"Authorization": f"Bearer {token}"}
            answer = requests.get(f"{box.airtable_url}/v0/meta/whoami", headers=payload, timeout=10)
            assert answer.status_code == status, token


def test_a_refused_token_learns_nothing_of_what_exists(base):
    for path in ("Every", "/v0/appNoSuchBase0000/T", "/v0/meta/bases", "/v0/nothing/at/all/here"):
        assert requests.get(base.url(path), timeout=10).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v0"),
        ("GET", "/v0/"),
        ("GET", "/v0/meta"),
        ("GET", "/v0/meta/nothing"),
        ("GET", "/v0/appNoSuchBase0000/Every"),
        ("POST", "/v0/appNoSuchBase0000/Every"),
        ("POST", "/v0/meta/bases/appNoSuchBase0000/tables/T/fields"),
        ("GET", "/v0/appnosuchbase0000/Every/rec00000000000000"),
        ("DELETE", "/v0/meta/bases/{base}/tables/Every"),
        ("DELETE", "/v0/meta/bases/{base}/tables/Every/fields/fld00000000000000"),
        ("DELETE", "/v0/meta/bases/{base}"),
        ("PUT", "/v0/meta/bases/{base}/tables/Every"),
        ("POST", "/v0/{base}/Every/rec00000000000000"),
        ("TRACE", "/v0/{base}/Every"),
        ("PROPFIND", "/v0/{base}/Every"),
        ("HEAD", "/v0/{base}/Every/a/b/c/d"),
        ("GET", "/v0/{base}"),
        ("GET", "/nothing"),
    ],
)
def test_what_is_not_routed_is_the_bare_404_of_21_bytes(base, method, path):
    answer = base.call(method, path.replace("{base}", base.id))
    assert answer.status_code == 404
    assert int(answer.headers["content-length"]) == 21
    if method != "HEAD":
        assert answer.content == b'{"error":"NOT_FOUND"}'


def test_ids_are_case_sensitive(base):
    assert base.call("GET", f"/v0/{base.id.swapcase()}/Every").status_code == 404
    table = base.tables["Every"]
    assert base.call("GET", "tbl" + table[3:].swapcase()).status_code == 403


def test_a_missing_table_is_403_and_a_missing_base_of_the_meta_api_too(base):
    for path in ("NoTable", "NoTable/rec00000000000000", "/v0/meta/bases/appNoSuchBase0000/tables"):
        status, kind, message = base.refused("GET", path)
        assert (status, kind) == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")
        assert message.startswith("Invalid permissions, or the requested model was not found. Check that both your")


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
def test_a_missing_single_record_is_403(base, method):
    body = {"fields": {}} if method in ("PATCH", "PUT") else None
    for record in ("rec00000000000000", "nonsense", "%00", "%ff%fe", "rec" + "x" * 500):
        assert base.refused(method, f"Every/{record}", body)[:2] == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")


@pytest.mark.parametrize("spelling", ["Every", "EVERY", "every", "%45very", "Every/", "Every/?", "Every?"])
def test_a_table_is_found_by_its_name_in_any_case_and_with_a_trailing_slash(base, spelling):
    assert base.ok("GET", spelling) == {"records": []}


def test_a_table_is_found_by_its_id(base):
    made = base.make("Every", Name="x")
    assert base.ok("GET", base.tables["Every"])["records"][0]["id"] == made["id"]


@pytest.mark.parametrize("spelling", ["Odd%20%2F%20name%20%2B%20100%25", "odd%20%2f%20NAME%20%2b%20100%25"])
def test_a_slash_in_a_tables_name_does_not_split_the_path(base, spelling):
    made = base.ok("POST", spelling, {"fields": {"Name": "x"}})
    assert base.ok("GET", f"{spelling}/{made['id']}") == made
    assert base.ok("DELETE", f"{spelling}/{made['id']}/?") == {"id": made["id"], "deleted": True}


def test_every_answer_carries_the_services_headers(base):
    for path in ("Every", "NoTable", "/v0/nothing/at/all/here"):
        headers = base.call("GET", path).headers
        assert headers["content-type"] == "application/json; charset=utf-8"
        assert headers["access-control-allow-origin"] == "*"
        assert headers["access-control-allow-methods"] == "DELETE,GET,OPTIONS,PATCH,POST,PUT"
        assert headers["x-content-type-options"] == "nosniff"
        allowed = set(headers["access-control-allow-headers"].split(","))
        assert allowed >= {
            *("authorization", "content-type", "user-agent", "x-airtable-application-id"),
            *("x-airtable-user-agent", "x-api-version", "x-requested-with"),
        }


def test_a_preflight_needs_no_token(base):
    asks = {"Origin": "https://x.test", "Access-Control-Request-Method": "PATCH"}
    answer = requests.options(base.url("Every/rec00000000000000"), headers=asks, timeout=10)
    assert (answer.status_code, answer.content) == (200, b"")
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert answer.headers["access-control-allow-origin"] == "*"


def test_long_answers_are_zipped_for_those_who_take_it_and_say_their_length(base):
    base.make("Every", Notes="x" * 5000)
    zipped = base.call("GET", "Every", headers={"Accept-Encoding": "gzip"}, stream=True)
    raw = zipped.raw.read(decode_content=False)
    plain = base.call("GET", "Every", headers={"Accept-Encoding": "identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert len(raw) == int(zipped.headers["content-length"]) < 1000
    assert gzip.decompress(raw) == plain.content
    assert "content-encoding" not in plain.headers
    for answer in (zipped, plain):
        assert int(answer.headers["airtable-uncompressed-content-length"]) == len(plain.content)
    assert json.loads(plain.content)["records"][0]["fields"]["Notes"] == "x" * 5000


@pytest.mark.parametrize(("length", "status"), [(15_999, 200), (16_000, 414), (40_000, 414)])
def test_a_url_of_16000_characters_is_too_long(base, length, status):
    url = base.url("Every?filterByFormula=")
    answer = base.call("GET", f"Every?filterByFormula={'1' * (length - len(url))}")
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["error"]["type"] == "REQUEST_URI_TOO_LONG"


def test_a_body_over_the_bound_is_413_however_it_is_sent(base):
    big = b'{"fields":{"Notes":"' + b"x" * 11_000_000 + b'"}}'
    assert base.refused("POST", "Every", data=big)[:2] == (413, "REQUEST_TOO_LARGE")
    assert base.refused("POST", "Every", data=iter([big]))[:2] == (413, "REQUEST_TOO_LARGE")


def test_ten_records_of_the_longest_text_fit_into_one_body(base):
    rows = [{"fields": {"Notes": "\u00e9" * 100_000}}] * 10
    assert len(base.ok("POST", "Every", {"records": rows})["records"]) == 10
