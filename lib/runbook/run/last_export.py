"""What Airtable holds of a source's collections from earlier runs, and export and plan in the light of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from runbook.catalog import Collection
from runbook.errors import SourceError
from runbook.run.context import RunContext
from runbook.run.sources import WIX
from runbook.snapshot import Snapshot
from runbook.steps.completeness import SourceHistory, none_shown, unshown_keys, unshown_notes
from runbook.steps.export import export
from runbook.wix.source import SourceCollection


def export_collection(run: RunContext, c: Collection, on_progress: Callable[[int, int], None]) -> Snapshot:
    """The snapshot of a collection. Raises SourceError where the source shows nothing of what it showed before."""
    return export(
        run.source,
        c,
        run.folder.path / "snapshots",
        history=history_of(run, c),
        remove_all=c.wix in run.connections.settings.remove_many,
        empty=_to_empty(run, c),
        on_progress=on_progress,
    )


def with_doubts(run: RunContext, c: Collection, found: SourceCollection) -> SourceCollection:
    """A collection at the source, with notes on what it does not show of what Airtable holds."""
    known = history_of(run, c)
    if found.count == 0:
        stops = None if c.wix in run.connections.settings.remove_many else none_shown(run.source, c, known, shown=0)
        notes = [stops] if stops else []
    elif found.count is None:
        return found
    else:
        try:
            notes = unshown_notes(run.source, c, unshown_keys(run.source, c, known, empty=_to_empty(run, c)))
        except SourceError as error:
            notes = [str(error)]
    return replace(found, notes=(*found.notes, *notes))


def history_of(run: RunContext, c: Collection) -> SourceHistory:
    """What the base holds of a collection that came from the source: rows that services created are not among it."""
    base = run.connections.base(run.source.label)
    if base is None:
        return SourceHistory()
    rows = run.connections.state.rows(base, c.wix)
    created = sum(what == "created" for what in rows.changes().values())
    return SourceHistory(max(0, rows.count() - created), _keys(run, base, c))


def note_keys(run: RunContext, c: Collection, *, loaded: bool) -> None:
    """Record which keys have values in Airtable: before a load also those that it may empty. A site shows every key."""
    if run.source.label == WIX:
        return
    base, facts = run.base(), run.connections.state.facts
    snapshot = run.results.snapshots[c.wix]
    before = _keys(run, base, c)
    keys = snapshot.valued_keys | (before & set(snapshot.untold) if loaded else before)
    if keys != facts.keys_held(base, c.wix):
        facts.set_keys_held(base, c.wix, keys)


def _keys(run: RunContext, base: str, c: Collection) -> frozenset[str]:
    """Keys that had values when the collection was last loaded, else those of its last snapshot; none of a site."""
    if run.source.label == WIX:
        return frozenset()
    facts = run.connections.state.facts
    if (known := facts.keys_held(base, c.wix)) is not None:
        return known
    last = facts.progress(base).get(c.wix)
    if last is None or last.source != run.source.label:
        return frozenset()
    try:
        snapshot = Snapshot.read(run.connections.settings.runs / last.run_id / "snapshots", c)
    except SourceError:
        return frozenset()
    return snapshot.valued_keys if snapshot is not None else frozenset()


def _to_empty(run: RunContext, c: Collection) -> set[str]:
    return {key for name, key in run.connections.settings.empty_columns if name == c.wix}
