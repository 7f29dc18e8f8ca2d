"""The provenance of a run: versions of Python and packages, the commit of the code."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# The packages that may affect a result; the lock file pins all others.
_PACKAGES = (
    "wix-to-airtable-runbook",
    "great-expectations",
    "ipykernel",
    "matplotlib",
    "nbclient",
    "nbconvert",
    "pandas",
    "papermill",
    "pyairtable",
    "pydantic",
    "requests",
    "sqlalchemy",
)


@cache
def versions() -> dict[str, str]:
    """Versions by name; Python first."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit_of(folder: Path) -> dict[str, Any]:
    """`commit` and `dirty` of the code; both None outside a git work tree. Files under runs/ do not count."""
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        return {"commit": None, "dirty": None}
    changed = _git(folder, "status", "--porcelain", "--", ":/", ":(top,exclude)runs")
    return {"commit": head, "dirty": None if changed is None else bool(changed)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the arguments are ours
            [  # noqa: S607 - git is wherever PATH has it
                "git",
                "--no-optional-locks",
                "-C",
                str(folder),
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
