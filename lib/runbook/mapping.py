"""A collection's rows: from a Wix item to an Airtable record's cells, and back without loss.

    mapping = Mapping(catalog.collection("Carriers"))
    encoded = mapping.to_airtable(item)
    encoded.fields                                  # {"Legacy Wix ID": "…", "DOT Number": 123, "Wix Original": "…"}
    mapping.to_wix(encoded.fields) == item          # unless encoded.refusals says why not

What the cells cannot represent is in the column `Wix Original`: JSON text, its keys sorted,
`{"absent":["clean_mvr"],"values":{"extra_key":{"a":1},"pay_min":"0.55"}}`, empty where nothing is missing.
`absent`: keys that the item did not have, where an empty cell stands for a value (false, []). `values`: values that
their cells do not give back, and all keys that are not in the catalog. On the way back an edited cell wins: an original
is valid while it encodes to the current cell, an absence while the cell is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Collection as Keys
from typing import Any, NamedTuple

from runbook.catalog import ORIGINAL, Collection, Field, Link
from runbook.codecs import TEXT_LIMIT, Codec, Refused, codec_of, same, to_json, utf16_length
from runbook.codecs.values import from_json
from runbook.json_types import MISSING, Fields, Item, Json

Candidate = tuple[str, str, str]  # target collection, its key, normalised value


class Refusal(NamedTuple):
    """Why a row cannot be migrated. `field` "" is the whole row. `message` may show the value; `reason` never does."""

    field: str
    message: str
    reason: str


class Encoded(NamedTuple):
    """A row for Airtable. With `refusals` it must not be written.

    `id`: the legacy id, "" where there is none. `fields`: cells by column name, without empty ones. `links`: by link
    name, candidates for the linked rows in order of preference; a list of references gives several candidates for one
    key, all of which are linked. `kept`: (field, reason) for each value in `Wix Original`, `loose` those of them with
    an empty cell. `lost`: (field, the catalog's reason) for values that a lossy field does not give back. `unfilled`:
    (copy, reason) for copies left empty. `new_choices`: by column, choices that are not in the catalog.
    `shown_rounded`: columns that show fewer decimals than the cell has.
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
    """Converts the rows of one collection; stateless, so one instance serves all rows."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._columns = [_column(field) for field in collection.fields]
        self._copies = [_column(copy) for copy in collection.copies]
        self._keys = frozenset(collection.by_key)
        self._links = [_link(link) for link in collection.links]

    def to_airtable(self, item: Item) -> Encoded:
        """The cells of a Wix item; the round trip of each field is checked. Never raises."""
        try:
            return self._to_airtable(item)
        except RecursionError:
            legacy = item.get("_id")
            reason = "nested deeper than the 50 levels that Wix allows"
            refusals = (Refusal("", reason, reason),)
            return Encoded(legacy if legacy.__class__ is str else "", {}, {}, refusals, (), {}, (), (), (), ())

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
        for key, name, encode, decode, default, required, known, decimals, field, codec in self._columns:
            value = item.get(key, MISSING)
            if value is MISSING:
                if required:
                    refusals.append(_required(key, "missing"))
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
                    refusals.append(Refusal(key, str(refused), refused.reason))
                    continue
                values[key] = value
                kept.append((key, refused.reason))
                loose.append((key, refused.reason))
                continue
            if cell is None:
                back = default
            else:
                fields[name] = cell
                back = decode(cell)
                if known is not None:
                    _note_new_choices(cell, known, name, new_choices)
                if decimals is not None and round(cell, decimals) != cell:
                    rounded.append(name)
            if back is not value and not same(back, value):
                if field.lossy is not None:
                    lost.append((key, field.lossy))
                else:
                    values[key] = value
                    kept.append((key, _kept_reason(value, codec)))
        if found < len(item):
            for key, value in item.items():
                if key not in self._keys:
                    values[key] = value
                    kept.append((key, "key not in the catalog"))
        legacy = item.get("_id")
        if legacy.__class__ is not str or not legacy.strip():
            if not any(refusal.field == "_id" for refusal in refusals):
                refusals.append(Refusal("_id", "not text, which a row's id must be", "not text"))
            legacy = ""
        elif "\0" in legacy:
            refusals.append(Refusal("_id", "contains U+0000, which a cell cannot hold", "contains U+0000"))
        unfilled = self._fill_copies(item, fields, new_choices)
        if absent or values:
            _add_original(absent, values, fields, refusals)
        return Encoded(
            legacy,
            fields,
            self.links_of(item),
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
                unfilled.append((column.name, refused.reason))
                continue
            if cell is not None:
                fields[column.name] = cell
                if column.known is not None:
                    _note_new_choices(cell, column.known, column.name, new_choices)
        return tuple(unfilled)

    def links_of(self, item: Item) -> dict[str, list[Candidate]]:
        """By link name, candidates for the rows that an item refers to; links without any are omitted."""
        links: dict[str, list[Candidate]] = {}
        for name, target, keys in self._links:
            candidates: dict[Candidate, None] = {}
            seen: set[str] = set()
            for key, target_key in keys:
                values = [] if target_key in seen else [*_references(item.get(key), identity=target_key == "_id")]
                if values:
                    seen.add(target_key)
                    candidates.update(dict.fromkeys((target, target_key, value) for value in values))
            if candidates:
                links[name] = list(candidates)
        return links

    def to_wix(self, fields: Fields, *, problems: list[str] | None = None) -> Item:
        """The Wix item of a record, from its cells and `Wix Original`; link cells and copies are ignored.

        A `Wix Original` that is no longer valid (a person edited it) is ignored too, and `problems` gets a line on it.
        """
        absent, values = read_original(fields.get(ORIGINAL), problems)
        item: Item = {}
        for column in self._columns:
            key, cell = column.key, fields.get(column.name)
            if cell is None or cell is False or cell == "" or cell == []:
                if key in values and _is_current(column, values[key], None):
                    item[key] = values[key]
                elif column.default is not MISSING and key not in absent:
                    item[key] = column.decode(None)
            elif key in values and _is_current(column, values[key], cell):
                item[key] = values[key]
            else:
                item[key] = column.decode(cell)
        for key, value in values.items():
            if key not in self._keys:
                item[key] = value
        return item


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


def _is_current(column: _Column, original: Json, cell: Json) -> bool:
    """Whether an original still encodes to its cell, so that nobody edited it."""
    try:
        return same(column.encode(original), cell)
    except Refused:
        return cell is None


def _column(field: Field) -> _Column:
    codec = codec_of(field)
    return _Column(
        key=field.wix,
        name=field.name,
        encode=codec.encode,
        decode=codec.decode,
        default=codec.default,
        required=field.required,
        known=frozenset(field.choices) if field.open else None,
        decimals=None if field.precision is None else field.precision + field.column_kind.decimals_hidden,
        field=field,
        codec=codec,
    )


def _link(link: Link) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return link.name, link.to, tuple(link.on.items())


def _references(value: Json, *, identity: bool) -> Iterator[str]:
    """The keys that a value refers to: one, or those of a list; of an included item its `_id`."""
    for part in value if value.__class__ is list else [value]:
        reference = part.get("_id") if part.__class__ is dict else part
        if identity:
            is_id = reference.__class__ is str and reference.strip() and "\0" not in reference
            key = reference if is_id else None
        else:
            key = link_key(reference)
        if key is not None:
            yield key


def _note_new_choices(cell: Json, known: frozenset[str], name: str, new_choices: dict[str, list[str]]) -> None:
    for choice in cell if cell.__class__ is list else (cell,):
        if choice not in known:
            new_choices.setdefault(name, []).append(choice)


def _required(key: str, what: str) -> Refusal:
    reason = f"required, but {what}"
    return Refusal(key, reason, reason)


def _kept_reason(value: Json, codec: Codec) -> str:
    if value is None:
        return "null"
    if value == "":
        return "empty text"
    return codec.difference


def _add_original(absent: list[str], values: dict[str, Json], fields: Fields, refusals: list[Refusal]) -> None:
    try:
        fields[ORIGINAL] = original_text(absent, values)
    except Refused as refused:
        refusals.append(Refusal(ORIGINAL, str(refused), refused.reason))


def original_text(absent: Keys[str], values: dict[str, Json]) -> str | None:
    """The cell `Wix Original`, None where there is nothing to keep. Raises Refused for what a cell cannot hold."""
    original: dict[str, Any] = {}
    if absent:
        original["absent"] = sorted(absent)
    if values:
        original["values"] = {key: values[key] for key in sorted(values)}  # inside a value the order must be kept
    if not original:
        return None
    text = to_json(original)
    if len(text) > TEXT_LIMIT // 2 and (length := utf16_length(text)) > TEXT_LIMIT:
        reason = f"{ORIGINAL} would have more than 100,000 characters"
        raise Refused(reason, f"{length:,} for {', '.join(sorted(values))}")
    return text


def read_original(cell: Json, problems: list[str] | None = None) -> tuple[frozenset[str], dict[str, Json]]:
    """Of a cell `Wix Original`: the keys that the item did not have, the values kept; nothing where it is not valid."""
    if not cell:
        return frozenset(), {}
    try:
        original = from_json(cell) if isinstance(cell, str) else None
    except ValueError:
        original = None
    if isinstance(original, dict) and original.keys() <= {"absent", "values"}:
        absent, values = original.get("absent", []), original.get("values", {})
        if isinstance(values, dict) and isinstance(absent, list) and all(isinstance(key, str) for key in absent):
            return frozenset(absent), values
    if problems is not None:
        problems.append(f"{ORIGINAL} is no longer valid; it is ignored, and only the cells are used")
    return frozenset(), {}
