"""The gate of a phase: what was not done is a reason, never a pass."""

from __future__ import annotations

import pytest

from fleet_platform import Fleet
from runbook.errors import CheckFailed
from runbook.run.gate import SCHEMA_CHECK, evaluate_gate


def test_every_step_that_was_not_run_is_a_reason(fleet: Fleet) -> None:
    run = fleet.open(2, collections=["Trucks"])
    expected = {
        "provision": "exported and transformed",
        "export": "exported and transformed",
        "transform": "not loaded",
        "load": "not validated",
    }
    for step, words in expected.items():
        getattr(run, step)()
        gate = evaluate_gate(run)
        assert not gate.passed
        assert [reason for reason in gate.reasons if reason.startswith("Trucks")] == [gate.reasons[0]]
        assert words in gate.reasons[0]
    run.validate()
    assert evaluate_gate(run).passed


def test_an_unchecked_schema_and_a_failed_check_are_reasons(fleet: Fleet) -> None:
    run = fleet.open(1)
    assert SCHEMA_CHECK in evaluate_gate(run).reasons[0]
    run.provision()
    assert evaluate_gate(run).passed
    run.results.checks["the moon is full"] = False
    assert len(evaluate_gate(run).reasons) == 1
    assert evaluate_gate(run).reasons == ("check failed: the moon is full",)


def test_it_is_noted_in_state_and_displayed_before_it_raises(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    run = fleet.open(1)
    run.provision()
    run.gate()
    facts = run.connections.state.facts
    assert facts.gate(fleet.base(), 1) == (True, run.run_id)
    assert capsys.readouterr().out == ""
    run.results.checks["the moon is full"] = False
    with pytest.raises(
        CheckFailed, match="the gate of phase 1, Infrastructure is red:\n  check failed: the moon is full"
    ):
        run.gate()
    assert facts.gate(fleet.base(), 1) == (False, run.run_id)
    assert "the moon is full" in capsys.readouterr().out
    evidence = run.folder.read_evidence("01_infrastructure", "gate")
    assert evidence is not None
    assert not evidence["passed"]


def test_rows_in_quarantine_are_a_warning(fleet: Fleet) -> None:
    fleet.save("Trucks", {"_id": "t0", "plate": "P-0", "dot": "x"}, {"_id": "t1", "plate": "P-1", "dot": "y"})
    run = fleet.migrate(2)
    gate = evaluate_gate(run)
    assert gate.passed
    assert any(w.startswith("Trucks: 3 of 3 rows in quarantine") for w in gate.warnings)
    assert "✓ passed" in repr(gate)
    assert "2 collections, 2 rows" in repr(gate)
