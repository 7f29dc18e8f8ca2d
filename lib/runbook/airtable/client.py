"""Airtable's Web API as this project uses it: rate limited, repeated where that is safe, every request logged.

airtable = Airtable(key, url=url, rate_limiter=lambda base: RateLimiter(state, base, 5))
for record in airtable.records(base, "Carriers", fields=["DOT Number"]):
    ...
airtable.upsert(base, "Carriers", [{"Legacy Wix ID": "…", "DOT Number": 123}], ["Legacy Wix ID"])
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import pyairtable

from runbook.airtable import formulas
from runbook.airtable.list_query import ListQuery
from runbook.airtable.rate_limiter import NoTurn, RateLimiter
from runbook.airtable.responses import (
    ITERATOR_GONE,
    MALFORMED,
    NO_TURN,
    UNKNOWN_OUTCOME,
    WRITES,
    Scope,
    error_of,
    repeat_after,
)
from runbook.errors import AirtableError
from runbook.http import HttpClient, Repeat
from runbook.json_types import Fields, Json
from runbook.patience import is_too_late, turn_limit
from runbook.request_log import RequestLog

PER_WRITE = 10  # records a request takes; the documentation no longer says so, and more has been seen to pass
URL_LIMIT = 15_000  # characters; a list whose URL would be longer is requested by POST (16,000 are refused)
TIMEOUT = (10.0, 60.0)  # seconds: to connect, to respond
_BRIEF = (2.0, 5.0)
PER_PAGE = 100  # records a list gives at once, at the most
_TRIES = 6  # of a request whose failure may pass
_PAUSES = 10  # 429s that one request waits out
_PAUSE = 30.0  # seconds after a 429 that names none, where no base's rate limiter knows better
_RESTARTS = 5  # of a list whose iterator expired


class Airtable(HttpClient):
    """Airtable, for one token. Threads may share it; `rate_limiter` makes the one of a base.

    `timeout`: seconds to connect and to respond; `backoff`: seconds before the second of `tries`, doubled at each.

    Goes on by itself after 429 (all wait, once), 502, 503 and refused connections; after a lost response, 500 and 504
    only where doing it twice is doing it once: reads, changes by record id, upserts, deletions. Everything else raises
    AirtableError with Airtable's status, type and message; a month without API calls left raises BudgetSpent.
    Within `runbook.patience` it gives up, kind `NO_TURN`, once its turn is further away than the call waits.
    """

    def __init__(
        self,
        key: str,
        *,
        url: str,
        rate_limiter: Callable[[str], RateLimiter],
        log: RequestLog | None = None,
        timeout: tuple[float, float] = TIMEOUT,
        backoff: float = 0.5,
        tries: int = _TRIES,
    ) -> None:
        self.log = RequestLog() if log is None else log
        # pyairtable's own retries send a POST whose response was lost up to six times, and turn a 429 into an error
        # without its body: off.
        session = pyairtable.Api(key, endpoint_url=url, retry_strategy=None).session
        super().__init__(session, url, key, timeout=timeout, log=self.log)
        self._backoff = backoff
        self._tries = tries
        self._make_limiter = rate_limiter
        self.before_write: Callable[[str], None] | None = None
        """Called with the base before each request that changes its records or its schema; may raise."""
        self._limiters: dict[str, RateLimiter] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Airtable({self.url})"

    def rate_limiter(self, base: str) -> RateLimiter:
        """The rate limiter of a base."""
        with self._lock:
            if base not in self._limiters:
                self._limiters[base] = self._make_limiter(base)
            return self._limiters[base]

    @contextmanager
    def brief(self) -> Iterator[None]:
        """Within the block a request that gets no response is given up after seconds: somebody waits for an answer."""
        before = self._tries, self._timeout
        self._tries, self._timeout = min(2, self._tries), _BRIEF
        try:
            yield
        finally:
            self._tries, self._timeout = before

    # One request

    def request(
        self,
        method: str,
        path: str,
        *,
        scope: Scope | None,
        base: str | None = None,
        params: Sequence[tuple[str, str]] | None = None,
        json: Json = None,
        what: str | None = None,
        idempotent: bool | None = None,
        measure: bool = True,
        probe: bool = False,
    ) -> Json:
        """The JSON of a response, None of an empty one (204).

        `path` is under `/v0/`; `scope`: that the token needs for it; `base`: whose rate limit it keeps; `what`: for
        logs and errors.

        `idempotent`: whether it may be sent again when its response is lost; by default all but POST may.
        `measure`: feed the latency to the rate limiter. `probe`: it is meant to be refused, so it writes nothing.
        Raises AirtableError (kind `OUTCOME_UNKNOWN`: it may have been done or not; `NO_TURN`: it was not) and
        BudgetSpent.
        """
        what = what or f"{method} {path}"
        idempotent = method != "POST" if idempotent is None else idempotent
        limiter = None if base is None else self.rate_limiter(base)
        if base is not None and scope in WRITES and not probe and self.before_write is not None:
            self.before_write(base)
        failures = pauses = 0
        limit, lost = turn_limit(), None  # `lost`: an attempt that may have done it
        while True:
            try:
                if limiter is not None:
                    limiter.wait(limit)
            except NoTurn as no_turn:
                raise lost or _no_turn(what, no_turn.paused) from None
            response = self._send(method, f"/v0/{path}", what, params=params, json=json)
            if limiter is not None and measure and response.status:
                limiter.observe(response.seconds)
            if response.error is not None:
                repeat = response.repeat
                error: Exception = AirtableError(
                    self._describe(what, response, idempotent=idempotent, attempts=failures + 1),
                    status=response.status or None,
                    kind=MALFORMED if response.status else UNKNOWN_OUTCOME if repeat is Repeat.IF_IDEMPOTENT else None,
                )
            elif response.status < 300:
                return response.payload
            else:
                repeat, error = repeat_after(response), error_of(what, scope, response, self._redact)
            if repeat is Repeat.PAUSE and pauses < _PAUSES:
                pauses += 1
                try:
                    self._pause(limiter, response.retry_after, limit)
                except NoTurn as no_turn:
                    raise lost or _no_turn(what, no_turn.paused) from None
                continue
            failures += 1
            if repeat is Repeat.IF_IDEMPOTENT:
                lost = error
            backoff = self._backoff * 2 ** (failures - 1) * random.uniform(0.75, 1.25)
            backoff = backoff if response.retry_after is None else response.retry_after
            if not repeat.allows(idempotent) or failures >= self._tries or is_too_late(backoff, limit):
                raise error
            time.sleep(backoff)

    @staticmethod
    def _pause(limiter: RateLimiter | None, seconds: float | None, limit: float) -> None:
        if limiter is not None:
            limiter.pause(seconds, limit)
            return
        seconds = _PAUSE if seconds is None else seconds
        if is_too_late(seconds, limit):
            raise NoTurn(seconds)
        time.sleep(seconds)

    # Who and which bases

    def whoami(self) -> dict[str, Json]:
        """`{"id": "usr…"}`, for OAuth tokens with their scopes."""
        return dict(self.request("GET", "meta/whoami", scope=None, what="read who the token is"))

    def bases(self) -> list[dict[str, Json]]:
        """Every base that the token reaches: `{"id", "name", "permissionLevel"}`."""
        found: list[dict[str, Json]] = []
        offset: str | None = None
        while True:
            params = [("offset", offset)] if offset else None
            page = self.request("GET", "meta/bases", scope="schema.bases:read", params=params, what="list bases")
            found += page["bases"]
            offset = page.get("offset")
            if not offset:
                return found

    def create_base(self, name: str, workspace: str, tables: Sequence[dict[str, Json]]) -> dict[str, Json]:
        """A new base: `{"id", "tables"}`. Never sent twice."""
        body = {"name": name, "workspaceId": workspace, "tables": list(tables)}
        what = "create the base"
        return dict(self.request("POST", "meta/bases", scope="schema.bases:write", json=body, what=what))

    # The schema of a base

    def tables(self, base: str) -> list[dict[str, Json]]:
        """Every table with its columns and views."""
        path = f"meta/bases/{base}/tables"
        page = self.request("GET", path, scope="schema.bases:read", base=base, what="read the schema")
        return list(page["tables"])

    def create_table(self, base: str, spec: dict[str, Json]) -> dict[str, Json]:
        """A new table: its schema. Never sent twice."""
        return self._change_schema("POST", base, "", spec, f"create the table {spec.get('name')!r}")

    def update_table(self, base: str, table: str, changes: dict[str, Json]) -> dict[str, Json]:
        """Rename or describe a table; its schema."""
        return self._change_schema("PATCH", base, f"/{_segment(table)}", changes, f"change the table {table}")

    def create_field(self, base: str, table: str, spec: dict[str, Json]) -> dict[str, Json]:
        """A new column: its schema. Never sent twice."""
        path = f"/{_segment(table)}/fields"
        return self._change_schema("POST", base, path, spec, f"create the column {spec.get('name')!r}")

    def update_field(self, base: str, table: str, field: str, changes: dict[str, Json]) -> dict[str, Json]:
        """Rename or describe a column; its schema."""
        path = f"/{_segment(table)}/fields/{field}"
        return self._change_schema("PATCH", base, path, changes, f"change the column {field}")

    def _change_schema(self, method: str, base: str, path: str, spec: Json, what: str) -> dict[str, Json]:
        path = f"meta/bases/{base}/tables{path}"
        what = f"{what} in the schema"
        return dict(self.request(method, path, scope="schema.bases:write", base=base, json=spec, what=what))

    # Records

    def records(
        self,
        base: str,
        table: str,
        *,
        fields: Iterable[str] | None = None,
        formula: str | None = None,
        sort: Iterable[str] | None = None,
        page_size: int = PER_PAGE,
    ) -> Iterator[dict[str, Json]]:
        """Records as `{"id", "createdTime", "fields"}`, each once, read page by page. Empty cells are left out.

        `fields`: only these columns (`[]`: all, as Airtable takes it). `sort`: columns, `-Name` for descending. A list
        whose iterator expires is started again. A filter too long for a URL goes by POST.
        """
        query = ListQuery(base, table, list(fields or ()), formula, list(sort or ()), page_size)
        seen: set[str] = set()
        offset: str | None = None
        restarts = 0
        while True:
            try:
                page = self._page(query, offset)
            except AirtableError as error:
                if error.kind != ITERATOR_GONE or restarts == _RESTARTS:
                    raise
                restarts, offset = restarts + 1, None
                continue
            for record in page["records"]:
                if record["id"] not in seen:
                    seen.add(record["id"])
                    yield record
            offset = page.get("offset")
            if not offset:
                return

    def _page(self, query: ListQuery, offset: str | None) -> Json:
        path = f"{query.base}/{_segment(query.table)}"
        params = query.params(offset)
        by_get = len(urlencode(params)) + len(self.url) + len(path) < URL_LIMIT
        return self.request(
            "GET" if by_get else "POST",
            path if by_get else f"{path}/listRecords",
            scope="data.records:read",
            base=query.base,
            params=params if by_get else None,
            json=None if by_get else query.body(offset),
            what=f"list records of {query.table}",
            idempotent=True,
            measure=offset is not None or query.formula is None,  # a filter is evaluated at the first page
        )

    def upsert(
        self,
        base: str,
        table: str,
        rows: Sequence[Fields],
        merge_on: Sequence[str],
        *,
        typecast: bool = False,
    ) -> list[dict[str, Json]]:
        """Change the records that have the same cells in `merge_on`, create the others; at most ten, all or none.

        `None` empties a cell. Returns complete records, in the order of the rows. Raises ValueError, before anything is
        sent, for a row without a value to merge on, which Airtable would create at every call.
        """
        _check_size(rows)
        for row in rows:
            if any(row.get(name) in (None, "", []) for name in merge_on):
                raise ValueError(f"a row has nothing in {', '.join(merge_on)}; an upsert would create it at each call")
        body = {"performUpsert": {"fieldsToMergeOn": list(merge_on)}, "records": [{"fields": row} for row in rows]}
        return self._write("PATCH", base, table, body, typecast, f"upsert {table}")

    def update(
        self, base: str, table: str, records: Sequence[dict[str, Json]], *, typecast: bool = False
    ) -> list[dict[str, Json]]:
        """Change cells of records, `{"id", "fields"}`, at most ten, all or none; cells not named stay."""
        _check_size(records)
        return self._write("PATCH", base, table, {"records": list(records)}, typecast, f"update {table}")

    def create(
        self, base: str, table: str, rows: Sequence[Fields], *, typecast: bool = False, probe: bool = False
    ) -> list[dict[str, Json]]:
        """New records, at most ten, all or none. Never sent twice: a lost response is `OUTCOME_UNKNOWN`.

        `probe`: as in `request`.
        """
        _check_size(rows)
        body: dict[str, Json] = {"records": [{"fields": row} for row in rows]}
        return self._write("POST", base, table, body, typecast, f"create {table}", probe=probe)

    def delete(self, base: str, table: str, ids: Sequence[str]) -> list[str]:
        """Delete records by id, at most ten; returns those it deleted. Those that are gone already are ignored."""
        _check_size(ids)
        left = list(ids)
        while left:
            try:
                payload = self.request(
                    "DELETE",
                    f"{base}/{_segment(table)}",
                    scope="data.records:write",
                    base=base,
                    params=[("records[]", record) for record in left],
                    what=f"delete {table}",
                )
                return [record["id"] for record in payload["records"] if record.get("deleted")]
            except AirtableError as error:
                # All or none: one that is gone (by the same request, whose response was lost) keeps the others.
                if error.kind != "NOT_FOUND" and error.status not in (403, 422):
                    raise
                wanted = formulas.any_of(f"RECORD_ID()={formulas.text(record)}" for record in left)
                existing = {record["id"] for record in self.records(base, table, formula=wanted)}
                if existing == set(left):
                    raise
                left = [record for record in left if record in existing]
        return []

    def _write(
        self,
        method: str,
        base: str,
        table: str,
        body: dict[str, Json],
        typecast: bool,
        what: str,
        *,
        probe: bool = False,
    ) -> list[dict[str, Json]]:
        if typecast:
            body["typecast"] = True
        path = f"{base}/{_segment(table)}"
        payload = self.request(method, path, scope="data.records:write", base=base, json=body, what=what, probe=probe)
        return list(payload["records"])


def _no_turn(what: str, paused: float) -> AirtableError:
    why = f"it has answered 429, and all pause for another {paused:.0f} s" if paused > 0 else "too many are queued"
    message = f"{what}: the base takes no request as soon as this call needs it ({why}); nothing was done"
    return AirtableError(message, kind=NO_TURN)


def _segment(name: str) -> str:
    return quote(name, safe="")


def _check_size(rows: Sequence[Any]) -> None:
    if not 1 <= len(rows) <= PER_WRITE:
        raise ValueError(f"{len(rows)} records in one request; it takes 1 to {PER_WRITE}")
