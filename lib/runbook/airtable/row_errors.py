"""What Airtable's refusal of a batch of rows means, and its words without anyone's values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runbook.airtable.responses import RECORD_LIMIT
from runbook.errors import AirtableError, SchemaDrift, StepError

_QUOTED = re.compile(r'"+([^"]*)"+')
_RECORD = re.compile(r"\brec[0-9A-Za-z]{14}\b")
_LOST_TARGETS = ("ROW_DOES_NOT_EXIST", "ROW_TABLE_DOES_NOT_MATCH_LINKED_TABLE")


def may_be_one_row(error: AirtableError) -> bool:
    """Whether it may be one row of the batch that was refused, rather than the whole."""
    return error.status in (413, 422)


def raise_if_collection_wide(error: AirtableError, collection: str) -> None:
    """Raises what stops the collection, where trying the rows one by one would refuse them all."""
    if error.kind == "UNKNOWN_FIELD_NAME":
        raise SchemaDrift(
            f"{collection}: a column is missing: {error}. What was written stands; `run.provision()` makes the "
            "column, then load again"
        ) from None
    if error.kind == RECORD_LIMIT:
        raise StepError(
            f"{collection}: {error}. What was written stands. Take a plan that holds more records "
            "(and set RUNBOOK_PLAN), or leave collections out; then load again, and it goes on from here"
        ) from None


def several_match(error: AirtableError) -> bool:
    """Whether it may say that several records match an upsert. Its real words are on no record: both are guessed at."""
    return error.kind == "INVALID_RECORDS" or "more than one" in str(error).lower()


def lost_target(error: AirtableError) -> str | None:
    """The record that a link cell names and that is not there (any more)."""
    found = _RECORD.search(str(error)) if error.kind in _LOST_TARGETS else None
    return found[0] if found else None


def describe(error: AirtableError, columns: Mapping[str, str]) -> tuple[str | None, str]:
    """(key of the column it names, what it says): values and record ids left out, column names kept.

    `columns`: keys by column name.
    """
    named = [name for name in _QUOTED.findall(str(error)) if name in columns]
    said = str(error).partition(": ")[2]
    said = _QUOTED.sub(lambda found: f'"{found[1]}"' if found[1] in columns else '"…"', said)
    return (columns[named[0]] if named else None), _RECORD.sub("rec…", said)
