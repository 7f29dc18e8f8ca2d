"""The collections of the site: their fields, permissions and revision, as the Collections API gives them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sandbox.app_state import AppState
from sandbox.clock import iso
from sandbox.wix.errors import WixError, no_such_collection
from sandbox.wix.schema import describe, multi_references, paired, plugin_of, references
from sandbox.wix.values import dump_text


@dataclass(frozen=True)
class Face:
    """A multi-reference field seen from its collection: one of the two sides of a relation.

    `mine` and `theirs` are the columns of `wix_link` with this side's and the other side's item ids.
    """

    relation: int
    mine: str
    theirs: str
    target: str


@dataclass
class Collection:
    """A collection as it is stored. `body` is what the API answers, without what follows from it."""

    number: int
    id: str
    body: dict[str, Any]
    faces: dict[str, Face] = field(default_factory=dict)
    uniques: list[dict[str, Any]] = field(default_factory=list)

    @property
    def fields(self) -> list[dict[str, Any]]:
        """The user's fields; system fields are added on the way out."""
        fields: list[dict[str, Any]] = self.body["fields"]
        return fields

    @property
    def keys(self) -> list[str]:
        """The keys of the user's fields."""
        return [entry["key"] for entry in self.fields]

    @property
    def references(self) -> dict[str, str]:
        """Single references: key -> the collection they point to."""
        return references(self.fields)

    @property
    def page_limit(self) -> int:
        """The most items on a page: 1000, less where an app's collection says so."""
        return int(self.body.get("maxPageSize", 1000))

    @property
    def keeps_drafts(self) -> bool:
        """Whether the PUBLISH plugin is on: items are marked as drafts in place."""
        return plugin_of(self.body, "PUBLISH") is not None

    @property
    def default_status(self) -> str:
        """The `_publishStatus` of a new item: the PUBLISH plugin's, PUBLISHED where it names none [ASSUME]."""
        options = (plugin_of(self.body, "PUBLISH") or {}).get("publishOptions")
        return "DRAFT" if isinstance(options, dict) and options.get("defaultStatus") == "DRAFT" else "PUBLISHED"

    @property
    def single_id(self) -> str:
        """The id of the one item there may be under the SINGLE_ITEM plugin; empty where it is not on."""
        options = (plugin_of(self.body, "SINGLE_ITEM") or {}).get("singleItemOptions")
        name = options.get("singleItemId") if isinstance(options, dict) else None
        return name if isinstance(name, str) else ""

    @property
    def drafts_id(self) -> str:
        """The collection that the DRAFT_ITEMS plugin keeps this one's drafts in; empty where it is not on."""
        return paired(self.body, "draftsCollectionId")


class Collections:
    """Reads and writes collections; what was read is kept until a write or a rollback."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._store = state.store
        self._known: dict[str, Collection] = {}
        self._store.on_rollback(self.forget)

    def forget(self) -> None:
        """Drop what was read."""
        self._known.clear()

    def find(self, collection_id: str) -> Collection | None:
        """A collection, or None where there is none or it was deleted."""
        known = self._known.get(collection_id)
        if known is not None:
            return known
        row = self._store.row("SELECT number, body FROM wix_collection WHERE id = ? AND NOT removed", (collection_id,))
        if row is None:
            return None
        found = Collection(row[0], collection_id, json.loads(row[1]))
        for key, target, reverse in multi_references(found.fields):
            found.faces[key] = self._face(collection_id, key, target, reverse)
        indexes = self._store.rows("SELECT body FROM wix_index WHERE collection = ? ORDER BY rowid", (found.number,))
        for (text,) in indexes:
            index = json.loads(text)
            if index["unique"] and index["status"] != "FAILED":
                found.uniques.append(index)
        self._known[collection_id] = found
        return found

    def get(self, collection_id: str) -> Collection:
        """A collection for an item operation; raises WDE0025, WDE0026 where it was deleted."""
        found = self.find(collection_id)
        if found is None:
            if self._store.row("SELECT 1 FROM wix_collection WHERE id = ?", (collection_id,)):
                raise WixError("WDE0026", f"The {collection_id} collection has been removed.")
            raise no_such_collection(collection_id)
        return found

    def ids(self) -> list[str]:
        """Every collection's id, ascending."""
        return [row[0] for row in self._store.rows("SELECT id FROM wix_collection WHERE NOT removed ORDER BY id")]

    def create(self, body: dict[str, Any]) -> Collection:
        """A new collection from a checked body; raises WDE0104. A deleted one with this id cannot be restored."""
        collection_id = body["id"]
        if self.find(collection_id) is not None:
            raise WixError(
                "WDE0104", f"Collection {collection_id} already exists.", {"dataCollectionId": collection_id}
            )
        self.purge(collection_id)
        now = iso(self._state.clock.now())
        body = {**body, "revision": "1", "createdDate": now, "updatedDate": now}
        self._store.execute("INSERT INTO wix_collection (id, body) VALUES (?, ?)", (collection_id, dump_text(body)))
        self._link_faces(collection_id)
        return self.get(collection_id)

    def store(self, collection: Collection, body: dict[str, Any]) -> Collection:
        """Replace a collection's body; its revision goes up by one, and links of dropped fields go."""
        body = {**body, "revision": str(int(collection.body["revision"]) + 1)}
        body["updatedDate"] = iso(self._state.clock.now())
        self._write(collection.id, body)
        changed = self.get(collection.id)
        for key, face in collection.faces.items():
            if changed.faces.get(key) != face:
                self._drop_relation(collection.id, key, face)
        self._link_faces(collection.id)
        return self.get(collection.id)

    def remove(self, collection: Collection) -> None:
        """Delete a collection, and that of its drafts; the items stay until it is restored or created again."""
        self._store.execute(
            "UPDATE wix_collection SET removed = 1 WHERE id IN (?, ?)", (collection.id, collection.drafts_id)
        )
        self.forget()

    def restore(self, collection_id: str) -> Collection:
        """Bring a deleted collection back, and that of its drafts; raises WDE0025."""
        self._store.execute("UPDATE wix_collection SET removed = 0 WHERE id = ?", (collection_id,))
        self.forget()
        collection = self.get(collection_id)
        self._store.execute("UPDATE wix_collection SET removed = 0 WHERE id = ?", (collection.drafts_id,))
        return collection

    def purge(self, collection_id: str) -> None:
        """Remove a collection for good, deleted or not, with its items and links."""
        row = self._store.row("SELECT number, body FROM wix_collection WHERE id = ?", (collection_id,))
        if row is None:
            return
        for key, target, reverse in multi_references(json.loads(row[1])["fields"]):
            face = self._face(collection_id, key, target, reverse)
            self._store.execute("DELETE FROM wix_link WHERE relation = ?", (face.relation,))
        for table in ("wix_item", "wix_history", "wix_index", "wix_unique"):
            self._store.execute(f"DELETE FROM {table} WHERE collection = ?", row[:1])
        self._store.execute("DELETE FROM wix_collection WHERE number = ?", row[:1])
        self.forget()

    def show(self, collection: Collection) -> dict[str, Any]:
        """The collection as the API answers it."""
        return describe(collection.body)

    def _write(self, collection_id: str, body: dict[str, Any]) -> None:
        self._store.execute("UPDATE wix_collection SET body = ? WHERE id = ?", (dump_text(body), collection_id))
        self.forget()
        drafts = self.find(paired(body, "draftsCollectionId"))
        if drafts is not None and drafts.fields != body["fields"]:
            self._write(drafts.id, {**drafts.body, "fields": body["fields"]})

    def _face(self, collection_id: str, key: str, target: str, reverse: str) -> Face:
        """The side's place in its relation; both sides name the same four words, so both find the same relation."""
        here, there = [collection_id, key], [target, reverse]
        name = dump_text(sorted([here, there]))
        self._store.execute("INSERT OR IGNORE INTO wix_relation (faces) VALUES (?)", (name,))
        number = self._store.row("SELECT number FROM wix_relation WHERE faces = ?", (name,))[0]  # type: ignore[index]
        mine, theirs = ("left_id", "right_id") if here <= there else ("right_id", "left_id")
        return Face(number, mine, theirs, target)

    def _link_faces(self, changed: str) -> None:
        """See that each multi-reference of a collection, or to it, has its inverse field where the other one exists."""
        self.forget()
        rows = self._store.rows(
            "SELECT id FROM wix_collection WHERE NOT removed AND instr(body, ?) ORDER BY id", (dump_text(changed),)
        )
        for (collection_id,) in rows:
            collection = self.get(collection_id)
            if paired(collection.body, "publishedCollectionId"):
                continue  # the inverse field is the published collection's
            for key, target, reverse in multi_references(collection.fields):
                other = self.find(target)
                if other is None or reverse in other.keys:
                    continue
                face = {
                    "key": reverse,
                    "displayName": reverse,
                    "type": "MULTI_REFERENCE",
                    "typeMetadata": {
                        "multiReference": {
                            "referencedCollectionId": collection_id,
                            "referencingFieldKey": key,
                            "referencingDisplayName": key,
                        }
                    },
                }
                self._write(target, {**other.body, "fields": [*other.fields, face]})

    def _drop_relation(self, collection_id: str, key: str, face: Face) -> None:
        self._store.execute("DELETE FROM wix_link WHERE relation = ?", (face.relation,))
        other = self.find(face.target)
        if other is None:
            return
        kept = [entry for entry in other.fields if multi_references([entry]) != [(entry["key"], collection_id, key)]]
        if len(kept) < len(other.fields):
            self._write(face.target, {**other.body, "fields": kept})
