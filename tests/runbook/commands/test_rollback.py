"""A rollback: what would be lost, what is carried back to Wix, and a verdict that hides nothing."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_platform import LEGACY, Fleet
from runbook.commands.rollback import Rollback, flags_of, open_rollback
from runbook.errors import CheckFailed, SettingError
from runbook.wix.client import DATA


@pytest.fixture
def written(turned: Fleet) -> Fleet:
    """One row added, one changed and one removed in Airtable since."""
    airtable, base = turned.connect().airtable, turned.base()
    airtable.create(base, "Trucks", [{LEGACY: "t9", "Plate": "P-9"}])
    turned.edit("Trucks", "t0", Plate="P-00")
    airtable.delete(base, "Owners", [turned.records("Owners")["o1"]["id"]])
    return turned


def losses(rollback: Rollback) -> dict[str, tuple[int, int, int]]:
    rollback.losses()
    counts = {name: x.counts for name, x in rollback.found.items() if x.rows}
    return {name: (x.inserted, x.patched, x.removed) for name, x in counts.items()}


def steps(rollback: Rollback) -> None:
    rollback.losses()
    rollback.reverse_sync()
    rollback.turn_back()


def flags(fleet: Fleet) -> set[str]:
    return set(fleet.connect().state.flags.all().values())


def evidence(rollback: Rollback, name: str) -> Any:
    return rollback.folder.read_evidence("rollback", name)


def test_nothing_written_is_nothing_lost(turned: Fleet) -> None:
    rollback = open_rollback(turned.platform, who="ann")
    assert "airtable" in repr(rollback)
    assert "<table" in rollback._repr_html_()
    assert "Nothing would be lost" in repr(rollback.losses())
    steps(rollback)
    assert "3 flags" in repr(rollback.verdict())
    assert flags(turned) == {"wix"}
    (turn, *_) = turned.connect().state.flags.history("trucks")[::-1]
    assert (turn.value, turn.who, turn.run_id) == ("wix", "ann", rollback.folder.run_id)


def test_losses_are_found_by_collection(written: Fleet) -> None:
    rollback = open_rollback(written.platform)
    assert losses(rollback) == {"Trucks": (1, 1, 0), "Owners": (0, 0, 1)}
    found = evidence(rollback, "losses")["Trucks"]
    assert {name: found[name] for name in ("added", "changed", "removed", "conflict", "unknown", "error")} == {
        "added": 1, "changed": 1, "removed": 0, "conflict": 0, "unknown": [], "error": "",
    }  # fmt: skip
    assert "Wix does not have 3 rows as Airtable has them" in repr(rollback.losses())


def test_what_services_only_read_from_wix_is_not_compared(written: Fleet) -> None:
    written.connect().state.flags.set("owners", "wix", who="a test", why="")
    assert losses(open_rollback(written.platform)) == {"Trucks": (1, 1, 0)}


def test_what_was_not_carried_back_is_looked_at_though_the_flag_has_turned(written: Fleet) -> None:
    rollback = open_rollback(written.platform, phase=3)
    assert losses(rollback) == {"Owners": (0, 0, 1)}
    rollback.turn_back()
    assert "1 row not carried back" in repr(rollback.verdict())
    again = open_rollback(written.platform, flag="owners")
    assert losses(again) == {"Owners": (0, 0, 1)}
    again.turn_back()
    assert "1 row not carried back" in repr(again.verdict())
    carries = open_rollback(written.platform, flag="owners", reverse_sync=True)
    steps(carries)
    assert "not carried back" not in repr(carries.verdict())
    assert set(written.items("Owners")) == {"o0"}
    assert written.connect().state.debts.all() == {}


def test_without_reverse_sync_nothing_is_written_to_wix(written: Fleet) -> None:
    before = written.items("Trucks")
    rollback = open_rollback(written.platform)
    steps(rollback)
    rollback.verdict()  # going back is always allowed: the losses were named above
    assert written.items("Trucks") == before
    assert flags(written) == {"wix"}
    assert "nothing was written to Wix" in repr(rollback.reverse_sync())


def test_a_dry_run_writes_nothing_and_turns_nothing_though_reverse_sync_is_set(written: Fleet) -> None:
    before = {name: written.items(name) for name in ("Trucks", "Owners")}
    rollback = open_rollback(written.platform, reverse_sync=True, dry_run=True)
    steps(rollback)
    assert {row.method for row in rollback.connections.airtable.log.rows()} == {"GET"}  # no webhook is made either
    assert "dry run" in repr(rollback.verdict())
    assert {name: written.items(name) for name in before} == before
    assert evidence(rollback, "reverse_sync") is None
    assert flags(written) == {"airtable"}


def test_reverse_sync_carries_every_row_back(written: Fleet) -> None:
    rollback = open_rollback(written.platform, reverse_sync=True)
    steps(rollback)
    rollback.verdict()
    trucks = written.items("Trucks")
    assert {trucks["t9"]["plate"], trucks["t0"]["plate"]} == {"P-9", "P-00"}
    assert set(written.items("Owners")) == {"o0"}
    assert evidence(rollback, "reverse_sync")["Trucks"]["inserted"] == 1
    assert evidence(rollback, "reverse_sync")["Trucks"]["changed"] == 1
    assert evidence(rollback, "gate") == {"passed": True, "reasons": [], "warnings": []}


def test_reverse_sync_compares_first_where_that_was_not_done(written: Fleet) -> None:
    rollback = open_rollback(written.platform, reverse_sync=True)
    rollback.reverse_sync()
    assert written.items("Trucks")["t9"]["plate"] == "P-9"


def test_rows_typed_in_the_grid_go_back_too_and_those_half_typed_are_named(turned: Fleet) -> None:
    airtable, base = turned.connect().airtable, turned.base()
    (typed,) = airtable.create(base, "Trucks", [{"Plate": "typed"}])
    (empty,) = airtable.create(base, "Trucks", [{}])
    shown = open_rollback(turned.platform, dry_run=True)
    assert losses(shown) == {"Trucks": (1, 0, 0)}
    assert LEGACY not in {r["id"]: r["fields"] for r in airtable.records(base, "Trucks")}[typed["id"]]
    rollback = open_rollback(turned.platform, reverse_sync=True)
    assert empty["id"] in repr(rollback.losses())
    steps(rollback)
    assert "passed" in repr(rollback.verdict())
    held = {r["id"]: r["fields"] for r in airtable.records(base, "Trucks")}
    assert turned.items("Trucks")[held[typed["id"]][LEGACY]]["plate"] == "typed"


def test_a_legacy_id_that_someone_emptied_loses_nothing(turned: Fleet) -> None:
    turned.edit("Trucks", "t0", **{LEGACY: None})
    rollback = open_rollback(turned.platform)
    assert losses(rollback) == {}
    assert turned.records("Trucks").keys() == {"t0", "t1"}


def test_a_row_that_reverse_sync_left_behind_makes_the_verdict_red(written: Fleet) -> None:
    index = {"name": "names", "fields": [{"path": "name", "order": "ASC"}], "unique": True}
    wix, airtable = written.connect().wix, written.connect().airtable
    wix.request("POST", f"{DATA}/indexes", {"dataCollectionId": "Owners", "index": index}, what="make an index")
    airtable.create(written.base(), "Owners", [{LEGACY: "o9", "Name": "Ann"}])  # Wix has an Ann, and refuses another
    rollback = open_rollback(written.platform, reverse_sync=True)
    rollback.losses()
    rows = {row[0]: row for row in rollback.reverse_sync().rows}
    assert rows["Trucks"][1:] == (1, 1, 0, 0, "passed")
    assert rows["Owners"][1:5] == (0, 0, 1, 1)
    assert evidence(rollback, "reverse_sync")["Owners"]["refused"] == {"o9": "Wix refused it (WDE0123)"}
    rollback.turn_back()
    with pytest.raises(CheckFailed, match="Owners: 1 row") as error:
        rollback.verdict()
    assert "Trucks" not in str(error.value)
    assert evidence(rollback, "gate")["passed"] is False
    assert flags(written) == {"wix"}  # the flags turned all the same


def test_a_collection_that_cannot_be_compared_makes_the_verdict_red(turned: Fleet) -> None:
    airtable, base = turned.connect().airtable, turned.base()
    (table,) = [t for t in airtable.tables(base) if t["name"] == "Owners"]
    (column,) = [f for f in table["fields"] if f["name"] == LEGACY]
    airtable.update_field(base, table["id"], column["id"], {"name": "Id"})
    rollback = open_rollback(turned.platform)
    steps(rollback)
    with pytest.raises(CheckFailed, match=rf"(?s)Owners: .*`Id` was `{LEGACY}`"):
        rollback.verdict()
    assert len(list(airtable.records(base, "Owners"))) == 2
    assert flags(turned) == {"wix"}


def test_a_side_that_refuses_makes_the_verdict_red(turned: Fleet) -> None:
    turned.edit("Owners", "o0", Name="Anna")
    rollback = open_rollback(turned.platform, flag="owners")
    turned.box.faults(
        {"match": {"service": "wix", "path": "/items/query"}, "kind": "status", "status": 403, "times": None}
    )
    steps(rollback)
    with pytest.raises(CheckFailed, match="Owners: "):
        rollback.verdict()


def test_a_flag_that_still_stands_at_airtable_makes_the_verdict_red(turned: Fleet) -> None:
    rollback = open_rollback(turned.platform, phase=2)
    rollback.losses()
    with pytest.raises(CheckFailed) as error:
        rollback.verdict()
    assert [line.split()[0] for line in str(error.value).splitlines()[1:]] == ["trucks", "trips"]


def test_flags_that_were_never_turned_are_back_already(fleet: Fleet) -> None:
    rollback = open_rollback(fleet.platform)
    steps(rollback)
    rollback.verdict()
    assert fleet.connect().state.flags.history() == []


def test_a_flag_without_a_base_makes_the_verdict_red(fleet: Fleet) -> None:
    rollback = open_rollback(fleet.platform, flag="owners")
    fleet.connect().state.flags.set("owners", "airtable", who="a test", why="")
    rollback.losses()
    with pytest.raises(CheckFailed, match=r"Owners: .*there is no base"):
        rollback.verdict()


def test_it_is_about_one_flag_one_phase_or_all(fleet: Fleet) -> None:
    platform = fleet.platform
    assert flags_of(platform, None, None) == ["trucks", "trips", "owners"]
    assert flags_of(platform, 2, None) == ["trucks", "trips"]
    assert flags_of(platform, None, "owners") == ["owners"]
    for phase, flag, words in ((2, "owners", "phase and flag are both set"), (1, None, "phase 1 has no flag")):
        with pytest.raises(SettingError, match=words):
            flags_of(platform, phase, flag)
    with pytest.raises(SettingError, match="did you mean 'owners'"):
        open_rollback(platform, flag="owner")
    with pytest.raises(SettingError, match=r"run_id is '../x'"):
        open_rollback(platform, run_id="../x")
    with pytest.raises(SettingError, match="dry_run is 'false'"):
        open_rollback(platform, dry_run="false")  # type: ignore[arg-type]
    assert open_rollback(platform, new_run="mine").folder.run_id == "mine"


def test_a_user_without_a_name_can_roll_back_too(turned: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    rollback = open_rollback(turned.platform)
    steps(rollback)
    rollback.verdict()
    assert turned.connect().state.flags.history("trucks")[-1].who == "unknown user"
