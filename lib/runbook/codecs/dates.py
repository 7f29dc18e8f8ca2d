"""Dates and times."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from runbook.catalog import Field
from runbook.codecs.base import Codec
from runbook.json_types import MISSING, Json, Missing

_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?\s?([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_YEAR = re.compile(r"[+-][0-9]{6}-|[0-9]{5,}-|0000-|-[0-9]")
_MIDNIGHT = "T00:00:00.000Z"


class Datetime(Codec):
    """A timestamp in UTC with milliseconds: Wix's `{"$date"}` (facts 1.3), Airtable's ISO text.

        | Wix                                     | cell                       |
        |-----------------------------------------|----------------------------|
        | {"$date": "2023-03-28T12:20:43.745Z"}   | "2023-03-28T12:20:43.745Z" |
        | the same as text, "2023-03-28 12:20z", "2023-03-28T14:20:43+02:00" | in UTC; the original is kept |
        | "2024-01-31"                            | "2024-01-31T00:00:00.000Z"; the original is kept |
        | "…T12:20:43.7459Z"                      | truncated to "….745Z"; the original is kept |
        | ""  null                                | empty                      |
        | "2023-02-30"  "1/5/2024"  1700000000000  years before 1 or after 9999 | Refused |

    A time without an offset is UTC. Where the Wix type is text, a cell is read as text.
    """

    difference = "time written differently, or more precise than a millisecond"

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._as_text = field.wix_type == "text"

    def encode(self, value: Json) -> str | None:
        """See the class."""
        if value is None:
            return None
        text = value["$date"] if value.__class__ is dict and len(value) == 1 and "$date" in value else value
        if text.__class__ is not str:
            raise self.refuse("not a date", value)
        if not text.strip():
            return None
        if len(text) == 24 and text[23] == "Z":
            try:
                if datetime.fromisoformat(text).isoformat(timespec="milliseconds")[:23] == text[:23]:
                    return text
            except ValueError:
                pass
        found = _ISO.fullmatch(text.strip())
        if found is None:
            out_of_range = _YEAR.match(text.strip())
            raise self.refuse("year before 1 or after 9999" if out_of_range else "not an ISO date", value)
        day, time, second, fraction, offset = found.groups()
        zone = (offset or "Z").upper()
        try:
            timestamp = datetime.fromisoformat(f"{day}T{time or '00:00'}:{second or '00'}{zone}").astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.refuse("not a valid date", value) from None
        millis = (fraction or "")[:3].ljust(3, "0")
        return f"{timestamp.replace(tzinfo=None).isoformat()}.{millis}Z"

    def decode(self, cell: Json) -> Json | Missing:
        """`{"$date": cell}`."""
        if cell is None:
            return MISSING
        return cell if self._as_text or cell.__class__ is not str else {"$date": cell}


class Date(Datetime):
    """A date. Times are parsed as `Datetime` parses them; the cell is their date in UTC.

        | Wix                                   | cell         |
        |---------------------------------------|--------------|
        | "2024-01-31"                          | the same     |
        | {"$date": "2024-01-31T00:00:00.000Z"} | "2024-01-31"; the original is kept |
        | {"$date": "2024-01-31T05:00:00.000Z"} | "2024-01-31"; the original, with its time, is kept |
        | "2024-02-30"  "31.1.2024"             | Refused      |

    Where the Wix type is datetime, a cell is read as `{"$date"}` at midnight UTC.
    """

    difference = "date written differently, or with a time of day"

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._as_timestamp = field.wix_type == "datetime"

    def encode(self, value: Json) -> str | None:
        """See the class."""
        cell = super().encode(value)
        return cell[:10] if cell is not None else None

    def decode(self, cell: Json) -> Json | Missing:
        """The date."""
        if cell is None:
            return MISSING
        return {"$date": f"{cell}{_MIDNIGHT}"} if self._as_timestamp and cell.__class__ is str else cell
