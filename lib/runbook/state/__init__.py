"""The durable memory of a migration: which Wix id became which record, what was sent, flags, progress, the pacer."""

from runbook.state.flags import Flags, Turn
from runbook.state.ids import AMBIGUOUS, Known
from runbook.state.progress import Progressed
from runbook.state.store import State

__all__ = ["AMBIGUOUS", "Flags", "Known", "Progressed", "State", "Turn"]
