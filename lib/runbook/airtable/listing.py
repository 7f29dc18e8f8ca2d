"""How a list of records is asked for: in an address, or, where that grows too long, in a body."""

from __future__ import annotations

from typing import Any

from runbook.json_types import Json


class Asked:
    """A list, in both forms that it can be asked for."""

    def __init__(
        self, base: str, table: str, fields: list[str], formula: str | None, sort: list[str], page_size: int
    ) -> None:
        self.base, self.table = base, table
        self._fields, self.formula, self._page_size = fields, formula, page_size
        self._sort = [(name.removeprefix("-"), "desc" if name.startswith("-") else "asc") for name in sort]

    def params(self, offset: str | None) -> list[tuple[str, str]]:
        """For the address."""
        params = [("pageSize", str(self._page_size))]
        params += [("fields[]", name) for name in self._fields]
        if self.formula is not None:
            params.append(("filterByFormula", self.formula))
        for n, (name, direction) in enumerate(self._sort):
            params += [(f"sort[{n}][field]", name), (f"sort[{n}][direction]", direction)]
        return [*params, ("offset", offset)] if offset else params

    def body(self, offset: str | None) -> dict[str, Json]:
        """For POST listRecords."""
        body: dict[str, Any] = {"pageSize": self._page_size}
        if self._fields:
            body["fields"] = self._fields
        if self.formula is not None:
            body["filterByFormula"] = self.formula
        if self._sort:
            body["sort"] = [{"field": name, "direction": direction} for name, direction in self._sort]
        return {**body, "offset": offset} if offset else body
