"""What a formula needs to know of one record, and what a compiled piece of formula is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeAlias

from sandbox.airtable.formulas.values import Value


class Row(Protocol):
    """One record, as the evaluator reads it. Moments are aware and in UTC."""

    @property
    def record_id(self) -> str:
        """The `rec…` id."""

    @property
    def created_time(self) -> datetime:
        """When the record was created."""

    @property
    def now(self) -> datetime:
        """The server's clock; the same for all rows of one request."""

    def value(self, field_id: str) -> Value:
        """The cell: None when blank; links, multiple selects, lookups and attachments as lists of their texts."""

    def modified_time(self, field_ids: tuple[str, ...]) -> datetime | None:
        """When one of the fields, () for any, was last changed by a user; None for never."""


Run: TypeAlias = "Callable[[Row], Value]"
"""A compiled expression; may raise FaultError."""

MANY = 1_000_000
"""Stands for "any number of arguments"."""
