"""Services that write all the time while follow carries, is killed, and goes on: nothing is lost, nothing twice."""

from __future__ import annotations

import random
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from fleet_platform import Fleet, copy_of
from killed import Killer, moments
from runbook.commands.follow import make_follower
from runbook.records.opening import open_records
from yard_book import Book
from yard_services import Service, wrong_in_wix

pytestmark = pytest.mark.slow

THREADS, SECONDS = 3, 2.0
KILLS = 12


def test_what_services_write_all_the_time_is_in_wix_a_moment_later(yard: Fleet) -> None:
    services, done, stop = [Service(f"thread{n}", 1) for n in range(THREADS)], threading.Event(), threading.Event()
    behind: list[float] = []
    with ExitStack() as stack:
        opened = stack.enter_context(open_records(yard.platform, update_mirror=False))
        follower = make_follower(opened, stack, report=print)
        assert follower is not None
        threads = [threading.Thread(target=s.until, args=(opened.records, done)) for s in services]
        threads.append(threading.Thread(target=follower.run, args=(stop,)))
        for thread in threads:
            thread.start()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            behind += [c.behind for c in follower.backlog().collections if c.behind is not None]
            time.sleep(0.1)
        done.set()
        for thread in threads[:-1]:
            thread.join()
        while follower.backlog().left:
            time.sleep(0.05)
        stop.set()
        threads[-1].join()
    written = sum(service.writes for service in services)
    print(f"\n{written} writes; behind by {max(behind, default=0):.1f} s at the most")
    assert wrong_in_wix(yard, [service.payload() for service in services]) == {}
    assert written > 50


def test_killed_anywhere_it_goes_on_without_loss_or_doubling(written_yard: tuple[Path, Book], tmp_path: Path) -> None:
    saved, book = written_yard
    with Killer("yard") as killer:
        with copy_of(saved, tmp_path / "whole") as fleet:
            whole = killer.run("yard:followed", str(fleet.platform.root))
            assert whole.error is None
            assert book.of(fleet).wrong() == {}
        steps = moments(whole.steps)
        chosen = sorted(random.Random(7).sample(steps, min(KILLS, len(steps))))
        for number, at in enumerate(chosen):
            with copy_of(saved, tmp_path / str(number)) as fleet:
                root = str(fleet.platform.root)
                assert killer.run("yard:followed", root, kill_at=at).killed
                again: Any = killer.run("yard:followed", root)
                assert (again.error, again.result) == (None, 1), f"killed {whole.steps[at - 1]}"
                assert book.of(fleet).wrong() == {}, f"killed {whole.steps[at - 1]}"
