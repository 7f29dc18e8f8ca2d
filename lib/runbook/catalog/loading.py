"""Loading a catalog from a folder of YAML files, one per phase."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from runbook.catalog.checks import problems
from runbook.catalog.model import Catalog, Collection, Copy, Field, Kept, Link, Part, Phase
from runbook.catalog.names import nearest
from runbook.catalog.yaml_files import read_mapping
from runbook.errors import CatalogError

P = TypeVar("P", bound=Part)
_HEAD = "`base`, `tab_groups` and `system_fields`"


def load_catalog(folder: Path) -> Catalog:
    """Load and validate every `*.yaml` of a folder. Raises CatalogError: file, collection, field, what is expected."""
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise CatalogError(f"{folder}: contains no *.yaml file; a catalog is a folder with one YAML file per phase")
    raw = {path.name: read_mapping(path, CatalogError, "phase, name, title and collections") for path in files}
    heads = [file for file, content in raw.items() if "base" in content]
    if len(heads) != 1:
        files_with = f"{len(heads)} do ({', '.join(heads)})" if heads else "none does"
        raise CatalogError(f"{folder}: exactly one file must contain {_HEAD}; {files_with}")
    head = heads[0]
    common = raw[head]
    system = [
        _build(Field, entry, head, f"system_fields.{_label(entry)}") for entry in _list(common, "system_fields", head)
    ]
    kept = [_build(Kept, entry, head, f"kept.{_label(entry)}") for entry in _list(common, "kept", head)]
    parts = {"base": common.pop("base"), "tab_groups": _list(common, "tab_groups", head), "kept": kept}
    phases = sorted((_phase(content, file, system) for file, content in raw.items()), key=lambda phase: phase.number)
    parts["flags"] = tuple(dict.fromkeys(flag for phase in phases for flag in phase.flags))
    catalog = _build(Catalog, {**parts, "phases": tuple(phases)}, head, "catalog")
    file_of = {
        phase.number: file for phase in phases for file, content in raw.items() if content["phase"] == phase.number
    }
    for number, where, problem in problems(catalog):
        raise CatalogError(f"{head if number is None else file_of[number]}: {where}: {problem}")
    return catalog


def _phase(content: dict[str, Any], file: str, system: list[Field]) -> Phase:
    settings = dict(content)
    entries = _list(settings, "collections", file)
    if "phase" not in settings:
        raise CatalogError(f"{file}: phase: is missing; expected a number, such as `phase: 2`")
    number = settings["number"] = settings.pop("phase")
    settings["tables"] = _list(settings, "tables", file)
    bare = _build(Phase, settings, file, f"phase {number}")
    return bare.model_copy(update={"collections": tuple(_collection(entry, file, number, system) for entry in entries)})


def _collection(entry: Any, file: str, phase: int, system: list[Field]) -> Collection:
    if not isinstance(entry, dict) or "wix" not in entry:
        raise CatalogError(f"{file}: collections: each needs `wix`, its name in Wix: {entry!r:.80}")
    name, settings = entry["wix"], dict(entry)
    for kind, model in (("fields", Field), ("copies", Copy), ("links", Link)):
        parts = _list(settings, kind, f"{file}: {name}")
        settings[kind] = tuple(_build(model, part, file, f"{name}.{_label(part)}") for part in parts)
    keys = {field.wix for field in settings["fields"]}
    settings["fields"] = (*settings["fields"], *(field for field in system if field.wix not in keys))
    return _build(Collection, {**settings, "phase": phase}, file, str(name))


def _list(settings: dict[str, Any], key: str, where: str) -> list[Any]:
    """Remove a list from a mapping; a missing one is empty."""
    value = settings.pop(key, None)
    if value is not None and not isinstance(value, list):
        raise CatalogError(f"{where}: {key}: must be a list: {value!r:.60}")
    return value or []


def _label(part: Any) -> str:
    return str(part.get("wix") or part.get("name") or "?") if isinstance(part, dict) else "?"


def _build(model: type[P], entry: Any, file: str, where: str) -> P:
    if not isinstance(entry, dict):
        raise CatalogError(f"{file}: {where}: must be a mapping: {entry!r:.80}")
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
    at = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    match first["type"]:
        case "extra_forbidden":
            message = f"is not a key of a {model.__name__.lower()}{nearest(at, model.model_fields)}"
        case "missing":
            message = "is missing"
        case "literal_error":
            message = f"{first['input']!r:.60} is not one of {first['ctx']['expected']}"
            message += nearest(str(first["input"]), re.findall(r"'(\w+)'", first["ctx"]["expected"]))
        case "string_pattern_mismatch" | "string_too_short":
            message = f"{first['input']!r:.60} must not be empty or have surrounding blanks"
            if at == "name" and model is Phase:
                message = f"{first['input']!r:.60} must be lower-case letters, digits and _; it names a notebook"
        case "value_error":
            pass
        case _:
            message = f"{message}: {first['input']!r:.60}"
    raise CatalogError(f"{file}: {where}: {f'{at}: ' if at else ''}{message}")
