"""A folder of files exported from Wix as a source: `<Collection>.jsonl`, or CSV as the CMS dashboard exports it.

    FolderSource(Path("export"), catalog).collections()

A file belongs to the collection whose Wix name, display name (`Labor+History.csv`) or table name it has, regardless of
case and punctuation. Either may be `.gz`. See `json_lines` and `csv_file`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from runbook.catalog import Catalog, Collection
from runbook.errors import SettingError, SourceError
from runbook.json_types import Item
from runbook.snapshot import Mark, file_sha256, newest, updated_of
from runbook.wix.csv_file import CsvFile
from runbook.wix.json_lines import JsonLines
from runbook.wix.names import plain_name, similar_name
from runbook.wix.source import Remarks, SourceCollection, differences, unknown_collection

FORMS = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz")
_EXPECTED = "expected a folder with files named <Collection>.jsonl, or .csv as the CMS dashboard exports them"
_KINDS = {bool: "boolean", int: "number", float: "number", str: "text", list: "array", dict: "object"}


class _File(Protocol):
    notes: list[str]

    def items(self) -> Iterator[Item]: ...


@dataclass(frozen=True)
class _Summary:
    mark: Mark
    told: frozenset[str]  # keys that an item has, or that a header names
    fields: dict[str, str]
    notes: tuple[str, ...]


class FolderSource:
    """A folder, read only. `name`: by which it is known.

    Raises SettingError for a folder that holds no export, SourceError for an ambiguous file.
    """

    def __init__(self, path: Path, catalog: Catalog, name: str | None = None) -> None:
        if not path.exists():
            raise SettingError(f"source {path}: no such folder; {_EXPECTED}")
        if not path.is_dir():
            raise SettingError(f"source {path} is a file; {_EXPECTED}")
        self.path, self._catalog, self._name_given = path, catalog, name
        self._files: dict[str, Path] = {}
        self._summaries: dict[Path, _Summary] = {}
        try:
            found = sorted(file for file in path.iterdir() if file.is_file() and _stem(file) is not None)
        except OSError as error:
            raise SettingError(f"source {path} cannot be read: {error.strerror}; {_EXPECTED}") from None
        if not found:
            raise SettingError(f"source {path} has no .jsonl and no .csv file; {_EXPECTED}")
        for file in found:
            name = self._name(file)
            if name in self._files:
                raise SourceError(
                    f"{path}: {self._files[name].name} and {file.name} both belong to the collection {name}; "
                    "remove one of them"
                )
            self._files[name] = file

    @property
    def label(self) -> str:
        """The name that was given, else the folder's; "wix" is the site's."""
        if self._name_given is not None:
            return self._name_given
        name = self.path.resolve().name
        return "folder wix" if name == "wix" else name

    def collections(self) -> dict[str, SourceCollection]:
        """One per file, counted; one that cannot be read is not counted, and its notes give the reason."""
        collections = {}
        for name, file in self._files.items():
            try:
                summary = self._summary(name)
            except SourceError as error:
                collections[name] = SourceCollection(None, {}, {}, (str(error),))
                continue
            found = SourceCollection(summary.mark.count, summary.fields, {key: key for key in summary.fields})
            known = self._catalog.collections.get(name)
            notes = [f"from {file.name}", *summary.notes]
            if known is not None:
                notes += differences(known, found, declares=False)
            elif similar := similar_name(name, self._catalog.collections):
                notes.append(f"may be the catalog's {similar} under another name")
            if summary.mark.count == 0:
                notes.append("the file has no rows")
            collections[name] = replace(found, notes=tuple(notes))
        return collections

    def missing(self, collection: Collection) -> str | None:
        """Why the folder has no such collection; None where it has it."""
        if collection.wix in self._files:
            return None
        similar = similar_name(collection.wix, self._files)
        hint = f"; it has {self._files[similar].name}, which may be the same under another name" if similar else ""
        return f"the folder {self.label} has no file for {collection.wix}{hint}"

    def place(self, collection: Collection) -> str:
        """The name of its file."""
        return self._files[collection.wix].name

    def untold(self, collection: Collection, known: Iterable[str]) -> tuple[str, ...]:
        """A CSV has the columns that its view shows; JSON lines have the keys of some row.

        A multi-reference is not told by an empty column of a CSV: the CMS does not reliably export them.
        """
        summary = self._summary(collection.wix)
        told: frozenset[str] = summary.told
        declared: Iterable[str] = ()
        if _is_csv(self._files[collection.wix]):
            declared = collection.by_key
            references = {field.wix for field in collection.fields if field.wix_type == "multireference"}
            told -= references - summary.fields.keys()
        return tuple(key for key in dict.fromkeys([*declared, *sorted(known)]) if key not in told)

    def mark(self, collection_id: str) -> Mark:
        """Number of rows, newest `_updatedDate` and the file's sha256. Raises SourceError."""
        return self._summary(collection_id).mark

    def export(
        self,
        collection: Collection,
        write: Callable[[Item], None],
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Remarks:
        """Every item in the file's order. Raises SourceError naming file and line, or that the file has changed."""
        mark = self.mark(collection.wix)
        file = self._open(collection.wix)
        for done, item in enumerate(file.items(), 1):
            write(item)
            if on_progress is not None:
                on_progress(done, mark.count)
        path = self._files[collection.wix]
        if not path.exists() or file_sha256(path) != mark.sha256:
            raise SourceError(
                f"{collection.wix}: {path.name} changed while it was read; nothing was done. Run it again when it is "
                "complete"
            )
        return Remarks(tuple(file.notes))

    # ------------------------------------------------------------------ files

    def _name(self, file: Path) -> str:
        """The collection that a file's name means; the stem where the catalog has none. Raises SourceError."""
        stem = _stem(file) or ""
        known = self._catalog.collections
        if stem in known:
            return stem
        plain = plain_name(stem)
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
        return stem

    def _open(self, name: str) -> _File:
        if name not in self._files:
            raise unknown_collection(f"the folder {self.label}", name)
        file, collection = self._files[name], self._catalog.collections.get(name)
        return CsvFile(file, collection) if _is_csv(file) else JsonLines(file)

    def _summary(self, name: str) -> _Summary:
        file = self._open(name)
        path = self._files[name]
        sha256 = file_sha256(path)
        summary = self._summaries.get(path)
        if summary is None or summary.mark.sha256 != sha256:
            kinds: Counter[tuple[str, str]] = Counter()
            told = set(file.keys) if isinstance(file, CsvFile) else set[str]()
            count, latest = 0, None
            for item in file.items():
                count += 1
                latest = newest((latest, updated_of(item)))
                told.update(item)
                kinds.update((key, _kind(value)) for key, value in item.items() if value is not None)
            fields: dict[str, str] = {}
            for key, kind in kinds:
                fields[key] = kind if fields.get(key, kind) == kind else "any"
            summary = self._summaries[path] = _Summary(
                Mark(count, latest, sha256), frozenset(told), fields, tuple(file.notes)
            )
        return summary


def _form(file: Path) -> str:
    lower = file.name.lower()
    return next((form for form in sorted(FORMS, key=len, reverse=True) if lower.endswith(form)), "")


def _is_csv(file: Path) -> bool:
    return ".csv" in _form(file)


def _stem(file: Path) -> str | None:
    """The name without its extension, as the collection may be called; None for another kind of file."""
    form = _form(file)
    return unquote(file.name[: -len(form)].replace("+", " ")) if form and not file.name.startswith(".") else None


def _kind(value: Any) -> str:
    if isinstance(value, dict) and "$date" in value and len(value) == 1:
        return "datetime"
    return _KINDS.get(type(value), "any")
