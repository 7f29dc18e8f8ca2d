"""Lines of the outbox, added inside the transactions of others."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, and_

from runbook.json_types import Fields
from runbook.state.database import Database
from runbook.state.tables import now, outbox


class OutboxRow(NamedTuple):
    """A row as Airtable has it. `fields`: its cells; None: it was deleted. `by_hand`: not known to be a service's."""

    legacy_id: str
    record_id: str
    fields: Fields | None
    by_hand: bool


def add_to_outbox(
    database: Database, connection: Connection, scope: Mapping[str, str], rows: Iterable[OutboxRow]
) -> None:
    """Add lines, inside the caller's transaction. A row keeps when it was first noted, and what was sent of it.

    What a service did stays known as that, though the change is seen in Airtable as well.
    """
    t, insert = outbox, database.insert(outbox)
    new = insert.excluded
    same = and_(t.c.fields.is_(None), new.fields.is_(None))
    query = insert.on_conflict_do_update(
        index_elements=list(t.primary_key),
        set_={
            "record_id": new.record_id,
            "fields": new.fields,
            "by_hand": and_(new.by_hand, (t.c.by_hand) | ~same),
            "mark": new.mark,
            "held": None,
        },
    )
    at = now()
    lines = [
        {
            **scope,
            "legacy_id": row.legacy_id,
            "record_id": row.record_id,
            "fields": None if row.fields is None else json.dumps(row.fields, separators=(",", ":")),
            "by_hand": row.by_hand,
            "mark": secrets.token_hex(8),
            "at": at,
        }
        for row in rows
    ]
    if lines:
        connection.execute(query, lines)
