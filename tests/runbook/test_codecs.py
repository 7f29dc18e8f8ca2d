"""Codecs: each rule by examples, both ways, with what real and hostile sites hold."""

from __future__ import annotations

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from every_kind import FIELDS, field, is_text, takes
from runbook.catalog.column_kinds import COLUMN_KINDS, CodecName
from runbook.codecs import CODECS, Refused, codec_of, same, utf16_length
from runbook.codecs.values import exact_number, number_text
from runbook.json_types import MISSING

BY_KEY = {f.wix: f for f in FIELDS}
HALF = "\ud83d"
FAR = 2**53

# field, value, cell, and what the cell says again where it is not the value
WRITTEN = [
    ("line", "plain", "plain"),
    ("line", "two\nlines", "two\nlines"),
    ("line", " blanks ", " blanks "),
    ("line", "", None, MISSING),
    ("line", None, None, MISSING),
    ("line", 2121, "2121", "2121"),
    ("line", 2.0, "2", "2"),
    ("line", 0.1, "0.1", "0.1"),
    ("line", 1e21, "1e+21", "1e+21"),
    ("line", 1e-7, "1e-7", "1e-7"),
    ("line", True, "true", "true"),
    ("line", False, "false", "false"),
    ("line", ["a", {"b": 1.5}], '["a",{"b":1.5}]', '["a",{"b":1.5}]'),
    ("line", {"é": None}, '{"é":null}', '{"é":null}'),
    ("line", {"half": HALF}, '{"half":"\\ud83d"}', '{"half":"\\ud83d"}'),
    ("line", "a" * 100_000, "a" * 100_000),
    ("line", "😀" * 50_000, "😀" * 50_000),
    ("long", "<p>ü\r\n</p>", "<p>ü\r\n</p>"),
    ("line", "é" * 100_000, "é" * 100_000),
    ("line", 2.0**52 + 1, "4503599627370497", "4503599627370497"),
    ("long", "two\n", "two\n"),
    ("line", "a\0b", "ab", "ab"),
    ("line", "\0", None, MISSING),
    ("rich", "one", "one\n"),
    ("rich", "one\n", "one\n", "one"),
    ("rich", "one\n\n", "one\n\n", "one\n"),
    ("rich", "", None, MISSING),
    ("email", "no address", "no address"),
    ("link", "mailto:a@b", "mailto:a@b"),
    ("phone", "(503) 555-0162", "(503) 555-0162"),
    ("number", 0, 0),
    ("number", -0.55, -0.55),
    ("number", 2022.0, 2022.0),
    ("number", 1.7976931348623157e308, 1.7976931348623157e308),
    ("number", 5e-324, 5e-324),
    ("number", FAR, FAR),
    ("number", 10**22, 10**22),
    ("number", 123456789012345680000, 123456789012345680000),
    ("number", "12", 12, 12),
    ("number", " -0.55\n", -0.55, -0.55),
    ("number", "1e3", 1000.0, 1000.0),
    ("number", "0e999999999", 0.0, 0.0),
    ("number", "0E5", 0.0, 0.0),
    ("number", 2**70, 2**70),
    ("number", "", None, MISSING),
    ("number", "  ", None, MISSING),
    ("number", None, None, MISSING),
    ("money", 0.1 + 0.2, 0.1 + 0.2),
    ("share", 0.1234567, 0.1234567),
    ("tick", True, True),
    ("tick", False, None),
    ("tick", None, None, False),
    ("tick", "", None, False),
    ("tick", "TRUE ", True, True),
    ("tick", "false", None, False),
    ("tick", 1, True, True),
    ("tick", 0.0, None, False),
    ("tick", "0", None, False),
    ("tick", "1", True, True),
    ("day", "2024-02-29", "2024-02-29"),
    ("day", "0001-01-01", "0001-01-01"),
    ("day", "9999-12-31", "9999-12-31"),
    ("day", {"$date": "2024-01-31T00:00:00.000Z"}, "2024-01-31", "2024-01-31"),
    ("day", {"$date": "2024-01-31T05:00:00Z"}, "2024-01-31", "2024-01-31"),
    ("day", "2024-01-31T23:30:00-05:00", "2024-02-01", "2024-02-01"),
    ("day", "2024-01-31T23:30:00z", "2024-01-31", "2024-01-31"),
    ("day", "2024-01-31 10:00", "2024-01-31", "2024-01-31"),
    ("day", "", None, MISSING),
    ("day", None, None, MISSING),
    ("day", {"$date": ""}, None, MISSING),
    ("day_of_moment", {"$date": "2024-01-31T00:00:00.000Z"}, "2024-01-31"),
    ("day_of_moment", "2024-01-31", "2024-01-31", {"$date": "2024-01-31T00:00:00.000Z"}),
    ("moment", {"$date": "2023-03-28T12:20:43.745Z"}, "2023-03-28T12:20:43.745Z"),
    ("moment", {"$date": "0001-01-01T00:00:00.000Z"}, "0001-01-01T00:00:00.000Z"),
    ("moment", {"$date": "2023-03-28T12:20:43Z"}, "2023-03-28T12:20:43.000Z", {"$date": "2023-03-28T12:20:43.000Z"}),
    ("moment", {"$date": "2023-03-28T12:20:43.7459Z"}, "2023-03-28T12:20:43.745Z", {"$date": "2023-03-28T12:20:43.745Z"}),
    ("moment", "2023-03-28T14:20:43.745+02:00", "2023-03-28T12:20:43.745Z", {"$date": "2023-03-28T12:20:43.745Z"}),
    ("moment", "2023-03-28t12:20z", "2023-03-28T12:20:00.000Z", {"$date": "2023-03-28T12:20:00.000Z"}),
    ("moment", "2023-03-28T12:20:43,745Z", "2023-03-28T12:20:43.745Z", {"$date": "2023-03-28T12:20:43.745Z"}),
    ("moment", "2023-03-28T12:20:43.7459", "2023-03-28T12:20:43.745Z", {"$date": "2023-03-28T12:20:43.745Z"}),
    ("moment", " 2023-03-28T12:20:43.745Z\n", "2023-03-28T12:20:43.745Z", {"$date": "2023-03-28T12:20:43.745Z"}),
    ("moment", "2023-03-28T12:20:43.5Z", "2023-03-28T12:20:43.500Z", {"$date": "2023-03-28T12:20:43.500Z"}),
    ("moment", "2023-03-28", "2023-03-28T00:00:00.000Z", {"$date": "2023-03-28T00:00:00.000Z"}),
    ("moment", "1969-12-31T23:59:59.999-0000", "1969-12-31T23:59:59.999Z", {"$date": "1969-12-31T23:59:59.999Z"}),
    ("moment", None, None, MISSING),
    ("moment", " ", None, MISSING),
    ("moment_text", "2023-03-28T12:20:43.745Z", "2023-03-28T12:20:43.745Z"),
    ("closed", "A", "A"),
    ("closed", 2, "2", "2"),
    ("closed", "", None, MISSING),
    ("closed", None, None, MISSING),
    ("closed", "\t", None, MISSING),
    ("open", "Brand new", "Brand new"),
    ("open", " A ", "A", "A"),
    ("open", True, "true", "true"),
    ("state", "active", "Active"),
    ("state", "in_review", "In Review"),
    ("state", "otr", "OTR"),
    ("state", "Active", "Active", "active"),
    ("state", " IN REVIEW", "In Review", "in_review"),
    ("state", "", None, MISSING),
    ("open_state", "on_hold", "On Hold"),
    ("open_state", "ON_HOLD", "ON HOLD", "on_hold"),
    ("open_state", "__", None, MISSING),
    ("state", "__", None, MISSING),
    ("several", ["A", "B"], ["A", "B"]),
    ("several", ["B", "A"], ["B", "A"]),
    ("several", [], None),
    ("several", None, None, []),
    ("several", "", None, []),
    ("several", "A", ["A"], ["A"]),
    ("several", ["A", "A", "", None, "B"], ["A", "B"], ["A", "B"]),
    ("several", [""], None, []),
    ("open_several", ["A", "new, with a comma", 5], ["A", "new, with a comma", "5"], ["A", "new, with a comma", "5"]),
    ("one_or_more", "A", ["A"]),
    ("one_or_more", ["A", "B"], ["A", "B"]),
    ("one_or_more", ["A"], ["A"], "A"),
    ("one_or_more", [], None, MISSING),
    ("dot", "123", 123),
    ("dot", "-5", -5),
    ("dot", "0", 0),
    ("dot", "0123", 123, "123"),
    ("dot", " 123 ", 123, "123"),
    ("dot", " 0123\n", 123, "123"),
    ("dot", "-05", -5, "-5"),
    ("dot", 123, 123, "123"),
    ("dot", 123.0, 123.0, "123"),
    ("dot", "", None, MISSING),
    ("dot", " ", None, MISSING),
    ("csv", ["CA", "NV"], "CA, NV"),
    ("csv", ["one"], "one"),
    ("csv", [], None),
    ("csv", None, None, []),
    ("csv", ["a, b", "c"], "a, b, c", ["a", "b", "c"]),
    ("csv", [" a"], " a", ["a"]),
    ("csv", [1, None, {"a": 1}], '1, , {"a":1}', ["1", '{"a":1}']),
    ("csv", "CA, NV", "CA, NV", ["CA", "NV"]),
    ("csv", [""], None, []),
    ("list", [1, {"a": None}, "ü"], '[1,{"a":null},"ü"]'),
    ("list", [], None),
    ("list", None, None, []),
    ("list", {}, "{}"),
    ("object", {"b": 1, "a": {"$date": "x"}}, '{"b":1,"a":{"$date":"x"}}'),
    ("object", {}, "{}"),
    ("object", [], "[]"),
    ("object", None, None, MISSING),
    ("any", "free words", "free words"),
    ("any", "5", '"5"'),
    ("any", '"quoted"', '"\\"quoted\\""'),
    ("any", "null", '"null"'),
    ("any", "NaN", "NaN"),
    ("any", "[NaN]", "[NaN]"),
    ("any", "[" * 50_000, "[" * 50_000),
    ("any", "1e999", "1e999"),
    ("any", HALF, '"\\ud83d"'),
    ("any", "a\0", '"a\\u0000"'),
    ("any", 5, "5"),
    ("any", 1.5, "1.5"),
    ("any", True, "true"),
    ("any", False, "false"),
    ("any", "", None, MISSING),
    ("any", '{"a": 1}', '{"a": 1}', {"a": 1}),
    ("any", "{broken", "{broken"),
    ("document", {"nodes": [{"type": "TEXT", "n": 1.0}]}, '{"nodes":[{"type":"TEXT","n":1.0}]}'),
    ("gallery", [{"src": "wix:image://v1/a.jpg/b"}], '[{"src":"wix:image://v1/a.jpg/b"}]'),
    ("json_string", '{"a": 1}', '{"a": 1}'),
    ("json_string", '{"cut at 1,000 char', '{"cut at 1,000 char'),
    ("json_string", {"a": 1}, '{"a":1}', '{"a":1}'),
    ("image", "https://a.b/c.jpg#x", "https://a.b/c.jpg#x"),
    (
        "image",
        "wix:image://v1/ab_1~mv2.jpg/a%20b.jpg#originWidth=9&originHeight=9",
        "https://static.wixstatic.com/media/ab_1~mv2.jpg",
        "https://static.wixstatic.com/media/ab_1~mv2.jpg",
    ),
    *[
        ("image", uri, url, url)
        for uri, url in [
            ("wix:image://v1/ab_1~mv2.jpg", "https://static.wixstatic.com/media/ab_1~mv2.jpg"),
            ("wix:image://v1/ab_1~mv2.jpg#x", "https://static.wixstatic.com/media/ab_1~mv2.jpg"),
            ("image://v1/ab_1.jpg/40_40/x.jpg", "https://static.wixstatic.com/media/ab_1.jpg"),
            ("wix:vector://v1/ab.svg/x.svg", "https://static.wixstatic.com/shapes/ab.svg"),
            ("wix:video://v1/ab_1/x.mp4#posterUri=p", "https://video.wixstatic.com/video/ab_1/480p/mp4/file.mp4"),
            ("wix:audio://v1/ab.mp3/x.mp3#duration=9", "https://static.wixstatic.com/mp3/ab.mp3"),
            *[
                (uri, "https://d945e594-8657-47e2-9cd9-e9033c3d8da0.usrfiles.com/ugd/ab_1.pdf")
                for uri in ("wix:document://v1/ugd/ab_1.pdf/x.pdf", "wix:document://v1/ab_1.pdf/x.pdf")
            ],
        ]
    ],
    ("image", "wix:document://v1/archives/ab.zip/x.zip", "wix:document://v1/archives/ab.zip/x.zip"),
    ("image", "wix:other://v1/a/b", "wix:other://v1/a/b"),
    ("image", "wix:image://v1/", "wix:image://v1/"),
    ("image", "", None, MISSING),
    ("image", {"url": "x"}, '{"url":"x"}', '{"url":"x"}'),
    ("address", {"formatted": "1 Main St"}, "1 Main St"),
    ("address", {"formatted": "1 Main St", "city": "X"}, "1 Main St", {"formatted": "1 Main St"}),
    ("address", {"city": "X"}, '{"city":"X"}'),
    ("address", {"formatted": " "}, '{"formatted":" "}'),
    ("address", "1 Main St", "1 Main St", {"formatted": "1 Main St"}),
    ("address", {"formatted": "{1"}, "{1"),
    ("address", {"formatted": " {}"}, " {}"),
    ("address", None, None, MISSING),
]  # fmt: skip

LONG = "more than 100,000 characters"
UNFIT = "contains U+0000 or an unpaired surrogate, which a text cell cannot hold"
INEXACT = "a number that a double cannot represent"
REFUSED = [
    ("line", "a" * 100_001, LONG),
    ("line", "😀" * 50_001, LONG),
    ("open", "a\0b", UNFIT),
    ("line", f"a{HALF}b", UNFIT),
    ("line", math.nan, "not a finite number"),
    ("rich", "a" * 100_000, LONG),
    ("number", "twelve", "not a number"),
    ("number", "1,200", "not a number"),
    ("number", "0x10", "not a number"),
    ("number", "012", "not a number"),
    ("number", "1_000", "not a number"),
    ("number", "١٢", "not a number"),
    ("number", "9" * 5000, "not a number"),
    ("number", True, "not a number"),
    ("number", [1], "not a number"),
    ("number", {}, "not a number"),
    ("number", math.nan, "not a number"),
    ("number", math.inf, "not a number"),
    ("number", FAR + 1, INEXACT),
    ("number", 10**400, INEXACT),
    ("number", str(FAR + 1), INEXACT),
    ("number", "0.12345678901234567890", INEXACT),
    ("number", "1e999", INEXACT),
    ("number", "1e-999999999999999999999", INEXACT),
    ("tick", "yes", "not a boolean"),
    ("tick", 2, "not a boolean"),
    ("tick", [], "not a boolean"),
    ("day", "2024-02-30", "not a valid date"),
    ("day", "2023-02-29", "not a valid date"),
    ("day", "0000-01-01", "not a valid date"),
    ("day", "12024-01-01", "year before 1 or after 9999"),
    ("day", "+012024-01-01T00:00:00Z", "year before 1 or after 9999"),
    ("day", "31.1.2024", "not an ISO date"),
    ("day", "2024-W05-1", "not an ISO date"),
    ("day", "20240131", "not an ISO date"),
    ("day", 1_700_000_000_000, "not a date"),
    ("day", {"$date": None}, "not a date"),
    ("day", {"$date": "2024-01-31", "more": 1}, "not a date"),
    ("moment", {"$date": "2024-01-31T25:00:00.000Z"}, "not a valid date"),
    ("moment", {"$date": "2024-01-31T10:00:60.000Z"}, "not a valid date"),
    ("moment", "9999-12-31T23:59:59-01:00", "not a valid date"),
    ("moment", "0001-01-01T00:00:00+01:00", "not a valid date"),
    ("moment", "2024-01-31T10:00:00+25:00", "not a valid date"),
    ("moment", "Wed, 31 Jan 2024 10:00:00 GMT", "not an ISO date"),
    ("moment", True, "not a date"),
    ("closed", "C", "not one of the choices (A, 2, B c)"),
    ("closed", "a", "not one of the choices (A, 2, B c)"),
    ("closed", " A", "not one of the choices (A, 2, B c)"),
    ("closed", ["A"], "not the name of a choice"),
    ("open", {}, "not the name of a choice"),
    ("open", HALF, UNFIT),
    ("state", "gone", "not one of the choices (Active, In Review, OTR)"),
    ("several", ["A", "C"], "not one of the choices (A, B)"),
    ("several", [["A"]], "not the name of a choice"),
    ("several", {}, "not the name of a choice"),
    ("dot", "A12", "not an integer"),
    ("dot", "12.5", "not an integer"),
    ("dot", 12.5, "not an integer"),
    ("dot", "9" * 500, INEXACT),
    ("dot", str(FAR + 1), INEXACT),
    ("dot", True, "not an integer"),
    ("csv", [HALF], UNFIT),
    ("list", ["a" * 100_000], LONG),
    ("image", f"wix:image://v1/{HALF}/x", UNFIT),
    ("line", "é" * 100_001, LONG),
    ("list", [math.nan], "not valid JSON: a number is not finite, or it is nested too deeply"),
    ("number", "X12", "not a number"),
    ("number", "1e999999999999999999999", INEXACT),
    ("day", {"x": "2024-01-31"}, "not a date"),
    ("day", " 12024-01-01", "year before 1 or after 9999"),
    ("state", ["active"], "not the name of a choice"),
    ("dot", "٣", "not an integer"),
    ("dot", "9" * 5000, INEXACT),
    ("moment", {"$date": "0000-12-31T00:00:00.000Z"}, "not a valid date"),
]


@pytest.mark.parametrize("case", WRITTEN, ids=lambda case: f"{case[0]}: {case[1]!r:.40}")
def test_a_value_becomes_its_cell_and_is_restored(case):
    key, value, cell, *back = case
    kind = codec_of(BY_KEY[key])

    encoded = kind.encode(value)

    assert same(encoded, cell)
    assert encoded is None or takes(BY_KEY[key].type, encoded)
    expected = back[0] if back else value
    assert kind.decode(encoded) is MISSING if expected is MISSING else same(kind.decode(encoded), expected)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}: {case[1]!r:.40}")
def test_a_value_without_an_equivalent_is_refused(case):
    key, value, reason = case

    with pytest.raises(Refused) as refused:
        codec_of(BY_KEY[key]).encode(value)

    assert refused.value.reason == reason


@pytest.mark.parametrize("f", FIELDS, ids=lambda f: f.wix)
def test_an_empty_cell_stands_for_the_default_which_is_written_as_an_empty_cell(f):
    kind = codec_of(f)

    assert kind.decode(None) is MISSING if kind.default is MISSING else same(kind.decode(None), kind.default)
    assert kind.encode(None) is None
    if kind.default is not MISSING:
        assert kind.encode(kind.default) is None


def test_of_two_titles_with_one_code_the_first_is_used():
    kind = codec_of(field("state", "text", "singleSelect", codec="enum_title", choices=["In Review", "In review"]))

    assert kind.encode("in_review") == kind.encode("IN_REVIEW") == "In Review"
    assert kind.encode("In review") == "In review"


def test_a_list_from_an_empty_cell_is_a_new_one_each_time():
    kind, cell = codec_of(BY_KEY["several"]), ["A", "B"]
    kind.decode(None).append("mine")
    kind.decode(cell).append("mine")
    codec_of(BY_KEY["one_or_more"]).decode(cell).append("mine")

    assert (kind.decode(None), cell) == ([], ["A", "B"])


CELL_TYPES = {
    "text": str,
    "number": (int, float),
    "boolean": bool,
    "day": str,
    "instant": str,
    "choice": str,
    "choices": list,
}


@pytest.mark.parametrize("f", FIELDS, ids=lambda f: f.wix)
@pytest.mark.parametrize("cell", ["words", "{", 5, 1.5, True, ["a"], [{"id": "rec1"}], {"error": "#ERROR!"}], ids=repr)
def test_a_cell_of_another_type_than_the_columns_stays_as_it_is(f, cell):
    decoded = codec_of(f).decode(cell)

    if not isinstance(cell, CELL_TYPES[f.column_kind.holds]):
        assert same(decoded, cell)
    else:
        assert decoded is not None


def test_only_a_line_break_at_the_end_of_rich_text_is_removed():
    assert codec_of(BY_KEY["rich"]).decode("one") == "one"
    assert codec_of(BY_KEY["rich"]).decode("one\n\n") == "one\n"


def test_a_number_from_text_is_an_integer_where_it_is_written_as_one():
    kind = codec_of(BY_KEY["number"])

    assert [kind.encode(text).__class__ for text in ("12", "-0", "12.0", "1e2")] == [int, int, float, float]


@pytest.mark.parametrize("codec", ["csv_list", "json_text"])
def test_a_list_without_elements_is_an_empty_cell_for_all_kinds_of_lists(codec):
    kind = codec_of(field("l", "tags", "multilineText", codec=codec))

    assert (kind.encode([]), kind.decode(None)) == (None, [])


def test_every_codec_that_a_catalog_may_name_exists_and_is_used():
    assert CODECS.keys() == set(get_args(CodecName))
    assert all(any(kind.accepts(name) for kind in COLUMN_KINDS.values()) for name in CODECS)
    assert {f.codec_name for f in FIELDS} == CODECS.keys()


def test_a_refusal_shows_the_value_but_of_a_personal_field_only_its_size():
    public = field("n", "number", "number", precision=0)
    secret = field("n", "number", "number", precision=0, personal=True)

    with pytest.raises(Refused, match='not a number: "twelve"'):
        codec_of(public).encode("twelve")
    with pytest.raises(Refused, match="not a number: text of 6 characters"):
        codec_of(secret).encode("twelve")


def test_a_long_value_is_cut_in_a_refusal():
    with pytest.raises(Refused) as refused:
        codec_of(BY_KEY["number"]).encode("x" * 9000)

    assert str(refused.value) == f'not a number: "{"x" * 58}…'
    with pytest.raises(Refused) as refused:
        codec_of(BY_KEY["number"]).encode("x" * 58)
    assert str(refused.value) == f'not a number: "{"x" * 58}"'
    with pytest.raises(Refused, match=r"^not a number: nan$"):
        codec_of(BY_KEY["number"]).encode(math.nan)


def test_a_refusal_without_a_value_is_only_its_reason():
    assert str(Refused("not a date")) == "not a date"


def test_an_integer_that_python_does_not_write_is_refused():
    with pytest.raises(Refused, match=r"^integer too long$"):
        number_text(10**5000)


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (0, False, False),
        ("1", 1, False),
        (None, MISSING, False),
        (None, False, False),
        ([1, [2]], [1.0, [2]], True),
        ([1, True], [1, 1], False),
        ([1], [1, 2], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1.0}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": None}, {}, False),
        ({"a": None}, {"b": None}, False),
        ({}, [], False),
        ("", None, False),
        (FAR + 1, float(FAR), False),
    ],
)
def test_equality_is_jsons(a, b, equal):
    assert same(a, b) is equal
    assert same(b, a) is equal


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (100.0, "100"), (-0.0, "0"), (2.0**53, "9007199254740992"), (-(2.0**53) - 2, "-9007199254740994"), (123456789012345680000.0, "123456789012345680000"), (1e21, "1e+21"),
        (1.5e300, "1.5e+300"), (0.000001, "0.000001"), (1.5e-7, "1.5e-7"), (0.00001234, "0.00001234"), (5e-324, "5e-324"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_javascript_writes_them(number, text):
    assert number_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_number_gives_the_number(number):
    parsed = exact_number(number_text(number))

    assert parsed is not None
    assert float(parsed) == number


@given(st.text(st.characters(exclude_categories=())))
def test_a_text_is_refused_or_fits_a_text_cell(text):
    try:
        cell = codec_of(BY_KEY["line"]).encode(text)
    except Refused:
        assert not is_text(text)
    else:
        assert cell == (text.replace("\0", "") or None)
        assert cell is None or is_text(cell)


@given(st.text(st.characters(exclude_categories=())))
def test_characters_are_counted_as_javascript_does(text):
    assert utf16_length(text) == sum(2 if ord(character) > 0xFFFF else 1 for character in text)


@given(st.datetimes())
def test_a_timestamp_is_kept_to_the_millisecond(moment):
    text = f"{moment.isoformat(timespec='milliseconds')}Z"
    kind = codec_of(BY_KEY["moment"])

    assert kind.encode({"$date": text}) == text
    assert kind.encode(f"{moment.isoformat(timespec='microseconds')}+00:00") == text
