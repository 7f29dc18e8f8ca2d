"""What a link cell should hold: where the keys of a row lead, by what state knows of the rows that were loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from runbook.catalog import Link
from runbook.state import Ambiguous, State

LinkState = Literal["resolved", "dangling", "ambiguous"]


@dataclass(frozen=True, slots=True)
class LinkCell:
    """What one link of one row should hold: the records `ids`. `state` None: the row has no key."""

    state: LinkState | None
    ids: tuple[str, ...] = ()


NO_KEY = LinkCell(None)
DANGLING = LinkCell("dangling")
AMBIGUOUS = LinkCell("ambiguous")


def expected_cells(
    links: Iterable[Link],
    keys: Mapping[str, Sequence[Sequence[str]]],
    find: Callable[[str, str, str], Sequence[str]],
) -> dict[str, LinkCell]:
    """A cell for each link of a collection. `keys`: of a staged row, link name -> [(collection, key there, value), …].

    `find(collection, key, value)` gives the records of the rows with that key. The keys are tried in their order until
    one leads somewhere; of a list of references, all that lead to exactly one row are linked. A value of several rows
    decides nothing.
    """
    return {link.name: _cell(keys.get(link.name) or (), find) for link in links}


def _cell(keys: Sequence[Sequence[str]], find: Callable[[str, str, str], Sequence[str]]) -> LinkCell:
    state: LinkState | None = None
    groups: dict[tuple[str, str], list[Sequence[str]]] = {}
    for collection, key, value in keys:
        groups.setdefault((collection, key), []).append(find(collection, key, value))
    for found in groups.values():
        ids = tuple(dict.fromkeys(rows[0] for rows in found if len(rows) == 1))
        several, nowhere = any(len(rows) > 1 for rows in found), any(not rows for rows in found)
        now: LinkState = "ambiguous" if several else "dangling" if nowhere else "resolved"
        if ids:
            return LinkCell(now, ids)
        state = "ambiguous" if several or state == "ambiguous" else now
    return LinkCell(state)


class Targets:
    """Where keys lead, by what state knows; each key of each target is read once."""

    def __init__(self, state: State, base: str) -> None:
        self._state, self._base = state, base
        self._maps: dict[tuple[str, str], dict[str, str | Ambiguous]] = {}
        self._names: dict[str, str] | None = None

    def find(self, collection: str, key: str, value: str) -> Sequence[str]:
        """The records of the rows that have a key's value; two stand for several."""
        at = (collection, key)
        if at not in self._maps:
            self._maps[at] = self._state.key_map(self._base, collection, key)
        found = self._maps[at].get(value)
        if found is None:
            return ()
        return (found,) if isinstance(found, str) else ("", "")

    def name_of(self, record_id: str) -> str | None:
        """The legacy id of a record in one of the targets seen so far."""
        if self._names is None:
            targets = {collection for collection, _ in self._maps}
            self._names = {
                known.record_id: legacy
                for name in targets
                for legacy, known in self._state.ids(self._base, name).items()
            }
        return self._names.get(record_id)
