"""Export: a collection of a source into a snapshot, or the snapshot that is there where the source has not changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from runbook.catalog import Collection
from runbook.errors import SourceError
from runbook.snapshot import Mark, Snapshot, SnapshotWriter
from runbook.wix.source import Source

_SECONDS = 0.1  # between two words of progress


def export(
    source: Source, collection: Collection, folder: Path, *, on_progress: Callable[[int, int], None] | None = None
) -> Snapshot:
    """The snapshot of a collection in `folder` (a run's `snapshots`), made anew unless the one there is current.

    Current: whole, of the same source, and the source's mark is the one it was read at. A collection that the source
    lacks gives an empty snapshot that says so (`absent`). Reads the source only; raises SourceError, and then leaves
    the folder as it was.
    """
    why = source.missing(collection)
    if why is not None:
        with SnapshotWriter(folder, collection, source=source.label) as writer:
            return writer.finish(notes=[why], absent=True)
    mark = source.mark(collection.wix)
    notes = []
    try:
        found = Snapshot.read(folder, collection)
    except SourceError:
        found = None
        notes.append("the snapshot that was there was not what its metadata said; it was made anew")
    if found is not None and found.source == source.label and found.mark == mark and _tells_all(mark, collection):
        if on_progress is not None:
            on_progress(found.count, found.count)
        return found
    with SnapshotWriter(folder, collection, source=source.label) as writer:
        report = _Throttled(on_progress) if on_progress is not None else None
        notes += source.export(collection, writer.write, report)
        snapshot = writer.finish(notes=notes, mark=mark)
    if on_progress is not None:
        on_progress(snapshot.count, snapshot.count)
    return snapshot


def _tells_all(mark: Mark, collection: Collection) -> bool:
    """Whether an equal mark means equal items: linking items through a multi-reference updates neither of them."""
    if mark.sha256 is not None:
        return True
    return mark.certain and all(field.wix_type != "multireference" for field in collection.fields)


class _Throttled:
    def __init__(self, report: Callable[[int, int], None]) -> None:
        self._report, self._next = report, 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _SECONDS
            self._report(done, total)
