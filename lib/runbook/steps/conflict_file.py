"""What a load found that people must settle, one JSON line each: `conflicts/<collection>.jsonl` of a run.

No line contains the value of a personal field, of a text or of a link; the hashes that a word is bound to are in state.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from runbook.catalog import Field
from runbook.display import mask
from runbook.json_types import Json
from runbook.state import Conflict, ConflictKind

FOLDER = "conflicts"

WHY: dict[ConflictKind, str] = {
    "both changed": "changed in Wix and in Airtable",
    "never agreed": "differs, and it is not known which side changed it",
    "gone in Wix": "gone in Wix, changed in Airtable",
    "gone in Airtable": "gone in Airtable, and Wix's may have changed since",
    "origin unknown": "not in Wix, and it is not known whether it ever was",
}


@dataclass(frozen=True)
class ConflictLine:
    """One conflict for people. `key`, `column`: "" for the whole row. `wix`, `airtable`: the values, masked."""

    id: str
    key: str
    column: str
    kind: ConflictKind
    wix: str
    airtable: str

    def text(self) -> str:
        """In one line."""
        if not self.key:
            return f"{self.id}: {WHY[self.kind]}"
        return f"{self.id}, {self.column}: {WHY[self.kind]}; Wix {self.wix}, Airtable {self.airtable}"


@dataclass(frozen=True)
class SettledLine:
    """A value that was decided as a person said."""

    id: str
    key: str
    prefer: str
    who: str
    why: str

    def text(self) -> str:
        """In one line."""
        return f"{self.id}{f', {self.key}' if self.key else ''}: {self.prefer} ({self.who}: {self.why})"


@dataclass(frozen=True)
class Found:
    """A conflict for the state, and its line for people."""

    conflict: Conflict
    line: ConflictLine


class ConflictFile:
    """The files of a run's `conflicts` folder. A collection without a file has no conflict."""

    def __init__(self, run: Path) -> None:
        self._folder = run / FOLDER

    def path(self, collection: str) -> Path:
        """The file of a collection, which may not exist."""
        return self._folder / f"{collection.replace('/', '%2F')}.jsonl"

    def replace(self, collection: str, lines: Iterable[ConflictLine]) -> None:
        """Replace all lines of a collection. Atomic."""
        path, text = self.path(collection), "".join(json.dumps(asdict(line)) + "\n" for line in lines)
        if not text:
            path.unlink(missing_ok=True)
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)

    def read(self, collection: str) -> list[ConflictLine]:
        """The lines of a collection."""
        path = self.path(collection)
        if not path.exists():
            return []
        return [ConflictLine(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def shown(value: Json, column: Field | None) -> str:
    """A value for people: masked where it is personal, a text or a link, which may hold anything."""
    return mask(value) if is_hidden(column) else json.dumps(value, ensure_ascii=False)[:80]


def is_hidden(column: Field | None) -> bool:
    """Whether values of a column must not be shown; None: a link or `Wix Original`."""
    return column is None or column.personal or column.column_kind.holds == "text"


def some(listed: Sequence[str], count: int | None = None) -> str:
    """The first three, and how many more."""
    count = len(listed) if count is None else count
    text = "; ".join(listed[:3])
    return f"{text}; and {count - 3:,} more" if count > 3 else text
