"""What a table holds before it is written, against what state knows of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runbook.airtable.lookup_ids import require_unique
from runbook.catalog import LEGACY_ID
from runbook.json_types import Fields, Json
from runbook.merge import RowMerge
from runbook.state import CollectionRows, KnownRow


@dataclass
class Held:
    """By legacy id. `fields`: of the rows that are not as both sides last agreed, or of which that is not known.

    `matched`: how many rows were found that state did not know.
    """

    records: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Fields] = field(default_factory=dict)
    matched: int = 0


def read_held(
    collection: str,
    records: Iterable[dict[str, Json]],
    known: Mapping[str, KnownRow],
    rows: CollectionRows,
    merge: RowMerge,
) -> Held:
    """Read a table; state learns which record each row is. Raises AmbiguousKey where two records have one legacy id."""
    held = Held()
    by_id: dict[str, list[str]] = {}
    for record in records:
        fields = record["fields"]
        legacy_id = fields.get(LEGACY_ID)
        if not isinstance(legacy_id, str) or not legacy_id.strip():
            continue
        by_id.setdefault(legacy_id, []).append(record["id"])
        row = known.get(legacy_id)
        if row is None or row.record_id != record["id"] or row.answer != merge.answer(fields):
            held.fields[legacy_id] = fields
    held.records = require_unique(collection, LEGACY_ID, by_id)
    new = {id_: record for id_, record in held.records.items() if id_ not in known or known[id_].record_id != record}
    held.matched = sum(id_ not in known for id_ in new)
    rows.put(new)
    return held
