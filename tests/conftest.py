"""Hypothesis: the same examples at every run of CI, new ones at every other run. Files that take long begin first.

COVERED_UNITS: folders of tests/runbook whose fast tests `make coverage` has run; they are not run again.
"""

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
    "tests/lmdr/services/test_pairs_at_once.py",
    "tests/lmdr/services/test_money_pairs_at_once.py",
    "tests/lmdr/services/driver/test_drivers_at_once.py",
    "tests/faults/",
)

# A background job (`make test &`, nohup) inherits that SIGINT is ignored, and what the tests start would inherit it too.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With a file of tests a core, a long file that begins last would keep one core waiting for the other."""
    covered = tuple(f"tests/runbook/{name}/" for name in os.environ.get("COVERED_UNITS", "").split())
    done = {item for item in items if item.nodeid.startswith(covered) and not item.get_closest_marker("slow")}
    if done:
        config.hook.pytest_deselected(items=list(done))
        items[:] = [item for item in items if item not in done]
    items.sort(key=lambda item: next((n for n, name in enumerate(LONG) if item.nodeid.startswith(name)), len(LONG)))
