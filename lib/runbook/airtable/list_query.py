"""A query for a list of records: in a URL or, where that grows too long, in a body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runbook.json_types import Json


@dataclass(frozen=True)
class ListQuery:
    """A list of records, in both forms that it can be requested in. `sort`: columns, `-Name` for descending."""

    base: str
    table: str
    fields: list[str]
    formula: str | None
    sort: list[str]
    page_size: int

    def params(self, offset: str | None) -> list[tuple[str, str]]:
        """For the URL."""
        params = [("pageSize", str(self.page_size))]
        params += [("fields[]", name) for name in self.fields]
        if self.formula is not None:
            params.append(("filterByFormula", self.formula))
        for n, term in enumerate(self._sort()):
            params += [(f"sort[{n}][{key}]", value) for key, value in term.items()]
        return [*params, ("offset", offset)] if offset else params

    def body(self, offset: str | None) -> dict[str, Json]:
        """For POST listRecords."""
        body: dict[str, Any] = {"pageSize": self.page_size}
        if self.fields:
            body["fields"] = self.fields
        if self.formula is not None:
            body["filterByFormula"] = self.formula
        if self.sort:
            body["sort"] = self._sort()
        return {**body, "offset": offset} if offset else body

    def _sort(self) -> list[dict[str, str]]:
        return [
            {"field": name.removeprefix("-"), "direction": "desc" if name.startswith("-") else "asc"}
            for name in self.sort
        ]
