"""A rollback, and follow, killed before and after every request and every commit, again and again: the same command goes on."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_platform import copy_of
from killed import Killer, moments
from yard import settled
from yard_book import Book

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer("yard") as killer:
        yield killer


def everywhere(killer: Killer, call: str, saved: Path, book: Book, path: Path, done: Callable[[Any], bool]) -> None:
    """Kill a call at each of its moments, then somewhere else, then let it come to its end, each on a site of its own."""
    with copy_of(saved, path / "whole") as fleet:
        whole = killer.run(call, str(fleet.platform.root))
        assert (whole.error, done(whole.result), book.of(fleet).wrong()) == (None, True, {}), whole.result
    wrong: dict[str, Any] = {}
    chance, every = random.Random(1), moments(whole.steps)
    assert len(every) > 30
    for moment in every:
        with copy_of(saved, path / "killed") as fleet:
            root = str(fleet.platform.root)
            assert killer.run(call, root, kill_at=moment).killed
            killer.run(call, root, kill_at=chance.choice(every))
            again = killer.run(call, root)
            found = book.of(fleet).wrong()
            if again.error or found or not done(again.result):
                wrong[f"{moment}: {whole.steps[moment - 1]}"] = (again.error or again.result, found)
        shutil.rmtree(path / "killed")
    assert wrong == {}


def test_a_rollback_killed_anywhere_loses_and_doubles_nothing(
    killer: Killer, written_yard: tuple[Path, Book], tmp_path: Path
) -> None:
    everywhere(killer, "yard:back_of", *written_yard, tmp_path, settled)


def test_follow_killed_anywhere_loses_and_doubles_nothing(
    killer: Killer, written_yard: tuple[Path, Book], tmp_path: Path
) -> None:
    everywhere(killer, "yard:follow_once", *written_yard, tmp_path, lambda left: left == {"Trucks": 1})
