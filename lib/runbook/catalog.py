"""What moves: collections, fields and links, typed and checked, loaded from a folder of YAML files, one a phase.

    catalog = load_catalog(Path("lib/lmdr/catalog"))
    carriers = catalog.collection("Carriers")
    carriers.field("dot_number").name        # "DOT Number"
    [c.wix for c in catalog.phase(2).collections]

What every collection has (the legacy id, the owner, both timestamps, the column of originals) is said once, as
`system_fields`, and stands at the end of `Collection.fields`. What all of it must obey stands in `catalog_checks`.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic import Field as Setting

from runbook.catalog_checks import problems
from runbook.catalog_words import COLUMNS_OF, AirtableType, CodecName, WixType, default_codec, nearest
from runbook.catalog_words import LEGACY_ID as LEGACY_ID
from runbook.catalog_words import ORIGINAL as ORIGINAL
from runbook.catalog_words import PRIMARY_TYPES as PRIMARY_TYPES
from runbook.errors import CatalogError
from runbook.yaml_files import read_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


P = TypeVar("P", bound=_Part)
Text = Annotated[str, Setting(min_length=1, pattern=r"^\S(.*\S)?$")]


class Field(_Part):
    """One Wix key and the Airtable column it becomes.

    `open`: a select that takes choices the catalog does not list (they are added while loading, and counted).
    `loose`: free input; what the column cannot hold is kept in `Wix Original` with the cell left empty, and counted.
    `lossy`: a reason; only such a field may come back other than it went. `personal`: its values are never shown.
    """

    wix: Text
    wix_type: WixType
    name: Text
    type: AirtableType
    codec: CodecName | None = None
    precision: Annotated[int, Setting(ge=0, le=8)] | None = None
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
        is_number = self.type in ("number", "currency", "percent")
        if is_number and self.precision is None:
            yield f"precision: a {self.type} needs one, 0 to 8; it must cover the data"
        if self.type == "currency" and self.precision is not None and self.precision > 7:
            yield f"precision: {self.precision} is above 7, the most that a currency can have"
        if self.precision is not None and not is_number:
            yield f"precision: a {self.type} has none; take it out"
        if self.type == "currency" and not self.symbol:
            yield "symbol: a currency needs one, such as $"
        if self.symbol is not None and self.type != "currency":
            yield f"symbol: only a currency has one, not a {self.type}"
        is_select = self.type in ("singleSelect", "multipleSelects")
        if is_select and not self.choices:
            yield f"choices: a {self.type} needs the values that services write"
        if not is_select and (self.choices or self.open):
            yield f"choices, open: only a singleSelect or multipleSelects has them, not a {self.type}"
        for choice in {c for c in self.choices if self.choices.count(c) > 1}:
            yield f"choices: {choice!r} is listed twice"
        default = default_codec(self.wix_type, self.type)
        if self.codec is None and default is None:
            yield f"codec: none is the obvious one from Wix {self.wix_type} to Airtable {self.type}; name one"
        if self.codec is not None and self.type not in COLUMNS_OF[self.codec]:
            yield f"codec: {self.codec} writes to {' or '.join(sorted(COLUMNS_OF[self.codec]))}, not to a {self.type}"
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                yield f"pattern: {self.pattern!r} is no regular expression: {error}"
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            yield f"minimum: {self.minimum:g} is above the maximum, {self.maximum:g}"

    @cached_property
    def kind(self) -> CodecName:
        """The codec by name: the one the catalog names, else the obvious one for both types."""
        named = self.codec or default_codec(self.wix_type, self.type)
        assert named is not None
        return named

    @cached_property
    def options(self) -> dict[str, Any] | None:
        """The `options` of Airtable's create-field call; None where the type takes none."""
        match self.type:
            case "number" | "percent":
                return {"precision": self.precision}
            case "currency":
                return {"precision": self.precision, "symbol": self.symbol}
            case "checkbox":
                return {"icon": "check", "color": "greenBright"}  # the only pair that the Free plan takes
            case "date":
                return {"dateFormat": {"name": "iso"}}
            case "dateTime":
                return {"timeZone": "utc", "dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}}
            case "singleSelect" | "multipleSelects":
                return {"choices": [{"name": choice} for choice in self.choices]}
            case _:
                return None


class Copy(Field):
    """A second column with the value of a key, in a type that formulas can filter on. Written, never read back."""


class Link(_Part):
    """A linked-record column, made from keys that hold the other row's `_id` or natural key.

    `on` maps a key here to a key there, tried in order until one resolves. The text itself stays in its own column, so
    a reference that points nowhere is not lost: its link cell is empty, and it is counted as dangling.
    """

    name: Text
    to: Text
    on: dict[str, str] = Setting(min_length=1)
    inverse: str | None = None
    note: str | None = None


class Collection(_Part):
    """One Wix collection and its Airtable table. `fields` ends with the system fields."""

    wix: Text
    table: Text
    phase: int
    tab_group: Text
    flag: Text
    primary: Text
    natural_key: tuple[str, ...] = ()
    expected: Annotated[int, Setting(ge=1)] | None = None
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

    def field(self, wix_key: str) -> Field:
        """The field of a Wix key. Raises CatalogError, with the nearest key there is."""
        if wix_key not in self.by_key:
            raise CatalogError(f"{self.wix} has no field {wix_key!r}{nearest(wix_key, self.by_key)}")
        return self.by_key[wix_key]

    @cached_property
    def columns(self) -> tuple[Field, ...]:
        """The columns that are not links, the primary first: fields, then copies. `Wix Original` is not among them."""
        every = (*self.fields, *self.copies)
        return tuple(sorted(every, key=lambda column: column.name != self.primary))

    @cached_property
    def file(self) -> str:
        """The collection's name as files have it."""
        return self.wix


class Kept(_Part):
    """A collection that stays in Wix, and why."""

    wix: Text
    reason: Text


class Phase(_Part):
    """One phase of the plan: its number, its short name (in notebook names), its title, its collections in load order.

    `tables`: the collections whose tables this phase makes, beside its own.
    """

    number: int
    name: Annotated[Text, Setting(pattern=r"^[a-z][a-z0-9_]*$")]
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


class Catalog(_Part):
    """All phases of a platform, checked as a whole."""

    base: Text
    tab_groups: tuple[str, ...]
    flags: tuple[str, ...]
    phases: tuple[Phase, ...]
    kept: tuple[Kept, ...] = ()

    @cached_property
    def collections(self) -> dict[str, Collection]:
        """All that move, by Wix name, in phase and file order."""
        return {c.wix: c for phase in self.phases for c in phase.collections}

    def collection(self, wix_name: str) -> Collection:
        """One collection. Raises CatalogError, with the nearest name there is, or why it stays."""
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
        """The collections that obey a flag."""
        return tuple(c for c in self.collections.values() if c.flag == flag)

    @cached_property
    def link_keys(self) -> dict[str, tuple[str, ...]]:
        """By collection: the keys, other than `_id`, that links elsewhere find its rows by."""
        keys: dict[str, dict[str, None]] = {}
        for collection in self.collections.values():
            for link in collection.links:
                for there in link.on.values():
                    if there != "_id":
                        keys.setdefault(link.to, {})[there] = None
        return {name: tuple(found) for name, found in keys.items()}

    def load_order(self, names: Iterable[str]) -> list[Collection]:
        """Collections so that a link's target comes before the link, where no cycle forbids it; else as listed."""
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
        """What the column on the other side of a link is called: the catalog's word, else the linking table's name."""
        return link.inverse or collection.table


_FIRST_FILE_SAYS = "`base`, `tab_groups` and `system_fields`"


def load_catalog(folder: Path) -> Catalog:
    """Read and check every `*.yaml` of a folder. Raises CatalogError: file, collection, field, what would be right."""
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise CatalogError(f"{folder}: no *.yaml file there; a catalog is a folder with one YAML file a phase")
    raw = {path.name: read_mapping(path, CatalogError, "phase, name, title and collections") for path in files}
    heads = [file for file, content in raw.items() if "base" in content]
    if len(heads) != 1:
        said = f"{len(heads)} do ({', '.join(heads)})" if heads else "none does"
        raise CatalogError(f"{folder}: exactly one file must say {_FIRST_FILE_SAYS}; {said}")
    head = heads[0]
    common = raw[head]
    system = [
        _build(Field, entry, head, f"system_fields.{_label(entry)}") for entry in _list(common, "system_fields", head)
    ]
    kept = [_build(Kept, entry, head, f"kept.{_label(entry)}") for entry in _list(common, "kept", head)]
    parts = {"base": common.pop("base"), "tab_groups": _list(common, "tab_groups", head), "kept": kept}
    phases = sorted((_phase(content, file, system) for file, content in raw.items()), key=lambda phase: phase.number)
    parts["flags"] = tuple(dict.fromkeys(flag for phase in phases for flag in phase.flags))
    catalog = _build(Catalog, {**parts, "phases": tuple(phases)}, head, "catalog")
    file_of = {
        phase.number: file for phase in phases for file, content in raw.items() if content["phase"] == phase.number
    }
    for number, where, problem in problems(catalog):
        raise CatalogError(f"{head if number is None else file_of[number]}: {where}: {problem}")
    return catalog


def _phase(content: dict[str, Any], file: str, system: list[Field]) -> Phase:
    settings = dict(content)
    entries = _list(settings, "collections", file)
    if "phase" not in settings:
        raise CatalogError(f"{file}: phase: a file must say its number, such as `phase: 2`")
    number = settings["number"] = settings.pop("phase")
    settings["tables"] = _list(settings, "tables", file)
    bare = _build(Phase, settings, file, f"phase {number}")
    return bare.model_copy(update={"collections": tuple(_collection(entry, file, number, system) for entry in entries)})


def _collection(entry: Any, file: str, phase: int, system: list[Field]) -> Collection:
    if not isinstance(entry, dict) or "wix" not in entry:
        raise CatalogError(f"{file}: collections: each needs `wix`, its name in Wix; got {entry!r:.80}")
    name, settings = entry["wix"], dict(entry)
    for kind, model in (("fields", Field), ("copies", Copy), ("links", Link)):
        parts = _list(settings, kind, f"{file}: {name}")
        settings[kind] = tuple(_build(model, part, file, f"{name}.{_label(part)}") for part in parts)
    own = {field.wix for field in settings["fields"]}
    settings["fields"] = (*settings["fields"], *(field for field in system if field.wix not in own))
    return _build(Collection, {**settings, "phase": phase}, file, str(name))


def _list(settings: dict[str, Any], key: str, where: str) -> list[Any]:
    """Take a list out of a mapping; what is left out is empty."""
    value = settings.pop(key, None)
    if value is not None and not isinstance(value, list):
        raise CatalogError(f"{where}: {key}: must be a list; got {value!r:.60}")
    return value or []


def _label(part: Any) -> str:
    return str(part.get("wix") or part.get("name") or "?") if isinstance(part, dict) else "?"


def _build(model: type[P], entry: Any, file: str, where: str) -> P:
    if not isinstance(entry, dict):
        raise CatalogError(f"{file}: {where}: must be a mapping; got {entry!r:.80}")
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
    at = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    match first["type"]:
        case "extra_forbidden":
            said = f"is no key of a {model.__name__.lower()}{nearest(at, model.model_fields)}"
        case "missing":
            said = "is missing"
        case "literal_error":
            said = f"{first['input']!r:.60} is none of {first['ctx']['expected']}"
            said += nearest(str(first["input"]), re.findall(r"'(\w+)'", first["ctx"]["expected"]))
        case "string_pattern_mismatch" | "string_too_short":
            said = f"{first['input']!r:.60} must have characters, and no blanks around them"
            if at == "name" and model is Phase:
                said = f"{first['input']!r:.60} must be lower-case letters, digits and _; it names a notebook"
        case "value_error":
            pass
        case _:
            said = f"{said}; got {first['input']!r:.60}"
    raise CatalogError(f"{file}: {where}: {f'{at}: ' if at else ''}{said}")
