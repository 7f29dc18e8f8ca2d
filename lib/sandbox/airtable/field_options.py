"""A field's options: what a create or a change may say.

Each type's rule is a row of `_RULES`; the messages follow the recorded `Failed schema validation: …` forms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox.airtable.errors import Refusal
from sandbox.airtable.formulas import FormulaError, parse
from sandbox.airtable.schema import CHOICE_COLORS, COMPUTED_TYPES, FIELD_TYPES, Base, Field, Schema, Table, make_choice
from sandbox.web import clean_text

CREATABLE_COMPUTED = frozenset({"formula", "rollup", "multipleLookupValues"})  # [L] since mid 2026
NOT_CREATABLE = COMPUTED_TYPES - CREATABLE_COMPUTED  # `count` among them [?]: no one has been seen to create one
PRIMARY_TYPES = frozenset(
    {
        "singleLineText",
        "email",
        "url",
        "multilineText",
        "number",
        "percent",
        "currency",
        "phoneNumber",
        "date",
        "dateTime",
        "duration",
        "barcode",
        "richText",
        "formula",
        "autoNumber",
    }
)

_BRIGHT = frozenset(color for color in CHOICE_COLORS if color.endswith("Bright"))
_CHECKBOX_ICONS = frozenset({"check", "xCheckbox", "star", "heart", "thumbsUp", "flag", "dot"})
_RATING_ICONS = frozenset({"star", "heart", "thumbsUp", "flag", "dot"})
_DURATIONS = frozenset({"h:mm", "h:mm:ss", "h:mm:ss.S", "h:mm:ss.SS", "h:mm:ss.SSS"})
_DATE_FORMATS = {"local": "l", "friendly": "LL", "us": "M/D/YYYY", "european": "D/M/YYYY", "iso": "YYYY-MM-DD"}
_TIME_FORMATS = {"12hour": "h:mma", "24hour": "HH:mm"}


class _Bad(ValueError):
    """An option that is missing or wrong; the message is the part after "Failed schema validation: "."""


def refuse_options(table: str, field: str, problem: str) -> Refusal:
    """422 INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE."""
    return Refusal(
        422,
        "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE",
        f"Invalid options for {table}.{field}: Failed schema validation: {problem}",
    )


def refuse_type(table: str, field: str, kind: str) -> Refusal:
    """422 UNSUPPORTED_FIELD_TYPE_FOR_CREATE."""
    return Refusal(
        422,
        "UNSUPPORTED_FIELD_TYPE_FOR_CREATE",
        f"Invalid options for {table}.{field}: Creating {kind} fields is not supported at this time",
    )


def check_options(
    schema: Schema, base: Base, table: Table, name: str, kind: str, options: Any
) -> dict[str, Any] | None:
    """The options to keep for a field that is to be created through the API. Raises Refusal 422.

    An empty object where a type has no options is taken (whether the service does is not on record).
    """
    if kind not in FIELD_TYPES or kind in NOT_CREATABLE:
        raise refuse_type(table.name, name, kind)
    if options is not None and not isinstance(options, dict):
        raise refuse_options(table.name, name, f"{name}.options is not an object")
    rule = _RULES.get(kind)
    try:
        if rule is None and kind not in ("multipleRecordLinks", *CREATABLE_COMPUTED):
            if options:
                raise _Bad(f"{next(iter(options))} is not included in the {name}.options schema")
            return {"isReversed": False} if kind == "multipleAttachments" else None
        if options is None:
            raise _Bad(f"{name}.options is missing")
        if rule is not None:
            return rule(_Options(name, options))
        return _linked_options(schema, base, table, kind, _Options(name, options))
    except _Bad as problem:
        raise refuse_options(table.name, name, str(problem)) from None


class _Options:
    """Options being read: each name requested is known, the rest is refused by `done`."""

    def __init__(self, field: str, options: dict[str, Any]) -> None:
        self._field = field
        self._options = options
        self._known: set[str] = set()

    def get(self, name: str, check: Callable[[Any], bool], *, required: bool = True) -> Any:
        self._known.add(name)
        if name not in self._options:
            if required:
                raise _Bad(f"{self._field}.options.{name} is missing")
            return None
        value = self._options[name]
        if not check(value):
            raise _Bad(f"{self._field}.options.{name} is not valid")
        return value

    def done(self) -> None:
        for name in self._options:
            if name not in self._known:
                raise _Bad(f"{name} is not included in the {self._field}.options schema")


def _one_of(names: Any) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in names


def _named_one_of(names: Any) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and _one_of(names)(value.get("name"))


def _between(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _precision(options: _Options, most: int = 8) -> dict[str, Any]:
    stored = {"precision": options.get("precision", _between(0, most))}
    options.done()
    return stored


def _currency(options: _Options) -> dict[str, Any]:
    stored = {
        "precision": options.get("precision", _between(0, 7)),
        "symbol": options.get("symbol", lambda value: isinstance(value, str) and bool(value)),
    }
    options.done()
    return stored


def _checkbox(options: _Options) -> dict[str, Any]:
    stored = {"icon": options.get("icon", _one_of(_CHECKBOX_ICONS)), "color": options.get("color", _one_of(_BRIGHT))}
    options.done()
    return stored


def _rating(options: _Options) -> dict[str, Any]:
    stored = {
        "icon": options.get("icon", _one_of(_RATING_ICONS)),
        "color": options.get("color", _one_of(_BRIGHT)),
        "max": options.get("max", _between(1, 10)),
    }
    options.done()
    return stored


def _duration(options: _Options) -> dict[str, Any]:
    stored = {"durationFormat": options.get("durationFormat", _one_of(_DURATIONS))}
    options.done()
    return stored


def _select(options: _Options) -> dict[str, Any]:
    choices = options.get("choices", lambda value: isinstance(value, list))
    options.done()
    stored: list[dict[str, Any]] = []
    for choice in choices:
        if not isinstance(choice, dict) or not isinstance(choice.get("name"), str) or not choice["name"].strip():
            raise _Bad("choices have a name")
        color = choice.get("color")
        if (color is not None and color not in CHOICE_COLORS) or set(choice) - {"name", "color", "id"}:
            raise _Bad(f"choice {choice['name']!r} is not valid")
        name = clean_text(choice["name"])
        if any(name == other["name"] for other in stored):
            raise _Bad(f"choice {name!r} stands twice")
        stored.append(make_choice(name, color, len(stored)))
    return {"choices": stored}


def _date_format(options: _Options) -> dict[str, Any]:
    payload = options.get("dateFormat", _named_one_of(_DATE_FORMATS))
    form = _DATE_FORMATS[payload["name"]]
    if payload.get("format", form) != form or set(payload) - {"name", "format"}:
        raise _Bad(f"dateFormat {payload['name']!r} has the format {form!r}")
    return {"name": payload["name"], "format": form}


def _date(options: _Options) -> dict[str, Any]:
    stored = {"dateFormat": _date_format(options)}
    options.done()
    return stored


def _date_time(options: _Options) -> dict[str, Any]:
    date_format = _date_format(options)
    payload = options.get("timeFormat", _named_one_of(_TIME_FORMATS))
    zone = options.get("timeZone", _is_zone)
    options.done()
    time_format = {"name": payload["name"], "format": _TIME_FORMATS[payload["name"]]}
    return {"dateFormat": date_format, "timeFormat": time_format, "timeZone": zone}


def _is_zone(value: Any) -> bool:
    """`utc`, `client` or an IANA name; `UTC` in capitals is refused [L]."""
    if value in ("utc", "client"):
        return True
    if not isinstance(value, str) or value == "UTC" or not value:
        return False
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


_RULES: dict[str, Callable[[_Options], dict[str, Any]]] = {
    "number": _precision,
    "percent": _precision,
    "currency": _currency,
    "checkbox": _checkbox,
    "rating": _rating,
    "duration": _duration,
    "singleSelect": _select,
    "multipleSelects": _select,
    "date": _date,
    "dateTime": _date_time,
}


def _linked_options(schema: Schema, base: Base, table: Table, kind: str, options: _Options) -> dict[str, Any]:
    def is_text(value: Any) -> bool:
        return isinstance(value, str)

    if kind == "formula":
        stored = {"formula": keep_formula(table, options.get("formula", is_text))}
        options.done()
        return stored
    if kind == "multipleRecordLinks":
        target = options.get("linkedTableId", lambda value: is_text(value) and any(value == t.id for t in base.tables))
        linked = schema.tables[target]
        view = options.get("viewIdForRecordSelection", _one_of([view["id"] for view in linked.views]), required=False)
        options.done()
        shown = {"viewIdForRecordSelection": view} if view else {}
        return {"linkedTableId": target, "isReversed": False, "prefersSingleRecordLink": False, **shown}
    link = table.by_id.get(options.get("recordLinkFieldId", lambda value: is_text(value) and value in table.by_id))
    if link is None or not link.is_link:
        raise _Bad("recordLinkFieldId is not a link of this table")
    linked = schema.tables[link.linked_table]
    stored = {
        "recordLinkFieldId": link.id,
        "fieldIdInLinkedTable": options.get(
            "fieldIdInLinkedTable", lambda value: is_text(value) and value in linked.by_id
        ),
    }
    if kind == "rollup":
        stored["formula"] = options.get("formula", is_text)
        check_aggregation(stored["formula"])
    options.done()
    return stored


def keep_formula(table: Table, text: str) -> str:
    """A formula with its fields by id, as the schema keeps it. Raises `_Bad` for one that cannot be read."""
    try:
        formula = parse(text)
        formula.bind(lambda name: found.id if (found := table.loosely(name)) else None)
    except FormulaError as error:
        raise _Bad(error.message) from None
    return formula.rewrite(lambda name: found.id if (found := table.loosely(name)) else name)


def check_aggregation(text: str) -> None:
    """Raise `_Bad` for a rollup formula that cannot be read; it knows the one name `values`."""
    try:
        parse(text).bind(lambda name: name if name.lower() == "values" else None)
    except FormulaError as error:
        raise _Bad(error.message) from None


def changed_formula(schema: Schema, table: Table, field: Field, text: Any) -> str:
    """The formula of a formula field that is to change. Raises Refusal 422, also for one that would read itself."""
    if not isinstance(text, str):
        raise refuse_options(table.name, field.name, f"{field.name}.options.formula is missing")
    try:
        stored = keep_formula(table, text)
        check_no_circle(schema, field, {other.id for name in names_in(stored) or () if (other := table.loosely(name))})
    except _Bad as problem:
        raise refuse_options(table.name, field.name, str(problem)) from None
    return stored


def check_no_circle(schema: Schema, field: Field, read: set[str]) -> None:
    """Raise `_Bad` where one of the fields that `field` is to read already depends on it."""
    seen: set[str] = set()
    waiting = set(read)
    while waiting:
        other = waiting.pop()
        if other == field.id:
            raise _Bad(f"{field.name} would be a circular reference")
        if other not in seen and other in schema.fields:
            seen.add(other)
            waiting |= reads(schema, schema.fields[other])


def reads(schema: Schema, field: Field) -> set[str]:
    """The fields that a computed field reads, of its own table and of the linked one."""
    table = schema.tables[field.table_id]
    if field.type == "formula":
        return {other.id for name in names_in(field.option("formula")) or () if (other := table.loosely(name))}
    if field.type in ("multipleLookupValues", "rollup", "count"):
        return {str(field.option("recordLinkFieldId")), str(field.option("fieldIdInLinkedTable"))}
    if field.is_link:
        return {schema.tables[field.linked_table].primary_id}  # a link is read as the linked records' names
    return set()


def names_in(text: str) -> tuple[str, ...] | None:
    """The fields a formula names; None for one that cannot be read."""
    try:
        return parse(text).names
    except FormulaError:
        return None
