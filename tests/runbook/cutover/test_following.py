"""Follow: what is written in Airtable goes to Wix by itself, and is agreed on by both sides then."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fleet_platform import Fleet, copy_of
from runbook.backlog import NOT_FOLLOWED, read_backlog
from runbook.commands.follow import follow, make_follower
from runbook.commands.resolve import resolve
from runbook.cutover.following import Follower
from runbook.cutover.freeze import freeze, frozen
from runbook.errors import HoldLost, SettingError
from runbook.evidence.folder import read_json
from runbook.evidence.manifest import verify
from runbook.records.opening import OpenRecords, open_records
from runbook.state import State
from runbook.wix.client import DATA
from yard import save_yard
from yard_book import Book, standard_writes


@dataclass
class Following:
    """A follower of a fleet whose ticks a test makes itself, and the services beside it."""

    fleet: Fleet
    opened: OpenRecords
    follower: Follower
    said: list[str] = field(default_factory=list)

    def tick(self, *, look: bool = True) -> int:
        """What one round does; how many rows went to Wix. `look`: the mirror looks at Airtable first."""
        assert self.opened.mirror is not None
        self.follower._pauses.clear()
        self.follower._later.clear()
        if look:
            for c in self.fleet.platform.catalog.collections:
                self.opened.mirror.ensure_loaded(c)
            self.opened.mirror.refresh()
        return self.follower.carry_all()

    @property
    def records(self) -> Any:
        return self.opened.records

    @property
    def state(self) -> State:
        return self.opened.state

    def held(self, collection: str) -> dict[str, str]:
        rows = self.state.outbox(self.fleet.base(), collection).rows(held=True)
        return {row.legacy_id: row.held for row in rows if row.held}


def start(fleet: Fleet, stack: ExitStack) -> Following:
    said: list[str] = []
    opened = stack.enter_context(open_records(fleet.platform, update_mirror=False))
    follower = make_follower(opened, stack, report=said.append)
    assert follower is not None
    return Following(fleet, opened, follower, said)


@pytest.fixture
def following(turned: Fleet) -> Iterator[Following]:
    with ExitStack() as stack:
        found = start(turned, stack)
        found.tick()
        yield found


# All kinds of writes


@pytest.fixture(scope="session")
def saved_yard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_yard(tmp_path_factory.mktemp("yard"))


@pytest.fixture
def yard(saved_yard: Path, tmp_path: Path) -> Iterator[Fleet]:
    with copy_of(saved_yard, tmp_path) as fleet:
        yield fleet


@pytest.mark.slow
def test_every_kind_of_write_goes_to_wix(yard: Fleet) -> None:
    book, said = Book(yard), list[str]()
    with open_records(yard.platform, update_mirror=False) as opened:
        standard_writes(book, opened.records)
    left = follow(yard.platform, "sandbox", once=True, report=said.append)
    assert book.wrong() == {}
    assert left.left == 1, "the one conflict"


def test_what_services_write_and_people_edit_is_in_wix_after_a_tick(following: Following) -> None:
    fleet = following.fleet
    following.records.insert("Trucks", {"_id": "t9", "plate": "P-9"})
    following.records.patch("Owners", "o0", {"name": "Ada"})
    assert following.tick(look=False) == 2, "no look at Airtable is needed"
    fleet.edit("Trucks", "t0", Plate="by hand")
    fleet.delete("Trips", "r1")
    assert following.tick() == 2
    assert {i: row["plate"] for i, row in fleet.items("Trucks").items()} == {
        "t0": "by hand", "t1": "P-1", "t2": "P-2", "t9": "P-9",
    }  # fmt: skip
    assert fleet.items("Owners")["o0"]["name"] == "Ada"
    assert fleet.items("Trips").keys() == {"r0"}
    assert following.follower.backlog().left == 0
    assert following.tick() == 0


def test_a_large_backlog_is_carried_in_turns(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.cutover.following.BULK_PATCH", 2)
    following.records.bulk_insert("Owners", [{"_id": f"x{n}", "name": f"X {n}"} for n in range(30)])
    following.records.patch("Trucks", "t0", {"plate": "P-00"})
    assert following.tick(look=False) == 21, "ten batches of one collection, and the others"
    assert following.tick(look=False) == 10
    following.records.bulk_insert("Owners", [{"_id": f"y{n}", "name": f"Y {n}"} for n in range(30)])
    assert follow(following.fleet.platform, "sandbox", once=True, report=print).left == 0
    assert len(following.fleet.items("Owners")) == 62


def test_a_tick_without_a_change_asks_nobody(following: Following) -> None:
    airtable, wix = following.fleet.box.stats()["airtable"], following.fleet.box.stats()["wix"]
    for _ in range(3):
        assert following.tick(look=False) == 0
    assert following.fleet.box.stats()["airtable"] == airtable
    assert following.fleet.box.stats()["wix"] == wix


@pytest.mark.slow
def test_the_way_forth_finds_nothing_to_do(following: Following) -> None:
    """What follow wrote counts as agreed on both sides, though Wix's `_updatedDate` moved."""
    fleet = following.fleet
    following.records.insert("Trucks", {"_id": "t9", "plate": "P-9", "dot": "9"})
    following.records.insert("Trips", {"_id": "r9", "truck": "t9"})
    following.records.patch("Owners", "o0", {"name": "Ada"})
    fleet.edit("Trucks", "t0", Plate="by hand")
    fleet.delete("Trips", "r1")
    following.tick()
    for flag in fleet.platform.catalog.flags:
        following.state.flags.set(flag, "wix", who="a test", why="")
    for phase in (2, 3):
        run = fleet.open(phase)
        fleet.steps(run)  # its gate is green
        for name, loaded in run.results.loaded.items():
            assert (loaded.created, loaded.updated, len(loaded.deleted)) == (0, 0, 0), name
    assert fleet.items("Trucks").keys() == {"t0", "t1", "t2", "t9"}


# Never where services use Wix


def test_a_collection_whose_flag_is_at_wix_is_not_written(following: Following) -> None:
    fleet = following.fleet
    following.records.insert("Trucks", {"_id": "t9", "plate": "P-9"})
    following.state.flags.set("trucks", "wix", who="a test", why="")
    assert following.tick() == 0
    assert "t9" not in fleet.items("Trucks")


def test_a_flag_that_turns_while_a_batch_is_on_its_way_stops_it(following: Following, monkeypatch: Any) -> None:
    """A turn back waits for calls in flight, but not for ever."""
    following.records.insert("Trucks", {"_id": "t9", "plate": "P-9"})
    plan = following.follower._engine.plan

    def turned_meanwhile(*arguments: Any) -> Any:
        found = plan(*arguments)
        following.state.flags.set("trucks", "wix", who="a test", why="")
        return found

    monkeypatch.setattr(following.follower._engine, "plan", turned_meanwhile)
    assert following.tick() == 0
    assert "t9" not in following.fleet.items("Trucks")


def test_a_turn_waits_for_the_batch_in_flight(following: Following, monkeypatch: Any) -> None:
    following.records.insert("Trucks", {"_id": "t9", "plate": "P-9"})
    free: list[bool] = []
    apply = following.follower._engine.apply

    def watched(plan: Any) -> Any:
        with following.state.locks.exclusive("calls", timeout=0) as acquired:
            free.append(acquired)
        return apply(plan)

    monkeypatch.setattr(following.follower._engine, "apply", watched)
    assert following.tick() == 1
    assert free == [False]


# What changes while it is on its way


@pytest.mark.parametrize("when", ["plan", "write", "_finish"])
def test_a_row_that_a_service_removes_while_it_is_sent_is_not_in_wix(
    following: Following, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Before it is sent, after, and before the answer is noted."""
    following.records.insert("Owners", {"_id": "new", "name": "Cy"})
    engine, removed = following.follower._engine, list[str]()
    step = getattr(engine, when)

    def remove() -> None:
        if not removed:
            removed.append("new")
            following.records.remove("Owners", "new")

    def meanwhile(*arguments: Any) -> Any:
        if when == "_finish":
            remove()
        found = step(*arguments)
        remove()
        return found

    monkeypatch.setattr(engine, when, meanwhile)
    following.tick(look=False)
    following.tick(look=False)
    assert "new" not in following.fleet.items("Owners")
    assert "new" not in following.state.rows(following.fleet.base(), "Owners").all()
    assert following.state.outbox_counts(following.fleet.base()) == {}


# Deletions by hand


def many(following: Following, count: int) -> None:
    following.records.bulk_insert("Owners", [{"_id": f"x{n}", "name": f"X {n}"} for n in range(count)])
    following.tick()


def test_many_rows_deleted_by_hand_wait_for_a_word(following: Following, monkeypatch: Any) -> None:
    fleet = following.fleet
    many(following, 8)
    for n in range(4):
        fleet.delete("Owners", f"x{n}")
    following.records.remove("Owners", "x7")
    assert following.tick() == 1, "what a service removed goes"
    assert fleet.items("Owners").keys() == {"o0", "o1", *(f"x{n}" for n in range(7))}
    assert set(following.held("Owners")) == {"x0", "x1", "x2", "x3"}
    assert "RUNBOOK_REMOVE_MANY=Owners" in following.held("Owners")["x0"]
    fleet.delete("Owners", "x4")
    assert following.tick() == 0, "one more is not judged by itself"
    monkeypatch.setenv("RUNBOOK_REMOVE_MANY", "Owners")
    left = follow(fleet.platform, "sandbox", once=True, report=following.said.append)
    assert left.left == 0
    assert fleet.items("Owners").keys() == {"o0", "o1", "x5", "x6"}


def test_a_deleted_row_that_is_there_again_stays_in_wix(following: Following) -> None:
    """As after Airtable's undo, which the mirror has not seen yet."""
    fleet = following.fleet
    fleet.delete("Trucks", "t0")
    assert following.opened.mirror is not None
    following.opened.mirror.refresh()
    assert following.state.outbox(fleet.base(), "Trucks").rows(deleted=True)
    fleet.connect().airtable.create(fleet.base(), "Trucks", [{"Legacy Wix ID": "t0", "Plate": "P-0, again"}])
    assert following.tick(look=False) == 0
    assert fleet.items("Trucks")["t0"]["plate"] == "P-0"
    assert following.tick() == 1
    assert fleet.items("Trucks")["t0"]["plate"] == "P-0, again"


@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_a_table_that_cannot_be_read_deletes_nothing(following: Following, status: int) -> None:
    fleet = following.fleet
    fleet.delete("Trucks", "t0")
    assert following.opened.mirror is not None
    following.opened.mirror.refresh()
    fleet.box.faults({"match": {"path": "/v0/*"}, "kind": "status", "status": status, "times": None})
    assert following.tick(look=False) == 0
    assert "t0" in fleet.items("Trucks")
    fleet.box.faults(clear=True)
    assert following.tick(look=False) == 1
    assert "t0" not in fleet.items("Trucks")


def test_a_column_that_was_retyped_carries_nothing_without_a_webhook(turned: Fleet) -> None:
    """The mirror looks at the schema every ten minutes then; what it reads meanwhile is not what rows hold."""
    turned.box.faults({"match": {"path": "/v0/bases/*/webhooks*"}, "kind": "status", "status": 403, "times": None})
    with ExitStack() as stack:
        following = start(turned, stack)
        following.tick()
        mirror = following.opened.mirror
        assert mirror is not None
        turned.box.grid(turned.base(), "Trucks", field="DOT", type="singleLineText")
        turned.edit("Trucks", "t0", DOT="not a number")
        mirror.ingest("Trucks", list(turned.connect().airtable.records(turned.base(), "Trucks")))
        mirror.store.file.set_meta("schema_at", time.time() - 100)
        assert following.tick(look=False) == 0
        assert turned.items("Trucks")["t0"]["dot"] == "1000"
        assert "DOT" in following.said[-1]


# One side is down


def test_wix_down_nothing_is_lost_and_it_goes_on(following: Following) -> None:
    fleet = following.fleet
    following.records.patch("Owners", "o0", {"name": "Ada"})
    fleet.box.faults({"match": {"path": "/wix-data/*"}, "kind": "status", "status": 503, "times": None})
    assert following.tick(look=False) == 0
    assert "Owners" in following.said[-1]
    assert "tried again" in following.said[-1]
    said = len(following.said)
    following.follower.carry_all()
    assert len(following.said) == said, "said once, and not tried before its time"
    fleet.box.faults(clear=True)
    following.follower._pauses["Owners"].until = 0
    assert following.follower.carry_all() == 1
    assert following.said[-1] == "Owners: goes on"
    assert fleet.items("Owners")["o0"]["name"] == "Ada"


def test_airtable_down_what_services_wrote_goes_to_wix_all_the_same(following: Following) -> None:
    fleet = following.fleet
    following.records.patch("Owners", "o0", {"name": "Ada"})
    fleet.edit("Owners", "o1", Name="by hand")
    fleet.delete("Trips", "r1")
    assert following.opened.mirror is not None
    following.opened.mirror.refresh()
    fleet.box.faults({"match": {"path": "/v0/*"}, "kind": "status", "status": 503, "times": None})
    following.follower.carry_all()
    assert fleet.items("Owners")["o0"]["name"] == "Ada"
    assert fleet.items("Owners")["o1"]["name"] == "by hand"
    fleet.box.faults(clear=True)
    assert "r1" in fleet.items("Trips"), "a deletion is confirmed first"


def test_a_row_that_wix_refuses_is_held_and_the_others_go(following: Following) -> None:
    fleet, wix = following.fleet, following.fleet.connect().wix
    index = {"dataCollectionId": "Owners", "index": {"name": "one", "fields": [{"path": "name"}], "unique": True}}
    wix.request("POST", f"{DATA}/indexes", index, what="add an index")
    following.records.insert("Owners", {"_id": "o9", "name": "Ann"})  # Wix has an Ann, and refuses another
    following.records.patch("Owners", "o1", {"name": "Bo"})
    assert following.tick(look=False) == 1
    assert fleet.items("Owners").keys() == {"o0", "o1"}
    assert following.held("Owners") == {"o9": "Wix refused it (WDE0123)"}
    assert "o9" in following.said[-1]
    said = len(following.said)
    assert following.tick(look=False) == 0
    assert len(following.said) == said
    following.records.patch("Owners", "o9", {"name": "Cy"})
    assert following.tick(look=False) == 1, "once it has changed it is tried again"


def test_a_frozen_collection_is_followed(following: Following) -> None:
    """Closed to the site's visitors and members; the API key may write it."""
    wix = following.fleet.connect().wix
    freeze(wix, ["Owners", "Trucks"])
    following.records.patch("Owners", "o0", {"name": "Ada"})
    following.records.insert("Trucks", {"_id": "t9", "plate": "P-9"})
    following.records.remove("Owners", "o1")
    assert following.tick() == 3
    assert following.fleet.items("Owners") == {
        **following.fleet.items("Owners"),
        "o0": following.fleet.items("Owners")["o0"],
    }
    (owner,) = following.fleet.items("Owners").values()
    assert owner["name"] == "Ada"
    assert frozen(wix, ["Owners", "Trucks"]) == {"Owners": True, "Trucks": True}


# Conflicts


@pytest.mark.parametrize(("prefer", "name"), [("airtable", "by hand"), ("wix", "in the CMS")])
def test_a_conflict_waits_and_a_word_is_obeyed_at_the_next_tick(following: Following, prefer: Any, name: str) -> None:
    fleet = following.fleet
    fleet.edit("Owners", "o0", Name="by hand")
    fleet.save("Owners", {**fleet.items("Owners")["o0"], "name": "in the CMS"})
    following.records.patch("Owners", "o1", {"name": "Bo"})
    assert following.tick() == 1
    assert fleet.items("Owners")["o0"]["name"] == "in the CMS"
    before = fleet.box.stats()["wix"]
    following.tick(look=False)
    assert fleet.box.stats()["wix"] == before, "what waits for a person asks nobody meanwhile"
    run = following.follower._folder.run_id
    assert "Owners" in repr(resolve(fleet.platform, run, prefer=prefer, who="ann", why="phoned"))
    following.tick(look=False)
    assert fleet.items("Owners")["o0"]["name"] == name
    assert following.follower.backlog().left == 0


# What was there before anybody followed


def test_what_nobody_has_noted_is_found_at_the_first_look(turned: Fleet) -> None:
    """As by an older version, which noted nothing, and with a mirror that knows the rows already."""
    with open_records(turned.platform, update_mirror=False) as opened:
        assert opened.mirror is not None
        opened.records.patch("Owners", "o0", {"name": "Ada"})
        opened.mirror.load()
        opened.records.patch("Owners", "o1", {"name": "Bo"})
        opened.state.outbox(turned.base(), "Owners").clear()
        for side in ("wix", "airtable"):
            opened.state.flags.set("owners", side, who="a test", why="")
    assert follow(turned.platform, "sandbox", once=True, report=print).left == 0
    assert {row["name"] for row in turned.items("Owners").values()} == {"Ada", "Bo"}


def test_a_table_is_read_whole_once_and_not_at_each_start(turned: Fleet) -> None:
    def requests() -> int:
        return int(turned.box.stats()["airtable"].get(turned.base(), {"requests": 0})["requests"])

    counts = [requests()]
    for _ in range(3):
        follow(turned.platform, "sandbox", once=True, report=print)
        counts.append(requests())
    first, second, third = (after - before for before, after in itertools.pairwise(counts))
    assert second == third <= first - 3, "three tables"


# Within the quota, and quiet once all is well


def test_what_it_sends_stays_within_a_part_of_the_quota(following: Following) -> None:
    assert following.follower._rest(0) == following.follower._rest(2) == 1.0
    assert following.follower._rest(300) == 30.0
    sent = following.follower._connections.wix.requests
    following.records.patch("Owners", "o0", {"name": "Ada"})
    following.tick(look=False)
    assert 0 < following.follower._connections.wix.requests - sent <= 3


def test_a_problem_is_forgotten_once_somebody_else_has_carried_it(following: Following) -> None:
    fleet = following.fleet
    following.records.patch("Owners", "o0", {"name": "Ada"})
    fleet.box.faults({"match": {"path": "/wix-data/*"}, "kind": "status", "status": 503, "times": None})
    following.tick(look=False)
    assert following.follower.problems
    fleet.box.faults(clear=True)
    following.state.flags.set("owners", "wix", who="a test", why="")
    following.follower.carry_all()
    assert following.follower.problems == []


def test_once_is_not_well_where_airtable_could_not_be_read(turned: Fleet) -> None:
    said: list[str] = []
    turned.box.faults({"match": {"path": "/v0/*/Owners*"}, "kind": "status", "status": 503, "times": None})
    left = follow(turned.platform, "sandbox", once=True, report=said.append)
    turned.box.faults(clear=True)
    assert left.left == 0
    assert "reading Owners" in left.note.problem


def test_a_column_deleted_by_hand_stops_its_collection_alone(following: Following) -> None:
    fleet = following.fleet
    following.records.patch("Owners", "o0", {"name": "Ada"})
    fleet.box.grid(fleet.base(), "Trucks", field="DOT", delete=True)
    left = follow(fleet.platform, "sandbox", once=True, report=following.said.append)
    assert "reading Trucks" in left.note.problem
    assert "Owners" not in left.note.problem
    assert fleet.items("Owners")["o0"]["name"] == "Ada"
    assert fleet.items("Trucks")["t0"]["dot"] == "1000"


# One follower, stopped, killed


def test_another_follower_waits_its_turn_and_says_so(following: Following) -> None:
    with ExitStack() as stack:
        second = start(following.fleet, stack)
        stops = [threading.Event(), threading.Event()]
        threads = [
            threading.Thread(target=each.follower.run, args=(stop,))
            for each, stop in zip((following, second), stops, strict=True)
        ]
        threads[0].start()
        wait(lambda: any("following" in line for line in following.said))
        threads[1].start()
        wait(lambda: any("another process follows" in line for line in second.said))
        with pytest.raises(SettingError, match="another process follows"):
            second.follower.once()
        assert following.follower.backlog().followed
        stops[0].set()
        threads[0].join()
        wait(lambda: any(line.startswith("following") for line in second.said))
        stops[1].set()
        threads[1].join()
    assert not following.follower.backlog().followed


def wait(until: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_it_carries_all_the_time_and_leaves_a_run(following: Following) -> None:
    fleet, stop = following.fleet, threading.Event()
    thread = threading.Thread(target=following.follower.run, args=(stop,))
    thread.start()
    following.records.patch("Owners", "o0", {"name": "Ada"})
    wait(lambda: fleet.items("Owners")["o0"]["name"] == "Ada")
    stop.set()
    thread.join()
    folder = following.follower._folder.path
    figures = read_json(folder / "evidence/follow/figures.json")
    assert (figures["patched"], figures["backlog"]["collections"]["Owners"]["waiting"]) == (1, 0)
    assert verify(folder).ok
    with ExitStack() as stack:
        again = start(fleet, stack)
        assert again.follower._folder.path == folder, "one run a base"


# The base knows


def test_the_base_is_told_until_when_rows_were_carried(following: Following, monkeypatch: Any) -> None:
    fleet = following.fleet
    following.records.patch("Owners", "o0", {"name": "Ada"})
    follow(fleet.platform, "sandbox", once=True, report=following.said.append)
    until = following.state.facts.followed(fleet.base()).until
    assert until is not None
    found = {
        r["fields"]["Fact"]: r["fields"].get("Value") for r in fleet.connect().airtable.records(fleet.base(), "Runbook")
    }
    assert found["followed until"] == until
    follow(fleet.platform, "sandbox", once=True, report=following.said.append)
    assert following.state.facts.followed(fleet.base()).until == until, "nothing was carried since"
    monkeypatch.setenv("RUNBOOK_STATE_URL", f"sqlite:///{fleet.path / 'new.db'}")
    monkeypatch.setenv("RUNBOOK_TAKE_OVER", "yes")
    with open_records(fleet.platform, update_mirror=False) as opened:
        assert opened.state.facts.followed(fleet.base()).until == until
        since = opened.state.unchanged_since(fleet.base(), "owners")
        assert since == until


@pytest.fixture
def lose_state(turned: Fleet, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def lose() -> None:
        monkeypatch.setenv("RUNBOOK_STATE_URL", f"sqlite:///{turned.path / 'new.db'}")
        monkeypatch.setenv("RUNBOOK_TAKE_OVER", "yes")

    return lose


def test_after_a_lost_state_what_follow_wrote_is_no_edit_of_wix(
    following: Following, lose_state: Callable[[], None]
) -> None:
    fleet = following.fleet
    following.records.patch("Owners", "o0", {"name": "Ada"})
    follow(fleet.platform, "sandbox", once=True, report=following.said.append)
    following.records.patch("Owners", "o0", {"name": "Eve"})  # waits when the state is lost
    fleet.edit("Trucks", "t0", Plate="by hand")
    lose_state()
    left = follow(fleet.platform, "sandbox", once=True, report=following.said.append)
    assert left.left == 0
    assert fleet.items("Owners")["o0"]["name"] == "Eve"
    assert fleet.items("Trucks")["t0"]["plate"] == "by hand"


def test_after_a_lost_state_an_edit_in_wix_alone_is_not_overwritten(
    following: Following, lose_state: Callable[[], None]
) -> None:
    fleet = following.fleet
    following.records.patch("Owners", "o0", {"name": "Ada"})
    following.tick()
    fleet.save("Owners", {**fleet.items("Owners")["o1"], "name": "in the CMS"})
    following.records.patch("Trucks", "t0", {"plate": "later"})
    follow(fleet.platform, "sandbox", once=True, report=following.said.append)
    assert fleet.items("Trucks")["t0"]["plate"] == "later"
    until = following.state.facts.followed(fleet.base()).until
    owners = fleet.items("Owners")
    assert until is not None
    assert owners["o0"]["_updatedDate"]["$date"] <= until < owners["o1"]["_updatedDate"]["$date"]
    lose_state()
    left = follow(fleet.platform, "sandbox", once=True, report=following.said.append)
    assert fleet.items("Owners")["o1"]["name"] == "in the CMS"
    assert [(c.collection, c.conflicts) for c in left.collections if c.held] == [("Owners", 1)]


def test_once_another_state_has_taken_the_base_over_it_carries_nothing(
    following: Following, lose_state: Callable[[], None]
) -> None:
    fleet = following.fleet
    following.records.patch("Owners", "o0", {"name": "Ada"})
    lose_state()
    with open_records(fleet.platform, update_mirror=False) as other:
        other.records.patch("Owners", "o1", {"name": "Bo"})
        following.follower._confirmed_at = following.follower._hold._confirmed = float("-inf")  # a while ago
        with pytest.raises(HoldLost, match="taken it over"):
            following.tick(look=False)
    assert fleet.items("Owners")["o0"]["name"] == "Ann"


def test_how_far_wix_is_behind_is_told(following: Following) -> None:
    fleet, state = following.fleet, following.state
    assert NOT_FOLLOWED in following.follower.backlog().notes()
    following.records.patch("Owners", "o0", {"name": "Ada"})
    found = read_backlog(state, fleet.base(), fleet.platform.catalog)
    assert "Owners: 1 row waiting, behind by 0 s" in found.notes()[0]
    assert found.alerts() == []
    follow(fleet.platform, "sandbox", once=True, report=following.said.append)
    assert "Owners" not in " ".join(following.follower.backlog().notes())
    assert following.follower.backlog().facts()["collections"]["Owners"]["carried"] is not None
