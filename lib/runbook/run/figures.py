"""The pictures of a run, from the results of its steps."""

from __future__ import annotations

from collections import Counter
from typing import Any

from runbook import pictures
from runbook.run.context import RunContext


def counts(run: RunContext) -> Any:
    """Rows at the source, in Airtable and in quarantine, by collection."""
    done = run.results.validated
    return pictures.counts([(name, v.exported, v.loaded, v.quarantined) for name, v in done.items()])


def requests_over_time(run: RunContext) -> Any:
    """Requests per second and the rate limit; 429s are marked."""
    return pictures.requests_over_time(_requests(run), run.connections.settings.rate)


def outcomes(run: RunContext) -> Any:
    """The results of the checks, by collection and kind."""
    return pictures.outcomes({name: v.outcomes() for name, v in run.results.validated.items()})


def quarantine(run: RunContext) -> Any:
    """Rows in quarantine, by collection, field and reason."""
    reasons: Counter[str] = Counter()
    for name, done in run.results.transformed.items():
        for field, counts_by_reason in done.reasons.items():
            reasons.update({f"{name}.{field}: {reason}": rows for reason, rows in counts_by_reason.items()})
        reasons[f"{name}: refused by Airtable"] += run.quarantine.count(name, "load")
    reasons = +reasons
    return pictures.quarantine(dict(reasons))


def latency(run: RunContext) -> Any:
    """Response times of Airtable."""
    return pictures.latency(_requests(run))


def record_limit(run: RunContext) -> Any:
    """Rows by table, and the record limit of the plan."""
    known = run.connections.state.facts.progress(run.base())
    rows = {run.catalog.collection(name).table: done.loaded for name, done in known.items()}
    return pictures.record_limit(rows, run.connections.settings.records_limit)


def _requests(run: RunContext) -> list[dict[str, Any]]:
    return [row._asdict() for row in run.connections.log.rows()]
