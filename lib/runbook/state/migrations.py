"""The versions of the state's tables. An older state is upgraded when it is opened, in one transaction.

To change a table: change tables.py, add a migration to `MIGRATIONS`, and record a state of the version before it in
tests/data.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, inspect, select, text

from runbook.errors import SettingError
from runbook.state.tables import metadata, now, state_migration


class Migration(NamedTuple):
    """What leads from the version before to `version`, in SQL that SQLite and PostgreSQL share."""

    version: int
    name: str
    statements: tuple[str, ...]


MIGRATIONS = (
    Migration(
        2,
        "name tables and changes in plain terms",
        (
            "ALTER TABLE flag_turn RENAME TO flag_change",
            "ALTER TABLE pace RENAME TO rate_limit",
            "ALTER TABLE change RENAME TO row_change",
            "UPDATE row_change SET what = 'created' WHERE what = 'born'",
        ),
    ),
    Migration(
        3,
        "know what both sides last agreed on",
        (
            "ALTER TABLE id_map DROP COLUMN filled",
            "ALTER TABLE id_map ADD COLUMN answer TEXT",
            "ALTER TABLE id_map ADD COLUMN agreed TEXT",
            "ALTER TABLE id_map ADD COLUMN served TEXT",
        ),
    ),
    Migration(
        4,
        "know what Wix does not have yet",  # the table `outbox` is made with the others
        ("ALTER TABLE row_change ADD COLUMN agreed TEXT",),
    ),
    Migration(5, "keep a journal of writes", ()),  # the table `pending_write` is made with the others
)
VERSION = MIGRATIONS[-1].version
# Version 1 had no ledger of migrations.
_TABLES_1 = {"change", "fact", "flag", "flag_turn", "id_map", "journal", "link_key", "pace", "progress"}


def is_ready(connection: Connection) -> bool:
    """Whether the tables are those of `VERSION`. Read-only."""
    return (
        inspect(connection).has_table(state_migration.name)
        and connection.scalar(select(func.max(state_migration.c.version))) == VERSION
    )


def find_version(connection: Connection) -> int:
    """The version of the state in a database; 0 where there is none yet. Read-only.

    Raises SettingError where the state is of a newer version, or the tables are not those of a state.
    """
    database, inspector = connection.engine.url.render_as_string(hide_password=True), inspect(connection)
    if inspector.has_table(state_migration.name):
        version = connection.scalar(select(func.max(state_migration.c.version))) or 0
        if version > VERSION:
            raise SettingError(
                f"RUNBOOK_STATE_URL: {database} is a state of version {version}, made by a newer runbook; this one "
                f"knows versions up to {VERSION}. Nothing was changed. Use the newer runbook"
            )
        return int(version)
    tables = set(inspector.get_table_names())
    if tables >= _TABLES_1:
        return 1
    # A database of PostgreSQL may hold tables of others; a file of SQLite with other tables is the wrong file.
    if tables & {*_TABLES_1, *metadata.tables} or (tables and connection.dialect.name == "sqlite"):
        found = ", ".join(sorted(tables)[:5])
        raise SettingError(
            f"RUNBOOK_STATE_URL: {database} holds no state of the runbook; its tables are {found}. Nothing was changed"
        )
    return 0


def upgrade(connection: Connection) -> None:
    """Make or upgrade the tables to `VERSION`, inside the caller's transaction. Raises as `find_version`."""
    version = find_version(connection)
    missing = [migration for migration in MIGRATIONS if migration.version > version]
    if version:
        for migration in missing:
            for statement in migration.statements:
                connection.execute(text(statement))
    metadata.create_all(connection)
    lines = [{"version": m.version, "name": m.name, "applied_at": now()} for m in missing]
    if lines:  # none: another process was faster
        connection.execute(state_migration.insert(), lines)
