"""What Airtable's error responses mean, as a table: envelopes, what may be repeated, what the error advises."""

from __future__ import annotations

from typing import Any

import pytest

from runbook.airtable.responses import Scope, error_of, read_error, repeat_after
from runbook.errors import AirtableError, BudgetSpent
from runbook.http import Repeat, Response


def response(status: int, payload: Any = None) -> Response:
    return Response(status, payload, {}, 0.0)


def words(status: int, payload: Any = None, scope: Scope | None = "data.records:read") -> str:
    return str(error_of("do it", scope, response(status, payload), lambda text: text.replace("secret", "…")))


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"error": {"type": "A", "message": "m"}}, ("A", "m")),
        ({"error": {"type": "A"}}, ("A", "")),
        ({"error": {"message": "m"}}, (None, "m")),
        ({"error": {"error": "B"}}, ("B", "")),
        ({"error": "NOT_FOUND"}, ("NOT_FOUND", "")),
        ({"error": "NOT_FOUND", "message": "m"}, ("NOT_FOUND", "m")),
        ({"errors": [{"error": "C", "message": "m"}, {"error": "D"}]}, ("C", "m")),
        ({"errors": []}, (None, "")),
        ({"errors": "odd"}, (None, "")),
        ({"error": 7}, (None, "")),
        ({}, (None, "")),
        ([], (None, "")),
        (None, (None, "")),
        ("text", (None, "")),
    ],
)
def test_every_envelope_is_read(payload: Any, expected: tuple[str | None, str]) -> None:
    assert read_error(payload) == expected


@pytest.mark.parametrize(
    ("status", "repeat"),
    [
        (302, Repeat.NEVER),
        (401, Repeat.NEVER),
        (422, Repeat.NEVER),
        (429, Repeat.PAUSE),
        (499, Repeat.NEVER),
        (500, Repeat.IF_IDEMPOTENT),
        (501, Repeat.IF_IDEMPOTENT),
        (502, Repeat.SAFE),
        (503, Repeat.SAFE),
        (504, Repeat.IF_IDEMPOTENT),
    ],
)
def test_what_may_be_repeated_goes_by_the_status(status: int, repeat: Repeat) -> None:
    assert repeat_after(response(status)) is repeat


def test_a_month_without_calls_left_is_not_repeated() -> None:
    found = response(429, {"errors": [{"error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED"}]})
    assert repeat_after(found) is Repeat.NEVER
    assert isinstance(error_of("do it", None, found, str), BudgetSpent)


def test_an_error_has_the_status_the_type_and_the_redacted_message() -> None:
    error = error_of("do it", None, response(422, {"error": {"type": "A", "message": "no."}}), str)
    assert isinstance(error, AirtableError)
    assert (error.status, error.kind, str(error)) == (422, "A", "do it: Airtable responded 422 A: no")
    assert words(422, {"error": {"type": "A", "message": "the secret"}}) == "do it: Airtable responded 422 A: the …"
    assert words(418) == "do it: Airtable responded 418"


@pytest.mark.parametrize(
    "scope", ["data.records:read", "data.records:write", "schema.bases:read", "schema.bases:write", "webhook:manage"]
)
def test_a_403_names_the_scope_of_the_request(scope: Scope) -> None:
    assert f"needs the scope {scope} and access to this base" in words(403, scope=scope)


@pytest.mark.parametrize(
    ("status", "payload", "hint"),
    [
        (401, None, "AIRTABLE_API_KEY is not a valid token"),
        (404, {"error": "NOT_FOUND"}, "AIRTABLE_BASE_ID must be a base"),
        (404, {"error": {"type": "MODEL_ID_NOT_FOUND"}}, "AIRTABLE_WORKSPACE_ID must be a workspace"),
        (422, {"error": {"type": "FAILED_STATE_CHECK"}}, "The base has as many records as its plan allows"),
    ],
)
def test_an_error_says_what_would_be_right(status: int, payload: Any, hint: str) -> None:
    assert f". {hint}" in words(status, payload)


def test_a_403_of_a_request_without_a_scope_names_none() -> None:
    assert "needs access to this base" in words(403, scope=None)
