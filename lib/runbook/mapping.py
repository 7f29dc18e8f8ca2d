"""A collection's rows: from a Wix item to an Airtable record's cells, and back without loss.

    mapping = Mapping(catalog.collection("Carriers"))
    encoded = mapping.to_airtable(item)
    encoded.fields                                  # {"Legacy Wix ID": "…", "DOT Number": 123, "Wix Original": "…"}
    mapping.to_wix(encoded.fields) == item          # unless encoded.refusals says why not

What cells cannot tell stands in the column `Wix Original`: JSON text, its keys sorted,
`{"absent":["clean_mvr"],"values":{"extra_key":{"a":1},"pay_min":"0.55"}}`, empty where there is nothing to say.
`absent`: keys that the item did not have, though an empty cell says something (false, []). `values`: what does not come
back from its cell as it went, and all keys that the catalog does not know. On the way back a cell that was edited wins:
an original holds while it still makes the cell that is there, an absence while the cell is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

from runbook.catalog import LEGACY_ID, ORIGINAL, Collection, Field, Link
from runbook.codecs import TEXT_LIMIT, Codec, Refused, codec, same, to_json, utf16_length
from runbook.codecs.choices import Choice
from runbook.codecs.values import from_json
from runbook.json_types import MISSING, Fields, Item, Json

Candidate = tuple[str, str, str]  # target collection, key there, normalised value


class Refusal(NamedTuple):
    """Why a row cannot be carried over. `field` "" is the whole row; `why`, to count by, is without the value got."""

    field: str
    reason: str
    why: str


class Encoded(NamedTuple):
    """A row as Airtable is to hold it. With `refusals` it is not to be written.

    `id`: the legacy id, "" where there is none. `fields`: cells by column name; empty ones are left out.
    `links`: by link name, where to look for the other row, first one first; a list of references gives several
    candidates for one key there, and each of them that resolves is linked.
    `kept`: (field, why) for each value in `Wix Original`, `loose` those of them that left their cell empty.
    `lost`: (field, the catalog's reason) for what a lossy field does not bring back. `unfilled`: (copy, why) for copies
    left empty. `new_choices`: by column, names that the catalog does not list. `shown_rounded`: columns that show fewer
    decimals than the cell holds.
    """

    id: str
    fields: Fields
    links: dict[str, list[Candidate]]
    refusals: tuple[Refusal, ...]
    kept: tuple[tuple[str, str], ...]
    new_choices: dict[str, list[str]]
    loose: tuple[tuple[str, str], ...]
    lost: tuple[tuple[str, str], ...]
    unfilled: tuple[tuple[str, str], ...]
    shown_rounded: tuple[str, ...]


class _Column(NamedTuple):
    key: str
    name: str
    encode: Callable[[Json], Json]
    decode: Callable[[Json], Any]
    default: Any
    required: bool
    known: frozenset[str] | None
    decimals: int | None
    field: Field
    codec: Codec


class Mapping:
    """Turns the rows of one collection; made once, used for all of them. Holds nothing of a row."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._columns = [_column(field) for field in collection.fields]
        self._copies = [_column(copy) for copy in collection.copies]
        self._keys = frozenset(collection.by_key)
        self._links = [_link(link) for link in collection.links]

    def to_airtable(self, item: Item) -> Encoded:
        """The cells of a Wix item, proved field by field to come back as they went. Never raises."""
        try:
            return self._to_airtable(item)
        except RecursionError:
            legacy = item.get("_id")
            why = "nested deeper than the 50 levels that Wix takes"
            return Encoded(
                legacy if legacy.__class__ is str else "", {}, {}, (Refusal("", why, why),), (), {}, (), (), (), ()
            )

    def _to_airtable(self, item: Item) -> Encoded:
        fields: Fields = {}
        absent: list[str] = []
        values: dict[str, Json] = {}
        refusals: list[Refusal] = []
        kept: list[tuple[str, str]] = []
        loose: list[tuple[str, str]] = []
        lost: list[tuple[str, str]] = []
        new_choices: dict[str, list[str]] = {}
        rounded: list[str] = []
        found = 0
        for key, name, encode, decode, default, required, known, decimals, field, kind in self._columns:
            value = item.get(key, MISSING)
            if value is MISSING:
                if required:
                    refusals.append(_required(key, "not there"))
                elif default is not MISSING:
                    absent.append(key)
                continue
            found += 1
            if required and (value is None or value == ""):
                refusals.append(_required(key, "null" if value is None else "empty text"))
                continue
            try:
                cell = encode(value)
            except Refused as refused:
                if not field.loose:
                    refusals.append(Refusal(key, str(refused), refused.why))
                    continue
                values[key] = value
                kept.append((key, refused.why))
                loose.append((key, refused.why))
                continue
            if cell is None:
                back = default
            else:
                fields[name] = cell
                back = decode(cell)
                if known is not None:
                    _note_new(cell, known, name, new_choices)
                if decimals is not None and cell.__class__ is float and round(cell, decimals) != cell:
                    rounded.append(name)
            if back is not value and not same(back, value):
                if field.lossy is not None:
                    lost.append((key, field.lossy))
                else:
                    values[key] = value
                    kept.append((key, _why(value, kind)))
        if found < len(item):
            for key, value in item.items():
                if key not in self._keys:
                    values[key] = value
                    kept.append((key, "a key that the catalog does not know"))
        legacy = item.get("_id")
        if legacy.__class__ is not str or not legacy.strip():
            if "_id" in item and not any(refusal.field == "_id" for refusal in refusals):
                refusals.append(Refusal("_id", "no text, which the identity of a row must be", "no text"))
            legacy = ""
        elif "\0" in legacy:
            refusals.append(Refusal("_id", "holds U+0000, which no cell keeps", "holds U+0000"))
        unfilled = self._fill_copies(item, fields, new_choices) if self._copies else ()
        if absent or values:
            _keep(absent, values, fields, refusals)
        return Encoded(
            legacy,
            fields,
            self.links_of(item) if self._links else {},
            tuple(refusals),
            tuple(kept),
            new_choices,
            tuple(loose),
            tuple(lost),
            unfilled,
            tuple(rounded),
        )

    def _fill_copies(
        self, item: Item, fields: Fields, new_choices: dict[str, list[str]]
    ) -> tuple[tuple[str, str], ...]:
        unfilled = []
        for column in self._copies:
            try:
                cell = column.encode(item.get(column.key))
            except Refused as refused:
                unfilled.append((column.name, refused.why))
                continue
            if cell is not None:
                fields[column.name] = cell
                if column.known is not None:
                    _note_new(cell, column.known, column.name, new_choices)
        return tuple(unfilled)

    def links_of(self, item: Item) -> dict[str, list[Candidate]]:
        """By link name, where to look for the rows an item points to; links that point nowhere are left out."""
        links: dict[str, list[Candidate]] = {}
        for name, target, keys in self._links:
            candidates: dict[Candidate, None] = {}
            seen: set[str] = set()
            for here, there in keys:
                normal = None if there in seen else [*_references(item.get(here), identity=there == "_id")]
                if normal:
                    seen.add(there)
                    candidates.update(dict.fromkeys((target, there, value) for value in normal))
            if candidates:
                links[name] = list(candidates)
        return links

    def to_wix(self, fields: Fields, *, problems: list[str] | None = None) -> Item:
        """The Wix item that a record's cells say, its `Wix Original` among them. Link cells and copies say nothing.

        A `Wix Original` that is none any more (a person wrote in it) is let be: the cells alone hold, and `problems`
        gets a line on it.
        """
        absent, values = _original(fields.get(ORIGINAL), problems)
        item: Item = {}
        for column in self._columns:
            key, cell = column.key, fields.get(column.name)
            if cell is None or cell is False or cell == "" or cell == []:
                if key in values and self._still(column, values[key], None):
                    item[key] = values[key]
                elif column.default is not MISSING and key not in absent:
                    item[key] = column.decode(None)
            elif key in values and self._still(column, values[key], cell):
                item[key] = values[key]
            else:
                item[key] = column.decode(cell)
        for key, value in values.items():
            if key not in self._keys:
                item[key] = value
        return item

    def _still(self, column: _Column, original: Json, cell: Json) -> bool:
        try:
            return same(column.encode(original), cell)
        except Refused:
            return cell is None

    def plain(self, item: Item) -> dict[str, Any]:
        """By Wix key, every field of the collection as Python has it, for frames; None where its cell would be empty.

        Wix's words (codes, lists, parsed JSON), but days are `date`, moments an aware `datetime`, and numbers numbers,
        also those that are text in Wix. A boolean is None where the item has none.
        """
        return {column.key: _plain(column, item.get(column.key)) for column in self._columns}


def link_key(value: Json) -> str | None:
    """The normal form of a natural key, None where there is none.

    123  123.0  "123"  " 0123 "    "A-1 "    None  ""  "  "  true  1.5  [..]  {..}
    "123"                          "A-1"     None
    """
    if value.__class__ is str and "\0" not in value:
        bare = value.strip()
        if bare.isascii() and bare.isdigit():
            return bare.lstrip("0") or "0"
        return bare or None
    if value.__class__ is int:
        return str(value)
    if value.__class__ is float and value.is_integer():
        return str(int(value))
    return None


def _column(field: Field) -> _Column:
    kind = codec(field)
    return _Column(
        key=field.wix,
        name=field.name,
        encode=kind.encode,
        decode=kind.decode,
        default=kind.default,
        required=field.required,
        known=frozenset(field.choices) if isinstance(kind, Choice) and field.open else None,
        decimals=None if field.precision is None else field.precision + field.column_kind.decimals_hidden,
        field=field,
        codec=kind,
    )


def _link(link: Link) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return link.name, link.to, tuple(link.on.items())


def _references(value: Json, *, identity: bool) -> Iterator[str]:
    """The keys that a value of a referring field holds: one, or those of a list; of an included item its `_id`."""
    for part in value if value.__class__ is list else [value]:
        reference = part.get("_id") if part.__class__ is dict else part
        if identity:
            is_id = reference.__class__ is str and reference.strip() and "\0" not in reference
            normal = reference if is_id else None
        else:
            normal = link_key(reference)
        if normal is not None:
            yield normal


def _note_new(cell: Json, known: frozenset[str], name: str, new_choices: dict[str, list[str]]) -> None:
    for choice in cell if cell.__class__ is list else (cell,):
        if choice not in known:
            new = new_choices.setdefault(name, [])
            if choice not in new:
                new.append(choice)


def _required(key: str, what: str) -> Refusal:
    reason = f"required, but {what}"
    return Refusal(key, reason, reason)


def _why(value: Json, kind: Codec) -> str:
    if value is None:
        return "null"
    if value == "":
        return "empty text"
    return kind.another_way


def _keep(absent: list[str], values: dict[str, Json], fields: Fields, refusals: list[Refusal]) -> None:
    told: dict[str, Any] = {}
    if absent:
        told["absent"] = sorted(absent)
    if values:
        told["values"] = {key: values[key] for key in sorted(values)}  # inside a value the order is the value's own
    try:
        text = to_json(told)
    except Refused as refused:
        refusals.append(Refusal(ORIGINAL, str(refused), refused.why))
        return
    if len(text) > TEXT_LIMIT // 2 and (length := utf16_length(text)) > TEXT_LIMIT:
        why = "what no other cell can hold comes to more than 100,000 characters"
        refusals.append(Refusal(ORIGINAL, f"{why}; got {length:,} of {', '.join(sorted(values))}", why))
        return
    fields[ORIGINAL] = text


def _original(cell: Json, problems: list[str] | None) -> tuple[frozenset[str], dict[str, Json]]:
    if not cell:
        return frozenset(), {}
    try:
        told = from_json(cell) if isinstance(cell, str) else cell
    except ValueError:
        told = None
    if isinstance(told, dict) and told.keys() <= {"absent", "values"}:
        absent, values = told.get("absent", []), told.get("values", {})
        if isinstance(values, dict) and isinstance(absent, list) and all(isinstance(key, str) for key in absent):
            return frozenset(absent), values
    if problems is not None:
        problems.append(f"{ORIGINAL}: is not what was written there; it is passed over and the cells alone hold")
    return frozenset(), {}


def _plain(column: _Column, value: Json) -> Any:
    if value is None:
        return None
    try:
        cell = column.encode(value)
    except Refused:
        return None
    if cell is None:
        return column.decode(None) if column.default is not MISSING else None
    match column.field.column_kind.holds:
        case "day":
            return date.fromisoformat(cell)
        case "instant":
            return datetime.fromisoformat(cell)
        case "number":
            return cell
        case _:
            return column.decode(cell)


__all__ = ["LEGACY_ID", "ORIGINAL", "Candidate", "Encoded", "Mapping", "Refusal", "link_key"]
