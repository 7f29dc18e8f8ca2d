"""A file of JSON lines as an export of a collection: items, or whole envelopes `{"id", "data": {…}}`.

Also read: an array, whole or with one item per line; the API's own responses `{"dataItems": […]}`; each as `.gz`.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runbook.errors import SourceError
from runbook.json_types import Item, reject_constant

_ARRAY = "its items are in an array, not one per line"
_ENVELOPE = {"id", "data", "dataCollectionId"}


class JsonLines:
    """One file. `notes`: what a reader should know."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []

    def items(self) -> Iterator[Item]:
        """The items. Blank lines and a byte order mark are skipped. Raises SourceError naming file and line."""
        number = 0
        try:
            with gzip.open(self.path, "rb") if self.path.suffix.lower() == ".gz" else self.path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                    text = text.strip()
                    if text:
                        yield from self._items(text, number)
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(f"{self.path.name}: cannot be read after line {number}: {error}") from None

    def _items(self, line: bytes, number: int) -> Iterator[Item]:
        # No object begins or ends with a comma or a bracket: these belong to an array around it.
        text = line.removesuffix(b",").rstrip()
        if text[:1] == b"[" and text[-1:] != b"]":
            text = text[1:]
        elif text[:1] in (b"{", b"]") and text[-1:] == b"]":
            text = text[:-1]
        text = text.strip()
        if not text:
            return
        value = self._decode(text, number)
        if isinstance(value, dict) and "_id" not in value and isinstance(value.get("dataItems"), list):
            value = value["dataItems"]
        if text == line and not isinstance(value, list):
            yield self._item(value, number)
            return
        if _ARRAY not in self.notes:
            self.notes.append(_ARRAY)
        for element in value if isinstance(value, list) else [value]:
            yield self._item(element, number)

    def _decode(self, line: bytes, number: int) -> Any:
        try:
            return _DECODER.decode(line.decode())
        except UnicodeDecodeError:
            raise SourceError(f"{self.path.name}:{number}: is not UTF-8, as JSON lines must be") from None
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise SourceError(f"{self.path.name}:{number}: is not JSON: {reason}; expected one item per line") from None

    def _item(self, value: Any, number: int) -> Item:
        if not isinstance(value, dict):
            raise SourceError(f"{self.path.name}:{number}: is not an object; expected one item per line")
        data = value.get("data")
        if "_id" in value or not isinstance(data, dict) or not set(value) <= _ENVELOPE:
            return value
        item: Item = data
        if value.get("id") is None or item.get("_id") == value["id"]:
            return item
        if "_id" in item:
            raise SourceError(f"{self.path.name}:{number}: the envelope's id is not the item's _id; in Wix it is")
        return {"_id": value["id"], **item}


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice in one object")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=reject_constant)
