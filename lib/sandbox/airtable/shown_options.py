"""A field's options as the schema shows them: those that were given, and those that are inferred."""

from __future__ import annotations

from typing import Any

from sandbox.airtable.field_options import names_in
from sandbox.airtable.programs import kind_of
from sandbox.airtable.schema import Field, Schema


def show_options(schema: Schema, field: Field) -> dict[str, Any] | None:
    """A field's options as the Meta API gives them; None where the type has none."""
    options = dict(field.options or {})
    table = schema.tables[field.table_id]
    link = table.by_id.get(options.get("recordLinkFieldId", ""))
    match field.type:
        case "singleCollaborator" | "multipleCollaborators" | "createdBy" | "lastModifiedBy" | "autoNumber":
            return {} if field.type.endswith(("Collaborator", "Collaborators")) else None
        case "formula":
            names = names_in(options["formula"])
            valid = names is not None and all(table.loosely(name) for name in names)
            options |= {
                "isValid": valid,
                "referencedFieldIds": [table.loosely(name).id for name in names or ()] if valid else [],  # type: ignore[union-attr]
                "result": _result(schema, field) if valid else None,
            }
        case "rollup":
            options.pop("formula", None)  # the aggregation is not exposed
            options |= {
                "isValid": link is not None,
                "referencedFieldIds": [link.id] if link else [],
                "result": _result(schema, field) if link else None,
            }
        case "multipleLookupValues":
            target = schema.fields.get(options["fieldIdInLinkedTable"])
            options |= {
                "isValid": link is not None and target is not None,
                "result": None if target is None else _shape(schema, target),
            }
        case "count":
            options["isValid"] = link is not None
        case "createdTime":
            options.setdefault("result", dict(_DATE_TIME_RESULT))
        case "lastModifiedTime":
            options.setdefault("result", dict(_DATE_TIME_RESULT))
            options |= {"isValid": True, "referencedFieldIds": options.get("referencedFieldIds") or []}
        case "button":
            options.pop("label", None)
            options.pop("url", None)
        case "aiText":
            options = {"prompt": [], "referencedFieldIds": []} | options
        case "externalSyncSource":
            options = {"choices": []} | options
    return options or None


_DATE_TIME_RESULT = {
    "type": "dateTime",
    "options": {
        "dateFormat": {"name": "local", "format": "l"},
        "timeFormat": {"name": "12hour", "format": "h:mma"},
        "timeZone": "client",
    },
}
_RESULTS: dict[str, dict[str, Any]] = {
    "number": {"type": "number", "options": {"precision": 1}},
    "dateTime": _DATE_TIME_RESULT,
    "date": {"type": "date", "options": {"dateFormat": {"name": "local", "format": "l"}}},
    "checkbox": {"type": "checkbox", "options": {"icon": "check", "color": "greenBright"}},
    "singleLineText": {"type": "singleLineText"},
}


def _result(schema: Schema, field: Field) -> dict[str, Any] | None:
    """The `result` of a formula or rollup: best effort, as types are inferred from the formula alone."""
    return _RESULTS[kind_of(schema, field)]


def _shape(schema: Schema, target: Field) -> dict[str, Any]:
    """A looked-up field's type and options."""
    options = show_options(schema, target)
    return {"type": target.type, **({"options": options} if options is not None else {})}
