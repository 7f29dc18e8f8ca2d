"""What moves: collections, fields and links, typed and checked, loaded from a folder of YAML files, one a phase.

    catalog = load_catalog(Path("lib/lmdr/catalog"))
    carriers = catalog.collection("Carriers")
    carriers.field("dot_number").name        # "DOT Number"
    [c.wix for c in catalog.phase(2).collections]

What every collection has (the legacy id, the owner, both timestamps, the column of originals) is said once, as
`system_fields`, and stands at the end of `Collection.fields`.
"""

from __future__ import annotations

import difflib
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field as Setting, ValidationError, model_validator

from runbook.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LEGACY_ID = "Legacy Wix ID"
ORIGINAL = "Wix Original"

WixType = Literal[
    "text", "number", "boolean", "date", "datetime", "time", "url", "email", "phone", "slug", "richtext", "richcontent",
    "image", "video", "audio", "document", "gallery", "address", "tags", "array", "object", "reference",
    "multireference", "any",
]  # fmt: skip
AirtableType = Literal[
    "singleLineText", "multilineText", "richText", "email", "url", "phoneNumber", "number", "currency", "percent",
    "checkbox", "date", "dateTime", "singleSelect", "multipleSelects",
]  # fmt: skip
CodecName = Literal[
    "text", "number", "boolean", "date", "datetime", "choice", "choices", "scalar_or_list", "enum_title", "text_int",
    "csv_list", "json_text", "json_text_as_string", "media", "address",
]  # fmt: skip

# Airtable's own list is in no document; these are the ones its create call takes as a first field.
PRIMARY_TYPES = {
    "singleLineText", "email", "url", "multilineText", "number", "percent", "currency", "phoneNumber", "date", "dateTime",
}  # fmt: skip

_CODEC_OF: dict[tuple[str, str], CodecName] = {
    ("boolean", "checkbox"): "boolean",
    ("number", "number"): "number",
    ("number", "currency"): "number",
    ("number", "percent"): "number",
    ("date", "date"): "date",
    ("datetime", "dateTime"): "datetime",
    ("text", "singleSelect"): "choice",
    ("tags", "multipleSelects"): "choices",
    ("array", "multipleSelects"): "choices",
    ("text", "multipleSelects"): "scalar_or_list",
    ("text", "number"): "text_int",
    ("tags", "singleLineText"): "csv_list",
    ("tags", "multilineText"): "csv_list",
    ("array", "multilineText"): "json_text",
    ("object", "multilineText"): "json_text",
    ("any", "multilineText"): "json_text",
    ("richcontent", "multilineText"): "json_text",
    ("gallery", "multilineText"): "json_text",
    ("address", "multilineText"): "address",
    ("address", "singleLineText"): "address",
    ("image", "url"): "media",
    ("video", "url"): "media",
    ("audio", "url"): "media",
    ("document", "url"): "media",
}
_TEXTUAL = {"text", "url", "email", "phone", "slug", "richtext", "time", "reference", "date"}
_TEXT_COLUMNS = {"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


P = TypeVar("P", bound=_Part)


class Field(_Part):
    """One Wix key and the Airtable column it becomes.

    `open`: a select that takes choices the catalog does not list (they are added while loading, and counted).
    `loose`: free input; what the column cannot hold is kept in `Wix Original` with the cell left empty, and counted.
    `lossy`: a reason; only such a field may come back other than it went. `personal`: its values are never shown.
    """

    wix: str
    wix_type: WixType
    name: str
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
        if self.type in ("number", "currency", "percent") and self.precision is None:
            raise ValueError(f"precision: a {self.type} needs one, 0 to 8; it must cover the data")
        if self.type == "currency" and self.precision is not None and self.precision > 7:
            raise ValueError(f"precision: {self.precision} is above 7, the most that a currency can have")
        if self.precision is not None and self.type not in ("number", "currency", "percent"):
            raise ValueError(f"precision: a {self.type} has none; take it out")
        if self.type == "currency" and not self.symbol:
            raise ValueError("symbol: a currency needs one, such as $")
        is_select = self.type in ("singleSelect", "multipleSelects")
        if is_select and not self.choices:
            raise ValueError(f"choices: a {self.type} needs the values that services write")
        if not is_select and (self.choices or self.open):
            raise ValueError(f"choices, open: only a singleSelect or multipleSelects has them, not a {self.type}")
        if len(set(self.choices)) < len(self.choices):
            raise ValueError("choices: one is listed twice")
        if self.codec is None and self._default_codec() is None:
            raise ValueError(
                f"codec: none is the obvious one from Wix {self.wix_type} to Airtable {self.type}; name one"
            )
        return self

    def _default_codec(self) -> CodecName | None:
        found = _CODEC_OF.get((self.wix_type, self.type))
        if found is None and self.wix_type in _TEXTUAL and self.type in _TEXT_COLUMNS:
            return "text"
        return found

    @cached_property
    def kind(self) -> CodecName:
        """The codec by name: the one the catalog names, else the obvious one for both types."""
        named = self.codec or self._default_codec()
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

    `on` maps a key here to a key there, tried in order until one resolves. The text itself stays in its own column, so a
    reference that points nowhere is not lost: its link cell is empty, and it is counted as dangling.
    """

    name: str
    to: str
    on: dict[str, str] = Setting(min_length=1)
    inverse: str | None = None
    note: str | None = None


class Collection(_Part):
    """One Wix collection and its Airtable table. `fields` ends with the system fields."""

    wix: str
    table: str
    phase: int
    tab_group: str
    flag: str
    primary: str
    natural_key: tuple[str, ...] = ()
    expected: int | None = None
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
            raise CatalogError(f"{self.wix} has no field {wix_key!r}{_nearest(wix_key, self.by_key)}")
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

    wix: str
    reason: str


class Phase(_Part):
    """One phase of the plan: its number, its short name (in notebook names), its title, its collections in load order.

    `tables`: the collections whose tables this phase makes, beside its own.
    """

    number: int
    name: str
    title: str
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

    base: str
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
                f"there is no collection {wix_name!r} in the catalog{_nearest(wix_name, self.collections)}"
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


def load_catalog(folder: Path) -> Catalog:
    """Read and check every `*.yaml` of a folder. Raises CatalogError naming file, collection, field and what is right."""
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise CatalogError(f"{folder}: no *.yaml file there; a catalog is a folder with one YAML file a phase")
    raw = [(path.name, _read(path)) for path in files]
    head = [(name, content) for name, content in raw if "base" in content]
    if len(head) != 1:
        raise CatalogError(
            f"{folder}: exactly one file must say `base`, `tab_groups` and `system_fields`; {len(head)} do"
        )
    head_name, common = head[0]
    system = [_build(Field, entry, head_name, "system_fields") for entry in common.pop("system_fields", [])]
    kept = tuple(_build(Kept, entry, head_name, "kept") for entry in common.pop("kept", []))
    base, tab_groups = common.pop("base"), tuple(common.pop("tab_groups", ()))
    phases = [_phase(content, name, system) for name, content in raw]
    phases.sort(key=lambda phase: phase.number)
    flags = tuple(dict.fromkeys(flag for phase in phases for flag in phase.flags))
    catalog = Catalog(base=base, tab_groups=tab_groups, flags=flags, phases=tuple(phases), kept=kept)
    where = {c.wix: name for name, content in raw for c in [_Named(e) for e in content.get("collections") or []]}
    for problem in _problems(catalog):
        raise CatalogError(f"{where.get(problem[0], head_name)}: {problem[0]}: {problem[1]}")
    return catalog


class _Named:
    def __init__(self, entry: Any) -> None:
        self.wix = entry.get("wix", "?") if isinstance(entry, dict) else "?"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise CatalogError(f"{path.name}: not YAML: {error}") from None
    if not isinstance(content, dict):
        raise CatalogError(f"{path.name}: must be a mapping with phase, name, title and collections")
    return content


def _phase(content: dict[str, Any], file: str, system: list[Field]) -> Phase:
    content = dict(content)
    entries = content.pop("collections", None) or []
    if not isinstance(entries, list):
        raise CatalogError(f"{file}: collections: must be a list")
    collections = []
    for entry in entries:
        if not isinstance(entry, dict) or "wix" not in entry:
            raise CatalogError(f"{file}: collections: each needs `wix`, its name in Wix; got {entry!r:.80}")
        collections.append(_collection(dict(entry), file, content.get("phase"), system))
    content["number"] = content.pop("phase", None)
    return _build(Phase, {**content, "collections": collections}, file, "phase")


def _collection(entry: dict[str, Any], file: str, phase: Any, system: list[Field]) -> Collection:
    name = entry["wix"]
    for kind, model in (("fields", Field), ("copies", Copy), ("links", Link)):
        parts = entry.get(kind) or []
        if not isinstance(parts, list):
            raise CatalogError(f"{file}: {name}: {kind}: must be a list")
        entry[kind] = tuple(_build(model, part, file, f"{name}.{_label(part)}") for part in parts)
    own = {f.wix: f for f in entry["fields"]}
    entry["fields"] = (*entry["fields"], *(f for f in system if f.wix not in own))
    return _build(Collection, {**entry, "phase": phase}, file, name)


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
        if first["type"] == "extra_forbidden":
            said = f"is no key of a {model.__name__.lower()}{_nearest(at, model.model_fields)}"
        elif first["type"] != "value_error":
            said = f"{said}; got {first['input']!r:.60}"
        raise CatalogError(f"{file}: {where}: {f'{at}: ' if at else ''}{said}") from None


def _problems(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """What only shows when all is seen: (collection, what is wrong and what would be right)."""
    seen: dict[str, str] = {}
    tables: dict[str, str] = {}
    for phase in catalog.phases:
        for name in phase.tables:
            if name not in catalog.collections:
                yield (
                    name,
                    f"phase {phase.number} makes its table, but it is in no file{_nearest(name, catalog.collections)}",
                )
        for c in phase.collections:
            if c.wix in seen:
                yield c.wix, "listed twice"
            seen[c.wix] = c.wix
            if c.table.casefold() in tables:
                yield c.wix, f"table {c.table!r} is also the table of {tables[c.table.casefold()]}"
            tables[c.table.casefold()] = c.wix
            yield from ((c.wix, problem) for problem in _collection_problems(catalog, c))
    for kept in catalog.kept:
        if kept.wix in catalog.collections:
            yield kept.wix, "both moves and stays; take it out of one of the lists"
    inverses: dict[tuple[str, str], str] = {}
    for c in catalog.collections.values():
        for link in c.links:
            if link.to not in catalog.collections or link.to == c.wix:
                continue
            name = catalog.inverse_name(c, link)
            target = catalog.collections[link.to]
            own = {n.casefold() for n in target.by_name} | {other.name.casefold() for other in target.links}
            if name.casefold() in own:
                yield (
                    c.wix,
                    f"{link.name}: its inverse {name!r} is a column of {target.table} already; name another `inverse`",
                )
            if (link.to, name.casefold()) in inverses:
                other_link = inverses[link.to, name.casefold()]
                yield (
                    c.wix,
                    f"{link.name}: its inverse {name!r} in {target.table} is that of {other_link} too; name `inverse`",
                )
            inverses[link.to, name.casefold()] = f"{c.wix}.{link.name}"


def _collection_problems(catalog: Catalog, c: Collection) -> Iterator[str]:
    if c.tab_group not in catalog.tab_groups:
        yield f"tab_group: {c.tab_group!r} is none of {', '.join(catalog.tab_groups)}"
    names: dict[str, str] = {}
    for named in (*c.fields, *c.copies, *c.links):
        label = named.wix if isinstance(named, Field) else named.name
        if named.name.casefold() in names:
            yield f"{label}: column {named.name!r} is also that of {names[named.name.casefold()]}; names differ by more than case"
        names[named.name.casefold()] = label
    if ORIGINAL.casefold() in names:
        yield f"{names[ORIGINAL.casefold()]}: {ORIGINAL!r} is the column of originals; name it otherwise"
    keys = [f.wix for f in c.fields]
    for key in {k for k in keys if keys.count(k) > 1}:
        yield f"{key}: listed twice"
    if "_id" not in c.by_key or c.by_key["_id"].name != LEGACY_ID:
        yield f"_id: must be the column {LEGACY_ID!r} (say it once, in system_fields)"
    if c.primary not in c.by_name:
        yield f"primary: there is no column {c.primary!r}{_nearest(c.primary, c.by_name)}"
    elif c.by_name[c.primary].type not in PRIMARY_TYPES:
        yield f"primary: a {c.by_name[c.primary].type} cannot be a table's first field"
    for key in c.natural_key:
        if key not in c.by_key:
            yield f"natural_key: there is no field {key!r}{_nearest(key, c.by_key)}"
    for copied in c.copies:
        if copied.wix not in c.by_key:
            yield f"{copied.name}: copies {copied.wix!r}, which is no field{_nearest(copied.wix, c.by_key)}"
    for link in c.links:
        if link.to not in catalog.collections:
            yield f"{link.name}: links to {link.to!r}, which does not move{_nearest(link.to, catalog.collections)}"
            continue
        target = catalog.collections[link.to]
        for here, there in link.on.items():
            if here not in c.by_key:
                yield f"{link.name}: on: there is no field {here!r}{_nearest(here, c.by_key)}"
            if there not in target.by_key:
                yield f"{link.name}: on: {link.to} has no field {there!r}{_nearest(there, target.by_key)}"


def _nearest(word: str, words: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
