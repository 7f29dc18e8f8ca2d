from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from sandbox.airtable.formulas import FAULT, parse, to_cell, to_text

MOMENT = datetime(2026, 11, 22, 14, 51, 19, 370_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text", "cell"),
    [
        (None, "", None),
        ("", "", ""),
        ("a", "a", "a"),
        (True, "1", 1),
        (False, "0", 0),
        (5, "5", 5),
        (5.0, "5", 5),
        (-0.0, "0", 0),
        (0.1 + 0.2, "0.30000000000000004", 0.30000000000000004),
        (1e16, "10000000000000000", 10**16),
        (1e21, "1e+21", 1e21),
        (-1.5e300, "-1.5e+300", -1.5e300),
        (10**400, "Infinity", 10**400),
        (0.000001, "0.000001", 0.000001),
        (-0.0000015, "-0.0000015", -0.0000015),
        (1e-7, "1e-7", 1e-7),
        (1.25e-9, "1.25e-9", 1.25e-9),
        (math.nan, "NaN", {"specialValue": "NaN"}),
        (math.inf, "Infinity", {"specialValue": "Infinity"}),
        (-math.inf, "-Infinity", {"specialValue": "-Infinity"}),
        (date(2026, 1, 2), "2026-01-02", "2026-01-02"),
        (MOMENT, "2026-11-22T14:51:19.370Z", "2026-11-22T14:51:19.370Z"),
        (MOMENT.replace(tzinfo=None), "2026-11-22T14:51:19.370Z", "2026-11-22T14:51:19.370Z"),
        (
            datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            "2025-12-31T22:00:00.000Z",
            "2025-12-31T22:00:00.000Z",
        ),
        (datetime(7, 1, 1, tzinfo=UTC), "0007-01-01T00:00:00.000Z", "0007-01-01T00:00:00.000Z"),
        (FAULT, "#ERROR!", {"error": "#ERROR!"}),
        ([], "", []),
        (["a", 2.0, None, FAULT], "a, 2, , #ERROR!", ["a", 2, None, {"error": "#ERROR!"}]),
    ],
)
def test_values_as_text_and_as_cells(value, text, cell):
    assert to_text(value) == text
    assert json.dumps(to_cell(value)) == json.dumps(cell)


def test_numbers_in_a_formula_of_text_are_text_and_zero_is_blank():
    assert [to_cell(value, "singleLineText") for value in (1.0, 2.5, 0.0, False, True, "a", None)] == [
        "1",
        "2.5",
        None,
        None,
        "1",
        "a",
        None,
    ]
    assert to_cell(0.0, "number") == 0


KINDS = {
    "N": "number",
    "T": "singleLineText",
    "D": "date",
    "M": "dateTime",
    "C": "checkbox",
    "L": "multipleRecordLinks",
}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("{N}", "number"),
        ("{D}", "date"),
        ("{C}", "checkbox"),
        ("{L}", "singleLineText"),
        ("{N} + 1", "number"),
        ("-{T}", "number"),
        ("{N} & ''", "singleLineText"),
        ("{N} = 1", "number"),
        ("'a'", "singleLineText"),
        ("1", "number"),
        ("AND({C})", "number"),
        ("LEN({T})", "number"),
        ("UPPER({T})", "singleLineText"),
        ("DATETIME_FORMAT({D}, 'L')", "singleLineText"),
        ("DATEADD({D}, 1, 'days')", "dateTime"),
        ("LAST_MODIFIED_TIME()", "dateTime"),
        ("DATETIME_DIFF({D}, {M}, 'days')", "number"),
        ("IF({C}, {D})", "date"),
        ("IF({C}, {D}, {M})", "dateTime"),
        ("IF({C}, 1, 'a')", "singleLineText"),
        ("IF({C}, 1, BLANK())", "number"),
        ("IF({C}, {C}, ERROR())", "checkbox"),
        ("SWITCH({T}, 'a', 1, 'b', 2)", "number"),
        ("SWITCH({T}, 'a', 1, 'b', 2, {T})", "singleLineText"),
        ("MAX({D}, {D})", "date"),
        ("MAX({D}, {M})", "dateTime"),
        ("MAX({N})", "number"),
        ("BLANK()", "singleLineText"),
    ],
)
def test_the_type_of_a_result(text, kind):
    assert parse(text).bind(str).result(KINDS.__getitem__) == kind
