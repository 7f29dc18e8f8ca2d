"""Computed cells: what they show, and how errors and odd numbers look."""

from __future__ import annotations

import pytest


@pytest.fixture
def record(base):
    others = [base.make("Other", Title=f"t{n}", Amount=amount)["id"] for n, amount in enumerate((5, 0, -7))]
    empty = base.make("Other", Amount=None)["id"]
    return base.make(Name="x", Number=3, Others=[*others, empty])


def test_a_formula_a_rollup_a_lookup_and_a_count_show_their_values(base, record):
    fields = record["fields"]
    assert fields["Twice"] == 6
    assert fields["Sum"] == -2
    assert fields["Titles"] == ["t0", "t1", "t2"]
    assert fields["How many"] == 4


def test_a_count_of_nothing_is_shown_as_0_and_a_lookup_of_nothing_is_left_out(base):
    fields = base.make(Name="x")["fields"]
    assert fields["How many"] == 0
    assert "Titles" not in fields


def test_an_error_and_numbers_that_json_has_not_are_objects(base):
    shown = {number: base.make(Number=number)["fields"] for number in (1, -1, 0)}
    assert shown[1]["Fails"] == {"error": "#ERROR!"}
    assert shown[1]["Ratio"] == {"specialValue": "Infinity"}
    assert shown[-1]["Ratio"] == {"specialValue": "-Infinity"}
    assert shown[0]["Ratio"] == {"specialValue": "NaN"}


def test_a_lookup_of_odd_numbers_shows_them_element_by_element(base, record):
    base.ok(
        "POST",
        f"/v0/meta/bases/{base.id}/tables/Every/fields",
        {
            "name": "Mirrors",
            "type": "multipleLookupValues",
            "options": {
                "recordLinkFieldId": base.field("Others")["id"],
                "fieldIdInLinkedTable": base.field("Mirror", "Other")["id"],
            },
        },
    )
    shown = base.ok("GET", f"Every/{record['id']}")["fields"]["Mirrors"]
    odd = [{"specialValue": name} for name in ("Infinity", "NaN", "-Infinity")]
    assert shown[:3] == odd


def test_the_times_and_people_of_a_record(base):
    base.box.clock(advance=1)
    made = base.make(Name="x")
    fields = made["fields"]
    owner = base.ok("GET", "/v0/meta/whoami")["id"]
    assert made["createdTime"].endswith(".000Z")
    assert len(made["createdTime"]) == 24
    assert fields["Created"] == made["createdTime"]
    assert fields["Maker"]["id"] == fields["Changer"]["id"] == owner
    assert set(fields["Maker"]) == {"id", "email", "name"}


def test_auto_numbers_go_up_and_are_not_given_twice(base):
    first = [base.make(Name="x") for _ in range(3)]
    base.ok("DELETE", f"Every/{first[2]['id']}")
    assert [element["fields"]["Auto"] for element in first] == [1, 2, 3]
    assert base.make(Name="y")["fields"]["Auto"] == 4


def test_the_modified_time_moves_with_a_change_and_not_with_none(base):
    made = base.make(Name="x", Number=1)
    base.box.clock(advance=100)
    same = base.ok("PATCH", f"Every/{made['id']}", {"fields": {"Name": "x", "Number": 1}})
    assert same["fields"]["Changed"] == made["fields"]["Changed"]
    changed = base.ok("PATCH", f"Every/{made['id']}", {"fields": {"Name": "y"}})
    assert changed["fields"]["Changed"] > made["fields"]["Changed"]
    assert changed["createdTime"] == made["createdTime"]


def test_a_button_shows_its_label_and_address(base):
    assert base.make(Name="a")["fields"]["Press"] == {"label": "Open", "url": "https://x.test/a"}


def test_ai_text_and_synced_cells_show_what_a_seed_put_there(base, connect):
    ai = {"state": "generated", "isStale": False, "value": "words"}
    seed = {
        "base": {"name": "Ai"},
        "tables": [
            {
                "name": "T",
                "fields": [
                    {"name": "Name", "type": "singleLineText"},
                    {"name": "Ai", "type": "aiText"},
                    {"name": "Source", "type": "externalSyncSource"},
                ],
                "records": [{"fields": {"Name": "x", "Ai": ai, "Source": "calendar"}}],
            }
        ],
    }
    assert connect(base.box, seed).records("T")[0]["fields"] == {"Name": "x", "Ai": ai, "Source": "calendar"}


def test_a_formula_that_would_read_itself_is_refused(base):
    path = f"/v0/meta/bases/{base.id}/tables/Every/fields"
    first = base.ok("POST", path, {"name": "A", "type": "formula", "options": {"formula": "1"}})
    base.ok("POST", path, {"name": "B", "type": "formula", "options": {"formula": "{A}+1"}})
    for formula in ("{A}", "{B}", "IF({B}, 1)"):
        change = {"options": {"formula": formula}}
        assert base.refused("PATCH", f"{path}/{first['id']}", change)[:2] == (
            422,
            "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE",
        )
    assert base.ok("PATCH", f"{path}/{first['id']}", {"options": {"formula": "{Number}"}})["options"]["isValid"]


def test_a_chain_of_many_formulas_has_a_type_and_a_value_soon(base):
    path = f"/v0/meta/bases/{base.id}/tables/Every/fields"
    base.ok("POST", path, {"name": "F0", "type": "formula", "options": {"formula": "{Number}"}})
    for number in range(1, 12):
        terms = "IF(1," + ",IF(1,".join([f"{{F{number - 1}}}"] * 8) + "".join(")" for _ in range(8))
        base.ok("POST", path, {"name": f"F{number}", "type": "formula", "options": {"formula": terms}})
    assert base.field("F11")["options"]["result"]["type"] == "number"
    assert base.make(Number=4)["fields"]["F11"] == 4
