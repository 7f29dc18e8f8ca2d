"""Whole rows to Airtable and back: nothing is lost, or the row is refused with a reason."""

from __future__ import annotations

import json
import math
import random

import pyairtable
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from every_kind import COLUMN_TYPES, EVERY_KIND, FIELDS, field, specs, takes
from runbook.catalog import ORIGINAL, Collection, Copy, Link
from runbook.codecs import same
from runbook.mapping import Mapping, link_key
from sandbox import Sandbox

MAPPING = Mapping(EVERY_KIND)
HALF = "\udfff"

# ------------------------------------------------------------------ any JSON there is

SPECIMENS = [
    None, "", " ", True, False, 0, 1, -1, 0.1, 2.0, 2**53, 2**53 + 1, 10**22, 1e300, "0", "0123", "12", "0.55", "twelve",
    "true", "A", " A ", "B", "C", "active", "in_review", "Active", "OTR", "a, b", "two\nlines", "two\n", "2024-02-29",
    "2024-02-30", "2023-03-28T12:20:43.745Z", "2023-03-28T12:20:43.7459+02:00", '{"a":1}', "[]", "null", "NaN", "{",
    {"$date": "2023-03-28T12:20:43.745Z"}, {"$date": "2023-03-28T00:00:00.000Z"}, {"$date": 5}, {}, [], [""], [None],
    ["A"], ["A", "A"], ["A", "B"], ["new"], ["a, b"], [["A"]], [{"$date": "x"}], {"formatted": "1 Main St"},
    {"formatted": "1 Main St", "city": "X"}, "wix:image://v1/a~mv2.jpg/b.jpg#originWidth=1", "a\0", HALF, [HALF],
    {HALF: 1}, "x" * 100_000, "x" * 100_001,
]  # fmt: skip
LONE = st.text(st.characters(exclude_categories=()), max_size=6).map(lambda text: json.loads(json.dumps(text)))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | LONE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LONE, inner, max_size=3),
    max_leaves=5,
)
VALUES = st.sampled_from(SPECIMENS) | ANY_JSON
KEYS = st.sampled_from([f.wix for f in FIELDS if f.wix != "_id"] + ["extra", "$odd", "absent", "Line"]) | LONE
ITEMS = st.dictionaries(KEYS, VALUES, max_size=8).flatmap(
    lambda item: st.sampled_from(["a-1", "b", "ü"]).map(lambda legacy: {"_id": legacy, **item})
)


def whole(seed: int) -> dict:
    """An item in which half of all keys are."""
    chance = random.Random(seed)
    keys = [f.wix for f in FIELDS if chance.random() < 0.5]
    return {**{key: chance.choice(SPECIMENS) for key in keys}, "_id": f"id-{seed}"}


def check(item: dict) -> dict | None:
    encoded = MAPPING.to_airtable(item)
    if encoded.refusals:
        assert all(refusal.field and refusal.reason for refusal in encoded.refusals)
        return None
    assert encoded.id == item["_id"]
    for name, cell in encoded.fields.items():
        assert takes(COLUMN_TYPES[name], cell), (name, cell)
    assert same(MAPPING.to_wix(encoded.fields), item)
    assert same(MAPPING.to_wix(json.loads(json.dumps(encoded.fields))), item)
    return encoded.fields


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(ITEMS)
def test_any_item_survives_the_round_trip_or_is_refused(item):
    check(item)


@pytest.mark.parametrize("key", [f.wix for f in FIELDS if f.wix != "_id"])
def test_every_specimen_in_every_field_survives_the_round_trip_or_is_refused(key):
    carried = [check({"_id": "a", key: value}) for value in SPECIMENS]

    assert any(carried)


def test_a_half_pair_that_an_unknown_key_holds_is_carried_as_an_escape():
    item = {"_id": "a", "extra": [HALF, {HALF: "\0"}]}
    encoded = MAPPING.to_airtable(item)

    assert not encoded.refusals
    encoded.fields[ORIGINAL].encode()
    assert same(MAPPING.to_wix(encoded.fields), item)


@pytest.fixture(scope="module")
def table():
    with Sandbox(requests_per_second="off") as box:
        api = pyairtable.Api(box.token, endpoint_url=box.airtable_url)
        made = api.workspace(box.workspace_id).create_base("Any", [{"name": "Everything", "fields": specs()}])
        yield made.table("Everything")
        api.session.close()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ITEMS, min_size=5, max_size=5))
def test_cells_written_to_a_table_are_read_back_unchanged_and_give_the_item(table, items):
    carried = [item for item in items if not MAPPING.to_airtable(item).refusals]
    records = table.batch_create([MAPPING.to_airtable(item).fields for item in carried], typecast=True)

    read = {record["id"]: record["fields"] for record in table.all()}
    for item, record in zip(carried, records, strict=True):
        assert same(read[record["id"]], MAPPING.to_airtable(item).fields)
        assert same(MAPPING.to_wix(read[record["id"]]), item)
    table.batch_delete([record["id"] for record in records])


@pytest.mark.slow
def test_rows_with_half_of_all_keys_survive_a_table(table):
    items = [item for item in map(whole, range(4000)) if not MAPPING.to_airtable(item).refusals]
    several = [{"_id": f"s{i}", **{k: v for j, (k, v) in enumerate(safe()) if (i + j) % 3}} for i in range(20)]
    assert not [refusal for item in several for refusal in MAPPING.to_airtable(item).refusals]
    assert items
    items += several

    table.batch_create([MAPPING.to_airtable(item).fields for item in items], typecast=True)
    read = {record["fields"]["Legacy Wix ID"]: record["fields"] for record in table.all()}

    for item in items:
        assert same(MAPPING.to_wix(read[item["_id"]]), item)


def safe() -> list[tuple[str, object]]:
    """A value that its column carries, for each field."""
    found = []
    for f in FIELDS:
        if f.wix != "_id":
            good = [v for v in SPECIMENS if v and not MAPPING.to_airtable({"_id": "a", f.wix: v}).refusals]
            found.append(
                (f.wix, good[len(f.wix) % len(good)] if len(str(good[len(f.wix) % len(good)])) < 999 else good[0])
            )
    return found


# ------------------------------------------------------------------ Wix Original


def original(item: dict) -> dict:
    return json.loads(MAPPING.to_airtable({"_id": "a", **item}).fields.get(ORIGINAL, "{}"))


LISTS_AND_TICKS = {"tick": False, "several": [], "open_several": [], "csv": [], "list": []}


def test_a_row_that_its_cells_represent_completely_has_no_original():
    item = {"_id": "a", **LISTS_AND_TICKS, "line": "x", "number": 0, "dot": "5"}

    assert MAPPING.to_airtable(item).fields == {"Legacy Wix ID": "a", "The line": "x", "The number": 0, "The dot": 5}


def test_a_missing_key_is_listed_only_where_an_empty_cell_stands_for_a_value():
    assert original({}) == {"absent": ["csv", "list", "open_several", "several", "tick"]}
    assert original(LISTS_AND_TICKS) == {}


def test_values_that_cells_cannot_represent_are_kept_as_sorted_compact_json():
    item = {"_id": "a", **LISTS_AND_TICKS, "tick": None, "number": "0.55", "extra": {"b": "ü", "a": [1]}, "line": ""}

    cell = MAPPING.to_airtable(item).fields[ORIGINAL]

    assert cell == '{"values":{"extra":{"b":"ü","a":[1]},"line":"","number":"0.55","tick":null}}'


def test_kept_values_have_a_reason_that_contains_no_value():
    item = {
        **LISTS_AND_TICKS,
        "_id": "a",
        "number": "0.55",
        "line": "",
        "day": None,
        "extra": 1,
        "loose_number": "about 5",
    }

    encoded = MAPPING.to_airtable(item)

    assert dict(encoded.kept) == {
        "number": "not a number, shown as a number",
        "line": "empty text",
        "day": "null",
        "extra": "key not in the catalog",
        "loose_number": "not a number",
    }
    assert encoded.loose == (("loose_number", "not a number"),)
    assert "The loose_number" not in encoded.fields


@pytest.mark.parametrize(
    ("item", "edit", "reads"),
    [
        ({"number": "0.55"}, {}, "0.55"),
        ({"number": "0.55"}, {"The number": 0.56}, 0.56),
        ({"number": None}, {"The number": 1}, 1),
        ({"number": "0.55"}, {"The number": None}, None),
        ({"loose_number": "about 5"}, {}, "about 5"),
        ({"loose_number": "about 5"}, {"The loose_number": 5}, 5),
        ({"tick": None}, {}, None),
        ({"tick": None}, {"The tick": False}, None),
        ({"line": None}, {"The line": ""}, None),
        ({"one_or_more": []}, {"The one_or_more": []}, []),
        ({"tick": None}, {"The tick": True}, True),
        ({}, {"The tick": True}, True),
        ({"several": "A"}, {}, "A"),
        ({"several": "A"}, {"The several": ["A", "B"]}, ["A", "B"]),
        ({}, {"The several": ["A"]}, ["A"]),
        ({"image": "wix:image://v1/a.jpg/b"}, {}, "wix:image://v1/a.jpg/b"),
        ({"image": "wix:image://v1/a.jpg/b"}, {"The image": "https://c"}, "https://c"),
        ({"extra": 5}, {"The line": "changed"}, 5),
        ({"dot": "007"}, {"The dot": 7.0}, "007"),
        ({"dot": "007"}, {"The dot": 8}, "8"),
        ({"address": {"formatted": "X", "city": "Y"}}, {"The address": "Z"}, {"formatted": "Z"}),
        ({"rich": "a\n"}, {}, "a\n"),
    ],
)
def test_an_edited_cell_wins_over_the_original_and_an_untouched_one_does_not(item, edit, reads):
    key = next(iter(item), next((f.wix for f in FIELDS if f.name in edit), ""))
    fields = {**MAPPING.to_airtable({"_id": "a", **item}).fields, **edit}

    back = MAPPING.to_wix({name: cell for name, cell in fields.items() if cell is not None})

    assert same(back.get(key), reads)


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "words",
            "[]",
            "5",
            '{"absent":5}',
            '{"values":[]}',
            '{"absent":[1]}',
            '{"absent":["a",1]}',
            '{"more":{}}',
            "{",
        ),
        *(5, {"error": "#ERROR!"}),
    ],
)
def test_an_original_that_is_no_longer_valid_is_ignored_and_reported(cell):
    problems: list[str] = []
    fields = {"Legacy Wix ID": "a", "The line": "x", ORIGINAL: cell}

    back = MAPPING.to_wix(fields, problems=problems)

    assert back == MAPPING.to_wix(fields) == {"_id": "a", "line": "x", **LISTS_AND_TICKS}
    assert problems == ["Wix Original is no longer valid; it is ignored, and only the cells are used"]


@pytest.mark.parametrize("cell", [None, "", '{"absent":["line"]}'])
def test_a_valid_original_is_no_problem(cell):
    problems: list[str] = []

    assert MAPPING.to_wix({"Legacy Wix ID": "a", ORIGINAL: cell}, problems=problems) == {"_id": "a", **LISTS_AND_TICKS}
    assert problems == []


def test_empty_cells_of_any_form_give_no_value():
    fields = {"Legacy Wix ID": "a", "The line": "", "The one_or_more": [], "The tick": False, "The several": None}

    assert MAPPING.to_wix(fields) == {"_id": "a", **LISTS_AND_TICKS}


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("line", 5, "not text, shown as text, or text with U+0000"),
        ("number", "5", "not a number, shown as a number"),
        ("dot", "05", "digits written differently (leading zeros, blanks, or a number)"),
        ("tick", 1, "not a boolean, shown as one"),
        ("moment", "2024-01-31", "time written differently, or more precise than a millisecond"),
        ("day", "2024-01-31T10:00Z", "date written differently, or with a time of day"),
        ("open", " A", "choice written differently (surrounding blanks, or not text)"),
        ("state", "ACTIVE", "code written differently (capitals, blanks)"),
        ("several", ["A", "A"], "duplicates, blanks or values that are not text among the choices, or not a list"),
        ("one_or_more", ["A"], "list of one element or none, or choice written differently"),
        ("csv", ["a,b"], "commas, blanks or values that are not text among the elements, or not a list"),
        ("any", '{"a":1}', "JSON stored as text in Wix, or empty"),
        ("image", "wix:image://v1/a.jpg/b", "media URI, shown as its URL"),
        ("address", "1 Main St", "address with parts, shown as one text, or not an address"),
    ],
)
def test_a_value_that_its_cell_does_not_give_back_is_kept_with_the_difference(key, value, reason):
    assert MAPPING.to_airtable({"_id": "a", key: value}).kept == ((key, reason),)


def test_a_record_made_in_airtable_gives_the_item_of_its_cells():
    fields = {
        "Legacy Wix ID": "a",
        "The tick": True,
        "The dot": 12,
        "Carrier": ["rec1"],
        "Line as number": 3,
        "Other": 1,
    }

    assert MAPPING.to_wix(fields) == {**LISTS_AND_TICKS, "_id": "a", "tick": True, "dot": "12"}


# ------------------------------------------------------------------ refusals


def small(*fields, **settings) -> Mapping:
    made = (field("_id", "text", "singleLineText", name="Legacy Wix ID", required=True), *fields)
    return Mapping(
        Collection(
            wix="Small",
            table="Small",
            phase=2,
            tab_group="All",
            flag="all",
            primary="Legacy Wix ID",
            fields=made,
            **settings,
        )
    )


@pytest.mark.parametrize(("value", "what"), [({}, "missing"), ({"n": None}, "null"), ({"n": ""}, "empty text")])
def test_a_row_without_a_required_value_is_refused(value, what):
    mapping = small(field("n", "text", "singleLineText", required=True))

    (refusal,) = mapping.to_airtable({"_id": "a", **value}).refusals

    assert (refusal.field, refusal.message) == ("n", f"required, but {what}")


NOT_TEXT = ("not text, which a row's id must be", "not text")


@pytest.mark.parametrize(
    ("item", "reasons"),
    [
        ({}, ("required, but missing",) * 2),
        ({"_id": None}, ("required, but null",) * 2),
        ({"_id": ""}, ("required, but empty text",) * 2),
        ({"_id": " "}, NOT_TEXT),
        ({"_id": 5}, NOT_TEXT),
        ({"_id": ["a"]}, NOT_TEXT),
    ],
)
def test_a_row_without_an_id_is_refused(item, reasons):
    encoded = MAPPING.to_airtable(item)

    assert encoded.id == ""
    assert encoded.refusals == (("_id", *reasons),)


def test_a_row_without_an_id_is_refused_where_the_catalog_does_not_require_one():
    optional = EVERY_KIND.model_copy(update={"fields": (FIELDS[0].model_copy(update={"required": False}), *FIELDS[1:])})

    assert Mapping(optional).to_airtable({"line": "x"}).refusals == (("_id", *NOT_TEXT),)


def test_a_row_whose_id_no_cell_can_hold_is_refused():
    encoded = MAPPING.to_airtable({"_id": "a\0b", "line": "x"})

    assert encoded.refusals == (("_id", "contains U+0000, which a cell cannot hold", "contains U+0000"),)


def test_all_reasons_of_a_row_are_reported():
    mapping = small(
        field("n", "text", "singleLineText", required=True),
        field("m", "text", "singleLineText", required=True),
        field("number", "number", "number", precision=0),
        field("day", "date", "date"),
    )

    assert mapping.to_airtable({"_id": "a", "m": None, "number": "x", "day": "y"}).refusals == (
        ("n", "required, but missing", "required, but missing"),
        ("m", "required, but null", "required, but null"),
        ("number", 'not a number: "x"', "not a number"),
        ("day", 'not an ISO date: "y"', "not an ISO date"),
    )


def test_a_row_nested_without_end_is_refused():
    deep: list = []
    for _ in range(900):
        deep = [deep]

    encoded = MAPPING.to_airtable({"_id": "a", "list": deep, "csv": [deep], "extra": deep})
    reason = "nested deeper than the 50 levels that Wix allows"

    assert (encoded.id, encoded.refusals) == ("a", (("", reason, reason),))
    assert MAPPING.to_airtable({"_id": 5, "list": deep, "csv": [deep], "extra": deep}).id == ""


def test_an_unknown_key_whose_value_json_cannot_represent_refuses_the_row():
    reason = "not valid JSON: a number is not finite, or it is nested too deeply"

    assert MAPPING.to_airtable({"_id": "a", "extra": math.nan}).refusals == ((ORIGINAL, reason, reason),)


def test_more_originals_than_a_cell_holds_refuse_the_row():
    (refusal,) = MAPPING.to_airtable(
        {"_id": "a", **LISTS_AND_TICKS, "more": "y" * 60_000, "extra": "x" * 60_000}
    ).refusals
    reason = "Wix Original would have more than 100,000 characters"

    assert refusal == (ORIGINAL, f"{reason}: 120,033 for extra, more", reason)


@pytest.mark.parametrize(("text", "refused"), [("x" * 99_977, False), ("x" * 99_978, True), ("😀" * 49_989, True)])
def test_originals_may_have_as_many_characters_as_a_cell(text, refused):
    encoded = MAPPING.to_airtable({"_id": "a", **LISTS_AND_TICKS, "extra": text})

    assert bool(encoded.refusals) is refused
    assert refused or len(encoded.fields[ORIGINAL]) == 100_000


@given(st.sampled_from([f for f in FIELDS if f.wix != "_id"]), VALUES)
def test_no_reason_and_no_why_holds_a_personal_value(f, value):
    marked = (
        json.loads(json.dumps(value).replace('"', '"Zebedee ', 1)) if isinstance(value, str) else ["Zebedee", value]
    )
    mapping = small(f.model_copy(update={"personal": True, "loose": False}))

    encoded = mapping.to_airtable({"_id": "a", f.wix: marked})

    assert "Zebedee" not in repr((encoded.refusals, encoded.kept, encoded.loose, encoded.lost, encoded.unfilled))


def test_a_lossy_field_comes_back_otherwise_and_is_counted():
    mapping = small(field("n", "number", "number", precision=0, lossy="only shown"))
    encoded = mapping.to_airtable({"_id": "a", "n": "5"})

    assert encoded.fields == {"Legacy Wix ID": "a", "The n": 5}
    assert encoded.lost == (("n", "only shown"),)
    assert mapping.to_wix(encoded.fields) == {"_id": "a", "n": 5}


# ------------------------------------------------------------------ copies, choices, precision


@pytest.mark.parametrize(
    ("line", "cell", "unfilled"), [("12", 12, ()), ("x", None, (("Line as number", "not an integer"),))]
)
def test_a_copy_is_filled_or_counted_and_never_refuses_the_row(line, cell, unfilled):
    encoded = MAPPING.to_airtable({"_id": "a", "line": line})

    assert not encoded.refusals
    assert encoded.fields.get("Line as number", "no cell") == ("no cell" if cell is None else cell)
    assert encoded.unfilled == unfilled


def test_every_copy_is_filled_by_itself_and_its_new_choices_are_counted():
    copies = [
        {"wix": "n", "wix_type": "text", "name": "Number", "type": "number", "precision": 0},
        {"wix": "n", "wix_type": "text", "name": "Choice", "type": "singleSelect", "choices": ["A"], "open": True},
        {"wix": "m", "wix_type": "text", "name": "Other", "type": "number", "precision": 0},
    ]
    mapping = small(
        field("n", "text", "singleLineText"),
        field("m", "text", "singleLineText"),
        copies=map(Copy.model_validate, copies),
    )
    encoded = mapping.to_airtable({"_id": "a", "n": "B"})

    assert encoded.fields == {"Legacy Wix ID": "a", "The n": "B", "Choice": "B"}
    assert (encoded.unfilled, encoded.new_choices) == ((("Number", "not an integer"),), {"Choice": ["B"]})


def test_new_choices_of_open_selects_are_listed_by_column():
    encoded = MAPPING.to_airtable({"_id": "a", "open": "X", "open_several": ["A", "Y", "Z"], "open_state": "on_hold"})

    assert encoded.new_choices == {"The open": ["X"], "The open_several": ["Y", "Z"], "The open_state": ["On Hold"]}


@pytest.mark.parametrize(
    ("key", "value", "rounded"),
    [
        ("number", 0.55, False),
        ("number", 0.555, True),
        ("number", 5, False),
        ("share", 0.123, False),
        ("share", 0.1234, True),
    ],
)
def test_a_cell_that_shows_fewer_decimals_than_it_holds_is_reported_and_keeps_them(key, value, rounded):
    encoded = MAPPING.to_airtable({"_id": "a", key: value})

    assert encoded.shown_rounded == ((f"The {key}",) if rounded else ())
    assert encoded.fields[f"The {key}"] == value


# ------------------------------------------------------------------ links


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (123, "123"), (123.0, "123"), ("123", "123"), (" 0123 ", "123"), ("000", "0"), ("A-1 ", "A-1"), ("-5", "-5"),
        (-5, "-5"), ("٣", "٣"), ("0٣", "0٣"), ("a\0", None), ("9" * 5000, "9" * 5000),
        (None, None), ("", None), ("  ", None), (True, None), (1.5, None), ([], None), ({}, None),
    ],
)  # fmt: skip
def test_natural_keys_are_normalised(value, key):
    assert link_key(value) == key


def test_a_link_is_looked_for_by_its_keys_in_order():
    links = MAPPING.to_airtable({"_id": "a", "dot": "0123", "line": " raw "}).links

    assert links == {"Carrier": [("Carriers", "dot_number", "123"), ("Carriers", "_id", " raw ")]}


def test_of_two_fields_for_the_same_key_of_the_target_the_first_with_a_value_is_used():
    mapping = small(
        field("dot", "text", "singleLineText"),
        field("old_dot", "text", "singleLineText"),
        links=(Link(name="Carrier", to="Carriers", on={"dot": "dot_number", "old_dot": "dot_number"}),),
    )

    assert mapping.links_of({"dot": "1", "old_dot": "2"}) == {"Carrier": [("Carriers", "dot_number", "1")]}
    assert mapping.links_of({"dot": " ", "old_dot": "2"}) == {"Carrier": [("Carriers", "dot_number", "2")]}


@pytest.mark.parametrize(
    "item", [{}, {"dot": "", "line": ""}, {"dot": None, "line": 5}, {"line": " "}, {"line": "a\0"}]
)
def test_a_link_without_a_key_is_omitted(item):
    assert MAPPING.to_airtable({"_id": "a", **item}).links == {}


def test_a_list_of_references_and_an_included_item_are_looked_for_by_id():
    mapping = small(
        field("drivers", "multireference", "multilineText", codec="json_text"),
        field("boss", "reference", "singleLineText"),
        links=(Link(name="Drivers", to="D", on={"drivers": "_id"}), Link(name="Boss", to="D", on={"boss": "_id"})),
    )

    links = mapping.to_airtable({"_id": "a", "drivers": ["x", "y", "x", None], "boss": {"_id": "z", "name": "Z"}}).links

    assert links == {"Drivers": [("D", "_id", "x"), ("D", "_id", "y")], "Boss": [("D", "_id", "z")]}
