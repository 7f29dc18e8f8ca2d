"""The rate limiter of a base: shared by threads and processes, paused once by a 429, not bound by the database."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runbook.airtable import rate_limiter
from runbook.airtable.rate_limiter import JITTER, MAX_JITTER, MAX_LEARNT, MIN_JITTER, RateLimiter
from runbook.state import State, rate_limits
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


class Clock:
    """Stands still but for sleeping. `oversleeps`: seconds that a sleep lasts too long; `while_asleep`: done once."""

    def __init__(self) -> None:
        self.now, self.oversleeps = 1_000_000.0, 0.0
        self.while_asleep: Callable[[], None] | None = None

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        wake, self.while_asleep = self.while_asleep, None
        if wake is not None:
            wake()
        self.now += seconds + self.oversleeps


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(rate_limiter, "time", made)
    monkeypatch.setattr(rate_limits, "time", made)
    return made


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(f"sqlite:///{tmp_path / 'state.db'}") as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "seconds"), [(20.0, 2.0), (50.0, 2.0)])
def test_two_processes_with_threads_keep_the_quota_and_use_it(tmp_path: Path, rate: float, seconds: float) -> None:
    state_url = f"sqlite:///{tmp_path / 'state.db'}"
    with Sandbox(seed=SEED, requests_per_second=rate, latency=(60, 10), penalty=1) as box:
        command = [sys.executable, "-c", CLIENT, box.airtable_url, state_url, str(rate), "4", str(seconds)]
        started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
        for process in started:
            process.communicate(timeout=60)
        counts = box.stats()["airtable"][BASE]
    assert [process.returncode for process in started] == [0, 0]
    assert (counts["429"], counts["lockouts"]) == (0, 0)
    assert counts["peakRequestsPerSecond"] <= rate
    assert counts["requests"] > rate * seconds / 4  # usually 0.9 of the quota; a busy machine must not make this red


def times(clock: Clock, *limiters: RateLimiter) -> list[float]:
    """When each in turn may send a request, in seconds from now."""
    start, found = clock.now, []
    for limiter in limiters:
        limiter.wait()
        found.append(clock.now - start)
    return found


def reservations(state: State, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that each reservation takes."""
    taken: list[float] = []
    reserve = state.rate_limits.reserve
    monkeypatch.setattr(
        state.rate_limits,
        "reserve",
        lambda base, seconds, **most: taken.append(seconds) or reserve(base, seconds, **most),
    )
    return taken


def test_requests_of_two_processes_are_an_interval_apart(state: State, clock: Clock) -> None:
    one, other = RateLimiter(state, BASE, 5), RateLimiter(state, BASE, 5)
    assert one.interval == pytest.approx((1 + JITTER) / 5)
    assert times(clock, one, other, one, one) == pytest.approx([0, 0.21, 0.42, 0.63])
    assert times(clock, RateLimiter(state, "appOther000000001", 5)) == [0]


def test_ten_threads_that_meet_one_429_make_one_pause(state: State, clock: Clock) -> None:
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
    assert state.rate_limits.held(BASE) == pytest.approx(30)
    assert not state.rate_limits.hold(BASE, 30)
    assert limiter.jitter == pytest.approx(JITTER * 1.5)
    assert times(clock, limiter) == pytest.approx([30])


def test_a_429_of_another_process_holds_this_one_back(state: State, clock: Clock) -> None:
    limiter, other = RateLimiter(state, BASE, 5), RateLimiter(state, BASE, 5)
    limiter.wait()
    other.pause(0.6)
    assert times(clock, limiter, limiter) == pytest.approx([0.6, 0.6 + limiter.interval])


def test_a_429_of_another_process_while_this_one_waits_holds_it_back(state: State, clock: Clock) -> None:
    limiter, other = RateLimiter(state, BASE, 5), RateLimiter(state, BASE, 5)
    limiter.wait()
    clock.while_asleep = lambda: other.pause(30)
    assert times(clock, limiter) == pytest.approx([30])


def test_a_429_drops_the_times_that_were_reserved_before(state: State, clock: Clock) -> None:
    limiter = RateLimiter(state, BASE, 100)
    for _ in range(4):
        limiter.wait()
    limiter.pause(0.03)
    assert times(clock, limiter, limiter) == pytest.approx([0.03, 0.03 + limiter.interval])


def test_the_pause_is_airtables_lockout_by_default(state: State, clock: Clock) -> None:
    limiter = RateLimiter(state, BASE, 5)
    limiter.pause()
    assert times(clock, limiter) == pytest.approx([30])


def test_a_429_without_a_limit_is_slept_out(state: State, clock: Clock) -> None:
    limiter, began = RateLimiter(state, BASE, None, penalty=7), clock.now
    limiter.pause()
    assert clock.now == began + 7
    limiter.pause(2)
    assert clock.now == began + 9


@pytest.mark.parametrize(("oversleeps", "reserved"), [(0.02, 1), (0.03, 2), (0.06, 3)])
def test_the_time_of_a_late_request_is_given_up(
    state: State, clock: Clock, monkeypatch: pytest.MonkeyPatch, oversleeps: float, reserved: int
) -> None:
    limiter = RateLimiter(state, BASE, 5)
    limiter.wait()
    taken = reservations(state, monkeypatch)
    clock.oversleeps = oversleeps
    limiter.wait()
    assert taken == pytest.approx([limiter.interval] * reserved)


def test_what_a_429_taught_is_kept(state: State, clock: Clock) -> None:
    limiter = RateLimiter(state, BASE, 5)
    limiter.pause(0.001)
    assert limiter.jitter == pytest.approx(JITTER * 1.5)
    for _ in range(50):
        limiter.observe(0.1)
    assert limiter.jitter == pytest.approx(JITTER * 1.5)
    for _ in range(20):
        clock.now += 1
        limiter.pause(0.001)
    assert limiter.jitter == MAX_LEARNT


def test_the_jitter_follows_what_is_measured_within_bounds(state: State) -> None:
    limiter = RateLimiter(state, BASE, 5)
    assert (limiter.jitter, limiter.latency) == (JITTER, 0)
    for n in range(100):
        limiter.observe(0.2 + 0.1 * (n % 20) / 20)
    assert limiter.jitter == pytest.approx(1.5 * 0.095)
    assert limiter.latency == pytest.approx(0.25)
    for _ in range(100):
        limiter.observe(0.2)
    assert limiter.jitter == MIN_JITTER
    for n in range(100):
        limiter.observe(5.0 if n % 10 == 0 else 0.2)
    assert limiter.jitter == MAX_JITTER
    assert 5 / (1 + MAX_JITTER) > 0.84 * 5


def test_a_few_slow_responses_count_before_many_are_measured(state: State) -> None:
    limiter = RateLimiter(state, BASE, 5)
    for seconds in (0.1, 0.1, 0.2, 0.1):
        limiter.observe(seconds)
    assert limiter.jitter == JITTER
    limiter.observe(0.1)
    assert limiter.jitter == pytest.approx(0.15)
    for _ in range(34):
        limiter.observe(0.1)
    assert limiter.jitter == pytest.approx(0.15)
    limiter.observe(0.1)  # the fortieth: one slow response is no longer among the 95 %
    assert limiter.jitter == MIN_JITTER


def test_a_high_rate_reserves_in_batches(state: State, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = RateLimiter(state, BASE, 2000)
    taken = reservations(state, monkeypatch)
    found = times(clock, *[limiter] * 400)
    assert found == pytest.approx([n * limiter.interval for n in range(400)])
    assert taken == pytest.approx([n * limiter.interval for n in (2, 4, 8, 16, 32, 64, 100, 100, 100)])


def test_a_batch_that_is_not_used_shrinks(state: State, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = RateLimiter(state, BASE, 100)
    taken = reservations(state, monkeypatch)
    limiter.wait()  # of a batch of two
    limiter.wait()
    limiter.wait()  # of a batch of four
    clock.now += 1
    limiter.wait()
    assert taken == pytest.approx([n * limiter.interval for n in (2, 4, 1)])


def test_a_low_rate_reserves_one_by_one(state: State, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = RateLimiter(state, BASE, 20)
    taken = reservations(state, monkeypatch)
    times(clock, *[limiter] * 5)
    assert taken == pytest.approx([limiter.interval] * 5)


def test_without_a_limit_the_database_is_not_used(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = RateLimiter(state, BASE, None)
    monkeypatch.delattr(type(state.rate_limits), "reserve")
    limiter.wait()
    assert limiter.interval == 0
    assert repr(limiter) == f"RateLimiter({BASE}, no limit)"


def test_a_clock_that_was_set_back_holds_no_one_for_hours(state: State, clock: Clock) -> None:
    limiter = RateLimiter(state, BASE, 5)
    state.rate_limits.reserve(BASE, 7200)  # what the row looks like after the clock went back two hours
    assert times(clock, limiter) == [0]


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_that_lets_nothing_through_is_refused(state: State, rate: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        RateLimiter(state, BASE, rate)


def test_a_process_that_dies_with_reserved_times_holds_up_no_one(tmp_path: Path, state: State) -> None:
    code = (
        "import os, sys; from runbook.state import State; from runbook.airtable.rate_limiter import RateLimiter\n"
        f"p = RateLimiter(State(sys.argv[1]), {BASE!r}, 500)\n"
        "for _ in range(40): p.wait()\n"
        "os.kill(os.getpid(), 9)"
    )
    url = f"sqlite:///{tmp_path / 'state.db'}"
    assert subprocess.run([sys.executable, "-c", code, url], check=False, timeout=60).returncode == -9
    assert state.rate_limits.reserve(BASE, 0) < 0.2
