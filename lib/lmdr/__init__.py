"""LMDR, a platform that matches truck drivers with carriers: its catalog, sample site, services, and runbook.

from lmdr import open_run
run = open_run(3, environment="sandbox")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # SQLAlchemy and requests behind them cost 0.4 s
    from runbook.commands.monitor import IntegrityCheck
    from runbook.commands.rollback import Rollback
    from runbook.drill.drill import Drill
    from runbook.run import PhaseRun


def open_run(phase: int, **parameters: Any) -> PhaseRun:
    """Open a phase of LMDR's migration: `runbook.run.open_run` for this platform."""
    from lmdr.platform import PLATFORM
    from runbook.run import open_run as open_phase

    return open_phase(PLATFORM, phase, **parameters)


def open_check(**parameters: Any) -> IntegrityCheck:
    """Open the weekly check: `runbook.commands.monitor.open_check` for this platform."""
    from lmdr.platform import PLATFORM
    from runbook.commands.monitor import open_check as open_weekly

    return open_weekly(PLATFORM, **parameters)


def open_rollback(**parameters: Any) -> Rollback | Drill:
    """Open a rollback, or a drill of it: `runbook.drill.drill.open_way_back` for this platform."""
    from lmdr.platform import PLATFORM
    from runbook.drill.drill import open_way_back

    return open_way_back(PLATFORM, **parameters)
