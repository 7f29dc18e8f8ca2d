"""Includes: references filled with the items they point to, cut at a limit without any sign."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sandbox.wix.collections import Collection, Face
from sandbox.wix.errors import Violation, WixError
from sandbox.wix.params import Params
from sandbox.wix.responses import MAX_CHARACTERS, too_long
from sandbox.wix.site import Call, Site
from sandbox.wix.time_slice import TimeSlice
from sandbox.wix.values import id_list, is_draft

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
MAX_INCLUDES = 100


@dataclass(frozen=True)
class Include:
    """One reference to fill; `face` is None for a single reference."""

    key: str
    target: str
    face: Face | None
    limit: int


def read_includes(params: Params, collection: Collection) -> list[Include]:
    """`includeReferences`, and the older `includeReferencedItems` with `referencedItemOptions`.

    Raises Violation, WDE0020 for a field that is no reference.
    """
    wanted = {}
    for entry in params.each("includeReferences"):
        wanted[entry.text("field")] = entry.integer("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    limits = {
        entry.text("fieldName"): entry.integer("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        for entry in params.each("referencedItemOptions")
    }
    for key in params.texts("includeReferencedItems"):
        wanted.setdefault(key, limits.get(key, DEFAULT_LIMIT))
    if len(wanted) > MAX_INCLUDES:
        raise Violation("includeReferences", "must have at most 100 entries", "MAX_SIZE", threshold=MAX_INCLUDES)
    includes = []
    for key, limit in wanted.items():
        face = collection.faces.get(key)
        target = face.target if face is not None else collection.references.get(key)
        if target is None:
            raise WixError("WDE0020", f"Provided relationship attribute {key} is not a reference field.")
        includes.append(Include(key, target, face, limit))
    return includes


async def fill_references(call: Call, items: list[dict[str, Any]], includes: list[Include]) -> None:
    """Fill the references of `items` in place.

    A single reference becomes the item, or stays the id it was where there is none. A multi-reference becomes the
    first `limit` items it is linked to. Drafts are as if they did not exist, unless they are requested; a collection
    that the key may not read is not included.
    Raises WDE0180 where that would be too much, WDE0028 after 5 seconds.
    """
    site = call.site
    room = MAX_CHARACTERS
    time_slice = TimeSlice()
    for include in includes:
        other = site.collections.find(include.target)
        if other is None or not site.readable(other):
            continue
        hides = call.hides(other)
        for item in items:
            if time_slice.over():
                await time_slice.rest()
            if include.face is None:
                value = item.get(include.key)
                wanted = [value] if isinstance(value, str) else []
            else:
                wanted = site.links.of(include.face, item["_id"], -1 if hides else include.limit)
            texts = _texts(site, other.number, wanted)
            room -= sum(map(len, texts))
            if room < 0:
                raise too_long()
            found = [json.loads(text) for text in texts]
            if hides:
                found = [element for element in found if not is_draft(element)][: include.limit]
            if include.face is not None:
                item[include.key] = found
            elif found:
                item[include.key] = found[0]


def _texts(site: Site, number: int, ids: list[str]) -> list[str]:
    if not ids:
        return []
    rows = site.store.rows(
        "SELECT id, data FROM wix_item WHERE collection = ? AND id IN (SELECT value FROM json_each(?))",
        (number, id_list(ids)),
    )
    by_id = dict(rows)
    return [by_id[item_id] for item_id in ids if item_id in by_id]
