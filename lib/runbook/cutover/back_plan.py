"""What is decided on rows on their way back, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, field
from typing import NamedTuple

from runbook.catalog import Collection
from runbook.json_types import Item
from runbook.merge import BackMerge, BackRow
from runbook.state import Conflict, ConflictKind, PendingRow
from runbook.steps.conflict_file import ConflictLine, Found, shown


class BackEntry(NamedTuple):
    """A row with its item in Wix, None: it has none; and what was decided."""

    row: PendingRow
    item: Item | None
    back: BackRow


@dataclass(frozen=True)
class BackCounts:
    """Rows to be `inserted`, `patched`, `removed`; `kept`: that were changed or deleted in Wix alone, and stay so.

    Not sent: rows in `conflict`, and `held_back`: too many deleted at once.
    """

    inserted: int = 0
    patched: int = 0
    removed: int = 0
    kept: int = 0
    conflict: int = 0
    held_back: int = 0

    def __add__(self, other: BackCounts) -> BackCounts:
        return BackCounts(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def carried(self) -> int:
        """Rows that Wix gets."""
        return self.inserted + self.patched + self.removed


@dataclass
class BackPlan:
    """The decisions on some rows of a collection. `too_many`: why deletions are held back; "" where they are not.

    `unclear`: by legacy id, why the keys of a link that was changed in the grid do not follow it.
    """

    collection: Collection
    entries: list[BackEntry]
    conflicts: list[Found] = field(default_factory=list)
    unclear: dict[str, str] = field(default_factory=dict)
    too_many: str = ""

    def counts(self) -> BackCounts:
        """How many rows of each kind."""
        actions = [e.back.action for e in self.entries if not e.back.is_held]
        gone = actions.count("remove")
        held = sum(self.is_held_back(e) for e in self.entries)
        return BackCounts(
            inserted=actions.count("insert"),
            patched=actions.count("patch"),
            removed=gone - held,
            kept=sum(bool(e.back.kept) or e.back.kept_deleted for e in self.entries if not e.back.is_held),
            conflict=sum(bool(e.back.conflicts) for e in self.entries),
            held_back=held,
        )

    def is_held_back(self, entry: BackEntry) -> bool:
        """Whether a deletion waits for a person's word, since so many rows were deleted by hand at once."""
        removes = entry.back.action == "remove" and not entry.back.is_held
        return bool(self.too_many) and entry.row.by_hand and removes


@dataclass
class Carried:
    """What Wix was given. `refused`: by legacy id, why Wix did not take it. `again`: rows that changed in Wix since.

    `unreferred`: rows that refer to others which Wix does not have, or not yet, and why; they stay in the outbox.
    """

    inserted: int = 0
    patched: int = 0
    removed: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    unreferred: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows."""
        return self.inserted + self.patched + self.removed

    def add(self, other: Carried) -> None:
        """Add what was done since."""
        self.inserted += other.inserted
        self.patched += other.patched
        self.removed += other.removed
        self.refused.update(other.refused)
        self.again += other.again
        self.unreferred.update(other.unreferred)


def conflicts_of(merge: BackMerge, entry: BackEntry) -> Iterator[Found]:
    """The conflicts of a row, for the state and for people."""
    for each in entry.back.conflicts:
        column = next((c for c in merge.columns(each.key) if c.name == each.column), None)
        kind: ConflictKind = entry.back.row_conflict or ("both changed" if each.known else "never agreed")
        id_ = entry.row.legacy_id
        sides = (shown(each.wix, column), shown(each.airtable, column)) if each.key else ("", "")
        line = ConflictLine(id_, each.key, each.column, kind, *sides)
        yield Found(Conflict(id_, each.key, kind, each.wix_hash, each.airtable_hash), line)
