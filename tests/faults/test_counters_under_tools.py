"""Services that count in rows all the time, while phases load these rows, follow carries them, and a rollback turns."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest

from fleet_platform import Fleet
from runbook.commands.follow import make_follower
from runbook.records import Records
from runbook.records.opening import open_records
from yard import items, turn_all, went_back

pytestmark = pytest.mark.slow

ROWS, THREADS, SECONDS = ("t0", "t1", "t2"), 3, 1.5


class Counters:
    """Threads that add one to the DOT number of a truck, again and again, and know how often they did."""

    def __init__(self, records: Records) -> None:
        self._records, self._done = records, threading.Event()
        self.added: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.longest = 0.0
        self._threads = [threading.Thread(target=self._count, args=(n,)) for n in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def _count(self, number: int) -> None:
        turn = number
        while not self._done.is_set():
            row, began = ROWS[turn % len(ROWS)], time.monotonic()
            self._records.change("Trucks", row, lambda item: {"dot": str(int(item["dot"]) + 1)})
            with self._lock:
                self.added[row] += 1
                self.longest = max(self.longest, time.monotonic() - began)
            turn += 1

    def stop(self) -> dict[str, str]:
        """What each row must hold."""
        self._done.set()
        for thread in self._threads:
            thread.join()
        print(f"\n{sum(self.added.values())} changes, the slowest took {self.longest:.2f} s")
        assert sum(self.added.values()) > 5
        return {row: str(1000 + int(row[1:]) + self.added[row]) for row in ROWS}


def in_wix(fleet: Fleet) -> dict[str, str]:
    return {item["_id"]: item["dot"] for item in items(fleet, "Trucks") if item["_id"] in ROWS}


def in_airtable(fleet: Fleet) -> dict[str, str]:
    return {row: str(record["fields"]["DOT"]) for row, record in fleet.records("Trucks").items() if row in ROWS}


def test_phases_that_load_rows_lose_none_that_services_count_in_wix(yard: Fleet) -> None:
    turn_all(yard, "wix")
    with open_records(yard.platform, update_mirror=False) as opened:
        counters = Counters(opened.records)
        for _ in range(2):
            yard.migrate(2)
        expected = counters.stop()
    yard.migrate(2)
    assert in_wix(yard) == expected == in_airtable(yard)


def test_phases_and_follow_lose_none_that_services_count_in_airtable(yard: Fleet) -> None:
    stop = threading.Event()
    with ExitStack() as stack:
        opened = stack.enter_context(open_records(yard.platform, update_mirror=False))
        follower = make_follower(opened, stack, report=print)
        assert follower is not None
        following = threading.Thread(target=follower.run, args=(stop,))
        following.start()
        counters = Counters(opened.records)
        yard.migrate(2)
        expected = counters.stop()
        while follower.backlog().left:
            time.sleep(0.05)
        stop.set()
        following.join()
    assert in_airtable(yard) == expected == in_wix(yard)


def test_going_back_and_forth_loses_none_that_services_count(yard: Fleet) -> None:
    with open_records(yard.platform, update_mirror=False) as opened:
        counters = Counters(opened.records)
        time.sleep(SECONDS / 3)
        said = went_back(yard.platform)
        time.sleep(SECONDS / 3)
        if said is not None:  # a machine so slow that calls could not be held: what is owed is carried now
            assert went_back(yard.platform) is None
        yard.migrate(2)
        expected = counters.stop()
    assert in_wix(yard) == expected
    yard.migrate(2)
    assert in_airtable(yard) == expected
