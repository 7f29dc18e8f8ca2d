"""Services that write all the time, from threads and from another process, while a rollback or follow goes on."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import yard as yard_module
import yard_services
from fleet_platform import Fleet, copy_of
from runbook.records.opening import open_records
from yard import follow_once, go_back
from yard_services import Service, wrong_in_wix

pytestmark = pytest.mark.slow

ROUNDS, THREADS, KILLS = 2, 3, 4
BEFORE = AFTER = 0.4  # seconds of writes on either side of the turn


@contextmanager
def services(fleet: Fleet, seed: int) -> Iterator[list[dict[str, Any]]]:
    """Services write within the block; after it the list holds what each remembers."""
    command = [sys.executable, yard_services.__file__, str(fleet.platform.root), "process", str(seed)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    callers = [Service(f"thread{n}", seed) for n in range(THREADS)]
    done, remembered = threading.Event(), list[dict[str, Any]]()
    with open_records(fleet.platform, update_mirror=False) as opened:
        threads = [threading.Thread(target=s.until, args=(opened.records, done)) for s in callers]
        for thread in threads:
            thread.start()
        time.sleep(BEFORE)
        yield remembered
        time.sleep(AFTER)
        done.set()
        for thread in threads:
            thread.join()
    told, _ = process.communicate("", timeout=60)
    remembered += [*(s.payload() for s in callers), json.loads(told)]
    slowest = max(each["longest"] for each in remembered)
    print(f"\n{written(remembered)} writes; the slowest call took {slowest:.2f} s")


def written(remembered: list[dict[str, Any]]) -> int:
    return sum(each["writes"] for each in remembered)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_nothing_that_services_write_during_a_rollback_is_lost(saved_yard: Path, tmp_path: Path, seed: int) -> None:
    with copy_of(saved_yard, tmp_path) as fleet:
        with services(fleet, seed) as remembered:
            rollback = go_back(fleet.platform)
        turned = rollback.folder.read_evidence("rollback", "turned")
        print(f"calls were held for {turned['seconds']:.2f} s")
        assert wrong_in_wix(fleet, remembered) == {}
        assert written(remembered) > 50


def test_with_follow_killed_again_and_again_everything_is_in_wix_and_a_rollback_finds_nothing(yard: Fleet) -> None:
    chance = random.Random(1)
    with services(yard, 1) as remembered:
        for _ in range(KILLS):
            command = [sys.executable, yard_module.__file__, str(yard.platform.root)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            assert process.stdout.readline().startswith("following")
            time.sleep(1.5 * chance.random())
            process.kill()
            process.communicate()
    assert follow_once(str(yard.platform.root)) == {}
    assert wrong_in_wix(yard, remembered) == {}
    rollback = go_back(yard.platform)
    assert {name: found.carried.rows for name, found in rollback.found.items()} == {"Drivers": 0, "Trucks": 0}
    assert wrong_in_wix(yard, remembered) == {}
