"""A home of its own for the notebooks: a small sample site, its sandbox, its runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lmdr.platform import PLATFORM
from runbook.local import stop_local_servers
from runbook.settings import read_settings

SCALE = "0.01"
BIN = Path(sys.executable).parent
NOTEBOOKS = sorted(PLATFORM.notebooks.glob("*.ipynb"))


@dataclass(frozen=True)
class Home:
    """`env` makes every command of the project work in `path`."""

    path: Path
    env: dict[str, str]

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    def newest_run(self) -> Path:
        return max(self.runs.iterdir())

    def call(self, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, env=self.env, cwd=PLATFORM.root, capture_output=True, text=True, timeout=600)
        assert done.returncode == code, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done


def make_home(path: Path, **more: str) -> Home:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AIRTABLE_", "WIX_", "RUNBOOK_"))}
    own = {
        "RUNBOOK_HOME": str(path / "home"),
        "RUNBOOK_RUNS": str(path / "runs"),
        "RUNBOOK_SANDBOX_SCALE": SCALE,
        **more,
    }
    return Home(path, {**env, **own})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = make_home(tmp_path_factory.mktemp("home"))
    yield home
    stop_local_servers(read_settings("sandbox", PLATFORM, home.env))
