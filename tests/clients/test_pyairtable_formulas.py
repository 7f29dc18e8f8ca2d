"""pyairtable.formulas: what its builders write, the server reads as it was meant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyairtable
import pytest
from pyairtable import formulas as F  # noqa: N812 - the name pyairtable's own documents use
from pyairtable.formulas import AND, EQ, GT, GTE, LT, LTE, NE, NOT, OR, Field, Formula, match

from sandbox.in_process import Sandbox

ACME, BIRCH, COLD = "Acme Freight", "Birch Lines", "Cold 'n' \"Fast\""


@pytest.fixture(scope="module")
def carriers(box: Sandbox, everything: dict[str, Any]) -> Iterator[pyairtable.Table]:
    """One base for all: nothing here writes."""
    import pyairtable

    api = pyairtable.Api(box.token, endpoint_url=box.airtable_url)
    yield api.table(box.seed(everything)["id"], "Carriers")
    api.session.close()


def found(table: pyairtable.Table, formula: Formula | str) -> list[str]:
    return [record["fields"]["Name"] for record in table.all(formula=formula)]


name, fleet, score, founded, audited = (Field(one) for one in ("Name", "Fleet", "Score", "Founded", "Audited"))


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (match({"Name": ACME}), [ACME]),
        (match({"Name": ACME, "Fleet": 8}), []),
        (match({"Name": ACME, "Fleet": 8}, match_any=True), [ACME, BIRCH]),
        (match({"Fleet": (">=", 40), "Active": True}), [ACME, COLD]),
        (match({"Active": False}), [BIRCH]),
        (match({"Name": COLD}), [COLD]),
        (match({"Notes": "Two\nlines"}), [COLD]),
        (match({"Founded": date(2001, 9, 9)}), [BIRCH]),
        (match({"Founded": ("<", date(2001, 9, 9)), "Score": (">", 0)}), [ACME]),
        (match({"Audited": datetime(2026, 3, 5, 12, 30, tzinfo=UTC)}), [ACME]),
        (match({"Score": Decimal("3.5")}), [BIRCH]),
        (match({"Score": Fraction(17, 4)}), [ACME]),
        (match({"Status": "New"}), [BIRCH]),
        (EQ(name, BIRCH), [BIRCH]),
        (NE(name, BIRCH), [ACME, COLD]),
        (GT(fleet, 40), [ACME]),
        (GTE(fleet, 40), [ACME, COLD]),
        (LT(fleet, 40), [BIRCH]),
        (LTE(fleet, 40), [BIRCH, COLD]),
        (name.eq(ACME), [ACME]),
        (name.ne(ACME), [BIRCH, COLD]),
        (fleet.gt(8), [ACME, COLD]),
        (fleet.gte(8), [ACME, BIRCH, COLD]),
        (fleet.lt(8), []),
        (fleet.lte(8), [BIRCH]),
        (AND(fleet.gt(8), Status="Barred"), [COLD]),
        (OR(EQ(name, ACME), EQ(name, BIRCH)), [ACME, BIRCH]),
        (NOT(Status="Barred"), [ACME, BIRCH]),
        (fleet.gt(8) & ~EQ(name, COLD), [ACME]),
        (EQ(name, ACME) | EQ(name, COLD), [ACME, COLD]),
        (EQ(name, ACME) ^ fleet.gt(8), [COLD]),
        (AND(AND(fleet.gt(8), AND(fleet.lt(100))), fleet.ne(0)).flatten(), [COLD]),
        (Formula("{Fleet} > 100"), [ACME]),
        ("{Fleet} > 100", [ACME]),
        (EQ(F.RECORD_ID(), "rec00000000000000"), []),
        (EQ(name, F.BLANK()), []),
        (EQ(Field("Notes"), F.BLANK()), [BIRCH]),
        (F.IS_AFTER(audited, F.DATETIME_PARSE("2026-03-05T23:59:00.000Z")), [BIRCH]),
        (F.IS_BEFORE(founded, datetime(1950, 1, 1, tzinfo=UTC)), [ACME]),
        (F.IS_SAME(audited, date(2026, 3, 5), "day"), [ACME]),
        (EQ(F.DATETIME_DIFF(audited, founded, "years"), 94), [ACME]),
        (EQ(F.DATETIME_FORMAT(founded, "DD/MM/YYYY"), "09/09/2001"), [BIRCH]),
        (EQ(F.DATESTR(F.DATEADD(founded, 1, "months")), "1931-05-01"), [ACME]),
        (EQ(F.YEAR(founded), 2001), [BIRCH]),
        (EQ(F.WEEKDAY(founded), 0), [BIRCH]),
        (F.FIND("Eli", Field("Drivers")), [ACME]),
        (F.FIND("flatbed", Field("Tags")), [ACME, BIRCH]),
        (F.SEARCH("fast", F.LOWER(name)), [COLD]),
        (F.REGEX_MATCH(name, "^[AB]"), [ACME, BIRCH]),
        (EQ(F.SUBSTITUTE(F.UPPER(name), " ", "-"), "BIRCH-LINES"), [BIRCH]),
        (EQ(F.CONCATENATE(F.LEFT(name, 4), "!", F.LEN(name)), "Acme!12"), [ACME]),
        (EQ(F.IF(fleet.gt(100), "big", "small"), "big"), [ACME]),
        (EQ(F.SWITCH(Field("Status"), "New", 1, "Barred", 2, 3), 2), [COLD]),
        (EQ(F.ROUND(score, 1), 4.3), [ACME]),
        (EQ(F.SUM(fleet, 1, 2), 11), [BIRCH]),
        (EQ(F.MOD(fleet, 40), 0), [ACME, COLD]),
        (EQ(name, "acme freight"), []),
        (EQ(Field("Drivers"), "Dana, Eli"), [ACME]),
        (F.FIND("2026-03-05", audited), [ACME]),
        (EQ(F.RECORD_ID(), F.RECORD_ID()), [ACME, BIRCH, COLD]),
        (EQ(Field("Active"), 1), [ACME, COLD]),
        (Field("Active"), [ACME, COLD]),
        (EQ(Field("Shout"), "BIRCH LINES"), [BIRCH]),
        (GT(Field("Miles"), 1000), [ACME]),
    ],
    ids=str,
)
def test_a_built_formula_selects_the_records_it_says(
    carriers: pyairtable.Table, formula: Formula | str, expected: list[str]
) -> None:
    assert found(carriers, formula) == expected


def test_fields_are_found_by_id_in_a_formula(carriers: pyairtable.Table) -> None:
    ids = {field.name: field.id for field in carriers.schema().fields}
    assert found(carriers, AND(GT(Field(ids["Fleet"]), 8), EQ(Field("Status"), "Barred"))) == [COLD]


def test_every_function_that_pyairtable_offers_is_known(carriers: pyairtable.Table) -> None:
    """One call with each name in pyairtable's list; a name the server lacks would be refused as unknown."""
    arguments = {
        "ABS": (1,), "AVERAGE": (1, 2), "CEILING": (1.5,), "CONCATENATE": ("a", "b"), "COUNT": (1,), "COUNTA": (1,),
        "COUNTALL": (1,), "DATEADD": (founded, 1, "days"), "DATESTR": (founded,),
        "DATETIME_DIFF": (audited, founded, "days"), "DATETIME_FORMAT": (founded,), "DATETIME_PARSE": ("2026-01-01",),
        "DAY": (founded,), "ENCODE_URL_COMPONENT": ("a b",), "EVEN": (1,), "EXP": (1,), "FIND": ("a", name),
        "FLOOR": (1.5,), "FROMNOW": (founded,), "HOUR": (audited,), "IF": (1, 2, 3), "INT": (1.5,), "ISERROR": (1,),
        "IS_AFTER": (audited, founded), "IS_BEFORE": (audited, founded), "IS_SAME": (audited, founded, "day"),
        "LEFT": ("ab", 1), "LEN": ("a",), "LOG": (10,), "LOWER": ("A",), "MAX": (1, 2), "MID": ("abc", 1, 1),
        "MIN": (1, 2), "MINUTE": (audited,), "MOD": (3, 2), "MONTH": (founded,), "ODD": (2,), "POWER": (2, 3),
        "REGEX_EXTRACT": (name, "[A-Z]"), "REGEX_MATCH": (name, "[A-Z]"), "REGEX_REPLACE": (name, "[A-Z]", "x"),
        "REPLACE": ("abc", 1, 1, "x"), "REPT": ("a", 2), "RIGHT": ("ab", 1), "ROUND": (1.5, 0), "ROUNDDOWN": (1.5, 0),
        "ROUNDUP": (1.5, 0), "SEARCH": ("a", name), "SECOND": (audited,), "SET_LOCALE": (audited, "es"),
        "SET_TIMEZONE": (audited, "America/Chicago"), "SQRT": (4,), "SUBSTITUTE": ("a", "a", "b"), "SUM": (1, 2),
        "SWITCH": (1, 1, 2), "T": ("a",), "TIMESTR": (audited,), "TONOW": (founded,), "TRIM": (" a",), "UPPER": ("a",),
        "VALUE": ("1",), "WEEKDAY": (founded,), "WEEKNUM": (founded,), "WORKDAY": (founded, 1),
        "WORKDAY_DIFF": (founded, audited), "XOR": (1, 0), "YEAR": (founded,),
    }  # fmt: skip
    without = {"BLANK", "CREATED_TIME", "ERROR", "FALSE", "LAST_MODIFIED_TIME", "NOW", "RECORD_ID", "TODAY", "TRUE"}
    offered = {one for one in vars(F) if one.isupper() and one not in {"AND", "OR", "NOT", "EQ", "NE", "GT", "GTE"}}
    offered -= {"LT", "LTE", "COMPARISONS_BY_OPERATOR", "TYPE_CHECKING"}
    assert offered == set(arguments) | without
    refused = []
    for one in sorted(offered):
        call = getattr(F, one)(*arguments.get(one, ()))
        try:
            # AND with 0: nothing is kept, whatever the function's value is.
            assert found(carriers, AND(Formula("0"), OR(EQ(call, 1), NE(call, 1)))) == [], one
        except Exception as problem:  # noqa: BLE001 - all the names that fail are to be told at once
            refused.append((one, str(problem)))
    assert refused == []


@pytest.mark.parametrize(
    "text",
    [
        "it's", 'say "hi"', "both ' and \"", "back\\slash", "ends with \\", "new\nline", "tab\there", "cr\r\nlf",
        "{braces}", "a,b)(", "100% & more", "naïve 漢字 🚚", "\\'", "''", " padded ",
    ],
)  # fmt: skip
def test_text_is_escaped_so_that_it_matches_itself_alone(base: pyairtable.Base, text: str) -> None:
    table = base.table("Drivers")
    made = table.create({"Name": text})
    read = made["fields"]["Name"]
    assert [record["id"] for record in table.all(formula=match({"Name": read}))] == [made["id"]]
    assert table.all(formula=match({"Name": read + "x"})) == []


@pytest.mark.parametrize("field", ["with space", "it's", 'quo"ted', "sl/ash", "per%cent", "bra}ce", "ünï", "a & b"])
def test_field_names_are_escaped_so_that_they_are_found(base: pyairtable.Base, field: str) -> None:
    table = base.create_table("Odd names", [{"name": field, "type": "singleLineText"}])
    made = table.batch_create([{field: "x"}, {field: "y"}])
    assert [record["id"] for record in table.all(formula=match({field: "x"}))] == [made[0]["id"]]
