"""Refusals, with the statuses and bodies the real service gives.

Sources: recorded and live-checked answers of api.airtable.com (2021 to 2026). Where no answer is on record,
the docstring says that the choice is ours.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from sandbox.web import json_response


class Refusal(Exception):
    """A request Airtable turns down: an HTTP status and one of its error envelopes."""

    def __init__(self, status: int, kind: str, message: str | None = None, *, bare: bool = False) -> None:
        super().__init__(f"{status} {kind}: {message}")
        self.status = status
        self.body: Any
        if bare:
            self.body = {"error": kind}
        elif message is None:
            self.body = {"error": {"type": kind}}
        else:
            self.body = {"error": {"type": kind, "message": message}}

    def response(self) -> Response:
        """The refusal as an answer."""
        return json_response(self.body, self.status)


def not_found() -> Refusal:
    """An unrouted path or a missing base on the data API: the bare envelope."""
    return Refusal(404, "NOT_FOUND", bare=True)


def authentication_required() -> Refusal:
    """No token, or one that is not accepted."""
    return Refusal(401, "AUTHENTICATION_REQUIRED", "Authentication required")


def model_not_found() -> Refusal:
    """A missing table, a missing single record, a missing base on /meta."""
    return Refusal(
        403,
        "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
        "Invalid permissions, or the requested model was not found. Check that both your user and your token have "
        "the required permissions, and that the model names and/or ids are correct.",
    )


def bad_body() -> Refusal:
    """A body that is not JSON."""
    return Refusal(400, "INVALID_REQUEST_BODY", "Could not parse request body")


def too_large() -> Refusal:
    """A body over the server's bound (its size is unpublished; ours is 8 MB, uploads 10 MB)."""
    return Refusal(413, "REQUEST_TOO_LARGE", "Request entity too large")


def url_too_long() -> Refusal:
    """A URL of 16,000 characters or more; the real body is not on record."""
    return Refusal(414, "REQUEST_URI_TOO_LONG", "The request URL is too long. Use POST listRecords instead")


def invalid_request(message: str = "Invalid request: parameter validation failed. Check your request data.") -> Refusal:
    """A parameter of the wrong type or out of range."""
    return Refusal(422, "INVALID_REQUEST_UNKNOWN", message)


def missing_fields() -> Refusal:
    """A record without `fields`."""
    return Refusal(422, "INVALID_REQUEST_MISSING_FIELDS", 'Could not find field "fields" in the request body')


def invalid_records(message: str) -> Refusal:
    """A batch of the wrong size or shape."""
    return Refusal(422, "INVALID_RECORDS", message)


def bad_page_size() -> Refusal:
    """A page size out of bounds (comments take no 0 either, with the same words: that is our choice)."""
    return Refusal(422, "INVALID_PAGE_SIZE_ARGUMENT", "Page size argument should be between 0 and 100")


def bad_offset(offset: str) -> Refusal:
    """An offset that this list never gave out."""
    return Refusal(422, "INVALID_OFFSET_VALUE", f"The value of offset {offset} is invalid")


def unknown_field(name: str) -> Refusal:
    """A field that the table does not have, in a write, `fields[]`, a sort or the merge fields."""
    return Refusal(422, "UNKNOWN_FIELD_NAME", f'Unknown field name: "{name}"')


def bad_value(field_name: str) -> Refusal:
    """A value the field's type does not take."""
    return Refusal(422, "INVALID_VALUE_FOR_COLUMN", f'Field "{field_name}" cannot accept the provided value')


def computed_field(field_name: str) -> Refusal:
    """A value for a field that computes its own."""
    return Refusal(
        422, "INVALID_VALUE_FOR_COLUMN", f'Field "{field_name}" cannot accept a value because the field is computed'
    )


def not_record_ids() -> Refusal:
    """A link value that is no array."""
    return Refusal(422, "INVALID_VALUE_FOR_COLUMN", "Value is not an array of record IDs.")


def bad_record_id(value: Any) -> Refusal:
    """A link element that does not have a record id's form."""
    shown = value if isinstance(value, str) else "[object Object]" if isinstance(value, dict) else json.dumps(value)
    return Refusal(422, "INVALID_RECORD_ID", f'Value "{shown}" is not a valid record ID.')


def no_such_row(record_id: Any) -> Refusal:
    """A batch or link names a record that does not exist."""
    return Refusal(422, "ROW_DOES_NOT_EXIST", f"Record ID {record_id} does not exist in this table")


def wrong_table(record_id: str, table_id: str, linked_id: str) -> Refusal:
    """A link names a record of another table."""
    return Refusal(
        422,
        "ROW_TABLE_DOES_NOT_MATCH_LINKED_TABLE",
        f"Record ID {record_id} belongs to table {table_id}, but the field links to table {linked_id}",
    )


def new_option(name: str) -> Refusal:
    """A select value that is no choice, without typecast. The name really is in two pairs of quotes."""
    return Refusal(
        422,
        "INVALID_MULTIPLE_CHOICE_OPTIONS",
        f'Insufficient permissions to create new select option ""{name}""',
    )


def bad_attachment() -> Refusal:
    """An attachment that is neither `{url}` nor `{id}`; the real message is not on record."""
    return Refusal(422, "INVALID_ATTACHMENT_OBJECT", "Invalid attachment object: it needs a url or an id of this cell")


def ambiguous_upsert() -> Refusal:
    """More than one record matches the merge fields. The real type and message are not on record."""
    return Refusal(422, "INVALID_RECORDS", "More than one existing record matches the fields to merge on")


def failed_state_check() -> Refusal:
    """The plan's record limit is reached."""
    return Refusal(422, "FAILED_STATE_CHECK")


def bad_formula(message: str) -> Refusal:
    """A filterByFormula that cannot be read."""
    return Refusal(422, "INVALID_FILTER_BY_FORMULA", f"The formula for filtering records is invalid: {message}")


def timed_out() -> Refusal:
    """A filter or sort that needs more time than a request has.

    Real clients report time-outs of slow formulas (bluedot #18) but not their body: we take the documented 503,
    which a client may retry.
    """
    return Refusal(
        503,
        "RETRIABLE_ERROR",
        "Server encountered an error while processing your request, and it is safe to retry the request",
    )


def server_error() -> Refusal:
    """The sandbox itself failed."""
    return Refusal(500, "SERVER_ERROR", "Server error")
