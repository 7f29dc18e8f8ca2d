"""Hypothesis: the same examples at every run of CI, new ones at every other run. Files that take long begin first."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

LONG = (
    "tests/notebooks/test_",
    "tests/faults/test_run_killed.py",
    "tests/runbook/run/test_life.py",
    "tests/runbook/test_commands.py",
    "tests/runbook/test_live.py",
    "tests/sandbox/test_kill.py",
    "tests/faults/",
)

# A background job (`make test &`, nohup) inherits that SIGINT is ignored, and what the tests start would inherit it too.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With a file of tests a core, a long file that begins last would keep one core waiting for the other."""
    items.sort(key=lambda item: next((n for n, name in enumerate(LONG) if item.nodeid.startswith(name)), len(LONG)))
