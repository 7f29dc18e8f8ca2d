"""DOT numbers: numbers in `Carriers`, text in every other collection; queries distinguish the two."""

from __future__ import annotations

from typing import Any

_MAX_DIGITS = 12
"""More than any DOT number has."""


def dot_text(value: Any) -> str:
    """A DOT number as text without surrounding blanks; "" for anything else, such as None or True."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return ""


def dot_number(value: Any) -> int | None:
    """A DOT number as in `Carriers.dot_number`; None for anything else, such as "12ab"."""
    text = dot_text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None
