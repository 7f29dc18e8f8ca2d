"""Listing records: the query, the records it gives, and the iterator that pages through them."""

from __future__ import annotations

import asyncio
import re
import time
from array import array
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from sandbox import ids
from sandbox.airtable import params
from sandbox.airtable.engine import Engine
from sandbox.airtable.errors import Refusal, bad_formula, invalid_request, timed_out, unknown_field
from sandbox.airtable.formulas import AnyOf, ByRecordId, ByText, FormulaError, Lookup, Program, parse
from sandbox.airtable.reading import Reader, RowView
from sandbox.airtable.records import Record
from sandbox.airtable.schema import TEXT_TYPES, Field, Table
from sandbox.airtable.strings import Strings

PAGE_SIZE = 100
_SCAN_SECONDS = 20.0  # a filter or sort that takes longer is given up
_SLICE_SECONDS = 0.01  # a scan lets other requests in this often
_KEPT_ITERATORS = 2_000
_KEPT_ROWS = 4_000_000  # row numbers of 8 bytes over all iterators: 32 MB
_OFFSET = re.compile(r"itr[0-9A-Za-z]{14}/rec[0-9A-Za-z]{14}")


@dataclass(frozen=True)
class Show:
    """How records are shown: the parameters that single reads, lists and writes share."""

    by_id: bool = False
    only: frozenset[str] | None = None
    strings: Strings | None = None
    comment_count: bool = False
    links_as_objects: bool = False


@dataclass(frozen=True)
class Query:
    """A list request, read and checked."""

    show: Show
    program: Program | None
    sort: tuple[tuple[Field, bool], ...]
    page_size: int
    most: int | None
    offset: str | None


@dataclass
class Iterator:
    """A list being paged through. `order` holds row numbers where a filter or sort made an order of its own."""

    id: str
    table: Table
    order: array[int] | None
    used: float
    starts: dict[str, tuple[int, int]] = field(default_factory=dict)  # next record's id -> (position, taken so far)

    @property
    def size(self) -> int:
        """How many row numbers it holds."""
        return len(self.order) if self.order is not None else 0


class Iterators:
    """The lists being paged through; each dies when it is not used for a while (the real life is unpublished)."""

    def __init__(self) -> None:
        self._alive: OrderedDict[str, Iterator] = OrderedDict()
        self._held = 0  # row numbers in the orders of those alive

    def keep(self, iterator: Iterator) -> None:
        """Have an iterator live on after its page; the least used make room when there are too many."""
        if iterator.id not in self._alive:
            self._alive[iterator.id] = iterator
            self._held += iterator.size
        self._alive.move_to_end(iterator.id)
        while len(self._alive) > _KEPT_ITERATORS or (self._held > _KEPT_ROWS and len(self._alive) > 1):
            _, dropped = self._alive.popitem(last=False)
            self._held -= dropped.size

    def resume(self, offset: str, table: Table, now: float, life: float) -> tuple[Iterator, int, int]:
        """(iterator, position, taken) of an offset. Raises Refusal 422 for a malformed or dead one."""
        if not _OFFSET.fullmatch(offset):
            raise Refusal(422, "INVALID_OFFSET_VALUE", f"The value of offset {offset} is invalid")
        name, following = offset.split("/")
        found = self._alive.get(name)
        if found is None or found.table.id != table.id or following not in found.starts or now - found.used > life:
            raise Refusal(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")
        found.used = now
        return found, *found.starts[following]


def read_show(table: Table, payload: dict[str, Any], in_query: dict[str, Any]) -> Show:
    """The parameters that say how a record is shown. `timeZone` and `userLocale` are always in the query string."""
    cell_format = params.text(payload, "cellFormat")
    if cell_format not in (None, "json", "string"):
        raise invalid_request()
    strings = None
    if cell_format == "string":
        zone, locale = params.text(in_query, "timeZone"), params.text(in_query, "userLocale")
        if zone is None or locale is None:
            raise invalid_request()
        strings = Strings(zone)
    only = None
    if payload.get("fields") not in (None, [], "") and "fields" in payload:
        only = frozenset(_field(table, name).id for name in params.texts(payload, "fields"))
    return Show(
        by_id=params.flag(payload, "returnFieldsByFieldId"),
        only=only,
        strings=strings,
        comment_count="commentCount" in params.texts(payload, "recordMetadata"),
        links_as_objects=params.flag(payload, "includeDateDependencyMetadata"),
    )


def read_query(table: Table, payload: dict[str, Any], in_query: dict[str, Any]) -> Query:
    """A list request from its parameters. Raises Refusal 422."""
    size = params.whole_number(payload, "pageSize")
    if size is not None and not 0 <= size <= PAGE_SIZE:
        raise Refusal(422, "INVALID_PAGE_SIZE_ARGUMENT", "Page size argument should be between 0 and 100")
    most = params.whole_number(payload, "maxRecords")
    if most is not None and most < 0:
        raise invalid_request()
    view = params.text(payload, "view")
    if view is not None and table.view(view) is None:
        kind = "VIEW_ID_NOT_FOUND" if ids.is_airtable_id(view, "viw") else "VIEW_NAME_NOT_FOUND"
        raise Refusal(422, kind, f"View {view} not found")
    formula = params.text(payload, "filterByFormula")
    return Query(
        show=read_show(table, payload, in_query),
        program=None if formula is None else _program(table, formula),
        sort=_read_sort(table, payload.get("sort")),
        page_size=PAGE_SIZE if size is None else size,
        most=most,
        offset=params.text(payload, "offset"),
    )


def _field(table: Table, name: str) -> Field:
    found = table.field(name)
    if found is None:
        raise unknown_field(name)
    return found


def _program(table: Table, formula: str) -> Program:
    def resolve(name: str) -> str | None:
        found = table.loosely(name)
        return found.id if found else None

    try:
        return parse(formula).bind(resolve)
    except FormulaError as error:
        raise bad_formula(error.message) from None


def _read_sort(table: Table, sort: Any) -> tuple[tuple[Field, bool], ...]:
    """`[{"field", "direction"?}]` as (field, descending)."""
    if sort in (None, []):
        return ()
    if not isinstance(sort, list):
        raise invalid_request()
    read = []
    for element in sort:
        if not isinstance(element, dict) or not isinstance(element.get("field"), str):
            raise invalid_request()
        direction = "asc" if element.get("direction") in (None, "") else element["direction"]
        if direction not in ("asc", "desc"):
            raise invalid_request()
        read.append((_field(table, element["field"]), direction == "desc"))
    return tuple(read)


# ---------------------------------------------------------------------- answering


def show_record(engine: Engine, reader: Reader, record: Record, show: Show) -> dict[str, Any]:
    """One record, shown as requested."""
    only = None if show.only is None else set(show.only)
    shown = reader.record(record, by_id=show.by_id, only=only, text=show.strings)
    if show.comment_count:
        shown["commentCount"] = engine.comments.count(record.seq)
    if show.links_as_objects and show.strings is None:
        for field in record.table.fields:
            key = field.id if show.by_id else field.name
            if field.is_link and key in shown["fields"]:
                shown["fields"][key] = [{"id": element} for element in shown["fields"][key]]
    return shown


async def list_records(engine: Engine, iterators: Iterators, table: Table, query: Query) -> dict[str, Any]:
    """One page: `{"records": [...], "offset"?}`. Raises Refusal."""
    now = engine.state.clock.time()
    if query.offset is not None:
        life = engine.state.settings.list_iterator_seconds
        iterator, position, taken = iterators.resume(query.offset, table, now, life)
    else:
        order = None
        if query.program is not None or query.sort:
            order = await _order(engine, table, query)
        iterator, position, taken = Iterator(ids.airtable_id("itr"), table, order, now), 0, 0
    size = query.page_size if query.most is None else min(query.page_size, query.most - taken)
    records, following = _page(engine, iterator, position, size)
    reader = engine.reader()
    reader.look_ahead(records)
    response: dict[str, Any] = {"records": [show_record(engine, reader, record, query.show) for record in records]}
    taken += len(records)
    if size > 0 and following is not None and (query.most is None or taken < query.most):
        iterator.starts[following[0]] = (following[1], taken)
        iterators.keep(iterator)
        response["offset"] = f"{iterator.id}/{following[0]}"
    return response


def _page(engine: Engine, iterator: Iterator, position: int, size: int) -> tuple[list[Record], tuple[str, int] | None]:
    """A page's records, and (id, position) of the record after it. A position is a row number or a place in `order`."""
    if size <= 0:
        return [], None
    if iterator.order is None:
        found = engine.records.after(iterator.table, position, size + 1)
        return found[:size], (found[size].id, found[size - 1].seq) if len(found) > size else None
    here = iterator.order[position : position + size + 1]
    by_seq = engine.records.by_seqs(here)
    records = [by_seq[seq] for seq in here[:size] if seq in by_seq]
    if len(here) <= size:
        return records, None
    after = by_seq.get(here[size])
    return records, (after.id if after else ids.airtable_id("rec"), position + size)


async def _order(engine: Engine, table: Table, query: Query) -> array[int]:
    """The row numbers of every record the query keeps, in its order."""
    reader = engine.reader()
    keys: list[Any] = []
    order = array("q")
    found = _candidates(engine, table, query.program)
    async for record in found if found is not None else _scan(engine, table):
        row = RowView(reader, record)
        if query.program is not None and not query.program.keeps(row):
            continue
        order.append(record.seq)
        if query.sort:
            keys.append([_sort_key(row, element) for element, _ in query.sort])
        elif query.most is not None and len(order) >= query.most:
            break
    if not query.sort:
        return order
    places = list(range(len(order)))
    for index in range(len(query.sort) - 1, -1, -1):
        places.sort(key=lambda place, at=index: keys[place][at], reverse=query.sort[index][1])  # type: ignore[misc]
    return array("q", [order[place] for place in places])


async def _scan(engine: Engine, table: Table) -> AsyncIterator[Record]:
    """Every record in creation order, letting other requests in between. Raises Refusal when it takes too long."""
    seq, began = 0, time.monotonic()
    pause = began + _SLICE_SECONDS
    while batch := engine.records.after(table, seq, 500):
        for record in batch:
            yield record
            now = time.monotonic()
            if now > pause:
                if now - began > _SCAN_SECONDS:
                    raise timed_out()
                await asyncio.sleep(0)
                pause = time.monotonic() + _SLICE_SECONDS
        seq = batch[-1].seq


def _candidates(engine: Engine, table: Table, program: Program | None) -> AsyncIterator[Record] | None:
    """What the indexes find for a filter, a superset in creation order; None where every record must be looked at."""
    if program is None or program.lookup is None:
        return None
    found = _looked_up(engine, table, program.lookup)
    if found is None:
        return None
    return _each([found[seq] for seq in sorted(found)])


async def _each(records: list[Record]) -> AsyncIterator[Record]:
    for record in records:
        yield record


def _looked_up(engine: Engine, table: Table, lookup: Lookup) -> dict[int, Record] | None:
    match lookup:
        case ByRecordId(wanted):
            found = engine.records.by_ids(wanted).values()
            return {record.seq: record for record in found if record.table.id == table.id}
        case ByText(field_id, texts):
            sort_field = table.by_id[field_id]
            # Only where the kept value is the very text that a formula sees.
            if sort_field.type not in TEXT_TYPES and sort_field.type != "singleSelect":
                return None
            return {record.seq: record for record in engine.records.with_value(sort_field, texts)}
        case AnyOf(parts):
            every: dict[int, Record] = {}
            for part in parts:
                some = _looked_up(engine, table, part)
                if some is None:
                    return None
                every |= some
            return every


def _sort_key(row: RowView, sort_field: Field) -> tuple[int, Any]:
    """Blanks first; selects by their options' order; text without regard to case, then with."""
    value = row.value(sort_field.id)
    if value is None or value == "" or value == []:
        return (0, 0)
    if sort_field.type == "singleSelect" and value in (names := sort_field.choice_names()):
        return (1, names.index(str(value)))
    if isinstance(value, list):
        if sort_field.type == "multipleSelects":
            names = sort_field.choice_names()
            return (1, [names.index(str(name)) if name in names else len(names) for name in value])
        value = ", ".join(map(str, value))
    if isinstance(value, bool):
        return (1, int(value))
    if isinstance(value, int | float):
        return (1, value)
    if isinstance(value, str):
        return (2, (value.casefold(), value))
    if hasattr(value, "isoformat"):
        return (3, value.isoformat())
    return (4, str(value))
