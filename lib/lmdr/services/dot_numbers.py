"""DOT numbers: `Carriers` holds them as numbers, every other collection as text, and queries tell the two apart."""

from __future__ import annotations

from typing import Any

_DIGITS = 12
"""More than any DOT number has; a longer text is something else."""


def dot_text(value: Any) -> str:
    """A DOT number as text, without the blanks around it; "" for what is none, such as None or True."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return ""


def dot_number(value: Any) -> int | None:
    """A DOT number as `Carriers.dot_number` holds it; None for what is none, such as "12ab"."""
    text = dot_text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
