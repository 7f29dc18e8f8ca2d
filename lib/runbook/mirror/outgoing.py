"""What Airtable has that Wix may not have yet, for the outbox: rows written by services, or seen to be edited by hand.

outgoing = Outgoing(base, catalog, state)
outgoing.add("Carriers", {"1f…": record}, by_hand=False)        # records as Airtable has them now, by legacy id
outgoing.note_removed("Carriers", {"2c…": "rec…"})              # rows whose records are gone

Only while the flag of the collection is at 'airtable'. A row goes into the outbox where it is not what both sides last
agreed on; and where a line of it has other cells, so that the line is never older than what was last seen.
"""

from __future__ import annotations

from collections.abc import Mapping

from runbook.catalog import LEGACY_ID, Catalog
from runbook.json_types import Json
from runbook.merge import RowMerge
from runbook.state import OutboxRow, State


class Outgoing:
    """Of one base. Threads may share it."""

    def __init__(self, base: str, catalog: Catalog, state: State) -> None:
        self._base, self._catalog, self._state = base, catalog, state
        self._merges: dict[str, RowMerge] = {}

    def is_on(self, name: str) -> bool:
        """Whether services write the collection in Airtable, so that Wix is behind."""
        return self._state.flags.get(self._catalog.collection(name).flag) == "airtable"

    def add(self, name: str, records: Mapping[str, Mapping[str, Json]], *, by_hand: bool) -> int:
        """Put rows, by legacy id the record as Airtable has it now, into the outbox; how many. Durable at the return.

        `by_hand`: they are not known to be a service's.
        """
        if not records or not self.is_on(name):
            return 0
        answer = self._merge(name).answer
        answers = {item_id: answer(record["fields"]) for item_id, record in records.items()}
        outbox = self._state.outbox(self._base, name)
        differing = outbox.differing(answers)
        for line in outbox.rows(held=True, of=differing) if differing else ():
            same = line.fields is not None and line.record_id == records[line.legacy_id]["id"]
            if same and answer(line.fields or {}) == answers[line.legacy_id]:
                differing.discard(line.legacy_id)  # as it is known already, with who wrote it and why it is held
        lines = [
            OutboxRow(item_id, record["id"], {**record["fields"], LEGACY_ID: item_id}, by_hand)
            for item_id, record in records.items()
            if item_id in differing
        ]
        outbox.add(lines)
        return len(lines)

    def note_removed(self, name: str, records: Mapping[str, str]) -> None:
        """Rows, by legacy id the record, are gone from Airtable, and no service removed them. Durable at the return.

        A row that state knows as another record by now stays. Where going back has left something in Airtable, that
        a row was there stays known, whatever the flag says now: it may have been deleted before the flag turned.
        """
        rows = self._state.rows(self._base, name)
        known = rows.record_ids(records)
        gone = [item_id for item_id, record in records.items() if known.get(item_id, record) == record]
        if gone and (self.is_on(name) or self._catalog.collection(name).flag in self._state.debts.all()):
            rows.note_removed(gone, by_hand=True)
        else:
            rows.forget(gone)

    def _merge(self, name: str) -> RowMerge:
        if name not in self._merges:
            collection = self._catalog.collection(name)
            links = [link.name for link in collection.links]
            self._merges[name] = RowMerge(collection, links, lambda record: True)
        return self._merges[name]
