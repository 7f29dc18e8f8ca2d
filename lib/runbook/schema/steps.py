"""What a schema plan is made of: steps, each one change that the API can make, and drift, which the API cannot fix."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from runbook.json_types import Json

LINK = "multipleRecordLinks"  # Airtable's type of a link column
Key: TypeAlias = tuple[str, str, str]  # action, table, column: identifies a step
Row: TypeAlias = tuple[str, str, str, str]  # action, table, column, details: shows a step


@dataclass(frozen=True)
class MakeTable:
    """A table with all its columns but links, the primary one first. One request."""

    table: str
    description: str
    columns: tuple[dict[str, Json], ...]
    requests: int = 1

    @property
    def key(self) -> Key:
        """What identifies the step."""
        return ("table", self.table, "")

    @property
    def row(self) -> Row:
        """The step as a row of the plan."""
        primary = self.columns[0]["name"]
        return ("make table", self.table, f"{len(self.columns)} columns", f"primary: {primary}")

    @property
    def spec(self) -> dict[str, Any]:
        """The body of the create request."""
        return {"name": self.table, "description": self.description, "fields": list(self.columns)}


@dataclass(frozen=True)
class MakeColumn:
    """A column of an existing table. One request."""

    table: str
    spec: dict[str, Json]
    requests: int = 1

    @property
    def key(self) -> Key:
        """What identifies the step."""
        return ("column", self.table, str(self.spec["name"]))

    @property
    def row(self) -> Row:
        """The step as a row of the plan."""
        return ("add column", self.table, str(self.spec["name"]), str(self.spec["type"]))


@dataclass(frozen=True)
class MakeLink:
    """A link; Airtable makes its inverse link field with it. A second request where that needs another name.

    `inverse` None: a link to its own table, which has no inverse. `predicted`: the name that Airtable will give it.
    """

    table: str
    name: str
    target: str
    description: str
    inverse: str | None
    predicted: str | None

    @property
    def requests(self) -> int:
        """The link, and renaming its inverse."""
        return 1 if self.inverse == self.predicted else 2

    @property
    def key(self) -> Key:
        """What identifies the step."""
        return ("link", self.table, self.name)

    @property
    def row(self) -> Row:
        """The step as a row of the plan."""
        inverse = f", inverse '{self.inverse}'" if self.inverse else ", its own table: no inverse"
        return ("add link", self.table, self.name, f"to {self.target}{inverse}")

    def spec(self, target_id: str) -> dict[str, Any]:
        """The body of the create request: only the linked table (the API refuses every other option)."""
        options = {"linkedTableId": target_id}
        return {"name": self.name, "type": LINK, "description": self.description, "options": options}


@dataclass(frozen=True)
class RenameInverse:
    """The inverse of an existing link gets its name. One request."""

    table: str
    name: str
    link_table: str
    link: str
    current: str
    table_id: str
    field_id: str
    requests: int = 1

    @property
    def key(self) -> Key:
        """What identifies the step: the link's table and name."""
        return ("rename", self.link_table, self.link)

    @property
    def row(self) -> Row:
        """The step as a row of the plan."""
        return ("rename", self.table, self.current, f"to '{self.name}', the inverse of {self.link_table}.{self.link}")


@dataclass(frozen=True)
class Describe:
    """An existing table without a description gets one. One request."""

    table: str
    table_id: str
    description: str
    requests: int = 1

    @property
    def key(self) -> Key:
        """What identifies the step."""
        return ("describe", self.table, "")

    @property
    def row(self) -> Row:
        """The step as a row of the plan."""
        return ("describe", self.table, "", self.description.splitlines()[0])


Step: TypeAlias = MakeTable | MakeColumn | MakeLink | RenameInverse | Describe


@dataclass(frozen=True)
class Drift:
    """A difference from the catalog that the API cannot fix. `fix` tells a person where to click.

    `stops`: whether the collection's records can no longer be read as the catalog says. `retyped`: the column is there,
    with another type.
    """

    table: str
    column: str
    actual: str
    expected: str
    fix: str
    stops: bool = True
    retyped: bool = False

    @property
    def message(self) -> str:
        """One line of an error."""
        where = f"{self.table}.{self.column}" if self.column else self.table
        return f"{where}: {self.actual}; the catalog says {self.expected}. {self.fix}"


@dataclass
class Findings:
    """What planning collects, in execution order. `moved`: (table, column) of columns that are found by id alone."""

    tables: list[MakeTable] = field(default_factory=list)
    describes: list[Describe] = field(default_factory=list)
    columns: list[MakeColumn] = field(default_factory=list)
    renames: list[RenameInverse] = field(default_factory=list)
    links: list[MakeLink] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    manual_steps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    moved: set[tuple[str, str]] = field(default_factory=set)

    def differs(self, table: str, column: str, actual: str, expected: str, fix: str) -> None:
        """Add a drift."""
        self.drift.append(Drift(table, column, actual, expected, fix))

    @property
    def steps(self) -> tuple[Step, ...]:
        """Renames before links: a link may need the name that a half-made one still has."""
        return (*self.tables, *self.describes, *self.columns, *self.renames, *self.links)
