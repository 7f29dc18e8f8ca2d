"""What Airtable's error responses mean: which error, whether the request may be sent again, what would be right.

Statuses and bodies: airtable.com/developers/web/api/errors, and responses on record. Errors come in three envelopes:
`{"error": {"type", "message"}}`, `{"error": "NOT_FOUND"}` and `{"errors": [{"error", "message"}]}`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

from runbook.errors import AirtableError, BudgetSpent
from runbook.http import Repeat, Response
from runbook.json_types import Json

Scope: TypeAlias = Literal[
    "data.records:read", "data.records:write", "schema.bases:read", "schema.bases:write", "webhook:manage"
]
"""What a token may be allowed: airtable.com/developers/web/api/scopes."""

WRITES: tuple[Scope, ...] = ("data.records:write", "schema.bases:write")
UNKNOWN_OUTCOME = "OUTCOME_UNKNOWN"
NO_TURN = "NO_TURN"
MALFORMED = "NOT_JSON"
BILLING = "PUBLIC_API_BILLING_LIMIT_EXCEEDED"
ITERATOR_GONE = "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"
RECORD_LIMIT = "FAILED_STATE_CHECK"
_TOKENS = "airtable.com/create/tokens"


class ErrorBody(NamedTuple):
    """The type and message of an error response, as far as it has them."""

    kind: str | None
    message: str


def read_error(payload: Json) -> ErrorBody:
    """The type and message of an error's body, whichever envelope it is in."""
    if not isinstance(payload, dict):
        return ErrorBody(None, "")
    error = payload.get("error")
    if error is None and isinstance(payload.get("errors"), list) and payload["errors"]:
        error = payload["errors"][0]
    if isinstance(error, str):
        return ErrorBody(error, str(payload.get("message") or ""))
    if isinstance(error, dict):
        return ErrorBody(str(error.get("type") or error.get("error") or "") or None, str(error.get("message") or ""))
    return ErrorBody(None, "")


def repeat_after(response: Response) -> Repeat:
    """By status: 502 and 503 did nothing (Airtable's documentation), 500 and 504 may have."""
    if response.status == 429:
        return Repeat.NEVER if read_error(response.payload).kind == BILLING else Repeat.PAUSE
    if response.status in (502, 503):
        return Repeat.SAFE
    return Repeat.IF_IDEMPOTENT if response.status >= 500 else Repeat.NEVER


def error_of(
    what: str, scope: Scope | None, response: Response, redact: Callable[[str], str]
) -> AirtableError | BudgetSpent:
    """The error for a response: what was requested, Airtable's message, and what would be right."""
    kind, message = read_error(response.payload)
    if kind == BILLING:
        return BudgetSpent(
            f"{what}: the workspace's API calls of this month are used up ({BILLING}); what was written is kept. Go on "
            "after the first of next month, or after a change of plan, with the same command"
        )
    text = f"{what}: Airtable responded {response.status}" + (f" {kind}" if kind else "")
    text += f": {redact(message).rstrip('.')}" if message else ""
    hint = _hint(scope, response.status, kind)
    return AirtableError(f"{text}. {hint}" if hint else text, status=response.status, kind=kind)


def _hint(scope: Scope | None, status: int, kind: str | None) -> str:
    if status == 401:
        return (
            f"AIRTABLE_API_KEY is not a valid token (any more): make one at {_TOKENS}; keys that begin with 'key' "
            "ended in February 2024"
        )
    if status == 403:
        needs = f"the scope {scope} and access" if scope else "access"
        return (
            f"The token of AIRTABLE_API_KEY needs {needs} to this base ({_TOKENS}), its owner at least the permission "
            "Editor there (Creator for tables and columns); and the table and record must exist"
        )
    if status == 404 and kind == "MODEL_ID_NOT_FOUND":
        return "AIRTABLE_WORKSPACE_ID must be a workspace (wsp…) that the token's owner may create bases in"
    if status == 404:
        return "AIRTABLE_BASE_ID must be a base (app…) that the token of AIRTABLE_API_KEY has been given access to"
    if kind == RECORD_LIMIT:
        return "The base has as many records as its plan allows, or is locked; the API takes no more"
    return ""
