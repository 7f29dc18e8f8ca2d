"""LMDR, a platform that matches truck drivers with carriers: its catalog, its sample site, its share of the runbook.

from lmdr import open_run
run = open_run(3, environment="sandbox")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runbook.run import PhaseRun


def open_run(phase: int, **parameters: Any) -> PhaseRun:
    """Open a phase of LMDR's migration: `runbook.run.open_run` for this platform."""
    from runbook.run import open_run as open_phase

    from lmdr.platform import PLATFORM

    return open_phase(PLATFORM, phase, **parameters)
