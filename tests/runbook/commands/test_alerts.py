"""An alert, posted to a chat service: what it says, and that its address is shown nowhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from runbook.commands.run import check_alert_url, post_alert
from runbook.errors import SettingError
from runbook.evidence.folder import RunFolder

TOKEN = "t0ken-of-the-webhook"


class Hook(HTTPServer):
    """Keeps what is posted to it; answers `status`."""

    status = 200

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{TOKEN}"


class Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_it_lists_every_reason(hook: Hook, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "weekly")
    folder.write_evidence("integrity_check", "gate", {"reasons": ["FAQs: a cell differs", "429"]})
    assert post_alert(hook.url, folder) is None
    (posted,) = hook.posted
    assert posted["run"] == "weekly"
    assert posted["alerts"] == ["FAQs: a cell differs", "429"]
    assert "2 alerts" in posted["text"]
    assert "• FAQs: a cell differs" in posted["text"]


@pytest.mark.parametrize("gate", [None, {"reasons": []}])
def test_a_check_that_did_not_run_or_end_is_an_alert(hook: Hook, tmp_path: Path, gate: dict[str, Any] | None) -> None:
    folder = RunFolder(tmp_path / "weekly")
    if gate is not None:
        folder.write_evidence("integrity_check", "gate", gate)
    assert post_alert(hook.url, folder) is None
    assert len(hook.posted[0]["alerts"]) == 1


def test_a_refusal_and_silence_are_described_without_the_address(hook: Hook, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "weekly")
    hook.status = 404
    refused = post_alert(hook.url, folder)
    assert refused is not None
    assert "404" in refused
    silent = post_alert(f"http://127.0.0.1:1/{TOKEN}", folder)
    assert silent is not None
    assert "ConnectionError" in silent
    assert TOKEN not in refused + silent


@pytest.mark.parametrize("url", ["hooks.example/T0", "http://h:x/T0", "ftp://h/T0", "https:///T0", "http://h:0/T0"])
def test_an_address_that_cannot_be_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingError, match="--alert-url or RUNBOOK_ALERT_URL") as error:
        check_alert_url(url)
    assert "T0" not in str(error.value)


def test_an_address_that_can_be_is_taken() -> None:
    check_alert_url("https://hooks.example/T0?x=1")
    check_alert_url("http://127.0.0.1:8080/")
