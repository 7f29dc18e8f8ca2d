"""How far each collection has come: the figures of its last validation in a base."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from runbook.state.schema import progress

if TYPE_CHECKING:
    from runbook.state.store import State


@dataclass(frozen=True)
class Progressed:
    """One collection in one base. `source_count`, `source_newest`: the source's mark when it was exported."""

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
    """The last word on each collection."""

    def __init__(self, state: State) -> None:
        self._state = state

    def record(self, base: str, done: Progressed) -> None:
        """Put it on record, in place of the former."""
        with self._state.write() as connection:
            self._state.upsert(connection, progress, [{"base": base, **asdict(done)}])

    def all(self, base: str) -> dict[str, Progressed]:
        """By Wix name, everything that is known of a base."""
        columns = [column for column in progress.columns if column.name != "base"]
        with self._state.read() as connection:
            found = connection.execute(select(*columns).where(progress.c.base == base)).mappings()
            return {row["collection"]: Progressed(**row) for row in found}
