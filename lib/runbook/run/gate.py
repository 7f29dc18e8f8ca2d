"""The gate of a phase: its verdict, derived from what its steps recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runbook.cutover.drills import reasons_for_drill
from runbook.display import Shown, Table, display_now, plural
from runbook.errors import CheckFailed
from runbook.evidence.changes import Changes, as_text, read_changes
from runbook.evidence.manifest import write_manifest
from runbook.run.context import RunContext
from runbook.state import GateResult
from runbook.steps.conflict_file import some
from runbook.steps.loaded import Loaded

NOTHING = "nothing to do"
SCHEMA_CHECK = "the schema is as planned"


@dataclass(frozen=True, repr=False)
class Gate(Shown):
    """The verdict on a phase. `reasons`: why it failed. `warnings`: what a reviewer should know even if it passed.

    `nothing_to_do`: the source has no row of its collections, and nothing was verified; that is not passed.
    """

    phase: str
    passed: bool
    dry_run: bool
    nothing_to_do: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    manual_steps: tuple[str, ...]
    collections: int
    rows: int
    changes: Changes

    @property
    def verdict(self) -> str:
        """passed, failed, nothing to do, or dry run."""
        if self.dry_run:
            return "dry run"
        return "passed" if self.passed else NOTHING if self.nothing_to_do else "failed"

    def table(self) -> Table:
        """One row per reason, manual step and warning, then what was done to the rows of each collection."""
        rows: list[tuple[Any, ...]] = [("failed", reason) for reason in self.reasons]
        rows += [("manual", step) for step in self.manual_steps]
        rows += [("warning", warning) for warning in self.warnings]
        rows += [("rows", f"{name}: {as_text(counts)}") for name, counts in self.changes.items()]
        if self.passed:
            moved = f"{plural(self.collections, 'collection')}, {plural(self.rows, 'row')}"
            summary = f"{moved}: nothing lost, nothing unexplained" if self.collections else "every check above passed"
            rows.insert(0, ("passed", summary))
        elif self.dry_run and not self.reasons:
            rows.insert(0, ("dry run", "nothing was written, so nothing was verified"))
        elif self.nothing_to_do:
            rows.insert(0, (NOTHING, "the source has no row of this phase's collections: nothing was verified"))
        return Table(f"Gate of {self.phase}: {self.verdict}", ("verdict", "details"), rows)

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "passed": self.passed,
            "dry_run": self.dry_run,
            "nothing_to_do": self.nothing_to_do,
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
            "manual_steps": list(self.manual_steps),
            "changes": self.changes,
        }

    def require(self) -> Gate:
        """The gate itself. Raises CheckFailed if it is red."""
        if self.reasons:
            raise CheckFailed(f"the gate of {self.phase} is red:\n  " + "\n  ".join(self.reasons))
        return self


def evaluate_gate(run: RunContext) -> Gate:
    """Derive the gate from the results of the steps. A step that was not run is a reason, never a pass."""
    results = run.results
    reasons = [results.refused] if results.refused else []
    for name, why in results.stopped.items():
        reasons.append(f"{name} stopped: {why}")
    for c in run.collections:
        if c.wix in results.absent or c.wix in results.stopped:
            continue
        if c.wix not in results.transformed:
            reasons.append(f"{c.wix} was not exported and transformed: run the cells above")
        elif run.dry_run:
            continue
        elif c.wix not in results.loaded:
            reasons.append(f"{c.wix} was not loaded: run the cells above")
        elif c.wix not in results.validated:
            reasons.append(f"{c.wix} was not validated: run the cells above")
        else:
            reasons += _conflicts(run, results.loaded[c.wix])
            reasons += [f"{c.wix}: {reason}" for reason in results.validated[c.wix].reasons]
    if not run.dry_run:
        reasons += [f"check failed: {check}" for check, ok in results.checks.items() if not ok]
        if SCHEMA_CHECK not in results.checks:
            reasons.append(f"not checked: {SCHEMA_CHECK}; run the cells above")
    if run.parameters["require_drill"]:
        reasons += reasons_for_drill(run.connections.state, run.catalog, run.connections.settings.environment)
    done = results.validated.values()
    quarantined = [
        f"{v.collection}: {v.quarantined:,} of {plural(v.exported, 'row')} in quarantine, not in Airtable"
        for v in done
        if v.quarantined
    ]
    doubts = [f"{s.collection}: {warning}" for s in results.snapshots.values() for warning in s.warnings]
    notable = [f"{name}: {remark}" for name, load in results.loaded.items() for remark in load.notable()]
    for v in done:
        loaded = results.loaded.get(v.collection)
        if loaded is None or not loaded.merged:  # its flag is at 'airtable': nothing was loaded
            notable += [f"{v.collection}: {warning}" for warning in v.comparison.warnings()]
    nothing = not reasons and not run.dry_run and _found_nothing(run)
    return Gate(
        phase=f"phase {run.phase.number}, {run.phase.title}",
        passed=not reasons and not run.dry_run and not nothing,
        dry_run=run.dry_run,
        nothing_to_do=nothing,
        reasons=tuple(reasons),
        warnings=tuple(dict.fromkeys([*results.warnings, *doubts, *notable, *quarantined])),
        manual_steps=results.manual_steps,
        collections=len(done),
        rows=sum(v.loaded for v in done),
        changes=read_changes(run.folder, run.phase.slug),
    )


def _found_nothing(run: RunContext) -> bool:
    """Whether no collection of the phase has a row on either side, and no other collection was compared."""
    if not run.collections or run.results.rechecked:
        return False
    written = read_changes(run.folder, run.phase.slug).values()
    return not any(sum(counts.values()) for counts in written) and not any(
        v.exported or v.loaded or v.comparison.rows for v in run.results.validated.values()
    )


def _conflicts(run: RunContext, done: Loaded) -> list[str]:
    if not done.conflicts:
        return []
    listed = some([line.text() for line in done.conflicts])
    command = f"runbook resolve {run.run_id} --collection {done.collection} --prefer wix --why …"
    return [
        f"{done.collection}: {plural(len(done.conflicts), 'conflict')}: {listed}; nothing was written of these rows. "
        f"`{command}` (or airtable) settles them; then run the phase again"
    ]


def close_gate(run: RunContext) -> Gate:
    """Evaluate the gate and record it in state and in the manifest. Raises CheckFailed, after displaying it."""
    gate = evaluate_gate(run)
    run.evidence("gate", gate.facts())
    base = run.connections.base(run.source.label)
    if base is not None and not run.dry_run:
        if gate.nothing_to_do:
            run.connections.state.facts.set_nothing_to_do(base, run.phase.number, run.run_id)
        else:
            run.connections.state.facts.set_gate(base, run.phase.number, GateResult(gate.passed, run.run_id))
    if (problem := run.hold.release()) is not None:
        run.results.warnings.append(problem)
    run.save_requests()
    run.discard_readings()
    write_manifest(run.folder)
    if gate.reasons:
        display_now(gate)
    return gate.require()
