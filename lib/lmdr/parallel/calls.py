"""What parallel tests call services with: a clock that stands, an admin, a sample that is the same on both sides."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from lmdr.services.context import Caller, Context
from runbook.errors import RunbookError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runbook.json_types import Item
    from runbook.records import Records

T = TypeVar("T")

NOW = datetime.now(UTC).replace(microsecond=0)
"""One moment for both sides: ages and windows are counted from it."""
ADMIN = Caller("parallel-test", None, frozenset({"super_admin"}))
MOST = 25


def context_of(records: Records) -> Context:
    """What services work with here: nothing outside is asked, and nothing is done aside."""
    return Context(records, now=lambda: NOW, aside=lambda work: None, sleep=lambda seconds: None)


def sampled(items: Iterable[Item], most: int = MOST) -> list[Item]:
    """Some of the items, chosen by their ids: the same on both sides, and in every run."""
    return sorted(items, key=lambda item: zlib.crc32(item["_id"].encode()))[:most]


def answered(call: Callable[[], T]) -> T | dict[str, Any]:
    """What a call gives; a refusal is an answer too."""
    try:
        return call()
    except (RunbookError, LookupError) as error:
        return {"refused": type(error).__name__}
