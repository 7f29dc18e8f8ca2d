"""Rows that could not be carried over: one JSON line a reason, with the step, the row and the field.

    quarantine = Quarantine(run / "quarantine")
    quarantine.replace("Carriers", "transform", entries)
    quarantine.add("Carriers", Entry("load", "1f…", "Pay Min", "422 INVALID_VALUE_FOR_COLUMN"))
    quarantine.count("Carriers")       # rows, not reasons: exported = loaded + this

No line holds the value of a personal field. A collection without a file has nothing in quarantine.
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
    """One reason. `step`: what found it (transform, load). `id`: the legacy id, None for a row without one of its own.

    `field`: a Wix key, a column, or None for the whole row.
    """

    step: str
    id: str | None
    field: str | None
    reason: str


class Quarantine:
    """The files of a run's `quarantine` folder, one a collection. Made when there is something to put in.

    May be used by several threads; by one process at a time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[str, tuple[tuple[int, int], list[Entry]]] = {}

    def path(self, collection: str) -> Path:
        """Its file, there or not; a `/` in the collection's name is `%2F`."""
        return self._folder / f"{collection.replace('/', '%2F')}.jsonl"

    def replace(self, collection: str, step: str, entries: Iterable[Entry]) -> None:
        """Put `entries` in place of all that the step found before. Other steps' entries stay. All or nothing."""
        with self._lock:
            every = [entry for entry in self._read(collection) if entry.step != step]
            every += entries
            path = self.path(collection)
            if not every:
                path.unlink(missing_ok=True)
                self._known.pop(collection, None)
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.part")
            with part.open("wb") as file:
                file.writelines(map(_line, every))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            self._known[collection] = (_stamp(path), every)

    def add(self, collection: str, entry: Entry) -> None:
        """Put one entry at the end. The same one of the same row, found again, is there once."""
        with self._lock:
            every = self._read(collection)
            if entry.id is not None and entry in every:
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self.path(collection)
            with path.open("ab") as file:
                whole = sum(len(_line(one)) for one in every) if file.tell() and not _ends_a_line(path) else None
                if whole is not None:  # the line that a killed process did not finish
                    file.truncate(whole)
                file.write(_line(entry))
                file.flush()
                os.fsync(file.fileno())
            every.append(entry)
            self._known[collection] = (_stamp(path), every)

    def entries(self, collection: str) -> list[Entry]:
        """All of a collection, in the order they were put in."""
        with self._lock:
            return [*self._read(collection)]

    def ids(self, collection: str) -> set[str]:
        """The legacy ids in quarantine."""
        return {entry.id for entry in self.entries(collection) if entry.id is not None}

    def count(self, collection: str, step: str | None = None) -> int:
        """Rows in quarantine, of one step or of all: a row once, however many reasons; a row without id per entry."""
        entries = [entry for entry in self.entries(collection) if step in (None, entry.step)]
        return len({entry.id for entry in entries if entry.id is not None}) + sum(entry.id is None for entry in entries)

    def _read(self, collection: str) -> list[Entry]:
        path = self.path(collection)
        try:
            stamp = _stamp(path)
        except FileNotFoundError:
            return []
        known = self._known.get(collection)
        if known is None or known[0] != stamp:
            lines = path.read_bytes().split(b"\n")[:-1]  # what no line break ends was never finished
            known = self._known[collection] = (stamp, [Entry(**json.loads(line)) for line in lines])
        return known[1]


def _line(entry: Entry) -> bytes:
    return (
        json.dumps(asdict(entry), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace") + b"\n"
    )


def _stamp(path: Path) -> tuple[int, int]:
    told = path.stat()
    return told.st_mtime_ns, told.st_size


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
