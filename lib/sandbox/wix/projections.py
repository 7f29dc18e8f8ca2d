"""Projections of aggregation pipelines: which fields a row keeps, loses and gets."""

from __future__ import annotations

from typing import Any

from sandbox.wix.errors import Violation, WixError
from sandbox.wix.expressions import MAX_LENGTH, Expression, read_expression
from sandbox.wix.params import Params
from sandbox.wix.values import MAX_DEPTH, is_date, path_of, project

Row = dict[str, Any]
Path = tuple[str, ...]

_KINDS = ("include", "exclude", "reshape", "projectNested")


class Projection:
    """`fields` of a projection, those of `projectNested` under the dotted path of their parent.

    A nested include or exclude speaks of the parent's own fields, a nested expression of the whole row, as in MongoDB
    [ASSUME]. Raises Violation, WDE0134, WDE0167, WDE0173.
    """

    def __init__(self, params: Params) -> None:
        self._kept: list[str] = []
        self._without: list[Path] = []
        self._made: list[tuple[Path, Expression]] = []
        self._read(params, ())

    def apply(self, row: Row) -> Row:
        """The row that comes of a row; `_id` stays unless it is excluded. Raises WDE0080, WDE0009."""
        integer = self._without and not self._kept and not self._made
        result = row if integer else project(row, self._kept)
        for path in self._without:
            result = without(result, path)
        for path, expression in self._made:
            result = placed(result, path, expression(row))
        return result

    def _read(self, params: Params, parent: Path) -> None:
        entries = params.each("fields")
        if len(entries) > MAX_LENGTH:
            raise Violation(params.where("fields"), "must have at most 1000 entries", "MAX_SIZE", threshold=MAX_LENGTH)
        for entry in entries:
            kinds = [kind for kind in _KINDS if kind in entry]
            if len(kinds) != 1:
                raise Violation(entry.path, f"must have one of {', '.join(_KINDS)}", "ONE_OF")
            self._take(kinds[0], entry.part(kinds[0]), parent)

    def _take(self, kind: str, params: Params, parent: Path) -> None:
        path = parent + read_field_path(params, "fieldName" if kind in ("include", "exclude") else "resultFieldName")
        if len(path) > MAX_DEPTH:
            raise Violation(
                params.path, f"must not be nested past {MAX_DEPTH} levels", "MAX_DEPTH", threshold=MAX_DEPTH
            )
        if kind == "include":
            self._kept.append(".".join(path))
        elif kind == "exclude":
            self._without.append(path)
        elif kind == "reshape":
            self._made.append((path, read_expression(params.part("expression"))))
        else:
            self._read(params, path)


def read_field_path(params: Params, name: str) -> Path:
    """The path that a stage's part `name` gives, at most 50 parts. Raises Violation, WDE0134."""
    text = params.text(name)
    path = path_of(text)
    if len(text) > MAX_LENGTH or len(path) > MAX_DEPTH:
        raise Violation(params.where(name), "must have at most 1000 characters and 50 parts", "MAX_LENGTH")
    if any(part.startswith("$") for part in path):
        raise WixError("WDE0134", "Field names with dollar ($) prefix are not allowed.")
    return path


def placed(row: Row, path: Path, value: Any) -> Row:
    """The row with a value at a path; what is no object on the way gives place to one."""
    if len(path) > 1:
        inner = row.get(path[0])
        value = placed(inner if type(inner) is dict and not is_date(inner) else {}, path[1:], value)
    return {**row, path[0]: value}


def without(row: Row, path: Path) -> Row:
    """The row without what is at a path."""
    if not reaches(row, path):
        return row
    if len(path) == 1:
        return {key: value for key, value in row.items() if key != path[0]}
    return {**row, path[0]: without(row[path[0]], path[1:])}


def reaches(row: Any, path: Path) -> bool:
    """Whether a path leads through objects to a key that exists."""
    for part in path:
        if type(row) is not dict or is_date(row) or part not in row:
            return False
        row = row[part]
    return True
