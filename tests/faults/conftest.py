"""A site with links and multi-references, migrated, with every flag at 'airtable'."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_platform import Fleet, copy_of
from runbook.records.opening import open_records
from yard import save_yard
from yard_book import Book, standard_writes


@pytest.fixture(scope="session")
def saved_yard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_yard(tmp_path_factory.mktemp("yard"))


@pytest.fixture
def yard(saved_yard: Path, tmp_path: Path) -> Iterator[Fleet]:
    with copy_of(saved_yard, tmp_path) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def written_yard(saved_yard: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Book]:
    """The same after one of each kind of write; `book.of(fleet)` judges a copy."""
    path = tmp_path_factory.mktemp("written")
    with copy_of(saved_yard, path) as fleet:
        book = Book(fleet)
        with open_records(fleet.platform, update_mirror=False) as opened:
            standard_writes(book, opened.records)
    return path, book
