"""What changed in a base since the last look: a webhook's payloads, read by a cursor. Airtable notifies no URL.

    webhook = create_webhook(airtable, base)                # Webhook(id="ach…", cursor=1)
    changes = read_changes(airtable, base, webhook)         # changes.webhook is where to continue

A webhook reports what comes after it was made. Any number of readers may share it, each with a cursor of its own.
Airtable keeps payloads for 7 days, and the webhook itself for 7 days after it was last read. At most 10 a base.
(airtable.com/developers/web/api/webhooks-overview)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from runbook.airtable.client import Airtable
from runbook.errors import AirtableError
from runbook.json_types import Json

KEPT_SECONDS = 7 * 24 * 3600.0
_WATCHED = ("tableData", "tableFields", "tableMetadata")
_PAGE = 50  # payloads a request, Airtable's maximum
_NOT_ALLOWED = {401, 403, 404, 422}
_GONE = {403, 404}


class Webhook(NamedTuple):
    """A webhook, and the number of the payload to read next."""

    id: str
    cursor: int


@dataclass
class Changes:
    """What happened, by table id: records to read again, deleted records. `webhook`: where to continue.

    `fields`: columns that were made, changed or deleted; of a table that was renamed or deleted, none.
    """

    webhook: Webhook
    changed: dict[str, set[str]] = field(default_factory=dict)
    deleted: dict[str, set[str]] = field(default_factory=dict)
    fields: dict[str, set[str]] = field(default_factory=dict)

    def merge(self, later: Changes) -> None:
        """Add what happened after all that was added before."""
        for table in {*later.changed, *later.deleted}:
            existing, destroyed = later.changed.get(table, set()), later.deleted.get(table, set())
            self._add(table, existing, destroyed)
        for table, fields in later.fields.items():
            self.fields.setdefault(table, set()).update(fields)
        self.webhook = later.webhook

    def _add(self, table: str, existing: set[str], destroyed: set[str]) -> None:
        changed, deleted = self.changed.get(table, set()), self.deleted.get(table, set())
        self.changed[table] = (changed | existing) - destroyed
        self.deleted[table] = (deleted - existing) | destroyed

    def add(self, payload: dict[str, Json]) -> None:
        """Add a payload, which is later than all that were added before."""
        for table, parts in (payload.get("changedTablesById") or {}).items():
            existing = {*(parts.get("createdRecordsById") or ()), *(parts.get("changedRecordsById") or ())}
            destroyed = set(parts.get("destroyedRecordIds") or ())
            self._add(table, existing, destroyed)
            fields = {*(parts.get("createdFieldsById") or ()), *(parts.get("changedFieldsById") or ())}
            fields.update(parts.get("destroyedFieldIds") or ())
            if fields or parts.get("changedMetadata"):
                self.fields.setdefault(table, set()).update(fields)
        for table in (*(payload.get("createdTablesById") or ()), *(payload.get("destroyedTableIds") or ())):
            self.fields.setdefault(table, set())


def create_webhook(airtable: Airtable, base: str) -> Webhook | None:
    """A webhook for the base's records and schema; None where the token or the base does not allow one more."""
    specification = {"options": {"filters": {"dataTypes": list(_WATCHED)}}}
    body = {"notificationUrl": None, "specification": specification}
    created = _request_if_allowed(airtable, "POST", base, body, "create a webhook of the base")
    return None if created is None else Webhook(str(created["id"]), 1)


def find_webhook(airtable: Airtable, base: str, webhook_id: str) -> Webhook | None:
    """A webhook that was made before, to be read from now on; None where it is gone.

    One that does not watch all that `create_webhook` watches is deleted.
    """
    payload = _request_if_allowed(airtable, "GET", base, None, "list the webhooks of the base")
    for webhook in [] if payload is None else payload["webhooks"]:
        if webhook["id"] == webhook_id and webhook.get("isHookEnabled", True):
            watched = ((webhook.get("specification") or {}).get("options") or {}).get("filters", {}).get("dataTypes")
            if set(_WATCHED) <= set(watched or ()):
                return Webhook(webhook_id, int(webhook["cursorForNextPayload"]))
            delete_webhook(airtable, base, webhook_id)
    return None


def _request_if_allowed(airtable: Airtable, method: str, base: str, body: Json, what: str) -> Json:
    path = f"bases/{base}/webhooks"
    try:
        return airtable.request(method, path, scope="webhook:manage", base=base, json=body, what=what)
    except AirtableError as error:
        if error.status in _NOT_ALLOWED:
            return None
        raise


def delete_webhook(airtable: Airtable, base: str, webhook_id: str) -> None:
    """Delete a webhook; one that is gone already is ignored."""
    path, what = f"bases/{base}/webhooks/{webhook_id}", "delete a webhook of the base"
    try:
        airtable.request("DELETE", path, scope="webhook:manage", base=base, what=what)
    except AirtableError as error:
        if error.status not in (200, *_GONE):  # 200: done, with an empty body
            raise


def read_changes(airtable: Airtable, base: str, webhook: Webhook) -> Changes | None:
    """Everything since the cursor; None where the webhook is gone or failed, and with it what happened since."""
    found = Changes(webhook)
    while True:
        try:
            page = airtable.request(
                "GET",
                f"bases/{base}/webhooks/{webhook.id}/payloads",
                scope="webhook:manage",
                base=base,
                params=[("cursor", str(found.webhook.cursor)), ("limit", str(_PAGE))],
                what="read what changed in the base",
            )
        except AirtableError as error:
            if error.status in _GONE:
                return None
            raise
        for payload in page["payloads"]:
            if payload.get("error"):  # Airtable does not know what changed
                return None
            found.add(payload)
        found.webhook = Webhook(webhook.id, int(page["cursor"]))
        if not page.get("mightHaveMore"):
            return found
