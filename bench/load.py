"""How much of Airtable's quota a load gets: `make bench`.

One sandbox as Airtable is from afar (5 requests a second and base, a lock-out after the sixth, 250 ms to an answer with
50 ms of jitter), the same rows written three ways. What counts is the share of the quota and the lock-outs, not seconds.
The lock-out is cut to 5 s from Airtable's 30, in favour of whoever meets it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
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
from runbook.steps.load import load
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


def in_tens(entries: list[dict[str, str]]) -> list[list[dict[str, str]]]:
    return [entries[at : at + 10] for at in range(0, len(entries), 10)]


def sleeping(box: Sandbox, base: str) -> None:
    """pyairtable in a loop, 200 ms of sleep after each answer."""
    table = pyairtable.Api(box.token, endpoint_url=box.airtable_url).table(base, "Rows")
    for batch in in_tens(rows("sleep")):
        table.batch_upsert([{"fields": fields} for fields in batch], [LEGACY_ID])
        time.sleep(1 / RATE)


def exactly(box: Sandbox, base: str) -> None:
    """Threads that send at exactly the limit, and wait out the lock-out when they are caught."""
    from concurrent.futures import ThreadPoolExecutor

    api = pyairtable.Api(box.token, endpoint_url=box.airtable_url, retry_strategy=None)
    begin = time.monotonic()

    def send(number: int, batch: list[dict[str, str]]) -> None:
        time.sleep(max(0.0, begin + number / RATE - time.monotonic()))
        while True:
            try:
                api.table(base, "Rows").batch_upsert([{"fields": fields} for fields in batch], [LEGACY_ID])
                return
            except requests.HTTPError:
                time.sleep(PENALTY)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(ROWS), in_tens(rows("exact"))))


def ours(box: Sandbox, base: str) -> None:
    """`runbook.steps.load`: the rate limiter, as many requests under way as the latency asks for."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "catalog").mkdir()
        (folder / "catalog/bench.yaml").write_text(CATALOG)
        catalog = load_catalog(folder / "catalog")
        collection = catalog.collection("Rows")
        with SnapshotWriter(folder / "snapshots", collection, source="bench") as writer:
            for row in rows("ours"):
                writer.write({"_id": row[LEGACY_ID], "name": row["Name"]})
            snapshot = writer.finish()
        quarantine = Quarantine(folder / "quarantine")
        staged = transform(snapshot, collection, folder / "staged", quarantine)
        state = State(f"sqlite:///{folder}/state.db")
        airtable = Airtable(
            box.token,
            url=box.airtable_url,
            rate_limiter=lambda name: RateLimiter(state, name, RATE, penalty=PENALTY),
            log=RequestLog(),
        )
        apply_schema(plan_schema(catalog, [collection], airtable.tables(base)), airtable, base)
        tables = Tables(airtable.tables(base), catalog)
        load(
            staged,
            collection,
            airtable=airtable,
            base=base,
            tables=tables,
            state=state,
            quarantine=quarantine,
            catalog=catalog,
        )
        state.close()


def measure(way: Callable[[Sandbox, str], None]) -> tuple[float, int]:
    base = "appBench000000001"
    columns = [{"name": name, "type": "singleLineText"} for name in ("Name", LEGACY_ID)]
    seed: dict[str, Any] = {"base": {"id": base, "name": "Bench"}, "tables": [{"name": "Rows", "fields": columns}]}
    with Sandbox(seed=seed, requests_per_second=RATE, penalty=PENALTY, latency=(250, 50)) as box:
        began = time.monotonic()
        way(box, base)
        seconds = time.monotonic() - began
        stats = box.stats()["airtable"][base]
    assert stats["recordsWritten"] >= ROWS
    return (ROWS / 10) / (seconds * RATE), stats["lockouts"]


def main() -> None:
    print(f"{ROWS} rows, {RATE:g} requests a second, 250 ms ± 50 to an answer\n")
    print("| way | share of the quota | lock-outs | ratio in this run |\n|---|---|---|---|")
    best: float | None = None
    for name, way in (
        ("runbook", ours),
        ("sleep 200 ms after each answer", sleeping),
        ("threads at exactly 5/s", exactly),
    ):
        share, lockouts = measure(way)
        best = best or share
        print(f"| {name} | {share:.0%} | {lockouts} | {share / best:.2f} |", flush=True)


if __name__ == "__main__":
    main()
