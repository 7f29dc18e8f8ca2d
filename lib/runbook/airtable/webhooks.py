"""What changed in a base since one last looked: a webhook's payloads, read by a cursor. Nothing is sent to anyone.

    watch = create_watch(airtable, base)                  # Watch(id="ach…", cursor=1)
    changes = read_changes(airtable, base, watch)         # changes.watch is where to go on from

A watch tells of what comes after it was made; Airtable keeps payloads for 7 days, and the watch itself for 7 days after
it was last read. At most 10 webhooks a base.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from runbook.errors import AirtableError

if TYPE_CHECKING:
    from runbook.airtable.client import Airtable

_PAGE = 50  # payloads a request, the most there are
KEPT_SECONDS = 7 * 24 * 3600.0


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
        if error.status in (401, 403, 404, 422):
            return None
        raise
    return Watch(str(made["id"]), 1)


def drop_watch(airtable: Airtable, base: str, watch: Watch) -> None:
    """Stop watching; one that is gone already is let be."""
    try:
        airtable.request("DELETE", f"bases/{base}/webhooks/{watch.id}", base=base, what="stop watching the base's rows")
    except AirtableError as error:
        if error.status not in (200, 204, 403, 404):
            raise


def read_changes(airtable: Airtable, base: str, watch: Watch) -> Changes | None:
    """Everything since the cursor; None where the watch is gone, and with it what happened since."""
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
            if error.status in (403, 404):
                return None
            raise
        for payload in page["payloads"]:
            for table, told in (payload.get("changedTablesById") or {}).items():
                changed, gone = found.changed.setdefault(table, set()), found.gone.setdefault(table, set())
                for record in (*(told.get("createdRecordsById") or ()), *(told.get("changedRecordsById") or ())):
                    changed.add(record)
                    gone.discard(record)
                for record in told.get("destroyedRecordIds") or ():
                    gone.add(record)
                    changed.discard(record)
        found.watch = Watch(watch.id, int(page["cursor"]))
        if not page.get("mightHaveMore"):
            return found
