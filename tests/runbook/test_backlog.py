"""How far Wix is behind, in the same words for status, monitor, notebook and evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fleet_platform import Fleet
from runbook.backlog import NOT_FOLLOWED, Backlog, follow_lock, read_backlog
from runbook.commands.monitor import open_check
from runbook.commands.status import status
from runbook.errors import CheckFailed
from runbook.state import IN_CONFLICT, OutboxRow, State


@pytest.fixture
def state(turned: Fleet) -> State:
    return turned.connect().state


def wait_for_wix(fleet: Fleet, state: State, *ids: str) -> None:
    state.outbox(fleet.base(), "Owners").add(OutboxRow(id_, "rec1", {"Name": "Ada"}, by_hand=False) for id_ in ids)


def hold(fleet: Fleet, state: State, id_: str, why: str) -> None:
    outbox = state.outbox(fleet.base(), "Owners")
    outbox.hold({(id_, outbox.marks()[id_]): why})


def read(fleet: Fleet, state: State, **later: float) -> Backlog:
    return read_backlog(state, fleet.base(), fleet.platform.catalog, now=datetime.now(UTC) + timedelta(**later))


def test_where_no_flag_is_on_nothing_is_said(migrated: Fleet) -> None:
    state = migrated.connect().state
    assert read(migrated, state).notes() == ()
    assert read_backlog(state, None, migrated.platform.catalog).notes() == ()


def test_what_waits_is_counted_by_collection(turned: Fleet, state: State) -> None:
    wait_for_wix(turned, state, "o0", "o1", "o2", "o3")
    hold(turned, state, "o2", IN_CONFLICT)
    hold(turned, state, "o3", "Wix refused it")
    found = read(turned, state, minutes=5)
    assert found.notes() == (
        "To Wix: Owners: 2 rows waiting, behind by 5 minutes; 2 rows held, 1 in conflict.",
        NOT_FOLLOWED,
    )
    assert found.left == 4
    (row,) = [row for row in found.table().rows if row[0] == "Owners"]
    assert row == ("Owners", 2, "5 minutes", 2, 1, None)
    assert found.facts()["collections"]["Owners"]["held"] == 2


def test_status_says_whether_anything_follows(turned: Fleet, state: State) -> None:
    assert NOT_FOLLOWED in status(turned.platform, "sandbox").notes
    state.facts.set_followed(turned.base(), state.facts.followed(turned.base())._replace(seen=60.0))
    with state.locks.exclusive(follow_lock(turned.base())):
        *_, note = status(turned.platform, "sandbox").notes
        assert note.startswith("Followed: what services write within seconds, edits in the grid within 60 s, deletions")
        followed = state.facts.followed(turned.base())
        state.facts.set_followed(turned.base(), followed._replace(problem="Owners: Wix is down"))
        assert "Followed, but not all of it goes on: Owners: Wix is down" in status(turned.platform, "sandbox").notes


def test_monitor_alerts_where_it_does_not_move_or_waits_for_a_person(turned: Fleet, state: State) -> None:
    wait_for_wix(turned, state, "o0", "o1", "o2")
    assert read(turned, state).alerts() == [], "it has only just begun to wait"
    assert read(turned, state, minutes=20).alerts() == ["Owners: Wix is behind by 20 minutes: nothing follows"]
    hold(turned, state, "o1", IN_CONFLICT)
    hold(turned, state, "o2", "Wix refused it")
    check = open_check(turned.platform)
    assert "<table" in check.backlog()._repr_html_()
    with pytest.raises(CheckFailed) as error:
        check.verdict()
    assert "Owners: 1 row in conflict with Wix" in str(error.value)
    assert "Owners: 1 row held, not carried back to Wix" in str(error.value)
    found = check.folder.read_evidence("integrity_check", "backlog")
    assert found is not None
    assert found["collections"]["Owners"]["conflicts"] == 1


def test_a_phase_shows_it_and_keeps_it_as_evidence(turned: Fleet, state: State) -> None:
    wait_for_wix(turned, state, "o0")
    run = turned.open(3)
    assert "Owners" in repr(run.show_backlog())
    found = run.folder.read_evidence(run.phase.slug, "backlog")
    assert found is not None
    assert found["collections"]["Owners"]["waiting"] == 1
