"""The tables of the state. Portable: SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, Index, Integer, MetaData, PrimaryKeyConstraint, String, Table, Text

metadata = MetaData()

ids = Table(
    "ids",
    metadata,
    Column("base", String(17), nullable=False),
    Column("collection", Text, nullable=False),
    Column("legacy_id", Text, nullable=False),
    Column("record_id", String(17), nullable=False),
    Column("hash", String(64), nullable=False),  # of the fields as they were written; "" for an adopted record
    Column("columns", Text, nullable=False),  # the names of its non-empty cells, so that emptied ones can be cleared
    PrimaryKeyConstraint("base", "collection", "legacy_id"),
)
keys = Table(
    "link_keys",
    metadata,
    Column("base", String(17), nullable=False),
    Column("collection", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("legacy_id", Text, nullable=False),
    PrimaryKeyConstraint("base", "collection", "key", "legacy_id"),
    Index("link_keys_by_value", "base", "collection", "key", "value"),
)
journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("base", String(17), nullable=False),
    Column("collection", Text, nullable=False),
    Column("legacy_ids", Text, nullable=False),  # JSON array
    Column("sent_at", Double, nullable=False),
    Index("journal_by_collection", "base", "collection"),
)
flags = Table("flags", metadata, Column("name", Text, primary_key=True), Column("value", String(8), nullable=False))
turns = Table(
    "flag_turns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String(32), nullable=False),
    Column("flag", Text, nullable=False),
    Column("value", String(8), nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("run_id", Text),
)
progress = Table(
    "progress",
    metadata,
    Column("base", String(17), nullable=False),
    Column("collection", Text, nullable=False),
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
    Column("verified_at", String(32)),
    Column("green", Boolean, nullable=False),
    PrimaryKeyConstraint("base", "collection"),
)
facts = Table("facts", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))
pace = Table(
    "pace", metadata, Column("base", Text, primary_key=True), Column("next_slot", Double, nullable=False)
)  # seconds since the epoch
