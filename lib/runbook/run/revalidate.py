"""A collection that was loaded: compared once more with its run's snapshot, and what is off in it written again."""

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


def validate_again(
    connections: Connections,
    readings: Readings,
    collection: Collection,
    run_id: str,
    on_progress: Callable[[int, int], None] | None = None,
) -> Validated:
    """Validate a collection against the snapshot of run `run_id`. Raises CheckNotRun where that is gone."""
    folder = connections.settings.runs / run_id
    snapshot = Snapshot.read(folder / "snapshots", collection)
    if snapshot is None:
        raise CheckNotRun(
            f"{collection.wix} cannot be compared: the snapshot of run {run_id} is not in {folder / 'snapshots'}. "
            f"Bring it back, or run phase {collection.phase} again"
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


def distrust(connections: Connections, base: str, collection: Collection, done: Validated) -> list[str]:
    """Let the next load write again what is not in Airtable as it was loaded; returns what a reader should know of it.

    Only while services read Wix: once the flag is on, Airtable holds the truth, and nothing there is overwritten.
    """
    if not done.to_rewrite or connections.state.flags.get(collection.flag) == "airtable":
        return []
    connections.state.rows(base, collection.wix).invalidate(done.to_rewrite)
    some = f"{len(done.to_rewrite):,} rows are" if len(done.to_rewrite) > 1 else "1 row is"
    return [
        f"{collection.wix}: {some} not in Airtable as loaded; phase {collection.phase}, run again, writes what Wix "
        "has. What was changed in Airtable by hand and is to stay must be changed in Wix first"
    ]
