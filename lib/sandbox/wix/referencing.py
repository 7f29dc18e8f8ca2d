"""The reference endpoints."""

from __future__ import annotations

import json
from typing import Any

from sandbox.wix.bulk import entries_of, refusal_of
from sandbox.wix.errors import Refusal, Violation, WixError, bad_argument, no_such_item
from sandbox.wix.paging import read_page
from sandbox.wix.params import Params
from sandbox.wix.responses import envelope, join_response
from sandbox.wix.site import Call
from sandbox.wix.time_slice import TimeSlice
from sandbox.wix.values import dump_text, is_draft, project

MAX_REFERRING_ITEMS = 1000


def insert_reference(call: Call) -> Any:
    """`{dataItemReference}`; raises WDE0020, WDE0029, WDE0073."""
    return _one(call, "INSERT")


def remove_reference(call: Call) -> Any:
    """`{dataItemReference}`; raises WDE0020, WDE0153."""
    return _one(call, "DELETE")


def bulk_insert_references(call: Call) -> Any:
    """Bulk result of new links."""
    return _each(call, "INSERT")


def bulk_remove_references(call: Call) -> Any:
    """Bulk result of dropped links."""
    return _each(call, "DELETE")


def _one(call: Call, action: str) -> Any:
    collection = call.open("update", f"{action}_REFERENCE".replace("DELETE", "REMOVE"))
    reference = _read(call.params.part("dataItemReference"))
    call.site.quota.take("writes")
    change = call.site.links.add if action == "INSERT" else call.site.links.take
    change(collection, *reference.values())
    return {"dataItemReference": reference}


def _read(params: Params) -> dict[str, str]:
    return {name: params.text(name) for name in ("referringItemFieldName", "referringItemId", "referencedItemId")}


def _each(call: Call, action: str) -> Any:
    collection = call.open("update", f"{action}_REFERENCE".replace("DELETE", "REMOVE"))
    entries = entries_of(call, "dataItemReferences")
    change = call.site.links.add if action == "INSERT" else call.site.links.take
    returned = call.params.flag("returnEntity")
    call.site.quota.take("writes")
    results: list[dict[str, Any]] = []
    failures = 0
    for number, entry in enumerate(entries):
        metadata: dict[str, Any] = {"originalIndex": number, "success": True}
        result: dict[str, Any] = {"action": action, "referenceMetadata": metadata}
        try:
            if not isinstance(entry, dict):
                raise WixError("WDE0021", "Invalid reference")
            reference = _read(Params(entry, f"dataItemReferences[{number}]"))
            change(collection, *reference.values())
            if returned:
                result["dataItemReference"] = reference
        except Refusal as error:
            failures += 1
            metadata["success"] = False
            metadata["error"] = refusal_of(error)
        results.append(result)
    counts = {"totalSuccesses": len(entries) - failures, "totalFailures": failures}
    return {"results": results, "bulkActionMetadata": counts}


def replace_references(call: Call) -> Any:
    """`{dataItemReferences}`: the item is linked to these and no others. Raises WDE0020, WDE0073."""
    collection = call.open("update", "REPLACE_REFERENCES")
    name, item_id = call.params.text("referringItemFieldName"), call.params.text("referringItemId")
    wanted = list(dict.fromkeys(call.params.texts("newReferencedItemIds")))
    links = call.site.links
    face = links.face(collection, name)
    links.check_item(collection.id, item_id)
    for other in wanted:
        links.check_item(face.target, other)
    call.site.quota.take("writes")
    links.replace(face, item_id, wanted)
    entry = {"referringItemFieldName": name, "referringItemId": item_id}
    return {"dataItemReferences": [{**entry, "referencedItemId": other} for other in wanted]}


def is_referenced(call: Call) -> Any:
    """`{isReferenced}`; raises WDE0020."""
    collection = call.open("read", "IS_REFERENCED")
    reference = _read(call.params)
    face = call.site.links.face(collection, reference["referringItemFieldName"])
    call.site.quota.take("reads")
    linked = call.site.links.has(face, reference["referringItemId"], reference["referencedItemId"])
    return {"isReferenced": linked}


async def query_referenced(call: Call) -> Any:
    """`{results: [{dataItem} | {unresolvedReference}], pagingMetadata}` by the time the link was made.

    A reference that leads nowhere, or to a draft that was not requested, is unresolved (the client's typings).
    Links of several referring items come in one list; the answer does not say whose each one is.
    Raises WDE0020; WDE0073 where the one referring item is missing (of several, missing ones are passed over).
    """
    collection = call.open("read", "QUERY_REFERENCED")
    params, links = call.params, call.site.links
    what = {
        "of": collection.id,
        "field": params.raw("referringItemFieldName"),
        "items": params.texts("referringItemIds") or [params.text_or("referringItemId")],
        "order": params.choice("order", ("ASC", "DESC")),
    }
    page = read_page(call.site.state, params, what)
    remembered = Params(page.what or {})
    name = remembered.text("field")
    ids = remembered.texts("items")
    face = links.face(collection, name)
    if not all(ids):
        raise bad_argument("referringItemId must not be empty")
    if len(ids) > MAX_REFERRING_ITEMS:
        raise Violation("referringItemIds", "must have at most 1000 entries", "MAX_SIZE", threshold=MAX_REFERRING_ITEMS)
    if len(ids) == 1 and call.site.items.find(collection, ids[0]) is None:
        raise no_such_item(ids[0], collection.id)
    call.site.quota.take("reads")
    rows = links.page(face, ids, remembered.text("order") == "DESC", page.offset, page.limit + 1)
    total = links.count(face, ids) if params.flag("returnTotalCount") else None
    other = call.site.collections.find(face.target)
    if other is not None and not call.site.readable(other):
        other = None
    fields = params.texts("fields")
    snapshot = None if other is None else call.snapshot(other)
    texts: list[str] = []
    time_slice = TimeSlice()
    hides = other is not None and call.hides(other)
    for referring, referenced in rows[: page.limit]:
        text = None if snapshot is None else snapshot.find(referenced)
        item = None if text is None else json.loads(text)
        if item is None or (hides and is_draft(item)):
            unresolved = {"referringItemId": referring, "referringItemFieldName": name}
            texts.append(dump_text({"unresolvedReference": unresolved}))
        else:
            found = envelope(project(item, fields) if fields else item, face.target)
            texts.append(dump_text({"dataItem": found}))
        if time_slice.over():
            await time_slice.rest()
    metadata = page.metadata(call.site.state, len(texts), len(rows) > page.limit, total)
    return join_response("results", texts, metadata)
