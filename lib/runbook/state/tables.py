"""The tables of state, in SQL that SQLite and PostgreSQL share. Times are ISO text in UTC, or seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, Index, Integer, MetaData, Table, Text

metadata = MetaData()

# Which record a row is. `hash`: of the cells last written, NULL where not known. `filled`: which were not empty.
id_map = Table(
    "id_map",
    metadata,
    Column("base", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("legacy_id", Text, primary_key=True),
    Column("record_id", Text, nullable=False),
    Column("hash", Text),
    Column("filled", Text),
    Column("loaded_at", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Which row has a natural key that links elsewhere find it by; several rows may have one.
link_key = Table(
    "link_key",
    metadata,
    Column("base", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("legacy_id", Text, primary_key=True),
    Index("link_key_row", "base", "collection", "legacy_id"),
    sqlite_with_rowid=False,
)

# A line a batch that was sent and has not been seen to land. `legacy_ids`: a JSON list.
journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("base", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("legacy_ids", Text, nullable=False),
    Column("sent_at", Text, nullable=False),
    Index("journal_of", "base", "collection"),
    sqlite_autoincrement=True,
)

flag = Table("flag", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

# Only ever added to.
flag_turn = Table(
    "flag_turn",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False),
    Column("flag", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("run_id", Text),
    sqlite_autoincrement=True,
)

progress = Table(
    "progress",
    metadata,
    Column("base", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("phase", Integer, nullable=False),
    Column("exported", Integer, nullable=False),
    Column("loaded", Integer, nullable=False),
    Column("quarantined", Integer, nullable=False),
    Column("verified", Integer, nullable=False),
    Column("unexplained", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("source_count", Integer),
    Column("source_newest", Text),
    Column("verified_at", Text),
    Column("green", Boolean, nullable=False),
)

fact = Table("fact", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

# Rows that the data layer made in Airtable ("born") or took out of it ("removed").
change = Table(
    "change",
    metadata,
    Column("base", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("legacy_id", Text, primary_key=True),
    Column("what", Text, nullable=False),
    Column("at", Text, nullable=False),
    sqlite_with_rowid=False,
)

# When the next request to a base may go out, and until when a 429 holds all back; seconds since 1970.
pace = Table(
    "pace",
    metadata,
    Column("base", Text, primary_key=True),
    Column("next", Double, nullable=False),
    Column("held_until", Double, nullable=False),
)
