"""What was sent before it is sent: after a kill, these rows are looked up, never assumed to be there or not."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from runbook.state.schema import journal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runbook.state.store import State


class Journal:
    """Open entries only: an entry goes when its answer is on record in the id map."""

    def __init__(self, state: State) -> None:
        self._state = state

    def sending(self, base: str, collection: str, batches: Sequence[Sequence[str]]) -> list[int]:
        """Put batches of legacy ids on record; returns an entry's id each. Committed on return."""
        with self._state.write() as connection:
            return [
                int(
                    connection.execute(
                        insert(journal)
                        .values(
                            base=base, collection=collection, legacy_ids=json.dumps(list(batch)), sent_at=time.time()
                        )
                        .returning(journal.c.id)
                    ).scalar_one()
                )
                for batch in batches
            ]

    def landed(self, entries: Iterable[int]) -> None:
        """Close entries, after what came of them is in the id map."""
        closed = list(entries)
        with self._state.write() as connection:
            for at in range(0, len(closed), 500):
                connection.execute(delete(journal).where(journal.c.id.in_(closed[at : at + 500])))

    def unfinished(self, base: str, collection: str) -> dict[int, list[str]]:
        """Entries whose answer was never put on record: legacy ids by entry."""
        asked = select(journal.c.id, journal.c.legacy_ids).where(
            journal.c.base == base, journal.c.collection == collection
        )
        with self._state.read() as connection:
            return {row[0]: json.loads(row[1]) for row in connection.execute(asked)}
