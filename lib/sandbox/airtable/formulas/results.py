"""The type a formula's result has, as far as it is known without a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.airtable.formulas.functions import SIGNATURES
from sandbox.airtable.formulas.nodes import Call, Concatenation, Literal, Node, Reference

_TEXT = "singleLineText"
_MOMENTS = {
    *("CREATED_TIME", "DATEADD", "DATETIME_PARSE", "LAST_MODIFIED_TIME", "NOW"),
    *("SET_LOCALE", "SET_TIMEZONE", "TODAY", "WORKDAY"),
}
_TEXTS = {
    *("ARRAYCOMPACT", "ARRAYFLATTEN", "ARRAYJOIN", "ARRAYSLICE", "ARRAYUNIQUE"),
    *("DATESTR", "DATETIME_FORMAT", "FROMNOW", "TIMESTR", "TONOW"),
    *("CONCATENATE", "ENCODE_URL_COMPONENT", "LEFT", "LOWER", "MID", "RECORD_ID", "REPLACE", "REPT", "RIGHT"),
    *("REGEX_EXTRACT", "REGEX_REPLACE", "SUBSTITUTE", "T", "TRIM", "UPPER"),
}
_KINDS = frozenset(("number", _TEXT, "dateTime", "date", "checkbox"))


def result_kind(node: Node, fields: Mapping[str, str], kind_of: Callable[[str], str]) -> str:
    """`number`, `singleLineText`, `dateTime`, `date` or `checkbox`.

    Best effort: branches of IF and SWITCH that differ make text, of dates and dateTimes a dateTime; a truth is a
    `number` (1 or 0), and only a formula that is nothing but checkboxes is a `checkbox`.
    """
    kind = _kind(node, fields, kind_of)
    return kind if kind in _KINDS else _TEXT


def _kind(node: Node, fields: Mapping[str, str], kind_of: Callable[[str], str]) -> str | None:
    """As result_kind; None for what is always blank or always a fault, and so fits any type."""
    if isinstance(node, Reference):
        return kind_of(fields[node.name])
    if isinstance(node, Literal):
        return _TEXT if isinstance(node.value, str) else "number"
    if isinstance(node, Concatenation):
        return _TEXT
    if isinstance(node, Call):
        return _call_kind(node, fields, kind_of)
    return "number"


def _call_kind(node: Call, fields: Mapping[str, str], kind_of: Callable[[str], str]) -> str | None:
    name, arguments = node.name, node.arguments
    if name in ("BLANK", "ERROR"):
        return None
    if name in _MOMENTS:
        return "dateTime"
    if name in _TEXTS:
        return _TEXT
    if name == "IF":
        return _common({_kind(argument, fields, kind_of) for argument in arguments[1:]})
    if name == "SWITCH":
        results = arguments[2::2] + (arguments[-1:] if len(arguments) % 2 == 0 else [])
        return _common({_kind(argument, fields, kind_of) for argument in results})
    if name in ("MIN", "MAX"):
        kinds = {_kind(argument, fields, kind_of) for argument in arguments}
        return _common(kinds) if kinds <= {"date", "dateTime"} else "number"
    assert name in SIGNATURES, "the parser lets no other function through"
    return "number"


def _common(kinds: set[str | None]) -> str | None:
    known = {kind for kind in kinds if kind is not None}
    if len(known) < 2:
        return next(iter(known), None)
    return "dateTime" if known == {"date", "dateTime"} else _TEXT
