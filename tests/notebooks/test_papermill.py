"""Every notebook under plain papermill, in the order of the phases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import BIN, NOTEBOOKS, Home

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_plain_papermill_runs_it(home: Home, notebook: Path, tmp_path: Path) -> None:
    home.call(str(BIN / "papermill"), str(notebook), str(tmp_path / "out.ipynb"), "--cwd", str(notebook.parent))
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)
    assert not [o for cell in code for o in cell["outputs"] if o["output_type"] == "error"]
