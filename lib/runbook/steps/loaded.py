"""What loading a collection came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runbook.display import Shown, Table
from runbook.staged import Transformed

_LISTED = 1000  # legacy ids of one kind in the evidence


@dataclass(frozen=True, repr=False)
class Loaded(Shown):
    """Rows by what became of them: `staged` = `created` + `updated` + `unchanged` + `quarantined`.

    `linked`: rows written once more for links that had to wait; `waiting`: rows that `load_links` must look at.
    `cleared`: rows of which cells became empty. `adopted`: records that were found in Airtable and are known now.
    `gone`: rows known to state that are no longer at the source, `removed` of them deleted in Airtable.
    By link, legacy ids: `dangling` (leads nowhere), `ambiguous` (leads to several rows), `not_there` (its target
    collection has no rows in Airtable yet), `lost` (its target was deleted in Airtable).
    """

    collection: str
    staged: int
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    cleared: int = 0
    quarantined: int = 0
    linked: int = 0
    waiting: int = 0
    adopted: int = 0
    gone: int = 0
    removed: int = 0
    dangling: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ambiguous: dict[str, tuple[str, ...]] = field(default_factory=dict)
    not_there: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    requests: int = 0
    too_many: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    dry_run: bool = False
    transformed: Transformed | None = None

    @property
    def loaded(self) -> int:
        """Rows that are in Airtable as they were staged."""
        return self.created + self.updated + self.unchanged

    def table(self) -> Table:
        """A line of figures; links that lead nowhere and what else there is to say under it."""
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
            _count(self.dangling) + _count(self.not_there) + len(self.lost),
            _count(self.ambiguous),
            self.requests,
            self.too_many,
            round(self.seconds, 1),
        )
        title = f"{'Would be loaded' if self.dry_run else 'Loaded'}: {self.collection}"
        return Table(title, columns, [row], (*self.words(), *self.notes))

    def words(self) -> tuple[str, ...]:
        """What of its links is not as the catalog wishes, in words; empty where all lead somewhere."""
        said = [f"{name}: {len(ids):,} rows lead nowhere; the cell is empty" for name, ids in self.dangling.items()]
        said += [f"{name}: {len(ids):,} rows lead to several; none is guessed" for name, ids in self.ambiguous.items()]
        said += [
            f"{name}: {len(ids):,} rows lead to a collection that has no rows in Airtable yet; load it, then this again"
            for name, ids in self.not_there.items()
        ]
        if self.lost:
            said.append(
                f"{len(self.lost):,} rows lead to records that were deleted in Airtable; load their target again"
            )
        if self.linked:
            said.append(f"{self.linked:,} rows were written once more for links that had to wait for their target")
        if self.waiting:
            said.append(f"{self.waiting:,} rows have links that wait for their target; `load_links` writes them")
        if self.adopted:
            said.append(f"{self.adopted:,} records were there already and have been adopted")
        if self.gone > self.removed:
            said.append(f"{self.gone - self.removed:,} rows are gone from the source and stay in Airtable")
        return tuple(said)

    def facts(self) -> dict[str, Any]:
        """For the evidence: figures, and legacy ids of links that lead nowhere (the first thousand a link)."""
        figures = (
            *("staged", "created", "updated", "unchanged", "cleared", "quarantined", "linked", "waiting", "adopted"),
            *("gone", "removed", "requests", "too_many", "dry_run"),
        )
        return {
            "collection": self.collection,
            **{name: getattr(self, name) for name in figures},
            "loaded": self.loaded,
            "seconds": round(self.seconds, 2),
            "dangling": _listed(self.dangling),
            "ambiguous": _listed(self.ambiguous),
            "not_there": _listed(self.not_there),
            "lost": {"rows": len(self.lost), "ids": list(self.lost[:_LISTED])},
            "words": [*self.words(), *self.notes],
        }


def _count(links: dict[str, tuple[str, ...]]) -> int:
    return sum(len(ids) for ids in links.values())


def _listed(links: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    return {name: {"rows": len(ids), "ids": list(ids[:_LISTED])} for name, ids in links.items()}
