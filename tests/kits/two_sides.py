"""Records over given rows, which can differ, hang and fail as a test needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lmdr.platform import PLATFORM
from runbook.json_types import Item
from runbook.records import Records
from runbook.records.views import ItemRecords

CATALOG = PLATFORM.catalog


def side(**rows: Iterable[Item]) -> Records:
    """Records with these collections; all others are empty."""
    return ItemRecords(CATALOG, lambda name: rows.get(name, ()))


def faq(number: int, **fields: Any) -> Item:
    return {"_id": f"faq-{number}", "question": f"Question {number}", "display_order": number, **fields}


def side_that(does: Callable[[], Iterable[Item]]) -> Records:
    """Records that call a function at each read, whose result is the FAQs."""

    class Doing(ItemRecords):
        def _by_id(self, collection: str) -> dict[str, Item]:
            return {item["_id"]: item for item in does()}

    return Doing(CATALOG, lambda name: ())
