"""Values that two databases may well take for something else, and which of them a field can hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from records_kit import EVERYTHING
from runbook.errors import WrongType
from runbook.mapping import Mapping
from runbook.query.values import item_json

WORDS = [
    *("a", "A", "ab", "AB", "a b", " a ", "b", "B c", "Active", "active", "in_review", "OTR", "é", "É", "e\u0301"),
    *("İ", "i", "ı", "ß", "SS", "ẞ", "ﬁ", "fi", "ΑΣ", "ας", "ασ", "Å", "Å", "K", "k", "😀", "👩‍👧", "שלום", "\u202ea"),
    *("", " ", "\n", "a\nb", "a\r\n", "a\tb", "\0", "a\0", "\x01", "\x7f", "\u2028", "\ufeff", "\u0085"),
    *("'", '"', "\\", "\\'", "a\\", "{", "}", "{line}", "{x}", "%", "_", "a%", "`", "''", '""', "\\n", "\\\\", "/*"),
    *("',{x})&RECORD_ID()", "')=1,TRUE(),('", "x') OR TRUE() OR ('", "=TRUE()", "BLANK()", "', {The line}, '"),
    *("0", "1", "-1", "1.0", "01", "007", "12", "123", "1e3", "NaN", "null", "true", "false", "[]", "{}", '["a"]'),
    *('{"a":1}', '"a"', "a,b", "a, b", ",", "x" * 300, "x" * 299 + "y", '"line":', '{"values":{"line":1}}'),
    *("2024-01-31", "2024-01-31T00:00:00.000Z", "2024-01-31T12:00:00Z", "2024-02-30", "31.1.2024", "0001-01-01"),
    *("wix:image://v1/ab_1~mv2.jpg/x.jpg#originWidth=9", "https://static.wixstatic.com/media/ab_1~mv2.jpg"),
]
NUMBERS = [
    *(0, -0.0, 1, 1.0, -1, 2, 12, 123, 0.5, 0.1 + 0.2, 0.3, 1e21, 1e300, 5e-324, -1e-7, 2**53, 10**22, 123456789.125),
    *(99999999999999991611392, 1 / 3),
]
MOMENTS = [
    *(datetime(2024, 1, 31, tzinfo=UTC), datetime(2024, 1, 31, 12, 0, 0, 999, UTC), datetime(1, 1, 1, tzinfo=UTC)),
    *(datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), datetime(2024, 1, 31, 1, tzinfo=timezone(timedelta(hours=2)))),
    *(datetime(2024, 1, 31, 0, 0, 0, 1000, UTC), datetime(2024, 1, 30, 23, 59, 59, 999000, UTC)),
    *(datetime(1969, 12, 31, 23, 59, 59, 999000, UTC), datetime(999, 6, 1, tzinfo=UTC)),
]
MIXED: list[Any] = [
    *([], {}, [["a"], {"a": [1]}], ["a"], ["a", "b"], ["b", "a"], ["A", "A"], [None], [""], [1, "1"], [True, 1]),
    *({"a": 1}, {"a": "é", "b": None}, {"formatted": "1 Main St"}, {"formatted": "a", "city": "b"}, {"city": "b"}),
    *({"b": 1, "a": 2}, {"a": 2, "b": 1}, ['a"b', "a\\"], ["a, b", " c"], [MOMENTS[0]], {"a": MOMENTS[1]}),
]
KEYS = [field.wix for field in EVERYTHING.fields if not field.wix.startswith("_")]
MAPPING = Mapping(EVERYTHING)


def likely(key: str) -> list[Any]:
    """Values of the kind that a field is for."""
    field = EVERYTHING.by_key.get(key)
    if field is None:
        return [*WORDS, *NUMBERS]
    if field.choices:
        return [*field.choices]
    match field.type, field.wix_type:
        case ("number" | "currency" | "percent", "number"):
            return [*NUMBERS]
        case ("number", _):
            return ["0", "1", "12", "-1", "123"]
        case ("date" | "dateTime", "datetime"):
            return [*MOMENTS]
        case ("date", _):
            return ["2024-01-31", "2024-02-01", "0001-01-01", "9999-12-31"]
        case ("checkbox", _):
            return [True, False]
    return [*WORDS]


def holds(key: str, value: Any) -> bool:
    """Whether Airtable can hold a value, in a cell or beside it."""
    try:
        return not MAPPING.to_airtable(item_json("Everything", {"_id": "x", key: value})).refusals
    except WrongType:
        return False
