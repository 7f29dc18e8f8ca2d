"""Functions on text. Positions count from 1; every argument that is not text is taken as its text."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from sandbox.airtable.formulas.functions.arrays import flattened, joined
from sandbox.airtable.formulas.row import MANY
from sandbox.airtable.formulas.values import MOST_CHARACTERS, FaultError, Value, capped, text_of, to_integer


def _found(needle: str, hay: str, start: Value) -> int:
    return hay.find(needle, max(0, to_integer(start) - 1)) + 1


def _find(needle: Value, hay: Value, start: Value = 1) -> Value:
    """FIND: case-sensitive; 0 where there is none."""
    return float(_found(text_of(needle), text_of(hay), start))


def _search(needle: Value, hay: Value, start: Value = 1) -> Value:
    """SEARCH: blank where there is none, and, the choice for [?], not case-sensitive.

    Tools rely on it for case-blind search, vercel's imitation is case-sensitive; callers should LOWER both sides.
    """
    # lower() of a character may be longer than it; casefold would be too, so positions are those of the lowered text
    return float(_found(text_of(needle).lower(), text_of(hay).lower(), start)) or None


def _length(text: Value) -> Value:
    return float(len(text_of(text)))


def _left(text: Value, count: Value) -> Value:
    return text_of(text)[: max(0, to_integer(count))]


def _right(text: Value, count: Value) -> Value:
    whole, kept = text_of(text), max(0, to_integer(count))
    return whole[max(0, len(whole) - kept) :]


def _middle(text: Value, start: Value, count: Value) -> Value:
    first = max(0, to_integer(start) - 1)
    return text_of(text)[first : first + max(0, to_integer(count))]


def _replace(text: Value, start: Value, count: Value, replacement: Value) -> Value:
    whole, first = text_of(text), max(0, to_integer(start) - 1)
    return capped(whole[:first] + text_of(replacement) + whole[first + max(0, to_integer(count)) :])


def _substitute(text: Value, old: Value, new: Value, index: Value = None) -> Value:
    """SUBSTITUTE: every occurrence, or with `index` only that one, the first being 1; nothing replaces ""."""
    whole, gone, come = text_of(text), text_of(old), text_of(new)
    if not gone:
        return whole
    if len(come) > len(gone) and len(whole) + whole.count(gone) * (len(come) - len(gone)) > MOST_CHARACTERS:
        raise FaultError
    if index is None:
        return whole.replace(gone, come)
    wanted, at = to_integer(index), -len(gone)
    for _ in range(min(wanted, len(whole) + 1)):
        at = whole.find(gone, at + len(gone))
        if at < 0:
            return whole
    return whole if wanted < 1 else whole[:at] + come + whole[at + len(gone) :]


def _repeat(text: Value, count: Value) -> Value:
    whole, times = text_of(text), max(0, to_integer(count))
    if len(whole) * times > MOST_CHARACTERS:
        raise FaultError
    return whole * times


def _concatenate(*values: Value) -> Value:
    return joined([text_of(value) for value in flattened(values)], "")


def _text_only(value: Value) -> Value:
    """T: the value when it is text, else blank."""
    return value if isinstance(value, str) else None


def _encode_url(text: Value) -> Value:
    """ENCODE_URL_COMPONENT: as JavaScript's encodeURIComponent."""
    return capped(quote(text_of(text), safe="-_.!~*'()"))


FUNCTIONS: dict[str, tuple[Callable[..., Value], int, int]] = {
    "CONCATENATE": (_concatenate, 1, MANY),
    "ENCODE_URL_COMPONENT": (_encode_url, 1, 1),
    "EXACT": (lambda left, right: text_of(left) == text_of(right), 2, 2),
    "FIND": (_find, 2, 3),
    "LEFT": (_left, 2, 2),
    "LEN": (_length, 1, 1),
    "LOWER": (lambda text: capped(text_of(text).lower()), 1, 1),
    "MID": (_middle, 3, 3),
    "REPLACE": (_replace, 4, 4),
    "REPT": (_repeat, 2, 2),
    "RIGHT": (_right, 2, 2),
    "SEARCH": (_search, 2, 3),
    "SUBSTITUTE": (_substitute, 3, 4),
    "T": (_text_only, 1, 1),
    "TRIM": (lambda text: text_of(text).strip(), 1, 1),
    "UPPER": (lambda text: capped(text_of(text).upper()), 1, 1),
}
