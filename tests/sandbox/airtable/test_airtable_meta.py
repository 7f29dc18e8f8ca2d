"""The Meta API: what can be created, with which options, what is refused and how everything shows."""

from __future__ import annotations

import re

import pytest

from sandbox.in_process import Sandbox

WORKSPACE = "wspSandboxDefault"
FORBIDDEN = (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")
BAD_OPTIONS = (422, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE")
UNSUPPORTED = (422, "UNSUPPORTED_FIELD_TYPE_FOR_CREATE")
DUPLICATE = (422, "DUPLICATE_OR_EMPTY_FIELD_NAME")
INVALID = (422, "INVALID_REQUEST_UNKNOWN")
NAME = {"name": "Name", "type": "singleLineText"}


def tables(base):
    return f"/v0/meta/bases/{base.id}/tables"


def fields(base, table="Every"):
    return f"{tables(base)}/{base.tables[table]}/fields"


def create(base, kind, options=None, name="New", **more):
    body = {"name": name, "type": kind, **more}
    return base.ok("POST", fields(base), body if options is None else body | {"options": options})


def refused(base, kind, options=None, name="New"):
    body = {"name": name, "type": kind}
    return base.refused("POST", fields(base), body if options is None else body | {"options": options})


# ------------------------------------------------------------------ whoami and bases


def test_whoami_names_the_tokens_owner(base):
    payload = base.ok("GET", "/v0/meta/whoami")
    assert re.fullmatch("usr[0-9A-Za-z]{14}", payload["id"])
    assert set(payload) <= {"id", "email"}


def test_bases_are_listed_with_a_permission_and_a_page_size_is_refused(base):
    listed = base.ok("GET", "/v0/meta/bases")["bases"]
    assert {"id": base.id, "name": "Everything", "permissionLevel": "create"} in listed
    assert base.refused("GET", "/v0/meta/bases?pageSize=10")[:2] == INVALID


@pytest.mark.slow
def test_bases_are_listed_a_thousand_a_page(connect):
    with Sandbox(requests_per_second="off") as box:
        base = connect(box)
        for number in range(1000):
            box.seed({"base": {"name": str(number)}, "tables": []})
        first = base.ok("GET", "/v0/meta/bases")
        assert len(first["bases"]) == 1000
        assert re.fullmatch("itr[0-9A-Za-z]{14}/app[0-9A-Za-z]{14}", first["offset"])
        second = base.ok("GET", "/v0/meta/bases", params={"offset": first["offset"]})
        assert [element["name"] for element in second["bases"]] == ["999"]
        assert "offset" not in second


@pytest.mark.parametrize("offset", ["x", "itr00000000000000/app00000000000000", "app/{id}", "/{id}", "{id}"])
def test_a_bad_offset_of_bases_is_refused(base, offset):
    params = {"offset": offset.format(id=base.id)}
    assert base.refused("GET", "/v0/meta/bases", params=params)[:2] == (422, "INVALID_OFFSET_VALUE")


def test_a_missing_base_is_403_but_404_for_a_new_field(base):
    missing = "/v0/meta/bases/appNoSuchBase0000/tables"
    assert base.refused("GET", missing)[:2] == FORBIDDEN
    assert base.refused("POST", missing, {"name": "T", "fields": [NAME]})[:2] == FORBIDDEN
    assert base.refused("PATCH", f"{missing}/T", {"name": "U"})[:2] == FORBIDDEN
    assert base.refused("POST", f"{missing}/T/fields", NAME)[:2] == (404, "NOT_FOUND")


def test_a_new_base_has_its_tables(base):
    body = {"name": "Fresh", "workspaceId": WORKSPACE, "tables": [{"name": "T", "fields": [NAME]}]}
    made = base.ok("POST", "/v0/meta/bases", body)
    assert set(made) == {"id", "tables"}
    assert [table["name"] for table in made["tables"]] == ["T"]
    assert base.ok("GET", f"/v0/meta/bases/{made['id']}/tables")["tables"] == made["tables"]


def test_a_new_base_needs_a_workspace_that_exists(base):
    body = {"name": "Fresh", "tables": [{"name": "T", "fields": [NAME]}]}
    assert base.refused("POST", "/v0/meta/bases", body) == (422, "INVALID_REQUEST", "Server error")
    payload = base.refused("POST", "/v0/meta/bases", body | {"workspaceId": "wspNoSuchSpace000"})
    assert payload[:2] == (404, "MODEL_ID_NOT_FOUND")


@pytest.mark.parametrize("change", [{"name": ""}, {"name": None}, {"name": 1}, {"tables": []}, {"tables": None},
                                    {"tables": {}}, {"tables": [1]}, {"tables": [{}]}, {"tables": [{"name": "T"}]},
                                    {"tables": [{"name": "T", "fields": []}]}], ids=repr)  # fmt: skip
def test_a_new_base_of_the_wrong_shape_is_refused_and_not_there(base, change):
    body = {"name": "Fresh", "workspaceId": WORKSPACE, "tables": [{"name": "T", "fields": [NAME]}]} | change
    before = base.ok("GET", "/v0/meta/bases")
    assert base.refused("POST", "/v0/meta/bases", body)[0] == 422
    assert base.ok("GET", "/v0/meta/bases") == before


# ------------------------------------------------------------------ tables


def test_a_table_shows_its_fields_views_and_primary_field(base):
    table = base.table()
    assert set(table) == {"id", "name", "primaryFieldId", "fields", "views"}
    assert table["primaryFieldId"] == table["fields"][0]["id"]
    assert [set(view) for view in table["views"]] == [{"id", "name", "type"}] * 2
    assert table["views"][0]["type"] == "grid"


@pytest.mark.parametrize(
    "query", ["include[]=visibleFieldIds", "include=visibleFieldIds", "include%5B%5D=visibleFieldIds"]
)
def test_visible_fields_are_shown_where_that_is_asked_for(base, query):
    table = base.ok("GET", f"{tables(base)}?{query}")["tables"][0]
    assert table["views"][0]["visibleFieldIds"] == [field["id"] for field in table["fields"]]


def test_a_new_table_has_its_first_field_as_primary_and_a_grid_view(base):
    body = {
        "name": "T",
        "description": "words",
        "fields": [NAME, {"name": "N", "type": "number", "options": {"precision": 0}}],
    }
    made = base.ok("POST", tables(base), body)
    assert set(made) == {"id", "name", "description", "primaryFieldId", "fields", "views"}
    assert made["description"] == "words"
    assert made["primaryFieldId"] == made["fields"][0]["id"]
    assert [(view["name"], view["type"]) for view in made["views"]] == [("Grid view", "grid")]
    assert base.table("T") == made
    assert base.ok("POST", "T", {"fields": {"Name": "x", "N": 1}})["fields"] == {"Name": "x", "N": 1}


PRIMARY = {
    "singleLineText": None,
    "email": None,
    "url": None,
    "multilineText": None,
    "phoneNumber": None,
    "barcode": None,
    "number": {"precision": 0},
    "percent": {"precision": 0},
    "currency": {"precision": 0, "symbol": "$"},
    "date": {"dateFormat": {"name": "iso"}},
    "dateTime": {"dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}, "timeZone": "utc"},
    "duration": {"durationFormat": "h:mm"},
}


@pytest.mark.parametrize("kind", PRIMARY)
def test_these_types_may_be_primary(base, kind):
    options = {"options": PRIMARY[kind]} if PRIMARY[kind] else {}
    made = base.ok("POST", tables(base), {"name": "T", "fields": [{"name": "P", "type": kind, **options}]})
    assert made["fields"][0]["type"] == kind


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("singleSelect", {"choices": []}),
        ("multipleSelects", {"choices": []}),
        ("checkbox", {"icon": "check", "color": "greenBright"}),
        ("rating", {"icon": "star", "color": "yellowBright", "max": 5}),
        ("multipleAttachments", None),
        ("singleCollaborator", None),
        ("multipleCollaborators", None),
        ("multipleRecordLinks", {"linkedTableId": "Other"}),
    ],
)
def test_these_types_may_not_be_primary(base, kind, options):
    if options and "linkedTableId" in options:
        options = {"linkedTableId": base.tables["Other"]}
    field = {"name": "P", "type": kind} | ({"options": options} if options else {})
    assert base.refused("POST", tables(base), {"name": "T", "fields": [field, NAME]})[0] == 422


@pytest.mark.parametrize("name", ["Every", "every", "EVERY"])
def test_a_tables_name_is_unique_in_any_case(base, name):
    body = {"name": name, "fields": [NAME]}
    assert base.refused("POST", tables(base), body)[:2] == (422, "DUPLICATE_TABLE_NAME")
    assert base.refused("PATCH", f"{tables(base)}/Other", {"name": name})[:2] == (422, "DUPLICATE_TABLE_NAME")


@pytest.mark.parametrize(
    "change",
    [{"name": None}, {"name": ""}, {"name": " "}, {"name": 1}, {"name": []}, {"fields": None}, {"fields": []},
     {"fields": {}}, {"fields": [1]}, {"fields": [[]]}, {"fields": [{}]}, {"fields": [{"name": "x"}]},
     {"fields": [{"name": "x", "type": 1}]}, {"description": 1}, {"description": "x" * 20_001}],
    ids=lambda change: repr(change)[:40],
)  # fmt: skip
def test_a_new_table_of_the_wrong_shape_is_refused(base, change):
    assert base.refused("POST", tables(base), {"name": "T", "fields": [NAME]} | change)[0] == 422


def test_one_bad_field_and_the_whole_table_is_not_made(base):
    link = {"name": "L", "type": "multipleRecordLinks", "options": {"linkedTableId": base.tables["Other"]}}
    for bad in ({"name": "B", "type": "nope"}, NAME, {"name": "", "type": "url"}, {"name": "N", "type": "number"}):
        assert base.refused("POST", tables(base), {"name": "T", "fields": [NAME, link, bad]})[0] == 422


def test_a_table_is_renamed_and_described_by_id_or_name(base):
    changed = base.ok("PATCH", f"{tables(base)}/Other", {"name": "Others!", "description": "words"})
    assert (changed["name"], changed["description"]) == ("Others!", "words")
    assert "description" not in base.ok("PATCH", f"{tables(base)}/{base.tables['Other']}", {"description": None})
    assert base.ok("GET", "Others!") == {"records": []}
    assert base.refused("GET", "Other")[:2] == FORBIDDEN
    assert base.ok("PATCH", f"{tables(base)}/Others!", {"name": "OTHERS!"})["name"] == "OTHERS!"
    assert base.ok("PATCH", f"{tables(base)}/OTHERS!", {"dateDependencySettings": None})["name"] == "OTHERS!"


@pytest.mark.parametrize(
    "change",
    [{"name": ""}, {"name": 1}, {"name": None}, {"description": 1}, {"name": "New", "description": 1},
     {"name": "New", "description": "x" * 20_001}, {"name": "New", "fields": []}, {"primaryFieldId": "x"}, {"views": []}],
    ids=lambda change: repr(change)[:40],
)  # fmt: skip
def test_a_refused_change_of_a_table_changes_no_part_of_it(base, change):
    assert base.refused("PATCH", f"{tables(base)}/Other", change)[0] == 422
    assert base.ok("GET", "Other") == {"records": []}


def test_a_missing_table_or_field_is_403(base):
    assert base.refused("PATCH", f"{tables(base)}/Nope", {"name": "x"})[:2] == FORBIDDEN
    assert base.refused("POST", f"{tables(base)}/Nope/fields", NAME)[:2] == FORBIDDEN
    assert base.refused("PATCH", f"{fields(base)}/fld00000000000000", {"name": "x"})[:2] == FORBIDDEN
    assert base.refused("PATCH", f"{fields(base)}/{base.field('Title', 'Other')['id']}", {"name": "x"})[:2] == FORBIDDEN


# ------------------------------------------------------------------ fields that can be created

DATE = {"local": "l", "friendly": "LL", "us": "M/D/YYYY", "european": "D/M/YYYY", "iso": "YYYY-MM-DD"}


@pytest.mark.parametrize(
    "kind", ["singleLineText", "multilineText", "richText", "email", "url", "phoneNumber", "barcode"]
)
def test_text_has_no_options(base, kind):
    made = create(base, kind)
    assert made == {"id": made["id"], "name": "New", "type": kind}
    assert refused(base, kind, {"precision": 1}, "Newer")[:2] == BAD_OPTIONS


@pytest.mark.parametrize("kind", ["singleCollaborator", "multipleCollaborators"])
def test_collaborators_show_empty_options(base, kind):
    assert create(base, kind)["options"] == {}
    assert create(base, kind, {}, "Newer")["options"] == {}


def test_attachments_say_whether_they_are_reversed(base):
    assert create(base, "multipleAttachments")["options"] == {"isReversed": False}


SHOWN = [
    ("number", {"precision": 0}),
    ("number", {"precision": 8}),
    ("percent", {"precision": 3}),
    ("currency", {"precision": 7, "symbol": "\u20ac"}),
    ("checkbox", {"icon": "xCheckbox", "color": "tealBright"}),
    ("rating", {"icon": "heart", "color": "redBright", "max": 10}),
    *(("duration", {"durationFormat": form}) for form in ("h:mm", "h:mm:ss", "h:mm:ss.S", "h:mm:ss.SS", "h:mm:ss.SSS")),
]


@pytest.mark.parametrize(("kind", "options"), SHOWN, ids=repr)
def test_options_show_as_they_were_given(base, kind, options):
    made = create(base, kind, options, description="words")
    assert made == {"id": made["id"], "name": "New", "type": kind, "options": options, "description": "words"}
    assert base.field("New") == made


@pytest.mark.parametrize(("kind", "options"), SHOWN, ids=repr)
def test_missing_options_are_named(base, kind, options):
    payload = (*BAD_OPTIONS, "Invalid options for Every.New: Failed schema validation: New.options is missing")
    assert refused(base, kind) == payload
    for name in options:
        less = {key: value for key, value in options.items() if key != name}
        message = f"Invalid options for Every.New: Failed schema validation: New.options.{name} is missing"
        assert refused(base, kind, less) == (*BAD_OPTIONS, message)
    assert refused(base, kind, options | {"more": 1})[:2] == BAD_OPTIONS


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *(("number", {"precision": wrong}) for wrong in (-1, 9, 1.5, "1", True, None, [], {})),
        ("percent", {"precision": 9}),
        ("currency", {"precision": 8, "symbol": "$"}),
        *(("currency", {"precision": 2, "symbol": wrong}) for wrong in ("", 1, None, [])),
        *(("checkbox", {"icon": wrong, "color": "greenBright"}) for wrong in ("tick", 1, [], {}, None)),
        *(("checkbox", {"icon": "check", "color": wrong}) for wrong in ("green", "greenLight1", 1, [])),
        ("rating", {"icon": "check", "color": "redBright", "max": 5}),
        *(("rating", {"icon": "star", "color": "redBright", "max": wrong}) for wrong in (0, 11, 2.5, "5", True)),
        *(("duration", {"durationFormat": wrong}) for wrong in ("mm:ss", "", 1, [], {})),
        *(("date", {"dateFormat": wrong}) for wrong in ("iso", {}, {"name": "x"}, {"name": []}, {"name": {}}, [])),
        ("date", {"dateFormat": {"name": "iso", "format": "l"}}),
        *(("singleSelect", {"choices": wrong}) for wrong in ("a", {}, None, [1], ["a"], [{}], [{"name": ""}])),
        *(("singleSelect", {"choices": [{"name": "a", "color": wrong}]}) for wrong in ("mauve", 1, [], {})),
        ("multipleSelects", {"choices": [{"name": "a"}, {"name": "a"}]}),
        ("multipleSelects", {"choices": [{"name": 1}]}),
        ("number", []),
        ("number", "x"),
        ("singleLineText", []),
    ],
    ids=repr,
)
def test_wrong_options_are_refused(base, kind, options):
    assert refused(base, kind, options)[:2] == BAD_OPTIONS


@pytest.mark.parametrize("name", DATE)
def test_a_date_shows_its_format(base, name):
    assert create(base, "date", {"dateFormat": {"name": name}})["options"] == {
        "dateFormat": {"name": name, "format": DATE[name]}
    }
    given = {"dateFormat": {"name": name, "format": DATE[name]}}
    assert create(base, "date", given, "Newer")["options"] == given


@pytest.mark.parametrize(("name", "form"), [("12hour", "h:mma"), ("24hour", "HH:mm")])
@pytest.mark.parametrize("zone", ["utc", "client", "America/New_York", "Asia/Kolkata"])
def test_a_time_shows_its_formats_and_zone(base, name, form, zone):
    options = {"dateFormat": {"name": "iso"}, "timeFormat": {"name": name}, "timeZone": zone}
    assert create(base, "dateTime", options)["options"] == {
        "dateFormat": {"name": "iso", "format": "YYYY-MM-DD"},
        "timeFormat": {"name": name, "format": form},
        "timeZone": zone,
    }


@pytest.mark.parametrize("zone", ["UTC", "", "Mars/Base", "America", "../etc", "\0", 1, None, [], {}, "x" * 5000])
def test_a_zone_that_is_none_is_refused_and_utc_in_capitals_too(base, zone):
    options = {"dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}, "timeZone": zone}
    assert refused(base, "dateTime", options)[:2] == BAD_OPTIONS


@pytest.mark.parametrize("missing", ["dateFormat", "timeFormat", "timeZone"])
def test_a_time_needs_all_three_options(base, missing):
    options = {"dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}, "timeZone": "utc"}
    del options[missing]
    assert refused(base, "dateTime", options)[2].endswith(f"New.options.{missing} is missing")


@pytest.mark.parametrize("kind", ["singleSelect", "multipleSelects"])
def test_choices_get_ids_and_colours(base, kind):
    made = create(base, kind, {"choices": [{"name": "a"}, {"name": "b", "color": "tealDark1"}]})["options"]["choices"]
    assert [choice["name"] for choice in made] == ["a", "b"]
    assert made[1]["color"] == "tealDark1"
    assert re.fullmatch(
        r"(blue|cyan|teal|green|yellow|orange|red|pink|purple|gray)(Light2|Light1|Bright|Dark1)", made[0]["color"]
    )
    assert all(re.fullmatch("sel[0-9A-Za-z]{14}", choice["id"]) for choice in made)


# ------------------------------------------------------------------ links


def test_a_link_brings_its_inverse_named_after_the_source_table(base):
    made = create(base, "multipleRecordLinks", {"linkedTableId": base.tables["Other"]})
    inverse = base.field("Every", "Other")
    assert made["options"] == {
        "linkedTableId": base.tables["Other"],
        "isReversed": False,
        "prefersSingleRecordLink": False,
        "inverseLinkFieldId": inverse["id"],
    }
    assert inverse["options"]["inverseLinkFieldId"] == made["id"]
    assert inverse["options"]["linkedTableId"] == base.tables["Every"]
    other = base.make("Other", Title="t")["id"]
    first = base.make(New=[other])["id"]
    assert base.ok("GET", f"Other/{other}")["fields"]["Every"] == [first]


def test_a_second_inverse_gets_a_number(base):
    for name in ("A", "B", "C"):
        create(base, "multipleRecordLinks", {"linkedTableId": base.tables["Other"]}, name)
    assert [field["name"] for field in base.table("Other")["fields"]][-3:] == ["Every", "Every 2", "Every 3"]


def test_two_sides_created_apart_are_two_pairs(base):
    create(base, "multipleRecordLinks", {"linkedTableId": base.tables["Other"]})
    base.ok("POST", fields(base, "Other"), {"name": "Own", "type": "multipleRecordLinks",
                                            "options": {"linkedTableId": base.tables["Every"]}})  # fmt: skip
    own, new = base.field("Own", "Other"), base.field("New")
    assert own["options"]["inverseLinkFieldId"] != new["id"]
    assert base.field("Other")["options"]["inverseLinkFieldId"] == own["id"]


def test_a_link_to_its_own_table_gets_no_inverse(base):
    before = len(base.table()["fields"])
    made = create(base, "multipleRecordLinks", {"linkedTableId": base.tables["Every"]})
    assert "inverseLinkFieldId" not in made["options"]
    assert len(base.table()["fields"]) == before + 1


def test_a_link_may_name_a_view_of_the_linked_table(base):
    view = base.table("Other")["views"][0]["id"]
    options = {"linkedTableId": base.tables["Other"], "viewIdForRecordSelection": view}
    assert create(base, "multipleRecordLinks", options)["options"]["viewIdForRecordSelection"] == view
    for wrong in ("viw00000000000000", base.table()["views"][0]["id"], "Grid view", 1, []):
        options["viewIdForRecordSelection"] = wrong
        assert refused(base, "multipleRecordLinks", options, "Newer")[:2] == BAD_OPTIONS


@pytest.mark.parametrize("more", ["isReversed", "prefersSingleRecordLink", "inverseLinkFieldId"])
def test_a_link_takes_no_other_option(base, more):
    payload = refused(base, "multipleRecordLinks", {"linkedTableId": base.tables["Other"], more: False})
    assert payload[:2] == BAD_OPTIONS
    assert f"{more} is not included in the New.options schema" in payload[2]


@pytest.mark.parametrize("target", ["tbl00000000000000", "Other", "", None, 1, [], {}])
def test_a_link_needs_a_table_of_its_base(base, connect, target):
    assert refused(base, "multipleRecordLinks", {"linkedTableId": target})[:2] == BAD_OPTIONS
    foreign = connect(base.box).tables["Other"]
    assert refused(base, "multipleRecordLinks", {"linkedTableId": foreign})[:2] == BAD_OPTIONS


def test_a_new_table_may_link_to_one_that_is_there(base):
    link = {"name": "L", "type": "multipleRecordLinks", "options": {"linkedTableId": base.tables["Other"]}}
    made = base.ok("POST", tables(base), {"name": "T", "fields": [NAME, link]})
    assert base.field("T", "Other")["options"]["inverseLinkFieldId"] == made["fields"][1]["id"]


# ------------------------------------------------------------------ computed fields


@pytest.mark.parametrize("kind", "autoNumber createdTime createdBy lastModifiedTime lastModifiedBy button aiText "
                                 "externalSyncSource count".split())  # fmt: skip
def test_these_types_cannot_be_created(base, kind):
    payload = (*UNSUPPORTED, f"Invalid options for Every.New: Creating {kind} fields is not supported at this time")
    assert refused(base, kind) == payload
    assert refused(base, kind, {}) == payload
    table = {"name": "T", "fields": [NAME, {"name": "New", "type": kind}]}
    assert base.refused("POST", tables(base), table)[:2] == UNSUPPORTED


@pytest.mark.parametrize("kind", ["lookup", "longText", "text", "", "Number", "manualSort", "foreignKey"])
def test_a_type_that_is_none_is_refused(base, kind):
    assert refused(base, kind)[0] == 422


def test_a_formula_is_kept_with_ids_and_shows_its_result(base):
    number, name = base.field("Number")["id"], base.field("Name")["id"]
    made = create(base, "formula", {"formula": "{number} * 2 + LEN(Name)"})
    assert made["options"] == {
        "formula": f"{{{number}}} * 2 + LEN({{{name}}})",
        "isValid": True,
        "referencedFieldIds": [number, name],
        "result": made["options"]["result"],
    }
    assert made["options"]["result"]["type"] == "number"
    assert base.make(Number=3, Name="ab")["fields"]["New"] == 8
    assert create(base, "formula", {"formula": f"{{{number}}}"}, "By id")["options"]["formula"] == f"{{{number}}}"


@pytest.mark.parametrize(
    ("formula", "kind"),
    [("{Name}&'x'", "singleLineText"), ("{Number}+1", "number"), ("TODAY()", "dateTime"), ("{Day}", "date")],
)
def test_a_formulas_result_has_a_type(base, formula, kind):
    assert create(base, "formula", {"formula": formula})["options"]["result"]["type"] == kind


@pytest.mark.parametrize("formula", ["", "{Nope}", "1+", "NOPE()", 1, None, [], {}])
def test_a_formula_that_cannot_be_read_is_not_created(base, formula):
    assert refused(base, "formula", {"formula": formula})[:2] == BAD_OPTIONS


def test_a_formula_takes_no_result(base):
    assert refused(base, "formula", {"formula": "1", "result": {"type": "number"}})[:2] == BAD_OPTIONS


def linked(base, target="Amount", **more):
    link = base.field("Others")["id"]
    return {"recordLinkFieldId": link, "fieldIdInLinkedTable": base.field(target, "Other")["id"], **more}


def test_a_lookup_shows_what_it_looks_up(base):
    made = create(base, "multipleLookupValues", linked(base))
    assert made["options"] == linked(base) | {
        "isValid": True,
        "result": {"type": "number", "options": {"precision": 8}},
    }
    others = [base.make("Other", Amount=amount)["id"] for amount in (3, 0, 3)]
    assert base.make(Others=others)["fields"]["New"] == [3, 0, 3]


def test_a_rollup_hides_its_formula(base):
    made = create(base, "rollup", linked(base, formula="SUM(values)"))
    assert set(made["options"]) == {
        "recordLinkFieldId",
        "fieldIdInLinkedTable",
        "referencedFieldIds",
        "result",
        "isValid",
    }
    assert made["options"]["result"]["type"] == "number"
    others = [base.make("Other", Amount=amount)["id"] for amount in (3, 4)]
    assert base.make(Others=others)["fields"]["New"] == 7


def test_a_lookup_or_rollup_needs_a_link_and_a_field_behind_it(base):
    name = base.field("Name")["id"]
    for kind, more in (("multipleLookupValues", {}), ("rollup", {"formula": "SUM(values)"})):
        good = linked(base, **more)
        for change in (
            {"recordLinkFieldId": name},
            {"recordLinkFieldId": "fld00000000000000"},
            {"recordLinkFieldId": "Others"},
            {"recordLinkFieldId": None},
            {"recordLinkFieldId": []},
            {"fieldIdInLinkedTable": name},
            {"fieldIdInLinkedTable": "Amount"},
            {"fieldIdInLinkedTable": {}},
            {"result": {}},
        ):
            assert refused(base, kind, good | change)[:2] == BAD_OPTIONS
        for missing in good:
            assert (
                refused(base, kind, {name: element for name, element in good.items() if name != missing})[:2]
                == BAD_OPTIONS
            )
    for formula in ("SUM(", "{Amount}", "NOPE(values)", "", 1):
        assert refused(base, "rollup", linked(base, formula=formula))[:2] == BAD_OPTIONS


def test_computed_fields_show_their_own_options(base):
    assert set(base.field("How many")["options"]) == {"isValid", "recordLinkFieldId"}
    assert base.field("Created")["options"]["result"]["type"] == "dateTime"
    assert set(base.field("Changed")["options"]) == {"isValid", "referencedFieldIds", "result"}
    for name in ("Auto", "Maker", "Changer", "Press"):
        assert "options" not in base.field(name) or base.field(name)["options"] == {}


# ------------------------------------------------------------------ names, changes


@pytest.mark.parametrize("name", ["Name", "name", "NAME", "", "  ", None])
def test_a_fields_name_is_unique_in_any_case_and_not_empty(base, name):
    payload = base.refused("POST", fields(base), {"name": name, "type": "url"})
    assert payload[:2] == DUPLICATE
    if name is not None:
        assert base.refused("PATCH", f"{fields(base)}/{base.field('Notes')['id']}", {"name": name})[:2] == DUPLICATE


@pytest.mark.parametrize("body", [{"name": 1, "type": "url"}, {"name": [], "type": "url"}, {"name": "x"},
                                  {"name": "x", "type": None}, {"name": "x", "type": []}, {"name": "x", "type": {}},
                                  {"name": "x", "type": "url", "description": 1},
                                  {"name": "x", "type": "url", "description": "x" * 20_001}],
                         ids=lambda body: repr(body)[:50])  # fmt: skip
def test_a_new_field_of_the_wrong_shape_is_refused(base, body):
    assert base.refused("POST", fields(base), body)[0] == 422


def test_a_field_is_renamed_and_described_and_keeps_its_cells(base):
    record = base.make(Notes="kept")["id"]
    notes = base.field("Notes")["id"]
    changed = base.ok("PATCH", f"{fields(base)}/{notes}", {"name": "Remarks", "description": "words"})
    assert changed == {"id": notes, "name": "Remarks", "type": "multilineText", "description": "words"}
    assert base.ok("GET", f"Every/{record}")["fields"]["Remarks"] == "kept"
    assert base.refused_value("Notes", "x")[1] == "UNKNOWN_FIELD_NAME"
    assert base.ok("PATCH", f"{fields(base)}/{notes}", {"name": "REMARKS"})["name"] == "REMARKS"


def test_a_formula_follows_a_renamed_field(base):
    base.ok("PATCH", f"{fields(base)}/{base.field('Number')['id']}", {"name": "Amount"})
    assert base.field("Twice")["options"]["isValid"] is True
    assert base.make(Amount=4)["fields"]["Twice"] == 8


@pytest.mark.parametrize(
    "change",
    [{}, {"type": "url"}, {"name": "New", "type": "url"}, {"options": {"choices": []}}, {"name": 1},
     {"name": "New", "description": 1}, {"name": "New", "options": {"precision": 1}}, {"description": "x" * 20_001}],
    ids=lambda change: repr(change)[:50],
)  # fmt: skip
def test_type_and_options_cannot_be_changed_and_a_refused_change_changes_nothing(base, change):
    for name in ("Status", "Number", "Notes"):
        assert base.refused("PATCH", f"{fields(base)}/{base.field(name)['id']}", change)[0] == 422
    assert base.write("Notes", "x") == "x"


def test_the_formula_of_a_formula_field_can_be_changed(base):
    path = f"{fields(base)}/{base.field('Twice')['id']}"
    changed = base.ok("PATCH", path, {"options": {"formula": "{Number}*3"}, "name": "Thrice"})
    assert (changed["name"], changed["options"]["referencedFieldIds"]) == ("Thrice", [base.field("Number")["id"]])
    assert base.make(Number=2)["fields"]["Thrice"] == 6
    for options in ({"formula": "{Nope}"}, {"formula": "1", "result": {}}, {}, [], {"formula": 1}, {"formula": ""}):
        assert base.refused("PATCH", path, {"name": "Other name", "options": options})[0] == 422
    assert base.make(Number=2)["fields"]["Thrice"] == 6
    assert base.refused("PATCH", path, {"options": {"formula": "2"}, "name": "Name"})[:2] == DUPLICATE
    assert base.make(Number=2)["fields"]["Thrice"] == 6


def test_a_description_holds_20000_characters(base):
    assert create(base, "url", description="x" * 20_000)["description"] == "x" * 20_000


def test_a_table_holds_500_fields(base):
    body = {"name": "Wide", "fields": [{"name": f"f{number}", "type": "url"} for number in range(501)]}
    assert base.refused("POST", tables(base), body) == (422, "FAILED_STATE_CHECK", None)
    body["fields"].pop()
    made = base.ok("POST", tables(base), body)
    payload = base.refused("POST", f"{tables(base)}/{made['id']}/fields", {"name": "one more", "type": "url"})
    assert payload == (422, "FAILED_STATE_CHECK", None)
    link = {"name": "L", "type": "multipleRecordLinks", "options": {"linkedTableId": made["id"]}}
    assert base.refused("POST", fields(base, "Other"), link) == (422, "FAILED_STATE_CHECK", None)
