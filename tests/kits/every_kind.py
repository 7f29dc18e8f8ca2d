"""A collection with a field of every kind and every column type, and what the columns take."""

from __future__ import annotations

import math
import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from runbook.catalog import ORIGINAL, Collection, Copy, Field, Link

TEXTS = ("singleLineText", "multilineText", "richText", "email", "url", "phoneNumber")


def field(key: str, wix_type: str, column: str, **settings: Any) -> Field:
    return Field.model_validate(
        {"wix": key, "wix_type": wix_type, "name": settings.pop("name", f"The {key}"), "type": column, **settings}
    )


FIELDS = (
    field("_id", "text", "singleLineText", name="Legacy Wix ID", required=True, unique=True),
    field("line", "text", "singleLineText"),
    field("long", "text", "multilineText"),
    field("rich", "richtext", "richText"),
    field("email", "email", "email", personal=True),
    field("link", "url", "url"),
    field("phone", "phone", "phoneNumber"),
    field("number", "number", "number", precision=2),
    field("loose_number", "number", "number", precision=0, loose=True),
    field("money", "number", "currency", precision=2, symbol="$"),
    field("share", "number", "percent", precision=1),
    field("tick", "boolean", "checkbox"),
    field("day", "date", "date"),
    field("day_of_moment", "datetime", "date", codec="date"),
    field("moment", "datetime", "dateTime"),
    field("moment_text", "text", "dateTime", codec="datetime"),
    field("closed", "text", "singleSelect", choices=["A", "2", "B c"]),
    field("open", "text", "singleSelect", choices=["A", "B"], open=True),
    field("state", "text", "singleSelect", codec="enum_title", choices=["Active", "In Review", "OTR"]),
    field("open_state", "text", "singleSelect", codec="enum_title", choices=["Active"], open=True),
    field("several", "tags", "multipleSelects", choices=["A", "B"]),
    field("open_several", "array", "multipleSelects", choices=["A", "B"], open=True),
    field("one_or_more", "text", "multipleSelects", choices=["A", "B"], open=True),
    field("dot", "text", "number", precision=0),
    field("csv", "tags", "singleLineText"),
    field("list", "array", "multilineText"),
    field("object", "object", "multilineText"),
    field("any", "any", "multilineText"),
    field("document", "richcontent", "multilineText"),
    field("gallery", "gallery", "multilineText"),
    field("json_string", "text", "multilineText", codec="json_text_as_string"),
    field("image", "image", "url"),
    field("address", "address", "singleLineText"),
)
COPIES = (
    Copy.model_validate(
        {"wix": "line", "wix_type": "text", "name": "Line as number", "type": "number", "precision": 0}
    ),
)
LINKS = (Link(name="Carrier", to="Carriers", on={"dot": "dot_number", "line": "_id"}),)
EVERY_KIND = Collection(
    wix="Everything",
    table="Everything",
    phase=2,
    tab_group="All",
    flag="all",
    primary="Legacy Wix ID",
    fields=FIELDS,
    copies=COPIES,
    links=LINKS,
)
COLUMN_TYPES = {column.name: column.type for column in EVERY_KIND.columns} | {ORIGINAL: "multilineText"}


def specs() -> list[dict[str, Any]]:
    """The fields of Airtable's create-table call."""
    columns = [
        {"name": c.name, "type": c.type} | ({"options": c.options} if c.options else {}) for c in EVERY_KIND.columns
    ]
    return [*columns, {"name": ORIGINAL, "type": "multilineText"}]


def takes(column: str, cell: Any) -> bool:
    """Whether a column of the type may hold the cell, as Airtable's documents have it."""
    match column:
        case "number" | "currency" | "percent":
            return cell.__class__ in (int, float) and math.isfinite(cell) and is_double(cell)
        case "checkbox":
            return cell is True
        case "date":
            return is_text(cell) and bool(re.fullmatch(r"\d{4}-\d\d-\d\d", cell)) and bool(datetime.fromisoformat(cell))
        case "dateTime":
            form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
            return is_text(cell) and bool(re.fullmatch(form, cell)) and bool(datetime.fromisoformat(cell))
        case "singleSelect":
            return is_text(cell) and cell == cell.strip()
        case "multipleSelects":
            return isinstance(cell, list) and bool(cell) and all(map(is_text, cell)) and len(set(cell)) == len(cell)
        case _:
            assert column in TEXTS
            return is_text(cell)


def is_text(cell: Any) -> bool:
    try:
        units = len(cell.encode("utf-16-le")) // 2
    except (AttributeError, UnicodeEncodeError):
        return False
    return 0 < units <= 100_000 and "\0" not in cell


def is_double(number: float) -> bool:
    return float(number) == number or Decimal(repr(float(number))) == number
