"""What a phase checks beside its own rows: look-ups, links, the whole once more, times, counts, alerts."""

from __future__ import annotations

from typing import Any

from runbook.checks.lookups import Benchmark, benchmark_lookups, check_lookup
from runbook.checks.record_counts import RecordCounts, keep_record_counts
from runbook.display import Page, Table
from runbook.errors import RunbookError
from runbook.run.context import RunContext
from runbook.run.revalidate import distrust, validate_again
from runbook.run.steps import Steps
from runbook.settings import CRITICAL_SHARE, WARN_SHARE

SAMPLES = 25  # values asked for each look-up
ERROR_RATE = 0.001  # of answers; the users' plan: 0.1 %


def check_lookups(run: RunContext) -> Page | Table:
    """Ask Airtable what services ask, and compare with the snapshot."""
    if run.dry_run:
        return run.skip("lookups", "nothing was loaded")
    asked = [x for x in run.connections.platform.lookups if x.collection in run.results.validated]
    found = [
        check_lookup(
            run.connections.airtable,
            run.base(),
            run.tables(),
            run.catalog.collection(x.collection),
            x.key,
            run.results.transformed[x.collection],
            samples=SAMPLES,
        )
        for x in asked
    ]
    for one in found:
        run.results.checks[f"look-up of {one.collection} by {one.key} finds what Wix holds"] = one.passed
    run.save_requests()
    run.evidence("lookups", {"lookups": [one.facts() for one in found]})
    return Page(*found) if found else Table("Look-ups", ("verdict",), [], ("None of these collections is looked up.",))


def check_links(run: RunContext) -> Page | Table:
    """Every link of the phase's collections, from both tables, as they were validated."""
    if run.dry_run:
        return run.skip("links", "nothing was loaded")
    validated = [run.results.validated[c.wix] for c in run.collections if c.wix in run.results.validated]
    found = [done.links for done in validated if done.links is not None]
    for one in found:
        run.results.checks[f"links of {one.collection} hold from both tables"] = one.passed
    run.evidence("links", {"links": [one.facts() for one in found]})
    return Page(*found) if found else Table("Links", ("verdict",), [], ("These collections have no links.",))


def recheck(run: RunContext) -> Table:
    """Validate again every collection that any phase has loaded into this base."""
    if run.dry_run:
        return run.skip("recheck", "nothing was loaded")
    if run.results.rechecked:
        run.discard_readings()
    known = run.connections.state.facts.progress(run.base())
    rows: list[tuple[Any, ...]] = []
    whole = True
    with Steps("Compare again", {name: done.loaded for name, done in known.items()}) as progress:
        for c in run.catalog.collections.values():
            done = known.get(c.wix)
            if done is None:
                if c.wix not in run.results.absent:
                    run.results.warnings.append(f"{c.wix} has not been migrated yet")
                rows.append((c.phase, c.wix, None, None, None, None, None, "not migrated"))
                continue
            try:
                again = validate_again(run.connections, run.readings, c, done.run_id, progress.of(c.wix))
            except RunbookError as error:
                whole = False
                run.results.stopped[c.wix] = str(error)
                rows.append((c.phase, c.wix, None, None, None, None, None, "error"))
                continue
            whole = whole and again.green
            run.results.warnings += distrust(run.connections, run.base(), c, again)
            run.results.rechecked[c.wix] = again
            comparison = again.comparison
            rows.append(
                (
                    c.phase,
                    c.wix,
                    again.exported,
                    again.loaded,
                    again.quarantined,
                    comparison.cells,
                    comparison.unexplained_cells,
                    "passed" if again.green else "failed",
                )
            )
            if not again.green:
                run.results.stopped[c.wix] = "; ".join(again.reasons)
    run.results.checks["every collection of every phase compared again, with nothing unexplained"] = whole
    run.save_requests()
    run.evidence("recheck", {"collections": {name: v.facts() for name, v in run.results.rechecked.items()}})
    columns = ("phase", "collection", "exported", "loaded", "quarantined", "cells", "unexplained", "verdict")
    return Table("The whole, compared again", columns, rows)


def benchmark(run: RunContext) -> Benchmark | Table:
    """Time the platform's look-ups on Airtable."""
    if run.dry_run:
        return run.skip("benchmark", "nothing was loaded")
    known = run.connections.state.facts.progress(run.base())
    asked = [
        (run.catalog.collection(x.collection), x.key) for x in run.connections.platform.lookups if x.collection in known
    ]
    done = benchmark_lookups(run.connections.airtable, run.base(), run.tables(), asked)
    run.results.checks["no 429 while look-ups were timed"] = done.limited == 0
    run.save_requests()
    run.evidence("benchmark", done.facts())
    return done


def record_counts(run: RunContext) -> RecordCounts | Table:
    """Write each table's rows and share of the limit into the table Record Counts."""
    if run.dry_run:
        return run.skip("record_counts", "no table was made")
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
    """Set what the integrity check watches."""
    levels = {
        "cells that differ without a reason": 0,
        "rows missing, doubled or unknown": 0,
        "share of the record limit, warning": WARN_SHARE,
        "share of the record limit, alert": CRITICAL_SHARE,
        "share of failed answers, alert": ERROR_RATE,
        "answers 429, alert": 0,
    }
    if not run.dry_run:
        run.connections.state.facts.set_alert_levels(levels)
        run.results.checks["alerts are set"] = True
    run.evidence("alerts", {"levels": levels})
    rows = [(what, f"{level:.1%}" if isinstance(level, float) else f"{level}") for what, level in levels.items()]
    url = run.connections.settings.alert_url
    where = "posted to RUNBOOK_ALERT_URL" if url else "RUNBOOK_ALERT_URL is not set: the exit code alone tells"
    return Table("Alerts", ("calls above", "level"), rows, (f"`runbook monitor` checks weekly; {where}.",))
