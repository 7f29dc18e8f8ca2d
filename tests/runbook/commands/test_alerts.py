"""An alert, posted to a chat service: what it says, and that its address is shown nowhere."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from command_kit import Webhook
from fleet_platform import Fleet
from runbook.commands.alerts import JournalWatch, check_alert_url, post_alert, watching_journal
from runbook.errors import SettingError
from runbook.evidence.folder import RunFolder
from runbook.records.opening import open_records
from runbook.state.pending_writes import NewWrite


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


def test_a_refused_write_is_told_and_posted_once(turned: Fleet) -> None:
    state, base = turned.connect().state, turned.base()
    pending, said = state.pending_writes(base), list[str]()

    def refuse(legacy_id: str) -> None:
        ids = pending.append([NewWrite("Owners", legacy_id, "patch", {"name": "Zoë"})])
        pending.refuse(dict.fromkeys(ids or (), "Airtable refused the row"))

    with Webhook() as hook:
        watch = JournalWatch(state, base, url=f"{hook.url}?token=secret", report=said.append)
        watch.look()
        assert (said, hook.posted) == ([], [])
        refuse("o0")
        watch.look()
        watch.look()
        refuse("o1")
        watch.look()
    assert [len(posted["alerts"]) for _, posted in hook.posted] == [1, 1]
    assert "Owners: 2 writes of services refused by Airtable" in said[-1]
    assert len(said) == 2
    assert not any("Zoë" in text or "secret" in text for text in (*said, *(str(posted) for _, posted in hook.posted)))


def test_a_journal_that_stands_still_is_told_until_it_moves(turned: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    state, base = turned.connect().state, turned.base()
    said: list[str] = []
    watch = JournalWatch(state, base, url="", report=said.append)
    (line,) = state.pending_writes(base).append([NewWrite("Owners", "o0", "patch", {"name": "Zoë"})]) or ()
    watch.look()
    monkeypatch.setattr("runbook.commands.alerts.STUCK_SECONDS", -1.0)
    monkeypatch.setattr("runbook.backlog.STUCK_SECONDS", -1.0)
    watch.look()
    watch.look()
    assert [text.startswith("alert: the journal of writes does not move: 1 write") for text in said] == [True]
    state.pending_writes(base).finish([line])
    watch.look()
    assert len(said) == 1


def test_a_command_that_goes_on_watches(turned: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.commands.alerts._TICK", 0.02)
    said: list[str] = []
    with open_records(turned.platform, update_mirror=False) as opened, watching_journal(opened, report=said.append):
        pending = opened.state.pending_writes(turned.base())
        ids = pending.append([NewWrite("Owners", "o0", "patch", {"name": "Zoë"})])
        pending.refuse(dict.fromkeys(ids or (), "Airtable refused the row"))
        end = time.monotonic() + 30
        while not said:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert "runbook mirror --refused" in said[0]
