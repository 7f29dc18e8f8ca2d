"""The words that a catalog is written in: types of both sides, codecs, names of columns that every table has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal

LEGACY_ID = "Legacy Wix ID"
ORIGINAL = "Wix Original"

WixType = Literal[
    "text", "number", "boolean", "date", "datetime", "time", "url", "email", "phone", "slug", "richtext", "richcontent",
    "image", "video", "audio", "document", "gallery", "address", "tags", "array", "object", "reference",
    "multireference", "any",
]  # fmt: skip
AirtableType = Literal[
    "singleLineText", "multilineText", "richText", "email", "url", "phoneNumber", "number", "currency", "percent",
    "checkbox", "date", "dateTime", "singleSelect", "multipleSelects",
]  # fmt: skip
CodecName = Literal[
    "text", "number", "boolean", "date", "datetime", "choice", "choices", "scalar_or_list", "enum_title", "text_int",
    "csv_list", "json_text", "json_text_as_string", "media", "address",
]  # fmt: skip

# Airtable's own list is in no document; these are the ones its create call takes as a first field.
PRIMARY_TYPES = {
    "singleLineText", "email", "url", "multilineText", "number", "percent", "currency", "phoneNumber", "date",
    "dateTime",
}  # fmt: skip

CODEC_OF: dict[tuple[str, str], CodecName] = {
    ("boolean", "checkbox"): "boolean",
    ("number", "number"): "number",
    ("number", "currency"): "number",
    ("number", "percent"): "number",
    ("date", "date"): "date",
    ("datetime", "dateTime"): "datetime",
    ("text", "singleSelect"): "choice",
    ("tags", "multipleSelects"): "choices",
    ("array", "multipleSelects"): "choices",
    ("text", "multipleSelects"): "scalar_or_list",
    ("text", "number"): "text_int",
    ("tags", "singleLineText"): "csv_list",
    ("tags", "multilineText"): "csv_list",
    ("array", "multilineText"): "json_text",
    ("object", "multilineText"): "json_text",
    ("any", "multilineText"): "json_text",
    ("richcontent", "multilineText"): "json_text",
    ("gallery", "multilineText"): "json_text",
    ("address", "multilineText"): "address",
    ("address", "singleLineText"): "address",
    ("image", "url"): "media",
    ("video", "url"): "media",
    ("audio", "url"): "media",
    ("document", "url"): "media",
}
TEXTUAL = {"text", "url", "email", "phone", "slug", "richtext", "time", "reference", "date"}
TEXT_COLUMNS = {"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"}

# The columns that each codec writes to.
COLUMNS_OF: dict[CodecName, set[str]] = {
    "text": TEXT_COLUMNS,
    "number": {"number", "currency", "percent"},
    "text_int": {"number"},
    "boolean": {"checkbox"},
    "date": {"date"},
    "datetime": {"dateTime"},
    "choice": {"singleSelect"},
    "enum_title": {"singleSelect"},
    "choices": {"multipleSelects"},
    "scalar_or_list": {"multipleSelects"},
    "csv_list": {"singleLineText", "multilineText"},
    "json_text": {"singleLineText", "multilineText"},
    "json_text_as_string": {"singleLineText", "multilineText"},
    "media": {"url", "singleLineText", "multilineText"},
    "address": {"singleLineText", "multilineText"},
}


def default_codec(wix_type: str, column: str) -> CodecName | None:
    """The codec that goes without saying between two types; None where one has to be named."""
    if wix_type in TEXTUAL and column in TEXT_COLUMNS:
        return "text"
    return CODEC_OF.get((wix_type, column))


def nearest(word: str, words: Iterable[str]) -> str:
    """The end of a message about a wrong word: what was perhaps meant, or nothing."""
    found = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
