"""Functions that read the row itself or the server's clock."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.airtable.formulas.functions.logic import always
from sandbox.airtable.formulas.instants import humanized, locale_of, to_instant
from sandbox.airtable.formulas.locales import locale_named
from sandbox.airtable.formulas.moment_parse import parse_moment
from sandbox.airtable.formulas.row import Row, Run
from sandbox.airtable.formulas.values import Value, text_of, to_text


def _today(arguments: list[Run]) -> Run:
    """TODAY: midnight UTC of the server's day."""
    return lambda row: row.now.replace(hour=0, minute=0, second=0, microsecond=0)


def _from_now(arguments: list[Run]) -> Run:
    """FROMNOW and TONOW: how far the date is from now, in words and without "ago", as moment's `fromNow(true)`."""
    argument = arguments[0]

    def run(row: Row) -> Value:
        value = argument(row)
        return humanized(to_instant(value) - row.now, locale_of(value))

    return run


def _parse(arguments: list[Run]) -> Run:
    """DATETIME_PARSE: parts the text leaves out are today's, so it needs the clock."""
    texts = (*arguments, always(None), always(None))[:3]

    def run(row: Row) -> Value:
        text, template, locale = (argument(row) for argument in texts)
        if text is not None and not isinstance(text, str):
            text = to_text(to_instant(text))
        return parse_moment(
            text_of(text),
            None if template is None else text_of(template),
            locale_named(text_of(locale)),
            row.now.date(),
        )

    return run


FORMS: dict[str, tuple[Callable[[list[Run]], Run], int, int]] = {
    "CREATED_TIME": (lambda _: lambda row: row.created_time, 0, 0),
    "DATETIME_PARSE": (_parse, 1, 3),
    "FROMNOW": (_from_now, 1, 1),
    "NOW": (lambda _: lambda row: row.now, 0, 0),
    "RECORD_ID": (lambda _: lambda row: row.record_id, 0, 0),
    "TODAY": (_today, 0, 0),
    "TONOW": (_from_now, 1, 1),
}
