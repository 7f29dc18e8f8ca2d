"""The other side, asked too: while services answer from one side, a share of their calls is asked of both, aside.

    with Shadow(opened.wix, opened.airtable, sample=0.05, calls_a_minute=30) as shadow:
        answer = shadow.call("find_matching_carriers", lambda records: find(records, …), records)
    shadow.tally

The caller's answer is the caller's alone, and it waits for nothing: what is compared is asked once more of each side,
in a thread, within a budget of calls a minute. What differs is asked again before it counts, for it may have changed
meanwhile. Nothing is ever written: a call that writes is not compared.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from runbook.cutover.answers import Difference, Rule, Tally, differences
from runbook.records import Records
from runbook.records.views import ReadOnly, WritesNothing

Call = tuple[str, Callable[[Records], Any]]

T = TypeVar("T")

_WAITING = 100  # calls that wait to be compared; more are passed over
_AGAIN = 0.5  # seconds before what differed is asked again


class Shadow:
    """See the module. `sample`: the share of calls, 0 to 1; `explain`: why a place differs, in words."""

    def __init__(
        self,
        wix: Records,
        airtable: Records,
        *,
        rules: Sequence[Rule] = (),
        sample: float = 0.05,
        calls_a_minute: float = 30.0,
        explain: Callable[[str, Difference], str | None] = lambda call, difference: None,
        choose: Callable[[], float] = random.random,
        again: float = _AGAIN,
    ) -> None:
        if not 0 <= sample <= 1:
            raise ValueError(f"sample is {sample!r}; it is a share, 0 to 1")
        if calls_a_minute <= 0:
            raise ValueError(f"calls_a_minute is {calls_a_minute!r}; with a sample of 0 nothing is compared")
        self.tally = Tally(rules)
        self.passed_over = 0
        self._wix, self._airtable = ReadOnly(wix), ReadOnly(airtable)
        self._sample, self._choose, self._explain, self._again = sample, choose, explain, again
        self._every = 60.0 / calls_a_minute
        self._next = 0.0
        self._lock = threading.Lock()
        self._waiting: queue.Queue[Call | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Compare what waits, then end."""
        self._waiting.put(None)
        self._thread.join()

    def call(self, name: str, function: Callable[[Records], T], records: Records) -> T:
        """What `function(records)` gives; perhaps compared, later, between both sides."""
        answer = function(records)
        self.compare(name, function)
        return answer

    def compare(self, name: str, function: Callable[[Records], Any]) -> None:
        """Perhaps compare a call between both sides, later: it is chosen by chance, while there is budget and room."""
        if self._choose() >= self._sample:
            return
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                self.passed_over += 1
                return
            self._next = now + self._every
        try:
            self._waiting.put_nowait((name, function))
        except queue.Full:
            self.passed_over += 1

    def _work(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            name, function = waiting
            self._wix.attempts.clear()
            self._airtable.attempts.clear()
            try:
                self._compare(name, function)
            except WritesNothing:
                self.passed_over += 1
            except Exception as error:  # noqa: BLE001 - what went wrong aside is counted, and never the caller's
                self.tally.fail(name, error)

    def _compare(self, name: str, function: Callable[[Records], Any]) -> None:
        wix, airtable = function(self._wix), function(self._airtable)
        if self._wix.attempts or self._airtable.attempts:  # it took the refusal of a write for an answer
            self.passed_over += 1
            return
        if any(True for _ in differences(wix, airtable)):
            time.sleep(self._again)
            again = function(self._wix), function(self._airtable)
            if not any(True for _ in differences(*again)):
                self.tally.move()
                return
            wix, airtable = again
        self.tally.note(name, wix, airtable, lambda difference: self._explain(name, difference))
