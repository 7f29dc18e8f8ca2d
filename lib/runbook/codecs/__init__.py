"""Codecs convert one kind of field from Wix to Airtable and back: one small class per kind, with its rule as examples.

    dot = codec_of(Field(wix="dot", wix_type="text", name="DOT", type="number", precision=0))
    dot.encode("0123"), dot.decode(123)      # 123, "123": differs from "0123", so `mapping` keeps the original
    dot.encode("A12")                        # Refused: not an integer: "A12"

A cell of None is empty; a checkbox is True or None, a list is None or has elements. A codec rounds, truncates or
guesses only where its table says that the original is kept.
"""

from __future__ import annotations

from runbook.catalog import Field
from runbook.catalog.column_kinds import CodecName
from runbook.codecs.base import Codec
from runbook.codecs.choices import Choice, Choices, EnumTitle, ScalarOrList
from runbook.codecs.dates import Date, Datetime
from runbook.codecs.scalars import Boolean, JsonTextAsString, Number, Text, TextInt
from runbook.codecs.shapes import Address, CsvList, JsonText, Media
from runbook.codecs.values import TEXT_LIMIT, Refused, same, to_json, utf16_length

CODECS: dict[CodecName, type[Codec]] = {
    "text": Text,
    "number": Number,
    "boolean": Boolean,
    "date": Date,
    "datetime": Datetime,
    "choice": Choice,
    "choices": Choices,
    "scalar_or_list": ScalarOrList,
    "enum_title": EnumTitle,
    "text_int": TextInt,
    "csv_list": CsvList,
    "json_text": JsonText,
    "json_text_as_string": JsonTextAsString,
    "media": Media,
    "address": Address,
}


def codec_of(field: Field) -> Codec:
    """The codec of a field."""
    return CODECS[field.codec_name](field)


__all__ = ["CODECS", "TEXT_LIMIT", "Codec", "Refused", "codec_of", "same", "to_json", "utf16_length"]
