"""The memory of an environment: which row is which record, what was sent, what is to go back, flags, progress.

state = State("sqlite:////srv/runbook/state.db")
state.rows(base, "Carriers").all()           # {legacy id: KnownRow(legacy_id, record_id, hash, answer)}
state.flags.get("carriers")                  # "wix" or "airtable"
state.facts.progress(base)                   # {collection: CollectionProgress(…)}
state.facts.base_of("wix")                   # "app…"
"""

from runbook.state.conflicts import Conflict, ConflictKind, Conflicts, Settled
from runbook.state.debts import Debt, Debts
from runbook.state.facts import (
    CheckResult,
    CollectionProgress,
    DrillResult,
    Facts,
    FollowNote,
    GateResult,
    HoldingNote,
    KnownTable,
    ValidatedTable,
)
from runbook.state.flags import FlagChange, Flags, FlagState, Side
from runbook.state.link_keys import AMBIGUOUS, Ambiguous
from runbook.state.outbox import IN_CONFLICT, Outbox, OutboxCount, PendingRow
from runbook.state.outbox_lines import OutboxRow
from runbook.state.pending_writes import PendingCount, PendingWrite, PendingWrites, WriteKind
from runbook.state.rate_limits import RateLimits
from runbook.state.rows import AgreedRow, CollectionRows, History, KnownRow
from runbook.state.store import State

__all__ = [
    "AMBIGUOUS",
    "IN_CONFLICT",
    "AgreedRow",
    "Ambiguous",
    "CheckResult",
    "CollectionProgress",
    "CollectionRows",
    "Conflict",
    "ConflictKind",
    "Conflicts",
    "Debt",
    "Debts",
    "DrillResult",
    "Facts",
    "FlagChange",
    "FlagState",
    "Flags",
    "FollowNote",
    "GateResult",
    "History",
    "HoldingNote",
    "KnownRow",
    "KnownTable",
    "Outbox",
    "OutboxCount",
    "OutboxRow",
    "PendingCount",
    "PendingRow",
    "PendingWrite",
    "PendingWrites",
    "RateLimits",
    "Settled",
    "Side",
    "State",
    "ValidatedTable",
    "WriteKind",
]
