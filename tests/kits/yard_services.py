"""Services that write all the time, each to rows of its own, and remember what each row must be in the end.

As a script, `yard_services.py PROJECT NAME SEED`, it is another process that writes until its standard input ends, and
prints what it remembers.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fleet_platform import Fleet, read_platform
from runbook.errors import SourceDown
from runbook.records import Records
from runbook.records.opening import open_records
from yard import COLLECTIONS, TOKEN, items


class Service:
    """`rows`: by "collection/id" what each key may be in the end, one value or several; None: the row is gone.

    `unsure`: rows of which a write got no answer that says whether they are there. `failed`: errors that no caller
    should meet while both sides are up.
    """

    def __init__(self, name: str, seed: int) -> None:
        self.name, self._chance = name, random.Random(f"{name} {seed}")
        self.rows: dict[str, dict[str, list[Any]] | None] = {}
        self.unsure: list[str] = []
        self.failed: list[str] = []
        self.writes = 0
        self.longest = 0.0
        """Seconds that the slowest call took: at most a turn's hold."""

    def once(self, records: Records) -> None:
        """One write."""
        living = [at for at, row in self.rows.items() if row is not None and at not in self.unsure]
        began = time.monotonic()
        self.writes += 1
        dice = self._chance.random()
        if len(living) < 3 or dice < 0.3:
            self._insert(records)
        elif dice < 0.9:
            self._patch(records, self._chance.choice(living))
        else:
            self._remove(records, self._chance.choice(living))
        self.longest = max(self.longest, time.monotonic() - began)

    def until(self, records: Records, done: threading.Event) -> None:
        """Write until it is done."""
        while not done.is_set():
            self.once(records)

    def _drivers(self) -> list[str]:
        ours = [at.partition("/")[2] for at, row in self.rows.items() if row is not None and at.startswith("Drivers/")]
        return ["d0", "d1", *ours]

    def _value(self, key: str) -> Any:
        if key == "driver":
            return self._chance.choice(self._drivers())
        return f"{self.name} {self.writes}"

    def _insert(self, records: Records) -> None:
        collection = self._chance.choice(COLLECTIONS)
        keys = ("city",) if collection == "Drivers" else ("note", "driver")
        values = {key: self._value(key) for key in keys} | {TOKEN[collection]: f"{self.name} row {self.writes}"}
        item_id = f"{self.name}-{self.writes}"
        at = f"{collection}/{item_id}"
        known = self._call(at, lambda: records.insert(collection, {"_id": item_id, **values}))
        if known is not False:
            self.rows[at] = {key: [value] for key, value in values.items()}

    def _patch(self, records: Records, at: str) -> None:
        collection, _, item_id = at.partition("/")
        key = "city" if collection == "Drivers" else self._chance.choice(("note", "driver"))
        value, row = self._value(key), self.rows[at]
        assert row is not None
        known = self._call("", lambda: records.patch(collection, item_id, {key: value}), at)
        if known is not False:
            row[key] = [value] if known else [*row[key], value]

    def _remove(self, records: Records, at: str) -> None:
        collection, _, item_id = at.partition("/")
        known = self._call(at, lambda: records.remove(collection, item_id))
        if known:
            self.rows[at] = None

    def _call(self, unsure: str, call: Any, at: str = "") -> bool | None:
        """True: it was done; False: it was not; None: nobody knows."""
        try:
            call()
        except SourceDown as error:
            if error.done is None and unsure:
                self.unsure.append(unsure)
            return error.done
        except Exception as error:  # noqa: BLE001 - whatever it is, a caller met it
            self.failed.append(f"{unsure or at}: {type(error).__name__}: {error}")
            return False
        return True

    def payload(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("rows", "unsure", "failed", "writes", "longest")}


def wrong_in_wix(fleet: Fleet, remembered: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """What services wrote and Wix has not, or has twice; empty where nothing is."""
    found: dict[str, list[str]] = {}
    wix = {name: items(fleet, name) for name in COLLECTIONS}
    by_id = {f"{name}/{item['_id']}": item for name, of in wix.items() for item in of}
    for name, of in wix.items():
        counts = Counter(item.get(TOKEN[name]) for item in of)
        found.setdefault("twice", []).extend(f"{name} {token}: {n} times" for token, n in counts.items() if n > 1)
    for service in remembered:
        found.setdefault("failed", []).extend(service["failed"])
        for at, row in service["rows"].items():
            item = by_id.get(at)
            if at in service["unsure"]:
                continue
            if row is None and item is not None:
                found.setdefault("lost", []).append(f"{at} was deleted and is there")
            elif row is not None and item is None:
                found.setdefault("lost", []).append(f"{at} is not in Wix")
            elif row is not None and item is not None:
                differing = [key for key, values in row.items() if item.get(key) not in values]
                found.setdefault("lost", []).extend(f"{at} {key}" for key in differing)
    return {kind: lines for kind, lines in found.items() if lines}


def _main(project: str, name: str, seed: str) -> None:
    service, done = Service(name, int(seed)), threading.Event()
    with open_records(read_platform(Path(project)), update_mirror=False) as opened:
        writer = threading.Thread(target=service.until, args=(opened.records, done))
        writer.start()
        print("ready", flush=True)
        sys.stdin.read()
        done.set()
        writer.join()
    print(json.dumps(service.payload()), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
