"""The steps of a drill, in their order, and the seconds that each took."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

from runbook.catalog import Collection
from runbook.commands.rollback import SLUG, open_rollback
from runbook.connections import Connections, connect
from runbook.display import Progress, plural, quiet
from runbook.drill.book import Book, Comparison
from runbook.drill.choosing import MULTI
from runbook.drill.copy import Copy
from runbook.drill.writes import Writer
from runbook.errors import RunbookError
from runbook.json_types import Item
from runbook.records.opening import open_records
from runbook.run import PhaseRun, open_run
from runbook.state import State
from runbook.wix.source import WixSource

_ENVIRONMENT = "sandbox"
_BETWEEN = 0.05  # seconds between two writes of services while it rolls back
_AFTER = 5  # writes of services after the flags have turned
FORTH, WRITES, BACK, AGAIN, NOTHING = "forth", "writes", "back", "forth again", "forth, nothing to do"


@dataclass
class Outcome:
    """What a drill found. `seconds`: by step; `held`: for how long calls of services were held while the flags turned;
    `longest`: how long one took at most meanwhile. `while_going_back`: writes begun before the flags had turned back,
    `after_the_turn`: after. `reasons`: what stopped a step, or was not as it must be.
    """

    filled: str = ""
    collections: int = 0
    rows: int = 0
    writes: dict[str, int] = field(default_factory=dict)
    while_going_back: int = 0
    after_the_turn: int = 0
    not_possible: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    held: float = 0.0
    longest: float = 0.0
    wix: Comparison = field(default_factory=Comparison)
    airtable: Comparison = field(default_factory=Comparison)
    failed: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


class Stopped(Exception):
    """A step did not do what the next ones need; the reason is in the outcome."""


class Rehearsal:
    """One drill on one copy. `phases`: those to migrate; `collections`: those written; `only`: what rolls back."""

    def __init__(
        self,
        copy: Copy,
        phases: Sequence[int],
        collections: Sequence[Collection],
        only: Mapping[str, Any],
        *,
        writes: int,
        seed: int,
    ) -> None:
        self.copy, self.phases, self.collections, self.only = copy, phases, collections, only
        self.count, self.seed = writes, seed
        self.outcome = Outcome(filled=copy.filled, collections=len(collections))
        self.catalog = copy.platform.catalog
        self._left_out: Mapping[str, Set[str]] = {}

    def run(self) -> Outcome:
        """All steps; where one stops, those after it are left out."""
        try:
            with self._step(FORTH, "Drill: forth", needed=True):
                connections = self._connect()
                self.book = Book(self.catalog, self._wix(connections), self._derived(connections))
                self.outcome.rows = sum(len(rows) for rows in self.book.rows.values())
                self._forth(turn=True)
            self._there_and_back()
            with self._step(AGAIN, "Drill: forth again", needed=True):
                self._forth(turn=False)
                self._compare_airtable()
            with self._step(NOTHING, "Drill: forth with nothing to do", needed=True):
                for run in self._forth(turn=True):
                    for name, done in run.results.loaded.items():
                        if done.writes:
                            self.outcome.reasons.append(
                                f"{name}: forth again wrote {plural(done.writes, 'row')} though nothing had changed"
                            )
        except Stopped:
            pass
        return self.outcome

    def _connect(self) -> Connections:
        return connect(self.copy.platform, _ENVIRONMENT, self.copy.env)

    @contextmanager
    def _step(self, name: str, label: str, *, needed: bool = False) -> Iterator[None]:
        """Measure a step. What it raises is a reason; with `needed` it stops the drill."""
        began = time.monotonic()
        try:
            with Progress(label), quiet():
                yield
        except RunbookError as error:
            self.outcome.reasons.append(f"{name}: {error}")
            if needed:
                raise Stopped from None
        finally:
            self.outcome.seconds[name] = self.outcome.seconds.get(name, 0.0) + time.monotonic() - began

    # Forth

    def _forth(self, *, turn: bool) -> list[PhaseRun]:
        runs = []
        for number in self.phases:
            run = open_run(self.copy.platform, number, turn_flags=turn, env=self.copy.env)
            for step in (run.plan, run.provision, run.export, run.transform, run.load, run.validate, run.turn_flags):
                step()
            run.gate()
            runs.append(run)
        return runs

    # Writes, and back

    def _there_and_back(self) -> None:
        outcome = self.outcome
        during = self.count // 4
        connections = self._connect()
        base = connections.base("wix")
        assert base is not None
        with open_records(self.copy.platform, _ENVIRONMENT, env=self.copy.env) as opened:
            with self._step(WRITES, "Drill: writes", needed=True):
                writer = Writer(
                    self.catalog,
                    self.collections,
                    self.book,
                    services=opened.records,
                    wix=opened.wix,
                    airtable=connections.airtable,
                    base=base,
                    seed=self.seed,
                )
                self._left_out = writer.left_out
                for kind in writer.plan(self.count - during):
                    writer.write(kind)
            kinds = writer.plan(during, while_going_back=True)
            turned = partial(self._has_turned, opened.state)
            with _Services(writer, kinds, turned) as services, self._step(BACK, "Drill: back"):
                self._back()
        outcome.writes = dict(writer.done)
        outcome.while_going_back, outcome.after_the_turn = services.before, services.after
        outcome.not_possible = sorted(writer.not_possible)
        outcome.failed = writer.failed
        outcome.longest = services.longest
        with self._step(BACK, "Drill: compare Wix", needed=True):
            outcome.wix = self.book.compare(self._wix(connections))

    def _back(self) -> None:
        given: dict[str, Any] = {"environment": _ENVIRONMENT, "reverse_sync": True, "env": self.copy.env, **self.only}
        rollback = open_rollback(self.copy.platform, **given, who="the drill")
        rollback.losses()
        rollback.reverse_sync()
        rollback.turn_back()
        turned = rollback.folder.read_evidence(SLUG, "turned") or {}
        self.outcome.held = float(turned.get("seconds") or 0.0)
        rollback.verdict()

    def _has_turned(self, state: State) -> bool:
        return all(state.flags.get(c.flag) == "wix" for c in self.collections)

    # Reading both sides

    def _wix(self, connections: Connections) -> dict[str, list[Item]]:
        source, found = WixSource(connections.wix, self.catalog), dict[str, list[Item]]()
        listed = {entry["id"] for entry in connections.wix.collections()}
        for c in self.collections:
            found[c.wix] = []
            if c.wix in listed:
                source.export(c, found[c.wix].append)
        return found

    def _derived(self, connections: Connections) -> dict[str, set[str]]:
        """The other faces of multi-references: they follow from the rows that refer."""
        listed = WixSource(connections.wix).collections()
        return {
            c.wix: {key for key, kind in listed[c.wix].fields.items() if kind == MULTI and key not in c.by_key}
            for c in self.collections
            if c.wix in listed
        }

    def _compare_airtable(self) -> None:
        connections = self._connect()
        base = connections.base("wix")
        assert base is not None
        read = {c.wix: list(connections.airtable.records(base, c.table)) for c in self.collections}
        self.outcome.airtable = self.book.compare_records(read, self._left_out)


class _Services:
    """Writes of services in a thread of their own, while the flags turn back; the last ones may go to Wix.

    `before`, `after`: how many were begun before the flags had turned, and after. `longest`: seconds that one took.
    """

    def __init__(self, writer: Writer, kinds: Sequence[str], turned: Callable[[], bool]) -> None:
        self.before = self.after = 0
        self.longest = 0.0
        self._writer, self._kinds, self._turned = writer, kinds, turned
        self._going_back = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._going_back.set()
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._going_back.clear()
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            left = list(self._kinds)
            # At least those, and on until the flags have turned: some calls are held then, and some go to Wix after it.
            while left or (self.after < _AFTER and (self._going_back.is_set() or self._turned())):
                kind = left.pop(0) if left else self._writer.plan(1, while_going_back=True)[0]
                if self._turned():
                    self.after += 1
                else:
                    self.before += 1
                began = time.monotonic()
                self._writer.write(kind)
                self.longest = max(self.longest, time.monotonic() - began)
                if self._going_back.is_set():
                    time.sleep(_BETWEEN)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._failed = error
