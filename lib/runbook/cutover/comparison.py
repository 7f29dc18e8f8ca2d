"""Compare two responses to the same call field by field, and count the results of many comparisons.

tally = Tally(rules)
tally.compare("carriers for driver 1f…", wix_response, airtable_response)
tally.clean             # every difference is explained by a rule
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
"""Differences that are described; all are counted."""
_MAX_LENGTH = 60


@dataclass(frozen=True)
class Difference:
    """A path at which two responses differ: `matches[3].overallScore`. `MISSING`: one of them has no value there."""

    path: str
    wix: Any
    airtable: Any


@dataclass(frozen=True)
class Rule:
    """A known and accepted kind of difference. `explanation` is for the reader."""

    name: str
    explanation: str
    applies: Callable[[Difference], bool]


def differences(wix: Any, airtable: Any, path: str = "") -> Iterator[Difference]:
    """The differences of two responses. Order matters in lists; numbers must be equal, not close."""
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
        return a == b or (a != a and b != b)  # NaN equals NaN here
    return type(a) is type(b) and bool(a == b)


@dataclass(repr=False)
class Tally(Shown):
    """Counts of the comparisons so far.

    `explained`: differences by rule. `different`: calls with an unexplained difference, described in `examples`.
    `failed`: calls that raised on one side.
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
        """Whether at least one call was compared, none failed, and every difference is explained by a rule."""
        return self.calls > 0 and not self.different and not self.failed

    def compare(
        self, call: str, wix: Any, airtable: Any, explain: Callable[[Difference], str | None] = lambda difference: None
    ) -> bool:
        """Compare two responses; whether they agree. `explain`: the cause of a difference, without personal values."""
        # Most responses are equal, and comparing their repr is much faster than walking through them.
        found = [] if repr(wix) == repr(airtable) else list(differences(wix, airtable))
        matched = [(d, next((rule for rule in self.rules if rule.applies(d)), None)) for d in found]
        unexplained = [d for d, rule in matched if rule is None]
        examples = [f"{call}: {_describe(explain, d)}" for d in unexplained[:3]] if len(self.examples) < LISTED else []
        self.calls += 1
        self.identical += not found
        self.different += bool(unexplained)
        self.explained.update(rule.name for _, rule in matched if rule is not None)
        self.examples += examples[: LISTED - len(self.examples)]
        return not unexplained

    def fail(self, call: str, error: Exception) -> None:
        """Count a call that raised. Only our own errors are shown in full: others may contain personal values."""
        message = f": {error}" if isinstance(error, RunbookError) else ""
        self.calls += 1
        self.failed += 1
        if len(self.examples) < LISTED:
            self.examples.append(f"{call}: {type(error).__name__}{message}"[:300])

    def table(self) -> Table:
        """The counts, known differences by rule, then the unexplained ones."""
        rows: list[tuple[Any, ...]] = [
            ("calls compared", self.calls, None),
            ("identical", self.identical, None),
            *((f"known: {rule.name}", self.explained[rule.name], rule.explanation) for rule in self.rules),
            ("failed", self.failed, None),
            ("different", self.different, "passed" if self.clean else "failed"),
        ]
        return Table("Both sides compared", ("result", "calls", "note"), rows, tuple(self.examples))

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


def _describe(explain: Callable[[Difference], str | None], difference: Difference) -> str:
    try:
        return explain(difference) or describe(difference)
    except Exception:  # noqa: BLE001 - a failing explanation must not hide the difference
        return describe(difference)


def describe(difference: Difference) -> str:
    """A difference as text. A string may be personal, so only its kind and length are shown."""
    return f"{difference.path or 'the response'}: {_value(difference.wix)} → {_value(difference.airtable)}"


def _value(value: Any) -> str:
    if value is MISSING:
        return "nothing"
    if value is None or isinstance(value, bool | int | float | datetime):
        return str(value)[:_MAX_LENGTH]
    return mask(value)
