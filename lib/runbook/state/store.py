"""`State`: everything that must be remembered between two runs, in one database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from runbook.state.conflicts import Conflicts
from runbook.state.database import Database
from runbook.state.debts import Debts
from runbook.state.facts import Facts
from runbook.state.flags import Flags
from runbook.state.locks import Locks
from runbook.state.outbox import Outbox, OutboxCount, count_outbox
from runbook.state.pending_writes import PendingWrites
from runbook.state.rate_limits import RateLimits
from runbook.state.rows import CollectionRows


class State:
    """The state of one environment. `url`: `sqlite:////path/state.db` or `postgresql://user:password@host/database`.

    Several threads, processes and (on PostgreSQL) machines may share it. Raises SettingError where it cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self._db = Database(url)
        self.flags = Flags(self._db)
        self.facts = Facts(self._db)
        self.debts = Debts(self._db)
        self.rate_limits = RateLimits(self._db)
        self.locks = Locks(self._db)

    def __repr__(self) -> str:
        return f"State({self._db!r})"

    @property
    def place(self) -> str:
        """Where it is, for people: the file, or the server and database."""
        return self._db.place

    @property
    def is_local(self) -> bool:
        """Whether only processes of this machine share it, and with it the mirror's file."""
        return self._db.is_sqlite

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections; it may be used again."""
        self._db.close()

    def rows(self, base: str, collection: str) -> CollectionRows:
        """The rows of one collection (by its Wix name) in one base."""
        return CollectionRows(self._db, base, collection)

    def conflicts(self, base: str, collection: str) -> Conflicts:
        """The conflicts of one collection (by its Wix name) in one base."""
        return Conflicts(self._db, base, collection)

    def outbox(self, base: str, collection: str) -> Outbox:
        """What Wix may not have yet of one collection (by its Wix name) in one base."""
        return Outbox(self._db, base, collection)

    def outbox_counts(self, base: str) -> dict[str, OutboxCount]:
        """How much that is, by collection; those with none are left out."""
        return count_outbox(self._db, base)

    def pending_writes(self, base: str) -> PendingWrites:
        """The journal of writes of one base: what Airtable does not have yet."""
        return PendingWrites(self._db, base)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One that survives a power failure at its end, for what several of its parts note together."""
        with self._db.writing(durable=True) as connection:
            yield connection

    def unchanged_since(self, base: str, flag: str) -> str | None:
        """The time since which an item must have been changed in Wix to count as changed there, where it is not known
        what both sides agreed on: when the flag turned to 'airtable', or rows were carried back by follow since.

        ISO time in UTC; None: not known.
        """
        turns = [turn.at for turn in self.flags.history(flag) if turn.value == "airtable"]
        debt, until = self.debts.all().get(flag), self.facts.followed(base).until
        since = debt.since if debt is not None and debt.since is not None else turns[-1] if turns else None
        return None if since is None else max(since, until or "")
