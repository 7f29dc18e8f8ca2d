"""What each writable type takes, refuses, shows when blank, and makes of strings with typecast."""

from __future__ import annotations

import pytest

CHOICES_REFUSED = (422, "INVALID_MULTIPLE_CHOICE_OPTIONS")
TEXTS = ["Name", "Notes", "Mail", "Site", "Phone"]
NUMBERS = ["Number", "Price", "Share", "Length"]


def bad(field):
    return 422, "INVALID_VALUE_FOR_COLUMN", f'Field "{field}" cannot accept the provided value'


@pytest.mark.parametrize(
    ("field", "full"),
    [
        *((field, "x") for field in [*TEXTS, "Rich"]),
        *((field, 1.5) for field in NUMBERS),
        ("Stars", 3),
        ("Done", True),
        ("Day", "2026-11-22"),
        ("Moment", "2026-11-22T14:51:19.370Z"),
        ("Status", "Todo"),
        ("Tags", ["red"]),
        ("Owner", {"id": "usrAnnAnnAnnAnnAn"}),
        ("Team", [{"email": "bob@example.com"}]),
        ("Code", {"text": "123"}),
    ],
)
def test_null_clears_any_writable_cell_and_a_blank_cell_is_left_out(base, field, full):
    made = base.make(**{field: full})
    assert field in made["fields"]
    assert field not in base.ok("PATCH", f"Every/{made['id']}", {"fields": {field: None}})["fields"]
    assert field not in base.ok("GET", f"Every/{made['id']}")["fields"]
    assert field not in base.make(**{field: None})["fields"]


@pytest.mark.parametrize(
    ("field", "blank"),
    [
        *((field, "") for field in [*TEXTS, "Rich"]),
        *((field, []) for field in ("Tags", "Team", "Files", "Others", "Self")),
        ("Done", False),
    ],
)
def test_the_types_own_blank_clears_it_too(base, field, blank):
    assert base.write(field, blank) is None


def test_no_blank_of_any_kind_is_ever_shown(base):
    base.make(Name="", Number=0, Done=False, Tags=[], Notes=None)
    fields = base.records()[0]["fields"]
    assert fields["Number"] == 0
    assert set(fields) & {"Name", "Done", "Tags", "Notes", "Files", "Others"} == set()
    assert not [value for value in fields.values() if value in ("", [], None)]


@pytest.mark.parametrize("field", TEXTS)
def test_text_is_kept_as_it_is(base, field):
    for text in ("plain", "no e-mail, no URL", " padded ", "line\nbreak", "x" * 100_000, "{}'\"\\%", "\U0001f600"):
        assert base.write(field, text) == text


@pytest.mark.parametrize("field", [*TEXTS, "Rich"])
@pytest.mark.parametrize("value", [1, 1.5, True, False, {}, {"a": 1}, [], ["x"]], ids=repr)
@pytest.mark.parametrize("typecast", [False, True])
def test_text_takes_strings_only_even_with_typecast(base, field, value, typecast):
    assert base.refused_value(field, value, typecast=typecast) == bad(field)


def test_text_past_100000_characters_is_refused(base):
    assert base.refused_value("Notes", "x" * 100_001) == bad("Notes")


def test_rich_text_ends_with_a_line_break(base):
    assert base.write("Rich", "**bold**") == "**bold**\n"
    assert base.write("Rich", "- a\n- b\n") == "- a\n- b\n"


@pytest.mark.parametrize("field", NUMBERS)
def test_numbers_keep_their_full_precision(base, field):
    for number in (0, 1, -1, 1.5, 0.123456789, 123456789.123, -0.0001, 1e-10):
        assert base.write(field, number) == number


def test_more_than_15_digits_are_lost_as_a_double_loses_them(base):
    made = base.ok("POST", "Every", data=b'{"fields":{"Number":12345678901234567890}}')
    assert made["fields"]["Number"] == 12345678901234567000 + 168  # the nearest double
    assert base.write("Number", 9007199254740993) == 9007199254740992


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("value", ["5", "", "x", True, False, [], [5], {}], ids=repr)
def test_numbers_take_no_strings_or_other_things(base, field, value):
    assert base.refused_value(field, value) == bad(field)


@pytest.mark.parametrize(
    ("field", "text", "number"),
    [
        ("Number", "5", 5),
        ("Number", " -1,234.5 ", -1234.5),
        ("Price", "$1,234.5", 1234.5),
        ("Price", "(5)", -5),
        ("Share", "12.3%", 0.123),
        ("Share", "-7%", -0.07),
        ("Length", "1:30", 5400),
        ("Length", "1:30:05", 5405),
        ("Stars", "3", 3),
    ],
)
def test_typecast_reads_numbers_from_strings(base, field, text, number):
    assert base.write(field, text, typecast=True) == number
    assert base.refused_value(field, text) == bad(field)


@pytest.mark.parametrize("field", [*NUMBERS, "Stars"])
@pytest.mark.parametrize("text", ["x", "1x", "--1", "\u0663", "1e999", "nan", "Infinity", "0x10"])
def test_typecast_refuses_strings_that_are_no_numbers(base, field, text):
    assert base.refused_value(field, text, typecast=True) == bad(field)


@pytest.mark.parametrize("value", [0, 6, -1, 1.5, True, "3", 10**20, [3]])
def test_a_rating_is_a_whole_number_from_one_to_its_maximum(base, value):
    assert base.refused_value("Stars", value) == bad("Stars")
    assert base.write("Stars", 5) == 5


def test_a_checkbox_is_true_or_left_out(base):
    assert base.write("Done", True) is True
    assert base.write("Done", False) is None


@pytest.mark.parametrize("value", ["true", "", 1, 0, [], {}], ids=repr)
def test_a_checkbox_takes_nothing_but_a_boolean(base, value):
    assert base.refused_value("Done", value) == bad("Done")


@pytest.mark.parametrize(("text", "kept"), [("true", True), ("checked", True), ("false", None), ("", None)])
def test_typecast_reads_a_checkbox_from_words(base, text, kept):
    assert base.write("Done", text, typecast=True) is kept
    assert base.refused_value("Done", "perhaps", typecast=True) == bad("Done")


@pytest.mark.parametrize("day", ["2026-11-22", "2024-02-29", "0001-01-01", "0999-06-05", "9999-12-31"])
def test_a_date_is_a_day(base, day):
    assert base.write("Day", day) == day


NO_DATES = ["x", "", "2026-13-01", "2026-02-30", "22/11/2026", "11-22-2026", "2026-1-2", 20261122, 1.5, True, [], {}]


@pytest.mark.parametrize("value", [*NO_DATES, "2026-11-22T14:51:19.370Z", "2026-11-22T00:00:00", " 2026-11-22"])
def test_a_date_refuses_whatever_is_no_day_and_a_full_time_too(base, value):
    assert base.refused_value("Day", value) == bad("Day")


@pytest.mark.parametrize("text", ["2026-11-22T14:51:19.370Z", "2026-11-22 14:51", " 2026-11-22 ", "11/22/2026"])
def test_typecast_reads_a_day_from_a_time_or_a_local_date(base, text):
    base.ok(
        "POST",
        f"/v0/meta/bases/{base.id}/tables/Every/fields",
        {"name": "US day", "type": "date", "options": {"dateFormat": {"name": "us"}}},
    )
    assert base.write("US day", text, typecast=True) == "2026-11-22"


def test_typecast_reads_a_local_date_the_way_the_field_shows_it(base):
    base.ok(
        "POST",
        f"/v0/meta/bases/{base.id}/tables/Every/fields",
        {"name": "EU day", "type": "date", "options": {"dateFormat": {"name": "european"}}},
    )
    assert base.write("EU day", "3/4/2026", typecast=True) == "2026-04-03"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("2026-11-22T14:51:19.370Z", "2026-11-22T14:51:19.370Z"),
        ("2026-11-22T14:51:19Z", "2026-11-22T14:51:19.000Z"),
        ("2026-11-22T14:51:19.123456Z", "2026-11-22T14:51:19.123Z"),
        ("2026-11-22T14:51Z", "2026-11-22T14:51:00.000Z"),
        ("2026-11-22T14:51:19+02:00", "2026-11-22T12:51:19.000Z"),
        ("2026-11-22T14:51:19-0530", "2026-11-22T20:21:19.000Z"),
        ("2026-11-22T14:51:19", "2026-11-22T14:51:19.000Z"),
        ("2026-11-22", "2026-11-22T00:00:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("0999-06-05T04:03:02Z", "0999-06-05T04:03:02.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_kept_in_utc_with_milliseconds(base, text, kept):
    assert base.write("Moment", text) == kept


def test_a_time_without_an_offset_is_in_the_fields_zone(base):
    assert base.write("Local", "2026-07-01T12:00:00") == "2026-07-01T16:00:00.000Z"
    assert base.write("Local", "2026-12-01T12:00:00") == "2026-12-01T17:00:00.000Z"
    assert base.write("Local", "2026-12-01") == "2026-12-01T05:00:00.000Z"
    assert base.write("Local", "2026-07-01T12:00:00Z") == "2026-07-01T12:00:00.000Z"
    # in the gap of a change to summer time, and in the hour that comes twice
    assert base.write("Local", "2026-03-08T02:30:00") in ("2026-03-08T07:30:00.000Z", "2026-03-08T06:30:00.000Z")
    assert base.write("Local", "2026-11-01T01:30:00") == "2026-11-01T05:30:00.000Z"


@pytest.mark.parametrize(
    "value",
    [*NO_DATES, "2026-11-22T25:00:00Z", "2026-11-22T14:60Z", "2026-11-22T14:51+25:00", "0001-01-01T00:00:00+05:00"],
)
def test_a_time_refuses_what_is_none(base, value):
    assert base.refused_value("Moment", value) == bad("Moment")


@pytest.mark.parametrize(("text", "kept"), [("11/22/2026 14:51", "2026-11-22T14:51:00.000Z"), ("", None)])
def test_typecast_reads_a_time_from_a_loose_string(base, text, kept):
    assert base.write("Moment", text, typecast=True) == kept
    assert base.refused_value("Moment", "next week", typecast=True) == bad("Moment")


def test_a_select_takes_an_exact_name(base):
    assert base.write("Status", "Doing") == "Doing"


@pytest.mark.parametrize("name", ["New", "doing", " Doing", "", "Doing ", '"Doing"'])
def test_a_new_choice_is_refused_in_two_pairs_of_quotes(base, name):
    message = f'Insufficient permissions to create new select option ""{name}""'
    assert base.refused_value("Status", name) == (*CHOICES_REFUSED, message)
    assert base.refused_value("Tags", [name]) == (*CHOICES_REFUSED, message)
    assert base.refused_value("Tags", ["red", name])[1] == CHOICES_REFUSED[1]


@pytest.mark.parametrize("value", [1, True, ["Doing"], {"name": "Doing"}, []], ids=repr)
def test_a_select_refuses_what_is_no_name(base, value):
    assert base.refused_value("Status", value) == bad("Status")


@pytest.mark.parametrize(
    "value", ["red", 1, True, {"name": "red"}, [1], [["red"]], [{"name": "red"}], [None]], ids=repr
)
def test_a_multiple_select_refuses_what_is_no_list_of_names(base, value):
    assert base.refused_value("Tags", value) == bad("Tags")


def test_a_multiple_select_keeps_its_order_each_name_once_and_overwrites(base):
    made = base.make(Tags=["green", "red", "green"])
    assert made["fields"]["Tags"] == ["green", "red"]
    assert base.ok("PATCH", f"Every/{made['id']}", {"fields": {"Tags": ["bl\u00fc"]}})["fields"]["Tags"] == ["bl\u00fc"]


def test_typecast_makes_new_choices_with_an_id_and_a_colour(base):
    assert base.write("Status", "Fresh", typecast=True) == "Fresh"
    assert base.write("Tags", ["red", "one", "two"], typecast=True) == ["red", "one", "two"]
    assert base.write("Tags", "green, three,,  one", typecast=True) == ["green", "three", "one"]
    assert base.choices("Status") == ["Todo", "Doing", "Closed", "Fresh"]
    assert base.choices("Tags") == ["red", "green", "bl\u00fc", "one", "two", "three"]
    fresh = base.field("Status")["options"]["choices"][-1]
    assert fresh["id"].startswith("sel")
    assert fresh["color"]
    assert base.write("Status", "Fresh") == "Fresh"


def test_one_new_choice_named_by_many_rows_is_made_once(base):
    rows = [{"fields": {"Status": "Fresh", "Tags": ["Fresh"]}} for _ in range(5)]
    base.ok("POST", "Every", {"records": rows, "typecast": True})
    assert base.choices("Status").count("Fresh") == base.choices("Tags").count("Fresh") == 1


@pytest.mark.parametrize(
    "who", [{"id": "usrAnnAnnAnnAnnAn"}, {"email": "ann@example.com"}, {"email": "ANN@example.com"}]
)
def test_a_collaborator_is_written_by_id_or_email_and_read_whole(base, who):
    ann = {"id": "usrAnnAnnAnnAnnAn", "email": "ann@example.com", "name": "Ann"}
    assert base.write("Owner", who) == ann
    assert base.write("Owner", ann) == ann
    assert base.write("Team", [who, who]) == [ann]


@pytest.mark.parametrize(
    "value",
    [
        {"id": "usrNobodyNobody00"},
        {"email": "nobody@example.com"},
        {"name": "Ann"},
        {"id": "Ann"},
        {"email": "Ann"},
        {"id": 1},
        {},
        "Ann",
        "ann@example.com",
        1,
        True,
        [],
    ],
    ids=repr,
)
def test_an_unknown_collaborator_is_refused(base, value):
    assert base.refused_value("Owner", value) == bad("Owner")
    assert base.refused_value("Team", [value]) == bad("Team")


def test_several_collaborators_are_a_list_of_objects_or_ids(base):
    team = base.write("Team", ["usrBobBobBobBobBo", {"email": "ann@example.com"}])
    assert [element["name"] for element in team] == ["Bob", "Ann"]
    assert base.refused_value("Team", {"id": "usrAnnAnnAnnAnnAn"}) == bad("Team")
    assert base.refused_value("Team", "usrAnnAnnAnnAnnAn") == bad("Team")


@pytest.mark.parametrize("word", ["Ann", "ann@example.com", "usrAnnAnnAnnAnnAn"])
def test_typecast_finds_a_collaborator_by_name_or_email(base, word):
    assert base.write("Owner", word, typecast=True)["name"] == "Ann"
    assert base.refused_value("Owner", "Nobody", typecast=True) == bad("Owner")


@pytest.mark.parametrize("value", [{"text": "123"}, {"text": "123", "type": "ean13"}])
def test_a_barcode_is_text_and_a_type(base, value):
    assert base.write("Code", value) == value


@pytest.mark.parametrize(
    "value", ["123", 123, [], {}, {"type": "ean13"}, {"text": 1}, {"text": "1", "type": 2}], ids=repr
)
def test_a_barcode_is_nothing_else(base, value):
    assert base.refused_value("Code", value) == bad("Code")


def test_computed_fields_accept_nothing_not_even_null_or_with_typecast(base, computed):
    record = base.make(Name="x")["id"]
    for field in computed:
        refused = (
            422,
            "INVALID_VALUE_FOR_COLUMN",
            f'Field "{field}" cannot accept a value because the field is computed',
        )
        for value in (1, "x", None, []):
            assert base.refused_value(field, value) == refused
            assert base.refused_value(field, value, typecast=True) == refused
        assert base.refused("PATCH", f"Every/{record}", {"fields": {field: 1}}) == refused


def test_fields_are_named_by_exact_name_or_by_id_mixed(base):
    number = base.field("Number")["id"]
    made = base.ok("POST", "Every", {"fields": {"Name": "x", number: 7}})
    assert (made["fields"]["Name"], made["fields"]["Number"]) == ("x", 7)
    for name in ("name", "NAME", "Name ", "fld00000000000000", number.swapcase(), ""):
        assert base.refused("POST", "Every", {"fields": {name: "x"}}) == (
            422,
            "UNKNOWN_FIELD_NAME",
            f'Unknown field name: "{name}"',
        )
