"""The local servers of the `sandbox` environment: found if they run, else started, with the platform's sample site.

Both are in one process of their own, which all notebooks share over HTTP. It keeps its state on disk, exits when it
gets no request for a while, and continues from its state when it is started again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import requests

from runbook.errors import SettingError
from runbook.platform import Platform
from runbook.settings import Settings

SEED = 7
IDLE_SECONDS = 900
_START_SECONDS = 60
_SITE_MADE = "sample.json"  # how the sample site was made
_TO_STOP = "server.to-stop"  # exists while the servers are to stop with their last user
_ABOUT = ("airtableUrl", "token", "wixUrl", "wixKey", "siteId", "workspaceId")

# References are kept, so that a server which outlives its starter causes no ResourceWarning.
_started: list[subprocess.Popen[bytes]] = []
_shared_locks: dict[Path, IO[str]] = {}


def local_servers(settings: Settings, platform: Platform) -> Settings:
    """The settings with the URLs and credentials of running servers. Starts them where none run.

    Raises SettingError where they do not start; its message ends with their output.
    """
    folder = settings.folder
    with _locked(folder):
        about = _running(folder)
        if about is None:
            _write_site(settings, platform)
            about = _start(settings)
        _use(folder)
    return replace(
        settings,
        airtable_url=about["airtableUrl"],
        wix_url=about["wixUrl"],
        airtable_key=about["token"],
        wix_key=about["wixKey"],
        site_id=about["siteId"],
        workspace_id=about["workspaceId"],
        penalty=30.0,
    )


def is_running(settings: Settings) -> bool:
    """Whether the local servers run; starts nothing."""
    return _running(settings.folder) is not None


@contextmanager
def servers_for(settings: Settings) -> Iterator[None]:
    """Servers that are started within the block stop at its end, or at the end of the last process that uses them."""
    folder = settings.folder
    with _locked(folder):
        if _running(folder) is None:
            (folder / _TO_STOP).touch()
        _use(folder)
    try:
        yield
    finally:
        with _locked(folder):
            if (folder / _TO_STOP).exists() and _only_user(folder):
                _stop(folder)


def _use(folder: Path) -> None:
    """Hold a shared lock on the servers until this process ends, in whatever way."""
    if folder not in _shared_locks:
        _shared_locks[folder] = (folder / "server.users").open("a")
    fcntl.flock(_shared_locks[folder], fcntl.LOCK_SH)


def _only_user(folder: Path) -> bool:
    try:
        fcntl.flock(_shared_locks[folder], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        _shared_locks.pop(folder).close()
    return True


def stop_local_servers(settings: Settings) -> bool:
    """Stop the servers, even if others use them; their state stays on disk. False where none ran."""
    if not settings.folder.exists():
        return False
    with _locked(settings.folder):
        return _stop(settings.folder)


def _stop(folder: Path) -> bool:
    path = folder / "server.json"
    (folder / _TO_STOP).unlink(missing_ok=True)
    if (shared_lock := _shared_locks.pop(folder, None)) is not None:
        shared_lock.close()
    if _running(folder) is None:
        return False
    pid = json.loads(path.read_text())["pid"]
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _running(folder) is not None:
        time.sleep(0.05)
    for process in [started for started in _started if started.pid == pid]:
        process.wait(timeout=10)
        _started.remove(process)
    path.unlink(missing_ok=True)
    return True


def _running(folder: Path) -> dict[str, Any] | None:
    try:
        known = json.loads((folder / "server.json").read_text())
        if type(known["pid"]) is not int or known["pid"] <= 1:
            return None  # 0 and below mean groups of processes
        os.kill(known["pid"], 0)  # if it is not running, another sandbox may use its port now
        about = requests.get(f"{known['url']}/_sandbox", timeout=5).json()
        return {key: about[key] for key in _ABOUT}
    except (OSError, ValueError, KeyError, TypeError, OverflowError, requests.RequestException):
        return None


def _write_site(settings: Settings, platform: Platform) -> None:
    site, done = settings.folder / "site", settings.folder / _SITE_MADE
    expected = {"seed": SEED, "scale": settings.sample_scale}
    if done.exists():
        try:
            made = json.loads(done.read_text())
            scale = float(made["scale"])
        except (ValueError, KeyError, TypeError):
            raise SettingError(
                f"{done} does not say how the sample site was made; `make clean` removes it, and the next run makes "
                "the site again"
            ) from None
        if made != expected:
            raise SettingError(
                f"the sample site was made at scale {scale:g} and RUNBOOK_SANDBOX_SCALE asks for "
                f"{settings.sample_scale:g}; `make clean` removes it, and the next run makes it again"
            )
        return
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    platform.write_sample(site, seed=SEED, scale=settings.sample_scale)
    done.write_text(json.dumps(expected))


def _start(settings: Settings) -> dict[str, Any]:
    folder = settings.folder
    log = folder / "server.log"
    command = [
        *(sys.executable, "-m", "sandbox", "serve", "--port", "0"),
        *("--data", str(folder / "servers"), "--site", str(folder / "site")),
        *("--requests-per-second", f"{settings.rate:g}", "--plan", settings.plan),
        *("--idle-exit", str(IDLE_SECONDS)),
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603
            command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
        )
    _started.append(process)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        lines = log.read_text().splitlines()
        if lines and lines[0].startswith("Airtable") and len(lines) >= 6:
            url = lines[0].split()[1]
            (folder / "server.json").write_text(json.dumps({"url": url, "pid": process.pid}))
            about = _running(folder)
            if about is not None:
                return about
        time.sleep(0.05)
    process.kill()
    output = log.read_text()[-2000:].strip()
    raise SettingError(f"the sandbox's servers did not start within {_START_SECONDS} s; their output:\n{output}")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "server.lock").open("a")
    except OSError as error:
        raise SettingError(f"RUNBOOK_HOME: {folder} cannot be written: {error.strerror}") from None
    with file as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
