"""Limits: per base and second, per token, per month, records per base; and what is counted."""

from __future__ import annotations

import pytest

from sandbox.in_process import Sandbox
from sandbox.settings import Settings

TOO_MANY = {"errors": [{"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}]}
SINGLE = {"error": {"type": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}}


def until_429(base, path="Other", most=60, **options):
    """How many requests were let in before the first 429, and that."""
    for let_in in range(most):
        answer = base.call("GET", path, **options)
        if answer.status_code == 429:
            return let_in, answer
        assert answer.status_code == 200
    raise AssertionError(f"{most} requests were let in")


def test_the_sixth_request_in_a_second_is_429_and_thirty_seconds_of_it_follow(connect):
    with Sandbox() as box:
        base = connect(box)
        let_in, answer = until_429(base)
        assert let_in >= 5
        assert answer.json() == TOO_MANY
        assert "retry-after" not in answer.headers
        assert answer.headers["access-control-allow-origin"] == "*"
        for _ in range(20):  # the lock-out is not prolonged by knocking
            assert base.call("GET", "Other").status_code == 429
        box.clock(advance=25)
        assert base.call("GET", "Other").status_code == 429
        box.clock(advance=6)
        assert base.call("GET", "Other").status_code == 200


def test_five_requests_in_each_second_are_let_in_for_ever(connect):
    with Sandbox() as box:
        base = connect(box)
        for _ in range(8):
            for _ in range(5):
                assert base.call("GET", "Other").status_code == 200
            box.clock(advance=1.01)
        assert box.stats()["airtable"][base.id]["lockouts"] == 0


def test_every_call_to_a_base_counts_against_it_whatever_it_is(connect):
    with Sandbox() as box:
        base = connect(box)
        paths = [
            "Other",
            f"/v0/meta/bases/{base.id}/tables",
            f"/v0/bases/{base.id}/webhooks",
            "NoTable",
            "Other?pageSize=-1",
        ]
        statuses = [base.call("GET", path).status_code for path in paths * 4]
        assert 429 in statuses
        assert set(statuses[:5]) == {200, 403, 422}


def test_the_lock_out_is_of_one_base(connect):
    with Sandbox() as box:
        first, second = connect(box), connect(box)
        until_429(first)
        assert second.call("GET", "Other").status_code == 200
        assert first.call("GET", "/v0/meta/bases").status_code == 200
        assert first.call("GET", f"/v0/meta/bases/{first.id}/tables").status_code == 429


def test_a_refused_token_and_a_preflight_do_not_count(connect):
    with Sandbox() as box:
        base = connect(box)
        for _ in range(20):
            assert base.call("GET", "Other", headers={"Authorization": ""}).status_code == 401
            assert base.call("OPTIONS", "Other").status_code == 200
        assert base.call("GET", "Other").status_code == 200


def test_the_documented_body_is_a_switch(connect):
    with Sandbox(single_429_body=True) as box:
        assert until_429(connect(box))[1].json() == SINGLE


@pytest.mark.parametrize("penalty", [0, 3])
def test_the_penalty_is_a_switch(connect, penalty):
    with Sandbox(penalty=penalty) as box:
        base = connect(box)
        until_429(base)
        box.clock(advance=penalty + 1.1)
        assert base.call("GET", "Other").status_code == 200


def test_a_token_may_ask_fifty_times_a_second_over_all_bases(connect):
    assert Settings().requests_per_second_of_token == 50
    with Sandbox(requests_per_second=1000, requests_per_second_of_token=10) as box:
        first, second = connect(box), connect(box)
        statuses = [base.call("GET", "Other").status_code for _ in range(30) for base in (first, second)]
        assert 429 in statuses
        for base in (first, second):
            assert base.call("GET", "Other").json() == TOO_MANY
        other = {"Authorization": "Bearer patOfSomebodyElse"}
        assert first.call("GET", "Other", headers=other).status_code == 200
        box.clock(advance=31)
        assert first.call("GET", "Other").status_code == 200


def test_off_turns_off_every_limit_that_counts_requests(connect):
    with Sandbox(requests_per_second="off", plan="free") as box:
        base = connect(box)
        assert all(base.call("GET", "Other").status_code == 200 for _ in range(1100))


@pytest.mark.slow
def test_the_free_plan_has_a_thousand_calls_a_month_and_then_a_429_of_its_own(connect):
    with Sandbox(requests_per_second=100_000, requests_per_second_of_token=100_000, plan="free") as box:
        box.clock(now="2026-11-30T12:00:00Z")
        base, sibling = connect(box), connect(box)
        for number in range(1000):
            assert base.call("GET", "Other" if number % 2 else "Every").status_code == 200
        for element in (base, sibling):  # the cap is the workspace's
            answer = element.call("GET", "Other")
            assert answer.status_code == 429
            (error,) = answer.json()["errors"]
            assert error["error"] == "PUBLIC_API_BILLING_LIMIT_EXCEEDED"
        assert base.call("GET", f"/v0/meta/bases/{base.id}/tables").status_code == 200
        assert base.call("GET", "/v0/meta/whoami").status_code == 200
        box.clock(advance=3600)
        assert base.call("GET", "Other").status_code == 429
        box.clock(now="2026-12-01T00:00:01Z")
        assert base.call("GET", "Other").status_code == 200


@pytest.mark.slow
def test_a_base_holds_so_many_records_in_all_its_tables(connect):
    with Sandbox(requests_per_second="off", plan="free") as box:
        base, other = connect(box), connect(box)
        ten = [{"fields": {}}] * 10
        for table in ["Every", "Other"] * 49 + ["Every"]:
            base.ok("POST", table, {"records": ten})
        base.ok("POST", "Other", {"records": ten[:7]})
        payload = (422, "FAILED_STATE_CHECK", None)
        assert base.refused("POST", "Every", {"records": ten[:4]}) == payload
        base.ok("POST", "Every", {"records": ten[:3]})
        upsert = {"records": [{"fields": {"Title": "x"}}], "performUpsert": {"fieldsToMergeOn": ["Title"]}}
        assert base.refused("POST", "Other", {"fields": {}}) == payload
        assert base.refused("PATCH", "Other", upsert) == payload
        assert base.refused("POST", "Every", {"fields": {"Others": ["new"]}, "typecast": True}) == payload
        gone = base.records("Other")[0]["id"]
        base.ok("PATCH", f"Other/{gone}", {"fields": {"Title": "still changed"}})
        base.ok("DELETE", f"Other/{gone}")
        base.ok("POST", "Other", {"fields": {}})
        assert other.make(Name="x")


@pytest.mark.parametrize(("plan", "records", "calls"), [("free", 1_000, 1_000), ("team", 50_000, 100_000),
                                                        ("business", 125_000, None), ("enterprise", 500_000, None)])  # fmt: skip
def test_plans_are_as_airtable_sells_them(plan, records, calls):
    settings = Settings(plan=plan)
    assert (settings.records_per_base, settings.calls_per_month) == (records, calls)


def test_stats_count_requests_refusals_and_records_per_base_and_endpoint(connect):
    with Sandbox() as box:
        base = connect(box)
        base.ok("POST", "Other", {"records": [{"fields": {"Title": str(number)}} for number in range(3)]})
        made = base.ok("GET", "Other")["records"]
        base.ok("DELETE", "Other", params=[("records[]", record["id"]) for record in made[:2]])
        assert base.call("POST", "Other", {"fields": {"Amount": "x"}}).status_code == 422
        let_in, _ = until_429(base)
        payload = box.stats()["airtable"][base.id]
        assert payload["requests"] == 4 + let_in + 1
        assert (payload["refusals"], payload["429"], payload["lockouts"], payload["dropped"]) == (2, 1, 1, 0)
        assert payload["recordsWritten"] == 5
        assert payload["peakRequestsPerSecond"] >= 2
        create = payload["endpoints"]["POST /v0/{base}/{table}"]
        assert create == {"requests": 2, "refusals": 1, "429": 0}
        listing = payload["endpoints"]["GET /v0/{base}/{table}"]
        assert listing == {"requests": let_in + 2, "refusals": 1, "429": 1}
        base.call("GET", "/v0/meta/whoami")
        assert box.stats()["airtable"]["meta"]["requests"] == 1
