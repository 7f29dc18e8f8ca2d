"""Two answers to one call, compared field by field; and what many comparisons come to.

tally = Tally(rules)
tally.note("carriers for driver 1f…", wix_answer, airtable_answer)
tally.clean             # nothing differs that no rule names
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from runbook.display import Shown, Table, mask
from runbook.errors import RunbookError
from runbook.json_types import MISSING

LISTED = 20
"""Differences that are told in words; all are counted."""
_SHOWN = 60


@dataclass(frozen=True)
class Difference:
    """A place where two answers differ: `matches[3].overallScore`. `MISSING`: one of them has nothing there."""

    path: str
    wix: Any
    airtable: Any


@dataclass(frozen=True)
class Rule:
    """A difference that is known and right. `says` is for the reader."""

    name: str
    says: str
    applies: Callable[[Difference], bool]


def differences(wix: Any, airtable: Any, path: str = "") -> Iterator[Difference]:
    """Where two answers differ. Order counts in lists; numbers must be equal, not close."""
    if isinstance(wix, dict) and isinstance(airtable, dict):
        for key in [*wix, *(key for key in airtable if key not in wix)]:
            inner = f"{path}.{key}" if path else str(key)
            yield from differences(wix.get(key, MISSING), airtable.get(key, MISSING), inner)
    elif isinstance(wix, list | tuple) and isinstance(airtable, list | tuple):
        for n in range(max(len(wix), len(airtable))):
            left = wix[n] if n < len(wix) else MISSING
            right = airtable[n] if n < len(airtable) else MISSING
            yield from differences(left, right, f"{path}[{n}]")
    elif not _same(wix, airtable):
        yield Difference(path, wix, airtable)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b or (a != a and b != b)  # NaN is what both may say
    return type(a) is type(b) and bool(a == b)


@dataclass(repr=False)
class Tally(Shown):
    """Comparisons so far.

    `explained`: differences by rule. `different`: calls with a difference that no rule names, `examples` in words.
    `failed`: calls that did not answer on a side.
    """

    rules: Sequence[Rule] = ()
    calls: int = 0
    identical: int = 0
    different: int = 0
    failed: int = 0
    explained: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether at least one call was compared, all answered, and nothing differs that no rule names."""
        return self.calls > 0 and not self.different and not self.failed

    def note(
        self, call: str, wix: Any, airtable: Any, explain: Callable[[Difference], str | None] = lambda difference: None
    ) -> bool:
        """Compare two answers; whether they agree. `explain`: why a place differs, without personal values."""
        # What reads alike is alike; most answers are, and to write them out is much quicker than to walk through them.
        found = [] if repr(wix) == repr(airtable) else list(differences(wix, airtable))
        named = [(d, next((rule for rule in self.rules if rule.applies(d)), None)) for d in found]
        open_ones = [d for d, rule in named if rule is None]
        words = [f"{call}: {_in_words(explain, d)}" for d in open_ones[:3]] if len(self.examples) < LISTED else []
        self.calls += 1
        self.identical += not found
        self.different += bool(open_ones)
        self.explained.update(rule.name for _, rule in named if rule is not None)
        self.examples += words[: LISTED - len(self.examples)]
        return not open_ones

    def fail(self, call: str, error: Exception) -> None:
        """A call that did not answer. Of errors that are not our own only the kind is said: they may hold anything."""
        said = f": {error}" if isinstance(error, RunbookError) else ""
        self.calls += 1
        self.failed += 1
        if len(self.examples) < LISTED:
            self.examples.append(f"{call}: {type(error).__name__}{said}"[:300])

    def table(self) -> Table:
        """The counts, known differences by name, then the open ones."""
        rows: list[tuple[Any, ...]] = [
            ("calls compared", self.calls, None),
            ("identical", self.identical, None),
            *((f"known: {rule.name}", self.explained[rule.name], rule.says) for rule in self.rules),
            ("not answered", self.failed, None),
            ("different", self.different, "passed" if self.clean else "failed"),
        ]
        return Table("Both sides compared", ("what", "calls", "note"), rows, tuple(self.examples))

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "calls": self.calls,
            "identical": self.identical,
            "explained": dict(self.explained),
            "failed": self.failed,
            "different": self.different,
            "examples": list(self.examples),
            "passed": self.clean,
        }


def _in_words(explain: Callable[[Difference], str | None], difference: Difference) -> str:
    try:
        return explain(difference) or told(difference)
    except Exception:  # noqa: BLE001 - an explanation that fails hides no difference
        return told(difference)


def told(difference: Difference) -> str:
    """A difference in words. Texts may be anyone's, so of them only their kind and length is said."""
    return f"{difference.path or 'the answer'}: {_value(difference.wix)} → {_value(difference.airtable)}"


def _value(value: Any) -> str:
    if value is MISSING:
        return "nothing"
    if value is None or isinstance(value, bool | int | float | datetime):
        return str(value)[:_SHOWN]
    return mask(value)
