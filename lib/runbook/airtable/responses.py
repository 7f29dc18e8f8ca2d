"""What Airtable's answers mean: which error, whether the same request may go out again, what would be right.

Statuses and bodies: airtable.com/developers/web/api/errors, and answers on record. Errors come in three envelopes:
`{"error": {"type", "message"}}`, `{"error": "NOT_FOUND"}` and `{"errors": [{"error", "message"}]}`.
"""

from __future__ import annotations

import enum
import json
from typing import NamedTuple

import requests

from runbook.errors import AirtableError
from runbook.json_types import Json

UNKNOWN_OUTCOME = "OUTCOME_UNKNOWN"
MALFORMED = "NOT_JSON"
BILLING = "PUBLIC_API_BILLING_LIMIT_EXCEEDED"
ITERATOR_GONE = "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"
RECORD_LIMIT = "FAILED_STATE_CHECK"
_TOKENS = "airtable.com/create/tokens"


class Again(enum.Enum):
    """Whether a request that failed may go out again."""

    NEVER = "it was refused, and will be"
    PAUSE = "after the pause that a 429 asks for"
    ALWAYS = "nothing was done"
    IF_IDEMPOTENT = "it may have been done"


class Refused(NamedTuple):
    """An answer that is no success: its type and Airtable's words, as far as it has them."""

    kind: str | None
    words: str


def read_refusal(body: bytes) -> Refused:
    """The type and message of an error's body, whichever envelope it is in."""
    try:
        told: Json = json.loads(body)
    except ValueError:
        return Refused(None, "")
    if not isinstance(told, dict):
        return Refused(None, "")
    error = told.get("error")
    if error is None and isinstance(told.get("errors"), list) and told["errors"]:
        error = told["errors"][0]
    if isinstance(error, str):
        return Refused(error, str(told.get("message") or ""))
    if isinstance(error, dict):
        return Refused(str(error.get("type") or error.get("error") or "") or None, str(error.get("message") or ""))
    return Refused(None, "")


def again_after(status: int) -> Again:
    """By status: 502 and 503 did nothing (Airtable's documentation), 500 and 504 may have."""
    if status == 429:
        return Again.PAUSE
    if status in (502, 503):
        return Again.ALWAYS
    return Again.IF_IDEMPOTENT if status >= 500 else Again.NEVER


def again_after_error(error: requests.RequestException) -> Again:
    """By what broke: a connection that was never made carried nothing; one that broke later may have."""
    if isinstance(error, requests.ConnectTimeout):
        return Again.ALWAYS
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return Again.NEVER
    reason = error.args[0] if error.args else None
    if isinstance(error, requests.ConnectionError):
        inner = getattr(reason, "reason", None)
        # urllib3's name for "connection refused" and "no such host": the socket was never connected.
        return Again.ALWAYS if type(inner).__name__ in _NOT_CONNECTED else Again.IF_IDEMPOTENT
    if isinstance(error, requests.Timeout | requests.exceptions.ChunkedEncodingError):
        return Again.IF_IDEMPOTENT
    return Again.NEVER


_NOT_CONNECTED = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")


def seconds_asked(headers: requests.structures.CaseInsensitiveDict[str]) -> float | None:
    """`Retry-After` in seconds, where it is given as such; at most ten minutes."""
    try:
        return min(600.0, max(0.0, float(headers["Retry-After"])))
    except (KeyError, ValueError):
        return None


def failure(what: str, status: int | None, refused: Refused) -> AirtableError:
    """The error for an answer: what was asked, Airtable's words, and what would be right."""
    said = f"Airtable answered {status}" + (f" {refused.kind}" if refused.kind else "")
    said += f": {refused.words.rstrip('.')}" if refused.words else ""
    hint = _hint(what, status, refused.kind)
    return AirtableError(f"{what}: {said}{f'. {hint}' if hint else ''}", status=status, kind=refused.kind)


def _hint(what: str, status: int | None, kind: str | None) -> str:
    meta = any(word in what for word in ("schema", "base", "meta/"))
    reads = what.startswith(("read", "list", "GET"))
    match status:
        case 401:
            return (
                f"AIRTABLE_API_KEY is not a valid token (any more): make one at {_TOKENS}; keys that begin with 'key' "
                "ended in February 2024"
            )
        case 403:
            scope = ("schema.bases:" if meta else "data.records:") + ("read" if reads else "write")
            return (
                f"The token of AIRTABLE_API_KEY needs the scope {scope} and access to this base ({_TOKENS}), its owner "
                "at least the permission Editor there (Creator for tables and columns); and the table and record must "
                "be there"
            )
        case 404 if kind != "MODEL_ID_NOT_FOUND":
            return "AIRTABLE_BASE_ID must be a base (app…) that the token of AIRTABLE_API_KEY has been given access to"
        case 404:
            return "AIRTABLE_WORKSPACE_ID must be a workspace (wsp…) that the token's owner may create bases in"
        case _:
            pass
    if kind == RECORD_LIMIT:
        return "The base has as many records as its plan allows, or is locked; the API takes no more"
    return ""
