"""A folder of files exported from Wix as a source: `<Collection>.jsonl`, or CSV as the CMS dashboard exports it.

    FolderSource(Path("export"), catalog).offers()

A file is a collection's where its name is the Wix name, the display name (`Labor+History.csv`) or the table's name,
whatever the case and punctuation. JSON lines are items, or whole envelopes `{"id", "data": {…}}`; also as an array,
whole or an item a line, or the API's own answers `{"dataItems": […]}`. Either may be `.gz`.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from runbook.catalog import Catalog, Collection
from runbook.errors import SettingError, SourceError
from runbook.json_types import Item, reject_constant
from runbook.snapshot import Mark, file_sha256, newest, updated_of
from runbook.wix.csv_export import CsvExport
from runbook.wix.names import plain_name, similar_name
from runbook.wix.source import Offer, differences, no_such

FORMS = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz")
_RIGHT = "a folder with files named <Collection>.jsonl, or .csv as the CMS dashboard exports them, is right"
_ARRAY = "its items stand in an array, not one a line"
_ENVELOPE = {"id", "data", "dataCollectionId"}
_KINDS = {bool: "boolean", int: "number", float: "number", str: "text", list: "array", dict: "object"}


class _File(Protocol):
    notes: list[str]

    def items(self) -> Iterator[Item]: ...


@dataclass(frozen=True)
class _Summary:
    mark: Mark
    fields: dict[str, str]
    notes: tuple[str, ...]


class FolderSource:
    """A folder, read only. Raises SettingError for one that holds no export, SourceError for an ambiguous file."""

    def __init__(self, path: Path, catalog: Catalog) -> None:
        if not path.exists():
            raise SettingError(f"source {path}: there is no such folder; {_RIGHT}")
        if not path.is_dir():
            raise SettingError(f"source {path}: is a file; {_RIGHT}")
        self._path, self._catalog = path, catalog
        self._files: dict[str, Path] = {}
        self._summaries: dict[Path, _Summary] = {}
        try:
            found = sorted(file for file in path.iterdir() if file.is_file() and _stem(file) is not None)
        except OSError as error:
            raise SettingError(f"source {path}: cannot be read: {error.strerror}; {_RIGHT}") from None
        if not found:
            raise SettingError(f"source {path}: holds no .jsonl and no .csv file; {_RIGHT}")
        for file in found:
            name = self._name(file)
            if name in self._files:
                raise SourceError(
                    f"{path}: {self._files[name].name} and {file.name} are both the collection {name}; "
                    "leave one of them there"
                )
            self._files[name] = file

    @property
    def label(self) -> str:
        """The folder's name; "wix" is the site's."""
        name = self._path.resolve().name
        return "folder wix" if name == "wix" else name

    def offers(self) -> dict[str, Offer]:
        """A collection a file, counted; one that cannot be read is not counted, and its notes say why."""
        offers = {}
        for name, file in self._files.items():
            try:
                told = self._summary(name)
            except SourceError as error:
                offers[name] = Offer(None, {}, {}, (str(error),))
                continue
            offer = Offer(told.mark.count, told.fields, {key: key for key in told.fields}, told.notes)
            known = self._catalog.collections.get(name)
            notes = [f"from {file.name}", *told.notes]
            if known is not None:
                notes += differences(known, offer, declares=False)
            elif like := similar_name(name, self._catalog.collections):
                notes.append(f"may be the catalog's {like} under another name")
            if told.mark.count == 0:
                notes.append("the file holds no row")
            offers[name] = Offer(offer.count, offer.fields, offer.display_names, tuple(notes))
        return offers

    def missing(self, collection: Collection) -> str | None:
        """Why the folder lacks it; None where it has it."""
        if collection.wix in self._files:
            return None
        like = similar_name(collection.wix, self._files)
        hint = f"; it has {self._files[like].name}, which may be it under another name" if like else ""
        return f"the folder {self.label} has no file for {collection.wix}{hint}"

    def mark(self, collection_id: str) -> Mark:
        """Rows, newest `_updatedDate` and the file's sha256. Raises SourceError."""
        return self._summary(collection_id).mark

    def export(
        self,
        collection: Collection,
        write: Callable[[Item], None],
        on_progress: Callable[[int, int], None] | None = None,
    ) -> tuple[str, ...]:
        """Every item in the file's order. Raises SourceError naming file and line."""
        total = self._summary(collection.wix).mark.count
        file = self._open(collection.wix)
        for done, item in enumerate(file.items(), 1):
            write(item)
            if on_progress is not None:
                on_progress(done, total)
        return tuple(file.notes)

    # ------------------------------------------------------------------ files

    def _name(self, file: Path) -> str:
        """The collection that a file's name names; the bare name where the catalog has none. Raises SourceError."""
        bare = _stem(file) or ""
        known = self._catalog.collections
        if bare in known:
            return bare
        plain = plain_name(bare)
        for found in (
            [name for name in known if plain_name(name) == plain],
            [c.wix for c in known.values() if plain_name(c.table) == plain],
            [kept.wix for kept in self._catalog.kept if plain_name(kept.wix) == plain],
        ):
            if len(found) > 1:
                raise SourceError(
                    f"{file}: may be {' or '.join(found)}; name it as the collection is named in Wix, case included"
                )
            if found:
                return found[0]
        return bare

    def _open(self, name: str) -> _File:
        if name not in self._files:
            raise no_such(f"the folder {self.label}", name)
        file, collection = self._files[name], self._catalog.collections.get(name)
        return CsvExport(file, collection) if ".csv" in _form(file) else JsonLines(file)

    def _summary(self, name: str) -> _Summary:
        file = self._open(name)
        path = self._files[name]
        sha256 = file_sha256(path)
        told = self._summaries.get(path)
        if told is None or told.mark.sha256 != sha256:
            kinds: Counter[tuple[str, str]] = Counter()
            count, latest = 0, None
            for item in file.items():
                count += 1
                latest = newest((latest, updated_of(item)))
                kinds.update((key, _kind(value)) for key, value in item.items() if value is not None)
            fields: dict[str, str] = {}
            for key, kind in kinds:
                fields[key] = kind if fields.get(key, kind) == kind else "any"
            told = self._summaries[path] = _Summary(Mark(count, latest, sha256), fields, tuple(file.notes))
        return told


class JsonLines:
    """A file of an item a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []

    def items(self) -> Iterator[Item]:
        """The items. Blank lines and a byte order mark are passed over. Raises SourceError naming file and line."""
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
        # No object ends with a comma or a bracket, and none begins with one: they are an array's around it.
        text = line.removesuffix(b",").rstrip()
        if text[:1] == b"[" and text[-1:] != b"]":
            text = text[1:]
        elif text[:1] in (b"{", b"]") and text[-1:] == b"]":
            text = text[:-1]
        text = text.strip()
        if not text:
            return
        told = self._read(text, number)
        if isinstance(told, dict) and "_id" not in told and isinstance(told.get("dataItems"), list):
            told = told["dataItems"]
        if text == line and not isinstance(told, list):
            yield self._item(told, number)
            return
        if _ARRAY not in self.notes:
            self.notes.append(_ARRAY)
        for one in told if isinstance(told, list) else [told]:
            yield self._item(one, number)

    def _read(self, line: bytes, number: int) -> Any:
        try:
            return _DECODER.decode(line.decode())
        except UnicodeDecodeError:
            raise SourceError(f"{self.path.name}:{number}: is not UTF-8; JSON lines are") from None
        except (ValueError, RecursionError) as error:
            said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise SourceError(
                f"{self.path.name}:{number}: is not JSON: {said}; one whole item a line is right"
            ) from None

    def _item(self, told: Any, number: int) -> Item:
        if not isinstance(told, dict):
            raise SourceError(f"{self.path.name}:{number}: is no object; one item a line is right")
        data = told.get("data")
        if "_id" in told or not isinstance(data, dict) or not set(told) <= _ENVELOPE:
            return told
        item: Item = data
        if told.get("id") is None or item.get("_id") == told["id"]:
            return item
        if "_id" in item:
            raise SourceError(f"{self.path.name}:{number}: the envelope's id is not the item's _id, as it is in Wix")
        return {"_id": told["id"], **item}


def _form(file: Path) -> str:
    lower = file.name.lower()
    return next((form for form in sorted(FORMS, key=len, reverse=True) if lower.endswith(form)), "")


def _stem(file: Path) -> str | None:
    """The name without its ending, as the collection may be called; None for a file of another kind."""
    form = _form(file)
    return unquote(file.name[: -len(form)].replace("+", " ")) if form and not file.name.startswith(".") else None


def _kind(value: Any) -> str:
    if isinstance(value, dict) and "$date" in value and len(value) == 1:
        return "datetime"
    return _KINDS.get(type(value), "any")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=reject_constant)
