"""A state's hold on a base: claimed before the first write, confirmed once a minute, released at the end.

Several processes with one state share a claim. Each step is noted in the state before it is done in the base, so that
whoever comes after a kill can tell its own claim from another's.
"""

from __future__ import annotations

import atexit
import contextlib
import getpass
import hashlib
import json
import random
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from runbook.connections import Connections
from runbook.display import plural
from runbook.errors import BaseRefused, HoldLost, RunbookError
from runbook.holding import own_table
from runbook.holding.claims import LAPSED_SECONDS, SIGN_SECONDS, is_live, rivals, wins
from runbook.holding.debts import debts_row
from runbook.holding.own_table import BaseFlag, Claim, Facts
from runbook.schema.tables import OWN_TABLE
from runbook.state import HoldingNote

CHECK_SECONDS = 60.0
"""How long a state writes without looking whether it still holds the base: a request in 300 at Airtable's limit."""
_TRIES = 8  # of two states that claim in the same second
_open_holds: weakref.WeakSet[Hold] = weakref.WeakSet()
SITE = "wix"  # the source whose base services read: flags are about it


def user_name() -> str:
    """Who runs this; a container's user may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown user"


class Hold:
    """See the module. Threads may share it. `identity`: of the source that the base is filled from.

    `notes`: what a reviewer should know of the opening. `facts`: what the base says, as last read; None: no table.
    """

    def __init__(self, connections: Connections, label: str, identity: str, run_id: str | None = None) -> None:
        self.connections, self.label, self.identity, self.run_id = connections, label, identity, run_id
        self.state, self.airtable = connections.state, connections.airtable
        self.base: str | None = None
        self.facts: Facts | None = None
        self.notes: list[str] = []
        self._lock = threading.RLock()
        self._local = threading.local()
        self._held = False
        self._confirmed = 0.0
        self.reopen: Callable[[str], object] = lambda base: None
        self.unsettled: tuple[str, ...] = ()  # flags of which a person must say where they stand
        self.source_moved = False  # whether its folder may stand at another path than what the base says
        self.settled = False  # whether the flags of the state and of the base were compared
        self._in_use = ExitStack()
        weakref.finalize(self, self._in_use.close)

    def __repr__(self) -> str:
        return f"Hold({self.base or 'no base yet'}, {'held' if self._held else 'not held'})"

    @property
    def holder(self) -> str:
        """Who this is, for people: user, host, and where the state is."""
        return f"{user_name()} on {socket.gethostname()}, {self.state.place}"

    def before_write(self, base: str) -> None:
        """Before each request that writes: hold the base. Raises BaseRefused, HoldLost, AirtableError."""
        if getattr(self._local, "own", False):
            return
        with self._lock:
            if self.base is None:  # it could not be read at the opening
                self.reopen(base)
            if base == self.base:
                self.claim()

    def claim(self) -> None:
        """Hold the base from now on. Raises as `before_write`."""
        with self._lock:
            if not (self._held and time.monotonic() - self._confirmed < CHECK_SECONDS):
                with self._alone():
                    self._confirm()

    def publish(self) -> None:
        """Write what the base does not say yet: no request where nothing has changed. Raises as `before_write`."""
        with self._lock:
            if self.base is None or not own_table.differing(self._rows(), self.facts):
                return
            self.claim()  # writes it, if the claim is new
            with self._alone():
                self._write()

    def release(self) -> str | None:
        """The end of writing: say who wrote last, and let others have the base. Returns what kept it from that."""
        with self._lock:
            if not self._held:
                return None
            try:
                self._release()
            except RunbookError as error:
                return f"the base {self.base} was not told that this run has ended: {error}"
            finally:
                self._held = False
                self._in_use.close()
            return None

    # What the base should say

    def _rows(self) -> list[dict[str, str]]:
        assert self.base is not None
        state, facts = self.state, self.state.facts
        rows = [
            own_table.fact_row(own_table.SOURCE, self.identity),
            own_table.fact_row(own_table.CATALOG, catalog_hash(self.connections)),
            self._state_row(),
        ]
        if (newest := facts.newest_run(self.base)) is not None:
            rows.append(own_table.fact_row(own_table.RUN, newest[0], since=newest[1]))
        if self.label != SITE or not self.settled:
            return rows
        frozen = facts.frozen()
        if frozen or (self.facts is not None and self.facts.frozen):
            rows.append(own_table.fact_row(own_table.FROZEN, json.dumps(frozen, sort_keys=True) if frozen else ""))
        if (until := facts.followed(self.base).until) is not None:
            rows.append(own_table.fact_row(own_table.FOLLOWED, until))
        if (debts := debts_row(state))[own_table.VALUE] or (self.facts and self.facts.value(own_table.DEBTS)):
            rows.append(debts)
        turns = {turn.flag: turn for turn in state.flags.history()}
        for name, side in self._own_flags().items():
            turn = turns.get(name)
            flag = BaseFlag(side, turn.at, turn.who, turn.why) if turn else BaseFlag(side, "", "", "")
            rows.append(own_table.flag_row(name, flag))
        return rows

    def _own_flags(self) -> dict[str, str]:
        """The flags that the base is to have as this state has them; not those that somebody edited in the base."""
        assert self.base is not None
        agreed = {**self.state.facts.flags_in_base(self.base), **self.state.facts.flags_in_base("")}
        there = {} if self.facts is None else self.facts.flags
        return {
            name: side
            for name, side in self.state.flags.all().items()
            if name not in there or there[name].side in (side, "") or agreed.get(name) != side
        }

    def _state_row(self) -> dict[str, str]:
        """The state that last wrote. Users and hosts that share it are the same one, so what stands there stays."""
        state_id = self.state.facts.state_id()
        standing = {} if self.facts is None else self.facts.rows.get(own_table.STATE, {})
        by = standing.get(own_table.BY, "") if standing.get(own_table.VALUE) == state_id else ""
        return own_table.fact_row(own_table.STATE, state_id, by=by or self.holder)

    def _write(self, *more: dict[str, str]) -> None:
        """Write the rows that differ, and `more`."""
        assert self.base is not None
        debts = self.state.debts.all()
        rows = [*own_table.differing(self._rows(), self.facts), *more]
        told = self._own_flags()
        if rows:
            own_table.write_facts(self.airtable, self.base, self.facts, rows)
            self.facts = own_table.with_rows(self.facts, rows)
        if self.label == SITE and self.settled:
            self.state.debts.set_told(self.base, debts)
            facts = self.state.facts
            facts.set_flags_in_base(self.base, {**facts.flags_in_base(self.base), **told})
            if said := facts.flags_in_base(""):
                facts.set_flags_in_base("", {name: side for name, side in said.items() if name not in told})

    # Claiming

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread of one process of this state; what it sends is not held up by `before_write`."""
        with self.state.locks.exclusive(f"hold {self.base}"), self.unclaimed():
            yield

    @contextmanager
    def unclaimed(self) -> Iterator[None]:
        """This thread's writes need no claim: they are about the claim itself."""
        before = getattr(self._local, "own", False)
        self._local.own = True
        try:
            yield
        finally:
            self._local.own = before

    def read(self) -> Facts | None:
        """Read what the base says. Raises AirtableError, TargetError."""
        assert self.base is not None
        self.facts = own_table.read_own_table(self.airtable, self.base)
        return self.facts

    def _note(self) -> HoldingNote:
        assert self.base is not None
        return self.state.facts.holding(self.base)

    def _set_note(self, note: HoldingNote) -> HoldingNote:
        assert self.base is not None
        self.state.facts.set_holding(self.base, note)
        return note

    def _confirm(self) -> None:
        note = self._note()
        if self._held or note.claim is not None or self.facts is None or not _in_step(self.facts, note):
            self.read()  # else what was read at the opening does: all is read again once the claim is written
        facts = self.facts or Facts()
        own = facts.claims.get(note.claim or "")
        in_step = _in_step(facts, note)
        fresh = own is not None and self.airtable.service_time() - own.seen < LAPSED_SECONDS
        if own is not None and in_step and fresh:
            if note.pending is not None and facts.epoch != note.pending:  # killed before the claim was judged
                if not self._judge(note, own):
                    self._claim(self._note())
            else:
                self._set_note(note._replace(epoch=facts.epoch or note.epoch, pending=None))
                self._give_sign(own)
                self._join()
            return
        if self._held and (own is None or not in_step):
            self._held = False
            raise HoldLost(
                f"base {self.base}: {_who(facts)} has taken it over since this run began to write; what was written is "
                "kept, nothing more is. Let the other finish, then run the same command again"
            )
        if own is not None:
            self._delete([own])
        if note.claim is not None:
            note = self._set_note(note._replace(claim=None, pending=None))
        self._claim(note)

    def _claim(self, note: HoldingNote) -> None:
        assert self.base is not None
        for attempt in range(_TRIES):
            facts = self.facts or Facts()
            self.require_in_step(facts, note)
            others = rivals(facts.claims.values(), None, self.airtable.service_time())
            if others and any(other.id == facts.opened_by for other in others):
                self.require_free(facts)
            if others:  # they contend as well, and may all withdraw
                self._back_off(attempt)
                continue
            now = _iso(self.airtable.service_time())
            number = int((note.epoch or "0").partition(" ")[0]) + 1
            claim = random.randbytes(6).hex()
            note = self._set_note(note._replace(claim=claim, pending=f"{number} {claim}"))
            if facts.epoch is None:  # no table, or a new or damaged one
                own_table.make_own_table(self.airtable, self.base, self.connections.catalog)
            row = own_table.claim_row(claim, self.state.facts.state_id(), self.holder, since=now, seen=now)
            own_table.write_facts(self.airtable, self.base, self.facts, [row])
            time.sleep(self.connections.settings.claim_wait)
            facts = self.read() or Facts()
            own = facts.claims.get(claim)
            if own is not None and self._judge(note, own):
                return
            note = self._set_note(note._replace(claim=None, pending=None))
            self._back_off(attempt)
        self.require_free(self.facts or Facts())
        raise BaseRefused(
            f"base {self.base}: another state claimed it at the same time as this one, {_TRIES} times in a row; "
            "nothing was written. Run one of them after the other"
        )

    def _judge(self, note: HoldingNote, own: Claim) -> bool:
        """Whether a claim counts; one that does not is withdrawn."""
        facts, now = self.facts or Facts(), self.airtable.service_time()
        others = rivals(facts.claims.values(), own.id, now)
        if not wins(own, others) or not _in_step(facts, note):
            self._delete([own])
            self._set_note(note._replace(claim=None, pending=None))
            return False
        self._delete([claim for claim in facts.claims.values() if not is_live(claim, now)])
        assert note.pending is not None
        self._write(own_table.fact_row(own_table.EPOCH, note.pending))
        self._set_note(note._replace(epoch=note.pending, pending=None))
        self._join()
        return True

    def _back_off(self, attempt: int) -> None:
        time.sleep(random.uniform(0.1, 1.0) * (attempt + 1) / 2)
        self.read()

    def require_in_step(self, facts: Facts, note: HoldingNote) -> None:
        """Raises HoldLost where another state wrote since this one read the base."""
        if not _in_step(facts, note):
            raise HoldLost(
                f"base {self.base}: {_who(facts)} has written to it since this state last read it; nothing was written "
                "by this command since. Run the same command again: it reads the base first"
            )

    def require_free(self, facts: Facts) -> None:
        """Raises BaseRefused where another state holds the base."""
        now = self.airtable.service_time()
        held = rivals(facts.claims.values(), self._note().claim, now)
        if held:
            first = held[0]
            raise BaseRefused(
                f"base {self.base} is held by another state: {first.holder}; its last sign of life was "
                f"{_ago(now - first.seen)} ago. Two at once would do the work twice and write over each other; nothing "
                "was done. Let it finish; or, if it has ended without saying so, run the same command with --take-over "
                "(in a notebook: set RUNBOOK_TAKE_OVER=yes). Several machines on purpose share one state: "
                "RUNBOOK_STATE_URL on PostgreSQL"
            )

    def take_over(self) -> None:
        """Withdraw the claims of others, dead or alive, and hold the base; the rows must be read again then.

        Raises as `claim`.
        """
        with self._lock, self._alone():
            facts = self.facts or Facts()
            note = self._note()
            taken = rivals(facts.claims.values(), note.claim, self.airtable.service_time())
            self._set_note(note._replace(stale=True, epoch=facts.epoch, claim=None, pending=None))
            self._delete(taken)
            self._claim(self._note())
            if taken:
                names = "; ".join(claim.holder for claim in taken)
                self.notes.append(f"the base was taken over from {names}, as asked; it writes for a minute at most")

    def _join(self) -> None:
        """This process holds the base, beside others of this state."""
        if not self._held:
            self._in_use.close()
            self._in_use.enter_context(self.state.locks.shared(f"holding {self.base}"))
            _open_holds.add(self)
        self._held, self._confirmed = True, time.monotonic()

    def _give_sign(self, own: Claim) -> None:
        now = self.airtable.service_time()
        if now - own.seen > SIGN_SECONDS:
            assert self.base is not None
            sign = {own_table.FACT: f"claim {own.id}", own_table.SEEN: _iso(now)}
            own_table.write_facts(self.airtable, self.base, self.facts, [sign])

    def _release(self) -> None:
        assert self.base is not None
        at = _iso(time.time())
        if self.run_id is not None:
            self.state.facts.set_newest_run(self.base, self.run_id, at)
        self._in_use.close()
        with self._alone(), self.state.locks.exclusive(f"holding {self.base}", timeout=0) as last:
            if time.monotonic() - self._confirmed >= CHECK_SECONDS or self.facts is None:
                self._confirm()
                self._in_use.close()
            note = self._note()
            if not last:
                self._write()  # another process of this state goes on
                return
            number = int((note.epoch or "0").partition(" ")[0]) + 1
            note = self._set_note(note._replace(pending=f"{number} {note.claim}"))
            self._write(own_table.fact_row(own_table.EPOCH, note.pending or ""))
            note = self._set_note(note._replace(epoch=note.pending, pending=None))
            self._delete([claim for claim in (self.facts or Facts()).claims.values() if claim.id == note.claim])
            self._set_note(note._replace(claim=None))

    def _delete(self, claims: list[Claim]) -> None:
        for start in range(0, len(claims), 10):
            assert self.base is not None
            self.airtable.delete(self.base, OWN_TABLE, [claim.record for claim in claims[start : start + 10]])
        if self.facts is not None:
            self.facts = own_table.without_claims(self.facts, {claim.id for claim in claims})


def _in_step(facts: Facts, note: HoldingNote) -> bool:
    """Whether no other state has written since; where the base has no epoch any more, nobody else gave it one."""
    return facts.epoch is None or facts.epoch in (note.epoch, note.pending)


def catalog_hash(connections: Connections) -> str:
    """What tells one catalog from another."""
    return hashlib.sha256(connections.catalog.model_dump_json().encode()).hexdigest()[:16]


@atexit.register
def _release_all() -> None:
    """A process that ends without having released its holds does so, quietly: a claim that stays lapses by itself."""
    for hold in list(_open_holds):
        with contextlib.suppress(Exception), hold.airtable.brief():
            hold.release()


def _who(facts: Facts) -> str:
    claims = sorted(facts.claims.values(), key=lambda claim: claim.seen)
    return claims[-1].holder if claims else facts.rows.get(own_table.STATE, {}).get(own_table.BY) or "another state"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _ago(seconds: float) -> str:
    return plural(round(seconds / 60), "minute") if seconds >= 90 else plural(max(0, round(seconds)), "second")
