"""Whatever is asked of whatever rows, Wix, the mirror, Airtable's formula and the evaluator give the same answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odd_values import KEYS, MIXED, MOMENTS, NUMBERS, WORDS, holds, likely
from records_kit import EVERYTHING, Both, ids, without_dates
from runbook.errors import WrongType
from runbook.json_types import Item
from runbook.query import Query
from runbook.query.evaluate import predicate, sort_items
from runbook.query.values import item_json, to_python
from runbook.records.formula import narrow

ROWS, QUERIES = 6, 16
OPERATORS = (
    *("eq", "ne", "in_", "gt", "ge", "lt", "le", "between", "has_some", "has_all"),
    *("contains", "starts_with", "ends_with", "is_empty", "is_not_empty"),
)

ORDERED = st.one_of(
    st.sampled_from(WORDS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.sampled_from(NUMBERS),
    st.sampled_from(MOMENTS),
)
SCALARS = st.one_of(ORDERED, st.sampled_from([None, True, False]))
VALUES = st.one_of(
    SCALARS,
    SCALARS,
    st.sampled_from(MIXED),
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.sampled_from(["a", "b", "formatted", "line"]), SCALARS, max_size=2),
)


@st.composite
def rows(draw: st.DrawFn) -> list[Item]:
    """Items of some of the keys; what a key refuses is left out."""
    made = []
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True))
    for number in range(ROWS):
        values = {key: draw(st.one_of(st.sampled_from(likely(key)), VALUES)) for key in keys if draw(st.integers(0, 3))}
        made.append({"_id": f"{number:02}", **{key: value for key, value in values.items() if holds(key, value)}})
    return made


@st.composite
def conditions(draw: st.DrawFn, items: list[Item], depth: int = 0) -> Query:
    """A query's conditions, of every operator, combined; mostly of keys and values that there are."""
    if depth < 2 and draw(st.integers(0, 2)) == 0:
        one, two = draw(conditions(items, depth=depth + 1)), draw(conditions(items, depth=depth + 1))
        ways = [one.and_(two), one.or_(two), one.not_(), one.not_().or_(two), one.and_(two).not_(), one.or_(two).not_()]
        return draw(st.sampled_from(ways))
    payload = sorted({key for item in items for key in item})
    key = draw(st.sampled_from([*payload, *payload, *payload, "line", "object.a", "any.a", "address.formatted"]))
    existing = [item[key] for item in items if key in item]
    flat = [inner for value in existing for inner in (value if isinstance(value, list) else [value])]
    values = st.one_of(st.sampled_from([*existing, *flat, *likely(key)]), VALUES)
    known = [value for value in [*flat, *likely(key)] if isinstance(value, str | int | float | datetime)]
    bounds = st.one_of(st.sampled_from([value for value in known if not isinstance(value, bool)] or ["a"]), ORDERED)
    texts = [value[at : at + 3] for value in flat if isinstance(value, str) for at in (0, -3)]
    parts = st.sampled_from([*texts, *texts, *WORDS])
    match draw(st.sampled_from(OPERATORS)):
        case "eq" | "ne" as operator:
            return getattr(Query(), operator)(key, draw(values))
        case "in_":
            return Query().in_(key, draw(st.lists(values, max_size=3)))
        case "has_some" | "has_all" as operator:
            return getattr(Query(), operator)(key, draw(st.lists(bounds, max_size=3)))
        case "between":
            return Query().between(key, draw(bounds), draw(bounds))
        case "contains" | "starts_with" | "ends_with" as operator:
            return getattr(Query(), operator)(key, draw(parts))
        case "is_empty" | "is_not_empty" as operator:
            return getattr(Query(), operator)(key)
        case operator:
            return getattr(Query(), operator)(key, draw(bounds))


@st.composite
def queries(draw: st.DrawFn, items: list[Item]) -> Query:
    """Conditions, a sort that ends with the id, a window."""
    query = draw(conditions(items))
    for key in draw(st.lists(st.sampled_from(sorted({key for item in items for key in item})), max_size=2)):
        query = draw(st.sampled_from([query.ascending(key), query.descending(key)]))
    query = query.ascending("_id")
    return query.skip(draw(st.sampled_from([0, 0, 2]))).limit(draw(st.sampled_from([1000, 1000, 2])))


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Item], list[Query]]:
    """Rows, and what is asked of them."""
    items = draw(rows())
    return items, [draw(queries(items)) for _ in range(QUERIES)]


def put(both: Both, items: list[Item]) -> None:
    """The rows, on both sides, in place of those that are there."""
    payload = [{**item, "_owner": "o"} for item in items]
    for records in (both.wix, both.mirrored):
        write = records.bulk_update if records.count("Everything") else records.bulk_insert
        assert [without_dates(item) for item in write("Everything", payload)] == [as_read(item) for item in payload]


def as_read(item: Item) -> Item:
    """An item as any side gives it: moments in UTC and whole milliseconds."""
    return {key: to_python(value) for key, value in item_json("Everything", item).items()}


def answers(both: Both, query: Query, items: list[Item]) -> dict[str, Any]:
    """By side: the items, without what the side stamps, or the error."""

    def evaluated() -> list[Item]:
        kept = [item_json("Everything", {**item, "_owner": "o"}) for item in items]
        found = sort_items(filter(predicate(query.where), kept), query.order)
        return [to_python(item) for item in found[query.offset : query.offset + query.size]]

    found: dict[str, Any] = {}
    for name, ask in (
        ("evaluator", evaluated),
        ("wix", lambda: both.wix.query("Everything", query).items),
        ("mirror", lambda: both.mirrored.query("Everything", query).items),
        ("formula", lambda: both.mirrored.query("Everything", query, consistent=True).items),
    ):
        try:
            found[name] = [without_dates(item) for item in ask()]
        except WrongType as error:
            found[name] = str(error)
    return found


@pytest.fixture(scope="module")
def filled(sides: Both) -> Iterator[Both]:
    yield sides
    sides.empty()


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_every_side_gives_the_same_items_in_the_same_order(filled: Both, case: tuple[list[Item], list[Query]]) -> None:
    items, asked = case
    put(filled, items)
    for query in asked:
        found = answers(filled, query, items)
        for name in ("wix", "mirror", "formula"):
            assert found[name] == found["evaluator"], (name, query, narrow(query.where, EVERYTHING))


INJECTIONS = {
    "a quote ends the text": "',{x})&RECORD_ID()",
    "a quote and a condition": "x' OR TRUE() OR '",
    "a bracket ends the function": "')=1,TRUE(),('",
    "a whole formula": "OR({The line}='a',TRUE())",
    "a formula as spreadsheets have it": "=1+1",
    "a column's name": "{The line}",
    "a column's end": "}",
    "a backslash at the end": "a\\",
    "a backslash before a quote": "\\'",
    "an escaped line end": "\\n",
    "line ends": "a\r\nb\n",
    "a tab": "a\tb",
    "double quotes": 'say "hi"',
    "wild cards": "%_*?",
    "the column beside": '"line":',
    "what stands beside, whole": '{"values":{"line":"x"}}',
    "JSON": '["a"]',
    "a record's id": "rec00000000000001",
    "only blanks": "  ",
}


@pytest.mark.parametrize("what", INJECTIONS)
def test_a_text_that_looks_like_a_formula_is_a_text(both: Both, what: str) -> None:
    text = INJECTIONS[what]
    payload = [text, "other", f"<{text}>", text.upper() + "!", "", None, 5, text * 2]
    items = [{"_id": f"{n}", "line": value, "any": [value], "_owner": "o"} for n, value in enumerate(payload)]
    both.wix.bulk_insert("Everything", items)
    both.mirrored.bulk_insert("Everything", items)
    for query in (
        Query().eq("line", text),
        Query().ne("line", text),
        Query().in_("line", [text, "nothing"]),
        Query().contains("line", text),
        Query().starts_with("line", text),
        Query().ends_with("line", text),
        Query().has_some("any", [text]),
        Query().has_all("any", [text]),
        Query().eq("any", [text]),
        Query().gt("line", text),
        Query().eq("line", text).not_(),
        Query().eq("_id", text),
    ):
        query = query.ascending("_id")
        wanted = ids(both.wix.query("Everything", query))
        assert ids(both.mirrored.query("Everything", query)) == wanted, query
        assert ids(both.mirrored.query("Everything", query, consistent=True)) == wanted, query
    assert "0" in ids(both.mirrored.query("Everything", Query().eq("line", text), consistent=True))


@pytest.mark.parametrize(
    ("query", "read", "kept", "filtered"),
    [
        (Query().eq("legal_name", "Name 7"), 1, 1, ()),
        (Query().eq("dot_number", "7"), 1, 1, ()),
        (Query().in_("_id", ["c07", "c08", "nobody"]), 2, 2, ()),
        (Query().eq("status", "active").ge("trucks", 28), 1, 1, ()),
        (Query().contains("legal_name", "AME 1"), 11, 11, ()),
        (Query().eq("insured", True), 15, 15, ()),
        (Query().eq("insured", False), 15, 5, ("insured eq",)),
        (Query().lt("legal_name", "Name 1").eq("trucks", 0), 1, 1, ("legal_name lt",)),
        (Query().lt("legal_name", "Name 1"), 30, 1, ("legal_name lt",)),
        (Query(), 30, 30, ()),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_formula_asks_for_no_more_than_it_must(
    both: Both, query: Query, read: int, kept: int, filtered: tuple[str, ...]
) -> None:
    both.bare.bulk_insert(
        "Carriers",
        [
            {"_id": f"c{n:02}", "legal_name": f"Name {n}", "dot_number": f"{n}", "trucks": n}
            | {"status": "inactive" if n % 2 else "active"}
            | ([{"insured": True}, {"insured": True}, {"insured": True}, {"insured": False}, {}, {}][n % 6])
            for n in range(30)
        ],
    )
    came = 0
    ask = both.api.records

    def counted(*args: Any, **settings: Any) -> Iterator[Any]:
        nonlocal came
        for record in ask(*args, **settings):
            came += 1
            yield record

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(both.api, "records", counted)
        page = both.bare.query("Carriers", query)
    assert (came, len(page), page.filtered, page.age, page.side) == (read, kept, filtered, 0.0, "airtable")
    assert both.bare.count("Carriers", query) == kept


def test_what_the_mirror_answers_was_not_filtered_after_reading(both: Both) -> None:
    both.mirrored.insert("Carriers", {"legal_name": "a"})
    page = both.mirrored.query("Carriers", Query().lt("legal_name", "b"))
    assert (len(page), page.filtered) == (1, ())
    assert 0 < page.age < 3600
