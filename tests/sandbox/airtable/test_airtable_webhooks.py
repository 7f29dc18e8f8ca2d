"""Webhooks: one payload a transaction, filtered, kept seven days, and pings that prove who sent them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re

import pytest

from sandbox.in_process import Sandbox

FORBIDDEN = (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")
INVALID = (422, "INVALID_REQUEST_UNKNOWN")
WEEK = 7 * 24 * 3600
ALL = ["tableData", "tableFields", "tableMetadata"]


def spec(includes=None, **filters):
    options = {"filters": {"dataTypes": ["tableData"], **filters}}
    return {"options": options | ({"includes": includes} if includes else {})}


def hook(base, includes=None, url=None, **filters):
    """A new webhook's path."""
    body = {"specification": spec(includes, **filters)} | ({"notificationUrl": url} if url else {})
    made = base.ok("POST", f"/v0/bases/{base.id}/webhooks", body)
    return f"/v0/bases/{base.id}/webhooks/{made['id']}"


def payloads(base, path, **params):
    return base.ok("GET", f"{path}/payloads", params=params)


def changes(base, path, table="Every"):
    """What the payloads say of one table, in order."""
    payload = payloads(base, path)["payloads"]
    return [
        element["changedTablesById"][base.tables[table]]
        for element in payload
        if base.tables[table] in element["changedTablesById"]
    ]


def test_a_new_webhook_has_an_id_a_secret_and_seven_days(base):
    made = base.ok("POST", f"/v0/bases/{base.id}/webhooks", {"notificationUrl": None, "specification": spec()})
    assert set(made) == {"id", "macSecretBase64", "expirationTime"}
    assert re.fullmatch("ach[0-9A-Za-z]{14}", made["id"])
    assert base64.b64decode(made["macSecretBase64"], validate=True)
    (listed,) = base.ok("GET", f"/v0/bases/{base.id}/webhooks")["webhooks"]
    assert listed == {
        "id": made["id"],
        "specification": spec(),
        "notificationUrl": None,
        "cursorForNextPayload": 1,
        "isHookEnabled": True,
        "areNotificationsEnabled": True,
        "expirationTime": made["expirationTime"],
        "lastSuccessfulNotificationTime": None,
        "lastNotificationResult": None,
    }


def test_a_hook_sees_one_payload_a_transaction_and_only_those_after_its_creation(base):
    base.make(Name="before")
    path = hook(base)
    made = base.ok("POST", "Every", {"records": [{"fields": {"Name": str(number)}} for number in range(3)]})["records"]
    base.ok("PATCH", f"Every/{made[0]['id']}", {"fields": {"Name": "new"}})
    later = hook(base)
    base.ok("DELETE", f"Every/{made[1]['id']}")
    first = payloads(base, path)
    assert (first["cursor"], first["mightHaveMore"], len(first["payloads"])) == (4, False, 3)
    assert set(first) == {"payloads", "cursor", "mightHaveMore"}
    only = payloads(base, later)
    assert (only["cursor"], len(only["payloads"])) == (2, 1)
    assert only["payloads"][0]["baseTransactionNumber"] == first["payloads"][2]["baseTransactionNumber"]
    numbers = [payload["baseTransactionNumber"] for payload in first["payloads"]]
    assert numbers == sorted(set(numbers))
    owner = base.ok("GET", "/v0/meta/whoami")["id"]
    for payload in first["payloads"]:
        assert payload["payloadFormat"] == "v0"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", payload["timestamp"])
        assert payload["actionMetadata"]["source"] == "publicApi"
        assert payload["actionMetadata"]["sourceMetadata"]["user"]["id"] == owner


def test_created_changed_and_destroyed_records_are_told_by_id(base):
    path = hook(base, includes={"includePreviousCellValues": True})
    name, number = base.field("Name")["id"], base.field("Number")["id"]
    made = base.make(Name="a", Number=1)
    base.ok("PATCH", f"Every/{made['id']}", {"fields": {"Name": "b", "Number": None}})
    base.ok("DELETE", f"Every/{made['id']}")
    created, changed, destroyed = changes(base, path)
    payload = created["createdRecordsById"][made["id"]]
    assert payload["createdTime"] == made["createdTime"]
    assert payload["cellValuesByFieldId"][name] == "a"
    assert changed["changedRecordsById"][made["id"]] == {
        "current": {"cellValuesByFieldId": {name: "b", number: None}},
        "previous": {"cellValuesByFieldId": {name: "a", number: 1}},
    }
    assert destroyed == {"destroyedRecordIds": [made["id"]]}


def test_previous_and_unchanged_cells_come_only_where_they_are_included(base):
    name, notes, mail = (base.field(element)["id"] for element in ("Name", "Notes", "Mail"))
    plain, every, some = (
        hook(base),
        hook(base, includes={"includeCellValuesInFieldIds": "all"}),
        hook(base, includes={"includeCellValuesInFieldIds": [notes]}),
    )
    record = base.make(Name="a", Notes="n", Mail="m")["id"]
    base.ok("PATCH", f"Every/{record}", {"fields": {"Name": "b"}})
    payload = [changes(base, element)[-1]["changedRecordsById"][record] for element in (plain, every, some)]
    assert set(payload[0]) == {"current"}
    unchanged = payload[1]["unchanged"]["cellValuesByFieldId"]
    assert (unchanged[notes], unchanged[mail]) == ("n", "m")
    assert name not in unchanged
    assert payload[2]["unchanged"] == {"cellValuesByFieldId": {notes: "n"}}


def test_cells_are_told_in_format_v2(base):
    path = hook(base)
    other = base.make("Other", Title="t", Amount=3)["id"]
    base.make(Status="Todo", Tags=["red"], Others=[other], Number=2)
    payload = next(iter(changes(base, path)[0]["createdRecordsById"].values()))["cellValuesByFieldId"]
    ids = {field["name"]: field["id"] for field in base.table()["fields"]}
    (status,) = [choice for choice in base.field("Status")["options"]["choices"] if choice["name"] == "Todo"]
    assert payload[ids["Status"]] == status
    assert [element["name"] for element in payload[ids["Tags"]]] == ["red"]
    assert payload[ids["Others"]] == [{"id": other, "name": "t"}]
    assert payload[ids["Titles"]] == {"valuesByLinkedRecordId": {other: ["t"]}, "linkedRecordIds": [other]}
    assert payload[ids["Number"]] == 2


def test_the_other_face_of_a_link_is_a_change_too(base):
    other = base.make("Other", Title="t")["id"]
    record = base.make(Name="x")["id"]
    path = hook(base, includes={"includePreviousCellValues": True})
    back = base.field("Back", "Other")["id"]
    base.ok("PATCH", f"Every/{record}", {"fields": {"Others": [other]}})
    base.ok("DELETE", f"Every/{record}")
    linked, unlinked = changes(base, path, "Other")
    shown = [{"id": record, "name": "x"}]
    assert linked["changedRecordsById"][other]["current"]["cellValuesByFieldId"] == {back: shown}
    gone = unlinked["changedRecordsById"][other]
    assert gone["current"]["cellValuesByFieldId"] == {back: None}
    assert gone["previous"]["cellValuesByFieldId"] == {back: shown}


def test_a_refused_request_and_one_that_changes_nothing_tell_nothing(base):
    record = base.make(Name="x")["id"]
    path = hook(base, dataTypes=ALL)
    base.ok("PATCH", f"Every/{record}", {"fields": {"Name": "x"}})
    base.refused("POST", "Every", {"records": [{"fields": {"Name": "a"}}, {"fields": {"Number": "b"}}]})
    assert payloads(base, path) == {"payloads": [], "cursor": 1, "mightHaveMore": False}


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        (["add"], ["createdRecordsById"]),
        (["update"], ["changedRecordsById"]),
        (["remove"], ["destroyedRecordIds"]),
        (["add", "remove"], ["createdRecordsById", "destroyedRecordIds"]),
    ],
)
def test_change_types_filter(base, wanted, keys):
    path = hook(base, changeTypes=wanted)
    record = base.make(Name="x")["id"]
    base.ok("PATCH", f"Every/{record}", {"fields": {"Name": "y"}})
    base.ok("DELETE", f"Every/{record}")
    assert [key for change in changes(base, path) for key in change] == keys


def test_watched_fields_filter(base):
    path = hook(base, watchDataInFieldIds=[base.field("Notes")["id"]], changeTypes=["update"])
    record = base.make(Name="x")["id"]
    base.ok("PATCH", f"Every/{record}", {"fields": {"Name": "y"}})
    base.ok("PATCH", f"Every/{record}", {"fields": {"Notes": "n", "Name": "z"}})
    (payload,) = changes(base, path)
    assert set(payload["changedRecordsById"][record]["current"]["cellValuesByFieldId"]) == {base.field("Notes")["id"]}


def test_a_scope_filters_by_table_or_view(base):
    table, view = base.tables["Other"], base.table("Other")["views"][0]["id"]
    paths = [hook(base, recordChangeScope=scope) for scope in (table, view)]
    base.make(Name="x")
    base.make("Other", Title="t")
    for path in paths:
        assert [list(payload["changedTablesById"]) for payload in payloads(base, path)["payloads"]] == [[table]]


def test_sources_filter(base):
    paths = [hook(base, fromSources=sources) for sources in (["publicApi"], ["client", "publicApi"], ["client"])]
    base.make(Name="x")
    assert [len(payloads(base, path)["payloads"]) for path in paths] == [1, 1, 0]


def test_new_and_changed_fields_and_tables_are_told(base):
    path = hook(base, {"includePreviousFieldDefinitions": True}, dataTypes=ALL)
    data_only = hook(base)
    tables = f"/v0/meta/bases/{base.id}/tables"
    field = base.ok("POST", f"{tables}/Other/fields", {"name": "New", "type": "url"})["id"]
    base.ok("PATCH", f"{tables}/Other/fields/{field}", {"name": "Newer"})
    base.ok("PATCH", f"{tables}/Other", {"name": "Others", "description": "words"})
    table = base.ok("POST", tables, {"name": "T", "fields": [{"name": "Name", "type": "singleLineText"}]})
    created, changed, renamed, new = payloads(base, path)["payloads"]
    other = base.tables["Other"]
    assert created["changedTablesById"][other] == {"createdFieldsById": {field: {"name": "New", "type": "url"}}}
    payload = changed["changedTablesById"][other]["changedFieldsById"][field]
    assert (payload["current"]["name"], payload["previous"]["name"]) == ("Newer", "New")
    metadata = renamed["changedTablesById"][other]["changedMetadata"]
    assert (metadata["current"]["name"], metadata["previous"]["name"]) == ("Others", "Other")
    assert new["createdTablesById"][table["id"]]["metadata"]["name"] == "T"
    assert table["primaryFieldId"] in new["createdTablesById"][table["id"]]["fieldsById"]
    assert payloads(base, data_only)["payloads"] == []


def test_an_inverse_field_is_told_too(base):
    path = hook(base, dataTypes=ALL)
    options = {"linkedTableId": base.tables["Other"]}
    link = {"name": "New", "type": "multipleRecordLinks", "options": options}
    made = base.ok("POST", f"/v0/meta/bases/{base.id}/tables/Every/fields", link)
    (payload,) = payloads(base, path)["payloads"]
    assert set(payload["changedTablesById"]) == {base.tables["Every"], base.tables["Other"]}
    inverse = made["options"]["inverseLinkFieldId"]
    assert inverse in payload["changedTablesById"][base.tables["Other"]]["createdFieldsById"]


def test_payloads_come_fifty_a_page_and_a_cursor_can_go_back(base):
    path = hook(base)
    for number in range(55):
        base.make("Other", Amount=number)
    first = payloads(base, path)
    assert (len(first["payloads"]), first["cursor"], first["mightHaveMore"]) == (50, 51, True)
    second = payloads(base, path, cursor=first["cursor"])
    assert (len(second["payloads"]), second["cursor"], second["mightHaveMore"]) == (5, 56, False)
    assert payloads(base, path, cursor=56) == {"payloads": [], "cursor": 56, "mightHaveMore": False}
    few = payloads(base, path, cursor=3, limit=2)
    assert few["payloads"] == first["payloads"][2:4]
    assert (few["cursor"], few["mightHaveMore"]) == (5, True)
    (listed,) = base.ok("GET", f"/v0/bases/{base.id}/webhooks")["webhooks"]
    assert listed["cursorForNextPayload"] == 56


@pytest.mark.parametrize("params", [{"cursor": 0}, {"cursor": -1}, {"limit": 0}, {"limit": 51}, {"limit": -5}])
def test_a_cursor_or_limit_out_of_bounds_is_refused(base, params):
    assert base.refused("GET", f"{hook(base)}/payloads", params=params)[:2] == INVALID


def test_a_base_has_at_most_ten_webhooks(base):
    paths = [hook(base) for _ in range(10)]
    assert base.refused("POST", f"/v0/bases/{base.id}/webhooks", {"specification": spec()})[0] == 422
    assert base.ok("DELETE", paths[0]) == {}
    assert hook(base)


def test_a_webhook_expires_in_seven_days_unless_it_is_renewed_or_read(connect):
    with Sandbox(requests_per_second="off") as box:
        base = connect(box)
        forgotten, renewed, read = hook(base), hook(base), hook(base)
        box.clock(advance=WEEK - 60)
        payload = base.ok("POST", f"{renewed}/refresh")
        assert set(payload) == {"expirationTime"}
        payloads(base, read)
        box.clock(advance=120)
        listed = {
            webhook["id"]: webhook["expirationTime"]
            for webhook in base.ok("GET", f"/v0/bases/{base.id}/webhooks")["webhooks"]
        }
        assert set(listed) == {renewed.rsplit("/", 1)[1], read.rsplit("/", 1)[1]}
        assert listed[renewed.rsplit("/", 1)[1]] == payload["expirationTime"]
        assert base.refused("GET", f"{forgotten}/payloads")[:2] == FORBIDDEN
        assert base.refused("POST", f"{forgotten}/refresh")[:2] == FORBIDDEN


def test_a_payload_is_kept_seven_days(connect):
    with Sandbox(requests_per_second="off") as box:
        base = connect(box)
        path = hook(base)
        base.make(Name="old")
        box.clock(advance=WEEK - 60)
        base.make(Name="new")
        assert len(payloads(base, path)["payloads"]) == 2
        box.clock(advance=120)
        left = payloads(base, path)
        assert (len(left["payloads"]), left["cursor"]) == (1, 3)


def test_a_deleted_or_unknown_webhook_or_one_of_another_base_is_403(base, connect):
    path = hook(base)
    foreign = f"/v0/bases/{base.id}/webhooks/" + hook(connect(base.box)).rsplit("/", 1)[1]
    assert base.ok("DELETE", path) == {}
    for element in (
        path,
        foreign,
        f"/v0/bases/{base.id}/webhooks/ach00000000000000",
        f"/v0/bases/{base.id}/webhooks/%ff",
    ):
        assert base.refused("GET", f"{element}/payloads")[:2] == FORBIDDEN
        assert base.refused("POST", f"{element}/refresh")[:2] == FORBIDDEN
        assert base.refused("POST", f"{element}/enableNotifications", {"enable": True})[:2] == FORBIDDEN
        assert base.refused("DELETE", element)[:2] == FORBIDDEN
    assert base.refused("GET", "/v0/bases/appNoSuchBase0000/webhooks")[:2] == FORBIDDEN


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"specification": None},
        {"specification": []},
        {"specification": {}},
        {"specification": {"options": {}}},
        {"specification": {"options": {"filters": []}}},
        {"specification": {"options": {"filters": {}}}},
        {"specification": spec(dataTypes=[])},
        {"specification": spec(dataTypes="tableData")},
        {"specification": spec(dataTypes=["rows"])},
        {"specification": spec(dataTypes=[[]])},
        {"specification": spec(dataTypes=[1])},
        {"specification": spec(changeTypes="add")},
        {"specification": spec(changeTypes=["grow"])},
        {"specification": spec(changeTypes=[{}])},
        {"specification": spec(fromSources="publicApi")},
        {"specification": spec(fromSources=[1])},
        {"specification": spec(watchDataInFieldIds={})},
        {"specification": spec(watchDataInFieldIds=[{}])},
        {"specification": spec(watchSchemasOfFieldIds=[[]])},
        {"specification": spec(recordChangeScope=1)},
        {"specification": spec(recordChangeScope=["x"])},
        {"specification": spec(includes=[1])},
        {"specification": spec(includes={"includeCellValuesInFieldIds": "some"})},
        {"specification": spec(includes={"includeCellValuesInFieldIds": [1]})},
        {"specification": spec(), "notificationUrl": 1},
        {"specification": spec(), "notificationUrl": "ftp://x"},
        {"specification": spec(), "notificationUrl": "x"},
    ],
    ids=json.dumps,
)
def test_a_webhook_of_the_wrong_shape_is_refused(base, body):
    assert base.refused("POST", f"/v0/bases/{base.id}/webhooks", body)[:2] == INVALID


@pytest.mark.parametrize("scope", ["tbl00000000000000", "viw00000000000000", "Every", "x"])
def test_a_scope_that_does_not_exist_is_403(base, scope):
    body = {"specification": spec(recordChangeScope=scope)}
    assert base.refused("POST", f"/v0/bases/{base.id}/webhooks", body)[:2] == FORBIDDEN


@pytest.mark.parametrize("body", [{}, {"enable": None}, {"enable": "true"}, {"enable": 1}], ids=json.dumps)
def test_notifications_are_turned_by_a_boolean(base, body):
    assert base.refused("POST", f"{hook(base)}/enableNotifications", body)[:2] == INVALID


# ------------------------------------------------------------------ pings


def pings(site):
    return [element for element in site.seen if element[0] == "POST"]


def test_a_ping_names_base_and_hook_and_proves_who_sent_it(base, site, wait):
    body = {"notificationUrl": f"{site.address}/ping?x=1", "specification": spec()}
    made = base.ok("POST", f"/v0/bases/{base.id}/webhooks", body)
    base.make(Name="x")
    ((_, path, headers, content),) = wait(lambda: pings(site))
    assert path == "/ping?x=1"
    assert headers["content-type"].startswith("application/json")
    payload = json.loads(content)
    assert (payload["base"], payload["webhook"]) == ({"id": base.id}, {"id": made["id"]})
    assert set(payload) == {"base", "webhook", "timestamp"}
    secret = base64.b64decode(made["macSecretBase64"])
    assert headers["x-airtable-content-mac"] == "hmac-sha256=" + hmac.new(secret, content, hashlib.sha256).hexdigest()

    def done():
        (first,) = base.ok("GET", f"/v0/bases/{base.id}/webhooks")["webhooks"]
        return first if first["lastNotificationResult"] else None

    listed = wait(done)
    assert listed["lastNotificationResult"]["success"] is True
    assert listed["lastSuccessfulNotificationTime"]


@pytest.mark.slow
def test_a_ping_that_fails_is_sent_again_and_the_result_says_why(base, site, wait):
    site.answers = [500]
    path = hook(base, url=f"{site.address}/ping")
    base.make(Name="x")

    def result():
        (first,) = base.ok("GET", path.rsplit("/", 1)[0])["webhooks"]
        return first["lastNotificationResult"]

    failed = wait(result)
    assert failed["success"] is False
    assert failed["willBeRetried"] is True
    assert "500" in failed["error"]["message"]
    assert wait(lambda: result()["success"])
    assert len(pings(site)) == 2
    assert result()["retryNumber"] == 1


def test_no_ping_is_sent_where_notifications_are_off_or_nothing_is_watched(base, site, wait):
    quiet = hook(base, url=f"{site.address}/quiet")
    hook(base, url=f"{site.address}/adds", changeTypes=["add"])
    assert base.ok("POST", f"{quiet}/enableNotifications", {"enable": False}) == {}
    record = base.make(Name="x")["id"]
    base.ok("DELETE", f"Every/{record}")
    wait(lambda: pings(site))
    assert [ping[1] for ping in pings(site)] == ["/adds"]
    assert len(payloads(base, quiet)["payloads"]) == 2
    base.ok("POST", f"{quiet}/enableNotifications", {"enable": True})
    base.make(Name="y")
    wait(lambda: {ping[1] for ping in pings(site)} == {"/adds", "/quiet"})


def test_no_ping_reaches_this_machine_without_the_switch(connect, site, wait):
    with Sandbox(requests_per_second="off") as box:
        base = connect(box)
        path = hook(base, url=f"{site.address}/ping")
        base.make(Name="x")

        def result():
            (first,) = base.ok("GET", path.rsplit("/", 1)[0])["webhooks"]
            return first["lastNotificationResult"]

        assert wait(result)["success"] is False
        assert site.seen == []
