"""What a schema plan is made of: steps, each one change that the API can make, and drift, which it cannot mend."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from runbook.json_types import Json

Key: TypeAlias = tuple[str, str, str]  # what is done, in which table, to which column


@dataclass(frozen=True)
class MakeTable:
    """A table with all of its columns but links, the primary one first. One request."""

    table: str
    description: str
    columns: tuple[dict[str, Json], ...]
    requests: int = 1

    @property
    def key(self) -> Key:
        """What tells it from other steps."""
        return ("table", self.table, "")

    @property
    def row(self) -> tuple[str, str, str, str]:
        """What is done, table, column, as what."""
        primary = self.columns[0]["name"]
        return ("make table", self.table, f"{len(self.columns)} columns", f"primary: {primary}")

    @property
    def spec(self) -> dict[str, Any]:
        """What the create call takes."""
        return {"name": self.table, "description": self.description, "fields": list(self.columns)}


@dataclass(frozen=True)
class MakeColumn:
    """A column of a table that is there. One request."""

    table: str
    spec: dict[str, Json]
    requests: int = 1

    @property
    def key(self) -> Key:
        """What tells it from other steps."""
        return ("column", self.table, str(self.spec["name"]))

    @property
    def row(self) -> tuple[str, str, str, str]:
        """What is done, table, column, as what."""
        return ("add column", self.table, str(self.spec["name"]), str(self.spec["type"]))


@dataclass(frozen=True)
class MakeLink:
    """A link; Airtable makes its other face along with it. A second request where that gets another name than planned.

    `inverse` None: a link to its own table, which has no other face. `predicted`: what Airtable will call it.
    """

    table: str
    name: str
    target: str
    description: str
    inverse: str | None
    predicted: str | None

    @property
    def requests(self) -> int:
        """The link, and the renaming of its inverse."""
        return 1 if self.inverse == self.predicted else 2

    @property
    def key(self) -> Key:
        """What tells it from other steps."""
        return ("link", self.table, self.name)

    @property
    def row(self) -> tuple[str, str, str, str]:
        """What is done, table, column, as what."""
        other = f", seen from there as '{self.inverse}'" if self.inverse else ", its own table: no other face"
        return ("add link", self.table, self.name, f"to {self.target}{other}")

    def spec(self, target_id: str) -> dict[str, Any]:
        """What the create call takes: nothing but the linked table (the API refuses every other option)."""
        options = {"linkedTableId": target_id}
        return {
            "name": self.name,
            "type": "multipleRecordLinks",
            "description": self.description,
            "options": options,
        }


@dataclass(frozen=True)
class RenameInverse:
    """The other face of a link that is there gets its name. One request."""

    table: str
    name: str
    of: str
    link: str
    now: str
    table_id: str
    field_id: str
    requests: int = 1

    @property
    def key(self) -> Key:
        """What tells it from other steps: the link's own table and name."""
        return ("rename", self.of, self.link)

    @property
    def row(self) -> tuple[str, str, str, str]:
        """What is done, table, column, as what."""
        return ("rename", self.table, self.now, f"to '{self.name}', the other face of {self.of}.{self.link}")


@dataclass(frozen=True)
class Describe:
    """A table that is there without a description gets ours. One request."""

    table: str
    table_id: str
    description: str
    requests: int = 1

    @property
    def key(self) -> Key:
        """What tells it from other steps."""
        return ("describe", self.table, "")

    @property
    def row(self) -> tuple[str, str, str, str]:
        """What is done, table, column, as what."""
        return ("describe", self.table, "", self.description.splitlines()[0])


Step: TypeAlias = MakeTable | MakeColumn | MakeLink | RenameInverse | Describe


@dataclass(frozen=True)
class Drift:
    """Something that is not as the catalog says, and that the API cannot mend: `mend` says who clicks where."""

    table: str
    column: str
    found: str
    wanted: str
    mend: str

    @property
    def words(self) -> str:
        """One line of an error."""
        where = f"{self.table}.{self.column}" if self.column else self.table
        return f"{where}: {self.found}; the catalog says {self.wanted}. {self.mend}"


@dataclass
class Findings:
    """What planning gathers, in the order of its doing."""

    tables: list[MakeTable] = field(default_factory=list)
    describes: list[Describe] = field(default_factory=list)
    columns: list[MakeColumn] = field(default_factory=list)
    renames: list[RenameInverse] = field(default_factory=list)
    links: list[MakeLink] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Renames before links: a link may need the name that a half-made one still holds."""
        return (*self.tables, *self.describes, *self.columns, *self.renames, *self.links)
