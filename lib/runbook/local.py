"""The local servers of the `sandbox` environment: found if they run, else started, with the platform's sample site.

They are one process of their own, so that six notebooks share it; it keeps its state on disk, ends by itself when no
one has asked it for a while, and goes on from there when it is started again. Spoken to over HTTP alone.
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
_SITE_MADE = "sample.json"
_TO_STOP = "server.to-stop"  # there while the servers are to end with their last user
_ABOUT = ("airtableUrl", "token", "wixUrl", "wixKey", "siteId", "workspaceId")

# Kept, so that a server which outlives its starter is not taken for one that was forgotten.
_started: list[subprocess.Popen[bytes]] = []
_shares: dict[Path, IO[str]] = {}


def local_servers(settings: Settings, platform: Platform) -> Settings:
    """The settings with the addresses and credentials of running servers. Starts them where none run.

    Raises SettingError where they do not start; its message ends with what they said.
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


@contextmanager
def servers_for(settings: Settings) -> Iterator[None]:
    """Servers that are started within end with it, unless another process uses them still: then with that one's."""
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
    """Hold a share in the servers until this process ends, however it ends."""
    if folder not in _shares:
        _shares[folder] = (folder / "server.users").open("a")
    fcntl.flock(_shares[folder], fcntl.LOCK_SH)


def _only_user(folder: Path) -> bool:
    try:
        fcntl.flock(_shares[folder], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        _shares.pop(folder).close()
    return True


def stop_local_servers(settings: Settings) -> bool:
    """End the servers, whoever uses them; their state stays on disk. False where none ran."""
    if not settings.folder.exists():
        return False
    with _locked(settings.folder):
        return _stop(settings.folder)


def _stop(folder: Path) -> bool:
    path = folder / "server.json"
    (folder / _TO_STOP).unlink(missing_ok=True)
    if (share := _shares.pop(folder, None)) is not None:
        share.close()
    if _running(folder) is None:
        return False
    pid = json.loads(path.read_text())["pid"]
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _running(folder) is not None:
        time.sleep(0.05)
    for process in [own for own in _started if own.pid == pid]:
        process.wait(timeout=10)
        _started.remove(process)
    path.unlink(missing_ok=True)
    return True


def _running(folder: Path) -> dict[str, Any] | None:
    try:
        known = json.loads((folder / "server.json").read_text())
        if type(known["pid"]) is not int or known["pid"] <= 1:
            return None  # 0 and below are whole groups of processes
        os.kill(known["pid"], 0)  # another sandbox may have taken the port since
        about = requests.get(f"{known['url']}/_sandbox", timeout=5).json()
        return {key: about[key] for key in _ABOUT}
    except (OSError, ValueError, KeyError, TypeError, OverflowError, requests.RequestException):
        return None


def _write_site(settings: Settings, platform: Platform) -> None:
    site, done = settings.folder / "site", settings.folder / _SITE_MADE
    wanted = {"seed": SEED, "scale": settings.sample_scale}
    if done.exists():
        try:
            made = json.loads(done.read_text())
            former = float(made["scale"])
        except (ValueError, KeyError, TypeError):
            raise SettingError(
                f"{done} does not say how the sample site was made; `make clean` removes it, and the next run makes "
                "the site anew"
            ) from None
        if made != wanted:
            raise SettingError(
                f"the sample site was made at scale {former:g} and RUNBOOK_SANDBOX_SCALE asks for "
                f"{settings.sample_scale:g}; `make clean` removes it, and the next run makes it anew"
            )
        return
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    platform.write_sample(site, seed=SEED, scale=settings.sample_scale)
    done.write_text(json.dumps(wanted))


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
    said = log.read_text()[-2000:].strip()
    raise SettingError(f"the sandbox's servers did not start within {_START_SECONDS} s; they said:\n{said}")


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
