"""The commands of `runbook` on a migrated site: what they print, where, and their exit codes."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from command_kit import Home, Webhook, call
from lmdr.platform import PLATFORM
from runbook.connections import connect
from runbook.local import stop_local_servers
from runbook.settings import read_settings

pytestmark = pytest.mark.slow

SMALL = "0.005"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    path = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("HOME", path / "home"), ("RUNS", path / "runs"), ("SANDBOX_SCALE", SMALL)):
            patch.setenv(f"RUNBOOK_{name}", str(value))
        settings = connect(PLATFORM, "sandbox").settings  # this process holds a share: no command stops the servers
        first = call("run", "1", "2", "--turn-flags", "--new-run", "first")
        assert first.out == ""
        assert "runbook verify first" in first.err
        yield Home(path)
        stop_local_servers(settings)


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
    assert "Flags at airtable: content." in said


def test_flags_as_a_table_as_json_as_a_module(home: Home) -> None:
    assert "content" in call("flags").out
    values = json.loads(call("flags", "--format", "json").out)
    assert set(values) == set(PLATFORM.catalog.flags)
    assert values["content"] == "airtable"
    assert "getDataSource" in call("flags", "--format", "jsw").out
    assert json.loads(call("flags", "content", "--format", "json").out) == {"content": "airtable"}


def test_a_flag_turns_back_at_once_and_forth_on_evidence_and_the_history_says_so(home: Home) -> None:
    assert "'airtable' → 'wix'" in call("flags", "content", "wix", "--who", "ann", "--why", "a try").err
    assert "is already at 'wix'" in call("flags", "content", "wix").err
    said = call("flags", "content", "airtable", code=1).err
    assert "runbook rollback --flag content --reverse-sync" in said
    connect(PLATFORM, "sandbox").state.debts.clear("content")  # nothing was written since
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
    assert "as in the manifest" in call("verify", "first").out
    assert call("verify", str(home.runs / "first")).code == 0
    assert "Ann" in call("sign-off", "first", "--who", "Ann").out
    assert "Ann has signed it already" in call("sign-off", "first", "--who", "Ann", code=1).err
    assert "needs a name" in call("sign-off", "first", "--who", " ", code=2).err


def test_a_signed_run_does_not_go_on_and_a_new_one_begins(home: Home) -> None:
    before = home.files()
    assert "run first is signed, so it is sealed" in call("run", "2", "--run-id", "first", code=2).err
    assert home.files() == before
    known = {path.name for path in home.runs.iterdir()}
    said = call("run", "2").err
    assert re.search(r"collections: nothing written, \d+ rows unchanged", said)
    (second,) = {path.name for path in home.runs.iterdir()} - known
    assert f"run {second}, environment sandbox" in said
    assert "signed by Ann" in call("verify", "first").out


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
    said = call("run", "6", "--new-run", "red", "--freeze", code=1).err
    assert "with --run-id red to continue" in said
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


def test_unfreezing_what_is_open_says_so(home: Home) -> None:
    assert "No collection is frozen" in call("unfreeze").out


# The weekly check


@pytest.fixture
def damaged(home: Home) -> Iterator[None]:
    """A watched collection that cannot be compared: the snapshot of its run is gone."""
    call("flags", "content", "airtable")
    connections = connect(PLATFORM, "sandbox")
    base = connections.base("wix")
    assert base is not None
    run_id = connections.state.facts.progress(base)["FAQs"].run_id
    snapshot = home.path / "runs" / run_id / "snapshots"
    snapshot.rename(snapshot.with_name("aside"))
    yield
    snapshot.with_name("aside").rename(snapshot)


def test_an_alert_is_posted_as_json_and_its_address_shown_nowhere(home: Home, damaged: None) -> None:
    with Webhook() as hook:
        said = call("monitor", "--alert-url", hook.url, code=1)
    ((path, told),) = hook.posted
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
    assert len(hook.posted) == 1
    assert "404" in said.err
    assert "t0ken" not in said.all


def test_a_green_check_posts_nothing_and_ends_with_0(home: Home) -> None:
    call("flags", "content", "airtable")
    with Webhook() as hook:
        call("monitor", "--alert-url", hook.url)
    assert hook.posted == []


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


def test_a_broken_file_in_a_run_is_named(home: Home) -> None:
    path = home.runs / "red/evidence/run/run.json"
    before = path.read_bytes()
    path.write_text("{")
    try:
        assert "run/run.json" in call("verify", "red", code=1).err
        assert "run/run.json cannot be read" in call("run", "2", "--run-id", "red", code=1).err
    finally:
        path.write_bytes(before)
    call("verify", "red")


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


def test_the_mirror_is_shown_loaded_and_dropped(home: Home) -> None:
    call("mirror", "--drop")
    assert "(no rows)" in call("mirror").out
    said = call("mirror", "--load").out
    assert "BlogPosts" in said
    assert "changes made in Airtable arrive within" in said
    file = home.path / f"home/sandbox/mirror-{connect(PLATFORM, 'sandbox').base('wix')}.db"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "dropped" in call("mirror", "--drop").out
    assert not file.exists()
    assert "(no rows)" in call("mirror").out


def test_a_mirror_before_there_is_a_base_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path))
    try:
        assert "run the migration first" in call("mirror", code=2).err
        assert "run the migration first" in call("follow", code=2).err
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
        rest = server.stderr.read()
        assert "whsec" not in said + rest
        assert "following base" in rest
        assert "0 rows carried back to Wix; nothing left" in rest
    assert server.returncode == 0
    stored = connect(PLATFORM, "sandbox").wix.query("StripeEvents", filter={"event_id": "evt_served"})[0]
    assert len(stored) == 1


def _signature(body: str, secret: str) -> dict[str, str]:
    at = int(time.time())
    mac = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={at},v1={mac}"}


def test_to_follow_once_ends_where_nothing_is_left(home: Home) -> None:
    done = call("follow", "--once")
    assert "Carried back to Wix" in done.out
    assert "Not followed" in done.out, "it has ended"
    assert "nothing left" in done.err


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
