"""Reading items: query, get, count, distinct."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

from sandbox.web import clean_text
from sandbox.wix.collections import Collection
from sandbox.wix.errors import Violation, WixError, no_such_item
from sandbox.wix.filters import Filter, compile_filter, predicate_of
from sandbox.wix.includes import fill_references, read_includes
from sandbox.wix.items import read_item_id
from sandbox.wix.paging import Page, read_page
from sandbox.wix.params import Params
from sandbox.wix.responses import dump_each, envelope, join_response
from sandbox.wix.site import Call
from sandbox.wix.snapshot import Row, Snapshot
from sandbox.wix.sorting import NEWEST_FIRST, Order, read_order
from sandbox.wix.time_slice import TimeSlice, sort_in_slices
from sandbox.wix.values import NOTHING, dump_text, id_list, identity, is_draft, path_of, project, values_at

MAX_FIELDS = 1000


def link_reader(call: Call, collection: Collection) -> Callable[[str], Callable[[dict[str, Any]], list[Any]] | None]:
    """What a filter reads otherwise than at its path; None for every other key.

    Under a multi-reference key: the ids it is linked to. Under the PUBLISH plugin's `_publishStatus`: PUBLISHED where
    an item has none, because it is older than the plugin [ASSUME].
    """
    links = call.site.links

    def reader(key: str) -> Callable[[dict[str, Any]], list[Any]] | None:
        if key == "_publishStatus" and collection.keeps_drafts:
            return lambda item: [item.get(key) or "PUBLISHED"]
        face = collection.faces.get(key)
        if face is None:
            return None

        def read(item: dict[str, Any]) -> list[Any]:
            ids = links.of(face, item["_id"])
            return [ids] if ids else []

        return read

    return reader


def condition_of(call: Call, collection: Collection) -> Callable[[str], None]:
    """What checks an item before a write whose `condition.filter` it must satisfy.

    An item that does not counts as missing: WDE0073 [ASSUME, the client's typings say only that nothing is changed].
    """
    holds = predicate_of(call.params.part("condition").raw("filter"), link_reader(call, collection))

    def check(item_id: str) -> None:
        item = None if holds is None else call.site.items.find(collection, item_id)
        if holds is not None and (item is None or not holds(item)):
            raise no_such_item(item_id, collection.id)

    return check


def filter_of(call: Call, collection: Collection, raw: Any) -> Filter:
    """Compile a filter on a collection's items; drafts are left out unless `publishPluginOptions` asks for them."""
    compiled = compile_filter(raw, link_reader(call, collection))
    if call.hides(collection):
        inner = compiled.matches
        compiled.matches = lambda item: not is_draft(item) and (inner is None or inner(item))
    return compiled


async def get_item(call: Call) -> Any:
    """`{dataItem}`; raises WDE0073, also for a draft that was not requested."""
    item_id = read_item_id(call.item_id())
    collection = call.open("read", "GET")
    includes = read_includes(call.params, collection)
    call.site.quota.take("reads", 1 + len(includes))
    text = call.snapshot(collection).find(item_id)
    if text is None:
        raise no_such_item(item_id, collection.id)
    item = json.loads(text)
    if call.hides(collection) and is_draft(item):
        raise no_such_item(item_id, collection.id)
    await fill_references(call, [item], includes)
    fields = call.params.texts("fields")
    return {"dataItem": envelope(project(item, fields) if fields else item, collection.id)}


async def query(call: Call) -> Any:
    """`{dataItems, pagingMetadata}`."""
    collection = call.open("read", "FIND")
    return await query_response(call, collection, call.params.part("query"))


async def query_response(call: Call, collection: Collection, params: Params) -> bytes:
    """The page that `asked` (filter, sort, fields, paging) describes; raises what its parts raise."""
    state = call.site.state
    includes = read_includes(call.params, collection)
    what = {
        "of": collection.id,
        "filter": params.raw("filter"),
        "sort": params.raw("sort"),
        "fields": params.raw("fields"),
        "seed": _seed(call.params),
    }
    page = read_page(state, params, what, collection.page_limit)
    remembered = Params(page.what or {}, params.path)
    fields = remembered.texts("fields")
    if len(fields) > MAX_FIELDS:
        raise Violation(params.where("fields"), "must have at most 1000 entries", "MAX_SIZE", threshold=MAX_FIELDS)
    order = read_order(remembered.each("sort"), collection.keys)
    if remembered.raw("seed") is not None:
        order = Order(order.fields, remembered.text("seed"))
    compiled = filter_of(call, collection, remembered.raw("filter"))
    call.site.quota.take("reads", 1 + len(includes))

    snapshot = call.snapshot(collection)
    rows, more = await find_rows(snapshot, compiled, order, page)
    total = None
    if call.params.flag("returnTotalCount") and not page.cursor:
        total = await count_rows(snapshot, compiled)
    last = None
    if rows and order.sql is not None:
        last = [rows[-1][0], rows[-1][1]] if order.sql == NEWEST_FIRST.sql else [rows[-1][1]]
    metadata = page.metadata(state, len(rows), more, total, last)
    if not fields and not includes:
        return join_response("dataItems", _envelopes(rows, collection.id), metadata)
    items = [json.loads(row[2]) for row in rows]
    await fill_references(call, items, includes)
    envelopes = (envelope(project(item, fields) if fields else item, collection.id) for item in items)
    return join_response("dataItems", await dump_each(envelopes), metadata)


def _seed(params: Params) -> str | None:
    """The shuffle's seed where `sortMode` is RANDOM; the same seed gives the same order."""
    if params.choice("sortMode", ("FIELDS", "RANDOM")) != "RANDOM":
        return None
    seed = params.part("randomOptions").raw("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, float, str))):
        raise Violation("randomOptions.seed", "must be a number")
    return secrets.token_hex(4) if seed is None else clean_text(str(seed)) or "0"


def _envelopes(rows: list[Row], collection: str) -> list[str]:
    """The items in their envelopes, joined from stored text without being parsed."""
    name = dump_text(collection)
    return [f'{{"id":{dump_text(row[1])},"dataCollectionId":{name},"data":{row[2]}}}' for row in rows]


async def find_rows(snapshot: Snapshot, compiled: Filter, order: Order, page: Page) -> tuple[list[Row], bool]:
    """The rows of a page, and whether more follow."""
    if order.sql is None:
        return await _sorted_rows(snapshot, compiled, order, page)
    offset = 0 if page.after is not None else page.offset
    if compiled.matches is None:
        rows = snapshot.page(compiled, order.sql, page.limit + 1, offset, page.after)
        return rows[: page.limit], len(rows) > page.limit
    rows = []
    passed = 0
    async for row, _ in snapshot.scan(compiled, order.sql, page.after):
        passed += 1
        if passed > offset:
            rows.append(row)
        if len(rows) > page.limit:
            break
    return rows[: page.limit], len(rows) > page.limit


async def _sorted_rows(snapshot: Snapshot, compiled: Filter, order: Order, page: Page) -> tuple[list[Row], bool]:
    """A page in an order no index has: the best keys are kept, never the items."""
    wanted = page.offset + page.limit + 1
    best: list[tuple[Any, str]] = []
    time_slice = TimeSlice()
    async for row, item in snapshot.scan(compiled):
        best.append((order.keys(item), row[1]))
        if len(best) > 2 * wanted + 10_000:
            best = (await order.arrange(best, time_slice))[:wanted]
    best = await order.arrange(best, time_slice)
    more = len(best) >= wanted
    ids = [item_id for _, item_id in best[page.offset : wanted - 1]]
    by_id = Filter(" AND id IN (SELECT value FROM json_each(?))", [id_list(ids)])
    found = {row[1]: row for row in snapshot.page(by_id, "id", len(ids), 0)}
    return [found[item_id] for item_id in ids if item_id in found], more


async def count_rows(snapshot: Snapshot, compiled: Filter) -> int:
    """How many items match."""
    if compiled.matches is None:
        return snapshot.count(compiled)
    count = 0
    async for _ in snapshot.scan(compiled):
        count += 1
    return count


async def count(call: Call) -> Any:
    """`{totalCount}`."""
    collection = call.open("read", "COUNT")
    compiled = filter_of(call, collection, call.params.raw("filter"))
    call.site.quota.take("reads")
    return {"totalCount": await count_rows(call.snapshot(collection), compiled)}


async def distinct(call: Call) -> Any:
    """`{distinctValues, pagingMetadata}`; arrays are unwound, null and missing left out [ASSUME].

    Raises WDE0092 past 100,000 values.
    """
    collection = call.open("read", "DISTINCT")
    params = call.params
    what = {
        "of": collection.id,
        "filter": params.raw("filter"),
        "field": params.raw("fieldName"),
        "order": params.choice("order", ("ASC", "DESC")),
    }
    page = read_page(call.site.state, params, what)
    remembered = page.what or {}
    path = path_of(Params({"fieldName": remembered["field"]}).text("fieldName"))
    compiled = filter_of(call, collection, remembered["filter"])
    call.site.quota.take("reads")
    found: dict[Any, Any] = {}
    async for _, item in call.snapshot(collection).scan(compiled):
        for value in values_at(item, path):
            for single in value if type(value) is list else [value]:
                found.setdefault(identity(single), single)
        if len(found) > 100_000:
            raise WixError("WDE0092", "Dataset is too large to sort.")
    found.pop(NOTHING, None)
    descending = remembered["order"] == "DESC"
    ordered = [found[key] for key in await sort_in_slices(found, lambda key: key, descending, TimeSlice())]
    values = ordered[page.offset : page.offset + page.limit]
    more = len(ordered) > page.offset + page.limit
    total = len(ordered) if params.flag("returnTotalCount") else None
    return {"distinctValues": values, "pagingMetadata": page.metadata(call.site.state, len(values), more, total)}
