"""The context of a run: what the steps of a phase work with, and their results so far."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from runbook.catalog import Catalog, Collection, Phase
from runbook.connections import Connections
from runbook.cutover.airtable_evidence import AirtableEvidence
from runbook.display import Table, plural
from runbook.errors import AccessRefused, SourceError, StepError, WixError
from runbook.evidence.folder import READINGS, RunFolder
from runbook.evidence.kernel import kernel_facts
from runbook.holding import Hold
from runbook.holding.opening import attach
from runbook.quarantine import Quarantine
from runbook.readings import Readings
from runbook.schema import Tables
from runbook.snapshot import Snapshot
from runbook.staged import Transformed
from runbook.steps.load import Loaded
from runbook.steps.validate import Validated
from runbook.wix.names import similar_name
from runbook.wix.source import Source, SourceCollection

OTHER_SITE = (
    "it has none of the catalog's collections: WIX_SITE_ID may belong to another site, or WIX_API_KEY may lack the "
    "right to list them"
)
OTHER_FOLDER = (
    "it has none of the catalog's collections: its files must have their names, such as FAQs.csv; it may be another "
    "site's export"
)


@dataclass
class Results:
    """The results of the steps so far, by Wix name of the collection."""

    source_collections: dict[str, SourceCollection] | None = None
    absent: dict[str, str] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    transformed: dict[str, Transformed] = field(default_factory=dict)
    loaded: dict[str, Loaded] = field(default_factory=dict)
    read_by_load: bool = False  # the readings are those of a load, and nothing has looked at them since
    airtable: AirtableEvidence | None = None  # what changed there since validation read it, where flags are to turn
    validated: dict[str, Validated] = field(default_factory=dict)
    rechecked: dict[str, Validated] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)  # collection -> why it was stopped
    refused: str = ""  # why nothing may be written at all: an account or the site is not the right one
    checks: dict[str, bool] = field(default_factory=dict)  # condition -> whether it holds, beside the collections
    manual_steps: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)


P = ParamSpec("P")
R = TypeVar("R", bound="RunContext")
T = TypeVar("T")


def guarded(function: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[R, P], T]:
    """A step of a run: refused, before it does anything, where the run is signed or its accounts were found wanting."""

    @functools.wraps(function)
    def checked(run: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
        run.require_open()
        return function(run, *args, **kwargs)

    return checked


class RunContext:
    """Connections to both sides, the run folder, the phase's collections, and the results so far.

    `PhaseRun` adds the steps.
    """

    def __init__(
        self,
        connections: Connections,
        phase: Phase,
        collections: list[Collection],
        source: Source,
        folder: RunFolder,
        parameters: dict[str, Any],
        hold: Hold,
    ) -> None:
        self.connections = connections
        self.hold = hold
        self.phase = phase
        self.collections = collections
        self.source = source
        self.folder = folder
        self.parameters = parameters
        self.results = Results()
        self.quarantine = Quarantine(folder.path / "quarantine")
        self._kernel_noted = False
        self._tables: Tables | None = None
        self._readings: Readings | None = None
        self.results.warnings += hold.notes

    @property
    def catalog(self) -> Catalog:
        """The platform's catalog."""
        return self.connections.catalog

    @property
    def dry_run(self) -> bool:
        """Whether this is a dry run: nothing is written to Airtable."""
        return bool(self.parameters["dry_run"])

    @property
    def run_id(self) -> str:
        """The id of the run, which is the name of its folder."""
        return self.folder.path.name

    @property
    def provisioned(self) -> list[Collection]:
        """The collections whose tables this phase creates: its own, and those that the catalog assigns to it."""
        return [*self.collections, *(self.catalog.collection(name) for name in self.phase.tables)]

    def base(self) -> str:
        """The id of the base. Raises StepError if there is none yet."""
        base = self.connections.base(self.source.label)
        if base is None:
            raise StepError(
                f"there is no base for source {self.source.label!r} yet: the cell `run.provision()` creates or finds it"
            )
        if self.hold.base != base:  # made since, or not to be read at the opening
            attach(self.hold, base, dry_run=self.dry_run)
        return base

    def tables(self) -> Tables:
        """The base's schema, read once."""
        if self._tables is None:
            self._tables = Tables(self.connections.airtable.tables(self.base()), self.catalog)
        return self._tables

    @property
    def readings(self) -> Readings:
        """The base's tables as this phase reads them: each once, until they are discarded."""
        if self._readings is None:
            folder = self.folder.path / READINGS
            self._readings = Readings(
                self.connections.airtable, self.base(), self.tables(), folder, linking=self.collections
            )
        return self._readings

    def require_open(self) -> None:
        """Raises SettingError if the run is signed, AccessRefused if nothing may be written with these accounts."""
        self.folder.require_unsealed()
        if self.results.refused:
            raise AccessRefused(self.results.refused)

    def check_source(self) -> None:
        """Raises AccessRefused where the source has none of the catalog's collections."""
        self.source_collections()
        self.require_open()

    def discard_readings(self) -> None:
        """Delete what was read: it is read again when it is next needed."""
        if self._readings is not None:
            self._readings.discard()
        self._readings = None

    def source_collections(self) -> dict[str, SourceCollection]:
        """The source's collections, read once; records which collections of this phase it lacks."""
        if self.results.source_collections is None:
            found = self.results.source_collections = self.source.collections()
            if not set(found) & set(self.catalog.collections):
                site = self.source.label == "wix"
                what, why = ("the site", OTHER_SITE) if site else (f"the folder {self.source.label}", OTHER_FOLDER)
                self.results.stopped[what] = why
                self.results.refused = f"{what} is refused, and nothing was written: {why}"
            self._record_absent(set(found))
        return self.results.source_collections

    def _record_absent(self, found: set[str]) -> None:
        base = self.connections.base(self.source.label)
        known = self.connections.state.facts.progress(base) if base else {}
        for name in [c.wix for c in self.collections if c.wix not in found]:
            if doubt := self._doubt_absence(name):
                self.results.stopped[name] = self.results.absent[name] = doubt
                continue
            reason = "absent at the source"
            if like := similar_name(name, found - set(self.catalog.collections)):
                reason += f"; {like!r} may be the same collection under another name"
                self.results.stopped[name] = f"{reason}; rename it in the source or in the catalog"
            else:
                loaded = known[name].loaded if name in known else 0
                kept = f"; {plural(loaded, 'row')} in Airtable kept, not checked" if loaded else ""
                self.results.warnings.append(f"{name} is {reason}{kept}")
            self.results.absent[name] = reason

    def _doubt_absence(self, name: str) -> str | None:
        """Why a collection that the source does not list may exist all the same; None where it does not."""
        try:
            missing = self.source.missing(self.catalog.collection(name))
        except SourceError as error:
            if isinstance(error, WixError) and error.status is None:
                raise
            return f"the source does not list it, and it is not known whether it exists: {error}"
        return None if missing else "the source does not list it, and has it all the same; run it again"

    def evidence(self, name: str, facts: dict[str, Any]) -> None:
        """Write the result of a step to the run folder, the first with what this kernel runs."""
        if not self._kernel_noted:
            self.folder.write_evidence(self.phase.slug, "kernel", kernel_facts(self.connections.platform.root))
            self._kernel_noted = True
        self.folder.write_evidence(self.phase.slug, name, facts)

    def skip(self, step: str, reason: str) -> Table:
        """Record that a dry run skips a step, and show why."""
        self.evidence(step, {"dry_run": True})
        return Table(f"Dry run: {step}", ("verdict", "what"), [("dry run", reason)])

    def save_requests(self) -> None:
        """Write the requests so far, and their summary, to the run folder."""
        self.connections.log.write(self.folder.path / "requests" / f"{self.phase.slug}.jsonl")
        self.evidence("requests", asdict(self.connections.log.summary()))
