"""Wix Data over HTTP: one request at a time, tried again where that is right, refusals as errors that say what to do.

    client = WixClient(settings.wix_url, settings.wix_key, settings.site_id)
    client.count("Carriers")
    items, more = client.query("Carriers", filter={"_id": {"$gt": last}}, sort=("_id", "ASC"), limit=1000)

Reading is all that its methods do. Writes go through `ask`, from modules that say so in their name: `freeze`,
`secrets`, `writing` (for reverse sync).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.auth import AuthBase

from runbook.errors import SettingError, WixError
from runbook.json_types import Item, Json

DATA = "/wix-data/v2"
SECRETS = "/_api/cloud-secrets-vault-server/api/v1"

MAX_PAGE = 1000
TOO_MUCH = frozenset({"WDE0028", "WDE0180", "WDE0109"})
"""Codes that a smaller page may cure: out of time, answer or request too large."""

_QUOTA_WAITS = (
    3.0,
    6.0,
    12.0,
    24.0,
    48.0,
    60.0,
    60.0,
    60.0,
    60.0,
    60.0,
)  # Wix: 3, 6, 12 … 60 s; the quota is a minute's
TROUBLE_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
_LONGEST_WAIT = 300.0
_DRAFTS = {"includeDraftItems": True}

_HINTS = {
    "401": "WIX_API_KEY is not accepted: make a key in the Wix account's API Keys Manager and set it whole (IST.…)",
    "WDE0027": "the key in WIX_API_KEY lacks the permission: give it {permission} for this site",
    "403": "the key in WIX_API_KEY lacks the permission: give it {permission} for this site",
    "WDE0110": "Wix Data is not on for this site: open its editor and turn on the CMS",
    "WDE0117": "WIX_SITE_ID names no site that the key in WIX_API_KEY reaches: it is the part after /dashboard/ in the "
    "address of the site's dashboard",
    "WDE0025": "the site has no such collection: names differ by case too",
    "WDE0026": "the collection was removed from the site; it can be restored in the CMS for a while",
    "WDE0014": "the site's requests per minute stayed used up; run it again when less else asks the site",
    "WDE0122": "the site's quota stayed used up; run it again when less else asks the site",
}


class WixTooMuch(WixError):
    """Out of time, or too large: fewer rows a request may do."""


class _Credentials(AuthBase):
    # As an auth object, so that no .netrc takes its place and no repr of the session shows it.
    def __init__(self, key: str, site_id: str) -> None:
        self._key, self._site_id = key, site_id

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._key
        request.headers["wix-site-id"] = self._site_id
        return request


class WixClient:
    """One site, as one API key sees it. `timeout`: seconds for an answer; `sleep` waits between tries.

    `trouble_waits`: seconds between tries of what failed in a way that passes, other than by the quota.
    Raises SettingError for credentials that cannot be any.
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
    ) -> None:
        for name, value in (("WIX_API_KEY", key), ("WIX_SITE_ID", site_id)):
            if not value:
                raise SettingError(f"{name} is not set; without it no Wix site can be read")
            if not value.isascii() or not value.isprintable() or " " in value:
                raise SettingError(f"{name} holds a blank, a line end or a sign that no key has; set it without them")
        self.url = url.rstrip("/")
        self.site_id = site_id
        self.server_time: datetime | None = None
        self._key = key
        self._timeout, self._sleep, self._trouble_waits = timeout, sleep, trouble_waits
        self._session = requests.Session()
        self._session.auth = _Credentials(key, site_id)

    def __repr__(self) -> str:
        return f"WixClient({self.url!r}, site {self.site_id})"

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    # ------------------------------------------------------------------ reading

    def query(
        self,
        collection: str,
        *,
        filter: Mapping[str, Json] | None = None,  # noqa: A002 - the API's word
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
        answer = self.request("POST", f"{DATA}/items/query", body, what=f"query {collection}", idempotent=True)
        items = [_data(entry) for entry in _list(answer, "dataItems", f"query {collection}")]
        more = (answer.get("pagingMetadata") or {}).get("hasNext")
        return items, bool(more) if more is not None else len(items) == limit

    def count(self, collection: str) -> int:
        """How many items there are, drafts too, from the primary. Raises WixError."""
        what = f"count the items of {collection}"
        answer = self.request("POST", f"{DATA}/items/count", self._of(collection), what=what, idempotent=True)
        total = answer.get("totalCount", 0)
        if not isinstance(total, int | float):
            raise WixError(f"Wix answered without a number when asked to {what}", status=200)
        return int(total)

    def collections(self) -> list[dict[str, Any]]:
        """Every collection of the site, as the Collections API gives them. Raises WixError.

        An answer that names sources which failed is an error, not a shorter list.
        """
        what = "list the site's collections"
        found: dict[str, dict[str, Any]] = {}
        while True:
            params = {"paging.limit": "100", "paging.offset": str(len(found)), "consistentRead": "true"}
            answer = self.request("GET", f"{DATA}/collections", params=params, what=what, idempotent=True)
            failed = answer.get("failed_sources") or answer.get("failedSources")
            if failed:
                raise WixError(f"Wix could not {what}: {', '.join(map(str, failed))} failed; run it again", status=200)
            page = _list(answer, "collections", what)
            new = [entry for entry in page if entry["id"] not in found]
            found.update({entry["id"]: entry for entry in new})
            total = (answer.get("pagingMetadata") or {}).get("total")
            if not new or (len(found) >= total if isinstance(total, int) else len(page) < 100):
                return list(found.values())

    def collection(self, name: str) -> dict[str, Any]:
        """One collection, as the Collections API gives it. Raises WixError (404 WDE0025)."""
        what = f"read the schema of {name}"
        params = {"consistentRead": "true"}
        path = f"{DATA}/collections/{name}"  # an id's slash is not encoded
        answer = self.request("GET", path, params=params, what=what, idempotent=True)
        found = answer.get("collection")
        if not isinstance(found, dict):
            raise WixError(f"Wix answered without a collection when asked to {what}", status=200)
        return found

    def refers(self, collection: str, field: str, item_ids: list[str]) -> bool:
        """Whether any of these items (at most 1000) refers to one in a multi-reference field. Raises WixError."""
        return bool(self._references(collection, field, {"referringItemIds": item_ids}, 1, 0)[0])

    def referenced(self, collection: str, field: str, item_id: str) -> list[str | None]:
        """The `_id`s an item refers to in a multi-reference field, by when each was made; None: it leads nowhere.

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
        answer = self.request("POST", f"{DATA}/items/query-referenced", body, what=what, idempotent=True)
        results = _list(answer, "results", what)
        page = [_data(entry["dataItem"])["_id"] if entry.get("dataItem") else None for entry in results]
        # The paging metadata may be no more than {count}: then a short page ends.
        more = (answer.get("pagingMetadata") or {}).get("hasNext")
        return page, len(page) == limit if more is None else bool(more)

    def _of(self, collection: str) -> dict[str, Json]:
        return {"dataCollectionId": collection, "consistentRead": True, "publishPluginOptions": _DRAFTS}

    # ------------------------------------------------------------------ asking

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
        """The JSON of a 200. `what` completes "asked to …" in errors; it holds no value of an item.

        429 is waited out. `idempotent`: asking twice does what asking once does, so 5xx, a broken connection and half
        an answer are tried again too. `sensitive`: what is sent holds values, so Wix's words stay out of the error.
        Raises WixError; WixTooMuch where fewer rows may do.
        """
        quota, trouble = iter(_QUOTA_WAITS), iter(self._trouble_waits)
        unresolved = iter((3.0,))
        while True:
            try:
                answer = self._session.request(
                    method,
                    self.url + path,
                    json=body,
                    params=params,
                    timeout=self._timeout,
                    allow_redirects=False,
                )
                told = _json(answer)
            except (requests.RequestException, ValueError, RecursionError) as error:
                wait = next(trouble, None) if idempotent else None
                if wait is None:
                    raise WixError(self._silence(what, error, idempotent)) from None
                self._sleep(wait)
                continue
            self._note(answer)
            if answer.status_code == 200 and isinstance(told, dict):
                return told
            code, said = _refusal(told)
            waits = None
            if answer.status_code == 429:
                waits = quota
            elif code == "WDE0117":
                waits = unresolved  # a site that was just made says so once
            elif idempotent and answer.status_code >= 500 and code not in TOO_MUCH:
                waits = trouble
            wait = next(waits, None) if waits is not None else None
            if wait is None:
                raise self._refused(
                    what, answer.status_code, code, "" if sensitive or not idempotent else said, permission
                )
            self._sleep(max(wait, _retry_after(answer)))

    def _note(self, answer: requests.Response) -> None:
        token = answer.headers.get("X-Wix-Consistent")
        if token:  # given back, it lets this client read its own writes
            self._session.headers["X-Wix-Consistent"] = token
        try:
            self.server_time = parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError):
            self.server_time = None

    def _refused(self, what: str, status: int, code: str | None, said: str, permission: str) -> WixError:
        hint = (_HINTS.get(code or "") or _HINTS.get(str(status), "")).format(permission=permission)
        if not hint and status >= 500:
            hint = "Wix is in trouble; run it again later"
        if not hint and 300 <= status < 400:
            hint = "WIX_ENDPOINT_URL is not the address of Wix's API"
        name = f"HTTP {status}" + (f" {code}" if code else "")
        said = said.replace(self._key, "…")[:200]
        parts = [f"Wix refused to {what}: {name}", *([said] if said and not hint else []), *([hint] if hint else [])]
        kind = WixTooMuch if code in TOO_MUCH or status == 413 else WixError
        return kind("; ".join(parts), status=status, code=code)

    def _silence(self, what: str, error: Exception, idempotent: bool) -> str:
        match error:
            case requests.JSONDecodeError() | requests.exceptions.ChunkedEncodingError() | RecursionError():
                happened = "gave an answer that is no whole JSON"
            case requests.Timeout():
                happened = f"gave no answer within {self._timeout:g} s"
            case requests.ConnectionError():
                happened = "could not be reached, or broke the connection"
            case _:
                happened = f"could not be asked ({type(error).__name__})"
        tried = f", {len(self._trouble_waits) + 1} times" if idempotent else ""
        unsure = "" if idempotent else "; whether it was done is not known"
        advice = "see that this machine reaches it, then run it again"
        return f"{self.url} {happened} when asked to {what}{tried}{unsure}; {advice}"


def _json(answer: requests.Response) -> Json:
    """The body; None for a refusal that is not JSON, as proxies send them. Raises ValueError for a 200 that is none."""
    try:
        return answer.json()
    except ValueError:
        if answer.status_code == 200:
            raise
        return None


def _refusal(told: Json) -> tuple[str | None, str]:
    """(code, text) of an error's body, in either of its two kinds."""
    if not isinstance(told, dict):
        return None, ""
    details = told.get("details")
    details = details if isinstance(details, dict) else {}
    known = details.get("applicationError")
    code = known.get("code") if isinstance(known, dict) else None
    text = str(told.get("message") or "")
    if code is None and text.startswith("WDE"):
        code = text.split(":")[0]
    violations = (details.get("validationError") or {}).get("fieldViolations") or []
    if violations and isinstance(violations[0], dict):
        text = f"{violations[0].get('field')}: {violations[0].get('description')}"
    return str(code) if code else None, text


def _retry_after(answer: requests.Response) -> float:
    try:
        return min(float(answer.headers["Retry-After"]), _LONGEST_WAIT)
    except (KeyError, ValueError):
        return 0.0


def _list(answer: Mapping[str, Json], name: str, what: str) -> list[dict[str, Any]]:
    found = answer.get(name)
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise WixError(f"Wix answered without a list of {name} when asked to {what}", status=200)
    return found


def _data(entry: Mapping[str, Json]) -> Item:
    """An envelope's item; some answers have its `_id` in the envelope only."""
    data = entry.get("data")
    item: Item = data if isinstance(data, dict) else {}
    if "_id" not in item and entry.get("id"):
        item = {"_id": entry["id"], **item}
    return item
