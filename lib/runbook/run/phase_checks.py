"""What a phase checks besides its own rows: look-ups, links, all collections again, latency, counts, alerts."""

from __future__ import annotations

from typing import Any

from runbook.checks.lookups import Benchmark, benchmark_lookups, check_lookup
from runbook.checks.record_counts import RecordCounts, keep_record_counts
from runbook.display import Page, Table
from runbook.errors import RunbookError
from runbook.run.context import RunContext
from runbook.run.revalidate import revalidate
from runbook.run.steps import Steps
from runbook.settings import CRITICAL_SHARE, WARN_SHARE

SAMPLES = 25  # values looked up per look-up
ERROR_RATE = 0.001  # share of responses; the users' plan says 0.1 %


def created_in_airtable(run: RunContext, name: str) -> set[str]:
    """The rows of a collection that were created in Airtable, which no source has."""
    changes = run.connections.state.rows(run.base(), name).changes()
    return {id_ for id_, change in changes.items() if change == "created"}


def check_lookups(run: RunContext) -> Page | Table:
    """Do the platform's look-ups in Airtable, and compare the results with the snapshot."""
    if run.dry_run:
        return run.skip("lookups", "nothing was loaded")
    done = run.results.transformed
    lookups = [x for x in run.connections.platform.lookups if x.collection in run.results.validated]
    untold = tuple(f"{x.collection} by {x.key}" for x in lookups if x.key in done[x.collection].untold)
    lookups = [x for x in lookups if x.key not in done[x.collection].untold]
    found = [
        check_lookup(
            run.connections.airtable,
            run.base(),
            run.tables(),
            run.catalog.collection(x.collection),
            x.key,
            done[x.collection],
            samples=SAMPLES,
            created=created_in_airtable(run, x.collection),
        )
        for x in lookups
    ]
    for lookup in found:
        run.results.checks[f"look-up of {lookup.collection} by {lookup.key} finds what Wix holds"] = lookup.passed
    run.save_requests()
    run.evidence("lookups", {"lookups": [lookup.facts() for lookup in found]})
    why = "The source does not show the keys of" if untold else "The platform has no look-ups in these collections"
    rest = Table("Look-ups", ("verdict",), [], (" ".join([why, ", ".join(untold)]).strip() + ".",))
    return Page(*found, *[rest] * bool(untold)) if found else rest


def check_links(run: RunContext) -> Page | Table:
    """Show every link of the phase's collections as `validate` found it, from both tables."""
    if run.dry_run:
        return run.skip("links", "nothing was loaded")
    validated = [run.results.validated[c.wix] for c in run.collections if c.wix in run.results.validated]
    found = [done.links for done in validated if done.links is not None]
    for check in found:
        run.results.checks[f"links of {check.collection} hold from both tables"] = check.passed
    run.evidence("links", {"links": [check.facts() for check in found]})
    return Page(*found) if found else Table("Links", ("verdict",), [], ("These collections have no links.",))


def recheck(run: RunContext) -> Table:
    """Revalidate every collection that any phase has loaded into this base."""
    if run.dry_run:
        return run.skip("recheck", "nothing was loaded")
    if run.results.rechecked:
        run.discard_readings()
    known = run.connections.state.facts.progress(run.base())
    rows: list[tuple[Any, ...]] = []
    all_green = True
    with Steps("Revalidate", {name: done.loaded for name, done in known.items()}) as progress:
        for c in run.catalog.collections.values():
            done = known.get(c.wix)
            if done is None:
                if c.wix not in run.results.absent:
                    run.results.warnings.append(f"{c.wix} has not been migrated yet")
                rows.append((c.phase, c.wix, None, None, None, None, None, "not migrated"))
                continue
            try:
                run.results.warnings += run.readings.assign_ids(c.wix, run.connections.state).notes()
                validated = revalidate(run.connections, run.readings, c, done.run_id, run.folder, progress.of(c.wix))
            except RunbookError as error:
                all_green = False
                run.results.stopped[c.wix] = str(error)
                rows.append((c.phase, c.wix, None, None, None, None, None, "error"))
                continue
            all_green = all_green and validated.green
            run.results.rechecked[c.wix] = validated
            comparison = validated.comparison
            rows.append(
                (
                    c.phase,
                    c.wix,
                    validated.exported,
                    validated.loaded,
                    validated.quarantined,
                    comparison.cells,
                    comparison.unexplained_cells,
                    "passed" if validated.green else "failed",
                )
            )
            if not validated.green:
                run.results.stopped[c.wix] = "; ".join(validated.reasons)
    run.results.checks["every collection of every phase is green when compared again"] = all_green
    run.save_requests()
    run.evidence("recheck", {"collections": {name: v.facts() for name, v in run.results.rechecked.items()}})
    columns = ("phase", "collection", "exported", "loaded", "quarantined", "cells", "unexplained", "verdict")
    return Table("All collections, compared again", columns, rows)


def benchmark(run: RunContext) -> Benchmark | Table:
    """Measure how long the platform's look-ups take in Airtable."""
    if run.dry_run:
        return run.skip("benchmark", "nothing was loaded")
    known = run.connections.state.facts.progress(run.base())
    lookups = [
        (run.catalog.collection(x.collection), x.key) for x in run.connections.platform.lookups if x.collection in known
    ]
    done = benchmark_lookups(run.connections.airtable, run.base(), run.tables(), lookups)
    run.results.checks["no 429 while look-ups were measured"] = done.limited == 0
    run.save_requests()
    run.evidence("benchmark", done.facts())
    return done


def record_counts(run: RunContext) -> RecordCounts | Table:
    """Write the rows of each table, and their share of the record limit, into the table Record Counts."""
    if run.dry_run:
        return run.skip("record_counts", "no table was created")
    known = run.connections.state.facts.progress(run.base())
    rows = {name: done.loaded for name, done in known.items() if name in run.catalog.collections}
    kept = keep_record_counts(
        run.connections.airtable,
        run.base(),
        run.catalog,
        rows,
        limit=run.connections.settings.records_limit,
        run_id=run.run_id,
    )
    run.results.checks["the table Record Counts is up to date"] = True
    run.results.warnings += list(kept.alerts)
    run.save_requests()
    run.evidence("record_counts", kept.facts())
    return kept


def set_alerts(run: RunContext) -> Table:
    """Record the thresholds of the integrity check."""
    levels = {
        "unexplained cells": 0,
        "rows missing, duplicated or unknown": 0,
        "share of the record limit, warning": WARN_SHARE,
        "share of the record limit, alert": CRITICAL_SHARE,
        "share of failed responses, alert": ERROR_RATE,
        "responses 429, alert": 0,
    }
    if not run.dry_run:
        run.connections.state.facts.set_alert_levels(levels)
        run.results.checks["alerts are set"] = True
    run.evidence("alerts", {"levels": levels})
    rows = [(name, f"{level:.1%}" if isinstance(level, float) else f"{level}") for name, level in levels.items()]
    url = run.connections.settings.alert_url
    where = "posted to RUNBOOK_ALERT_URL" if url else "RUNBOOK_ALERT_URL is not set: only the exit code reports it"
    return Table("Alerts", ("alert above", "threshold"), rows, (f"`runbook monitor` checks weekly; {where}.",))
