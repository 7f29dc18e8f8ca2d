"""Records where the flags say: seen at once, one side a call, and no call that fails while a flag turns."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from records_kit import CATALOG, Both, ids
from runbook.errors import SettingError
from runbook.query import Query
from runbook.records import Records, RoutedRecords
from runbook.records.routed import all_turned
from runbook.state import Side, State
from runbook.state.locks import CALLS

IDS = [f"{n}" for n in range(8)]


@pytest.fixture
def marked(both: Both) -> Both:
    """The same rows on both sides, each marked by its side."""
    for records in (both.wix, both.mirrored):
        records.bulk_insert("Carriers", [{"_id": item_id, "legal_name": records.side, "trucks": 0} for item_id in IDS])
    return both


def side_of(records: Records) -> str:
    """Which side a call reads, by the marks of its rows."""
    (mark,) = {item["legal_name"] for item in records.get_all("Carriers")}
    return str(mark)


def turn(both: Both, side: Side) -> None:
    """Turn the flag as a run does: between two calls."""
    with both.state.locks.exclusive(CALLS, timeout=30) as alone:
        assert alone
        both.state.flags.set("core", side, who="a test", why="to see it turn")


def test_a_turn_is_seen_at_the_next_call_by_whoever_turned_it(marked: Both) -> None:
    other = RoutedRecords(CATALOG, State(f"sqlite:///{marked.folder / 'state.db'}"), marked.wix, marked.mirrored)
    for side in ("wix", "airtable", "wix", "airtable"):
        turn(marked, side)  # type: ignore[arg-type]
        for records in (marked.routed, other):
            assert records.query("Carriers").side == records.source("Carriers") == side_of(records) == side
            assert records.get("Carriers", "1") == {"wix": marked.wix, "airtable": marked.mirrored}[side].get(
                "Carriers", "1"
            )
            assert records.patch("Carriers", "1", {"trucks": 1})["legal_name"] == side
    other._state.close()
    assert repr(marked.routed) == "RoutedRecords(all: wix, core: airtable)"


def test_each_flag_turns_its_own_collections(marked: Both) -> None:
    turn(marked, "airtable")
    sides = {name: marked.routed.source(name) for name in (*CATALOG.collections, "Sessions", "NoOneKnows")}
    assert sides == {
        "Carriers": "airtable", "Drivers": "airtable", "Pages": "wix", "Everything": "wix", "Sessions": "wix", "NoOneKnows": "wix",
    }  # fmt: skip


def test_what_stays_in_wix_goes_to_wix_whatever_the_flags_say(both: Both) -> None:
    both.turn("airtable")
    made = both.routed.insert("Sessions", {"_id": "s", "token": "t"})
    assert both.wix.get("Sessions", "s") == made
    assert both.routed.patch("Sessions", "s", {"token": "u"})["token"] == "u"
    assert all_turned(CATALOG, both.wix, both.mirrored).get("Sessions", "s") == both.wix.get("Sessions", "s")
    both.routed.remove("Sessions", "s")
    assert both.wix.count("Sessions") == 0


def test_every_kind_of_write_goes_to_the_side_of_its_flag_alone(marked: Both) -> None:
    for side, here, existing in (("wix", marked.wix, marked.mirrored), ("airtable", marked.mirrored, marked.wix)):
        turn(marked, side)  # type: ignore[arg-type]
        before = existing.get_all("Carriers", consistent=True)
        made = marked.routed.insert("Carriers", {"_id": f"new {side}", "legal_name": side})
        marked.routed.bulk_insert("Carriers", [{"legal_name": side}, {"legal_name": side}])
        marked.routed.update("Carriers", {**made, "trucks": 2})
        marked.routed.bulk_update("Carriers", [{"_id": "1", "legal_name": side}, {"_id": "2", "legal_name": side}])
        marked.routed.remove("Carriers", "3")
        assert existing.get_all("Carriers", consistent=True) == before
        assert here.count("Carriers", consistent=True) == marked.routed.count("Carriers") == len(IDS) + 2


def test_a_page_goes_on_where_it_began(marked: Both) -> None:
    turn(marked, "airtable")
    page = marked.routed.query("Carriers", Query().ascending("_id").limit(3))
    turn(marked, "wix")
    found = [*page]
    while page.more:
        page = page.next()
        found += page.items
    assert ids(found) == IDS
    assert {item["legal_name"] for item in found} == {"airtable"}
    assert page.next().side == "airtable"


def test_a_flag_of_airtable_without_a_base_says_what_to_do(both: Both) -> None:
    records = RoutedRecords(CATALOG, both.state, both.wix, None)
    assert records.query("Carriers").items == []
    both.turn("airtable")
    calls: list[Callable[[], object]] = [
        lambda: records.query("Carriers"),
        lambda: records.get("Carriers", "a"),
        lambda: records.get_all("Carriers"),
        lambda: records.insert("Carriers", {}),
        lambda: records.remove("Carriers", "a"),
    ]
    for call in calls:
        with pytest.raises(SettingError, match=r"flag of Carriers is 'airtable'.*AIRTABLE_BASE_ID"):
            call()
    assert records.count("Sessions") == 0


def test_a_turn_waits_for_the_calls_under_way_and_they_see_one_side(marked: Both) -> None:
    inside, may_end = threading.Event(), threading.Event()
    turned: list[str] = []

    def call() -> list[str]:
        with marked.routed.pinned() as records:
            seen = [side_of(records)]
            inside.set()
            may_end.wait(10)
            return [*seen, side_of(records), str(records.patch("Carriers", "1", {"trucks": 5})["legal_name"])]

    def turning() -> None:
        turn(marked, "airtable")
        turned.append(marked.state.flags.get("core"))

    with ThreadPoolExecutor(2) as pool:
        calling = pool.submit(call)
        assert inside.wait(10)
        under_way = pool.submit(turning)
        assert turned == []
        assert marked.state.flags.get("core") == "wix"
        may_end.set()
        assert calling.result(20) == ["wix"] * 3
        under_way.result(20)
    assert side_of(marked.routed) == "airtable"


def test_pinned_records_know_no_later_turn(marked: Both) -> None:
    with marked.routed.pinned() as records:
        marked.state.flags.set("core", "airtable", who="a test", why="an emergency takes no turn")
        assert side_of(records) == "wix"
        with records.pinned() as again:
            assert side_of(again) == "wix"
    assert side_of(marked.routed) == "airtable"


@pytest.mark.slow
def test_a_thousand_calls_under_a_turning_flag_all_end_and_none_reads_a_mixture(marked: Both) -> None:
    done = threading.Event()
    numbers = itertools.count()
    seen: set[str] = set()

    def turn_back_and_forth() -> int:
        for turns, side in enumerate(itertools.cycle(("airtable", "wix"))):
            if done.wait(0.02):
                return turns
            turn(marked, side)  # type: ignore[arg-type]
        raise AssertionError

    def service(records: Records, number: int) -> Iterator[str]:
        row = IDS[number % len(IDS)]
        yield str(records.get("Carriers", row)["legal_name"])  # type: ignore[index]
        if number % 4 == 0:
            yield str(records.patch("Carriers", row, {"trucks": number})["legal_name"])
            changed = records.get("Carriers", row)
            assert changed is not None
            yield str(changed["legal_name"])
        if number % 4 == 1:
            yield from (
                str(item["legal_name"]) for item in records.query("Carriers", Query().ascending("trucks").limit(4))
            )
        if number % 50 == 2:
            made = records.insert("Carriers", {"legal_name": records.query("Carriers", Query().limit(1)).side})
            yield str(made["legal_name"])
            records.remove("Carriers", made["_id"])

    def calls() -> int:
        count = 0
        while (number := next(numbers)) < 1000:
            with marked.routed.pinned() as records:
                sides = {*service(records, number)}
            assert len(sides) == 1, sides
            seen.update(sides)
            if number % 10 == 0:
                marked.routed.patch("Carriers", IDS[number % len(IDS)], {"insured": bool(number % 2)})
            count += 1
        return count

    with ThreadPoolExecutor(5) as pool:
        turning = pool.submit(turn_back_and_forth)
        callers = [pool.submit(calls) for _ in range(4)]
        try:
            assert sum(caller.result(120) for caller in callers) == 1000
        finally:
            done.set()
        assert turning.result(60) > 4
    assert seen == {"wix", "airtable"}
    for records in (marked.wix, marked.mirrored):
        assert {item["legal_name"] for item in records.get_all("Carriers", consistent=True)} == {records.side}
        assert records.count("Carriers", consistent=True) == len(IDS)
