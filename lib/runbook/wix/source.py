"""Where rows come from: a Wix site through its API, or a folder of files exported from it (`folder.FolderSource`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from runbook.catalog import Catalog, Collection
from runbook.errors import SourceError, WixError
from runbook.json_types import Item
from runbook.snapshot import Mark
from runbook.wix.client import NO_COLLECTION, WixClient
from runbook.wix.live_export import Remarks, empty_note, export_collection, site_mark
from runbook.wix.names import similar_name

__all__ = ["Mark", "Remarks", "Source", "SourceCollection", "WixSource"]

_TYPES = {
    "rich_text": "richtext",
    "rich_content": "richcontent",
    "media_gallery": "gallery",
    "array_string": "tags",
    "array_document": "array",
    "multi_reference": "multireference",
    "media_image": "object",
    "media_vector_art": "object",
    "language": "text",
    "page_link": "text",
    "legacy_color": "text",
}
_PLAIN = {
    "text", "number", "boolean", "date", "datetime", "time", "url", "email", "slug", "image", "video", "audio",
    "document", "address", "array", "object", "reference", "any",
}  # fmt: skip
# What a type is in JSON, text where it is not here: only the CMS tells apart those that are the same.
_JSON_TYPES = {
    **dict.fromkeys(("tags", "array", "gallery", "multireference"), "array"),
    **dict.fromkeys(("object", "address", "richcontent"), "object"),
    **{name: name for name in ("number", "boolean", "datetime", "any")},
}
_LISTED = 8


@dataclass(frozen=True)
class SourceCollection:
    """A collection that a source has. `count` None: not counted. `fields`: key -> type, named as in the catalog.

    `display_names`: key -> the name in the CMS. `notes`: what to know before it is moved.
    """

    count: int | None
    fields: dict[str, str]
    display_names: dict[str, str]
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """What the steps need of a source. Reads only."""

    @property
    def label(self) -> str:
        """ "wix", or the folder's name."""

    def collections(self) -> dict[str, SourceCollection]:
        """Every collection, by the catalog's id where it has one, else by the source's name."""

    def missing(self, collection: Collection) -> str | None:
        """Why the source has no such collection, and a similar name that it has; None where it has it."""

    def place(self, collection: Collection) -> str:
        """Where the rows of a collection come from, for messages: "the site", or a file's name."""

    def untold(self, collection: Collection, known: Iterable[str]) -> tuple[str, ...]:
        """Keys that it does not show, though items may have values of them: of the catalog, or `known` from before."""

    def mark(self, collection_id: str) -> Mark:
        """What shows whether a collection has changed; cheap. Raises SourceError where there is none."""

    def export(
        self,
        collection: Collection,
        write: Callable[[Item], None],
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Remarks:
        """Pass every item to `write`, once; returns remarks for the snapshot. Raises SourceError."""


class WixSource:
    """A site, through its API. With a catalog, notes list where the site differs from it."""

    def __init__(self, client: WixClient, catalog: Catalog | None = None, *, page_size: int = 1000) -> None:
        self._client, self._catalog, self._page_size = client, catalog, page_size
        self._has_references: dict[str, bool] = {}  # by collection, whether its schema has multi-references

    @property
    def label(self) -> str:
        """ "wix"."""
        return "wix"

    def collections(self) -> dict[str, SourceCollection]:
        """Every collection of the site; those that the catalog moves are counted, with a request each.

        The notes of one that cannot be counted give the reason.
        """
        listed = {entry["id"]: entry for entry in self._client.collections()}
        return {name: self._describe(name, entry, listed) for name, entry in listed.items()}

    def missing(self, collection: Collection) -> str | None:
        """Why the site has no such collection; None where it has it.

        Absent only where the API itself says that it does not exist and the list of collections lacks it too.
        """
        try:
            self._schema(collection.wix)
        except WixError as error:
            if error.code not in NO_COLLECTION:  # a proxy's 404 says nothing of the collection
                raise
            names = [entry["id"] for entry in self._client.collections()]
            if collection.wix in names:
                raise SourceError(
                    f"{collection.wix}: the site lists it, and says that it does not exist ({error.code}); nothing was "
                    "done. Run it again"
                ) from None
            similar = similar_name(collection.wix, names)
            hint = f"; it has {similar!r}, which may be the same under another name" if similar else ""
            return f"the site has no collection {collection.wix}{hint}"
        return None

    def place(self, collection: Collection) -> str:
        """ "the site"."""
        return "the site"

    def untold(self, collection: Collection, known: Iterable[str]) -> tuple[str, ...]:
        """None: the API gives items whole, so a key that no item has has no value."""
        return ()

    def mark(self, collection_id: str) -> Mark:
        """Two requests: a count, and the newest `_updatedDate`.

        Not certain where it has multi-references, in the catalog or not: linking items updates neither of them.
        """
        mark = site_mark(self._client, collection_id)
        return replace(mark, certain=False) if self._has_references.get(collection_id) else mark

    def export(
        self,
        collection: Collection,
        write: Callable[[Item], None],
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Remarks:
        """Every item in the order of `_id`, as it was when the export ended. See `live_export.export_collection`."""
        schema = self._schema(collection.wix)
        found = export_collection(self._client, schema, write, page_size=self._page_size, on_progress=on_progress)
        return found._replace(notes=(*differences(collection, _declared(schema, None)), *found.notes))

    def _schema(self, name: str) -> dict[str, Any]:
        schema = self._client.collection(name)
        fields = [field for field in schema.get("fields") or [] if isinstance(field, dict)]
        self._has_references[name] = any(field.get("type") == "MULTI_REFERENCE" for field in fields)
        return schema

    def _describe(self, name: str, entry: dict[str, Any], listed: dict[str, Any]) -> SourceCollection:
        notes = []
        count = None
        try:
            if self._catalog is None or name in self._catalog.collections:
                count = self._client.count(name)
        except WixError as error:
            if error.status not in (400, 403, 404):
                raise
            notes.append(str(error))
        if f"{name}__drafts" in listed:
            notes.append(f"its drafts are in a collection of their own, {name}__drafts")
        if count == 0:
            notes.append(empty_note(entry))
        declared = _declared(entry, count)
        known = self._catalog.collections.get(name) if self._catalog is not None else None
        if known is not None:
            notes += differences(known, declared)
        elif self._catalog is not None:
            similar = similar_name(name, [c for c in self._catalog.collections if c not in listed])
            if similar:
                notes.append(f"may be the catalog's {similar} under another name")
        return replace(declared, notes=tuple(notes))


def differences(collection: Collection, source: SourceCollection, *, declares: bool = True) -> tuple[str, ...]:
    """Where a source differs from the catalog: keys on one side only, types that are different in JSON.

    `declares`: the source has a schema; without one, a key that no item has is not a difference.
    """
    notes = []
    known = collection.by_key
    unknown = [key for key in source.fields if key not in known]
    if unknown:
        notes.append(f"fields that the catalog does not know: {_listed(unknown)}")
    missing = [key for key in known if key not in source.fields and not key.startswith("_")]
    if missing and declares:
        notes.append(f"fields of the catalog that the source does not declare: {_listed(missing)}")
    types = [
        f"{key} is {kind}, in the catalog {known[key].wix_type}"
        for key, kind in source.fields.items()
        if key in known and "any" not in (kind, known[key].wix_type) and _json(kind) != _json(known[key].wix_type)
    ]
    if types:
        notes.append(f"types that differ from the catalog's: {_listed(types)}")
    return tuple(notes)


def _declared(schema: dict[str, Any], count: int | None) -> SourceCollection:
    fields = [field for field in schema.get("fields") or [] if isinstance(field, dict) and "key" in field]
    return SourceCollection(
        count,
        {field["key"]: _type(field.get("type")) for field in fields},
        {field["key"]: field.get("displayName") or field["key"] for field in fields},
    )


def _type(name: Any) -> str:
    lower = str(name).lower()
    return _TYPES.get(lower) or (lower if lower in _PLAIN else "any")


def _json(kind: str) -> str:
    return _JSON_TYPES.get(kind, "text")


def _listed(names: list[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def unknown_collection(source: str, collection_id: str) -> SourceError:
    """The error for a collection that a source does not have."""
    return SourceError(f"{source} has no collection {collection_id}; `collections()` lists what it has")
