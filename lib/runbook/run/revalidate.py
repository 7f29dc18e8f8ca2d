"""Compare a loaded collection again with the snapshot of its run.

The run of the snapshot is only read: it may be signed. Where its staged rows are of other code or another catalog, they
are staged again in the run that compares.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runbook.catalog import Collection
from runbook.connections import Connections
from runbook.errors import CheckNotRun
from runbook.evidence.folder import RunFolder
from runbook.quarantine import Quarantine
from runbook.readings import Readings
from runbook.snapshot import Snapshot
from runbook.steps.transform import STEP, staged, transform
from runbook.steps.validate import Validated, validate


def revalidate(
    connections: Connections,
    readings: Readings,
    collection: Collection,
    run_id: str,
    own: RunFolder,
    on_progress: Callable[[int, int], None] | None = None,
) -> Validated:
    """Validate a collection against the snapshot of run `run_id`; writes into `own`, the run that compares, alone.

    Raises CheckNotRun if there is no such snapshot.
    """
    folder = connections.settings.runs / run_id
    snapshot = Snapshot.read(folder / "snapshots", collection)
    if snapshot is None:
        raise CheckNotRun(
            f"{collection.wix} cannot be compared: the snapshot of run {run_id} is not in its folder `snapshots`. "
            f"Restore it, or run phase {collection.phase} again"
        )
    quarantine = Quarantine(folder / "quarantine")
    rows = staged(snapshot, collection, folder / "staged", quarantine)
    if rows is None:
        again = own.path / "staged" / run_id
        quarantine = _copy(quarantine, collection, again / "quarantine")
        rows = transform(snapshot, collection, again, quarantine)
    return validate(
        snapshot,
        rows,
        collection,
        readings=readings,
        state=connections.state,
        quarantine=quarantine,
        suites=connections.platform.expectations,
        on_progress=on_progress,
    )


def _copy(quarantine: Quarantine, collection: Collection, folder: Path) -> Quarantine:
    """A quarantine of its own, with the rows that the load had refused."""
    copy = Quarantine(folder)
    for entry in quarantine.entries(collection.wix):
        if entry.step != STEP:
            copy.add(collection.wix, entry)
    return copy
