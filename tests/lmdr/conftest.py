"""`real`: rows that nobody wrote for this project, which lie beside the repository where it is developed."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "wix_export"


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of their export files."""
    if not REAL.is_dir():
        pytest.skip("there are no real rows beside this checkout")
    return REAL
