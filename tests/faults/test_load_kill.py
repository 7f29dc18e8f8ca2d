"""A load that is killed again and again, while answers get lost, and then finished: every row once, every cell right."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from load_kit import BASE, SEED, World, trucks, world
from sandbox import Sandbox

pytestmark = pytest.mark.slow

TRUCKS, TRIPS = 1200, 600
KILLS = 15
PATH = f"/v0/{BASE}/*"

# What a process does: load both collections, then the links that had to wait.
PROCESS = """
import sys
sys.path[:0] = sys.argv[4:]
from pathlib import Path
from types import SimpleNamespace
from load_kit import world
from test_load_kill import load_all

box = SimpleNamespace(airtable_url=sys.argv[1], token=sys.argv[2])
with world(box, Path(sys.argv[3]), rate=300, timeout=(5, 0.5)) as w:
    print("ready", flush=True)
    load_all(w)
"""


def items() -> dict[str, list[dict[str, Any]]]:
    rows = trucks(TRUCKS)
    for n, row in enumerate(rows):
        row["kind"] = ["box", "tank", "flatbed"][n % 3]
        row["sold"] = n % 2 == 0
        row["boss"] = f"t{(n * 7) % TRUCKS}"
        row["last_trip"] = f"r{n % TRIPS}"
    trips = [{"_id": f"r{n}", "truck_dot": str(1000 + n * 2)} for n in range(TRIPS)]
    return {"Trucks": rows, "Trips": trips}


def load_all(w: World) -> None:
    rows = items()
    done = [w.load(name, rows[name]) for name in ("Trips", "Trucks")]
    for loaded in done:
        w.links(loaded)


FAULTS: list[dict[str, Any]] = [
    {"kind": "drop_before"},
    {"kind": "drop_after_commit"},
    {"kind": "truncate"},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503, "headers": {"Retry-After": "0"}},
    {"kind": "delay", "seconds": 0.8},
]


@pytest.mark.parametrize("seed", [1])
def test_a_load_killed_many_times_and_finished_has_every_row_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with Sandbox(seed=SEED, requests_per_second="off", plan="business") as box:
        with world(box, tmp_path):
            pass  # the schema
        folders = [str(Path(__file__).parents[1] / "kits"), str(Path(__file__).parent)]
        command = [sys.executable, "-c", PROCESS, box.airtable_url, box.token, str(tmp_path), *folders]
        killed = finished = 0
        for _ in range(KILLS):
            for _ in range(3):
                nth = chance.randint(1, 40)
                box.faults({**chance.choice(FAULTS), "match": {"method": "PATCH", "path": PATH, "nth": nth}})
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            assert process.stdout is not None
            process.stdout.readline()  # a kill while Python is still starting would prove nothing
            written = _written(box)
            wanted = written + chance.randint(0, 250)
            while process.poll() is None and _written(box) < wanted:
                time.sleep(0.002)
            time.sleep(chance.random() * 0.02)
            process.kill()
            killed += process.wait() == -9
            process.stdout.close()
            finished += process.returncode == 0
        assert killed >= KILLS // 2
        box.faults(clear=True)

        with world(box, tmp_path) as w:
            load_all(w)
            before = len(w.airtable.log)
            load_all(w)
            assert not [row for row in w.airtable.log.rows(before) if row.method in ("PATCH", "POST", "DELETE")]
            _check(w)
        print(f"\n{killed} killed, {finished} came to their end, {_written(box):,} records written")


def _written(box: Sandbox) -> int:
    return int(box.stats()["airtable"][BASE]["recordsWritten"])


def _check(w: World) -> None:
    rows, records = items(), {name: w.records(name) for name in ("Trucks", "Trips")}
    assert {name: set(found) for name, found in records.items()} == {
        name: {row["_id"] for row in found} for name, found in rows.items()
    }
    ids = {
        name: {legacy: known.record_id for legacy, known in w.state.rows(BASE, name).all().items()} for name in records
    }
    record_ids = {
        name: {
            record["fields"]["Legacy Wix ID"]: record["id"]
            for record in w.airtable.records(BASE, name, fields=["Legacy Wix ID"])
        }
        for name in records
    }
    assert ids == record_ids
    for row in rows["Trucks"]:
        cells = records["Trucks"][row["_id"]]
        assert (cells["Plate"], cells["DOT"], cells["Kind"]) == (row["plate"], int(row["dot"]), row["kind"])
        assert cells.get("Sold", False) == row["sold"]
        assert cells["Boss"] == [ids["Trucks"][row["boss"]]]
        assert cells["Last Trip"] == [ids["Trips"][row["last_trip"]]]
    for row in rows["Trips"]:
        n = int(row["_id"][1:]) * 2
        assert records["Trips"][row["_id"]].get("Truck") == ([ids["Trucks"][f"t{n}"]] if n < TRUCKS else None)
    assert w.state.rows(BASE, "Trucks").unfinished() == w.state.rows(BASE, "Trips").unfinished() == []
    assert w.quarantine.entries("Trucks") == w.quarantine.entries("Trips") == []
    kinds = next(t for t in w.airtable.tables(BASE) if t["name"] == "Trucks")["fields"]
    choices = next(f["options"]["choices"] for f in kinds if f["name"] == "Kind")
    assert sorted(choice["name"] for choice in choices) == ["box", "flatbed", "tank"]
