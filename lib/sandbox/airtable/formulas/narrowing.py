"""What an index can say beforehand of the rows a filter keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sandbox.airtable.formulas.compiler import text_test
from sandbox.airtable.formulas.nodes import Call, Comparison, Node, Reference


@dataclass(frozen=True, slots=True)
class ByRecordId:
    """Every kept row has one of these record ids."""

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class ByText:
    """Every kept row has a value in the field whose `to_text` is one of these, none of which is empty."""

    field_id: str
    texts: frozenset[str]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Every kept row is found by at least one of the parts, which are of different fields."""

    parts: tuple[ByRecordId | ByText, ...]


Lookup: TypeAlias = ByRecordId | ByText | AnyOf


def lookup_of(node: Node, fields: Mapping[str, str]) -> Lookup | None:
    """A superset of the rows for which the node is true, or None when every row must be looked at.

    `fields` maps the formula's names to field ids.
    """
    if isinstance(node, Comparison):
        if len(node.rest) == 1 and node.rest[0][0] == "=":
            return _test(node.first, node.rest[0][1], fields)
    elif isinstance(node, Call):
        if node.name == "EXACT":
            return _test(node.arguments[0], node.arguments[1], fields)
        if node.name == "OR":
            return _any([lookup_of(argument, fields) for argument in node.arguments])
        if node.name == "AND":
            found = [lookup_of(argument, fields) for argument in node.arguments]
            return min((lookup for lookup in found if lookup is not None), key=_cost, default=None)
    return None


def _test(left: Node, right: Node, fields: Mapping[str, str]) -> Lookup | None:
    found = text_test(left, right)
    if found is None:
        return None
    subject, text = found
    if isinstance(subject, Reference):
        # `{F}=''` is true of blanks and zeros, which no index of texts has
        return ByText(fields[subject.name], frozenset((text,))) if text else None
    return ByRecordId(frozenset((text,)))


def _any(lookups: list[Lookup | None]) -> Lookup | None:
    ids: set[str] = set()
    texts: dict[str, set[str]] = {}
    for part in _parts(lookups):
        if part is None:
            return None
        if isinstance(part, ByRecordId):
            ids |= part.ids
        else:
            texts.setdefault(part.field_id, set()).update(part.texts)
    parts: list[ByRecordId | ByText] = [ByText(field, frozenset(found)) for field, found in texts.items()]
    if ids:
        parts.insert(0, ByRecordId(frozenset(ids)))
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def _parts(lookups: list[Lookup | None]) -> Iterable[ByRecordId | ByText | None]:
    for lookup in lookups:
        if isinstance(lookup, AnyOf):
            yield from lookup.parts
        else:
            yield lookup


def _cost(lookup: Lookup) -> tuple[int, int]:
    """What to look up first: record ids find one row each, texts may find many; then the fewest keys."""
    if isinstance(lookup, ByRecordId):
        return 0, len(lookup.ids)
    parts = lookup.parts if isinstance(lookup, AnyOf) else (lookup,)
    return 1, sum(len(part.ids) if isinstance(part, ByRecordId) else len(part.texts) for part in parts)
