"""A side that cannot be reached: what reads still give, and that no write is lost or done twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from records_kit import CATALOG, Both, ids, without_dates
from runbook.errors import ItemExists, SourceDown
from runbook.json_types import MISSING, Item
from runbook.mirror import Mirror
from runbook.query import Query
from runbook.records import Records

Rule = dict[str, Any]

KINDS: dict[str, Rule] = {
    "dropped before": {"kind": "drop_before"},
    "dropped after": {"kind": "drop_after_commit"},
    "cut off": {"kind": "truncate"},
    "503": {"kind": "status", "status": 503},
    "500": {"kind": "status", "status": 500},
    "429": {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
}
FOREVER = None
LONG = 10  # requests: more than either client sends by itself (Wix 6, Airtable 3)


class Way(NamedTuple):
    """A write, where it goes, and the carriers that there are after it: `_id` -> trucks."""

    write: Callable[[Records, float], object]
    wix: str
    airtable: str
    after: dict[str, int | None]


BEFORE: dict[str, int | None] = {"a": 1, "b": 2}
MANY = [{"_id": f"n{n:02}", "trucks": n} for n in range(25)]
WAYS = {
    "insert": Way(lambda r, wait: r.insert("Carriers", {"_id": "c", "trucks": 3}, wait=wait), "*/items", "PATCH", {**BEFORE, "c": 3}),
    "insert of many": Way(
        lambda r, wait: r.bulk_insert("Carriers", MANY, wait=wait), "*/bulk/items/insert", "PATCH",
        {**BEFORE, **{row["_id"]: row["trucks"] for row in MANY}},
    ),
    "update": Way(lambda r, wait: r.update("Carriers", {"_id": "a", "trucks": 9}, wait=wait), "*/items/update", "PATCH", {**BEFORE, "a": 9}),
    "update of many": Way(
        lambda r, wait: r.bulk_update("Carriers", [{"_id": "a", "trucks": 8}, {"_id": "b"}], wait=wait),
        "*/bulk/items/update", "PATCH", {"a": 8, "b": None},
    ),
    "patch": Way(lambda r, wait: r.patch("Carriers", "b", {"trucks": MISSING}, wait=wait), "*/items/patch", "PATCH", {**BEFORE, "b": None}),
    "remove": Way(lambda r, wait: r.remove("Carriers", "b", wait=wait), "*/items/remove", "DELETE", {"a": 1}),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.records.outage._RETRY_SECONDS", 0.001)


def down(both: Both, kind: str, way: Way, times: int | None, nth: int = 1) -> None:
    """From the nth request of a write on, this happens to so many of them."""
    for match in ({"service": "wix", "path": way.wix}, {"service": "airtable", "method": way.airtable}):
        both.box.faults({"match": {**match, "nth": nth}, "times": times, **KINDS[kind]})


def trucks(both: Both, records: Records) -> dict[str, int | None]:
    """What the source holds; each row once."""
    both.box.faults(clear=True)
    if records.side == "airtable":
        both.rows("Carriers")  # looks that no legacy id is there twice
    found = records.get_all("Carriers", consistent=True)
    assert len({*ids(found)}) == len(found)
    assert {*ids(records.get_all("Carriers"))} == {*ids(found)}
    return {item["_id"]: item.get("trucks") for item in found}


SIDES = pytest.mark.parametrize("name", ["wix", "airtable"])


@pytest.mark.slow
@SIDES
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_write_that_waits_is_done_once_when_the_side_is_back(both: Both, name: str, way: str, kind: str) -> None:
    records = both.records(name)
    records.bulk_insert("Carriers", [{"_id": item_id, "trucks": count} for item_id, count in BEFORE.items()])
    down(both, kind, WAYS[way], LONG)
    WAYS[way].write(records, 60.0)
    assert trucks(both, records) == WAYS[way].after


@pytest.mark.slow
@SIDES
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["dropped before", "dropped after", "cut off", "503"])
def test_a_write_that_does_not_wait_fails_and_was_done_whole_or_not(both: Both, name: str, way: str, kind: str) -> None:
    records = both.records(name)
    records.bulk_insert("Carriers", [{"_id": item_id, "trucks": count} for item_id, count in BEFORE.items()])
    down(both, kind, WAYS[way], FOREVER)
    with pytest.raises(SourceDown, match="whether it was done is not known") as caught:
        WAYS[way].write(records, 0.0)
    assert (caught.value.done, caught.value.collection) == (None, "Carriers")
    both.box.faults(clear=True)
    found, after = (
        {item["_id"]: item.get("trucks") for item in records.get_all("Carriers", consistent=True)},
        WAYS[way].after,
    )
    if "of many" not in way:
        assert found in (BEFORE, after)
    else:
        assert all(found.get(key) in (BEFORE.get(key), after.get(key)) for key in {*BEFORE, *after})
    if kind in ("dropped before", "503"):
        assert found == BEFORE
    if found == BEFORE:
        WAYS[way].write(records, 0.0)
        assert trucks(both, records) == after


@SIDES
def test_many_that_stop_half_way_say_how_many_stand(both: Both, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.records.wix._BULK", 10)
    records = both.records(name)
    down(both, "dropped before", WAYS["insert of many"], FOREVER, nth=2)
    with pytest.raises(SourceDown, match="10 of 25 items were written"):
        records.bulk_insert("Carriers", MANY)
    assert trucks(both, records) == {row["_id"]: row["trucks"] for row in MANY[:10]}
    with pytest.raises(ItemExists):
        records.bulk_insert("Carriers", MANY)
    records.bulk_insert("Carriers", MANY[10:])
    assert len(trucks(both, records)) == 25


@SIDES
@pytest.mark.parametrize("kind", ["dropped after", "cut off", "500"])
def test_an_id_that_is_made_is_made_once(both: Both, name: str, kind: str) -> None:
    records = both.records(name)
    down(both, kind, WAYS["insert"], 2)
    made = records.insert("Carriers", {"trucks": 1}, wait=60)
    assert trucks(both, records) == {made["_id"]: 1}


@SIDES
def test_another_ones_item_is_not_taken_for_ones_own(both: Both, name: str) -> None:
    records = both.records(name)
    records.insert("Carriers", {"_id": "c", "trucks": 1})
    down(both, "dropped before", WAYS["insert"], 3)
    with pytest.raises(ItemExists):
        records.insert("Carriers", {"_id": "c", "trucks": 2}, wait=60)
    assert trucks(both, records) == {"c": 1}


def test_what_is_looked_up_first_was_surely_not_done(both: Both, airtable: Records) -> None:
    airtable.insert("Carriers", {"_id": "a", "trucks": 1})
    both.box.faults({"match": {"service": "airtable"}, "times": None, **KINDS["503"]})
    at_once = {
        "insert": lambda: airtable.insert("Carriers", {"_id": "c"}),
        "patch": lambda: airtable.patch("Carriers", "a", {"trucks": 2}),
    }
    after_a_look = {
        "change": lambda: airtable.change("Carriers", "a", lambda item: {"trucks": 2}),
        "update": lambda: airtable.update("Carriers", {"_id": "a"}),
        "remove": lambda: airtable.remove("Carriers", "a"),
    }
    for name, write in (at_once | after_a_look).items():
        with pytest.raises(SourceDown) as caught:
            write()
        sent = name in at_once and airtable is both.mirrored  # the mirror knows the rows, so nothing is looked up
        assert caught.value.done is (None if sent else False), name
    assert trucks(both, airtable) == {"a": 1}


def test_a_spent_month_is_not_waited_for(both: Both, airtable: Records) -> None:
    payload = {"errors": [{"error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "message": "spent"}]}
    both.box.faults(
        {"match": {"service": "airtable"}, "times": None, "kind": "status", "status": 429, "body": json.dumps(payload)}
    )
    with pytest.raises(SourceDown, match="used up") as caught:
        airtable.insert("Carriers", {"trucks": 1}, wait=3600)
    assert caught.value.done is False
    with pytest.raises(SourceDown):
        airtable.query("Carriers", consistent=True)


# Reads


def test_reads_from_the_mirror_go_on_and_say_their_age(both: Both) -> None:
    both.mirrored.insert("Carriers", {"_id": "a", "trucks": 1})
    both.box.faults({"match": {"service": "airtable"}, "times": None, **KINDS["dropped before"]})
    start = both.request_count()
    first = both.mirrored.query("Carriers", Query().eq("trucks", 1))
    second = both.mirrored.query("Carriers")
    assert ids(first) == ids(second) == ["a"]
    assert second.age > first.age > 0
    assert without_dates(both.mirrored.get("Carriers", "a")) == {"_id": "a", "trucks": 1}
    assert both.mirrored.count("Carriers") == len(both.mirrored.get_all("Carriers")) == 1
    assert both.request_count() == start


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "consistent"), [("wix", False), ("airtable without mirror", False), ("airtable", True)]
)
def test_without_a_mirror_reads_say_that_the_side_is_down(both: Both, name: str, consistent: bool, kind: str) -> None:
    records = both.records(name)
    both.box.faults({"times": None, **KINDS[kind]})
    for read in (
        lambda: records.get("Carriers", "a", consistent=consistent),
        lambda: records.query("Carriers", consistent=consistent),
        lambda: records.count("Carriers", consistent=consistent),
        lambda: records.get_all("Carriers", consistent=consistent),
    ):
        with pytest.raises(SourceDown) as caught:
            read()
        assert (caught.value.collection, caught.value.done) == ("Carriers", False)


def test_a_mirror_that_was_never_filled_says_that_airtable_is_down(both: Both, tmp_path: Path) -> None:
    mirror = Mirror(both.api, both.base, CATALOG, both.state, tmp_path / "empty.db")
    both.box.faults({"match": {"service": "airtable"}, "times": None, **KINDS["503"]})
    with pytest.raises(SourceDown):
        both.over(mirror).query("Carriers")
    mirror.close()


def test_a_read_survives_a_short_break(both: Both, records: Records) -> None:
    made = records.insert("Carriers", {"_id": "a"})
    for kind in KINDS.values():
        both.box.faults({"times": 1, **kind}, clear=True)
        assert records.get("Carriers", "a", consistent=True) == made


# Under load


@SIDES
def test_writers_at_once_over_a_line_that_breaks_lose_nothing(both: Both, name: str) -> None:
    records = both.records(name)
    records.insert("Everything", {"_id": "a"})
    for kind in ("drop_before", "drop_after_commit", "truncate"):
        for service, method in (("wix", "POST"), ("airtable", "PATCH")):
            both.box.faults({"match": {"service": service, "method": method, "nth": 5}, "kind": kind, "times": 2})
    keys = ["line", "long", "link", "phone"]
    together = threading.Barrier(len(keys))

    def work(key: str) -> list[Item]:
        together.wait()
        records.patch("Everything", "a", {key: "x"}, wait=60)
        return [records.insert("Everything", {"_id": f"{key} {n}", key: f"{n}"}, wait=60) for n in range(4)]

    with ThreadPoolExecutor(len(keys)) as pool:
        made = [item for items in pool.map(work, keys) for item in items]
    both.box.faults(clear=True)
    found = {item["_id"]: item for item in records.get_all("Everything", consistent=True)}
    assert {key: found["a"][key] for key in keys} == dict.fromkeys(keys, "x")
    assert {item["_id"]: item for item in made} == {key: item for key, item in found.items() if key != "a"}
    assert len(made) == 16
