"""HTTP as the clients of both services need it: one session, strict JSON, and which failures are safe to repeat.

A client decides what a response means to its service, how long to wait and how often to try; see `airtable.client` and
`wix.client`.
"""

from __future__ import annotations

import contextlib
import enum
import json as json_module
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import requests
from requests.exceptions import ProxyError, SSLError

from runbook.json_types import Json, reject_constant
from runbook.request_log import RequestLog

_LONGEST_WAIT = 600.0  # seconds that a Retry-After is obeyed for
_NOT_CONNECTED = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")  # urllib3's: no socket was open


class Repeat(enum.Enum):
    """Whether a request that failed may be sent again."""

    NEVER = "it was refused, and will be"
    PAUSE = "nothing was done; after the pause that a 429 asks for"
    SAFE = "nothing was done"
    IF_IDEMPOTENT = "it may have been done"

    def allows(self, idempotent: bool) -> bool:
        """Whether it may be sent again at once."""
        return self is Repeat.SAFE or (self is Repeat.IF_IDEMPOTENT and idempotent)


class Response(NamedTuple):
    """What came back. `status` 0: nothing. `seconds`: until then.

    `payload`: the body's JSON; None for status 204 and for an error response that is not JSON, as proxies send them.
    `error`: why there is no response, or why the body of a successful one is not JSON.
    """

    status: int
    payload: Json
    headers: Mapping[str, str]
    seconds: float
    error: Exception | None = None

    @property
    def retry_after(self) -> float | None:
        """`Retry-After` in seconds, where it is given as such; at most ten minutes."""
        try:
            return min(_LONGEST_WAIT, max(0.0, float(self.headers["Retry-After"])))
        except (KeyError, ValueError):
            return None

    @property
    def repeat(self) -> Repeat:
        """Whether a request without a usable response may be sent again. A connection never made carried nothing."""
        error = self.error
        if isinstance(error, requests.ConnectTimeout | ProxyError):
            return Repeat.SAFE
        if isinstance(error, SSLError):
            return Repeat.NEVER if "CERTIFICATE_VERIFY_FAILED" in str(error) else Repeat.IF_IDEMPOTENT
        if isinstance(error, requests.ConnectionError):
            reason = getattr(error.args[0], "reason", None) if error.args else None
            return Repeat.SAFE if type(reason).__name__ in _NOT_CONNECTED else Repeat.IF_IDEMPOTENT
        if self.status == 0 and isinstance(error, ValueError):  # a URL or a header that cannot be one
            return Repeat.NEVER
        return Repeat.IF_IDEMPOTENT


class HttpClient:
    """The session of one service. `timeout`: seconds to connect and to respond. `log`: of every request."""

    def __init__(
        self,
        session: requests.Session,
        url: str,
        key: str,
        *,
        timeout: tuple[float, float],
        log: RequestLog | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._session, self._key, self._timeout, self._log = session, key, timeout, log
        self._ahead = 0.0  # seconds that the service's clock is ahead of this machine's
        # Proxies and certificates are read from the environment once: `requests` would read them for each request, and
        # would let ~/.netrc replace the key.
        settings = session.merge_environment_settings(self.url, {}, None, None, None)
        session.proxies.update(settings["proxies"])
        session.verify = settings["verify"]
        session.trust_env = False
        adapter = requests.adapters.HTTPAdapter(pool_connections=2, pool_maxsize=16)
        session.mount("https://", adapter)
        session.mount("http://", adapter)

    def close(self) -> None:
        """Close its connections; it may be used again."""
        self._session.close()

    def service_time(self) -> float:
        """The service's clock, to a second, in seconds since 1970; this machine's before the first response."""
        return time.time() + self._ahead

    def _send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        json: Json = None,
    ) -> Response:
        """Send a request once. `what`: for the log. Raises ValueError for what JSON cannot say (NaN)."""
        body = None if json is None else json_module.dumps(json, separators=(",", ":"), allow_nan=False).encode()
        headers = None if body is None else {"Content-Type": "application/json"}
        began, clock = time.time(), time.monotonic()
        status = 0
        try:
            response = self._session.request(
                method,
                self.url + path,
                params=params,
                data=body,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            )
            status = response.status_code
            self._note_clock(response.headers.get("Date"))
        except requests.RequestException as failed:
            return Response(0, None, {}, time.monotonic() - clock, failed)
        finally:
            if self._log is not None:
                self._log.add(began, status, method, what)
        seconds, payload, error = time.monotonic() - clock, None, None
        if status != 204:
            try:
                payload = json_module.loads(response.content, parse_constant=reject_constant)
            except (ValueError, RecursionError) as failed:
                error = failed if status < 300 else None
        return Response(status, payload, response.headers, seconds, error)

    def _note_clock(self, date: str | None) -> None:
        with contextlib.suppress(ValueError, TypeError):
            if date is not None:
                self._ahead = parsedate_to_datetime(date).timestamp() - time.time()

    def _describe(self, what: str, response: Response, *, idempotent: bool, attempts: int) -> str:
        """What happened to a request without a usable response, whether it was done, what to do. Holds no value."""
        if response.status:
            happened = "sent a response that is not JSON"
        elif response.repeat is not Repeat.IF_IDEMPOTENT:
            happened = "cannot be reached"
        elif isinstance(response.error, requests.Timeout):
            happened = f"did not respond within {self._timeout[1]:g} s"
        else:
            happened = "broke the connection"
        name = "" if response.status else f" ({type(response.error).__name__})"
        tried = f", {attempts} times" if attempts > 1 else ""
        advice = "check that this machine can reach it, then run it again"
        if response.repeat is not Repeat.IF_IDEMPOTENT:
            outcome = f"nothing was sent; {advice}"
        else:
            outcome = "whether it was done is not known" + (f"; {advice}" if idempotent else "")
        return f"{what}: {self.url} {happened}{name}{tried}; {outcome}"

    def _redact(self, text: str) -> str:
        return text.replace(self._key, "…")
