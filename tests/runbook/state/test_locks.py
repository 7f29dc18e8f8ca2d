"""Turns: alone, shared by many, whole; among threads and among processes, on either database."""

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
with State(sys.argv[1]) as state, getattr(state.turns, sys.argv[2])("calls", *map(float, sys.argv[3:])) as got:
    print("held", got, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other(url: str, state: State) -> Iterator[subprocess.Popen[str]]:
    """Another process, that shares the turn until it is told a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, url, "share"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
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
    with state.turns.share("calls"):
        yield True


def test_a_turn_is_one_at_a_time(state: State) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(n: int) -> None:
        with state.turns.take("load"):
            inside.append(n)
            most.append(len(inside))
            inside.remove(n)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(12)))
    assert max(most) == 1


def test_many_share_and_one_has_it_whole(state: State) -> None:
    together = threading.Barrier(6)

    def share() -> bool:
        with state.turns.share("calls"):
            together.wait(10)  # all six are inside at once
            return True

    with ThreadPoolExecutor(6) as pool:
        assert all(job.result(20) for job in [pool.submit(share) for _ in range(6)])
    assert is_free(state.turns.whole("calls", 5))


def test_the_whole_waits_for_the_shares_and_new_ones_wait_for_it(state: State) -> None:
    order: list[str] = []
    has_share, may_end, is_whole, whole_may_end = (threading.Event() for _ in range(4))

    def first() -> None:
        with state.turns.share("calls"):
            has_share.set()
            assert may_end.wait(20)
            order.append("first share ends")

    def whole() -> None:
        with state.turns.whole("calls", 20) as got:
            assert got
            order.append("whole")
            is_whole.set()
            assert whole_may_end.wait(20)
            order.append("whole ends")

    def second() -> None:
        with state.turns.share("calls"):
            order.append("second share")

    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(first)]
        assert has_share.wait(20)
        jobs.append(pool.submit(whole))
        time.sleep(0.1)  # it is waiting now
        jobs.append(pool.submit(second))
        time.sleep(0.1)
        assert order == []
        may_end.set()
        assert is_whole.wait(20)
        time.sleep(0.05)
        assert order == ["first share ends", "whole"]
        whole_may_end.set()
        for job in jobs:
            job.result(20)
    assert order == ["first share ends", "whole", "whole ends", "second share"]


def test_a_share_that_stays_makes_the_whole_give_up_and_calls_go_on(state: State) -> None:
    with state.turns.share("calls"):
        began = time.monotonic()
        with state.turns.whole("calls", 0.2) as got:
            assert got is False
            assert 0.1 < time.monotonic() - began < 5
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(lambda: is_free(shared(state))).result(10)
    assert is_free(state.turns.whole("calls", 5))


def test_while_one_has_it_whole_another_gives_up_in_time(state: State) -> None:
    with state.turns.whole("calls", 5) as got:
        assert got
        began = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: is_free(state.turns.whole("calls", 0.2))).result(10) is False
        assert time.monotonic() - began < 5
    assert is_free(state.turns.whole("calls", 5))


def test_turns_of_other_names_do_not_mind(state: State) -> None:
    with state.turns.whole("calls", 5), state.turns.share("others"), state.turns.take("more") as _:
        assert is_free(state.turns.whole("yet others", 5))


def test_what_is_raised_inside_gives_it_back(state: State) -> None:
    for hold in (state.turns.take("x"), state.turns.share("x"), state.turns.whole("x", 5)):
        with pytest.raises(ValueError, match="inside"), hold:
            raise ValueError("inside")
    assert is_free(state.turns.whole("x", 1))


def test_another_processs_share_counts(state: State, other: subprocess.Popen[str]) -> None:
    assert not is_free(state.turns.whole("calls", 0.1))
    assert is_free(shared(state))
    other.communicate("go on\n")
    assert is_free(state.turns.whole("calls", 20))


def test_a_share_is_free_when_its_process_is_killed(state: State, other: subprocess.Popen[str]) -> None:
    assert not is_free(state.turns.whole("calls", 0.05))
    other.kill()
    other.wait(20)
    assert is_free(state.turns.whole("calls", 20))


def test_under_many_short_shares_the_whole_is_had_soon(state: State) -> None:
    stop = threading.Event()

    def calls() -> int:
        count = 0
        while not stop.is_set():
            with state.turns.share("calls"):
                count += 1
        return count

    with ThreadPoolExecutor(8) as pool:
        callers = [pool.submit(calls) for _ in range(8)]
        try:
            assert all(is_free(state.turns.whole("calls", 20)) for _ in range(5))
        finally:
            stop.set()
        assert all(caller.result(20) for caller in callers)
