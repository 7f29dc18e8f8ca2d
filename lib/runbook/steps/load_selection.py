"""The staged rows that have to be written, one by one, and what becomes of the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from runbook.airtable.client import PER_PAGE
from runbook.catalog import Collection
from runbook.json_types import Fields, Json
from runbook.link_resolver import LinkCell, TargetRows, resolve
from runbook.merge import Agreement, Difference, MergedRow, Past, RowMerge
from runbook.staged import StagedRow, is_older
from runbook.state import AgreedRow, CollectionRows, Conflict, ConflictKind, History, KnownRow, Settled
from runbook.steps.conflict_file import ConflictLine, Found, SettledLine, shown
from runbook.steps.held import Held
from runbook.steps.load_rows import Builder, hash_of
from runbook.steps.load_writer import Row, agreed_row

Progress = Callable[[int, int], None]

_SECONDS = 0.1  # between progress updates


class RowCount:
    """Reports progress, at most ten times a second."""

    def __init__(self, total: int, report: Progress | None) -> None:
        self._total, self._report = total, report
        self._done, self._next = 0, 0.0

    def add(self, rows: int) -> None:
        """More rows are done."""
        self._done += rows
        if self._report is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS
            self._report(min(self._done, self._total), self._total)

    def end(self) -> None:
        """All are."""
        if self._report is not None:
            self._report(self._total, self._total)


class Selection:
    """Which rows of a collection to write. Counts of the others: see `Loaded`.

    `last`: the second pass, in which every link is final. `held`: what the table held before; in the second pass it is
    not read again. `written_now`: rows that the first pass wrote. `waiting`: what people have settled in rows that
    have other conflicts, so that nothing of it is done yet.
    """

    def __init__(
        self,
        collection: Collection,
        builder: Builder,
        merge: RowMerge,
        targets: TargetRows,
        known: dict[str, KnownRow],
        rows: CollectionRows,
        *,
        fetch: Callable[[list[str]], list[dict[str, Json]]],
        settled: Mapping[tuple[str, str], Settled],
        sent: set[str],
        turned_at: str | None,
        count: RowCount,
    ) -> None:
        self._collection, self._builder, self._merge, self._targets = collection, builder, merge, targets
        self._known, self._rows, self._fetch = known, rows, fetch
        self._sent, self._turned_at, self._count = sent, turned_at, count
        self._words: dict[str, dict[str, Settled]] = {}
        for (legacy_id, key), word in settled.items():
            self._words.setdefault(legacy_id, {})[key] = word
        self._unresolved: dict[str, dict[str, list[str]]] = {}
        self.last = False
        self.held = Held()
        self.written_now: frozenset[str] = frozenset()
        self.created: set[str] = set()
        self.deferred: list[str] = []
        self.unchanged = 0
        self.edited: dict[str, tuple[str, ...]] = {}
        self.served: dict[str, tuple[str, ...]] = {}
        self.settled: list[SettledLine] = []
        self.conflicts: list[Found] = []
        self.waiting: list[Conflict] = []
        self.in_conflict: set[str] = set()

    def rows(self, staged: Iterable[StagedRow]) -> Iterator[Row]:
        """The rows to write. Those to be changed are read again by hundreds, just before they are yielded."""
        changed: list[tuple[StagedRow, Fields, str]] = []
        for row in staged:
            links, is_deferred = self._links(row)
            cells = self._builder.cells(row, links)
            hash_ = hash_of(cells, self._merge.untold)
            known = self._known.get(row.id)
            if known is None:
                self.created.add(row.id)
                yield self._row(row.id, None, self._merge.new(cells), hash_)
            elif (row.id not in self.held.fields and known.hash == hash_) or is_deferred:
                self._keep()
            else:
                changed.append((row, cells, hash_))
                if len(changed) == PER_PAGE:
                    yield from self._merged(changed)
                    changed = []
        yield from self._merged(changed)

    def ids(self, state: str) -> dict[str, tuple[str, ...]]:
        """The legacy ids of rows by link, of links in this state."""
        return {name: tuple(ids) for name, ids in self._unresolved.get(state, {}).items()}

    def _links(self, row: StagedRow) -> tuple[dict[str, LinkCell], bool]:
        links: dict[str, LinkCell] = {}
        is_deferred = False
        for name in self._builder.links if row.links else ():
            if name not in row.links:
                continue
            cell = links[name] = resolve(row.links[name], self._targets.known.find)
            if cell.state == "resolved":
                continue
            if not self.last and name in self._builder.deferred and cell.state != "ambiguous":
                is_deferred = True
            else:
                state = cell.state if self._targets.known.has_rows(self._builder.targets[name]) else "not_loaded"
                self._unresolved.setdefault(state, {}).setdefault(name, []).append(row.id)
        if is_deferred:
            self.deferred.append(row.id)
        return links, is_deferred

    def _merged(self, changed: list[tuple[StagedRow, Fields, str]]) -> Iterator[Row]:
        """Rows that may have to be changed. What can be decided by what was read is."""
        histories = self._rows.histories([row.id for row, *_ in changed])
        again: list[tuple[StagedRow, Fields, str, Past]] = []
        agreed: list[AgreedRow] = []
        for row, cells, hash_ in changed:
            past = self._past(row, hash_, histories[row.id])
            held = self.held.fields.get(row.id)
            if row.id in self.written_now:
                merged = self._merge.merge_links(cells, past)
                yield from self._decided(row.id, merged, hash_, {}, agreed)
            elif held is None or ((merged := self._merge.merge(cells, held, past)).changes and not merged.conflicts):
                again.append((row, cells, hash_, past))
            else:
                yield from self._decided(row.id, merged, hash_, held, agreed)
        records = [self._known[row.id].record_id for row, *_ in again]
        now = {record["id"]: record["fields"] for record in self._fetch(records)} if records else {}
        for row, cells, hash_, past in again:
            fields = now.get(self._known[row.id].record_id)
            if fields is None:  # deleted since the table was read
                self.created.add(row.id)
                yield self._row(row.id, None, self._merge.new(cells), hash_)
            else:
                yield from self._decided(row.id, self._merge.merge(cells, fields, past), hash_, fields, agreed)
        if agreed:
            self._rows.agree(agreed)

    def _decided(self, id_: str, merged: MergedRow, hash_: str, held: Fields, agreed: list[AgreedRow]) -> Iterator[Row]:
        if merged.conflicts:
            self.in_conflict.add(id_)
            self.conflicts += [self._found(id_, each) for each in merged.conflicts]
            self.waiting += [self._found(id_, each).conflict for each in merged.settled]
            self._count.add(1)
            return
        if merged.edited:
            self.edited[id_] = tuple(merged.edited)
        if merged.served:
            self.served[id_] = tuple(merged.served)
        for each in merged.settled:
            word = self._words[id_][each.key]
            self.settled.append(SettledLine(id_, each.key, word.prefer, word.who, word.why))
        record = self._known[id_].record_id
        if merged.changes:
            yield self._row(id_, record, merged, hash_)
            return
        self._keep()
        if id_ not in self.written_now:
            agreed.append(agreed_row(self._merge, id_, {"id": record, "fields": held}, hash_, merged))

    def _found(self, id_: str, difference: Difference) -> Found:
        columns = self._merge.values.columns(difference.key)
        column = next((c for c in columns if c.name == difference.column), None)
        kind: ConflictKind = "both changed" if difference.known else "never agreed"
        line = ConflictLine(
            id_,
            difference.key,
            difference.column,
            kind,
            shown(difference.wix, column),
            shown(difference.airtable, column),
        )
        return Found(Conflict(id_, difference.key, kind, difference.wix_hash, difference.airtable_hash), line)

    def _past(self, row: StagedRow, hash_: str, history: History) -> Past:
        agreement = None if history.agreed is None else Agreement.loads(history.agreed)
        unchanged = agreement is None and (self._known[row.id].hash == hash_ or self._is_old(row))
        words = {key: (w.prefer, w.wix, w.airtable) for key, w in self._words.get(row.id, {}).items()}
        return Past(agreement, unchanged, row.id in self._sent, history.served, words)

    def _is_old(self, row: StagedRow) -> bool:
        return self._turned_at is not None and is_older(row, self._collection, self._turned_at)

    def _row(self, id_: str, record: str | None, merged: MergedRow, hash_: str) -> Row:
        typecast = self._builder.has_new_choice(merged.changes)
        return Row(id_, merged.changes, hash_, merged, record, typecast)

    def _keep(self) -> None:
        self.unchanged += 1
        self._count.add(1)
