from __future__ import annotations

import time

import pytest

from sandbox.airtable.formulas import FormulaError, parse

INVALID = "Invalid formula. Please check your formula text."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "(",
        ")",
        "()",
        "1 +",
        "+ 1",
        "1 2",
        "a b",
        "a == b",
        "a <> b",
        "1.",
        "1.2.3",
        "'unfinished",
        "'it's'",
        '"unfinished',
        "'ends in a backslash\\'",
        "{unfinished",
        "{unfinished\\}",
        "{}{}",
        "OR(",
        "OR()",
        "OR(1,)",
        "OR(,1)",
        "OR(1 2)",
        "1,2",
        "a = ",
        "= a",
        "a # b",
        "TRUE(1)",
        "IF(1)",
        "IF(1,2,3,4)",
        "NOT(1,2)",
        "LEFT('a')",
        "RECORD_ID('a')",
        "x" * 200_001,
    ],
)
def test_wrong_formulas_are_invalid(text):
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert caught.value.message == str(caught.value) == INVALID


def test_unknown_functions_are_named_in_order_once_and_lower_cased():
    with pytest.raises(FormulaError) as caught:
        parse("Zeta(1) & OR(BAD(2), zeta ( ), LEFT())")
    assert caught.value.message == "Unknown function names: zeta, bad"


def test_unknown_fields_are_named_in_order_once_and_lower_cased():
    formula = parse("OR({First Name}='a', recABC, {Known}, {first name}, recABC)")
    with pytest.raises(FormulaError) as caught:
        formula.bind(lambda name: "fld" if name == "Known" else None)
    assert caught.value.message == "Unknown field names: first name, recabc"


def test_last_modified_time_takes_fields_only():
    with pytest.raises(FormulaError) as caught:
        parse("LAST_MODIFIED_TIME('a')").bind(lambda name: name)
    assert caught.value.message == INVALID


def test_names_are_unescaped_in_order_and_without_doubles():
    formula = parse("IF({B \\} b} = 'x', OR({a}='y', a, {B \\} b}), -größe_1 & {fldAAAAAAAAAAAAAA})")
    assert formula.names == ("B } b", "a", "größe_1", "fldAAAAAAAAAAAAAA")


def test_rewrite_touches_the_references_only():
    ids = {"a": "fld1", "b }": "fld2"}
    formula = parse("OR( {a}  = '{a}', LEFT(a,1)=\"a\",{b \\}}='x' , a) ")
    assert formula.rewrite(ids.__getitem__) == "OR( {fld1}  = '{a}', LEFT({fld1},1)=\"a\",{fld2}='x' , {fld1}) "


def test_rewrite_escapes_a_brace():
    assert parse("a & b").rewrite(lambda name: name + "}") == "{a\\}} & {b\\}}"


@pytest.mark.parametrize("text", ["{Status} = 'a'", "RECORD_ID ( ) = 'a'", "'a' & {Status} = 'a'", "{Status}='a'='b'"])
def test_the_coarse_tokens_mean_what_the_fine_ones_do(row, text):
    cells = row({"Status": "a"})
    fine = parse(text.replace("= ", "=\n").replace("{Status}", "({Status})").replace("RECORD_ID ( )", "(RECORD_ID())"))
    assert parse(text).bind(str).evaluate(cells) == fine.bind(str).evaluate(cells)


N = 10_000
LONG = {
    "or": ("OR(" + ",".join(f"{{a}}={number}" for number in range(N)) + ")", True),
    "plus": ("+".join("a" * N), 5.0 * N),
    "minus": ("-".join("a" * N), 5.0 - 5 * (N - 1)),
    "times": ("*".join("1" * N), 1.0),
    "concatenate": ("&".join("a" * N), "5" * N),
    "equals": ("=".join("a" * N), False),
    "parentheses": ("(" * N + "a" + ")" * N, 5),
    "signs": ("-" * N + "a", 5.0),
    "mixed": ("a" + "*a+a" * N, 25.0 * N + 5),
    "text": ("'" + "x" * 17_000 + "'", "x" * 17_000),
    "spaces": (" " * 190_000 + "a", 5),
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", LONG)
def test_long_formulas_are_computed(row, shape):
    text, expected = LONG[shape]
    assert parse(text).bind(str).evaluate(row({"a": 5})) == expected


DEEP = {
    "calls": "ABS(" * N + "1" + ")" * N,
    "groups": "(1+" * N + "1" + ")" * N,
    "ifs": "IF(1," * N + "1" + ")" * N,
    "open": "(" * N,
    "close": ")" * N,
    "braces": "{" * N,
    "quotes": "'" * (N + 1),
    "signs": "(-" * N,
    "backslashes": "'" + "\\" * 100_001,
    "letters": "a" * 100_000 + " (",
    "digits": "1" * 100_000 + "x(",
}


@pytest.mark.parametrize("shape", DEEP)
def test_deep_and_broken_formulas_are_refused_soon(shape):
    start = time.perf_counter()
    with pytest.raises(FormulaError):
        parse(DEEP[shape])
    assert time.perf_counter() - start < 5


def test_ninety_nested_calls_are_fine(evaluate):
    assert evaluate("ABS(" * 90 + "-1" + ")" * 90) == 1
