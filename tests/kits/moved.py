"""A site that was migrated to Airtable, for parallel tests; and cells that are edited there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook.cutover import ParallelTest, Tally, run_parallel
from runbook.json_types import Item
from runbook.records.routed import all_turned
from runbook.records.views import ReadOnly
from sandbox import Sandbox
from sides import CATALOG, Sides

Ids = Mapping[str, Iterable[str]]


@dataclass(frozen=True)
class Moved:
    """A migrated site; rows that could not be migrated are in quarantine."""

    sides: Sides

    def run(self, test: ParallelTest, *, hidden: Ids | None = None, gone: Ids | None = None) -> Tally:
        """The tally of a parallel test. `hidden` in Wix: by default the quarantined rows; `gone` from Airtable: none."""
        airtable = all_turned(CATALOG, self.sides.wix, self.sides.airtable)
        found = run_parallel(
            [test],
            ReadOnly(self.sides.wix, without=self.quarantined() if hidden is None else hidden),
            ReadOnly(airtable, without=gone),
            available={*CATALOG.collections, *(kept.wix for kept in CATALOG.kept)},
        )
        return found.tallies[test.name]

    def quarantined(self) -> dict[str, set[str]]:
        """The ids in quarantine, by collection."""
        return {name: self.sides.quarantine.ids(name) for name in CATALOG.collections}

    def rows(self, collection: str) -> list[Item]:
        """The rows on both sides, in a stable order."""
        return sorted(self.sides.airtable.get_all(collection), key=lambda row: row["_id"])

    @contextmanager
    def cell(self, collection: str, item_id: str, key: str, value: Any) -> Iterator[None]:
        """A context in which the cell of a row has another value, as if edited in Airtable; None empties it."""
        sides, table = self.sides, CATALOG.collection(collection).table
        name = CATALOG.collection(collection).by_key[key].name
        (record,) = sides.client_of_base.records(sides.base, table, formula=f"{{Legacy Wix ID}}='{item_id}'")

        def write(cell: Any) -> None:
            sides.client_of_base.update(sides.base, table, [{"id": record["id"], "fields": {name: cell}}])
            sides.mirror.load([collection])

        write(value)
        try:
            yield
        finally:
            write(record["fields"].get(name))


@contextmanager
def moved_site(folder: Path, site: Path) -> Iterator[Moved]:
    """A site of `<Collection>.jsonl` on both sides."""
    with Sandbox(site=site, requests_per_second="off", plan="business") as box:
        sides = Sides(box, folder)
        try:
            sides.migrate()
            yield Moved(sides)
        finally:
            sides.close()
