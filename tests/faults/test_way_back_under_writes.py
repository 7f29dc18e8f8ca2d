"""Services that write all the time, from threads and from another process, while a rollback goes on: nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import yard_services
from fleet_platform import Fleet, copy_of
from runbook.records.opening import open_records
from yard import went_back
from yard_services import Service, wrong_in_wix

pytestmark = pytest.mark.slow

ROUNDS, THREADS = 2, 3
BEFORE = AFTER = 0.4  # seconds of writes on either side of the turn


def one_round(fleet: Fleet, seed: int) -> tuple[str | None, list[dict[str, object]]]:
    """What the rollback said, and what each service remembers."""
    command = [sys.executable, yard_services.__file__, str(fleet.platform.root), "process", str(seed)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    services = [Service(f"thread{n}", seed) for n in range(THREADS)]
    done = threading.Event()
    with open_records(fleet.platform, update_mirror=False) as opened:
        threads = [threading.Thread(target=s.until, args=(opened.records, done)) for s in services]
        for thread in threads:
            thread.start()
        time.sleep(BEFORE)
        said = went_back(fleet.platform)
        time.sleep(AFTER)
        done.set()
        for thread in threads:
            thread.join()
    told, _ = process.communicate("", timeout=60)
    return said, [*(s.payload() for s in services), json.loads(told)]


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_nothing_that_services_write_during_a_rollback_is_lost(saved_yard: Path, tmp_path: Path, seed: int) -> None:
    with copy_of(saved_yard, tmp_path) as fleet:
        said, remembered = one_round(fleet, seed)
        wrong = wrong_in_wix(fleet, remembered)
        written = sum(int(str(each["writes"])) for each in remembered)
        print(f"\n{written} writes; slowest call {max(float(str(e['longest'])) for e in remembered):.2f} s")
        assert (said, wrong) == (None, {})
        assert written > 50
