"""A CSV file as the CMS dashboard exports it: a header of display names, only strings quoted.

From real files: UTF-8 with a byte order mark, lines end with `\\n`, line breaks in quotes are kept; numbers,
true, false and dates (to the second) have no quotes. So quotes distinguish "00123" from 123, which csv readers do not
report; hence this one. In a file that another program has saved since, the catalog gives the types; a note says so.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

from runbook.catalog import Collection
from runbook.errors import SourceError
from runbook.json_types import Item, Json, reject_constant
from runbook.wix.names import plain_name

CSV_NOTE = 'from CSV: dates have no milliseconds; null, "" and a missing key are the same, read as missing'

_SYSTEM_NAMES = {
    "ID": "_id",
    "Created Date": "_createdDate",
    "Created date": "_createdDate",  # in older files
    "Updated Date": "_updatedDate",
    "Updated date": "_updatedDate",
    "Owner": "_owner",
}
_SYSTEM = frozenset(_SYSTEM_NAMES.values())
_CELL = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r?\n?\Z)')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})"
)
_STRUCTURED = frozenset(
    {"array", "tags", "object", "address", "gallery", "richcontent", "multireference", "any"},
)
_PAGE_LINK = re.compile(r".*\(Item\)\s*")


class Cell(NamedTuple):
    """A cell's text, and whether it was in quotes."""

    text: str
    quoted: bool


class CsvFile:
    """One file, its header read. `keys`: the Wix key of each column. `notes`: what a reader should know.

    Raises SourceError naming the file, the line and what is expected.
    """

    def __init__(self, path: Path, collection: Collection | None) -> None:
        self.path = path
        self._types: dict[str, str] = {} if collection is None else {f.wix: f.wix_type for f in collection.fields}
        records = self._records()
        line, header = next(records, (1, []))
        if not any(cell.text for cell in header):
            raise SourceError(f"{path.name}: is empty; expected a header of column names")
        _, first = next(records, (line, []))
        records.close()
        self.notes = [CSV_NOTE]
        self.keys = self._keys([cell.text for cell in header], collection)
        self.as_exported = all(cell.quoted for cell in header) and not any(
            cell.quoted and cell.text
            for key, cell in zip(self.keys, first, strict=False)
            if key in ("_createdDate", "_updatedDate")
        )
        if not self.as_exported:
            self.notes.append(
                "its quotes are not Wix's, so another program has saved this CSV since: types are the catalog's, and "
                "leading zeros may have been lost"
            )

    def items(self) -> Iterator[Item]:
        """The rows as items, in the file's order; an empty cell is a missing key. Raises SourceError."""
        records = self._records()
        next(records)
        keys = self.keys
        value = self._exported_value if self.as_exported else self._declared_value
        for line, cells in records:
            if len(cells) != len(keys):
                raise SourceError(
                    f"{self.path.name}:{line}: has {len(cells)} cells where the header has {len(keys)}; "
                    "export it again, or fix that row"
                )
            yield {key: value(key, cell) for key, cell in zip(keys, cells, strict=True) if cell.text}

    # ------------------------------------------------------------------ columns

    def _keys(self, header: list[str], collection: Collection | None) -> list[str]:
        names = _Names(collection)
        keys = []
        unknown = []
        for number, name in enumerate(header, 1):
            stripped = name.strip()
            key = names.key(stripped)
            if key is None:
                key = _snake(stripped) or f"column_{number}"
                link = " (a link to its page)" if _PAGE_LINK.fullmatch(name) else ""
                unknown.append(f"{stripped!r}{link} as {key}")
            keys.append(key)
        keys = names.resolve_duplicates(keys)
        for number, key in enumerate(keys):
            if key in keys[:number]:
                first = header[keys.index(key)]
                raise SourceError(
                    f"{self.path.name}: two columns are the field {key}: {first!r} and {header[number]!r}; "
                    "rename or hide one of them in the CMS and export again, or take the rows through the API"
                )
        if "_id" not in keys:
            separator = next((mark for mark in (";", "\t") if len(header) == 1 and mark in header[0]), None)
            hint = f"its cells are separated by {separator!r}, Wix writes commas; " if separator else ""
            raise SourceError(
                f"{self.path.name}: has no column ID; {hint}a CSV without the rows' ids cannot be migrated: "
                "show the system column ID in the CMS and export again"
            )
        if unknown and collection is not None:
            self.notes.append(f"columns that the catalog does not know, kept: {', '.join(unknown)}")
        return keys

    # ------------------------------------------------------------------ values

    def _exported_value(self, key: str, cell: Cell) -> Json:
        """A cell as Wix writes it: in quotes a string (or the JSON of an array or object), else by its form."""
        if cell.quoted:
            return _structured(cell.text) if self._types.get(key) in _STRUCTURED else cell.text
        if cell.text in ("true", "false"):
            return cell.text == "true"
        return _number(cell.text, _date(cell.text))

    def _declared_value(self, key: str, cell: Cell) -> Json:
        """A cell whose quotes mean nothing: by the catalog's type; text where it is not of that type, or unknown."""
        kind = "datetime" if key in ("_createdDate", "_updatedDate") else self._types.get(key)
        match kind:
            case "number":
                return _number(cell.text, cell.text)
            case "boolean":
                return {"true": True, "false": False}.get(cell.text.lower(), cell.text)
            case "datetime":
                return _date(cell.text)
            case _ if kind in _STRUCTURED:
                return _structured(cell.text)
        return cell.text

    # ------------------------------------------------------------------ records

    def _records(self) -> Generator[tuple[int, list[Cell]], None, None]:
        """(number of its first line, cells) of each record; empty lines are skipped."""
        try:
            with _open(self.path) as file:
                lines: list[str] = []
                first, quotes = 1, 0
                for number, line in enumerate(file, 1):
                    if not lines:
                        if line in ("\n", "\r\n"):
                            continue
                        first = number
                    lines.append(line)
                    quotes += line.count('"')
                    if (
                        quotes % 2 == 0
                    ):  # a quote inside quotes is written twice, so a complete record has an even number
                        yield first, self._cells("".join(lines), first)
                        lines.clear()
                        quotes = 0
                if lines:
                    raise SourceError(f"{self.path.name}:{first}: a quote that is opened in this row is never closed")
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{self.path.name}: is not UTF-8 (byte {error.object[error.start]:#04x}); Wix writes UTF-8: "
                "export it again, or save it as CSV UTF-8, which keeps every character"
            ) from None
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(f"{self.path.name}: cannot be read to the end: {error}") from None

    def _cells(self, record: str, line: int) -> list[Cell]:
        cells: list[Cell] = []
        at = 0
        while True:
            found = _CELL.match(record, at)
            if found is None:
                problem = (
                    "a quote in its middle; expected quotes around the whole cell, and one inside written twice"
                    if '"' in record
                    else "a carriage return in its middle; expected lines that end with a line feed"
                )
                raise SourceError(f"{self.path.name}:{line}: cell {len(cells) + 1} has {problem}")
            quoted, bare, end = found.groups()
            cells.append(Cell(bare, False) if quoted is None else Cell(quoted.replace('""', '"'), True))
            at = found.end()
            if end != ",":
                return cells


class _Names:
    """Which field a column's name means: exact names of the system and the catalog first, then any spelling."""

    def __init__(self, collection: Collection | None) -> None:
        fields = () if collection is None else collection.fields
        site = [f for f in fields if not f.wix.startswith("_")]
        self._exact = {**{f.name: f.wix for f in site}, **_SYSTEM_NAMES, **{f.wix: f.wix for f in fields}}
        self._plain = {plain_name(f.name): f.wix for f in reversed(fields)}
        self._plain |= {plain_name(f.wix): f.wix for f in reversed(site)}
        self._plain |= {plain_name(name): key for name, key in _SYSTEM_NAMES.items()}
        # A field of the site may have the same name as a system column: {"_createdDate": "created_date"}.
        system = {plain_name(name): key for name, key in _SYSTEM_NAMES.items()}
        self._duplicates = {
            system[plain]: f.wix for f in site for plain in (plain_name(f.name), plain_name(f.wix)) if plain in system
        }

    def key(self, name: str) -> str | None:
        """The Wix key of a column; None for an unknown one."""
        return self._exact.get(name) or self._plain.get(plain_name(name))

    def resolve_duplicates(self, keys: list[str]) -> list[str]:
        """Of two columns with a system column's name, the one among more system columns is the system's."""
        resolved = list(keys)
        for system, field in self._duplicates.items():
            places = [place for place, key in enumerate(resolved) if key == system]
            if len(places) != 2 or field in resolved:
                continue
            first, second = places
            among = _run_length(resolved, first, second), _run_length(resolved, second, first)
            if among[0] != among[1]:
                resolved[second if among[0] > among[1] else first] = field
        return resolved


def _run_length(keys: list[str], place: int, without: int) -> int:
    """How many system columns are side by side around a place, not counting the one at `without`."""
    system = [key in _SYSTEM and at != without for at, key in enumerate(keys)]
    start = end = place
    while start > 0 and system[start - 1]:
        start -= 1
    while end < len(keys) and system[end]:
        end += 1
    return end - start


def _open(path: Path) -> io.TextIOWrapper:
    raw = gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # noqa: SIM115 - the wrapper's
    return io.TextIOWrapper(raw, encoding="utf-8-sig", newline="\n")


def _snake(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name).strip("_").lower()


def _number(text: str, otherwise: Json) -> Json:
    if not _NUMBER.fullmatch(text) or len(text) > 300:
        return otherwise
    value = json.loads(text)
    return value if math.isfinite(value) else otherwise


def _date(text: str) -> Json:
    return {"$date": text} if _DATE.fullmatch(text) else text


def _structured(text: str) -> Json:
    if text[:1] not in "[{":
        return text
    try:
        return json.loads(text, parse_constant=reject_constant)
    except (ValueError, RecursionError):
        return text
