"""`kill -9` while clients write: what was answered 200 is there whole, what was not is there wholly or not at all."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Send = Callable[[http.client.HTTPConnection, str, int], None]

KILLS = int(os.environ.get("SANDBOX_KILLS", "60"))
BASE = "appKill0000000001"
SEED = {
    "base": {"id": BASE, "name": "Kill"},
    "tables": [
        {
            "name": "Rows",
            "fields": [
                {"name": "Key", "type": "singleLineText"},
                {"name": "Batch", "type": "singleLineText"},
                {"name": "Turn", "type": "number", "options": {"precision": 0}},
                {
                    "name": "Hub",
                    "type": "multipleRecordLinks",
                    "options": {"linkedTable": "Hubs"},
                    "inverseName": "Rows",
                },
            ],
        },
        {"name": "Hubs", "fields": [{"name": "Name", "type": "singleLineText"}]},
    ],
}


@dataclass
class Ledger:
    """What clients asked for, and what they were told. A batch is written whole: every row carries its turn."""

    asked: dict[str, list[int]] = field(default_factory=dict)  # batch -> turns asked for, in order
    confirmed: dict[str, int] = field(default_factory=dict)  # batch -> the last turn that was answered 200
    lock: threading.Lock = field(default_factory=threading.Lock)


class Server:
    def __init__(self, folder: Path, seed: Path) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sandbox",
                "serve",
                "--port",
                "0",
                "--data",
                str(folder),
                "--seed",
                str(seed),
                "--requests-per-second",
                "off",
                "--plan",
                "enterprise",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert first, self.process.stderr.read() if self.process.stderr else ""
        self.port = int(re.search(r":(\d+)", first)[1])  # type: ignore[index]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def call(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": "Bearer kill", "wix-site-id": "kill", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    payload = json.loads(answer.read())
    assert answer.status == 200, payload
    return payload


def write(port: int, ledger: Ledger, name: str, stop: threading.Event, send: Send) -> None:
    """Send batches of ten rows, one turn after another, until the server dies."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    turn = max((asked[-1] for batch, asked in ledger.asked.items() if batch.startswith(name)), default=0)
    try:
        while not stop.is_set():
            turn += 1
            batch = f"{name}-{turn % 7}"
            with ledger.lock:
                ledger.asked.setdefault(batch, []).append(turn)
            send(connection, batch, turn)
            with ledger.lock:
                ledger.confirmed[batch] = turn
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


def upsert_linked_rows(hub: str) -> Send:
    def send(connection: http.client.HTTPConnection, batch: str, turn: int) -> None:
        rows = [
            {"fields": {"Key": f"{batch}/{number}", "Batch": batch, "Turn": turn, "Hub": [hub]}} for number in range(10)
        ]
        body = {"performUpsert": {"fieldsToMergeOn": ["Key"]}, "records": rows}
        call(connection, "PATCH", f"/v0/{BASE}/Rows", body)

    return send


def save_items(connection: http.client.HTTPConnection, batch: str, turn: int) -> None:
    items = [
        {"id": f"{batch}-{number}", "data": {"_id": f"{batch}-{number}", "batch": batch, "turn": turn}}
        for number in range(10)
    ]
    payload = call(connection, "POST", "/wix-data/v2/bulk/items/save", {"dataCollectionId": "Kill", "dataItems": items})
    assert payload["bulkActionMetadata"]["totalFailures"] == 0, payload


def airtable_rows(connection: http.client.HTTPConnection, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    offset = ""
    while True:
        page = call(connection, "GET", f"/v0/{BASE}/{table}?offset={offset}")
        rows += page["records"]
        offset = page.get("offset", "")
        if not offset:
            return rows


def check(ledger: Ledger, found: dict[str, list[int]]) -> None:
    """Every batch is whole, at its last confirmed turn or at one that was asked for after it."""
    for batch, asked in ledger.asked.items():
        turns = found.get(batch, [])
        confirmed = ledger.confirmed.get(batch)
        if not turns:
            assert confirmed is None, f"{batch}: turn {confirmed} was answered 200 and is gone"
            continue
        assert len(turns) == 10, f"{batch}: {len(turns)} of 10 rows"
        assert len(set(turns)) == 1, f"{batch}: rows of several turns {sorted(set(turns))}"
        assert turns[0] in asked
        assert confirmed is None or turns[0] >= confirmed, f"{batch}: turn {turns[0]}, but {confirmed} was answered 200"


def test_no_confirmed_write_is_lost_and_no_write_is_half_there(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps(SEED))
    chance = random.Random(20261122)
    airtable, wix = Ledger(), Ledger()
    server = Server(tmp_path / "data", seed)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    hub = call(connection, "POST", f"/v0/{BASE}/Hubs", {"fields": {"Name": "hub"}})["id"]
    call(
        connection,
        "POST",
        "/wix-data/v2/collections",
        {"collection": {"id": "Kill", "fields": [{"key": "turn", "type": "NUMBER"}]}},
    )
    connection.close()
    confirmed = 0
    for _ in range(KILLS):
        stop = threading.Event()
        sends = [
            ("w0", airtable, upsert_linked_rows(hub)),
            ("w1", airtable, upsert_linked_rows(hub)),
            ("x", wix, save_items),
        ]
        writers = [
            threading.Thread(target=write, args=(server.port, ledger, name, stop, send)) for name, ledger, send in sends
        ]
        for writer in writers:
            writer.start()
        time.sleep(chance.uniform(0.0, 0.12))
        server.kill()
        stop.set()
        for writer in writers:
            writer.join()

        server = Server(tmp_path / "data", seed)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        rows = airtable_rows(connection, "Rows")
        found: dict[str, list[int]] = {}
        for row in rows:
            found.setdefault(row["fields"]["Batch"], []).append(row["fields"]["Turn"])
        check(airtable, found)
        hubs = airtable_rows(connection, "Hubs")
        assert sorted(hubs[0]["fields"].get("Rows", [])) == sorted(row["id"] for row in rows), (
            "the link's two faces differ"
        )
        query = {"dataCollectionId": "Kill", "query": {"paging": {"limit": 1000}}}
        items = call(connection, "POST", "/wix-data/v2/items/query", query)["dataItems"]
        found = {}
        for item in items:
            found.setdefault(item["data"]["batch"], []).append(item["data"]["turn"])
        check(wix, found)
        connection.close()
        confirmed += len(airtable.confirmed) + len(wix.confirmed)
    server.kill()
    assert confirmed > KILLS, "hardly anything was confirmed: the writers did not write"
