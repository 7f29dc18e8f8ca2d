"""Every notebook under nbval."""

from __future__ import annotations

import sys

import pytest

from conftest import Home
from lmdr.platform import PLATFORM

pytestmark = pytest.mark.slow


def test_nbval_runs_every_notebook(home: Home) -> None:
    command = ("-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q", "-p", "no:cacheprovider", "-c", "/dev/null")
    said = home.call(sys.executable, *command, str(PLATFORM.notebooks))
    assert "failed" not in said.stdout
