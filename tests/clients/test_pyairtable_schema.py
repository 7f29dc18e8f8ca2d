"""pyairtable's bases, workspaces and schemas: what is shown, made and renamed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pyairtable
import pytest
import requests
from pyairtable.models import schema as S  # noqa: N812 - the name pyairtable's own modules use

from sandbox.in_process import Sandbox

CREATABLE: list[tuple[str, dict[str, Any] | None, type]] = [
    ("singleLineText", None, S.SingleLineTextFieldSchema),
    ("multilineText", None, S.MultilineTextFieldSchema),
    ("richText", None, S.RichTextFieldSchema),
    ("email", None, S.EmailFieldSchema),
    ("url", None, S.UrlFieldSchema),
    ("phoneNumber", None, S.PhoneNumberFieldSchema),
    ("barcode", None, S.BarcodeFieldSchema),
    ("number", {"precision": 3}, S.NumberFieldSchema),
    ("percent", {"precision": 1}, S.PercentFieldSchema),
    ("currency", {"precision": 2, "symbol": "€"}, S.CurrencyFieldSchema),
    ("rating", {"icon": "heart", "color": "redBright", "max": 10}, S.RatingFieldSchema),
    ("duration", {"durationFormat": "h:mm:ss.S"}, S.DurationFieldSchema),
    ("checkbox", {"icon": "flag", "color": "tealBright"}, S.CheckboxFieldSchema),
    ("date", {"dateFormat": {"name": "european"}}, S.DateFieldSchema),
    (
        "dateTime",
        {"dateFormat": {"name": "us"}, "timeFormat": {"name": "12hour"}, "timeZone": "America/Chicago"},
        S.DateTimeFieldSchema,
    ),
    ("singleSelect", {"choices": [{"name": "A", "color": "tealDark1"}, {"name": "B"}]}, S.SingleSelectFieldSchema),
    ("multipleSelects", {"choices": [{"name": "A"}]}, S.MultipleSelectsFieldSchema),
    ("singleCollaborator", None, S.SingleCollaboratorFieldSchema),
    ("multipleCollaborators", None, S.MultipleCollaboratorsFieldSchema),
    ("multipleAttachments", None, S.MultipleAttachmentsFieldSchema),
    ("formula", {"formula": "{Fleet} * 2"}, S.FormulaFieldSchema),
]

NOT_CREATABLE = ["autoNumber", "createdTime", "createdBy", "lastModifiedTime", "lastModifiedBy", "button", "aiText"]


def refusal(caught: pytest.ExceptionInfo[requests.HTTPError]) -> tuple[int, Any]:
    return caught.value.response.status_code, caught.value.response.json()["error"]


# ---------------------------------------------------------------------- the token and its bases


def test_whoami_names_the_owner_of_the_token(api: pyairtable.Api, carriers: pyairtable.Table) -> None:
    told = api.whoami()
    assert told["id"] == carriers.create({"Name": "x"})["fields"]["Created by"]["id"]
    assert told["id"].startswith("usr")


def test_a_token_that_is_not_let_in_is_401_everywhere(api: pyairtable.Api, base: pyairtable.Base) -> None:
    api.api_key = ""
    for ask in (api.whoami, base.schema, base.table("Carriers").all, lambda: base.table("Drivers").create({})):
        with pytest.raises(requests.HTTPError) as caught:
            ask()
        assert refusal(caught) == (
            401,
            {"type": "AUTHENTICATION_REQUIRED", "message": "Authentication required"},
        )


def test_bases_lists_what_the_token_reaches(api: pyairtable.Api, base: pyairtable.Base) -> None:
    listed = {one.id: one for one in api.bases()}
    assert listed[base.id].name == "Everything"
    assert listed[base.id].permission_level == "create"
    assert api.base(base.id, validate=True).name == "Everything"
    with pytest.raises(KeyError):
        api.base("app00000000000000", validate=True, force=True)


def test_api_table_validates_against_the_schema(api: pyairtable.Api, base: pyairtable.Base) -> None:
    assert api.table(base.id, "Carriers", validate=True).id == base.schema().table("Carriers").id
    with pytest.raises(KeyError):
        api.table(base.id, "Nowhere", validate=True)


def test_a_workspace_creates_a_base_with_its_tables(box: Sandbox, api: pyairtable.Api) -> None:
    home = box.workspace_id
    tables = [
        {"name": "Loads", "description": "What moves", "fields": [{"name": "Ref", "type": "singleLineText"}]},
        {"name": "Stops", "fields": [{"name": "City", "type": "singleLineText"}, {"name": "At", "type": "url"}]},
    ]
    made = api.workspace(home).create_base("Freight", tables)
    assert made.name == "Freight"
    assert [(table.name, len(table.fields)) for table in made.schema().tables] == [("Loads", 1), ("Stops", 2)]
    assert made.schema().table("Loads").description == "What moves"
    assert made.table("Stops").create({"City": "Reno"})["fields"] == {"City": "Reno"}
    assert api.create_base(home, "Freight", tables).id != made.id


def test_a_base_in_an_unknown_workspace_is_refused(api: pyairtable.Api) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        api.create_base("wsp00000000000000", "x", [{"name": "T", "fields": [{"name": "N", "type": "email"}]}])
    assert refusal(caught)[0] == 404
    assert refusal(caught)[1]["type"] == "MODEL_ID_NOT_FOUND"


def test_collaborators_of_a_base_are_read(base: pyairtable.Base) -> None:
    told = base.collaborators()
    assert (told.id, told.name, told.permission_level) == (base.id, "Everything", "create")
    people = {person.email: person for person in told.individual_collaborators.via_base}
    assert people["ada@example.com"].user_id == "usrAda00000000000"


# ---------------------------------------------------------------------- reading the schema


def test_the_schema_shows_tables_fields_and_views(base: pyairtable.Base, carriers: pyairtable.Table) -> None:
    schema = base.schema()
    assert [table.name for table in schema.tables] == ["Carriers", "Drivers"]
    table = schema.table("Carriers")
    assert table == schema.table(table.id)
    assert table.description == "Who moves freight"
    assert table.field(table.primary_field_id).name == "Name"
    assert [(view.name, view.type) for view in table.views] == [("All carriers", "grid"), ("Board", "grid")]
    assert table.views[0].visible_field_ids == [field.id for field in table.fields]
    assert [one.name for one in base.tables()] == ["Carriers", "Drivers"]
    assert carriers.schema() == table


def test_every_field_type_is_read_as_the_class_made_for_it(
    carriers: pyairtable.Table, everything: dict[str, Any]
) -> None:
    told = {field["name"]: field["type"] for field in everything["tables"][0]["fields"]}
    shown = carriers.schema().fields
    assert {field.name: field.type.value for field in shown} == told
    classes = {type(field) for field in shown}
    assert S.UnknownFieldSchema not in classes
    # manualSort is in no document and cannot be made; every other class pyairtable has is met here.
    every = set(get_args(get_args(S.FieldSchema)[0])) or set(get_args(S.FieldSchema))
    assert every - classes == {S.UnknownFieldSchema, S.ManualSortFieldSchema}


def test_field_options_hold_what_the_types_promise(base: pyairtable.Base, carriers: pyairtable.Table) -> None:
    schema = carriers.schema()
    field = schema.field
    linked = base.schema().table("Drivers")
    assert field("Name").description == "As registered"
    assert field("Score").options.precision == 2
    assert (field("Rate").options.symbol, field("Rate").options.precision) == ("$", 2)
    assert (field("Stars").options.max, field("Stars").options.icon) == (5, "star")
    assert field("Wait").options.duration_format == "h:mm:ss"
    assert (field("Founded").options.date_format.name, field("Founded").options.date_format.format) == (
        "iso",
        "YYYY-MM-DD",
    )
    assert (field("Audited").options.time_zone, field("Audited").options.time_format.format) == ("utc", "HH:mm")
    choices = field("Status").options.choices
    assert [choice.name for choice in choices] == ["New", "Trusted", "Barred"]
    assert choices[0].color == "blueBright"
    assert all(choice.id.startswith("sel") for choice in choices)
    link = field("Drivers").options
    assert link.linked_table_id == linked.id
    assert link.inverse_link_field_id == linked.field("Carrier").id
    assert linked.field("Carrier").options.inverse_link_field_id == field("Drivers").id
    assert linked.field("Mentor").options.inverse_link_field_id is None
    assert field("Shout").options.formula == f"UPPER({{{field('Name').id}}})"
    assert field("Shout").options.referenced_field_ids == [field("Name").id]
    assert field("Shout").options.is_valid
    assert field("Driver names").options.field_id_in_linked_table == linked.field("Name").id
    assert field("Driver names").options.record_link_field_id == field("Drivers").id
    assert field("Miles").options.field_id_in_linked_table == linked.field("Miles").id
    assert field("Miles").options.result.type == "number"
    assert field("Driver count").options.record_link_field_id == field("Drivers").id
    assert field("Changed").options.is_valid
    assert field("Summary").options.prompt == []
    assert [choice.name for choice in field("Source").options.choices] == ["Depot"]


def test_the_schema_is_read_once_and_again_when_forced(base: pyairtable.Base, requests_of: Callable[..., Any]) -> None:
    with requests_of(base.id) as made:
        base.schema()
        base.schema()
        base.schema(force=True)
    assert made == {"GET /v0/meta/bases/{base}/tables": 2}


# ---------------------------------------------------------------------- changing it


def test_create_table_makes_the_table_with_its_fields(base: pyairtable.Base) -> None:
    table = base.create_table(
        "Loads",
        [
            {"name": "Ref", "type": "singleLineText", "description": "Ours"},
            {"name": "Weight", "type": "number", "options": {"precision": 1}},
            {
                "name": "Carrier",
                "type": "multipleRecordLinks",
                "options": {"linkedTableId": base.schema().table("Carriers").id},
            },
        ],
        description="What moves",
    )
    schema = table.schema()
    assert (schema.name, schema.description) == ("Loads", "What moves")
    assert [(field.name, field.type.value) for field in schema.fields] == [
        ("Ref", "singleLineText"),
        ("Weight", "number"),
        ("Carrier", "multipleRecordLinks"),
    ]
    assert schema.primary_field_id == schema.field("Ref").id
    assert [view.name for view in schema.views] == ["Grid view"]
    inverse = base.schema(force=True).table("Carriers").field("Loads")
    assert inverse.options.inverse_link_field_id == schema.field("Carrier").id


def test_create_table_refuses_a_taken_name_and_a_primary_field_that_cannot_be(base: pyairtable.Base) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        base.create_table("carriers", [{"name": "Ref", "type": "singleLineText"}])
    assert (refusal(caught)[0], refusal(caught)[1]["type"]) == (422, "DUPLICATE_TABLE_NAME")
    with pytest.raises(requests.HTTPError) as caught:
        base.create_table("Loads", [{"name": "On", "type": "checkbox", "options": {"icon": "check"}}])
    assert refusal(caught)[0] == 422
    assert [table.name for table in base.schema(force=True).tables] == ["Carriers", "Drivers"]


@pytest.mark.parametrize(("kind", "options", "expected"), CREATABLE, ids=[one[0] for one in CREATABLE])
def test_create_field_makes_a_field_of_each_type(
    carriers: pyairtable.Table, kind: str, options: dict[str, Any] | None, expected: type
) -> None:
    made = carriers.create_field("Extra", kind, description="New", options=options)
    assert type(made) is expected
    assert (made.name, made.description, made.type.value) == ("Extra", "New", kind)
    read = carriers.schema(force=True).field("Extra")
    assert read.model_dump() == made.model_dump()
    shown = read.model_dump(by_alias=True).get("options") or {}
    for key, value in (options or {}).items():
        if key == "formula":
            assert shown[key] == value.replace("Fleet", carriers.schema().field("Fleet").id)
        elif key == "choices":
            assert [choice["name"] for choice in shown[key]] == [choice["name"] for choice in value]
            assert shown[key][0]["color"] == value[0].get("color", shown[key][0]["color"])
        elif isinstance(value, dict):
            assert shown[key]["name"] == value["name"]
        else:
            assert shown[key] == value


def test_create_field_makes_links_lookups_and_rollups(base: pyairtable.Base, carriers: pyairtable.Table) -> None:
    drivers = base.table("Drivers")
    link = carriers.create_field("Backups", "multipleRecordLinks", options={"linkedTableId": drivers.schema().id})
    assert type(link) is S.MultipleRecordLinksFieldSchema
    inverse = drivers.schema(force=True).field("Carriers")
    assert (link.options.inverse_link_field_id, inverse.options.inverse_link_field_id) == (inverse.id, link.id)
    through = {"recordLinkFieldId": link.id, "fieldIdInLinkedTable": drivers.schema().field("Miles").id}
    lookup = carriers.create_field("Backup miles", "multipleLookupValues", options=through)
    rollup = carriers.create_field("All backup miles", "rollup", options={**through, "formula": "SUM(values)"})
    assert (type(lookup), type(rollup)) == (S.MultipleLookupValuesFieldSchema, S.RollupFieldSchema)
    dana, eli = (record["id"] for record in drivers.all(formula="{Miles}>100"))
    made = carriers.update(carriers.first()["id"], {"Backups": [eli, dana]})["fields"]
    assert (made["Backup miles"], made["All backup miles"]) == ([500, 1000], 1500)


def test_a_second_link_to_the_same_table_gets_an_inverse_of_another_name(base: pyairtable.Base) -> None:
    drivers = base.table("Drivers").schema().id
    one, two = (
        base.table("Carriers").create_field(name, "multipleRecordLinks", options={"linkedTableId": drivers})
        for name in ("One", "Two")
    )
    schema = base.schema(force=True).table("Drivers")
    assert schema.field("Carriers").options.inverse_link_field_id == one.id
    assert schema.field("Carriers 2").options.inverse_link_field_id == two.id


@pytest.mark.parametrize("kind", [*NOT_CREATABLE, "externalSyncSource"])
def test_create_field_refuses_the_types_that_only_the_app_can_make(carriers: pyairtable.Table, kind: str) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        carriers.create_field("Extra", kind)
    assert refusal(caught) == (
        422,
        {
            "type": "UNSUPPORTED_FIELD_TYPE_FOR_CREATE",
            "message": f"Invalid options for Carriers.Extra: Creating {kind} fields is not supported at this time",
        },
    )


def test_create_field_refuses_missing_and_foreign_options_and_taken_names(carriers: pyairtable.Table) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        carriers.create_field("Extra", "number")
    assert refusal(caught)[1] == {
        "type": "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE",
        "message": "Invalid options for Carriers.Extra: Failed schema validation: Extra.options is missing",
    }
    with pytest.raises(requests.HTTPError) as caught:
        carriers.create_field(
            "Extra", "multipleRecordLinks", options={"linkedTableId": carriers.id, "prefersSingleRecordLink": True}
        )
    assert "prefersSingleRecordLink is not included in the" in refusal(caught)[1]["message"]
    with pytest.raises(requests.HTTPError) as caught:
        carriers.create_field("name", "email")
    assert refusal(caught)[1]["type"] == "DUPLICATE_OR_EMPTY_FIELD_NAME"


def test_descriptions_end_at_20_000_characters(base: pyairtable.Base, carriers: pyairtable.Table) -> None:
    fields = [{"name": "Ref", "type": "singleLineText"}]
    assert base.create_table("Long", fields, description="x" * 20_000).schema().description == "x" * 20_000
    with pytest.raises(requests.HTTPError) as caught:
        carriers.create_field("Extra", "email", description="x" * 20_001)
    assert refusal(caught)[0] == 422


def test_the_api_s_own_requests_reach_any_endpoint(api: pyairtable.Api, base: pyairtable.Base) -> None:
    """What pyairtable has no method for goes through these."""
    url = api.build_url("meta", "bases", base.id, "tables")
    made = api.post(url, json={"name": "Loads", "fields": [{"name": "Ref", "type": "email"}]})
    told = api.patch(url / made["id"], json={"name": "Trips"})
    assert (told["id"], told["name"]) == (made["id"], "Trips")
    assert [table["name"] for table in api.get(url)["tables"]] == ["Carriers", "Drivers", "Trips"]
    rows = api.build_url(base.id, "Drivers")
    pages = api.iterate_requests("GET", rows, options={"page_size": 2})
    assert [[record["fields"]["Name"] for record in page["records"]] for page in pages] == [["Dana", "Eli"], ["Finn"]]
    gone = api.request("GET", rows, options={"max_records": 1})["records"][0]["id"]
    assert api.delete(rows / gone) == {"id": gone, "deleted": True}


def test_a_table_schema_is_renamed_and_described_by_save(base: pyairtable.Base, carriers: pyairtable.Table) -> None:
    schema = carriers.schema()
    schema.name, schema.description = "Hauliers", "Renamed"
    schema.save()
    read = base.schema(force=True).table("Hauliers")
    assert (read.id, read.description) == (schema.id, "Renamed")
    assert len(base.table("Hauliers").all()) == 3
    schema.description = ""
    schema.save()
    assert not base.schema(force=True).table("Hauliers").description


def test_a_field_schema_is_renamed_and_described_by_save(carriers: pyairtable.Table) -> None:
    field = carriers.schema().field("Fleet")
    field.name, field.description = "Trucks", "How many"
    field.save()
    assert (field.name, field.description) == ("Trucks", "How many")
    read = carriers.schema(force=True).field("Trucks")
    assert (read.id, read.description) == (field.id, "How many")
    assert carriers.first()["fields"]["Trucks"] == 120
    assert carriers.all(formula="{Trucks}>100")[0]["fields"]["Name"] == "Acme Freight"


def test_a_renamed_field_keeps_its_place_in_formulas(carriers: pyairtable.Table) -> None:
    field = carriers.schema().field("Name")
    field.name = "Company"
    field.save()
    assert carriers.first()["fields"]["Shout"] == "ACME FREIGHT"


def test_deleting_a_base_is_for_enterprises(box: Sandbox, base: pyairtable.Base) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        base.delete()
    assert caught.value.response.status_code in (403, 404)
    assert base.id in {one.id for one in base.api.bases(force=True)}
