"""The application form, and its fields in the driver's profile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lmdr import js
from lmdr.services.context import Context
from lmdr.services.driver.uploads import url_of
from runbook.json_types import Item

TEXTS = {
    "firstName": ("first_name",),
    "lastName": ("last_name",),
    "city": ("city",),
    "state": ("state", "cdl_state"),
    "homeZip": ("home_zip", "zip_code"),
    "cdlClass": ("cdl_class",),
    "cdlNumber": ("cdl_number",),
    "mvrStatus": ("mvr_status",),
    **{
        f"employer{number}{part.title()}": (f"employer_{number}_{part}",)
        for number in (1, 2, 3)
        for part in ("name", "duration")
    },
    "homeTimePreference": ("home_time_preference",),
    "availability": ("availability",),
    "phone": ("phone",),
    "email": ("email",),
}
LISTS = {
    "endorsements": "endorsements",
    "restrictions": "restrictions",
    "equipmentExperience": "equipment_experience",
    "preferredRoutes": "preferred_routes",
}
COUNTS = {
    "accidentsLast3Years": "accidents_last_3_years",
    "violationsLast3Years": "violations_last_3_years",
    "companiesLast3Years": "companies_last_3_years",
}
DAYS = {"dob": "dob", "cdlExpiration": "cdl_expiration", "medCardExpiration": "med_card_expiration"}
DOCUMENTS = {
    "cdlFront": ("cdl_front_image", "cdl_front_url"),
    "cdlBack": ("cdl_back_image", "cdl_back_url"),
    "medCard": ("med_card_image", "med_card_url"),
    "resume": ("resume_file", "resume_url"),
}
_REQUIRED_DOCUMENTS = ("cdl_front_image", "cdl_back_image", "med_card_image")
_DAY_FORMATS = (
    "%m/%d/%Y", "%m-%d-%Y", "%Y/%m/%d", "%B %d, %Y", "%b %d, %Y", "%B %d %Y", "%b %d %Y", "%d %B %Y", "%d %b %Y",
)  # fmt: skip


def document_urls(context: Context, data: Mapping[str, Any]) -> dict[str, str]:
    """The profile's keys for the form's documents (cdlFront, cdlBack, medCard, resume); files are uploaded first.

    Raises UploadFailed.
    """
    urls: dict[str, str] = {}
    for name, keys in DOCUMENTS.items():
        url = url_of(context, data.get(name))
        if url:
            urls |= dict.fromkeys(keys, url)
    return urls


def profile_changes(data: Mapping[str, Any], documents: Mapping[str, str], profile: Item, now: datetime) -> Item:
    """The changes of an application to the driver's profile: the form's fields, and that it is searchable.

    `data`: the form, by the names above and yearsExperience; null and empty texts are ignored. Counts become integers,
    0 where invalid; days become 'YYYY-MM-DD', and are ignored where invalid.
    """
    given = {key: value for key, value in data.items() if value is not None and value != ""}
    changes: Item = {}
    for name, keys in TEXTS.items():
        if isinstance(given.get(name), str | int | float):
            changes |= dict.fromkeys(keys, js.to_string(given[name]))
    if "first_name" in changes and "last_name" in changes:
        changes["display_name"] = f"{changes['first_name']} {changes['last_name']}"
    if "mvr_status" in changes:
        changes["clean_mvr"] = changes["mvr_status"].lower() == "clean"
    for name, key in LISTS.items():
        if isinstance(given.get(name), list | tuple):
            changes[key] = list(given[name])
        elif name in given:
            changes[key] = [given[name]]
    if changes.get("preferred_routes"):
        changes["preferred_operation_type"] = changes["preferred_routes"][0]
    for name, key in COUNTS.items():
        if name in given:
            changes[key] = js.or_(js.parse_int(given[name]), 0)
    years = js.parse_float(given.get("yearsExperience"))
    if years == years:  # not NaN
        changes["years_experience"] = years
    for name, key in DAYS.items():
        if (day := day_of(given.get(name))) is not None:
            changes[key] = day
    changes |= documents
    if all((changes.get(key) or profile.get(key)) for key in _REQUIRED_DOCUMENTS):
        changes["docs_complete"] = True
    return {
        **changes,
        "application_date": now,
        "docs_submitted": True,
        "is_searchable": True,
        "visibility_level": "full",
        "profile_status": "active",
        "updated_date": now,
    }


def day_of(value: Any) -> str | None:
    """A day as 'YYYY-MM-DD', from ISO 8601 or an American format; None where invalid."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).date().isoformat()
    if not isinstance(value, str):
        return None
    text = js.trim(value)
    if (date := js.date(text)) is not None:
        return date.date().isoformat()
    for day_format in _DAY_FORMATS:
        try:
            return datetime.strptime(text, day_format).replace(tzinfo=UTC).date().isoformat()
        except ValueError:
            continue
    return None
