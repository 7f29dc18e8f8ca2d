"""The DATA_SOURCE flags in a phase: created in phase 1, turned in every phase on request."""

from __future__ import annotations

from contextlib import suppress

from runbook.cutover.airtable_evidence import AirtableEvidence
from runbook.cutover.last_look import LastLook
from runbook.cutover.turning import Turned, tell, turn_on
from runbook.display import Table
from runbook.errors import TargetError
from runbook.run.context import RunContext
from runbook.run.gate import evaluate_gate

TURNED = "every requested flag turned"


def create_flags(run: RunContext) -> Table:
    """Create missing flags at 'wix'; existing flags are left unchanged."""
    flags = run.connections.state.flags
    values = {name: flags.get(name) for name in run.catalog.flags}
    run.results.checks["every flag exists"] = True
    run.evidence("flags", {"flags": values})
    rows = [(name, value, ", ".join(c.wix for c in run.catalog.of_flag(name))) for name, value in values.items()]
    return Table("DATA_SOURCE", ("flag", "source", "collections"), rows)


def begin_last_look(run: RunContext) -> None:
    """Before tables are read: where flags are to be turned, note from when on changes in Airtable matter for that."""
    flags = run.connections.state.flags
    run.results.airtable = None
    if run.parameters["turn_flags"] and any(flags.get(flag) != "airtable" for flag in run.phase.flags):
        look = None
        with suppress(TargetError):  # then all is read once more at the turn
            look = LastLook.begin(run.connections.airtable, run.base(), run.catalog, run.connections.state)
        run.results.airtable = _evidence(run, look)


def _evidence(run: RunContext, look: LastLook | None = None) -> AirtableEvidence:
    c, read = run.connections, [each.wix for each in run.collections]
    return AirtableEvidence(c.airtable, run.base(), run.catalog, c.state, look, of=read)


def turn_flags(run: RunContext) -> Table:
    """Turn the phase's flags to 'airtable' if `turn_flags` is set and the evidence allows it; shows why not."""
    state, flags = run.connections.state, run.phase.flags
    requested = run.parameters["turn_flags"]
    refused: dict[str, list[str]] = {flag: [] for flag in flags}
    turned = Turned(refused, 0.0)
    if requested:
        run.results.checks.pop(TURNED, None)  # an earlier refusal must not refuse this attempt
        gate = evaluate_gate(run)
        if gate.reasons:
            refused = {flag: [f"the gate of this phase is red: {gate.reasons[0]}"] for flag in flags}
        elif gate.nothing_to_do:
            why = "the source has no row of this phase's collections, so nothing was verified; a flag turns on evidence"
            refused = {flag: [why] for flag in flags}
        else:
            run.results.airtable = run.results.airtable or _evidence(run)
            turned = turn_on(
                flags,
                run.catalog,
                state,
                run.base(),
                run.source,
                who="turn_flags",
                run_id=run.run_id,
                hold=run.hold,
                airtable=run.results.airtable,
                write_lock=run.connections.write_lock(run.source.label),
            )
            refused.update(turned.reasons)
            if (problem := tell(run.hold)) is not None:
                run.results.warnings.append(problem)
        run.results.checks[TURNED] = not any(refused.values())
    rows = []
    for flag in flags:
        reason = "; ".join(refused[flag]) or ("" if requested else "turn_flags is not set")
        rows.append((flag, state.flags.get(flag), ", ".join(c.wix for c in run.catalog.of_flag(flag)), reason))
    facts = {"flags": {row[0]: row[1] for row in rows}, "refused": refused, "seconds_held": round(turned.seconds, 3)}
    run.evidence("flags", facts)
    notes = (f"{turned.held[0].upper()}{turned.held[1:]}.",) if turned.held else ()
    return Table("DATA_SOURCE", ("flag", "source", "collections", "reason"), rows, notes)
