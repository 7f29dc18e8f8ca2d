"""Every command of `runbook` as a person in a terminal meets it: what it says, where, and its exit code."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from lmdr.platform import PLATFORM
from runbook import cli
from runbook.catalog import load_catalog
from runbook.cli import main
from runbook.connections import connect
from runbook.local import stop_local_servers
from runbook.settings import read_settings

SMALL = "0.005"
COMMANDS = "plan run status flags verify sign-off rollback monitor serve mirror suites unfreeze stop".split()


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Home:
    path: Path

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    def files(self) -> dict[str, int]:
        """Every file of every run, by its time of change: what a refusal must leave as it was."""
        return {str(p.relative_to(self.runs)): p.stat().st_mtime_ns for p in self.runs.rglob("*")}

    def newest(self, end: str = "") -> Path:
        return max(path for path in self.runs.iterdir() if path.name.endswith(end))


def call(*arguments: str, code: int | None = 0) -> Said:
    """One command. Whatever a user does wrong, it ends with a message and an exit code, never a traceback."""
    done = CliRunner().invoke(main, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert "Traceback" not in done.output
    assert code is None or done.exit_code == code, done.output
    return Said(done.exit_code, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    path = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("HOME", path / "home"), ("RUNS", path / "runs"), ("SANDBOX_SCALE", SMALL)):
            patch.setenv(f"RUNBOOK_{name}", str(value))
        settings = connect(PLATFORM, "sandbox").settings  # this process holds a share: no command stops the servers
        first = call("run", "1", "2", "--turn-flags", "--run-id", "first")
        assert first.out == ""
        assert "runbook verify first" in first.err
        yield Home(path)
        stop_local_servers(settings)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    said = call(command, "--help").out
    assert "Usage:" in said
    assert len(said.splitlines()) > 3


def test_the_list_of_commands_is_whole() -> None:
    assert set(main.commands) == set(COMMANDS)


def test_a_plan_is_data_on_stdout_and_leaves_nothing(home: Home) -> None:
    before = home.files()
    said = call("plan", "3")
    assert "Carriers" in said.out
    assert "requests" in said.out
    assert said.err == ""
    assert home.files() == before


def test_status_names_what_is_migrated_and_what_is_not(home: Home) -> None:
    said = call("status").out
    assert "9 of 40 collections" in said
    assert "not migrated" in said
    assert "Flags on airtable: content." in said


def test_flags_as_a_table_as_json_as_a_module(home: Home) -> None:
    assert "content" in call("flags").out
    values = json.loads(call("flags", "--format", "json").out)
    assert set(values) == set(PLATFORM.catalog.flags)
    assert values["content"] == "airtable"
    assert "getDataSource" in call("flags", "--format", "jsw").out
    assert json.loads(call("flags", "content", "--format", "json").out) == {"content": "airtable"}


def test_a_flag_turns_back_at_once_and_forth_on_evidence_and_the_history_says_so(home: Home) -> None:
    assert "'airtable' → 'wix'" in call("flags", "content", "wix", "--who", "ann", "--why", "a try").err
    assert "stands at 'wix' already" in call("flags", "content", "wix").err
    assert "'wix' → 'airtable'" in call("flags", "content", "airtable", "--who", "bob").err
    told = call("flags", "content", "--history").out
    assert "ann" in told
    assert "a try" in told
    assert "first" in told


def test_flags_are_published(home: Home) -> None:
    assert f"published {len(PLATFORM.catalog.flags)} flags" in call("flags", "--publish").err


def test_a_flag_without_evidence_is_refused_with_every_reason(home: Home) -> None:
    said = call("flags", "carriers", "airtable", code=1).err
    for name in (c.wix for c in PLATFORM.catalog.of_flag("carriers")):
        assert f"{name} has not been migrated" in said


def test_a_run_is_verified_signed_once_and_not_twice_by_the_same(home: Home) -> None:
    assert "are what the manifest says" in call("verify", "first").out
    assert call("verify", str(home.runs / "first")).code == 0
    assert "Ann" in call("sign-off", "first", "--who", "Ann").out
    assert "Ann has signed it already" in call("sign-off", "first", "--who", "Ann", code=1).err
    assert "needs a name" in call("sign-off", "first", "--who", " ", code=2).err


def test_an_unknown_run_lists_the_newest(home: Home) -> None:
    for command in ("verify", "sign-off"):
        said = call(command, "secnod", code=2).err
        assert "secnod" in said
        assert "first" in said


def test_a_dry_run_writes_nothing_and_cannot_be_signed(home: Home) -> None:
    said = call("run", "3", "--dry-run", "--collections", "Carriers").err
    assert "sign-off" not in said
    run = home.newest("-dry").name
    assert "dry run" in call("sign-off", run, "--who", "Ann", code=1).err
    rows = (home.runs / run / "requests/03_core_business.jsonl").read_text().splitlines()
    assert {json.loads(row)["method"] for row in rows} <= {"GET"}


def test_a_red_run_ends_with_1_says_how_to_go_on_and_cannot_be_signed(home: Home) -> None:
    # Phase 6 has nothing to look at: phases 3 to 5 have not been run.
    said = call("run", "6", "--run-id", "red", "--freeze", code=1).err
    assert "with --run-id red goes on" in said
    assert "failed" in call("sign-off", "red", "--who", "Ann", code=1).err
    assert not (home.runs / "red/sign-off.json").exists()
    call("verify", "red")


def test_a_rollback_of_one_flag_leaves_its_own_run(home: Home) -> None:
    call("flags", "content", "airtable")
    call("rollback", "--flag", "content", "--dry-run")
    assert json.loads(call("flags", "--format", "json").out)["content"] == "airtable"
    call("rollback", "--phase", "2")
    assert json.loads(call("flags", "--format", "json").out)["content"] == "wix"
    call("verify", home.newest("-rollback").name)


def test_suites_are_as_the_catalog_says() -> None:
    assert call("suites", "--check").out == ""


def test_unfreezing_what_is_open_says_so(home: Home) -> None:
    assert "No collection is frozen" in call("unfreeze").out


# The weekly check


class Webhook:
    """A chat service: keeps what is posted to it, answers `status`."""

    def __init__(self, status: int = 200) -> None:
        got: list[tuple[str, dict[str, Any]]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got.append((self.path, json.loads(body)))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.got = got
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/t0ken-of-the-webhook"

    def __enter__(self) -> Webhook:
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def damaged(home: Home) -> Iterator[None]:
    """A cell in a watched table that nothing explains."""
    call("flags", "content", "airtable")
    connections = connect(PLATFORM, "sandbox")
    base = connections.base("wix")
    assert base is not None
    table = PLATFORM.catalog.collection("FAQs").table
    record = next(connections.airtable.records(base, table))
    connections.airtable.update(base, table, [{"id": record["id"], "fields": {"Question": "Who typed here?"}}])
    yield
    before = record["fields"]["Question"]
    connections.airtable.update(base, table, [{"id": record["id"], "fields": {"Question": before}}])


def test_an_alert_is_posted_as_json_and_its_address_shown_nowhere(home: Home, damaged: None) -> None:
    with Webhook() as hook:
        said = call("monitor", "--alert-url", hook.url, code=1)
    ((path, told),) = hook.got
    assert path == "/hook/t0ken-of-the-webhook"
    assert told["run"] == home.newest("-check").name
    assert any("FAQs" in alert for alert in told["alerts"])
    assert "FAQs" in told["text"]
    assert "t0ken" not in said.all
    files = [p for p in home.newest("-check").rglob("*") if p.is_file()]
    assert not [p for p in files if b"t0ken" in p.read_bytes()]


def test_an_alert_that_is_not_taken_is_said_and_is_an_alert_all_the_same(
    home: Home, damaged: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Webhook(status=404) as hook:
        monkeypatch.setenv("RUNBOOK_ALERT_URL", hook.url)
        said = call("monitor", code=1)
    assert len(hook.got) == 1
    assert "404" in said.err
    assert "t0ken" not in said.all


def test_a_green_check_posts_nothing_and_ends_with_0(home: Home) -> None:
    call("flags", "content", "airtable")
    with Webhook() as hook:
        call("monitor", "--alert-url", hook.url)
    assert hook.got == []


# What a user gets wrong: one message that names it and what would be right, exit code 2, and no file of a run touched


WRONG = [
    ("plan 7", "no phase 7; there are 1, 2"),
    ("plan 0", "no phase 0"),
    ("plan x", "'x' is neither a phase's number nor 'all'"),
    ("run", "PHASE"),
    ("run 2 7", "no phase 7"),
    ("run 2 -e prod", "sandbox"),
    ("run 2 --collections BlogPost", "did you mean 'BlogPosts'"),
    ("run 2 --collections Carriers", "it is of phase 3"),
    ("run 2 --collections ,", "collections is empty"),
    ("run 2 --collections=", "collections is empty"),
    ("run 1 --collections FAQs", "it is of phase 2"),
    ("run 2 --source {tmp}/nowhere", "there is no folder"),
    ("plan 2 --source {tmp}/nowhere", "there is no folder"),
    ("run 2 --source {tmp}/a.jsonl", "there is no folder"),
    ("run 2 --source {tmp}/empty", "has no .jsonl and no .csv file"),
    ("run 2 --source {tmp}/other", "holds none of the 9 collections"),
    ("plan 2 --source {tmp}/other", "holds none of the 9 collections"),
    ("run 2 --run-id ../away", "run_id is '../away'"),
    ("run 2 --run-id a/b", "run_id is 'a/b'"),
    ("run 2 --run-id=", "run_id is ''"),
    ("run 2 --run-id -x", "run_id is '-x'"),
    ("run 2 --run-id first --dry-run", "run first was opened with environment='sandbox'"),
    ("run 2 --run-id first --source {tmp}/faqs", "this asks for environment='sandbox', source='faqs'"),
    ("run 2 --dry-run --turn-flags", "dry_run and turn_flags"),
    ("run 2 --freeze", "--freeze belongs to phase 6"),
    ("run 2 --timeout 0", "timeout"),
    ("run 2 -e live", "AIRTABLE_API_KEY is not set"),
    ("flags contnet", "did you mean 'content'"),
    ("flags contnet airtable", "did you mean 'content'"),
    ("flags content both", "'both' is not one of 'wix', 'airtable'"),
    ("flags --format xml", "jsw"),
    ("flags --publish -e live", "WIX_API_KEY is not set"),
    ("rollback --phase 9", "no phase 9"),
    ("rollback --phase 1", "phase 1 has no flag"),
    ("rollback --flag contnet", "did you mean 'content'"),
    ("rollback --flag content --phase 2", "phase and flag are both set"),
    ("monitor --alert-url hooks.example/T0", "is no address to post to"),
    ("monitor --alert-url http://h:x/T0", "is no address to post to"),
    ("verify nothing", "no run with a manifest"),
    ("runn 2", "No such command"),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp = tmp_path_factory.mktemp("sources")
    (tmp / "a.jsonl").write_text("{}\n")
    for name, file in (("empty", None), ("other", "Carriers.jsonl"), ("faqs", "FAQs.jsonl")):
        (tmp / name).mkdir()
        if file:
            (tmp / name / file).write_text('{"_id": "1"}\n')
    return tmp


@pytest.mark.parametrize(("command", "words"), WRONG, ids=[command for command, _ in WRONG])
def test_what_is_wrong_is_named_before_anything_is_written(
    home: Home, folders: Path, command: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AIRTABLE_API_KEY", "AIRTABLE_BASE_ID", "AIRTABLE_WORKSPACE_ID", "WIX_API_KEY", "WIX_SITE_ID"):
        monkeypatch.delenv(name, raising=False)
    before = home.files()
    said = call(*command.replace("{tmp}", str(folders)).split(), code=2)
    assert words in said.err
    assert said.out == ""
    assert "T0" not in said.all
    assert home.files() == before


VARIABLES = [
    ("RUNBOOK_PLAN", "gold", "RUNBOOK_PLAN is 'gold'; valid are free"),
    ("RUNBOOK_SANDBOX_RATE", "fast", "RUNBOOK_SANDBOX_RATE is 'fast'"),
    ("RUNBOOK_SANDBOX_RATE", "0", "it must be a number from 1"),
    ("RUNBOOK_SANDBOX_RATE", "nan", "RUNBOOK_SANDBOX_RATE"),
    ("RUNBOOK_SANDBOX_SCALE", "-1", "RUNBOOK_SANDBOX_SCALE is '-1'"),
    ("RUNBOOK_SANDBOX_SCALE", "inf", "RUNBOOK_SANDBOX_SCALE"),
    ("RUNBOOK_REMOVE_MANY", "Trucks", "RUNBOOK_REMOVE_MANY names Trucks"),
    ("RUNBOOK_STATE_URL", "nonsense", "RUNBOOK_STATE_URL begins with 'nonsense'"),
    ("RUNBOOK_STATE_URL", "mysql://u:hunter2@h/x", "right are sqlite"),
    ("RUNBOOK_STATE_URL", "sqlite://", "names no file"),
    ("RUNBOOK_STATE_URL", "sqlite:///{tmp}/a-file/state.db", "cannot be written"),
    ("RUNBOOK_STATE_URL", "sqlite:///{tmp}/a-file", "holds no state"),
    ("RUNBOOK_STATE_URL", "postgresql://u:hunter2@127.0.0.1:1/x", "cannot be opened"),
    ("RUNBOOK_RUNS", "{tmp}/a-file/runs", "cannot be made"),
    ("RUNBOOK_HOME", "{tmp}/a-file/home", "RUNBOOK_HOME"),
]


@pytest.mark.parametrize(("name", "value", "words"), VARIABLES, ids=[f"{n[8:]}={v}" for n, v, _ in VARIABLES])
def test_a_wrong_variable_is_named_before_anything_is_written(
    home: Home, name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a-file").write_text("This is no database, and no folder. " * 100)
    monkeypatch.setenv(name, value.replace("{tmp}", str(tmp_path)))
    before = home.files()
    said = call("run", "2", code=2)
    assert words in said.err
    assert "hunter2" not in said.all
    assert home.files() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a-file"]


def test_another_scale_than_the_sample_site_was_made_at(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    own = home.path / "home/sandbox"
    (own / "server.json").rename(own / "server.aside")  # as if no servers ran
    monkeypatch.setenv("RUNBOOK_SANDBOX_SCALE", "0.5")
    try:
        said = call("plan", "2", code=2).err
        (own / "sample.json").rename(own / "sample.aside")
        (own / "sample.json").write_text("{}")
        odd = call("plan", "2", code=2).err
    finally:
        (own / "sample.aside").replace(own / "sample.json")
        (own / "server.aside").replace(own / "server.json")
    assert "RUNBOOK_SANDBOX_SCALE asks for 0.5" in said
    assert "make clean" in said
    assert "does not say how the sample site was made" in odd


@pytest.mark.parametrize("content", ["", "{", "[]", '{"url": "http://127.0.0.1:1", "pid": 0}', '{"pid": -1, "url": 3}',
                                     '{"url": "http://127.0.0.1:1", "pid": 99999999999999999999}'])  # fmt: skip
def test_a_note_of_servers_that_is_no_note_means_that_none_run(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path))
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox/server.json").write_text(content)
    assert "no sandbox is running" in call("stop").err


def test_another_program_on_the_port_of_the_servers_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path))
    (tmp_path / "sandbox").mkdir()
    with Webhook() as stranger:
        url = stranger.url.partition("/hook")[0]
        (tmp_path / "sandbox/server.json").write_text(json.dumps({"url": url, "pid": os.getpid()}))
        assert "no sandbox is running" in call("stop").err


def test_a_broken_file_in_a_run_is_named(home: Home) -> None:
    path = home.runs / "first/evidence/run/run.json"
    before = path.read_bytes()
    path.write_text("{")
    try:
        assert "run/run.json" in call("verify", "first", code=1).err
        assert "run/run.json cannot be read" in call("run", "2", "--run-id", "first", code=1).err
    finally:
        path.write_bytes(before)
    call("verify", "first")


def test_what_papermill_passes_as_text_is_refused_by_name(home: Home, tmp_path: Path) -> None:
    import papermill
    from papermill.exceptions import PapermillExecutionError

    with pytest.raises(PapermillExecutionError, match=r"dry_run is 'false', a str; it must be a bool.*-y"):
        papermill.execute_notebook(
            str(PLATFORM.notebook(2)),
            str(tmp_path / "out.ipynb"),
            parameters={"dry_run": "false"},
            progress_bar=False,
            cwd=str(PLATFORM.notebooks),
        )


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("phase: 2", "phase: 2\n  odd: [", "2_content.yaml"),
        ("wix: FAQs", "wix: BlogPosts", "BlogPosts"),
        ("wix: FAQs", "wiks: FAQs", "wiks"),
    ],
)
def test_a_catalog_that_is_wrong_is_told_with_its_file(
    home: Home, right: str, wrong: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "catalog"
    shutil.copytree(PLATFORM.root / "lib/lmdr/catalog", copy)
    file = copy / "2_content.yaml"
    text = file.read_text()
    assert right in text
    file.write_text(text.replace(right, wrong, 1))
    monkeypatch.setattr(cli, "find_platform", lambda: replace(PLATFORM, catalog=load_catalog(copy)))
    before = home.files()
    said = call("run", "2", code=2).err
    assert "2_content.yaml" in said
    assert words in said
    assert home.files() == before


def test_the_mirror_is_shown_loaded_and_dropped(home: Home) -> None:
    call("mirror", "--drop")
    assert "(no rows)" in call("mirror").out
    said = call("mirror", "--load").out
    assert "BlogPosts" in said
    assert " s while a service runs" in said
    file = home.path / f"home/sandbox/mirror-{connect(PLATFORM, 'sandbox').base('wix')}.db"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "dropped" in call("mirror", "--drop").out
    assert not file.exists()
    assert "(no rows)" in call("mirror").out


def test_a_mirror_before_there_is_a_base_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path))
    try:
        assert "run the migration first" in call("mirror", code=2).err
    finally:
        stop_local_servers(connect(PLATFORM, "sandbox").settings)


def test_endpoints_are_served_until_they_are_told_to_stop(home: Home) -> None:
    env = {**os.environ, "STRIPE_WEBHOOK_SECRET": "whsec_of_a_test"}
    command = [str(Path(sys.executable).parent / "runbook"), "serve", "--port", "0"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            said = server.stderr.readline()
            url = said.split(" on ")[1].split()[0] + "/_functions/stripe_webhook"
            assert requests.get(url, timeout=10).json()["status"] == "ok"
            event = {
                "id": "evt_served",
                "object": "event",
                "type": "ping",
                "created": int(time.time()),
                "data": {"object": {}},
            }
            body = json.dumps(event)
            assert requests.post(url, data=body, timeout=10).status_code == 400
            signed = requests.post(url, data=body, headers=_signature(body, "whsec_of_a_test"), timeout=10)
            assert signed.json() == {"received": True, "status": "unhandled"}
            forged = requests.post(url, data=body, headers=_signature(body, "whsec_of_another"), timeout=10)
            assert forged.status_code == 400
        finally:
            server.send_signal(signal.SIGTERM)
        assert "whsec" not in said + server.stderr.read()
    assert server.returncode in (0, -signal.SIGTERM)
    stored = connect(PLATFORM, "sandbox").wix.query("StripeEvents", filter={"event_id": "evt_served"})[0]
    assert len(stored) == 1


def _signature(body: str, secret: str) -> dict[str, str]:
    at = int(time.time())
    mac = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={at},v1={mac}"}


def test_a_port_that_is_taken_is_named(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"--port {port}" in call("serve", "--port", port, code=2).err


def test_stop_comes_last(home: Home) -> None:
    assert "stopped" in call("stop").err
    assert "no sandbox is running" in call("stop").err
    assert "40 collections" in call("status").out  # needs no servers
    assert not (home.path / "home/sandbox/server.json").exists()
    assert read_settings("sandbox", PLATFORM).sample_scale == float(SMALL)
