"""A state in each kind of database; PostgreSQL where its server and a driver are installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from postgresql import create_database, postgresql_server
from runbook.state import State


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of its own, without the database's name."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'made' / 'state.db'}"
    return create_database(request.getfixturevalue("postgres"), f"t{abs(hash(request.node.nodeid))}")


@pytest.fixture
def state(url: str) -> Iterator[State]:
    with State(url) as opened:
        yield opened
