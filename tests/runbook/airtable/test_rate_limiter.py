"""The pace of a base: kept by threads and processes together, held back once by a 429, not bound by the database."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runbook.airtable.rate_limiter import JITTER, LEAST, MOST, RateLimiter
from runbook.state import State
from sandbox import Sandbox

BASE = "appFleet000000001"
SEED: dict[str, Any] = {
    "base": {"id": BASE, "name": "Fleet"},
    "tables": [{"name": "Trucks", "fields": [{"name": "Legacy Wix ID", "type": "singleLineText"}]}],
}

CLIENT = """
import sys, threading, time
from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.state import State

url, state_url, rate, threads, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
state = State(state_url)
airtable = Airtable("key", url=url, rate_limiter=lambda base: RateLimiter(state, base, rate, penalty=1))
print("ready", flush=True)
sys.stdin.readline()
end = time.monotonic() + seconds

def run():
    while time.monotonic() < end:
        airtable.request("GET", "BASE/Trucks", scope="data.records:read", base="BASE", params=[("pageSize", "1")])

each = [threading.Thread(target=run) for _ in range(threads)]
for thread in each: thread.start()
for thread in each: thread.join()
state.close()
""".replace("BASE", BASE)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(f"sqlite:///{tmp_path / 'state.db'}") as opened:
        yield opened


@pytest.mark.parametrize(("rate", "seconds"), [(20.0, 3.0), (50.0, 3.0)])
def test_two_processes_with_threads_keep_the_quota_and_use_it(tmp_path: Path, rate: float, seconds: float) -> None:
    state_url = f"sqlite:///{tmp_path / 'state.db'}"
    with Sandbox(seed=SEED, requests_per_second=rate, latency=(60, 10), penalty=1) as box:
        command = [sys.executable, "-c", CLIENT, box.airtable_url, state_url, str(rate), "4", str(seconds)]
        started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        began = time.monotonic()
        for process in started:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
        for process in started:
            process.communicate(timeout=60)
        took = time.monotonic() - began
        told = box.stats()["airtable"][BASE]
    assert [process.returncode for process in started] == [0, 0]
    assert (told["429"], told["lockouts"]) == (0, 0)
    assert told["peakRequestsPerSecond"] <= rate
    share = told["requests"] / (rate * took)
    print(
        f"\n{rate:g}/s: {told['requests']} requests in {took:.1f} s, {share:.0%} of the quota, {told['429']} times 429"
    )
    assert share > 0.5  # usually 0.9; a machine that does something else as well must not make this red


def test_slots_of_two_pacers_are_an_interval_apart(state: State) -> None:
    one, other = RateLimiter(state, BASE, 5), RateLimiter(state, BASE, 5)
    assert one.interval == pytest.approx((1 + JITTER) / 5)
    first = state.rate_limits.reserve(BASE, one.interval)
    second = state.rate_limits.reserve(BASE, other.interval)
    third = state.rate_limits.reserve(BASE, one.interval)
    assert first == pytest.approx(0, abs=0.05)
    assert second == pytest.approx(0.21, abs=0.05)
    assert third == pytest.approx(0.42, abs=0.05)


def test_ten_threads_that_see_one_429_make_one_pause(state: State) -> None:
    limiter = RateLimiter(state, BASE, 5, penalty=30)
    start = threading.Barrier(10)

    def run() -> None:
        start.wait()
        limiter.pause()

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 25 < state.rate_limits.held(BASE) <= 30
    assert 25 < state.rate_limits.reserve(BASE, 0) <= 30
    assert not state.rate_limits.hold(BASE, 30)


def test_a_429_of_another_process_holds_this_one_back(state: State) -> None:
    limiter, other = RateLimiter(state, BASE, 5), RateLimiter(state, BASE, 5)
    limiter.wait()
    other.pause(0.6)
    began = time.monotonic()
    limiter.wait()
    assert time.monotonic() - began > 0.4


def test_what_a_429_taught_is_kept(state: State) -> None:
    limiter = RateLimiter(state, BASE, 5)
    before = limiter.jitter
    limiter.pause(0.001)
    assert limiter.jitter == pytest.approx(before * 1.5)
    for _ in range(50):
        limiter.observe(0.1)
    assert limiter.jitter == pytest.approx(before * 1.5)


def test_the_jitter_follows_what_is_measured_within_bounds(state: State) -> None:
    limiter = RateLimiter(state, BASE, 5)
    assert limiter.jitter == JITTER
    for n in range(100):
        limiter.observe(0.2 + 0.1 * (n % 20) / 20)
    assert limiter.jitter == pytest.approx(1.5 * 0.09, abs=0.01)
    assert limiter.latency == pytest.approx(0.25, abs=0.01)
    for _ in range(100):
        limiter.observe(0.2)
    assert limiter.jitter == LEAST
    for n in range(100):
        limiter.observe(5.0 if n % 10 == 0 else 0.2)
    assert limiter.jitter == MOST
    assert 5 / (1 + MOST) > 0.84 * 5


def test_a_few_slow_answers_are_heeded_before_many_are_measured(state: State) -> None:
    limiter = RateLimiter(state, BASE, 5)
    for seconds in (0.1, 0.1, 0.2, 0.1, 0.1):
        limiter.observe(seconds)
    assert limiter.jitter == pytest.approx(0.15)


def test_a_high_rate_reserves_in_blocks(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = RateLimiter(state, BASE, 2000)
    asked: list[float] = []
    reserve = state.rate_limits.reserve
    monkeypatch.setattr(state.rate_limits, "reserve", lambda base, span: asked.append(span) or reserve(base, span))
    began = time.monotonic()
    for _ in range(400):
        limiter.wait()
    took = time.monotonic() - began
    print(f"\n400 slots at 2,000/s in {took:.2f} s, {len(asked)} reservations")
    assert took >= 399 / 2000 * 0.5
    assert len(asked) < 200


def test_without_a_limit_the_database_is_not_asked(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = RateLimiter(state, BASE, None)
    monkeypatch.delattr(type(state.rate_limits), "reserve")
    limiter.wait()
    assert limiter.interval == 0
    assert repr(limiter) == f"RateLimiter({BASE}, no limit)"


def test_a_clock_that_was_set_back_holds_no_one_for_hours(state: State) -> None:
    RateLimiter(state, BASE, 5)
    state.rate_limits.reserve(BASE, 7200)  # what the row looks like after the clock went back two hours
    assert state.rate_limits.reserve(BASE, 0.2) < 0.1


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_that_lets_nothing_through_is_refused(state: State, rate: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        RateLimiter(state, BASE, rate)


def test_a_process_that_dies_with_slots_in_hand_holds_up_no_one(tmp_path: Path, state: State) -> None:
    code = (
        "import os, sys; from runbook.state import State; from runbook.airtable.rate_limiter import RateLimiter\n"
        f"p = RateLimiter(State(sys.argv[1]), {BASE!r}, 500)\n"
        "for _ in range(40): p.wait()\n"
        "os.kill(os.getpid(), 9)"
    )
    url = f"sqlite:///{tmp_path / 'state.db'}"
    assert subprocess.run([sys.executable, "-c", code, url], check=False, timeout=60).returncode == -9
    assert state.rate_limits.reserve(BASE, 0) < 0.2
