"""What changed in a base since one last looked: a webhook's payloads, read by a cursor. Nothing is sent to anyone.

    watch = create_watch(airtable, base)                  # Watch(id="ach…", cursor=1)
    changes = read_changes(airtable, base, watch)         # changes.watch is where to go on from

A watch tells of what comes after it was made. Any number may read it, each by a cursor of its own. Airtable keeps
payloads for 7 days, and the watch itself for 7 days after it was last read. At most 10 webhooks a base.
(airtable.com/developers/web/api/webhooks-overview)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from runbook.airtable.client import Airtable
from runbook.errors import AirtableError
from runbook.json_types import Json

KEPT_SECONDS = 7 * 24 * 3600.0
_PAGE = 50  # payloads a request, the most there are
_NOT_ALLOWED = {401, 403, 404, 422}
_GONE = {403, 404}


class Watch(NamedTuple):
    """A webhook, and the number of the payload to read next."""

    id: str
    cursor: int


@dataclass
class Changes:
    """What happened, by table id: records to read again, records that are gone. `watch`: where to go on from."""

    watch: Watch
    changed: dict[str, set[str]] = field(default_factory=dict)
    gone: dict[str, set[str]] = field(default_factory=dict)

    def add(self, payload: dict[str, Json]) -> None:
        """Take a payload in; it tells of what came after all that was taken in before."""
        for table, told in (payload.get("changedTablesById") or {}).items():
            changed, gone = self.changed.setdefault(table, set()), self.gone.setdefault(table, set())
            there = {*(told.get("createdRecordsById") or ()), *(told.get("changedRecordsById") or ())}
            lost = set(told.get("destroyedRecordIds") or ())
            self.changed[table] = (changed | there) - lost
            self.gone[table] = (gone - there) | lost


def create_watch(airtable: Airtable, base: str) -> Watch | None:
    """Begin to watch a base's rows; None where the token or the base does not allow one more webhook."""
    specification = {"options": {"filters": {"dataTypes": ["tableData"]}}}
    try:
        made = airtable.request(
            "POST",
            f"bases/{base}/webhooks",
            base=base,
            json={"notificationUrl": None, "specification": specification},
            what="watch the base's rows",
        )
    except AirtableError as error:
        if error.status in _NOT_ALLOWED:
            return None
        raise
    return Watch(str(made["id"]), 1)


def find_watch(airtable: Airtable, base: str, webhook: str) -> Watch | None:
    """A webhook that was made before, to be read from now on; None where it is gone."""
    try:
        told = airtable.request("GET", f"bases/{base}/webhooks", base=base, what="look who watches the base's rows")
    except AirtableError as error:
        if error.status in _NOT_ALLOWED:
            return None
        raise
    for one in told["webhooks"]:
        if one["id"] == webhook and one.get("isHookEnabled", True):
            return Watch(webhook, int(one["cursorForNextPayload"]))
    return None


def drop_watch(airtable: Airtable, base: str, webhook: str) -> None:
    """Stop watching; a webhook that is gone already is let be."""
    try:
        airtable.request("DELETE", f"bases/{base}/webhooks/{webhook}", base=base, what="stop watching the base's rows")
    except AirtableError as error:
        if error.status not in (200, *_GONE):  # 200: done, and nothing in the answer
            raise


def read_changes(airtable: Airtable, base: str, watch: Watch) -> Changes | None:
    """Everything since the cursor; None where the watch is gone or failed, and with it what happened since."""
    found = Changes(watch)
    while True:
        try:
            page = airtable.request(
                "GET",
                f"bases/{base}/webhooks/{watch.id}/payloads",
                base=base,
                params=[("cursor", str(found.watch.cursor)), ("limit", str(_PAGE))],
                what="read what changed in the base",
            )
        except AirtableError as error:
            if error.status in _GONE:
                return None
            raise
        for payload in page["payloads"]:
            if payload.get("error"):  # Airtable could not say what changed
                return None
            found.add(payload)
        found.watch = Watch(watch.id, int(page["cursor"]))
        if not page.get("mightHaveMore"):
            return found
