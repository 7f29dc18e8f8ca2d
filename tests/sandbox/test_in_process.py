"""The sandbox from Python: addresses, settings, admin API, and state that outlives it."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path
from typing import Any

import pyairtable
import pytest
import requests

from sandbox import Sandbox
from sandbox.in_process import SeedFileError
from sandbox.server import PortTaken
from sandbox.store import StoreError
from sandbox.wix import SiteError

BASE = "appBox00000000001"


def seed(base_id: str = BASE) -> dict[str, Any]:
    return {
        "base": {"id": base_id, "name": "Box"},
        "tables": [
            {
                "name": "Things",
                "fields": [{"name": "Name", "type": "singleLineText"}],
                "records": [{"fields": {"Name": "first"}}],
            }
        ],
    }


def things(box: Sandbox) -> list[str]:
    table = pyairtable.Api(box.token, endpoint_url=box.airtable_url).table(BASE, "Things")
    return [record["fields"]["Name"] for record in table.all()]


def test_it_starts_in_well_under_a_second_and_gives_credentials_in_the_services_own_forms() -> None:
    with Sandbox():  # the first pays for the imports
        pass
    began = time.perf_counter()
    with Sandbox() as box:
        taken = time.perf_counter() - began
        assert re.fullmatch(r"pat[0-9A-Za-z]{14}\.[0-9a-f]{64}", box.token)
        assert box.wix_key.startswith("IST.")
        assert re.fullmatch(r"[0-9a-f-]{36}", box.site_id)
        assert requests.get(f"{box.airtable_url}/_sandbox", timeout=5).json()["siteId"] == box.site_id
    assert taken < 1


def test_any_number_run_side_by_side_and_know_nothing_of_each_other() -> None:
    with Sandbox(seed=seed()) as one, Sandbox(seed=seed()) as other:
        pyairtable.Api("any", endpoint_url=one.airtable_url).table(BASE, "Things").create({"Name": "second"})
        assert things(one) == ["first", "second"]
        assert things(other) == ["first"]


def test_the_port_is_free_again_when_the_block_ends() -> None:
    with Sandbox() as box:
        port = int(box.airtable_url.rsplit(":", 1)[1])
    with Sandbox(port=port) as again:
        assert again.airtable_url.endswith(f":{port}")


def test_it_listens_on_loopback_alone() -> None:
    with Sandbox() as box:
        assert box.airtable_url.startswith("http://127.0.0.1:")
        port = int(box.airtable_url.rsplit(":", 1)[1])
        with socket.socket() as elsewhere:
            elsewhere.bind(("127.0.0.2", port))  # free: the server did not take every address


def test_a_taken_port_is_named() -> None:
    with Sandbox() as box:
        port = int(box.airtable_url.rsplit(":", 1)[1])
        with pytest.raises(PortTaken, match=f"port {port} is taken"):
            Sandbox(port=port).start()


def test_state_outlives_the_sandbox_and_a_restart_with_the_same_seed_and_site_changes_nothing(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "FAQs.jsonl").write_text('{"_id": "q1", "question": "?"}\n')
    settings: dict[str, Any] = {"data": tmp_path / "data", "seed": seed(), "site": site}
    with Sandbox(**settings) as box:
        known = (box.token, box.wix_key, box.site_id)
        box.clock(advance=3600)
        offset = requests.get(f"{box.airtable_url}/_sandbox/clock", timeout=5).json()["offset"]
        pyairtable.Api(box.token, endpoint_url=box.airtable_url).table(BASE, "Things").create({"Name": "second"})
    with Sandbox(**settings) as box:
        assert (box.token, box.wix_key, box.site_id) == known
        assert things(box) == ["first", "second"]
        assert requests.get(f"{box.airtable_url}/_sandbox/clock", timeout=5).json()["offset"] == offset
        count = requests.post(
            f"{box.wix_url}/wix-data/v2/items/count",
            json={"dataCollectionId": "FAQs"},
            headers={"Authorization": box.wix_key, "wix-site-id": box.site_id},
            timeout=5,
        )
        assert count.json() == {"totalCount": 1}


def test_a_data_folder_has_one_sandbox_at_a_time(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path), pytest.raises(StoreError, match="in use by another running sandbox"):
        Sandbox(data=tmp_path).start()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        Sandbox(data=tmp_path / "file" / "data").start()


def test_a_bad_seed_or_site_leaves_nothing_behind(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"base": {"name": "x"}, "tables": [{"name": "t", "fields": [{"name": "a", "type": "nope"}]}]}')
    with pytest.raises(SeedFileError, match=r"bad\.json: field t\.a: type 'nope' is unknown"):
        Sandbox(data=tmp_path / "data", seed=[seed(), bad]).start()
    site = tmp_path / "site"
    site.mkdir()
    (site / "FAQs.jsonl").write_text('{"_id": "q1"}\n{not json\n')
    with pytest.raises(SiteError, match=r"FAQs\.jsonl, line 2"):
        Sandbox(data=tmp_path / "data", site=site).start()
    with Sandbox(data=tmp_path / "data") as box:
        assert things(box) == ["first"]  # the good seed stays, as it was planted before the bad one was read
        answer = requests.get(
            f"{box.wix_url}/wix-data/v2/collections",
            headers={"Authorization": box.wix_key, "wix-site-id": box.site_id},
            timeout=5,
        )
        assert answer.json()["collections"] == []


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"plan": "gold"}, "valid are free, team, business, enterprise"),
        ({"requests_per_second": 0.5}, "a number from 1, or 'off'"),
        ({"penalty": -1}, "cannot be negative"),
        ({"stale_reads": -1}, "cannot be negative"),
        ({"latency": (-1, 0)}, "not negative"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_can(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sandbox(**setting)


def test_a_sandbox_that_does_not_run_says_so() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = Sandbox().airtable_url


def test_latency_is_added_to_every_answer_of_a_service() -> None:
    with Sandbox(latency=(80, 0), seed=seed()) as box:
        began = time.perf_counter()
        things(box)
        assert time.perf_counter() - began >= 0.08


def test_a_path_of_no_service_is_not_found() -> None:
    with Sandbox() as box:
        answer = requests.get(f"{box.airtable_url}/v1/anything", timeout=5)
        assert (answer.status_code, answer.json()) == (404, {"error": "NOT_FOUND"})
        answer = requests.get(f"{box.airtable_url}/_sandbox/nowhere", timeout=5)
        assert answer.status_code == 404
        assert "no such door" in answer.json()["error"]


def test_the_clock_moves_forward_back_and_to_a_moment() -> None:
    with Sandbox() as box:
        assert box.clock(now="2030-01-02T03:04:05Z").startswith("2030-01-02T03:04:05")
        assert box.clock(advance=86400).startswith("2030-01-03T03:04:0")
        assert box.clock(advance=-86400).startswith("2030-01-02T03:04:0")
        nonsense: Any
        for nonsense in (
            {"advance": "soon"},
            {"now": "tomorrow"},
            {},
            [],
            {"advance": True},
            {"advance": 1e15},
            {"now": "9999-12-31T23:59:59Z"},
            {"now": "0001-01-01T00:00:00+05:00"},
        ):
            answer = requests.post(f"{box.airtable_url}/_sandbox/clock", json=nonsense, timeout=5)
            assert answer.status_code == 400, nonsense
            assert answer.json()["error"]
        with pytest.raises(ValueError, match="not an ISO time"):
            box.clock(now="tomorrow")


def test_faults_are_listed_counted_and_cleared_and_nonsense_is_refused_whole() -> None:
    with Sandbox(seed=seed()) as box:
        box.faults({"match": {"service": "airtable", "method": "GET"}, "kind": "status", "status": 503, "times": 2})
        with pytest.raises(requests.HTTPError):
            things(box)
        assert [(rule["seen"], rule["hits"]) for rule in box.faults()] == [(1, 1)]
        with pytest.raises(ValueError, match="valid are status, drop_before"):
            box.faults([{"kind": "delay", "ms": 1}, {"kind": "explode"}])
        for part in (
            {"status": 999},
            {"status": "503"},
            {"headers": {"x": "a\r\nb: c"}},
            {"seconds": -1},
            {"seconds": "nan"},
            {"match": []},
            {"match": {"path": 5}},
            {"match": {"method": 5}},
            {"times": 0},
        ):
            with pytest.raises(ValueError, match=r"."):
                box.faults({"kind": "status", **part})
        assert len(box.faults()) == 1
        assert box.faults(clear=True) == []
        assert things(box) == ["first"]


def test_an_endless_url_is_refused_in_the_services_own_envelope() -> None:
    with Sandbox(seed=seed(), requests_per_second="off") as box:
        formula = "x" * 2_000_000
        answer = requests.get(
            f"{box.airtable_url}/v0/{BASE}/Things?filterByFormula={formula}",
            headers={"Authorization": "Bearer any"},
            timeout=30,
        )
        assert (answer.status_code, answer.json()["error"]["type"]) == (414, "REQUEST_URI_TOO_LONG")
        answer = requests.get(
            f"{box.wix_url}/wix-data/v2/items/query?.r={formula}", headers={"Authorization": "any"}, timeout=30
        )
        assert (answer.status_code, answer.json()["details"]["applicationError"]["code"]) == (413, "WDE0109")
        assert things(box) == ["first"]


def test_a_raised_limit_per_base_is_not_cut_short_by_the_one_per_token() -> None:
    with Sandbox(seed=seed(), requests_per_second=1000) as box, requests.Session() as session:
        session.headers["Authorization"] = "Bearer any"
        statuses = {session.get(f"{box.airtable_url}/v0/{BASE}/Things", timeout=5).status_code for _ in range(80)}
        assert statuses == {200}


def test_a_token_of_an_earlier_run_is_not_let_in_once_tokens_are_named(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path) as box:
        before = box.token
    with Sandbox(data=tmp_path, token="named") as box:
        assert box.token == "named"
        for token, status in (("named", 200), (before, 401)):
            headers = {"Authorization": f"Bearer {token}"}
            assert requests.get(f"{box.airtable_url}/v0/meta/whoami", headers=headers, timeout=5).status_code == status
