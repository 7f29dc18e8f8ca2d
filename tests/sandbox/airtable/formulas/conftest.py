from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from sandbox.airtable.formulas import Value, parse

NOW = datetime(2026, 11, 22, 14, 51, 19, 370_000, tzinfo=UTC)


class FakeRow:
    record_id = "recAAAAAAAAAAAAAA"
    created_time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    now = NOW

    def __init__(self, fields: dict[str, Value], modified: dict[str, datetime] | None = None) -> None:
        self.fields = fields
        self.modified = modified or {}

    def value(self, field_id: str) -> Value:
        return self.fields[field_id]

    def modified_time(self, field_ids: tuple[str, ...]) -> datetime | None:
        times = [time for name, time in self.modified.items() if not field_ids or name in field_ids]
        return max(times, default=None)


@pytest.fixture(scope="session")
def row() -> type[FakeRow]:
    """Builds a row from its fields, field id = field name."""
    return FakeRow


@pytest.fixture(scope="session")
def evaluate() -> Callable[..., Value]:
    """evaluate(formula, fields) -> value."""

    def run(formula: str, fields: dict[str, Value] | None = None) -> Value:
        cells = fields or {}
        return parse(formula).bind(lambda name: name if name in cells else None).evaluate(FakeRow(cells))

    return run


@pytest.fixture(scope="session")
def cases_by_function() -> Callable[[list[tuple[str, object, object]]], Counter[str]]:
    """How many formulas of a table call each function."""

    def count(cases: list[tuple[str, object, object]]) -> Counter[str]:
        return Counter(name for formula, *_ in cases for name in set(re.findall(r"([A-Z_]+)\(", formula)))

    return count
