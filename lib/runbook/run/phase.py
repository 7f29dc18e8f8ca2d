"""One phase of a run, as its notebook drives it: each method is a step, returns what shows itself, leaves evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runbook.airtable.base import find_or_create_base
from runbook.airtable.schema import Tables, apply_schema, plan_schema
from runbook.connections import base_key
from runbook.display import Page, Progress, Table
from runbook.errors import RunbookError, StepError
from runbook.quarantine import Quarantine
from runbook.run import cutover, infrastructure, turning
from runbook.run.gate import Gate, judge
from runbook.run.planning import Plan, plan_lines
from runbook.steps.export import export
from runbook.steps.load import load, load_links
from runbook.steps.transform import transform
from runbook.steps.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from runbook.airtable.schema import SchemaPlan
    from runbook.catalog import Catalog, Collection, Phase
    from runbook.connections import Connections
    from runbook.display import Shown
    from runbook.evidence.folder import RunFolder
    from runbook.snapshot import Snapshot
    from runbook.steps.load import Loaded
    from runbook.steps.transform import Transformed
    from runbook.steps.validate import Validated
    from runbook.wix.source import Offer, Source


@dataclass
class Results:
    """What the steps of this phase have come to so far, by Wix name of the collection."""

    offers: dict[str, Offer] | None = None
    absent: dict[str, str] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    transformed: dict[str, Transformed] = field(default_factory=dict)
    loaded: dict[str, Loaded] = field(default_factory=dict)
    validated: dict[str, Validated] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)  # a collection that could not go on, and why
    checks: dict[str, bool] = field(default_factory=dict)  # what a phase checks beside its collections
    by_hand: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)


class PhaseRun:
    """A phase, opened. Every step can be run again: what stands is not made twice."""

    def __init__(
        self,
        connections: Connections,
        phase: Phase,
        collections: list[Collection],
        source: Source,
        folder: RunFolder,
        parameters: dict[str, Any],
    ) -> None:
        self.connections = connections
        self.phase = phase
        self.collections = collections
        self.source = source
        self.folder = folder
        self.parameters = parameters
        self.results = Results()
        self.quarantine = Quarantine(folder.path / "quarantine")
        self._tables: Tables | None = None

    # What it works with

    @property
    def catalog(self) -> Catalog:
        """The platform's catalog."""
        return self.connections.catalog

    @property
    def dry_run(self) -> bool:
        """Whether nothing may be written to Airtable."""
        return bool(self.parameters["dry_run"])

    @property
    def run_id(self) -> str:
        """The run's id, the name of its folder."""
        return self.folder.path.name

    def base(self) -> str:
        """The base of this run. Raises StepError where none has been made yet."""
        base = self.connections.base(self.source.label)
        if base is None:
            raise StepError(
                f"there is no base for source {self.source.label!r} yet: the cell `run.provision()` makes or adopts it"
            )
        return base

    def tables(self) -> Tables:
        """The base's schema, read once. Raises StepError where a table of this phase is missing."""
        if self._tables is None:
            self._tables = Tables(self.connections.airtable.tables(self.base()), self.catalog)
        return self._tables

    # The steps, in their order

    def plan(self) -> Plan:
        """What is at the source, what will be made and written. Reads only."""
        base = self.connections.base(self.source.label)
        offers = self._offers()
        schema = self._schema_plan(base)
        known = self.connections.state.progress.all(base) if base else {}
        loaded = {name: done.loaded for name, done in known.items()}
        own = {c.wix for c in self.collections}
        plan = Plan(
            plan_lines(self.collections, offers, loaded, self.results.absent),
            schema,
            base,
            self.connections.settings,
            sum(rows for name, rows in loaded.items() if name not in own),
            tuple(sorted(set(offers) - set(self.catalog.collections) - {k.wix for k in self.catalog.kept})),
        )
        self.results.warnings += [f"{name} is {why}" for name, why in self.results.absent.items()]
        self._evidence("plan", plan.facts())
        return plan

    def provision(self) -> Shown | Table:
        """Make or adopt the base, then make what the plan lists; read it back and compare."""
        if self.dry_run:
            return self._dry("provision", "no base, table, field or link was made")
        connections = self.connections
        if connections.base(self.source.label) is None:
            name = self.catalog.base if self.source.label == "wix" else f"{self.catalog.base} ({self.source.label})"
            found = find_or_create_base(
                connections.airtable,
                connections.state,
                base_id=connections.settings.base_id,
                workspace_id=connections.settings.workspace_id,
                name=name,
                catalog=self.catalog,
            )
            connections.state.facts.put(base_key(self.source.label), {"id": found, "name": name})
        applied = apply_schema(self._schema_plan(self.base()), connections.airtable, self.base())
        self._tables = None
        self.results.by_hand = tuple(applied.by_hand)
        self.results.checks["the schema is as planned"] = True
        self._evidence("provision", applied.facts())
        return applied

    def export(self) -> Table:
        """Every row of the source into a snapshot a collection."""
        offers = self._offers()
        for c in self.collections:
            if c.wix not in offers:
                self._note_absent(c)
                continue
            with self._progress(f"Export {c.wix}") as report:
                self.results.snapshots[c.wix] = export(
                    self.source, c, self.folder.path / "snapshots", on_progress=report
                )
        snapshots = self.results.snapshots
        self._evidence("export", {name: snapshot.facts() for name, snapshot in snapshots.items()})
        rows = [
            (
                s.collection,
                s.count,
                s.drafts,
                _counted(s.unknown_keys),
                s.newest_update,
                s.sha256[:12],
                "; ".join(s.notes),
            )
            for s in snapshots.values()
        ]
        columns = ("collection", "rows", "drafts", "keys that the catalog does not know", "newest", "sha256", "notes")
        return Table(f"Exported from {self.source.label}", columns, rows, self._absent_words())

    def transform(self) -> Page:
        """Every row into Airtable cells and back; what cannot be held goes into quarantine."""
        for c in self._with(self.results.snapshots, "export"):
            with self._progress(f"Transform {c.wix}") as report:
                self.results.transformed[c.wix] = transform(
                    self.results.snapshots[c.wix], c, self.folder.path / "staged", self.quarantine, on_progress=report
                )
        done = self.results.transformed
        self._evidence("transform", {name: t.facts() for name, t in done.items()})
        rows = [(t.collection, t.exported, t.staged, t.quarantined) for t in done.values()]
        table = Table("Transformed", ("collection", "exported", "can be loaded", "in quarantine"), rows)
        return Page(table, *(t for t in done.values() if t.remarkable))

    def load(self) -> Table | Page:
        """Upsert what is new or changed; then the links that had to wait for their targets."""
        if self.dry_run:
            return self._dry(
                "load", f"{sum(t.staged for t in self.results.transformed.values()):,} rows could be loaded"
            )
        waiting = []
        for c in self._with(self.results.transformed, "transform"):
            try:
                with self._progress(f"Load {c.wix}") as report:
                    self.results.loaded[c.wix] = load(
                        self.results.transformed[c.wix],
                        c,
                        airtable=self.connections.airtable,
                        base=self.base(),
                        tables=self.tables(),
                        state=self.connections.state,
                        quarantine=self.quarantine,
                        catalog=self.catalog,
                        remove_gone=True,
                        source_of_truth=self.connections.state.flags.get(c.flag),
                        on_progress=report,
                    )
                    self.results.stopped.pop(c.wix, None)
            except RunbookError as error:
                self.results.stopped[c.wix] = str(error)
                continue
            if self.results.loaded[c.wix].links_waiting:
                waiting.append(c)
        for c in waiting:
            with self._progress(f"Link {c.wix}") as report:
                self.results.loaded[c.wix] = load_links(self.results.loaded[c.wix], on_progress=report)
        self._save_requests()
        self._evidence("load", {name: loaded.facts() for name, loaded in self.results.loaded.items()})
        return self._loaded_table()

    def validate(self) -> Page | Table:
        """The suites on both sides, and every cell of every row compared with what was read back."""
        if self.dry_run:
            return self._dry("validate", "nothing was loaded, so nothing can be read back")
        for c in self._with(self.results.loaded, "load", but=self.results.stopped):
            with self._progress(f"Validate {c.wix}") as report:
                done = validate(
                    self.results.snapshots[c.wix],
                    self.results.transformed[c.wix],
                    c,
                    catalog=self.catalog,
                    airtable=self.connections.airtable,
                    base=self.base(),
                    tables=self.tables(),
                    state=self.connections.state,
                    quarantine=self.quarantine,
                    suites=self.connections.platform.expectations,
                    on_progress=report,
                )
            done.write(self.folder.path / "evidence" / self.phase.slug)
            self.results.validated[c.wix] = done
            self._record(c, done)
        self._save_requests()
        self._evidence("validate", {name: v.facts() for name, v in self.results.validated.items()})
        self._evidence("collections", self._collections_facts())
        return self._validated_table()

    # What a phase checks beside its collections

    def check_access(self) -> Shown:
        """Credentials, permissions and plan of both accounts."""
        return infrastructure.check_access(self)

    def check_schema_links(self) -> Shown | Table:
        """Every link column points to the right table, and its inverse points back."""
        return infrastructure.check_schema_links(self)

    def tab_groups(self) -> Table:
        """Which table belongs to which group: arranged by hand, Airtable has no API for it."""
        return infrastructure.tab_groups(self)

    def store_secrets(self) -> Table:
        """Put AIRTABLE_API_KEY and AIRTABLE_BASE_ID into the Wix Secrets Manager."""
        return infrastructure.store_secrets(self)

    def create_flags(self) -> Table:
        """Create every DATA_SOURCE flag that is not there yet, at 'wix'."""
        return infrastructure.create_flags(self)

    def show_pacing(self) -> Shown | Table:
        """Many requests at once: never above the limit, no 429."""
        return infrastructure.show_pacing(self)

    def check_lookups(self) -> Page | Table:
        """The platform's look-ups of this phase, asked of Airtable and compared with the snapshot."""
        return cutover.check_lookups(self)

    def check_links(self) -> Page | Table:
        """Every link cell against its key, every inverse cell against the rows that point to it."""
        return cutover.check_links(self)

    def recheck(self) -> Table:
        """Every collection of every phase, read back and compared once more."""
        return cutover.recheck(self)

    def benchmark(self) -> Shown | Table:
        """How long look-ups take, asked of Airtable itself."""
        return cutover.benchmark(self)

    def record_counts(self) -> Shown | Table:
        """Keep the table Record Counts in the base up to date."""
        return cutover.record_counts(self)

    def set_alerts(self) -> Table:
        """What the integrity check watches, and from where on it calls."""
        return cutover.set_alerts(self)

    def archive(self, *, freeze: bool) -> Table:
        """With `freeze`, and every gate green: close the moved Wix collections to writes."""
        return archive.archive(self, freeze=freeze)

    def checklist(self) -> Table:
        """What is left before the Wix side may go."""
        return archive.checklist(self)

    def turn_flags(self) -> Table:
        """Turn the flags of this phase, where asked for and the evidence allows it."""
        return turning.turn_phase(self)

    def gate(self) -> Gate:
        """The verdict. Shows itself and leaves its evidence before it raises CheckFailed."""
        gate = judge(self)
        self._evidence("gate", gate.facts())
        self._save_requests()
        write_manifest(self.folder)
        if gate.reasons:
            display_now(gate)
        return gate.require()

    # Pictures

    def show_counts(self) -> Any:
        """Rows at the source and in Airtable, by collection."""
        return figures.counts(self)

    def show_requests(self) -> Any:
        """Requests over time against the limit."""
        return figures.requests_over_time(self)

    def show_outcomes(self) -> Any:
        """What the checks came to, by collection and kind."""
        return figures.outcomes(self)

    def show_quarantine(self) -> Any:
        """Rows in quarantine, by reason."""
        return figures.quarantine(self)

    def show_latency(self) -> Any:
        """How long Airtable took to answer."""
        return figures.latency(self)

    def show_record_limit(self) -> Any:
        """The share of the plan's record limit, by table."""
        return figures.record_limit(self)
