"""Phase 2 of the small platform from a folder of export files, as often as a test wants."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fleet_platform import LEGACY, Fleet
from runbook.errors import CheckFailed
from runbook.run import PhaseRun

STEPS = ("plan", "provision", "export", "transform", "load", "validate")


def lines(*items: dict[str, Any]) -> str:
    """Items as JSON lines."""
    return "".join(json.dumps(item) + "\n" for item in items)


class ExportFolder:
    """A folder of the project with a file a collection; `write` replaces a collection's file of another form."""

    def __init__(self, fleet: Fleet, name: str = "export") -> None:
        self.fleet, self.name = fleet, name
        self.path = fleet.platform.root / name
        self.path.mkdir(parents=True)

    def write(self, name: str, content: str | bytes) -> Path:
        """`name`: the file's, such as Trips.csv."""
        self.remove(name.split(".")[0])
        path = self.path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def remove(self, collection: str) -> None:
        """Remove a collection's file."""
        for file in self.path.glob(f"{collection}.*"):
            file.unlink()

    def run(self, **parameters: Any) -> tuple[PhaseRun, list[str]]:
        """Run the steps of phase 2; with the reasons why its gate is red."""
        return run_steps(self.fleet, source=self.name, **parameters)


def run_steps(fleet: Fleet, phase: int = 2, **parameters: Any) -> tuple[PhaseRun, list[str]]:
    """Run the steps of a phase; with the reasons why its gate is red."""
    run = fleet.open(phase, **parameters)
    for step in STEPS:
        getattr(run, step)()
    try:
        run.gate()
    except CheckFailed as error:
        return run, [line.strip() for line in str(error).splitlines()[1:]]
    return run, []


def rows_of(run: PhaseRun, collection: str) -> dict[str, dict[str, Any]]:
    """The cells in Airtable, by legacy id."""
    found = run.connections.airtable.records(run.base(), collection)
    return {record["fields"][LEGACY]: record["fields"] for record in found}
