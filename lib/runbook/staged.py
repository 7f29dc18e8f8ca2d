"""The result of transform: the rows of a collection that are ready to be loaded, and counts of the others."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from runbook.catalog import Collection
from runbook.display import Shown, Table
from runbook.errors import StepError
from runbook.json_types import Fields
from runbook.mapping import Candidate
from runbook.snapshot import file_sha256, read_items

_SETTLED_SECONDS = 0.1  # a file may change within its timestamp's resolution after it was hashed
_verified: dict[Path, tuple[str, os.stat_result]] = {}

Counts = dict[str, dict[str, int]]  # field -> reason -> rows


class StagedRow(NamedTuple):
    """A row to load: its legacy id, its cells by column, and where each link leads (see `mapping.Encoded`)."""

    id: str
    fields: Fields
    links: dict[str, list[Candidate]]


@dataclass(frozen=True, repr=False)
class Transformed(Shown):
    """Counts of a collection: `exported` = `staged` + `quarantined`. Holds no value of a personal field.

    Of field -> {reason: rows}: `reasons` (a row in quarantine may have several), `kept` (the value stands in
    `Wix Original`), `loose` (those of them whose cell is empty), `lost` (lossy fields), `unfilled` (copies left empty).
    `new_choices`: column -> {choice: rows}. `shown_rounded`: column -> rows. `sha256` is the staged file's.
    `untold`: keys that the source does not show (`Snapshot.untold`); what Airtable holds of them stays.
    """

    collection: str
    path: Path
    exported: int
    staged: int
    quarantined: int
    reasons: Counts
    kept: Counts
    loose: Counts
    lost: Counts
    unfilled: Counts
    new_choices: Counts
    shown_rounded: dict[str, int]
    warnings: tuple[str, ...]
    sha256: str
    untold: tuple[str, ...] = ()

    def rows(self) -> Iterator[StagedRow]:
        """The staged rows in the snapshot's order. Raises StepError where the file is not the one that was written."""
        if not is_unchanged(self.path, self.sha256):
            raise StepError(
                f"{self.collection}: the staged rows are gone or not those that were written ({self.path.name}); "
                "nothing was read of them; transform again"
            )
        for row in read_items(self.path):
            links = {name: [(to, key, value) for to, key, value in found] for name, found in row["links"].items()}
            yield StagedRow(row["id"], row["fields"], links)

    def table(self) -> Table:
        """Counts by field and reason."""
        rows: list[tuple[Any, ...]] = [
            ("exported", None, self.exported, None),
            ("staged, round trip checked", None, self.staged, None),
            ("in quarantine", None, self.quarantined, None),
        ]
        parts = (
            ("  quarantined, reason", self.reasons),
            ("kept in Wix Original", self.kept),
            ("cell left empty (loose field)", self.loose),
            ("not restored (lossy field)", self.lost),
            ("copy left empty", self.unfilled),
            ("new choice", self.new_choices),
        )
        for label, counts in parts:
            rows += [(label, field, n, reason) for field, reasons in counts.items() for reason, n in reasons.items()]
        rows += [("shows fewer decimals than it holds", c, n, None) for c, n in self.shown_rounded.items()]
        return Table(f"Transformed {self.collection}", ("What", "Field", "Rows", "Reason"), rows, self.warnings)

    def facts(self) -> dict[str, Any]:
        """For evidence: everything but the path's folder."""
        lists = {name: list(getattr(self, name)) for name in ("warnings", "untold")}
        return {**asdict(self), **lists, "path": self.path.name}


def is_older(row: StagedRow, collection: Collection, turned_at: str) -> bool:
    """Whether Wix's item was last updated before services turned to Airtable (ISO time in UTC), which had it then."""
    column = collection.by_key.get("_updatedDate")
    updated = row.fields.get(column.name) if column is not None else None
    return isinstance(updated, str) and updated <= turned_at


def is_unchanged(path: Path, sha256: str) -> bool:
    """Whether a file has a sha256. One that was verified is read again only when its inode, size or time differs."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return False
    known = _verified.get(path)
    if known is not None and known[0] == sha256 and _identity(known[1]) == _identity(stat):
        return True
    if file_sha256(path) != sha256:
        return False
    if time.time() - stat.st_mtime > _SETTLED_SECONDS:
        _verified[path] = (sha256, stat)
    return True


def _identity(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
