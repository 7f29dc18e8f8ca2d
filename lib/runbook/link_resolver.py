"""Where the keys of a row lead: the records that its link cell should hold.

cell = resolve(row.links["Carrier"], find)
cell.state, cell.records            # "resolved", ("rec…",)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from runbook.mapping import Candidate
from runbook.state import AMBIGUOUS, Ambiguous, State

LinkState = Literal["empty", "resolved", "dangling", "ambiguous"]
Find = Callable[[str, str, str], str | Ambiguous | None]
"""(collection, key, value) -> the record of the one row that has this value, AMBIGUOUS for several rows."""


class LinkCell(NamedTuple):
    """What one link of one row should hold.

    `state`: "empty" where the row has no key, "dangling" where a value leads to no row, "ambiguous" where one leads to
    several. `records`: those of the values that lead to exactly one row, each record once, whatever the state.
    """

    state: LinkState
    records: tuple[str, ...] = ()


def resolve(candidates: Iterable[Candidate], find: Find) -> LinkCell:
    """The cell for the candidates of one link.

    The keys are tried in their order, until one has a value that leads to exactly one row; no row is guessed. Of a list
    of references under that key, all that lead to exactly one row are linked, in their order.
    """
    by_key: dict[tuple[str, str], list[str | Ambiguous | None]] = {}
    for collection, key, value in candidates:
        by_key.setdefault((collection, key), []).append(find(collection, key, value))
    state: LinkState = "empty"
    for found in by_key.values():
        records = tuple(dict.fromkeys(record for record in found if isinstance(record, str)))
        of_key: LinkState = "ambiguous" if AMBIGUOUS in found else "dangling" if None in found else "resolved"
        if records:
            return LinkCell(of_key, records)
        state = "ambiguous" if state == "ambiguous" else of_key
    return LinkCell(state)


class KnownRows:
    """The rows that state knows; each key of each collection is read once, at its first use."""

    def __init__(self, state: State, base: str) -> None:
        self._state, self._base = state, base
        self._maps: dict[tuple[str, str], dict[str, str | Ambiguous]] = {}
        self._legacy_ids: dict[str, str] | None = None

    def find(self, collection: str, key: str, value: str) -> str | Ambiguous | None:
        """See `Find`."""
        return self._map(collection, key).get(value)

    def has_rows(self, collection: str) -> bool:
        """Whether any row of a collection is in the base."""
        return bool(self._map(collection, "_id"))

    def legacy_id(self, record_id: str) -> str | None:
        """The legacy id of a record in one of the collections that were searched before the first call."""
        if self._legacy_ids is None:
            self._legacy_ids = {
                known.record_id: legacy
                for name in {collection for collection, _ in self._maps}
                for legacy, known in self._state.rows(self._base, name).all().items()
            }
        return self._legacy_ids.get(record_id)

    def _map(self, collection: str, key: str) -> dict[str, str | Ambiguous]:
        if (collection, key) not in self._maps:
            self._maps[collection, key] = self._state.rows(self._base, collection).resolve_all(key)
        return self._maps[collection, key]


class TargetRows:
    """The rows that links may lead to, as state knows them."""

    def __init__(self, state: State, base: str, collections: Iterable[str]) -> None:
        self.known = KnownRows(state, base)
        self._state, self._base, self._collections = state, base, sorted(set(collections))
        self._records: set[str] | None = None

    def exists(self, record: str) -> bool:
        """Whether a record is a row of one of the collections."""
        if self._records is None:
            self._records = {
                row.record_id for name in self._collections for row in self._state.rows(self._base, name).all().values()
            }
        return record in self._records
