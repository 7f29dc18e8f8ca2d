r"""Parts of `filterByFormula`, escaped.

    eq("DOT Number", 1234567)             # {DOT Number}=1234567
    eq("Legal Name", "O'Brien \\ Sons")   # {Legal Name}='O\'Brien \\\\ Sons'

Rules: support.airtable.com, "Formula field reference", and what pyairtable writes (`\` before `\`, quote
and line ends in texts, before `}` in names).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal

_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_SURROGATE = re.compile("[\ud800-\udfff]")


def text(value: str) -> str:
    """A string in quotes. Raises ValueError for half a surrogate pair, which no request can hold."""
    if _SURROGATE.search(value):
        raise ValueError("the string has half of a surrogate pair, which is not a character; no cell can hold it")
    return f"'{value.translate(_ESCAPES)}'"


def number(value: float) -> str:
    """A number with every digit, without an exponent. Raises ValueError for NaN and the infinities."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written in a formula")
    return format(Decimal(repr(value)), "f")


def field(name: str) -> str:
    r"""A column in braces. Raises ValueError for a name that no formula can hold: `\` at its end or before `}`."""
    if not name:
        raise ValueError("a column's name cannot be empty")
    if re.search(r"\\(?=\}|\Z)", name):
        raise ValueError(f"no formula can name the column {name!r}: it has a backslash before a brace or at its end")
    return "{" + name.replace("}", "\\}") + "}"


def literal(value: str | float) -> str:
    """A string or a number."""
    return text(value) if isinstance(value, str) else number(value)


def eq(name: str, value: str | float | bool | None) -> str:
    """Rows whose cell equals a string (case-sensitive), a number or a checkbox, or (None) is empty.

    In a formula an empty cell equals 0, so the text of the cell is compared too.
    """
    if value is None or value == "":
        return f"{field(name)}&''=''"
    if isinstance(value, bool):
        return f"{field(name)}=TRUE()" if value else f"NOT({field(name)})"
    if value == 0:
        return f"AND({field(name)}=0,{field(name)}&''!='')"
    return f"{field(name)}={literal(value)}"


def any_of(formulas: Iterable[str]) -> str:
    """Rows that match any of these; without any, no row."""
    parts = list(formulas)
    return "FALSE()" if not parts else parts[0] if len(parts) == 1 else f"OR({','.join(parts)})"


def all_of(formulas: Iterable[str]) -> str:
    """Rows that match all of these; without any, every row."""
    parts = list(formulas)
    return "TRUE()" if not parts else parts[0] if len(parts) == 1 else f"AND({','.join(parts)})"
