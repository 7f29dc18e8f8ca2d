"""Pages: where one starts, how long it is, and what the answer says of the rest."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, replace
from typing import Any

from sandbox.app_state import AppState
from sandbox.wix.errors import Violation, WixError
from sandbox.wix.params import Params
from sandbox.wix.values import dump_text

DEFAULT_LIMIT = 50
CURSOR_SECONDS = 3600.0
"""How long a cursor is good for [ASSUME: the service says only that it expires]."""

_MAX_OFFSET = 2**31 - 1


@dataclass(frozen=True)
class Page:
    """A window on the rows of an answer.

    `after` is the key of the last row before it, where the order runs on an index; then rows that come or go
    meanwhile do not shift it. `what` is the question that a cursor remembers, and `cursor` whether one is used.
    """

    limit: int
    offset: int = 0
    cursor: bool = False
    after: list[Any] | None = None
    what: dict[str, Any] | None = None

    def metadata(
        self, state: AppState, count: int, more: bool, total: int | None = None, last: list[Any] | None = None
    ) -> dict[str, Any]:
        """`pagingMetadata` of a page of `count` rows; `last` is the last row's key on an index."""
        if not self.cursor:
            known = {} if total is None else {"total": total}
            return {"count": count, "offset": self.offset, **known, "tooManyToCount": False, "hasNext": more}
        cursors = {}
        if more:
            following = replace(self, offset=self.offset + count, after=last)
            cursors["next"] = _seal(state, following)
        if self.offset:
            cursors["prev"] = _seal(state, replace(self, offset=max(0, self.offset - self.limit), after=None))
        return {"count": count, "tooManyToCount": False, "cursors": cursors, "hasNext": more}


def read_page(state: AppState, params: Params, what: dict[str, Any], limit: int = 1000) -> Page:
    """The page that `paging` or `cursorPaging` asks for, with at most `limit` rows; `what` is the question.

    On a follow-up page the question is the cursor's, whatever was sent. Cursor pages take the same limits as
    offset pages [CONFLICT: the newest typings say 100; real exporters use 1000].
    Raises Violation, WDE0151 for a cursor that is none or another collection's, WDE0152 for one that is too old.
    """
    paging, cursor_paging = params.part("paging"), params.part("cursorPaging")
    if "cursorPaging" not in params:
        rows = paging.integer("limit", min(DEFAULT_LIMIT, limit), 1, limit)
        return Page(rows, paging.integer("offset", 0, 0, _MAX_OFFSET), what=what)
    if "paging" in params:
        raise Violation(params.where("paging"), "paging and cursorPaging cannot be used together", "ONE_OF")
    rows = cursor_paging.integer("limit", min(DEFAULT_LIMIT, limit), 1, limit)
    sealed = cursor_paging.text_or("cursor")
    if not sealed:
        return Page(rows, cursor=True, what=what)
    content = _unseal(state, sealed)
    if content["what"].get("of") != what.get("of"):
        raise WixError("WDE0151", "Incorrect cursor provided.")
    if not 0 <= state.clock.time() - content["at"] <= CURSOR_SECONDS:
        raise WixError("WDE0152", "Cursor is expired.")
    return Page(rows, content["offset"], cursor=True, after=content["after"], what=content["what"])


def _key(state: AppState) -> bytes:
    key = state.store.setting("wix_cursor_key")
    if key is None:
        key = secrets.token_hex(16)
        state.store.set_setting("wix_cursor_key", key)
    return str(key).encode()


def _sign(state: AppState, body: bytes) -> bytes:
    return hmac.new(_key(state), body, hashlib.sha256).digest()[:12]


def _seal(state: AppState, page: Page) -> str:
    content = {"what": page.what, "offset": page.offset, "after": page.after, "at": int(state.clock.time())}
    body = dump_text(content).encode("utf-8", "replace")
    return base64.urlsafe_b64encode(_sign(state, body) + body).decode().rstrip("=")


def _unseal(state: AppState, cursor: str) -> dict[str, Any]:
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        sealed = b""
    if not hmac.compare_digest(sealed[:12], _sign(state, sealed[12:])):
        raise WixError("WDE0151", "Incorrect cursor provided.")
    content: dict[str, Any] = json.loads(sealed[12:])
    return content
