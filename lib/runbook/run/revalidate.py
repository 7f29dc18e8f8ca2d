"""Compare a loaded collection again with the snapshot of its run, and mark wrong rows to be written again."""

from __future__ import annotations

from collections.abc import Callable

from runbook.catalog import Collection
from runbook.connections import Connections
from runbook.display import plural
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


def invalidate(connections: Connections, base: str, collection: Collection, done: Validated) -> list[str]:
    """Make the next load write again the rows that differ in Airtable; returns a warning about them.

    Only while services read Wix: once the flag is on, Airtable is the source of truth and is not overwritten.
    """
    if not done.to_rewrite or connections.state.flags.get(collection.flag) == "airtable":
        return []
    connections.state.rows(base, collection.wix).invalidate(done.to_rewrite)
    return [
        f"{collection.wix}: {plural(len(done.to_rewrite), 'row')} in Airtable not as loaded; the next run of phase "
        f"{collection.phase} overwrites them with what Wix has. To keep a manual change, make it in Wix too"
    ]
