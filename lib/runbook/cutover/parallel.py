"""A platform's services asked about everything, on both sides, in a phase's notebook: the answers must be identical.

found = run_parallel(tests, wix, airtable)      # a tally a test; shows itself
found.passed
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from runbook.cutover.answers import Difference, Rule, Tally
from runbook.display import Shown, Table
from runbook.json_types import MISSING
from runbook.records import Records
from runbook.records.views import ReadOnly

Answers = Iterator[tuple[str, Any]]

LISTED = 10


@dataclass(frozen=True)
class ParallelTest:
    """Calls of services. `needs`: the collections they read.

    `answers` makes the calls on one side and gives (call, answer) pairs, in the same order on either; `explain` says of
    a call and a place why they differ, with both sides at hand, without personal values.
    """

    phase: int
    name: str
    needs: tuple[str, ...]
    answers: Callable[[Records], Answers]
    explain: Callable[[str, Difference, Records, Records], str | None] = lambda call, difference, wix, airtable: None
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, repr=False)
class Parallel(Shown):
    """What the tests came to. `skipped`: by name, why a test could not be made. `left_out`: rows in quarantine."""

    tallies: dict[str, Tally]
    skipped: dict[str, str] = field(default_factory=dict)
    left_out: int = 0

    @property
    def passed(self) -> bool:
        """Whether every test that was made is clean."""
        return all(tally.clean for tally in self.tallies.values())

    def table(self) -> Table:
        """A line a test; then what differs, and the rules that name what may."""
        rows: list[tuple[Any, ...]] = [
            (
                name,
                tally.calls,
                tally.identical,
                sum(tally.explained.values()),
                tally.different + tally.failed,
                "passed" if tally.clean else "failed",
            )
            for name, tally in self.tallies.items()
        ]
        rows += [(name, None, None, None, None, f"not made: {why}") for name, why in self.skipped.items()]
        notes = [words for tally in self.tallies.values() for words in tally.examples[:LISTED]]
        notes += [
            f"known: {rule.name} ({tally.explained[rule.name]:,}): {rule.says}"
            for tally in self.tallies.values()
            for rule in tally.rules
            if tally.explained[rule.name]
        ]
        if self.left_out:
            notes.append(f"{self.left_out:,} rows in quarantine are in Wix alone, and left out on its side.")
        columns = ("services", "calls on each side", "identical", "known", "different", "verdict")
        return Table("The same calls, over Wix and over Airtable", columns, rows, tuple(notes))

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "tests": {name: tally.facts() for name, tally in self.tallies.items()},
            "skipped": dict(self.skipped),
            "left_out": self.left_out,
        }


def run_parallel(
    tests: Iterable[ParallelTest],
    wix: Records,
    airtable: Records,
    *,
    there: Collection[str],
    left_out: int = 0,
    on_test: Callable[[int], None] = lambda done: None,
) -> Parallel:
    """Make the tests whose collections are all `there`, call by call on one side and on the other.

    Raises RuntimeError for a test that reads what it does not say it needs.
    """
    tallies: dict[str, Tally] = {}
    skipped: dict[str, str] = {}
    for done, test in enumerate(tests, 1):
        missing = [name for name in test.needs if name not in there]
        if missing:
            skipped[test.name] = f"{', '.join(missing)} not migrated"
        else:
            tallies[test.name] = _compared(test, wix, airtable)
        on_test(done)
    return Parallel(tallies, skipped, left_out)


_END = ("", MISSING)


def _compared(test: ParallelTest, wix: Records, airtable: Records) -> Tally:
    tally = Tally(test.rules)
    try:
        _compare(test, ReadOnly(wix, only=test.needs), ReadOnly(airtable, only=test.needs), tally)
    except RuntimeError:  # a mistake in the test itself
        raise
    except Exception as error:  # noqa: BLE001 - a test that breaks is not clean, and the others go on
        tally.fail(test.name, error)
    return tally


def _compare(test: ParallelTest, wix: Records, airtable: Records, tally: Tally) -> None:
    # In step, so that no side's answers are held: a matching of everyone with everyone is large.
    for left, right in itertools.zip_longest(test.answers(wix), test.answers(airtable), fillvalue=_END):
        call = left[0] or right[0]
        answers: Sequence[Any] = (left[1], right[1]) if left[0] == right[0] else (left, right)
        tally.note(call, answers[0], answers[1], lambda d, call=call: test.explain(call, d, wix, airtable))  # type: ignore[misc]
