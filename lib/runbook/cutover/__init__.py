"""Before and after a flag turns: do both sides answer alike? `parallel` asks both, in a phase's notebook."""

from __future__ import annotations

from runbook.cutover.answers import Difference, Rule, Tally, differences
from runbook.cutover.parallel import ParallelTest, run_parallel
from runbook.cutover.tracing import trace

__all__ = ["Difference", "ParallelTest", "Rule", "Tally", "differences", "run_parallel", "trace"]
