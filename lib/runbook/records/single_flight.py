"""Single-flight: of identical reads at the same time, one is sent and all callers get its result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class SingleFlight:
    """Threads share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_flight: dict[Hashable, Future[Any]] = {}
        self._writes = 0

    def invalidate(self) -> None:
        """Something was written: calls from now on do not share a read that was sent before."""
        with self._lock:
            self._writes += 1

    def run(self, key: Hashable, read: Callable[[], T]) -> T:
        """The result of `read`, or of the same read by another caller; its error too."""
        with self._lock:
            flight_key = (self._writes, key)
            flight: Future[T] | None = self._in_flight.get(flight_key)
            leads = flight is None
            if flight is None:
                flight = self._in_flight[flight_key] = Future()
        if leads:
            try:
                flight.set_result(read())
            except BaseException as error:  # noqa: BLE001 - raised again below, for every caller
                flight.set_exception(error)
            finally:
                with self._lock:
                    del self._in_flight[flight_key]
        return flight.result()
