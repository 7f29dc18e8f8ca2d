"""What every `Records` promises of writing, over Wix, over Airtable, and routed to either."""

from __future__ import annotations

import enum
import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from records_kit import CATALOG, DATES, OWNER, Both, ids, without_dates
from runbook.errors import ItemExists, NoSuchItem
from runbook.json_types import MISSING
from runbook.query import Query
from runbook.records import Records, WixRecords
from runbook.state import State
from runbook.wix.client import DATA, WixClient
from sandbox import Sandbox

CARRIERS = "Carriers"
UNICODE = {
    "emoji": "Grüße 😀👩‍👩‍👧‍👦🏳️‍🌈",
    "right to left": "שלום עולם \u202eabc\u202c مرحبا",
    "combining": "e\u0301 and é, Z͑ͫ̓a̴l̵g̶o",
    "controls": "\x01\x1f\x7f\ttab\r\nline\n\u2028\u2029\u0085",
    "nul": "before\0after\0",
    "only nul": "\0",
    "blanks": "  around  \n",
    "private and unassigned": "\ue000\U0010ffff\ufffe\ufeff",
    "case": "ﬁ İıŞ ẞß ΑΣ ǅ",
    "quotes": """'"`\\{x}&RECORD_ID()%_""",
    "long": "😀" * 50_000,
}


# As it went in


@pytest.mark.parametrize("what", UNICODE)
def test_any_unicode_comes_back_as_it_went_in(records: Records, what: str) -> None:
    text = UNICODE[what]
    item = {"_id": "a", "line": text, "long": text, "rich": text, "any": [text, {text[:50]: text}], "link": text}
    if what == "long":
        item = {"_id": "a", "line": text, "long": text}
    assert without_dates(records.insert("Everything", {**item, "_owner": OWNER})) == {**item, "_owner": OWNER}
    for consistent in (False, True):
        assert without_dates(records.get("Everything", "a", consistent=consistent)) == {**item, "_owner": OWNER}
        if what != "long":
            found = records.query("Everything", Query().eq("line", text), consistent=consistent)
            assert ids(found) == ["a"]


def test_nothing_null_empty_false_and_absent_are_told_apart(records: Records) -> None:
    keys = ("line", "long", "rich", "number", "tick", "moment", "closed", "several", "list", "object", "csv", "any")
    rows: list[dict[str, Any]] = [
        {},
        dict.fromkeys(keys),
        dict.fromkeys(("line", "long", "rich", "number", "tick", "closed", "csv", "any"), ""),
        {"tick": False, "several": [], "list": [], "csv": [], "object": {}, "any": []},
        {"tick": True, "number": 0, "any": False},
        {"any": 0, "object": {"a": None, "b": [], "c": False}},
    ]
    payload = [{"_id": f"{n}", "_owner": OWNER, **row} for n, row in enumerate(rows)]
    records.bulk_insert("Everything", payload)
    for consistent in (False, True):
        found = records.query("Everything", Query().ascending("_id"), consistent=consistent)
        assert [without_dates(item) for item in found] == payload


def test_moments_come_back_at_any_depth_in_whole_milliseconds(records: Records) -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    timestamp = datetime(2026, 1, 21, 17, 30, 0, 123999, east)
    item = {
        "moment": timestamp,
        "any": {"at": [timestamp, {"deep": timestamp}]},
        "day_of_moment": datetime(1, 1, 1, tzinfo=UTC),
    }
    made = records.insert("Everything", {"_id": "a", **item})
    kept = datetime(2026, 1, 21, 12, 0, 0, 123000, UTC)
    wanted = {"moment": kept, "any": {"at": [kept, {"deep": kept}]}, "day_of_moment": item["day_of_moment"]}
    for found in (made, records.get("Everything", "a"), records.get("Everything", "a", consistent=True)):
        assert found is not None
        assert {key: found[key] for key in wanted} == wanted
        assert found["moment"].tzinfo is UTC


def test_numbers_are_doubles(records: Records) -> None:
    class Kind(enum.StrEnum):
        SMALL = "small"

    item = {"_id": "a", "number": 0.1 + 0.2, "money": 2.0, "share": -0.0, "loose_number": 1e308}
    made = records.insert("Everything", {**item, "any": [1.0, 2**53, 1e21, 5e-324], "line": Kind.SMALL})
    assert made["any"] == [1, 2**53, 1e21, 5e-324]
    assert {key: made[key] for key in item} == item
    assert records.count("Everything", Query().eq("any", 1.0).eq("line", Kind.SMALL)) == 1


# Insert


def test_an_insert_gives_the_item_as_it_is_stored(records: Records, both: Both) -> None:
    made = records.insert(CARRIERS, {"_id": "a", "_owner": OWNER, "dot_number": "123", "insured": False})
    assert without_dates(made) == {"_id": "a", "_owner": OWNER, "dot_number": "123", "insured": False}
    assert made["_createdDate"] == made["_updatedDate"]
    assert abs(made["_createdDate"] - both.now) < timedelta(minutes=1)
    assert records.get(CARRIERS, "a") == made == records.get(CARRIERS, "a", consistent=True)


@pytest.mark.parametrize("item", [{"trucks": 1}, {"_id": None, "trucks": 1}])
def test_an_id_that_is_not_given_is_made(records: Records, item: dict[str, Any]) -> None:
    made = records.insert(CARRIERS, item)
    assert str(uuid.UUID(made["_id"])) == made["_id"]
    assert records.get(CARRIERS, made["_id"]) == made
    assert "_id" not in item or item["_id"] is None


@pytest.mark.parametrize(
    "item_id", ["a", "A", "a ", " a", "o'b\\{}", "é", "e\u0301", "rec00000000000001", "123", "x" * 255]
)
def test_an_id_that_is_given_is_kept(records: Records, item_id: str) -> None:
    assert records.insert(CARRIERS, {"_id": item_id})["_id"] == item_id
    with pytest.raises(ItemExists):
        records.insert(CARRIERS, {"_id": item_id})
    assert records.patch(CARRIERS, item_id, {"trucks": 3})["trucks"] == 3
    assert ids(records.query(CARRIERS, Query().eq("_id", item_id), consistent=True)) == [item_id]
    records.remove(CARRIERS, item_id)


def test_an_insert_of_an_id_that_is_taken_changes_nothing(records: Records) -> None:
    records.insert(CARRIERS, {"_id": "a", "trucks": 1})
    with pytest.raises(ItemExists, match="Carriers already has an item a; nothing was written") as caught:
        records.insert(CARRIERS, {"_id": "a", "trucks": 2})
    assert (caught.value.collection, caught.value.field, caught.value.id) == (CARRIERS, "_id", "a")
    with pytest.raises(ItemExists):
        records.bulk_insert(CARRIERS, [{"_id": "b"}, {"_id": "a"}, {}])
    assert [(item["_id"], item["trucks"]) for item in records.query(CARRIERS)] == [("a", 1)]


def test_stamps_and_owner_are_as_the_contract_says(records: Records, both: Both) -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    payload = {"_createdDate": long_ago, "_updatedDate": long_ago}
    made = records.insert(CARRIERS, {"_id": "a", "_owner": OWNER, **payload})
    assert made["_createdDate"].year == made["_updatedDate"].year == 2026
    both.later(60)
    changed = records.update(CARRIERS, {"_id": "a", "trucks": 1, **payload})
    assert changed["_createdDate"] == made["_createdDate"]
    assert changed["_updatedDate"] > made["_updatedDate"]
    assert changed["_owner"] == OWNER
    both.later(60)
    again = records.patch(CARRIERS, "a", {"trucks": 2, **payload, "_owner": "another"})
    assert again["_createdDate"] == made["_createdDate"]
    assert again["_updatedDate"] > changed["_updatedDate"]
    assert again["_owner"] == "another"
    for nobody in (None, "", MISSING):
        assert records.patch(CARRIERS, "a", {"_owner": nobody, "trucks": 3})["_owner"] == "another"
    assert records.update(CARRIERS, {"_id": "a", "_owner": None})["_owner"] == "another"


# Update and patch


def test_an_update_replaces_the_whole_item(records: Records) -> None:
    records.insert(CARRIERS, {"_id": "a", "_owner": OWNER, "dot_number": "1", "trucks": 5, "insured": True})
    records.insert(CARRIERS, {"_id": "b", "trucks": 7})
    assert without_dates(records.update(CARRIERS, {"_id": "a", "legal_name": "Ace", "trucks": None})) == {
        "_id": "a",
        "_owner": OWNER,
        "legal_name": "Ace",
        "trucks": None,
    }
    found = records.get(CARRIERS, "a", consistent=True)
    assert without_dates(found) == {"_id": "a", "_owner": OWNER, "legal_name": "Ace", "trucks": None}
    assert records.get(CARRIERS, "a") == found
    assert records.count(CARRIERS, Query().eq("trucks", 7)) == 1


def test_a_patch_changes_its_keys_alone(records: Records) -> None:
    before = {
        "_id": "a",
        "_owner": OWNER,
        "line": None,
        "long": "",
        "tick": False,
        "list": [],
        "dot": "007",
        "number": 1,
    }
    records.insert("Everything", before)
    after = records.patch("Everything", "a", {"number": MISSING, "long": None, "several": ["B"], "moment": None})
    wanted = {**before, "long": None, "several": ["B"], "moment": None}
    del wanted["number"]
    assert without_dates(after) == wanted
    assert without_dates(records.get("Everything", "a", consistent=True)) == wanted
    assert without_dates(records.get("Everything", "a")) == wanted


def test_a_patch_of_nothing_changes_nothing(records: Records, both: Both) -> None:
    made = records.insert(CARRIERS, {"_id": "a", "trucks": 1})
    both.later(60)
    for nothing in ({}, {"_updatedDate": both.now}, {"_id": "a"}, {"_createdDate": MISSING}):
        assert records.patch(CARRIERS, "a", nothing) == made
    with pytest.raises(NoSuchItem):
        records.patch(CARRIERS, "b", {})


def test_taking_out_a_key_that_is_not_there_is_no_error(records: Records) -> None:
    records.insert(CARRIERS, {"_id": "a"})
    assert "trucks" not in records.patch(CARRIERS, "a", {"trucks": MISSING})


# Remove


def test_a_removed_item_is_gone_and_can_be_made_again(records: Records) -> None:
    records.insert(CARRIERS, {"_id": "a", "trucks": 1})
    records.remove(CARRIERS, "a")
    for consistent in (False, True):
        assert records.get(CARRIERS, "a", consistent=consistent) is None
        assert records.count(CARRIERS, consistent=consistent) == 0
    with pytest.raises(NoSuchItem, match="Carriers has no item a; nothing was written") as caught:
        records.remove(CARRIERS, "a")
    assert (caught.value.collection, caught.value.id) == (CARRIERS, "a")
    assert "trucks" not in records.insert(CARRIERS, {"_id": "a"})


# Many at once


def test_many_are_inserted_and_updated_in_their_order(records: Records, both: Both) -> None:
    payload = [{"_id": f"{n * 7 % 25:02}", "_owner": OWNER, "trucks": n} for n in range(25)]
    made = records.bulk_insert(CARRIERS, payload)
    assert [without_dates(item) for item in made] == payload
    both.later()
    changed = [{"_id": item["_id"], "_owner": OWNER, "legal_name": f"n{n}"} for n, item in enumerate(reversed(payload))]
    assert [without_dates(item) for item in records.bulk_update(CARRIERS, changed)] == changed
    found = records.query(CARRIERS, Query().ascending("_id"), consistent=True)
    assert [without_dates(item) for item in found] == sorted(changed, key=lambda item: str(item["_id"]))
    assert {item["_id"]: item["_createdDate"] for item in found} == {i["_id"]: i["_createdDate"] for i in made}


def test_some_with_and_some_without_an_id(records: Records) -> None:
    made = records.bulk_insert(CARRIERS, [{"trucks": 0}, {"_id": "a", "trucks": 1}, {"trucks": 2}])
    assert [item["trucks"] for item in made] == [0, 1, 2]
    assert made[1]["_id"] == "a"
    assert len({*ids(made)}) == 3


def test_none_at_all_is_none(records: Records) -> None:
    assert records.bulk_insert(CARRIERS, []) == records.bulk_update(CARRIERS, iter([])) == []


def test_one_id_twice_in_a_call_is_refused(records: Records) -> None:
    records.insert(CARRIERS, {"_id": "a", "trucks": 1})
    for write in (records.bulk_insert, records.bulk_update):
        with pytest.raises(ItemExists, match="twice in one call; nothing was written"):
            write(CARRIERS, [{"_id": "b"}, {"_id": "b"}])
    with pytest.raises(ItemExists):
        records.bulk_update(CARRIERS, [{"_id": "a"}, {"_id": "a", "trucks": 2}])
    assert [item["trucks"] for item in records.query(CARRIERS)] == [1]


def test_an_update_of_many_is_all_or_none(records: Records) -> None:
    records.bulk_insert(CARRIERS, [{"_id": f"{n}", "trucks": n} for n in range(12)])
    with pytest.raises(NoSuchItem) as caught:
        records.bulk_update(CARRIERS, [{"_id": "11"}, {"_id": "nobody"}, *({"_id": f"{n}"} for n in range(11))])
    assert caught.value.id == "nobody"
    assert records.count(CARRIERS, Query().is_not_empty("trucks"), consistent=True) == 12


def test_a_read_sees_what_was_written_before_it(records: Records) -> None:
    records.insert(CARRIERS, {"_id": "a", "trucks": 0})
    for n in range(1, 4):
        records.patch(CARRIERS, "a", {"trucks": n})
        for consistent in (False, True):
            found = records.get(CARRIERS, "a", consistent=consistent)
            assert found is not None
            assert found["trucks"] == n
            assert records.count(CARRIERS, Query().eq("trucks", n), consistent=consistent) == 1


def test_no_item_has_more_than_it_was_given(records: Records) -> None:
    made = records.insert("Everything", {"_id": "a", "_owner": OWNER})
    assert set(made) == {"_id", "_owner", *DATES}
    assert "rec" not in repr(without_dates(made)).replace(OWNER, "")


def test_wix_shows_ones_own_writes_though_its_reads_lag(tmp_path: Path) -> None:
    with (
        Sandbox(requests_per_second="off", stale_reads=60_000) as box,
        State(f"sqlite:///{tmp_path / 'state.db'}") as state,
    ):
        clients = [WixClient(box.wix_url, box.wix_key, box.site_id) for _ in range(2)]
        one, other = (WixRecords(client, CATALOG, state.locks) for client in clients)
        body = {"collection": {"id": "Carriers", "fields": [{"key": "name", "type": "TEXT"}]}}
        one._client.request("POST", f"{DATA}/collections", body, what="make Carriers")
        one.insert(CARRIERS, {"_id": "a", "trucks": 1})
        assert one.count(CARRIERS, Query().eq("trucks", 1)) == 1
        one.patch(CARRIERS, "a", {"trucks": 2})
        assert one.first(CARRIERS, Query().eq("trucks", 2)) == one.get(CARRIERS, "a")
        assert other.get(CARRIERS, "a") is None
        assert other.get(CARRIERS, "a", consistent=True) == one.get(CARRIERS, "a")
        assert other.count(CARRIERS, consistent=True) == 1
