"""A rollback killed before and after every request and every commit, again and again: the same command goes on."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_platform import copy_of
from killed import Killer, moments
from yard import settled
from yard_book import Book

pytestmark = pytest.mark.slow

BACK = "yard:back_of"


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer("yard") as killer:
        yield killer


def test_killed_at_every_request_and_commit_nothing_is_lost_or_doubled(
    killer: Killer, written_yard: tuple[Path, Book], tmp_path: Path
) -> None:
    saved, book = written_yard
    with copy_of(saved, tmp_path / "whole") as fleet:
        whole = killer.run(BACK, str(fleet.platform.root))
        assert whole.error is None
        assert book.of(fleet).wrong() == {}
    chance, wrong = random.Random(1), {}
    print(f"\n{len(moments(whole.steps))} moments of {len(whole.steps)} steps")
    for moment in moments(whole.steps):
        path = tmp_path / "killed"
        with copy_of(saved, path) as fleet:
            root = str(fleet.platform.root)
            assert killer.run(BACK, root, kill_at=moment).killed
            killer.run(BACK, root, kill_at=chance.choice(moments(whole.steps)))
            again = killer.run(BACK, root)
            found = book.of(fleet).wrong()
            if again.error or found or not settled(again.result):
                wrong[f"{moment}: {whole.steps[moment - 1]}"] = (again.error or again.result, found)
        shutil.rmtree(path)
    assert wrong == {}
