"""The result of loading a collection."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from runbook.display import Shown, Table, plural
from runbook.staged import Transformed
from runbook.steps.conflict_file import ConflictLine, SettledLine, some

_LISTED = 1000  # legacy ids of one kind in the evidence


@dataclass(frozen=True, repr=False)
class Loaded(Shown):
    """Counts of rows: `staged` = `created` + `updated` + `unchanged` + `quarantined` + `in_conflict`.

    `recreated`: of those created, rows that were in Airtable before and had been deleted there. `linked`: rows updated
    by `load_links`; `deferred`: rows whose links wait for it. `cleared`: rows of which cells were emptied. `matched`:
    records that were found by their legacy id and that state did not know. `gone`: rows that came from the source and
    are no longer there; the legacy ids in `deleted` were deleted. By legacy id, Wix keys and links that were kept as
    they are in Airtable: `edited` by people, `served`: written by services. `conflicts`: what people must settle;
    nothing was written of their rows, `in_conflict` of which are staged. `settled`: values decided by a person's word.
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
    recreated: int = 0
    linked: int = 0
    deferred: int = 0
    matched: int = 0
    gone: int = 0
    deleted: tuple[str, ...] = ()
    edited: dict[str, tuple[str, ...]] = field(default_factory=dict)
    served: dict[str, tuple[str, ...]] = field(default_factory=dict)
    conflicts: tuple[ConflictLine, ...] = ()
    in_conflict: int = 0
    settled: tuple[SettledLine, ...] = ()
    dangling: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ambiguous: dict[str, tuple[str, ...]] = field(default_factory=dict)
    not_loaded: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    requests: int = 0
    limited: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    written_now: frozenset[str] = frozenset()
    transformed: Transformed | None = None

    @property
    def merged(self) -> bool:
        """Whether the table was read and merged; it is not while the collection's flag is 'airtable'."""
        return self.transformed is not None

    @property
    def writes(self) -> int:
        """Rows that were written or deleted."""
        return self.created + self.updated + self.linked + len(self.deleted)

    @property
    def loaded(self) -> int:
        """Rows that are in Airtable as they were staged."""
        return self.created + self.updated + self.unchanged

    def table(self) -> Table:
        """One row of counts, with the remarks below it."""
        columns = (
            *("Collection", "Staged", "Created", "Updated", "Deleted", "Unchanged", "Cleared", "Quarantined"),
            *("Edited", "Conflicts", "Dangling", "Ambiguous", "Requests", "429", "Seconds"),
        )
        row = (
            self.collection,
            self.staged,
            self.created,
            self.updated,
            len(self.deleted),
            self.unchanged,
            self.cleared,
            self.quarantined,
            len(self.edited.keys() | self.served.keys()),
            len(self.conflicts),
            _count(self.dangling) + _count(self.not_loaded) + len(self.lost),
            _count(self.ambiguous),
            self.requests,
            self.limited,
            round(self.seconds, 1),
        )
        return Table(f"Loaded: {self.collection}", columns, [row], (*self.remarks(), *self.notes))

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
        if self.gone > len(self.deleted):
            remarks.append(
                f"{_rows(self.gone - len(self.deleted))} no longer at the source, left unchanged in Airtable"
            )
        remarks += self.notable()
        if self.conflicts:
            listed = [line.text() for line in self.conflicts]
            remarks.append(f"{plural(len(self.conflicts), 'conflict')}, not written: {some(listed)}")
        return tuple(remarks)

    def notable(self) -> list[str]:
        """For a reviewer: rows that were deleted or created again, and what stays as it is in Airtable."""
        found = []
        if self.deleted:
            found.append(f"{_rows(self.deleted)} no longer at the source, deleted in Airtable: {some(self.deleted)}")
        if self.recreated:
            found.append(f"{_rows(self.recreated)} deleted in Airtable, created again")
        if self.settled:
            listed = [line.text() for line in self.settled]
            found.append(f"{plural(len(listed), 'conflict')} settled as people decided: {some(listed)}")
        for kept, by in ((self.edited, "edited in Airtable"), (self.served, "changed by services in Airtable")):
            if kept:
                listed = [f"{id_} ({', '.join(keys)})" for id_, keys in kept.items()]
                found.append(f"{_rows(len(kept))} {by}, kept: {some(listed)}")
        return found

    def facts(self) -> dict[str, Any]:
        """For the evidence: counts, and the first thousand legacy ids of each link that could not be made."""
        counts = (
            *("staged", "created", "updated", "unchanged", "cleared", "quarantined", "linked", "deferred", "matched"),
            *("gone", "recreated", "in_conflict", "requests", "limited"),
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
            "deleted": {"rows": len(self.deleted), "ids": list(self.deleted)},
            "edited": _kept(self.edited),
            "served": _kept(self.served),
            "conflicts": len(self.conflicts),
            "settled": [asdict(line) for line in self.settled],
            "remarks": [*self.remarks(), *self.notes],
        }


def _count(links: dict[str, tuple[str, ...]]) -> int:
    return sum(len(ids) for ids in links.values())


def _rows(rows: int | tuple[str, ...]) -> str:
    return plural(rows if isinstance(rows, int) else len(rows), "row")


def _listed(links: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    return {name: {"rows": len(ids), "ids": list(ids[:_LISTED])} for name, ids in links.items()}


def _kept(rows: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    return {"rows": len(rows), "keys": {id_: list(keys) for id_, keys in list(rows.items())[:_LISTED]}}
