"""Shared and exclusive locks among threads and among processes, on either database."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import pytest

from runbook.state import State

HELD = """
import sys
from runbook.state import State
with State(sys.argv[1]) as state, getattr(state.locks, sys.argv[2])("calls"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other(url: str, state: State) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the shared lock until it is sent a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, url, "shared"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("held")
    yield process
    process.kill()
    process.communicate()


def is_free(waiting: AbstractContextManager[bool]) -> bool:
    with waiting as got:
        return got


@contextmanager
def shared(state: State) -> Iterator[bool]:
    with state.locks.shared("calls"):
        yield True


def test_an_exclusive_lock_is_held_by_one_at_a_time(state: State) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(n: int) -> None:
        with state.locks.exclusive("load"):
            inside.append(n)
            most.append(len(inside))
            inside.remove(n)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(12)))
    assert max(most) == 1


def test_one_who_waits_is_notified_once(state: State) -> None:
    waited: list[str] = []
    notified = threading.Event()

    def second() -> None:
        with state.locks.exclusive("load", on_wait=lambda: (waited.append("second"), notified.set())):
            waited.append("held")

    with ThreadPoolExecutor(1) as pool:
        with state.locks.exclusive("load", on_wait=lambda: waited.append("first")):
            job = pool.submit(second)
            assert notified.wait(20)
            time.sleep(0.05)
            assert waited == ["second"]
        job.result(20)
    assert waited == ["second", "held"]


def test_many_hold_it_shared_and_one_exclusively(state: State) -> None:
    together = threading.Barrier(6)

    def hold() -> bool:
        with state.locks.shared("calls"):
            together.wait(10)  # all six are inside at once
            return True

    with ThreadPoolExecutor(6) as pool:
        assert all(job.result(20) for job in [pool.submit(hold) for _ in range(6)])
    assert is_free(state.locks.exclusive("calls", timeout=5))


def test_an_exclusive_lock_waits_for_shared_ones_and_new_ones_wait_for_it(state: State) -> None:
    order: list[str] = []
    has_shared, may_end, is_exclusive, exclusive_may_end = (threading.Event() for _ in range(4))

    def first() -> None:
        with state.locks.shared("calls"):
            has_shared.set()
            assert may_end.wait(20)
            order.append("first shared ends")

    def exclusive() -> None:
        with state.locks.exclusive("calls", timeout=20) as got:
            assert got
            order.append("exclusive")
            is_exclusive.set()
            assert exclusive_may_end.wait(20)
            order.append("exclusive ends")

    def second() -> None:
        with state.locks.shared("calls"):
            order.append("second shared")

    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(first)]
        assert has_shared.wait(20)
        jobs.append(pool.submit(exclusive))
        time.sleep(0.1)  # it is waiting now
        jobs.append(pool.submit(second))
        time.sleep(0.1)
        assert order == []
        may_end.set()
        assert is_exclusive.wait(20)
        time.sleep(0.05)
        assert order == ["first shared ends", "exclusive"]
        exclusive_may_end.set()
        for job in jobs:
            job.result(20)
    assert order == ["first shared ends", "exclusive", "exclusive ends", "second shared"]


def test_an_exclusive_lock_gives_up_on_a_shared_one_that_stays_and_calls_go_on(state: State) -> None:
    with state.locks.shared("calls"):
        began = time.monotonic()
        with state.locks.exclusive("calls", timeout=0.2) as got:
            assert got is False
            assert 0.1 < time.monotonic() - began < 5
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(lambda: is_free(shared(state))).result(10)
    assert is_free(state.locks.exclusive("calls", timeout=5))


def test_while_one_holds_it_exclusively_another_gives_up_in_time(state: State) -> None:
    with state.locks.exclusive("calls", timeout=5) as got:
        assert got
        began = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: is_free(state.locks.exclusive("calls", timeout=0.2))).result(10) is False
        assert time.monotonic() - began < 5
    assert is_free(state.locks.exclusive("calls", timeout=5))


def test_locks_of_other_names_are_independent(state: State) -> None:
    with state.locks.exclusive("calls", timeout=5), state.locks.shared("others"), state.locks.exclusive("more") as _:
        assert is_free(state.locks.exclusive("yet others", timeout=5))


def test_an_error_inside_releases_it(state: State) -> None:
    for hold in (state.locks.exclusive("x"), state.locks.shared("x"), state.locks.exclusive("x", timeout=5)):
        with pytest.raises(ValueError, match="inside"), hold:
            raise ValueError("inside")
    assert is_free(state.locks.exclusive("x", timeout=1))


def test_another_processs_shared_lock_counts(state: State, other: subprocess.Popen[str]) -> None:
    assert not is_free(state.locks.exclusive("calls", timeout=0.1))
    assert is_free(shared(state))
    other.communicate("go on\n")
    assert is_free(state.locks.exclusive("calls", timeout=20))


def test_a_shared_lock_is_released_when_its_process_is_killed(state: State, other: subprocess.Popen[str]) -> None:
    assert not is_free(state.locks.exclusive("calls", timeout=0.05))
    other.kill()
    other.wait(20)
    assert is_free(state.locks.exclusive("calls", timeout=20))


def test_under_many_short_shared_locks_the_exclusive_one_is_had_soon(state: State) -> None:
    stop = threading.Event()

    def calls() -> int:
        count = 0
        while not stop.is_set():
            with state.locks.shared("calls"):
                count += 1
        return count

    with ThreadPoolExecutor(8) as pool:
        callers = [pool.submit(calls) for _ in range(8)]
        try:
            assert all(is_free(state.locks.exclusive("calls", timeout=20)) for _ in range(5))
        finally:
            stop.set()
        assert all(caller.result(20) for caller in callers)
