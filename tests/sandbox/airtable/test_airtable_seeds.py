"""Seeds: bases with everything Airtable's own API cannot create; what cannot be planted says why, and none of it is."""

from __future__ import annotations

import copy
import json
import secrets

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

PEOPLE = {"name": "People", "fields": [{"name": "Name", "type": "singleLineText"}]}


def seed(*tables, **more):
    return {"base": {"name": "B"}, "tables": [*(copy.deepcopy(tables) or [copy.deepcopy(PEOPLE)])], **more}


def table(*fields, records=(), **more):
    return {
        "name": "T",
        "fields": [{"name": "Name", "type": "singleLineText"}, *fields],
        "records": list(records),
        **more,
    }


def plant(server, body):
    data = json.dumps(body).encode()
    return requests.post(f"{server.airtable_url}/_sandbox/seed", data=data, timeout=60)


def bases(server):
    payload = {"Authorization": f"Bearer {server.token}"}
    return requests.get(f"{server.airtable_url}/v0/meta/bases", headers=payload, timeout=10).json()["bases"]


LINK = {"name": "L", "type": "multipleRecordLinks", "options": {"linkedTable": "People"}}
BAD = {
    "no object": (1, "a seed is"),
    "a list": ([], "a seed is"),
    "no base": ({"tables": []}, "a seed is"),
    "no tables": ({"base": {"name": "B"}}, "a seed is"),
    "an unknown key": (seed(bases=1), "bases"),
    "an unknown key of the base": ({"base": {"name": "B", "colour": 1}, "tables": []}, "colour"),
    "a base without a name": ({"base": {}, "tables": []}, "base needs a name"),
    "a base with a bad id": ({"base": {"name": "B", "id": "app1"}, "tables": []}, "app1"),
    "a base with a numeric id": ({"base": {"name": "B", "id": 1}, "tables": []}, "id 1"),
    "collaborators that are no list": (seed(collaborators=5), "collaborator"),
    "a collaborator without email": (seed(collaborators=[{"name": "x"}]), "collaborator"),
    "a collaborator with a bad id": (seed(collaborators=[{"email": "x@y.z", "id": []}]), "collaborator"),
    "a collaborator with a numeric name": (seed(collaborators=[{"email": "q@y.z", "name": {}}]), "collaborator"),
    "a table that is none": (seed(1), "a table is"),
    "a table without fields": (seed({"name": "T"}), "a table is"),
    "a table with no field": (seed({"name": "T", "fields": []}), "a table is"),
    "a table without a name": (seed({"fields": PEOPLE["fields"]}), "needs a name"),
    "two tables of one name": (seed(PEOPLE, PEOPLE), "stands twice"),
    "two tables of one name in another case": (seed(PEOPLE, PEOPLE | {"name": "PEOPLE"}), "stands twice"),
    "an unknown key of a table": (seed(table(rows=[])), "rows"),
    "a table with a bad id": (seed(table(id="T")), "tbl"),
    "a table with a description that is none": (seed(table(description={})), "description"),
    "views that are no names": (seed(table(views=[1])), "views are names"),
    "views that are no list": (seed(table(views="Grid")), "views are names"),
    "a field that is none": (seed(table(1)), "a field is"),
    "a field without a name": (seed(table({"type": "url"})), "needs a name"),
    "a field without a type": (seed(table({"name": "x"})), "valid are"),
    "a field of no type": (seed(table({"name": "x", "type": "text"})), "valid are"),
    "a field whose type is a list": (seed(table({"name": "x", "type": []})), "valid are"),
    "two fields of one name": (seed(table({"name": "name", "type": "url"})), "stands twice"),
    "an unknown key of a field": (seed(table({"name": "x", "type": "url", "option": 1})), "option"),
    "options that are none": (seed(table({"name": "x", "type": "number", "options": 1})), "T.x"),
    "a description that is none": (seed(table({"name": "x", "type": "url", "description": []})), "description"),
    "options that are wrong": (seed(table({"name": "x", "type": "number", "options": {"precision": 99}})), "precision"),
    "a link to nowhere": (seed(table({"name": "L", "type": "multipleRecordLinks"})), "linkedTable"),
    "a link with odd options": (seed(table(LINK | {"options": "x"}), PEOPLE), "T.L"),
    "a link to a table that is none": (seed(table(LINK)), "People"),
    "an inverse name that is none": (seed(table(LINK | {"inverseName": 5}), PEOPLE), "inverseName"),
    "an inverse that is taken": (
        seed(table(LINK, LINK | {"name": "M", "inverseName": "T"}), PEOPLE),
        "no free link back to 'T'",
    ),
    "a formula without one": (seed(table({"name": "F", "type": "formula"})), "T.F"),
    "a formula of an unknown field": (
        seed(table({"name": "F", "type": "formula", "options": {"formula": "{X}"}})),
        "Unknown field names: x",
    ),
    "a formula that reads itself": (
        seed(table({"name": "F", "type": "formula", "options": {"formula": "{F}"}})),
        "circular",
    ),
    "two formulas that read each other": (
        seed(
            table(
                {"name": "F", "type": "formula", "options": {"formula": "{G}"}},
                {"name": "G", "type": "formula", "options": {"formula": "{F}"}},
            )
        ),
        "circular",
    ),
    "two lookups that look each other up": (
        seed(
            table(
                {"name": "S", "type": "multipleRecordLinks", "options": {"linkedTable": "T"}},
                {"name": "F", "type": "multipleLookupValues", "options": {"link": "S", "target": "G"}},
                {"name": "G", "type": "multipleLookupValues", "options": {"link": "S", "target": "F"}},
            )
        ),
        "circular",
    ),
    "a lookup without a link": (seed(table({"name": "F", "type": "multipleLookupValues"})), "link is the name"),
    "a lookup of a field that is none": (
        seed(
            table(LINK, {"name": "F", "type": "multipleLookupValues", "options": {"link": "L", "target": "X"}}), PEOPLE
        ),
        "target is the name",
    ),
    "a rollup whose formula is none": (
        seed(
            table(LINK, {"name": "F", "type": "rollup", "options": {"link": "L", "target": "Name", "formula": "SUM("}}),
            PEOPLE,
        ),
        "T.F",
    ),
    "a rollup whose formula is a list": (
        seed(
            table(LINK, {"name": "F", "type": "rollup", "options": {"link": "L", "target": "Name", "formula": []}}),
            PEOPLE,
        ),
        "T.F",
    ),
    "a created time with an odd result": (
        seed(table({"name": "C", "type": "createdTime", "options": {"result": 5}})),
        "T.C",
    ),
    "records that are no list": (seed(table() | {"records": 5}), "records"),
    "a record that is none": (seed(table(records=[1])), "record 1 of 'T'"),
    "a record without fields": (seed(table(records=[{}])), "record 1 of 'T'"),
    "a record with an unknown field": (seed(table(records=[{"fields": {}}, {"fields": {"X": 1}}])), "record 2 of 'T'"),
    "a record with a bad value": (seed(table(records=[{"fields": {"Name": 1}}])), "record 1 of 'T'"),
    "a record with a bad id": (seed(table(records=[{"id": "r1", "fields": {}}])), "rec"),
    "two records of one id": (seed(table(records=[{"id": "rec" + "A" * 14, "fields": {}}] * 2)), "recAAAAAAAAAAAAAA"),
    "a record that links to none": (seed(table(LINK, records=[{"fields": {"L": ["rec" + "0" * 14]}}]), PEOPLE), "rec0"),
    "a computed value": (
        seed(table({"name": "N", "type": "autoNumber"}, records=[{"fields": {"N": 1}}])),
        "the field is computed",
    ),
    "a person with an odd id": (
        seed(
            table({"name": "P", "type": "singleCollaborator"}, records=[{"fields": {"P": {"email": "z@y.z", "id": 5}}}])
        ),
        "record 1 of 'T'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_seed_that_cannot_be_says_why_in_words_and_leaves_nothing(server, name):
    body, words = BAD[name]
    before = bases(server)
    answer = plant(server, body)
    assert answer.status_code == 400, answer.text
    message = answer.json()["error"]
    assert words in message
    assert "Traceback" not in message
    assert bases(server) == before


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"NaN", b"[" * 100_000])
def test_a_seed_that_is_no_json_is_refused_in_words(server, data):
    answer = requests.post(f"{server.airtable_url}/_sandbox/seed", data=data, timeout=10)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)


def test_a_seed_keeps_its_ids_and_a_second_of_the_same_is_refused(server, connect):
    tail = secrets.token_hex(7)
    body = {
        "base": {"id": f"app{tail}", "name": "B", "workspaceId": f"wsp{tail}"},
        "tables": [
            {
                "id": f"tbl{tail}",
                "name": "T",
                "description": "words",
                "fields": [{"id": f"fld{tail}", "name": "Name", "type": "singleLineText", "description": "more"}],
                "records": [{"id": f"rec{tail}", "fields": {"Name": "x"}}],
            }
        ],
    }
    base = connect(server, body)
    assert base.id == f"app{tail}"
    payload = base.table("T")
    assert (payload["id"], payload["description"], payload["primaryFieldId"]) == (f"tbl{tail}", "words", f"fld{tail}")
    assert base.records("T")[0]["id"] == f"rec{tail}"
    made = base.ok("POST", "/v0/meta/bases", {"name": "C", "workspaceId": f"wsp{tail}", "tables": [PEOPLE]})
    assert made["id"]
    for part in ("app", "tbl", "fld", "rec"):
        again = json.loads(json.dumps(body))
        if part != "app":
            again["base"].pop("id")
        if part in ("fld", "rec"):
            again["tables"][0].pop("id")
        if part == "rec":
            again["tables"][0]["fields"][0].pop("id")
        answer = plant(server, again)
        assert answer.status_code == 400
        assert f"{part}{tail}" in answer.json()["error"]


def test_a_seed_links_by_id_or_primary_value_and_pairs_the_two_sides(server, connect):
    body = {
        "base": {"name": "B"},
        "tables": [
            {
                "name": "Cars",
                "fields": [
                    {"name": "Plate", "type": "singleLineText"},
                    {"name": "Driver", "type": "multipleRecordLinks", "options": {"linkedTable": "Drivers"},
                     "inverseName": "Cars"},
                ],
                "records": [{"fields": {"Plate": "a", "Driver": ["Ann"]}}, {"fields": {"Plate": "b", "Driver": ["Ann"]}}],
            },
            {
                "name": "Drivers",
                "fields": [
                    {"name": "Name", "type": "singleLineText"},
                    {"name": "Cars", "type": "multipleRecordLinks", "options": {"linkedTable": "Cars"},
                     "inverseName": "Driver"},
                ],
                "records": [{"fields": {"Name": "Ann"}}],
            },
        ],
    }  # fmt: skip
    base = connect(server, body)
    assert len(base.records("Drivers")) == 1
    assert len(base.table("Drivers")["fields"]) == 2
    cars = [record["id"] for record in base.records("Cars")]
    assert base.records("Drivers")[0]["fields"]["Cars"] == cars
    pair = base.field("Driver", "Cars"), base.field("Cars", "Drivers")
    assert pair[0]["options"]["inverseLinkFieldId"] == pair[1]["id"]
    assert pair[1]["options"]["inverseLinkFieldId"] == pair[0]["id"]


def test_people_that_records_name_become_collaborators(server, connect):
    who = {"email": "new.person@example.com", "name": "New Person"}
    base = connect(server, seed(table({"name": "P", "type": "singleCollaborator"}, records=[{"fields": {"P": who}}])))
    assert base.records("T")[0]["fields"]["P"]["name"] == "New Person"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "T", "Name", "x", "\ud800", "\0", "number"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "id", "type", "fields", "email", "x", "result", "formula"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)
GOOD = seed(
    table(
        LINK | {"inverseName": "Back"},
        {"name": "F", "type": "formula", "options": {"formula": "{Name}"}, "description": "d"},
        {"name": "R", "type": "rollup", "options": {"link": "L", "target": "Name", "formula": "values"}},
        {"name": "S", "type": "singleSelect", "options": {"choices": [{"name": "a", "color": "redBright"}]}},
        {"name": "P", "type": "singleCollaborator"},
        {"name": "B", "type": "button", "options": {"label": "l", "url": "'u'"}},
        {"name": "C", "type": "createdTime", "options": {"result": {"type": "date", "options": {}}}},
        {"name": "M", "type": "lastModifiedTime", "options": {"referencedFieldIds": []}},
        {"name": "A", "type": "aiText"},
        {"name": "N", "type": "number", "options": {"precision": 1}},
        records=[
            {"fields": {"Name": "x", "L": ["p"], "S": "b", "P": {"email": "p@q.r", "name": "p"}, "A": {"value": "v"}}}
        ],
        views=["v"],
        description="d",
    ),
    PEOPLE,
    collaborators=[{"email": "a@b.c", "name": "a"}],
)


def places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, element in value.items():
            yield from places(element, (*path, key))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from places(element, (*path, index))


def changed(path, value):
    body = copy.deepcopy(GOOD)
    if not path:
        return value
    inner = body
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return body


@pytest.mark.slow
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(path=st.sampled_from(list(places(GOOD))), value=JSON)
def test_a_seed_with_one_odd_part_is_planted_or_refused_in_words(server, connect, path, value):
    body = changed(path, value)
    before = bases(server)
    answer = plant(server, body)
    if answer.status_code != 200:
        assert answer.status_code == 400, (path, value, answer.text)
        assert bases(server) == before
        return
    made = answer.json()
    payload = {"Authorization": f"Bearer {server.token}"}
    shown = requests.get(f"{server.airtable_url}/v0/meta/bases/{made['id']}/tables", headers=payload, timeout=10)
    assert shown.status_code == 200, (path, value)
    for element in made["tables"].values():
        for query in ("", "?cellFormat=string&timeZone=utc&userLocale=en"):
            url = f"{server.airtable_url}/v0/{made['id']}/{element}{query}"
            assert requests.get(url, headers=payload, timeout=10).status_code == 200, (path, value)
