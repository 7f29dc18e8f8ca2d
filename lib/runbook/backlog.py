"""What waits: services' writes for Airtable, and what Airtable has for Wix. The same words for everybody.

backlog = read_backlog(state, base, catalog)        # reads the state alone
backlog.notes(), backlog.alerts()
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from runbook.catalog import Catalog
from runbook.display import Shown, Table, plural
from runbook.state import IN_CONFLICT, FollowNote, OutboxCount, PendingCount, State

LATE_SECONDS = 600.0
"""Behind by more than this is an alert: a backlog that does not move."""
STUCK_SECONDS = 120.0
"""A write that has waited longer for Airtable is an alert: after a 429 all wait for 30."""
LIST_REFUSED = "`runbook mirror --refused` lists them"
SEND = "`runbook mirror --send` sends them, or says why it cannot"
NOT_FOLLOWED = "Not followed: nothing carries it back to Wix until `runbook follow` or `runbook serve` runs."


def follow_lock(base: str) -> str:
    """The name of the lock that the one follower of a base holds."""
    return f"follow {base}"


@dataclass(frozen=True)
class Waiting:
    """Of one collection. `behind`: seconds for which the oldest row has waited, None: none waits.

    `held`: rows that are not sent, of which `conflicts` are in conflict; `carried`: when rows were carried last.
    """

    collection: str
    on: bool
    waiting: int = 0
    behind: float | None = None
    held: int = 0
    conflicts: int = 0
    carried: str | None = None

    def text(self) -> str:
        """In one line."""
        parts = [f"{plural(self.waiting, 'row')} waiting, behind by {_ago(self.behind or 0)}"] if self.waiting else []
        if self.held:
            conflicts = f", {self.conflicts:,} in conflict" if self.conflicts else ""
            parts.append(f"{plural(self.held, 'row')} held{conflicts}")
        last = f"; last carried {self.carried}" if self.carried else ""
        return f"{self.collection}: {'; '.join(parts) or 'nothing waiting'}{last}"


@dataclass(frozen=True)
class Unsent:
    """The journal of writes: what services wrote and Airtable does not have yet, by collection; and what it refused.

    `age`: seconds for which the oldest write has waited, None: none waits.
    """

    counts: Mapping[str, PendingCount] = field(default_factory=dict)
    age: float | None = None

    @property
    def waiting(self) -> int:
        """How many writes Airtable does not have yet."""
        return sum(count.waiting for count in self.counts.values())

    @property
    def refused(self) -> int:
        """How many it refused, which nobody has settled yet."""
        return sum(count.refused for count in self.counts.values())

    def notes(self) -> tuple[str, ...]:
        """For people; empty where nothing waits and nothing was refused."""
        waits = {name: count.waiting for name, count in self.counts.items() if count.waiting}
        refused = {name: count.refused for name, count in self.counts.items() if count.refused}
        found = []
        if waits:
            many, age = plural(self.waiting, "write"), _ago(self.age or 0)
            found.append(f"To Airtable: {many} waiting, the oldest for {age} ({_by_name(waits)}).")
        if refused:
            found.append(f"Refused by Airtable: {plural(self.refused, 'write')} ({_by_name(refused)}); {LIST_REFUSED}.")
        return tuple(found)

    def alerts(self) -> list[str]:
        """What a person must look at."""
        found = [
            f"{name}: {plural(count.refused, 'write')} of services refused by Airtable; {LIST_REFUSED}"
            for name, count in self.counts.items()
            if count.refused
        ]
        if self.age is not None and self.age > STUCK_SECONDS:
            found.append(
                f"the journal of writes does not move: {plural(self.waiting, 'write')} waiting for Airtable, the "
                f"oldest for {_ago(self.age)}; {SEND}"
            )
        return found

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "waiting": self.waiting,
            "age": self.age,
            "refused": self.refused,
            "collections": {
                name: {"waiting": count.waiting, "refused": count.refused} for name, count in self.counts.items()
            },
        }


@dataclass(frozen=True, repr=False)
class Backlog(Shown):
    """Of a base. `followed`: whether something carries it back now. `unsent`: what Airtable does not have yet."""

    followed: bool = False
    note: FollowNote = FollowNote()  # noqa: RUF009 - a tuple
    collections: tuple[Waiting, ...] = field(default=())
    unsent: Unsent = field(default_factory=Unsent)

    @property
    def left(self) -> int:
        """How many rows Wix does not have."""
        return sum(c.waiting + c.held for c in self.collections)

    @property
    def is_on(self) -> bool:
        """Whether any flag is at 'airtable', so that Wix falls behind."""
        return any(c.on for c in self.collections)

    def table(self) -> Table:
        """One row per collection whose flag is at 'airtable', or that has rows to carry."""
        rows = [
            (c.collection, c.waiting, None if c.behind is None else _ago(c.behind), c.held, c.conflicts, c.carried)
            for c in self.collections
            if c.on or c.waiting or c.held
        ]
        columns = ("collection", "waiting", "behind by", "held", "conflicts", "last carried")
        return Table("Carried back to Wix", columns, rows, (*self._about(), *self.unsent.notes()))

    def notes(self) -> tuple[str, ...]:
        """For a table of something else: empty where no flag is on and nothing waits."""
        listed = [c for c in self.collections if c.waiting or c.held]
        if not listed and not self.is_on:
            return self.unsent.notes()
        return (*self.unsent.notes(), *(f"To Wix: {c.text()}." for c in listed), *self._about())

    def alerts(self) -> list[str]:
        """What a person must look at."""
        found = self.unsent.alerts()
        for c in self.collections:
            if c.on and c.behind is not None and c.behind > LATE_SECONDS:
                why = self.note.problem if self.followed else "nothing follows"
                found.append(f"{c.collection}: Wix is behind by {_ago(c.behind)}{f': {why}' if why else ''}")
            if c.conflicts:
                settle = f"`runbook resolve {self.note.run}`" if self.note.run else "`runbook rollback --dry-run`"
                found.append(f"{c.collection}: {plural(c.conflicts, 'row')} in conflict with Wix; {settle} lists them")
            if c.held > c.conflicts:
                found.append(f"{c.collection}: {plural(c.held - c.conflicts, 'row')} held, not carried back to Wix")
        return found

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "followed": self.followed,
            "until": self.note.until,
            "problem": self.note.problem,
            "unsent": self.unsent.facts(),
            "collections": {
                c.collection: {
                    "waiting": c.waiting,
                    "behind": c.behind,
                    "held": c.held,
                    "conflicts": c.conflicts,
                    "carried": c.carried,
                }
                for c in self.collections
                if c.on or c.waiting or c.held
            },
        }

    def _about(self) -> tuple[str, ...]:
        if not self.is_on:
            return ("No flag is at 'airtable': nothing is carried back.",)
        if not self.followed:
            return (NOT_FOLLOWED,)
        note, found = self.note, []
        if note.problem:
            found.append(f"Followed, but not all of it goes on: {note.problem}")
        if note.seen is not None:
            deleted = (
                "deletions too" if note.watched else "deletions within a day, since the base has no webhook for it"
            )
            found.append(
                f"Followed: what services write within seconds, edits in the grid within {note.seen:,.0f} s, {deleted}."
            )
        return tuple(found)


def read_backlog(state: State, base: str | None, catalog: Catalog, *, now: datetime | None = None) -> Backlog:
    """What waits now. Reads the state alone."""
    if base is None:
        return Backlog()
    now, note, counts = now or datetime.now(UTC), state.facts.followed(base), state.outbox_counts(base)
    flags = state.flags.all()
    collections = []
    for c in catalog.collections.values():
        count, on = counts.get(c.wix, OutboxCount(0, 0, None)), flags.get(c.flag) == "airtable"
        behind = (now - datetime.fromisoformat(count.oldest)).total_seconds() if count.oldest else None
        held = state.outbox(base, c.wix).rows(held=True) if count.held else []
        collections.append(
            Waiting(
                c.wix,
                on,
                count.waiting,
                None if behind is None else max(0.0, behind),
                count.held,
                sum(row.held == IN_CONFLICT for row in held),
                note.carried.get(c.wix),
            )
        )
    with state.locks.exclusive(follow_lock(base), timeout=0) as free:
        followed = not free
    return Backlog(followed, note, tuple(collections), read_unsent(state, base, now=now))


def read_unsent(state: State, base: str, *, now: datetime | None = None) -> Unsent:
    """What Airtable does not have yet. Reads the state alone."""
    counts = state.pending_writes(base).counts()
    oldest = min((count.oldest for count in counts.values() if count.oldest), default=None)
    age = None if oldest is None else ((now or datetime.now(UTC)) - datetime.fromisoformat(oldest)).total_seconds()
    return Unsent(counts, None if age is None else max(0.0, age))


def waits_for_airtable(state: State, base: str, names: Iterable[str]) -> dict[str, str]:
    """Of which collections Airtable does not have yet what services wrote: why their rows cannot be relied on."""
    counts = state.pending_writes(base).counts()
    waiting = {name: counts[name].waiting for name in names if name in counts and counts[name].waiting}
    return {
        name: f"{plural(count, 'write')} of services waiting for Airtable in the journal; {SEND}"
        for name, count in waiting.items()
    }


def _by_name(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))


def _ago(seconds: float) -> str:
    for size, noun in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return plural(int(seconds // size), noun)
    return f"{seconds:,.0f} s"
