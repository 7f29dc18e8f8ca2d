"""Single and batch writes, their limits and shapes, and upserts."""

from __future__ import annotations

import re

import pytest

from sandbox.in_process import Sandbox

UPDATE_LIMIT = (
    422,
    "INVALID_RECORDS",
    'You must provide an array of up to 10 record objects, each with an "id" ID field and a "fields" object for cell '
    "values.",
)


def by_name(**fields):
    return {"performUpsert": {"fieldsToMergeOn": ["Name"]}, "records": [{"fields": fields}]}


def test_a_single_create_answers_the_record_and_a_batch_a_list(base):
    first = base.ok("POST", "Every", {"fields": {"Name": "x"}})
    assert set(first) == {"id", "createdTime", "fields"}
    many = base.ok("POST", "Every", {"records": [{"fields": {"Name": "y"}}]})
    assert set(many) == {"records"}
    assert set(many["records"][0]) == {"id", "createdTime", "fields"}


def test_empty_fields_make_an_empty_record(base):
    assert base.ok("POST", "Every", {"fields": {}})["id"].startswith("rec")
    assert len(base.ok("POST", "Every", {"records": [{"fields": {}}, {"fields": {}}]})["records"]) == 2


def test_a_write_answers_the_whole_record(base):
    made = base.make(Name="x", Number=1)
    fields = base.ok("PATCH", f"Every/{made['id']}", {"fields": {"Notes": "n"}})["fields"]
    assert (fields["Name"], fields["Number"], fields["Notes"], fields["Twice"]) == ("x", 1, "n", 2)


def test_patch_merges_and_put_clears_every_writable_cell_not_named(base):
    full = {"Name": "x", "Number": 1, "Tags": ["red"], "Done": True, "Owner": {"id": "usrAnnAnnAnnAnnAn"}}
    record = base.make(**full)["id"]
    other = base.make(**full)["id"]
    assert base.ok("PATCH", f"Every/{record}", {"fields": {}})["fields"]["Number"] == 1
    put = base.ok("PUT", f"Every/{record}", {"fields": {"Notes": "n"}})["fields"]
    assert set(put) & set(full) == set()
    assert put["Notes"] == "n"
    assert put["Auto"] == 1
    put = base.ok("PUT", "Every", {"records": [{"id": other, "fields": {"Name": "y"}}]})["records"][0]["fields"]
    assert set(put) & set(full) == {"Name"}


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_answers_have_field_ids_where_that_is_asked_for(base, method):
    made = base.make(Name="x")["id"]
    name = base.field("Name")["id"]
    for yes in (True, "1", "true", 1):
        row = {"fields": {"Name": "y"}} | ({} if method == "POST" else {"id": made})
        shown = base.ok(method, "Every", {"records": [row], "returnFieldsByFieldId": yes})["records"][0]["fields"]
        assert shown[name] == "y"
    path = "Every" if method == "POST" else f"Every/{made}"
    assert base.ok(method, path, {"fields": {"Name": "z"}, "returnFieldsByFieldId": True})["fields"][name] == "z"
    assert "Name" in base.ok(method, path, {"fields": {"Name": "z"}, "returnFieldsByFieldId": False})["fields"]


@pytest.mark.parametrize("count", [11, 12, 100])
def test_more_than_ten_records_a_request_are_refused_in_three_ways(base, count):
    made = [base.make(Name=str(number))["id"] for number in range(11)]
    create = f"A maximum of 10 records can be created per request but you have provided {count}."
    rows = [{"fields": {}}] * count
    assert base.refused("POST", "Every", {"records": rows}) == (422, "INVALID_RECORDS", create)
    for method in ("PATCH", "PUT"):
        updates = [{"id": made[number % 11], "fields": {}} for number in range(count)]
        assert base.refused(method, "Every", {"records": updates}) == UPDATE_LIMIT
        assert base.refused(method, "Every", {**by_name(), "records": rows}) == UPDATE_LIMIT
    gone = [("records[]", made[number % 11]) for number in range(count)]
    payload = (422, "INVALID_RECORDS", "You must provide an array of up to 10 record IDs.")
    assert base.refused("DELETE", "Every", params=gone) == payload


def test_ten_records_a_request_are_taken(base):
    made = base.ok("POST", "Every", {"records": [{"fields": {"Name": str(number)}} for number in range(10)]})["records"]
    ids = [record["id"] for record in made]
    assert [record["fields"]["Name"] for record in made] == [str(number) for number in range(10)]
    rows = [{"id": element, "fields": {"Number": 1}} for element in ids]
    assert [record["id"] for record in base.ok("PATCH", "Every", {"records": rows[::-1]})["records"]] == ids[::-1]
    gone = base.ok("DELETE", "Every", params=[("records[]", element) for element in ids[::-1]])
    assert gone == {"records": [{"id": element, "deleted": True} for element in ids[::-1]]}
    assert base.records() == []


def test_the_batch_limit_is_a_switch(connect):
    with Sandbox(requests_per_second="off", batch_limit=50) as box:
        base = connect(box)
        assert len(base.ok("POST", "Every", {"records": [{"fields": {}}] * 50})["records"]) == 50
        payload = base.refused("POST", "Every", {"records": [{"fields": {}}] * 51})
        assert payload[2] == "A maximum of 50 records can be created per request but you have provided 51."


@pytest.mark.parametrize("query", ["", "?records[]=", "?records="])
def test_a_batch_delete_of_nothing_is_refused(base, query):
    base.make(Name="kept")
    assert base.refused("DELETE", f"Every{query}")[0] in (404, 422)


@pytest.mark.parametrize(
    "form", ["records[]={}&records[]={}", "records%5B%5D={}&records%5B%5D={}", "records={}&records={}"]
)
def test_a_batch_delete_is_read_however_it_is_written(base, form):
    made = [base.make(Name="x")["id"] for _ in range(2)]
    assert len(base.ok("DELETE", f"Every/?{form.format(*made)}")["records"]) == 2
    assert base.records() == []


def test_a_record_deleted_twice_in_one_request_is_deleted_once(base):
    made = base.make(Name="x")["id"]
    gone = base.ok("DELETE", "Every", params=[("records[]", made), ("records[]", made)])
    assert gone["records"] == [{"id": made, "deleted": True}] * 2
    assert base.refused("DELETE", f"Every/{made}")[0] == 403
    assert base.refused("DELETE", "Every", params={"records[]": made})[0] == 404


def test_a_single_delete_says_so(base):
    made = base.make(Name="x")["id"]
    assert base.ok("DELETE", f"Every/{made}") == {"id": made, "deleted": True}


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_batch_update_of_an_unknown_row_names_it(base, method):
    kept = base.make(Name="kept")["id"]
    other = base.make("Other", Title="t")["id"]
    for stranger in ("rec00000000000000", other):
        rows = [{"id": kept, "fields": {"Name": "new"}}, {"id": stranger, "fields": {}}]
        payload = (422, "ROW_DOES_NOT_EXIST", f"Record ID {stranger} does not exist in this table")
        assert base.refused(method, "Every", {"records": rows}) == payload
        assert base.refused(method, "Every", by_name() | {"records": rows}) == payload


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_a_record_of_another_table_of_the_base_is_changed_through_any_of_its_tables(base, method):
    other = base.make("Other", Title="t")["id"]
    body = None if method == "DELETE" else {"fields": {"Title": "new"}}
    base.ok(method, f"Every/{other}", body)
    assert [record["fields"].get("Title") for record in base.records("Other")] == ([] if body is None else ["new"])


def test_a_record_named_twice_in_one_batch_is_changed_twice_and_shown_as_it_ends(base):
    made = base.make(Name="x")["id"]
    rows = [{"id": made, "fields": {"Name": "one"}}, {"id": made, "fields": {"Number": 2}}]
    for shown in base.ok("PATCH", "Every", {"records": rows})["records"]:
        assert (shown["fields"]["Name"], shown["fields"]["Number"]) == ("one", 2)


# ------------------------------------------------------------------ upsert


def test_an_upsert_creates_what_is_not_there_and_changes_what_is(base):
    known = base.make(Name="known", Number=1, Notes="kept")["id"]
    answer = base.ok(
        "PATCH",
        "Every",
        by_name() | {"records": [{"fields": {"Name": name, "Number": 2}} for name in ("new", "known")]},
    )
    new, old = answer["records"]
    assert answer["createdRecords"] == [new["id"]]
    assert answer["updatedRecords"] == [old["id"]] == [known]
    assert (new["fields"]["Name"], new["fields"]["Number"]) == ("new", 2)
    assert (old["fields"]["Notes"], old["fields"]["Number"]) == ("kept", 2)
    assert set(answer) == {"records", "createdRecords", "updatedRecords"}


def test_an_update_without_upsert_does_not_speak_of_created_records(base):
    made = base.make(Name="x")["id"]
    assert set(base.ok("PATCH", "Every", {"records": [{"id": made, "fields": {}}]})) == {"records"}


def test_an_upsert_by_put_clears_the_rest(base):
    base.make(Name="known", Number=1, Notes="gone")
    fields = base.ok("PUT", "Every", by_name(Name="known", Number=2))["records"][0]["fields"]
    assert "Notes" not in fields
    assert fields["Number"] == 2


def test_an_upsert_that_matches_several_records_fails_whole(base):
    for _ in range(2):
        base.make(Name="twin")
    rows = [{"fields": {"Name": "new"}}, {"fields": {"Name": "twin"}}]
    assert base.refused("PATCH", "Every", by_name() | {"records": rows})[:2] == (422, "INVALID_RECORDS")


def test_an_upsert_matches_on_all_of_up_to_three_fields(base):
    wanted = base.make(Name="a", Number=1, Status="Todo")["id"]
    base.make(Name="a", Number=1, Status="Doing")
    base.make(Name="a", Number=2, Status="Todo")
    merge = {"performUpsert": {"fieldsToMergeOn": ["Name", base.field("Number")["id"], "Status"]}}
    row = {"fields": {"Name": "a", "Number": 1, "Status": "Todo", "Notes": "found"}}
    assert base.ok("PATCH", "Every", merge | {"records": [row]})["updatedRecords"] == [wanted]


def test_an_upsert_row_with_an_id_is_a_plain_update(base):
    first, second = base.make(Name="one")["id"], base.make(Name="two")["id"]
    answer = base.ok("PATCH", "Every", by_name() | {"records": [{"id": first, "fields": {"Name": "two"}}]})
    assert answer["updatedRecords"] == [first]
    assert [record["fields"]["Name"] for record in base.records()] == ["two", "two"]
    payload = base.refused("PATCH", "Every", by_name() | {"records": [{"id": "rec00000000000000", "fields": {}}]})
    assert payload[1] == "ROW_DOES_NOT_EXIST"
    assert second


@pytest.mark.parametrize("fields", [{"Name": None}, {"Name": ""}, {}, {"Number": 1}])
def test_a_blank_merge_value_creates_though_blank_rows_exist(base, fields):
    base.make(Number=5)
    assert len(base.ok("PATCH", "Every", by_name(**fields))["createdRecords"]) == 1
    assert len(base.records()) == 2


def test_two_rows_with_one_key_in_a_request_are_one_record(base):
    rows = [{"fields": {"Name": "twin", "Number": number}} for number in (1, 2)]
    answer = base.ok("PATCH", "Every", by_name() | {"records": rows})
    assert answer["createdRecords"] == answer["updatedRecords"]
    assert [record["fields"]["Number"] for record in answer["records"]] == [2, 2]
    assert len(base.records()) == 1


KEYS = {
    "Name": "x",
    "Notes": "long\ntext",
    "Mail": "a@b.c",
    "Number": 1.25,
    "Day": "2026-11-22",
    "Status": "Doing",
    "Tags": ["red", "bl\u00fc"],
}


@pytest.mark.parametrize("field", KEYS)
def test_an_upsert_merges_on_text_numbers_selects_and_dates(base, field):
    body = {"performUpsert": {"fieldsToMergeOn": [field]}, "records": [{"fields": {field: KEYS[field], "Price": 1}}]}
    made = base.ok("PATCH", "Every", body)["createdRecords"]
    assert base.ok("PATCH", "Every", body)["updatedRecords"] == made


@pytest.mark.parametrize("number", [0, -1, 0.1, 2**53, 10**20, -(10**20), 1e300, 5e-324])
def test_an_upsert_merges_on_any_number(base, number):
    body = {"performUpsert": {"fieldsToMergeOn": ["Number"]}, "records": [{"fields": {"Number": number}}]}
    made = base.ok("PATCH", "Every", body)["createdRecords"]
    assert base.ok("PATCH", "Every", body)["updatedRecords"] == made


@pytest.mark.parametrize("text", ["CASE", "x" * 100_000, "1", "true", " x", "\u00e9", "e\u0301", "[1]", "null", "'"])
def test_an_upsert_matches_text_exactly(base, text):
    for decoy in ("case", "x" * 99_999, "x", "e", "01"):
        base.make(Name=decoy)
    made = base.ok("PATCH", "Every", by_name(Name=text))["createdRecords"]
    assert base.ok("PATCH", "Every", by_name(Name=text))["updatedRecords"] == made


@pytest.mark.parametrize("field", ["Twice", "Titles", "Sum", "How many", "Auto", "Created", "Maker"])
def test_an_upsert_does_not_merge_on_computed_fields(base, field):
    body = by_name(Name="x") | {"performUpsert": {"fieldsToMergeOn": ["Name", field]}}
    payload = f'Field "{field}" cannot accept a value because the field is computed'
    assert base.refused("PATCH", "Every", body) == (422, "INVALID_VALUE_FOR_COLUMN", payload)


@pytest.mark.parametrize("field", ["Done", "Files", "Owner", "Team", "Others", "Code"])
def test_an_upsert_does_not_merge_on_other_types(base, field):
    body = by_name(Name="x") | {"performUpsert": {"fieldsToMergeOn": [field]}}
    assert base.refused("PATCH", "Every", body)[:2] == (422, "INVALID_VALUE_FOR_COLUMN")


def test_a_fourth_merge_field_is_refused(base):
    body = by_name(Name="x") | {"performUpsert": {"fieldsToMergeOn": ["Name", "Notes", "Mail", "Site"]}}
    assert base.refused("PATCH", "Every", body)[:2] == (422, "INVALID_REQUEST_UNKNOWN")


def test_an_upsert_with_typecast_makes_choices_and_matches_cast_values(base):
    body = {"performUpsert": {"fieldsToMergeOn": ["Number"]}, "typecast": True}
    row = {"fields": {"Number": "1,000", "Status": "Fresh"}}
    made = base.ok("PATCH", "Every", body | {"records": [row]})["createdRecords"]
    assert base.ok("PATCH", "Every", body | {"records": [row]})["updatedRecords"] == made
    assert base.choices("Status")[-1] == "Fresh"


def test_an_upsert_on_a_new_choice_without_typecast_is_refused(base):
    body = {"performUpsert": {"fieldsToMergeOn": ["Status"]}, "records": [{"fields": {"Status": "New"}}]}
    assert base.refused("PATCH", "Every", body)[1] == "INVALID_MULTIPLE_CHOICE_OPTIONS"


def test_ids_have_their_form(base):
    table, view = base.table(), base.table()["views"][0]
    choice = base.field("Status")["options"]["choices"][0]
    found = [(base.id, "app"), (table["id"], "tbl"), (base.field("Name")["id"], "fld"), (view["id"], "viw")]
    for element, prefix in [*found, (choice["id"], "sel"), (base.make(Name="x")["id"], "rec")]:
        assert re.fullmatch(prefix + "[0-9A-Za-z]{14}", element)
