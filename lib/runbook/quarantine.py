"""Rows that could not be migrated: one JSON line per reason, with the step, the row and the field.

    quarantine = Quarantine(run / "quarantine")
    quarantine.replace("Carriers", "transform", entries)
    quarantine.add("Carriers", Entry("load", "1f…", "Pay Min", "422 INVALID_VALUE_FOR_COLUMN"))
    quarantine.count("Carriers")       # rows, not reasons: exported = loaded + this

No line contains the value of a personal field. A collection without a file has no row in quarantine.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One reason. `step`: where it was found (transform, load). `id`: the legacy id, None where it is missing or used
    by another row. `field`: a Wix key, a column, or None for the whole row.
    """

    step: str
    id: str | None
    field: str | None
    reason: str


class Quarantine:
    """The files of a run's `quarantine` folder, one per collection, made on demand.

    Thread-safe; for one process at a time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._cache: dict[str, tuple[tuple[int, int], list[Entry]]] = {}

    def path(self, collection: str) -> Path:
        """The file of a collection, which may not exist; a `/` in its name is `%2F`."""
        return self._folder / f"{collection.replace('/', '%2F')}.jsonl"

    def replace(self, collection: str, step: str, entries: Iterable[Entry]) -> None:
        """Replace all entries of a step; those of other steps stay. Atomic."""
        with self._lock:
            every = [entry for entry in self._read(collection) if entry.step != step]
            every += entries
            path = self.path(collection)
            if not every:
                path.unlink(missing_ok=True)
                self._cache.pop(collection, None)
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.part")
            with part.open("wb") as file:
                file.writelines(map(_line, every))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            self._cache[collection] = (_stamp(path), every)

    def add(self, collection: str, entry: Entry) -> None:
        """Append an entry, unless the same one exists for the same row."""
        with self._lock:
            every = self._read(collection)
            if entry.id is not None and entry in every:
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self.path(collection)
            with path.open("ab") as file:
                if file.tell() and not _ends_with_line_break(path):  # a line that a killed process did not finish
                    file.truncate(sum(len(_line(known)) for known in every))
                file.write(_line(entry))
                file.flush()
                os.fsync(file.fileno())
            every.append(entry)
            self._cache[collection] = (_stamp(path), every)

    def entries(self, collection: str) -> list[Entry]:
        """All entries of a collection, oldest first."""
        with self._lock:
            return [*self._read(collection)]

    def ids(self, collection: str) -> set[str]:
        """The legacy ids in quarantine."""
        return {entry.id for entry in self.entries(collection) if entry.id is not None}

    def count(self, collection: str, step: str | None = None) -> int:
        """Rows in quarantine, of one step or all: a row with an id counts once, one without id once per entry."""
        entries = [entry for entry in self.entries(collection) if step in (None, entry.step)]
        return len({entry.id for entry in entries if entry.id is not None}) + sum(entry.id is None for entry in entries)

    def _read(self, collection: str) -> list[Entry]:
        path = self.path(collection)
        try:
            stamp = _stamp(path)
        except FileNotFoundError:
            return []
        cached = self._cache.get(collection)
        if cached is None or cached[0] != stamp:
            lines = path.read_bytes().split(b"\n")[:-1]  # the last part was never finished
            cached = self._cache[collection] = (stamp, [Entry(**json.loads(line)) for line in lines])
        return cached[1]


def _line(entry: Entry) -> bytes:
    return (
        json.dumps(asdict(entry), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace") + b"\n"
    )


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _ends_with_line_break(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
