"""`runbook rollback` on the command line: what it asks, what it says, and what it refuses before anything is done."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from fleet_platform import Fleet
from runbook.cli import main
from runbook.commands.rollback import console_lines, leave_in_airtable, open_rollback
from runbook.errors import SettingError


@pytest.fixture
def asked(turned: Fleet, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A fleet at Airtable, a terminal, and a rollback that is stopped where its notebook would run."""

    def stop(*_: Any, **__: Any) -> None:
        raise SettingError("it goes on")

    monkeypatch.setattr("runbook.cli_back.find_platform", lambda: turned.platform)
    monkeypatch.setattr("runbook.cli_back._asks", lambda: True)
    monkeypatch.setattr("runbook.commands.run.Headless.__enter__", stop)
    return turned


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, ["rollback", *arguments], input=answer)


@pytest.mark.parametrize(
    ("arguments", "answer", "goes_on"),
    [
        ((), "n\n", False),
        ((), "y\n", True),
        (("--yes",), None, True),
        (("--dry-run",), None, True),
        (("--flag", "owners"), None, True),
        (("--phase", "2"), None, True),
    ],
)
def test_it_asks_before_it_turns_everything(
    asked: Fleet, arguments: tuple[str, ...], answer: str | None, goes_on: bool
) -> None:
    done = run(*arguments, answer=answer)
    assert ("it goes on" in done.output) is goes_on
    assert ("Turn 3 flags of 'sandbox' back to Wix?" in done.output) is (answer is not None)
    assert set(asked.connect().state.flags.all().values()) == {"airtable"}


def test_without_a_terminal_nobody_is_asked(asked: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("runbook.cli_back.find_platform", lambda: asked.platform)
    monkeypatch.setattr("runbook.commands.run.Headless.__enter__", _stopped)
    assert "Turn" not in run().output


def _stopped(*_: Any, **__: Any) -> None:
    raise SettingError("it goes on")


def test_what_does_not_go_together_is_refused(asked: Fleet) -> None:
    for arguments, words in (
        (("--leave", "--reverse-sync", "--why", "x"), "--leave goes alone"),
        (("--why", "x"), "--why goes with --leave"),
        (("--writes", "5"), "go with --drill"),
    ):
        done = run(*arguments)
        assert (done.exit_code, words in done.output) == (2, True), done.output


def test_leaving_it_in_airtable_is_said_settled_and_lets_the_way_forth_go_on(asked: Fleet) -> None:
    asked.edit("Owners", "o0", Name="Anna")
    rollback = open_rollback(asked.platform, flag="owners", who="ann")
    rollback.turn_back()
    assert "owners" in asked.connect().state.debts.all()
    assert run("--flag", "owners", "--leave").exit_code == 2  # without a reason
    done = run("--flag", "owners", "--leave", "--why", "typed by mistake", "--who", "bob")
    assert (done.exit_code, "left in Airtable, by bob" in done.output) == (0, True), done.output
    state = asked.connect().state
    assert state.debts.all() == {}
    assert state.outbox_counts(asked.base()) == {}
    assert state.flags.history("owners")[-1].why.endswith("typed by mistake")
    loaded = asked.migrate(3).results.loaded["Owners"]
    assert (loaded.updated, list(loaded.edited)) == (0, ["o0"])  # kept, as an edit
    assert asked.records("Owners")["o0"]["fields"]["Name"] == "Anna"


def test_nothing_to_leave_is_refused(asked: Fleet) -> None:
    with pytest.raises(SettingError, match="is at 'airtable'"):
        leave_in_airtable(asked.platform, "sandbox", ["owners"], who="ann", why="x")
    with pytest.raises(SettingError, match="no flag has anything"):
        leave_in_airtable(asked.platform, "sandbox", ["owners", "trucks"], who="ann", why="x")


def test_the_console_says_flags_and_rows(asked: Fleet) -> None:
    asked.edit("Owners", "o0", Name="Anna")
    asked.edit("Trucks", "t0", Plate="A-0")
    asked.save("Trucks", {"_id": "t0", "plate": "W-0"})
    rollback = open_rollback(asked.platform, reverse_sync=True)
    rollback.losses()
    rollback.reverse_sync()
    rollback.turn_back()
    lines = console_lines(rollback.folder)
    assert lines[:3] == ["trucks: wix", "trips: wix", "owners: wix"]
    assert lines[3].startswith("service calls were held for ")
    assert lines[4:] == ["rows carried back: 1; not carried back: 0; to be decided by a person: 1"]
