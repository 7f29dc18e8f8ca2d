"""Full syncs: the first, after a loss, as a repair; with writes meanwhile, and when killed."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mirror_kit import CATALOG, Fleet, carrier, catalog, collection, ids, items
from runbook.airtable.client import Airtable
from runbook.errors import AirtableError, SourceDown
from runbook.json_types import Item, Json
from runbook.mirror import Mirror
from runbook.mirror.file import File
from runbook.query import Query


def everything(mirror: Mirror) -> dict[str, Item]:
    return {item["_id"]: item for item in mirror.find("Carriers", Query().limit(1000))[0]}


def truth(*found: Item) -> dict[str, Item]:
    return {item["_id"]: item for item in found}


def test_a_collection_is_read_at_its_first_use_and_not_again(fleet: Fleet) -> None:
    fleet.add("Carriers", *items(3))
    mirror = fleet.mirror()
    assert everything(mirror) == truth(*items(3))
    before = fleet.requests()
    assert mirror.get("Carriers", "c00001") == carrier(1)
    assert mirror.count("Carriers", Query().where) == 3
    assert fleet.requests() == before


def test_a_restart_needs_no_full_sync(fleet: Fleet) -> None:
    (record, *_) = fleet.add("Carriers", *items(3))
    fleet.mirror().load()
    fleet.edit("Carriers", record, Name="while no process ran")
    before = fleet.requests()
    mirror = fleet.mirror()
    assert len(everything(mirror)) == 3
    assert fleet.requests() == before
    mirror.refresh()
    assert fleet.requests() <= before + 3  # what changed, the tables' names, the record
    assert mirror.get("Carriers", "c00000") == {**carrier(0), "name": "while no process ran"}


def test_a_large_table_is_read_in_several_streams_each_row_once(fleet: Fleet) -> None:
    fleet.add("Carriers", *items(1100))
    mirror = fleet.mirror()
    assert mirror.load(["Carriers"]) == {"Carriers": 1100}
    pages = [row for row in fleet.api.log.rows() if row.what == "list records of The Carriers"]
    assert len(pages) == 12  # two streams of 550 rows or so, for at least two of 500
    assert mirror.load(["Carriers"], streams=1) == {"Carriers": 0}
    found, more = mirror.find("Carriers", Query().limit(1000))
    assert more
    assert ids(found) == [f"c{number:05}" for number in range(1099, 99, -1)]


def test_many_callers_of_a_collection_without_rows_cause_one_full_sync(fleet: Fleet) -> None:
    fleet.add("Carriers", *items(3))
    mirror = fleet.mirror()
    threads = [threading.Thread(target=everything, args=(mirror,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([row for row in fleet.api.log.rows() if row.what == "list records of The Carriers"]) == 1


def test_a_changed_catalog_causes_a_full_sync(fleet: Fleet) -> None:
    fleet.add("Carriers", *items(2))
    fleet.mirror().load()
    fewer = catalog(collection("Carriers", *CATALOG.collection("Carriers").fields[:1]))
    mirror = fleet.mirror(fewer)
    assert mirror.store.synced() == []
    item = mirror.get("Carriers", "c00001")
    assert item is not None
    assert item["dot"] == "100001"
    assert "name" not in item


def test_a_failed_full_sync_leaves_the_collection_unsynced(fleet: Fleet) -> None:
    fleet.add("Carriers", *items(1100))
    mirror = fleet.mirror()
    fleet.box.faults({"match": {"path": "*/The Carriers*", "nth": 3}, "kind": "status", "status": 500, "times": None})
    with pytest.raises(AirtableError):
        mirror.load(["Carriers"])
    assert mirror.store.as_of("Carriers") is None
    with pytest.raises(SourceDown):
        fleet.records(mirror).query("Carriers")
    fleet.box.faults(clear=True)
    assert mirror.count("Carriers", Query().where) == 1100


# What is written meanwhile


class Meanwhile(Airtable):
    """A client that lets something happen after each page of a list was read, before it is taken over."""

    happens: Callable[[], None] = staticmethod(lambda: None)

    def _page(self, query: Any, offset: str | None) -> Json:
        page = super()._page(query, offset)
        self.happens()
        return page


@pytest.fixture
def meanwhile(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    fleet.api.__class__ = Meanwhile
    assert isinstance(fleet.api, Meanwhile)
    return fleet.api


@pytest.mark.parametrize("again", [False, True], ids=["at first", "again"])
def test_a_full_sync_overwrites_nothing_that_was_written_here_meanwhile(
    fleet: Fleet, meanwhile: Meanwhile, again: bool
) -> None:
    fleet.add("Carriers", *items(3))
    mirror = fleet.mirror()
    records = fleet.records(mirror)
    if again:
        mirror.load()
    done = []

    def write() -> None:
        if done or threading.current_thread().name == "writer":
            return
        done.append(True)

        def writes() -> None:
            records.patch("Carriers", "c00000", {"name": "written here"})
            records.remove("Carriers", "c00001")
            records.insert("Carriers", {"_id": "new", "name": "made here"})

        writer = threading.Thread(target=writes, name="writer")
        writer.start()
        writer.join()

    meanwhile.happens = write
    mirror.load(["Carriers"])
    meanwhile.happens = lambda: None
    before = fleet.requests()
    found = everything(mirror)
    assert fleet.requests() == before
    assert {item_id: item["name"] for item_id, item in found.items()} == {
        "c00000": "written here",
        "c00002": "Carrier 2",
        "new": "made here",
    }


def test_a_sync_overwrites_nothing_that_was_written_here_meanwhile(fleet: Fleet, meanwhile: Meanwhile) -> None:
    (record, *_) = fleet.add("Carriers", *items(2))
    mirror = fleet.mirror()
    mirror.load()
    records = fleet.records(mirror)
    fleet.edit("Carriers", record, Name="by hand")

    def write() -> None:
        meanwhile.happens = lambda: None
        records.patch("Carriers", "c00000", {"name": "written here"})

    meanwhile.happens = write
    mirror.refresh()
    assert everything(mirror)["c00000"]["name"] == "written here"


def test_a_write_is_seen_at_once_by_another_process(fleet: Fleet) -> None:
    fleet.add("Carriers", *items(2))
    mirror = fleet.mirror()
    other = fleet.mirror()
    mirror.load()
    records = fleet.records(mirror)
    records.patch("Carriers", "c00000", {"name": "written here"})
    records.remove("Carriers", "c00001")
    before = fleet.requests()
    assert {item_id: item["name"] for item_id, item in everything(other).items()} == {"c00000": "written here"}
    assert fleet.requests() == before


def test_a_consistent_read_freshens_what_it_finds(fleet: Fleet) -> None:
    (record,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load()
    records = fleet.records(mirror)
    fleet.edit("Carriers", record, Name="by hand")
    assert records.get("Carriers", "c00001")["name"] == "Carrier 1"  # type: ignore[index]
    assert records.get("Carriers", "c00001", consistent=True)["name"] == "by hand"  # type: ignore[index]
    assert records.get("Carriers", "c00001")["name"] == "by hand"  # type: ignore[index]


# Repair


def test_a_full_sync_repairs_any_difference(fleet: Fleet) -> None:
    fleet.add("Carriers", *items(5))
    clock = [time.time()]
    mirror = fleet.mirror(clock=lambda: clock[0])
    mirror.load()
    with mirror.store.file.transaction() as db:
        db.execute('UPDATE row SET item = \'{"_id":"c00000","name":"wrong"}\' WHERE id = \'c00000\'')
        db.execute("DELETE FROM row WHERE id = 'c00001'")
        db.execute("UPDATE row SET record = 'recWrong' WHERE id = 'c00002'")
        db.execute("UPDATE row SET hidden = 1 WHERE id = 'c00003'")
        db.execute("DELETE FROM sort_key WHERE id = 'c00004'")
        db.execute(
            "INSERT INTO row (collection, id, record, seq, hidden, item) "
            "VALUES ('Carriers', 'invented', 'recInvented', 0, 0, '{\"_id\":\"invented\"}')"
        )
    assert everything(mirror) != truth(*items(5))
    clock[0] += 86_401
    assert {mirror.repair_if_due(), mirror.repair_if_due()} == {"Carriers", "Drivers"}
    assert mirror.repair_if_due() is None
    assert everything(mirror) == truth(*items(5))
    for item in items(5):
        assert mirror.find("Carriers", Query().eq("dot", item["dot"])) == ([item], False)


def test_repairs_run_between_syncs(fleet: Fleet) -> None:
    fleet.add("Carriers", *items(2))
    mirror = fleet.mirror(refresh=0.02, repair=0.02)
    mirror.load()
    with mirror.store.file.transaction() as db:
        db.execute("DELETE FROM row")
    with mirror.kept_updated():
        deadline = time.monotonic() + 30
        while everything(mirror) != truth(*items(2)):
            assert time.monotonic() < deadline
            time.sleep(0.005)


# Its file


def test_the_file_can_be_deleted_at_any_time(fleet: Fleet) -> None:
    fleet.add("Carriers", *items(3))
    mirror = fleet.mirror()
    mirror.load()
    for _ in range(2):
        fleet.file.unlink()
        assert everything(mirror) == truth(*items(3))
    fleet.file.with_name("mirror.db-wal").unlink()
    fleet.file.unlink()
    fleet.records(mirror).patch("Carriers", "c00001", {"name": "written here"})
    assert everything(mirror)["c00001"]["name"] == "written here"
    mirror.discard()
    assert not fleet.file.exists()
    assert len(everything(mirror)) == 3


def test_a_full_sync_during_which_the_file_is_deleted_is_repeated(fleet: Fleet, meanwhile: Meanwhile) -> None:
    fleet.add("Carriers", *items(150))
    mirror = fleet.mirror()
    pages = []

    def delete() -> None:
        pages.append(True)
        if len(pages) == 2:
            time.sleep(0.05)  # the first page is taken over
            fleet.file.unlink()

    meanwhile.happens = delete
    assert mirror.count("Carriers", Query().where) == 150


def test_a_file_that_breaks_while_it_is_used_is_created_again(fleet: Fleet) -> None:
    fleet.add("Carriers", *items(3))
    mirror = fleet.mirror()
    mirror.load()
    mirror.store.file.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    mirror.close()
    content = fleet.file.read_bytes()
    fleet.file.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    assert everything(mirror) == truth(*items(3))


# Killed


@pytest.mark.slow
def test_whenever_a_process_is_killed_the_next_goes_on(fleet: Fleet) -> None:
    fleet.add("Carriers", *items(250))
    script = Path(__file__).parents[2] / "kits" / "killed_mirror.py"
    command = [sys.executable, str(script), fleet.box.token, fleet.box.airtable_url, fleet.base, str(fleet.folder)]
    for kill_after in (0.02, 0.05):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(kill_after)
            process.kill()
        mirror = fleet.mirror()
        assert everything(mirror) == truth(*items(250))
        mirror.refresh()
        assert everything(mirror) == truth(*items(250))


class Killed(BaseException):
    """An error that nothing handles."""


def kills(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """End the process at its first commit, the next time at its second, and so on; yields a function to revive it."""
    left, writing = 0, File.transaction

    def dying(self: File) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed
        return writing(self)

    def revive() -> None:
        nonlocal left
        left = 0

    monkeypatch.setattr(File, "transaction", dying)
    for number in itertools.count(1):
        left = number
        yield revive


def test_a_process_can_end_between_any_two_commits_of_a_full_sync_and_a_sync(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    (record,) = fleet.add("Carriers", carrier(1))
    rounds = 0
    for revive in kills(monkeypatch):
        rounds += 1
        mirror = fleet.mirror()
        with contextlib.suppress(Killed):
            mirror.store.clear("Carriers")
            mirror.load(["Carriers"])
            fleet.edit("Carriers", record, Name=f"round {rounds}")
            fleet.delete("Carriers", *fleet.add("Carriers", carrier(1, name="a copy"), carrier(2), known=False))
            mirror.refresh()
            mirror.load(["Carriers"])
            revive()
            break
        revive()
        mirror.refresh()
        records = fleet.api.records(fleet.base, "The Carriers")
        assert {item["name"] for item in everything(mirror).values()} == {row["fields"]["Name"] for row in records}
    assert rounds > 10
