"""The way back of some collections: what Wix does not have, and carrying it there; each collection by itself.

    way = WayBack(connections, base, folder, dry_run=False)
    with way.alone():
        losses = way.find(collection)       # a look at both sides; changes neither
        losses = way.carry(collection)      # what waits goes to Wix

What a service wrote is known without asking Airtable, so it can be carried while Airtable is down, from the outbox and
from the journal of writes; what people did in the grid is then not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from runbook.catalog import Collection
from runbook.connections import Connections
from runbook.cutover.back_plan import BackCounts, BackPlan, Carried
from runbook.cutover.carry_back import CarryBack
from runbook.cutover.going_back import carrying
from runbook.cutover.last_look import LastLook
from runbook.cutover.look import Look, look_at, look_at_some
from runbook.cutover.unsent import UnsentWrites
from runbook.display import plural
from runbook.errors import AirtableError, BudgetSpent, RunbookError, SourceDown, WixError
from runbook.evidence.folder import RunFolder
from runbook.json_types import Json
from runbook.records.opening import connect_records
from runbook.records.outage import is_down
from runbook.schema import Tables
from runbook.state import OutboxRow, PendingRow
from runbook.state.locks import CALLS
from runbook.steps.conflict_file import ConflictFile, some

_AIRTABLE, _WIX = "Airtable", "Wix"
_SEND_SECONDS, _HELD_SECONDS = 30.0, 5.0  # for the journal of writes, which is tried as long as something of it arrives


@dataclass(frozen=True)
class Losses:
    """What Wix does not have of a collection. `unmatched`, `unknown`: see `Look`. `error`: why it is not known what
    else there is; "" where all was read. `carried`: what Wix was given. `notes`: for people. `lines`: of the outbox."""

    counts: BackCounts = field(default_factory=BackCounts)
    unmatched: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    held_back: str = ""
    error: str = ""
    carried: Carried = field(default_factory=Carried)
    notes: tuple[str, ...] = ()
    lines: int = 0

    @property
    def rows(self) -> int:
        """How many rows that is: to be carried, or to be decided on by a person first."""
        return self.counts.carried + self.counts.conflict + self.counts.held_back + len(self.unmatched)

    @property
    def waits(self) -> bool:
        """Whether `carry` has anything to do; to note that both sides agree on a row again is also something."""
        return bool(self.rows or self.lines or self.error)

    def left(self, name: str) -> str | None:
        """What is known not to be in Wix; None where nothing is."""
        left = self.counts
        parts = [
            f"{plural(left.carried, 'row')} not carried back" if left.carried else "",
            f"{plural(left.conflict, 'row')} in conflict ({some(self.conflicts)})" if left.conflict else "",
            f"{plural(len(self.unmatched), 'record')} without an `_id` that can be written ({some(self.unmatched)})"
            if self.unmatched
            else "",
            self.held_back,
            *(f"{id_}: {why}" for id_, why in list(self.carried.refused.items())[:3]),
        ]
        said = "; ".join(part for part in parts if part)
        return f"{name}: {said}" if said else None

    def not_known(self, name: str) -> str:
        """Which items stay in Wix because nobody knows whether they were deleted in Airtable; "" for none."""
        if not self.unknown:
            return ""
        return (
            f"{name}: {plural(len(self.unknown), 'row')} of Wix not in Airtable; whether they were deleted there is "
            f"not known, because the state was read again from the base; they stay: {some(self.unknown)}"
        )

    def facts(self) -> dict[str, Json]:
        """For the evidence."""
        left = self.counts
        return {
            "added": left.inserted,
            "changed": left.patched,
            "removed": left.removed,
            "kept": left.kept,
            "conflict": left.conflict,
            "held_back": left.held_back,
            "unmatched": list(self.unmatched),
            "unknown": list(self.unknown),
            "error": self.error,
        }


def reasons(found: Mapping[str, Losses]) -> list[str]:
    """Why not all of some collections is known to be in Wix; empty where it is. Collections with one error share it."""
    said = [text for name, losses in found.items() if (text := losses.left(name)) is not None]
    by_error: dict[str, list[str]] = {}
    for name, losses in found.items():
        if losses.error:
            by_error.setdefault(losses.error, []).append(name)
    return said + [f"not known what else of {some(names)}: {error}" for error, names in by_error.items()]


class WayBack:
    """Of one base. `base` None: it is not known, so nothing can be looked at. `dry_run`: nothing is noted in state."""

    def __init__(self, connections: Connections, base: str | None, folder: RunFolder, *, dry_run: bool = False) -> None:
        self._connections, self._base, self._dry_run = connections, base, dry_run
        self._tables: Tables | None = None
        self._down: dict[str, str] = {}  # by side, why it is not asked any more
        self._watch: LastLook | None = None
        self._looked: set[str] = set()  # collections that were read whole since it began
        self._calls_held = False
        self._unsent: UnsentWrites | None = None
        self._engine: CarryBack | None = None
        if base is not None:
            self._engine = CarryBack(
                connections,
                base,
                run_id=folder.run_id,
                conflicts=ConflictFile(folder.path),
                unchanged_since=lambda c: connections.state.unchanged_since(base, c.flag),
                flags_kept=self._flags_kept,
            )
            self._unsent = UnsentWrites(connections, base, self._engine)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else carries rows back meanwhile; take it before `find` and `carry`."""
        if self._base is None:
            yield
            return
        with carrying(self._connections.state, self._base):
            yield

    def _flags_kept(self) -> AbstractContextManager[None]:
        return nullcontext() if self._calls_held else self._connections.state.locks.shared(CALLS)

    def ask_again(self) -> None:
        """A side that was down is asked again from now on, and the schema read again."""
        self._down, self._tables = {}, None

    def send(self, *, held: bool = False) -> None:
        """Send the journal of writes to Airtable, while that goes on; what is left goes to Wix by `carry`.

        `held`: the caller holds service calls.
        """
        pending = self._base is not None and self._connections.state.pending_writes(self._base).lines(limit=1)
        if not pending or self._dry_run or _AIRTABLE in self._down:
            return
        with ExitStack() as stack, suppress(RunbookError):
            opened = connect_records(self._connections, stack, base=self._base, update_mirror=False, brief=True)
            assert opened.airtable is not None
            opened.airtable.journal.drain(_HELD_SECONDS if held else _SEND_SECONDS, gives_up=True)

    def settle(self, connection: Connection) -> None:
        """Part of the transaction in which the flags turn: what was carried of the journal is not to be sent."""
        if self._unsent is not None:
            self._unsent.settle(connection)

    def end(self) -> None:
        """After the turn: the mirror's rows are no longer what the journal made of them."""
        rows = {} if self._unsent is None else self._unsent.carried_rows()
        if rows:
            with ExitStack() as stack, suppress(RunbookError):
                opened = connect_records(self._connections, stack, base=self._base, update_mirror=False)
                assert opened.mirror is not None
                for name, ids in rows.items():
                    opened.mirror.overlay(name, ids)

    def watch(self) -> None:
        """From now on it is known what changes in Airtable, so that the tables need not be read whole again."""
        self._watch, self._looked = None, set()
        if self._base is None:
            return
        c, base = self._connections, self._base
        with suppress(RunbookError), self._asking(_AIRTABLE), c.airtable.brief():
            self._watch = LastLook.begin(c.airtable, base, c.catalog, c.state)

    def poll(self) -> None:
        """Ask what has changed, for all collections at once, before `find_changes`."""
        if self._watch is None:
            return
        try:
            with self._asking(_AIRTABLE), self._connections.airtable.brief():
                usable = self._watch.poll()
        except RunbookError:
            usable = False
        if not usable:
            self._watch = None

    def find(self, c: Collection) -> Losses:
        """Look at the table; what differs is noted in the outbox. Never raises RunbookError: `error` says why.

        A side that does not answer is given up after seconds, and not asked again until `ask_again`.
        """
        if self._base is None or self._engine is None:
            return Losses(error="there is no base")
        look, error, base = Look(c), "", self._base
        try:
            with self._asking(_AIRTABLE), self._connections.airtable.brief():
                look = look_at(self._connections, base, c, self._schema(base), dry_run=self._dry_run)
            self._note(look, base)
            self._looked.add(c.wix)
        except RunbookError as problem:
            error = str(problem)
        return self._left(c, look, error)

    def find_changes(self, c: Collection, before: Losses) -> Losses:
        """`find`, of what has changed by the last `poll`, where that is known. `before`: what `find` gave."""
        if self._watch is None or self._base is None or before.error or c.wix not in self._looked:
            return self.find(c)
        look, error, base = Look(c), "", self._base
        try:
            with self._asking(_AIRTABLE), self._connections.airtable.brief():
                seen = self._watch.take(c)
                look = look_at_some(self._connections, base, c, seen.records, seen.deleted)
            self._note(look, base)
        except RunbookError as problem:
            self._looked.discard(c.wix)
            error = str(problem)
        unmatched = tuple(dict.fromkeys([*before.unmatched, *look.unmatched]))
        return self._left(c, replace(look, unmatched=unmatched, unknown=before.unknown), error)

    def _note(self, look: Look, base: str) -> None:
        if not self._dry_run:
            keys = self._connections.catalog.link_keys.get(look.collection.wix, ())
            look.note(self._connections.state, base, keys)

    @contextmanager
    def _asking(self, side: str) -> Iterator[None]:
        """Raises SourceDown in place of asking a side that is down."""
        if side in self._down:
            raise SourceDown(self._down[side], collection="")
        try:
            yield
        except (AirtableError, BudgetSpent, WixError) as problem:
            if is_down(problem):
                self._down[_WIX if isinstance(problem, WixError) else _AIRTABLE] = str(problem)
            raise

    def carry(self, c: Collection, before: Losses, *, held: bool = False) -> Losses:
        """Carry what waits, and what was held before as well. `before`: what `find` gave. Never raises RunbookError.

        `held`: the caller holds service calls.
        """
        if self._base is None or self._engine is None or self._unsent is None:
            return before
        self._connections.state.outbox(self._base, c.wix).release()
        self._calls_held = held
        carried, error, unclear = Carried(), before.error, dict[str, str]()
        try:
            with self._asking(_WIX), self._connections.wix.brief(), self._connections.airtable.brief():
                plan, carried = self._engine.drain(c)
                unclear = plan.unclear
                carried.add(self._unsent.carry(c, ends=held))
        except RunbookError as problem:
            error = str(problem)
        left = self._left(c, Look(c, unmatched=before.unmatched, unknown=before.unknown), error)
        total = replace(before.carried)
        total.add(carried)
        waiting = self._connections.state.outbox(self._base, c.wix).marks()
        waiting |= {line.legacy_id: "" for line in self._connections.state.pending_writes(self._base).lines(c.wix)}
        total.refused = {id_: why for id_, why in total.refused.items() if id_ in waiting}  # not taken later either
        return replace(left, carried=total, notes=(*_unclear(c, unclear), *left.notes))

    def _left(self, c: Collection, look: Look, error: str) -> Losses:
        """What waits now, with what a look found that is not noted."""
        assert self._base is not None
        assert self._engine is not None
        assert self._unsent is not None
        outbox = self._connections.state.outbox(self._base, c.wix)
        waiting: dict[str, OutboxRow | PendingRow] = {row.legacy_id: row for row in outbox.rows(held=True)}
        if self._dry_run:
            waiting |= {row.legacy_id: row for row in look.rows}
        try:
            with self._asking(_WIX), self._connections.wix.brief():
                plan = self._engine.plan(c, list(waiting.values()))
                unsent = self._unsent.plan(c)
        except RunbookError as problem:
            said = f"{plural(len(waiting), 'row')} of Airtable could not be compared: {problem}"
            return Losses(error="; ".join(part for part in (error, said) if part), notes=look.notes)
        texts = tuple(found.line.text() for found in (*plan.conflicts, *unsent.conflicts))
        notes = (*look.notes, *_kept(plan), *_unclear(c, unsent.unclear), *self._unsent.notes(c))
        lines = 0 if self._dry_run else len(plan.entries) + self._unsent.waiting(c)
        counts = plan.counts() + unsent.counts()
        if unsent.unclear:
            waits = f"what services wrote of {plural(len(unsent.unclear), 'row')} waits for Airtable"
            error = "; ".join(part for part in (error, waits) if part)
        return Losses(counts, look.unmatched, look.unknown, texts, plan.too_many, error, notes=notes, lines=lines)

    def _schema(self, base: str) -> Tables:
        if self._tables is None:
            self._tables = Tables(self._connections.airtable.tables(base), self._connections.catalog)
        return self._tables


def _kept(plan: BackPlan) -> list[str]:
    """What stays in Wix because it was changed there alone, for people."""
    name = plan.collection.wix
    changed = [e.row.legacy_id for e in plan.entries if e.back.kept and not e.back.is_held]
    deleted = [e.row.legacy_id for e in plan.entries if e.back.kept_deleted and not e.back.is_held]
    notes = []
    if changed:
        notes.append(f"{name}: {plural(len(changed), 'row')} changed in Wix too, which stays: {some(changed)}")
    if deleted:
        notes.append(f"{name}: {plural(len(deleted), 'row')} deleted in Wix alone, not inserted again: {some(deleted)}")
    return notes


def _unclear(c: Collection, unclear: Mapping[str, str]) -> list[str]:
    """Links whose keys do not follow them, for people."""
    return [f"{c.wix}: {id_}: {why}" for id_, why in unclear.items()]
