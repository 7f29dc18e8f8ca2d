"""Speed and cost of services' reads from Airtable through the mirror: `make bench`.

The sandbox simulates a distant Airtable: 5 requests per second, 580 ms each, a lock-out after the sixth. It holds the
whole sample site, with 1,000 carriers and 500 drivers. The same calls are made through the mirror and directly to
Airtable; then 50 per second for two minutes; then a base of 50,000 rows is synced into another mirror, while the first
is idle. Collections that stay in Wix are answered at once and do not count.
"""

from __future__ import annotations

import itertools
import json
import random
import statistics
import string
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import requests
from servers import Server, Table

from lmdr.platform import PLATFORM
from lmdr.sample import write_site
from lmdr.services.airtable_client import get_carrier_by_dot, get_driver_by_id
from lmdr.services.carrier.driver_matching import find_matching_drivers
from lmdr.services.context import ANYONE, Caller, Context
from lmdr.services.driver.carrier_matching import find_matching_carriers
from lmdr.services.messaging.messages import get_conversation
from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.json_types import Item
from runbook.mapping import Mapping
from runbook.mirror import Mirror
from runbook.records import AirtableRecords, RoutedRecords, WixRecords
from runbook.records.results import Durable
from runbook.request_log import RequestLog
from runbook.schema.tables import create_spec, original_spec
from runbook.state import State
from runbook.wix.client import DATA, WixClient

RATE, LATENCY = 5.0, "580,0"
CALLS, DIRECT_CALLS = 100, 2
CALLS_PER_SECOND, SECONDS, THREADS = 50, 120, 16
MIX = (40, 20, 25, 8, 7)
"""Percentages of the five kinds of reads."""
LARGE = 50_000
CATALOG = PLATFORM.catalog
TOKEN, BASE, LARGE_BASE = "patBench", "appBench000000001", "appBench000000002"


def items_of(site: Path, name: str) -> list[Item]:
    """The rows of a collection of the sample site."""
    with (site / f"{name}.jsonl").open(encoding="utf-8", newline="\n") as lines:
        return [json.loads(line) for line in lines]


def seed_base(server: Server, base: str, rows: dict[str, list[Item]], state: State) -> None:
    """Seed a base with these collections, as after a migration, but with empty links, which reads do not use."""
    rng = random.Random(base)
    tables = []
    for name, items in rows.items():
        collection = CATALOG.collection(name)
        mapping = Mapping(collection)
        encoded = [row for item in items if not (row := mapping.to_airtable(item)).refusals]
        ids = ["rec" + "".join(rng.choices(string.ascii_letters + string.digits, k=14)) for _ in encoded]
        columns = {column.name: create_spec(column) for column in collection.columns}
        for column, choices in [new for row in encoded for new in row.new_choices.items()]:
            listed = columns[column]["options"]["choices"]
            columns[column]["options"] = {
                "choices": listed + [{"name": choice} for choice in choices if {"name": choice} not in listed]
            }
        records = [{"id": record, "fields": row.fields} for record, row in zip(ids, encoded, strict=True)]
        links = [
            {
                "name": link.name,
                "type": "multipleRecordLinks",
                "options": {"linkedTable": CATALOG.collection(link.to).table},
                "inverseName": CATALOG.inverse_name(collection, link),
            }
            for link in collection.links
            if link.to in rows
        ]
        fields = [*columns.values(), original_spec(), *links]
        tables.append({"name": collection.table, "fields": fields, "records": records})
        state.rows(base, name).put({row.id: record for row, record in zip(encoded, ids, strict=True)})
    body = {"base": {"id": base, "name": "Bench"}, "tables": tables}
    answer = requests.post(f"{server.url}/_sandbox/seed", json=body, timeout=300)
    assert answer.ok, answer.text[:500]


def stats(server: Server, base: str) -> dict[str, Any]:
    """The server's counts for a base."""
    counts = requests.get(f"{server.url}/_sandbox/stats", timeout=30).json()
    return dict(counts["airtable"].get(base, {"requests": 0, "429": 0}))


class Site(NamedTuple):
    """The sample site in Airtable, read through the mirror and directly."""

    rows: dict[str, list[Item]]
    mirrored: Context
    direct: Context
    mirror: Mirror
    log: RequestLog

    def calls(self) -> dict[str, Callable[[Context], object]]:
        """A call of each kind, each time with the next row."""
        carriers = itertools.cycle([row["dot_number"] for row in self.rows["Carriers"] if row.get("dot_number")])
        profiles = itertools.cycle(row["_id"] for row in self.rows["DriverProfiles"])
        zips = itertools.cycle([row["home_zip"] for row in self.rows["DriverProfiles"] if row.get("home_zip")])
        applications = itertools.cycle(row["application_id"] for row in self.rows["Messages"])
        recruiters = itertools.cycle(self.recruiters())

        def search(context: Context) -> object:
            found = find_matching_carriers(context, ANYONE, {"homeZip": next(zips), "maxDistance": 250, "minCPM": 0.5})
            assert found["totalScored"] > 0
            return found

        def matching(context: Context) -> object:
            caller, dot = next(recruiters)
            found = find_matching_drivers(context, caller, dot, {"cdl_types": ["A"]}, {"includeMutualMatches": True})
            assert found["success"], found
            return found

        return {
            "carrier by DOT number": lambda context: get_carrier_by_dot(context, next(carriers)),
            "driver by _id": lambda context: get_driver_by_id(context, next(profiles)),
            "messages of an application": lambda context: get_conversation(context, next(applications)),
            "carriers that fit a driver": search,
            "drivers that fit a carrier": matching,
        }

    def recruiters(self) -> list[tuple[Caller, str]]:
        """Recruiters whose carrier's plan includes the search."""
        active = [row for row in self.rows["recruiterCarriers"] if row.get("is_active") is True]
        callers = [(Caller(row["recruiter_id"]), row["carrier_dot"]) for row in active]
        return [
            (caller, dot) for caller, dot in callers if find_matching_drivers(self.mirrored, caller, dot).get("success")
        ]

    def writes(self) -> Iterator[tuple[Durable, Callable[[], object]]]:
        """Alternately an update and an insert, of each every second one by the journal."""
        for number, row in enumerate(itertools.cycle(self.rows["DriverCarrierInterests"])):
            durable: Durable = "journal" if number // 2 % 2 else "airtable"
            if number % 2:
                message = {**self.rows["Messages"][0], "application_id": row["_id"]}
                del message["_id"]
                yield durable, partial(self.mirrored.records.insert, "Messages", message, durable=durable)
            else:
                note = {"notes": f"note {number}"}
                patch = partial(self.mirrored.records.patch, "DriverCarrierInterests", row["_id"], note)
                yield durable, partial(patch, durable=durable)


@contextmanager
def open_site(server: Server, wix: Server, folder: Path) -> Iterator[Site]:
    """Seed the sample site, turn every flag to Airtable, and open the data layer over it."""
    write_site(folder / "site")
    rows = {name: items_of(folder / "site", name) for name in CATALOG.collections}
    with State(f"sqlite:///{folder / 'state.db'}") as state:
        seed_base(server, BASE, rows, state)
        for flag in CATALOG.flags:
            state.flags.set(flag, "airtable", who="bench", why="to read there")
        log = RequestLog()
        limiter = RateLimiter(state, BASE, RATE)
        airtable = Airtable(TOKEN, url=server.url, rate_limiter=lambda _: limiter, log=log)
        client = WixClient(wix.url, "bench", "bench")
        kept = {"collection": {"id": "FeatureAdoptionLog", "fields": [{"key": "featureId", "type": "TEXT"}]}}
        client.request("POST", f"{DATA}/collections", kept, what="make FeatureAdoptionLog")
        in_wix = WixRecords(client, CATALOG, state.locks)
        mirror = Mirror(airtable, BASE, CATALOG, state, folder / "mirror.db")
        sides = [AirtableRecords(airtable, BASE, CATALOG, state, mirror=m) for m in (mirror, None)]
        mirrored, direct = (Context(RoutedRecords(CATALOG, state, in_wix, side)) for side in sides)
        mirror.load()
        with mirror.kept_updated(), sides[0].journal.kept_sent():
            yield Site(rows, mirrored, direct, mirror, log)
        mirror.close()


def milliseconds(call: Callable[[], object]) -> float:
    """The duration of a call."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def p95(times: list[float]) -> float:
    """The 95th percentile."""
    return sorted(times)[len(times) * 95 // 100]


def one_by_one(site: Site, table: Table) -> None:
    """Single calls through the mirror, and directly."""
    for name, call in site.calls().items():
        call(site.mirrored)
        times = [milliseconds(lambda call=call: call(site.mirrored)) for _ in range(CALLS)]  # type: ignore[misc]
        direct = statistics.median(
            milliseconds(lambda call=call: call(site.direct))
            for _ in range(DIRECT_CALLS)  # type: ignore[misc]
        )
        figures = f"{statistics.median(times):.1f} / {p95(times):.1f}"
        table.add(f"{name}, ms P50 / P95", figures, "P95 < 50", f"1/{direct / p95(times):,.0f} of {direct:,.0f} ms")


def under_load(site: Site, server: Server, table: Table) -> None:
    """A mix of calls at a fixed rate, each timed from when it was due."""
    calls = site.calls()
    writes = site.writes()
    kinds = [kind for kind, percent in zip(calls, MIX, strict=True) for _ in range(percent)]
    rng = random.Random(7)
    times: dict[str, list[float]] = {"reads": [], "airtable": [], "journal": []}
    failed: list[BaseException] = []
    before = stats(server, BASE)

    def run(due: float, what: str, call: Callable[[], object]) -> None:
        try:
            call()
            times[what].append((time.perf_counter() - due) * 1000)
        except Exception as error:
            failed.append(error)

    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        for number in range(CALLS_PER_SECOND * SECONDS):
            due = started + number / CALLS_PER_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            if number % CALLS_PER_SECOND == 0:
                pool.submit(run, due, *next(writes))
            else:
                kind = rng.choice(kinds)
                pool.submit(run, due, "reads", lambda kind=kind: calls[kind](site.mirrored))  # type: ignore[misc]
    seconds = time.perf_counter() - started
    after = stats(server, BASE)
    done = sum(map(len, times.values()))
    requests_per_second = (after["requests"] - before["requests"]) / seconds
    table.add(
        f"calls/s for {SECONDS} s",
        f"{done / seconds:.1f}",
        f"{CALLS_PER_SECOND}",
        f"{requests_per_second:.2f} requests/s",
    )
    table.add("calls that failed, 429s", f"{len(failed)}, {after['429'] - before['429']}", "0, 0", "")
    for error in failed[:3]:
        print(f"    {type(error).__name__}: {error}", file=sys.stderr)
    figures = {what: f"{statistics.median(of_kind):.1f} / {p95(of_kind):.1f}" for what, of_kind in times.items()}
    table.add("reads, ms P50 / P95", figures["reads"], "P95 < 50", "")
    table.add("writes by the journal, ms P50 / P95", figures["journal"], "P95 < 500", "")
    table.add("writes that wait for Airtable, ms P50 / P95", figures["airtable"], "", "1 request each")


def idle(site: Site, server: Server, table: Table) -> None:
    """The mirror's requests while nothing changes."""
    site.mirror.refresh()
    before, started = stats(server, BASE), time.perf_counter()
    time.sleep(SECONDS)
    rate = (stats(server, BASE)["requests"] - before["requests"]) / (time.perf_counter() - started)
    table.add("requests/s while idle", f"{rate:.3f}", "< 0.04", f"{rate / RATE:.1%} of the limit")


def large(server: Server, folder: Path, table: Table) -> None:
    """A mirror of many rows: a full sync, and a restart, each in a new process."""
    write_site(folder / "site", scale=0.2)
    sample = items_of(folder / "site", "SystemLogs")
    mapping = Mapping(CATALOG.collection("SystemLogs"))
    sample = [row for row in sample if not mapping.to_airtable(row).refusals]
    rows = [{**row, "_id": f"log-{number:06}"} for number, row in zip(range(LARGE), itertools.cycle(sample))]
    with State(f"sqlite:///{folder / 'state.db'}") as state:
        seed_base(server, LARGE_BASE, {"SystemLogs": rows}, state)
    cold, warm = (process(server, folder) for _ in range(2))
    assert cold["rows"] == warm["rows"] == LARGE
    used = cold["requests"] / (cold["first answer"] * RATE)
    pages = f"{cold['requests'] / (LARGE / 100) - 1:.1%} besides the pages, {stats(server, LARGE_BASE)['429']} 429s"
    table.add(f"full sync of {LARGE:,} rows, part of the limit used", f"{used:.3f}", "0.95", pages)
    restart = warm["opening"] + warm["first answer"]
    ratio = f"1/{cold['first answer'] / restart:,.0f} of the full sync, {warm['requests']} requests"
    table.add("restart to the first answer, s", f"{restart:.2f}", "< 1", ratio)
    table.add("the same with the imports, s", f"{restart + warm['imports']:.2f}", "", "")
    for what, result in (("at the full sync", cold), ("after the restart", warm)):
        table.add(f"memory {what}, MB", f"{result['memory']:.0f}", "< 150", f"file {result['file']:.0f} MB")


def process(server: Server, folder: Path) -> dict[str, Any]:
    """The result of `mirrored.py`."""
    script = Path(__file__).with_name("mirrored.py")
    command = [sys.executable, script, server.url, TOKEN, LARGE_BASE, folder, f"{RATE:g}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    table = Table()
    limits = ("--requests-per-second", f"{RATE:g}", "--latency", LATENCY)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        server, other, wix = (Server(*flags) for flags in (limits, limits, ()))
        for process_ in (server, other, wix):
            stack.callback(process_.stop)
        site = stack.enter_context(open_site(server, wix, folder / "whole"))
        one_by_one(site, table)
        under_load(site, server, table)
        background = threading.Thread(target=idle, args=(site, server, table))
        background.start()
        large(other, folder / "large", table)
        background.join()
    print(table)


if __name__ == "__main__":
    main()
