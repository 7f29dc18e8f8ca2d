"""Columns that hold the same value on both sides, so that what a person types there is what Wix must hold.

What other columns hold is decided by their codecs, which a drill must not take for granted.
"""

from __future__ import annotations

from runbook.catalog import Catalog, Collection, Field
from runbook.json_types import Json

_SAME = {
    ("text", "singleLineText", "text"),
    ("text", "multilineText", "text"),
    ("text", "singleSelect", "choice"),
    ("number", "number", "number"),
    ("number", "currency", "number"),
    ("boolean", "checkbox", "boolean"),
}
_DIGITS = ("text", "number", "text_int")  # digits in Wix, a number in Airtable


def is_plain(field: Field) -> bool:
    """Whether `cell_of` knows its cells."""
    return _kind(field) in _SAME or _kind(field) == _DIGITS


def cell_of(field: Field, value: Json) -> Json:
    """The cell of a value of Wix; None where the column is not plain, or the value not of its type."""
    kind = _kind(field)
    if kind == _DIGITS:
        return (
            int(value)
            if isinstance(value, str) and value.isascii() and value.isdigit() and str(int(value)) == value
            else None
        )
    if kind not in _SAME:
        return None
    wanted: tuple[type, ...] = {"text": (str,), "number": (int, float), "boolean": (bool,)}[field.wix_type]
    is_of_type = isinstance(value, wanted) and isinstance(value, bool) == (field.wix_type == "boolean")
    return value if is_of_type and not field.loose else None


def as_key(field: Field, value: Json) -> Json:
    """A key of another row as this field holds keys: text or a number."""
    if field.wix_type == "text" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(int(value)) if float(value).is_integer() else str(value)
    if field.wix_type == "number" and isinstance(value, str) and value.isdigit():
        return int(value)
    return value


def keys_of_links(catalog: Catalog, c: Collection) -> set[str]:
    """The keys that its links are made from, and those that links of others lead to."""
    own = {key for link in c.links for key in link.on}
    return own | set(catalog.link_keys.get(c.wix, ()))


def free_fields(catalog: Catalog, c: Collection, *types: str) -> list[Field]:
    """Plain fields of which any value will do: no key, no identity, no vocabulary, no range."""
    taken = {*keys_of_links(catalog, c), *c.natural_key}
    return [
        f
        for f in c.fields
        if f.wix_type in types
        and _kind(f) in _SAME
        and f.type != "singleSelect"
        and f.wix not in taken
        and not f.wix.startswith("_")
        and not (f.required or f.unique or f.loose or f.values or f.pattern or f.lossy)
        and f.minimum is None
        and f.maximum is None
    ]


def _kind(field: Field) -> tuple[str, str, str]:
    return field.wix_type, field.type, field.codec_name
