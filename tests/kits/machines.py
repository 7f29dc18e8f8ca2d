"""A state that is lost, copied, or opened on another machine; and what the base says of itself."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fleet_platform import Fleet
from runbook.schema.tables import OWN_TABLE


def state_files(fleet: Fleet) -> list[Path]:
    return sorted((fleet.path / "home/sandbox").glob("state.db*"))


def lose_state(fleet: Fleet) -> None:
    for path in state_files(fleet):
        path.unlink()


def copy_state(fleet: Fleet, folder: Path) -> Path:
    """A copy of the state as it is now; `put_back` makes it the state again."""
    folder.mkdir(parents=True)
    for path in state_files(fleet):
        shutil.copy(path, folder)
    return folder


def put_back(fleet: Fleet, folder: Path) -> None:
    lose_state(fleet)
    for path in folder.glob("state.db*"):
        shutil.copy(path, fleet.path / "home/sandbox")


@contextmanager
def other_machine(fleet: Fleet, name: str = "other") -> Iterator[Path]:
    """Within the block commands run with a home of their own, against the same two services."""
    home = fleet.path / name / "home/sandbox"
    home.mkdir(parents=True, exist_ok=True)
    (home / "server.json").write_text(json.dumps({"url": fleet.box.airtable_url, "pid": os.getpid()}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNBOOK_HOME", str(home.parent))
        patch.setenv("RUNBOOK_RUNS", str(fleet.path / name / "runs"))
        yield home


def base_of(fleet: Fleet) -> str:
    """The base, whatever the state knows."""
    (base,) = (base["id"] for base in fleet.connect().airtable.bases() if base["name"] == "Fleet")
    return str(base)


def facts(fleet: Fleet) -> dict[str, dict[str, Any]]:
    """The rows of the base's own table by fact; `id` is the record."""
    found = fleet.connect().airtable.records(base_of(fleet), OWN_TABLE)
    return {record["fields"]["Fact"]: {**record["fields"], "id": record["id"]} for record in found}


def values(fleet: Fleet) -> dict[str, str]:
    return {fact: cells.get("Value", "") for fact, cells in facts(fleet).items()}


def change_fact(fleet: Fleet, fact: str, **cells: Any) -> None:
    """Edit a row of the base's own table, as a person does in the grid."""
    change = {"id": facts(fleet)[fact]["id"], "fields": cells}
    fleet.connect().airtable.update(base_of(fleet), OWN_TABLE, [change])


def delete_facts(fleet: Fleet, *names: str) -> None:
    """Delete rows of the base's own table; without names, all."""
    ids = [cells["id"] for fact, cells in facts(fleet).items() if not names or fact in names]
    for start in range(0, len(ids), 10):
        fleet.connect().airtable.delete(base_of(fleet), OWN_TABLE, ids[start : start + 10])


def claim_of_another(fleet: Fleet, *, seconds_ago: float = 60.0, state: str = "state-of-another") -> None:
    """A claim as another state writes it."""
    from datetime import UTC, datetime, timedelta

    seen = (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat(timespec="seconds")
    row = {"Fact": "claim c0ffee", "Value": state, "By": "bob on hub7, /srv/state.db", "Seen": seen}
    fleet.connect().airtable.create(base_of(fleet), OWN_TABLE, [row])


def requests(fleet: Fleet) -> tuple[int, int]:
    """Requests to Airtable so far: all, and those that change something."""
    every = written = 0
    for base in fleet.box.stats()["airtable"].values():
        every += base["requests"]
        written += sum(n["requests"] for what, n in base["endpoints"].items() if not what.startswith("GET"))
    return every, written
