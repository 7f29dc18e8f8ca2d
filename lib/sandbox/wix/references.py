"""Multi-references: links between items, kept once and seen from both collections."""

from __future__ import annotations

from typing import Any

from sandbox.store import Store
from sandbox.wix.collections import Collection, Collections, Face
from sandbox.wix.errors import WixError, no_such_item


class Links:
    """The links of every relation, in the order they were made."""

    def __init__(self, store: Store, collections: Collections) -> None:
        self._store = store
        self._collections = collections

    def face(self, collection: Collection, name: str) -> Face:
        """A multi-reference field; raises WDE0020 for any other."""
        face = collection.faces.get(name)
        if face is None:
            text = f"Provided relationship attribute {name} is not a multi-reference field."
            raise WixError("WDE0020", text, {"fieldName": name})
        return face

    def of(self, face: Face, item_id: str, limit: int = -1) -> list[str]:
        """The ids an item is linked to; `limit` -1 is all."""
        sql = f"SELECT {face.theirs} FROM wix_link WHERE relation = ? AND {face.mine} = ? ORDER BY seq LIMIT ?"
        return [row[0] for row in self._store.rows(sql, (face.relation, item_id, limit))]

    def page(self, face: Face, item_ids: list[str], descending: bool, offset: int, limit: int) -> list[tuple[str, str]]:
        """(referring id, referenced id) of several items, by the time the link was made."""
        marks = ", ".join("?" * len(item_ids))
        order = "DESC" if descending else "ASC"
        sql = (
            f"SELECT {face.mine}, {face.theirs} FROM wix_link WHERE relation = ? AND {face.mine} IN ({marks}) "
            f"ORDER BY seq {order} LIMIT ? OFFSET ?"
        )
        return self._store.rows(sql, (face.relation, *item_ids, limit, offset))

    def count(self, face: Face, item_ids: list[str]) -> int:
        """How many links several items have."""
        marks = ", ".join("?" * len(item_ids))
        sql = f"SELECT count(*) FROM wix_link WHERE relation = ? AND {face.mine} IN ({marks})"
        row: Any = self._store.row(sql, (face.relation, *item_ids))
        return int(row[0])

    def has(self, face: Face, item_id: str, other_id: str) -> bool:
        """Whether two items are linked."""
        sql = f"SELECT 1 FROM wix_link WHERE relation = ? AND {face.mine} = ? AND {face.theirs} = ?"
        return self._store.row(sql, (face.relation, item_id, other_id)) is not None

    def add(self, collection: Collection, name: str, item_id: str, other_id: str) -> None:
        """Link two items. Raises WDE0073 where either is missing, WDE0029 where they are linked already.

        That the referenced item must exist is a choice: the service documents the refusal of a bad reference
        (WDE0021) but not when it looks.
        """
        face = self.face(collection, name)
        self.check_item(collection.id, item_id)
        self.check_item(face.target, other_id)
        if not self.put(face, item_id, other_id):
            text = f"Reference {collection.id}.{name} from {item_id} to {other_id} already exists."
            raise WixError("WDE0029", text)

    def put(self, face: Face, item_id: str, other_id: str) -> bool:
        """Link two items unchecked; False where they are linked already."""
        sql = f"INSERT OR IGNORE INTO wix_link (relation, {face.mine}, {face.theirs}) VALUES (?, ?, ?)"
        return self._store.execute(sql, (face.relation, item_id, other_id)).rowcount == 1

    def take(self, collection: Collection, name: str, item_id: str, other_id: str) -> None:
        """Unlink two items; raises WDE0153 where they are not linked."""
        face = self.face(collection, name)
        sql = f"DELETE FROM wix_link WHERE relation = ? AND {face.mine} = ? AND {face.theirs} = ?"
        if self._store.execute(sql, (face.relation, item_id, other_id)).rowcount == 0:
            text = f"Reference {name} from {item_id} to {other_id} does not exist."
            raise WixError("WDE0153", text)

    def replace(self, face: Face, item_id: str, others: list[str]) -> None:
        """Link an item to these and no others, unchecked."""
        self.clear(face, item_id)
        for other in others:
            self.put(face, item_id, other)

    def clear(self, face: Face, item_id: str) -> None:
        """Drop every link an item has through one field."""
        self._store.execute(f"DELETE FROM wix_link WHERE relation = ? AND {face.mine} = ?", (face.relation, item_id))

    def clear_item(self, collection: Collection, item_id: str) -> None:
        """Drop every link of a removed item, on both sides."""
        for face in collection.faces.values():
            self.clear(face, item_id)

    def clear_all(self, collection: Collection) -> None:
        """Drop every link of a truncated collection, on both sides."""
        for face in collection.faces.values():
            self._store.execute("DELETE FROM wix_link WHERE relation = ?", (face.relation,))

    def check_item(self, collection_id: str, item_id: str) -> None:
        """Raises WDE0025 or WDE0073 where an item does not exist."""
        number = self._collections.get(collection_id).number
        if not self._store.row("SELECT 1 FROM wix_item WHERE collection = ? AND id = ?", (number, item_id)):
            raise no_such_item(item_id, collection_id)
