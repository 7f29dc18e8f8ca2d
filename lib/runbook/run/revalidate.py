"""Compare a loaded collection again with the snapshot of its run."""

from __future__ import annotations

from collections.abc import Callable

from runbook.catalog import Collection
from runbook.connections import Connections
from runbook.errors import CheckNotRun
from runbook.quarantine import Quarantine
from runbook.readings import Readings
from runbook.snapshot import Snapshot
from runbook.steps.transform import transform
from runbook.steps.validate import Validated, validate


def revalidate(
    connections: Connections,
    readings: Readings,
    collection: Collection,
    run_id: str,
    on_progress: Callable[[int, int], None] | None = None,
) -> Validated:
    """Validate a collection against the snapshot of run `run_id`. Raises CheckNotRun if there is no such snapshot."""
    folder = connections.settings.runs / run_id
    snapshot = Snapshot.read(folder / "snapshots", collection)
    if snapshot is None:
        raise CheckNotRun(
            f"{collection.wix} cannot be compared: the snapshot of run {run_id} is not in {folder / 'snapshots'}. "
            f"Restore it, or run phase {collection.phase} again"
        )
    quarantine = Quarantine(folder / "quarantine")
    return validate(
        snapshot,
        transform(snapshot, collection, folder / "staged", quarantine),
        collection,
        readings=readings,
        state=connections.state,
        quarantine=quarantine,
        suites=connections.platform.expectations,
        on_progress=on_progress,
    )
