"""What is no request at all, at every place: refused in the envelope, quickly, and nothing is written."""

from __future__ import annotations

import json
import time

import pytest

pytestmark = pytest.mark.slow

BAD_BODY = (400, "INVALID_REQUEST_BODY", "Could not parse request body")
INVALID = (422, "INVALID_REQUEST_UNKNOWN", "Invalid request: parameter validation failed. Check your request data.")
HUGE = b"[" * 100_000
BATCHES = ("PATCH", "PUT")

UNREADABLE = {
    "no JSON": b"fields=1",
    "half an object": b'{"fields":{"Name":"x"}',
    "two values": b'{"fields":{}}{"fields":{}}',
    "single quotes": b"{'fields':{}}",
    "a trailing comma": b'{"fields":{},}',
    "bad UTF-8": b'{"fields":{"Name":"\xff\xfe"}}',
    "a cut character": b'{"fields":{"Name":"\xe2\x82"}}',
    "UTF-16": '{"fields":{}}'.encode("utf-16"),
    "NaN": b'{"fields":{"Number":NaN}}',
    "Infinity": b'{"fields":{"Number":-Infinity}}',
    "a number past a double": b'{"fields":{"Number":1e999}}',
    "a whole number past a double": b'{"fields":{"Number":' + b"9" * 4000 + b"}}",
    "100,000 brackets": b'{"fields":{"Name":' + HUGE,
    "100,000 balanced brackets": b'{"fields":{"Name":' + HUGE + b"]" * 100_000 + b"}}",
    "100,000 nested objects": b'{"fields":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    "a raw control character": b'{"fields":{"Name":"a\x01b"}}',
    "a zero byte": b'{"fields":{}}\x00',
}
WRITES = [
    ("POST", "Every"),
    ("PATCH", "Every"),
    ("PUT", "Every"),
    ("POST", "Every/listRecords"),
    ("PATCH", "Every/{record}"),
    ("PUT", "Every/{record}"),
    ("POST", "Every/{record}/comments"),
    ("PATCH", "Every/{record}/comments/com00000000000000"),
    ("POST", "{record}/Files/uploadAttachment"),
    ("POST", "/v0/meta/bases"),
    ("POST", "/v0/meta/bases/{base}/tables"),
    ("PATCH", "/v0/meta/bases/{base}/tables/Every"),
    ("POST", "/v0/meta/bases/{base}/tables/Every/fields"),
    ("PATCH", "/v0/meta/bases/{base}/tables/Every/fields/{field}"),
    ("POST", "/v0/bases/{base}/webhooks"),
    ("POST", "/v0/bases/{base}/webhooks/ach00000000000000/enableNotifications"),
]


def filled(base, path):
    record = base.make("Every", Name="kept")["id"]
    return path.format(base=base.id, record=record, field=base.field("Name")["id"])


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_a_body_that_is_no_json_is_400(base, body):
    assert base.refused("POST", "Every", data=body) == BAD_BODY


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_every_write_endpoint_refuses_what_is_no_json(base, method, path):
    path = filled(base, path)
    for body in (b"{", b'{"a":"\xff"}', HUGE):
        assert base.refused(method, path, data=body) == BAD_BODY


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null", b"true"])
def test_every_write_endpoint_refuses_json_that_is_no_object(base, method, path, body):
    assert base.refused(method, filled(base, path), data=body)[:2] == INVALID[:2]


EMPTY_BODY = {
    ("POST", "Every"): (422, "INVALID_REQUEST_MISSING_FIELDS"),
    ("PATCH", "Every"): (422, "INVALID_RECORDS"),
    ("PUT", "Every"): (422, "INVALID_RECORDS"),
    ("PATCH", "Every/{record}"): (422, "INVALID_REQUEST_MISSING_FIELDS"),
    ("PUT", "Every/{record}"): (422, "INVALID_REQUEST_MISSING_FIELDS"),
    ("PATCH", "Every/{record}/comments/com00000000000000"): (404, "MODEL_ID_NOT_FOUND"),
    ("POST", "/v0/meta/bases"): (422, "INVALID_REQUEST"),
    ("POST", "/v0/bases/{base}/webhooks/ach00000000000000/enableNotifications"): (
        403,
        "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
    ),
}


@pytest.mark.parametrize(("method", "path"), [write for write in WRITES if not write[1].endswith("listRecords")])
def test_every_write_endpoint_refuses_an_empty_body(base, method, path):
    if path.endswith("tables/Every"):
        assert base.ok(method, filled(base, path), data=b"")["name"] == "Every"
    else:
        assert base.refused(method, filled(base, path), data=b"")[:2] == EMPTY_BODY.get((method, path), INVALID[:2])


WRONG = [
    {"fields": []},
    {"fields": "Name"},
    {"fields": 1},
    {"fields": True},
    {"fields": {}, "typecast": "true"},
    {"fields": {}, "typecast": 1},
    {"fields": {}, "typecast": []},
    {"fields": {}, "returnFieldsByFieldId": "maybe"},
    {"fields": {}, "returnFieldsByFieldId": []},
    {"fields": {}, "returnFieldsByFieldId": {}},
    {"records": {}},
    {"records": "rec"},
    {"records": None},
    {"records": 5},
    {"records": []},
    {"records": [1]},
    {"records": [None]},
    {"records": [[]]},
    {"records": ["rec00000000000000"]},
    {"records": [{"fields": []}]},
    {"records": [{"fields": "x"}]},
    {"records": [{"fields": {"Name": "x"}}, {"fields": 3}]},
    {"records": [{"fields": {"Name": "x"}}], "typecast": {}},
]


@pytest.mark.parametrize("body", WRONG, ids=json.dumps)
def test_a_create_of_the_wrong_shape_is_422(base, body):
    assert base.refused("POST", "Every", body) == INVALID


@pytest.mark.parametrize(
    "body", [{}, {"fields": None}, {"typecast": True}, {"records": [{}]}, {"records": [{"id": 1}]}]
)
def test_a_create_without_fields_says_so(base, body):
    missing = (422, "INVALID_REQUEST_MISSING_FIELDS", 'Could not find field "fields" in the request body')
    assert base.refused("POST", "Every", body) == missing


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("body", WRONG[:10], ids=json.dumps)
def test_an_update_of_the_wrong_shape_is_422(base, method, body):
    assert base.refused(method, filled(base, "Every/{record}"), body) == INVALID


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("records", [{}, "rec", None, 5, [], [1], [[]], ["rec00000000000000"]], ids=repr)
def test_a_batch_update_of_the_wrong_shape_says_what_it_takes(base, method, records):
    kind, message = "INVALID_RECORDS", "You must provide an array of up to 10 record objects, each with an"
    payload = base.refused(method, "Every", {"records": records})
    assert payload[:2] == (422, kind)
    assert payload[2].startswith(message)


@pytest.mark.parametrize(
    "wrong", [None, 1, True, [], {}, "", "x", "rec", "recXXX", "tblAAAAAAAAAAAAAA", "rec" + "\ud800" * 14]
)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_batch_update_takes_only_well_formed_ids(base, method, wrong):
    kept = base.make("Every", Name="kept")["id"]
    rows = [{"id": kept, "fields": {"Name": "new"}}, {"id": wrong, "fields": {"Name": "new"}}]
    assert base.refused(method, "Every", {"records": rows})[:2] == (422, "INVALID_RECORDS")


@pytest.mark.parametrize(
    "upsert",
    [
        *({}, [], "Name", 1, True),
        {"fieldsToMergeOn": None},
        {"fieldsToMergeOn": "Name"},
        {"fieldsToMergeOn": []},
        {"fieldsToMergeOn": {}},
        {"fieldsToMergeOn": [1]},
        {"fieldsToMergeOn": [None]},
        {"fieldsToMergeOn": [["Name"]]},
        {"fieldsToMergeOn": ["Name", "Notes", "Mail", "Site"]},
    ],
    ids=repr,
)
def test_an_upsert_of_the_wrong_shape_is_422(base, upsert):
    rows = [{"fields": {"Name": "x"}}]
    assert base.refused("PATCH", "Every", {"records": rows, "performUpsert": upsert}) == INVALID


@pytest.mark.parametrize(
    "params",
    [
        {"sort": "Name"},
        {"sort": {}},
        {"sort": {"field": "Name"}},
        {"sort": ["Name"]},
        {"sort": [{}]},
        {"sort": [{"field": 1}]},
        {"sort": [{"field": None}]},
        {"sort": [{"field": "Name", "direction": "up"}]},
        {"sort": [{"field": "Name", "direction": ["asc"]}]},
        {"sort": [{"field": "Name", "direction": 1}]},
        {"fields": {"Name": True}},
        {"fields": [{"name": "Name"}]},
        {"fields": [1]},
        {"fields": [None]},
        {"fields": 5},
        {"filterByFormula": 1},
        {"filterByFormula": ["1"]},
        {"filterByFormula": {}},
        {"view": 1},
        {"view": []},
        {"offset": 1},
        {"offset": []},
        {"cellFormat": "xml"},
        {"cellFormat": 1},
        {"cellFormat": []},
        {"returnFieldsByFieldId": "perhaps"},
        {"returnFieldsByFieldId": [True]},
        {"recordMetadata": [1]},
        {"recordMetadata": {}},
        {"maxRecords": -1},
    ],
    ids=json.dumps,
)
def test_a_list_of_the_wrong_shape_is_422(base, params):
    assert base.refused("POST", "Every/listRecords", params) == INVALID


@pytest.mark.parametrize("value", [1e308, -1e308, 1e21, 10**20, 2**63, -(2**63) - 1, 2**53 + 1, 5e-324, 0.1, -0.0])
def test_numbers_at_the_edge_of_a_double_are_kept_as_doubles(base, value):
    assert base.write("Number", value) == float(value)
    assert base.write("Price", value) == float(value)


@pytest.mark.parametrize("size", [1e308, 10**20, -(10**20), 2**63, "-1"])
def test_a_page_size_out_of_bounds_is_refused(base, size):
    bounds = (422, "INVALID_PAGE_SIZE_ARGUMENT", "Page size argument should be between 0 and 100")
    assert base.refused("POST", "Every/listRecords", {"pageSize": size, "maxRecords": 3}) == bounds


@pytest.mark.parametrize("size", ["9" * 400, "1e5"])
def test_a_page_size_that_is_no_number_is_ignored(base, size):
    made = base.make("Every", Name="x")["id"]
    found = base.ok("POST", "Every/listRecords", {"pageSize": size, "maxRecords": 3})["records"]
    again = base.ok("GET", "Every", params={"pageSize": size, "maxRecords": size})["records"]
    assert [record["id"] for record in found] == [record["id"] for record in again] == [made]


SURROGATE = b'{"fields":{"Name":"a\\ud800b"}}'


def test_a_lone_surrogate_is_kept_as_the_replacement_character(base):
    made = base.ok("POST", "Every", data=SURROGATE)
    assert made["fields"] == made["fields"] | {"Name": "a\ufffdb"}


def test_a_surrogate_pair_is_the_character(base):
    assert base.ok("POST", "Every", data=b'{"fields":{"Name":"\\ud83d\\ude00"}}')["fields"]["Name"] == "\U0001f600"


@pytest.mark.parametrize(
    "text", ["a\0b", "\0", "a\ud800b", "\udfff", "\u2028", "\ufeffx", "'\"\\\n\t{}%", "\U0010ffff"]
)
def test_odd_text_round_trips_as_an_upsert_key_and_in_a_formula(base, text):
    # requests cannot send a lone surrogate; json.dumps writes it as an escape.
    def send(method, path, body):
        return base.ok(method, path, data=json.dumps(body).encode())

    rows = {"records": [{"fields": {"Name": text}}], "performUpsert": {"fieldsToMergeOn": ["Name"]}}
    first = send("PATCH", "Every", rows)
    again = send("PATCH", "Every", rows)
    assert len(first["createdRecords"]) == 1
    assert again["updatedRecords"] == first["createdRecords"]
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
    for formula in (
        f"{{Name}}='{escaped}'",
        f"OR({{Name}}='{escaped}', {{Name}}='other')",
        f"FIND('{escaped}', {{Name}})",
    ):
        found = send("POST", "Every/listRecords", {"filterByFormula": formula})["records"]
        assert [record["id"] for record in found] == first["createdRecords"], formula


def test_text_that_differs_only_after_a_nul_is_two_keys(base):
    for name in ("a\0b", "a\0c", "a"):
        row = {"records": [{"fields": {"Name": name}}], "performUpsert": {"fieldsToMergeOn": ["Name"]}}
        assert len(base.ok("PATCH", "Every", row)["createdRecords"]) == 1
    found = base.ok("POST", "Every/listRecords", {"filterByFormula": "{Name}='a\0c'"})["records"]
    assert [record["fields"]["Name"] for record in found] == ["a\0c"]


def surrogates():
    lone = "\ud800"
    yield "UNKNOWN_FIELD_NAME", "POST", "Every", {"fields": {lone: 1}}
    yield "INVALID_VALUE_FOR_COLUMN", "POST", "Every", {"fields": {"Name": lone, "Number": "no"}}
    yield "INVALID_MULTIPLE_CHOICE_OPTIONS", "POST", "Every", {"fields": {"Status": lone}}
    yield "INVALID_RECORD_ID", "POST", "Every", {"fields": {"Others": [lone]}}
    yield "INVALID_RECORD_ID", "POST", "Every", {"fields": {"Others": ["rec" + lone * 14]}}
    yield "INVALID_VALUE_FOR_COLUMN", "POST", "Every", {"fields": {"Owner": {"id": lone}}}
    yield "INVALID_VALUE_FOR_COLUMN", "POST", "Every", {"fields": {"Owner": {"email": lone}}}
    yield "INVALID_ATTACHMENT_OBJECT", "POST", "Every", {"fields": {"Files": [{"id": lone}]}}
    yield "INVALID_ATTACHMENT_OBJECT", "POST", "Every", {"fields": {"Files": [{"url": "http://["}]}}
    yield "INVALID_ATTACHMENT_OBJECT", "POST", "Every", {"fields": {"Files": [{"url": lone}]}}
    yield (
        "UNKNOWN_FIELD_NAME",
        "PATCH",
        "Every",
        {"records": [{"fields": {}}], "performUpsert": {"fieldsToMergeOn": [lone]}},
    )
    yield "UNKNOWN_FIELD_NAME", "POST", "Every/listRecords", {"fields": [lone]}
    yield "VIEW_NAME_NOT_FOUND", "POST", "Every/listRecords", {"view": lone}
    yield "INVALID_OFFSET_VALUE", "POST", "Every/listRecords", {"offset": lone}
    yield "UNKNOWN_FIELD_NAME", "POST", "Every/listRecords", {"sort": [{"field": lone}]}
    yield "INVALID_FILTER_BY_FORMULA", "POST", "Every/listRecords", {"filterByFormula": "{" + lone + "}"}
    yield "INVALID_FILTER_BY_FORMULA", "POST", "Every/listRecords", {"filterByFormula": lone + "("}
    yield "MODEL_ID_NOT_FOUND", "POST", "Every/{record}/comments", {"text": "x", "parentCommentId": lone}
    yield "MODEL_ID_NOT_FOUND", "POST", "/v0/meta/bases", {"name": "x", "workspaceId": lone, "tables": [{}]}
    yield (
        "UNSUPPORTED_FIELD_TYPE_FOR_CREATE",
        "POST",
        "/v0/meta/bases/{base}/tables",
        {"name": "x", "fields": [{"name": lone, "type": lone}]},
    )
    yield (
        "UNSUPPORTED_FIELD_TYPE_FOR_CREATE",
        "POST",
        "/v0/meta/bases/{base}/tables/Every/fields",
        {"name": "x", "type": lone},
    )
    yield "INVALID_REQUEST_UNKNOWN", "POST", "/v0/bases/{base}/webhooks", {"notificationUrl": lone, "specification": {}}


@pytest.mark.parametrize(("kind", "method", "path", "body"), list(surrogates()), ids=str)
def test_a_lone_surrogate_is_refused_where_nothing_is_named_so(base, kind, method, path, body):
    refusal = base.refused(method, filled(base, path), data=json.dumps(body).encode())
    assert refusal[:2] == (404 if kind == "MODEL_ID_NOT_FOUND" else 422, kind)


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ("filterByFormula=%ff", "INVALID_FILTER_BY_FORMULA"),
        ("view=%00", "VIEW_NAME_NOT_FOUND"),
        ("sort[0][field]=%ff", "UNKNOWN_FIELD_NAME"),
        ("fields[]=%c3", "UNKNOWN_FIELD_NAME"),
        ("offset=%00", "INVALID_OFFSET_VALUE"),
    ],
)
def test_bad_utf8_in_a_query_is_refused_like_any_unknown_name(base, params, kind):
    assert base.refused("GET", f"Every?{params}")[:2] == (422, kind)


@pytest.mark.parametrize("path", ["%ff", "%00", "a%2Fb", "%E2%82", "..%2f..%2fetc", "tbl%00", "%25"])
def test_bad_utf8_in_a_path_is_a_table_that_does_not_exist(base, path):
    not_found = (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")
    assert base.refused("GET", path)[:2] == not_found
    assert base.refused("POST", path, {"fields": {}})[:2] == not_found


def timed(call, seconds=5.0):
    """In seconds of this process's CPU, the server's thread included: other processes do not count."""
    started = time.process_time()
    answer = call()
    assert time.process_time() - started < seconds
    return answer


@pytest.mark.parametrize(
    ("formula", "kept"),
    [
        ("OR(" + ",".join(f"RECORD_ID()='rec{number:014}'" for number in range(10_000)) + ")", None),
        ("OR(" + ",".join(f"{{Name}}='{number}'" for number in range(10_000)) + ")", 20),
        ("AND(" + ",".join(["{Number}>-1"] * 10_000) + ")", 20),
        ("&".join(["{Name}"] * 10_000), 20),
        ("+".join(["1"] * 10_000), 20),
        ("{Name}='" + "x" * 17_000 + "'", 0),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_formula_of_ten_thousand_terms_is_computed_or_refused_quickly(base, formula, kept):
    for start in (0, 10):
        rows = [{"fields": {"Name": str(number), "Number": number}} for number in range(start, start + 10)]
        base.ok("POST", "Every", {"records": rows})
    body = {"filterByFormula": formula}
    if kept is None:
        refusal = timed(lambda: base.refused("POST", "Every/listRecords", body))
        assert refusal[:2] == (422, "INVALID_FILTER_BY_FORMULA")
    else:
        assert len(timed(lambda: base.ok("POST", "Every/listRecords", body))["records"]) == kept


@pytest.mark.parametrize("term", ["RECORD_ID()='rec{:014}'", "{{Name}}='{}'"])
def test_a_formula_of_two_thousand_terms_is_answered(base, term):
    formula = "OR(" + ",".join(term.format(number) for number in range(2_000)) + ",{Name}='me')"
    base.make("Every", Name="me")
    assert len(timed(lambda: base.ok("POST", "Every/listRecords", {"filterByFormula": formula}))["records"]) == 1


@pytest.mark.parametrize("formula", ["(" * 50_000 + "1" + ")" * 50_000, "-" * 100_000 + "1"], ids=["(((1)))", "---1"])
def test_a_formula_nested_in_what_means_nothing_is_computed_quickly(base, formula):
    made = base.make("Every", Name="x")["id"]
    found = timed(lambda: base.ok("POST", "Every/listRecords", {"filterByFormula": formula}))["records"]
    assert [record["id"] for record in found] == [made]


@pytest.mark.parametrize(
    "formula",
    [
        "(" * 100_000,
        "NOT(" * 20_000 + "1" + ")" * 20_000,
        "IF(1," * 10_000 + "1" + ")" * 10_000,
        "'" + "\\" * 100_001,
        "{" * 50_000,
        "((((" * 10 + "{Name}",
    ],
    ids=lambda formula: formula[:12],
)
def test_a_formula_nested_past_all_reason_is_refused_quickly(base, formula):
    payload = timed(lambda: base.refused("POST", "Every/listRecords", {"filterByFormula": formula}))
    assert payload[:2] == (422, "INVALID_FILTER_BY_FORMULA")
    assert payload[2].startswith("The formula for filtering records is invalid: ")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [("(a+)+$", 0), ("(a|aa)+$", 0), ("(.*)*x", 0), ("(a?){50}a{50}", 1), ("([a-z]+)*[0-9]", 0)],
)
def test_no_regular_expression_hangs_the_server(base, pattern, matches):
    base.make("Every", Name="a" * 5000 + "!")
    formula = f"REGEX_MATCH({{Name}}, '{pattern}')"
    found = timed(lambda: base.ok("POST", "Every/listRecords", {"filterByFormula": formula}))["records"]
    assert len(found) == matches


def test_values_that_nest_deeply_but_legally_are_refused_as_values(base):
    nested = json.loads("[" * 400 + "]" * 400)
    kinds = {"Others": "INVALID_RECORD_ID", "Files": "INVALID_ATTACHMENT_OBJECT"}
    for field in ("Name", "Number", "Tags", "Others", "Files", "Owner", "Team", "Code"):
        expected = (422, kinds.get(field, "INVALID_VALUE_FOR_COLUMN"))
        assert base.refused("POST", "Every", {"fields": {field: nested}})[:2] == expected


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ({"Number": "x"}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Nope": 1}, "UNKNOWN_FIELD_NAME"),
        ({"Others": ["rec00000000000000"]}, "ROW_DOES_NOT_EXIST"),
        ({"Twice": 1}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Status": "New"}, "INVALID_MULTIPLE_CHOICE_OPTIONS"),
    ],
)
def test_one_bad_record_in_a_batch_and_nothing_of_it_is_written(base, bad, kind):
    other = base.make("Other", Title="t")["id"]
    kept = [base.make("Every", Name=f"kept {number}")["id"] for number in range(3)]
    good = {"Name": "new", "Others": [other], "Tags": ["fresh"] if "Status" not in bad else ["red"]}
    cast = "Status" not in bad  # which would make the new choice
    bodies = [
        ("POST", {"records": [{"fields": good}, {"fields": good}, {"fields": bad}]}),
        *(
            (method, {"records": [{"id": kept[0], "fields": good}, {"id": kept[1], "fields": bad}]})
            for method in BATCHES
        ),
        *(
            (
                method,
                {
                    "records": [{"fields": good}, {"fields": bad | {"Name": "b"}}],
                    "performUpsert": {"fieldsToMergeOn": ["Name"]},
                },
            )
            for method in BATCHES
        ),
    ]
    for method, body in bodies:
        assert base.refused(method, "Every", {**body, "typecast": cast})[:2] == (422, kind)
    assert base.choices("Tags") == ["red", "green", "bl\u00fc"]
    assert base.ok("GET", f"Other/{other}")["fields"].get("Back") is None


def test_a_refused_typecast_leaves_no_choice_and_no_linked_record_behind(base):
    fields = {"Status": "brand new", "Tags": ["a", "b"], "Others": ["no such title"], "Number": "not a number"}
    assert base.refused("POST", "Every", {"fields": fields, "typecast": True})[:2] == (422, "INVALID_VALUE_FOR_COLUMN")
    # and the choice can still be made, once, by a write that succeeds
    fields["Number"] = "7"
    base.ok("POST", "Every", {"fields": fields, "typecast": True})
    assert base.choices("Status") == ["Todo", "Doing", "Closed", "brand new"]
    assert [record["fields"]["Title"] for record in base.records("Other")] == ["no such title"]


def test_a_refused_batch_delete_deletes_nothing(base):
    kept = base.make("Every", Name="kept")["id"]
    other = base.make("Other", Title="t")["id"]
    for stranger in ("rec00000000000000", "nonsense", "", other):
        payload = base.refused("DELETE", "Every", params=[("records[]", kept), ("records[]", stranger)])
        assert payload == (404, "NOT_FOUND", f'Could not find a record with ID "{stranger}".')
