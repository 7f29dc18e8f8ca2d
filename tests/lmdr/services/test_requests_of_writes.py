"""What a call of each service that writes costs at Airtable, where it has five requests a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lmdr.services.writes import WRITES
from platform_kit import Platform, Sides
from service_calls import ADMIN_USER, CASES, SECRETS, providers

MOST = 3
"""Requests of a call."""
MORE = {"jobs.run_enrichment_batch": 6}
"""Those of calls that write more rows than three."""


@pytest.fixture(scope="module")
def site(sides: Sides) -> Iterator[tuple[Platform, dict[str, int]]]:
    platform = Platform(sides, "airtable")
    platform.put("AdminUsers", **ADMIN_USER)
    rows = [CASES[name](n).rows for n, name in enumerate(CASES)]
    for collection in {name for of_case in rows for name in of_case}:
        platform.records.bulk_insert(collection, [item for of_case in rows for item in of_case.get(collection, ())])
    yield platform, {name: n for n, name in enumerate(CASES)}
    sides.empty()


def test_there_is_a_call_of_every_service_that_writes() -> None:
    assert {name.partition(":")[0] for name in CASES} == set(WRITES)


@pytest.mark.parametrize("name", CASES)
def test_a_call_costs_three_requests_at_most(name: str, site: tuple[Platform, dict[str, int]]) -> None:
    platform, numbers = site
    call = CASES[name](numbers[name]).call
    log = platform.sides.client_of_base.log
    before = len(log)
    result = call.function(platform.context(providers=providers(), secrets=SECRETS), *call.args, **call.kwargs)
    requests = [row.what for row in log.rows(before)]
    assert not (isinstance(result, dict) and result.get("success") is False), result
    assert len(requests) <= MORE.get(name, MOST), requests
