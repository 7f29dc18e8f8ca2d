"""What a link cell should hold: where the keys of a row lead, by what state knows of the rows that were loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from runbook.catalog import Link

LinkState = Literal["resolved", "dangling", "ambiguous"]
Find = "Callable[[str, str, str], Sequence[str]]"


@dataclass(frozen=True, slots=True)
class LinkCell:
    """One link of one row. `state` None: the row has no key. `ids`: the records it should hold; `value`: the key used."""

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

    `find(collection, key, value)` gives the records of the rows with that key. The first key that leads to exactly one
    row is it; a key of several rows decides nothing.
    """
    return {link.name: _cell(keys.get(link.name) or (), find) for link in links}


def _cell(keys: Sequence[Sequence[str]], find: Callable[[str, str, str], Sequence[str]]) -> LinkCell:
    if not keys:
        return NO_KEY
    several = False
    for collection, key, value in keys:
        found = find(collection, key, value)
        if len(found) == 1:
            return LinkCell("resolved", (found[0],))
        several = several or len(found) > 1
    return AMBIGUOUS if several else DANGLING
