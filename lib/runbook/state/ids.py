"""Which Wix id became which record, and by which natural keys links find a row."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, select

from runbook.state.schema import ids, keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runbook.state.store import State


class _Ambiguous(enum.Enum):
    AMBIGUOUS = "ambiguous"


AMBIGUOUS: Final = _Ambiguous.AMBIGUOUS  # a natural key that several rows have: which is meant is not guessed


@dataclass(frozen=True, slots=True)
class Known:
    """A row in Airtable. `hash` "": adopted, what its cells hold is not known. `columns`: its non-empty cells."""

    record_id: str
    hash: str
    columns: tuple[str, ...] = ()


class Ids:
    """The id map and the link keys."""

    def __init__(self, state: State) -> None:
        self._state = state

    def all(self, base: str, collection: str) -> dict[str, Known]:
        """Every known row of a collection, by legacy id."""
        asked = select(ids.c.legacy_id, ids.c.record_id, ids.c.hash, ids.c.columns)
        with self._state.read() as connection:
            found = connection.execute(asked.where(ids.c.base == base, ids.c.collection == collection))
            return {row[0]: Known(row[1], row[2], tuple(json.loads(row[3]))) for row in found}

    def remember(self, base: str, collection: str, rows: Mapping[str, Known]) -> None:
        """Add or change rows, all or none."""
        with self._state.write() as connection:
            self._state.upsert(
                connection,
                ids,
                [
                    {
                        "base": base,
                        "collection": collection,
                        "legacy_id": legacy,
                        "record_id": known.record_id,
                        "hash": known.hash,
                        "columns": json.dumps(known.columns),
                    }
                    for legacy, known in rows.items()
                ],
            )

    def forget(self, base: str, collection: str, legacy_ids: Iterable[str]) -> None:
        """Drop rows and their link keys."""
        gone = list(legacy_ids)
        with self._state.write() as connection:
            for table in (ids, keys):
                for at in range(0, len(gone), 500):
                    connection.execute(
                        delete(table).where(
                            table.c.base == base,
                            table.c.collection == collection,
                            table.c.legacy_id.in_(gone[at : at + 500]),
                        )
                    )

    def remember_keys(self, base: str, collection: str, key: str, values: Mapping[str, str | None]) -> None:
        """By legacy id: the normalised value of a natural key; None: the row has none (any more)."""
        rows = [
            {"base": base, "collection": collection, "key": key, "legacy_id": legacy, "value": value}
            for legacy, value in values.items()
            if value is not None
        ]
        with self._state.write() as connection:
            # Rewritten as a whole: cheaper than telling which of them changed.
            connection.execute(
                delete(keys).where(keys.c.base == base, keys.c.collection == collection, keys.c.key == key)
            )
            self._state.upsert(connection, keys, rows)

    def key_map(self, base: str, collection: str, key: str) -> dict[str, str | _Ambiguous]:
        """Record id by value of a key; AMBIGUOUS where several rows have it. `_id`: by legacy id."""
        if key == "_id":
            return {legacy: known.record_id for legacy, known in self.all(base, collection).items()}
        asked = (
            select(keys.c.value, ids.c.record_id)
            .join_from(
                keys,
                ids,
                (ids.c.base == keys.c.base)
                & (ids.c.collection == keys.c.collection)
                & (ids.c.legacy_id == keys.c.legacy_id),
            )
            .where(keys.c.base == base, keys.c.collection == collection, keys.c.key == key)
        )
        found: dict[str, str | _Ambiguous] = {}
        with self._state.read() as connection:
            for value, record_id in connection.execute(asked):
                found[value] = AMBIGUOUS if value in found else record_id
        return found
