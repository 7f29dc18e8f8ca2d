"""The services' data.

`platform`: on each side; `workflow`: also with the flags turned in the middle of a test; `at_once`: for many callers at
once, in each of `at_once.WAYS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from at_once import TWO_PROCESSES, WAYS, AtOnce, Worker
from platform_kit import Platform, Sides
from sandbox import Sandbox


@pytest.fixture(scope="session")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    with Sandbox(requests_per_second="off", plan="business") as box:
        sides = Sides(box, tmp_path_factory.mktemp("services"))
        yield sides
        sides.close()


@pytest.fixture(params=["wix", "airtable"])
def platform(sides: Sides, request: pytest.FixtureRequest) -> Iterator[Platform]:
    yield Platform(sides, request.param)
    sides.empty()


@pytest.fixture(params=["wix", "airtable", "halfway"])
def workflow(sides: Sides, request: pytest.FixtureRequest) -> Iterator[Platform]:
    yield Platform(sides, request.param)
    sides.empty()


@pytest.fixture(scope="session")
def worker(sides: Sides) -> Iterator[Callable[[], Worker]]:
    """Gives the other process, which starts when it is first asked for."""
    started: list[Worker] = []

    def start() -> Worker:
        if not started:
            started.append(Worker(sides))
        return started[0]

    yield start
    for each in started:
        each.close()


@pytest.fixture(
    params=[pytest.param(way, marks=pytest.mark.slow) if way.startswith(TWO_PROCESSES) else way for way in WAYS]
)
def at_once(sides: Sides, worker: Callable[[], Worker], request: pytest.FixtureRequest) -> Iterator[AtOnce]:
    yield AtOnce(sides, request.param, worker)
    sides.empty()
