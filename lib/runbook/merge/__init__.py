"""Three-way merge: what both sides last agreed on, what Wix holds, what Airtable holds; decided value by value.

`RowMerge`: the way forth, what to write to Airtable. `BackMerge`: the way back, what to write to Wix.
"""

from runbook.merge.agreement import Agreed, Agreement, digest
from runbook.merge.back import BackMerge, BackRow, after_write
from runbook.merge.decision import Decision, decide
from runbook.merge.row import STAMPS, Difference, MergedRow, Past, RowMerge
from runbook.merge.values import RowValues

__all__ = [
    "STAMPS",
    "Agreed",
    "Agreement",
    "BackMerge",
    "BackRow",
    "Decision",
    "Difference",
    "MergedRow",
    "Past",
    "RowMerge",
    "RowValues",
    "after_write",
    "decide",
    "digest",
]
