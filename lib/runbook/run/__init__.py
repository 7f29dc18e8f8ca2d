"""A run: one phase, opened by a notebook; its steps in order, the evidence they write, and the gate at the end."""

from runbook.run.opening import open_run
from runbook.run.phase import PhaseRun

__all__ = ["PhaseRun", "open_run"]
