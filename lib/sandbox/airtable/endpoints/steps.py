"""What endpoints share: reading what a request names and brings, and writing in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from starlette.requests import Request

from sandbox.airtable import params
from sandbox.airtable.engine import Engine
from sandbox.airtable.errors import bad_body, invalid_request, model_not_found, too_large
from sandbox.airtable.records import Record
from sandbox.airtable.schema import Base, Table
from sandbox.airtable.writing import Writer
from sandbox.web import BadBody, BodyTooLarge, Handler, parse_json, read_body, segment

Route = tuple[str, str, Handler]

_T = TypeVar("_T")

BODY_LIMIT = 10_000_000  # bytes; the real bound is not published, an upload of 5 MB in base64 must pass


def query_of(request: Request) -> dict[str, Any]:
    """The query string, in the shape of a JSON body."""
    return params.from_query(request.query_params.multi_items())


async def body_of(request: Request) -> dict[str, Any]:
    """The request's JSON object; an empty body is an empty object. Raises Refusal 400, 413 or 422."""
    try:
        body = await read_body(request, BODY_LIMIT)
        payload = parse_json(body) if body.strip() else {}
    except BodyTooLarge:
        raise too_large() from None
    except BadBody:
        raise bad_body() from None
    if not isinstance(payload, dict):
        raise invalid_request()
    return payload


def meta_base_of(engine: Engine, request: Request) -> Base:
    """The base in the path of a Meta API or webhook call. Raises Refusal 403."""
    return engine.base(segment(request, "base"), missing=model_not_found())


def table_of(engine: Engine, request: Request) -> Table:
    """The table in the path of a data call. Raises Refusal 404 for the base, 403 for the table."""
    return engine.table(segment(request, "base"), segment(request, "table"))


def record_of(engine: Engine, request: Request) -> tuple[Base, Record]:
    """The record in the path. It may live in another table of the base than the path says [D]. Raises Refusal."""
    base = engine.base(segment(request, "base"))
    if "table" in request.path_params and base.table(segment(request, "table")) is None:
        raise model_not_found()
    return base, engine.record(base, segment(request, "record"))


def transact(engine: Engine, base: Base, change: Callable[[Writer], _T], *, typecast: bool = False) -> _T:
    """Make a change wholly or not at all, and tell the base's webhooks and the counts of it."""
    with engine.store.transaction():
        writer = Writer(engine, base, typecast=typecast)
        made = change(writer)
        engine.webhooks.record(writer.journal)
    engine.state.stats.wrote("airtable", base.id, writer.written)
    return made
