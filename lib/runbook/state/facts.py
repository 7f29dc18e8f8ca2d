"""Small facts that are kept by name, as JSON: the base of a source, frozen permissions, checks on record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from runbook.state.schema import facts

if TYPE_CHECKING:
    from runbook.json_types import Json
    from runbook.state.store import State


class Facts:
    """A value by name."""

    def __init__(self, state: State) -> None:
        self._state = state

    def get(self, key: str) -> Json | None:
        """The value; None where there is none."""
        with self._state.read() as connection:
            found = connection.execute(select(facts.c.value).where(facts.c.key == key)).scalar()
        return None if found is None else json.loads(found)

    def put(self, key: str, value: Json) -> None:
        """Set a value, in place of the former."""
        with self._state.write() as connection:
            self._state.upsert(connection, facts, [{"key": key, "value": json.dumps(value)}])

    def append(self, key: str, value: Json) -> None:
        """Add to a list, in one transaction."""
        with self._state.write() as connection:
            found = connection.execute(select(facts.c.value).where(facts.c.key == key)).scalar()
            grown = [*(json.loads(found) if found else []), value]
            self._state.upsert(connection, facts, [{"key": key, "value": json.dumps(grown)}])
