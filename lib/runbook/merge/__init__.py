"""Three-way merge: what both sides last agreed on, what Wix holds, what Airtable holds; decided value by value."""

from runbook.merge.agreement import Agreed, Agreement, digest
from runbook.merge.decision import Decision, decide
from runbook.merge.row import Difference, MergedRow, Past, RowMerge
from runbook.merge.values import RowValues

__all__ = [
    "Agreed",
    "Agreement",
    "Decision",
    "Difference",
    "MergedRow",
    "Past",
    "RowMerge",
    "RowValues",
    "decide",
    "digest",
]
