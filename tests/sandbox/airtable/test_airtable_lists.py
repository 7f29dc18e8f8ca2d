"""Listing: every parameter, as JSON and as the query strings that real clients write."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus, urlencode

import pytest

from sandbox.in_process import Sandbox

PAGE_SIZE = (422, "INVALID_PAGE_SIZE_ARGUMENT", "Page size argument should be between 0 and 100")
DEAD = (422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE", None)
INVALID = (422, "INVALID_REQUEST_UNKNOWN", "Invalid request: parameter validation failed. Check your request data.")


def fill(base, count=25, table="Every"):
    made = []
    for start in range(0, count, 10):
        rows = [{"fields": {"Name": f"n{number:03}"}} for number in range(start, min(start + 10, count))]
        made += base.ok("POST", table, {"records": rows})["records"]
    return [record["id"] for record in made]


def pages(base, method="GET", **params):
    """The pages of a list, as lists of names."""
    found = []
    for _ in range(20):
        if method == "GET":
            page = base.ok("GET", "Every", params=params)
        else:
            page = base.ok("POST", "Every/listRecords", params)
        found.append([record["fields"].get("Name") for record in page["records"]])
        if "offset" not in page:
            return found
        params["offset"] = page["offset"]
    raise AssertionError("the list has no end")


def names(base, **params):
    return [name for page in pages(base, **params) for name in page]


def test_a_list_is_in_creation_order_and_a_page_holds_100(base):
    fill(base, 205)
    found = pages(base)
    assert [len(page) for page in found] == [100, 100, 5]
    assert [name for page in found for name in page] == [f"n{number:03}" for number in range(205)]


def test_an_offset_is_an_iterator_and_a_record_and_absent_on_the_last_page(base):
    ids = fill(base, 4)
    first = base.ok("GET", "Every", params={"pageSize": 2})
    assert re.fullmatch(r"itr[0-9A-Za-z]{14}/rec[0-9A-Za-z]{14}", first["offset"])
    assert first["offset"].endswith(ids[2])
    assert "offset" not in base.ok("GET", "Every", params={"pageSize": 2, "offset": first["offset"]})
    assert set(first) == {"records", "offset"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_max_records_is_over_the_whole_iteration(base, method):
    fill(base, 40)
    assert [len(page) for page in pages(base, method, maxRecords=25, pageSize=10)] == [10, 10, 5]
    assert [len(page) for page in pages(base, method, maxRecords=20, pageSize=10)] == [10, 10]
    assert [len(page) for page in pages(base, method, maxRecords=1)] == [1]
    sorted_pages = pages(base, method, maxRecords=25, pageSize=10, filterByFormula="{Name}>'n004'")
    assert [len(page) for page in sorted_pages] == [10, 10, 5]


@pytest.mark.parametrize("params", [{"pageSize": 0}, {"maxRecords": 0}, {"pageSize": 0, "maxRecords": 5}])
def test_zero_is_no_records_and_no_offset(base, params):
    fill(base, 3)
    assert base.ok("GET", "Every", params=params) == {"records": []}
    assert base.ok("POST", "Every/listRecords", params) == {"records": []}


@pytest.mark.parametrize("size", [-1, 101, 1000, -100])
def test_a_page_size_out_of_bounds_is_refused(base, size):
    assert base.refused("GET", "Every", params={"pageSize": size}) == PAGE_SIZE
    assert base.refused("POST", "Every/listRecords", {"pageSize": size}) == PAGE_SIZE


@pytest.mark.parametrize("size", ["abc", "", "ten", "1e1", "NaN"])
@pytest.mark.parametrize("name", ["pageSize", "maxRecords"])
def test_what_is_no_number_is_ignored(base, name, size):
    fill(base, 3)
    assert len(base.ok("GET", "Every", params={name: size})["records"]) == 3
    assert len(base.ok("POST", "Every/listRecords", {name: size})["records"]) == 3


@pytest.mark.parametrize(
    "offset", ["x", "itr", "rec00000000000000", "itr00000000000000", "itr0/rec0", "/", "a/b", "%00"]
)
def test_a_malformed_offset_is_named(base, offset):
    payload = (422, "INVALID_OFFSET_VALUE", f"The value of offset {offset} is invalid")
    assert base.refused("GET", "Every", params={"offset": offset}) == payload


def test_a_well_formed_but_dead_offset_has_a_type_and_no_message(base):
    ids = fill(base, 3)
    for offset in ("itr00000000000000/rec00000000000000", f"itr00000000000000/{ids[1]}"):
        assert base.refused("GET", "Every", params={"offset": offset}) == DEAD
        answer = base.call("GET", "Every", params={"offset": offset})
        assert answer.json() == {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}


def test_an_offset_of_another_table_or_with_another_record_is_dead(base):
    ids = fill(base, 3)
    offset = base.ok("GET", "Every", params={"pageSize": 1})["offset"]
    assert base.refused("GET", "Other", params={"offset": offset}) == DEAD
    assert base.refused("GET", "Every", params={"offset": f"{offset[:17]}/{ids[0]}"}) == DEAD


def test_an_offset_can_be_used_again(base):
    fill(base, 6)
    offset = base.ok("GET", "Every", params={"pageSize": 2})["offset"]
    once = base.ok("GET", "Every", params={"pageSize": 2, "offset": offset})
    assert base.ok("GET", "Every", params={"pageSize": 2, "offset": offset})["records"] == once["records"]


def test_an_iterator_dies_when_it_is_not_used_for_its_life(connect):
    with Sandbox(requests_per_second="off", list_iterator_seconds=60) as box:
        base = connect(box)
        fill(base, 6)
        params = {"pageSize": 2, "sort[0][field]": "Name"}
        offset = base.ok("GET", "Every", params=params)["offset"]
        box.clock(advance=50)
        following = base.ok("GET", "Every", params=params | {"offset": offset})["offset"]
        box.clock(advance=50)
        assert base.ok("GET", "Every", params=params | {"offset": following})["records"]
        box.clock(advance=61)
        assert base.refused("GET", "Every", params=params | {"offset": following}) == DEAD


@pytest.mark.parametrize("params", [{}, {"sort[0][field]": "Name"}, {"filterByFormula": "{Name}!=''"}])
def test_records_deleted_between_pages_are_left_out_and_the_rest_comes(base, params):
    ids = fill(base, 30)
    first = base.ok("GET", "Every", params=params | {"pageSize": 10})
    for number in (10, 11, 15, 29):  # the record the offset names among them
        base.ok("DELETE", f"Every/{ids[number]}")
    seen = [record["id"] for record in first["records"]]
    offset = first["offset"]
    for _ in range(5):
        page = base.ok("GET", "Every", params=params | {"pageSize": 10, "offset": offset})
        seen += [record["id"] for record in page["records"]]
        offset = page.get("offset")
        if offset is None:
            break
    gone = {ids[number] for number in (10, 11, 15, 29)}
    assert seen == [element for element in ids if element not in gone]


def test_records_created_between_pages_do_not_come_twice(base):
    ids = fill(base, 12)
    first = base.ok("GET", "Every", params={"pageSize": 10, "sort[0][field]": "Name"})
    base.make(Name="a first one")
    second = base.ok("GET", "Every", params={"pageSize": 10, "sort[0][field]": "Name", "offset": first["offset"]})
    assert [record["id"] for record in first["records"] + second["records"]] == ids


# ------------------------------------------------------------------ sort


def test_blanks_are_first_ascending_and_last_descending(base):
    for name, number in (("two", 2), ("blank", None), ("one", 1), ("ten", 10)):
        base.make(Name=name, Number=number)
    up = names(base, **{"sort[0][field]": "Number"})
    assert up == ["blank", "one", "two", "ten"]
    assert names(base, **{"sort[0][field]": "Number", "sort[0][direction]": "desc"}) == up[::-1]


def test_selects_sort_by_their_options_order(base):
    for status in ("Closed", "Todo", None, "Doing"):
        base.make(Name=str(status), Status=status)
    assert names(base, **{"sort[0][field]": "Status"}) == ["None", "Todo", "Doing", "Closed"]


def test_several_sorts_apply_in_their_order_and_ties_keep_creation_order(base):
    for name, number, stars in (("a", 1, 2), ("b", 2, 1), ("c", 1, 1), ("d", 2, 2), ("e", 1, 2)):
        base.make(Name=name, Number=number, Stars=stars)
    sort = [{"field": "Number", "direction": "desc"}, {"field": "Stars"}]
    assert names(base, method="POST", sort=sort) == ["b", "d", "c", "a", "e"]


@pytest.mark.parametrize(
    "field", ["Day", "Moment", "Done", "Share", "Twice", "Sum", "How many", "Titles", "Others", "Auto"]
)
def test_any_kind_of_field_sorts(base, field):
    other = [base.make("Other", Title=title, Amount=amount)["id"] for title, amount in (("a", 1), ("b", 2))]
    full = {"Day": "2026-01-0", "Moment": "2026-01-0"}
    for number in (1, 2):
        values = {name: f"{start}{number}" for name, start in full.items()}
        linked = [other[number - 1]] if field != "How many" else other[:number]
        base.make(Name=str(number), Number=number, Share=number, Done=number == 2, Others=linked, **values)
    assert names(base, **{"sort[0][field]": field}) == ["1", "2"]
    assert names(base, **{"sort[0][field]": field, "sort[0][direction]": "desc"}) == ["2", "1"]


@pytest.mark.parametrize("place", ["fields", "sort", "merge"])
def test_an_unknown_field_is_named_wherever_it_stands(base, place):
    for name in ("Nope", "name", "fld00000000000000"):
        payload = (422, "UNKNOWN_FIELD_NAME", f'Unknown field name: "{name}"')
        match place:
            case "fields":
                assert base.refused("GET", "Every", params={"fields[]": name}) == payload
                assert base.refused("POST", "Every/listRecords", {"fields": ["Name", name]}) == payload
            case "sort":
                assert base.refused("GET", "Every", params={"sort[0][field]": name}) == payload
            case "merge":
                rows = {"records": [{"fields": {}}], "performUpsert": {"fieldsToMergeOn": [name]}}
                assert base.refused("PATCH", "Every", rows) == payload


# ------------------------------------------------------------------ views


@pytest.mark.parametrize("view", ["Grid view", "Second"])
def test_a_view_is_found_by_name_or_id(base, view):
    ids = fill(base, 3)
    view_id = next(element["id"] for element in base.table()["views"] if element["name"] == view)
    for key in (view, view_id):
        assert [record["id"] for record in base.ok("GET", "Every", params={"view": key})["records"]] == ids


@pytest.mark.parametrize(
    ("view", "kind"), [("Nope", "VIEW_NAME_NOT_FOUND"), ("viw00000000000000", "VIEW_ID_NOT_FOUND")]
)
def test_an_unknown_view_is_named(base, view, kind):
    assert base.refused("GET", "Every", params={"view": view}) == (422, kind, f"View {view} not found")


# ------------------------------------------------------------------ what is shown


def test_fields_are_asked_for_by_name_or_id_and_shown_by_name_or_id(base):
    base.make(Name="x", Number=1, Notes="n")
    name, number = base.field("Name")["id"], base.field("Number")["id"]
    asked = {"fields[]": ["Name", number]}
    assert base.ok("GET", "Every", params=asked)["records"][0]["fields"] == {"Name": "x", "Number": 1}
    for yes in ("1", "true", "True"):
        shown = base.ok("GET", "Every", params=asked | {"returnFieldsByFieldId": yes})["records"][0]["fields"]
        assert shown == {name: "x", number: 1}
    for no in ("0", "false", ""):
        shown = base.ok("GET", "Every", params=asked | {"returnFieldsByFieldId": no})["records"][0]["fields"]
        assert shown == {"Name": "x", "Number": 1}


def test_a_record_has_an_id_a_created_time_and_fields_and_nothing_else(base):
    made = base.make(Name="x")
    assert set(made) == {"id", "createdTime", "fields"}
    assert re.fullmatch(r"rec[0-9A-Za-z]{14}", made["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", made["createdTime"])
    assert base.ok("GET", "Every")["records"] == [made]


def test_comments_are_counted_where_that_is_asked_for(base):
    first, second = base.make(Name="one")["id"], base.make(Name="two")["id"]
    base.ok("POST", f"Every/{first}/comments", {"text": "hello"})
    for method, path, payload in (
        ("GET", "Every?recordMetadata[]=commentCount", None),
        ("GET", "Every?recordMetadata%5B%5D=commentCount", None),
        ("POST", "Every/listRecords", {"recordMetadata": ["commentCount"]}),
    ):
        counts = {record["id"]: record["commentCount"] for record in base.ok(method, path, payload)["records"]}
        assert counts == {first: 1, second: 0}
    assert "commentCount" not in base.ok("GET", "Every")["records"][0]


STRING = {"cellFormat": "string", "timeZone": "America/New_York", "userLocale": "en-us"}


def test_strings_need_a_time_zone_and_a_locale(base):
    base.make(Name="x")
    for missing in ("timeZone", "userLocale"):
        params = {name: value for name, value in STRING.items() if name != missing}
        assert base.refused("GET", "Every", params=params) == INVALID
    assert base.refused("GET", "Every", params=STRING | {"timeZone": "Mars/Base"}) == INVALID
    assert base.refused("GET", "Every", params=STRING | {"timeZone": "../../etc/passwd"}) == INVALID
    assert base.ok("GET", "Every", params=STRING)["records"][0]["fields"]["Name"] == "x"


def test_a_posted_list_has_zone_and_locale_in_the_query_all_the_same(base):
    base.make(Name="x", Number=1)
    assert base.refused("POST", "Every/listRecords", STRING) == INVALID
    in_query = urlencode({name: STRING[name] for name in ("timeZone", "userLocale")})
    shown = base.ok("POST", f"Every/listRecords?{in_query}", {"cellFormat": "string"})["records"][0]["fields"]
    assert shown["Number"] == "1.00"


def test_zone_and_locale_without_strings_are_no_error(base):
    base.make(Name="x", Number=1)
    shown = base.ok("GET", "Every", params={"timeZone": "utc", "userLocale": "en-ie"})["records"][0]["fields"]
    assert shown["Number"] == 1


def test_strings_are_what_a_person_sees(base):
    other = [base.make("Other", Title=title)["id"] for title in ("a", "b")]
    record = base.make(
        Name="x",
        Rich="**b**",
        Number=1.5,
        Price=-1234.5,
        Share=0.123,
        Length=3725,
        Stars=3,
        Done=True,
        Day="2026-11-22",
        Moment="2026-11-22T14:51:19.370Z",
        Local="2026-11-22T14:51:19.370Z",
        Status="Todo",
        Tags=["red", "green"],
        Owner={"email": "ann@example.com"},
        Team=[{"email": "ann@example.com"}, {"email": "bob@example.com"}],
        Code={"text": "123"},
        Others=other,
    )
    shown = base.ok("GET", f"Every/{record['id']}", params=STRING)["fields"]
    assert all(isinstance(value, str) for value in shown.values())
    expected = {
        "Name": "x",
        "Rich": "**b**",
        "Number": "1.50",
        "Price": "-$1,234.50",
        "Share": "12.3%",
        "Length": "1:02:05",
        "Stars": "3",
        "Done": "checked",
        "Day": "2026-11-22",
        "Local": "11/22/2026 09:51",
        "Status": "Todo",
        "Tags": "red, green",
        "Owner": "Ann",
        "Team": "Ann, Bob",
        "Code": "123",
        "Others": "a, b",
        "Titles": "a, b",
        "How many": "2",
        "Fails": "#ERROR!",
    }
    assert {name: shown[name] for name in expected} == expected


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_strings_of_moments_at_the_ends_of_time_are_shown(base, moment, zone):
    base.make(Moment=moment, Local=moment, Day=moment[:10])
    assert base.ok("GET", "Every", params=STRING | {"timeZone": zone})["records"][0]["fields"]["Day"] == moment[:10]


# ------------------------------------------------------------------ formulas


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("{Name", "Invalid formula. Please check your formula text."),
        ("1+", "Invalid formula. Please check your formula text."),
        ("", None),
        ("{Nope}=1", "Unknown field names: nope"),
        ("AND({Nope}=1, Missing, {Name})", "Unknown field names: nope, missing"),
        ("rec00000000000000", "Unknown field names: rec00000000000000"),
        ("BAD({Name})", "Unknown function names: bad"),
    ],
)
def test_a_formula_that_cannot_be_read_says_why(base, formula, reason):
    if reason is None:
        assert base.ok("GET", "Every", params={"filterByFormula": formula}) == {"records": []}
        return
    payload = base.refused("GET", "Every", params={"filterByFormula": formula})
    assert payload == (422, "INVALID_FILTER_BY_FORMULA", f"The formula for filtering records is invalid: {reason}")


@pytest.mark.parametrize("formula", ["0", "FALSE()", "''", "BLANK()", "0/0", "ERROR()", "{Nothing}"])
def test_a_record_is_not_kept_by_nothing_of_any_kind(base, formula):
    base.make(Name="x")
    formula = formula.replace("{Nothing}", "{Tags}")
    assert base.ok("GET", "Every", params={"filterByFormula": formula})["records"] == []
    assert len(base.ok("GET", "Every", params={"filterByFormula": f"NOT({formula})"})["records"]) in (0, 1)


@pytest.mark.parametrize(
    "formula",
    [
        "{Name}='Acme'",
        '{name}="Acme"',
        "{Others}='t0'",
        "FIND('t0', ARRAYJOIN({Others}))",
        "AND({Done}, {Done}=1, {Done}=TRUE())",
        "NOT({Notes})",
        "{Notes}=BLANK()",
        "{Notes}=''",
        "{Number}+{Price}=5",
        "FIND('2026-11-22', {Moment})",
        "{Moment}=DATETIME_PARSE('2026-11-22T14:51:19.370Z')",
        "AND({Done}, IS_AFTER(LAST_MODIFIED_TIME(), '2020-01-01'))",
        "{Status}='Todo'",
        "FIND('red', {Tags})",
        "OR(RECORD_ID()='rec00000000000000', RECORD_ID()='{id}')",
        "{fldName}='Acme'",
    ],
)
def test_the_usual_formulas_find_their_record(base, formula):
    other = base.make("Other", Title="t0")["id"]
    base.make(Name="somebody else", Notes="n", Status="Doing")
    wanted = base.make(
        Name="Acme", Number=5, Done=True, Moment="2026-11-22T14:51:19.370Z", Status="Todo", Tags=["red"], Others=[other]
    )["id"]
    formula = formula.replace("{id}", wanted).replace("fldName", base.field("Name")["id"])
    found = [record["id"] for record in base.ok("GET", "Every", params={"filterByFormula": formula})["records"]]
    assert found == [wanted]
    assert names(base, method="POST", filterByFormula=formula) == ["Acme"]


def test_a_literal_is_escaped_as_pyairtable_escapes_it(base):
    name = 'it\'s a "back\\slash"\nnew\tline {brace}'
    base.make(Name=name)
    escaped = name.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
    assert names(base, filterByFormula=f"{{Name}}='{escaped}'") == [name]


# ------------------------------------------------------------------ query strings as clients write them


@pytest.mark.parametrize(
    "query",
    [
        "?fields[]=Name&fields[]=Number&sort[0][field]=Name&sort[0][direction]=desc&pageSize=2",
        "/?fields%5B%5D=Name&fields%5B%5D=Number&sort%5B0%5D%5Bfield%5D=Name&sort%5B0%5D%5Bdirection%5D=desc&pageSize=2",
        "?fields=Name&fields=Number&sort[0][direction]=desc&sort[0][field]=Name&pageSize=2&offset=",
        "?fields[0]=Name&fields[1]=Number&sort[1][field]=Number&sort[0][field]=Name&sort[0][direction]=desc&pageSize=2",
        "/?pageSize=2&fields%5B%5D=Name&fields%5B%5D=Number&sort[0][field]=Name&sort[0][direction]=desc&&=&x=y",
    ],
)
def test_a_query_is_read_however_it_is_written(base, query):
    for number in range(3):
        base.make(Name=f"n{number}", Number=number)
    page = base.ok("GET", f"Every{query}")
    assert [record["fields"] for record in page["records"]] == [
        {"Name": "n2", "Number": 2},
        {"Name": "n1", "Number": 1},
    ]
    assert "offset" in page


def test_spaces_are_pluses_or_percent_20(base):
    base.make(Name="two words")
    formula = "{Name} = 'two words'"
    for written in (quote(formula), quote_plus(formula)):
        assert len(base.ok("GET", f"Every?filterByFormula={written}")["records"]) == 1
    assert len(base.ok("GET", "Every?view=Grid+view")["records"]) == 1


def test_a_sort_of_more_than_ten_fields_keeps_its_order(base):
    fields = ["Notes"] * 11 + ["Number"]
    for name, number in (("a", 2), ("b", 1)):
        base.make(Name=name, Number=number)
    query = "&".join(f"sort[{index}][field]={field}" for index, field in enumerate(fields))
    assert [record["fields"]["Name"] for record in base.ok("GET", f"Every?{query}")["records"]] == ["b", "a"]


def test_a_get_and_a_posted_list_answer_alike(base):
    for number in range(7):
        base.make(Name=f"n{number}", Number=number % 3)
    payload = {
        "fields": ["Name", "Number"],
        "filterByFormula": "{Number}>0",
        "sort": [{"field": "Number", "direction": "desc"}, {"field": "Name"}],
        "pageSize": 3,
        "maxRecords": 4,
        "view": "Grid view",
        "returnFieldsByFieldId": True,
        "recordMetadata": ["commentCount"],
        "cellFormat": "json",
        "includeDateDependencyMetadata": False,
    }
    query = [
        ("fields[]", "Name"), ("fields[]", "Number"), ("filterByFormula", "{Number}>0"),
        ("sort[0][field]", "Number"), ("sort[0][direction]", "desc"), ("sort[1][field]", "Name"),
        ("pageSize", 3), ("maxRecords", 4), ("view", "Grid view"), ("returnFieldsByFieldId", "1"),
        ("recordMetadata[]", "commentCount"), ("cellFormat", "json"),
    ]  # fmt: skip
    by_post = base.ok("POST", "Every/listRecords", payload)
    by_get = base.ok("GET", "Every", params=query)
    assert by_post["records"] == by_get["records"]
    assert len(by_get["records"]) == 3
    last_post = base.ok("POST", "Every/listRecords", payload | {"offset": by_post["offset"]})
    last_get = base.ok("GET", "Every", params=[*query, ("offset", by_get["offset"])])
    assert last_post == last_get
    assert len(last_get["records"]) == 1


def test_a_single_record_is_shown_as_asked_for(base):
    made = base.make(Name="x", Number=1)
    by_id = base.ok("GET", f"Every/{made['id']}?returnFieldsByFieldId=1")["fields"]
    assert by_id[base.field("Name")["id"]] == "x"
    assert base.ok("GET", f"Every/{made['id']}", params=STRING)["fields"]["Number"] == "1.00"
    assert base.refused("GET", f"Every/{made['id']}", params={"cellFormat": "string"}) == INVALID


def test_a_record_of_another_table_of_the_base_is_answered(base, connect):
    other = base.make("Other", Title="t")
    assert base.ok("GET", f"Every/{other['id']}") == other
    foreign = connect(base.box).make("Other", Title="t")["id"]
    assert base.refused("GET", f"Other/{foreign}")[:2] == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")
    assert base.refused("GET", f"NoTable/{other['id']}")[:2] == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")


def test_date_dependency_metadata_shows_links_as_objects(base):
    other = base.make("Other", Title="t")["id"]
    base.make(Name="x", Others=[other])
    for method, path, payload in (
        ("GET", "Every?includeDateDependencyMetadata=true", None),
        ("POST", "Every/listRecords", {"includeDateDependencyMetadata": True}),
    ):
        assert base.ok(method, path, payload)["records"][0]["fields"]["Others"] == [{"id": other}]
    assert base.ok("GET", "Every")["records"][0]["fields"]["Others"] == [other]
