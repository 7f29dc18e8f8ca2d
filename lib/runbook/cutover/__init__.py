"""Before and after a flag turns: do both sides answer alike?

`shadow` asks the other side too while services run; `parallel` asks both about everything, in a phase's notebook.
"""

from __future__ import annotations

from runbook.cutover.answers import Difference, Rule, Tally, differences
from runbook.cutover.parallel import ParallelTest, run_parallel
from runbook.cutover.shadow import Shadow
from runbook.cutover.tracing import trace

__all__ = ["Difference", "ParallelTest", "Rule", "Shadow", "Tally", "differences", "run_parallel", "trace"]
