"""Every notebook with Run All in JupyterLab, in headless Chromium, in the order of the phases."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from conftest import NOTEBOOKS, Home
from lmdr.platform import PLATFORM

pytestmark = pytest.mark.slow
LAB = PLATFORM.root / ".venv-lab/bin/python"


@pytest.fixture(scope="module")
def executed(home: Home) -> dict[str, list[dict[str, Any]]]:
    """What came of each code cell, by notebook; the server and the browser start once."""
    if not LAB.exists():
        pytest.skip("no JupyterLab: `make .venv-lab/ready` makes its environment")
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on this machine")
    done = home.call(str(LAB), str(PLATFORM.root / "tests/notebooks/lab.py"), *map(str, NOTEBOOKS))
    return json.loads(done.stdout)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_run_all_in_jupyterlab(executed: dict[str, list[dict[str, Any]]], notebook: Path) -> None:
    cells = executed[notebook.stem]
    assert len(cells) > 3
    assert [cell["error"] for cell in cells if cell["error"]] == []
    assert all(cell["count"] for cell in cells)
    shown = [cell for cell in cells if any("text/html" in output for output in cell["outputs"])]
    assert len(shown) >= 3
