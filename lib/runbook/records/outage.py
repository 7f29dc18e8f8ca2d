"""A side that is down: which errors mean that, and how a write waits until it is back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from runbook.errors import AirtableError, BudgetSpent, SourceDown, WixError

T = TypeVar("T")

_RETRY_SECONDS = 1.0


@contextmanager
def reading(collection: str) -> Iterator[None]:
    """Raises SourceDown in place of an error that means that the side is down."""
    try:
        yield
    except (AirtableError, BudgetSpent, WixError) as error:
        if not is_down(error):
            raise
        raise SourceDown(str(error), collection=collection) from None


def retry_while_down(collection: str, wait: float, call: Callable[[bool], T], *, written: str | None = None) -> T:
    """The result of `call(is_retry)`, called again for `wait` seconds while the side is down.

    `written`: for a write, what else was written, for the message; "" for nothing; None: the call only reads.
    Raises SourceDown.
    """
    deadline = time.monotonic() + wait
    retry = False
    while True:
        try:
            return call(retry)
        except (AirtableError, BudgetSpent, WixError, SourceDown) as error:
            if not isinstance(error, SourceDown) and not is_down(error):
                raise
            spent = isinstance(error, BudgetSpent)  # waiting does not help
            remaining = deadline - time.monotonic()
            if remaining <= 0 or spent:
                unknown = written is not None and not spent
                parts = (str(error), "whether it was done is not known" if unknown else "", written)
                message = "; ".join(part for part in parts if part)
                raise SourceDown(message, collection=collection, done=None if unknown else False) from None
        time.sleep(min(_RETRY_SECONDS, remaining))
        retry = True


def is_down(error: AirtableError | BudgetSpent | WixError) -> bool:
    """Whether the side cannot be reached, fails or accepts no more requests, rather than refusing this one."""
    return isinstance(error, BudgetSpent) or error.status is None or error.status >= 500 or error.status == 429
