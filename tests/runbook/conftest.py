"""The small platform on both sides, for tests that need more than one module and less than a whole migration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_platform import Fleet, copy_of, fleet_site, save_migrated


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Rows in Wix, nothing in Airtable yet."""
    with fleet_site(tmp_path) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def saved_fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_migrated(tmp_path_factory.mktemp("migrated"))


@pytest.fixture
def migrated(saved_fleet: Path, tmp_path: Path) -> Iterator[Fleet]:
    """Both phases are migrated and green; every flag is at 'wix'."""
    with copy_of(saved_fleet, tmp_path) as fleet:
        yield fleet


@pytest.fixture
def turned(migrated: Fleet) -> Fleet:
    """The same, and every flag on."""
    for flag in migrated.platform.catalog.flags:
        migrated.connect().state.flags.set(flag, "airtable", who="a test", why="")
    return migrated
