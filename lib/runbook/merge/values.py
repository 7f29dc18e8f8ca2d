"""The cells of a row by the Wix key that they hold, in one normal form: the values that a merge compares.

    values = RowValues(collection)
    values.of(fields)       # {"dot": [5, None], "pay_min": [0.55, ["0.55"]], "extra": [["x"]]}

The last part of a value is the key's share of `Wix Original`: None, a list of one for a value kept there, False where
the item did not have the key. Before it, the key's cells: its column and its copies. An empty cell is an absent one,
and whole numbers have no fraction. The legacy id is none of them; keys without any value are left out.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from runbook.catalog import LEGACY_ID, ORIGINAL, Field
from runbook.catalog import Collection as CatalogCollection
from runbook.codecs import codec_of
from runbook.codecs.values import Refused
from runbook.json_types import MISSING, Fields, Json
from runbook.mapping import original_text, read_original

_BLANKS = str.maketrans("", "", " \t\r\n\\*_-")


class RowValues:
    """Of one collection; stateless."""

    def __init__(self, collection: CatalogCollection) -> None:
        self._columns: dict[str, list[Field]] = {}
        for column in [*collection.fields, *collection.copies]:
            if column.name != LEGACY_ID:
                self._columns.setdefault(column.wix, []).append(column)

    def of(self, fields: Fields) -> dict[str, list[Json]]:
        """The values of a record's cells, or of staged ones, by Wix key."""
        absent, kept = read_original(fields.get(ORIGINAL))
        found: dict[str, list[Json]] = {}
        for key, columns in self._columns.items():
            cells: list[Json] = [normal(fields.get(column.name)) for column in columns]
            cells.append(_original(key, absent, kept))
            if any(cell is not None for cell in cells):
                found[key] = cells
        for key in kept:
            if key not in self._columns:
                found[key] = [_original(key, absent, kept)]
        return found

    def columns(self, key: str) -> list[Field]:
        """The columns that hold a key; none for a key that is not in the catalog."""
        return self._columns.get(key, [])

    def equal(self, key: str, wix: list[Json] | None, airtable: list[Json] | None, *, sent: bool = False) -> bool:
        """Whether both are one value, however Airtable spells it.

        Airtable rewrites rich text as its own Markdown: with `sent`, any such text counts as what it makes of it.
        """
        if wix == airtable:
            return True
        columns = self.columns(key)
        blank: list[Json] = [None] * (len(columns) + 1)
        *cells, original = wix or blank
        *others, other_original = airtable or blank
        if original != other_original or len(cells) != len(columns):
            return False
        return all(_same_cell(c, a, b, sent=sent) for c, a, b in zip(columns, cells, others, strict=True))

    def originals_that_differ(self, wix: Fields, airtable: Fields) -> set[str]:
        """The keys whose shares of `Wix Original` differ."""
        (absent, kept), (absent_here, kept_here) = (
            read_original(wix.get(ORIGINAL)),
            read_original(airtable.get(ORIGINAL)),
        )
        keys = absent | absent_here | kept.keys() | kept_here.keys()
        return {key for key in keys if _original(key, absent, kept) != _original(key, absent_here, kept_here)}

    def same_original(self, wix: Json, airtable: Json, wrong: Collection[str]) -> bool:
        """Whether two cells `Wix Original` say the same, however spelled. `wrong`: the keys whose value differs.

        What is kept of a cell that was filled by hand since says nothing any more.
        """
        problems: list[str] = []
        for cell in (wix, airtable):
            read_original(cell, problems)
        differing = self.originals_that_differ({ORIGINAL: wix}, {ORIGINAL: airtable})
        return not problems and bool(wix or differing) and differing.isdisjoint(wrong)

    def original(self, wix: Fields, airtable: Fields, from_wix: set[str]) -> str | None:
        """`Wix Original` of a row that takes these keys from Wix and all others from Airtable.

        Raises Refused where the text would be too long for a cell.
        """
        absent, kept = read_original(wix.get(ORIGINAL))
        absent_here, kept_here = read_original(airtable.get(ORIGINAL))
        both = {key: kept[key] for key in kept if key in from_wix}
        both |= {key: value for key, value in kept_here.items() if key not in from_wix}
        return original_text((absent & from_wix) | (absent_here - from_wix), both)


def normal(cell: Json) -> Json:
    """A cell in normal form; None for an empty one."""
    if cell is None or cell is False or cell == "" or cell == [] or cell == "\n":
        return None
    if cell.__class__ is float and cell.is_integer():
        return int(cell)
    return cell


def _original(key: str, absent: frozenset[str], kept: dict[str, Json]) -> Json:
    return [_plain(kept[key])] if key in kept else False if key in absent else None


def _plain(value: Json) -> Json:
    if value.__class__ is float:
        return normal(value)
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value


def _same_cell(column: Field, a: Json, b: Json, *, sent: bool) -> bool:
    if a == b:
        return True
    if column.column_kind.adds_line_break:
        return sent or _bare(a) == _bare(b)
    if column.column_kind.multiline and _text(a).rstrip("\n") == _text(b).rstrip("\n"):
        return True
    return bool(_decoded(column, a) == _decoded(column, b))


def _bare(text: Json) -> str:
    return _text(text).translate(_BLANKS)


def _text(cell: Json) -> str:
    return cell if isinstance(cell, str) else ""


def _decoded(column: Field, cell: Json) -> Any:
    try:
        value = codec_of(column).decode(cell)
    except (Refused, ValueError, TypeError, KeyError, AttributeError):
        return MISSING, repr(cell)
    return value
