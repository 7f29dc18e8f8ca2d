"""What a formula says is what the sandbox's Airtable reads out of it, whatever the text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airtable_kit import BASE, connect
from runbook.airtable import formulas
from runbook.airtable.client import Airtable
from sandbox import Sandbox

UGLY = [
    "'",
    '"',
    "\\",
    "\\'",
    "\\\\",
    "\\n",
    "a\nb",
    "\r\n",
    "\t",
    "{Name}",
    "}",
    "{",
    "') & ('",
    "OR(1,1)",
    "é",
    "𝄞",
    "\u2028",
    "'=''",
]


@pytest.fixture(scope="module")
def airtable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airtable]:
    fields = [
        {"name": "Text", "type": "multilineText"},
        {"name": "Number", "type": "number", "options": {"precision": 8}},
        {"name": "Is On", "type": "checkbox", "options": {"icon": "check", "color": "greenBright"}},
    ]
    tables = [{"name": "T", "fields": fields}]
    seed = {"base": {"id": BASE, "name": "B"}, "tables": tables}
    with (
        Sandbox(seed=seed, requests_per_second="off") as box,
        connect(box, tmp_path_factory.mktemp("formulas")) as airtable,
    ):
        yield airtable


def found(airtable: Airtable, formula: str, column: str) -> list[object]:
    return [record["fields"].get(column) for record in airtable.records(BASE, "T", formula=formula)]


texts = st.text(
    st.one_of(st.sampled_from(list("'\"\\{}()&=,\n\r\t ")), st.characters(exclude_categories=["Cs"])), min_size=1
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(texts, min_size=2, max_size=8, unique=True))
@example(values=UGLY[:8])
@example(values=UGLY[8:])
def test_a_text_finds_itself_and_nothing_else(airtable: Airtable, values: list[str]) -> None:
    ids = []
    for start in range(0, len(values), 10):
        rows = [{"Text": value} for value in values[start : start + 10]]
        ids += [record["id"] for record in airtable.create(BASE, "T", rows)]
    for value in values:
        assert found(airtable, formulas.eq("Text", value), "Text") == [value]
    for start in range(0, len(ids), 10):
        airtable.delete(BASE, "T", ids[start : start + 10])


@pytest.mark.parametrize("value", [0.1, -3, 1234567, 1e-7, 12345678.875, 1e15, -0.000001])
def test_a_number_finds_itself(airtable: Airtable, value: float) -> None:
    (record,) = airtable.create(BASE, "T", [{"Number": value}])
    assert found(airtable, formulas.eq("Number", value), "Number") == [value]
    assert found(airtable, formulas.eq("Number", value + 1), "Number") == []
    airtable.delete(BASE, "T", [record["id"]])


def test_zero_is_not_empty(airtable: Airtable) -> None:
    made = airtable.create(BASE, "T", [{"Text": "zero", "Number": 0}, {"Text": "empty"}, {"Number": 7}])
    assert found(airtable, formulas.eq("Number", 0), "Text") == ["zero"]
    assert found(airtable, formulas.eq("Number", -0.0), "Text") == ["zero"]
    assert found(airtable, formulas.eq("Number", None), "Text") == ["empty"]
    assert found(airtable, formulas.eq("Text", None), "Number") == [7]
    assert found(airtable, formulas.eq("Text", ""), "Number") == [7]
    airtable.delete(BASE, "T", [record["id"] for record in made])


def test_checkboxes_and_empty_cells(airtable: Airtable) -> None:
    made = airtable.create(BASE, "T", [{"Text": "on", "Is On": True}, {"Text": "off"}])
    assert found(airtable, formulas.eq("Is On", True), "Text") == ["on"]
    assert found(airtable, formulas.eq("Is On", False), "Text") == ["off"]
    assert found(airtable, formulas.all_of([formulas.eq("Number", None), formulas.eq("Text", "off")]), "Text") == [
        "off"
    ]
    assert found(airtable, formulas.any_of([]), "Text") == []
    assert sorted(found(airtable, formulas.all_of([]), "Text")) == ["off", "on"]  # type: ignore[type-var]
    both = formulas.any_of([formulas.eq("Text", "on"), formulas.eq("Text", "off")])
    assert sorted(found(airtable, both, "Text")) == ["off", "on"]  # type: ignore[type-var]
    airtable.delete(BASE, "T", [record["id"] for record in made])


@pytest.mark.parametrize("name", ["a}b", "{x}", "a\\b", "it's", 'say "x"', "a,b", "é ", "1", "=", "a\\nb"])
def test_a_column_is_found_by_its_name_whatever_it_is(airtable: Airtable, name: str) -> None:
    table = next(t["id"] for t in airtable.tables(BASE) if t["name"] == "T")
    airtable.create_field(BASE, table, {"name": name, "type": "singleLineText"})
    (record,) = airtable.create(BASE, "T", [{name: "here"}])
    assert found(airtable, formulas.eq(name, "here"), name) == ["here"]
    airtable.delete(BASE, "T", [record["id"]])


@pytest.mark.parametrize("name", ["", "a\\", "a\\}b"])
def test_a_name_that_no_formula_can_say(name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be empty|no formula can name"):
        formulas.field(name)


def test_values_that_no_cell_can_hold() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        formulas.text("a\ud800")
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="cannot be written in a formula"):
            formulas.eq("Number", value)
