"""`both`: a sandbox with both sides, empty before each test; `records`: over it, once in every way there is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from records_kit import NAMES, START, Both
from runbook.records import Records
from sandbox import Sandbox


@pytest.fixture(scope="session")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with Sandbox(requests_per_second="off", plan="business") as box:
        both = Both(box, tmp_path_factory.mktemp("records"))
        yield both
        both.close()


@pytest.fixture
def both(sides: Both) -> Iterator[Both]:
    sides.turn("wix")
    sides.at(START)
    yield sides
    sides.empty()


@pytest.fixture(params=NAMES)
def records(both: Both, request: pytest.FixtureRequest) -> Records:
    return both.records(request.param)


@pytest.fixture(params=["airtable", "airtable without mirror"])
def airtable(both: Both, request: pytest.FixtureRequest) -> Records:
    return both.records(request.param)
