"""`real`: real export files, which are available only where the project is developed."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "wix_export"


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of the export files."""
    if not REAL.is_dir():
        pytest.skip("no real export files beside this checkout")
    return REAL
