"""The weekly integrity check: counts and cells of collections whose flag is on, the record limit, the error rate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from runbook import pictures
from runbook.backlog import Backlog, read_backlog
from runbook.checks.record_counts import RecordCounts, keep_record_counts
from runbook.connections import Connections, connect
from runbook.cutover.debts import as_texts
from runbook.display import Progress, Table, plural
from runbook.errors import CheckFailed, RunbookError
from runbook.evidence.folder import READINGS, RunFolder
from runbook.evidence.kernel import kernel_facts
from runbook.evidence.manifest import write_manifest
from runbook.evidence.runs import check_run
from runbook.holding import Hold, open_base
from runbook.parameters import check_types
from runbook.platform import Platform
from runbook.readings import Readings
from runbook.run.opening import run_folder
from runbook.run.phase_checks import ERROR_RATE
from runbook.run.revalidate import revalidate
from runbook.schema import Tables
from runbook.settings import CRITICAL_SHARE, read_settings
from runbook.state import CheckResult, CollectionProgress

SLUG = "integrity_check"
SOURCE = "wix"  # flags turn only on the site's own data, so only that is checked


class IntegrityCheck:
    """An opened check. Every step adds to the verdict."""

    def __init__(self, connections: Connections, folder: RunFolder, collections: list[str], hold: Hold) -> None:
        self.connections = connections
        self.hold = hold
        self.folder = folder
        self.base = connections.base(SOURCE)
        self.collections = collections
        self.alerts: list[str] = []
        self.notes: list[str] = []
        self.steps_run: set[str] = set()

    def _known(self) -> dict[str, CollectionProgress]:
        return self.connections.state.facts.progress(self.base) if self.base else {}

    def table(self) -> Table:
        """The collections to check."""
        flags = self.connections.state.flags
        catalog = self.connections.catalog
        known = self._known()
        rows = [
            (name, flags.get(catalog.collection(name).flag), known[name].loaded if name in known else None)
            for name in self.collections
        ]
        notes = (*as_texts(self.connections.state),)
        if not rows:
            notes = ("No flag is on: services read nothing from Airtable.", *notes)
        return Table(
            f"Integrity check {self.folder.path.name}",
            ("collection", "source", "rows at the last validation"),
            rows,
            notes,
        )

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def compare(self) -> Table:
        """Compare each collection with its snapshot; changes since the flag turned are explained by their date."""
        self.folder.require_unsealed()
        rows: list[tuple[Any, ...]] = []
        facts, known = {}, self._known()
        base, catalog = self.base, self.connections.catalog
        readings = self._readings(base) if base and known else None
        unread: dict[str, str] = {}
        if readings is not None:
            unread = self._assign_ids(readings, [name for name in self.collections if name in known])
        for name in self.collections:
            done = known.get(name)
            if done is None or readings is None:
                self.alerts.append(f"{name}: its flag is on, but it was never migrated into this base")
                rows.append((name, None, None, None, "failed", "not migrated"))
                continue
            if name in unread:
                rows.append((name, None, None, None, "error", unread[name]))
                continue
            try:
                with Progress(f"Compare {name}") as report:
                    c = catalog.collection(name)
                    found = revalidate(self.connections, readings, c, done.run_id, self.folder, report)
            except RunbookError as error:
                self.alerts.append(f"{name}: {error}")
                rows.append((name, None, None, None, "error", str(error)))
                continue
            self.alerts += [f"{name}: {reason}" for reason in found.reasons]
            self.notes += [f"{name}: {warning}" for warning in found.comparison.warnings()]
            facts[name] = found.facts()
            since = sum(found.comparison.explained.values())
            verdict = "passed" if found.green else "failed"
            rows.append((name, found.loaded, found.comparison.cells, since, verdict, "; ".join(found.reasons)))
        if readings is not None:
            readings.discard()
        self.steps_run.add("compare")
        self.folder.write_evidence(SLUG, "compare", {"collections": facts, "notes": self.notes})
        columns = ("collection", "rows", "cells", "cells explained", "verdict", "reason")
        return Table("Counts and cells", columns, rows, tuple(self.notes))

    def _assign_ids(self, readings: Readings, names: list[str]) -> dict[str, str]:
        """Give rows that were typed or copied in the grid an id: of all tables first, since links lead to them.

        Why collections cannot be read.
        """
        unread = {}
        for name in names:
            try:
                with Progress(f"Read {name}"):
                    self.notes += readings.assign_ids(name, self.connections.state).notes()
            except RunbookError as error:
                unread[name] = str(error)
                self.alerts.append(f"{name}: {error}")
        return unread

    def _readings(self, base: str) -> Readings:
        airtable = self.connections.airtable
        tables = Tables(airtable.tables(base), self.connections.catalog)
        return Readings(airtable, base, tables, self.folder.path / READINGS)

    def record_counts(self) -> RecordCounts | Table:
        """Write the record counts, and their share of the plan's limit, into the base."""
        self.folder.require_unsealed()
        self.steps_run.add("record_counts")
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
            self.alerts.append(f"{plural(kept.total, 'record')}: {kept.total / limit:.0%} of the plan's {limit:,}")
        self.folder.write_evidence(SLUG, "record_counts", kept.facts())
        return kept

    def show_record_limit(self) -> Any:
        """Records by table, and the limit of the plan."""
        catalog = self.connections.catalog
        rows = {catalog.collection(name).table: done.loaded for name, done in self._known().items()}
        return pictures.record_limit(rows, self.connections.settings.records_limit)

    def error_rate(self) -> Table:
        """Airtable's responses during this check: all, 429s, failures."""
        self.folder.require_unsealed()
        responses = self.connections.log.rows()
        limited = sum(1 for response in responses if response.status == 429)
        failed = sum(1 for response in responses if response.status == 0 or response.status >= 500)
        rate = failed / len(responses) if responses else 0.0
        if limited:
            self.alerts.append(f"{plural(limited, 'response')} 429: another client uses the rate limit of the base")
        if rate > ERROR_RATE:
            self.alerts.append(
                f"{rate:.2%} of {plural(len(responses), 'response')} failed; the limit is {ERROR_RATE:.1%}"
            )
        self.steps_run.add("error_rate")
        facts = {"responses": len(responses), "limited": limited, "failed": failed}
        self.folder.write_evidence(SLUG, "error_rate", facts)
        return Table(
            "Responses of Airtable", ("responses", "429", "failed", "rate"), [(*facts.values(), f"{rate:.3%}")]
        )

    def backlog(self) -> Backlog:
        """What Wix does not have yet of what was written in Airtable, and whether it is carried back."""
        self.folder.require_unsealed()
        found = read_backlog(self.connections.state, self.base, self.connections.catalog)
        self.folder.write_evidence(SLUG, "backlog", found.facts())
        return found

    def show_latency(self) -> Any:
        """Response times of Airtable."""
        return pictures.latency(row._asdict() for row in self.connections.log.rows())

    def verdict(self) -> Table:
        """The verdict; recorded in state, where the 30 stable days are counted. Raises CheckFailed with the alerts."""
        self.folder.require_unsealed()
        self.hold.release()
        self.alerts += self.backlog().alerts()
        missing = {"compare", "record_counts", "error_rate"} - self.steps_run
        self.alerts += [f"{name} was not run: run the cells above" for name in sorted(missing)]
        passed = not self.alerts
        at = datetime.now(UTC).isoformat(timespec="seconds")
        if self.collections:  # a check of no collections proves nothing
            self.connections.state.facts.add_integrity_check(CheckResult(at, passed, self.folder.path.name))
        debts = as_texts(self.connections.state)
        warnings = [*self.notes, *debts]
        self.folder.write_evidence(SLUG, "gate", {"passed": passed, "reasons": self.alerts, "warnings": warnings})
        self.connections.log.write(self.folder.path / "requests" / f"{SLUG}.jsonl")
        write_manifest(self.folder)
        if not passed:
            raise CheckFailed(f"{plural(len(self.alerts), 'alert')}:\n  " + "\n  ".join(self.alerts))
        summary = (
            f"{plural(len(self.collections), 'collection')}: no alerts" if self.collections else "nothing to check yet"
        )
        rows = [("passed", summary), *(("not carried back", text) for text in debts)]
        return Table("Verdict", ("verdict", "details"), rows)


def open_check(
    platform: Platform,
    *,
    environment: str = "sandbox",
    run_id: str | None = None,
    new_run: str | None = None,
    collections: list[str] | None = None,
) -> IntegrityCheck:
    """Open a check of the named collections, or of all whose flag is on, in a new run. Raises SettingError.

    `new_run`: the run's name; `run_id`: a check's run that goes on.
    """
    check_types(
        {"environment": (environment, str)},
        {"run_id": (run_id, str), "new_run": (new_run, str), "collections": (collections, list)},
    )
    check_run(read_settings(environment, platform).runs, {}, run_id=run_id, new_run=new_run)
    connections = connect(platform, environment)
    hold = open_base(connections, SOURCE, run_id=run_id, offline=True)
    chosen = (
        [c.wix for c in platform.catalog.collections.values() if connections.state.flags.get(c.flag) == "airtable"]
        if collections is None
        else [platform.catalog.collection(name).wix for name in collections]
    )
    folder = run_folder(connections, SOURCE, [SLUG], run_id=run_id, new_run=new_run, kind=SLUG)
    folder.write_evidence(SLUG, "kernel", kernel_facts(platform.root))
    return IntegrityCheck(connections, folder, chosen, hold)
