from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.airtable.formulas import FAULT, FormulaError, parse, to_cell, to_text
from sandbox.airtable.formulas.functions import SIGNATURES

PIECES = [
    "(",
    ")",
    ",",
    "+",
    "-",
    "*",
    "/",
    "&",
    "=",
    "!=",
    "<",
    ">=",
    "'",
    '"',
    "\\",
    "{",
    "}",
    "{a}",
    "'v'",
    "1",
    " ",
    "a",
    ".5",
]
SOUP = st.lists(st.sampled_from([*PIECES, *(name + "(" for name in SIGNATURES)]), max_size=30).map("".join)
CELLS = st.recursive(
    st.none()
    | st.text(max_size=8)
    | st.sampled_from(["2026-11-22", "9999-12-31T23:59:59Z", "days", "YYYY", "UTC", "America/New_York", "(a+)+"])
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.dates()
    | st.datetimes(timezones=st.just(UTC))
    | st.sampled_from([FAULT, date.min, date.max, datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
OPERAND = st.sampled_from(["{a}", "{b}", "{c}", "'days'", "1", "-{a}", "'2026-01-31'", "NOW()"])


def calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    named = st.sampled_from(sorted(SIGNATURES)).flatmap(
        lambda name: st.lists(inner, min_size=SIGNATURES[name][0], max_size=min(SIGNATURES[name][1], 4)).map(
            lambda given: f"{name}({','.join(given)})"
        )
    )
    signs = st.sampled_from(["+", "-", "*", "/", "&", "=", "!=", "<", "<=", ">", ">="])
    return named | st.tuples(inner, signs, inner).map(lambda parts: f"({''.join(parts)})")


@given(st.text() | SOUP)
@settings(max_examples=400, deadline=None)
def test_parse_raises_nothing_but_formula_errors(text):
    try:
        formula = parse(text)
    except FormulaError as error:
        said = error.message
    else:
        said = "Invalid formula."
        assert parse(formula.rewrite(lambda name: name)).names == formula.names
    assert said.startswith(("Invalid formula.", "Unknown function names: "))


@pytest.mark.slow
@given(st.recursive(OPERAND, calls, max_leaves=8), CELLS, CELLS, CELLS)
@settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_the_cells_hold_the_result_is_a_text_a_cell_and_a_type(row, text, a, b, c):
    try:
        program = parse(text).bind(str)
    except FormulaError:
        assert "LAST_MODIFIED_TIME(" in text
        return
    cells = row({"a": a, "b": b, "c": c}, {"a": datetime(2026, 1, 1, tzinfo=UTC)})
    value = program.evaluate(cells)
    assert isinstance(to_text(value), str)
    cell = to_cell(value)
    assert json.loads(json.dumps(cell, allow_nan=False)) == cell
    assert isinstance(program.keeps(cells), bool)
    assert program.result(lambda field: "number") in ("number", "singleLineText", "dateTime", "date", "checkbox")
