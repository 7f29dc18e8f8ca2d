"""Which row a write of a drill is about, and with which values: by the seed alone."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence

from runbook.catalog import Catalog, Collection, Field, Link
from runbook.drill.book import Book
from runbook.drill.plain import as_key, free_fields
from runbook.json_types import Item, Json

MULTI = "multireference"
_MOST_DELETED = 3  # of a collection: more must be confirmed at the way forth
_LEFT = 5  # rows that a collection keeps at least
_FROM = 9_000_000  # numbers that no row has


class NotPossible(Exception):
    """No collection of the drill offers what this kind of write needs."""


class Choice:
    """Picks rows and makes values. `both`: by collection, the ids of rows that both sides held at the start."""

    def __init__(
        self,
        catalog: Catalog,
        collections: Sequence[Collection],
        book: Book,
        both: Mapping[str, Sequence[str]],
        seed: int,
    ) -> None:
        self.catalog, self.book, self.both = catalog, book, both
        self.collections = [c for c in collections if both[c.wix]]
        self.random = random.Random(seed)
        self.inserted: dict[str, list[str]] = {c.wix: [] for c in collections}
        self._own: dict[str, set[str]] = {c.wix: set() for c in collections}
        self._deleted: Counter[str] = Counter()
        self._number = 0

    # Rows

    def pick(self, among: Sequence[Collection]) -> Collection:
        """One of some collections. Raises NotPossible where there is none."""
        if not among:
            raise NotPossible
        return self.random.choice(among)

    def row(self, c: Collection) -> str:
        """A row that both sides held, or that a service has inserted since."""
        return self.one_of(c, [*self.both[c.wix], *self.inserted[c.wix]])

    def fresh_row(self, c: Collection, *, but_with: Sequence[str] = ()) -> str:
        """A row that no write has touched yet, with text in one of some keys."""
        rows = self.book.rows[c.wix]
        untouched = [id_ for id_ in self.both[c.wix] if id_ in rows and rows[id_].touched == set()]
        if but_with:
            untouched = [id_ for id_ in untouched if any(isinstance(rows[id_].item.get(k), str) for k in but_with)]
        return self.one_of(c, untouched)

    def own_row(self, c: Collection) -> str:
        """A row that no write has touched, and that none will touch later."""
        found = self.fresh_row(c)
        self.keep(c, found)
        return found

    def keep(self, c: Collection, item_id: str) -> None:
        """No later write may touch this row."""
        self._own[c.wix].add(item_id)

    def one_of(self, c: Collection, ids: Sequence[str]) -> str:
        """One of some rows that are still there and may be touched. Raises NotPossible."""
        free = [id_ for id_ in ids if id_ in self.book.rows[c.wix] and id_ not in self._own[c.wix]]
        if not free:
            raise NotPossible
        return self.random.choice(free)

    def like(self, c: Collection) -> Item:
        """A row to make others like."""
        rows = self.book.rows[c.wix]
        return rows[self.random.choice([id_ for id_ in self.both[c.wix] if id_ in rows])].item

    def deletable(self) -> list[Collection]:
        """The collections of which another row may be deleted without a person's word."""
        return [c for c in self.collections if self._deleted[c.wix] < _MOST_DELETED and self._left(c) > _LEFT]

    def _left(self, c: Collection) -> int:
        return sum(id_ in self.book.rows[c.wix] for id_ in self.both[c.wix])

    def note_deleted(self, c: Collection, item_id: str) -> None:
        """A row was deleted."""
        self._deleted[c.wix] += 1
        self.book.delete(c.wix, item_id)

    # Fields and values

    def free(self, c: Collection, *types: str) -> list[Field]:
        """See `free_fields`; of any type where none is named."""
        return free_fields(self.catalog, c, *(types or ("text", "number", "boolean")))

    def with_free(self, *types: str) -> list[Collection]:
        """The collections that have such fields."""
        return [c for c in self.collections if self.free(c, *types)]

    def values(self, c: Collection, count: int) -> dict[str, Json]:
        """New values of some free fields."""
        fields = self.free(c)
        return {f.wix: self.value(f) for f in self.random.sample(fields, min(count, len(fields)))}

    def value(self, f: Field) -> Json:
        """A new value of a free field; of text and numbers, one that no row has."""
        self._number += 1
        if f.wix_type == "boolean":
            return True
        if f.wix_type == "number":
            return _FROM + self._number if (f.precision or 0) == 0 else self._number + 0.5
        return f"Drill {self._number} · é 你" + ("\nsecond line" if f.type == "multilineText" else "")

    def unique(self, f: Field) -> Json:
        """A value that no row has of a field that tells rows apart. Raises NotPossible."""
        self._number += 1
        if f.wix == "_owner":
            return self.new_id()
        if f.wix_type == "number":
            return _FROM + self._number
        if f.codec_name == "text_int":
            return str(_FROM + self._number)
        if f.wix_type == "text" and f.type in ("singleLineText", "multilineText") and not f.pattern and not f.values:
            return f"drill-{self._number}"
        raise NotPossible

    def new_id(self) -> str:
        """A UUID."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def identity(self, c: Collection) -> list[Field]:
        """The fields that tell a row from others, but for `_id`, the keys of links, and boxes."""
        links = {key for link in c.links for key in link.on}
        fields = [f for f in c.fields if f.wix != "_id" and f.wix not in links and f.wix_type != "boolean"]
        return [f for f in fields if f.unique or f.wix in c.natural_key]

    # Links

    def links(self, c: Collection) -> list[Link]:
        """Links to other collections that are written too, by keys that hold one row each."""
        names = {each.wix for each in self.with_free()}
        single = [link for link in c.links if all(c.field(key).wix_type != MULTI for key in link.on)]
        return [link for link in single if link.to in names and link.to != c.wix]

    def keys_to(self, c: Collection, link: Link, target: Item) -> dict[str, Json]:
        """The keys that lead to a row. Raises NotPossible where it has none."""
        values = {key: target.get(target_key) for key, target_key in link.on.items()}
        if any(not isinstance(value, str | int | float) or value == "" for value in values.values()):
            raise NotPossible
        return {key: as_key(c.field(key), value) for key, value in values.items()}
