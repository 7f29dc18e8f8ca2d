"""Runs the scripts in `node/` and tells how each of their checks went."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.in_process import Sandbox

FOLDER = Path(__file__).parent / "node"
_OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED")


def check_names(script: str) -> list[str]:
    """The checks of a script, read without running it: each is a test even where there is no Node."""
    return re.findall(r'^check\("(.+?)", async', (FOLDER / script).read_text("utf-8"), re.MULTILINE)


def install() -> None:
    """The packages of `package.json` at their exact versions; skips where there is no Node, npm or network."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    wanted = json.loads((FOLDER / "package.json").read_text("utf-8"))["dependencies"]
    if all(_installed(name) == version for name, version in wanted.items()):
        return
    command = ["npm", "install", "--no-package-lock", "--no-save", "--no-audit", "--no-fund", "--prefer-offline"]
    try:
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm install did not end within 300 s")
    if done.returncode != 0:
        if any(code in done.stderr for code in _OFFLINE):
            pytest.skip("npm install found no network")
        pytest.fail(f"npm install failed: {done.stderr}")


def _installed(name: str) -> str | None:
    about = FOLDER / "node_modules" / name / "package.json"
    return json.loads(about.read_text("utf-8"))["version"] if about.exists() else None


def run_checks(script: str, box: Sandbox, **addresses: str) -> dict[str, str]:
    """Every check that ran: what was wrong, "" for nothing. Fails where the script broke off."""
    install()
    environment = {**os.environ, "SANDBOX_URL": box.airtable_url, **addresses}
    done = subprocess.run(
        ["node", script], cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"check"')]
    if done.returncode != 0:
        pytest.fail(f"{script} broke off after {len(told)} checks: {done.stderr}")
    return {one["check"]: one["problem"] for one in told}
