"""Cut-over and the way back: compare both sides, turn flags, freeze collections, find what going back would lose."""

from __future__ import annotations

from runbook.cutover.comparison import Difference, Rule, Tally, differences
from runbook.cutover.parallel import ParallelTest, run_parallel
from runbook.cutover.tracing import trace

__all__ = ["Difference", "ParallelTest", "Rule", "Tally", "differences", "run_parallel", "trace"]
