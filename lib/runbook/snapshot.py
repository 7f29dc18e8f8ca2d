"""A source's items, unchanged: a gzip with one JSON item per line, and a file of metadata with its sha256.

    with SnapshotWriter(run / "snapshots", collection, source="wix") as writer:
        for item in items:
            writer.write(item)
        snapshot = writer.finish()
    Snapshot.read(run / "snapshots", "Carriers")      # the same, verified; None where it does not exist

The file gets its name only when it is complete: a killed process leaves no snapshot, never a partial one.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from runbook.catalog import Collection
from runbook.display import Shown, Table
from runbook.errors import SourceError
from runbook.json_types import Item

FORMAT = 2
_READABLE = (1, FORMAT)  # 1: without `untold` and `warnings`
_LISTS = ("notes", "untold", "warnings")
_BUFFER = 1 << 17
_JSON_TYPES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


@dataclass(frozen=True)
class Mark:
    """Detects that a source's collection has changed: rows, newest `_updatedDate`, sha256 of an input file.

    `certain` False: an equal mark proves nothing, because a row has a timestamp in the future, which hides newer writes
    from `newest_update`.
    """

    count: int
    newest_update: str | None
    sha256: str | None = None
    certain: bool = True


@dataclass(frozen=True, repr=False)
class Snapshot(Shown):
    """A collection as it was read. `schema`: key -> {JSON type: number of items}; a `{"$date"}` is a `date`.

    `path`: the gzip of items, `sha256` of that file; `taken` and `newest_update`: ISO times in UTC. `unknown_keys`:
    keys that are not in the catalog -> number of items. `absent`: the source does not have the collection. `mark`: the
    state of the source when it was read; None where unknown. `untold`: keys that the source does not show, though
    items may have values of them (a column hidden in a CSV); also keys that the catalog does not know. `warnings`: what
    a reviewer must know of it.
    """

    collection: str
    path: Path
    count: int
    sha256: str
    taken: str
    source: str
    newest_update: str | None
    schema: dict[str, dict[str, int]]
    unknown_keys: dict[str, int]
    drafts: int
    notes: tuple[str, ...]
    absent: bool = False
    mark: Mark | None = None
    untold: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def valued_keys(self) -> frozenset[str]:
        """Keys of which some item has a value that is not null."""
        return frozenset(key for key, types in self.schema.items() if types.keys() - {"null"})

    def items(self) -> Iterator[Item]:
        """The items in the order of the source. Raises SourceError where the file cannot be read to its end."""
        return read_items(self.path)

    @classmethod
    def read(cls, folder: Path, collection: str | Collection) -> Snapshot | None:
        """The snapshot of a collection in `folder`, None where there is no complete one.

        Raises SourceError where the file does not match its metadata.
        """
        path, about = snapshot_paths(folder, collection)
        try:
            metadata = json.loads(about.read_text(encoding="utf-8"))
            mark = metadata.pop("mark")
            if metadata.pop("format") not in _READABLE:
                return None  # of another version: it is made again
            lists = {name: tuple(metadata.get(name, ())) for name in _LISTS}
            found = cls(**{**metadata, **lists, "path": path}, mark=Mark(**mark) if mark is not None else None)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SourceError(f"{about}: is not a snapshot's metadata ({type(error).__name__}); {_AGAIN}") from None
        try:
            sha256 = file_sha256(path)
        except FileNotFoundError:
            raise SourceError(f"{path}: is missing, but {about.name} describes it; {_AGAIN}") from None
        if sha256 != found.sha256:
            raise SourceError(
                f"{path}: has changed since it was written: its sha256 begins with {sha256[:12]}, "
                f"in {about.name} with {found.sha256[:12]}; {_AGAIN}"
            )
        return found

    def table(self) -> Table:
        """Counts only; no values of items."""
        notes = [*self.warnings, *self.notes]
        if self.unknown_keys:
            listed = ", ".join(f"{key} ({count:,})" for key, count in self.unknown_keys.items())
            notes.append(f"Keys that are not in the catalog, kept in `Wix Original`: {listed}")
        row = (self.collection, self.count, self.drafts, len(self.unknown_keys), self.newest_update, self.source)
        return Table(
            f"Exported {self.collection}",
            ("Collection", "Rows", "Drafts", "Unknown keys", "Newest update", "Source"),
            [row],
            tuple(notes),
        )

    def facts(self) -> dict[str, Any]:
        """For evidence: everything but the path's folder."""
        return {**asdict(self), **{name: list(getattr(self, name)) for name in _LISTS}, "path": self.path.name}


_AGAIN = "delete both and export again"


class SnapshotWriter:
    """Writes the snapshot of a collection item by item; without `finish` it leaves no file.

    The folder gets mode 700, the files 600. `source`: the source's label.
    """

    def __init__(self, folder: Path, collection: Collection, *, source: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._collection, self._source = collection, source
        self._path, self._about = snapshot_paths(folder, collection)
        self._part = self._path.with_name(f"{self._path.name}.part")
        self._file: BinaryIO = _private(self._part)
        self._lines = io.BufferedWriter(_gzip(self._file), _BUFFER)
        self._taken = datetime.now(UTC)
        self._types: Counter[tuple[str, type]] = Counter()
        self._dates: Counter[str] = Counter()
        self._newest: str | None = None
        self._drafts = 0
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._file.closed:
            self._lines.close()
            self._file.close()
            self._part.unlink(missing_ok=True)

    def write(self, item: Item) -> None:
        """Add an item. Raises SourceError for one that is not JSON (NaN, Infinity)."""
        try:
            self._lines.write(dump_line(item))
        except (ValueError, TypeError, RecursionError) as error:
            raise SourceError(f"{self._collection.wix}: item {item.get('_id')!r} is not JSON: {error}") from None
        self.count += 1
        self._types.update([(key, value.__class__) for key, value in item.items()])
        for key, value in item.items():
            if value.__class__ is dict and len(value) == 1 and "$date" in value:
                self._dates[key] += 1
        self._newest = newest([self._newest, updated_of(item)])
        self._drafts += item.get("_publishStatus") == "DRAFT"

    def finish(
        self,
        *,
        notes: Iterable[str] = (),
        mark: Mark | None = None,
        absent: bool = False,
        untold: Iterable[str] = (),
        warnings: Iterable[str] = (),
    ) -> Snapshot:
        """Complete the snapshot: the file gets its name, then its metadata."""
        self._lines.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        known = self._collection.by_key
        schema = self._schema()
        snapshot = Snapshot(
            collection=self._collection.wix,
            path=self._path,
            count=self.count,
            sha256=file_sha256(self._part),
            taken=self._taken.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            source=self._source,
            newest_update=self._newest,
            schema=schema,
            unknown_keys={key: sum(types.values()) for key, types in schema.items() if key not in known},
            drafts=self._drafts,
            notes=tuple(notes),
            absent=absent,
            mark=mark,
            untold=tuple(untold),
            warnings=tuple(warnings),
        )
        # In this order, so that metadata never exists with a file that it does not describe.
        self._about.unlink(missing_ok=True)
        self._part.replace(self._path)
        metadata = {"format": FORMAT, **snapshot.facts()}
        part = self._about.with_name(f"{self._about.name}.part")
        with _private(part) as file:
            file.write(
                json.dumps(metadata, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8", "backslashreplace")
            )
        part.replace(self._about)
        return snapshot

    def _schema(self) -> dict[str, dict[str, int]]:
        schema: dict[str, dict[str, int]] = {}
        for (key, kind), count in sorted(self._types.items(), key=lambda entry: entry[0][0]):
            types = schema.setdefault(key, {})
            name = _JSON_TYPES[kind]
            dates = self._dates[key] if kind is dict else 0
            for label, some in ((name, count - dates), ("date", dates)):
                if some:
                    types[label] = types.get(label, 0) + some
        return {key: dict(sorted(types.items())) for key, types in schema.items()}


def snapshot_paths(folder: Path, collection: str | Collection) -> tuple[Path, Path]:
    """The file of items and its metadata; a `/` of a collection's name (`Stores/Products`) is `%2F` in their names."""
    name = (collection if isinstance(collection, str) else collection.wix).replace("/", "%2F")
    return folder / f"{name}.jsonl.gz", folder / f"{name}.json"


def dump_line(item: Item) -> bytes:
    """An item as one line of UTF-8 JSON. Raises ValueError for what JSON cannot represent."""
    text = json.dumps(item, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:  # an unpaired surrogate, which can only be escaped
        return json.dumps(item, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def read_items(path: Path) -> Iterator[Item]:
    """The items of a `.jsonl.gz`. Raises SourceError where it cannot be read to its end."""
    try:
        with gzip.open(path, "rb") as file, io.BufferedReader(file, _BUFFER) as lines:
            yield from map(json.loads, lines)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise SourceError(f"{path}: cannot be read to its end: {error}; {_AGAIN}") from None


def updated_of(item: Item) -> str | None:
    """The text of `_updatedDate`, None where there is none."""
    value = item.get("_updatedDate")
    text = value.get("$date") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


def newest(dates: Iterable[str | None]) -> str | None:
    """The latest of ISO times in UTC, with or without milliseconds; other values are ignored."""
    return max((date for date in dates if date and date[:4].isdigit() and date[-1] == "Z"), key=_instant, default=None)


def _instant(date: str) -> str:
    return date[:-1]  # without the Z, "…09" sorts before "…09.123"


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _private(path: Path) -> BinaryIO:
    path.unlink(missing_ok=True)  # of a killed process
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _gzip(file: BinaryIO) -> gzip.GzipFile:
    # No name and no time in the header: equal items give equal bytes.
    return gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=1, mtime=0)
