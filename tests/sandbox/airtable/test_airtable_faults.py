"""Faults on order, the clock, and the admin API that sets them: what a client of Airtable sees of each."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from sandbox.in_process import Sandbox

LOST = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)


@pytest.fixture
def own_server(connect):
    with Sandbox(requests_per_second="off") as box:
        yield connect(box)


def count(base):
    return len(base.records("Other"))


def order(base, kind, **rule):
    match = {"service": "airtable", "method": "POST", "path": f"/v0/{base.id}/*"} | rule.pop("match", {})
    return base.box.faults({"match": match, "kind": kind, **rule})


def test_an_ordered_status_is_answered_and_nothing_is_done(own_server):
    body = {"error": {"type": "SERVER_ERROR", "message": "Server error"}}
    order(own_server, "status", status=503, body=body, headers={"Retry-After": "7"})
    answer = own_server.call("POST", "Other", {"fields": {}})
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (503, body, "7")
    assert count(own_server) == 0
    assert own_server.call("POST", "Other", {"fields": {}}).status_code == 200


def test_a_connection_dropped_before_leaves_nothing_done(own_server):
    order(own_server, "drop_before")
    with pytest.raises(LOST):
        own_server.call("POST", "Other", {"fields": {}})
    assert count(own_server) == 0


def test_a_connection_dropped_after_the_commit_leaves_it_done(own_server):
    order(own_server, "drop_after_commit")
    with pytest.raises(LOST):
        own_server.call("POST", "Other", {"fields": {}})
    assert count(own_server) == 1


def test_half_an_answer_is_sent_and_all_of_it_done(own_server):
    order(own_server, "truncate")
    with pytest.raises(LOST):
        own_server.call("POST", "Other", {"records": [{"fields": {"Title": "x" * 50}}] * 10})
    assert count(own_server) == 10


@pytest.mark.slow
def test_a_delayed_answer_comes_late_and_holds_nobody_else_up(own_server):
    order(own_server, "delay", seconds=2)
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(own_server.call, "POST", "Other", {"fields": {}})
        while not own_server.box.faults()[0]["hits"]:
            assert time.monotonic() - began < 30, "the rule was never hit"
        headers = {"Authorization": "Bearer another"}
        assert (
            requests.post(own_server.url("Other"), json={"fields": {}}, headers=headers, timeout=5).status_code == 200
        )
        assert not late.done()
        assert late.result().status_code == 200
    assert time.monotonic() - began >= 2


@pytest.mark.slow
def test_a_client_that_times_out_may_still_have_written(own_server):
    order(own_server, "delay", seconds=0.3)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(
            own_server.url("Other"),
            json={"fields": {}},
            headers={"Authorization": f"Bearer {own_server.box.token}"},
            timeout=0.1,
        )
    time.sleep(0.5)
    assert count(own_server) == 1


def test_a_fault_hits_from_the_nth_request_and_so_many_times(own_server):
    order(own_server, "status", status=500, times=2, match={"nth": 3})
    statuses = [own_server.call("POST", "Other", {"fields": {}}).status_code for _ in range(6)]
    assert statuses == [200, 200, 500, 500, 200, 200]
    (rule,) = own_server.box.faults()
    assert (rule["seen"], rule["hits"]) == (6, 2)


def test_a_fault_without_an_end_lasts_until_it_is_cleared(own_server):
    order(own_server, "status", status=502, times=None)
    assert {own_server.call("POST", "Other", {"fields": {}}).status_code for _ in range(5)} == {502}
    assert own_server.box.faults(clear=True) == []
    assert own_server.call("POST", "Other", {"fields": {}}).status_code == 200


@pytest.mark.parametrize(
    "match",
    [{"service": "wix"}, {"method": "PATCH"}, {"path": "/v0/*/Every"}, {"path": "Every"}, {"path": "/v0/app0*"}],
)
def test_a_fault_hits_only_what_it_matches(own_server, match):
    order(own_server, "status", status=500, match=match)
    if own_server.id.startswith("app0"):
        pytest.skip("the base's random id is one of those")
    assert own_server.call("POST", "Other", {"fields": {}}).status_code == 200


def test_a_fault_matches_the_decoded_path(own_server):
    order(own_server, "status", status=500, match={"path": "/v0/*/Odd / name + 100%"})
    assert own_server.call("POST", "Odd%20%2F%20name%20%2B%20100%25", {"fields": {}}).status_code == 500


def test_a_dropped_connection_is_counted_as_dropped(own_server):
    order(own_server, "drop_before", times=2)
    for _ in range(2):
        with pytest.raises(LOST):
            own_server.call("POST", "Other", {"fields": {}})
    assert own_server.box.stats()["airtable"][own_server.id]["dropped"] == 2


@pytest.mark.parametrize(
    "rule",
    [
        1,
        "drop_before",
        {},
        {"kind": "explode"},
        {"kind": []},
        {"kind": "delay", "seconds": "long"},
        {"kind": "delay", "seconds": []},
        {"kind": "drop_before", "times": 0},
        {"kind": "drop_before", "times": True},
        {"kind": "drop_before", "match": ["x"]},
        {"kind": "drop_before", "match": {"nth": 0}},
        {"kind": "drop_before", "match": {"service": "azure"}},
        {"kind": "drop_before", "match": {"verb": "GET"}},
        {"kind": "drop_before", "tims": 1},
        {"kind": "status", "status": "x"},
        {"kind": "status", "headers": ["x"]},
    ],
    ids=repr,
)
def test_a_fault_that_cannot_be_is_refused_in_words_and_not_kept(own_server, rule):
    good = {"kind": "drop_before", "match": {"path": "/nowhere"}}
    answer = requests.post(own_server.url("/_sandbox/faults"), json={"rules": [good, rule]}, timeout=10)
    assert answer.status_code == 400
    assert len(answer.json()["error"]) > 10
    assert own_server.box.faults() == []


# ------------------------------------------------------------------ the clock


def test_the_clock_moves_every_time_stamp(own_server):
    own_server.box.clock(now="2030-01-02T03:04:05Z")
    made = own_server.make("Other", Title="x")
    assert made["createdTime"].startswith("2030-01-02T03:04:0")
    own_server.box.clock(advance=-86_400)
    assert own_server.make("Other", Title="x")["createdTime"].startswith("2030-01-01T03:04:")


@pytest.mark.parametrize(
    "body", [{}, {"advance": "1"}, {"advance": True}, {"advance": None}, {"now": 5}, {"now": "soon"}, [], 1], ids=repr
)
def test_a_clock_that_cannot_be_is_refused_in_words(own_server, body):
    before = own_server.box.clock()
    answer = requests.post(own_server.url("/_sandbox/clock"), json=body, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert own_server.box.clock()[:16] == before[:16]


def test_latency_is_added_to_each_answer(connect):
    with Sandbox(requests_per_second="off", latency=60) as box:
        base = connect(box)
        began = time.monotonic()
        base.ok("GET", "Other")
        assert time.monotonic() - began >= 0.06
