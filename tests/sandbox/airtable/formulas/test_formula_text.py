from __future__ import annotations

import tracemalloc

import pytest

from sandbox.airtable.formulas import FAULT
from sandbox.airtable.formulas.functions import patterns, text

LONG = {"long": "x" * 1_000_000}
CASES: list[tuple[str, dict, object]] = [
    ("CONCATENATE('a', 1, 2.5)", {}, "a12.5"),
    ("CONCATENATE({x}, {tags}, TRUE())", {"x": None, "tags": ["a", "b"]}, "ab1"),
    ("CONCATENATE(values)", {"values": ["a", "b", None]}, "ab"),
    ("CONCATENATE({long}, 'y')", LONG, FAULT),
    ("CONCATENATE({x})", {"x": FAULT}, FAULT),
    ("ENCODE_URL_COMPONENT('a b&c/ü')", {}, "a%20b%26c%2F%C3%BC"),
    ('ENCODE_URL_COMPONENT("-_.!~*\'()")', {}, "-_.!~*'()"),
    ("ENCODE_URL_COMPONENT({x})", {"x": None}, ""),
    ("ENCODE_URL_COMPONENT({x})", {"x": "\ud800"}, FAULT),
    ("ENCODE_URL_COMPONENT(REPT('ü', 500000))", {}, FAULT),
    ("EXACT('a', 'a')", {}, True),
    ("EXACT('a', 'A')", {}, False),
    ("EXACT({x}, '')", {"x": None}, True),
    ("FIND('b', 'abcb')", {}, 2),
    ("FIND('b', 'abcb', 3)", {}, 4),
    ("FIND('B', 'abcb')", {}, 0),
    ("FIND('x', {x})", {"x": None}, 0),
    ("FIND('Acme', {links})", {"links": ["Bolt", "Acme Ltd"]}, 7),
    ("FIND('a', 'a', -5)", {}, 1),
    ("FIND(1, 'a1')", {}, 2),
    ("LEFT('hello', 2)", {}, "he"),
    ("LEFT('hello', 99)", {}, "hello"),
    ("LEFT('hello', -1)", {}, ""),
    ("LEFT(12345, 2)", {}, "12"),
    ("LEFT({x}, 2)", {"x": None}, ""),
    ("LEFT('hello', 'two')", {}, FAULT),
    ("LEN('hello')", {}, 5),
    ("LEN({x})", {"x": None}, 0),
    ("LEN({tags})", {"tags": ["a", "b"]}, 4),
    ("LEN(1.5)", {}, 3),
    ("LOWER('ÄbC')", {}, "äbc"),
    ("LOWER({x})", {"x": None}, ""),
    ("LOWER({x})", {"x": ["A", "B"]}, "a, b"),
    ("MID('hello', 2, 3)", {}, "ell"),
    ("MID('hello', 0, 2)", {}, "he"),
    ("MID('hello', 9, 3)", {}, ""),
    ("MID('hello', 2, -1)", {}, ""),
    ("REPLACE('hello', 2, 3, 'ipp')", {}, "hippo"),
    ("REPLACE('hello', 1, 0, '>')", {}, ">hello"),
    ("REPLACE('hello', 99, 1, '!')", {}, "hello!"),
    ("REPLACE({long}, 1, 0, 'y')", LONG, FAULT),
    ("REPT('ab', 3)", {}, "ababab"),
    ("REPT('ab', 0)", {}, ""),
    ("REPT('ab', -2)", {}, ""),
    ("REPT('ab', 2.9)", {}, "abab"),
    ("REPT('ab', 500001)", {}, FAULT),
    ("REPT('ab', 10000000000000000000000)", {}, FAULT),
    ("LEN(REPT('ab', 500000))", {}, 1_000_000),
    ("RIGHT('hello', 2)", {}, "lo"),
    ("RIGHT('hello', 0)", {}, ""),
    ("RIGHT('hello', 99)", {}, "hello"),
    ("SEARCH('B', 'abcb')", {}, 2),
    ("SEARCH('x', 'abc')", {}, None),
    ("SEARCH('b', 'abcb', 3)", {}, 4),
    ("SEARCH('b', {x})", {"x": None}, None),
    ("SUBSTITUTE('a-b-c', '-', '+')", {}, "a+b+c"),
    ("SUBSTITUTE('a-b-c', '-', '+', 2)", {}, "a-b+c"),
    ("SUBSTITUTE('a-b-c', '-', '+', 3)", {}, "a-b-c"),
    ("SUBSTITUTE('a-b-c', '-', '+', 0)", {}, "a-b-c"),
    ("SUBSTITUTE('abc', '', '+')", {}, "abc"),
    ("SUBSTITUTE('aaa', 'aa', 'b')", {}, "ba"),
    ("SUBSTITUTE({long}, 'x', 'yy')", LONG, FAULT),
    ("T('a')", {}, "a"),
    ("T(1)", {}, None),
    ("T({x})", {"x": None}, None),
    ("TRIM('  a b\t\n')", {}, "a b"),
    ("TRIM({x})", {"x": None}, ""),
    ("TRIM(5)", {}, "5"),
    ("UPPER('straße')", {}, "STRASSE"),
    ("UPPER({x})", {"x": FAULT}, FAULT),
    ("UPPER({x})", {"x": ["a", FAULT]}, FAULT),
    ("REGEX_MATCH('Hello World', 'Hello.World')", {}, True),
    ("REGEX_MATCH('Hello World', 'wor')", {}, False),
    ("REGEX_MATCH('Hello World', '(?i)wor')", {}, True),
    ("REGEX_MATCH({x}, '^$')", {"x": None}, True),
    ("REGEX_MATCH('a', '(')", {}, FAULT),
    ("REGEX_MATCH('a', 'a(?=b)')", {}, FAULT),
    ("REGEX_MATCH('a', '((a{1000}){1000}){1000}')", {}, FAULT),
    ("REGEX_MATCH({x}, '(a+)+$')", {"x": "a" * 100_000 + "!"}, False),
    ("REGEX_EXTRACT('Order 66 of 99', '[0-9]+')", {}, "66"),
    ("REGEX_EXTRACT('key=value', 'key=(.*)')", {}, "key=value"),
    ("REGEX_EXTRACT('abc', '[0-9]+')", {}, FAULT),
    ("REGEX_EXTRACT('nø é', 'é')", {}, "é"),
    ("REGEX_REPLACE('a1b22', '[0-9]+', '#')", {}, "a#b#"),
    ("REGEX_REPLACE('John Smith', '(\\\\w+) (\\\\w+)', '$2, $1')", {}, "Smith, John"),
    ("REGEX_REPLACE('5', '5', '$$$0 $& $9 $x $')", {}, "$5 5 $9 $x $"),
    ("REGEX_REPLACE('abc', 'x*', '-')", {}, "-a-b-c-"),
    ("REGEX_REPLACE('abc', '[', '-')", {}, FAULT),
    ("REGEX_REPLACE({long}, 'x', 'yy')", LONG, FAULT),
]


@pytest.mark.parametrize(("formula", "fields", "expected"), CASES)
def test_text_functions(evaluate, formula, fields, expected):
    assert evaluate(formula, fields) == expected


def test_every_text_function_has_its_cases(cases_by_function):
    counted = cases_by_function(CASES)
    assert {name for name in (*text.FUNCTIONS, *patterns.FUNCTIONS) if counted[name] < 3} == set()


@pytest.mark.slow
@pytest.mark.parametrize("start", ["", "CONCATENATE(", "SUM("])
def test_thousands_of_long_texts_do_not_fill_the_memory(evaluate, start):
    terms = ["REPT('ab',400000)", "SUBSTITUTE('xxxxxxxxxx', 'x', {x})"] * 500
    formula = (start + ",".join(terms) + ")") if start else "&".join(terms)
    tracemalloc.start()
    try:
        assert evaluate(formula, {"x": "x" * 50_000}) == FAULT
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_a_quadratic_replacement_ends(evaluate):
    assert evaluate("REGEX_REPLACE({x}, 'a.*b|a', '')", {"x": "a" * 900_000}) == FAULT


def test_a_bad_pattern_is_not_logged(evaluate, capfd):
    assert evaluate("REGEX_MATCH('a', '(unfinished')") == FAULT
    assert capfd.readouterr().err == ""
