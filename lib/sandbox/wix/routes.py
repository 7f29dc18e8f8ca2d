"""Which endpoint a method and a path name. Paths are as they were sent: an id in one may hold `/` and `%`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sandbox.wix import (
    aggregates,
    bulk,
    collection_api,
    drafts,
    indexes,
    job_api,
    pipeline,
    plugins,
    queries,
    referencing,
    search,
    writes,
)
from sandbox.wix import secrets as secrets
from sandbox.wix.errors import WixError
from sandbox.wix.site import Call

Read = Callable[[Call], Awaitable[Any]]
Write = Callable[[Call], Any]


@dataclass(frozen=True)
class Route:
    """An endpoint: `read` may let others run meanwhile, `write` is one transaction."""

    name: str
    read: Read | None = None
    write: Write | None = None


def _as_json(read: Callable[[Call], Any]) -> Read:
    async def handler(call: Call) -> Any:
        return read(call)

    return handler


_READS: dict[str, Read] = {
    "GET /items/query": queries.query,
    "POST /items/query": queries.query,
    "GET /items/{id}": queries.get_item,
    "POST /items/get": queries.get_item,
    "GET /items/count": queries.count,
    "POST /items/count": queries.count,
    "POST /items/query-distinct-values": queries.distinct,
    "POST /items/aggregate": aggregates.aggregate,
    "POST /items/aggregate-pipeline": pipeline.aggregate_pipeline,
    "GET /items/search": search.search,
    "POST /items/search": search.search,
    "POST /items/is-referenced": _as_json(referencing.is_referenced),
    "GET /items/query-referenced": referencing.query_referenced,
    "POST /items/query-referenced": referencing.query_referenced,
    "POST /bulk/items/async-remove-by-filter": _as_json(job_api.remove_by_filter),
    "POST /bulk/items/async-patch-by-filter": _as_json(job_api.patch_by_filter),
    "GET /async-jobs/{id}": _as_json(job_api.job_status),
    "GET /collections": _as_json(collection_api.list_collections),
    "GET /collections/{id}": _as_json(collection_api.get_collection),
    "GET /indexes": _as_json(indexes.list_indexes),
    "GET /indexes/available": _as_json(indexes.available_indexes),
    "POST /indexes": indexes.create_index,
}

_WRITES: dict[str, Write] = {
    "POST /items": writes.insert,
    "POST /items/insert": writes.insert,
    "PUT /items/{id}": writes.update,
    "POST /items/update": writes.update,
    "POST /items/save": writes.save,
    "PATCH /items/{id}": writes.patch,
    "POST /items/patch": writes.patch,
    "DELETE /items/{id}": writes.remove,
    "POST /items/remove": writes.remove,
    "POST /items/truncate": writes.truncate,
    "POST /bulk/items/insert": bulk.bulk_insert,
    "POST /bulk/items/update": bulk.bulk_update,
    "POST /bulk/items/save": bulk.bulk_save,
    "POST /bulk/items/patch": bulk.bulk_patch,
    "POST /bulk/items/remove": bulk.bulk_remove,
    "POST /items/create-draft": drafts.create_draft,
    "POST /items/publish-draft": drafts.publish_draft,
    "POST /items/unpublish": drafts.unpublish_item,
    "POST /bulk/items/create-drafts": drafts.bulk_create_drafts,
    "POST /bulk/items/publish-drafts": drafts.bulk_publish_drafts,
    "POST /bulk/items/unpublish": drafts.bulk_unpublish,
    "POST /items/insert-reference": referencing.insert_reference,
    "POST /items/remove-reference": referencing.remove_reference,
    "POST /items/replace-references": referencing.replace_references,
    "POST /bulk/items/insert-references": referencing.bulk_insert_references,
    "POST /bulk/items/remove-references": referencing.bulk_remove_references,
    "POST /collections": collection_api.create_collection,
    "PUT /collections": collection_api.update_collection,
    "PUT /collections/{id}": collection_api.update_collection,
    "PATCH /collections/{id}": collection_api.patch_collection,
    "DELETE /collections/{id}": collection_api.delete_collection,
    "POST /collections/restore/{id}": collection_api.restore_collection,
    "POST /collections/create-field": collection_api.create_field,
    "POST /collections/update-field": collection_api.update_field,
    "POST /collections/patch-field": collection_api.patch_field,
    "POST /collections/delete-field": collection_api.delete_field,
    "POST /collections/add-plugin": plugins.add_plugin,
    "POST /collections/delete-plugin": plugins.delete_plugin,
    "POST /collections/add-draft-items-plugin": plugins.add_draft_items,
    "POST /collections/delete-draft-items-plugin": plugins.delete_draft_items,
    **{f"POST /collections/add-{name}-plugin": plugins.adder(name) for name in plugins.OPTIONS},
    **{f"POST /collections/delete-{name}-plugin": plugins.deleter(name) for name in plugins.OPTIONS},
    "DELETE /indexes": indexes.drop_index,
    "DELETE /indexes/{id}": indexes.drop_index,
}

_SECRET_READS: dict[str, Read] = {
    "GET /secrets": _as_json(secrets.list_secrets),
    "GET /secrets/{id}": _as_json(secrets.secret_value),
}

_SECRET_WRITES: dict[str, Write] = {
    "POST /secrets": secrets.create_secret,
    "PATCH /secrets/{id}": secrets.update_secret,
    "DELETE /secrets/{id}": secrets.delete_secret,
}


def _routes(reads: dict[str, Read], writes: dict[str, Write]) -> dict[str, Route]:
    found = {name: Route(name, read=read) for name, read in reads.items()}
    return found | {name: Route(name, write=write) for name, write in writes.items()}


_DATA = _routes(_READS, _WRITES)
_SECRETS = _routes(_SECRET_READS, _SECRET_WRITES)

PREFIXES = {
    "/wix-data/v2": _DATA,
    "/_api/cloud-data/v2": _DATA,
    "/_api/cloud-secrets-vault-server/api/v1": _SECRETS,
}


def find_route(method: str, path: str, names_item: bool) -> tuple[Route, str]:
    """The endpoint of a path, and the id in the path, decoded. Raises 404.

    `names_item`: the request has a `dataItemId`; then `GET /items/query` gets the item whose id is `query`.
    """
    for prefix, routes in PREFIXES.items():
        if path.startswith(f"{prefix}/"):
            found = _find(routes, method, path[len(prefix) :], names_item)
            if found is not None:
                return found
    raise WixError("WDE0080", "There is no such endpoint.", status=404)


def _find(routes: dict[str, Route], method: str, path: str, names_item: bool) -> tuple[Route, str] | None:
    route = routes.get(f"{method} {path}")
    if route is not None and not (method == "GET" and names_item and path.startswith("/items/")):
        return route, ""
    if routes is _DATA and method == "PATCH" and path.endswith("/patch-field") and path.startswith("/collections/"):
        return _DATA["POST /collections/patch-field"], ""  # the official client's form; the id is in the body too
    for head in ("/collections/restore/", f"/{path.split('/')[1]}/"):
        route = routes.get(f"{method} {head}{{id}}")
        if route is not None and path.startswith(head) and len(path) > len(head):
            return route, unquote(path[len(head) :])
    return None
