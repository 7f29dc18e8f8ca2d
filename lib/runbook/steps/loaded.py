"""The result of loading a collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runbook.display import Shown, Table, plural
from runbook.staged import Transformed

_LISTED = 1000  # legacy ids of one kind in the evidence


@dataclass(frozen=True, repr=False)
class Loaded(Shown):
    """Counts of rows: `staged` = `created` + `updated` + `unchanged` + `quarantined`.

    `linked`: rows updated by `load_links`; `deferred`: rows whose links wait for it. `cleared`: rows of which cells
    were emptied. `matched`: records that were found by their legacy id and that state did not know.
    `gone`: rows in Airtable that the source no longer has; `removed` of them were deleted.
    Legacy ids by link: `dangling` (the key leads to no row), `ambiguous` (to several rows), `not_loaded` (the target
    collection has no rows in Airtable yet). `lost`: rows with a link to a record that was deleted in Airtable.
    `limited`: responses with status 429.
    """

    collection: str
    staged: int
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    cleared: int = 0
    quarantined: int = 0
    linked: int = 0
    deferred: int = 0
    matched: int = 0
    gone: int = 0
    removed: int = 0
    dangling: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ambiguous: dict[str, tuple[str, ...]] = field(default_factory=dict)
    not_loaded: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    requests: int = 0
    limited: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    dry_run: bool = False
    transformed: Transformed | None = None

    @property
    def loaded(self) -> int:
        """Rows that are in Airtable as they were staged."""
        return self.created + self.updated + self.unchanged

    def table(self) -> Table:
        """One row of counts, with the remarks below it."""
        columns = (
            *("Collection", "Staged", "Created", "Updated", "Unchanged", "Cleared", "Quarantined", "Removed"),
            *("Dangling", "Ambiguous", "Requests", "429", "Seconds"),
        )
        row = (
            self.collection,
            self.staged,
            self.created,
            self.updated,
            self.unchanged,
            self.cleared,
            self.quarantined,
            self.removed,
            _count(self.dangling) + _count(self.not_loaded) + len(self.lost),
            _count(self.ambiguous),
            self.requests,
            self.limited,
            round(self.seconds, 1),
        )
        title = f"{'Would be loaded' if self.dry_run else 'Loaded'}: {self.collection}"
        return Table(title, columns, [row], (*self.remarks(), *self.notes))

    def remarks(self) -> tuple[str, ...]:
        """Links that could not be made, and other things to know; empty where there are none."""
        remarks = [
            f"{link}: {_rows(ids)} whose key leads to no row; the cell is empty" for link, ids in self.dangling.items()
        ]
        remarks += [
            f"{link}: {_rows(ids)} whose key leads to several rows; none is guessed"
            for link, ids in self.ambiguous.items()
        ]
        remarks += [
            f"{link}: {_rows(ids)} whose target collection has no rows in Airtable yet; load it, then this one again"
            for link, ids in self.not_loaded.items()
        ]
        if self.lost:
            remarks.append(
                f"{_rows(self.lost)} with links to records that were deleted in Airtable; load their target again"
            )
        if self.linked:
            remarks.append(f"{_rows(self.linked)} updated once their link targets were loaded")
        if self.deferred:
            remarks.append(f"{_rows(self.deferred)} with links to rows that are not loaded yet; `load_links` adds them")
        if self.matched:
            remarks.append(f"{_rows(self.matched)} already in Airtable, found by legacy id")
        if self.gone > self.removed:
            remarks.append(f"{_rows(self.gone - self.removed)} no longer at the source, left unchanged in Airtable")
        return tuple(remarks)

    def facts(self) -> dict[str, Any]:
        """For the evidence: counts, and the first thousand legacy ids of each link that could not be made."""
        counts = (
            *("staged", "created", "updated", "unchanged", "cleared", "quarantined", "linked", "deferred", "matched"),
            *("gone", "removed", "requests", "limited", "dry_run"),
        )
        return {
            "collection": self.collection,
            **{name: getattr(self, name) for name in counts},
            "loaded": self.loaded,
            "seconds": round(self.seconds, 2),
            "dangling": _listed(self.dangling),
            "ambiguous": _listed(self.ambiguous),
            "not_loaded": _listed(self.not_loaded),
            "lost": {"rows": len(self.lost), "ids": list(self.lost[:_LISTED])},
            "remarks": [*self.remarks(), *self.notes],
        }


def _count(links: dict[str, tuple[str, ...]]) -> int:
    return sum(len(ids) for ids in links.values())


def _rows(rows: int | tuple[str, ...]) -> str:
    return plural(rows if isinstance(rows, int) else len(rows), "row")


def _listed(links: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    return {name: {"rows": len(ids), "ids": list(ids[:_LISTED])} for name, ids in links.items()}
