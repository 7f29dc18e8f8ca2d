"""The parts of a catalog: fields, links, collections, phases."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic import Field as Limits

from runbook.catalog.column_kinds import COLUMN_KINDS, CodecName, ColumnKind, Setting, WixType
from runbook.catalog.names import nearest
from runbook.errors import CatalogError


class Part(BaseModel):
    """Base class: frozen, unknown keys are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Text = Annotated[str, Limits(min_length=1, pattern=r"^\S(.*\S)?$")]


class Field(Part):
    """One Wix key and the Airtable column it becomes.

    `open`: a select that accepts choices that the catalog does not list (added while loading, and counted).
    `loose`: free input; what the column cannot hold is kept in `Wix Original`, the cell left empty, and counted.
    `lossy`: a reason; only such a field may fail the round trip. `personal`: its values are never shown.
    """

    wix: Text
    wix_type: WixType
    name: Text
    type: str
    codec: CodecName | None = None
    precision: Annotated[int, Limits(ge=0, le=8)] | None = None
    symbol: str | None = None
    choices: tuple[str, ...] = ()
    open: bool = False
    loose: bool = False
    required: bool = False
    unique: bool = False
    lookup: bool = False
    personal: bool = False
    lossy: str | None = None
    values: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _checked(self) -> Field:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        if self.type not in COLUMN_KINDS:
            hint = nearest(self.type, COLUMN_KINDS)
            yield f"type: {self.type!r:.60} is not one of {', '.join(map(repr, COLUMN_KINDS))}{hint}"
            return
        settings, most = self.column_kind.settings, self.column_kind.max_precision
        if "precision" in settings and self.precision is None:
            yield f"precision: a {self.type} needs one, 0 to {most}, enough for the data"
        if "precision" in settings and (self.precision or 0) > most:
            yield f"precision: {self.precision} is above {most}, the maximum of a {self.type}"
        if self.precision is not None and "precision" not in settings:
            yield f"precision: a {self.type} has none; remove it"
        if "symbol" in settings and not self.symbol:
            yield f"symbol: a {self.type} needs one, such as $"
        if self.symbol is not None and "symbol" not in settings:
            yield f"symbol: only a {_types_with('symbol')} has one, not a {self.type}"
        if "choices" in settings and not self.choices:
            yield f"choices: a {self.type} needs the values that services write"
        if "choices" not in settings and (self.choices or self.open):
            yield f"choices, open: only a {_types_with('choices')} has them, not a {self.type}"
        for choice in {c for c in self.choices if self.choices.count(c) > 1}:
            yield f"choices: {choice!r} is listed twice"
        if self.codec is None and self.wix_type not in self.column_kind.defaults:
            yield f"codec: there is no default from Wix {self.wix_type} to Airtable {self.type}; set one"
        if self.codec is not None and not self.column_kind.accepts(self.codec):
            columns = sorted(name for name, kind in COLUMN_KINDS.items() if kind.accepts(self.codec))
            yield f"codec: {self.codec} writes to {' or '.join(columns)}, not to a {self.type}"
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                yield f"pattern: {self.pattern!r} is not a regular expression: {error}"
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            yield f"minimum: {self.minimum:g} is above the maximum, {self.maximum:g}"

    @property
    def column_kind(self) -> ColumnKind:
        """The kind of its column."""
        return COLUMN_KINDS[self.type]

    @property
    def codec_name(self) -> CodecName:
        """The codec that the catalog names, else the default one for its Wix type and column."""
        return self.codec or self.column_kind.defaults[self.wix_type]

    @cached_property
    def options(self) -> dict[str, Any] | None:
        """The `options` of Airtable's create-field call; None where the type takes none."""
        options: dict[str, Any] = {**self.column_kind.options}
        for setting in self.column_kind.settings:
            options[setting] = (
                [{"name": choice} for choice in self.choices] if setting == "choices" else getattr(self, setting)
            )
        return options or None


def _types_with(setting: Setting) -> str:
    return " or ".join(name for name, kind in COLUMN_KINDS.items() if setting in kind.settings)


class Copy(Field):
    """A second column for a key, of a type that formulas can filter by. Written, never read back."""


class Link(Part):
    """A linked-record column, made from keys that hold the other row's `_id` or natural key.

    `on` maps a key of this collection to one of the target, tried in order until one resolves. The text itself stays in
    its own column, so a dangling reference is not lost: its link cell is empty, and it is counted.
    """

    name: Text
    to: Text
    on: dict[str, str] = Limits(min_length=1)
    inverse: str | None = None
    note: str | None = None


class Collection(Part):
    """One Wix collection and its Airtable table. `fields` ends with the system fields."""

    wix: Text
    table: Text
    phase: int
    tab_group: Text
    flag: Text
    primary: Text
    natural_key: tuple[str, ...] = ()
    expected: Annotated[int, Limits(ge=1)] | None = None
    note: str | None = None
    fields: tuple[Field, ...]
    copies: tuple[Copy, ...] = ()
    links: tuple[Link, ...] = ()

    @cached_property
    def by_key(self) -> dict[str, Field]:
        """Fields by Wix key."""
        return {f.wix: f for f in self.fields}

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Fields and copies by Airtable name."""
        return {f.name: f for f in (*self.fields, *self.copies)}

    @cached_property
    def keys_by_column(self) -> dict[str, str]:
        """Wix keys by Airtable name."""
        return {name: f.wix for name, f in self.by_name.items()}

    def field(self, wix_key: str) -> Field:
        """The field of a Wix key. Raises CatalogError with the nearest key."""
        if wix_key not in self.by_key:
            raise CatalogError(f"{self.wix} has no field {wix_key!r}{nearest(wix_key, self.by_key)}")
        return self.by_key[wix_key]

    @cached_property
    def columns(self) -> tuple[Field, ...]:
        """The columns that are not links, the primary first: fields, then copies. `Wix Original` is not among them."""
        every = (*self.fields, *self.copies)
        return tuple(sorted(every, key=lambda column: column.name != self.primary))


class Kept(Part):
    """A collection that stays in Wix, and why."""

    wix: Text
    reason: Text


class Phase(Part):
    """One phase: number, short name (for notebook names), title, collections in load order.

    `tables`: further collections whose tables this phase makes.
    """

    number: int
    name: Annotated[Text, Limits(pattern=r"^[a-z][a-z0-9_]*$")]
    title: Text
    tables: tuple[str, ...] = ()
    collections: tuple[Collection, ...] = ()

    @property
    def slug(self) -> str:
        """`03_core_business`."""
        return f"{self.number:02d}_{self.name}"

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of its collections, in order of appearance."""
        return tuple(dict.fromkeys(c.flag for c in self.collections))


class Catalog(Part):
    """All phases of a platform."""

    base: Text
    tab_groups: tuple[str, ...]
    flags: tuple[str, ...]
    phases: tuple[Phase, ...]
    kept: tuple[Kept, ...] = ()

    @cached_property
    def collections(self) -> dict[str, Collection]:
        """All migrated collections by Wix name, in phase and file order."""
        return {c.wix: c for phase in self.phases for c in phase.collections}

    @cached_property
    def sha256(self) -> str:
        """A hash of everything in it, in hex."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def collection(self, wix_name: str) -> Collection:
        """One collection. Raises CatalogError with the nearest name, or why it is kept in Wix."""
        if wix_name not in self.collections:
            for kept in self.kept:
                if kept.wix == wix_name:
                    raise CatalogError(f"{wix_name} stays in Wix: {kept.reason}")
            raise CatalogError(
                f"there is no collection {wix_name!r} in the catalog{nearest(wix_name, self.collections)}"
            )
        return self.collections[wix_name]

    def phase(self, number: int) -> Phase:
        """One phase by number. Raises CatalogError."""
        for phase in self.phases:
            if phase.number == number:
                return phase
        raise CatalogError(f"there is no phase {number}; there are {', '.join(str(p.number) for p in self.phases)}")

    def of_flag(self, flag: str) -> tuple[Collection, ...]:
        """The collections of a flag."""
        return tuple(c for c in self.collections.values() if c.flag == flag)

    @cached_property
    def link_keys(self) -> dict[str, tuple[str, ...]]:
        """By collection: the keys other than `_id` that links of other collections refer to."""
        keys: dict[str, dict[str, None]] = {}
        for collection in self.collections.values():
            for link in collection.links:
                for target_key in link.on.values():
                    if target_key != "_id":
                        keys.setdefault(link.to, {})[target_key] = None
        return {name: tuple(found) for name, found in keys.items()}

    def load_order(self, names: Iterable[str]) -> list[Collection]:
        """Collections in an order in which link targets come first, except in cycles; else as listed."""
        wanted = [self.collection(name) for name in names]
        chosen = {c.wix for c in wanted}
        done: dict[str, None] = {}

        def visit(collection: Collection, path: tuple[str, ...]) -> None:
            if collection.wix in done or collection.wix in path:
                return
            for link in collection.links:
                if link.to in chosen:
                    visit(self.collections[link.to], (*path, collection.wix))
            done[collection.wix] = None

        for collection in wanted:
            visit(collection, ())
        return [self.collections[name] for name in done]

    def inverse_name(self, collection: Collection, link: Link) -> str:
        """The name of a link's inverse link field: the catalog's, else the linking table's."""
        return link.inverse or collection.table
