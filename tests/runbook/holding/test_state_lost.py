"""The state is lost, of another machine, or an older copy: what the base says is read again, or a person is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleet_platform import LEGACY, Fleet
from machines import base_of, change_fact, copy_state, delete_facts, facts, lose_state, other_machine, put_back, values
from runbook.airtable.client import Airtable
from runbook.commands import flags as flag_commands
from runbook.commands.rollback import open_rollback
from runbook.commands.status import status
from runbook.errors import BaseRefused, FlagsUnsettled
from runbook.holding import open_base
from runbook.holding.rebuild import rebuild_rows
from runbook.records.opening import open_records
from runbook.state import AMBIGUOUS

SANDBOX = "sandbox"


@pytest.fixture
def used(turned: Fleet) -> Fleet:
    """Every flag is on, the base knows it, and services have written to Airtable since."""
    open_base(turned.connect()).release()
    airtable, base = turned.connect().airtable, turned.base()
    airtable.create(base, "Trucks", [{LEGACY: "t9", "Plate": "P-9"}])
    turned.edit("Trucks", "t0", Plate="P-00")
    return turned


def links(fleet: Fleet) -> dict[str, list[str]]:
    return {legacy: record["fields"].get("Truck", []) for legacy, record in fleet.records("Trips").items()}


def test_flags_that_stood_at_airtable_stay_there(used: Fleet) -> None:
    turns = {name: cells["Since"] for name, cells in facts(used).items() if name.startswith("flag ")}
    lose_state(used)
    used.open(2)
    states = used.connect().state.flags.states()
    assert {name: found.side for name, found in states.items()} == dict.fromkeys(
        ("trucks", "trips", "owners"), "airtable"
    )
    assert {
        f"flag {name}": found.since for name, found in states.items()
    } == turns  # when they were turned, not when read


def test_run_2_neither_deletes_nor_overwrites(used: Fleet) -> None:
    before, linked = used.records("Trucks"), links(used)
    lose_state(used)
    run = used.open(2)
    assert any("was last written by" in warning for warning in run.results.warnings)
    for step in ("plan", "provision", "export", "transform", "load", "validate"):
        getattr(run, step)()
    assert used.records("Trucks") == before
    assert links(used) == linked
    assert used.records("Trucks")["t0"]["fields"]["Plate"] == "P-00"
    # Wix has not changed t0 since the turn, and never had t9: both were made in Airtable, and turn nothing red.
    comparison = run.results.validated["Trucks"].comparison
    assert (comparison.explained["edited in Airtable"], comparison.created, comparison.reasons()) == (1, 1, [])
    assert run.gate().passed


def test_a_dry_rollback_says_what_would_be_lost(used: Fleet) -> None:
    lose_state(used)
    rollback = open_rollback(used.platform, dry_run=True)
    assert "Wix does not have 2 rows as" in repr(rollback.losses())
    counts = rollback.found["Trucks"].counts
    assert (counts.inserted, counts.patched) == (1, 1)


def test_what_a_dry_rollback_cannot_know_it_says(used: Fleet) -> None:
    used.connect().airtable.delete(used.base(), "Owners", [used.records("Owners")["o1"]["id"]])
    assert "not known" not in repr(open_rollback(used.platform, dry_run=True).losses())
    lose_state(used)
    rollback = open_rollback(used.platform, dry_run=True)
    assert "Owners: 1 row of Wix not in Airtable; whether they were deleted there is not known" in repr(
        rollback.losses()
    )
    assert rollback.found["Owners"].counts.removed == 0  # and so nothing of it is deleted in Wix


def test_services_read_the_right_side(used: Fleet) -> None:
    lose_state(used)
    with open_records(used.platform, SANDBOX, update_mirror=False) as opened:
        assert opened.records.source("Trucks") == "airtable"
        assert sorted(row["plate"] for row in opened.records.get_all("Trucks")) == ["P-00", "P-1", "P-9"]


def test_services_without_state_and_without_airtable_read_nothing(used: Fleet) -> None:
    lose_state(used)
    used.box.faults({"match": {"service": "airtable"}, "kind": "status", "status": 500, "times": None})
    with (
        pytest.raises(FlagsUnsettled, match="not known which side services read"),
        open_records(used.platform, SANDBOX),
    ):
        pass


def test_services_with_state_go_on_while_airtable_is_down(used: Fleet) -> None:
    with open_records(used.platform, SANDBOX, update_mirror=False) as opened:
        opened.records.get_all("Trucks")
    used.box.faults({"match": {"service": "airtable"}, "kind": "status", "status": 500, "times": None})
    with open_records(used.platform, SANDBOX, update_mirror=False) as opened:
        assert opened.records.source("Trucks") == "airtable"


def test_services_go_on_from_the_mirror_when_the_months_calls_are_used_up(used: Fleet) -> None:
    with open_records(used.platform, SANDBOX, update_mirror=False) as opened:
        opened.records.get_all("Trucks")
    body = {"errors": [{"error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "message": "used up"}]}
    used.box.faults({"match": {"service": "airtable"}, "kind": "status", "status": 429, "body": body, "times": None})
    with open_records(used.platform, SANDBOX, update_mirror=False) as opened:
        assert len(opened.records.get_all("Trucks")) == 3
    done = flag_commands.set_flag(used.platform, SANDBOX, "trucks", "wix", who="ann", why="no calls left")
    assert "the next opening tells it" in done


def test_the_flags_are_shown_and_published_as_the_base_has_them(used: Fleet) -> None:
    lose_state(used)
    assert '"trucks": "airtable"' in flag_commands.show(used.platform, SANDBOX, None, "json")
    lose_state(used)
    flag_commands.publish(used.platform, SANDBOX)
    assert used.connect().state.flags.get("trucks") == "airtable"


def test_flags_that_cannot_be_known_are_shown_as_unknown_and_given_to_nobody(used: Fleet) -> None:
    lose_state(used)
    used.box.faults({"match": {"service": "airtable"}, "kind": "status", "status": 500, "times": None})
    assert "trucks: unknown" in repr(status(used.platform, SANDBOX))
    with pytest.raises(FlagsUnsettled):
        flag_commands.show(used.platform, SANDBOX, None, "jsw")


def test_another_machine_reads_the_base_first(used: Fleet) -> None:
    with other_machine(used):
        run = used.open(3)
        rows = run.connections.state.rows(used.base(), "Trucks").all()
        assert set(rows) == {"t0", "t1", "t9"}
        assert {row.hash for row in rows.values()} == {None}  # what they were written with is not known
        assert run.connections.state.flags.get("trucks") == "airtable"
        run = used.open(3)
        assert run.results.warnings == []  # once


def test_rows_are_found_by_their_natural_keys_again(tmp_path: Path, used: Fleet) -> None:
    lose_state(used)
    used.open(2)
    rows = used.connect().state.rows(used.base(), "Trucks")
    assert rows.resolve("_id", "t1") == used.records("Trucks")["t1"]["id"]


def test_an_older_copy_of_the_state_is_behind(used: Fleet, tmp_path: Path) -> None:
    copy = copy_state(used, tmp_path / "copy")
    flag_commands.set_flag(used.platform, SANDBOX, "owners", "wix", who="ann", why="")
    used.connect().state.debts.clear("owners")  # nothing was written to Airtable since
    used.save("Owners", {"_id": "o9", "name": "Zoe"})
    used.migrate(3)
    put_back(used, copy)
    assert used.connect().state.flags.get("owners") == "airtable"
    run = used.open(3)
    assert used.connect().state.flags.get("owners") == "wix"
    assert "o9" in run.connections.state.rows(used.base(), "Owners").all()
    assert any("not by this state as it is" in warning for warning in run.results.warnings)


def test_a_state_that_is_in_step_is_not_read_again(used: Fleet, tmp_path: Path) -> None:
    """A copy that was made after the last write is the state."""
    copy = copy_state(used, tmp_path / "copy")
    put_back(used, copy)
    assert used.open(2).results.warnings == []


def test_table_and_state_both_gone_nothing_is_assumed(used: Fleet) -> None:
    before, base = used.records("Trucks"), used.base()
    delete_facts(used)
    lose_state(used)
    for opening in (lambda: used.open(2), lambda: used.open(2, dry_run=True), lambda: open_base(used.connect())):
        with pytest.raises(FlagsUnsettled) as error:
            opening()
    message = str(error.value)
    assert "trucks: this state does not know; the base does not say" in message
    assert "runbook flags all airtable --settle -e sandbox" in message
    assert not used.connect().state.flags.all()  # not even 'wix' by default
    with pytest.raises(FlagsUnsettled), open_records(used.platform, SANDBOX):
        pass
    flag_commands.settle(used.platform, SANDBOX, "owners", "wix", who="ann", why="never turned")
    with pytest.raises(FlagsUnsettled):
        used.open(2)
    done = flag_commands.settle(used.platform, SANDBOX, "all", "airtable", who="ann", why="turned last week")
    assert done == "trucks, trips: 'airtable', as said by ann"
    assert values(used)["flag trucks"] == "airtable"
    assert values(used)["flag owners"] == "wix"
    run = used.open(2)
    for step in ("plan", "provision", "export", "transform", "load"):
        getattr(run, step)()
    assert used.base() == base
    assert used.records("Trucks") == before


def test_turning_back_needs_neither_state_nor_airtable(used: Fleet) -> None:
    lose_state(used)
    used.box.faults({"match": {"service": "airtable"}, "kind": "status", "status": 500, "times": None})
    done = flag_commands.set_flag(used.platform, SANDBOX, "trucks", "wix", who="ann", why="now")
    assert done.startswith("trucks: 'unknown' → 'wix'")
    used.box.faults(clear=True)
    used.open(2)
    assert {name: values(used)[f"flag {name}"] for name in ("trucks", "trips")} == {
        "trucks": "wix",
        "trips": "airtable",
    }
    assert used.connect().state.flags.get("trucks") == "wix"
    assert used.connect().state.flags.get("trips") == "airtable"


def test_a_rollback_without_state_and_with_airtable_down_turns_the_flags(used: Fleet) -> None:
    lose_state(used)
    used.box.faults({"match": {"service": "airtable"}, "kind": "status", "status": 500, "times": None})
    rollback = open_rollback(used.platform)
    table = rollback.turn_back()
    assert [row[2] for row in table.rows] == ["wix"] * 3
    used.box.faults(clear=True)
    used.open(2)
    assert set(used.connect().state.flags.all().values()) == {"wix"}
    assert values(used)["flag trucks"] == "wix"


def test_a_base_that_was_renamed_is_found_by_what_it_says(used: Fleet) -> None:
    base = used.base()
    lose_state(used)
    renamed = [{**each, "name": "Fleet, live"} for each in used.connect().airtable.bases() if each["id"] == base]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Airtable, "bases", lambda self: renamed)
        with open_records(used.platform, SANDBOX, update_mirror=False) as opened:
            assert opened.records.source("Trucks") == "airtable"
    assert used.base() == base


def test_a_new_base_without_rows_is_a_new_base(fleet: Fleet) -> None:
    fleet.open(1)
    assert set(fleet.connect().state.flags.all().values()) == {"wix"}
    run = fleet.open(2)
    run.provision()
    delete_facts(fleet)
    lose_state(fleet)
    assert fleet.migrate(2).results.warnings == []
    assert set(fleet.connect().state.flags.all().values()) == {"wix"}


def test_killed_while_the_state_is_read_again_it_is_read_again(used: Fleet) -> None:
    lose_state(used)
    calls = []

    def killed(*arguments: Any, **named: Any) -> Any:
        calls.append(rebuild_rows(*arguments, **named))
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runbook.holding.opening.rebuild_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            used.open(2)
    assert calls
    assert used.connect().state.flags.all() == {}
    used.open(2)
    assert used.connect().state.flags.get("trucks") == "airtable"


def test_a_base_whose_holder_was_killed_long_ago_is_read_again_and_closed(used: Fleet) -> None:
    """What it wrote before it died is not known to a state that looked at the base meanwhile."""
    with other_machine(used, "theirs"):
        theirs = open_base(used.connect())
        theirs.claim()
        with other_machine(used, "mine"):
            assert "t9" in used.open(2, dry_run=True).connections.state.rows(base_of(used), "Trucks").all()
        row = [{LEGACY: "t77", "Plate": "P-77"}]
        theirs.airtable.create(base_of(used), "Trucks", row)
        theirs._in_use.close()
        (claim,) = [fact for fact in facts(used) if fact.startswith("claim ")]
        change_fact(used, claim, Seen="2026-01-01T00:00:00Z")
    with other_machine(used, "mine"):
        run = used.open(2)
        assert "t77" in run.connections.state.rows(base_of(used), "Trucks").all()
        assert claim not in facts(used)
        run.hold.release()
        assert used.open(2).results.warnings == []


def test_links_of_a_single_collection_find_targets_that_this_state_never_loaded(used: Fleet) -> None:
    for flag in used.platform.catalog.flags:
        flag_commands.set_flag(used.platform, SANDBOX, flag, "wix", who="ann", why="")
    linked = links(used)
    lose_state(used)
    run = used.open(2, collections=["Trips"])
    for step in ("plan", "provision", "export", "transform", "load"):
        getattr(run, step)()
    assert links(used) == linked
    assert all(linked.values())


def test_copies_of_a_row_are_counted_and_the_oldest_is_the_row(used: Fleet) -> None:
    first = used.records("Trucks")["t1"]["id"]
    used.box.clock(advance=5)
    used.connect().airtable.create(used.base(), "Trucks", [{LEGACY: "t1", "Plate": "P-1"}])
    lose_state(used)
    used.open(3)
    rows = used.connect().state.rows(used.base(), "Trucks")
    assert rows.resolve("_id", "t1") == first
    assert rows.resolve("_id", "t1") is not AMBIGUOUS


def test_a_refusal_does_nothing(used: Fleet) -> None:
    lose_state(used)
    delete_facts(used)
    before = facts(used)
    with pytest.raises(BaseRefused):
        used.open(2)
    assert facts(used) == before
