"""Sandboxes for other people's clients: each test gets a base of its own on a server of all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyairtable
import pytest

from sandbox.in_process import Sandbox

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def box() -> Iterator[Sandbox]:
    """A server without limits, shared by every test that does not ask about them."""
    with Sandbox(requests_per_second="off", fetch_loopback=True) as running:
        yield running


@pytest.fixture(scope="session")
def everything() -> dict[str, Any]:
    """The seed of a base that has a field of every type."""
    return json.loads((HERE / "everything.json").read_text("utf-8"))


@pytest.fixture
def connect() -> Iterator[Callable[..., pyairtable.Api]]:
    """Opens a pyairtable Api on a sandbox and closes its connections when the test is over."""
    opened: list[pyairtable.Api] = []

    def open_api(box: Sandbox, **options: Any) -> pyairtable.Api:
        opened.append(pyairtable.Api(box.token, endpoint_url=box.airtable_url, **options))
        return opened[-1]

    yield open_api
    for api in opened:
        api.session.close()


@pytest.fixture
def api(box: Sandbox, connect: Callable[..., pyairtable.Api]) -> pyairtable.Api:
    return connect(box)


@pytest.fixture
def base(box: Sandbox, api: pyairtable.Api, everything: dict[str, Any]) -> pyairtable.Base:
    """A new base of `everything`."""
    return api.base(box.seed(everything)["id"])


@pytest.fixture
def carriers(base: pyairtable.Base) -> pyairtable.Table:
    return base.table("Carriers")


@pytest.fixture
def drivers(base: pyairtable.Base) -> pyairtable.Table:
    return base.table("Drivers")


@pytest.fixture
def requests_of(box: Sandbox) -> Callable[..., Any]:
    """Counts the requests that a block makes to a base, by endpoint."""

    def counts(base_id: str) -> dict[str, int]:
        place = box.stats()["airtable"].get(base_id, {"endpoints": {}})
        return {name: count["requests"] for name, count in place["endpoints"].items()}

    @contextmanager
    def counting(base_id: str) -> Iterator[dict[str, int]]:
        made: dict[str, int] = {}
        before = counts(base_id)
        yield made
        made.update({name: n - before.get(name, 0) for name, n in counts(base_id).items() if n > before.get(name, 0)})

    return counting
