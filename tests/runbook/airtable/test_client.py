"""The client: what it sends again and what never, what it says where Airtable refuses, what it notes."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.errors import AirtableError, BudgetSpent
from runbook.state import State
from sandbox import Sandbox

BASE = "appFleet000000001"
SEED: dict[str, Any] = {
    "base": {"id": BASE, "name": "Fleet"},
    "tables": [
        {
            "name": "Trucks / Vans",
            "fields": [
                {"name": "Legacy Wix ID", "type": "singleLineText"},
                {"name": "Wheels", "type": "number", "options": {"precision": 0}},
                {"name": "Kind", "type": "singleSelect", "options": {"choices": [{"name": "box"}]}},
            ],
        }
    ],
}
TABLE = "Trucks / Vans"
MERGE_ON = ["Legacy Wix ID"]
WRITE = {"service": "airtable", "path": "/v0/appFleet000000001/*"}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(f"sqlite:///{tmp_path / 'state.db'}") as opened:
        yield opened


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(seed=SEED, requests_per_second="off") as running:
        yield running


@pytest.fixture
def make(state: State) -> Iterator[Callable[..., Airtable]]:
    made: list[Airtable] = []

    def build(url: str, key: str = "patKey", rate: float | None = None, **more: Any) -> Airtable:
        settings: dict[str, Any] = {"backoff": 0.001, "timeout": (5, 30), **more}
        made.append(
            Airtable(key, url=url, rate_limiter=lambda base: RateLimiter(state, base, rate, penalty=0.01), **settings)
        )
        return made[-1]

    yield build
    for one in made:
        one.close()


@pytest.fixture
def airtable(box: Sandbox, make: Callable[..., Airtable]) -> Airtable:
    return make(box.airtable_url, box.token)


def rows(n: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"Legacy Wix ID": f"t{start + i}", "Wheels": i} for i in range(n)]


def ids_there(airtable: Airtable) -> list[str]:
    return sorted(record["fields"]["Legacy Wix ID"] for record in airtable.records(BASE, TABLE))


def statuses(airtable: Airtable) -> list[int]:
    return [row.status for row in airtable.log.rows()]


# What it can do


def test_records_are_created_changed_found_and_deleted(airtable: Airtable) -> None:
    made = airtable.create(BASE, TABLE, rows(3))
    again = airtable.upsert(
        BASE, TABLE, [{"Legacy Wix ID": "t1", "Wheels": None}, {"Legacy Wix ID": "t9", "Wheels": 4}], MERGE_ON
    )
    assert again[0]["id"] == made[1]["id"]
    assert "Wheels" not in again[0]["fields"]
    airtable.update(BASE, TABLE, [{"id": made[0]["id"], "fields": {"Wheels": 18}}])
    found = list(airtable.records(BASE, TABLE, fields=["Wheels"], formula="{Wheels}>3", sort=["-Wheels"]))
    assert [record["fields"] for record in found] == [{"Wheels": 18}, {"Wheels": 4}]
    assert airtable.delete(BASE, TABLE, [made[0]["id"]]) == [made[0]["id"]]
    assert ids_there(airtable) == ["t1", "t2", "t9"]


def test_the_schema_is_made_and_changed(airtable: Airtable, box: Sandbox) -> None:
    assert airtable.whoami()["id"].startswith("usr")
    assert [base["id"] for base in airtable.bases()] == [BASE]
    spec = {"name": "Drivers", "fields": [{"name": "Name", "type": "singleLineText"}]}
    base = airtable.create_base("New", box.workspace_id, [spec])["id"]
    table = airtable.create_table(base, {**spec, "name": "Routes"})["id"]
    field = airtable.create_field(base, table, {"name": "Miles", "type": "number", "options": {"precision": 1}})["id"]
    airtable.update_table(base, table, {"description": "Where to"})
    airtable.update_field(base, table, field, {"name": "Way"})
    there = {table["name"]: table for table in airtable.tables(base)}
    assert there["Routes"]["description"] == "Where to"
    assert [field["name"] for field in there["Routes"]["fields"]] == ["Name", "Way"]


def test_a_list_is_read_page_by_page_and_a_long_filter_goes_by_post(airtable: Airtable) -> None:
    for start in range(0, 120, 10):
        airtable.create(BASE, TABLE, rows(10, start))
    assert len(list(airtable.records(BASE, TABLE, page_size=50))) == 120
    formula = "OR(" + ",".join(f"{{Legacy Wix ID}}='{'x' * 400}{n}'" for n in range(60)) + ",{Legacy Wix ID}='t7')"
    found = list(airtable.records(BASE, TABLE, formula=formula, fields=["Wheels"], sort=["Wheels"]))
    assert [record["fields"] for record in found] == [{"Wheels": 7}]
    assert airtable.log.rows()[-1].method == "POST"


def test_a_list_whose_iterator_expired_is_begun_anew_and_no_record_comes_twice(
    box: Sandbox, airtable: Airtable
) -> None:
    for start in range(0, 30, 10):
        airtable.create(BASE, TABLE, rows(10, start))
    records = airtable.records(BASE, TABLE, page_size=10)
    first = [next(records)["id"] for _ in range(10)]
    box.clock(advance=3600)
    rest = [record["id"] for record in records]
    assert len({*first, *rest}) == len(first) + len(rest) == 30
    assert 422 in statuses(airtable)


@pytest.mark.parametrize("n", [0, 11])
def test_a_wrong_number_of_records_is_refused_before_it_is_sent(airtable: Airtable, n: int) -> None:
    with pytest.raises(ValueError, match="1 to 10"):
        airtable.upsert(BASE, TABLE, rows(n), MERGE_ON)
    with pytest.raises(ValueError, match="1 to 10"):
        airtable.update(BASE, TABLE, rows(n))
    with pytest.raises(ValueError, match="1 to 10"):
        airtable.create(BASE, TABLE, rows(n))
    with pytest.raises(ValueError, match="1 to 10"):
        airtable.delete(BASE, TABLE, ["rec"] * n)
    assert len(airtable.log) == 0


def test_an_upsert_without_a_key_is_refused_before_it_is_sent(airtable: Airtable) -> None:
    with pytest.raises(ValueError, match="at each call"):
        airtable.upsert(BASE, TABLE, [{"Wheels": 4}], MERGE_ON)
    assert len(airtable.log) == 0


# What goes wrong on the way


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_before"},
        {"kind": "drop_after_commit"},
        {"kind": "truncate"},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 502},
        {"kind": "status", "status": 503, "headers": {"Retry-After": "0"}},
        {"kind": "status", "status": 504},
        {"kind": "status", "status": 200, "body": "<html>not JSON"},
    ],
    ids=lambda fault: "-".join(str(part) for part in list(fault.values())[:2]),
)
def test_an_upsert_goes_out_again_and_makes_no_double(box: Sandbox, airtable: Airtable, fault: dict[str, Any]) -> None:
    box.faults({**fault, "match": {**WRITE, "method": "PATCH"}, "times": 2})
    made = airtable.upsert(BASE, TABLE, rows(10), MERGE_ON)
    assert len(made) == 10
    assert len(airtable.log) == 3
    assert ids_there(airtable) == sorted(f"t{n}" for n in range(10))


@pytest.mark.parametrize(
    ("fault", "there"),
    [
        ({"kind": "drop_before"}, 0),
        ({"kind": "drop_after_commit"}, 1),
        ({"kind": "truncate"}, 1),
        ({"kind": "status", "status": 500}, 0),
        ({"kind": "status", "status": 504}, 0),
    ],
)
def test_a_create_never_goes_out_twice(box: Sandbox, airtable: Airtable, fault: dict[str, Any], there: int) -> None:
    box.faults({**fault, "match": {**WRITE, "method": "POST"}})
    with pytest.raises(AirtableError) as caught:
        airtable.create(BASE, TABLE, rows(1))
    assert caught.value.kind == "OUTCOME_UNKNOWN" or caught.value.status in (500, 504)
    assert len(airtable.log) == 1
    assert len(ids_there(airtable)) == there


@pytest.mark.parametrize("status", [502, 503])
def test_a_create_that_did_nothing_goes_out_again(box: Sandbox, airtable: Airtable, status: int) -> None:
    box.faults({"kind": "status", "status": status, "match": {**WRITE, "method": "POST"}})
    airtable.create(BASE, TABLE, rows(1))
    assert ids_there(airtable) == ["t0"]


def test_a_read_timeout_is_an_unknown_outcome_for_a_create_and_passes_for_an_upsert(
    box: Sandbox, make: Callable[..., Airtable]
) -> None:
    airtable = make(box.airtable_url, box.token, timeout=(5, 0.3))
    box.faults({"kind": "delay", "seconds": 1, "match": {**WRITE, "method": "POST"}})
    with pytest.raises(AirtableError, match="is not known") as caught:
        airtable.create(BASE, TABLE, rows(1))
    assert caught.value.kind == "OUTCOME_UNKNOWN"
    assert caught.value.status is None
    box.faults({"kind": "delay", "seconds": 1, "match": {**WRITE, "method": "PATCH"}})
    airtable.upsert(BASE, TABLE, rows(1, 5), MERGE_ON)
    assert statuses(airtable)[-2:] == [0, 200]


def test_what_keeps_failing_is_told_after_some_tries(box: Sandbox, airtable: Airtable) -> None:
    box.faults({"kind": "status", "status": 503, "times": None})
    with pytest.raises(AirtableError) as caught:
        airtable.upsert(BASE, TABLE, rows(1), MERGE_ON)
    assert caught.value.status == 503
    assert len(airtable.log) == 6


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client sleeps, without sleeping."""
    slept: list[float] = []
    monkeypatch.setattr("runbook.airtable.client.time", SimpleNamespace(sleep=slept.append))
    middle = SimpleNamespace(uniform=lambda low, high: (low + high) / 2)
    monkeypatch.setattr("runbook.airtable.client.random", middle)
    return slept


def test_the_wait_between_attempts_doubles_or_is_what_airtable_asks_for(
    box: Sandbox, make: Callable[..., Airtable], waits: list[float]
) -> None:
    airtable = make(box.airtable_url, box.token, backoff=0.5)
    box.faults({"kind": "status", "status": 503, "times": 5})
    assert airtable.whoami()["id"].startswith("usr")
    assert waits == [0.5, 1, 2, 4, 8]
    waits.clear()
    box.faults(
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 503, "headers": {"Retry-After": "3"}},
        clear=True,
    )
    airtable.whoami()
    assert waits == [0.5, 3]


def test_a_429_that_no_base_is_the_reason_of_is_slept_out_ten_times(
    box: Sandbox, airtable: Airtable, waits: list[float]
) -> None:
    box.faults(
        {"kind": "status", "status": 429, "headers": {"Retry-After": "7"}},
        {"kind": "status", "status": 429, "headers": {}, "times": None},
    )
    with pytest.raises(AirtableError) as caught:
        airtable.whoami()
    assert caught.value.status == 429
    assert waits == [7, *[30] * 9]
    assert statuses(airtable) == [429] * 11


def test_a_list_that_keeps_expiring_is_an_error(box: Sandbox, airtable: Airtable) -> None:
    body = {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}
    box.faults({"kind": "status", "status": 422, "body": body, "times": None})
    with pytest.raises(AirtableError, match="ITERATOR_NOT_AVAILABLE"):
        list(airtable.records(BASE, TABLE))
    assert len(airtable.log) == 6


def test_a_refused_connection_is_tried_again_and_said(make: Callable[..., Airtable]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    airtable = make(url)
    with pytest.raises(AirtableError, match=r"cannot be reached.*nothing was sent") as caught:
        airtable.create(BASE, TABLE, rows(1))
    assert caught.value.status is None
    assert len(airtable.log) > 1


def test_both_bodies_of_a_429_are_sat_out(box: Sandbox, airtable: Airtable) -> None:
    single = {"error": {"type": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}}
    plural = {"errors": [{"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}]}
    for body in (single, plural):
        box.faults({"kind": "status", "status": 429, "body": body, "headers": {"Retry-After": "0"}})
    airtable.create(BASE, TABLE, rows(1))
    assert statuses(airtable) == [429, 429, 200]
    assert ids_there(airtable) == ["t0"]


@pytest.mark.slow
def test_threads_that_pass_the_limit_pause_once_and_all_get_through(
    state: State, make: Callable[..., Airtable]
) -> None:
    with Sandbox(seed=SEED, requests_per_second=10, penalty=0.5) as box:
        airtable = Airtable(
            box.token,
            url=box.airtable_url,
            rate_limiter=lambda base: RateLimiter(state, base, 200, penalty=1.2),
            backoff=0.001,
        )
        start = threading.Barrier(14)

        def run(n: int) -> None:
            start.wait()
            airtable.upsert(BASE, TABLE, rows(1, n), MERGE_ON)

        threads = [threading.Thread(target=run, args=(n,)) for n in range(14)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told = box.stats()["airtable"][BASE]
        assert told["429"] >= 1
        assert told["429"] < 14
        assert told["recordsWritten"] == 14
        airtable.close()


def test_a_spent_month_is_told_at_once(box: Sandbox, airtable: Airtable) -> None:
    body = {"errors": [{"error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED"}]}
    box.faults({"kind": "status", "status": 429, "body": body, "times": None})
    with pytest.raises(BudgetSpent, match="first of next month"):
        airtable.upsert(BASE, TABLE, rows(1), MERGE_ON)
    assert len(airtable.log) == 1


def test_deleting_what_a_lost_answer_has_deleted_is_no_error(box: Sandbox, airtable: Airtable) -> None:
    made = [record["id"] for record in airtable.create(BASE, TABLE, rows(10))]
    airtable.delete(BASE, TABLE, made[:2])
    box.faults({"kind": "drop_after_commit", "match": {**WRITE, "method": "DELETE"}})
    airtable.delete(BASE, TABLE, made[:6])
    assert ids_there(airtable) == ["t6", "t7", "t8", "t9"]


# What it says


def test_errors_say_what_airtable_said_and_what_would_be_right(box: Sandbox, make: Callable[..., Airtable]) -> None:
    airtable = make(box.airtable_url, box.token)
    with pytest.raises(AirtableError, match='Field "Wheels" cannot accept') as caught:
        airtable.upsert(BASE, TABLE, [{"Legacy Wix ID": "a", "Wheels": "many"}], MERGE_ON)
    assert (caught.value.status, caught.value.kind) == (422, "INVALID_VALUE_FOR_COLUMN")
    with pytest.raises(AirtableError, match=r"data\.records:read"):
        list(airtable.records(BASE, "Nothing"))
    with pytest.raises(AirtableError, match=r"data\.records:write"):
        airtable.upsert(BASE, "Nothing", rows(1), MERGE_ON)
    with pytest.raises(AirtableError, match=r"schema\.bases:read"):
        airtable.tables("appNothing0000001")
    with pytest.raises(AirtableError, match="AIRTABLE_BASE_ID") as caught:
        airtable.upsert("appNothing0000001", "x", rows(1), MERGE_ON)
    assert (caught.value.status, caught.value.kind) == (404, "NOT_FOUND")
    with pytest.raises(AirtableError, match="AIRTABLE_WORKSPACE_ID"):
        airtable.create_base("x", "wspNothing0000001", [{"name": "a", "fields": [{"name": "b", "type": "number"}]}])
    assert {row.status for row in airtable.log.rows()} == {403, 404, 422}


def test_a_token_that_is_not_let_in_is_told_by_its_variable(make: Callable[..., Airtable]) -> None:
    with Sandbox(seed=SEED, requests_per_second="off", token="patRight") as box:
        airtable = make(box.airtable_url, "patWrongAndSecret")
        with pytest.raises(AirtableError, match="AIRTABLE_API_KEY is not a valid token") as caught:
            airtable.whoami()
    assert caught.value.status == 401
    assert "patWrong" not in str(caught.value)


def test_the_key_is_nowhere_to_be_seen(box: Sandbox, make: Callable[..., Airtable], tmp_path: Path) -> None:
    airtable = make(box.airtable_url, "patVerySecret")
    box.faults({"kind": "drop_before", "times": None})
    with pytest.raises(AirtableError) as caught:
        airtable.upsert(BASE, TABLE, rows(1), MERGE_ON)
    airtable.log.write(tmp_path / "requests.jsonl")
    error: BaseException | None = caught.value
    seen = [repr(airtable), (tmp_path / "requests.jsonl").read_text(), repr(airtable.log.summary())]
    while error is not None:
        seen.append(repr(error))
        error = error.__cause__ or error.__context__
    assert not [text for text in seen if "VerySecret" in text]


def test_a_netrc_file_does_not_replace_the_token(
    make: Callable[..., Airtable], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Sandbox(seed=SEED, requests_per_second="off", token="patRight") as box:
        assert make(box.airtable_url, "patRight").whoami()["id"].startswith("usr")


# What it notes


def test_every_try_is_noted_once_and_written_once(box: Sandbox, airtable: Airtable, tmp_path: Path) -> None:
    box.faults({"kind": "status", "status": 503}, {"kind": "drop_before"})
    airtable.upsert(BASE, TABLE, rows(1), MERGE_ON)
    path = tmp_path / "requests" / "phase.jsonl"
    airtable.log.write(path)
    list(airtable.records(BASE, TABLE))
    airtable.log.write(path)
    airtable.log.write(path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["method"], line["what"], line["status"]) for line in lines] == [
        ("PATCH", f"upsert {TABLE}", 503),
        ("PATCH", f"upsert {TABLE}", 0),
        ("PATCH", f"upsert {TABLE}", 200),
        ("GET", f"list records of {TABLE}", 200),
    ]
    assert lines[0].keys() == {"at", "ms", "status", "method", "what"}


def test_the_first_page_of_a_filter_is_not_measured(airtable: Airtable) -> None:
    airtable.create(BASE, TABLE, [{"Wheels": number} for number in range(3)])
    limiter = airtable.rate_limiter(BASE)
    before = len(limiter._latencies)
    assert before == 1  # of the request that created them
    assert len(list(airtable.records(BASE, TABLE, formula="{Wheels}>=0", page_size=2))) == 3
    assert len(limiter._latencies) == before + 1  # the second page's
    assert len(list(airtable.records(BASE, TABLE))) == 3
    assert len(limiter._latencies) == before + 2
