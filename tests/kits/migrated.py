"""The environment of one sample site that tests migrate, and a phase run as its notebook would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmdr.platform import PLATFORM
from runbook.connections import Connections, connect
from runbook.json_types import Item
from runbook.run import PhaseRun, open_run


@dataclass
class Site:
    """The environment of one migrated sample site, and how to look into both sides."""

    path: Path

    def connections(self) -> Connections:
        return connect(PLATFORM, "sandbox")

    def base(self) -> str:
        base = self.connections().base("wix")
        assert base is not None
        return base

    def items(self, collection: str) -> list[Item]:
        return self.connections().wix.query(collection)[0]

    def records(self, collection: str) -> list[dict[str, Any]]:
        table = PLATFORM.catalog.collection(collection).table
        return list(self.connections().airtable.records(self.base(), table))


def run_phase(number: int, **parameters: Any) -> PhaseRun:
    run = open_run(PLATFORM, number, **parameters)
    if number == 1:
        run.check_access()
        run.plan()
        run.provision()
        run.store_secrets()
        run.create_flags()
        return run
    for step in (run.plan, run.provision, run.export, run.transform, run.load, run.validate, run.turn_flags):
        step()
    return run
