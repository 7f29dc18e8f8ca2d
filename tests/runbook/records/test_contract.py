"""What every `Records` promises of reading, over Wix, over Airtable, and routed to either."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from records_kit import DATES, Both, ids
from runbook.errors import UnknownField, WrongType
from runbook.json_types import MISSING
from runbook.query import Query
from runbook.records import Records

CARRIERS = "Carriers"


def carriers(records: Records, count: int) -> list[str]:
    """So many carriers, `c00` with no trucks, `c01` with one, and so on."""
    return ids(records.bulk_insert(CARRIERS, [{"_id": f"c{n:02}", "trucks": n} for n in range(count)]))


# Pages


def test_without_a_limit_there_are_50_items(records: Records) -> None:
    carriers(records, 60)
    page = records.query(CARRIERS)
    assert len(page) == len(list(page)) == 50
    assert page.more
    assert records.count(CARRIERS) == 60


def test_pages_follow_one_another_to_the_end(records: Records) -> None:
    every = carriers(records, 25)
    page = records.query(CARRIERS, Query().ascending("trucks").limit(10))
    found = []
    for size, more in ((10, True), (10, True), (5, False)):
        assert (len(page), page.more) == (size, more)
        found += ids(page)
        page = page.next()
    assert found == every
    assert page.items == []
    assert not page.more
    assert not page.next().more


def test_a_page_that_is_just_full_says_that_none_follows(records: Records) -> None:
    carriers(records, 10)
    assert not records.query(CARRIERS, Query().limit(10)).more
    assert records.query(CARRIERS, Query().limit(9)).more
    assert not records.query(CARRIERS, Query().skip(10)).items


@pytest.mark.parametrize(("limit", "skip", "wanted"), [(1, 0, "0"), (3, 2, "234"), (1000, 4, "456"), (1000, 7, "")])
def test_limit_and_skip_cut_a_window(records: Records, limit: int, skip: int, wanted: str) -> None:
    carriers(records, 7)
    page = records.query(CARRIERS, Query().ascending("_id").skip(skip).limit(limit))
    assert "".join(item["_id"][-1] for item in page) == wanted


@pytest.mark.parametrize("limit", [0, -1, 1001, 2.0, True, "5", None])
def test_a_page_of_another_size_is_refused(limit: object) -> None:
    with pytest.raises(ValueError, match="1 to 1000"):
        Query().limit(limit)  # type: ignore[arg-type]


@pytest.mark.parametrize("skip", [-1, 1.5, True, None, 2**31])
def test_a_start_outside_of_the_rows_is_refused(skip: object) -> None:
    with pytest.raises(ValueError, match="skip"):
        Query().skip(skip)  # type: ignore[arg-type]


def test_everything_is_read_past_the_largest_page(records: Records, both: Both) -> None:
    if records is both.wix:
        every = ids(records.bulk_insert(CARRIERS, [{"_id": f"{n:04}"} for n in range(1100)]))
    else:  # each row once is enough to write, but not to read
        every = carriers(records, 30)
    assert sorted(ids(records.get_all(CARRIERS, Query().ascending("_id").limit(7)))) == every
    assert ids(records.get_all(CARRIERS, Query().ascending("_id").skip(5))) == every[5:]
    assert records.get_all(CARRIERS, Query().eq("trucks", 9999)) == []


def test_the_first_of_a_query_and_none_of_an_empty_one(records: Records) -> None:
    carriers(records, 3)
    first = records.first(CARRIERS, Query().descending("trucks"))
    assert first is not None
    assert first["_id"] == "c02"
    assert records.first(CARRIERS, Query().eq("_id", "nobody")) is None


def test_counting_minds_conditions_but_no_limit(records: Records) -> None:
    carriers(records, 12)
    assert records.count(CARRIERS, Query().limit(5).skip(3)) == 12
    assert records.count(CARRIERS, Query().ge("trucks", 10)) == 2
    assert records.count(CARRIERS, Query().eq("trucks", "10")) == 0


# Order


def test_unsorted_the_newest_come_first_and_then_by_id(records: Records, both: Both) -> None:
    both.box.clock(now="2026-01-21T13:00:00Z")
    records.insert(CARRIERS, {"_id": "old"})
    both.later(3600 * 2)
    records.insert(CARRIERS, {"_id": "newer"})
    both.later(3600)
    records.insert(CARRIERS, {"_id": "newest"})
    assert ids(records.query(CARRIERS)) == ["newest", "newer", "old"]


def test_what_is_missing_or_null_is_lowest(records: Records) -> None:
    rows: list[dict[str, object]] = [{"trucks": 3}, {}, {"trucks": None}, {"trucks": -5}, {"trucks": 0}]
    records.bulk_insert(CARRIERS, [{"_id": f"{n}", **row} for n, row in enumerate(rows)])
    assert ids(records.query(CARRIERS, Query().ascending("trucks"))) == ["1", "2", "3", "4", "0"]
    assert ids(records.query(CARRIERS, Query().descending("trucks"))) == ["0", "4", "3", "1", "2"]


def test_several_keys_sort_one_after_the_other(records: Records) -> None:
    rows = [("b", 1, True), ("a", 2, True), ("a", 1, False), ("b", 2, False), ("a", 1, True)]
    records.bulk_insert(
        CARRIERS,
        [{"_id": f"{n}", "legal_name": a, "trucks": b, "insured": c} for n, (a, b, c) in enumerate(rows)],
    )
    query = Query().ascending("legal_name").descending("trucks", "insured")
    assert ids(records.query(CARRIERS, query)) == ["1", "4", "2", "3", "0"]


def test_types_sort_apart_and_texts_by_code_point(records: Records) -> None:
    values = ["b", "B", "é", "z", "10", "9", "", None, "😀", "\ufffd"]
    records.bulk_insert("Everything", [{"_id": f"{n}", "line": value} for n, value in enumerate(values)])
    found = [item["line"] for item in records.query("Everything", Query().ascending("line"))]
    assert found == [None, "", "10", "9", "B", "b", "z", "é", "\ufffd", "😀"]


def test_a_list_stands_where_its_lowest_or_highest_element_does(records: Records) -> None:
    rows = [["m"], ["a", "z"], [], ["b", "c"]]
    records.bulk_insert("Everything", [{"_id": f"{n}", "list": value} for n, value in enumerate(rows)])
    assert ids(records.query("Everything", Query().ascending("list"))) == ["2", "1", "3", "0"]
    assert ids(records.query("Everything", Query().descending("list"))) == ["1", "0", "3", "2"]


def test_two_lists_in_a_sort_are_refused(records: Records) -> None:
    records.insert("Everything", {"list": [1], "any": [2]})
    with pytest.raises(WrongType, match="lists in several"):
        records.query("Everything", Query().ascending("list", "any"))
    assert len(records.query("Everything", Query().ascending("list", "line"))) == 1


# Types and conditions


def test_types_are_strict(records: Records) -> None:
    records.insert(CARRIERS, {"_id": "a", "dot_number": "123", "trucks": 1, "insured": True, "legal_name": "Ace"})
    for query, wanted in (
        (Query().eq("dot_number", "123"), 1),
        (Query().eq("dot_number", 123), 0),
        (Query().eq("trucks", 1), 1),
        (Query().eq("trucks", 1.0), 1),
        (Query().eq("trucks", True), 0),
        (Query().eq("trucks", "1"), 0),
        (Query().eq("insured", True), 1),
        (Query().eq("insured", 1), 0),
        (Query().gt("trucks", ""), 0),
        (Query().gt("dot_number", 0), 0),
        (Query().gt("dot_number", "122"), 1),
        (Query().eq("legal_name", "ace"), 0),
        (Query().in_("legal_name", ["ace", "Ace"]), 1),
    ):
        assert records.count(CARRIERS, query) == wanted, query
        assert len(records.query(CARRIERS, query, consistent=True)) == wanted, query


def test_only_searches_in_texts_pass_over_case(records: Records) -> None:
    records.insert(CARRIERS, {"_id": "a", "legal_name": "O'Brien & Söhne"})
    for query in (
        Query().contains("legal_name", "'BRIEN"),
        Query().starts_with("legal_name", "o'b"),
        Query().ends_with("legal_name", "SÖHNE"),
        Query().contains("legal_name", ""),
    ):
        assert ids(records.query(CARRIERS, query, consistent=True)) == ["a"], query
        assert ids(records.query(CARRIERS, query)) == ["a"], query
    assert not records.query(CARRIERS, Query().contains("legal_name", "OBrien")).items


def test_ranges_and_emptiness(records: Records) -> None:
    rows: list[dict[str, object]] = [{"trucks": n} for n in range(5)]
    rows += [{}, {"trucks": None}]
    records.bulk_insert(CARRIERS, [{"_id": f"{n}", **row} for n, row in enumerate(rows)])
    for query, wanted in (
        (Query().between("trucks", 1, 3), "12"),
        (Query().lt("trucks", 1), "0"),
        (Query().le("trucks", 1), "01"),
        (Query().gt("trucks", 3), "4"),
        (Query().ne("trucks", 2), "013456"),
        (Query().is_empty("trucks"), "56"),
        (Query().is_not_empty("trucks"), "01234"),
        (Query().in_("trucks", [4, None]), "456"),
        (Query().in_("trucks", []), ""),
        (Query().has_all("trucks", []), ""),
        (Query().ge("trucks", 3).not_(), "01256"),
        (Query().eq("trucks", 0).or_(Query().eq("trucks", 4)), "04"),
        (Query().eq("trucks", 0).or_(Query().eq("trucks", 4)).and_(Query().ne("trucks", 4)), "0"),
    ):
        assert ids(records.query(CARRIERS, query.ascending("_id"))) == list(wanted), query
        assert ids(records.query(CARRIERS, query.ascending("_id"), consistent=True)) == list(wanted), query


def test_many_alternatives_and_many_ids(records: Records) -> None:
    every = carriers(records, 40)
    query = Query().eq("trucks", 0)
    for n in range(1, 40):
        query = query.or_(Query().eq("trucks", n))
    for asked in (query, Query().in_("_id", [*every, *(f"nobody {n}" for n in range(400))])):
        assert ids(records.get_all(CARRIERS, asked.ascending("trucks"))) == every
        assert ids(records.get_all(CARRIERS, asked.ascending("trucks"), consistent=True)) == every


def test_a_dotted_key_goes_into_objects(records: Records) -> None:
    records.bulk_insert(
        "Everything",
        [{"_id": "a", "object": {"to": {"zip": "021"}}}, {"_id": "b", "object": {"to": [{"zip": "3"}]}}, {"_id": "c"}],
    )
    assert ids(records.query("Everything", Query().eq("object.to.zip", "021"))) == ["a"]
    assert ids(records.query("Everything", Query().descending("object.to.zip"))) == ["b", "a", "c"]
    assert ids(records.query("Everything", Query().is_empty("object.to.zip"))) == ["c"]


def test_a_moment_is_found_to_the_millisecond(records: Records) -> None:
    noon = datetime(2026, 1, 21, 12, 0, 0, 123000, UTC)
    records.bulk_insert(
        "Everything", [{"_id": f"{n}", "moment": noon + timedelta(milliseconds=n)} for n in range(3)] + [{"_id": "x"}]
    )
    one = timedelta(milliseconds=1)
    for query, wanted in (
        (Query().eq("moment", noon + one), "1"),
        (Query().eq("moment", noon + one + timedelta(microseconds=999)), "1"),
        (Query().gt("moment", noon), "12"),
        (Query().between("moment", noon, noon + one), "0"),
        (Query().ne("moment", noon), "12x"),
        (Query().eq("moment", noon).or_(Query().eq("_id", "x")), "0x"),
    ):
        assert ids(records.query("Everything", query.ascending("_id"))) == list(wanted), query
        assert ids(records.query("Everything", query.ascending("_id"), consistent=True)) == list(wanted), query


def test_a_field_that_is_not_there_is_named(records: Records) -> None:
    for query in (
        Query().eq("colour", 1),
        Query().ascending("colour.of"),
        Query().eq("trucks", 1).not_().gt("colour", 2),
    ):
        with pytest.raises(UnknownField, match="Carriers has no field 'colour'") as caught:
            records.query(CARRIERS, query)
        assert (caught.value.collection, caught.value.field) == (CARRIERS, "colour")
        with pytest.raises(UnknownField):
            records.count(CARRIERS, query)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: Query().gt("trucks", None),
        lambda: Query().lt("trucks", True),
        lambda: Query().between("trucks", 1, []),
        lambda: Query().has_some("trucks", [None]),
        lambda: Query().contains("legal_name", 5),
        lambda: Query().starts_with("legal_name", None),
        lambda: Query().eq("trucks", float("nan")),
        lambda: Query().eq("trucks", {1, 2}),
        lambda: Query().ge("trucks", datetime(2026, 1, 1)),  # noqa: DTZ001
        lambda: Query().eq("legal_name", "half\ud800"),
        lambda: Query().ends_with("legal_name", "half\ud800"),
        lambda: Query().in_("legal_name", [MISSING]),
    ],
)
def test_an_operand_of_the_wrong_kind_is_refused_by_its_field(ask: object) -> None:
    with pytest.raises(WrongType) as caught:
        ask()  # type: ignore[operator]
    assert caught.value.field in ("trucks", "legal_name")


# One item


def test_an_item_is_got_by_its_id_or_is_none(records: Records) -> None:
    records.insert(CARRIERS, {"_id": "a", "trucks": 2})
    found = records.get(CARRIERS, "a")
    assert found is not None
    assert found["trucks"] == 2
    assert found["_createdDate"].tzinfo is not None
    assert records.get(CARRIERS, "a", consistent=True) == found
    for nobody in ("b", "A", " a", "", " ", "rec00000000000001", "half\ud800", "nul\0", "'", "x" * 3000):
        assert records.get(CARRIERS, nobody) is None
        assert records.get(CARRIERS, nobody, consistent=True) is None


@pytest.mark.parametrize("wrong", [None, 5, b"a", ["a"]])
def test_an_id_that_is_no_text_is_refused(records: Records, wrong: object) -> None:
    with pytest.raises(WrongType, match="Carriers: an `_id` is a string"):
        records.get(CARRIERS, wrong)  # type: ignore[arg-type]


def test_what_is_given_out_is_the_callers_own(records: Records) -> None:
    records.insert("Everything", {"_id": "a", "object": {"list": [1]}})
    first = records.get("Everything", "a")
    assert first is not None
    first["object"]["list"].append(2)
    again = records.get("Everything", "a")
    assert again is not None
    assert again["object"] == {"list": [1]}


def test_drafts_are_not_seen(both: Both, records: Records) -> None:
    records.insert("Pages", {"_id": "open", "title": "x", "_publishStatus": "PUBLISHED"})
    records.insert("Pages", {"_id": "draft", "title": "x", "_publishStatus": "DRAFT"})
    for consistent in (False, True):
        assert ids(records.query("Pages", Query().eq("title", "x"), consistent=consistent)) == ["open"]
        assert records.get("Pages", "draft", consistent=consistent) is None
        assert records.count("Pages", consistent=consistent) == 1


def test_a_collection_that_stays_takes_any_key_on_wix(both: Both) -> None:
    for records in (both.wix, both.routed):
        both.turn("airtable")
        made = records.insert("Sessions", {"token": {"a": 1}, "until": both.now})
        assert both.wix.get("Sessions", made["_id"]) == made
        assert records.query("Sessions", Query().eq("token.a", 1)).side == "wix"
        assert set(DATES) < set(made)
