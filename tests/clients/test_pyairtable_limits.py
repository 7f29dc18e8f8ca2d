"""pyairtable against limits and faults: lock-outs, retries, time-outs, dropped connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pyairtable
import pytest
import requests
from pyairtable import retry_strategy

from sandbox.in_process import Sandbox

pytestmark = pytest.mark.slow

SEED = {
    "base": {"name": "Small"},
    "tables": [{"name": "T", "fields": [{"name": "Name", "type": "singleLineText"}]}],
}
MESSAGE = "Rate limit exceeded. Please try again later"


@pytest.fixture
def limited() -> Iterator[Sandbox]:
    """A server with the real limit, and a lock-out of 30 seconds on a clock that tests can move."""
    with Sandbox() as running:
        yield running


def small(box: Sandbox, connect: Callable[..., pyairtable.Api], **options: Any) -> pyairtable.Table:
    return connect(box, **options).table(box.seed(SEED)["id"], "T")


def test_the_sixth_request_of_a_second_locks_the_base_out_for_30_seconds(
    limited: Sandbox, connect: Callable[..., pyairtable.Api]
) -> None:
    table = small(limited, connect, retry_strategy=None)
    for _ in range(5):
        table.all()
    with pytest.raises(requests.HTTPError) as caught:
        table.all()
    assert caught.value.response.status_code == 429
    assert caught.value.response.json() == {"errors": [{"error": "RATE_LIMIT_REACHED", "message": MESSAGE}]}
    limited.clock(advance=29)
    with pytest.raises(requests.HTTPError, match="429"):
        table.create({"Name": "x"})
    limited.clock(advance=2)
    assert table.all() == []
    assert limited.stats()["airtable"][table.base.id]["lockouts"] == 1


def test_a_locked_out_base_does_not_lock_its_neighbour(
    limited: Sandbox, connect: Callable[..., pyairtable.Api]
) -> None:
    one, two = (small(limited, connect, retry_strategy=None) for _ in range(2))
    for _ in range(5):
        one.all()
    with pytest.raises(requests.HTTPError, match="429"):
        one.all()
    assert two.create({"Name": "fine"})["fields"] == {"Name": "fine"}


def test_the_default_strategy_gives_up_on_a_lock_out_after_six_tries(
    limited: Sandbox, connect: Callable[..., pyairtable.Api]
) -> None:
    table = small(limited, connect)
    for _ in range(5):
        table.all()
    began = time.monotonic()
    with pytest.raises(requests.exceptions.RetryError):
        table.create({"Name": "x"})
    assert 2.5 < time.monotonic() - began < 20
    told = limited.stats()["airtable"][table.base.id]
    assert (told["requests"], told["429"], told["lockouts"], told["recordsWritten"]) == (11, 6, 1, 0)


def test_a_short_lock_out_is_ridden_out_by_the_default_strategy(connect: Callable[..., pyairtable.Api]) -> None:
    with Sandbox(penalty=1) as box:
        table = small(box, connect)
        for number in range(8):
            table.create({"Name": str(number)})
        assert [record["fields"]["Name"] for record in table.all()] == [str(number) for number in range(8)]
        assert box.stats()["airtable"][table.base.id]["lockouts"] >= 1


def test_the_documented_429_body_reaches_the_user_by_its_type(connect: Callable[..., pyairtable.Api]) -> None:
    with Sandbox(single_429_body=True) as box:
        table = small(box, connect, retry_strategy=None)
        for _ in range(5):
            table.all()
        with pytest.raises(requests.HTTPError) as caught:
            table.all()
        assert caught.value.args[1] == repr({"type": "RATE_LIMIT_REACHED", "message": MESSAGE})


def test_the_monthly_cap_is_a_429_of_its_own_and_meta_keeps_answering(
    connect: Callable[..., pyairtable.Api],
) -> None:
    with Sandbox(plan="free", requests_per_second=10_000, requests_per_second_of_token=10_000) as box:
        table = small(box, connect, retry_strategy=None)
        for _ in range(1000):
            table.first()
        with pytest.raises(requests.HTTPError) as caught:
            table.first()
        assert caught.value.response.status_code == 429
        assert caught.value.response.json() == {"errors": [{"error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED"}]}
        assert table.schema().name == "T"
        box.clock(advance=31 * 86_400)
        assert table.first() is None


def test_retries_of_a_429_end_when_the_fault_does(box: Sandbox, connect: Callable[..., pyairtable.Api]) -> None:
    table = small(box, connect)
    box.faults(
        {
            "match": {"service": "airtable", "method": "POST", "path": table.base.id},
            "kind": "status",
            "status": 429,
            "times": 2,
            "headers": {"Retry-After": "0"},
        }
    )
    assert table.create({"Name": "x"})["fields"] == {"Name": "x"}
    assert box.stats()["airtable"][table.base.id]["requests"] == 3
    assert len(table.all()) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_server_errors_are_not_retried_unless_asked_for(
    box: Sandbox, connect: Callable[..., pyairtable.Api], status: int
) -> None:
    table = small(box, connect)
    fault = {"match": {"path": table.base.id}, "kind": "status", "status": status, "times": 1}
    box.faults(fault)
    with pytest.raises(requests.HTTPError, match=str(status)):
        table.all()
    patient = small(box, connect, retry_strategy=retry_strategy(status_forcelist=(429, 500, 502, 503)))
    box.faults({**fault, "match": {"path": patient.base.id}, "times": 2})
    assert patient.all() == []
    assert box.stats()["airtable"][patient.base.id]["requests"] == 3


def test_a_read_timeout_is_the_client_s_own(box: Sandbox, connect: Callable[..., pyairtable.Api]) -> None:
    table = small(box, connect, timeout=(5, 0.5), retry_strategy=None)
    box.faults({"match": {"path": table.base.id}, "kind": "delay", "seconds": 2})
    with pytest.raises(requests.exceptions.ReadTimeout):
        table.all()
    assert table.all() == []


def test_the_default_strategy_repeats_a_create_whose_answer_was_lost(
    box: Sandbox, connect: Callable[..., pyairtable.Api]
) -> None:
    """The known danger of pyairtable: what was done and not answered is done again."""
    table = small(box, connect)
    box.faults({"match": {"method": "POST", "path": table.base.id}, "kind": "drop_after_commit"})
    table.create({"Name": "twice"})
    assert [record["fields"]["Name"] for record in table.all()] == ["twice", "twice"]
    careful = small(box, connect, retry_strategy=retry_strategy(total=3, read=0, other=0))
    box.faults({"match": {"method": "POST", "path": careful.base.id}, "kind": "drop_after_commit"})
    with pytest.raises(requests.exceptions.ConnectionError):
        careful.create({"Name": "once"})
    assert [record["fields"]["Name"] for record in careful.all()] == ["once"]


def test_an_answer_that_breaks_off_is_an_error_not_half_a_list(
    box: Sandbox, connect: Callable[..., pyairtable.Api]
) -> None:
    table = small(box, connect, retry_strategy=None)
    table.batch_create([{"Name": "x" * 100} for _ in range(10)])
    box.faults({"match": {"method": "GET", "path": table.base.id}, "kind": "truncate"})
    with pytest.raises(requests.exceptions.RequestException):
        table.all()
    assert len(table.all()) == 10


def test_a_list_iterator_that_expired_is_told_apart(connect: Callable[..., pyairtable.Api]) -> None:
    with Sandbox(requests_per_second="off", list_iterator_seconds=60) as box:
        table = small(box, connect)
        table.batch_create([{"Name": str(number)} for number in range(15)])
        pages = table.iterate(page_size=10)
        assert len(next(pages)) == 10
        box.clock(advance=61)
        with pytest.raises(requests.HTTPError) as caught:
            next(pages)
        assert caught.value.response.json()["error"]["type"] == "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"


def test_a_full_base_takes_no_more_records(connect: Callable[..., pyairtable.Api]) -> None:
    with Sandbox(plan="free", requests_per_second="off") as box:
        table = small(box, connect)
        table.batch_create([{"Name": str(number)} for number in range(1000)])
        with pytest.raises(requests.HTTPError) as caught:
            table.create({"Name": "one too many"})
        assert caught.value.response.status_code == 422
        assert len(table.all()) == 1000
