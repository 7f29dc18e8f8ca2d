"""Lists and objects as text, media, addresses."""

from __future__ import annotations

import re

from runbook.catalog import Field
from runbook.codecs.base import Codec
from runbook.codecs.values import Refused, cell_text, from_json, is_plain, text_of, to_json
from runbook.json_types import MISSING, Json, Missing


class CsvList(Codec):
    """A list as readable text.

    | Wix             | cell          | back |
    |-----------------|---------------|------|
    | ["CA", "NV"]    | "CA, NV"      | the same |
    | ["a, b", " c"]  | "a, b,  c"    | the original is kept |
    | [1, null, {"a":1}] | '1, , {"a":1}' | the original is kept |
    | "CA, NV"  5     | "CA, NV"  "5" | the original is kept |
    | []  null  ""    | empty         | [], or the original |
    """

    default: Json | Missing = []  # noqa: RUF012
    difference = "commas, blanks or values that are not text among the elements, or not a list"

    def encode(self, value: Json) -> str | None:
        """See the class."""
        if value.__class__ is list:
            return cell_text(", ".join(map(text_of, value)))
        return cell_text(text_of(value))

    def decode(self, cell: Json) -> Json | Missing:
        """The parts between commas, without surrounding blanks."""
        if cell is None:
            return []
        if cell.__class__ is not str:
            return cell
        return [bare for part in cell.split(",") if (bare := part.strip())]


class JsonText(Codec):
    """Any JSON as compact JSON text, Ricos documents and galleries included.

    | Wix             | cell            | back |
    |-----------------|-----------------|------|
    | {"a": [1, "é"]} | '{"a":[1,"é"]}' | the same |
    | 5  true  "5"    | "5"  "true"  '"5"' | the same |
    | "free words"    | "free words"    | the same: text that is not JSON is stored unchanged |
    | '{"a":1}'       | '{"a":1}'       | the original is kept: it was text |
    | null  ""        | empty           | the original is kept |
    | []              | where Wix has a list: empty, which stands for []; else "[]" | the same |
    """

    difference = "JSON stored as text in Wix, or empty"

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._is_list = field.wix_type in ("array", "tags")
        self.default = [] if self._is_list else MISSING

    def encode(self, value: Json) -> str | None:
        """See the class."""
        if value is None or (self._is_list and value == []):
            return None
        if value.__class__ is str:
            try:
                parsed = from_json(value)
            except ValueError:
                return cell_text(value if is_plain(value) else to_json(value))
            return cell_text(value if parsed.__class__ in (list, dict) else to_json(value))
        try:
            return cell_text(to_json(value))
        except Refused as refused:
            raise self.refuse(refused.reason, value) from None

    def decode(self, cell: Json) -> Json | Missing:
        """The value of the JSON, or the text itself."""
        if cell is None:
            return [] if self._is_list else MISSING
        if cell.__class__ is not str:
            return cell
        try:
            return from_json(cell)
        except ValueError:
            return cell


_USER_FILES = "https://d945e594-8657-47e2-9cd9-e9033c3d8da0.usrfiles.com"  # where Wix's SDK looks for documents
_MEDIA = [
    (re.compile(r"(?:wix:)?image://v1/([^/#?]+)"), "https://static.wixstatic.com/media/{}"),
    (re.compile(r"wix:vector://v1/([^/#?]+\.svg)(?=[/#?]|$)"), "https://static.wixstatic.com/shapes/{}"),
    (re.compile(r"wix:video://v1/([^/#?]+)"), "https://video.wixstatic.com/video/{}/480p/mp4/file.mp4"),
    (re.compile(r"wix:audio://v1/([^/#?]+)"), "https://static.wixstatic.com/mp3/{}"),
    (re.compile(r"wix:document://v1/ugd/([^/#?]+)"), f"{_USER_FILES}/ugd/{{}}"),
    (re.compile(r"wix:document://v1/(?!archives/)([^/#?]+)"), f"{_USER_FILES}/ugd/{{}}"),
]


class Media(Codec):
    """A media URI as the public URL of its file (facts 2, Media); the URI itself, with its size and name, is kept.

        | Wix                                             | cell                                                      |
        |-------------------------------------------------|-----------------------------------------------------------|
        | "wix:image://v1/ab_1~mv2.jpg/x.jpg#originWidth=9" | "https://static.wixstatic.com/media/ab_1~mv2.jpg" |
        | "image://v1/ab_1.jpg/40_40/x.jpg"               | "https://static.wixstatic.com/media/ab_1.jpg" |
        | "wix:vector://v1/ab.svg/x.svg"                  | "https://static.wixstatic.com/shapes/ab.svg" |
        | "wix:video://v1/ab_1/x.mp4#posterUri=p"         | "https://video.wixstatic.com/video/ab_1/480p/mp4/file.mp4" |
        | "wix:audio://v1/ab_1.mp3/x.mp3#duration=9"      | "https://static.wixstatic.com/mp3/ab_1.mp3" |
        | "wix:document://v1/ugd/ab_1.pdf/x.pdf"          | "https://….usrfiles.com/ugd/ab_1.pdf" |
        | "https://…", any other text                     | the same |
        | {"url": "…"}  ["…"]                             | compact JSON |

    Nearly every video has a 480p rendition; many have none above it.
    """

    difference = "media URI, shown as its URL"

    def encode(self, value: Json) -> str | None:
        """See the class."""
        if value.__class__ is not str:
            return cell_text(text_of(value))
        for form, url in _MEDIA:
            found = form.match(value)
            if found:
                return cell_text(url.format(found[1]))
        return cell_text(value)

    def decode(self, cell: Json) -> Json | Missing:
        """The URL."""
        return MISSING if cell is None else cell


class Address(Codec):
    """An address as readable text (facts 2, ADDRESS); its parts are kept.

    | Wix                                    | cell            | back |
    |----------------------------------------|-----------------|------|
    | {"formatted": "1 Main St"}             | "1 Main St"     | the same |
    | {"formatted": "1 Main St", "city": "…"} | "1 Main St"    | the original is kept |
    | {"city": "Troutdale"}                  | '{"city":"Troutdale"}' | the same |
    | "1 Main St"                            | "1 Main St"     | the original is kept |
    """

    difference = "address with parts, shown as one text, or not an address"

    def encode(self, value: Json) -> str | None:
        """See the class."""
        if value.__class__ is dict:
            formatted = value.get("formatted")
            if formatted.__class__ is str and formatted.strip():
                return cell_text(formatted)
        return cell_text(text_of(value))

    def decode(self, cell: Json) -> Json | Missing:
        """`{"formatted": cell}`."""
        if cell is None:
            return MISSING
        if cell.__class__ is not str:
            return cell
        if cell.startswith("{"):
            try:
                parsed = from_json(cell)
            except ValueError:
                parsed = None
            if parsed.__class__ is dict:
                return parsed
        return {"formatted": cell}
