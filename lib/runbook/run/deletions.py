"""The rows that a run deletes in Airtable: on record before the first is deleted, and counted over all its attempts."""

from __future__ import annotations

from collections.abc import Iterable

from runbook.evidence.changes import COUNTS, add_changes
from runbook.run.context import RunContext
from runbook.run.tables import changes

EVIDENCE = "deletions"


def note_planned(run: RunContext, name: str, ids: list[str]) -> None:
    """Keep record of the rows of a collection that a load is about to delete, beside those of earlier attempts."""
    planned = _planned(run)
    planned[name] = sorted({*planned.get(name, ()), *ids})
    run.evidence(EVIDENCE, planned)


def note_changes(run: RunContext, names: Iterable[str]) -> None:
    """Add what a load did to the rows of these collections; of one that failed, what it had deleted."""
    found = {}
    for name in names:
        done = run.results.loaded.get(name)
        counts = changes(done) if done is not None else dict.fromkeys(COUNTS, 0)
        counts["deleted"] = deleted(run, name)
        if done is not None or counts["deleted"]:
            found[name] = counts
    add_changes(run.folder, run.phase.slug, found)


def deleted(run: RunContext, name: str) -> int:
    """How many of the planned rows are no longer in Airtable."""
    planned = _planned(run).get(name, [])
    return len(planned) - len(run.connections.state.rows(run.base(), name).record_ids(planned))


def _planned(run: RunContext) -> dict[str, list[str]]:
    return run.folder.read_evidence(run.phase.slug, EVIDENCE) or {}
