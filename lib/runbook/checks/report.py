"""The results of a suite: an outcome for each check, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from runbook.display import Shown, Table

Verdict = Literal["pass", "warn", "fail", "error"]
ORDER: tuple[Verdict, ...] = ("pass", "warn", "fail", "error")  # from good to bad

_KINDS = {
    "rows": ("expect_table_row_count_to_equal", "expect_table_row_count_to_be_between"),
    "columns": (
        "expect_table_columns_to_match_set",
        "expect_table_columns_to_match_ordered_list",
        "expect_column_to_exist",
    ),
    "types": (
        "expect_column_values_to_be_of_type",
        "expect_column_values_to_be_in_type_list",
        "expect_column_values_to_be_json_parseable",
    ),
    "filled": ("expect_column_values_to_not_be_null", "expect_column_values_to_be_null"),
    "unique": (
        "expect_column_values_to_be_unique",
        "expect_compound_columns_to_be_unique",
        "expect_column_proportion_of_unique_values_to_be_between",
    ),
    "values": (
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_not_be_in_set",
        "expect_column_distinct_values_to_be_in_set",
        "expect_column_distinct_values_to_equal_set",
        "expect_column_distinct_values_to_contain_set",
    ),
    "ranges": (
        "expect_column_values_to_be_between",
        "expect_column_min_to_be_between",
        "expect_column_max_to_be_between",
    ),
    "patterns": ("expect_column_values_to_match_regex", "expect_column_values_to_not_match_regex"),
    "lengths": ("expect_column_value_lengths_to_be_between", "expect_column_value_lengths_to_equal"),
}
KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names}
KINDS = (*_KINDS, "links", "other")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some verdicts; "error" where there is none, because nothing was checked."""
    return max(verdicts, key=ORDER.index, default="error")


@dataclass(frozen=True)
class Outcome:
    """The result of one check. `rows`: how many are not as expected; `ids`: legacy ids of the first of them.

    `empty`: the column holds no value, so the check had nothing to look at. `why`: why it could not be run.
    """

    index: int
    type: str
    column: str | None
    kind: str
    severity: str
    verdict: Verdict
    sentence: str
    rows: int | None = None
    ids: tuple[str, ...] = ()
    observed: int | float | None = None
    empty: bool = False
    why: str | None = None

    def facts(self) -> dict[str, Any]:
        """For evidence: no value of a cell."""
        facts: dict[str, Any] = {
            "type": self.type, "kind": self.kind, "severity": self.severity, "outcome": self.verdict,
            "sentence": self.sentence,
        }  # fmt: skip
        optional = {"column": self.column, "rows": self.rows, "observed": self.observed, "why": self.why}
        facts |= {name: value for name, value in optional.items() if value is not None}
        if self.ids:
            facts["ids"] = list(self.ids)
        if self.empty:
            facts["empty"] = True
        return facts


@dataclass(frozen=True, repr=False)
class SuiteReport(Shown):
    """The result of a suite on one frame. `seconds`: wall clock. `notes`: what was left out, and why.

    `fingerprint`: Great Expectations' hash of the frame's content.
    """

    suite: str
    rows: int
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)
    fingerprint: str | None = None

    @property
    def passed(self) -> bool:
        """No critical check failed, and every check could be run."""
        return bool(self.outcomes) and all(o.verdict in ("pass", "warn") for o in self.outcomes)

    def counts(self) -> dict[str, int]:
        """Number of checks by verdict."""
        found = Counter(o.verdict for o in self.outcomes)
        return {verdict: found[verdict] for verdict in ORDER}

    def of_kind(self) -> dict[str, Verdict]:
        """The worst verdict of each kind of check."""
        worst: dict[str, Verdict] = {}
        for o in self.outcomes:
            worst[o.kind] = max(worst.get(o.kind, "pass"), o.verdict, key=ORDER.index)
        return {kind: worst[kind] for kind in KINDS if kind in worst}

    def table(self) -> Table:
        """What did not pass, worst first; counts of the rest."""
        shown = sorted((o for o in self.outcomes if o.verdict != "pass"), key=lambda o: -ORDER.index(o.verdict))
        rows = [(o.verdict, o.sentence, o.rows, ", ".join(o.ids[:3]) or o.why) for o in shown]
        counts = self.counts()
        summary = f"{counts['pass']} of {len(self.outcomes)} checks passed on {self.rows:,} rows"
        empty = sum(o.empty and o.verdict == "pass" for o in self.outcomes)
        if empty:
            summary += f"; {empty} of them on columns without any value"
        return Table(f"Suite {self.suite}", ("Outcome", "Check", "Rows", "For example"), rows, (summary, *self.notes))

    def facts(self) -> dict[str, Any]:
        """For evidence: counts and legacy ids, no value of a cell."""
        return {
            "suite": self.suite,
            "rows": self.rows,
            "passed": self.passed,
            "counts": self.counts(),
            "fingerprint": self.fingerprint,
            "notes": list(self.notes),
            "checks": [o.facts() for o in self.outcomes],
        }
