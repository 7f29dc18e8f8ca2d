"""`runbook follow` and `runbook serve` as commands: exit codes, signals, and what a rollback finds after them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command_kit import call
from fleet_platform import Fleet
from runbook.commands.rollback import open_rollback
from runbook.evidence.manifest import verify
from runbook.records.opening import open_records
from runbook.state.pending_writes import NewWrite

KITS = Path(__file__).parents[2] / "kits"


def removed(fleet: Fleet) -> dict[str, int]:
    rollback = open_rollback(fleet.platform, who="ann")
    rollback.losses()
    return {name: found.counts.removed for name, found in rollback.found.items() if found.rows}


@pytest.mark.parametrize("looked", ["before and after", "after", "never"])
def test_a_rollback_tells_of_a_row_deleted_by_hand_whether_the_mirror_has_looked_or_not(
    turned: Fleet, looked: str
) -> None:
    with open_records(turned.platform, update_mirror=False) as opened:
        mirror = opened.mirror
        assert mirror is not None
        if looked == "before and after":
            mirror.load()
        turned.delete("Owners", "o1")
        if looked != "never":
            mirror.load(["Owners"])
            mirror.refresh()
    assert removed(turned) == {"Owners": 1}


@contextmanager
def process(fleet: Fleet) -> Iterator[subprocess.Popen[str]]:
    """`runbook follow`, which follows by now."""
    command = [sys.executable, str(KITS / "follow_process.py"), str(fleet.platform.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout is not None
            assert started.stdout.readline().startswith("following base")
            yield started
        finally:
            started.kill()


def name_in_wix(fleet: Fleet, name: str) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if fleet.items("Owners")["o0"]["name"] == name:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
def test_killed_and_started_again_it_goes_on_and_a_signal_ends_it(turned: Fleet) -> None:
    with open_records(turned.platform, update_mirror=False) as opened:
        with process(turned) as first:
            opened.records.patch("Owners", "o0", {"name": "one"})
            assert name_in_wix(turned, "one")
            first.kill()
        opened.records.patch("Owners", "o0", {"name": "two"})
        with process(turned) as second:
            assert name_in_wix(turned, "two")
            opened.records.patch("Owners", "o1", {"name": "three"})
            second.send_signal(signal.SIGTERM)
            said, _ = second.communicate(timeout=30)
    assert second.returncode == 0
    assert "carried back to Wix" in said
    (run,) = [path for path in (turned.path / "runs").iterdir() if path.name.endswith("-follow")]
    assert verify(run).ok


def test_once_ends_with_1_where_something_is_left(turned: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.cli.find_platform", lambda: turned.platform)
    assert "nothing left" in call("follow", "--once").err
    turned.edit("Owners", "o0", Name="by hand")
    turned.save("Owners", {**turned.items("Owners")["o0"], "name": "in the CMS"})
    done = call("follow", "--once", code=1)
    assert "1 row left" in done.err
    assert "conflicts" in done.out


def test_once_sends_the_journal_of_writes_first(turned: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.cli.find_platform", lambda: turned.platform)
    pending = turned.connect().state.pending_writes(turned.base())
    pending.append([NewWrite("Owners", "o0", "patch", {"name": "Anne"})])
    turned.box.faults(
        {"match": {"service": "airtable", "method": "PATCH"}, "times": None, "kind": "status", "status": 503}
    )
    call("follow", "--once", code=1)
    assert len(pending.lines()) == 1
    turned.box.faults(clear=True)
    call("follow", "--once")
    assert pending.lines() == []
    assert turned.items("Owners")["o0"]["name"] == "Anne"
