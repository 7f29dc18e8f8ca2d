"""What both accounts allow; each refusal with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airtable_kit import BASE, connect, seed
from runbook.airtable.client import Airtable
from runbook.checks.access import Access, check_access
from runbook.errors import SettingError
from runbook.wix.client import WixClient
from sandbox import Sandbox


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "hubs.jsonl").write_text('{"_id": "1"}\n{"_id": "2"}\n')
    return folder


@pytest.fixture
def box(site: Path) -> Iterator[Sandbox]:
    with Sandbox(seed=seed(), site=site, requests_per_second="off") as box:
        yield box


@pytest.fixture
def airtable(box: Sandbox, tmp_path: Path) -> Iterator[Airtable]:
    with connect(box, tmp_path) as airtable:
        yield airtable


@pytest.fixture
def wix(box: Sandbox) -> Iterator[WixClient]:
    client = WixClient(box.wix_url, box.wix_key, box.site_id, sleep=lambda _: None)
    yield client
    client.close()


def check(airtable: Airtable, wix: WixClient, **asked: Any) -> Access:
    wanted: dict[str, Any] = {"base_id": BASE, "workspace_id": None, "plan": "team", "rows": {"hubs": 40_312}, **asked}
    return check_access(airtable, wix, **wanted)


def verdicts(access: Access) -> dict[str, str]:
    return {c.what: c.verdict for c in access.checks}


def test_all_is_well_and_nothing_is_written(box: Sandbox, airtable: Airtable, wix: WixClient) -> None:
    access = check(airtable, wix)
    assert access.passed
    assert set(verdicts(access).values()) == {"ok"}
    assert list(verdicts(access)) == [
        *("Airtable: who the token is", "Airtable: list bases", "Airtable: the base", "Airtable: read the schema"),
        *("Airtable: create records", "Airtable: records in the base", "Airtable: API calls a month"),
        *("Wix: list collections", "Wix: count rows", "Wix: names of secrets"),
    ]
    assert list(airtable.records(BASE, "Notes")) == []
    words = repr(access)
    assert "scopes only for OAuth tokens" in words
    assert "hubs: 2" in words
    assert box.token not in words
    assert box.wix_key not in words
    assert "40,312 rows on Team (50,000): 81% used – close to it" in words


@pytest.mark.parametrize(
    ("plan", "count", "verdict", "words"),
    [
        ("free", 1_000, "ok", "1,000 rows on Free (1,000): 100% used – close to it"),
        (
            "free",
            40_312,
            "failed",
            "40,312 rows need Team (50,000): 81% used; the plan is Free (1,000), 39,312 too few",
        ),
        ("team", 50_001, "failed", "need Business (125,000): 40% used"),
        ("business", 300_000, "failed", "need Enterprise (500,000): 60% used"),
        ("enterprise", 500_001, "failed", "more than any plan holds in a base (500,000)"),
        ("team", 100, "ok", "100 rows on Team (50,000): 0% used"),
    ],
)
def test_rows_against_the_plan(
    airtable: Airtable, wix: WixClient, plan: str, count: int, verdict: str, words: str
) -> None:
    access = check(airtable, wix, plan=plan, rows={"hubs": count})
    found = next(c for c in access.checks if c.what == "Airtable: records in the base")
    assert found.verdict == verdict
    assert words in found.found
    assert bool(found.todo) == ("close" in words or verdict == "failed")
    assert access.facts()["passed"] is (verdict == "ok" and access.passed)


@pytest.mark.parametrize(
    ("plan", "count", "verdict"),
    [("free", 900, "ok"), ("free", 5_000, "failed"), ("team", 500_000, "failed"), ("business", 500_000, "ok")],
)
def test_calls_against_the_plan(airtable: Airtable, wix: WixClient, plan: str, count: int, verdict: str) -> None:
    access = check(airtable, wix, plan=plan, rows={"hubs": count})
    assert verdicts(access)["Airtable: API calls a month"] == verdict


def test_a_plan_that_does_not_exist(airtable: Airtable, wix: WixClient) -> None:
    with pytest.raises(SettingError, match="RUNBOOK_PLAN is 'plus'"):
        check(airtable, wix, plan="plus")


def test_a_token_that_is_not_let_in(site: Path, tmp_path: Path) -> None:
    with Sandbox(seed=seed(), site=site, requests_per_second="off", token="pat.right") as box:
        client = WixClient(box.wix_url, box.wix_key, box.site_id, sleep=lambda _: None)
        with connect(box, tmp_path) as right:
            right._session.headers["Authorization"] = "Bearer patWrong"
            access = check(right, client)
        client.close()
    assert not access.passed
    assert verdicts(access)["Airtable: who the token is"] == "failed"
    assert verdicts(access)["Wix: list collections"] == "ok"
    assert "data.records:read" in access.checks[0].todo
    assert "patWrong" not in repr(access)


def test_a_base_that_the_token_does_not_reach(airtable: Airtable, wix: WixClient) -> None:
    access = check(airtable, wix, base_id="appNobody00000000")
    assert verdicts(access)["Airtable: the base"] == "failed"


def test_a_base_that_may_only_be_edited(airtable: Airtable, wix: WixClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable, "bases", lambda: [{"id": BASE, "name": "Mine", "permissionLevel": "edit"}])
    access = check(airtable, wix)
    assert verdicts(access)["Airtable: the base"] == "failed"
    assert "Creator" in next(c.todo for c in access.checks if c.what == "Airtable: the base")


def test_a_token_that_may_not_write_records(box: Sandbox, airtable: Airtable, wix: WixClient) -> None:
    body = {"error": {"type": "INVALID_PERMISSIONS", "message": "You are not permitted to perform this operation"}}
    box.faults({"match": {"method": "POST", "path": f"/v0/{BASE}/*"}, "kind": "status", "status": 403, "body": body})
    access = check(airtable, wix)
    assert verdicts(access)["Airtable: create records"] == "failed"
    assert "data.records:write" in next(c.todo for c in access.checks if c.what == "Airtable: create records")


def test_before_there_is_a_base(airtable: Airtable, wix: WixClient) -> None:
    access = check(airtable, wix, base_id=None, workspace_id="wspAny00000000000")
    assert verdicts(access)["Airtable: the base"] == "not known"
    assert access.passed
    assert not check(airtable, wix, base_id=None).passed


def test_a_wix_key_without_rights(box: Sandbox, airtable: Airtable, wix: WixClient) -> None:
    refused = {"message": "permission denied", "details": {"applicationError": {"code": "WDE0027"}}}
    box.faults({"match": {"service": "wix"}, "kind": "status", "status": 403, "body": refused, "times": None})
    access = check(airtable, wix)
    assert verdicts(access)["Wix: list collections"] == "failed"
    assert verdicts(access)["Wix: names of secrets"] == "failed"
    assert box.wix_key not in repr(access)
    assert verdicts(access)["Airtable: create records"] == "ok"
