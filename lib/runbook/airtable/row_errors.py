"""What Airtable's error on a batch of rows means, and its message without values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runbook.airtable.responses import RECORD_LIMIT
from runbook.errors import AirtableError, SchemaDrift, StepError

_QUOTED = re.compile(r'"+([^"]*)"+')
_RECORD = re.compile(r"\brec[0-9A-Za-z]{14}\b")
_LOST_TARGETS = ("ROW_DOES_NOT_EXIST", "ROW_TABLE_DOES_NOT_MATCH_LINKED_TABLE")


def may_be_one_row(error: AirtableError) -> bool:
    """Whether a single row of the batch may be the reason, rather than all of it."""
    return error.status in (413, 422)


def raise_if_collection_wide(error: AirtableError, collection: str) -> None:
    """Raises the error that stops the collection, where each row alone would be refused too."""
    if error.kind == "UNKNOWN_FIELD_NAME":
        raise SchemaDrift(
            f"{collection}: a column is missing: {error}. What was written is kept; `run.provision()` creates the "
            "column, then load again"
        ) from None
    if error.kind == RECORD_LIMIT:
        raise StepError(
            f"{collection}: {error}. What was written is kept. Change to a plan that allows more records "
            "(and set RUNBOOK_PLAN), or leave collections out; then load again: it continues from here"
        ) from None


def several_match(error: AirtableError) -> bool:
    """Whether several records may match an upsert. Airtable's message is not documented: both tests are guesses."""
    return error.kind == "INVALID_RECORDS" or "more than one" in str(error).lower()


def lost_target(error: AirtableError) -> str | None:
    """The record that a link cell names and that does not exist (any more)."""
    found = _RECORD.search(str(error)) if error.kind in _LOST_TARGETS else None
    return found[0] if found else None


def describe(error: AirtableError, columns: Mapping[str, str]) -> tuple[str | None, str]:
    """(key of the column it names, message): values and record ids left out, column names kept.

    `columns`: keys by column name.
    """
    named = [name for name in _QUOTED.findall(str(error)) if name in columns]
    message = str(error).partition(": ")[2]
    message = _QUOTED.sub(lambda found: f'"{found[1]}"' if found[1] in columns else '"…"', message)
    return (columns[named[0]] if named else None), _RECORD.sub("rec…", message)
