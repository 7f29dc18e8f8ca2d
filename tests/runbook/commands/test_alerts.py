"""An alert, posted to a chat service: what it says, and that its address is shown nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from command_kit import Webhook
from runbook.commands.run import check_alert_url, post_alert
from runbook.errors import SettingError
from runbook.evidence.folder import RunFolder


def test_it_lists_every_reason(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "weekly")
    folder.write_evidence("integrity_check", "gate", {"reasons": ["FAQs: a cell differs", "429"]})
    with Webhook() as hook:
        assert post_alert(hook.url, folder) is None
    ((_, posted),) = hook.posted
    assert posted["run"] == "weekly"
    assert posted["alerts"] == ["FAQs: a cell differs", "429"]
    assert "2 alerts" in posted["text"]
    assert "• FAQs: a cell differs" in posted["text"]


@pytest.mark.parametrize("gate", [None, {"reasons": []}])
def test_a_check_that_did_not_run_or_end_is_an_alert(tmp_path: Path, gate: dict[str, Any] | None) -> None:
    folder = RunFolder(tmp_path / "weekly")
    if gate is not None:
        folder.write_evidence("integrity_check", "gate", gate)
    with Webhook() as hook:
        assert post_alert(hook.url, folder) is None
    assert len(hook.posted[0][1]["alerts"]) == 1


def test_a_refusal_and_silence_are_described_without_the_address(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "weekly")
    with Webhook(status=404) as hook:
        refused = post_alert(hook.url, folder)
    assert refused is not None
    assert "404" in refused
    silent = post_alert("http://127.0.0.1:1/t0ken", folder)
    assert silent is not None
    assert "ConnectionError" in silent
    assert "t0ken" not in refused + silent


@pytest.mark.parametrize("url", ["hooks.example/T0", "http://h:x/T0", "ftp://h/T0", "https:///T0", "http://h:0/T0"])
def test_an_address_that_cannot_be_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingError, match="--alert-url or RUNBOOK_ALERT_URL") as error:
        check_alert_url(url)
    assert "T0" not in str(error.value)


def test_an_address_that_can_be_is_taken() -> None:
    check_alert_url("https://hooks.example/T0?x=1")
    check_alert_url("http://127.0.0.1:8080/")
