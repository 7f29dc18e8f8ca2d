"""Airtable's Web API as this project uses it: paced, retried where that is safe, every request noted.

airtable = Airtable(key, rate_limiter=lambda base: RateLimiter(state, base, 5))
for record in airtable.records(base, "Carriers", fields=["DOT Number"]):
    ...
airtable.upsert(base, "Carriers", [{"Legacy Wix ID": "…", "DOT Number": 123}], ["Legacy Wix ID"])
"""

from __future__ import annotations

import json as json_module
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import pyairtable
import requests

from runbook.airtable import formulas
from runbook.airtable.listing import Asked
from runbook.airtable.rate_limiter import RateLimiter
from runbook.airtable.responses import (
    BILLING,
    ITERATOR_GONE,
    MALFORMED,
    UNKNOWN_OUTCOME,
    Again,
    again_after,
    again_after_error,
    failure,
    read_refusal,
    seconds_asked,
)
from runbook.errors import AirtableError, BudgetSpent
from runbook.json_types import Fields, Json
from runbook.request_log import RequestLog

URL = "https://api.airtable.com"
PER_WRITE = 10  # records a request takes; the documentation no longer says so, and more has been seen to pass
URL_LIMIT = 15_000  # characters from which on a list is asked for by POST; 16,000 are refused
TIMEOUT = (10, 60)  # seconds: to connect, to answer
_TRIES = 6  # of a request that fails in a way that passes
_PAUSES = 10  # 429s that one request sits out
_RESTARTS = 5  # of a list whose iterator expired


class Airtable:
    """Airtable, for one token. Threads may share it; `rate_limiter` makes the one of a base.

    `timeout`: seconds to connect and to answer; `backoff`: seconds before the second of `tries`, doubled at each.

    Goes on by itself after 429 (all wait, once), 502, 503 and refused connections; after a lost answer, 500 and 504
    only where doing it twice is doing it once: reads, changes by record id, upserts, deletions. Everything else raises
    AirtableError with Airtable's status, type and words; a spent month raises BudgetSpent.
    """

    def __init__(
        self,
        key: str,
        *,
        url: str = URL,
        rate_limiter: Callable[[str], RateLimiter],
        log: RequestLog | None = None,
        timeout: tuple[float, float] = TIMEOUT,
        backoff: float = 0.5,
        tries: int = _TRIES,
    ) -> None:
        # pyairtable's own retries send a POST whose answer was lost up to six times, and turn a 429 into an error
        # without its body: off.
        self._api = pyairtable.Api(key, endpoint_url=url, retry_strategy=None)
        self._session = self._api.session
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._backoff = backoff
        self._tries = tries
        self._make_limiter = rate_limiter
        self._limiters: dict[str, RateLimiter] = {}
        self._lock = threading.Lock()
        self.log = log if log is not None else RequestLog()
        _settle(self._session, self._url)

    def __repr__(self) -> str:
        return f"Airtable({self._url})"

    def close(self) -> None:
        """Close its connections; it may be used again."""
        self._session.close()

    def rate_limiter(self, base: str) -> RateLimiter:
        """The pace of a base."""
        with self._lock:
            if base not in self._limiters:
                self._limiters[base] = self._make_limiter(base)
            return self._limiters[base]

    # One request

    def request(
        self,
        method: str,
        path: str,
        *,
        base: str | None = None,
        params: Sequence[tuple[str, str]] | None = None,
        json: Json = None,
        what: str | None = None,
        idempotent: bool | None = None,
        telling: bool = True,
    ) -> Json:
        """The JSON of an answer, None of an empty one (204).

        `path` is under `/v0/`; `base`: whose pace it keeps; `what`: for logs and errors.

        `idempotent`: whether it may go out again when its answer is lost; by default all but POST may.
        `telling`: whether its round trip tells how long the way to Airtable is.
        Raises AirtableError (kind `OUTCOME_UNKNOWN`: it may have been done or not) and BudgetSpent.
        """
        what = what or f"{method} {path}"
        again_always = method != "POST" if idempotent is None else idempotent
        limiter = None if base is None else self.rate_limiter(base)
        address = f"{self._url}/v0/{path}" + (f"?{urlencode(params)}" if params else "")
        body = None if json is None else json_module.dumps(json, separators=(",", ":"), allow_nan=False).encode()
        tries = pauses = 0
        while True:
            if limiter is not None:
                limiter.wait()
            answer, error = self._send(method, address, body, what, limiter if telling else None)
            if answer is not None and answer.status_code == 204:
                return None
            if answer is not None and answer.status_code < 300:
                try:
                    return json_module.loads(answer.content)
                except ValueError:
                    again, wait = Again.IF_IDEMPOTENT, None
                    error = AirtableError(f"{what}: the answer is not JSON", status=answer.status_code, kind=MALFORMED)
            elif answer is not None:
                refused = read_refusal(answer.content)
                if refused.kind == BILLING:
                    raise BudgetSpent(
                        f"{what}: the workspace's API calls of this month are used up ({BILLING}); what was written "
                        "stands. Go on after the first of next month, or after a change of plan, with the same command"
                    )
                again, wait = again_after(answer.status_code), seconds_asked(answer.headers)
                error = failure(what, answer.status_code, refused)
            else:
                assert isinstance(error, requests.RequestException)
                again, wait = again_after_error(error), None
                error = _broken(what, self._url, error, again)
            assert isinstance(error, AirtableError)
            if again is Again.PAUSE and pauses < _PAUSES:
                pauses += 1
                if limiter is not None:
                    limiter.pause(wait)
                else:
                    time.sleep(30.0 if wait is None else wait)
                continue
            repeatable = again is Again.ALWAYS or (again is Again.IF_IDEMPOTENT and again_always)
            tries += 1
            if not repeatable or tries >= self._tries:
                raise error
            if wait is None:
                wait = self._backoff * 2 ** (tries - 1) * random.uniform(0.75, 1.25)
            time.sleep(wait)

    def _send(
        self, method: str, address: str, body: bytes | None, what: str, limiter: RateLimiter | None
    ) -> tuple[requests.Response | None, Exception | None]:
        began, clock = time.time(), time.monotonic()
        headers = None if body is None else {"Content-Type": "application/json"}
        status = 0
        try:
            answer = self._session.request(
                method, address, data=body, headers=headers, timeout=self._timeout, allow_redirects=False
            )
            status = answer.status_code
        except requests.RequestException as error:
            return None, error
        finally:
            self.log.add(began, status, method, what)
        if limiter is not None:
            limiter.observe(time.monotonic() - clock)
        return answer, None

    # Who and which bases

    def whoami(self) -> dict[str, Json]:
        """`{"id": "usr…"}`, for OAuth tokens with their scopes."""
        return _object(self.request("GET", "meta/whoami", what="read who the token is"))

    def bases(self) -> list[dict[str, Json]]:
        """Every base that the token reaches: `{"id", "name", "permissionLevel"}`."""
        found: list[dict[str, Json]] = []
        offset: str | None = None
        while True:
            params = [("offset", offset)] if offset else None
            page = self.request("GET", "meta/bases", params=params, what="list bases")
            found += page["bases"]
            offset = page.get("offset")
            if not offset:
                return found

    def create_base(self, name: str, workspace: str, tables: Sequence[dict[str, Json]]) -> dict[str, Json]:
        """A new base: `{"id", "tables"}`. Never sent twice."""
        body = {"name": name, "workspaceId": workspace, "tables": list(tables)}
        return _object(self.request("POST", "meta/bases", json=body, what="create the base"))

    # The schema of a base

    def tables(self, base: str) -> list[dict[str, Json]]:
        """Every table with its columns and views."""
        found = self.request("GET", f"meta/bases/{base}/tables", base=base, what="read the schema")
        return list(found["tables"])

    def create_table(self, base: str, spec: dict[str, Json]) -> dict[str, Json]:
        """A new table: its schema. Never sent twice."""
        what = f"create the table {spec.get('name')!r} in the schema"
        return _object(self.request("POST", f"meta/bases/{base}/tables", base=base, json=spec, what=what))

    def update_table(self, base: str, table: str, changes: dict[str, Json]) -> dict[str, Json]:
        """Rename or describe a table; its schema."""
        path = f"meta/bases/{base}/tables/{_segment(table)}"
        return _object(
            self.request("PATCH", path, base=base, json=changes, what=f"change the table {table} in the schema")
        )

    def create_field(self, base: str, table: str, spec: dict[str, Json]) -> dict[str, Json]:
        """A new column: its schema. Never sent twice."""
        path = f"meta/bases/{base}/tables/{_segment(table)}/fields"
        what = f"create the column {spec.get('name')!r} in the schema"
        return _object(self.request("POST", path, base=base, json=spec, what=what))

    def update_field(self, base: str, table: str, field: str, changes: dict[str, Json]) -> dict[str, Json]:
        """Rename or describe a column; its schema."""
        path = f"meta/bases/{base}/tables/{_segment(table)}/fields/{field}"
        what = f"change the column {field} in the schema"
        return _object(self.request("PATCH", path, base=base, json=changes, what=what))

    # Records

    def records(
        self,
        base: str,
        table: str,
        *,
        fields: Iterable[str] | None = None,
        formula: str | None = None,
        sort: Iterable[str] | None = None,
        page_size: int = 100,
    ) -> Iterator[dict[str, Json]]:
        """Records as `{"id", "createdTime", "fields"}`, each once, read page by page. Empty cells are left out.

        `fields`: only these columns (`[]`: Airtable takes it as all). `sort`: columns, `-Name` for descending. A list
        whose iterator expires on the way is begun anew. A filter too long for an address goes by POST.
        """
        asked = Asked(base, table, list(fields or ()), formula, list(sort or ()), page_size)
        seen: set[str] = set()
        offset: str | None = None
        restarts = 0
        while True:
            try:
                page = self._page(asked, offset)
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

    def _page(self, asked: Asked, offset: str | None) -> Json:
        path = f"{asked.base}/{_segment(asked.table)}"
        told: dict[str, Any] = {
            "base": asked.base,
            "what": f"list records of {asked.table}",
            "idempotent": True,
            "telling": offset is not None or asked.formula is None,  # a filter is worked out at the first page
        }
        params = asked.params(offset)
        if len(urlencode(params)) + len(self._url) + len(path) < URL_LIMIT:
            return self.request("GET", path, params=params, **told)
        return self.request("POST", f"{path}/listRecords", json=asked.body(offset), **told)

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

        `None` empties a cell. The records whole, in the order of the rows. Raises ValueError, before anything is sent,
        for a row without a value to merge on, which Airtable would create at every call.
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

    def create(self, base: str, table: str, rows: Sequence[Fields], *, typecast: bool = False) -> list[dict[str, Json]]:
        """New records, at most ten, all or none. Never sent twice: a lost answer is `OUTCOME_UNKNOWN`."""
        _check_size(rows)
        return self._write(
            "POST", base, table, {"records": [{"fields": row} for row in rows]}, typecast, f"create {table}"
        )

    def delete(self, base: str, table: str, ids: Sequence[str]) -> list[str]:
        """Delete records by id, at most ten; gives those it deleted. Those already gone are passed over."""
        _check_size(ids)
        left = list(ids)
        deleted: list[str] = []
        while left:
            try:
                params = [("records[]", record) for record in left]
                path = f"{base}/{_segment(table)}"
                told = self.request("DELETE", path, base=base, params=params, what=f"delete {table}")
                return [*deleted, *(record["id"] for record in told["records"] if record.get("deleted"))]
            except AirtableError as error:
                # All or none: one that is gone (by the same request, whose answer was lost) keeps the others.
                if error.kind != "NOT_FOUND" and error.status not in (403, 422):
                    raise
                wanted = formulas.any_of(f"RECORD_ID()={formulas.text(record)}" for record in left)
                there = {record["id"] for record in self.records(base, table, formula=wanted)}
                if there == set(left):
                    raise
                left = [record for record in left if record in there]
        return deleted

    def _write(
        self, method: str, base: str, table: str, body: dict[str, Json], typecast: bool, what: str
    ) -> list[dict[str, Json]]:
        if typecast:
            body["typecast"] = True
        told = self.request(method, f"{base}/{_segment(table)}", base=base, json=body, what=what)
        return list(told["records"])


def _broken(what: str, url: str, error: requests.RequestException, again: Again) -> AirtableError:
    name = type(error).__name__
    if again is Again.ALWAYS:
        return AirtableError(f"{what}: {url} cannot be reached ({name}); nothing was sent")
    if again is Again.NEVER:
        return AirtableError(f"{what}: {url} cannot be spoken to ({name}); nothing was done")
    return AirtableError(
        f"{what}: the connection broke before the answer came ({name}); whether it was done is not known",
        kind=UNKNOWN_OUTCOME,
    )


def _settle(session: requests.Session, url: str) -> None:
    """Read proxies and certificates from the environment once: `requests` does so for each request, and lets ~/.netrc
    replace the token."""
    settings = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies.update(settings["proxies"])
    session.verify = settings["verify"]
    session.trust_env = False
    adapter = requests.adapters.HTTPAdapter(pool_connections=2, pool_maxsize=16)
    session.mount("https://", adapter)
    session.mount("http://", adapter)


def _segment(name: str) -> str:
    return quote(name, safe="")


def _check_size(rows: Sequence[Any]) -> None:
    if not 1 <= len(rows) <= PER_WRITE:
        raise ValueError(f"{len(rows)} records in one request; it takes 1 to {PER_WRITE}")


def _object(told: Json) -> dict[str, Json]:
    return dict(told)
