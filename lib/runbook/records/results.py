"""What the record API takes and gives: pages of items, and how a write waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from runbook.json_types import Item
from runbook.query.query import Query
from runbook.state import Side

Durable = Literal["airtable", "journal"]
"""When a write returns: once it is durable in Airtable, or in the journal on disk, from which it is sent in order.

Wix has no journal: there a write returns once Wix has it.
"""


@dataclass(frozen=True)
class Page:
    """Items of a query, in order. `more`: whether there are further pages; `side`: where they were read.

    `age`: seconds since the data read is known to have equalled the source's; 0 if read from the source. `filtered`:
    conditions that the source cannot evaluate, applied after reading.
    """

    items: list[Item]
    query: Query
    more: bool
    side: Side
    age: float = 0.0
    filtered: tuple[str, ...] = ()
    _fetch: Callable[[Query], Page] | None = field(default=None, repr=False, compare=False)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def next(self) -> Page:
        """The next page, from the same side even if the flag has turned since; empty after the last page."""
        if not self.more or self._fetch is None:
            return Page([], self.query.next(), False, self.side, self.age)
        return self._fetch(self.query.next())


class QueryResult(NamedTuple):
    """A side's result of a query: items as JSON; the rest as in `Page`."""

    items: list[Item]
    more: bool
    age: float = 0.0
    filtered: tuple[str, ...] = ()


class Once(NamedTuple):
    """What `insert_once` gives: the item as stored, and whether this call inserted it."""

    item: Item
    inserted: bool


class WriteOptions(NamedTuple):
    """How a write waits: see `Records.insert`."""

    wait: float = 0.0
    durable: Durable = "airtable"
