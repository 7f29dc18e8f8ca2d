"""The kinds of writes of a drill, and which are made in which order: that follows from the seed alone.

By services through the record API, by hand in Airtable's grid, and in Wix's own CMS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from runbook.airtable.client import Airtable
from runbook.catalog import Catalog, Collection
from runbook.drill.book import Book
from runbook.drill.by_hand import Grid, record_ids
from runbook.drill.by_services import Services
from runbook.drill.choosing import Choice, NotPossible
from runbook.errors import RecordsError, RunbookError
from runbook.records import Records

SERVICES, BY_HAND, IN_WIX = "services", "by hand in the grid", "in Wix's CMS"
BY = (SERVICES, BY_HAND, IN_WIX)
INSTEAD = "keys patched"
"""What is written where a kind is not possible."""


class Kind(NamedTuple):
    """Who writes it, and how often of a hundred. `while_going_back`: services go on with it while it rolls back."""

    by: str
    weight: int
    while_going_back: bool = False


KINDS = {
    "row inserted": Kind(SERVICES, 12, while_going_back=True),
    "rows inserted that refer to each other": Kind(SERVICES, 8, while_going_back=True),
    INSTEAD: Kind(SERVICES, 18, while_going_back=True),
    "row replaced": Kind(SERVICES, 5, while_going_back=True),
    "key removed": Kind(SERVICES, 4),
    "row removed": Kind(SERVICES, 4, while_going_back=True),
    "multi-reference changed": Kind(SERVICES, 4),
    "row typed": Kind(BY_HAND, 8),
    "rows typed that are linked": Kind(BY_HAND, 4),
    "cells edited": Kind(BY_HAND, 12),
    "cell emptied": Kind(BY_HAND, 4),
    "record deleted": Kind(BY_HAND, 4),
    "legacy id emptied": Kind(BY_HAND, 4),
    "record duplicated": Kind(BY_HAND, 3),
    "link changed": Kind(BY_HAND, 4),
    "item edited": Kind(IN_WIX, 4),
    "item removed": Kind(IN_WIX, 2),
}


class Writer:
    """Makes the writes. `done`: by kind; `failed`: those that raised, without values."""

    def __init__(
        self,
        catalog: Catalog,
        collections: Sequence[Collection],
        book: Book,
        *,
        services: Records,
        wix: Records,
        airtable: Airtable,
        base: str,
        seed: int,
    ) -> None:
        self.done: Counter[str] = Counter()
        self.failed: list[str] = []
        self.not_possible: set[str] = set()
        records = {c.wix: record_ids(airtable, base, c) for c in collections}
        both = {name: sorted(found.keys() & book.rows[name].keys()) for name, found in records.items()}
        self.left_out = {name: book.rows[name].keys() - found.keys() for name, found in records.items()}
        self._choice, self._wix = Choice(catalog, collections, book, both, seed), wix
        by_services, grid = Services(self._choice, services), Grid(self._choice, airtable, base, records)
        self._make: dict[str, Callable[[], None]] = {
            "row inserted": by_services.insert,
            "rows inserted that refer to each other": by_services.insert_linked,
            INSTEAD: by_services.patch,
            "row replaced": by_services.replace,
            "key removed": by_services.remove_key,
            "row removed": by_services.remove,
            "multi-reference changed": by_services.change_references,
            "row typed": grid.type_row,
            "rows typed that are linked": grid.type_linked,
            "cells edited": grid.edit,
            "cell emptied": grid.empty,
            "record deleted": grid.delete,
            "legacy id emptied": grid.empty_id,
            "record duplicated": grid.duplicate,
            "link changed": grid.change_link,
            "item edited": self._edit_item,
            "item removed": self._remove_item,
        }

    def plan(self, count: int, *, while_going_back: bool = False) -> list[str]:
        """The kinds of so many writes, in order; each kind at least once where there are enough."""
        kinds = {name: kind for name, kind in KINDS.items() if kind.while_going_back or not while_going_back}
        first = list(kinds)
        self._choice.random.shuffle(first)
        weights = [kind.weight for kind in kinds.values()]
        return [*first, *self._choice.random.choices(list(kinds), weights, k=count)][:count]

    def write(self, kind: str) -> None:
        """Make one write; where its kind is not possible here, some keys of a row are patched instead, if any can be.

        One that raises is listed: a drill with such writes has not passed, whatever became of them.
        """
        try:
            try:
                self._make[kind]()
            except NotPossible:
                self.not_possible.add(kind)
                kind = INSTEAD
                self._make[kind]()
        except NotPossible:
            self.not_possible.add(kind)
        except RunbookError as error:
            where = f" {error.collection} {error.id}" if isinstance(error, RecordsError) else ""
            self.failed.append(f"{kind}{where}: {type(error).__name__}")
        else:
            self.done[kind] += 1

    def _edit_item(self) -> None:
        choice = self._choice
        c = choice.pick(choice.with_free())
        item_id, values = choice.own_row(c), choice.values(c, 1)
        self._wix.patch(c.wix, item_id, values)
        choice.book.change(c.wix, item_id, values)

    def _remove_item(self) -> None:
        c = self._choice.pick(self._choice.deletable())
        item_id = self._choice.own_row(c)
        self._wix.remove(c.wix, item_id)
        self._choice.note_deleted(c, item_id)
