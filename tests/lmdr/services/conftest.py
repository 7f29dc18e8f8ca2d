"""`platform`: the services' data, once on each side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from platform_kit import Platform, Sides

from sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def sides() -> Iterator[Sides]:
    with Sandbox(requests_per_second="off") as box:
        yield Sides(box)


@pytest.fixture(params=["wix"])
def platform(sides: Sides, request: pytest.FixtureRequest) -> Iterator[Platform]:
    yield Platform(sides, request.param)
    sides.empty()
