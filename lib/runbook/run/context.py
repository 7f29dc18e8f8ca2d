"""A phase, opened: what its steps work with, and what they have come to so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runbook.catalog import Catalog, Collection, Phase
from runbook.connections import Connections
from runbook.display import Table
from runbook.errors import StepError
from runbook.evidence.folder import RunFolder
from runbook.quarantine import Quarantine
from runbook.schema import Tables
from runbook.snapshot import Snapshot
from runbook.staged import Transformed
from runbook.steps.load import Loaded
from runbook.steps.validate import Validated
from runbook.wix.names import similar_name
from runbook.wix.source import Source, SourceCollection


@dataclass
class Results:
    """What the steps of this phase have come to so far, by Wix name of the collection."""

    source_collections: dict[str, SourceCollection] | None = None
    absent: dict[str, str] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    transformed: dict[str, Transformed] = field(default_factory=dict)
    loaded: dict[str, Loaded] = field(default_factory=dict)
    validated: dict[str, Validated] = field(default_factory=dict)
    rechecked: dict[str, Validated] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)  # a collection that could not go on, and why
    checks: dict[str, bool] = field(default_factory=dict)  # what a phase checks beside its collections
    manual_steps: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)


class RunContext:
    """Both sides, the folder of the run, the phase's collections, and the results so far. Steps are `PhaseRun`'s."""

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
        connections.state.flags.create(connections.catalog.flags)

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

    @property
    def provisioned(self) -> list[Collection]:
        """The collections whose tables this phase makes: its own, and those that the catalog names for it."""
        return [*self.collections, *(self.catalog.collection(name) for name in self.phase.tables)]

    def base(self) -> str:
        """The base of this run. Raises StepError where none has been made yet."""
        base = self.connections.base(self.source.label)
        if base is None:
            raise StepError(
                f"there is no base for source {self.source.label!r} yet: the cell `run.provision()` makes or adopts it"
            )
        return base

    def tables(self) -> Tables:
        """The base's schema, read once."""
        if self._tables is None:
            self._tables = Tables(self.connections.airtable.tables(self.base()), self.catalog)
        return self._tables

    def source_collections(self) -> dict[str, SourceCollection]:
        """What the source has, asked once; notes what of this phase it lacks."""
        if self.results.source_collections is None:
            self.results.source_collections = self.source.collections()
            if self.source.label == "wix" and not set(self.results.source_collections) & set(self.catalog.collections):
                self.results.stopped["the site"] = (
                    "it has none of the catalog's collections: WIX_SITE_ID may be of another site, or WIX_API_KEY of "
                    "one that may not list them"
                )
            base = self.connections.base(self.source.label)
            known = self.connections.state.progress.all(base) if base else {}
            for c in self.collections:
                if c.wix not in self.results.source_collections:
                    like = similar_name(c.wix, set(self.results.source_collections) - set(self.catalog.collections))
                    why = "absent at the source" + (f"; {like!r} may be it under another name" if like else "")
                    self.results.absent[c.wix] = why
                    if like:
                        self.results.stopped[c.wix] = f"{why}; rename it there, or in the catalog"
                    else:
                        there = known[c.wix].loaded if c.wix in known else 0
                        rows = f"; its {there:,} row{'s' * (there > 1)} in Airtable stay, unchecked" if there else ""
                        self.results.warnings.append(f"{c.wix} is {why}{rows}")
        return self.results.source_collections

    def evidence(self, name: str, facts: dict[str, Any]) -> None:
        """Leave what a step came to in the run folder."""
        self.folder.write_evidence(self.phase.slug, name, facts)

    def dry(self, step: str, words: str) -> Table:
        """What a step shows instead, in a dry run."""
        self.evidence(step, {"dry_run": True})
        return Table(f"Dry run: {step}", ("verdict", "what"), [("dry run", words)])

    def save_requests(self) -> None:
        """Leave the requests so far, and their summary, in the run folder."""
        self.connections.log.write(self.folder.path / "requests" / f"{self.phase.slug}.jsonl")
        told = self.connections.log.summary()
        figures = {"count": told.count, "limited": told.too_many, "unanswered": told.unanswered}
        self.evidence("requests", {**figures, "p50": told.p50, "p95": told.p95, "p99": told.p99})
