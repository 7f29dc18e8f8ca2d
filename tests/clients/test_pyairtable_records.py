"""pyairtable's Table: reading with every option, writing one and many, upserts, deletes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyairtable
import pytest
import requests
from pyairtable.api.types import RecordDict

from sandbox.in_process import Sandbox

MISSING = "rec00000000000000"


def by_name(table: pyairtable.Table) -> dict[str, RecordDict]:
    return {record["fields"]["Name"]: record for record in table.all()}


def names(records: list[RecordDict]) -> list[str]:
    return [record["fields"]["Name"] for record in records]


def refusal(caught: pytest.ExceptionInfo[requests.HTTPError]) -> tuple[int, Any]:
    """The status and the `error` of a refused request, as pyairtable hands them to its user."""
    return caught.value.response.status_code, caught.value.response.json()["error"]


# ---------------------------------------------------------------------- reading


def test_get_gives_the_id_the_creation_time_and_the_filled_cells(carriers: pyairtable.Table) -> None:
    listed = carriers.first(formula="{Name}='Birch Lines'")
    got = carriers.get(listed["id"])
    assert got == listed
    assert datetime.fromisoformat(got["createdTime"]).tzinfo == UTC
    assert got["createdTime"].endswith(".000Z")
    assert got["fields"]["Fleet"] == 8
    assert "Notes" not in got["fields"]
    assert "Active" not in got["fields"]


def test_get_of_a_missing_record_is_the_403_that_names_no_record(carriers: pyairtable.Table) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        carriers.get(MISSING)
    status, error = refusal(caught)
    assert status == 403
    assert error["type"] == "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"
    assert "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND" in caught.value.args[1]


def test_get_of_another_table_of_the_base_answers_the_record(
    carriers: pyairtable.Table, drivers: pyairtable.Table
) -> None:
    dana = by_name(drivers)["Dana"]
    assert carriers.get(dana["id"]) == dana


def test_a_table_is_found_by_its_id_and_by_its_name(base: pyairtable.Base, carriers: pyairtable.Table) -> None:
    by_id = base.table(carriers.id)
    assert carriers.id.startswith("tbl")
    assert by_id.all() == carriers.all()


def test_a_missing_table_is_403_and_a_missing_base_the_bare_404(base: pyairtable.Base, api: pyairtable.Api) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        base.table("Nowhere").all()
    assert refusal(caught)[0] == 403
    with pytest.raises(requests.HTTPError) as caught:
        api.table("app00000000000000", "Carriers").all()
    assert refusal(caught) == (404, "NOT_FOUND")


def test_all_without_options_keeps_the_order_of_creation(carriers: pyairtable.Table) -> None:
    assert names(carriers.all()) == ["Acme Freight", "Birch Lines", "Cold 'n' \"Fast\""]


def test_iterate_gives_pages_and_all_gives_every_record_of_them(drivers: pyairtable.Table) -> None:
    drivers.batch_create([{"Name": f"Driver {number}"} for number in range(222)])
    pages = list(drivers.iterate())
    assert [len(page) for page in pages] == [100, 100, 25]
    assert [record for page in pages for record in page] == drivers.all()
    assert len({record["id"] for page in pages for record in page}) == 225


def test_page_size_and_max_records_bound_a_page_and_the_whole(drivers: pyairtable.Table) -> None:
    drivers.batch_create([{"Name": f"Driver {number}"} for number in range(40)])
    assert [len(page) for page in drivers.iterate(page_size=20)] == [20, 20, 3]
    assert [len(page) for page in drivers.iterate(page_size=10, max_records=25)] == [10, 10, 5]
    assert len(drivers.all(max_records=7)) == 7


def test_pages_and_lists_of_none_are_empty(drivers: pyairtable.Table) -> None:
    assert drivers.all(page_size=0) == []
    assert drivers.all(max_records=0) == []


def test_a_page_size_over_100_is_refused(drivers: pyairtable.Table) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        drivers.all(page_size=101)
    assert refusal(caught) == (
        422,
        {"type": "INVALID_PAGE_SIZE_ARGUMENT", "message": "Page size argument should be between 0 and 100"},
    )


def test_first_gives_one_record_or_none(carriers: pyairtable.Table) -> None:
    assert carriers.first(sort=["-Fleet"])["fields"]["Name"] == "Acme Freight"
    assert carriers.first(formula="{Name}='Nobody'") is None


def test_sort_takes_several_keys_and_puts_blanks_first_going_up_and_last_going_down(
    carriers: pyairtable.Table, drivers: pyairtable.Table
) -> None:
    assert names(carriers.all(sort=["Score"])) == ["Cold 'n' \"Fast\"", "Birch Lines", "Acme Freight"]
    assert names(carriers.all(sort=["-Score"])) == ["Acme Freight", "Birch Lines", "Cold 'n' \"Fast\""]
    drivers.batch_create([{"Name": "Abe", "Miles": 30}, {"Name": "Zed", "Miles": 30}])
    assert names(drivers.all(sort=["Miles", "-Name"])) == ["Zed", "Finn", "Abe", "Eli", "Dana"]


def test_sort_on_a_select_follows_its_options_not_their_names(carriers: pyairtable.Table) -> None:
    assert [r["fields"]["Status"] for r in carriers.all(sort=["Status"])] == ["New", "Trusted", "Barred"]


def test_fields_narrows_the_cells_and_an_unknown_one_is_refused_by_name(carriers: pyairtable.Table) -> None:
    assert [r["fields"] for r in carriers.all(fields=["Name", "Stars"])] == [
        {"Name": "Acme Freight", "Stars": 4},
        {"Name": "Birch Lines"},
        {"Name": "Cold 'n' \"Fast\""},
    ]
    with pytest.raises(requests.HTTPError) as caught:
        carriers.all(fields=["Nmae"])
    assert refusal(caught) == (422, {"type": "UNKNOWN_FIELD_NAME", "message": 'Unknown field name: "Nmae"'})


def test_a_view_is_taken_by_name_and_by_id_and_a_missing_one_refused(carriers: pyairtable.Table) -> None:
    board = next(view for view in carriers.schema().views if view.name == "Board")
    assert names(carriers.all(view="Board")) == names(carriers.all(view=board.id)) == names(carriers.all())
    with pytest.raises(requests.HTTPError) as caught:
        carriers.all(view="No such view")
    assert refusal(caught)[1] == {"type": "VIEW_NAME_NOT_FOUND", "message": "View No such view not found"}


def test_cells_as_text_need_a_zone_and_a_locale_and_show_what_a_user_sees(carriers: pyairtable.Table) -> None:
    options = {"cell_format": "string", "time_zone": "America/Chicago", "user_locale": "en-us"}
    acme = carriers.first(formula="{Name}='Acme Freight'", **options)["fields"]
    assert all(isinstance(value, str) for value in acme.values())
    assert acme["Fleet"] == "120"
    assert acme["Score"] == "4.25"
    assert acme["Rate"] == "$2.50"
    assert acme["Share"] == "12.5%"
    assert acme["Drivers"] == "Dana, Eli"
    assert acme["Tags"] == "reefer, flatbed"
    assert acme["Founded"] == "1931-04-01"
    assert acme["Audited"].startswith("2026-03-05")
    assert acme["Manager"] == "Ada Byron"
    assert acme["Wait"] == "1:30:00"
    assert carriers.get(carriers.first()["id"], **options)["fields"]["Rate"] == "$2.50"
    with pytest.raises(requests.HTTPError) as caught:
        carriers.all(cell_format="string")
    assert refusal(caught)[0] == 422


def test_a_zone_and_a_locale_without_text_cells_change_nothing(carriers: pyairtable.Table) -> None:
    assert carriers.all(time_zone="utc", user_locale="en-ie") == carriers.all()


def test_count_comments_adds_how_many_comments_a_record_has(carriers: pyairtable.Table) -> None:
    acme = carriers.first()
    carriers.add_comment(acme["id"], "Checked")
    assert [r["commentCount"] for r in carriers.all(count_comments=True)] == [1, 0, 0]
    assert "commentCount" not in carriers.first()


def test_use_field_ids_keys_every_answer_by_field_id(carriers: pyairtable.Table) -> None:
    ids = {field.name: field.id for field in carriers.schema().fields}
    listed = carriers.first(use_field_ids=True)
    assert listed["fields"][ids["Name"]] == "Acme Freight"
    assert set(listed["fields"]) <= set(ids.values())
    made = carriers.create({"Name": "Delta"}, use_field_ids=True)
    assert made["fields"][ids["Name"]] == "Delta"
    changed = carriers.update(made["id"], {ids["Fleet"]: 3}, use_field_ids=True)
    assert (changed["fields"][ids["Name"]], changed["fields"][ids["Fleet"]]) == ("Delta", 3)
    assert carriers.get(made["id"], use_field_ids=True)["fields"] == changed["fields"]
    upserted = carriers.batch_upsert([{"fields": {"Name": "Delta", "Fleet": 4}}], ["Name"], use_field_ids=True)
    assert upserted["records"][0]["fields"][ids["Fleet"]] == 4


def test_an_api_that_uses_field_ids_does_so_without_being_asked_each_time(
    box: Sandbox, base: pyairtable.Base, connect: Callable[..., pyairtable.Api]
) -> None:
    table = connect(box, use_field_ids=True).table(base.id, "Drivers")
    made = table.create({"Name": "Gus"})
    assert all(key.startswith("fld") for key in made["fields"])
    assert made["fields"] == table.get(made["id"])["fields"]


def test_a_formula_that_is_too_long_for_a_url_goes_out_as_a_post(
    base: pyairtable.Base, carriers: pyairtable.Table, requests_of: Callable[..., Any]
) -> None:
    formula = "OR(" + ",".join(f"RECORD_ID()='rec{n:014d}'" for n in range(700)) + ",{Name}='Birch Lines')"
    assert len(formula) > carriers.api.MAX_URL_LENGTH
    with requests_of(base.id) as made:
        assert names(carriers.all(formula=formula, time_zone="utc", user_locale="en-ie")) == ["Birch Lines"]
    assert made == {"POST /v0/{base}/{table}/listRecords": 1}


def test_a_long_formula_pages_through_the_post_as_well(drivers: pyairtable.Table) -> None:
    drivers.batch_create([{"Name": f"Driver {number}"} for number in range(12)])
    formula = "AND(" + ",".join("{Name}!='x'" for _ in range(1700)) + ")"
    pages = list(drivers.iterate(formula=formula, page_size=10, fields=["Name"], sort=["Name"]))
    assert [len(page) for page in pages] == [10, 5]


def test_a_broken_formula_is_refused_with_the_service_s_words(carriers: pyairtable.Table) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        carriers.all(formula="{Nme}='x'")
    assert refusal(caught) == (
        422,
        {
            "type": "INVALID_FILTER_BY_FORMULA",
            "message": "The formula for filtering records is invalid: Unknown field names: nme",
        },
    )


# ---------------------------------------------------------------------- writing


def test_create_answers_the_whole_record_computed_cells_included(carriers: pyairtable.Table) -> None:
    made = carriers.create({"Name": "Delta", "Fleet": 7, "Notes": None})
    assert made["fields"]["Shout"] == "DELTA"
    assert made["fields"]["Fleet"] == 7
    assert made["fields"]["Driver count"] == 0
    assert made["fields"]["Number"] == 4
    assert "Notes" not in made["fields"]
    assert carriers.get(made["id"]) == made


def test_create_refuses_wrong_values_unknown_fields_and_computed_fields(carriers: pyairtable.Table) -> None:
    wrong = [
        ({"Fleet": "many"}, "INVALID_VALUE_FOR_COLUMN", 'Field "Fleet" cannot accept the provided value'),
        ({"Nmae": "x"}, "UNKNOWN_FIELD_NAME", 'Unknown field name: "Nmae"'),
        (
            {"Shout": "x"},
            "INVALID_VALUE_FOR_COLUMN",
            'Field "Shout" cannot accept a value because the field is computed',
        ),
        (
            {"Status": "Odd"},
            "INVALID_MULTIPLE_CHOICE_OPTIONS",
            'Insufficient permissions to create new select option ""Odd""',
        ),
        ({"Drivers": [MISSING]}, "ROW_DOES_NOT_EXIST", f"Record ID {MISSING} does not exist in this table"),
        ({"Drivers": ["Dana"]}, "INVALID_RECORD_ID", 'Value "Dana" is not a valid record ID.'),
        ({"Drivers": MISSING}, "INVALID_VALUE_FOR_COLUMN", "Value is not an array of record IDs."),
    ]
    for fields, kind, message in wrong:
        with pytest.raises(requests.HTTPError) as caught:
            carriers.create({"Name": "Delta", **fields})
        status, error = refusal(caught)
        assert (status, error["type"]) == (422, kind)
        assert error["message"] == message
    assert len(carriers.all()) == 3


def test_typecast_makes_new_choices_reads_dates_and_links_by_name(
    carriers: pyairtable.Table, drivers: pyairtable.Table
) -> None:
    dana = by_name(drivers)["Dana"]["id"]
    made = carriers.create(
        {"Name": "Delta", "Status": "Odd", "Tags": ["tanker"], "Drivers": ["Dana"], "Rate": "$1,234.50"},
        typecast=True,
    )["fields"]
    assert made["Status"] == "Odd"
    assert made["Tags"] == ["tanker"]
    assert made["Drivers"] == [dana]
    assert made["Rate"] == 1234.5
    status = carriers.schema(force=True).field("Status")
    assert [choice.name for choice in status.options.choices] == ["New", "Trusted", "Barred", "Odd"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Name", 12),
        ("Notes", {"text": "x"}),
        ("Fleet", "12"),
        ("Fleet", True),
        ("Rate", "$5"),
        ("Share", "12%"),
        ("Stars", 0),
        ("Stars", 6),
        ("Stars", 2.5),
        ("Wait", "1:30"),
        ("Active", "true"),
        ("Founded", "2026-01-02T03:04:05.000Z"),
        ("Founded", "soon"),
        ("Audited", "soon"),
        ("Tags", "reefer"),
        ("Badge", "12"),
        ("Manager", {"email": "nobody@example.com"}),
        ("Papers", ["https://example.com/a.png"]),
        ("Number", 7),
        ("Created", "2026-01-02T03:04:05.000Z"),
        ("Driver count", 1),
        ("Miles", 1),
        ("Driver names", ["x"]),
        ("Call", {"label": "x"}),
        ("Summary", "x"),
        ("Source", "Depot"),
    ],
)
def test_a_value_of_the_wrong_shape_is_refused_by_the_field_s_name(
    carriers: pyairtable.Table, field: str, value: Any
) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        carriers.create({"Name": "Delta", field: value})
    status, error = refusal(caught)
    assert status == 422
    assert error["type"] in ("INVALID_VALUE_FOR_COLUMN", "INVALID_ATTACHMENT_OBJECT")
    assert error["type"] == "INVALID_ATTACHMENT_OBJECT" or f'"{field}"' in error["message"]
    assert len(carriers.all()) == 3


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("Founded", "2026-01-02T03:04:05.000Z", "2026-01-02"),
        ("Fleet", "12", 12),
        ("Rate", "$1,234.5", 1234.5),
        ("Tags", "reefer, tanker", ["reefer", "tanker"]),
        ("Manager", "ada@example.com", {"id": "usrAda00000000000", "email": "ada@example.com", "name": "Ada Byron"}),
    ],
)
def test_typecast_reads_text_as_the_field_s_own_kind(
    carriers: pyairtable.Table, field: str, value: Any, expected: Any
) -> None:
    assert carriers.create({"Name": "Delta", field: value}, typecast=True)["fields"][field] == expected


def test_typecast_of_a_link_takes_the_first_of_the_name_or_makes_a_record(
    carriers: pyairtable.Table, drivers: pyairtable.Table
) -> None:
    made = carriers.create({"Name": "Delta", "Drivers": ["Finn", "Gus"]}, typecast=True)
    finn, gus = made["fields"]["Drivers"]
    assert drivers.get(finn)["fields"]["Miles"] == 30
    assert drivers.get(gus)["fields"] == {"Name": "Gus", "Carrier": [made["id"]]}
    assert len(drivers.all()) == 4


def test_a_link_holds_a_record_once(carriers: pyairtable.Table, drivers: pyairtable.Table) -> None:
    dana, eli = drivers.all(max_records=2)
    made = carriers.create({"Name": "Delta", "Drivers": [eli["id"], dana["id"], eli["id"]]})
    assert made["fields"]["Drivers"] == [eli["id"], dana["id"]]


def test_a_number_is_kept_finer_than_it_is_shown(carriers: pyairtable.Table) -> None:
    made = carriers.create({"Name": "Delta", "Fleet": 1.256, "Rate": 9.87654})["fields"]
    assert (made["Fleet"], made["Rate"]) == (1.256, 9.87654)


def test_a_text_of_more_than_100_000_characters_is_refused(carriers: pyairtable.Table) -> None:
    most = "x" * 100_000
    assert carriers.create({"Name": "Delta", "Notes": most})["fields"]["Notes"] == most
    with pytest.raises(requests.HTTPError) as caught:
        carriers.create({"Name": "Delta", "Notes": most + "x"})
    assert refusal(caught)[0] == 422


def test_update_merges_and_replace_clears_what_is_not_named(carriers: pyairtable.Table) -> None:
    acme = carriers.first()["id"]
    merged = carriers.update(acme, {"Fleet": 121, "Notes": None})["fields"]
    assert (merged["Fleet"], merged["Email"]) == (121, "desk@acme.example")
    assert "Notes" not in merged
    replaced = carriers.update(acme, {"Name": "Acme"}, replace=True)["fields"]
    assert replaced["Name"] == "Acme"
    assert not {"Email", "Fleet", "Drivers", "Tags"} & set(replaced)
    assert replaced["Number"] == 1


def test_update_of_a_missing_record_is_refused(carriers: pyairtable.Table) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        carriers.update(MISSING, {"Fleet": 1})
    assert refusal(caught)[0] == 403


def test_a_change_moves_the_last_modified_time_and_the_clock_is_the_server_s(
    box: Sandbox, carriers: pyairtable.Table
) -> None:
    before = carriers.first()["fields"]["Changed"]
    box.clock(advance=60)
    after = carriers.update(carriers.first()["id"], {"Fleet": 1})["fields"]["Changed"]
    assert 60 <= (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds() < 120


def test_links_are_one_relation_seen_from_both_sides(carriers: pyairtable.Table, drivers: pyairtable.Table) -> None:
    carrier, driver = by_name(carriers), by_name(drivers)
    drivers.update(driver["Finn"]["id"], {"Carrier": [carrier["Acme Freight"]["id"]]})
    after = by_name(carriers)
    assert after["Acme Freight"]["fields"]["Drivers"] == [driver[name]["id"] for name in ("Dana", "Eli", "Finn")]
    assert after["Acme Freight"]["fields"]["Miles"] == 1530
    assert "Drivers" not in after["Birch Lines"]["fields"]
    drivers.delete(driver["Dana"]["id"])
    assert by_name(carriers)["Acme Freight"]["fields"]["Driver names"] == ["Eli", "Finn"]


def test_batch_create_sends_ten_at_a_time_and_answers_all_in_order(
    base: pyairtable.Base, drivers: pyairtable.Table, requests_of: Callable[..., Any]
) -> None:
    rows = [{"Name": f"Driver {number}", "Miles": number} for number in range(25)]
    with requests_of(base.id) as made:
        created = drivers.batch_create(rows)
    assert [record["fields"] for record in created] == rows
    assert made == {"POST /v0/{base}/{table}": 3}


def test_a_chunk_with_one_bad_record_writes_nothing_and_the_chunks_before_it_stay(drivers: pyairtable.Table) -> None:
    rows = [{"Name": f"Driver {number}", "Miles": number if number != 15 else "far"} for number in range(25)]
    with pytest.raises(requests.HTTPError) as caught:
        drivers.batch_create(rows)
    assert refusal(caught)[1]["type"] == "INVALID_VALUE_FOR_COLUMN"
    assert len(drivers.all()) == 3 + 10


def test_more_than_ten_records_in_one_request_are_refused(drivers: pyairtable.Table) -> None:
    drivers.api.MAX_RECORDS_PER_REQUEST = 11
    with pytest.raises(requests.HTTPError) as caught:
        drivers.batch_create([{"Name": str(number)} for number in range(11)])
    assert refusal(caught) == (
        422,
        {
            "type": "INVALID_RECORDS",
            "message": "A maximum of 10 records can be created per request but you have provided 11.",
        },
    )


def test_batch_update_changes_and_replaces_many(drivers: pyairtable.Table) -> None:
    made = drivers.batch_create([{"Name": f"Driver {number}", "Miles": number} for number in range(15)])
    changes = [{"id": record["id"], "fields": {"Miles": 1}} for record in made]
    changed = drivers.batch_update(changes)
    assert [record["id"] for record in changed] == [record["id"] for record in made]
    assert [record["fields"] for record in changed] == [{"Name": f"Driver {n}", "Miles": 1} for n in range(15)]
    replaced = drivers.batch_update(changes[:2], replace=True)
    assert [record["fields"] for record in replaced] == [{"Miles": 1}, {"Miles": 1}]


def test_batch_update_of_a_missing_record_names_it_and_writes_nothing(drivers: pyairtable.Table) -> None:
    dana = by_name(drivers)["Dana"]["id"]
    with pytest.raises(requests.HTTPError) as caught:
        drivers.batch_update([{"id": dana, "fields": {"Miles": 0}}, {"id": MISSING, "fields": {"Miles": 0}}])
    assert refusal(caught) == (
        422,
        {"type": "ROW_DOES_NOT_EXIST", "message": f"Record ID {MISSING} does not exist in this table"},
    )
    assert drivers.get(dana)["fields"]["Miles"] == 1000


def test_batch_upsert_updates_what_matches_creates_the_rest_and_is_safe_to_repeat(drivers: pyairtable.Table) -> None:
    rows = [{"fields": {"Name": "Dana", "Miles": 1}}] + [{"fields": {"Name": f"D{n}", "Miles": n}} for n in range(11)]
    first = drivers.batch_upsert(rows, key_fields=["Name"])
    assert (len(first["createdRecords"]), len(first["updatedRecords"])) == (11, 1)
    assert first["updatedRecords"] == [by_name(drivers)["Dana"]["id"]]
    assert [record["fields"]["Name"] for record in first["records"]] == ["Dana"] + [f"D{n}" for n in range(11)]
    second = drivers.batch_upsert(rows, key_fields=["Name"])
    assert second["createdRecords"] == []
    assert [record["id"] for record in second["records"]] == [record["id"] for record in first["records"]]
    assert len(drivers.all()) == 3 + 11


def test_batch_upsert_takes_ids_merges_on_several_fields_and_replaces(drivers: pyairtable.Table) -> None:
    dana = by_name(drivers)["Dana"]
    told = drivers.batch_upsert(
        [{"id": dana["id"], "fields": {"Miles": 2}}, {"fields": {"Name": "Eli", "Miles": 501}}],
        key_fields=["Name", "Miles"],
        replace=True,
    )
    assert told["updatedRecords"] == [dana["id"]]
    assert told["records"][0]["fields"] == {"Miles": 2}
    assert told["createdRecords"] == [told["records"][1]["id"]]
    assert sorted(record["fields"].get("Name", "") for record in drivers.all()) == ["", "Eli", "Eli", "Finn"]


def test_batch_upsert_with_a_null_key_creates(drivers: pyairtable.Table) -> None:
    drivers.create({"Miles": 5})
    told = drivers.batch_upsert([{"fields": {"Name": None, "Miles": 6}}], key_fields=["Name"])
    assert told["createdRecords"] == [told["records"][0]["id"]]


def test_batch_upsert_refuses_two_matches_a_computed_key_and_a_missing_id(
    carriers: pyairtable.Table, drivers: pyairtable.Table
) -> None:
    drivers.create({"Name": "Dana"})
    with pytest.raises(requests.HTTPError) as caught:
        drivers.batch_upsert([{"fields": {"Name": "Dana"}}], key_fields=["Name"])
    assert refusal(caught)[0] == 422
    with pytest.raises(requests.HTTPError) as caught:
        carriers.batch_upsert([{"fields": {"Shout": "ACME FREIGHT"}}], key_fields=["Shout"])
    assert refusal(caught)[0] == 422
    four = {"Name": "x", "Notes": "x", "Email": "x", "Phone": "x"}
    with pytest.raises(requests.HTTPError) as caught:
        carriers.batch_upsert([{"fields": four}], key_fields=list(four))
    assert refusal(caught)[0] == 422
    with pytest.raises(requests.HTTPError) as caught:
        drivers.batch_upsert([{"id": MISSING, "fields": {"Name": "Dana"}}], key_fields=["Name"])
    assert refusal(caught)[1]["type"] == "ROW_DOES_NOT_EXIST"


def test_delete_removes_one_and_batch_delete_many_in_the_order_asked(
    base: pyairtable.Base, drivers: pyairtable.Table, requests_of: Callable[..., Any]
) -> None:
    made = [record["id"] for record in drivers.batch_create([{"Name": str(number)} for number in range(14)])]
    assert drivers.delete(made[0]) == {"id": made[0], "deleted": True}
    with requests_of(base.id) as counted:
        told = drivers.batch_delete(reversed(made[1:]))
    assert told == [{"id": one, "deleted": True} for one in reversed(made[1:])]
    assert counted == {"DELETE /v0/{base}/{table}": 2}
    assert sorted(names(drivers.all())) == ["Dana", "Eli", "Finn"]


def test_deletes_of_what_is_gone_are_refused(drivers: pyairtable.Table) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        drivers.delete(MISSING)
    assert refusal(caught)[0] == 403
    with pytest.raises(requests.HTTPError) as caught:
        drivers.batch_delete([MISSING])
    assert refusal(caught) == (
        404,
        {"type": "NOT_FOUND", "message": f'Could not find a record with ID "{MISSING}".'},
    )


def test_names_with_slashes_quotes_and_spaces_are_told_apart(base: pyairtable.Base) -> None:
    odd = 'Loads / 50% & "more" + ü?#'
    table = base.create_table(odd, [{"name": "A / B's {x}", "type": "singleLineText"}])
    made = base.table(odd).create({"A / B's {x}": "naïve ✓ 🚚"})
    assert table.get(made["id"])["fields"] == {"A / B's {x}": "naïve ✓ 🚚"}
    assert base.table(odd).all(fields=["A / B's {x}"], sort=["A / B's {x}"]) == [made]


@pytest.mark.parametrize(
    ("field", "written", "read"),
    [
        ("Notes", "line one\r\nline two\ttab \"q\" 'q' \\ ü 漢字 🚚", None),
        ("Story", "# Head\n\n* a\n* b", "# Head\n\n* a\n* b\n"),
        ("Fleet", 9007199254740991, None),
        ("Score", -0.125, None),
        ("Rate", 0, None),
        ("Share", 1.5, None),
        ("Stars", 5, None),
        ("Wait", 61.0, 61),
        ("Active", True, None),
        ("Founded", "2024-02-29", None),
        ("Audited", "2024-02-29T10:00:00+02:00", "2024-02-29T08:00:00.000Z"),
        ("Status", "Barred", None),
        ("Tags", ["flatbed", "reefer"], None),
        ("Badge", {"text": "978020137962", "type": "upce"}, None),
        (
            "Manager",
            {"email": "bob@example.com"},
            {"id": "usrBob00000000000", "email": "bob@example.com", "name": "Bob Kahn"},
        ),
        (
            "Team",
            [{"id": "usrBob00000000000"}],
            [{"id": "usrBob00000000000", "email": "bob@example.com", "name": "Bob Kahn"}],
        ),
    ],
)
def test_a_cell_reads_back_as_it_was_written(carriers: pyairtable.Table, field: str, written: Any, read: Any) -> None:
    made = carriers.create({"Name": "Delta", field: written})
    assert carriers.get(made["id"])["fields"][field] == (written if read is None else read)
    empty: Any = {"Active": False, "Tags": [], "Team": []}.get(field)
    assert field not in carriers.update(made["id"], {field: empty})["fields"]
