"""Webhooks: who watches a base, the payloads that wait for them, and the pings that announce them.

A payload is written in the transaction it tells of, so a change that was answered 200 is never missing from it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import Any

from sandbox import ids
from sandbox.airtable import outward
from sandbox.airtable.errors import Refusal, invalid_request, model_not_found
from sandbox.airtable.journal import Journal
from sandbox.airtable.schema import Base
from sandbox.airtable.users import Users
from sandbox.app_state import AppState
from sandbox.clock import from_epoch_ms, iso
from sandbox.web import clean_text

PER_BASE = 10
LIFE_MS = PAYLOAD_LIFE_MS = 7 * 24 * 3600 * 1000
TRIES = 13
_FIRST_GAP = 1.0  # seconds; doubled at each try (the real gaps grow too, their lengths are not published)
_DATA_TYPES = ("tableData", "tableFields", "tableMetadata")
_CHANGE_TYPES = ("add", "remove", "update")
_LISTS = ("changeTypes", "fromSources", "watchDataInFieldIds", "watchSchemasOfFieldIds")

_DDL = """
CREATE TABLE IF NOT EXISTS webhook (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, base TEXT NOT NULL, url TEXT,
    options TEXT NOT NULL, secret TEXT NOT NULL, next INTEGER NOT NULL DEFAULT 1, expires INTEGER NOT NULL,
    notify INTEGER NOT NULL DEFAULT 1, last_success INTEGER, last_result TEXT) STRICT;
CREATE TABLE IF NOT EXISTS webhook_payload (
    webhook TEXT NOT NULL, number INTEGER NOT NULL, created INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (webhook, number)) STRICT, WITHOUT ROWID;
"""


class Webhooks:
    """The webhooks of every base."""

    def __init__(self, state: AppState, users: Users) -> None:
        self._state = state
        self._store = state.store
        self._users = users
        self._store.script(_DDL)
        self._to_ping: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watched: set[str] | None = None
        self._store.on_rollback(self._forget)

    def _forget(self) -> None:
        self._watched = None
        self._to_ping.clear()

    # ------------------------------------------------------------------ recording (inside the caller's transaction)

    def watches(self, base_id: str) -> bool:
        """Whether a base has a webhook, so that changes to it are worth noting."""
        if self._watched is None:
            self._watched = {row[0] for row in self._store.rows("SELECT DISTINCT base FROM webhook")}
        return base_id in self._watched

    def record(self, journal: Journal) -> None:
        """Write what a transaction changed for every webhook of its base that watches it."""
        if not journal.active or journal.empty:
            return
        base, now = journal.base, self._now()
        number = self._store.rows(
            "UPDATE base SET transactions = transactions + 1 WHERE id = ? RETURNING transactions", (base.id,)
        )[0][0]
        for hook, url, options, following, notify in self._store.rows(
            "SELECT id, url, options, next, notify FROM webhook WHERE base = ? AND expires > ?", (base.id, now)
        ):
            changed = journal.payload_for(json.loads(options))
            if changed is None:
                continue
            payload = {
                "timestamp": iso(from_epoch_ms(now)),
                "baseTransactionNumber": number,
                "payloadFormat": "v0",
                "actionMetadata": {
                    "source": "publicApi",
                    "sourceMetadata": {"user": {**self._users.owner, "permissionLevel": "create"}},
                },
                **changed,
            }
            self._store.execute(
                "INSERT INTO webhook_payload VALUES (?, ?, ?, ?)", (hook, following, now, json.dumps(payload))
            )
            self._store.execute("UPDATE webhook SET next = next + 1 WHERE id = ?", (hook,))
            if url and notify:
                self._to_ping.add(hook)

    # ------------------------------------------------------------------ the endpoints

    def create(self, base: Base, body: Any) -> dict[str, Any]:
        """A new webhook: `{id, macSecretBase64, expirationTime}`. Raises Refusal 422."""
        if not isinstance(body, dict) or not isinstance(body.get("specification"), dict):
            raise invalid_request()
        options = _options(body["specification"].get("options"))
        scope = options["filters"].get("recordChangeScope")
        if scope and not any(scope == table.id or table.view(scope) for table in base.tables):
            raise model_not_found()
        url = body.get("notificationUrl")
        if url is not None:
            if not isinstance(url, str) or not url.startswith(("http://", "https://")):
                raise invalid_request()
            url = clean_text(url)
        self._drop_expired()
        held = self._store.rows("SELECT count(*) FROM webhook WHERE base = ?", (base.id,))[0][0]
        if held >= PER_BASE:
            raise Refusal(422, "TOO_MANY_WEBHOOKS_IN_BASE", f"A base can have at most {PER_BASE} webhooks")
        made, secret = ids.airtable_id("ach"), base64.b64encode(secrets.token_bytes(64)).decode()
        expires = self._now() + LIFE_MS
        self._store.execute(
            "INSERT INTO webhook (id, base, url, options, secret, expires) VALUES (?, ?, ?, ?, ?, ?)",
            (made, base.id, url, json.dumps(options), secret, expires),
        )
        self._watched = None
        return {"id": made, "macSecretBase64": secret, "expirationTime": iso(from_epoch_ms(expires))}

    def list(self, base: Base) -> dict[str, Any]:
        """`{"webhooks": [...]}`."""
        self._drop_expired()
        rows = self._store.rows(
            "SELECT id, url, options, next, notify, expires, last_success, last_result FROM webhook "
            "WHERE base = ? ORDER BY seq",
            (base.id,),
        )
        return {
            "webhooks": [
                {
                    "id": hook,
                    "specification": {"options": json.loads(options)},
                    "notificationUrl": url,
                    "cursorForNextPayload": following,
                    "isHookEnabled": True,
                    "areNotificationsEnabled": bool(notify),
                    "expirationTime": iso(from_epoch_ms(expires)),
                    "lastSuccessfulNotificationTime": None if success is None else iso(from_epoch_ms(success)),
                    "lastNotificationResult": json.loads(result) if result else None,
                }
                for hook, url, options, following, notify, expires, success, result in rows
            ]
        }

    def enable(self, base: Base, hook: str, body: Any) -> None:
        """Turn pings on or off. Raises Refusal."""
        self._check(base, hook)
        if not isinstance(body, dict) or not isinstance(body.get("enable"), bool):
            raise invalid_request()
        self._store.execute("UPDATE webhook SET notify = ? WHERE id = ?", (int(body["enable"]), hook))

    def refresh(self, base: Base, hook: str) -> dict[str, Any]:
        """Seven more days from now: `{"expirationTime"}`. Raises Refusal."""
        self._check(base, hook)
        expires = self._now() + LIFE_MS
        self._store.execute("UPDATE webhook SET expires = ? WHERE id = ?", (expires, hook))
        return {"expirationTime": iso(from_epoch_ms(expires))}

    def delete(self, base: Base, hook: str) -> None:
        """Drop a webhook and what waits for it. Raises Refusal."""
        self._check(base, hook)
        self._drop(hook)

    def payloads(self, base: Base, hook: str, cursor: int, limit: int) -> dict[str, Any]:
        """`{"payloads", "cursor", "mightHaveMore"}` from a cursor on; looking also renews the webhook's life."""
        self.refresh(base, hook)
        rows = self._store.rows(
            "SELECT number, body FROM webhook_payload WHERE webhook = ? AND number >= ? AND created > ? "
            "ORDER BY number LIMIT ?",
            (hook, cursor, self._now() - PAYLOAD_LIFE_MS, limit + 1),
        )
        page = rows[:limit]
        return {
            "payloads": [json.loads(body) for _, body in page],
            "cursor": page[-1][0] + 1 if page else cursor,
            "mightHaveMore": len(rows) > limit,
        }

    # ------------------------------------------------------------------ pings (after the commit)

    def ping(self) -> None:
        """Tell those whose payloads were just written; answers do not wait for it."""
        hooks, self._to_ping = self._to_ping, set()
        for hook in hooks:
            task = asyncio.get_running_loop().create_task(self._ping(hook))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ping(self, hook: str) -> None:
        for attempt in range(TRIES):
            row = self._store.row("SELECT base, url, secret, notify FROM webhook WHERE id = ?", (hook,))
            if row is None or not row[3]:
                return
            base, url, secret, _ = row
            body = json.dumps(
                {"base": {"id": base}, "webhook": {"id": hook}, "timestamp": iso(self._state.clock.now())},
                separators=(",", ":"),
            ).encode()
            mac = hmac.new(base64.b64decode(secret), body, hashlib.sha256).hexdigest()
            began = time.monotonic()
            error = await _post(url, body, mac, loopback=self._state.settings.fetch_loopback)
            result = {
                "success": error is None,
                "completionTimestamp": iso(self._state.clock.now()),
                "durationMs": round((time.monotonic() - began) * 1000, 3),
                "retryNumber": attempt,
            }
            if error is not None:
                result |= {"error": {"message": error}, "willBeRetried": attempt + 1 < TRIES}
            self._store.execute(
                "UPDATE webhook SET last_result = ?, last_success = coalesce(?, last_success) WHERE id = ?",
                (json.dumps(result), self._now() if error is None else None, hook),
            )
            if error is None:
                return
            await asyncio.sleep(_FIRST_GAP * 2**attempt)
        self._store.execute("UPDATE webhook SET notify = 0 WHERE id = ?", (hook,))

    # ------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._state.clock.time() * 1000)

    def _check(self, base: Base, hook: str) -> None:
        self._drop_expired()
        if self._store.row("SELECT 1 FROM webhook WHERE id = ? AND base = ?", (hook, base.id)) is None:
            raise model_not_found()

    def _drop_expired(self) -> None:
        for (hook,) in self._store.rows("SELECT id FROM webhook WHERE expires <= ?", (self._now(),)):
            self._drop(hook)

    def _drop(self, hook: str) -> None:
        self._store.execute("DELETE FROM webhook WHERE id = ?", (hook,))
        self._store.execute("DELETE FROM webhook_payload WHERE webhook = ?", (hook,))
        self._watched = None


async def _post(url: str, body: bytes, mac: str, *, loopback: bool) -> str | None:
    """Send a ping; the reason where it failed."""
    headers = {"Content-Type": "application/json", "X-Airtable-Content-MAC": f"hmac-sha256={mac}"}
    try:
        response = await asyncio.to_thread(
            outward.request, "POST", url, loopback=loopback, body=body, headers=headers, limit=1_000_000
        )
    except outward.OutwardError as error:
        return str(error)
    return None if response.status in (200, 204) else f"The server answered {response.status}"


def _options(options: Any) -> dict[str, Any]:
    """A webhook's `options` with what is empty left out; raises Refusal 422."""
    if not isinstance(options, dict) or not isinstance(options.get("filters"), dict):
        raise invalid_request()
    filters = {name: value for name, value in options["filters"].items() if value not in (None, [])}
    kinds = filters.get("dataTypes")
    if not isinstance(kinds, list) or not all(kind in _DATA_TYPES for kind in kinds):
        raise invalid_request()
    for name in _LISTS:
        listed = filters.get(name, [])
        if not isinstance(listed, list) or not all(isinstance(element, str) for element in listed):
            raise invalid_request()
    if not isinstance(filters.get("recordChangeScope", ""), str):
        raise invalid_request()
    if not all(change in _CHANGE_TYPES for change in filters.get("changeTypes", ())):
        raise invalid_request()
    includes = options.get("includes") or {}
    if not isinstance(includes, dict):
        raise invalid_request()
    cells = includes.get("includeCellValuesInFieldIds")
    if cells not in (None, "all") and not (isinstance(cells, list) and all(isinstance(cell, str) for cell in cells)):
        raise invalid_request()
    kept: dict[str, Any] = {"filters": filters}
    if includes:
        kept["includes"] = includes
    return kept
