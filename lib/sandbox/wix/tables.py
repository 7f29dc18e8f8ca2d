"""The SQL tables of the Wix side.

`wix_item.newest` is minus the milliseconds of `_createdDate`: ascending (newest, id) is the service's default order,
so that one row-value comparison pages through it on the index. `wix_history` holds what an item was before a write
(`data` NULL: it was not there), for reads that lag; `at` is in microseconds of the sandbox's clock.
`wix_link` holds each multi-reference once, whichever of its two sides made it.
"""

SCHEMA = """
CREATE TABLE IF NOT EXISTS wix_collection (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL, removed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS wix_item (
    row INTEGER PRIMARY KEY, collection INTEGER NOT NULL, id TEXT NOT NULL, newest INTEGER NOT NULL,
    data TEXT NOT NULL, UNIQUE (collection, id)
) STRICT;
CREATE INDEX IF NOT EXISTS wix_item_newest ON wix_item (collection, newest, id);
CREATE TABLE IF NOT EXISTS wix_history (
    collection INTEGER NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, newest INTEGER NOT NULL, data TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS wix_history_id ON wix_history (collection, id, at);
CREATE INDEX IF NOT EXISTS wix_history_newest ON wix_history (collection, newest, id);
CREATE INDEX IF NOT EXISTS wix_history_at ON wix_history (at);
CREATE TABLE IF NOT EXISTS wix_relation (number INTEGER PRIMARY KEY, faces TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS wix_link (
    seq INTEGER PRIMARY KEY, relation INTEGER NOT NULL, left_id TEXT NOT NULL, right_id TEXT NOT NULL,
    UNIQUE (relation, left_id, right_id)
) STRICT;
CREATE INDEX IF NOT EXISTS wix_link_right ON wix_link (relation, right_id);
CREATE TABLE IF NOT EXISTS wix_index (
    collection INTEGER NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (collection, name)
) STRICT;
CREATE TABLE IF NOT EXISTS wix_unique (
    collection INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (collection, name, value)
) STRICT;
CREATE INDEX IF NOT EXISTS wix_unique_id ON wix_unique (collection, id);
CREATE TABLE IF NOT EXISTS wix_job (id TEXT PRIMARY KEY, status TEXT NOT NULL, done INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS wix_secret (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL, value TEXT NOT NULL,
    created TEXT NOT NULL, updated TEXT NOT NULL
) STRICT;
"""
