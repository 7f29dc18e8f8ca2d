"""Every Airtable field type that a catalog may use, with everything that the engine needs to know about it.

A new Airtable field type is one entry of `COLUMN_KINDS`: the catalog's checks, schema, codecs, suites, frames, formulas
and messages read it there. They depend on what a cell `holds`, never on the type's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

WixType = Literal[
    "text", "number", "boolean", "date", "datetime", "time", "url", "email", "phone", "slug", "richtext", "richcontent",
    "image", "video", "audio", "document", "gallery", "address", "tags", "array", "object", "reference",
    "multireference", "any",
]  # fmt: skip
CodecName = Literal[
    "text", "number", "boolean", "date", "datetime", "choice", "choices", "scalar_or_list", "enum_title", "text_int",
    "csv_list", "json_text", "json_text_as_string", "media", "address",
]  # fmt: skip
Content = Literal["text", "number", "boolean", "day", "instant", "choice", "choices"]
Setting = Literal["precision", "symbol", "choices"]

# What Great Expectations' type check takes on pandas for a column of `checks.frames`.
_FRAME_TYPES: dict[Content, str] = {
    "text": "str",
    "number": "float",
    "boolean": "bool",
    "day": "datetime64",
    "instant": "Timestamp",
    "choice": "str",
    "choices": "list",
}


@dataclass(frozen=True)
class ColumnKind:
    """One Airtable field type.

    `label`: its name in Airtable's dialog, with what to set there. `defaults`: the default codec by Wix type.
    `codecs`: further codecs that write to such a column; a field has to name them. `settings`: the options that a field
    of the catalog sets, `options`: those that are the same for every column. `primary`: it may be a table's first
    column; Airtable's documentation has no list, these are the types that its create call takes there.
    `decimals_hidden`: by how many digits the cell is finer than the precision shown. `adds_line_break`: Airtable ends
    every cell with one.
    """

    holds: Content
    label: str
    defaults: Mapping[WixType, CodecName]
    codecs: frozenset[CodecName] = frozenset()
    settings: tuple[Setting, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    primary: bool = False
    multiline: bool = False
    max_precision: int = 8
    decimals_hidden: int = 0
    adds_line_break: bool = False

    @property
    def is_select(self) -> bool:
        """Whether its cells hold choices."""
        return self.holds in ("choice", "choices")

    @property
    def is_date(self) -> bool:
        """Whether its cells hold days or instants."""
        return self.holds in ("day", "instant")

    @property
    def frame_type(self) -> str:
        """Its type in a frame, as Great Expectations spells it."""
        return _FRAME_TYPES[self.holds]

    def accepts(self, codec: CodecName) -> bool:
        """Whether a codec writes to such a column."""
        return codec in self.codecs or codec in self.defaults.values()


_TEXT: dict[WixType, CodecName] = {
    "text": "text", "url": "text", "email": "text", "phone": "text", "slug": "text", "richtext": "text", "time": "text",
    "reference": "text", "date": "text",
}  # fmt: skip
_LINE: dict[WixType, CodecName] = {**_TEXT, "tags": "csv_list", "address": "address"}
_LONG: dict[WixType, CodecName] = {
    **_LINE, "array": "json_text", "object": "json_text", "any": "json_text", "richcontent": "json_text",
    "gallery": "json_text",
}  # fmt: skip
_URL: dict[WixType, CodecName] = {**_TEXT, "image": "media", "video": "media", "audio": "media", "document": "media"}
_TEXT_CODECS = frozenset[CodecName]({"json_text", "json_text_as_string", "media"})
_ISO = {"dateFormat": {"name": "iso"}}

COLUMN_KINDS: dict[str, ColumnKind] = {
    "singleLineText": ColumnKind("text", "Single line text", _LINE, _TEXT_CODECS, primary=True),
    "multilineText": ColumnKind(
        "text",
        "Long text, with 'Enable rich text formatting' off",
        _LONG,
        _TEXT_CODECS,
        primary=True,
        multiline=True,
    ),
    "richText": ColumnKind(
        "text", "Long text, with 'Enable rich text formatting' on", _TEXT, multiline=True, adds_line_break=True
    ),
    "email": ColumnKind("text", "Email", _TEXT, primary=True),
    "url": ColumnKind("text", "URL", _URL, primary=True),
    "phoneNumber": ColumnKind("text", "Phone", _TEXT, primary=True),
    "number": ColumnKind(
        "number", "Number", {"number": "number", "text": "text_int"}, settings=("precision",), primary=True
    ),
    "currency": ColumnKind(
        "number", "Currency", {"number": "number"}, settings=("symbol", "precision"), primary=True, max_precision=7
    ),
    "percent": ColumnKind(  # shown times 100
        "number", "Percent", {"number": "number"}, settings=("precision",), primary=True, decimals_hidden=2
    ),
    "checkbox": ColumnKind(
        "boolean",
        "Checkbox",
        {"boolean": "boolean"},
        options={"icon": "check", "color": "greenBright"},  # the only pair that the Free plan takes
    ),
    "date": ColumnKind(
        "day", "Date, with 'Include time' off, Date format ISO", {"date": "date"}, options=_ISO, primary=True
    ),
    "dateTime": ColumnKind(
        "instant",
        "Date, with 'Include time' on, Date format ISO, Time format 24 hour, 'Use the same time zone for all "
        "collaborators': GMT/UTC",
        {"datetime": "datetime"},
        options={"timeZone": "utc", **_ISO, "timeFormat": {"name": "24hour"}},
        primary=True,
    ),
    "singleSelect": ColumnKind(
        "choice", "Single select", {"text": "choice"}, frozenset({"enum_title"}), settings=("choices",)
    ),
    "multipleSelects": ColumnKind(
        "choices",
        "Multiple select",
        {"tags": "choices", "array": "choices", "text": "scalar_or_list"},
        settings=("choices",),
    ),
}
