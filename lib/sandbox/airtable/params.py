"""Reading what a request asks: query strings as clients really write them, and their JSON twins."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sandbox.airtable.errors import invalid_request
from sandbox.web import clean_text

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
_LISTS = frozenset({"fields", "records", "recordMetadata", "include"})


def from_query(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """A query string's pairs in the shape of a JSON body.

        fields[]=A&fields[]=B          {"fields": ["A", "B"]}     also fields=A and fields[0]=A
        sort[0][field]=A&sort[0][direction]=desc    {"sort": [{"field": "A", "direction": "desc"}]}

    Every leaf is a string.
    """
    params: dict[str, Any] = {}
    sort: dict[str, dict[str, str]] = {}
    for key, value in pairs:
        found = _KEY.fullmatch(key)
        if found is None:
            continue
        name, parts = found[1], _PART.findall(found[2])
        if name == "sort" and len(parts) == 2:
            sort.setdefault(parts[0], {})[parts[1]] = value
        elif name in _LISTS:
            params.setdefault(name, []).append(value)
        else:
            params[name] = value
    if sort:
        params["sort"] = [
            sort[index] for index in sorted(sort, key=lambda element: (not element.isdigit(), element.zfill(8)))
        ]
    return params


def flag(params: dict[str, Any], name: str) -> bool:
    """A yes or no: true, false, 1, 0, as JSON or text; absent is no. Raises Refusal 422 for anything else."""
    value = params.get(name)
    if value is None or value == "":
        return False
    word = str(value).lower()
    if isinstance(value, dict | list) or word not in ("true", "false", "1", "0"):
        raise invalid_request()
    return word in ("true", "1")


def whole_number(params: dict[str, Any], name: str) -> int | None:
    """A whole number, as JSON or text; None where it is absent or no number (the service ignores those)."""
    value = params.get(name)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return int(value)
    text = str(value).strip()
    return int(text) if re.fullmatch(r"-?\d{1,15}", text) else None


def text(params: dict[str, Any], name: str) -> str | None:
    """A string; None where it is absent or empty. Raises Refusal 422 for anything else."""
    value = params.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise invalid_request()
    return clean_text(value)


def texts(params: dict[str, Any], name: str) -> list[str]:
    """A list of strings (a single one is a list of it); empty where it is absent. Raises Refusal 422."""
    value = params.get(name)
    if value is None:
        return []
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(element, str) for element in value):
        raise invalid_request()
    return [clean_text(element) for element in value]
