"""What the steps of a phase show, over all of its collections."""

from __future__ import annotations

from typing import Any

from runbook.display import Page, Table
from runbook.run.context import RunContext
from runbook.settings import AIRTABLE_RATE


def header(run: RunContext) -> Table:
    """What was opened: environment, addresses, base, source, run folder."""
    settings = run.connections.settings
    base = run.connections.base(run.source.label)
    limit = f"{settings.rate:g} requests a second"
    if settings.rate > AIRTABLE_RATE:
        limit += f", raised for the rehearsal: Airtable's own limit is {AIRTABLE_RATE:g}"
    rows = [
        ("run", run.run_id),
        ("environment", settings.environment + (", dry run: nothing is written to Airtable" if run.dry_run else "")),
        ("source", run.source.label),
        ("Wix", settings.wix_url),
        ("Airtable", settings.airtable_url),
        ("base", base or "to be made"),
        ("plan", f"{settings.plan}: {settings.records_limit:,} records a base"),
        ("limit", limit),
        ("collections", ", ".join(c.wix for c in run.collections) or "none: this phase moves no rows"),
    ]
    return Table(f"Phase {run.phase.number}: {run.phase.title}", ("what", "is"), rows)


def exported(run: RunContext) -> Table:
    """A line a snapshot."""
    rows = [
        (s.collection, s.count, s.drafts, _counted(s.unknown_keys), s.newest_update, s.sha256[:12], "; ".join(s.notes))
        for s in run.results.snapshots.values()
    ]
    columns = ("collection", "rows", "drafts", "keys that the catalog does not know", "newest", "sha256", "notes")
    absent = tuple(f"{name}: {why}." for name, why in run.results.absent.items())
    return Table(f"Exported from {run.source.label}", columns, rows, absent)


def transformed(run: RunContext) -> Page | Table:
    """A line a collection; under it, those with something to look at."""
    done = run.results.transformed
    rows = [(t.collection, t.exported, t.staged, t.quarantined) for t in done.values()]
    total = ("all", *(sum(getattr(t, part) for t in done.values()) for part in ("exported", "staged", "quarantined")))
    table = Table("Transformed", ("collection", "exported", "can be loaded", "in quarantine"), [*rows, total])
    return Page(table, *(t for t in done.values() if t.reasons or t.loose or t.lost or t.new_choices or t.warnings))


def loaded(run: RunContext) -> Table:
    """A line a collection: what was written, what stood already."""
    rows: list[tuple[Any, ...]] = []
    for name in run.results.transformed:
        done = run.results.loaded.get(name)
        if done is None:
            rows.append((name, *[None] * 7, "failed", run.results.stopped.get(name, "")))
            continue
        rows.append(
            (
                name,
                done.created,
                done.updated,
                done.unchanged,
                done.removed,
                done.quarantined,
                sum(len(ids) for links in (done.dangling, done.not_loaded, done.ambiguous) for ids in links.values()),
                done.requests,
                "passed",
                "; ".join((*done.remarks(), *done.notes)),
            )
        )
    columns = (
        *("collection", "created", "updated", "unchanged", "removed", "in quarantine", "links to nowhere", "requests"),
        *("verdict", "notes"),
    )
    summary = run.connections.log.summary()
    words = f"{summary.count:,} requests so far, {summary.too_many} answered 429."
    return Table("Loaded", columns, rows, (words,))


def validated(run: RunContext) -> Page | Table:
    """A line a collection; under it, each reason why one is red, and what warned."""
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
    words = ("exported = loaded + quarantined, and every cell that differs is explained by a declared rule.",)
    reasons = [(name, "failed", why) for name, done in run.results.validated.items() for why in done.reasons]
    reasons += [(name, "failed", why) for name, why in run.results.stopped.items()]
    reasons += [(name, "warning", why) for name, done in run.results.validated.items() for why in done.warnings]
    table = Table("Validated", columns, rows, words)
    return Page(table, Table("To look at", ("collection", "verdict", "why"), reasons)) if reasons else table


def collections_facts(run: RunContext) -> dict[str, Any]:
    """The figures that the manifest and the report stand on, by collection."""
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
