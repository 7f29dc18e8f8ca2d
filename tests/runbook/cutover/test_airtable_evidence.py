"""What people change in Airtable after validation read it keeps a flag from turning, until it is validated again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from fleet_platform import LEGACY, Fleet
from runbook.commands import flags as flag_commands
from runbook.cutover.airtable_evidence import AirtableEvidence
from runbook.cutover.last_look import LastLook
from runbook.errors import FlagRefused
from runbook.mirror import Mirror
from runbook.run import PhaseRun

REFUSED = {"match": {"path": "/v0/bases/*/webhooks*"}, "kind": "status", "status": 403, "times": None}
STEPS = ("plan", "provision", "export", "transform", "load", "validate")


def validated(fleet: Fleet, phase: int = 2, **parameters: object) -> PhaseRun:
    """A phase right before its flags are turned."""
    run = fleet.open(phase, turn_flags=True, **parameters)
    for step in STEPS:
        getattr(run, step)()
    return run


def refused(run: PhaseRun) -> dict[str, str]:
    """Why flags stay, by flag."""
    return {row[0]: row[3] for row in run.turn_flags().rows if row[1] == "wix"}


def create(fleet: Fleet, collection: str, **cells: object) -> None:
    fleet.connect().airtable.create(fleet.base(), collection, [cells])


def link(fleet: Fleet) -> None:
    fleet.edit("Trips", "r0", Truck=[fleet.records("Trucks")["t1"]["id"]])


def link_from_the_other_table(fleet: Fleet) -> None:
    fleet.edit("Trucks", "t1", Trips=[fleet.records("Trips")[id_]["id"] for id_ in ("r0", "r1")])


def duplicate(fleet: Fleet) -> None:
    create(fleet, "Trucks", **{LEGACY: "t0", "Plate": "P-0"})


def rename(fleet: Fleet) -> None:
    c = fleet.connect()
    (table,) = [t for t in c.airtable.tables(fleet.base()) if t["name"] == "Trucks"]
    (column,) = [f for f in table["fields"] if f["name"] == "Plate"]
    c.airtable.update_field(fleet.base(), table["id"], column["id"], {"name": "Number"})


def undone(fleet: Fleet) -> None:
    fleet.edit("Trucks", "t0", Plate="edited")
    fleet.edit("Trucks", "t0", Plate="P-0")


CHANGES: dict[str, tuple[Callable[[Fleet], None], dict[str, str]]] = {
    "a cell edited": (lambda f: f.edit("Trucks", "t0", Plate="edited"), {"trucks": "t0 (edited)"}),
    "a cell emptied": (lambda f: f.edit("Trucks", "t1", DOT=None), {"trucks": "t1 (edited)"}),
    "a record deleted": (lambda f: f.delete("Trips", "r1"), {"trips": "r1 (deleted)"}),
    "a record typed in": (lambda f: create(f, "Trucks", Plate="typed"), {"trucks": "(added)"}),
    "a record copied": (duplicate, {"trucks": "(added)"}),
    "a legacy id emptied": (lambda f: f.edit("Trucks", "t0", **{LEGACY: None}), {"trucks": "(edited)"}),
    "a link changed": (link, {"trips": "r0 (edited)"}),
    "a link changed in the other table": (link_from_the_other_table, {"trips": "r0 (edited)"}),
    "a column renamed": (rename, {"trucks": "`Number` was `Plate`"}),
    "an empty record added": (lambda f: create(f, "Trucks"), {}),
    "an edit undone": (undone, {}),
    "nothing": (lambda f: None, {}),
}


@pytest.mark.parametrize("way", ["watched", "no webhook", "by hand"])
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_after_validation_keeps_the_flag_and_is_named(migrated: Fleet, way: str, what: str) -> None:
    change, expected = CHANGES[what]
    if way == "no webhook":
        migrated.box.faults(REFUSED)
    if way == "by hand":
        change(migrated)
        found = {flag: why for flag in ("trucks", "trips") if (why := by_hand(migrated, flag))}
    else:
        run = validated(migrated)
        change(migrated)
        found = refused(run)
        assert refused(run).keys() == found.keys()  # the cell run again forgets nothing
    assert found.keys() == expected.keys()
    for flag, words in expected.items():
        assert words in found[flag]
        if "`" not in words:
            assert "has changed in Airtable since run" in found[flag]
            assert "Run phase 2 again" in found[flag]
    sides = migrated.connect().state.flags.all()
    assert {flag for flag in ("trucks", "trips") if sides.get(flag) != "airtable"} == set(expected)


def test_only_three_rows_are_listed(migrated: Fleet) -> None:
    run = validated(migrated)
    for n in range(5):
        create(migrated, "Trucks", Plate=f"typed {n}")
    assert "5 rows, rec" in (why := refused(run)["trucks"])
    assert why.count("(added)") == 3
    assert "and 2 more" in why


@pytest.mark.slow
def test_once_it_is_validated_again_it_turns_and_what_was_kept_counts_as_seen(migrated: Fleet) -> None:
    run = validated(migrated)
    migrated.edit("Trucks", "t0", Plate="edited")
    create(migrated, "Trucks", Plate="typed")
    assert set(refused(run)) == {"trucks"}
    run = validated(migrated)  # the edit is kept, and of t0 nothing is agreed on any more
    migrated.edit("Trucks", "t0", Plate="edited again")
    assert "t0 (edited)" in refused(run)["trucks"]
    run = validated(migrated)
    assert refused(run) == {}
    assert migrated.records("Trucks")["t0"]["fields"]["Plate"] == "edited again"


def test_what_the_load_wrote_itself_is_no_change(migrated: Fleet) -> None:
    migrated.save("Trucks", {"_id": "t9", "plate": "P-9"}, {"_id": "t0", "plate": "P-00", "dot": "1000"})
    run = validated(migrated)
    assert run.results.loaded["Trucks"].created == 1
    assert refused(run) == {}


def test_an_edit_between_load_and_validation_is_seen_by_one_of_them(migrated: Fleet) -> None:
    run = migrated.open(2, turn_flags=True)
    for step in STEPS[:-1]:
        getattr(run, step)()
    migrated.edit("Trucks", "t0", Plate="edited")
    run.validate()
    assert "t0 (edited)" in refused(run)["trucks"]


def test_what_this_phase_has_not_read_is_read_whole(migrated: Fleet) -> None:
    """A flag may have collections of several phases, and a run may be of some of them."""
    migrated.edit("Trips", "r0", **{"Truck ID": "t1"})
    c = migrated.connect()
    look = LastLook.begin(c.airtable, migrated.base(), c.catalog, c.state)
    found = AirtableEvidence(c.airtable, migrated.base(), c.catalog, c.state, look, of=["Trucks"])
    trucks, trips = (c.catalog.collection(name) for name in ("Trucks", "Trips"))
    found.look([trucks, trips], held=False)
    assert found.reasons(trucks) == []
    assert "r0 (edited)" in found.reasons(trips)[0]
    migrated.edit("Trucks", "t0", Plate="edited")
    migrated.edit("Trips", "r0", **{"Truck ID": "t0"})
    found.look([trucks, trips], held=True)
    assert found.reasons(trips) == []
    assert "t0 (edited)" in found.reasons(trucks)[0]


@pytest.mark.parametrize("way", ["watched", "by hand"])
def test_a_deletion_that_a_mirror_has_seen_first_is_one_too(migrated: Fleet, way: str) -> None:
    """State knows no record of the row any more."""
    run = validated(migrated)
    mirror = opened_mirror(migrated)
    mirror.load(["Trips"])
    migrated.delete("Trips", "r1")
    mirror.refresh()
    assert set(migrated.connect().state.rows(migrated.base(), "Trips").all()) == {"r0"}
    why = refused(run).get("trips", "") if way == "watched" else by_hand(migrated, "trips")
    assert "has seen 2 rows; it has 1 now. Run phase 2 again" in why
    assert refused(validated(migrated)) == {}


def test_a_load_that_was_killed_after_it_forgot_a_row_leaves_the_flag(migrated: Fleet) -> None:
    migrated.delete("Trips", "r1")
    state = migrated.connect().state
    state.rows(migrated.base(), "Trips").forget(["r1"])
    assert "has seen 2 rows; it has 1 now" in by_hand(migrated, "trips")


def by_hand(fleet: Fleet, flag: str) -> str:
    """Why a flag does not turn; "" where it does."""
    try:
        flag_commands.set_flag(fleet.platform, "sandbox", flag, "airtable", who="ann", why="")
    except FlagRefused as error:
        return str(error)
    return ""


def opened_mirror(fleet: Fleet) -> Mirror:
    c = fleet.connect()
    return Mirror(c.airtable, fleet.base(), c.catalog, c.state, fleet.path / "mirror.db")


def evidence(fleet: Fleet) -> AirtableEvidence:
    c = fleet.connect()
    return AirtableEvidence(c.airtable, fleet.base(), c.catalog, c.state)


@pytest.mark.parametrize("watched", [True, False])
def test_it_looks_again_while_calls_are_held(migrated: Fleet, watched: bool) -> None:
    if not watched:
        migrated.box.faults(REFUSED)
    trucks = migrated.platform.catalog.collection("Trucks")
    found = evidence(migrated)
    found.look([trucks], held=False)
    assert found.reasons(trucks) == []
    migrated.edit("Trucks", "t0", Plate="edited")
    found.look([trucks], held=True)
    assert "t0 (edited)" in found.reasons(trucks)[0]
    migrated.edit("Trucks", "t0", Plate="P-0")
    found.look([trucks], held=True)
    assert found.reasons(trucks) == []


def test_what_cannot_be_read_is_not_known_and_read_whole_the_next_time(migrated: Fleet) -> None:
    trucks, trips = (migrated.platform.catalog.collection(name) for name in ("Trucks", "Trips"))
    found = evidence(migrated)
    down = {"match": {"service": "airtable", "path": "/v0/app*"}, "kind": "status", "status": 503, "times": None}
    migrated.delete("Trips", "r1")
    migrated.box.faults(down)
    with migrated.connect().airtable.brief(), found._airtable.brief():
        found.look([trucks, trips], held=False)
    assert found.reasons(trips)[0].startswith("Trips: not known what changed in Airtable since run")
    migrated.box.faults(clear=True)
    found.look([trucks, trips], held=False)
    assert found.reasons(trucks) == []
    assert "r1 (deleted)" in found.reasons(trips)[0]


def test_a_webhook_that_is_lost_hides_nothing(migrated: Fleet) -> None:
    trucks = migrated.platform.catalog.collection("Trucks")
    found = evidence(migrated)
    found.look([trucks], held=False)
    c, base = migrated.connect(), migrated.base()
    hook = c.state.facts.webhook(base)
    c.airtable.request("DELETE", f"bases/{base}/webhooks/{hook}", scope="webhook:manage", base=base)
    migrated.edit("Trucks", "t0", Plate="edited")
    found.look([trucks], held=True)  # no table is read in full while calls wait
    assert "webhook was lost" in found.reasons(trucks)[0]
    found.look([trucks], held=False)
    assert "t0 (edited)" in found.reasons(trucks)[0]


def test_a_look_reports_each_change_once_and_keeps_what_could_not_be_read(migrated: Fleet) -> None:
    c, trucks = migrated.connect(), migrated.platform.catalog.collection("Trucks")
    look = LastLook.begin(c.airtable, migrated.base(), c.catalog, c.state)
    t0, t1 = (migrated.records("Trucks")[id_]["id"] for id_ in ("t0", "t1"))
    migrated.edit("Trucks", "t0", Plate="edited")
    migrated.delete("Trucks", "t1")
    assert look.poll()
    found = look.take(trucks)
    assert ([record["id"] for record in found.records], found.deleted) == ([t0], {t1})
    assert look.poll()
    assert look.take(trucks) == ([], set())
    migrated.edit("Trucks", "t0", Plate="edited")  # the same again, then it is gone before it is read
    migrated.edit("Trucks", "t0", Plate="once more")
    assert look.poll()
    migrated.delete("Trucks", "t0")
    assert look.take(trucks) == ([], {t0})


def test_what_it_costs(migrated: Fleet) -> None:
    """A run that turns nothing asks no more than before; one that turns looks twice, and reads no table again."""

    def cost(**parameters: bool) -> Counter[str]:
        run = migrated.open(2, **parameters)
        for step in (*STEPS, "turn_flags"):
            getattr(run, step)()
        counted = Counter(row.what for row in run.connections.airtable.log.rows())
        return Counter({what: n for what, n in counted.items() if "Runbook" not in what})  # the claim, and what is told

    cost()  # after which no run has anything to write
    without = cost()
    assert cost(turn_flags=True) - without == Counter(
        {"create a webhook of the base": 1, "read what changed in the base": 2}
    )
    assert cost() == without
    state = migrated.connect().state
    for flag in ("trucks", "trips"):
        state.flags.set(flag, "wix", who="a test", why="")
    migrated.box.faults(REFUSED)
    more = cost(turn_flags=True) - without
    tables = {what: n for what, n in more.items() if what.startswith("list records of")}
    assert (len(tables), set(tables.values())) == (2, {2})  # in full, and what was modified since
