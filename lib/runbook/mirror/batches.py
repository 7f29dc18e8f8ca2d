"""Which lines of the journal of writes go out together, and which must wait for others.

The lines of one row go in their order, merged into one write; ten rows a request; a line that links to a row with
lines before it goes after those.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from functools import cache
from itertools import takewhile
from typing import NamedTuple

from runbook.airtable.client import PER_WRITE
from runbook.catalog import Catalog
from runbook.mapping import Candidate, Mapping, link_key
from runbook.state import PendingWrite, WriteKind

Row = tuple[str, str]  # collection, legacy id


class RowWrites(NamedTuple):
    """The next lines of one row, which are one write."""

    legacy_id: str
    lines: tuple[PendingWrite, ...]

    @property
    def kind(self) -> WriteKind:
        """What they are together: a removal at their end decides, then an insert at their beginning."""
        return "remove" if self.lines[-1].kind == "remove" else self.lines[0].kind


class Batch(NamedTuple):
    """Rows of one collection for one request."""

    collection: str
    kind: WriteKind
    rows: tuple[RowWrites, ...]

    def lines(self) -> list[int]:
        """The numbers of all its lines."""
        return [line.id for row in self.rows for line in row.lines]

    def parts(self) -> list[Batch]:
        """Its rows one by one; of a single row its lines; none where there is one line."""
        if len(self.rows) > 1:
            return [Batch(self.collection, self.kind, (row,)) for row in self.rows]
        (row,) = self.rows
        singles = [RowWrites(row.legacy_id, (line,)) for line in row.lines] if len(row.lines) > 1 else []
        return [Batch(self.collection, single.kind, (single,)) for single in singles]


class Order:
    """The order of the lines of one base. Threads may share it."""

    def __init__(self, catalog: Catalog) -> None:
        self._keys = {name: ("_id", *catalog.link_keys.get(name, ())) for name in catalog.collections}
        self._mapping = cache(lambda name: Mapping(catalog.collection(name)))

    def next_batches(
        self, lines: Iterable[PendingWrite], most: int, *, busy: Container[Row] = frozenset()
    ) -> list[Batch]:
        """What to send next of these lines, which are all that wait, in order: at most so many requests at once.

        `busy`: rows that are being sent.
        """
        waiting = _Waiting(self, lines)
        by_request: dict[tuple[str, WriteKind], list[RowWrites]] = {}
        for (collection, legacy_id), of_row in waiting.rows.items():
            if (collection, legacy_id) in busy:
                continue
            free = tuple(_first_write(takewhile(waiting.is_free, of_row)))
            if free:
                writes = RowWrites(legacy_id, free)
                by_request.setdefault((collection, writes.kind), []).append(writes)
        batches = [
            Batch(collection, kind, tuple(rows[start : start + PER_WRITE]))
            for (collection, kind), rows in by_request.items()
            for start in range(0, len(rows), PER_WRITE)
        ]
        return sorted(batches, key=lambda batch: batch.rows[0].lines[0].id)[: max(0, most)]

    def with_earlier(self, lines: Iterable[PendingWrite], rows: Iterable[Row]) -> list[PendingWrite]:
        """The lines of some rows, and of all rows that must be sent before them."""
        waiting = _Waiting(self, lines)
        found: set[Row] = set()
        ahead = list(rows)
        while ahead:
            row = ahead.pop()
            if row not in found:
                found.add(row)
                ahead += [other for line in waiting.rows.get(row, ()) for other in waiting.earlier(line)]
        return [line for line in waiting.lines if (line.collection, line.legacy_id) in found]

    def linked(self, lines: Iterable[PendingWrite], collection: str, item: dict[str, object]) -> set[Row]:
        """The rows among these lines that an item links to."""
        waiting = _Waiting(self, lines)
        return {row for candidate in self.candidates(collection, item) for _, row in waiting.targets(candidate)}

    def candidates(self, collection: str, item: dict[str, object]) -> list[Candidate]:
        """What the keys of an item lead to."""
        links = self._mapping(collection).links_of(item)
        return [candidate for of_link in links.values() for candidate in of_link]

    def provided(self, line: PendingWrite) -> Iterator[Candidate]:
        """What leads to the row of a line."""
        for key in self._keys[line.collection]:
            value = line.legacy_id if key == "_id" and line.kind == "insert" else link_key(line.values.get(key))
            if value is not None:
                yield line.collection, key, value


class _Waiting:
    """Lines that wait, with what leads to their rows."""

    def __init__(self, order: Order, lines: Iterable[PendingWrite]) -> None:
        self._order = order
        self.lines = list(lines)
        self.rows: dict[Row, list[PendingWrite]] = {}
        self._targets: dict[Candidate, list[tuple[int, Row]]] = {}
        for line in self.lines:
            row = (line.collection, line.legacy_id)
            self.rows.setdefault(row, []).append(line)
            for candidate in order.provided(line):
                self._targets.setdefault(candidate, []).append((line.id, row))

    def targets(self, candidate: Candidate) -> list[tuple[int, Row]]:
        return self._targets.get(candidate, [])

    def earlier(self, line: PendingWrite) -> Iterator[Row]:
        """Other rows that a line links to by a line before it; so the first line of all waits for none."""
        for candidate in self._order.candidates(line.collection, line.values):
            for id_, row in self.targets(candidate):
                if id_ < line.id and row != (line.collection, line.legacy_id):
                    yield row

    def is_free(self, line: PendingWrite) -> bool:
        return not any(True for _ in self.earlier(line))


def _first_write(lines: Iterable[PendingWrite]) -> Iterator[PendingWrite]:
    """Lines until the first removal, with it: an insert after it is another record.

    What may have been sent before goes alone: it is looked up what became of it.
    """
    sent: bool | None = None
    for line in lines:
        if sent is not None and sent != (line.sent is not None):
            return
        sent = line.sent is not None
        yield line
        if line.kind == "remove":
            return
