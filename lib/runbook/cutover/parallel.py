"""A platform's services, called on both sides in a phase's notebook: the responses must be identical.

found = run_parallel(tests, wix, airtable)      # one tally per test
found.passed
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from runbook.cutover.comparison import Difference, Rule, Tally
from runbook.display import Shown, Table, plural
from runbook.json_types import MISSING
from runbook.records import Records
from runbook.records.views import ReadOnly

Responses = Iterator[tuple[str, Any]]

LISTED = 10


@dataclass(frozen=True)
class ParallelTest:
    """Calls of services. `needs`: the collections that they read.

    `responses` makes the calls on one side and yields (call, response), in the same order on both; `explain` says why
    a call differs at a path, given both sides, without personal values.
    """

    phase: int
    name: str
    needs: tuple[str, ...]
    responses: Callable[[Records], Responses]
    explain: Callable[[str, Difference, Records, Records], str | None] = lambda call, difference, wix, airtable: None
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, repr=False)
class Parallel(Shown):
    """The results of the tests. `skipped`: by name, why a test was not run. `left_out`: rows in quarantine."""

    tallies: dict[str, Tally]
    skipped: dict[str, str] = field(default_factory=dict)
    left_out: int = 0

    @property
    def passed(self) -> bool:
        """Whether every test that was run is clean."""
        return all(tally.clean for tally in self.tallies.values())

    def table(self) -> Table:
        """One row per test; then the differences, and the rules that explain known ones."""
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
        rows += [(name, None, None, None, None, f"not run: {reason}") for name, reason in self.skipped.items()]
        notes = [example for tally in self.tallies.values() for example in tally.examples[:LISTED]]
        notes += [
            f"known: {rule.name} ({tally.explained[rule.name]:,}): {rule.explanation}"
            for tally in self.tallies.values()
            for rule in tally.rules
            if tally.explained[rule.name]
        ]
        if self.left_out:
            notes.append(
                f"Left out on the Wix side: {plural(self.left_out, 'row')} in quarantine, which Airtable does not have."
            )
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
    available: Collection[str],
    left_out: int = 0,
    on_test: Callable[[int], None] = lambda done: None,
) -> Parallel:
    """Run the tests whose collections are all `available`, call by call on both sides.

    Raises RuntimeError for a test that reads a collection not in its `needs`.
    """
    tallies: dict[str, Tally] = {}
    skipped: dict[str, str] = {}
    for done, test in enumerate(tests, 1):
        missing = [name for name in test.needs if name not in available]
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
    except RuntimeError:  # a bug in the test itself
        raise
    except Exception as error:  # noqa: BLE001 - a test that fails is not clean, and the others continue
        tally.fail(test.name, error)
    return tally


def _compare(test: ParallelTest, wix: Records, airtable: Records, tally: Tally) -> None:
    # In step, so that neither side's responses are kept in memory: matching everyone with everyone is large.
    for left, right in itertools.zip_longest(test.responses(wix), test.responses(airtable), fillvalue=_END):
        call = left[0] or right[0]
        pair: Sequence[Any] = (left[1], right[1]) if left[0] == right[0] else (left, right)
        tally.compare(call, pair[0], pair[1], lambda d, call=call: test.explain(call, d, wix, airtable))  # type: ignore[misc]
