"""Another process that writes through the journal of one base: a fixed play of writes, each noted before and after.

The functions are called by name, with JSON; see `killed` and `write_many`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from records_kit import CATALOG, Both
from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.json_types import Item
from runbook.mirror import Mirror
from runbook.query import Query
from runbook.records import AirtableRecords
from runbook.state import State

CARRIERS, DRIVERS = "Carriers", "Drivers"
EVERY = Query().limit(1000)


def place(both: Both) -> dict[str, str]:
    """Where another process finds the base of a test, and notes what it did."""
    return {
        "state": both.url,
        "mirror": str(both.folder / "mirror.db"),
        "url": both.box.airtable_url,
        "token": both.box.token,
        "base": both.base,
        "notes": str(both.folder / "notes.jsonl"),
    }


@contextmanager
def opened(where: dict[str, str]) -> Iterator[AirtableRecords]:
    """Records of a process of its own, whose writes go into the journal; nothing is sent by itself."""
    with ExitStack() as stack:
        state = stack.enter_context(State(where["state"]))

        def limiter(base: str) -> RateLimiter:
            return RateLimiter(state, base, None, penalty=0.001)

        api = Airtable(where["token"], url=where["url"], rate_limiter=limiter, backoff=0.001, tries=3)
        stack.callback(api.close)
        mirror = Mirror(api, where["base"], CATALOG, state, Path(where["mirror"]))
        stack.callback(mirror.close)
        records = AirtableRecords(api, where["base"], CATALOG, state, mirror=mirror)._with(durable="journal")
        stack.callback(records.journal.close)
        records.journal.is_running = True
        yield records


class Write(NamedTuple):
    """One write, and what it makes of the row: the new values of its keys; None: it is removed."""

    name: str
    collection: str
    row: str
    do: Callable[[AirtableRecords], object]
    after: Callable[[Item | None], Item | None]


def _insert(number: str, collection: str, row: str, **values: Any) -> Write:
    return Write(
        number, collection, row, lambda r: r.insert(collection, {"_id": row, **values}), lambda before: {**values}
    )


def _patch(name: str, row: str, **values: Any) -> Write:
    return Write(
        name, CARRIERS, row, lambda r: r.patch(CARRIERS, row, values), lambda before: {**(before or {}), **values}
    )


def _more(name: str, row: str) -> Write:
    def one_more(item: Item | None) -> Item:
        return {"trucks": (item or {})["trucks"] + 1}

    return Write(
        name,
        CARRIERS,
        row,
        lambda r: r.change(CARRIERS, row, one_more),
        lambda before: {**(before or {}), **one_more(before)},
    )


def _remove(name: str, row: str) -> Write:
    return Write(name, CARRIERS, row, lambda r: r.remove(CARRIERS, row), lambda before: None)


def _direct(write: Write) -> Write:
    def do(records: AirtableRecords) -> object:
        return write.do(records._with(durable="airtable"))

    return write._replace(do=do)


DIRECT = "9"
PLAY = [
    _insert("1", CARRIERS, "a", dot_number="123", trucks=0),
    _insert("2", CARRIERS, "b", trucks=5),
    _insert("3", DRIVERS, "d", name="Ann", carrier_dot="123"),
    _more("4", "a"),
    _patch("5", "b", trucks=6, legal_name="Bob"),
    _remove("6", "b"),
    _insert("7", CARRIERS, "b", trucks=7, insured=True),
    _more("8", "a"),
    _direct(_patch(DIRECT, "a", legal_name="direct")),
    _more("10", "a"),
    _patch("11", "b", legal_name="Eve"),
    _insert("12", CARRIERS, "c", trucks=1),
]


def play(where: dict[str, str], sending: bool = False) -> None:
    """Do what is left of the play, each write noted before and after; `sending`: while a thread sends."""
    done = {note["name"] for note in notes(where) if note["done"]}
    with opened(where) as records, ExitStack() as stack:
        if sending:
            stack.enter_context(records.journal.kept_sent())
        for write in PLAY:
            if write.name not in done:
                _note(where, write, False)
                write.do(records)
                _note(where, write, True)


def send(where: dict[str, str]) -> bool:
    """Send the journal; whether nothing is left."""
    with opened(where) as records:
        return records.journal.drain(30.0) == {}


def notes(where: dict[str, str]) -> list[dict[str, Any]]:
    """What was noted, in order."""
    path = Path(where["notes"])
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _note(where: dict[str, str], write: Write, done: bool) -> None:
    with open(where["notes"], "a") as file:
        file.write(json.dumps({"name": write.name, "done": done}) + "\n")


def expected(where: dict[str, str]) -> list[dict[tuple[str, str], Item | None]]:
    """What the rows may be: after all that was acknowledged, and with the one write that was begun."""
    acknowledged = {note["name"] for note in notes(where) if note["done"]}
    begun = {note["name"] for note in notes(where)} - acknowledged
    assert len(begun) <= 1

    def rows(of: set[str]) -> dict[tuple[str, str], Item | None]:
        found: dict[tuple[str, str], Item | None] = {}
        for write in PLAY:
            if write.name in of:
                found[write.collection, write.row] = write.after(found.get((write.collection, write.row)))
        return found

    return [rows(acknowledged), rows(acknowledged | begun)]


def direct_was_killed(where: dict[str, str]) -> bool:
    """Whether the direct write of the play was begun and not finished."""
    return [note["name"] for note in notes(where)].count(DIRECT) % 2 == 1


def write_many(where: dict[str, str], name: str, count: int) -> None:
    """Writes of its own rows and of a shared one, through the journal, while a thread sends."""
    with opened(where) as records, records.journal.kept_sent():
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(count):
            row = f"{name}{number % 4}"
            if number < 4:
                records.insert(CARRIERS, {"_id": row, "trucks": 0})
            records.change(CARRIERS, row, lambda item: {"trucks": item["trucks"] + 1})
            records.change(CARRIERS, "shared", lambda item: {"trucks": item["trucks"] + 1})
        records.insert_once(CARRIERS, {"legal_name": "One of all"})


if __name__ == "__main__":
    write_many(json.loads(os.environ["JOURNAL_PLACE"]), sys.argv[1], int(sys.argv[2]))
