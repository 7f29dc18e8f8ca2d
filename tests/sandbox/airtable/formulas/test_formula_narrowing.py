from __future__ import annotations

import pytest

from sandbox.airtable.formulas import AnyOf, ByRecordId, ByText, parse, to_text


def ids(*names: str) -> ByRecordId:
    return ByRecordId(frozenset(names))


def texts(field: str, *values: str) -> ByText:
    return ByText(field, frozenset(values))


CASES = [
    ("RECORD_ID() = 'recA'", ids("recA")),
    ("'recA'=record_id ( )", ids("recA")),
    ("OR(RECORD_ID()='recA', RECORD_ID()=\"recB\", RECORD_ID()='recA')", ids("recA", "recB")),
    ("{F}='v'", texts("f", "v")),
    ("'v' = F", texts("f", "v")),
    ("({F}) = ('v')", texts("f", "v")),
    ("EXACT({F}, 'v')", texts("f", "v")),
    ("{F}='it\\'s'", texts("f", "it's")),
    ("OR({F}='v', {F}='w')", texts("f", "v", "w")),
    (
        "OR({F}='v', {G}='w', OR(RECORD_ID()='recA', {F}='x'))",
        AnyOf((ids("recA"), texts("f", "v", "x"), texts("g", "w"))),
    ),
    ("AND({F}='v', {G} > 5)", texts("f", "v")),
    ("AND(OR({F}='v', {F}='w'), {G}='x')", texts("g", "x")),
    ("AND({F}='v', RECORD_ID()='recA')", ids("recA")),
    ("AND(OR({F}='v', 1), RECORD_ID()='recA')", ids("recA")),
    ("OR(AND({F}='v', {G}), {F}='w')", texts("f", "v", "w")),
    ("{F}=''", None),
    ("OR({F}='v', {F}='')", None),
    ("OR({F}='v', {G} > 5)", None),
    ("NOT({F}='v')", None),
    ("{F}!='v'", None),
    ("{F}='v'='w'", None),
    ("{F}='v'=FALSE()", None),
    ("{F}=5", None),
    ("{F}={G}", None),
    ("'a'='a'", None),
    ("{F}", None),
    ("AND({F}, {G})", None),
    ("{F}&''='v'", None),
    ("IF({F}='v', 1)", None),
    ("LOWER({F})='v'", None),
    ("XOR({F}='v', {F}='w')", None),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_what_an_index_can_say(text, expected):
    assert parse(text).bind(str.lower).lookup == expected


VALUES = ["v", "w", "", None, 0, 5, 5.5, True, ["v"], ["v", "w"], [], ["w", None]]
FILTERS = [
    "{F}='v'",
    "OR({F}='v', {F}='5')",
    "AND({G}='v', {F}='w')",
    "OR({F}='v, w', AND({G}='1', {F}), RECORD_ID()='recAAAAAAAAAAAAAA')",
    "EXACT({F}, '5.5')",
    "OR({F}='w, ', {G}='0')",
]


def found(lookup, cells) -> bool:
    if isinstance(lookup, AnyOf):
        return any(found(part, cells) for part in lookup.parts)
    if isinstance(lookup, ByRecordId):
        return cells.record_id in lookup.ids
    return to_text(cells.value(lookup.field_id)) in lookup.texts


@pytest.mark.parametrize("text", FILTERS)
def test_no_kept_row_is_missed(row, text):
    program = parse(text).bind(str)
    kept = 0
    for left in VALUES:
        for right in VALUES:
            cells = row({"F": left, "G": right})
            if program.keeps(cells):
                kept += 1
                assert found(program.lookup, cells), (left, right)
    assert kept
