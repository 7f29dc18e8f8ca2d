"""What Airtable's API cannot do, as instructions: where to click and what to set.

The API creates and renames tables and columns. It cannot change type, options or choices of an existing column, delete
anything, or set tab groups (airtable.com/developers/web/api: "Update field" takes name and description).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runbook.catalog.column_kinds import COLUMN_KINDS, Setting
from runbook.json_types import Json

_GIVE_UP = ", give it up with `runbook forget-column` if it was filled"


def type_in_words(spec: Mapping[str, Json]) -> str:
    """A column's type as Airtable's dialog calls it, with its settings."""
    kind, options = COLUMN_KINDS[spec["type"]], spec.get("options") or {}
    return ", ".join([kind.label, *(_setting_in_words(setting, options[setting]) for setting in kind.settings)])


def _setting_in_words(setting: Setting, value: Json) -> str:
    match setting:
        case "precision":
            return f"Precision {precision_in_words(value)}"
        case "symbol":
            return f"Symbol {value}"
        case "choices":
            return f"Options {quoted(choice['name'] for choice in value)}"


def precision_in_words(digits: int) -> str:
    """`1.00 (2)`, as the dialog shows it."""
    return f"1.{'0' * digits} ({digits})" if digits else "1 (0)"


def quoted(names: Iterable[str]) -> str:
    """`'a', 'b'`."""
    return ", ".join(f"'{name}'" for name in names)


def edit_field(table: str, name: str, what: str) -> str:
    """Open a column's dialog and set something."""
    return f"In table '{table}', click the arrow beside '{name}', then 'Edit field': {what}; 'Save'"


def change_type(table: str, spec: Mapping[str, Json]) -> str:
    """Give an existing column the type of the catalog."""
    return edit_field(table, str(spec["name"]), f"type {type_in_words(spec)}") + (
        f". Or, where it is empty or not needed, rename it{_GIVE_UP}, and plan again: the right one is then made"
    )


def add_field(table: str, spec: Mapping[str, Json]) -> str:
    """Make a column that the API refuses."""
    kind = type_in_words(spec)
    return f"In table '{table}', click '+' right of the last column: name '{spec['name']}', type {kind}; 'Create field'"


def add_choices(table: str, name: str, choices: Iterable[str]) -> str:
    """Add choices to a select."""
    return edit_field(table, name, f"'Add option' for each of {quoted(choices)}, written exactly so")


def raise_precision(table: str, name: str, digits: int) -> str:
    """Let a number show all digits of the data."""
    return edit_field(table, name, f"Precision {precision_in_words(digits)}")


def rename_field(table: str, now: str, name: str) -> str:
    """Rename a column."""
    return f"In table '{table}', double-click the header '{now}' and name it '{name}'"


def rename_table(now: str, name: str) -> str:
    """Rename a table."""
    return f"Double-click the tab '{now}' and name it '{name}'"


def change_primary(table: str, name: str, now: str) -> str:
    """Make another column the primary one."""
    return (
        f"In table '{table}', click the arrow beside the first column '{now}', then 'Change primary field', "
        f"and choose '{name}'"
    )


def relink(table: str, name: str, target: str) -> str:
    """Replace a link to a wrong table; its cells cannot be kept."""
    return (
        f"In table '{table}', double-click the header '{name}' and give it another name (or delete it, if its links "
        f"are not needed){_GIVE_UP}, and plan again: a link '{name}' to '{target}' is then made"
    )
