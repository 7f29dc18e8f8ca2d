"""How long a call waits: for its turn, no longer than it was told; a load and the mirror wait as long as it takes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from records_kit import CATALOG, Both
from runbook import patience
from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import NoTurn, RateLimiter
from runbook.airtable.responses import NO_TURN
from runbook.errors import AirtableError, SourceDown
from runbook.mirror import Mirror
from runbook.patience import turn_limit, unlimited
from runbook.records import AirtableRecords, WixRecords
from runbook.schema import apply_schema, plan_schema
from runbook.schema.base import find_or_create_base
from runbook.state import State
from runbook.wix.client import WixClient
from sandbox import Sandbox

KITS = Path(__file__).parents[2] / "kits"
PAUSED = "all pause for another"
WAYS: dict[str, Callable[..., object]] = {
    "insert": lambda r, **how: r.insert("Carriers", {"_id": "c", "trucks": 3}, **how),
    "insert of many": lambda r, **how: r.bulk_insert("Carriers", [{"trucks": n} for n in range(25)], **how),
    "insert once": lambda r, **how: r.insert_once("Carriers", {"dot_number": "80321"}, **how),
    "update": lambda r, **how: r.update("Carriers", {"_id": "a", "trucks": 9}, **how),
    "patch": lambda r, **how: r.patch("Carriers", "a", {"trucks": 2}, **how),
    "change": lambda r, **how: r.change("Carriers", "a", lambda item: {"trucks": item["trucks"] + 1}, **how),
    "remove": lambda r, **how: r.remove("Carriers", "a", **how),
    "read": lambda r: r.get_all("Carriers", consistent=True),
}


class Limited:
    """Records over the same base, under a rate limiter of their own, with Airtable's penalty."""

    def __init__(self, both: Both, penalty: float = 30.0) -> None:
        self.both = both
        self.api = Airtable(
            both.box.token,
            url=both.box.airtable_url,
            rate_limiter=lambda base: RateLimiter(both.state, base, 50, penalty=penalty),
            log=both.api.log,
            backoff=0.001,
            tries=3,
        )
        self.records = AirtableRecords(self.api, both.base, CATALOG, both.state)
        self.limiter = self.api.rate_limiter(both.base)

    def release(self) -> None:
        """End the pause."""
        with self.both.state.rate_limits._db.writing() as connection:
            connection.exec_driver_sql("UPDATE rate_limit SET next = 0, held_until = 0")


@pytest.fixture
def limited(both: Both) -> Iterator[Limited]:
    made = Limited(both)
    yield made
    made.release()
    made.api.close()


def answer_429(both: Both, times: int | None = None, *, retry_after: str | None = None, **rule: Any) -> None:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    both.box.faults({"times": times, "kind": "status", "status": 429, "headers": headers, **rule})


@pytest.mark.parametrize("way", WAYS)
def test_a_429_that_pauses_longer_than_the_call_waits_is_said_at_once(both: Both, limited: Limited, way: str) -> None:
    both.bare.insert("Carriers", {"_id": "a", "trucks": 1})
    answer_429(both)
    before = both.request_count()
    with pytest.raises(SourceDown, match=PAUSED) as caught:
        WAYS[way](limited.records)
    assert caught.value.done is False
    assert both.request_count() - before == 1
    assert both.state.rate_limits.held(both.base) > 25  # the pause stands, for all
    both.box.faults(clear=True)
    with pytest.raises(SourceDown, match=PAUSED):  # and the next call sends nothing
        WAYS[way](limited.records)
    assert both.request_count() - before == 1
    assert [item["trucks"] for item in both.bare.get_all("Carriers", consistent=True)] == [1]
    limited.release()
    limited.limiter._paused_until = 0.0
    WAYS[way](limited.records)


def test_a_call_waits_as_long_as_it_was_told(both: Both, limited: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "GRACE", 0.0)
    answer_429(both, 1, retry_after="0.3")
    with pytest.raises(SourceDown, match=PAUSED):
        limited.records.insert("Carriers", {"trucks": 1}, wait=0.1)
    answer_429(both, 1, retry_after="0.3")
    limited.release()
    assert limited.records.insert("Carriers", {"trucks": 1}, wait=20)["trucks"] == 1


def test_many_short_pauses_count_together(both: Both, limited: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "GRACE", 1.0)
    answer_429(both, retry_after="0.3")
    before = both.request_count()
    with pytest.raises(SourceDown, match=PAUSED) as caught:
        limited.records.insert("Carriers", {"trucks": 1})
    assert caught.value.done is False
    assert 2 <= both.request_count() - before <= 4  # ten without a bound


def test_what_may_have_been_done_is_not_called_undone(both: Both, limited: Limited) -> None:
    both.box.faults({"match": {"method": "PATCH"}, "kind": "drop_after_commit", "times": 1})
    answer_429(both, match={"method": "PATCH"})
    with pytest.raises(SourceDown, match="not known") as caught:
        limited.records.insert("Carriers", {"_id": "c"})
    assert caught.value.done is None
    both.box.faults(clear=True)
    assert both.bare.get("Carriers", "c", consistent=True) is not None


def test_another_try_of_one_that_may_have_been_done_is_not_called_undone(both: Both, limited: Limited) -> None:
    for _ in range(3):
        both.box.faults({"match": {"method": "PATCH"}, "kind": "drop_after_commit", "times": 1})
    answer_429(both, match={"method": "PATCH"})
    with pytest.raises(SourceDown, match="not known") as caught:
        limited.records.insert("Carriers", {"_id": "c"}, wait=10)
    assert caught.value.done is None


def test_many_that_stop_at_a_429_say_how_many_stand(both: Both, limited: Limited) -> None:
    both.box.faults({"match": {"method": "PATCH", "nth": 2}, "times": None, "kind": "status", "status": 429})
    with pytest.raises(SourceDown, match="10 of 25 items were written") as caught:
        WAYS["insert of many"](limited.records)
    assert caught.value.done is None
    both.box.faults(clear=True)
    assert both.bare.count("Carriers", consistent=True) == 10


def test_the_mirrors_own_reading_keeps_its_patience(
    both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.bare.insert("Carriers", {"_id": "a"})
    monkeypatch.setattr(patience, "GRACE", 0.0)
    limited = Limited(both, penalty=0.2)
    mirror = Mirror(limited.api, both.base, CATALOG, both.state, tmp_path / "new.db")
    records = AirtableRecords(limited.api, both.base, CATALOG, both.state, mirror=mirror)
    answer_429(both, 2)
    assert [item["_id"] for item in records.query("Carriers")] == ["a"]  # which loads the mirror
    answer_429(both, 1)
    with pytest.raises(SourceDown):
        records.query("Carriers", consistent=True)
    mirror.close()
    limited.api.close()


def test_wix_is_waited_for_no_longer_than_the_call_says(both: Both) -> None:
    slept: list[float] = []
    client = WixClient(both.box.wix_url, both.box.wix_key, both.box.site_id, sleep=slept.append)
    records = WixRecords(client, CATALOG, both.state.locks)
    both.wix.insert("Carriers", {"_id": "a", "trucks": 1})
    answer_429(both)
    for way in WAYS:
        slept.clear()
        with pytest.raises(SourceDown) as caught:
            WAYS[way](records)
        assert caught.value.done is False
        assert slept == [3.0]  # the next pause, of 6 s, is too long
    slept.clear()
    with unlimited(), pytest.raises(SourceDown):
        records.get("Carriers", "a")
    assert sum(slept) > 300
    client.close()


def test_patience_is_of_the_thread_that_has_it() -> None:
    found: list[float] = []
    with patience.patience(0.0):
        assert turn_limit() < float("inf")
        thread = threading.Thread(target=lambda: found.append(turn_limit()))
        thread.start()
        thread.join()
        with patience.patience(60.0):
            longer = turn_limit()
            with patience.patience(0.0):
                assert turn_limit() == longer
            with unlimited():
                assert turn_limit() == float("inf")
    assert found == [float("inf")] == [turn_limit()]


# At the limit of the rate


@pytest.mark.slow
def test_two_processes_at_a_real_lockout_give_up_and_send_nothing(tmp_path: Path) -> None:
    with Sandbox(requests_per_second=5, penalty=12, plan="business") as box:
        state_url, base = f"sqlite:///{tmp_path / 'state.db'}", _base(box, tmp_path)
        command = [sys.executable, str(KITS / "patient_process.py"), box.airtable_url, state_url, box.token, base]
        started = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
        ]
        try:
            assert [_line(process) for process in started] == ["ready", "ready"]
            _at_a_lockout(box, base, *started)
        finally:
            for process in started:
                process.kill()
                process.communicate()


def test_a_queue_that_is_too_long_is_not_joined(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "GRACE", 0.4)
    slow = RateLimiter(both.state, "appSlow", 2)
    api = Airtable(both.box.token, url=both.box.airtable_url, rate_limiter=lambda base: slow)
    before = both.request_count()
    slow.wait()  # one in flight, the next half a second away

    def call() -> Any:
        with patience.patience(0.0):
            return api.request("GET", "meta/whoami", scope=None, base="appSlow")

    for _ in range(3):
        with pytest.raises(AirtableError, match="too many are queued") as caught:
            call()
        assert caught.value.kind == NO_TURN
    assert both.request_count() == before
    slow.wait()  # those who gave up have left no gap
    assert both.state.rate_limits.reserve("appSlow", 0.0) == pytest.approx(slow.interval, abs=0.2)
    api.close()


def test_a_thread_behind_one_that_sleeps_through_a_pause_gives_up(both: Both) -> None:
    limiter = RateLimiter(both.state, "appPaused", 50, penalty=1.0)
    other = RateLimiter(both.state, "appPaused", 50, penalty=1.0)
    limiter.wait()
    other.pause()
    patient = threading.Thread(target=limiter.wait)  # as the mirror's thread does
    patient.start()
    with pytest.raises(NoTurn) as caught:
        limiter.wait(time.monotonic() + 0.05)
    assert caught.value.paused > 0.3
    patient.join()


def _at_a_lockout(box: Sandbox, base: str, one: subprocess.Popen[str], other: subprocess.Popen[str]) -> None:
    headers = {"Authorization": f"Bearer {box.token}"}
    while requests.get(f"{box.airtable_url}/v0/{base}/x", headers=headers, timeout=9).status_code != 429:
        pass  # someone else, who keeps no limit, trips it
    assert _tell(one, 0) == "down, done False: 1 requests"
    assert _tell(other, 0) == "down, done False: 0 requests"
    assert _tell(one, 0) == "down, done False: 1 requests"
    assert _tell(other, 60) == "inserted"
    assert _tell(one, 0) == "inserted"


def _base(box: Sandbox, folder: Path) -> str:
    """A base with the catalog's tables."""
    with State(f"sqlite:///{folder / 'state.db'}") as state:
        api = Airtable(box.token, url=box.airtable_url, rate_limiter=lambda base: RateLimiter(state, base, 5))
        base = find_or_create_base(
            api, state, base_id=None, workspace_id=box.workspace_id, name="Records", catalog=CATALOG
        )
        apply_schema(plan_schema(CATALOG, [*CATALOG.collections.values()], api.tables(base)), api, base)
        api.close()
        return base


def _tell(process: subprocess.Popen[str], wait: float) -> str:
    assert process.stdin is not None
    process.stdin.write(f"{wait}\n")
    process.stdin.flush()
    return _line(process)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
