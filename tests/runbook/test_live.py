"""`environment=live` against servers that act as the real services: bases, rights, plans, and where secrets stand."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from lmdr.platform import PLATFORM
from runbook import connections
from runbook.errors import AccessRefused, CheckFailed, SettingError, TargetError
from runbook.run import PhaseRun, open_run
from sandbox import Sandbox

pytestmark = pytest.mark.slow

TOKEN = "patLiveTestToken0." + "5ec2e7" * 10 + "5ec2"
OTHER = "patLiveTestToken1." + "0" * 64
WIX_KEY = "IST.5ec2e7-of-the-account"
ALERTS = "https://hooks.example/5ec2e7-hook"
SECRETS = (TOKEN.split(".")[1], WIX_KEY, "5ec2e7")
RUNBOOK = str(Path(sys.executable).parent / "runbook")
ROWS = 15


def write_site(folder: Path, faqs: int = ROWS) -> Path:
    folder.mkdir(exist_ok=True)
    rows = [{"_id": f"faq-{n}", "question": f"Question {n}?", "answer": f"Answer {n}."} for n in range(faqs)]
    (folder / "FAQs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    site = write_site(tmp_path / "site")
    with Sandbox(site=site, requests_per_second=500, tokens=[TOKEN, WIX_KEY], penalty=1) as box:
        yield box


@pytest.fixture
def env(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of the real accounts; the pace alone is raised, and in this process only."""
    env = {
        "AIRTABLE_API_KEY": TOKEN,
        "AIRTABLE_WORKSPACE_ID": box.workspace_id,
        "AIRTABLE_ENDPOINT_URL": box.airtable_url,
        "WIX_API_KEY": WIX_KEY,
        "WIX_SITE_ID": box.site_id,
        "WIX_ENDPOINT_URL": box.wix_url,
        "RUNBOOK_HOME": str(tmp_path / "home"),
        "RUNBOOK_RUNS": str(tmp_path / "runs"),
        "RUNBOOK_ALERT_URL": ALERTS,
    }
    monkeypatch.delenv("AIRTABLE_BASE_ID", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    read = connections.read_settings
    monkeypatch.setattr(
        connections, "read_settings", lambda *asked: dataclasses.replace(read(*asked), rate=400.0, penalty=1.0)
    )
    return env


def run_phase(number: int, **parameters: Any) -> PhaseRun:
    run = open_run(PLATFORM, number, environment="live", **parameters)
    run.plan()
    run.provision()
    if number == 1:
        run.store_secrets()
        run.create_flags()
        return run
    for step in (run.export, run.transform, run.load, run.validate):
        step()
    return run


def bases(box: Sandbox) -> dict[str, str]:
    answer = requests.get(f"{box.airtable_url}/v0/meta/bases", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=9)
    return {base["id"]: base["name"] for base in answer.json()["bases"]}


def tables(box: Sandbox, base: str) -> dict[str, Any]:
    url = f"{box.airtable_url}/v0/meta/bases/{base}/tables"
    answer = requests.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=9)
    return {table["name"]: table for table in answer.json()["tables"]}


def rows(box: Sandbox, base: str, table: str) -> int:
    url = f"{box.airtable_url}/v0/{base}/{table}"
    answer = requests.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=9)
    return len(answer.json()["records"])


def written(box: Sandbox) -> int:
    return sum(int(base["recordsWritten"]) for base in box.stats()["airtable"].values())


def make_base(box: Sandbox, name: str) -> str:
    spec = {
        "name": name,
        "workspaceId": box.workspace_id,
        "tables": [{"name": "My Plans", "fields": [{"name": "Plan", "type": "singleLineText"}]}],
    }
    headers = {"Authorization": f"Bearer {TOKEN}"}
    made = requests.post(f"{box.airtable_url}/v0/meta/bases", json=spec, headers=headers, timeout=9).json()
    record = {"fields": {"Plan": "holidays"}}
    requests.post(f"{box.airtable_url}/v0/{made['id']}/My Plans", json=record, headers=headers, timeout=9)
    return str(made["id"])


def test_a_base_is_made_in_the_workspace_once(box: Sandbox, env: dict[str, str]) -> None:
    after = []
    for _ in range(2):
        run = run_phase(2, collections=["FAQs"])
        assert run.gate().passed
        after.append(written(box))
    (base,) = bases(box)
    assert bases(box)[base] == PLATFORM.catalog.base
    assert run.connections.base("wix") == base
    assert rows(box, base, "FAQs") == ROWS
    assert after[1] == after[0]


def test_the_base_that_is_set_is_filled_and_a_persons_tables_in_it_left_alone(
    box: Sandbox, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_base(box, "Somebody's own")
    before = tables(box, base)["My Plans"]
    monkeypatch.setenv("AIRTABLE_BASE_ID", base)
    assert run_phase(2, collections=["FAQs"]).gate().passed
    assert set(bases(box)) == {base}
    after = tables(box, base)
    assert after["My Plans"] == before
    assert "FAQs" in after
    url = f"{box.airtable_url}/v0/{base}/My Plans"
    answer = requests.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=9)
    assert [record["fields"] for record in answer.json()["records"]] == [{"Plan": "holidays"}]


def test_a_strangers_base_of_the_same_name_is_not_filled(box: Sandbox, env: dict[str, str]) -> None:
    base = make_base(box, PLATFORM.catalog.base)
    with pytest.raises(TargetError, match="none of its tables says that this project made it") as refused:
        run_phase(2, collections=["FAQs"])
    assert "AIRTABLE_BASE_ID" in str(refused.value)
    assert set(tables(box, base)) == {"My Plans"}


def test_another_base_than_the_one_that_was_filled_is_asked_about(
    box: Sandbox, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_phase(2, collections=["FAQs"])
    (first,) = bases(box)
    second = make_base(box, "Another")
    monkeypatch.setenv("AIRTABLE_BASE_ID", second)
    run = run_phase(2, collections=["FAQs"])
    assert run.gate().passed
    assert run.base() == second
    assert "FAQs" in tables(box, second)
    assert "FAQs" in tables(box, first)


def test_a_base_that_the_token_does_not_reach(
    box: Sandbox, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRTABLE_BASE_ID", "appNobodysBase000")
    with pytest.raises(TargetError, match="appNobodysBase000") as refused:
        run_phase(2, collections=["FAQs"])
    assert "AIRTABLE_BASE_ID" in str(refused.value)
    assert bases(box) == {}


def test_a_token_that_is_not_valid(box: Sandbox, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRTABLE_API_KEY", OTHER)
    with pytest.raises(TargetError, match="AIRTABLE_API_KEY is not a valid token") as refused:
        run_phase(2, collections=["FAQs"])
    assert OTHER not in str(refused.value)
    run = open_run(PLATFORM, 1, environment="live")
    found = run.check_access()
    assert not found.passed
    assert OTHER not in repr(found)
    with pytest.raises(CheckFailed):
        run.gate()


@pytest.mark.parametrize(("method", "path"), [("POST", "/v0/meta/bases*"), ("PATCH", "/v0/app*")])
def test_a_token_without_a_right_is_told_which_scope(box: Sandbox, env: dict[str, str], method: str, path: str) -> None:
    body = {"error": {"type": "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", "message": "Invalid permissions"}}
    rule = {"kind": "status", "status": 403, "body": body, "match": {"method": method, "path": path}, "times": 99}
    box.faults(rule)
    try:
        run = run_phase(2, collections=["FAQs"])
        run.gate()
    except (TargetError, CheckFailed) as error:
        said = str(error)
    assert ("schema.bases:write" if method == "POST" else "data.records:write") in said
    assert "AIRTABLE_API_KEY" in said
    assert TOKEN not in said


def test_a_site_without_any_collection_of_the_catalog_is_another_site(box: Sandbox, env: dict[str, str]) -> None:
    with Sandbox(requests_per_second=500, tokens=[TOKEN, WIX_KEY]) as other, pytest.MonkeyPatch.context() as patch:
        patch.setenv("WIX_ENDPOINT_URL", other.wix_url)
        for number in (2, 1):
            with pytest.raises(AccessRefused, match="WIX_SITE_ID"):
                run_phase(number)
        assert bases(box) == {}


def test_a_wix_key_that_is_not_valid(box: Sandbox, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from runbook.errors import WixError

    monkeypatch.setenv("WIX_API_KEY", "IST.nobody-knows-this-one")
    with pytest.raises(WixError, match="WIX_API_KEY is not accepted") as refused:
        run_phase(2, collections=["FAQs"])
    assert "nobody-knows" not in str(refused.value)
    assert bases(box) == {}


def test_a_plan_that_is_too_small_is_refused_before_a_row_is_loaded(
    tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = write_site(tmp_path / "large", faqs=1001)
    with Sandbox(site=site, requests_per_second=500, tokens=[TOKEN, WIX_KEY]) as large:
        monkeypatch.setenv("AIRTABLE_ENDPOINT_URL", large.airtable_url)
        monkeypatch.setenv("WIX_ENDPOINT_URL", large.wix_url)
        monkeypatch.setenv("RUNBOOK_PLAN", "free")
        run = run_phase(2, collections=["FAQs"])
        with pytest.raises(CheckFailed, match="the base would hold 1,001 records, but plan 'free' allows 1,000"):
            run.gate()
        (base,) = bases(large)
        assert rows(large, base, "FAQs") == 0
        monkeypatch.setenv("RUNBOOK_PLAN", "team")
        assert run_phase(2, collections=["FAQs"]).gate().passed


def test_an_endpoint_that_is_no_address(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRTABLE_ENDPOINT_URL", "WIX_ENDPOINT_URL"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "not an address")
            with pytest.raises(SettingError, match=name):
                open_run(PLATFORM, 2, environment="live")


def test_no_secret_is_in_any_file_or_word_of_a_whole_run(box: Sandbox, env: dict[str, str], tmp_path: Path) -> None:
    """As a user runs it: other processes, at Airtable's own pace."""
    import os

    command = [RUNBOOK, "run", "1", "2", "--collections", "FAQs", "-e", "live"]
    own = {name: value for name, value in os.environ.items() if name != "AIRTABLE_BASE_ID"}
    done = subprocess.run(command, env={**own, **env}, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    more = [subprocess.run([RUNBOOK, *c.split(), "-e", "live"], env={**own, **env}, capture_output=True, text=True)
            for c in ("status", "flags --publish", "flags", "plan 2")]  # fmt: skip
    assert [one.returncode for one in more] == [0, 0, 0, 0]
    said = "".join(one.stdout + one.stderr for one in (done, *more))
    files = [path for folder in ("runs", "home") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert len(files) > 20
    assert any(path.name.startswith("state.db") for path in files)
    for secret in SECRETS:
        assert secret not in said
        assert [path for path in files if secret.encode() in path.read_bytes()] == []
    peaks = {target: counts["peakRequestsPerSecond"] for target, counts in box.stats()["airtable"].items()}
    assert peaks.pop("meta") <= 50  # the token's: lists of bases, and making one
    assert max(peaks.values()) <= 5
