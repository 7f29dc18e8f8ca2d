"""One phase of a run, as its notebook drives it: each method is a step, returns its result and writes evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from runbook.backlog import waits_for_airtable
from runbook.catalog import Collection
from runbook.cutover.debts import owed
from runbook.display import Page, Shown, Table, display_now
from runbook.errors import AirtableError, BaseRefused, HoldLost, RunbookError, StepError, TargetError, WixError
from runbook.evidence.runs import set_base
from runbook.json_types import Json
from runbook.run import completion, deletions, figures, flags, infrastructure, last_export, phase_checks, services
from runbook.run import tables as shown
from runbook.run.context import RunContext, guarded
from runbook.run.gate import SCHEMA_CHECK, close_gate
from runbook.run.planning import Plan, plan_lines
from runbook.run.steps import Steps
from runbook.schema import SchemaPlan, Tables, apply_schema, plan_schema
from runbook.schema.base import base_name, find_or_create_base
from runbook.schema.identity import note_tables
from runbook.staged import Transformed
from runbook.state import CollectionProgress
from runbook.steps.conflict_file import ConflictFile
from runbook.steps.load import Target, load, load_links
from runbook.steps.transform import transform
from runbook.steps.validate import Validated, validate
from runbook.wix.source import SourceCollection

T = TypeVar("T")
SCHEMA = "the schema"
"""Among what is stopped: a person must fix tables or columns first."""


class PhaseRun(RunContext):
    """An opened phase. Every step can be run again: what is already done is not repeated."""

    def __repr__(self) -> str:
        return repr(shown.header(self))

    def _repr_html_(self) -> str:
        return shown.header(self)._repr_html_()

    # The steps, in their order

    @guarded
    def plan(self) -> Plan:
        """What is at the source, what will be created and written. Reads only."""
        base = self.connections.base(self.source.label)
        available = self.source_collections()
        known = self.connections.state.facts.progress(base) if base else {}
        loaded = {name: done.loaded for name, done in known.items()}
        own = {c.wix for c in self.collections}
        plan = Plan(
            plan_lines(self.collections, self._with_doubts(available), loaded, self.results.absent),
            self._schema_plan(base),
            base,
            self.connections.settings,
            sum(rows for name, rows in loaded.items() if name not in own),
            tuple(sorted(set(available) - set(self.catalog.collections) - {k.wix for k in self.catalog.kept})),
        )
        if plan.too_many:
            self.results.stopped["the base"] = plan.too_many
        self.results.stopped.pop(SCHEMA, None)
        if plan.schema.drift:
            self.results.stopped[SCHEMA] = "; ".join(drift.message for drift in plan.schema.drift)
        self.evidence("plan", plan.facts())
        return plan

    def _with_doubts(self, available: dict[str, SourceCollection]) -> dict[str, SourceCollection]:
        own = [c for c in self.collections if c.wix in available]
        found = {c.wix: last_export.with_doubts(self, c, available[c.wix]) for c in own}
        for c in own:
            if (debt := owed(self.connections.state, c.flag)) is not None:
                found[c.wix] = replace(found[c.wix], notes=(*found[c.wix].notes, debt))
        return {**available, **found}

    @guarded
    def provision(self) -> Shown | Table:
        """Create or find the base, then create what the plan lists; read it back and compare."""
        infrastructure.require_access(self)
        if self.dry_run:
            return self.skip("provision", "no base, table, column or link was created")
        with self._write_lock():
            return self._provision()

    def _provision(self) -> Shown:
        connections, label = self.connections, self.source.label
        known, asked = connections.state.facts.base_of(label), connections.settings.base_id
        if known is None or asked not in (None, known):
            name = base_name(self.catalog, label)
            found = find_or_create_base(
                connections.airtable,
                connections.state,
                base_id=asked,
                workspace_id=connections.settings.workspace_id,
                name=name,
                catalog=self.catalog,
            )
            connections.state.facts.set_base_of(label, found, name)
        set_base(self.folder, self.base())
        applied = apply_schema(self._schema_plan(self.base()), connections.airtable, self.base())
        self.results.stopped.pop(SCHEMA, None)
        self.hold.publish()
        self._tables = Tables(applied.schema, self.catalog)
        names = [wanted.collection for wanted in applied.plan.scope.tables]
        note_tables(connections.state, self.base(), self.catalog, names, applied.schema)
        self.results.manual_steps = tuple(applied.manual_steps)
        self.results.checks[SCHEMA_CHECK] = True
        self.save_requests()
        covers = [wanted.table for wanted in applied.plan.scope.tables]
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.evidence("provision", {**applied.facts(), "covers": covers, "at": at})
        return applied

    @guarded
    def export(self) -> Table:
        """Write every row of the source to a snapshot, one per collection."""
        available = self.source_collections()
        collections = [c for c in self.collections if c.wix in available]
        with Steps("Export", {c.wix: available[c.wix].count or 0 for c in collections}) as step:
            for c in collections:
                with self._isolated(c.wix, self.results.snapshots):
                    self.results.snapshots[c.wix] = last_export.export_collection(self, c, step.of(c.wix))
        self.evidence("export", {name: snapshot.facts() for name, snapshot in self.results.snapshots.items()})
        return shown.exported(self)

    @guarded
    def transform(self) -> Page | Table:
        """Convert every row to Airtable cells and back; rows that cannot be stored exactly are quarantined."""
        snapshots = self._need(self.results.snapshots, "export", but=self.results.stopped)
        with Steps("Transform", {name: snapshot.count for name, snapshot in snapshots.items()}) as step:
            for name, snapshot in snapshots.items():
                with self._isolated(name, self.results.transformed):
                    self.results.transformed[name] = transform(
                        snapshot,
                        self.catalog.collection(name),
                        self.folder.path / "staged",
                        self.quarantine,
                        on_progress=step.of(name),
                    )
        self.evidence("transform", {name: done.facts() for name, done in self.results.transformed.items()})
        return shown.transformed(self)

    @guarded
    def load(self) -> Table:
        """Upsert new and changed rows; then the links whose targets did not exist yet."""
        staged = self._need(self.results.transformed, "transform", but=self.results.stopped)
        if self.dry_run:
            return self.skip("load", f"{sum(t.staged for t in staged.values()):,} rows could be loaded")
        if "the base" in self.results.stopped:
            return self.skip("load", self.results.stopped["the base"])
        self.discard_readings()
        self.base()  # whose flags are known from here on
        flags.begin_last_look(self)
        with self._write_lock():
            self._load(staged)
        self.results.read_by_load = True
        self.save_requests()
        self.evidence("load", {name: done.facts() for name, done in self.results.loaded.items()})
        deletions.note_changes(self, staged)
        return shown.loaded(self)

    @contextmanager
    def _write_lock(self) -> Iterator[None]:
        """Only one process writes to a base at a time: Airtable has no unique constraint on the legacy id."""
        message = "another process is writing to this base; this one continues when it has finished"
        with self.connections.state.locks.exclusive(
            self.connections.write_lock(self.source.label),
            on_wait=lambda: display_now(Table("Waiting", ("verdict", "reason"), [("waiting", message)])),
        ):
            yield

    def _load(self, staged: dict[str, Transformed]) -> None:
        with Steps("Load", {name: done.staged for name, done in staged.items()}) as step:
            for name in staged:
                with self._isolated(name, self.results.loaded):
                    self._load_one(self.catalog.collection(name), step.of(name))
        for name, done in list(self.results.loaded.items()):
            if done.deferred:
                with self._isolated(name, self.results.loaded):
                    self.results.loaded[name] = load_links(done, self._target())
                    self.readings.forget(name)

    def _load_one(self, c: Collection, report: Callable[[int, int], None]) -> None:
        side = self.connections.state.flags.get(c.flag)  # first: a debt is noted as its flag turns back
        if (debt := owed(self.connections.state, c.flag)) is not None:
            raise StepError(f"nothing of it was written. {debt}")
        waits = waits_for_airtable(self.connections.state, self.base(), [c.wix])
        if side == "wix" and waits:  # they would be sent over what this load writes
            raise StepError(f"nothing of it was written. {c.wix}: {waits[c.wix]}; then run the phase again")
        last_export.note_keys(self, c, loaded=False)
        self.results.loaded[c.wix] = load(
            self.results.transformed[c.wix],
            c,
            self._target(),
            remove_gone=True,
            remove_many=c.wix in self.connections.settings.remove_many,
            source_of_truth=side,
            on_progress=report,
            on_deletion=lambda ids: deletions.note_planned(self, c.wix, ids),
        )
        last_export.note_keys(self, c, loaded=True)
        if self.results.loaded[c.wix].writes:
            self.readings.forget(c.wix)

    @contextmanager
    def _isolated(self, name: str, results: dict[str, Any]) -> Iterator[None]:
        """An error stops only its collection: the gate is red, with the reason.

        A service that no longer responds stops the step: retrying for each collection would take half a minute each.
        """
        self.results.stopped.pop(name, None)
        try:
            yield
        except RunbookError as error:
            if isinstance(error, HoldLost | BaseRefused):
                raise
            if isinstance(error, WixError | AirtableError) and error.status is None:
                raise
            results.pop(name, None)
            self.results.stopped[name] = str(error)

    def _target(self) -> Target:
        return Target(
            airtable=self.connections.airtable,
            base=self.base(),
            tables=self.tables(),
            state=self.connections.state,
            quarantine=self.quarantine,
            catalog=self.catalog,
            conflicts=ConflictFile(self.folder.path),
            run_id=self.run_id,
            read=self._read,
        )

    def _read(self, name: str) -> Iterable[dict[str, Json]]:
        """A table's records, once rows typed or copied in the grid have an id."""
        self.results.warnings += self.readings.assign_ids(name, self.connections.state).notes()
        return self.readings.records(name)

    @guarded
    def validate(self) -> Page | Table:
        """Run the suites on both sides, and compare every cell of every row with what is read back."""
        if self.dry_run or "the base" in self.results.stopped:
            return self.skip("validate", "nothing was loaded, so nothing can be read back")
        loaded = self._need(self.results.loaded, "load", but=self.results.stopped)
        if self.results.read_by_load:  # what a load has read and did not write is as current as it
            if self.results.airtable is not None:
                self.results.airtable.forget(c.wix for c in self.collections if self.readings.get(c.wix) is None)
        else:
            self.discard_readings()
            flags.begin_last_look(self)
        self.results.read_by_load = False
        with Steps("Validate", {name: self.results.transformed[name].staged for name in loaded}) as step:
            self._assign_ids(loaded)
            for name in loaded:
                with self._isolated(name, self.results.validated):
                    self._validate_one(self.catalog.collection(name), step.of(name))
        self.save_requests()
        self.evidence("validate", {name: done.facts() for name, done in self.results.validated.items()})
        self.evidence("collections", shown.collections_facts(self))
        return shown.validated(self)

    def _assign_ids(self, loaded: Iterable[str]) -> None:
        """Give rows that were typed or copied in the grid an id: of all tables first, since links lead to them."""
        links = [link for name in loaded for link in self.catalog.collection(name).links]
        targets = [link.to for link in links if link.to in self.tables()]
        for name in dict.fromkeys(n for n in [*targets, *loaded] if n not in self.results.stopped):
            with self._isolated(name, self.results.validated):
                self.results.warnings += self.readings.assign_ids(name, self.connections.state).notes()

    def _validate_one(self, c: Collection, report: Callable[[int, int], None]) -> None:
        done = validate(
            self.results.snapshots[c.wix],
            self.results.transformed[c.wix],
            c,
            readings=self.readings,
            state=self.connections.state,
            quarantine=self.quarantine,
            suites=self.connections.platform.expectations,
            check_links=bool(c.links),
            on_progress=report,
        )
        done.write(self.folder.path / "evidence" / self.phase.slug)
        self.results.validated[c.wix] = done
        self._record(c, done)

    def _record(self, c: Collection, done: Validated) -> None:
        snapshot = self.results.snapshots[c.wix]
        mark = snapshot.mark
        self.connections.state.facts.set_progress(
            self.base(),
            CollectionProgress(
                collection=c.wix,
                run_id=self.run_id,
                phase=c.phase,
                exported=done.exported,
                loaded=done.loaded,
                quarantined=done.quarantined,
                verified=done.comparison.rows,
                unexplained=done.comparison.unexplained_cells,
                source=self.source.label,
                source_count=mark.count if mark else None,
                source_newest=mark.newest_update if mark else None,
                verified_at=datetime.now(UTC).isoformat(timespec="seconds"),
                green=done.green,
            ),
        )
        if done.table_read is not None:
            self.connections.state.facts.set_validated(self.base(), c.wix, done.table_read)

    def _schema_plan(self, base: str | None) -> SchemaPlan:
        try:
            existing = self.connections.airtable.tables(base) if base else []
        except AirtableError as error:
            if error.status not in (403, 404):
                raise
            origin = "AIRTABLE_BASE_ID" if self.connections.settings.base_id else "the base of an earlier run"
            raise TargetError(f"{origin}, {base}, cannot be read; nothing was written. {error}") from None
        facts = self.connections.state.facts
        tables = {name: facts.table(base, name) for name in self.catalog.collections} if base else {}
        known = {name: table for name, table in tables.items() if table is not None}
        return plan_schema(self.catalog, self.provisioned, existing, known=known)

    def _need(self, results: Mapping[str, T], step: str, but: Mapping[str, str] | None = None) -> dict[str, T]:
        """The results of an earlier step. Raises StepError if it was not run."""
        missing = [
            c.wix
            for c in self.collections
            if c.wix not in results and c.wix not in self.results.absent and c.wix not in (but or {})
        ]
        if missing:
            raise StepError(
                f"{', '.join(missing)}: `run.{step}()` has not been run in this kernel; run the cells above, in order. "
                "What was already done is not repeated"
            )
        return dict(results)

    # Functions over the run context; their docstrings live with them

    check_access = infrastructure.check_access
    check_schema_links = guarded(infrastructure.check_schema_links)
    tab_groups = infrastructure.tab_groups
    store_secrets = guarded(infrastructure.store_secrets)
    create_flags = guarded(flags.create_flags)
    show_rate_limit = guarded(infrastructure.show_rate_limit)
    check_lookups = guarded(phase_checks.check_lookups)
    check_links = guarded(phase_checks.check_links)
    recheck = guarded(phase_checks.recheck)
    benchmark = guarded(phase_checks.benchmark)
    record_counts = guarded(phase_checks.record_counts)
    set_alerts = guarded(phase_checks.set_alerts)
    check_services = guarded(services.check_services)
    turn_flags = guarded(flags.turn_flags)
    freeze_collections = guarded(completion.freeze_collections)
    show_backlog = guarded(completion.show_backlog)
    checklist = guarded(completion.checklist)
    gate = close_gate

    show_counts = figures.counts
    show_requests = figures.requests_over_time
    show_outcomes = figures.outcomes
    show_quarantine = figures.quarantine
    show_latency = figures.latency
    show_record_limit = figures.record_limit
