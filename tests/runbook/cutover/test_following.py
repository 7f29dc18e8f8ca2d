"""Follow: what is written in Airtable goes to Wix by itself, and is agreed on by both sides then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_platform import Fleet, copy_of
from runbook.commands.follow import follow
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


def test_every_kind_of_write_goes_to_wix(yard: Fleet) -> None:
    book, said = Book(yard), list[str]()
    with open_records(yard.platform, update_mirror=False) as opened:
        standard_writes(book, opened.records)
    left = follow(yard.platform, "sandbox", once=True, report=said.append)
    print(said, left)
    assert book.wrong() == {}
