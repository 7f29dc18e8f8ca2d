"""A flag turns on evidence that is complete, green and current, and back whenever it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fleet_platform import ROWS, Fleet, write_folder
from runbook.commands import flags as flag_commands
from runbook.connections import Connections
from runbook.cutover import turning
from runbook.cutover.airtable_evidence import AirtableEvidence
from runbook.cutover.turning import Turned, reasons_against, turn, turn_back, turn_on
from runbook.errors import AirtableError, FlagRefused
from runbook.state import GateResult, State
from runbook.state.locks import CALLS
from runbook.wix.source import WixSource


def reasons(fleet: Fleet, connections: Connections, flag: str = "trucks", *, gates: bool = True) -> list[str]:
    source = WixSource(connections.wix, fleet.platform.catalog)
    return reasons_against(flag, fleet.platform.catalog, connections.state, fleet.base(), source, gates=gates)


def turned_on(fleet: Fleet, c: Connections, *flags: str) -> Turned:
    catalog, base = fleet.platform.catalog, fleet.base()
    airtable = AirtableEvidence(c.airtable, base, catalog, c.state)
    source = WixSource(c.wix, catalog)
    return turn_on(
        flags, catalog, c.state, base, source, who="ann", run_id="r1", airtable=airtable, write_lock=c.write_lock("wix")
    )


def test_evidence_must_be_complete_green_and_current(fleet: Fleet) -> None:
    fleet.migrate(2)
    c = fleet.connect()
    assert reasons(fleet, c) == []
    assert "Owners has not been migrated and validated yet" in reasons(fleet, c, "owners")
    assert any("the gate of phase 3" in reason for reason in reasons(fleet, c, "owners"))

    c.state.facts.set_gate(fleet.base(), 2, GateResult(passed=False, run_id="r7"))
    assert reasons(fleet, c) == ["the gate of phase 2 is red (run r7)"]
    assert reasons(fleet, c, gates=False) == []

    done = c.state.facts.progress(fleet.base())["Trucks"]
    c.state.facts.set_progress(fleet.base(), replace(done, green=False))
    assert reasons(fleet, c, gates=False) == [f"Trucks: its last validation was red (run {done.run_id})"]
    c.state.facts.set_progress(fleet.base(), replace(done, verified_at=None))
    assert reasons(fleet, c, gates=False) == ["Trucks has not been migrated and validated yet"]


@pytest.mark.parametrize("change", ["added", "removed", "updated"])
def test_a_source_that_changed_since_is_named(migrated: Fleet, change: str) -> None:
    match change:
        case "added":
            migrated.save("Trucks", {"_id": "t9", "plate": "P-9"})
        case "removed":
            migrated.remove("Trucks", "t0")
        case "updated":
            migrated.save("Trucks", {"_id": "t0", "plate": "P-00"})
    (reason,) = reasons(migrated, migrated.connect())
    assert reason.startswith("Trucks has changed in Wix since run")
    assert "Run phase 2 again" in reason


def test_a_folder_is_no_evidence_of_the_site(fleet: Fleet) -> None:
    run = fleet.migrate(2, source=str(write_folder(fleet.path / "files", ROWS)))
    (reason,) = reasons_against("trucks", run.catalog, run.connections.state, run.base(), run.source)
    assert "from the folder files" in reason


def test_a_flag_that_may_not_turn_stays_with_every_reason(fleet: Fleet) -> None:
    with pytest.raises(FlagRefused, match="nothing has been migrated yet"):
        flag_commands.set_flag(fleet.platform, "sandbox", "trucks", "airtable", who="ann", why="")
    fleet.migrate(2)
    with pytest.raises(FlagRefused) as error:
        flag_commands.set_flag(fleet.platform, "sandbox", "owners", "airtable", who="ann", why="")
    assert "flag 'owners' stays at 'wix'" in str(error.value)
    assert len(str(error.value).splitlines()) == 3
    assert fleet.connect().state.flags.get("owners") == "wix"


def test_flags_turn_one_by_one_each_on_its_own_evidence(migrated: Fleet) -> None:
    migrated.save("Trips", {"_id": "r9", "truck": "t0"})
    c = migrated.connect()
    c.state.flags.create(migrated.platform.catalog.flags)
    refused = turned_on(migrated, c, "trucks", "trips")
    assert refused.reasons["trucks"] == []
    assert refused.reasons["trips"][0].startswith("Trips has changed in Wix")
    assert c.state.flags.all() == {"owners": "wix", "trips": "wix", "trucks": "airtable"}
    (turn,) = c.state.flags.history()
    assert (turn.flag, turn.who, turn.run_id) == ("trucks", "ann", "r1")
    # One that stands at 'airtable' already is neither asked about nor turned again.
    migrated.save("Trucks", {"_id": "t9", "plate": "P-9"})
    again = turned_on(migrated, c, "trucks")
    assert again == Turned({}, 0.0)
    assert len(c.state.flags.history()) == 1


def test_calls_that_do_not_end_refuse_a_turn_but_not_the_way_back(
    migrated: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turning, "CALLS_SECONDS", 0.05)
    monkeypatch.setattr(turning, "BACK_SECONDS", 0.05)
    c = migrated.connect()

    def trucks_on() -> list[str]:
        return turned_on(migrated, c, "trucks").reasons["trucks"]

    with c.state.locks.shared(CALLS):
        assert trucks_on() == ["service calls were still in flight after 0.05 s; try again when they have finished"]
        assert c.state.flags.get("trucks") == "wix"
        c.state.flags.set("trips", "airtable", who="a test", why="")
        turn_back(c.state, "trips", who="ann", why="in a hurry")
    assert c.state.flags.all() == {"owners": "wix", "trips": "wix", "trucks": "wix"}
    assert trucks_on() == []
    assert c.state.flags.get("trucks") == "airtable"


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(f"sqlite:///{tmp_path / 'state.db'}")


def looks(state: State, answers: Sequence[dict[str, list[str]]], **named: bool) -> tuple[list[bool], Turned]:
    """Turn a and b back to 'wix', the check answering in turn; whether calls were held at each."""
    asked: list[bool] = []

    def check(held: bool) -> dict[str, list[str]]:
        asked.append(held)
        return answers[len(asked) - 1]

    side = "wix" if named.get("must") else "airtable"
    return asked, turn(state, ["a", "b"], side, check=check, who="ann", why="", **named)


def test_it_looks_before_calls_are_held_and_again_while_they_are(state: State) -> None:
    asked, done = looks(state, [{"a": []}, {"a": ["changed"]}])
    assert asked == [False, True]
    assert done.reasons == {"a": ["changed"], "b": []}
    assert state.flags.all() == {"b": "airtable"}
    # Where the first look refuses all, no call is kept waiting.
    asked, done = looks(state, [{"a": ["red"]}])
    assert (asked, done.seconds, done.held) == ([False], 0.0, "")


def test_going_back_turns_whatever_is_found_and_notes_a_debt(state: State) -> None:
    for flag in ("a", "b"):
        state.flags.set(flag, "airtable", who="ann", why="")
    since = state.flags.history("b")[-1].at
    asked, done = looks(state, [{"a": ["slow"], "b": ["slow"]}, {"b": ["3 rows refused"]}], must=True)
    assert asked == [False, True]
    assert done.seconds > 0
    assert set(state.flags.all().values()) == {"wix"}
    (flag, debt), *more = state.debts.all().items()
    assert (flag, debt.since, debt.who, debt.why, more) == ("b", since, "ann", "3 rows refused", [])
    assert since <= debt.until


def test_going_back_turns_where_the_look_fails_or_calls_do_not_end(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turning, "BACK_SECONDS", 0.05)

    def down(held: bool) -> dict[str, list[str]]:
        raise AirtableError("Airtable is down", status=503)

    for flag in ("a", "b"):
        state.flags.set(flag, "airtable", who="ann", why="")
    turn(state, ["a"], "wix", check=down, who="ann", why="", must=True)
    with state.locks.shared(CALLS):
        done = turn(state, ["b"], "wix", check=lambda held: {}, who="ann", why="", must=True)
    assert "still in flight" in done.reasons["b"][0]
    assert set(state.flags.all().values()) == {"wix"}
    assert {flag: debt.why.split()[0] for flag, debt in state.debts.all().items()} == {"a": "Airtable", "b": "service"}
    with pytest.raises(AirtableError):
        turn(state, ["a"], "airtable", check=down, who="ann", why="")


def test_going_back_turns_though_the_look_has_a_bug(state: State) -> None:
    def broken(held: bool) -> dict[str, list[str]]:
        raise KeyError("a personal value")

    state.flags.set("a", "airtable", who="ann", why="")
    with pytest.raises(KeyError) as error:
        turn(state, ["a"], "wix", check=broken, who="ann", why="", must=True)
    assert error.value.__notes__ == ["a: turned to 'wix' all the same"]
    assert (state.flags.get("a"), state.debts.all()["a"].why) == ("wix", "the look failed: KeyError")
    with pytest.raises(KeyError):
        turn(state, ["a"], "airtable", check=broken, who="ann", why="")
    assert state.flags.get("a") == "wix"


def test_new_calls_wait_for_all_flags_of_a_turn(state: State) -> None:
    seen: list[dict[str, str]] = []

    def check(held: bool) -> dict[str, list[str]]:
        if held:
            caller.start()
            assert not seen
        return {}

    def call() -> None:
        with state.locks.shared(CALLS):
            seen.append(dict(state.flags.all()))

    caller = threading.Thread(target=call)
    turn(state, ["a", "b"], "airtable", check=check, who="ann", why="")
    caller.join()
    assert seen == [{"a": "airtable", "b": "airtable"}]


def test_the_notebook_turns_flags_only_where_asked_for_and_green(fleet: Fleet) -> None:
    run = fleet.migrate(2)
    assert {row[3] for row in run.turn_flags().rows} == {"turn_flags is not set"}
    run = fleet.open(2, turn_flags=True)
    for step in ("plan", "provision", "export", "transform", "load", "validate"):
        getattr(run, step)()
    run.results.checks["the moon is full"] = False
    rows = run.turn_flags().rows
    assert {row[1] for row in rows} == {"wix"}
    assert all("the gate of this phase is red: check failed: the moon is full" in row[3] for row in rows)
    del run.results.checks["the moon is full"]
    assert {row[1] for row in run.turn_flags().rows} == {"airtable"}
    assert run.gate().passed
    evidence = run.folder.read_evidence("02_fleet", "flags")
    assert evidence.pop("seconds_held") > 0
    assert evidence == {"flags": {"trucks": "airtable", "trips": "airtable"}, "refused": {"trucks": [], "trips": []}}
