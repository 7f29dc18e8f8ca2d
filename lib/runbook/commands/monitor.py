"""The weekly integrity check: counts and cells of what has its flag on, the record limit, the error rate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from runbook import pictures
from runbook.checks.record_counts import RecordCounts, keep_record_counts
from runbook.connections import Connections, connect
from runbook.display import Progress, Table
from runbook.errors import CheckFailed, RunbookError
from runbook.evidence.folder import READINGS, RunFolder, check_name, new_run_id
from runbook.evidence.manifest import write_manifest
from runbook.parameters import check_types
from runbook.platform import Platform
from runbook.readings import Readings
from runbook.run.phase_checks import ERROR_RATE
from runbook.run.revalidate import validate_again
from runbook.schema import Tables
from runbook.settings import CRITICAL_SHARE
from runbook.state import CheckResult, CollectionProgress

SLUG = "integrity_check"
SOURCE = "wix"  # flags turn only on the site's own data, so only that is watched


class IntegrityCheck:
    """A check, opened. Every step adds to what the verdict stands on."""

    def __init__(self, connections: Connections, folder: RunFolder, collections: list[str]) -> None:
        self.connections = connections
        self.folder = folder
        self.base = connections.base(SOURCE)
        self.collections = collections
        self.alerts: list[str] = []
        self.done: set[str] = set()

    def _known(self) -> dict[str, CollectionProgress]:
        return self.connections.state.facts.progress(self.base) if self.base else {}

    def table(self) -> Table:
        """What will be looked at."""
        flags = self.connections.state.flags
        catalog = self.connections.catalog
        known = self._known()
        rows = [
            (name, flags.get(catalog.collection(name).flag), known[name].loaded if name in known else None)
            for name in self.collections
        ]
        notes = () if rows else ("No flag is on, so there is nothing that services read from Airtable.",)
        return Table(
            f"Integrity check {self.folder.path.name}", ("collection", "source", "rows when verified"), rows, notes
        )

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def compare(self) -> Table:
        """Read back and compare each collection with its snapshot; what came after the turn is explained by that."""
        rows: list[tuple[Any, ...]] = []
        facts, known = {}, self._known()
        base, catalog = self.base, self.connections.catalog
        readings = self._readings(base) if base and known else None
        for name in self.collections:
            done = known.get(name)
            if done is None or readings is None:
                self.alerts.append(f"{name}: its flag is on, but it has never been migrated into this base")
                rows.append((name, None, None, None, "failed", "never migrated"))
                continue
            try:
                with Progress(f"Compare {name}") as report:
                    c = catalog.collection(name)
                    found = validate_again(self.connections, readings, c, done.run_id, report)
            except RunbookError as error:
                self.alerts.append(f"{name}: {error}")
                rows.append((name, None, None, None, "error", str(error)))
                continue
            self.alerts += [f"{name}: {reason}" for reason in found.reasons]
            facts[name] = found.facts()
            since = sum(found.comparison.explained.values())
            verdict = "passed" if found.green else "failed"
            rows.append((name, found.loaded, found.comparison.cells, since, verdict, "; ".join(found.reasons)))
        if readings is not None:
            readings.discard()
        self.done.add("compare")
        self.folder.write_evidence(SLUG, "compare", {"collections": facts})
        return Table("Counts and cells", ("collection", "rows", "cells", "cells explained", "verdict", "why"), rows)

    def _readings(self, base: str) -> Readings:
        airtable = self.connections.airtable
        tables = Tables(airtable.tables(base), self.connections.catalog)
        return Readings(airtable, base, tables, self.folder.path / READINGS)

    def record_counts(self) -> RecordCounts | Table:
        """The share of the plan's record limit, written into the base."""
        self.done.add("record_counts")
        known = self._known()
        if not known or self.base is None:
            return Table("Record counts", ("table", "rows"), [], ("Nothing has been migrated yet.",))
        limit = self.connections.settings.records_limit
        kept = keep_record_counts(
            self.connections.airtable,
            self.base,
            self.connections.catalog,
            {name: done.loaded for name, done in known.items() if name in self.connections.catalog.collections},
            limit=limit,
            run_id=self.folder.path.name,
        )
        if kept.total > CRITICAL_SHARE * limit:
            self.alerts.append(f"{kept.total:,} records: {kept.total / limit:.0%} of the plan's {limit:,}")
        self.folder.write_evidence(SLUG, "record_counts", kept.facts())
        return kept

    def show_record_limit(self) -> Any:
        """The picture of it."""
        catalog = self.connections.catalog
        rows = {catalog.collection(name).table: done.loaded for name, done in self._known().items()}
        return pictures.record_limit(rows, self.connections.settings.records_limit)

    def error_rate(self) -> Table:
        """Airtable's answers during this check: all, 429s, failures."""
        answers = self.connections.log.rows()
        limited = sum(1 for answer in answers if answer.status == 429)
        failed = sum(1 for answer in answers if answer.status == 0 or answer.status >= 500)
        rate = failed / len(answers) if answers else 0.0
        if limited:
            self.alerts.append(f"{limited} answers were 429: something else uses the base's quota")
        if rate > ERROR_RATE:
            self.alerts.append(f"{rate:.2%} of {len(answers):,} answers failed; {ERROR_RATE:.1%} is the limit")
        self.done.add("error_rate")
        facts = {"answers": len(answers), "limited": limited, "failed": failed}
        self.folder.write_evidence(SLUG, "error_rate", facts)
        return Table("Answers of Airtable", ("answers", "429", "failed", "rate"), [(*facts.values(), f"{rate:.3%}")])

    def show_latency(self) -> Any:
        """How long Airtable took to answer."""
        return pictures.latency(row._asdict() for row in self.connections.log.rows())

    def verdict(self) -> Table:
        """Green or the alerts. Goes on record either way: the 30 days are counted from it. Raises CheckFailed."""
        missing = {"compare", "record_counts", "error_rate"} - self.done
        self.alerts += [f"{name} was not run: run the cells above" for name in sorted(missing)]
        passed = not self.alerts
        at = datetime.now(UTC).isoformat(timespec="seconds")
        if self.collections:  # a check that looked at nothing proves nothing
            self.connections.state.facts.add_integrity_check(CheckResult(at, passed, self.folder.path.name))
        self.folder.write_evidence(SLUG, "gate", {"passed": passed, "reasons": self.alerts, "warnings": []})
        self.connections.log.write(self.folder.path / "requests" / f"{SLUG}.jsonl")
        write_manifest(self.folder)
        if not passed:
            raise CheckFailed(f"{len(self.alerts)} alerts:\n  " + "\n  ".join(self.alerts))
        words = (
            f"{len(self.collections)} collections: nothing to call for"
            if self.collections
            else "nothing is watched yet"
        )
        return Table("Verdict", ("verdict", "what"), [("passed", words)])


def open_check(
    platform: Platform,
    *,
    environment: str = "sandbox",
    run_id: str | None = None,
    collections: list[str] | None = None,
) -> IntegrityCheck:
    """Open a check of the named collections, or of every one whose flag is on. Raises SettingError."""
    check_types({"environment": (environment, str)}, {"run_id": (run_id, str), "collections": (collections, list)})
    if run_id is not None:
        check_name(run_id)
    connections = connect(platform, environment)
    connections.state.flags.create(platform.catalog.flags)
    chosen = (
        [c.wix for c in platform.catalog.collections.values() if connections.state.flags.get(c.flag) == "airtable"]
        if collections is None
        else [platform.catalog.collection(name).wix for name in collections]
    )
    folder = RunFolder(connections.settings.runs / (run_id or f"{new_run_id()}-check"))
    return IntegrityCheck(connections, folder, chosen)
