"""Follow: carry what is written in Airtable back to Wix all the time, so that going back has next to nothing to carry.

    follower = Follower(connections, hold, mirror, folder, report=print)
    follower.run(stop)              # until `stop` is set; waits where another follows this base
    follower.once()                 # all that waits, then the end

What services write is in the outbox before their call returns; what people do in the grid is added as the mirror sees
it. The outbox is carried by batches, each under the lock of service calls, so that a turn waits for the one in flight,
and only while the flag of the collection is at 'airtable'. A row leaves the outbox together with what both sides agree
on then: whenever it is killed, the next one goes on.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from sqlalchemy.exc import DBAPIError

from runbook.backlog import Backlog, follow_lock, read_backlog
from runbook.catalog import Collection
from runbook.connections import Connections
from runbook.cutover.agreed_until import agreed_until
from runbook.cutover.back_plan import Carried
from runbook.cutover.carry_back import CarryBack
from runbook.cutover.going_back import carrying
from runbook.display import plural
from runbook.errors import AirtableError, BudgetSpent, HoldLost, RunbookError, SettingError
from runbook.evidence.folder import RunFolder
from runbook.evidence.manifest import write_manifest
from runbook.holding import Hold
from runbook.mirror import Mirror
from runbook.state import IN_CONFLICT
from runbook.state.locks import CALLS
from runbook.state.tables import now
from runbook.steps.conflict_file import ConflictFile
from runbook.wix.reverse_sync import BULK_PATCH

SLUG = "follow"
TELL_SECONDS = 600.0
"""Between two times that the base is told until when rows were carried: a request or two."""
_TICK = 1.0
_TURN_SECONDS = 2.0  # between two looks whether another still follows
_REQUEST_SECONDS = 0.1  # per request to Wix: 600 a minute at the most, of 3,000 reads and 1,500 writes
_LOCK_SECONDS = 0.5  # `runbook status` holds the lock for a moment, to see whether anybody follows
_WAITS = (1.0, 60.0)  # seconds after a failure: the first time, and at the most
_BATCHES = 10  # of one collection at a time, so that no other waits for a large one
_NOTE_SECONDS = 10.0
_RELEASE_SECONDS = 3600.0  # what is held is looked at again so often: Wix may be as it should be by now
_SCHEMA_SECONDS = 60.0  # edits in the grid are carried by a schema no older, where no webhook reports its changes
_PASSING = (RunbookError, OSError, DBAPIError, sqlite3.Error)


@dataclass
class _Pause:
    """After a failure. `until`: by the clock of `time.monotonic`."""

    why: str
    seconds: float
    until: float


class _Turned(Exception):
    """A flag is at 'wix' by now."""


class Follower:
    """Of one base. `report` gets what people should know, one line each. `tick`: seconds between two looks."""

    def __init__(
        self,
        connections: Connections,
        hold: Hold,
        mirror: Mirror,
        folder: RunFolder,
        *,
        report: Callable[[str], None],
        tick: float = _TICK,
    ) -> None:
        self._connections, self._state, self._catalog = connections, connections.state, connections.catalog
        self._hold, self._mirror, self._folder, self._base = hold, mirror, folder, mirror.base
        self._report, self._tick = report, tick
        self._engine = CarryBack(
            connections,
            self._base,
            run_id=folder.run_id,
            conflicts=ConflictFile(folder.path),
            unchanged_since=lambda c: self._state.unchanged_since(self._base, c.flag),
            before_write=self._require_on,
        )
        self._pauses: dict[str, _Pause] = {}
        self._later: dict[str, _Pause] = {}  # by the mark of a line
        self._tried: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}
        self._total = Carried()
        self._carried: dict[str, str] = {}
        self._untold = False  # rows were carried since the base was told
        self._noted_at = float("-inf")
        self._confirmed_at = time.monotonic()  # the base was read at its opening

    def __repr__(self) -> str:
        return f"Follower({self._base}, {self._total.rows} rows carried)"

    def backlog(self) -> Backlog:
        """What waits now."""
        return read_backlog(self._state, self._base, self._catalog)

    def run(self, stop: threading.Event) -> None:
        """Carry until `stop` is set. Raises HoldLost where another state has taken the base over."""
        said = False
        while not stop.is_set():
            with self._alone() as acquired:
                if acquired:
                    self._report(f"following base {self._base}; run {self._folder.run_id}")
                    self._follow(stop)
                    return
            if not said:
                self._report(f"another process follows base {self._base}; this one waits until it ends")
                said = True
            stop.wait(_TURN_SECONDS)

    def once(self) -> Backlog:
        """Look at Airtable, carry all that waits, and end; what is left. Raises SettingError where another follows."""
        with self._alone() as acquired:
            if not acquired:
                raise SettingError(f"another process follows base {self._base} already; nothing was done here")
            self._release()
            try:
                self._attempt("the mirror", self._mirror.refresh)
                self._load(threading.Event())
                waited = -1
                while (waits := self._waiting()) not in (0, waited):
                    waited = waits
                    self.carry_all()
            finally:
                self._end(tells=False)  # it may be called every minute
        return self.backlog()

    @property
    def problems(self) -> list[str]:
        """Why it is not going on, or not whole; empty where all is well."""
        return [pause.why for pause in self._pauses.values()]

    def _waiting(self) -> int:
        return sum(count.waiting for count in self._state.outbox_counts(self._base).values())

    def carry_all(self) -> int:
        """Carry what waits of every collection whose turn it is; how many rows Wix was given."""
        before, on = self._total.rows, {c.wix: c for c in self._on()}
        counts = self._state.outbox_counts(self._base)
        for c in on.values():
            if c.wix in counts and counts[c.wix].held:
                self._obey(c)
        counts = self._state.outbox_counts(self._base)
        for c in self._catalog.collections.values():
            if c.wix in on and c.wix in counts and counts[c.wix].waiting:
                self._attempt(c.wix, partial(self._carry, c))
            else:  # by now somebody else has carried it, or services use Wix again
                for what in (c.wix, _edits(c), _deleted(c)):
                    self._pauses.pop(what, None)
        return self._total.rows - before

    # The loop

    def _follow(self, stop: threading.Event) -> None:
        watching = threading.Thread(target=self._watch, args=(stop,), name="follow", daemon=True)
        watching.start()
        try:
            released = float("-inf")
            while not stop.is_set():
                if time.monotonic() - released > _RELEASE_SECONDS:
                    self._attempt("the state", self._release)
                    released = time.monotonic()
                sent = self._connections.wix.requests
                self._attempt("the state", self.carry_all)
                self._attempt("the base", self._tell)
                self._attempt("the state", self._note)
                stop.wait(self._rest(self._connections.wix.requests - sent))
        finally:
            stop.set()
            watching.join(timeout=30)
            self._end(tells=True)

    def _rest(self, requests: int) -> float:
        """Seconds until the next look, after one that took some requests to Wix."""
        return max(self._tick, requests * _REQUEST_SECONDS)

    def _watch(self, stop: threading.Event) -> None:
        """Every collection that services use is in the mirror, which sees what people do only there."""
        while not stop.is_set():
            try:
                self._attempt("the mirror", partial(self._load, stop))
            except HoldLost:
                return  # the loop finds it as well
            stop.wait(5 * self._tick)

    def _load(self, stop: threading.Event) -> None:
        """Read the tables that were never compared since services use them: by this state, or at all."""
        on = {c.wix for c in self._on()}
        for c in self._catalog.collections.values():
            what = f"reading {c.wix}"
            if c.wix not in on:
                self._pauses.pop(what, None)
            elif not stop.is_set():
                self._attempt(what, partial(self._read, c))

    def _read(self, c: Collection) -> None:
        self._mirror.require(c.wix)  # asks nothing: the mirror looks itself whether a changed table is as it was
        if not self._is_compared(c):
            self._mirror.load([c.wix])

    def _is_compared(self, c: Collection) -> bool:
        at = self._state.facts.compared(self._base, c.wix)
        turns = [turn.at for turn in self._state.flags.history(c.flag) if turn.value == "airtable"]
        return at is not None and at >= max(turns, default="") and self._mirror.store.as_of(c.wix) is not None

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        with self._state.locks.exclusive(follow_lock(self._base), timeout=_LOCK_SECONDS) as acquired:
            yield acquired

    def _release(self) -> None:
        """What was held before is looked at once more: thresholds may be set otherwise, Wix may take it now."""
        for name in self._state.outbox_counts(self._base):
            self._state.outbox(self._base, name).release()

    def _attempt(self, what: str, do: Callable[[], object]) -> None:
        """Do it, unless it failed a short while ago; a failure is reported once, and tried again later and later."""
        pause = self._pauses.get(what)
        if pause is not None and time.monotonic() < pause.until:
            return
        try:
            do()
        except HoldLost:
            raise
        except _PASSING as error:
            why = f"{what}: {error}"
            seconds = min(2 * pause.seconds, _WAITS[1]) if pause else _WAITS[0]
            self._pauses[what] = _Pause(why, seconds, time.monotonic() + seconds)
            if pause is None:
                self._report(f"{why}; it is tried again, and nothing is lost meanwhile")
        else:
            if self._pauses.pop(what, None) is not None:
                self._report(f"{what}: goes on")

    # One collection

    def _on(self) -> list[Collection]:
        flags = self._state.flags.all()
        return [c for c in self._catalog.collections.values() if flags.get(c.flag) == "airtable"]

    def _carry(self, c: Collection) -> None:
        """What services did goes first, and asks nothing of Airtable. Changed rows go before deleted ones."""
        self._mirror.require(c.wix)
        self._carry_some(c, deleted=False, by_hand=False)
        self._attempt(_edits(c), partial(self._carry_some, c, deleted=False, by_hand=True))
        self._carry_some(c, deleted=True, by_hand=False)
        self._attempt(_deleted(c), partial(self._carry_some, c, deleted=True, by_hand=True))

    def _carry_some(self, c: Collection, *, deleted: bool, by_hand: bool) -> None:
        outbox = self._state.outbox(self._base, c.wix)
        done: set[str] = set()
        for _ in range(_BATCHES):
            later = self._put_off_lines()
            rows = outbox.rows(limit=BULK_PATCH + len(later) + len(done), deleted=deleted, by_hand=by_hand)
            rows = [row for row in rows if row.mark not in later | done][:BULK_PATCH]
            if not rows:
                return
            if by_hand and deleted:
                self._mirror.confirm_deleted(c.wix, {row.legacy_id: row.record_id for row in rows})
            elif by_hand and not self._mirror.is_watched:
                self._mirror.check_schema(within=_SCHEMA_SECONDS)
                self._mirror.require(c.wix)
            lines = {row.legacy_id: row.mark for row in rows}
            self._send(c, lines)
            done.update(row.mark for row in outbox.rows(of=lines) if row.mark == lines[row.legacy_id])  # left

    def _send(self, c: Collection, lines: Mapping[str, str]) -> None:
        """Carry some lines, by legacy id their mark: not those that changed since, and none where the flag turned."""
        self._confirm()
        try:
            with carrying(self._state, self._base), self._state.locks.shared(CALLS):
                self._require_on(c)
                with self._connections.airtable.brief():
                    _, carried = self._engine.drain(c, of=lines)
        except _Turned:
            return
        self._total.add(carried)
        if carried.rows:
            self._carried[c.wix] = now()
            self._untold = True
        for legacy_id, mark in lines.items():
            why = carried.refused.get(legacy_id)
            if why is not None or legacy_id in carried.again:
                self._put_off(mark, f"{c.wix}: {legacy_id}: {why or 'it keeps changing in Wix'}")
            else:
                self._later.pop(mark, None)

    def _confirm(self) -> None:
        """That no other state has taken the base over, whose flags may be others; every ten minutes, if it can be read.

        Raises HoldLost, BaseRefused.
        """
        if time.monotonic() - self._confirmed_at < TELL_SECONDS:
            return
        with suppress(AirtableError, BudgetSpent):  # Wix is to have what services wrote though Airtable is down
            self._hold.before_write(self._base)
            self._confirmed_at = time.monotonic()

    def _put_off(self, mark: str, why: str) -> None:
        """A line that could not be carried, for a reason of its own, is tried again later and later."""
        before = self._later.get(mark)
        if before is None or before.why != why:
            self._report(f"{why}; not carried")
        seconds = min(2 * before.seconds, _WAITS[1]) if before else _WAITS[0]
        self._later[mark] = _Pause(why, seconds, time.monotonic() + seconds)

    def _put_off_lines(self) -> set[str]:
        at = time.monotonic()
        self._later = {mark: pause for mark, pause in self._later.items() if at < pause.until + 2 * _WAITS[1]}
        return {mark for mark, pause in self._later.items() if at < pause.until}

    def _require_on(self, c: Collection) -> None:
        """A turn back waits for a batch in flight, but not for ever: it is asked before each write."""
        if self._state.flags.get(c.flag) != "airtable":
            raise _Turned

    def _obey(self, c: Collection) -> None:
        """Rows in conflict on which a person has decided since wait no longer."""
        words: dict[str, set[tuple[str, str]]] = {}
        for (legacy_id, key), word in self._state.conflicts(self._base, c.wix).settled().items():
            words.setdefault(legacy_id, set()).add((key, word.at))
        outbox = self._state.outbox(self._base, c.wix)
        held = (
            {row.legacy_id for row in outbox.rows(held=True, of=words) if row.held == IN_CONFLICT} if words else set()
        )
        for legacy_id in held:
            said = frozenset(words[legacy_id])
            if self._tried.get((c.wix, legacy_id)) != said:
                self._tried[c.wix, legacy_id] = said
                outbox.release([legacy_id])

    # What is noted

    def _note(self, *, at_the_end: bool = False) -> None:
        """For `runbook status`, where something has changed."""
        if time.monotonic() - self._noted_at < _NOTE_SECONDS and not self._carried and not at_the_end:
            return
        self._noted_at = time.monotonic()
        note = self._state.facts.followed(self._base)
        error = self._mirror.last_error
        problems = [*self.problems, *([f"the mirror: {error}"] if error is not None else [])]
        note = note._replace(
            seen=self._mirror.lag,
            watched=self._mirror.is_watched,
            problem="; ".join(problems),
            carried={**note.carried, **self._carried},
            run=self._folder.run_id,
        )
        self._state.facts.set_followed(self._base, note)
        self._carried = {}

    def _tell(self, *, in_any_case: bool = False) -> None:
        """Tell the base until when rows were carried, where any was; not more than every ten minutes."""
        note = self._state.facts.followed(self._base)
        if not self._untold or (0 <= time.time() - note.told < TELL_SECONDS and not in_any_case):
            return
        state, wix = self._state, self._connections.wix
        until = agreed_until(self._on(), base=self._base, state=state, wix=wix, engine=self._engine)
        state.facts.set_followed(self._base, note._replace(until=until or note.until, told=time.time()))
        if self._hold.base is None:  # it could not be read at the opening
            self._hold.reopen(self._base)
        self._hold.publish()  # no request where the base says it already
        self._untold = False

    def _end(self, *, tells: bool) -> None:
        self._attempt("the state", partial(self._note, at_the_end=True))
        self._attempt("the base", partial(self._tell, in_any_case=tells))
        backlog, total = self.backlog(), self._total
        before = self._folder.read_evidence(SLUG, "figures") or {}
        counts = {"inserted": total.inserted, "patched": total.patched, "removed": total.removed}
        facts = {name: int(before.get(name, 0)) + count for name, count in counts.items()}
        self._folder.write_evidence(SLUG, "figures", {**facts, "backlog": backlog.facts()})
        write_manifest(self._folder)
        left = f"{plural(backlog.left, 'row')} left" if backlog.left else "nothing left"
        self._report(f"{plural(total.rows, 'row')} carried back to Wix; {left}")


def _edits(c: Collection) -> str:
    return f"{c.wix}, edits in the grid"


def _deleted(c: Collection) -> str:
    return f"{c.wix}, rows deleted in the grid"
