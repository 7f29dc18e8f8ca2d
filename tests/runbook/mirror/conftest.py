"""`fleet`: a base of one's own, empty, with a mirror file beside its state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror_kit import Fleet
from sandbox import Sandbox


@pytest.fixture(scope="session")
def shared_box() -> Iterator[Sandbox]:
    with Sandbox(requests_per_second="off", plan="business") as box:
        yield box


@pytest.fixture
def fleet(shared_box: Sandbox, tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(shared_box, tmp_path)
    yield fleet
    shared_box.faults(clear=True)
    fleet.close()


@pytest.fixture
def own_fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A fleet in a sandbox of its own, whose clock may be moved."""
    with Sandbox(requests_per_second="off", plan="business") as box:
        fleet = Fleet(box, tmp_path)
        yield fleet
        fleet.close()
