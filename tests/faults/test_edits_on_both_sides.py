"""Random edits on both sides and failures between them: no person's edit is lost, no change of Wix is forgotten."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from load_kit import BASE, SEED, World, world
from runbook.errors import AirtableError
from runbook.steps.loaded import Loaded
from sandbox import Sandbox

pytestmark = pytest.mark.slow

KEYS = {"plate": "Plate", "driver": "Driver", "boss": "Boss ID"}
ROWS, ROUNDS = 24, 8


class Outage(AirtableError):
    """What a load meets when its machine loses the network."""


@dataclass
class Model:
    """What Wix holds, and by row and key what people wrote in Airtable, which nobody else may touch.

    `chosen`: what a person preferred to Wix's value, until Wix changes it again. `decided`: rows that a person kept.
    """

    chance: random.Random
    wix: dict[str, dict[str, str]] = field(default_factory=dict)
    by_hand: dict[tuple[str, str], str] = field(default_factory=dict)
    chosen: dict[tuple[str, str], str] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)
    count: int = 0

    def forget(self, row: str) -> None:
        self.by_hand = {at: value for at, value in self.by_hand.items() if at[0] != row}
        self.chosen = {at: value for at, value in self.chosen.items() if at[0] != row}
        self.decided.discard(row)

    def value(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def items(self) -> list[dict[str, Any]]:
        return [{"_id": row, **values} for row, values in self.wix.items()]


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(seed=SEED, requests_per_second="off", plan="business") as running:
        yield running


@given(st.integers(0, 2**32))
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_edit_is_lost_and_no_change_forgotten(
    box: Sandbox, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance = random.Random(seed)
    with world(box, tmp_path_factory.mktemp("edits")) as w:
        _empty(w)
        model = Model(chance)
        model.wix = {f"t{n}": {key: model.value() for key in KEYS} for n in range(ROWS)}
        _load(w, model)
        for _ in range(ROUNDS):
            _edit_wix(model)
            _edit_airtable(w, model)
            if chance.random() < 0.5:
                _load_that_breaks(w, model)
            done = _load(w, model)
            _check(w, model, done)
            _settle(w, model)
            again = _load(w, model)
            assert again.conflicts == ()
            assert _load(w, model).writes == 0


def _empty(w: World) -> None:
    records = [record["id"] for record in w.airtable.records(BASE, "Trucks")]
    for start in range(0, len(records), 10):
        w.airtable.delete(BASE, "Trucks", records[start : start + 10])


def _load(w: World, model: Model) -> Loaded:
    """Both passes: each row has a link to its own table that leads nowhere, so the second one merges it."""
    return w.links(w.load("Trucks", model.items(), remove_gone=True, remove_many=True))


def _held(w: World) -> dict[str, dict[str, str | None]]:
    return {row: {key: cells.get(column) for key, column in KEYS.items()} for row, cells in w.records("Trucks").items()}


def _edit_wix(model: Model) -> None:
    for row in model.chance.sample(sorted(model.wix), len(model.wix) // 4):
        if model.chance.random() < 0.15:
            del model.wix[row]
        else:
            key = model.chance.choice(list(KEYS))
            model.wix[row][key] = model.value()
            model.chosen.pop((row, key), None)
    if model.chance.random() < 0.5:
        model.wix[f"t{model.count}"] = {key: model.value() for key in KEYS}


def _edit_airtable(w: World, model: Model) -> None:
    rows = {row.legacy_id: row.record_id for row in w.state.rows(BASE, "Trucks").all().values()}
    held = _held(w)
    for row in model.chance.sample(sorted(held), len(held) // 4):
        if model.chance.random() < 0.1:
            w.airtable.delete(BASE, "Trucks", [rows[row]])
            model.forget(row)
            continue
        key = model.chance.choice(list(KEYS))
        same_as_wix = row in model.wix and model.chance.random() < 0.2
        value = model.wix[row][key] if same_as_wix else model.value()
        w.airtable.update(BASE, "Trucks", [{"id": rows[row], "fields": {KEYS[key]: value}}])
        model.by_hand[row, key] = value


def _load_that_breaks(w: World, model: Model) -> None:
    """The network goes at some write: before it is sent, or after it has landed."""
    left, landed = model.chance.randrange(3), model.chance.random() < 0.5
    real = {name: getattr(w.airtable, name) for name in ("update", "upsert", "delete")}

    def breaking(name: str) -> Any:
        def call(*at: Any, **how: Any) -> Any:
            nonlocal left
            left -= 1
            if left >= 0:
                return real[name](*at, **how)
            if landed:
                real[name](*at, **how)
            raise Outage("the network is gone")

        return call

    for name in real:
        setattr(w.airtable, name, breaking(name))
    try:
        _load(w, model)
    except Outage:
        pass
    finally:
        for name in real:
            delattr(w.airtable, name)


def _check(w: World, model: Model, done: Loaded) -> None:
    held = _held(w)
    in_conflict = {line.id for line in done.conflicts}
    for row in {row for row, _ in model.by_hand} | model.decided:
        assert row in held, f"{row}, which a person edited or decided on, was deleted"
    for (row, key), value in model.by_hand.items():
        assert held[row][key] == value, f"{row} {key}: an edit by hand was overwritten"
    for row, values in model.wix.items():
        assert row in held, f"{row} is in Wix, but not in Airtable"
        for key, value in values.items():
            if (row, key) not in model.by_hand | model.chosen and row not in in_conflict:
                assert held[row][key] == value, f"{row} {key}: a change of Wix was forgotten"
    for line in done.conflicts:
        if line.key:
            assert (line.id, line.key) in model.by_hand, "a conflict needs an edit by hand"
    # What both sides hold now, they agree on: the next change of Wix is written.
    model.by_hand = {at: v for at, v in model.by_hand.items() if model.wix.get(at[0], {}).get(at[1]) != v}


def _settle(w: World, model: Model) -> None:
    """A person decides on every conflict. Of what is settled, both sides agree from then on."""
    conflicts = w.state.conflicts(BASE, "Trucks")
    for each in conflicts.all():
        prefer: Any = model.chance.choice(["wix", "airtable"])
        conflicts.settle([each], prefer, who="ann", why="looked at it")
        at = (each.legacy_id, each.key)
        if each.key:
            value = model.by_hand.pop(at)
            if prefer == "airtable":
                model.chosen[at] = value
        elif prefer == "wix":
            model.forget(each.legacy_id)
        else:
            model.decided.add(each.legacy_id)
