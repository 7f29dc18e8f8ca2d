"""Identical reads at the same time are one, unless something was written between them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from runbook.records.single_flight import SingleFlight


def test_a_read_after_a_write_does_not_share_a_read_sent_before() -> None:
    single_flight, order = SingleFlight(), []
    started, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        started.set()
        go_on.wait(5)
        return "before"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(single_flight.run, "x", slow)
        started.wait(5)
        single_flight.invalidate()
        order.append(single_flight.run("x", lambda: "after"))
        go_on.set()
        assert (first.result(), order) == ("before", ["after"])


def test_all_callers_of_a_shared_read_get_its_error() -> None:
    single_flight = SingleFlight()
    started, go_on = threading.Event(), threading.Event()

    def broken() -> str:
        started.set()
        go_on.wait(5)
        raise ValueError("broken")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(single_flight.run, "x", broken)
        started.wait(5)
        second = pool.submit(single_flight.run, "x", lambda: "never called")
        go_on.set()
        for flight in (first, second):
            with pytest.raises(ValueError, match="broken"):
                flight.result()
    assert single_flight.run("x", lambda: "again") == "again"
