"""`platform`: the services' data, on each side; `workflow`: also with the flags turned in the middle of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
