"""Airtable's functions by family: `FUNCTIONS` get values, `FORMS` build code from their arguments' code.

Both map the upper-case name to (function, least arguments, most arguments). Source of all rules, where a docstring
names no other: Airtable's formula field reference, support.airtable.com/docs/formula-field-reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.airtable.formulas.functions import arrays, calendar, dates, logic, numeric, patterns, records, text
from sandbox.airtable.formulas.row import MANY, Run
from sandbox.airtable.formulas.values import Value

FUNCTIONS: dict[str, tuple[Callable[..., Value], int, int]] = {
    **arrays.FUNCTIONS,
    **calendar.FUNCTIONS,
    **dates.FUNCTIONS,
    **numeric.FUNCTIONS,
    **patterns.FUNCTIONS,
    **text.FUNCTIONS,
}
FORMS: dict[str, tuple[Callable[[list[Run]], Run], int, int]] = {**logic.FORMS, **records.FORMS}

_ENTRIES: list[tuple[str, tuple[Any, int, int]]] = [*FUNCTIONS.items(), *FORMS.items()]
SIGNATURES: dict[str, tuple[int, int]] = {name: (least, most) for name, (_, least, most) in _ENTRIES}
# its arguments are the fields themselves, not their values: the compiler sees to it
SIGNATURES["LAST_MODIFIED_TIME"] = (0, MANY)
