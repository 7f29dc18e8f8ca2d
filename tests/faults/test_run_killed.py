"""`runbook run` killed and stopped at several moments, and two at once: the same command goes on, every row once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lmdr.platform import PLATFORM
from runbook.connections import Connections, connect
from runbook.evidence.manifest import verify
from runbook.local import stop_local_servers

pytestmark = pytest.mark.slow

RUNBOOK = str(Path(sys.executable).parent / "runbook")
SECONDS = 120
PHASE = "03_core_business"


@dataclass(frozen=True)
class Home:
    path: Path
    connections: Connections

    def run(self, *arguments: str) -> subprocess.Popen[str]:
        command = [RUNBOOK, "run", *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def whole(self, *arguments: str) -> str:
        process = self.run(*arguments)
        said = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, said[1]
        return said[1]

    def folder(self, run_id: str) -> Path:
        return self.path / "runs" / run_id

    def doubled(self, phase: int) -> list[str]:
        """Rows that are not in their table exactly once."""
        base = self.connections.base("wix")
        assert base is not None
        wrong = []
        for c in PLATFORM.catalog.phase(phase).collections:
            records = self.connections.airtable.records(base, c.table, fields=["Legacy Wix ID"])
            there = Counter(record["fields"].get("Legacy Wix ID") for record in records)
            known = self.connections.state.facts.progress(base)[c.wix]
            wrong += [f"{c.wix} {row}" for row, times in there.items() if times > 1 or row is None]
            wrong += [f"{c.wix}: {len(there)} of {known.loaded}"] * (len(there) != known.loaded)
        return wrong


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    path = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("HOME", path / "home"), ("RUNS", path / "runs"), ("SANDBOX_SCALE", "0.01")):
            patch.setenv(f"RUNBOOK_{name}", str(value))
        connections = connect(PLATFORM, "sandbox")
        yield Home(path, connections)
        stop_local_servers(connections.settings)


def when(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    """Waits for a moment of a run; fails where the run ends before it."""
    deadline = time.monotonic() + SECONDS
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


MOMENTS = ("running", "plan", "provision", "export", "transform", "load")


def reached(folder: Path, moment: str) -> Callable[[], bool]:
    """`running`: the notebook is there; else the evidence of a step, so that the next one is under way."""
    path = folder / f"{PHASE}.running.ipynb" if moment == "running" else folder / f"evidence/{PHASE}/{moment}.json"
    return path.exists


def test_killed_at_every_step_and_the_same_command_finishes_with_every_row_once(home: Home) -> None:
    folder = home.folder("killed")
    for count, moment in enumerate(MOMENTS):
        done = folder / f"evidence/{PHASE}/{moment}.json"
        done.unlink(missing_ok=True)
        process = home.run("3", "4", "--new-run", "killed")
        when(process, reached(folder, moment))
        process.kill()
        process.communicate(timeout=SECONDS)
        assert process.returncode == -signal.SIGKILL
        assert (folder / f"{PHASE}.running.ipynb").exists()
        assert len(list(folder.glob(f"{PHASE}.failed*.ipynb"))) == count  # what those before it left is kept
    said = home.whole("3", "4", "--run-id", "killed")
    assert said.count("passed") == 2
    assert len(list(folder.glob(f"{PHASE}.failed*.ipynb"))) == len(MOMENTS)
    assert (folder / f"{PHASE}.passed.ipynb").exists()
    assert verify(folder).ok
    assert home.doubled(3) == []
    assert home.doubled(4) == []


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("moment", ["running", "export"])
def test_stopped_from_outside_it_leaves_a_whole_manifest_and_says_how_to_go_on(
    home: Home, sent: signal.Signals, code: int, moment: str
) -> None:
    run_id = f"{sent.name}-{moment}"
    folder = home.folder(run_id)
    process = home.run("3", "--new-run", run_id)
    when(process, reached(folder, moment))
    process.send_signal(sent)
    said = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == code
    assert f"with --run-id {run_id} to continue" in said
    assert "Traceback" not in said
    assert "Task" not in said
    assert "IPKernelApp" not in said
    assert (folder / f"{PHASE}.failed.ipynb").exists()
    assert verify(folder).ok
    told = json.loads((folder / "manifest.json").read_text())["phases"][PHASE]
    assert (told["status"], "interrupted (Ctrl-C or SIGTERM)" in told["error"]) == ("failed", True)
    assert "interrupted (Ctrl-C or SIGTERM)" in (folder / "index.html").read_text()
    home.whole("3", "--run-id", run_id)
    assert (folder / f"{PHASE}.failed.1.ipynb").exists()
    assert verify(folder).ok
    assert home.doubled(3) == []


def test_servers_killed_in_the_middle_of_a_step_are_named_and_the_same_command_goes_on(home: Home) -> None:
    folder = home.folder("no-servers")
    process = home.run("2", "--new-run", "no-servers")
    when(process, lambda: (folder / "evidence/02_content/provision.json").exists())
    pid = json.loads((home.connections.settings.folder / "server.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    said = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 1, said
    assert "Traceback" not in said
    assert "with --run-id no-servers to continue" in said
    home.whole("2", "--run-id", "no-servers")
    assert verify(folder).ok


def test_two_runs_at_once_make_everything_once_and_wait_for_each_other(home: Home) -> None:
    both = [home.run("5", "--new-run", name) for name in ("one", "two")]
    for process in both:
        assert process.communicate(timeout=SECONDS)[1].count("passed") == 1
    assert [process.returncode for process in both] == [0, 0]
    connections = connect(PLATFORM, "sandbox")
    assert len(connections.airtable.bases()) == 1
    assert Home(home.path, connections).doubled(5) == []
    for name in ("one", "two"):
        assert verify(home.folder(name)).ok


def test_one_run_is_not_executed_by_two(home: Home) -> None:
    first = home.run("2", "--new-run", "shared")
    when(first, lambda: (home.folder("shared") / "02_content.running.ipynb").exists())
    second = home.run("2", "--new-run", "shared")
    said = second.communicate(timeout=SECONDS)[1]
    assert second.returncode == 1
    assert "is being executed in run shared by another process" in said
    first.communicate(timeout=SECONDS)
    assert first.returncode == 0
    assert verify(home.folder("shared")).ok
