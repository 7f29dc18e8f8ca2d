"""`cellFormat=string`: cells as a person sees them. The service does not promise the format; this is its likeness."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox.airtable.errors import invalid_request
from sandbox.airtable.formulas import to_text
from sandbox.airtable.reading import RowView
from sandbox.airtable.schema import Field

_DATES = {
    "local": "{m}/{d}/{y}",
    "us": "{m}/{d}/{y}",
    "european": "{d}/{m}/{y}",
    "iso": "{y:04}-{m:02}-{d:02}",
    "friendly": "{name} {d}, {y}",
}
_MONTHS = tuple("January February March April May June July August September October November December".split())


class Strings:
    """Turns shown cells into text, in one time zone. Raises Refusal 422 for a zone that does not exist."""

    def __init__(self, time_zone: str) -> None:
        try:
            self._zone: Any = UTC if time_zone.lower() in ("utc", "client") else ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise invalid_request() from None

    def __call__(self, field: Field, shown: Any, row: RowView) -> str:
        """The text of one cell; "" is left out."""
        value = row.value(field.id)
        kind, options = field.type, field.options or {}
        if kind in ("formula", "rollup"):
            kind, options = (
                (options.get("result") or {}).get("type", ""),
                (options.get("result") or {}).get("options") or {},
            )
        if isinstance(value, datetime):
            return self._moment(value, options, with_time=kind != "date")
        if isinstance(value, date):
            return self._day(value, options)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _number(value, kind, options)
        if kind == "checkbox":
            return "checked"
        if kind == "multipleAttachments":
            return ", ".join(f"{element['filename']} ({element['url']})" for element in shown)
        if kind == "richText" and isinstance(shown, str):
            return shown.rstrip("\n")
        if isinstance(shown, dict) and "error" in shown:
            return str(shown["error"])
        return to_text(value)

    def _moment(self, instant: datetime, options: dict[str, Any], *, with_time: bool) -> str:
        name = options.get("timeZone")
        zone = self._zone if name in (None, "client") else UTC if name == "utc" else ZoneInfo(name)
        try:
            local = instant.astimezone(zone)
        except OverflowError:  # the first and last hours a calendar has
            local = instant
        day = self._day(local.date(), options)
        if not with_time:
            return day
        if (options.get("timeFormat") or {}).get("name") == "24hour":
            return f"{day} {local:%H:%M}"
        return f"{day} {local.hour % 12 or 12}:{local:%M}{'am' if local.hour < 12 else 'pm'}"

    def _day(self, day: date, options: dict[str, Any]) -> str:
        form = _DATES[(options.get("dateFormat") or {}).get("name", "local")]
        return form.format(y=day.year, m=day.month, d=day.day, name=_MONTHS[day.month - 1])


def _number(value: float, kind: str, options: dict[str, Any]) -> str:
    precision = options.get("precision")
    match kind:
        case "currency":
            sign = "-" if value < 0 else ""
            return f"{sign}{options.get('symbol', '$')}{abs(value):,.{precision or 0}f}"
        case "percent":
            return f"{value * 100:.{precision or 0}f}%"
        case "number" if precision is not None:
            return f"{value:.{precision}f}"
        case "duration":
            return _duration(value, str(options.get("durationFormat", "h:mm")))
        case _:
            return to_text(value)


def _duration(seconds: float, form: str) -> str:
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    decimals = len(form.split(".", 1)[1]) if "." in form else 0
    if form == "h:mm":
        minutes = int(seconds // 60)
        return f"{sign}{minutes // 60}:{minutes % 60:02}"
    seconds = round(seconds, decimals)
    hours, rest = divmod(seconds, 3600)
    width = 2 if not decimals else 3 + decimals
    return f"{sign}{int(hours)}:{int(rest // 60):02}:{rest % 60:0{width}.{decimals}f}"
