"""Types of JSON values, and a marker for a missing key."""

from __future__ import annotations

import enum
from typing import Any, Final, NoReturn, TypeAlias

Json: TypeAlias = Any  # None | bool | int | float | str | list[Json] | dict[str, Json]
Item: TypeAlias = dict[str, Json]  # a Wix item: its `data`, dates as {"$date": ...}
Fields: TypeAlias = dict[str, Json]  # an Airtable record's cells by field name; an empty cell is absent


class Missing(enum.Enum):
    """The type of `MISSING`: a key that an item does not have; not null, "" or false."""

    MISSING = "missing"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing.MISSING


def reject_constant(name: str) -> NoReturn:
    """`parse_constant` of `json.loads`: NaN and the infinities, which Python reads, are not JSON. Raises ValueError."""
    raise ValueError(f"{name} is not JSON")
