"""How far each collection has come, and the evidence that its flag may turn on."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import select

from runbook.state.database import Database
from runbook.state.tables import progress


@dataclass(frozen=True)
class Progressed:
    """What the last validation of a collection came to. `verified_at`: ISO time in UTC, None: never.

    `source`: the source's label; `source_count`, `source_newest`: its mark when it was exported.
    """

    collection: str
    run_id: str
    phase: int
    exported: int
    loaded: int
    quarantined: int
    verified: int
    unexplained: int
    source: str
    source_count: int | None
    source_newest: str | None
    verified_at: str | None
    green: bool


class Progress:
    """A line a base and collection."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def record(self, base: str, done: Progressed) -> None:
        """Write it down, in place of the line before."""
        line = {"base": base, **asdict(done)}
        insert = self._db.insert(progress)
        query = insert.on_conflict_do_update(
            index_elements=[progress.c.base, progress.c.collection],
            set_={name: insert.excluded[name] for name in line if name not in ("base", "collection")},
        )
        with self._db.writing() as connection:
            connection.execute(query, line)

    def all(self, base: str) -> dict[str, Progressed]:
        """Every collection of a base that has a line, by name."""
        columns = [column for column in progress.columns if column.name != "base"]
        with self._db.reading() as connection:
            rows = connection.execute(select(*columns).where(progress.c.base == base)).mappings()
            return {row["collection"]: Progressed(**row) for row in rows}
