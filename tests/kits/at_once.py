"""Calls of services made at the same time: by threads of this process, or half of them by another.

    results = at_once.run([Call(log_carrier_interest, DRIVER, {"carrierDOT": 77})] * 20)
    results = at_once.run(calls, after=[0, 0.6])        # seconds from the start, one for each call
    Call(write, "patch", "Messages", "1f…", {"content": "…"})     # the data without a service

The other process opens its own records over the same state and mirror file. Run as a script, this module is that process.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self

from lmdr.services.context import Context
from noting_client import NotingClient
from platform_kit import Platform, Sides
from runbook.airtable.client import Airtable
from runbook.mirror import Mirror
from runbook.query.values import stamp
from runbook.records import AirtableRecords, Records, RoutedRecords, WixRecords
from runbook.state import State
from sides import CATALOG, impatient_airtable

WAYS = (
    "wix",
    "airtable",
    "two processes on wix",
    "two processes on airtable",
    "two processes on airtable through the journal",
)
TWO_PROCESSES = "two processes on "
JOURNALED = " through the journal"
STALE_MS = 300
"""While calls are made, plain reads of Wix miss what was written in so many milliseconds."""
_stale_runs = itertools.count(1)


class Call:
    """A service and its arguments, without the context; in two processes all of it must pickle."""

    def __init__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.clock = timedelta()

    def at(self, clock: timedelta) -> Self:
        """The same call by a clock that is so far ahead."""
        self.clock = clock
        return self

    def make(self, context: Context) -> Any:
        now = context.now
        return self.function(replace(context, now=lambda: now() + self.clock), *self.args, **self.kwargs)

    def __repr__(self) -> str:
        return f"{self.function.__name__}({', '.join(map(repr, self.args))})"


def write(context: Context, verb: str, *args: Any, **kwargs: Any) -> Any:
    """Call a function of the records, as someone who uses no service."""
    return getattr(context.records, verb)(*args, **kwargs)


class Raised(NamedTuple):
    """The result of a call that raised an expected error."""

    kind: str
    message: str


class Place(NamedTuple):
    """Where another process finds both sides, the state, and its mirror's file; `own`: no other uses that file."""

    wix: tuple[str, str, str]
    airtable: tuple[str, str, str]
    state: str
    mirror: Path
    own: bool


class Batch(NamedTuple):
    """Calls for the other process. `parts`: of their context, see `Platform.context`; `journaled`: as the way is."""

    calls: list[Call]
    after: list[float]
    now: datetime
    expected: tuple[type[Exception], ...]
    parts: Mapping[str, Any]
    journaled: bool


class Outcome(NamedTuple):
    """What a call returned; else, unless it was expected, what it raised, as a traceback."""

    result: Any
    error: str | None = None


class Report(NamedTuple):
    """What the other process did. `requests`: methods and names of its requests to Airtable."""

    outcomes: list[Outcome]
    mails: list[Any]
    collections: set[str]
    requests: list[tuple[str, str]]


class AtOnce(Platform):
    """A platform whose services are called many ways at once, in one of `WAYS`."""

    def __init__(self, sides: Sides, way: str, worker: Callable[[], Worker]) -> None:
        super().__init__(sides, way.removeprefix(TWO_PROCESSES).removesuffix(JOURNALED))
        self._worker = worker() if way.startswith(TWO_PROCESSES) else None
        self._journaled = way.endswith(JOURNALED)

    def run(
        self,
        calls: Iterable[Call],
        *,
        after: Sequence[float] = (),
        expected: tuple[type[Exception], ...] = (),
        **parts: Any,
    ) -> list[Any]:
        """The results of calls, in their order; in two processes every second one is made by the other.

        `expected`: errors that are a result, as `Raised`. `parts`: of the context.
        """
        listed = list(calls)
        delays = list(after) or [0.0] * len(listed)
        assert len(delays) == len(listed)
        worker = self._worker if len(listed) > 1 else None
        step = 1 if worker is None else 2
        with self._stale_reads(), self._kept_sent(), ThreadPoolExecutor(len(listed)) as pool:
            start, here = _submit(pool, self.context(**parts), listed[::step], delays[::step], expected)
            if worker is None:
                start.set_result(time.monotonic())
                outcomes = [future.result() for future in here]
            else:
                batch = Batch(listed[1::2], delays[1::2], self.now, expected, parts, self._journaled)
                try:
                    there = worker.run(batch, start)
                finally:
                    start.cancel()  # where it failed, the threads here end
                self.mails += there.mails
                self.sides.note_written(there.collections, there.requests)
                outcomes = listed.copy()  # type: ignore[assignment]  # each is replaced
                outcomes[::2] = [future.result() for future in here]
                outcomes[1::2] = there.outcomes
        for call, outcome in zip(listed, outcomes, strict=True):
            assert outcome.error is None, f"{call} raised:\n{outcome.error}"
        return [outcome.result for outcome in outcomes]

    @contextlib.contextmanager
    def _kept_sent(self) -> Iterator[None]:
        """Within the block services write through the journal, where this way does; at its end all was sent."""
        if not self._journaled:
            yield
            return
        journal = self.sides.airtable.journal
        with journal.kept_sent():
            yield
        assert journal.drain(30.0) == {}

    @contextlib.contextmanager
    def _stale_reads(self) -> Iterator[None]:
        if self.side != "wix":
            yield
            return
        state, runs = self.sides.box._running, next(_stale_runs)
        before = state.settings
        # A later time than that of any other such run: what those wrote is not to be seen again.
        self.sides.box.clock(now=stamp(self.now + timedelta(minutes=runs)))
        state.settings = replace(before, stale_reads=STALE_MS)
        try:
            yield
        finally:
            state.settings = before
            self.at(self.now)

    @contextlib.contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Within the block both services respond that much later."""
        self.sides.box.faults({"kind": "delay", "seconds": seconds, "times": None})
        try:
            yield
        finally:
            self.sides.box.faults(clear=True)


class Worker:
    """The other process; `machine`: one with a mirror of its own, in that folder, as on another machine."""

    def __init__(self, sides: Sides, machine: Path | None = None) -> None:
        box = sides.box
        wix, airtable = (box.wix_url, box.wix_key, box.site_id), (box.airtable_url, box.token, sides.base)
        command = [sys.executable, str(Path(__file__))]
        paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # where the test modules are, too
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=paths)
        self._send(Place(wix, airtable, sides.state_url, (machine or sides.folder) / "mirror.db", bool(machine)))

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def run(self, batch: Batch, start: Future[float]) -> Report:
        """Run calls; both processes begin when the other's threads are ready."""
        self._send(batch)
        self._receive()
        moment = time.monotonic() + 0.005  # one clock for all processes
        self._send(moment)
        start.set_result(moment)
        report: Report = self._receive()
        return report

    def _send(self, payload: Any) -> None:
        assert self._process.stdin is not None
        pickle.dump(payload, self._process.stdin)
        self._process.stdin.flush()

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        return pickle.load(self._process.stdout)


def _submit(
    pool: ThreadPoolExecutor,
    context: Context,
    calls: Sequence[Call],
    after: Sequence[float],
    expected: tuple[type[Exception], ...],
) -> tuple[Future[float], list[Future[Outcome]]]:
    """The calls in threads that wait for the start, a time by `time.monotonic()`."""
    start: Future[float] = Future()

    def run(call: Call, delay: float) -> Outcome:
        time.sleep(max(0.0, start.result() + delay - time.monotonic()))
        try:
            return Outcome(call.make(context))
        except expected as error:
            return Outcome(Raised(type(error).__name__, str(error)))
        except Exception:  # noqa: BLE001 - the caller judges
            return Outcome(None, traceback.format_exc())

    return start, [pool.submit(run, call, delay) for call, delay in zip(calls, after, strict=True)]


class _Other(Platform):
    """The same platform in the other process, which sets no clock."""

    def __init__(self, records: Records, now: datetime) -> None:
        self.records, self._now = records, now
        self.mails = []

    @property
    def now(self) -> datetime:
        return self._now


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed is not an answer
    place: Place = pickle.load(sys.stdin.buffer)
    url, token, base = place.airtable
    state = State(place.state)
    client = NotingClient(*place.wix)
    api: Airtable = impatient_airtable(state, token, url)
    mirror = Mirror(api, base, CATALOG, state, place.mirror)
    if place.own:
        mirror.load()
    clock: list[datetime] = []
    wix = WixRecords(client, CATALOG, state.locks)
    airtable = AirtableRecords(api, base, CATALOG, state, mirror=mirror, now=lambda: clock[-1])
    records = RoutedRecords(CATALOG, state, wix, airtable)
    while True:
        try:
            batch: Batch = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        clock[:] = [batch.now]
        platform, logged = _Other(records, batch.now), len(api.log)
        client.written.clear()
        if place.own:
            mirror.refresh()  # what the other machine has written until now
        sending = airtable.journal.kept_sent() if batch.journaled else contextlib.nullcontext()
        with sending, ThreadPoolExecutor(len(batch.calls)) as pool:
            start, futures = _submit(pool, platform.context(**batch.parts), batch.calls, batch.after, batch.expected)
            _reply(answers, "ready")
            start.set_result(pickle.load(sys.stdin.buffer))
            outcomes = [future.result() for future in futures]
        requests = [(row.method, row.what) for row in api.log.rows(logged)]
        _reply(answers, Report(outcomes, platform.mails, {*client.written}, requests))


def _reply(answers: Any, payload: Any) -> None:
    pickle.dump(payload, answers)
    answers.flush()


if __name__ == "__main__":
    # Pickles name the classes of the module, not of the script.
    import at_once

    at_once._serve()
