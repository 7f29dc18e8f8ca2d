"""Two calls at once, of any two services that share a row: rows and answers are those of one call after the other.

    pairs = Pairs(listed, rows, call, COLLECTIONS)
    serial = pairs.one_after_the_other(sides)       # on Wix, both ways round
    assert pairs.not_serial(at_once, serial) == []

Each pair has rows of its own: a number of five digits, at the edge of a word, is in all their keys.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from at_once import AtOnce, Call, Raised
from platform_kit import Platform, Sides
from runbook.json_types import Item

FIRST = 10_001
AT_ONCE = 25
"""Pairs at once."""
SECONDS = 0.03
"""Of a request: so that the two of a pair meet."""
STAMPS = ("_createdDate", "_updatedDate")
SET = [["_owner", "ID"]]
"""Wix makes the site's owner that of a row without one."""
Outcome = tuple[Any, Any, Any]
"""The rows after two calls, and the answers of both, without what differs from pair to pair."""


class Pair(NamedTuple):
    """Two actions in a room; `before`: the rows that there are, by a name."""

    room: str
    before: str
    one: str
    other: str


class Pairs(NamedTuple):
    """See the module. `rows`: of a number and a pair; `call`: of a number, a room and an action."""

    listed: list[Pair]
    rows: Callable[[int, Pair], Iterable[tuple[str, Item]]]
    call: Callable[[int, str, str], Call]
    collections: tuple[str, ...]
    expected: tuple[type[Exception], ...] = ()
    parts: Mapping[str, Any] = MappingProxyType({})

    def one_after_the_other(self, sides: Sides) -> list[tuple[Outcome, Outcome]]:
        """Of each pair: the outcomes of the first call before the second, and of the second before the first."""
        platform = Platform(sides, "wix")
        context = platform.context(**self.parts)
        numbered = {FIRST + 2 * n + turn: self.listed[n] for n in range(len(self.listed)) for turn in (0, 1)}
        self._plant(platform, numbered)
        answers = {}
        for number, pair in numbered.items():
            turned = (number - FIRST) % 2
            answers[number] = []
            for call in self._calls(number, pair)[:: -1 if turned else 1]:
                try:
                    answers[number].append(call.make(context))
                except self.expected as error:
                    answers[number].append(Raised(type(error).__name__, str(error)))
            if turned:
                answers[number].reverse()
        found = self._outcomes(platform, answers)
        sides.empty()
        return [(found[FIRST + 2 * n], found[FIRST + 2 * n + 1]) for n in range(len(self.listed))]

    def not_serial(
        self, at_once: AtOnce, serial: list[tuple[Outcome, Outcome]], most: int = AT_ONCE
    ) -> list[tuple[Pair, Outcome, tuple[Outcome, Outcome]]]:
        """The pairs whose outcome at once is neither of the two, with what it is and what it may be.

        `most`: pairs that are called at the same time.
        """
        numbered = {FIRST + n: pair for n, pair in enumerate(self.listed)}
        self._plant(at_once, numbered)
        answers: dict[int, list[Any]] = {}
        listed = [*numbered.items()]
        for start in range(0, len(listed), most):
            chunk = listed[start : start + most]
            calls = [call for number, pair in chunk for call in self._calls(number, pair)]
            with at_once.slow(SECONDS):
                made = at_once.run(calls, expected=self.expected, **self.parts)
            answers |= {number: made[2 * n : 2 * n + 2] for n, (number, _) in enumerate(chunk)}
        found = self._outcomes(at_once, answers).values()
        return [
            (pair, got, both)
            for pair, got, both in zip(self.listed, found, serial, strict=True)
            if got not in (*both, _turned(both, pair))
        ]

    def _plant(self, platform: Platform, numbered: dict[int, Pair]) -> None:
        rows: dict[str, list[Item]] = defaultdict(list)
        for number, pair in numbered.items():
            for collection, row in self.rows(number, pair):
                rows[collection].append({"_owner": f"owner-{number}", **row})
        for collection, items in rows.items():
            platform.records.bulk_insert(collection, items)

    def _calls(self, number: int, pair: Pair) -> list[Call]:
        return [self.call(number, pair.room, action) for action in (pair.one, pair.other)]

    def _outcomes(self, platform: Platform, answers: dict[int, list[Any]]) -> dict[int, Outcome]:
        rows: dict[int, list[Any]] = defaultdict(list)
        for collection in self.collections:
            for row in platform.rows(collection):
                number = re.search(r"\b\d{5}\b", json.dumps(row, default=str))
                if number is not None:  # else of no pair, such as a summary
                    rows[int(number[0])].append([collection, alike(row, int(number[0]))])
        return {
            number: (sorted(rows[number], key=json.dumps), *(alike(answer, number) for answer in answers[number]))
            for number in answers
        }


def alike(value: Any, number: int) -> Any:
    """A row or an answer without its number, its random ids, and what the side sets by itself."""
    text = json.dumps(value, default=str, sort_keys=True).replace(str(number), "99999")
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "ID", text)
    return json.loads(
        text, object_hook=lambda item: {k: v for k, v in item.items() if [k, v] not in SET and k not in STAMPS}
    )


def _turned(both: tuple[Outcome, Outcome], pair: Pair) -> Outcome:
    """Of a service called twice alike, the second caller may be served first."""
    rows, one, other = both[0]
    return (rows, other, one) if pair.one == pair.other else both[1]
