"""The tables that the steps of a phase show, over all its collections."""

from __future__ import annotations

from typing import Any

from runbook.display import Page, Table, plural
from runbook.evidence.changes import COUNTS
from runbook.run.context import RunContext
from runbook.settings import AIRTABLE_RATE
from runbook.steps.load import Loaded


def header(run: RunContext) -> Table:
    """What was opened: environment, URLs, base, source, run id."""
    settings = run.connections.settings
    base = run.connections.base(run.source.label)
    begun = str((run.folder.read_evidence("run", "run") or {}).get("begun", ""))
    limit = f"{settings.rate:g} requests a second"
    if settings.rate > AIRTABLE_RATE:
        limit += f", raised for the sandbox: Airtable's own limit is {AIRTABLE_RATE:g}"
    rows = [
        ("run", run.run_id + (f", begun {begun[:19].replace('T', ' ')} UTC" if begun else "")),
        ("environment", settings.environment + (", dry run: nothing is written to Airtable" if run.dry_run else "")),
        ("source", run.source.label),
        ("Wix", settings.wix_url),
        ("Airtable", settings.airtable_url),
        ("base", base or "to be created"),
        ("plan", f"{settings.plan}: {settings.records_limit:,} records per base"),
        ("limit", limit),
        ("collections", ", ".join(c.wix for c in run.collections) or "none: this phase migrates no rows"),
    ]
    return Table(f"Phase {run.phase.number}: {run.phase.title}", ("setting", "value"), rows)


def exported(run: RunContext) -> Table:
    """One row per snapshot."""
    rows = [
        (
            s.collection,
            s.count,
            s.drafts,
            _counted(s.unknown_keys),
            s.newest_update,
            s.sha256[:12],
            "; ".join((*s.warnings, *s.notes)),
        )
        for s in run.results.snapshots.values()
    ]
    columns = ("collection", "rows", "drafts", "keys not in the catalog", "newest", "sha256", "notes")
    absent = [f"{name}: {why}." for name, why in run.results.absent.items()]
    own = {c.wix for c in run.collections} - run.results.absent.keys()
    stopped = [f"STOPPED {why}" for name, why in run.results.stopped.items() if name in own]
    return Table(f"Exported from {run.source.label}", columns, rows, (*stopped, *absent))


def transformed(run: RunContext) -> Page | Table:
    """One row per collection; below, the collections with something to review."""
    done = run.results.transformed
    rows = [(t.collection, t.exported, t.staged, t.quarantined) for t in done.values()]
    total = ("all", *(sum(getattr(t, part) for t in done.values()) for part in ("exported", "staged", "quarantined")))
    table = Table("Transformed", ("collection", "exported", "can be loaded", "in quarantine"), [*rows, total])
    return Page(table, *(t for t in done.values() if t.reasons or t.loose or t.lost or t.new_choices or t.warnings))


def loaded(run: RunContext) -> Table:
    """One row per collection: rows created, updated, deleted, left unchanged, edited in Airtable, in conflict."""
    rows: list[tuple[Any, ...]] = []
    for name in run.results.transformed:
        done = run.results.loaded.get(name)
        if done is None:
            rows.append((name, *[None] * 9, "failed", run.results.stopped.get(name, "")))
            continue
        rows.append(
            (
                name,
                *changes(done).values(),
                len(done.edited.keys() | done.served.keys()),
                len(done.conflicts),
                done.quarantined,
                sum(len(ids) for links in (done.dangling, done.not_loaded, done.ambiguous) for ids in links.values()),
                done.requests,
                "failed" if done.conflicts else "passed",
                "; ".join((*done.remarks(), *done.notes)),
            )
        )
    columns = (
        *("collection", *COUNTS, "edited, kept", "conflicts", "in quarantine", "links to nowhere", "requests"),
        *("verdict", "notes"),
    )
    summary = run.connections.log.summary()
    note = f"{plural(summary.count, 'request')} so far, {summary.limited:,} answered 429."
    return Table("Loaded", columns, rows, (note,))


def changes(done: Loaded) -> dict[str, int]:
    """What a load did to the rows in Airtable."""
    return {
        "created": done.created,
        "updated": done.updated,
        "deleted": len(done.deleted),
        "unchanged": done.unchanged,
    }


def validated(run: RunContext) -> Page | Table:
    """One row per collection; below, each reason why one is red, and each warning."""
    rows = []
    for name, done in run.results.validated.items():
        checks = done.counts()
        rows.append(
            (
                name,
                done.exported,
                done.loaded,
                done.quarantined,
                done.comparison.cells,
                sum(done.comparison.explained.values()),
                done.comparison.unexplained_cells,
                checks["pass"],
                checks["warn"],
                checks["fail"] + checks["error"],
                "passed" if done.green else "failed",
            )
        )
    columns = (
        *("collection", "exported", "loaded", "quarantined", "cells compared", "explained", "unexplained"),
        *("checks passed", "warned", "failed", "verdict"),
    )
    notes = ("exported = loaded + quarantined, and every cell that differs is explained by a declared rule.",)
    reasons = [(name, "failed", why) for name, done in run.results.validated.items() for why in done.reasons]
    reasons += [(name, "failed", why) for name, why in run.results.stopped.items()]
    reasons += [(name, "warning", why) for name, done in run.results.validated.items() for why in done.warnings]
    table = Table("Validated", columns, rows, notes)
    return Page(table, Table("To review", ("collection", "verdict", "reason"), reasons)) if reasons else table


def collections_facts(run: RunContext) -> dict[str, Any]:
    """The counts that the manifest and the report are built from, by collection."""
    return {
        name: {
            "exported": done.exported,
            "loaded": done.loaded,
            "quarantined": done.quarantined,
            "verified": done.comparison.rows,
            "unexplained": done.comparison.unexplained_cells,
            "green": done.green,
        }
        for name, done in run.results.validated.items()
    }


def _counted(keys: dict[str, int]) -> str:
    return ", ".join(f"{key} ({count:,})" for key, count in keys.items())
