from __future__ import annotations

import math
from datetime import UTC, date, datetime

import pytest

from sandbox.airtable.formulas import FAULT, parse
from sandbox.airtable.formulas.functions import logic, records

DAY = {"d": date(2026, 11, 22)}
MOMENT = {"d": datetime(2026, 11, 22, 14, 51, 19, 370_000, tzinfo=UTC)}
CASES: list[tuple[str, dict, object]] = [
    # precedence and operators
    ("1 + 2 * 3", {}, 7),
    ("(1 + 2) * 3", {}, 9),
    ("10 - 2 - 3", {}, 5),
    ("100 / 10 / 2", {}, 5),
    ("2 * -3", {}, -6),
    ("-2 * 3", {}, -6),
    ("- - -2", {}, -2),
    ("--{x}", {"x": 2}, 2),
    ("2--3", {}, 5),
    (".5 + 1.25", {}, 1.75),
    ("'a' & 1 + 2", {}, "a3"),
    ("1 + 2 & 3 + 4", {}, "37"),
    ("1 & 2 = '12'", {}, True),
    ("'a' & 'b' = 'ab'", {}, True),
    ("1 < 2 = TRUE()", {}, True),
    ("3 > 2 > 1", {}, False),
    ("1 = 1 != 1", {}, False),
    ("1 + 1 = 2", {}, True),
    ("-{x}", {"x": None}, 0),
    ("-'a'", {}, FAULT),
    ("1/0", {}, math.inf),
    ("-1/0", {}, -math.inf),
    ("{x} + 1", {"x": None}, 1),
    ("{x} + 1", {"x": "5"}, FAULT),
    ("{x} + 1", {"x": True}, 2),
    ("{x} + 1", {"x": [4]}, 5),
    ("{x} + 1", {"x": [4, 5]}, FAULT),
    ("{x} + 1", {"x": []}, 1),
    ("{x} + 1", {"x": date(2026, 1, 1)}, FAULT),
    ("{x} + 1", {"x": 10**400}, math.inf),
    ("{x} + 1", {"x": FAULT}, FAULT),
    ("'a' + 'b'", {}, FAULT),
    ("TRUE() + TRUE()", {}, 2),
    ("{x} & {y}", {"x": None, "y": 0}, "0"),
    ("{x} & ''", {"x": True}, "1"),
    ("FALSE() & ''", {}, "0"),
    ("{x} & ''", {"x": ["a", None, 2]}, "a, , 2"),
    ("{d} & ''", DAY, "2026-11-22"),
    ("{d} & ''", MOMENT, "2026-11-22T14:51:19.370Z"),
    ("{x} & 'y'", {"x": "x" * 1_000_000}, FAULT),
    ("'it\\'s' & \"\\\"q\\\"\" & '\\\\' & '\\n\\t\\r' & '\\q'", {}, 'it\'s"q"\\\n\t\rq'),
    # equality
    ("'a' = 'a'", {}, True),
    ("'a' = 'A'", {}, False),
    ("'a' != 'A'", {}, True),
    ("{x} = BLANK()", {"x": None}, True),
    ("{x} = ''", {"x": None}, True),
    ("'' = {x}", {"x": None}, True),
    ("{x} = 0", {"x": None}, True),
    ("{x} = FALSE()", {"x": None}, True),
    ("{x} = BLANK()", {"x": []}, True),
    ("{x} = BLANK()", {"x": 0}, True),
    ("{x} = BLANK()", {"x": "a"}, False),
    ("{x} = ''", {"x": 0}, False),
    ("{x} = '5'", {"x": 5}, True),
    ("{x} = 5", {"x": "5"}, True),
    ("{x} = '5.0'", {"x": 5}, False),
    ("{x} = 1", {"x": True}, True),
    ("{x} = TRUE()", {"x": True}, True),
    ("{x} = TRUE()", {"x": None}, False),
    ("{x} = 'Acme'", {"x": ["Acme"]}, True),
    ("{x} = 'Acme'", {"x": ["Acme", "Bolt"]}, False),
    ("{x} = 'Acme, Bolt'", {"x": ["Acme", "Bolt"]}, True),
    ("{x} = 5", {"x": [5]}, True),
    ("{x} = 'a'", {"x": FAULT}, FAULT),
    ("{x} = 'a'", {"x": ["a", FAULT]}, FAULT),
    ("OR({x} = 'a', {x} = 'b')", {"x": FAULT}, FAULT),
    ("0/0 = 0/0", {}, False),
    ("{d} = DATETIME_PARSE('2026-11-22T14:51:19.370Z')", MOMENT, True),
    ("{d} = DATETIME_PARSE('2026-11-22T14:51:19.371Z')", MOMENT, False),
    ("{d} = DATETIME_PARSE('2026-11-22')", DAY, True),
    ("{d} = '2026-11-22T14:51:19.370Z'", MOMENT, False),
    ("{d} = '2026-11-22'", DAY, False),
    ("{d} = TODAY()", DAY, True),
    ("{d} = BLANK()", DAY, False),
    ("{d} = 5", DAY, False),
    ("FIND('2026-11-22', {d})", MOMENT, 1),
    # order
    ("2 < 10", {}, True),
    ("'2' < '10'", {}, False),
    ("'a' <= 'a'", {}, True),
    ("'b' >= 'c'", {}, False),
    ("{x} < 1", {"x": None}, True),
    ("{x} > -1", {"x": None}, True),
    ("{x} < 'a'", {"x": None}, True),
    ("'5' > 3", {}, True),
    ("'five' > 3", {}, False),
    ("'five' <= 3", {}, False),
    ("0/0 < 1", {}, False),
    ("{d} < NOW()", DAY, True),
    ("{d} >= NOW()", MOMENT, True),
    ("{x} < NOW()", {"x": None}, False),
    ("{d} > 5", DAY, False),
    ("{x} >= 5", {"x": [7]}, True),
    ("{x} < 5", {"x": FAULT}, FAULT),
    # logic
    ("AND(1, 'a', TRUE())", {}, True),
    ("AND(1, {x})", {"x": None}, False),
    ("AND(values)", {"values": [1, 1]}, True),
    ("AND(values)", {"values": [1, 0]}, False),
    ("AND(values)", {"values": []}, False),
    ("AND(FALSE(), ERROR())", {}, False),
    ("AND(TRUE(), ERROR())", {}, FAULT),
    ("AND(0/0)", {}, False),
    ("OR({x}, '', 0)", {"x": None}, False),
    ("OR({x}, 'a')", {"x": None}, True),
    ("OR(values)", {"values": [0, 1]}, True),
    ("OR({x}='a', {x}='b', {y}='c', 0)", {"x": "z", "y": "c"}, True),
    ("OR({x}='a', {x}='b', {y}='c', 0)", {"x": "z", "y": "z"}, False),
    ("OR({x}='a', {x}='b')", {"x": ["b"]}, True),
    ("OR({x}='5', {x}='6')", {"x": 6}, True),
    ("OR(RECORD_ID()='recX', RECORD_ID()='recAAAAAAAAAAAAAA')", {}, True),
    ("OR(RECORD_ID()='recX', {x}='b')", {"x": "a"}, False),
    ("NOT({x})", {"x": None}, True),
    ("NOT('')", {}, True),
    ("NOT(1)", {}, False),
    ("NOT({x})", {"x": []}, True),
    ("NOT({x})", {"x": ["a"]}, False),
    ("NOT(ERROR())", {}, FAULT),
    ("XOR(1, 0, 0)", {}, True),
    ("XOR(1, 1)", {}, False),
    ("XOR(1, 1, 1)", {}, True),
    ("XOR(values)", {"values": [1, 0]}, True),
    ("IF(1, 'y', 'n')", {}, "y"),
    ("IF({x}, 'y', 'n')", {"x": None}, "n"),
    ("IF({x}, 'y')", {"x": None}, None),
    ("IF(1, 'y', ERROR())", {}, "y"),
    ("IF(ERROR(), 'y', 'n')", {}, FAULT),
    ("IF({d}, 'y', 'n')", DAY, "y"),
    ("SWITCH({x}, 'a', 1, 'b', 2, 3)", {"x": "b"}, 2),
    ("SWITCH({x}, 'a', 1, 'b', 2, 3)", {"x": "c"}, 3),
    ("SWITCH({x}, 'a', 1)", {"x": "c"}, None),
    ("SWITCH({x}, 1, 'one', ERROR())", {"x": 1}, "one"),
    ("BLANK()", {}, None),
    ("BLANK() & 'a'", {}, "a"),
    ("BLANK() = 0", {}, True),
    ("TRUE()", {}, True),
    ("TRUE() = 1", {}, True),
    ("FALSE()", {}, False),
    ("FALSE() = BLANK()", {}, True),
    ("FALSE() + 1", {}, 1),
    ("ERROR()", {}, FAULT),
    ("ERROR('why')", {}, FAULT),
    ("ERROR() & 'a'", {}, FAULT),
    ("ISERROR(ERROR())", {}, True),
    ("ISERROR(1/0)", {}, True),
    ("ISERROR({x})", {"x": FAULT}, True),
    ("ISERROR({x})", {"x": None}, False),
    ("IF(ISERROR('a' * 2), 'bad', 'good')", {}, "bad"),
    # the row itself
    ("RECORD_ID()", {}, "recAAAAAAAAAAAAAA"),
    ("record_id ( ) = 'recAAAAAAAAAAAAAA'", {}, True),
    ("RECORD_ID() = {x}", {"x": "recAAAAAAAAAAAAAA"}, True),
    ("LEFT(RECORD_ID(), 3)", {}, "rec"),
    ("CREATED_TIME()", {}, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("CREATED_TIME() & ''", {}, "2026-01-02T03:04:05.000Z"),
    ("IS_BEFORE(CREATED_TIME(), NOW())", {}, True),
    ("NOW()", {}, datetime(2026, 11, 22, 14, 51, 19, 370_000, tzinfo=UTC)),
    ("YEAR(NOW())", {}, 2026),
    ("TODAY()", {}, datetime(2026, 11, 22, tzinfo=UTC)),
    ("TODAY() & ''", {}, "2026-11-22T00:00:00.000Z"),
    ("NOW() > TODAY()", {}, True),
    ("TONOW(DATEADD(NOW(), 25, 'days'))", {}, "25 days"),
    ("TONOW('2026-11-22T14:51:10Z')", {}, "a few seconds"),
    ("TONOW({x})", {"x": None}, FAULT),
    ("FROMNOW(DATEADD(NOW(), -1, 'day'))", {}, "a day"),
    ("FROMNOW(DATEADD(NOW(), -3, 'hours'))", {}, "3 hours"),
    ("FROMNOW(DATEADD(NOW(), -3, 'years'))", {}, "3 years"),
    ("FROMNOW(SET_LOCALE(DATEADD(NOW(), -3, 'months'), 'de'))", {}, "3 Monate"),
    ("DATETIME_PARSE({x})", {"x": None}, FAULT),
    # names
    ("{a \\} b}", {"a } b": 1}, 1),
    ("{a\\b}", {"a\\b": 1}, 1),
    ("größe_2 + Straße", {"größe_2": 1, "Straße": 2}, 3),
    ("2nd", {"2nd": "x"}, "x"),
    ("if ( 1 , 'a' , 'b' )", {}, "a"),
    ("{IF}", {"IF": 3}, 3),
]


@pytest.mark.parametrize(("formula", "fields", "expected"), CASES)
def test_operators_and_logic(evaluate, formula, fields, expected):
    value = evaluate(formula, fields)
    assert (value, isinstance(value, bool)) == (expected, isinstance(expected, bool))


def test_every_function_of_logic_has_its_cases(cases_by_function):
    counted = cases_by_function(CASES)
    assert {name for name in (*logic.FORMS, *records.FORMS) if counted[name] < 3} == set()


def test_zero_over_zero_is_not_a_number(evaluate):
    assert math.isnan(evaluate("0/0"))


@pytest.mark.parametrize(
    ("formula", "kept"),
    [
        ("1", True),
        ("'a'", True),
        ("-1", True),
        ("1/0", True),
        ("{d}", True),
        ("{tags}", True),
        ("1 = 1", True),
        ("0", False),
        ("''", False),
        ("FALSE()", False),
        ("BLANK()", False),
        ("0/0", False),
        ("ERROR()", False),
        ("{empty}", False),
        ("{fault}", False),
        ("'a' + 1", False),
        ("1 = 2", False),
    ],
)
def test_a_filter_keeps_what_is_true(row, formula, kept):
    cells = {"d": date(2026, 1, 1), "tags": ["a"], "empty": [], "fault": FAULT}
    assert parse(formula).bind(lambda name: name).keeps(row(cells)) is kept


def test_last_modified_time_asks_for_the_fields_named(row):
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    cells = row({"a": 1, "b": 2, "c": 3}, {"a": early, "b": late})
    bound = {
        text: parse(text).bind(lambda name: name)
        for text in (
            "LAST_MODIFIED_TIME()",
            "LAST_MODIFIED_TIME({a})",
            "LAST_MODIFIED_TIME(a, {b})",
            "LAST_MODIFIED_TIME(c)",
        )
    }
    assert [program.evaluate(cells) for program in bound.values()] == [late, early, late, None]
    assert [sorted(program.fields) for program in bound.values()] == [[], ["a"], ["a", "b"], ["c"]]
