"""The writes of services, through the record API, on whichever side the flag is."""

from __future__ import annotations

from typing import Any

from runbook.catalog import Collection
from runbook.drill.book import EMPTY, IdOf
from runbook.drill.choosing import MULTI, Choice, NotPossible
from runbook.errors import WrongType
from runbook.json_types import MISSING, Item
from runbook.query.values import to_python
from runbook.records import Records

_DATES = ("_createdDate", "_updatedDate")
_TRIES = 8


class Services:
    """Each method makes one write, or raises NotPossible, and enters it in the book once it is acknowledged."""

    def __init__(self, choice: Choice, records: Records) -> None:
        self._choice, self._records, self._book = choice, records, choice.book

    def insert(self) -> None:
        """A new row."""
        self._insert(self._choice.pick(self._choice.with_free()))

    def insert_linked(self) -> None:
        """A new row that refers to new rows."""
        choice = self._choice
        c = choice.pick([c for c in choice.with_free() if choice.links(c)])
        targets = {link.name: self._insert(choice.catalog.collection(link.to)) for link in choice.links(c)}
        self._insert(c, targets)

    def patch(self) -> None:
        """Some keys of a row."""
        c = self._choice.pick(self._choice.with_free())
        self._patch(c, self._choice.row(c), self._choice.values(c, 2))

    def replace(self) -> None:
        """A whole row."""
        choice = self._choice
        # Wix ignores references in a whole item.
        c = choice.pick([c for c in choice.with_free() if all(f.wix_type != MULTI for f in c.fields)])
        for _ in range(_TRIES):
            item = self._book.rows[c.wix][choice.row(c)].item
            if not _is_json(item) or item.keys() - c.by_key.keys():
                continue
            item = {key: value for key, value in item.items() if key not in _DATES} | choice.values(c, 2)
            try:
                self._records.update(c.wix, to_python(item))
            except WrongType:  # it holds what only a load may bring over
                continue
            self._book.replace(c.wix, item)
            return
        raise NotPossible

    def remove_key(self) -> None:
        """A key of a row is removed."""
        choice = self._choice
        c = choice.pick(choice.with_free("text"))
        keys = [f.wix for f in choice.free(c, "text")]
        item_id = choice.fresh_row(c, but_with=keys)
        item = self._book.rows[c.wix][item_id].item
        self._patch(
            c, item_id, {choice.random.choice([key for key in keys if isinstance(item.get(key), str)]): MISSING}
        )

    def remove(self) -> None:
        """A row is removed."""
        c = self._choice.pick(self._choice.deletable())
        item_id = self._choice.row(c)
        self._records.remove(c.wix, item_id)
        self._choice.note_deleted(c, item_id)

    def change_references(self) -> None:
        """Other rows in a multi-reference."""
        choice = self._choice
        fields = [(c, f.wix) for c in choice.collections for f in c.fields if f.wix_type == MULTI]
        known = {(c.wix, key): self._referred(c, key) for c, key in fields}
        fields = [(c, key) for c, key in fields if known[c.wix, key]]
        if not fields:
            raise NotPossible
        c, key = choice.random.choice(fields)
        ids = known[c.wix, key]
        item_id = choice.fresh_row(c)
        choice.keep(c, item_id)
        self._patch(c, item_id, {key: choice.random.sample(ids, min(2, len(ids)))})

    def _referred(self, c: Collection, key: str) -> list[str]:
        values = [row.item.get(key) for row in self._book.rows[c.wix].values()]
        return sorted({id_ for value in values if isinstance(value, list) for id_ in value if isinstance(id_, str)})

    def _patch(self, c: Collection, item_id: str, values: dict[str, Any]) -> None:
        self._records.patch(c.wix, item_id, values)
        self._book.change(c.wix, item_id, values)

    def _insert(self, c: Collection, targets: dict[str, str] | None = None) -> str:
        for _ in range(_TRIES):
            item = self._new_item(c, targets or {})
            try:
                self._records.insert(c.wix, to_python(item))
            except WrongType:
                continue
            self._book.insert(c.wix, item)
            self._choice.inserted[c.wix].append(item["_id"])
            return str(item["_id"])
        raise NotPossible

    def _new_item(self, c: Collection, targets: dict[str, str]) -> Item:
        """A whole new row, like one that is there; `targets`: by link, the row that it leads to."""
        choice = self._choice
        left_out = {*_DATES, "_owner", *(f.wix for f in c.fields if f.wix_type == MULTI)}
        like = {key: value for key, value in choice.like(c).items() if key in c.by_key and key not in left_out}
        item = {key: value for key, value in like.items() if _is_json({key: value})}
        item |= {"_id": choice.new_id(), "_owner": choice.new_id()}
        item |= {f.wix: choice.unique(f) for f in choice.identity(c)} | choice.values(c, 2)
        for link in c.links:
            if link.name in targets:
                item |= choice.keys_to(c, link, self._book.rows[link.to][targets[link.name]].item)
        return item


def _is_json(item: Item) -> bool:
    return not any(value is EMPTY or value is MISSING or isinstance(value, IdOf) for value in item.values())
