"""Conditions as formulas: what is expressed of each kind of column, and that no row which Wix keeps is ever left out."""

from __future__ import annotations

import os
import random
from datetime import UTC, date, datetime
from typing import Any

import pytest

from odd_values import KEYS, MAPPING, MIXED, MOMENTS, NUMBERS, WORDS, holds, likely
from records_kit import EVERYTHING
from runbook.query import Query
from runbook.query.evaluate import predicate
from runbook.query.values import item_json
from runbook.records.formula import narrow
from sandbox.airtable.formulas import parse

IN_ORIGINAL = "FIND('\"{}\":',{{Wix Original}})"


@pytest.mark.parametrize(
    ("query", "formula", "filtered"),
    [
        (Query().eq("line", "O'B\\"), "{The line}='O\\'B\\\\'", ()),
        (Query().ne("line", "x"), "NOT({The line}='x')", ()),
        (Query().eq("line", 5), "FALSE()", ()),
        (Query().eq("line", ""), "FALSE()", ()),
        (Query().in_("line", ["a", "b"]), "OR({The line}='a',{The line}='b')", ()),
        (Query().in_("line", []), "FALSE()", ()),
        (Query().is_empty("line"), "{The line}&''=''", ()),
        (Query().is_not_empty("line"), "NOT({The line}&''='')", ()),
        (Query().contains("line", "A"), "FIND(LOWER('A'),LOWER({The line}&''))>0", ()),
        (Query().contains("line", "É"), "FIND(LOWER('É'),LOWER({The line}&''))>0", ("line contains",)),
        (Query().starts_with("line", "a"), "FIND(LOWER('a'),LOWER({The line}&''))=1", ()),
        (Query().ends_with("line", "a"), "RIGHT(LOWER({The line}&''),LEN(LOWER('a')))=LOWER('a')", ()),
        (Query().contains("line", ""), "{The line}&''!=''", ()),
        (Query().ends_with("rich", "a"), "FIND(LOWER('a'),LOWER({The rich}&''))>0", ("rich ends_with",)),
        (Query().eq("number", 0), "AND({The number}=0,{The number}&''!='')", ()),
        (Query().eq("number", 1e21), "{The number}=1000000000000000000000", ()),
        (Query().lt("number", 5), "AND({The number}&''!='',{The number}<5)", ()),
        (Query().gt("number", "5"), "FALSE()", ()),
        (Query().eq("dot", "123"), "{The dot}=123", ()),
        (Query().eq("dot", 123), "FALSE()", ()),
        (Query().eq("tick", True), "{The tick}", ()),
        (Query().eq("tick", False), "NOT({The tick})", ("tick eq",)),
        (Query().is_empty("tick"), "{The tick}&''=''", ("tick eq",)),
        (Query().eq("state", "in_review"), "{The state}='In Review'", ()),
        (Query().eq("state", "In Review"), "FALSE()", ()),
        (Query().eq("several", "A"), "FIND('A',{The several}&'')>0", ("several eq",)),
        (Query().eq("any", 'a"b'), "OR(FIND('a\"b',{The any}&'')>0,FIND('a\\\\\"b',{The any}&'')>0)", ("any eq",)),
        (Query().is_empty("any"), "OR({The any}&''='',FIND('null',{The any}&'')>0)", ("any eq",)),
        (Query().eq("line", "a").eq("number", 1), "AND({The line}='a',{The number}=1)", ()),
        (Query().eq("line", "a").or_(Query().gt("line", "b")), None, ("line gt",)),
        (Query().eq("line", "a").gt("line", "b"), "{The line}='a'", ("line gt",)),
        (Query().eq("line", "a").not_(), "NOT({The line}='a')", ()),
        (Query().eq("tick", False).not_(), None, ("not",)),
        (Query().eq("object.a", 1), None, ("object.a eq",)),
        (Query().eq("address", {"city": "b"}), None, ("address eq",)),
        (Query().eq("line", "a\0"), "FALSE()", ()),
        (Query().contains("line", "\x01"), None, ("line contains",)),
        (Query(), None, ()),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_a_formula_expresses_and_what_is_filtered_after_reading(
    query: Query, formula: str | None, filtered: tuple[str, ...]
) -> None:
    narrowed = narrow(query.where, EVERYTHING)
    spoken = "".join("," + IN_ORIGINAL.format(key) for key in sorted({*query.keys()}))
    if formula is not None and filtered == ("line gt",):
        assert narrowed.formula == f"OR({formula}{spoken})"
    else:
        assert narrowed.formula == (None if formula is None else f"OR({formula}{spoken})")
    assert narrowed.filtered == filtered


def test_a_moment_is_asked_for_roughly_and_never_of_an_empty_cell() -> None:
    noon = datetime(2026, 1, 21, 12, tzinfo=UTC)
    formula = narrow(Query().eq("moment", noon).where, EVERYTHING).formula
    assert formula is not None
    assert formula.startswith(
        "OR(IF({The moment}&''='',FALSE(),AND(IS_AFTER({The moment},DATETIME_PARSE('2026-01-21T11:59:58"
    )
    assert narrow(Query().eq("moment", noon).where, EVERYTHING).filtered == ("moment eq",)
    for edge in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)):
        assert narrow(Query().eq("moment", edge).where, EVERYTHING).formula is None


class Cells:
    """A record as a formula sees it."""

    record_id, created_time, now = "rec00000000000001", MOMENTS[0], MOMENTS[0]

    def __init__(self, fields: dict[str, Any]) -> None:
        types = {column.name: column.type for column in EVERYTHING.columns}
        self.cells = {name: as_seen(types.get(name), cell) for name, cell in fields.items()}

    def value(self, name: str) -> Any:
        return self.cells.get(name)

    def modified_time(self, names: tuple[str, ...]) -> None:
        return None


def as_seen(column: str | None, cell: Any) -> Any:
    if column == "date":
        return date.fromisoformat(cell)
    return datetime.fromisoformat(cell) if column == "dateTime" else cell


@pytest.mark.slow
def test_a_formula_keeps_what_wix_keeps_and_where_it_says_all_nothing_else() -> None:
    chance = random.Random(1 if os.environ.get("CI") else None)
    pool = [*WORDS, *NUMBERS, *MOMENTS, *MIXED, None, True, False]
    for key in KEYS:
        values = [value for value in [*pool, *likely(key)] if holds(key, value)]
        others = [{"line": "other"}, {"tick": True}, {}]
        items = [item_json("x", {"_id": "x", **chance.choice(others), key: value}) for value in values]
        items += [{"_id": "x"}, {"_id": "x", "line": "other"}]
        records = [(item, Cells(MAPPING.to_airtable(item).fields)) for item in items]
        for _ in range(40):
            query = asked(chance, key, [*values, *likely(key), *pool])
            narrowed = narrow(query.where, EVERYTHING)
            keeps = predicate(query.where)
            if narrowed.formula is None:
                continue
            program = parse(narrowed.formula).bind(lambda name: name)
            for item, cells in records:
                wanted, found = keeps(item), program.keeps(cells)
                assert found or not wanted, (query, narrowed, item)
                assert wanted or not found or narrowed.filtered or spoken_of(item, query), (query, narrowed, item)


def spoken_of(item: dict[str, Any], query: Query) -> bool:
    """Whether what its cell does not say is kept beside it: such a row is always read."""
    original = MAPPING.to_airtable(item).fields.get("Wix Original", "")
    return any(f'"{key}":' in original for key in {*query.keys()})


def asked(chance: random.Random, key: str, values: list[Any]) -> Query:
    """A condition on a key, at times with another."""
    value = chance.choice(values)
    texts = [value for value in values if isinstance(value, str)]
    ordered = [
        value for value in values if isinstance(value, str | float | int | datetime) and not isinstance(value, bool)
    ]
    text = chance.choice(texts)
    bound, other = chance.choice(ordered), chance.choice(ordered)
    query = chance.choice(
        [
            *(Query().eq(key, value), Query().ne(key, value), Query().in_(key, [value, bound, None])),
            *(Query().gt(key, bound), Query().ge(key, bound), Query().lt(key, bound), Query().le(key, bound)),
            *(Query().has_some(key, [bound, other]), Query().has_all(key, [bound]), Query().between(key, bound, other)),
            *(Query().contains(key, text[:2]), Query().starts_with(key, text), Query().ends_with(key, text[-2:])),
            *(Query().is_empty(key), Query().is_not_empty(key), Query().eq(key, value).or_(Query().eq(key, bound))),
        ]
    )
    match chance.randrange(4):
        case 0:
            query = query.or_(Query().eq("line", "other"))
        case 1:
            query = query.not_()
        case 2:
            query = query.eq("tick", True).not_()
    return query
