"""What people do in Airtable's grid: type and copy rows, edit and empty cells, delete records, change links."""

from __future__ import annotations

from typing import Any

from runbook.airtable.client import Airtable
from runbook.catalog import LEGACY_ID, ORIGINAL, Collection, Link
from runbook.drill.book import EMPTY, IdOf, Row
from runbook.drill.choosing import Choice, NotPossible
from runbook.drill.plain import as_key, cell_of, is_plain
from runbook.json_types import Fields, Item, Json


def record_ids(airtable: Airtable, base: str, c: Collection) -> dict[str, str]:
    """Record ids by legacy id, as Airtable has them now."""
    found = airtable.records(base, c.table, fields=[LEGACY_ID])
    return {record["fields"][LEGACY_ID]: record["id"] for record in found if LEGACY_ID in record["fields"]}


class Grid:
    """Each method makes one write, or raises NotPossible, and enters it in the book once it is acknowledged.

    `records`: record ids by collection and legacy id.
    """

    def __init__(self, choice: Choice, airtable: Airtable, base: str, records: dict[str, dict[str, str]]) -> None:
        self._choice, self._book = choice, choice.book
        self._airtable, self._base, self._records = airtable, base, records

    def type_row(self) -> None:
        """A row without an id."""
        c = self._choice.pick([c for c in self._choice.with_free("text") if self._typeable(c)])
        self._type(c, *self._typed(c))

    def type_linked(self) -> None:
        """A row linked to another one, both typed just now: its key is what the other row's is, or will be."""
        choice = self._choice
        able = [(c, link) for c in choice.with_free("text") if self._typeable(c) for link in self._typeable_links(c)]
        if not able:
            raise NotPossible
        c, link = choice.random.choice(able)
        target = choice.catalog.collection(link.to)
        row, record = self._type(target, *self._typed(target))
        item, marker = self._typed(c)
        ((key, target_key),) = link.on.items()
        item.pop(key, None)
        value = IdOf(row) if target_key == "_id" else as_key(c.field(key), row.item[target_key])
        self._type(c, item, marker, {link.name: [record]}, {key: value})

    def edit(self) -> None:
        """Some cells of a record."""
        c = self._choice.pick(self._choice.with_free())
        self._edit(c, self._choice.fresh_row(c), self._choice.values(c, 2))

    def empty(self) -> None:
        """A cell is emptied."""
        choice = self._choice
        c = choice.pick(choice.with_free("text"))
        fields = choice.free(c, "text")
        item_id = choice.fresh_row(c, but_with=[f.wix for f in fields])
        item = self._book.rows[c.wix][item_id].item
        f = choice.random.choice([f for f in fields if isinstance(item.get(f.wix), str)])
        self._edit(c, item_id, {f.wix: EMPTY})

    def empty_id(self) -> None:
        """A record's legacy id is emptied, and another cell edited: it stays the same row."""
        c = self._choice.pick(self._choice.with_free())
        self._edit(c, self._choice.own_row(c), self._choice.values(c, 1), {LEGACY_ID: None})

    def delete(self) -> None:
        """A record is deleted."""
        c = self._choice.pick(self._choice.deletable())
        item_id = self._choice.own_row(c)
        self._airtable.delete(self._base, c.table, [self._records[c.wix][item_id]])
        self._choice.note_deleted(c, item_id)

    def duplicate(self) -> None:
        """Every cell is copied, the legacy id too; then what must differ is typed over."""
        choice = self._choice
        c = choice.pick([c for c in choice.with_free("text") if all(is_plain(f) for f in choice.identity(c))])
        item_id = choice.own_row(c)
        wanted = f"RECORD_ID()='{self._records[c.wix][item_id]}'"
        (record,) = self._airtable.records(self._base, c.table, formula=wanted)
        marker = choice.free(c, "text")[0]
        values = {f.wix: choice.unique(f) for f in choice.identity(c) if f.wix != "_owner"}
        values[marker.wix] = choice.value(marker)
        names = {*(column.name for column in c.columns), *(link.name for link in c.links), ORIGINAL}
        cells = {name: cell for name, cell in record["fields"].items() if name in names} | _cells(c, values)
        self._airtable.create(self._base, c.table, [cells])
        item = {key: value for key, value in self._book.rows[c.wix][item_id].item.items() if not key.startswith("_")}
        self._book.make(c.wix, Row(item | values, None, (marker.wix, values[marker.wix])))

    def change_link(self) -> None:
        """A link cell leads to another row: so does the key that it was made from."""
        choice = self._choice
        able = [(c, link) for c in choice.collections for link in choice.links(c) if len(link.on) == 1]
        if not able:
            raise NotPossible
        c, link = choice.random.choice(able)
        target = choice.catalog.collection(link.to)
        target_id = choice.own_row(target)
        item_id = choice.own_row(c)
        keys = choice.keys_to(c, link, self._book.rows[target.wix][target_id].item)
        self._edit(c, item_id, {}, {link.name: [self._records[target.wix][target_id]]})
        self._book.change(c.wix, item_id, keys)

    def _edit(self, c: Collection, item_id: str, values: dict[str, Any], more: Fields | None = None) -> None:
        cells = {**_cells(c, values), **(more or {})}
        self._airtable.update(self._base, c.table, [{"id": self._records[c.wix][item_id], "fields": cells}])
        self._book.change(c.wix, item_id, values)

    def _typeable(self, c: Collection) -> bool:
        """Whether it is known what Wix must hold of a row that a person types."""
        required = [f for f in c.fields if f.required and f.wix != "_id"]
        return all(is_plain(f) for f in [*required, *self._choice.identity(c)])

    def _typeable_links(self, c: Collection) -> list[Link]:
        """Links by one key that may be empty in the grid, to collections in which rows can be typed."""
        required = {f.wix for f in c.fields if f.required}
        links = [link for link in self._choice.links(c) if len(link.on) == 1 and not required & link.on.keys()]
        targets = [self._choice.catalog.collection(link.to) for link in links]
        return [
            link
            for link, target in zip(links, targets, strict=True)
            if self._typeable(target) and self._choice.free(target, "text")
        ]

    def _typed(self, c: Collection) -> tuple[Item, tuple[str, Json]]:
        """The keys and values of a row that a person types, and its marker."""
        choice = self._choice
        item: Item = {f.wix: choice.unique(f) for f in choice.identity(c) if not f.wix.startswith("_")}
        like = choice.like(c)
        for f in c.fields:
            if f.required and f.wix not in item and f.wix != "_id":
                if cell_of(f, like.get(f.wix)) is None:
                    raise NotPossible
                item[f.wix] = like[f.wix]
        marker = choice.free(c, "text")[0]
        item |= choice.values(c, 2) | {marker.wix: choice.value(marker)}
        return item, (marker.wix, item[marker.wix])

    def _type(
        self,
        c: Collection,
        item: Item,
        marker: tuple[str, Json],
        links: Fields | None = None,
        keys: dict[str, Any] | None = None,
    ) -> tuple[Row, str]:
        """Type a row; `keys`: what Wix must hold because of its `links`. The row, and its record."""
        (record,) = self._airtable.create(self._base, c.table, [{**_cells(c, item), **(links or {})}])
        return self._book.make(c.wix, Row({**item, **(keys or {})}, None, marker, whole=True)), str(record["id"])


def _cells(c: Collection, values: dict[str, Any]) -> Fields:
    return {c.field(k).name: None if v is EMPTY else cell_of(c.field(k), v) for k, v in values.items()}
