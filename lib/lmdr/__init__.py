"""LMDR, a platform that matches truck drivers with carriers: its catalog, its sample site, its share of the runbook.

from lmdr import open_run
run = open_run(3, environment="sandbox")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runbook.integrity import IntegrityCheck
    from runbook.rollback import Rollback
    from runbook.run import PhaseRun


def open_run(phase: int, **parameters: Any) -> PhaseRun:
    """Open a phase of LMDR's migration: `runbook.run.open_run` for this platform."""
    from lmdr.platform import PLATFORM
    from runbook.run import open_run as open_phase

    return open_phase(PLATFORM, phase, **parameters)


def open_check(**parameters: Any) -> IntegrityCheck:
    """Open the weekly check: `runbook.integrity.open_check` for this platform."""
    from lmdr.platform import PLATFORM
    from runbook.integrity import open_check as open_weekly

    return open_weekly(PLATFORM, **parameters)


def open_rollback(**parameters: Any) -> Rollback:
    """Open a rollback: `runbook.rollback.open_rollback` for this platform."""
    from lmdr.platform import PLATFORM
    from runbook.rollback import open_rollback as open_back

    return open_back(PLATFORM, **parameters)
