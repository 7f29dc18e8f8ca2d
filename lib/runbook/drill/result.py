"""The verdict of a drill: writes, what became of them, and the seconds of each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runbook.display import Page, Shown, Table, plural
from runbook.drill.rehearsal import Outcome
from runbook.drill.writes import BY, KINDS

_LISTED = 20


@dataclass(frozen=True, repr=False)
class Drilled(Shown):
    """The result; `outcome` is what was found, `seed` what the writes follow from."""

    outcome: Outcome
    seed: int

    @property
    def writes(self) -> int:
        """Writes that were acknowledged."""
        return sum(self.outcome.writes.values())

    @property
    def lost(self) -> int:
        """Rows and deletions that were not there, on either side."""
        return len(self.outcome.wix.lost) + len(self.outcome.airtable.lost)

    @property
    def twice(self) -> int:
        """Rows that were there more than once, on either side."""
        return len(self.outcome.wix.twice) + len(self.outcome.airtable.twice)

    @property
    def passed(self) -> bool:
        """Whether all steps were done, and nothing was lost, twice, wrong or unknown on either side."""
        found = self.outcome
        return found.wix.clean and found.airtable.clean and not found.failed and not found.reasons and self.writes > 0

    @property
    def reasons(self) -> list[str]:
        """Why it did not pass."""
        found = self.outcome
        reasons = list(found.reasons)
        for side, compared in (("Wix, after going back", found.wix), ("Airtable, forth again", found.airtable)):
            for kind in ("lost", "twice", "wrong", "unknown"):
                if names := getattr(compared, kind):
                    more = f"; and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
                    reasons.append(f"{side}: {len(names)} {kind}: {'; '.join(names[:_LISTED])}{more}")
        if found.failed:
            reasons.append(f"{plural(len(found.failed), 'write')} failed: {'; '.join(found.failed[:_LISTED])}")
        return reasons or ["nothing was written"] * (not self.passed)

    def table(self) -> Table:
        """What both sides held in the end, against what was written."""
        rows = [
            (side, c.rows, len(c.lost), len(c.twice), len(c.wrong), len(c.unknown), _verdict(c.rows, clean=c.clean))
            for side, c in (
                ("Wix, after going back", self.outcome.wix),
                ("Airtable, forth again", self.outcome.airtable),
            )
        ]
        columns = ("side", "rows", "lost", "twice", "wrong", "unknown", "verdict")
        writes = plural(self.writes, "write")
        title = f"Drill: {writes}, {self.lost} lost, {self.twice} twice"
        return Table(title, columns, rows, tuple(self.reasons))

    def page(self) -> Page:
        """The verdict, the steps, and the writes by kind."""
        found = self.outcome
        steps = [(step, round(seconds, 1)) for step, seconds in found.seconds.items()]
        steps.append(("calls of services held while the flags turned", round(found.held, 2)))
        steps.append(("longest call of a service meanwhile", round(found.longest, 2)))
        kinds = [(KINDS[kind].by, kind, count) for kind, count in found.writes.items()]
        kinds.sort(key=lambda row: (BY.index(row[0]), row[1]))
        meanwhile = (
            f"{found.while_going_back} of them while it rolled back, {found.after_the_turn} after the flags turned"
        )
        notes = [f"On a copy filled with {found.filled}. {meanwhile}; seed {self.seed}."]
        if found.not_possible:
            notes.append(f"Not possible here, or not so often: {', '.join(found.not_possible)}; keys patched instead.")
        return Page(
            self,
            Table("Seconds", ("step", "seconds"), steps),
            Table("Writes after the turn", ("by", "kind", "writes"), kinds, tuple(notes)),
        )

    def facts(self) -> dict[str, Any]:
        """For the evidence: counts, seconds, legacy ids and keys; no values."""
        found = self.outcome
        return {
            "passed": self.passed,
            "seed": self.seed,
            "filled_with": found.filled,
            "collections": found.collections,
            "rows": found.rows,
            "writes": self.writes,
            "writes_by_kind": found.writes,
            "while_going_back": found.while_going_back,
            "after_the_turn": found.after_the_turn,
            "not_possible": found.not_possible,
            "failed": found.failed,
            "lost": self.lost,
            "twice": self.twice,
            "wix": found.wix.facts(),
            "airtable": found.airtable.facts(),
            "seconds": {step: round(seconds, 3) for step, seconds in found.seconds.items()},
            "held": round(found.held, 3),
            "longest_call": round(found.longest, 3),
            "reasons": self.reasons,
        }


def _verdict(rows: int, *, clean: bool) -> str:
    if not rows:
        return "not compared"
    return "passed" if clean else "failed"
