"""Where rows come from: a Wix site through its API, or a folder of files exported from it (`folder.FolderSource`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from runbook.catalog import Catalog, Collection
from runbook.errors import SourceError, WixError
from runbook.json_types import Item
from runbook.snapshot import Mark
from runbook.wix.client import WixClient
from runbook.wix.names import similar_name
from runbook.wix.reading import empty_note, export_collection, site_mark

__all__ = ["Mark", "Offer", "Source", "WixSource"]

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
# What JSON a type is: types of one carrier are told apart by the CMS alone.
_CARRIERS = {
    **dict.fromkeys(("tags", "array", "gallery", "multireference"), "array"),
    **dict.fromkeys(("object", "address", "richcontent"), "object"),
    **{name: name for name in ("number", "boolean", "datetime", "any")},
}
_LISTED = 8


@dataclass(frozen=True)
class Offer:
    """A collection that a source has. `count` None: not counted. `fields`: key -> type in the catalog's words.

    `display_names`: key -> the name in the CMS. `notes`: what a reader should know before it is moved.
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

    def offers(self) -> dict[str, Offer]:
        """What there is, by collection id: the catalog's where it knows it, else the source's own name."""

    def missing(self, collection: Collection) -> str | None:
        """Why the source lacks a collection, and what it may be called there; None where it has it."""

    def mark(self, collection_id: str) -> Mark:
        """What tells whether a collection has changed since; cheap. Raises SourceError where there is none."""

    def export(
        self,
        collection: Collection,
        write: Callable[[Item], None],
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Iterable[str]:
        """Give every item to `write`, once; returns notes for the snapshot. Raises SourceError."""


class WixSource:
    """A site, through its API. With a catalog, offers say where the site is unlike it."""

    def __init__(self, client: WixClient, catalog: Catalog | None = None, *, page_size: int = 1000) -> None:
        self._client, self._catalog, self._page_size = client, catalog, page_size
        self._refer: dict[str, bool] = {}  # whether a collection has multi-references, as its schema said last

    @property
    def label(self) -> str:
        """ "wix"."""
        return "wix"

    def offers(self) -> dict[str, Offer]:
        """Every collection of the site; those that the catalog moves counted, a request each.

        One that cannot be counted says why in its notes.
        """
        listed = {entry["id"]: entry for entry in self._client.collections()}
        return {name: self._offer(name, entry, listed) for name, entry in listed.items()}

    def missing(self, collection: Collection) -> str | None:
        """Why the site lacks it; None where it has it."""
        try:
            self._schema(collection.wix)
        except WixError as error:
            if error.status != 404:
                raise
            names = [entry["id"] for entry in self._client.collections()]
            like = similar_name(collection.wix, names)
            hint = f"; it has {like!r}, which may be it under another name" if like else ""
            return f"the site has no collection {collection.wix}{hint}"
        return None

    def mark(self, collection_id: str) -> Mark:
        """Two requests: a count, and the newest `_updatedDate`.

        Not certain where the site has multi-references, known to the catalog or not: linking items updates neither.
        """
        mark = site_mark(self._client, collection_id)
        return replace(mark, certain=False) if self._refer.get(collection_id) else mark

    def export(
        self,
        collection: Collection,
        write: Callable[[Item], None],
        on_progress: Callable[[int, int], None] | None = None,
    ) -> tuple[str, ...]:
        """Every item in the order of `_id`, as it stood when the export ended. See `reading.export_collection`."""
        schema = self._schema(collection.wix)
        notes = [*differences(collection, _offer_of(schema, None))]
        notes += export_collection(self._client, schema, write, page_size=self._page_size, on_progress=on_progress)
        return tuple(notes)

    def _schema(self, name: str) -> dict[str, Any]:
        schema = self._client.collection(name)
        fields = [field for field in schema.get("fields") or [] if isinstance(field, dict)]
        self._refer[name] = any(field.get("type") == "MULTI_REFERENCE" for field in fields)
        return schema

    def _offer(self, name: str, entry: dict[str, Any], listed: dict[str, Any]) -> Offer:
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
            notes.append(f"its drafts lie apart, in {name}__drafts")
        if count == 0:
            notes.append(empty_note(entry))
        offer = _offer_of(entry, count)
        known = self._catalog.collections.get(name) if self._catalog is not None else None
        if known is not None:
            notes += differences(known, offer)
        elif self._catalog is not None:
            like = similar_name(name, [c for c in self._catalog.collections if c not in listed])
            if like:
                notes.append(f"may be the catalog's {like} under another name")
        return Offer(offer.count, offer.fields, offer.display_names, tuple(notes))


def differences(collection: Collection, offer: Offer, *, declares: bool = True) -> tuple[str, ...]:
    """Where a source is unlike the catalog: keys on one side only, types that JSON tells apart.

    `declares`: the offer is of a schema; without one, a key that no item has is nothing to speak of.
    """
    found = []
    known = collection.by_key
    copied = [key for key in offer.fields if key not in known]
    if copied:
        found.append(f"fields that the catalog does not know: {_some(copied)}")
    lacking = [key for key in known if key not in offer.fields and not key.startswith("_")]
    if lacking and declares:
        found.append(f"fields of the catalog that the source does not declare: {_some(lacking)}")
    unlike = [
        f"{key} is {kind}, the catalog says {known[key].wix_type}"
        for key, kind in offer.fields.items()
        if key in known and "any" not in (kind, known[key].wix_type) and _carrier(kind) != _carrier(known[key].wix_type)
    ]
    if unlike:
        found.append(f"types unlike the catalog's: {_some(unlike)}")
    return tuple(found)


def _offer_of(schema: dict[str, Any], count: int | None) -> Offer:
    fields = [field for field in schema.get("fields") or [] if isinstance(field, dict) and "key" in field]
    return Offer(
        count,
        {field["key"]: _type(field.get("type")) for field in fields},
        {field["key"]: field.get("displayName") or field["key"] for field in fields},
    )


def _type(name: Any) -> str:
    lower = str(name).lower()
    return _TYPES.get(lower) or (lower if lower in _PLAIN else "any")


def _carrier(kind: str) -> str:
    return _CARRIERS.get(kind, "text")


def _some(words: list[str]) -> str:
    more = len(words) - _LISTED
    return ", ".join(words[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def no_such(source: str, collection_id: str) -> SourceError:
    """For a collection that a source is asked for and lacks."""
    return SourceError(f"{source} has no collection {collection_id}; `offers()` lists what it has")
