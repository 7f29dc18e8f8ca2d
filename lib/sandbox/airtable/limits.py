"""How often a client may ask: per base and second, per token and second, per workspace and month.

Passing a per-second limit locks the base (or the token) out for the penalty: everything is 429 until it is over.
Whether requests during the lock-out prolong it is not on record; here they do not.
"""

from __future__ import annotations

from collections import deque

from starlette.responses import Response

from sandbox.airtable.engine import Engine
from sandbox.web import json_response


class _Window:
    """A sliding second, and the lock-out that passing it brings."""

    def __init__(self) -> None:
        self.recent: deque[float] = deque()
        self.locked_until = 0.0

    def admits(self, now: float, limit: float, penalty: float) -> tuple[bool, bool]:
        """(is the request accepted, did the lock-out begin with it)."""
        if self.locked_until - penalty <= now < self.locked_until:
            return False, False
        recent = self.recent
        while recent and not now - 1 < recent[0] <= now:  # a stamp ahead of now: the clock was moved back
            recent.popleft()
        if len(recent) + 1 > limit:
            self.locked_until = now + penalty
            recent.clear()
            return False, True
        recent.append(now)
        return True, False


class Limits:
    """The limits of every base, token and workspace."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._state = engine.state
        self._bases: dict[str, _Window] = {}
        self._tokens: dict[str, _Window] = {}
        self._state.store.script(
            "CREATE TABLE IF NOT EXISTS call (workspace TEXT, month TEXT, calls INTEGER NOT NULL, "
            "PRIMARY KEY (workspace, month)) STRICT"
        )

    def refuse(self, base_id: str | None, token: str, *, meta: bool) -> Response | None:
        """A 429 where the request passes a limit, else None. The monthly cap spares /meta, which keeps answering."""
        settings = self._state.settings
        if settings.requests_per_second is None:
            return None
        now = self._state.clock.time()
        windows = [(self._tokens, token, settings.requests_per_second_of_token)]
        if base_id is not None:
            windows.insert(0, (self._bases, base_id, settings.requests_per_second))
        for places, key, limit in windows:
            admitted, began = places.setdefault(key, _Window()).admits(now, limit, settings.penalty)
            if began:
                self._state.stats.locked_out("airtable", base_id or "meta")
            if not admitted:
                return self._rate_limited()
        if base_id is not None and not meta and not self._within_month(base_id):
            return json_response({"errors": [{"error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED"}]}, 429)
        return None

    def _rate_limited(self) -> Response:
        kind, message = "RATE_LIMIT_REACHED", "Rate limit exceeded. Please try again later"
        if self._state.settings.single_429_body:  # as documented; the plural is what is seen on the wire
            return json_response({"error": {"type": kind, "message": message}}, 429)
        return json_response({"errors": [{"error": kind, "message": message}]}, 429)

    def _within_month(self, base_id: str) -> bool:
        cap = self._state.settings.calls_per_month
        base = self._engine.schema.bases.get(base_id)
        if cap is None or base is None:
            return True
        month = f"{self._state.clock.now():%Y-%m}"
        calls = self._state.store.rows(
            "INSERT INTO call VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET calls = calls + 1 RETURNING calls",
            (base.workspace, month),
        )[0][0]
        return int(calls) <= cap
