"""How much of Airtable's rate limit a load uses: `make bench`.

A sandbox simulates a distant Airtable (5 requests per second and base, a lock-out after the sixth, a latency of 250 ms
with 50 ms of jitter); the same rows are written by three methods. The measure is the part of the limit used, and the
lock-outs. These last 5 s instead of Airtable's 30, in favour of the methods that trigger them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyairtable
import requests

from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.catalog import LEGACY_ID, load_catalog
from runbook.quarantine import Quarantine
from runbook.request_log import RequestLog
from runbook.schema import Tables, apply_schema, plan_schema
from runbook.snapshot import SnapshotWriter
from runbook.state import State
from runbook.steps.conflict_file import ConflictFile
from runbook.steps.load import Loaded, Target, load
from runbook.steps.transform import transform
from sandbox import Sandbox

RATE, PENALTY, ROWS = 5.0, 5.0, 600
CATALOG = """
phase: 1
name: bench
title: Bench
base: Bench
tab_groups: [Bench]
system_fields: [{wix: _id, wix_type: text, name: Legacy Wix ID, type: singleLineText, required: true}]
collections:
- {wix: Rows, table: Rows, tab_group: Bench, flag: bench, primary: Name,
   fields: [{wix: name, wix_type: text, name: Name, type: singleLineText}]}
"""


def rows(prefix: str) -> list[dict[str, str]]:
    return [{LEGACY_ID: f"{prefix}-{number}", "Name": f"Row {number}"} for number in range(ROWS)]


def batches(entries: list[dict[str, str]]) -> list[list[dict[str, str]]]:
    return [entries[at : at + 10] for at in range(0, len(entries), 10)]


def sleeping(box: Sandbox, base: str) -> None:
    """pyairtable in a loop, with 200 ms of sleep after each response."""
    table = pyairtable.Api(box.token, endpoint_url=box.airtable_url).table(base, "Rows")
    for batch in batches(rows("sleep")):
        table.batch_upsert([{"fields": fields} for fields in batch], [LEGACY_ID])
        time.sleep(1 / RATE)


def at_the_limit(box: Sandbox, base: str) -> None:
    """Threads that send exactly at the limit, and wait out each lock-out."""
    from concurrent.futures import ThreadPoolExecutor

    api = pyairtable.Api(box.token, endpoint_url=box.airtable_url, retry_strategy=None)
    started = time.monotonic()

    def send(number: int, batch: list[dict[str, str]]) -> None:
        time.sleep(max(0.0, started + number / RATE - time.monotonic()))
        while True:
            try:
                api.table(base, "Rows").batch_upsert([{"fields": fields} for fields in batch], [LEGACY_ID])
                return
            except requests.HTTPError:
                time.sleep(PENALTY)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(ROWS), batches(rows("exact"))))


def runbook_load(box: Sandbox, base: str) -> None:
    """`runbook.steps.load`: the rate limiter, with as many concurrent requests as the latency needs."""
    with loader(box, base, RATE) as run:
        run([{"_id": row[LEGACY_ID], "name": row["Name"]} for row in rows("ours")])


@contextmanager
def loader(box: Sandbox, base: str, rate: float | None) -> Iterator[Callable[[list[dict[str, str]]], Loaded]]:
    """What loads items into the table Rows, as a phase does."""
    with tempfile.TemporaryDirectory() as scratch, State(f"sqlite:///{scratch}/state.db") as state:
        folder = Path(scratch)
        (folder / "catalog").mkdir()
        (folder / "catalog/bench.yaml").write_text(CATALOG)
        catalog = load_catalog(folder / "catalog")
        collection = catalog.collection("Rows")
        airtable = Airtable(
            box.token,
            url=box.airtable_url,
            rate_limiter=lambda name: RateLimiter(state, name, rate, penalty=PENALTY),
            log=RequestLog(),
        )
        apply_schema(plan_schema(catalog, [collection], airtable.tables(base)), airtable, base)
        tables, quarantine = Tables(airtable.tables(base), catalog), Quarantine(folder / "quarantine")

        def run(items: list[dict[str, str]]) -> Loaded:
            with SnapshotWriter(folder / "snapshots", collection, source="bench") as writer:
                for item in items:
                    writer.write(item)
                snapshot = writer.finish()
            target = Target(
                airtable=airtable,
                base=base,
                tables=tables,
                state=state,
                quarantine=quarantine,
                catalog=catalog,
                conflicts=ConflictFile(folder),
                run_id="bench",
                read=lambda name: airtable.records(base, tables.id(name)),
            )
            return load(transform(snapshot, collection, folder / "staged", quarantine), collection, target)

        yield run
        airtable.close()


def show_requests() -> None:
    """What it costs to read a table before it is written. A validation of a table that was not written reads nothing."""
    base, seed = seed_of_one_table()
    items = [{"_id": f"r{number}", "name": f"Row {number}"} for number in range(ROWS)]
    print(f"\n{ROWS} rows, loaded again and again\n")
    print("| load | requests | of them reading | rows written |\n|---|---|---|---|")
    with (
        Sandbox(seed=seed, requests_per_second="off", plan="business") as box,
        loader(box, base, None) as run,
    ):
        for name, changed in (("first", 0), ("nothing changed", 0), ("a tenth changed", ROWS // 10)):
            done = run([{**item, "name": f"{item['name']} again"} for item in items[:changed]] + items[changed:])
            written = done.created + done.updated
            print(f"| {name} | {done.requests} | {done.requests - -(-written // 10)} | {written} |")


def seed_of_one_table() -> tuple[str, dict[str, Any]]:
    base = "appBench000000001"
    columns = [{"name": name, "type": "singleLineText"} for name in ("Name", LEGACY_ID)]
    return base, {"base": {"id": base, "name": "Bench"}, "tables": [{"name": "Rows", "fields": columns}]}


def measure(method: Callable[[Sandbox, str], None]) -> tuple[float, int]:
    base, seed = seed_of_one_table()
    with Sandbox(seed=seed, requests_per_second=RATE, penalty=PENALTY, latency=(250, 50)) as box:
        started = time.monotonic()
        method(box, base)
        seconds = time.monotonic() - started
        stats = box.stats()["airtable"][base]
    assert stats["recordsWritten"] >= ROWS
    return (ROWS / 10) / (seconds * RATE), stats["lockouts"]


def main() -> None:
    print(f"{ROWS} rows, {RATE:g} requests per second, a latency of 250 ms ± 50\n")
    print("| method | part of the limit used | lock-outs | ratio in this run |\n|---|---|---|---|")
    best: float | None = None
    for name, method in (
        ("runbook", runbook_load),
        ("sleep 200 ms after each response", sleeping),
        ("threads at exactly 5/s", at_the_limit),
    ):
        used, lockouts = measure(method)
        best = best or used
        print(f"| {name} | {used:.0%} | {lockouts} | {used / best:.2f} |", flush=True)
    show_requests()


if __name__ == "__main__":
    main()
