"""A process is killed anywhere while it writes through the journal, or sends it: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import journal_process
from journal_process import CARRIERS, DRIVERS, PLAY, direct_was_killed, expected, place
from killed import KITS, Killer
from records_kit import CATALOG, Both
from runbook.catalog import LEGACY_ID
from sandbox import Sandbox

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with Sandbox(requests_per_second="off", plan="business") as box:
        both = Both(box, tmp_path_factory.mktemp("journal"))
        both.turn("airtable")
        yield both
        both.close()


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer("journal_process") as started:
        yield started


def cleared(both: Both) -> dict[str, str]:
    """Where another process finds the base, which is empty."""
    where = place(both)
    both._emptied = 0  # others have written, too
    for name in (CARRIERS, DRIVERS):
        found = [record["id"] for record in both.api.records(both.base, CATALOG.collection(name).table)]
        both._delete(name, found)
        rows = both.state.rows(both.base, name)
        rows.forget(rows.all())
        rows.forget_changes(rows.changes())
        both.state.outbox(both.base, name).clear()
        both.mirror.delete(name, [item["_id"] for item in both.mirror.find(name, journal_process.EVERY)[0]])
    both.mirror.refresh()
    Path(where["notes"]).unlink(missing_ok=True)
    assert both.state.pending_writes(both.base).counts() == {}
    return where


def held(both: Both, name: str) -> dict[str, dict[str, Any]]:
    """The records of Airtable by legacy id, each once."""
    records = list(both.api.records(both.base, CATALOG.collection(name).table))
    by_id = {record["fields"].get(LEGACY_ID): record for record in records}
    assert len(by_id) == len(records), "a row is there twice"
    return by_id


def check(both: Both, where: dict[str, str], when: str) -> None:
    """Once everything is sent: Airtable holds what was acknowledged, the mirror what Airtable holds, state knows it."""
    assert both.journaled.journal.drain(30.0) == {}, when
    direct = direct_was_killed(where)
    if direct:  # what it did is seen by the next sync, as an edit
        both.mirror.refresh()
    found: dict[tuple[str, str], Any] = {}
    for name in (CARRIERS, DRIVERS):
        records, rows = held(both, name), both.state.rows(both.base, name)
        items = {id_: both.mirrored.mapping(name).to_wix(record["fields"]) for id_, record in records.items()}
        found |= {(name, id_): _plain(item) for id_, item in items.items()}
        assert both.mirror.store.pending(name) == [], when
        stored = {item["_id"]: item for item in both.mirror.find(name, journal_process.EVERY)[0]}
        assert stored == items, when
        assert {id_: row.record_id for id_, row in rows.all().items()} == {
            id_: record["id"] for id_, record in records.items()
        }, when
        lines = {row.legacy_id: row for row in both.state.outbox(both.base, name).rows()}
        mapping = both.mirrored.mapping(name)
        assert {id_: mapping.to_wix(row.fields) for id_, row in lines.items() if row.fields} == items, when
        assert direct or not any(row.by_hand for row in lines.values()), when
        assert {id_ for id_, what in rows.changes().items() if what == "created"} == records.keys(), when
    may_be = [{row: values for row, values in rows.items() if values is not None} for rows in expected(where)]
    assert found in [{row: _plain(values) for row, values in rows.items()} for rows in may_be], when
    drivers, carriers = held(both, DRIVERS), held(both, CARRIERS)
    if "d" in drivers:
        assert drivers["d"]["fields"]["Carrier"] == [carriers["a"]["id"]], when


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if not key.startswith("_") and value is not False}


def test_the_play_is_what_it_says(world: Both, killer: Killer) -> None:
    where = cleared(world)
    assert killer.run("journal_process:play", where).error is None
    assert len(expected(where)[0]) == 4
    check(world, where, "whole")


@pytest.mark.parametrize("sending", [False, True], ids=["nothing is sent meanwhile", "while a thread sends"])
def test_killed_while_it_writes(world: Both, killer: Killer, sending: bool) -> None:
    where = cleared(world)
    whole = killer.run("journal_process:play", where, sending, mirror=True)
    assert whole.error is None
    check(world, where, "whole")
    numbers = random.Random(5).sample(range(1, len(whole.steps) + 1), min(30, len(whole.steps)))
    killed = 0
    for number in sorted(numbers):
        where = cleared(world)
        ended = killer.run("journal_process:play", where, sending, kill_at=number, mirror=True)
        assert ended.error is None, ended.error
        killed += ended.killed
        check(world, where, f"killed at {number}: {ended.steps[-1]}")
    assert killed >= len(numbers) * 0.7


def test_killed_while_it_sends_a_full_journal(world: Both, killer: Killer) -> None:
    where = cleared(world)
    assert killer.run("journal_process:play", where).error is None
    whole = killer.run("journal_process:send", where, mirror=True)
    assert whole.result is True
    for number in range(1, len(whole.steps) + 1):
        where = cleared(world)
        assert killer.run("journal_process:play", where).error is None
        ended = killer.run("journal_process:send", where, kill_at=number, mirror=True)
        assert ended.killed
        again = killer.run("journal_process:send", where, kill_at=number + 1, mirror=True)  # and once more
        check(world, where, f"killed at {number}: {ended.steps[-1]}, then {again.steps[-1:]}")
    assert len(expected(where)[0]) == len({(write.collection, write.row) for write in PLAY})


def test_two_processes_append_and_send(world: Both) -> None:
    where = cleared(world)
    world.mirrored.insert(CARRIERS, {"_id": "shared", "trucks": 0})
    command = [sys.executable, str(Path(KITS) / "journal_process.py")]
    environment = {**os.environ, "JOURNAL_PLACE": json.dumps(where)}
    started = [
        subprocess.Popen(
            [*command, name, "40"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        for name in ("x", "y")
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.communicate("go\n", timeout=120)
        assert process.returncode == 0
    assert world.journaled.journal.drain(30.0) == {}
    rows = held(world, CARRIERS)
    trucks = {id_: record["fields"].get("Trucks") for id_, record in rows.items()}
    assert trucks.pop("shared") == 80
    assert {name: trucks.pop(name) for name in [*trucks] if name[0] in "xy" and len(name) == 2} == {
        f"{name}{number}": 10 for name in "xy" for number in range(4)
    }
    assert [record["fields"]["Legal Name"] for record in rows.values() if "Legal Name" in record["fields"]] == [
        "One of all"
    ]
    assert {item["_id"]: item for item in world.mirror.find(CARRIERS, journal_process.EVERY)[0]} == {
        id_: world.mirrored.mapping(CARRIERS).to_wix(record["fields"]) for id_, record in rows.items()
    }
