"""A sandbox with the tables of `load_kit`, and a process's view of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from load_kit import SEED, World, world
from sandbox import Sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(seed=SEED, requests_per_second="off", plan="business") as running:
        yield running


@pytest.fixture
def w(box: Sandbox, tmp_path: Path) -> Iterator[World]:
    with world(box, tmp_path) as made:
        yield made
