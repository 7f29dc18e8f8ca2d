"""Opening the state: one file of SQLite by default, PostgreSQL where several machines share it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from runbook.errors import SettingError
from runbook.state.facts import Facts
from runbook.state.flags import Flags
from runbook.state.ids import Ids, Known
from runbook.state.journal import Journal
from runbook.state.pace import Pace
from runbook.state.progress import Progress
from runbook.state.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table


class State:
    """Safe to use from several threads and several processes at once.

    `ids_of`, `journal`, `flags`, `progress`, `facts`, `pace`: its parts. Raises SettingError where `url` cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() not in ("sqlite", "postgresql"):
                raise ArgumentError("neither")
            if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
                self._make_file(Path(str(parsed.database)))
            self._engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() == "postgresql")
            if parsed.get_backend_name() == "sqlite":
                event.listen(self._engine, "connect", _tune)
                event.listen(self._engine, "begin", _begin_immediate)
            with self._engine.begin() as connection:
                metadata.create_all(connection)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, SQLAlchemyError, OSError) as error:
            # The address may hold a password: it is not repeated.
            raise SettingError(
                f"RUNBOOK_STATE_URL cannot be opened ({type(error).__name__}); right are sqlite:////path/state.db and "
                "postgresql://user@host/name (with a driver such as psycopg installed)"
            ) from None
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.ids_of = Ids(self)
        self.journal = Journal(self)
        self.flags = Flags(self)
        self.progress = Progress(self)
        self.facts = Facts(self)
        self.pace = Pace(self)

    def __repr__(self) -> str:
        return f"State({make_url(self._url).render_as_string(hide_password=True)!r})"

    @staticmethod
    def _make_file(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            path.touch(mode=0o600)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction; nothing of it stands if the block raises."""
        with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees what every process has committed by now."""
        with self._engine.connect() as connection:
            yield connection

    def upsert(self, connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows; where the primary key is taken, set the other columns."""
        if not rows:
            return
        dialect: Any = sqlite if self.is_sqlite else postgresql
        statement = dialect.insert(table)
        key = [column.name for column in table.primary_key]
        rest = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in key}
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=rest), rows)

    def ids(self, base: str, collection: str) -> dict[str, Known]:
        """Every row of a collection that this state knows in a base, by legacy id."""
        return self.ids_of.all(base, collection)

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()


def _tune(connection: Any, _record: object) -> None:
    # Transactions are begun by `_begin_immediate`. WAL, NORMAL: a commit survives the process, not always the machine.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    # A read that later writes would fail with "database is locked" where another process wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")
