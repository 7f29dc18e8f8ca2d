"""Links that people changed in Airtable's grid: the keys that they are made from are written to follow them.

Services read keys, not links, so until then a changed link says nothing to them, on either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from runbook.airtable.client import PER_WRITE, Airtable
from runbook.airtable.lookup_ids import fetch_records
from runbook.catalog import Collection, Field, Link
from runbook.codecs import Refused, codec_of
from runbook.json_types import Fields, Json
from runbook.merge import Agreement, BackMerge, Past
from runbook.schema.identity import known_columns
from runbook.state import PendingRow, State

_LISTS = ("multireference", "array", "tags")


class Followed(NamedTuple):
    """The rows, with the cells as they are now; by legacy id, why a link's keys could not be made to follow it."""

    rows: list[PendingRow]
    unclear: dict[str, str]


def follow_links(
    c: Collection, rows: Sequence[PendingRow], merge: BackMerge, *, airtable: Airtable, base: str, state: State
) -> Followed:
    """Write the keys of links that were changed though their keys were not. Raises AirtableError.

    No request where there is none. A link that was emptied keeps its keys: whether they are meant is not clear.
    Services go on meanwhile: the records are read again, and written, while no service writes these rows.
    """
    changes, unclear = _changes(c, rows, merge, base, state)
    followed, pending = {row.legacy_id: row for row in rows}, [row for row in rows if changes.get(row.record_id)]
    for start in range(0, len(pending), PER_WRITE):
        batch = {row.record_id: row for row in pending[start : start + PER_WRITE]}
        ids = [row.legacy_id for row in batch.values()]
        with state.locks.rows(c.wix, ids), state.locks.sending(c.wix, ids):
            read = fetch_records(airtable, base, c.table, list(batch), fields=known_columns(state, base, c))
            fields = {record["id"]: record["fields"] for record in read}
            current = [row._replace(fields=fields[record]) for record, row in batch.items() if record in fields]
            changes, still_unclear = _changes(c, current, merge, base, state)
            unclear |= still_unclear
            send: list[dict[str, Json]] = [{"id": id_, "fields": cells} for id_, cells in changes.items() if cells]
            written = airtable.update(base, c.table, send) if send else []
        fields |= {record["id"]: record["fields"] for record in written}
        followed |= {row.legacy_id: row._replace(fields=fields[row.record_id]) for row in current}
    return Followed(list(followed.values()), unclear)


def _changes(
    c: Collection, rows: Sequence[PendingRow], merge: BackMerge, base: str, state: State
) -> tuple[dict[str, Fields], dict[str, str]]:
    """By record, the cells of keys that are to follow links; by legacy id, why they cannot."""
    changes: dict[str, Fields] = {}
    unclear: dict[str, str] = {}
    edited = changed_links(c, rows, merge, base=base, state=state)
    for row in rows:
        for link in edited.get(row.legacy_id, ()):
            cells = _cells(c, link, row.fields or {}, base, state)
            if cells is None:
                unclear[row.legacy_id] = f"the link {link.name} was changed by hand, and its keys cannot follow it"
            else:
                changes.setdefault(row.record_id, {}).update(cells)
    return changes, unclear


def changed_links(
    c: Collection, rows: Sequence[PendingRow], merge: BackMerge, *, base: str, state: State
) -> dict[str, list[Link]]:
    """Links that were changed though their keys were not, by legacy id."""
    histories = state.rows(base, c.wix).histories(row.legacy_id for row in rows) if c.links else {}
    found: dict[str, list[Link]] = {}
    for row in rows:
        history = histories.get(row.legacy_id)
        if row.fields is None:
            continue
        agreed = None if history is None or history.agreed is None else Agreement.loads(history.agreed)
        edited = merge.edited_links(row.fields, Past(agreed))
        if links := [link for link in c.links if link.name in edited]:
            found[row.legacy_id] = links
    return found


def _cells(c: Collection, link: Link, fields: Fields, base: str, state: State) -> Fields | None:
    """The cells of a link's keys; None where they cannot say what the link does."""
    records = [record for record in fields.get(link.name) or () if isinstance(record, str)]
    target = state.rows(base, link.to)
    by_record = target.by_record(records)
    if not records or len(by_record) < len(records):
        return None
    ids = [by_record[record] for record in records]
    filled = [key for key in link.on if fields.get(c.field(key).name) not in (None, "", [])]
    cells: Fields = {}
    for key in filled or list(link.on)[:1]:
        column, target_key = c.field(key), link.on[key]
        known = {id_: id_ for id_ in ids} if target_key == "_id" else target.keys_of(ids, target_key)
        values = [known[id_] for id_ in ids if id_ in known]
        if len(values) < len(ids) or (len(values) > 1 and column.wix_type not in _LISTS):
            return None
        cell = _encoded(column, values if column.wix_type in _LISTS else values[0])
        if cell is None:
            return None
        cells[column.name] = cell
    return cells


def _encoded(column: Field, value: Json) -> Json:
    number = column.type == "number" and isinstance(value, str) and value.isdecimal()
    try:
        return codec_of(column).encode(int(value) if number else value)
    except Refused:
        return None
