"""`sandbox serve`, as a person in a terminal meets it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

pytestmark = pytest.mark.slow


def serve(*flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", "serve", "--port", "0", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refused(*flags: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "serve", "--port", "0", *flags], capture_output=True, text=True, timeout=30
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_it_prints_what_a_client_needs_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(
        json.dumps(
            {
                "base": {"id": "appCli00000000001", "name": "Fleet"},
                "tables": [{"name": "T", "fields": [{"name": "A", "type": "singleLineText"}]}],
            }
        )
    )
    server = serve("--seed", str(seed), "--data", str(tmp_path / "data"))
    assert server.stdout is not None
    lines = [server.stdout.readline().rstrip("\n") for _ in range(8)]
    payload = {line[:12].strip(): line[12:] for line in lines}
    url = payload["Airtable"].split()[0]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
    assert payload["Wix Data"].split()[0] == url
    assert re.fullmatch(r"pat[0-9A-Za-z]{14}\.[0-9a-f]{64}", payload["token"])
    assert payload["Wix key"].startswith("IST.")
    assert payload["state"] == str(tmp_path / "data")
    assert payload["base"] == "appCli00000000001   Fleet"
    headers = {"Authorization": f"Bearer {payload['token']}"}
    assert requests.get(f"{url}/v0/appCli00000000001/T", headers=headers, timeout=5).json() == {"records": []}
    server.send_signal(signal.SIGINT)
    _, errors = server.communicate(timeout=10)
    assert "Traceback" not in errors


def test_seed_takes_several_files_or_is_given_several_times(tmp_path: Path) -> None:
    files = []
    for number in range(3):
        base = {"id": f"appSeveral000000{number}", "name": f"Base {number}"}
        tables = [{"name": "T", "fields": [{"name": "A", "type": "singleLineText"}]}]
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(json.dumps({"base": base, "tables": tables}))
    server = serve("--seed", str(files[0]), str(files[1]), "--seed", str(files[2]))
    assert server.stdout is not None
    try:
        lines = [server.stdout.readline() for _ in range(10)]
        assert sorted(line.split()[1] for line in lines[7:]) == [f"appSeveral000000{number}" for number in range(3)]
    finally:
        server.kill()
        server.communicate()


def test_only_the_tokens_that_are_named_are_let_in() -> None:
    server = serve("--token", "secret-one", "--token", "secret-two")
    assert server.stdout is not None
    url = server.stdout.readline().split()[1]
    try:
        for token, status in (("secret-one", 200), ("secret-two", 200), ("else", 401), ("", 401)):
            answer = requests.get(f"{url}/v0/meta/whoami", headers={"Authorization": f"Bearer {token}"}, timeout=5)
            assert answer.status_code == status, token
    finally:
        server.kill()
        server.communicate()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("stray.json",), "stray.json is no flag; seed files come after --seed"),
        (("--seed", "nowhere.json"), "seed nowhere.json cannot be read: No such file"),
        (("--site", "nowhere"), "Directory 'nowhere' does not exist"),
        (("--plan", "gold"), "'free', 'team', 'business', 'enterprise'"),
        (("--requests-per-second", "fast"), "neither a number from 1 nor 'off'"),
        (("--latency", "slow"), "not MEAN or MEAN,JITTER"),
        (("--penalty", "-1"), "penalty is -1.0; it cannot be negative"),
    ],
)
def test_a_flag_that_cannot_be_is_answered_in_words(flags: tuple[str, ...], message: str) -> None:
    assert message in refused(*flags)


def test_a_server_that_no_one_asks_ends_by_itself(tmp_path: Path) -> None:
    with serve("--idle-exit", "0.3", "--data", str(tmp_path / "data")) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[1]
        assert requests.get(f"{url}/_sandbox", timeout=5).ok
        assert server.wait(timeout=20) == 0
