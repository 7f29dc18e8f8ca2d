"""pyairtable's webhooks: made, told, read, prolonged and deleted."""

from __future__ import annotations

import http.server
import queue
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pyairtable
import pytest
import requests
from pyairtable.exceptions import MissingRecordError
from pyairtable.models import Webhook, WebhookNotification
from pyairtable.models.webhook import WebhookPayload

from sandbox.in_process import Sandbox

ROWS = {"options": {"filters": {"dataTypes": ["tableData"]}}}


class Listener:
    """A web server that keeps what is posted to it; answers `status`."""

    def __init__(self) -> None:
        self.posted: queue.Queue[tuple[str, str]] = queue.Queue()
        self.status = 204
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                self.send_response(listener.status)
                self.send_header("content-length", "0")
                self.end_headers()
                listener.posted.put((body, self.headers["X-Airtable-Content-MAC"]))

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def hook(base: pyairtable.Base, spec: dict[str, Any], url: Any = None) -> Webhook:
    return base.webhook(base.add_webhook(url, spec).id)


def changes(webhook: Webhook) -> list[WebhookPayload]:
    return list(webhook.payloads())


def test_a_webhook_is_made_listed_and_deleted(box: Sandbox, base: pyairtable.Base) -> None:
    made = base.add_webhook("https://example.com/hook", ROWS)
    now = datetime.fromisoformat(box.clock())
    assert made.id.startswith("ach")
    assert timedelta(days=6, hours=23) < made.expiration_time - now <= timedelta(days=7)
    told = base.webhook(made.id)
    assert (told.notification_url, told.cursor_for_next_payload) == ("https://example.com/hook", 1)
    assert (told.are_notifications_enabled, told.is_hook_enabled) == (True, True)
    assert (told.last_successful_notification_time, told.last_notification_result) == (None, None)
    assert told.specification.options.filters.data_types == ["tableData"]
    told.delete()
    assert told.deleted
    assert base.webhooks() == []
    with pytest.raises(MissingRecordError):
        base.webhook(made.id)


def test_the_eleventh_webhook_of_a_base_is_refused(base: pyairtable.Base) -> None:
    for _ in range(10):
        base.add_webhook(None, ROWS)
    with pytest.raises(requests.HTTPError):
        base.add_webhook(None, ROWS)
    assert len(base.webhooks()) == 10


def test_a_specification_that_makes_no_sense_is_refused(base: pyairtable.Base) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        base.add_webhook(None, {"options": {"filters": {"dataTypes": ["weather"]}}})
    assert caught.value.response.status_code == 422


def test_created_changed_and_deleted_records_are_told_one_payload_a_request(
    api: pyairtable.Api, base: pyairtable.Base, drivers: pyairtable.Table
) -> None:
    drivers.create({"Name": "Before the hook"})
    webhook = hook(base, ROWS)
    ids = {field.name: field.id for field in drivers.schema().fields}
    made = drivers.batch_create([{"Name": "Gus", "Miles": 1}, {"Name": "Hal"}])
    drivers.update(made[0]["id"], {"Miles": 2})
    drivers.batch_delete([made[0]["id"], made[1]["id"]])
    created, changed, deleted = changes(webhook)
    table = created.changed_tables_by_id[drivers.schema().id]
    assert set(table.created_records_by_id) == {record["id"] for record in made}
    assert table.created_records_by_id[made[0]["id"]].cell_values_by_field_id == {ids["Name"]: "Gus", ids["Miles"]: 1}
    assert created.action_metadata.source == "publicApi"
    assert created.action_metadata.source_metadata["user"]["id"] == api.whoami()["id"]
    current = changed.changed_tables_by_id[drivers.schema().id].changed_records_by_id[made[0]["id"]].current
    assert current.cell_values_by_field_id == {ids["Miles"]: 2}
    gone = deleted.changed_tables_by_id[drivers.schema().id].destroyed_record_ids
    assert sorted(gone) == sorted(record["id"] for record in made)
    assert [one.cursor for one in (created, changed, deleted)] == [1, 2, 3]
    numbers = [one.base_transaction_number for one in (created, changed, deleted)]
    assert numbers == sorted(set(numbers))
    assert base.webhook(webhook.id).cursor_for_next_payload == 4


def test_payloads_start_at_a_cursor_and_end_at_a_limit(base: pyairtable.Base, drivers: pyairtable.Table) -> None:
    webhook = hook(base, ROWS)
    for number in range(55):
        drivers.create({"Name": str(number)})
    assert [one.cursor for one in webhook.payloads()] == list(range(1, 56))
    assert [one.cursor for one in webhook.payloads(cursor=54)] == [54, 55]
    assert [one.cursor for one in webhook.payloads(cursor=3, limit=2)] == [3, 4]


def test_includes_bring_previous_values_and_unchanged_cells(base: pyairtable.Base, drivers: pyairtable.Table) -> None:
    ids = {field.name: field.id for field in drivers.schema().fields}
    spec = {
        "options": {
            "filters": {"dataTypes": ["tableData"], "recordChangeScope": drivers.schema().id},
            "includes": {"includeCellValuesInFieldIds": [ids["Name"]], "includePreviousCellValues": True},
        }
    }
    webhook = hook(base, spec)
    dana = drivers.first()["id"]
    drivers.update(dana, {"Miles": 7})
    told = changes(webhook)[0].changed_tables_by_id[drivers.schema().id].changed_records_by_id[dana]
    assert told.current.cell_values_by_field_id == {ids["Miles"]: 7}
    assert told.previous.cell_values_by_field_id == {ids["Miles"]: 1000}
    assert told.unchanged.cell_values_by_field_id == {ids["Name"]: "Dana"}


def test_filters_keep_out_other_tables_fields_and_kinds_of_change(
    base: pyairtable.Base, carriers: pyairtable.Table, drivers: pyairtable.Table
) -> None:
    miles = drivers.schema().field("Miles").id

    def filtered(**filters: Any) -> Webhook:
        return hook(base, {"options": {"filters": {"dataTypes": ["tableData"], **filters}}})

    only_table = filtered(recordChangeScope=drivers.schema().id)
    only_added = filtered(changeTypes=["add"])
    only_miles = filtered(watchDataInFieldIds=[miles])
    only_forms = filtered(fromSources=["formSubmission"])
    carriers.update(carriers.first()["id"], {"Notes": "x"})
    dana = drivers.first()["id"]
    drivers.update(dana, {"Name": "Dana B."})
    drivers.update(dana, {"Miles": 3})
    drivers.create({"Name": "Ida"})
    assert len(changes(only_table)) == 3
    assert [list(one.changed_tables_by_id) for one in changes(only_added)] == [[drivers.schema().id]]
    assert dana in changes(only_miles)[0].changed_tables_by_id[drivers.schema().id].changed_records_by_id
    assert changes(only_forms) == []


def test_changes_of_the_schema_are_told_to_those_who_watch_it(base: pyairtable.Base, drivers: pyairtable.Table) -> None:
    webhook = hook(base, {"options": {"filters": {"dataTypes": ["tableFields", "tableMetadata"]}}})
    made = drivers.create_field("Extra", "email")
    made.name = "Mail"
    made.save()
    new = base.create_table("Loads", [{"name": "Ref", "type": "singleLineText"}])
    drivers.create({"Name": "not told"})
    added, renamed, table = changes(webhook)
    told = added.changed_tables_by_id[drivers.schema().id].created_fields_by_id[made.id]
    assert (told.name, told.type) == ("Extra", "email")
    told = renamed.changed_tables_by_id[drivers.schema().id].changed_fields_by_id[made.id]
    assert told.current.name == "Mail"
    assert table.created_tables_by_id[new.id].metadata.name == "Loads"


def test_links_and_selects_are_told_with_their_names(
    base: pyairtable.Base, carriers: pyairtable.Table, drivers: pyairtable.Table
) -> None:
    ids = {field.name: field.id for field in carriers.schema().fields}
    webhook = hook(base, {"options": {"filters": {"dataTypes": ["tableData"], "recordChangeScope": carriers.id}}})
    birch = carriers.first(formula="{Name}='Birch Lines'")["id"]
    dana = drivers.first()["id"]
    carriers.update(birch, {"Status": "Barred", "Drivers": [dana]})
    cells = changes(webhook)[0].changed_tables_by_id[carriers.id].changed_records_by_id[birch].current
    assert cells.cell_values_by_field_id[ids["Status"]]["name"] == "Barred"
    assert cells.cell_values_by_field_id[ids["Drivers"]] == [{"id": dana, "name": "Dana"}]


def test_a_notification_is_delivered_and_proved_by_its_secret(
    box: Sandbox, base: pyairtable.Base, drivers: pyairtable.Table, listener: Listener
) -> None:
    made = base.add_webhook(listener.url, ROWS)
    drivers.create({"Name": "Gus"})
    body, header = listener.posted.get(timeout=10)
    told = WebhookNotification.from_request(body, header, made.mac_secret_base64)
    assert (told.base.id, told.webhook.id) == (base.id, made.id)
    assert abs(told.timestamp - datetime.fromisoformat(box.clock())) < timedelta(seconds=10)
    with pytest.raises(ValueError, match="failed validation"):
        WebhookNotification.from_request(body + " ", header, made.mac_secret_base64)
    for _ in range(200):
        webhook = base.webhook(made.id)
        if webhook.last_notification_result:
            break
        time.sleep(0.02)
    assert webhook.last_notification_result.success
    assert webhook.last_notification_result.retry_number == 0
    assert webhook.last_successful_notification_time is not None
    assert len(changes(webhook)) == 1


@pytest.mark.slow
def test_a_refused_notification_is_tried_again(
    base: pyairtable.Base, drivers: pyairtable.Table, listener: Listener
) -> None:
    made = base.add_webhook(listener.url, ROWS)
    listener.status = 500
    drivers.create({"Name": "Gus"})
    listener.posted.get(timeout=10)
    listener.status = 204
    body, header = listener.posted.get(timeout=10)
    assert WebhookNotification.from_request(body, header, made.mac_secret_base64).webhook.id == made.id


def test_disabled_notifications_are_not_sent_but_payloads_are_kept(
    base: pyairtable.Base, drivers: pyairtable.Table, listener: Listener
) -> None:
    webhook = hook(base, ROWS, listener.url)
    webhook.disable_notifications()
    assert base.webhook(webhook.id).are_notifications_enabled is False
    drivers.create({"Name": "Gus"})
    webhook.enable_notifications()
    assert base.webhook(webhook.id).are_notifications_enabled is True
    drivers.create({"Name": "Hal"})
    listener.posted.get(timeout=10)
    with pytest.raises(queue.Empty):
        listener.posted.get(timeout=0.2)
    assert len(changes(webhook)) == 2


def test_a_webhook_expires_after_a_week_unless_it_is_prolonged(box: Sandbox, base: pyairtable.Base) -> None:
    left, kept, read = hook(base, ROWS), hook(base, ROWS), hook(base, ROWS)
    box.clock(advance=5 * 86_400)
    before = kept.expiration_time
    kept.extend_expiration()
    assert datetime.fromisoformat(str(kept.expiration_time)) - before >= timedelta(days=4, hours=23)
    changes(read)
    box.clock(advance=3 * 86_400)
    assert {one.id for one in base.webhooks()} == {kept.id, read.id}
    with pytest.raises(requests.HTTPError):
        changes(left)
