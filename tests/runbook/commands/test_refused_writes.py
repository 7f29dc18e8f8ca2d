"""The journal of writes for people: its length and age, what Airtable refused, and what an operator says of that."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from command_kit import call
from fleet_platform import Fleet
from runbook.backlog import LIST_REFUSED, read_backlog, read_unsent
from runbook.commands.flags import set_flag
from runbook.commands.mirror import mirror_status, send
from runbook.commands.monitor import open_check
from runbook.commands.refused_writes import give_up, list_refused, retry
from runbook.commands.status import status
from runbook.errors import CheckFailed, FlagRefused, SettingError
from runbook.records.opening import open_records
from runbook.state import PendingWrite, State
from runbook.state.pending_writes import NewWrite, PendingWrites


@pytest.fixture
def state(turned: Fleet) -> State:
    return turned.connect().state


@pytest.fixture
def pending(turned: Fleet, state: State) -> PendingWrites:
    return state.pending_writes(turned.base())


def append(pending: PendingWrites, legacy_id: str, collection: str = "Owners") -> int:
    (id_,) = pending.append([NewWrite(collection, legacy_id, "patch", {"name": "Zoë"})]) or ()
    return id_


@pytest.fixture
def refused(turned: Fleet, pending: PendingWrites) -> PendingWrite:
    """A write of a service whose row somebody had deleted in the grid."""
    with open_records(turned.platform) as opened:
        assert opened.records.get("Owners", "o0") is not None  # in the mirror
        turned.delete("Owners", "o0")
        opened.records.patch("Owners", "o0", {"name": "Zoë"}, durable="journal")
        end = time.monotonic() + 30
        while not pending.lines(refused=True):
            assert time.monotonic() < end
            time.sleep(0.02)
    (line,) = pending.lines(refused=True)
    return line


def test_length_and_age_are_said_by_status_monitor_and_mirror(turned: Fleet, pending: PendingWrites) -> None:
    append(pending, "o0")
    append(pending, "o1")
    append(pending, "t0", "Trucks")
    said = "To Airtable: 3 writes waiting, the oldest for 0 s (Owners 2, Trucks 1)."
    assert said in status(turned.platform, "sandbox").notes
    assert said in mirror_status(turned.platform, "sandbox").notes
    assert said in read_backlog(turned.connect().state, turned.base(), turned.platform.catalog).table().notes
    check = open_check(turned.platform)
    check.backlog()
    found = check.folder.read_evidence("integrity_check", "backlog")
    assert found is not None
    assert (found["unsent"]["waiting"], found["unsent"]["refused"]) == (3, 0)
    assert found["unsent"]["collections"]["Trucks"] == {"waiting": 1, "refused": 0}


def test_it_is_said_whatever_the_flags_say(migrated: Fleet) -> None:
    state = migrated.connect().state
    append(state.pending_writes(migrated.base()), "o0")
    assert any("1 write waiting" in note for note in status(migrated.platform, "sandbox").notes)


def test_one_that_does_not_move_is_an_alert(turned: Fleet, state: State, pending: PendingWrites) -> None:
    append(pending, "o0")
    assert read_unsent(state, turned.base()).alerts() == []
    (alert,) = read_unsent(state, turned.base(), now=datetime.now(UTC) + timedelta(minutes=5)).alerts()
    assert alert.startswith(
        "the journal of writes does not move: 1 write waiting for Airtable, the oldest for 5 minutes"
    )
    assert "`runbook mirror --send`" in alert


def test_a_refusal_is_an_alert_and_listed_without_its_values(turned: Fleet, refused: PendingWrite) -> None:
    assert any(LIST_REFUSED in note for note in status(turned.platform, "sandbox").notes)
    check = open_check(turned.platform)
    with pytest.raises(CheckFailed, match="Owners: 1 write of services refused by Airtable"):
        check.verdict()
    table = list_refused(turned.platform, "sandbox")
    ((id_, collection, row, kind, values, at, reason),) = table.rows
    assert (id_, collection, row, kind, at) == (refused.id, "Owners", "o0", "patch", refused.at)
    assert "name = " in values
    assert "Zoë" not in repr(table)
    assert reason == refused.refused


def test_one_that_is_tried_again_is_sent_and_refused_or_done(turned: Fleet, refused: PendingWrite) -> None:
    retry(turned.platform, "sandbox", [str(refused.id)])
    table, left = send(turned.platform, "sandbox")
    assert (left.waiting, left.refused) == (0, 1), table
    turned.connect().airtable.create(turned.base(), "Owners", [{"Legacy Wix ID": "o0", "Name": "there again"}])
    retry(turned.platform, "sandbox", ["all"])
    assert send(turned.platform, "sandbox")[1].refused == 0
    assert turned.records("Owners")["o0"]["fields"]["Name"] == "Zoë"


def test_one_that_is_given_up_is_gone_and_who_said_so_is_kept(
    turned: Fleet, refused: PendingWrite, pending: PendingWrites
) -> None:
    with pytest.raises(SettingError, match="--why is empty"):
        give_up(turned.platform, "sandbox", [str(refused.id)], who="ann", why=" ")
    give_up(turned.platform, "sandbox", [str(refused.id)], who="ann", why="the owner left")
    assert pending.lines(refused=True) == []
    (noted,) = pending.given_up()
    assert (noted.who, noted.why, noted.legacy_id) == ("ann", "the owner left", "o0")
    assert "name" in noted.keys
    assert "ann: the owner left" in repr(list_refused(turned.platform, "sandbox"))
    assert read_unsent(turned.connect().state, turned.base()).alerts() == []


def test_ids_that_no_refused_write_has_change_nothing(turned: Fleet, refused: PendingWrite) -> None:
    for wrong in (["0"], [str(refused.id), "0"]):
        with pytest.raises(SettingError, match=f"no refused write has the id 0; there are {refused.id}"):
            retry(turned.platform, "sandbox", wrong)
    assert list_refused(turned.platform, "sandbox").rows


def test_while_services_write_in_wix_none_is_tried_again(turned: Fleet, refused: PendingWrite, state: State) -> None:
    state.flags.set("owners", "wix", who="a test", why="")
    with pytest.raises(SettingError, match="services write in Wix by now; nothing was done"):
        retry(turned.platform, "sandbox", ["all"])
    assert list_refused(turned.platform, "sandbox").rows


def test_no_phase_writes_and_no_flag_turns_while_writes_wait_for_airtable(migrated: Fleet) -> None:
    pending = migrated.connect().state.pending_writes(migrated.base())
    append(pending, "o0")
    with pytest.raises(
        FlagRefused, match="1 write of services waiting for Airtable in the journal; `runbook mirror --send`"
    ):
        set_flag(migrated.platform, "sandbox", "owners", "airtable", who="ann", why="now")
    migrated.save("Owners", {"_id": "o1", "name": "Bobby"})
    with pytest.raises(CheckFailed, match=r"nothing of it was written\. Owners: 1 write of services waiting"):
        migrated.migrate(3)
    assert migrated.records("Owners")["o1"]["fields"]["Name"] == "Bob"
    send(migrated.platform, "sandbox")
    migrated.migrate(3)
    assert migrated.records("Owners")["o1"]["fields"]["Name"] == "Bobby"


def test_a_journal_that_cannot_be_sent_says_why(turned: Fleet, pending: PendingWrites) -> None:
    append(pending, "o0")
    turned.box.faults(
        {"match": {"service": "airtable", "method": "PATCH"}, "times": None, "kind": "status", "status": 503}
    )
    table, left = send(turned.platform, "sandbox", timeout=0.5)
    assert left.waiting == 1
    assert any("Not sent: " in note and "503" in note for note in table.notes)


def test_the_command(turned: Fleet, refused: PendingWrite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.cli_mirror.find_platform", lambda: turned.platform)
    assert "Owners" in call("mirror", "--refused", code=1).out
    assert "--load and --refused are both given" in call("mirror", "--refused", "--load", code=2).err
    assert "To be tried again: 1" in call("mirror", "--retry", str(refused.id)).out
    assert "Journal of writes" in call("mirror", "--send", code=1).out
    assert "Given up: 1" in call("mirror", "--give-up", "all", "--why", "gone", "--who", "ann").out
    assert call("mirror", "--refused").code == 0
