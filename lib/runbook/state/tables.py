"""The tables of the state. Times are ISO text in UTC, or seconds since 1970. A change here needs a migration."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Boolean, Column, Double, Index, Integer, MetaData, Table, Text

metadata = MetaData()


def now() -> str:
    """The time as the state stores it: ISO, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Which migrations were applied. A new state lists all that lead to its version.
state_migration = Table(
    "state_migration",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("applied_at", Text, nullable=False),
)

# Which record a row is. `hash`: of the staged cells, `answer`: of Airtable's cells, when both sides last agreed; NULL
# where not known. `agreed`: the same by Wix key; NULL where it is not known that the row came from Wix. `served`: by
# Wix key, hashes of what services wrote since. The last two are JSON, as `runbook.merge` writes them.
id_map = Table(
    "id_map",
    metadata,
    Column("base", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("legacy_id", Text, primary_key=True),
    Column("record_id", Text, nullable=False),
    Column("hash", Text),
    Column("loaded_at", Text, nullable=False),
    Column("answer", Text),
    Column("agreed", Text),
    Column("served", Text),
    sqlite_with_rowid=False,
)

# The natural keys by which links find rows; several rows may have the same one.
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

# One row per batch that was sent and has no answer yet. `legacy_ids`: a JSON list.
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
flag_change = Table(
    "flag_change",
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

# Rows that only one side has because they were created in Airtable or removed from it, or carried to Wix before
# Airtable had them: `what` is "created", "removed" or "carried". `agreed`: of one that Wix has, as in `id_map`.
row_change = Table(
    "row_change",
    metadata,
    Column("base", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("legacy_id", Text, primary_key=True),
    Column("what", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("agreed", Text),
    sqlite_with_rowid=False,
)

# Rows as Airtable last had them, which Wix may not have like that yet. `fields`: the cells as JSON, NULL: deleted.
# `mark`: another one for each change. `at`: when it was first noted. `sent`: hashes of what was sent to Wix without an
# answer, by Wix key, as JSON. `held`: why it is not sent; NULL: it waits for its turn.
outbox = Table(
    "outbox",
    metadata,
    Column("base", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("legacy_id", Text, primary_key=True),
    Column("record_id", Text, nullable=False),
    Column("fields", Text),
    Column("by_hand", Boolean, nullable=False),
    Column("mark", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("sent", Text),
    Column("held", Text),
    sqlite_with_rowid=False,
)

# The journal of writes: what services wrote and Airtable does not have yet, in order. `kind`: "insert", "patch" or
# "remove". `changes`: {"set": {Wix key: value}, "unset": [Wix key]} as JSON. `sent`: since when Airtable may have it;
# NULL: it was never sent. `refused`: why Airtable did not take it; NULL: it waits.
pending_write = Table(
    "pending_write",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("base", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("legacy_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("changes", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("sent", Text),
    Column("refused", Text),
    Index("pending_write_row", "base", "collection", "legacy_id"),
    sqlite_autoincrement=True,
)

# When the next request to a base may go out, and until when none may after a 429; seconds since 1970.
rate_limit = Table(
    "rate_limit",
    metadata,
    Column("base", Text, primary_key=True),
    Column("next", Double, nullable=False),
    Column("held_until", Double, nullable=False),
)

# What both sides have and disagree on, until a person settles it and a load obeys. `key`: a Wix key or the name of a
# link, "" for the whole row. `wix`, `airtable`: hashes of both values; `prefer`: the side that a person chose.
conflict = Table(
    "conflict",
    metadata,
    Column("base", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("legacy_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("wix", Text, nullable=False),
    Column("airtable", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("found_at", Text, nullable=False),
    Column("prefer", Text),
    Column("who", Text),
    Column("why", Text),
    Column("settled_at", Text),
    sqlite_with_rowid=False,
)
