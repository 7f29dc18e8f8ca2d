"""Random writes on both sides, failures and kills, back and forth again and again: nothing is lost, doubled or overwritten."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from fleet_platform import Fleet, copy_of
from killed import Killer
from runbook.airtable.client import Airtable
from runbook.records import Records
from runbook.records.opening import open_records
from runbook.wix.client import WixClient
from yard import COLLECTIONS, Place, Side, back_of, conflicts, items, settled, turn_all, went_back
from yard_book import Book

pytestmark = pytest.mark.slow

ROUNDS, WRITES = 3, 25
KEYS = {"Drivers": ("city",), "Trucks": ("note", "dot", "crew")}
CREW = ("d0", "d1", "d2", "d3")  # nobody deletes them: a reference to a row that Wix lacks cannot be carried
BREAKS: tuple[dict[str, Any], ...] = (
    {"kind": "drop_before"},
    {"kind": "drop_after_commit"},
    {"kind": "truncate"},
    {"kind": "status", "status": 503, "headers": {"Retry-After": "0"}},
    {"kind": "status", "status": 403},
)


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WixClient.__init__.__kwdefaults__, "trouble_waits", (0.0, 0.0))
    monkeypatch.setitem(Airtable.__init__.__kwdefaults__, "backoff", 0.001)
    monkeypatch.setenv("RUNBOOK_REMOVE_MANY", ",".join(COLLECTIONS))


def _write(book: Book, records: Records, chance: random.Random, serial: int) -> None:
    """One write of a random kind, to a row that nobody has deleted."""
    living = [at for at, row in book.rows.items() if row.removed is None and row.born is None]
    collection, row = chance.choice(living)
    key = chance.choice(KEYS[collection])
    value: Any = chance.sample(CREW, 2) if key == "crew" else book.value(key)
    new, dice = f"n{serial}", chance.random()
    if row in CREW and (0.3 <= dice < 0.37 or 0.55 <= dice < 0.62 or 0.86 <= dice < 0.93):
        return
    if dice < 0.2:
        book.patch(records, collection, row, **{key: value})
    elif dice < 0.3:
        book.insert(records, collection, new, **{k: book.value(k) for k in KEYS[collection] if k != "crew"})
    elif dice < 0.37:
        book.remove(records, collection, row)
    elif dice < 0.55 and key != "crew":
        book.by_hand(collection, row, **{key: value})
    elif dice < 0.62:
        book.delete_by_hand(collection, row)
    elif dice < 0.68:
        book.type_row(collection)
    elif dice < 0.86 and key == "crew":
        book.crew_in_wix(row, value)
    elif dice < 0.86:
        written = book.rows[collection, row].values.get(key, {}).get("airtable")
        book.in_wix(collection, row, **{key: written if written and chance.random() < 0.3 else value})
    elif dice < 0.93:
        book.remove_in_wix(collection, row)
    else:
        book.add_in_wix(collection, new)


def _back(fleet: Fleet, book: Book, chance: random.Random, killer: Killer) -> None:
    """Attempts that break or are killed, of follow and of a rollback, then a rollback to its end."""
    root = str(fleet.platform.root)
    attempts = chance.randrange(4)
    for _ in range(attempts):
        call = chance.choice(("back_of", "follow_once"))
        if chance.random() < 0.5:
            killer.run(f"yard:{call}", root, kill_at=chance.randrange(1, 120))
            continue
        match = {"service": chance.choice(("wix", "airtable")), "nth": chance.randrange(1, 30)}
        fleet.box.faults({**chance.choice(BREAKS), "match": match, "times": chance.choice((1, 5, None))})
        killer.run(f"yard:{call}", root)
        fleet.box.faults(clear=True)
    if chance.random() < 0.5:  # turned first, and carried when people have gone on in Wix
        went_back(fleet.platform, reverse_sync=False)
        for _ in range(3):
            _write_in_wix(book, chance, carried=attempts > 0)
    said = back_of(root)
    assert settled(said), said


def _write_in_wix(book: Book, chance: random.Random, *, carried: bool) -> None:
    """Edit an item; where it may be `carried` by now, one that nobody wrote in Airtable: it is no conflict any more."""
    living = {row for name, row in book.rows if name == "Trucks"} & set(book.fleet.items("Trucks"))
    rows = {i: book.rows["Trucks", i] for i in sorted(living)}
    free = [i for i, row in rows.items() if row.removed is None and not (carried and row.touched("airtable"))]
    book.in_wix("Trucks", chance.choice(free), note=book.value())


def _settle(fleet: Fleet, chance: random.Random) -> dict[Place, Side]:
    """A person decides on every conflict."""
    state, base = fleet.connect().state, fleet.base()
    decided: dict[Place, Side] = {}
    for name in COLLECTIONS:
        for each in state.conflicts(base, name).all():
            side: Side = chance.choice(["wix", "airtable"])
            state.conflicts(base, name).settle([each], side, "ann", "looked at it")
            decided[name, each.legacy_id, each.key] = side
    return decided


def _differing(fleet: Fleet, book: Book) -> list[str]:
    """Rows that are not the same on both sides."""
    found = []
    for name in COLLECTIONS:
        wix, airtable = ({i["_id"]: _plain(i) for i in rows} for rows in (items(fleet, name), book._airtable(name)))
        found += [f"{name} {i}" for i in {*wix, *airtable} if wix.get(i) != airtable.get(i)]
    return found


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    stamps = ("_createdDate", "_updatedDate", "_owner", "of")
    plain = {key: value for key, value in item.items() if key not in stamps and value not in (None, [], "")}
    return {key: sorted(value) if isinstance(value, list) else value for key, value in plain.items()}


@pytest.mark.parametrize("seed", range(2))
def test_any_writes_go_back_and_forth(saved_yard: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with Killer("yard") as killer, copy_of(saved_yard, tmp_path) as fleet:
        for number in range(ROUNDS):
            book = Book(fleet)
            assert _differing(fleet, book) == []
            with open_records(fleet.platform, update_mirror=False) as opened:
                for serial in range(WRITES):
                    _write(book, opened.records, chance, number * WRITES + serial)
            _back(fleet, book, chance, killer)
            assert book.wrong() == {}
            decided = _settle(fleet, chance)
            assert back_of(str(fleet.platform.root)) is None
            assert book.wrong(settled=decided) == {}
            assert conflicts(fleet) <= set(decided)
            fleet.migrate(2)
            assert _differing(fleet, book) == []
            assert all(loaded.writes == 0 for loaded in fleet.migrate(2).results.loaded.values())
            turn_all(fleet)
