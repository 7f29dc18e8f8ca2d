"""Wix Data over HTTP: one request at a time, repeated where that is safe, error responses that say what to do.

    client = WixClient(settings.wix_url, settings.wix_key, settings.site_id)
    client.count("Carriers")
    items, more = client.query("Carriers", filter={"_id": {"$gt": last}}, sort=("_id", "ASC"), limit=1000)

Its methods only read. Writes go through `request`, from modules that say so in their name: `cutover.freeze`, `secrets`,
`writing` (for reverse sync), `records.wix`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from runbook.errors import SettingError, WixError
from runbook.http import HttpClient, Repeat, Response
from runbook.json_types import Item, Json
from runbook.patience import is_too_late, turn_limit

DATA = "/wix-data/v2"
SECRETS = "/_api/cloud-secrets-vault-server/api/v1"

MAX_PAGE = 1000
TOO_MUCH = frozenset({"WDE0028", "WDE0180", "WDE0109"})
"""Codes where a smaller page may succeed: out of time, response or request too large."""

NO_COLLECTION = frozenset({"WDE0025", "WDE0026"})
"""Codes by which Wix itself says that a collection does not exist, or was removed."""

QUOTA_WAITS = (3.0, 6.0, 12.0, 24.0, 48.0, *[60.0] * 5)  # the quota is a minute's
_UNRESOLVED_WAITS = (3.0,)  # a site that was just made is not found once
TROUBLE_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
_BRIEF = (2.0, 12.0)  # seconds to connect and to respond; a bulk write may take ten
_DRAFTS = {"includeDraftItems": True}

_HINTS = {
    "401": "WIX_API_KEY is not accepted: make a key in the Wix account's API Keys Manager and set all of it (IST.…)",
    "WDE0027": "the key in WIX_API_KEY lacks the permission: give it {permission} for this site",
    "403": "the key in WIX_API_KEY lacks the permission: give it {permission} for this site",
    "WDE0110": "Wix Data is off for this site: open its editor and turn on the CMS",
    "WDE0117": "WIX_SITE_ID names no site that the key in WIX_API_KEY reaches: it is the part after /dashboard/ in the "
    "URL of the site's dashboard",
    "WDE0025": "the site has no such collection: names differ by case too",
    "WDE0026": "the collection was removed from the site; it can be restored in the CMS for a while",
    "WDE0014": "the site's requests per minute stayed used up; run it again when fewer other clients use the site",
    "WDE0122": "the site's quota stayed used up; run it again when fewer other clients use the site",
}


class WixTooMuch(WixError):
    """Out of time, or too large: a request for fewer rows may succeed."""


class WixClient(HttpClient):
    """One site, as one API key sees it. `timeout`: seconds to connect, and to respond; `sleep` waits between attempts.

    `trouble_waits`: seconds between attempts after a failure that may pass, other than of the quota; `quota_waits`:
    while the quota is used up.
    Raises SettingError for credentials that cannot be valid.
    """

    def __init__(
        self,
        url: str,
        key: str,
        site_id: str,
        *,
        timeout: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
        trouble_waits: tuple[float, ...] = TROUBLE_WAITS,
        quota_waits: tuple[float, ...] = QUOTA_WAITS,
    ) -> None:
        for name, value in (("WIX_API_KEY", key), ("WIX_SITE_ID", site_id)):
            if not value:
                raise SettingError(f"{name} is not set; without it no Wix site can be read")
            if not value.isascii() or not value.isprintable() or " " in value:
                raise SettingError(f"{name} holds a space, a line end or another character that no key has")
        session = requests.Session()
        session.headers.update({"Authorization": key, "wix-site-id": site_id})
        super().__init__(session, url, key, timeout=(timeout, timeout))
        self.site_id = site_id
        self.server_time: datetime | None = None
        self.requests = 0  # sent so far: each counts for the site's quota
        self._sleep, self._trouble_waits, self._quota_waits = sleep, trouble_waits, quota_waits

    @contextmanager
    def brief(self) -> Iterator[None]:
        """Within the block a request that fails is given up after seconds: somebody waits for an answer."""
        before = self._trouble_waits, self._quota_waits, self._timeout
        self._trouble_waits, self._quota_waits = before[0][:1], before[1][:2]
        self._timeout = _BRIEF
        try:
            yield
        finally:
            self._trouble_waits, self._quota_waits, self._timeout = before

    def __repr__(self) -> str:
        return f"WixClient({self.url!r}, site {self.site_id})"

    # ------------------------------------------------------------------ reading

    def query(
        self,
        collection: str,
        *,
        filter: Mapping[str, Json] | None = None,  # noqa: A002 - the API's name
        sort: tuple[str, str] = ("_id", "ASC"),
        limit: int = MAX_PAGE,
        offset: int | None = None,
        fields: tuple[str, ...] = (),
    ) -> tuple[list[Item], bool]:
        """A page of items, drafts too, from the primary; and whether Wix says that more follow.

        `sort`: (key, "ASC" | "DESC"). Raises WixTooMuch where a smaller `limit` may do, WixError.
        """
        query: dict[str, Json] = {
            "sort": [{"fieldName": sort[0], "order": sort[1]}],
            "paging": {"limit": limit, **({"offset": offset} if offset is not None else {})},
        }
        if filter:
            query["filter"] = filter
        if fields:
            query["fields"] = list(fields)
        body = {"query": query, **self._of(collection)}
        response = self.request("POST", f"{DATA}/items/query", body, what=f"query {collection}", idempotent=True)
        items = [_data(entry) for entry in _list(response, "dataItems", f"query {collection}")]
        more = (response.get("pagingMetadata") or {}).get("hasNext")
        return items, bool(more) if more is not None else len(items) == limit

    def count(self, collection: str) -> int:
        """How many items there are, drafts too, from the primary. Raises WixError."""
        what = f"count the items of {collection}"
        response = self.request("POST", f"{DATA}/items/count", self._of(collection), what=what, idempotent=True)
        total = response.get("totalCount", 0)
        if not isinstance(total, int | float):
            raise WixError(f"{what}: Wix's response has no number", status=200)
        return int(total)

    def collections(self) -> list[dict[str, Any]]:
        """Every collection of the site, as the Collections API gives them. Raises WixError.

        A response that names sources which failed is an error, not a shorter list.
        """
        what = "list the site's collections"
        found: dict[str, dict[str, Any]] = {}
        while True:
            params = {"paging.limit": "100", "paging.offset": str(len(found)), "consistentRead": "true"}
            response = self.request("GET", f"{DATA}/collections", params=params, what=what, idempotent=True)
            failed = response.get("failed_sources") or response.get("failedSources")
            if failed:
                raise WixError(f"Wix could not {what}: {', '.join(map(str, failed))} failed; run it again", status=200)
            page = _list(response, "collections", what)
            new = [entry for entry in page if entry["id"] not in found]
            found.update({entry["id"]: entry for entry in new})
            total = (response.get("pagingMetadata") or {}).get("total")
            if not new or (len(found) >= total if isinstance(total, int) else len(page) < 100):
                return list(found.values())

    def collection(self, name: str) -> dict[str, Any]:
        """One collection, as the Collections API gives it. Raises WixError (404 WDE0025)."""
        what = f"read the schema of {name}"
        params = {"consistentRead": "true"}
        path = f"{DATA}/collections/{name}"  # an id's slash is not encoded
        response = self.request("GET", path, params=params, what=what, idempotent=True)
        found = response.get("collection")
        if not isinstance(found, dict):
            raise WixError(f"{what}: Wix's response has no collection", status=200)
        return found

    def refers(self, collection: str, field: str, item_ids: list[str]) -> bool:
        """Whether any of these items (at most 1000) refers to one in a multi-reference field. Raises WixError."""
        return bool(self._references(collection, field, {"referringItemIds": item_ids}, 1, 0)[0])

    def referenced(self, collection: str, field: str, item_id: str) -> list[str | None]:
        """The `_id`s an item refers to in a multi-reference field, by when each was made; None: to nothing.

        Raises WixError (404 WDE0073 where the item itself is gone).
        """
        limit = MAX_PAGE
        found: list[str | None] = []
        while True:
            try:
                page, more = self._references(collection, field, {"referringItemId": item_id}, limit, len(found))
            except WixTooMuch:
                if limit == 1:
                    raise
                limit //= 2
                continue
            found += page
            if not page or not more:
                return found

    def _references(
        self, collection: str, field: str, items: dict[str, Json], limit: int, offset: int
    ) -> tuple[list[str | None], bool]:
        what = f"read the references {field} of {collection}"
        body = {
            **self._of(collection),
            "referringItemFieldName": field,
            **items,
            "order": "ASC",
            "fields": ["_id"],
            "paging": {"limit": limit, "offset": offset},
        }
        response = self.request("POST", f"{DATA}/items/query-referenced", body, what=what, idempotent=True)
        results = _list(response, "results", what)
        page = [_data(entry["dataItem"])["_id"] if entry.get("dataItem") else None for entry in results]
        # The paging metadata may be no more than {count}: then a short page ends.
        more = (response.get("pagingMetadata") or {}).get("hasNext")
        return page, len(page) == limit if more is None else bool(more)

    def _of(self, collection: str) -> dict[str, Json]:
        return {"dataCollectionId": collection, "consistentRead": True, "publishPluginOptions": _DRAFTS}

    # ------------------------------------------------------------------ one request

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Json] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        what: str,
        idempotent: bool = False,
        sensitive: bool = False,
        permission: str = '"Manage Data Items" and "Manage Data Collections"',
    ) -> dict[str, Any]:
        """The JSON of a 200. `what`: for errors; it holds no value of an item. `permission`: that the key needs for it.

        429 is waited out; within `runbook.patience`, only as long as the call waits. `idempotent`: doing it twice does
        what doing it once does, so 5xx, a broken connection and half a response are repeated too.
        `sensitive`: the body holds values, so Wix's message stays out of the error.
        Raises WixError; WixTooMuch where fewer rows may succeed.
        """
        quota, trouble, unresolved = iter(self._quota_waits), iter(self._trouble_waits), iter(_UNRESOLVED_WAITS)
        attempts, limit = 0, turn_limit()
        lost: WixError | None = None  # of an attempt that may have done it
        while True:
            attempts += 1
            self.requests += 1
            response = self._send(method, path, what, params=params, json=body)
            self._note(response)
            code, message = _read_error(response.payload)
            if response.error is not None:
                waits = trouble if response.repeat.allows(idempotent) else None
                error = WixError(self._describe(what, response, idempotent=idempotent, attempts=attempts))
                lost = error if response.repeat is Repeat.IF_IDEMPOTENT else lost
            elif response.status == 200 and isinstance(response.payload, dict):
                return response.payload
            else:
                error = self._error_of(
                    what, response.status, code, "" if sensitive or not idempotent else message, permission
                )
                if response.status == 429:
                    waits = quota
                elif code == "WDE0117":
                    waits = unresolved
                else:
                    passes = idempotent and response.status >= 500 and code not in TOO_MUCH
                    waits = trouble if passes else None
                    lost = error if response.status >= 500 else lost
            wait = None if waits is None else next(waits, None)
            pause = max(wait or 0.0, response.retry_after or 0.0)
            if wait is None or is_too_late(pause, limit):
                raise lost if lost is not None and response.status == 429 else error
            self._sleep(pause)

    def _note(self, response: Response) -> None:
        if not response.status:
            return
        token = response.headers.get("X-Wix-Consistent")
        if token:  # sent back, it lets this client read its own writes
            self._session.headers["X-Wix-Consistent"] = token
        try:
            self.server_time = parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError):
            self.server_time = None

    def _error_of(self, what: str, status: int, code: str | None, message: str, permission: str) -> WixError:
        hint = (_HINTS.get(code or "") or _HINTS.get(str(status), "")).format(permission=permission)
        if not hint and status == 404 and code is None:
            hint = "this is not Wix's own answer: a proxy may have given it; run it again, or check WIX_ENDPOINT_URL"
        if not hint and status >= 500:
            hint = "Wix is in trouble; run it again later"
        if not hint and 300 <= status < 400:
            hint = "WIX_ENDPOINT_URL is not the URL of Wix's API"
        name = f"HTTP {status}" + (f" {code}" if code else "")
        reason = hint or self._redact(message)[:200]
        kind = WixTooMuch if code in TOO_MUCH or status == 413 else WixError
        return kind(f"Wix refused to {what}: {name}" + (f"; {reason}" if reason else ""), status=status, code=code)


def _read_error(payload: Json) -> tuple[str | None, str]:
    """(code, message) of an error's body, in either of its two kinds."""
    if not isinstance(payload, dict):
        return None, ""
    details = payload.get("details")
    details = details if isinstance(details, dict) else {}
    known = details.get("applicationError")
    code = known.get("code") if isinstance(known, dict) else None
    message = str(payload.get("message") or "")
    if code is None and message.startswith("WDE"):
        code = message.split(":")[0]
    violations = (details.get("validationError") or {}).get("fieldViolations") or []
    if violations and isinstance(violations[0], dict):
        message = f"{violations[0].get('field')}: {violations[0].get('description')}"
    return str(code) if code else None, message


def _list(response: Mapping[str, Json], name: str, what: str) -> list[dict[str, Any]]:
    found = response.get(name)
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise WixError(f"{what}: Wix's response has no list of {name}", status=200)
    return found


def _data(entry: Mapping[str, Json]) -> Item:
    """An envelope's item; some responses have its `_id` in the envelope only."""
    data = entry.get("data")
    item: Item = data if isinstance(data, dict) else {}
    if "_id" not in item and entry.get("id"):
        item = {"_id": entry["id"], **item}
    return item
