"""A site with links and multi-references, migrated, with every flag at 'airtable'."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_platform import Fleet, copy_of
from yard import save_yard


@pytest.fixture(scope="session")
def saved_yard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_yard(tmp_path_factory.mktemp("yard"))


@pytest.fixture
def yard(saved_yard: Path, tmp_path: Path) -> Iterator[Fleet]:
    with copy_of(saved_yard, tmp_path) as fleet:
        yield fleet
