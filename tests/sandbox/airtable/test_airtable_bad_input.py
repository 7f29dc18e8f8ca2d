"""What is no request at all, at every place: refused in the envelope, quickly, and nothing is written."""

from __future__ import annotations

import json
import time

import pytest

BAD_BODY = (400, "INVALID_REQUEST_BODY", "Could not parse request body")
INVALID = (422, "INVALID_REQUEST_UNKNOWN", "Invalid request: parameter validation failed. Check your request data.")
HUGE = b"[" * 100_000

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


@pytest.mark.parametrize(("method", "path"), [one for one in WRITES if not one[1].endswith("listRecords")])
def test_every_write_endpoint_refuses_an_empty_body(base, method, path):
    path = filled(base, path)
    if path.endswith("tables/Every"):
        assert base.ok(method, path, data=b"")["name"] == "Every"
    else:
        assert base.refused(method, path, data=b"")[0] in (403, 404, 422)


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
    told = base.refused(method, "Every", {"records": records})
    assert told[:2] == (422, kind)
    assert told[2].startswith(message)


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


@pytest.mark.parametrize("size", [1e308, 10**20, -(10**20), 2**63, "9" * 400, "1e5", "-1"])
def test_huge_page_sizes_are_out_of_bounds_or_no_numbers(base, size):
    answer = base.call("POST", "Every/listRecords", {"pageSize": size, "maxRecords": 3})
    assert answer.status_code in (200, 422)
    assert base.call("GET", "Every", params={"pageSize": size, "maxRecords": size}).status_code in (200, 422)


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
    yield "POST", "Every", {"fields": {lone: 1}}
    yield "POST", "Every", {"fields": {"Name": lone, "Number": "no"}}
    yield "POST", "Every", {"fields": {"Status": lone}}
    yield "POST", "Every", {"fields": {"Others": [lone]}}
    yield "POST", "Every", {"fields": {"Others": ["rec" + lone * 14]}}
    yield "POST", "Every", {"fields": {"Owner": {"id": lone}}}
    yield "POST", "Every", {"fields": {"Owner": {"email": lone}}}
    yield "POST", "Every", {"fields": {"Files": [{"id": lone}]}}
    yield "POST", "Every", {"fields": {"Files": [{"url": "http://["}]}}
    yield "POST", "Every", {"fields": {"Files": [{"url": lone}]}}
    yield "PATCH", "Every", {"records": [{"fields": {}}], "performUpsert": {"fieldsToMergeOn": [lone]}}
    yield "POST", "Every/listRecords", {"fields": [lone]}
    yield "POST", "Every/listRecords", {"view": lone}
    yield "POST", "Every/listRecords", {"offset": lone}
    yield "POST", "Every/listRecords", {"sort": [{"field": lone}]}
    yield "POST", "Every/listRecords", {"filterByFormula": "{" + lone + "}"}
    yield "POST", "Every/listRecords", {"filterByFormula": lone + "("}
    yield "POST", "Every/{record}/comments", {"text": "x", "parentCommentId": lone}
    yield "POST", "/v0/meta/bases", {"name": "x", "workspaceId": lone, "tables": [{}]}
    yield "POST", "/v0/meta/bases/{base}/tables", {"name": "x", "fields": [{"name": lone, "type": lone}]}
    yield "POST", "/v0/meta/bases/{base}/tables/Every/fields", {"name": "x", "type": lone}
    yield "POST", "/v0/bases/{base}/webhooks", {"notificationUrl": lone, "specification": {}}


@pytest.mark.parametrize(("method", "path", "body"), list(surrogates()), ids=str)
def test_a_lone_surrogate_is_refused_where_nothing_is_named_so(base, method, path, body):
    base.refused(method, filled(base, path), data=json.dumps(body).encode())


@pytest.mark.parametrize(
    "params", ["filterByFormula=%ff", "view=%00", "sort[0][field]=%ff", "fields[]=%c3", "offset=%00"]
)
def test_bad_utf8_in_a_query_is_refused_like_any_unknown_name(base, params):
    assert base.refused("GET", f"Every?{params}")[0] == 422


@pytest.mark.parametrize("path", ["%ff", "%00", "a%2Fb", "%E2%82", "..%2f..%2fetc", "tbl%00", "%25"])
def test_bad_utf8_in_a_path_is_a_table_that_does_not_exist(base, path):
    assert base.refused("GET", path)[0] == 403
    assert base.refused("POST", path, {"fields": {}})[0] == 403


def timed(call, seconds=5.0):
    began = time.monotonic()
    answer = call()
    assert time.monotonic() - began < seconds
    return answer


@pytest.mark.parametrize(
    "formula",
    [
        "OR(" + ",".join(f"RECORD_ID()='rec{number:014}'" for number in range(10_000)) + ")",
        "OR(" + ",".join(f"{{Name}}='{number}'" for number in range(10_000)) + ")",
        "AND(" + ",".join(["{Number}>-1"] * 10_000) + ")",
        "&".join(["{Name}"] * 10_000),
        "+".join(["1"] * 10_000),
        "{Name}='" + "x" * 17_000 + "'",
    ],
    ids=lambda formula: formula[:24],
)
def test_a_formula_of_ten_thousand_terms_is_answered_or_refused_quickly(base, formula):
    for number in range(20):
        base.make("Every", Name=str(number), Number=number)
    answer = timed(lambda: base.call("POST", "Every/listRecords", {"filterByFormula": formula}))
    assert answer.status_code in (200, 422), answer.text[:300]


@pytest.mark.parametrize("term", ["RECORD_ID()='rec{:014}'", "{{Name}}='{}'"])
def test_a_formula_of_two_thousand_terms_is_answered(base, term):
    formula = "OR(" + ",".join(term.format(number) for number in range(2_000)) + ",{Name}='me')"
    base.make("Every", Name="me")
    assert len(timed(lambda: base.ok("POST", "Every/listRecords", {"filterByFormula": formula}))["records"]) == 1


@pytest.mark.parametrize("formula", ["(" * 50_000 + "1" + ")" * 50_000, "-" * 100_000 + "1"], ids=["(((1)))", "---1"])
def test_a_formula_nested_in_what_means_nothing_is_answered_or_refused_quickly(base, formula):
    answer = timed(lambda: base.call("POST", "Every/listRecords", {"filterByFormula": formula}))
    assert answer.status_code in (200, 422), answer.text[:300]


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
    told = timed(lambda: base.refused("POST", "Every/listRecords", {"filterByFormula": formula}))
    assert told[:2] == (422, "INVALID_FILTER_BY_FORMULA")
    assert told[2].startswith("The formula for filtering records is invalid: ")


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*x", "(a?){50}a{50}", "([a-z]+)*[0-9]"])
def test_no_regular_expression_hangs_the_server(base, pattern):
    base.make("Every", Name="a" * 5000 + "!")
    formula = f"REGEX_MATCH({{Name}}, '{pattern}')"
    answer = timed(lambda: base.call("POST", "Every/listRecords", {"filterByFormula": formula}))
    assert answer.status_code in (200, 422)


def test_values_that_nest_deeply_but_legally_are_refused_as_values(base):
    nested = json.loads("[" * 400 + "]" * 400)
    for field in ("Name", "Number", "Tags", "Others", "Files", "Owner", "Team", "Code"):
        assert base.refused("POST", "Every", {"fields": {field: nested}})[0] == 422


@pytest.mark.parametrize(
    "bad", [{"Number": "x"}, {"Nope": 1}, {"Others": ["rec00000000000000"]}, {"Twice": 1}, {"Status": "New"}]
)
def test_one_bad_record_in_a_batch_and_nothing_of_it_is_written(base, bad):
    other = base.make("Other", Title="t")["id"]
    kept = [base.make("Every", Name=f"kept {number}")["id"] for number in range(3)]
    good = {"Name": "new", "Others": [other], "Tags": ["fresh"]}
    creates = [{"fields": good}, {"fields": good}, {"fields": bad}]
    base.refused(
        "POST",
        "Every",
        {"records": creates, "typecast": "Status" not in bad} if "Status" not in bad else {"records": creates},
    )
    rows = [{"id": kept[0], "fields": good}, {"id": kept[1], "fields": bad}]
    for method in ("PATCH", "PUT"):
        cast = "Status" not in bad
        base.refused(method, "Every", {"records": rows, "typecast": cast})
        upsert = {"performUpsert": {"fieldsToMergeOn": ["Name"]}, "typecast": cast}
        mixed = [{"fields": good}, {"fields": bad | {"Name": "b"}}]
        base.refused(method, "Every", {"records": mixed, **upsert})
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
        told = base.refused("DELETE", "Every", params=[("records[]", kept), ("records[]", stranger)])
        assert told == (404, "NOT_FOUND", f'Could not find a record with ID "{stranger}".')
