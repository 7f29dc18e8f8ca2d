"""Random JSON at every write endpoint: a result of the right shape, or a refusal of a known type that changes nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sandbox.in_process import Sandbox

pytestmark = pytest.mark.slow

TEXT = st.text(max_size=8) | st.sampled_from(["\ud800", "\0", "Name", "Todo", "a,b", "1", "true", "2026-01-02", "%"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)
SETTINGS = settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FIELDS = (
    "Name Notes Rich Mail Site Phone Number Price Share Length Stars Done Day Moment Local Status Tags Files Owner Team "
    "Code Others Self Twice Titles Auto Nope"
).split()
IDS = st.sampled_from(["{record}", "{other}", "{table}", "{field}", "rec00000000000000", "usrAnnAnnAnnAnnAn", "viw"])
LEAVES = JSON | IDS | st.fixed_dictionaries({"id": IDS | JSON}) | st.lists(IDS, max_size=3)
CELLS = st.dictionaries(st.sampled_from(FIELDS), LEAVES, max_size=4)
ROW = st.fixed_dictionaries({"fields": CELLS | JSON}, optional={"id": IDS | JSON}) | JSON
WRITE = st.fixed_dictionaries(
    {},
    optional={
        "fields": CELLS | JSON,
        "records": st.lists(ROW, max_size=4) | JSON,
        "typecast": st.booleans() | JSON,
        "returnFieldsByFieldId": st.booleans() | JSON,
        "performUpsert": st.fixed_dictionaries(
            {"fieldsToMergeOn": st.lists(st.sampled_from(FIELDS), max_size=4) | JSON}
        )
        | JSON,
    },
)
LIST = st.fixed_dictionaries(
    {},
    optional={
        "fields": st.lists(st.sampled_from(FIELDS) | JSON, max_size=3) | JSON,
        "sort": st.lists(
            st.fixed_dictionaries({"field": st.sampled_from(FIELDS) | JSON}, optional={"direction": JSON}), max_size=3
        )
        | JSON,
        "filterByFormula": st.sampled_from(["{Number}>1", "{Name}=''", "NOT({Done})", "1/0"]) | JSON,
        "pageSize": JSON,
        "maxRecords": JSON,
        "offset": JSON,
        "view": JSON,
        "cellFormat": JSON,
        "recordMetadata": JSON,
        "returnFieldsByFieldId": JSON,
    },
)
TYPES = st.sampled_from(
    "singleLineText number currency percent checkbox rating duration singleSelect multipleSelects date dateTime "
    "multipleRecordLinks formula rollup multipleLookupValues count autoNumber singleCollaborator lookup".split()
)
OPTIONS = st.dictionaries(
    st.sampled_from(
        "precision symbol icon color max durationFormat choices dateFormat timeFormat timeZone linkedTableId formula "
        "recordLinkFieldId fieldIdInLinkedTable viewIdForRecordSelection isReversed".split()
    ),
    LEAVES
    | st.sampled_from(["check", "greenBright", 2, "utc", "{Name}", [{"name": "a"}]])
    | st.fixed_dictionaries({"name": JSON | st.sampled_from(["iso", "24hour"])}),
    max_size=4,
)
FIELD = st.fixed_dictionaries(
    {"name": TEXT | JSON, "type": TYPES | JSON}, optional={"options": OPTIONS | JSON, "description": JSON}
)
TABLE = st.fixed_dictionaries(
    {"name": TEXT | JSON, "fields": st.lists(FIELD, max_size=3) | JSON}, optional={"description": JSON}
)
HOOK = st.fixed_dictionaries(
    {
        "specification": st.fixed_dictionaries(
            {
                "options": st.fixed_dictionaries(
                    {
                        "filters": st.fixed_dictionaries(
                            {"dataTypes": st.just(["tableData", "tableFields", "tableMetadata"]) | JSON},
                            optional={
                                "recordChangeScope": IDS | JSON,
                                "changeTypes": JSON,
                                "fromSources": JSON | st.lists(JSON, max_size=2),
                                "watchDataInFieldIds": JSON | st.lists(JSON, max_size=2),
                                "watchSchemasOfFieldIds": JSON | st.lists(JSON, max_size=2),
                                "sourceOptions": JSON,
                            },
                        )
                    },
                    optional={
                        "includes": st.dictionaries(
                            st.sampled_from(["includeCellValuesInFieldIds", "includePreviousCellValues"]), JSON
                        )
                        | JSON
                    },
                )
            }
        )
    },
    optional={"notificationUrl": JSON},
)
ENDPOINTS = {
    "create": ("POST", "Every", WRITE),
    "update many": ("PATCH", "Every", WRITE),
    "replace many": ("PUT", "Every", WRITE),
    "update one": ("PATCH", "Every/{record}", WRITE),
    "replace one": ("PUT", "Every/{record}", WRITE),
    "list": ("POST", "Every/listRecords", LIST),
    "comment": (
        "POST",
        "Every/{record}/comments",
        st.fixed_dictionaries({"text": JSON}, optional={"parentCommentId": JSON}),
    ),
    "upload": (
        "POST",
        "{record}/Files/uploadAttachment",
        st.fixed_dictionaries({"contentType": TEXT, "filename": TEXT, "file": TEXT | JSON}) | JSON,
    ),
    "create field": ("POST", "/v0/meta/bases/{base}/tables/Every/fields", FIELD),
    "change field": ("PATCH", "/v0/meta/bases/{base}/tables/Every/fields/{field}", FIELD | st.dictionaries(TEXT, JSON)),
    "change formula": (
        "PATCH",
        "/v0/meta/bases/{base}/tables/Every/fields/{formula}",
        st.fixed_dictionaries({"options": st.fixed_dictionaries({"formula": JSON}) | JSON}, optional={"name": JSON}),
    ),
    "create table": ("POST", "/v0/meta/bases/{base}/tables", TABLE),
    "change table": ("PATCH", "/v0/meta/bases/{base}/tables/Other", TABLE | st.dictionaries(TEXT, JSON)),
    "create base": (
        "POST",
        "/v0/meta/bases",
        st.fixed_dictionaries(
            {"name": TEXT | JSON, "workspaceId": st.just("wspSandboxDefault") | JSON, "tables": st.lists(TABLE) | JSON}
        ),
    ),
    "create webhook": ("POST", "/v0/bases/{base}/webhooks", HOOK),
}
RECORD, RECORDS = {"id", "createdTime", "fields"}, {"records"}
RESULTS = {
    "create": [RECORD, RECORDS],
    "update many": [RECORDS],
    "replace many": [RECORDS],
    "update one": [RECORD],
    "replace one": [RECORD],
    "list": [RECORDS],
    "comment": [{"id", "author", "text", "createdTime"}],
    "upload": [RECORD],
    "create field": [{"id", "name", "type"}],
    "change field": [{"id", "name", "type"}],
    "change formula": [{"id", "name", "type"}],
    "create table": [{"id", "name", "fields", "primaryFieldId"}],
    "change table": [{"id", "name", "fields", "primaryFieldId"}],
    "create base": [{"id", "tables"}],
    "create webhook": [{"id", "macSecretBase64"}],
}
REFUSALS = {
    "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND": 403,
    "MODEL_ID_NOT_FOUND": 404,
    **dict.fromkeys(
        (
            "DUPLICATE_OR_EMPTY_FIELD_NAME DUPLICATE_TABLE_NAME INVALID_ATTACHMENT_OBJECT "
            "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE INVALID_FILTER_BY_FORMULA INVALID_MULTIPLE_CHOICE_OPTIONS "
            "INVALID_OFFSET_VALUE INVALID_PAGE_SIZE_ARGUMENT INVALID_RECORD_ID INVALID_RECORDS INVALID_REQUEST "
            "INVALID_REQUEST_MISSING_FIELDS INVALID_REQUEST_UNKNOWN INVALID_VALUE_FOR_COLUMN ROW_DOES_NOT_EXIST "
            "ROW_TABLE_DOES_NOT_MATCH_LINKED_TABLE UNKNOWN_FIELD_NAME UNSUPPORTED_FIELD_TYPE_FOR_CREATE "
            "VIEW_NAME_NOT_FOUND"
        ).split(),
        422,
    ),
}


def fill(value, names):
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list):
        return [fill(element, names) for element in value]
    if isinstance(value, dict):
        return {fill(key, names): fill(inner, names) for key, inner in value.items()}
    return value


@pytest.fixture(scope="module")
def own_server():
    """A server of its own: the bases and hooks that this makes are nobody else's."""
    with Sandbox(requests_per_second="off") as running:
        yield running


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_random_json_is_accepted_or_refused_as_a_whole(own_server, connect, endpoint):
    method, path, bodies = ENDPOINTS[endpoint]
    base = connect(own_server)
    other = base.make("Other", Title="t")["id"]
    record = base.make("Every", Name="x", Number=2, Tags=["red"], Others=[other])["id"]
    names = {
        "{record}": record,
        "{other}": other,
        "{table}": base.tables["Other"],
        "{field}": base.field("Others")["id"],
    }
    path = path.format(base=base.id, record=record, field=base.field("Status")["id"], formula=base.field("Twice")["id"])

    @SETTINGS
    @given(bodies)
    def throw(body):
        sent = json.dumps(fill(body, names)).encode()
        before = base.state()
        answer = base.call(method, path, data=sent)
        payload = answer.json()
        if answer.status_code == 200:
            assert any(keys <= set(payload) for keys in RESULTS[endpoint]), sent
        else:
            assert set(payload) == {"error"}, sent
            assert REFUSALS[payload["error"]["type"]] == answer.status_code, sent
            assert base.state() == before, sent
        # whatever was accepted can still be shown, listed, sorted and overwritten
        assert base.call("POST", "Every/listRecords", {"sort": [{"field": "Tags"}], "maxRecords": 2}).status_code == 200
        shown = base.call("GET", f"Every/{record}?cellFormat=string&timeZone=Asia/Kolkata&userLocale=en-gb")
        assert shown.status_code == 200, sent
        base.ok("PATCH", f"Every/{record}", {"fields": {"Name": "x", "Number": len(sent)}})

    throw()
