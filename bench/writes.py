"""Speed and cost of services' writes: `make bench`.

Every service that writes, one call after the other, as `tests/kits/service_calls.py` has them: in Airtable, waiting
until it has the write; in Airtable, waiting for the journal on disk; and in Wix. The sandbox simulates a distant
Airtable: 5 requests per second, 0.6 s each, a lock-out after the sixth; and a Wix that answers after 0.2 s. Then the
journal is filled faster than Airtable takes it: how many rows a second go out.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from records import BASE, CATALOG, RATE, TOKEN, seed_base
from servers import Server, Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/kits"))

from lmdr.services.context import Context
from lmdr.services.writes import WRITES
from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.json_types import Item
from runbook.mirror import Mirror
from runbook.mirror.journal import Journal
from runbook.query.values import item_json
from runbook.records import AirtableRecords, Records, RoutedRecords, WixRecords
from runbook.records.results import Durable
from runbook.request_log import RequestLog
from runbook.state import State
from runbook.wix.client import DATA, WixClient
from service_calls import ADMIN_USER, CASES, SECRETS, providers
from sides import NOON, UNCATALOGUED

AIRTABLE_LATENCY, WIX_LATENCY = "600,0", "200,0"
WAYS = ("airtable", "journal", "wix")
CALLS = {"airtable": 2, "journal": 5, "wix": 3}
"""Of each service, in each way."""
NUMBERS = sum(CALLS.values())
MOST_REQUESTS, MOST_P95 = 3, 500
BURST = 600
"""Rows with which the journal is filled."""


def numbers(way: str, case: int) -> range:
    """The numbers of the calls of a case in a way: no two share a row."""
    before = sum(CALLS[other] for other in WAYS[: WAYS.index(way)])
    return range(case * NUMBERS + before, case * NUMBERS + before + CALLS[way])


def rows(*ways: str) -> dict[str, list[Item]]:
    """What the calls need, as JSON, by collection; every collection of the catalog has an entry."""
    found: dict[str, list[Item]] = {name: [] for name in CATALOG.collections}
    found["AdminUsers"] = [ADMIN_USER]
    for case, make in enumerate(CASES.values()):
        for number in (n for way in ways for n in numbers(way, case)):
            for name, items in make(number).rows.items():
                found.setdefault(name, []).extend(item_json(name, item) for item in items)
    return found


class Opened(NamedTuple):
    """The data layer; the log has the requests to Airtable."""

    records: RoutedRecords
    journal: Journal
    log: RequestLog
    state: State


@contextmanager
def opened(airtable: Server, wix: Server, folder: Path) -> Iterator[Opened]:
    """The data layer over both, with every flag at 'airtable'."""
    with State(f"sqlite:///{folder / 'state.db'}") as state, ExitStack() as stack:
        in_airtable, in_wix, everywhere = rows("airtable", "journal"), rows("wix"), rows(*WAYS)
        in_wix |= {name: items for name, items in everywhere.items() if name not in CATALOG.collections}
        seed_base(airtable, BASE, {name: in_airtable[name] for name in CATALOG.collections}, state)
        for flag in CATALOG.flags:
            state.flags.set(flag, "airtable", who="bench", why="to write there")
        log = RequestLog()
        limiter = RateLimiter(state, BASE, RATE)
        api = Airtable(TOKEN, url=airtable.url, rate_limiter=lambda _: limiter, log=log)
        client = WixClient(wix.url, "bench", "bench")
        for name in dict.fromkeys([*CATALOG.collections, *(kept.wix for kept in CATALOG.kept), *UNCATALOGUED]):
            body = {"collection": {"id": name, "fields": [{"key": "name", "type": "TEXT"}]}}
            client.request("POST", f"{DATA}/collections", body, what=f"make {name}")
        there = WixRecords(client, CATALOG, state.locks)
        for name, items in in_wix.items():
            if items:
                there.bulk_insert(name, items)
        own = Airtable(
            TOKEN, url=airtable.url, rate_limiter=lambda _: limiter
        )  # what keeps the mirror is no call's cost
        mirror = Mirror(own, BASE, CATALOG, state, folder / "mirror.db")
        stack.callback(mirror.close)
        mirror.load()
        records = AirtableRecords(api, BASE, CATALOG, state, mirror=mirror)
        stack.enter_context(mirror.kept_updated())
        yield Opened(RoutedRecords(CATALOG, state, there, records), records.journal, log, state)


def measure(records: Records, way: str, log: RequestLog) -> tuple[dict[str, list[float]], dict[str, int]]:
    """The milliseconds of each call, and the most requests of one, by case."""
    durable: Durable = "journal" if way == "journal" else "airtable"
    times: dict[str, list[float]] = {}
    costs: dict[str, int] = {}
    for case, (name, make) in enumerate(CASES.items()):
        with records.pinned(durable=durable) as pinned:
            context = Context(pinned, now=lambda: NOON, sleep=lambda _: None, providers=providers(), secrets=SECRETS)
            for number in numbers(way, case):
                call = make(number).call
                before, started = len(log), time.perf_counter()
                result: Any = call.function(context, *call.args, **call.kwargs)
                times.setdefault(name, []).append((time.perf_counter() - started) * 1000)
                costs[name] = max(costs.get(name, 0), len(log) - before)
                assert not (isinstance(result, dict) and result.get("success") is False), (name, result)
    return times, costs


def burst(site: Opened, table: Table) -> None:
    """Write rows faster than Airtable takes them, then wait until it has them all."""
    left = site.journal.drain(300)
    assert not left, left
    before, started = len(site.log), time.perf_counter()
    with site.records.pinned(durable="journal") as records:
        for number in range(BURST):
            records.insert("MatchEvents", {"timestamp": NOON, "carrier_dot": f"{number}", "action": "viewed"})
    written = time.perf_counter() - started
    left = site.journal.drain(300)
    assert not left, left
    seconds = time.perf_counter() - started
    requests = len(site.log) - before
    table.add("writes of one caller, by the journal", f"{BURST / written:,.0f}/s", "", f"{BURST} rows")
    table.add("sent to Airtable", f"{BURST / seconds:,.0f} rows/s", "", f"{requests / seconds:.1f} requests/s")


def percentile(times: list[float], percent: int) -> float:
    """Of sorted times, by the nearest rank."""
    return sorted(times)[min(len(times) - 1, len(times) * percent // 100)]


def main() -> None:
    """Run the benchmark and print its table."""
    table = Table()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        airtable = Server("--requests-per-second", f"{RATE:g}", "--latency", AIRTABLE_LATENCY)
        wix = Server("--latency", WIX_LATENCY)
        for server in (airtable, wix):
            stack.callback(server.stop)
        site = stack.enter_context(opened(airtable, wix, Path(scratch)))
        found = {}
        for way in WAYS:
            if way == "wix":
                for flag in CATALOG.flags:
                    site.state.flags.set(flag, "wix", who="bench", why="to write there")
            with site.journal.kept_sent() if way == "journal" else nullcontext():
                found[way] = measure(site.records, way, site.log)
                if way == "journal":
                    burst(site, table)
            times = [t for of_case in found[way][0].values() for t in of_case]
            target = f"P95 < {MOST_P95}" if way == "journal" else ""
            table.add(f"all, {way}", f"{percentile(times, 50):,.0f} / {percentile(times, 95):,.0f}", target, "")
        costs = found["airtable"][1]
        for name in CASES:
            figures = [found[way][0][name] for way in WAYS]
            shown = "  ".join(f"{percentile(t, 50):,.0f} / {percentile(t, 95):,.0f}" for t in figures)
            table.add(name, shown, f"{costs[name]} requests", WRITES[name.partition(":")[0]].durable)
        table.add("requests a call", f"{max(costs.values())}", f"<= {MOST_REQUESTS}", json.dumps(_over(costs)))
    print(table)


def _over(costs: dict[str, int]) -> dict[str, int]:
    return {name: cost for name, cost in costs.items() if cost > MOST_REQUESTS}


if __name__ == "__main__":
    main()
