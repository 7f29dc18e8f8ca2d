"""Speed of the sandbox: `make bench`.

A server process without rate limits, and a client process with 4 connections, on the same machine. Every result is
compared with another of the same run (the server's smallest response, or the same call on a small table), because
absolute times on a shared machine mean little; the targets are those of a rehearsal of 50,000 records.
"""

from __future__ import annotations

import http.client
import itertools
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
        lines = [self.process.stdout.readline() for _ in range(7)]
        self.port = int(re.search(r":(\d+)", lines[0])[1])  # type: ignore[index]
        self.url = f"http://127.0.0.1:{self.port}"

    def memory(self) -> float:
        """Resident memory in megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Connection:
    """A keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._connection.connect()
        self._headers = {"Authorization": "Bearer bench", "wix-site-id": "bench", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        self._connection.request(method, path, json.dumps(body) if body is not None else None, self._headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{method} {path.split('?')[0]}: {response.status} {content[:300]!r}")
        return content


def per_second(port: int, calls: Iterator[Callable[[Connection], Any]], seconds: float = 4.0) -> float:
    """Calls per second over 4 connections, in bounded time."""
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

    started = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return done[0] / (time.perf_counter() - started)


def median_ms(call: Callable[[int], Any], times: int = 15) -> float:
    """The median duration of single calls, after two warm-up calls (the first builds the index)."""
    durations = []
    for number in range(times + 2):
        started = time.perf_counter()
        call(number)
        durations.append((time.perf_counter() - started) * 1000)
    return statistics.median(durations[2:])


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
    calls = 0
    while True:
        calls += 1
        numbers = [(calls * 7919 + step * 101) % rows for step in range(10)]
        body = {
            "performUpsert": {"fieldsToMergeOn": ["Key"]},
            "records": [{"fields": row(number) | {"Trucks": calls}} for number in dict.fromkeys(numbers)],
        }
        yield lambda connection, body=body: connection.call("PATCH", f"/v0/{BASE}/{table}", body)  # type: ignore[misc]


def pages(table: str) -> Iterator[Callable[[Connection], Any]]:
    """Each connection pages through the table with its own offsets."""
    offsets: dict[int, str] = {}

    def call(connection: Connection) -> None:
        offset = offsets.get(id(connection))
        path = f"/v0/{BASE}/{table}?pageSize=100" + (f"&offset={offset}" if offset else "")
        offsets[id(connection)] = json.loads(connection.call("GET", path)).get("offset", "")

    while True:
        yield call


def wix_items(start: int, count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"item-{number:06}", "data": {"_id": f"item-{number:06}", **row(number)}}
        for number in range(start, start + count)
    ]


def wix_pages() -> Iterator[Callable[[Connection], Any]]:
    last: dict[int, str] = {}

    def call(connection: Connection) -> None:
        after = last.get(id(connection), "")
        query = {
            "filter": {"_id": {"$gt": after}},
            "sort": [{"fieldName": "_id", "order": "ASC"}],
            "paging": {"limit": 1000},
        }
        items = json.loads(
            connection.call("POST", "/wix-data/v2/items/query", {"dataCollectionId": "Bench", "query": query})
        )["dataItems"]
        last[id(connection)] = items[-1]["id"] if len(items) == 1000 else ""

    while True:
        yield call


class Table:
    """The results, printed as they arrive and at the end as a table."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, str, str]] = []

    def add(self, what: str, measured: str, target: str, ratio: str) -> None:
        self._rows.append((what, measured, target, ratio))
        print(f"  {what}: {measured}", file=sys.stderr)

    def __str__(self) -> str:
        width = max(len(what) for what, *_ in self._rows)
        lines = [f"{'':{width}}  {'measured':>10}  {'target':>7}  ratio in this run"]
        lines += [
            f"{what:{width}}  {measured:>10}  {target:>7}  {ratio}" for what, measured, target, ratio in self._rows
        ]
        return "\n".join(lines)


def bench_airtable(server: Server, connection: Connection, baseline: float, table: Table) -> None:
    port = server.port
    fill(port, "Small", 500)
    small = per_second(port, upserts("Small", 500))
    started = time.perf_counter()
    fill(port, "Large", ROWS)
    created = ROWS / (time.perf_counter() - started) / 10
    large = per_second(port, upserts("Large", ROWS))
    paged = per_second(port, pages("Large"))
    table.add("creates of 10, requests/s", f"{created:,.0f}", "-", f"{created / baseline:.2f} of the smallest response")
    table.add(
        "upserts of 10, 500 rows, requests/s",
        f"{small:,.0f}",
        "> 150",
        f"{small / baseline:.2f} of the smallest response",
    )
    table.add("upserts of 10, 50,000 rows, requests/s", f"{large:,.0f}", "> 150", f"{large / small:.2f} of 500 rows")
    table.add(
        "list pages of 100, pages/s", f"{paged:,.0f}", "> 200", f"{paged / baseline:.2f} of the smallest response"
    )

    def list_large(formula: str) -> dict[str, Any]:
        response: dict[str, Any] = json.loads(
            connection.call("POST", f"/v0/{BASE}/Large/listRecords", {"filterByFormula": formula})
        )
        return response

    single = median_ms(lambda number: connection.call("GET", f"/v0/{BASE}/Small?pageSize=1"))
    equal = median_ms(lambda number: list_large(f"{{Key}} = 'key-{number * 997:06}'"))
    whole = median_ms(lambda number: list_large(f"LEN({{City}}) > {100 + number}"), 3)
    ids, offset = [], ""
    while len(ids) < 520:
        page = json.loads(connection.call("GET", f"/v0/{BASE}/Large?offset={offset}"))
        ids += [record["id"] for record in page["records"]]
        offset = page["offset"]
    many = median_ms(
        lambda number: list_large(
            "OR(" + ", ".join(f"RECORD_ID() = '{name}'" for name in ids[number : number + 500]) + ")"
        )
    )
    table.add("{Key} = 'value', 50,000 rows, ms", f"{equal:.1f}", "< 15", f"{equal / single:.1f} x a single record")
    table.add("OR(RECORD_ID() = ...), 500 terms, ms", f"{many:.1f}", "< 30", f"{many / single:.1f} x a single record")
    table.add("a filter without an index, 50,000 rows, ms", f"{whole:.0f}", "-", f"{whole / equal:.0f} x indexed")


def bench_wix(server: Server, connection: Connection, baseline: float, table: Table) -> None:
    collection = {"id": "Bench", "fields": [{"key": "Key", "type": "TEXT"}]}
    connection.call("POST", "/wix-data/v2/collections", {"collection": collection})
    started = time.perf_counter()
    for start in range(0, ROWS, 1000):
        body = {"dataCollectionId": "Bench", "dataItems": wix_items(start, 1000)}
        connection.call("POST", "/wix-data/v2/bulk/items/insert", body)
    inserted = ROWS / (time.perf_counter() - started) / 1000
    paged = per_second(server.port, wix_pages())
    table.add(
        "Wix bulk inserts of 1,000, requests/s",
        f"{inserted:,.1f}",
        "-",
        f"{inserted / baseline:.4f} of the smallest response",
    )
    table.add(
        "Wix query pages of 1,000, pages/s", f"{paged:,.0f}", "> 30", f"{paged / baseline:.3f} of the smallest response"
    )


def main() -> None:
    server, table = Server("--plan", "enterprise"), Table()
    try:
        connection = Connection(server.port)
        connection.call("POST", "/_sandbox/seed", SEED)
        baseline = per_second(
            server.port, itertools.repeat(lambda connection: connection.call("GET", "/_sandbox/clock"))
        )
        table.add("the smallest response, requests/s", f"{baseline:,.0f}", "-", "1")
        bench_airtable(server, connection, baseline, table)
        fill(server.port, "Huge", 200_000 - ROWS - 500)
        memory = server.memory()
        table.add(
            "memory, 200,000 records, MB", f"{memory:,.0f}", "< 300", f"{memory * 1e6 / 200_000:,.0f} bytes per record"
        )
        bench_wix(server, connection, baseline, table)
    finally:
        server.stop()
    print(table)


if __name__ == "__main__":
    main()
