"""Columns hidden and shown, values changed in Wix and in Airtable, in any order: nothing anyone wrote is lost."""

from __future__ import annotations

import random

import pytest

from export_folder import ExportFolder, rows_of
from fleet_platform import LEGACY, Fleet

KEYS = {"Plate": "plate", "DOT": "dot"}
STEPS = 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_hidden_cells_change_by_hand_alone(fleet: Fleet, seed: int) -> None:
    """After each run a cell of a hidden column is as it was; one that is shown is Wix's, unless edited by hand."""
    chance = random.Random(seed)
    export = ExportFolder(fleet)
    export.write("Trips.jsonl", "")
    wix = {f"t{n}": {"Plate": f"P-{n}", "DOT": str(1000 + n)} for n in range(4)}
    edited: set[tuple[str, str]] = set()
    before: dict[str, dict[str, object]] = {}
    for step in range(STEPS):
        hidden = {column for column in KEYS if chance.random() < 0.4} if step else set()
        row, column = chance.choice(sorted(wix)), chance.choice(sorted(KEYS))
        value = f"{2000 + step}" if column == "DOT" else f"new {step}"
        by_hand = step > 0 and chance.random() < 0.4
        if by_hand:
            edit(fleet, row, column, value)
            before[row][column] = int(value) if column == "DOT" else value
            edited.add((row, column))
        elif (row, column) not in edited:  # a change on both sides is a conflict, which is not the subject here
            wix[row][column] = value
        export.write("Trucks.csv", as_csv(wix, hidden))
        run, reasons = export.run()
        assert not reasons
        cells = {id_: {name: row.get(name) for name in KEYS} for id_, row in rows_of(run, "Trucks").items()}
        for id_, columns in wix.items():
            for name, told in columns.items():
                if name in hidden or (id_, name) in edited:
                    assert cells[id_][name] == before[id_][name], (step, id_, name)
                else:
                    assert str(cells[id_][name]) == told, (step, id_, name)
        before = cells


def edit(fleet: Fleet, legacy: str, column: str, value: str) -> None:
    connections = fleet.connect()
    base = str(connections.base("export"))
    record = next(r["id"] for r in connections.airtable.records(base, "Trucks") if r["fields"][LEGACY] == legacy)
    cell = int(value) if column == "DOT" else value
    connections.airtable.update(base, "Trucks", [{"id": record, "fields": {column: cell}}])


def as_csv(rows: dict[str, dict[str, str]], hidden: set[str]) -> str:
    shown = [column for column in KEYS if column not in hidden]
    head = ",".join(f'"{name}"' for name in ["ID", *shown])
    lines = [",".join(f'"{cell}"' for cell in [id_, *(row[name] for name in shown)]) for id_, row in rows.items()]
    return "\n".join([head, *lines]) + "\n"
