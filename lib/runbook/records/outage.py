"""A side that is down: which errors mean that, and how a write waits until it is back.

A side that takes no request of this call for longer than it waits (see `runbook.patience`) counts as down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from runbook.airtable.responses import NO_TURN
from runbook.errors import AirtableError, BudgetSpent, SourceDown, WixError
from runbook.patience import patience

T = TypeVar("T")

_RETRY_SECONDS = 1.0


@contextmanager
def reading(collection: str) -> Iterator[None]:
    """Raises SourceDown in place of an error that means that the side is down."""
    try:
        with patience(0.0):
            yield
    except (AirtableError, BudgetSpent, WixError) as error:
        if not is_down(error):
            raise
        raise SourceDown(str(error), collection=collection) from None


def retry_while_down(collection: str, wait: float, call: Callable[[bool], T], *, written: str | None = None) -> T:
    """The result of `call(is_retry)`, called again for `wait` seconds while the side is down.

    `written`: for a write, what was written before it, for the message; "" for nothing; None: the call only reads.
    Raises SourceDown.
    """
    deadline = time.monotonic() + wait
    retry = unknown = False
    while True:
        try:
            with patience(max(0.0, deadline - time.monotonic())):
                return call(retry)
        except (AirtableError, BudgetSpent, WixError, SourceDown) as error:
            if not isinstance(error, SourceDown) and not is_down(error):
                raise
            unknown |= written is not None and not _did_nothing(error)
            remaining = deadline - time.monotonic()
            if remaining <= 0 or isinstance(error, BudgetSpent) or _is_no_turn(error):  # waiting does not help
                parts = (str(error), "whether it was done is not known" if unknown else "", written)
                message = "; ".join(part for part in parts if part)
                done = None if unknown or written else False
                raise SourceDown(message, collection=collection, done=done) from None
        time.sleep(min(_RETRY_SECONDS, remaining))
        retry = True


def _did_nothing(error: AirtableError | BudgetSpent | WixError | SourceDown) -> bool:
    if isinstance(error, BudgetSpent) or _is_no_turn(error):
        return True
    return not isinstance(error, SourceDown) and error.status == 429


def _is_no_turn(error: Exception) -> bool:
    return isinstance(error, AirtableError) and error.kind == NO_TURN


def is_down(error: AirtableError | BudgetSpent | WixError) -> bool:
    """Whether the side cannot be reached, fails or accepts no more requests, rather than refusing this one."""
    return isinstance(error, BudgetSpent) or error.status is None or error.status >= 500 or error.status == 429
