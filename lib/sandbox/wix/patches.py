"""Patches: single changes of fields, on an item as it is."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.wix.errors import Violation, bad_argument
from sandbox.wix.items import STAMPS
from sandbox.wix.params import Params
from sandbox.wix.values import identity, is_date, path_of

ACTIONS = ("SET_FIELD", "REMOVE_FIELD", "INCREMENT_FIELD", "APPEND_TO_ARRAY", "REMOVE_FROM_ARRAY")
_OPTIONS = {
    "SET_FIELD": "setFieldOptions",
    "INCREMENT_FIELD": "incrementFieldOptions",
    "APPEND_TO_ARRAY": "appendToArrayOptions",
    "REMOVE_FROM_ARRAY": "removeFromArrayOptions",
}


def read_modifications(params: Params) -> list[tuple[str, str, Any]]:
    """`fieldModifications` as (action, path, value). Raises Violation, WDE0080 for none or for `_id`.

    A change of a date that the service keeps is ignored, as in every other write.
    """
    modifications = []
    entries = params.each("fieldModifications")
    if not entries:
        raise bad_argument("fieldModifications must not be empty")
    for entry in entries:
        action = entry.text("action")
        if action not in ACTIONS:
            raise Violation(entry.where("action"), f"must be one of {', '.join(ACTIONS)}", "ENUM")
        path = entry.text("fieldPath")
        value = None
        if action in _OPTIONS:
            value = entry.part(_OPTIONS[action]).raw("value")
        if action == "INCREMENT_FIELD" and type(value) not in (int, float):
            raise Violation(entry.where("incrementFieldOptions.value"), "must be a number")
        root = path_of(path)[0]
        if root == "_id":
            raise bad_argument("_id cannot be changed.")
        if root not in STAMPS:
            modifications.append((action, path, value))
    return modifications


def modify(item: dict[str, Any], modifications: list[tuple[str, str, Any]]) -> dict[str, Any]:
    """The item with every change made; raises WDE0080 where a value is not what the action needs."""
    changed = copy.deepcopy(item)
    for action, name, value in modifications:
        path = path_of(name)
        holder = _holder(changed, path, make=action not in ("REMOVE_FIELD", "REMOVE_FROM_ARRAY"))
        if holder is not None:
            _apply(action, holder, path[-1], value, name)
    return changed


def _holder(item: dict[str, Any], path: tuple[str, ...], *, make: bool) -> dict[str, Any] | None:
    """The object that holds the last part of a path; objects on the way are made where `make` says so."""
    holder: Any = item
    for part in path[:-1]:
        if make and holder.get(part) is None:
            holder[part] = {}
        holder = holder.get(part)
        if holder is None:
            return None
        if not isinstance(holder, dict) or is_date(holder):
            raise bad_argument(f"Cannot reach field {'.'.join(path)}: {part} is not an object.")
    found: dict[str, Any] = holder
    return found


def _apply(action: str, holder: dict[str, Any], key: str, value: Any, name: str) -> None:
    before = holder.get(key)
    if action == "SET_FIELD":
        holder[key] = value
    elif action == "REMOVE_FIELD":
        holder.pop(key, None)
    elif action == "INCREMENT_FIELD":
        if before is not None and type(before) not in (int, float):
            raise bad_argument(f"Cannot increment field {name}: it is not a number.")
        total = (before or 0) + value
        if abs(total) > 1.7e308:
            raise bad_argument(f"Cannot increment field {name}: the number is out of range.")
        holder[key] = int(total) if isinstance(total, float) and total.is_integer() else total
    elif before is not None and not isinstance(before, list):
        raise bad_argument(f"Field {name} is not an array.")
    elif action == "APPEND_TO_ARRAY":
        holder[key] = [*(before or []), value]
    elif before is not None:
        gone = identity(value)
        holder[key] = [element for element in before if identity(element) != gone]
