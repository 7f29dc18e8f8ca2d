"""How fast the sandbox is: `make bench`.

One server process, limits off, and a client process with 4 connections, on the same machine. Every figure stands
beside a peer of the same run (the same server's emptiest answer, or the same call on a small table), because
absolute times on a shared machine mean little; the targets are what a rehearsal of 50,000 records needs.
"""

from __future__ import annotations

import http.client
import json
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CONNECTIONS = 4
ROWS = 50_000
BASE = "appBench000000001"
FIELDS = ["Key", "City", "State", "Phone", "Email", "Notes"]
SEED = {
    "base": {"id": BASE, "name": "Bench"},
    "tables": [
        {
            "name": name,
            "fields": [{"name": field, "type": "singleLineText"} for field in FIELDS]
            + [{"name": "Trucks", "type": "number"}, {"name": "Active", "type": "checkbox"}],
        }
        for name in ("Small", "Large", "Huge")
    ],
}


class Server:
    """`sandbox serve` in its own process."""

    def __init__(self, *flags: str) -> None:
        command = [sys.executable, "-m", "sandbox", "serve", "--port", "0", "--requests-per-second", "off", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(6)]
        self.port = int(re.search(r":(\d+)", lines[0])[1])  # type: ignore[index]

    def memory(self) -> float:
        """Resident megabytes, now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Connection:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._connection.connect()
        self._headers = {"Authorization": "Bearer bench", "wix-site-id": "bench", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        self._connection.request(method, path, json.dumps(body) if body is not None else None, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path.split('?')[0]}: {answer.status} {content[:300]!r}")
        return content


def per_second(port: int, calls: Iterator[Callable[[Connection], Any]], seconds: float = 4.0) -> float:
    """Calls a second over 4 connections, in bounded time."""
    lock, done, end = threading.Lock(), [0], time.perf_counter() + seconds
    failures: list[BaseException] = []

    def work() -> None:
        connection = Connection(port)
        try:
            while time.perf_counter() < end:
                with lock:
                    call = next(calls, None)
                if call is None:
                    return
                call(connection)
                with lock:
                    done[0] += 1
        except BaseException as error:
            failures.append(error)

    began = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return done[0] / (time.perf_counter() - began)


def median_ms(call: Callable[[int], Any], times: int = 15) -> float:
    """The median of single calls, after two that warm up (the first makes the index)."""
    taken = []
    for turn in range(times + 2):
        began = time.perf_counter()
        call(turn)
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken[2:])


def row(number: int) -> dict[str, Any]:
    return {
        "Key": f"key-{number:06}",
        "City": f"City {number % 500}",
        "State": ("TX", "CA", "OH", "GA")[number % 4],
        "Phone": f"(555) 555-{number % 10000:04}",
        "Email": f"carrier{number}@example.invalid",
        "Notes": "regional and over the road, dry van, drop and hook " * 2,
        "Trucks": number % 300,
        "Active": number % 3 == 0,
    }


def fill(port: int, table: str, count: int) -> None:
    batches = iter(range(0, count, 10))

    def calls() -> Iterator[Callable[[Connection], Any]]:
        for start in batches:
            body = {"records": [{"fields": row(number)} for number in range(start, start + 10)]}
            yield lambda connection, body=body: connection.call("POST", f"/v0/{BASE}/{table}", body)  # type: ignore[misc]

    per_second(port, calls(), seconds=600)


def upserts(table: str, rows: int) -> Iterator[Callable[[Connection], Any]]:
    turn = 0
    while True:
        turn += 1
        numbers = [(turn * 7919 + step * 101) % rows for step in range(10)]
        body = {
            "performUpsert": {"fieldsToMergeOn": ["Key"]},
            "records": [{"fields": row(number) | {"Trucks": turn}} for number in dict.fromkeys(numbers)],
        }
        yield lambda connection, body=body: connection.call("PATCH", f"/v0/{BASE}/{table}", body)  # type: ignore[misc]


def pages(port: int, table: str) -> Iterator[Callable[[Connection], Any]]:
    """Each connection pages through the table by offsets of its own."""
    offsets: dict[int, str] = {}

    def call(connection: Connection) -> None:
        offset = offsets.get(id(connection))
        path = f"/v0/{BASE}/{table}?pageSize=100" + (f"&offset={offset}" if offset else "")
        offsets[id(connection)] = json.loads(connection.call("GET", path)).get("offset", "")

    while True:
        yield call


def wix_items(start: int, count: int) -> list[dict[str, Any]]:
    return [{"id": f"item-{number:06}", "data": {"_id": f"item-{number:06}", **row(number)}} for number in range(start, start + count)]


def wix_pages() -> Iterator[Callable[[Connection], Any]]:
    last: dict[int, str] = {}

    def call(connection: Connection) -> None:
        after = last.get(id(connection), "")
        query = {"filter": {"_id": {"$gt": after}}, "sort": [{"fieldName": "_id", "order": "ASC"}], "paging": {"limit": 1000}}
        items = json.loads(connection.call("POST", "/wix-data/v2/items/query", {"dataCollectionId": "Bench", "query": query}))["dataItems"]
        last[id(connection)] = items[-1]["id"] if len(items) == 1000 else ""

    while True:
        yield call


def main() -> None:
    server = Server("--plan", "enterprise")
    results: list[tuple[str, str, str, str]] = []

    def add(what: str, measured: str, target: str, ratio: str) -> None:
        results.append((what, measured, target, ratio))
        print(f"  {what}: {measured}", file=sys.stderr)

    try:
        one = Connection(server.port)
        one.call("POST", "/_sandbox/seed", SEED)
        nothing = per_second(server.port, iter(lambda: lambda connection: connection.call("GET", "/_sandbox/clock"), None))
        print(f"  the emptiest answer: {nothing:,.0f}/s", file=sys.stderr)
        fill(server.port, "Small", 500)
        small = per_second(server.port, upserts("Small", 500))
        began = time.perf_counter()
        fill(server.port, "Large", ROWS)
        created = ROWS / (time.perf_counter() - began)
        add("creates, 10 a request, records/s", f"{created:,.0f}", "-", f"{created / 10 / nothing:.2f} of emptiest")
        large = per_second(server.port, upserts("Large", ROWS))
        add("upserts of 10 by text key, 500 rows, requests/s", f"{small:,.0f}", "150", f"{small / nothing:.2f} of emptiest")
        add("upserts of 10 by text key, 50,000 rows, requests/s", f"{large:,.0f}", "150", f"{large / small:.2f} of 500 rows")
        paged = per_second(server.port, pages(server.port, "Large"))
        add("list pages of 100, pages/s", f"{paged:,.0f}", "200", f"{paged / nothing:.2f} of emptiest")
        base_ms = median_ms(lambda turn: one.call("GET", f"/v0/{BASE}/Small?pageSize=1"))
        found = median_ms(lambda turn: one.call("GET", f"/v0/{BASE}/Large?filterByFormula=%7BKey%7D%3D%27key-{turn * 997:06}%27"))
        add("{Key} = 'value' on 50,000 rows, ms", f"{found:.1f}", "15", f"{found / base_ms:.1f} x one record")
        page = json.loads(one.call("GET", f"/v0/{BASE}/Large?pageSize=100"))
        ids = [record["id"] for record in page["records"]]
        while len(ids) < 520:
            page = json.loads(one.call("GET", f"/v0/{BASE}/Large?pageSize=100&offset={page['offset']}"))
            ids += [record["id"] for record in page["records"]]

        def by_ids(turn: int) -> None:
            formula = "OR(" + ", ".join(f"RECORD_ID() = '{one_id}'" for one_id in ids[turn : turn + 500]) + ")"
            one.call("POST", f"/v0/{BASE}/Large/listRecords", {"filterByFormula": formula})

        many = median_ms(by_ids)
        add("OR(RECORD_ID() = ...) of 500 terms, ms", f"{many:.1f}", "30", f"{many / base_ms:.1f} x one record")
        scan = median_ms(lambda turn: one.call("GET", f"/v0/{BASE}/Large?filterByFormula=%7BTrucks%7D%3E298&maxRecords=1"), 3)
        whole = median_ms(lambda turn: one.call("GET", f"/v0/{BASE}/Large?filterByFormula=LEN(%7BCity%7D)%3E{100 + turn}"), 3)
        add("a filter no index serves, 50,000 rows, ms", f"{whole:.0f}", "-", f"{whole / found:.0f} x indexed")
        one.call("POST", "/wix-data/v2/collections", {"collection": {"id": "Bench", "fields": [{"key": "Key", "type": "TEXT"}]}})
        began = time.perf_counter()
        for start in range(0, ROWS, 1000):
            one.call("POST", "/wix-data/v2/bulk/items/insert", {"dataCollectionId": "Bench", "dataItems": wix_items(start, 1000)})
        wix_rate = ROWS / (time.perf_counter() - began)
        add("Wix bulk inserts of 1,000, items/s", f"{wix_rate:,.0f}", "-", f"{wix_rate / created:.1f} x creates")
        wix = per_second(server.port, wix_pages())
        add("Wix query pages of 1,000 items, pages/s", f"{wix:,.0f}", "30", f"{wix / nothing:.3f} of emptiest")
        del scan
        fill(server.port, "Huge", 200_000 - ROWS - 500)
        memory = server.memory()
        add("memory with 200,000 records and 50,000 items, MB", f"{memory:,.0f}", "300", f"{memory * 1e6 / 250_000:,.0f} bytes a row")
    finally:
        server.stop()
    width = max(len(what) for what, *_ in results)
    print(f"{'':{width}}  {'measured':>10}  {'target':>7}  ratio in this run")
    for what, measured, target, ratio in results:
        print(f"{what:{width}}  {measured:>10}  {target:>7}  {ratio}")


if __name__ == "__main__":
    main()
