"""Rows in Airtable that Wix no longer has: which of them may be deleted. Nothing is deleted that was not planned.

deletion = Deletion(collection, airtable, base, table, state.rows(base, "Carriers"))
deletion.plan(gone, held, known, merge, settled)
deletion.ids, deletion.changed, deletion.unknown
deletion.check(rows_in_the_table, allowed=False)
deletion.delete(merge)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runbook.airtable.client import PER_PAGE, PER_WRITE, Airtable
from runbook.airtable.lookup_ids import fetch_records
from runbook.catalog import Collection
from runbook.errors import StepError
from runbook.merge import Agreement, Past, RowMerge, digest
from runbook.state import CollectionRows, Conflict, ConflictKind, KnownRow, Settled
from runbook.steps.conflict_file import ConflictLine, Found, SettledLine
from runbook.steps.held import Held

MANY_ROWS, MANY_SHARE = 3, 0.10


def too_many(gone: int, rows: int) -> bool:
    """Whether so many of a table's rows are gone that it may be a mistake: all, or more than three and a tenth."""
    return gone > 0 and (gone == rows or gone > max(MANY_ROWS, MANY_SHARE * rows))


class Deletion:
    """The plan for the rows that Wix no longer has.

    `ids`: to be deleted. `changed`: came from Wix and changed in Airtable since. `unknown`: whether they came from Wix
    is not known. `kept`: a person wants them kept. `deleted`: the ids so far. `settled`: what a person decided.
    """

    def __init__(self, collection: Collection, airtable: Airtable, base: str, table: str, rows: CollectionRows) -> None:
        self._collection, self._rows = collection, rows
        self._airtable, self._base, self._table = airtable, base, table
        self._records: dict[str, str] = {}
        self._past: dict[str, Past] = {}
        self._wanted: set[str] = set()
        self.ids: list[str] = []
        self.changed: list[Found] = []
        self.unknown: list[Found] = []
        self.kept: list[str] = []
        self.deleted: list[str] = []
        self.settled: list[SettledLine] = []

    def plan(
        self,
        gone: Sequence[str],
        held: Held,
        known: Mapping[str, KnownRow],
        merge: RowMerge,
        settled: Mapping[tuple[str, str], Settled],
    ) -> None:
        """Decide on each row that Wix does not have."""
        histories = self._rows.histories(gone)
        for id_ in gone:
            agreed = histories[id_].agreed
            past = self._past[id_] = Past(None if agreed is None else Agreement.loads(agreed))
            fields = held.fields.get(id_)
            answer = merge.answer(fields) if fields is not None else str(known[id_].answer)
            kind: ConflictKind | None = None
            if past.agreement is None:
                kind = "origin unknown"
            elif past.agreement.has_preferred or (fields is not None and merge.edited(fields, past)):
                kind = "gone in Wix"
            word = settled.get((id_, "")) if kind else None
            if word is not None and word.airtable == answer:
                self.settled.append(SettledLine(id_, "", word.prefer, word.who, word.why))
                if word.prefer == "airtable":
                    self.kept.append(id_)
                    continue
                self._wanted.add(id_)
                kind = None
            if kind is None:
                self.ids.append(id_)
                self._records[id_] = held.records[id_]
            else:
                self._add(id_, kind, answer)

    def check(self, rows: int, *, allowed: bool) -> None:
        """Raises StepError where too many of a table's rows would be deleted and that is not allowed."""
        gone = len(self.ids)
        if allowed or not too_many(gone, rows):
            return
        name = self._collection.wix
        share = "all" if gone == rows else f"{gone:,} of {rows:,}"
        raise StepError(
            f"{name}: {share} rows in Airtable are no longer at the source, or can no longer be carried over; nothing "
            f"was written or deleted. If the source is complete and they are to be deleted, set "
            f"RUNBOOK_REMOVE_MANY={name} and run it again; otherwise run it again from the right source"
        )

    def delete(self, merge: RowMerge) -> None:
        """Delete what was planned, after a last look: a row that has changed since the table was read stays."""
        for start in range(0, len(self.ids), PER_PAGE):
            planned = self.ids[start : start + PER_PAGE]
            now = self._now([self._records[id_] for id_ in planned])
            for id_ in list(planned):
                fields = now.get(self._records[id_])
                if fields is not None and id_ not in self._wanted and merge.edited(fields, self._past[id_]):
                    planned.remove(id_)
                    self._add(id_, "gone in Wix", merge.answer(fields))
            for first in range(0, len(planned), PER_WRITE):
                batch = planned[first : first + PER_WRITE]
                self._airtable.delete(self._base, self._table, [self._records[id_] for id_ in batch])
                self._rows.forget(batch)
                self.deleted += batch
        self.ids = list(self.deleted)

    def _now(self, records: list[str]) -> dict[str, dict[str, object]]:
        found = fetch_records(self._airtable, self._base, self._table, records)
        return {record["id"]: record["fields"] for record in found}

    def _add(self, id_: str, kind: ConflictKind, answer: str) -> None:
        wix, airtable = "nothing", "a row"
        line = ConflictLine(id_, "", "", kind, wix, airtable)
        (self.unknown if kind == "origin unknown" else self.changed).append(
            Found(Conflict(id_, "", kind, digest(None), answer), line)
        )
