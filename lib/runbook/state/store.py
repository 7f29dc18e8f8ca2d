"""`State`: everything that must be remembered between two runs, in one database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from runbook.state.changes import Changes
from runbook.state.database import Database
from runbook.state.facts import Facts
from runbook.state.flags import Flags
from runbook.state.ids import Ambiguous, IdMap, Known, Landed
from runbook.state.journal import Journal
from runbook.state.keys import LinkKeys
from runbook.state.locks import Locks
from runbook.state.progress import Progress
from runbook.state.rate_limits import RateLimits


class State:
    """The state of one environment. `url`: `sqlite:////path/state.db` or `postgresql://user:password@host/database`.

    Several threads, processes and (on PostgreSQL) machines may share it. Raises SettingError where it cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.id_map = IdMap(self.database)
        self.link_keys = LinkKeys(self.database)
        self.journal = Journal(self.database, self.id_map)
        self.flags = Flags(self.database)
        self.progress = Progress(self.database)
        self.facts = Facts(self.database)
        self.changes = Changes(self.database)
        self.rate_limits = RateLimits(self.database)
        self.locks = Locks(self.database)

    def __repr__(self) -> str:
        return f"State({self.database!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections; it may be used again."""
        self.database.close()

    # Which record a row is

    def ids(self, base: str, collection: str) -> dict[str, Known]:
        """Every row that is in the base, by legacy id."""
        return self.id_map.all(base, collection)

    def remember(self, base: str, collection: str, rows: Iterable[Landed]) -> None:
        """Rows are in the base now; those known before are replaced."""
        self.id_map.remember(base, collection, rows)

    def forget(self, base: str, collection: str, legacy_ids: Iterable[str]) -> None:
        """Rows are no longer in the base; their keys lead nowhere."""
        self.id_map.forget(base, collection, legacy_ids)

    def distrust(self, base: str, collection: str, legacy_ids: Iterable[str]) -> None:
        """Rows are not in Airtable as they were written, or not at all: the next load writes them again."""
        self.id_map.distrust(base, collection, legacy_ids)

    # Natural keys that links find rows by

    def remember_keys(self, base: str, collection: str, key: str, values: Mapping[str, str]) -> None:
        """Make `values`, legacy id -> normal form of the key, all that is known of a key; writes only what differs."""
        self.link_keys.replace(base, collection, key, values)

    def resolve(self, base: str, collection: str, key: str, value: str) -> str | Ambiguous | None:
        """The record that a key leads to; AMBIGUOUS for several, None for none. Key `_id`: the legacy id."""
        return self.link_keys.resolve(base, collection, key, value)

    def key_map(self, base: str, collection: str, key: str) -> dict[str, str | Ambiguous]:
        """All of `resolve` for a key: value -> record id or AMBIGUOUS."""
        return self.link_keys.all(base, collection, key)

    # What was sent

    def sending(self, base: str, collection: str, batches: Sequence[Sequence[str]]) -> list[int]:
        """Write down batches of legacy ids before they are sent; committed when it returns, with their numbers."""
        return self.journal.sending(base, collection, batches)

    def landed(self, base: str, collection: str, batches: Iterable[int], rows: Iterable[Landed]) -> None:
        """Batches are done: their rows are remembered and their lines struck out, in one commit."""
        self.journal.landed(base, collection, batches, rows)

    def unfinished(self, base: str, collection: str) -> list[str]:
        """Legacy ids that were sent and not seen to land: what became of them must be looked up."""
        return self.journal.unfinished(base, collection)

    def settle(self, base: str, collection: str, rows: Iterable[Landed] = ()) -> None:
        """The unfinished have been looked up, and these rows found: remembered, in one commit."""
        self.journal.settle(base, collection, rows)
