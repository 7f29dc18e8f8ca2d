"""Two states on one base: the oldest live claim wins, and a kill between any two steps leaves nobody locked out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet_platform import Fleet
from machines import change_fact, claim_of_another, copy_state, delete_facts, facts, other_machine, put_back, values
from runbook.airtable.client import Airtable
from runbook.errors import BaseRefused, HoldLost, RunbookError
from runbook.holding import Hold, claims, hold, open_base, own_table
from runbook.holding.own_table import Claim
from runbook.state import HoldingNote
from runbook.state.facts import Facts


def claimed(fleet: Fleet) -> list[str]:
    return [fact for fact in facts(fleet) if fact.startswith("claim ")]


def test_a_second_state_is_refused_while_the_first_writes(migrated: Fleet) -> None:
    first = open_base(migrated.connect(), run_id="r1")
    first.claim()
    (claim,) = claimed(migrated)
    with other_machine(migrated):
        with pytest.raises(BaseRefused) as error:
            migrated.open(2)
        assert not migrated.connect().state.flags.all()  # nothing was done
        migrated.open(2, dry_run=True)  # looking is allowed
    message = str(error.value)
    assert facts(migrated)[claim]["By"] in message  # user, host, path
    assert str(migrated.path / "home/sandbox/state.db") in message
    assert "its last sign of life was" in message
    assert "--take-over" in message
    assert "RUNBOOK_TAKE_OVER" in message
    first.release()
    assert claimed(migrated) == []
    with other_machine(migrated):
        migrated.open(2)


def test_processes_that_share_a_state_share_a_claim(migrated: Fleet) -> None:
    first, second = (open_base(migrated.connect(), run_id=run) for run in ("r1", "r2"))
    first.claim()
    second.claim()
    assert len(claimed(migrated)) == 1
    first.release()
    assert len(claimed(migrated)) == 1  # the other still writes
    second.claim()
    second.release()
    assert claimed(migrated) == []


def test_what_another_process_of_the_same_state_wrote_is_its_own(migrated: Fleet) -> None:
    """It waited for the other to finish, and what it read at its opening is old by then."""
    first, second = (open_base(migrated.connect(), run_id=run) for run in ("r1", "r2"))
    second.claim()
    second.release()
    first.claim()
    assert first.release() is None


def test_a_holder_that_died_long_ago_is_no_holder(migrated: Fleet) -> None:
    claim_of_another(migrated, seconds_ago=claims.DEAD_SECONDS + 60)
    mine = open_base(migrated.connect())
    mine.claim()
    assert "claim c0ffee" not in claimed(migrated)
    mine.release()


def test_a_clock_that_goes_wrong_kills_no_claim(migrated: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages are judged by Airtable's clock: this machine's is a day ahead."""
    import time

    claim_of_another(migrated, seconds_ago=60)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 86_400)
    with pytest.raises(BaseRefused, match="last sign of life was"):
        migrated.open(2)


def test_an_edited_sign_of_life_counts_from_when_the_claim_was_made(migrated: Fleet) -> None:
    claim_of_another(migrated)
    change_fact(migrated, "claim c0ffee", Seen="yesterday")
    with pytest.raises(BaseRefused, match="bob on hub7"):
        migrated.open(2)


def test_taking_over_is_one_word_and_the_other_stops(migrated: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_base(migrated.connect(), run_id="r1")
    first.claim()
    with other_machine(migrated), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNBOOK_TAKE_OVER", "yes")
        run = migrated.open(2)
        assert any("taken over from" in warning for warning in run.results.warnings)
        assert set(run.connections.state.rows(migrated.base(), "Trucks").all()) == {"t0", "t1"}
    monkeypatch.setattr(hold, "CHECK_SECONDS", 0.0)  # a minute later
    with pytest.raises(HoldLost, match="has taken it over since"):
        first.airtable.update(migrated.base(), "Trucks", [{"id": "rec" + "0" * 14, "fields": {}}])


def test_a_kill_during_a_take_over_still_reads_the_rows_again(migrated: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_base(migrated.connect(), run_id="r1")
    first.claim()
    with other_machine(migrated), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNBOOK_TAKE_OVER", "yes")
        with pytest.MonkeyPatch.context() as killing:
            killing.setattr("runbook.holding.opening.rebuild_rows", _killed)
            with pytest.raises(KeyboardInterrupt):
                migrated.open(2)
        run = migrated.open(2)
        assert set(run.connections.state.rows(migrated.base(), "Trucks").all()) == {"t0", "t1"}


def test_what_another_wrote_since_the_opening_stops_the_first_write(migrated: Fleet) -> None:
    mine = open_base(migrated.connect())
    with other_machine(migrated):
        theirs = open_base(migrated.connect())
        theirs.claim()
        theirs.release()
    with pytest.raises(HoldLost, match=r"has written to it since.*Run the same command again"):
        mine.claim()
    open_base(migrated.connect()).claim()  # which reads the base first


@pytest.mark.slow
def test_two_that_claim_at_the_same_instant_are_never_both_let_in(migrated: Fleet) -> None:
    for attempt in range(4):
        holds: list[Hold] = []
        for name in ("one", "two", "three"):
            with other_machine(migrated, f"{name}{attempt}"):
                holds.append(open_base(migrated.connect()))
        barrier, won = threading.Barrier(3), []

        def claim(hold: Hold, barrier: threading.Barrier = barrier, won: list[Hold] = won) -> None:
            barrier.wait()
            try:
                hold.claim()
            except RunbookError:
                return
            won.append(hold)

        threads = [threading.Thread(target=claim, args=(hold,)) for hold in holds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert len(claimed(migrated)) == 1
        won[0].release()


def test_of_two_claims_of_one_second_neither_counts() -> None:
    mine, other = (Claim(id_, "rec", "", "", "2026-11-30T10:00:00.000Z", 0.0) for id_ in ("a", "b"))
    assert not claims.wins(mine, [other])
    assert not claims.wins(other, [mine])
    older = other._replace(made="2026-11-30T09:59:59.000Z")
    assert claims.wins(older, [mine])
    assert not claims.wins(mine, [older])


def _killed(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


def _calls(monkeypatch: pytest.MonkeyPatch, stop: int) -> Callable[[], int]:
    """Kill before the nth step that a claim notes in the state or writes to the base."""
    done = [0]

    def counted(real: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            done[0] += 1
            if done[0] == stop:
                raise KeyboardInterrupt
            return real(*arguments, **named)

        return call

    monkeypatch.setattr(Facts, "set_holding", counted(Facts.set_holding))
    monkeypatch.setattr(own_table, "write_facts", counted(own_table.write_facts))
    monkeypatch.setattr(Airtable, "delete", counted(Airtable.delete))
    return lambda: done[0]


@pytest.mark.slow
def test_killed_between_any_two_steps_the_same_state_goes_on_and_others_can(migrated: Fleet) -> None:
    for stop in range(1, 30):
        with pytest.MonkeyPatch.context() as patch:
            steps = _calls(patch, stop)
            killed = open_base(migrated.connect(), run_id=f"r{stop}")
            try:
                killed.claim()
                killed.release()
            except KeyboardInterrupt:
                pass
            killed._in_use.close()  # what the end of a process releases
            done = steps() < stop
        again = open_base(migrated.connect(), run_id=f"again{stop}")
        assert not again.notes, stop  # nothing was taken for another state's
        again.claim()
        again.release()
        assert claimed(migrated) == [], stop
        if done:
            break
    assert stop > 8
    with other_machine(migrated):
        migrated.open(2)


def test_a_copy_of_a_state_is_another_state(migrated: Fleet, tmp_path: Path) -> None:
    """The copy has the same id; what it noted of its claim tells it apart."""
    saved = copy_state(migrated, tmp_path / "copy")
    first = open_base(migrated.connect())
    first.claim()
    with other_machine(migrated) as home:
        for path in saved.glob("state.db*"):
            (home / path.name).write_bytes(path.read_bytes())
        with pytest.raises(BaseRefused, match="is held by another state"):
            migrated.open(2)
    first.release()
    put_back(migrated, saved)
    assert migrated.open(2).results.warnings  # an older copy: the rows are read again


def test_a_claim_that_lapsed_is_not_revived_but_made_anew(migrated: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop slept for 25 minutes: in five more others take its claim for dead."""
    mine = open_base(migrated.connect())
    mine.claim()
    (old,) = claimed(migrated)
    change_fact(migrated, old, Seen="2026-01-01T00:00:00Z")
    monkeypatch.setattr(hold, "CHECK_SECONDS", 0.0)
    mine.claim()
    (new,) = claimed(migrated)
    assert new != old
    monkeypatch.undo()
    mine.release()


def test_a_sign_of_life_is_given_but_not_at_every_look(migrated: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = open_base(migrated.connect())
    mine.claim()
    monkeypatch.setattr(hold, "CHECK_SECONDS", 0.0)
    (claim,) = claimed(migrated)
    seen = facts(migrated)[claim]["Seen"]
    change_fact(migrated, claim, Since="untouched")
    mine.claim()
    assert facts(migrated)[claim]["Seen"] == seen
    monkeypatch.setattr(hold, "SIGN_SECONDS", -1.0)
    change_fact(migrated, claim, Seen="")
    mine.claim()
    assert facts(migrated)[claim]["Seen"] >= seen
    monkeypatch.undo()
    mine.release()


def test_a_claim_that_a_person_deleted_is_a_hold_lost(migrated: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = open_base(migrated.connect())
    mine.claim()
    delete_facts(migrated, *claimed(migrated))
    monkeypatch.setattr(hold, "CHECK_SECONDS", 0.0)
    with pytest.raises(HoldLost):
        mine.claim()
    monkeypatch.undo()
    open_base(migrated.connect()).claim()


def test_the_end_of_a_hold_may_fail_and_the_next_run_goes_on(migrated: Fleet) -> None:
    mine = open_base(migrated.connect(), run_id="r1")
    mine.claim()
    migrated.box.faults({"match": {"service": "airtable"}, "kind": "status", "status": 503, "times": None})
    with mine.airtable.brief():
        assert "was not told that this run has ended" in str(mine.release())
    migrated.box.faults(clear=True)
    again = open_base(migrated.connect(), run_id="r2")
    again.claim()
    assert again.release() is None
    assert values(migrated)["newest run"] == "r2"


def test_a_hold_that_was_not_confirmed_for_a_while_is_confirmed_before_its_end(
    migrated: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = open_base(migrated.connect(), run_id="r1")
    mine.claim()
    monkeypatch.setattr(hold, "CHECK_SECONDS", 0.0)
    assert mine.release() is None
    assert claimed(migrated) == []
    mine.claim()
    delete_facts(migrated, *claimed(migrated))
    assert "has taken it over" in str(mine.release())


def test_what_is_left_when_a_process_ends_is_released(migrated: Fleet) -> None:
    open_base(migrated.connect(), run_id="r1").claim()
    mine = open_base(migrated.connect(), run_id="r2")
    mine.claim()
    hold._release_all()
    assert claimed(migrated) == []


def test_a_note_of_a_base_that_was_never_opened_is_empty(migrated: Fleet) -> None:
    assert migrated.connect().state.facts.holding("appNobody00000000") == HoldingNote()
