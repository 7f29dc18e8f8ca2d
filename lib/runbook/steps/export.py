"""Export: a collection of a source into a snapshot; an existing snapshot is kept while the source is unchanged."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Collection as Ids
from pathlib import Path

from runbook.catalog import Collection
from runbook.errors import SourceError
from runbook.snapshot import Mark, Snapshot, SnapshotWriter
from runbook.steps.completeness import SourceHistory, Unshown, require_rows, unshown_keys, unshown_notes
from runbook.wix.source import Source

_NOTHING = SourceHistory()
_SECONDS = 0.1  # between progress updates


def export(
    source: Source,
    collection: Collection,
    folder: Path,
    *,
    history: SourceHistory = _NOTHING,
    remove_all: bool = False,
    empty: Ids[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Snapshot:
    """The snapshot of a collection in `folder` (a run's `snapshots`), written again unless the existing one is current.

    Current: complete, of the same source, and read at the source's present mark. A collection that the source lacks
    gives an empty snapshot with `absent`. `history`: what Airtable holds of it; where the source shows no row any more,
    it is refused unless `remove_all`, and keys that it does not show are `untold` unless they are in `empty`.
    Reads the source only. Raises SourceError; the folder is then unchanged.
    """
    why = source.missing(collection)
    if why is not None:
        if history.rows:
            raise SourceError(
                f"{collection.wix}: {why}; what Airtable holds of it stays. Nothing was written or deleted; "
                "run it again"
            )
        with SnapshotWriter(folder, collection, source=source.label) as writer:
            return writer.finish(notes=[why], absent=True)
    mark = source.mark(collection.wix)
    unshown = unshown_keys(source, collection, history, empty=empty) if mark.count else Unshown()
    notes = []
    try:
        found = Snapshot.read(folder, collection)
    except SourceError:
        found = None
        notes.append("the existing snapshot did not match its metadata; it was written again")
    if (
        found is not None
        and found.source == source.label
        and (found.mark, found.untold) == (mark, unshown.untold)
        and _proves_unchanged(mark, collection)
    ):
        if not remove_all:
            require_rows(source, collection, history, shown=found.count)
        if on_progress is not None:
            on_progress(found.count, found.count)
        return found
    with SnapshotWriter(folder, collection, source=source.label) as writer:
        report = _Throttled(on_progress) if on_progress is not None else None
        remarks = source.export(collection, writer.write, report)
        if not remove_all:
            require_rows(source, collection, history, shown=writer.count)
        warnings = [*unshown_notes(source, collection, unshown), *remarks.warnings]
        snapshot = writer.finish(notes=[*notes, *remarks.notes], mark=mark, untold=unshown.untold, warnings=warnings)
    if on_progress is not None:
        on_progress(snapshot.count, snapshot.count)
    return snapshot


def _proves_unchanged(mark: Mark, collection: Collection) -> bool:
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
