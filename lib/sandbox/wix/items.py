"""Items in the store: one row each, as the JSON text that pages are joined from."""

from __future__ import annotations

import json
import uuid
from typing import Any

from sandbox.app_state import AppState
from sandbox.clock import iso
from sandbox.wix.collections import Collection
from sandbox.wix.errors import WixError, bad_argument, no_such_item
from sandbox.wix.references import Links
from sandbox.wix.uniques import check_unique, keep_unique
from sandbox.wix.values import clean, date_ms, dump_text

MAX_ITEM_BYTES = 500 * 1024
STAMPS = ("_createdDate", "_updatedDate")
"""What the service alone sets; what a client sends under these keys is ignored."""
OWNER = "_owner"
"""Who made an item; "can be modified with site owner permissions" (Wix's documentation of the data item object)."""


class Items:
    """Writes items. Each method is one item's write; the caller holds the transaction.

    A method either refuses before it has written anything, or writes all: other items of a bulk request are unaffected.
    """

    def __init__(self, state: AppState, links: Links) -> None:
        self._state = state
        self._store = state.store
        self._links = links
        self.owner = str(uuid.uuid5(uuid.NAMESPACE_URL, state.site_id))
        self.written_at = 0

    def begin(self) -> None:
        """Before the writes of a request: fix their time, and delete history that no read can need."""
        self.written_at = self.instant()
        if self._state.settings.stale_reads:
            oldest = self.written_at - int(self._state.settings.stale_reads * 1000)
            self._store.execute("DELETE FROM wix_history WHERE at < ?", (oldest,))

    def instant(self) -> int:
        """The sandbox's time in microseconds."""
        return int(self._state.clock.time() * 1_000_000)

    def find(self, collection: Collection, item_id: str) -> dict[str, Any] | None:
        """An item as it is now, or None."""
        row = self._store.row("SELECT data FROM wix_item WHERE collection = ? AND id = ?", (collection.number, item_id))
        return None if row is None else json.loads(row[0])

    def every(self, collection: Collection) -> list[dict[str, Any]]:
        """Every item as it is now, by id."""
        rows = self._store.rows("SELECT data FROM wix_item WHERE collection = ? ORDER BY id", (collection.number,))
        return [json.loads(row[0]) for row in rows]

    def insert(self, collection: Collection, data: dict[str, Any]) -> dict[str, Any]:
        """Insert an item; without an `_id` it gets the single item's, else a GUID.

        Raises WDE0074, and what `update` raises but for WDE0073.
        """
        item_id = collection.single_id or data.get("_id") or str(uuid.uuid4())
        _check_single(collection, data.get("_id"))
        now = {"$date": iso(self._state.clock.now())}
        item = self._stamped(item_id, {"_owner": self.owner, "_createdDate": now}, now, data)
        _mark(collection, item, collection.default_status)
        return self._add(collection, item)

    def update(self, collection: Collection, data: dict[str, Any]) -> dict[str, Any]:
        """Replace an item: keys that are not sent are removed, but for the PUBLISH plugin's `_publishStatus` [ASSUME].

        Raises WDE0073 where there is none, WDE0079, WDE0123, WDE0009 past 500 KB, WDE0134, WDE0168, WDE0080 for a bad
        date or status.
        """
        item_id = data["_id"]
        _check_single(collection, item_id)
        before = self.find(collection, item_id)
        if before is None:
            raise no_such_item(item_id, collection.id)
        item = self._stamped(item_id, before, {"$date": iso(self._state.clock.now())}, data)
        _mark(collection, item, before.get("_publishStatus"))
        text = self._prepared(item)
        check_unique(self._store, collection, item)
        self._write(collection, item, text)
        return item

    def load(self, collection: Collection, item: dict[str, Any]) -> None:
        """Store an item of a site file with its own stamps; what it lacks is set. Raises what insert raises."""
        now = {"$date": iso(self._state.clock.now())}
        item_id = item["_id"]
        stamps = {"_owner": item.get("_owner") or self.owner}
        for name in ("_createdDate", "_updatedDate"):
            stamps[name] = item.get(name) or now
        rest = {key: value for key, value in item.items() if key not in (OWNER, *STAMPS)}
        self._add(collection, {"_id": item_id, **stamps, **rest})

    def put(self, collection: Collection, item: dict[str, Any]) -> dict[str, Any]:
        """Write an item of another collection: it keeps the owner and the date of creation it has here, else there.

        Raises what update raises, but for WDE0073.
        """
        before = self.find(collection, item["_id"]) or item
        written = self._stamped(item["_id"], before, {"$date": iso(self._state.clock.now())}, item)
        text = self._prepared(written)
        check_unique(self._store, collection, written)
        self._write(collection, written, text)
        return written

    def remove(self, collection: Collection, item_id: str) -> dict[str, Any]:
        """Remove an item and its links on both sides; raises WDE0073."""
        item = self.find(collection, item_id)
        if item is None:
            raise no_such_item(item_id, collection.id)
        self._remember(collection, item_id)
        key = (collection.number, item_id)
        self._store.execute("DELETE FROM wix_item WHERE collection = ? AND id = ?", key)
        self._store.execute("DELETE FROM wix_unique WHERE collection = ? AND id = ?", key)
        self._links.clear_item(collection, item_id)
        return item

    def truncate(self, collection: Collection) -> int:
        """Remove every item and every link; returns how many items there were."""
        number = (collection.number,)
        if self._state.settings.stale_reads:
            self._store.execute(
                "INSERT INTO wix_history SELECT collection, id, ?, newest, data FROM wix_item WHERE collection = ?",
                (self.written_at, collection.number),
            )
        removed = self._store.execute("DELETE FROM wix_item WHERE collection = ?", number).rowcount
        self._store.execute("DELETE FROM wix_unique WHERE collection = ?", number)
        self._links.clear_all(collection)
        return removed

    def _stamped(self, item_id: str, kept: dict[str, Any], now: dict[str, str], data: dict[str, Any]) -> dict[str, Any]:
        owner = data.get(OWNER) if self._state.wix_data_rights else None
        item = {
            "_id": item_id,
            OWNER: owner if isinstance(owner, str) and owner else kept[OWNER],
            "_createdDate": kept["_createdDate"],
            "_updatedDate": now,
        }
        item.update((key, value) for key, value in data.items() if key not in ("_id", OWNER, *STAMPS))
        return item

    def _add(self, collection: Collection, item: dict[str, Any]) -> dict[str, Any]:
        text = self._prepared(item)
        item_id = item["_id"]
        if self._store.row("SELECT 1 FROM wix_item WHERE collection = ? AND id = ?", (collection.number, item_id)):
            raise WixError("WDE0074", f"An item with _id [{item_id}] already exists.", {"dataItemId": item_id})
        check_unique(self._store, collection, item)
        self._write(collection, item, text)
        return item

    def _prepared(self, item: dict[str, Any]) -> str:
        """Clean the item in place and give its text; raises WDE0009, WDE0134, WDE0168, WDE0080."""
        cleaned = clean(item)
        item.clear()
        item.update(cleaned)
        text = dump_text(item)
        if len(text) * 4 > MAX_ITEM_BYTES and len(text.encode()) > MAX_ITEM_BYTES:
            raise WixError("WDE0009", "Document is too large.")
        return text

    def _write(self, collection: Collection, item: dict[str, Any], text: str) -> None:
        self._remember(collection, item["_id"])
        self._store.execute(
            "INSERT INTO wix_item (collection, id, newest, data) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (collection, id) DO UPDATE SET newest = excluded.newest, data = excluded.data",
            (collection.number, item["_id"], -date_ms(item["_createdDate"]), text),
        )
        keep_unique(self._store, collection, item)

    def _remember(self, collection: Collection, item_id: str) -> None:
        """Keep what the item was, for reads that lag."""
        if not self._state.settings.stale_reads:
            return
        self._store.execute(
            "INSERT INTO wix_history SELECT ?1, ?2, ?3, coalesce(max(newest), 0), max(data) FROM wix_item "
            "WHERE collection = ?1 AND id = ?2",
            (collection.number, item_id, self.written_at),
        )


def _check_single(collection: Collection, item_id: Any) -> None:
    """Raises WDE0079 where a collection of a single item is to hold another."""
    if collection.single_id and item_id not in (None, collection.single_id):
        text = f"{collection.id} is a single item collection and item must have id {collection.single_id}"
        raise WixError("WDE0079", f"{text}, but got {item_id} instead.")


def _mark(collection: Collection, item: dict[str, Any], status: Any) -> None:
    """Under the PUBLISH plugin an item without a `_publishStatus` gets `status`. Raises WDE0080 for one that is none.

    Without the plugin the key is data like any other.
    """
    if not collection.keeps_drafts:
        return
    if item.get("_publishStatus") is None:
        item.pop("_publishStatus", None)
        if status is not None:
            item["_publishStatus"] = status
    elif item["_publishStatus"] not in ("DRAFT", "PUBLISHED"):
        raise bad_argument("_publishStatus must be DRAFT or PUBLISHED.")


def read_item_id(value: Any, *, update: bool = False) -> str:
    """An item's id from a request; raises WDE0002, WDE0080, WDE0007 for an update."""
    if value is None or value == "":
        if update:
            raise WixError("WDE0007", "Invalid update. Updated object must have an _id property that is a string.")
        raise bad_argument("_id must be a non-empty string.")
    if not isinstance(value, str):
        raise WixError("WDE0002", "Item ID must be a string.")
    if "\0" in value:  # a choice: the service documents nothing
        raise bad_argument("_id must not hold the character NUL.")
    text: str = clean(value)
    return text
