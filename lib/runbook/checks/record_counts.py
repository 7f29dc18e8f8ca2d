"""Keeps the table Record Counts in the base: rows of each table and their share of the plan's record limit.

The limit is for all tables of a base together; the rows of this table count as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from runbook.airtable.client import PER_WRITE, Airtable
from runbook.catalog import Catalog
from runbook.display import Shown, Table
from runbook.json_types import Fields, Json
from runbook.schema.apply import apply_schema
from runbook.schema.compare import Wanted
from runbook.schema.plan import plan_tables
from runbook.schema.tables import COUNTS_TABLE
from runbook.settings import CRITICAL_SHARE, WARN_SHARE

EVERY = "(all tables)"

_WANTED = Wanted(
    "",
    COUNTS_TABLE,
    "Rows of each table and their share of the plan's record limit. Kept by the migration runbook; holds no "
    "collection.",
    (
        {"name": "Table", "type": "singleLineText"},
        {"name": "Collection", "type": "singleLineText"},
        {"name": "Rows", "type": "number", "options": {"precision": 0}},
        {"name": "Share of limit", "type": "percent", "options": {"precision": 1}},
        {
            "name": "Checked at",
            "type": "dateTime",
            "options": {"timeZone": "utc", "dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}},
        },
        {"name": "Run", "type": "singleLineText"},
    ),
)


@dataclass(frozen=True, repr=False)
class RecordCounts(Shown):
    """`rows`: (table, collection, rows, share of the limit), the fullest first; `total`: records in the base.

    `alerts`: a message where the total is above 80 % (a warning) or 95 % (critical) of `limit`.
    """

    rows: tuple[tuple[str, str, int, float], ...]
    total: int
    limit: int
    checked_at: str
    alerts: tuple[str, ...]

    @property
    def shares(self) -> dict[str, float]:
        """Share of the limit by table, 0 to 1, the fullest first."""
        return {table: share for table, _, _, share in self.rows}

    def table(self) -> Table:
        """One row per table."""
        return Table(
            f"Record Counts: {self.total:,} of {self.limit:,} records, {self.total / self.limit:.1%}",
            ("table", "collection", "rows", "share of the limit"),
            [(table, collection, rows, f"{share:.1%}") for table, collection, rows, share in self.rows],
            (f"Written into the table {COUNTS_TABLE}, checked at {self.checked_at}.", *self.alerts),
        )

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "rows": {collection: rows for _, collection, rows, _ in self.rows},
            "total": self.total,
            "limit": self.limit,
            "share": round(self.total / self.limit, 4),
            "checked_at": self.checked_at,
            "alerts": list(self.alerts),
        }


def keep_record_counts(
    airtable: Airtable,
    base: str,
    catalog: Catalog,
    rows: Mapping[str, int],
    *,
    limit: int,
    run_id: str,
    now: datetime | None = None,
) -> RecordCounts:
    """Update the table, creating it where it does not exist. `rows`: by Wix name; `limit`: records in the plan.

    Rows are upserted by table name. A row that has not changed and was checked within a day is not written again, so
    that a second run writes nothing. Raises SchemaDrift where the table has other columns, AirtableError.
    """
    apply_schema(plan_tables(catalog, (_WANTED,), airtable.tables(base)), airtable, base)
    now = (now or datetime.now(UTC)).astimezone(UTC)
    at = _iso(now)
    counted = [(catalog.collection(name).table, name, count) for name, count in rows.items()]
    counted.sort(key=lambda entry: -entry[2])
    total = sum(count for _, _, count in counted) + len(counted) + 1  # this table's own rows
    entries: list[dict[str, Json]] = [
        {
            "Table": table,
            "Collection": name,
            "Rows": count,
            "Share of limit": count / limit,
            "Checked at": at,
            "Run": run_id,
        }
        for table, name, count in [*counted, (EVERY, "", total)]
    ]
    existing = {record["fields"].get("Table"): record["fields"] for record in airtable.records(base, COUNTS_TABLE)}
    since = _iso(now - timedelta(days=1))
    entries = [entry for entry in entries if not _is_current(existing.get(entry["Table"], {}), entry, since)]
    for start in range(0, len(entries), PER_WRITE):
        airtable.upsert(base, COUNTS_TABLE, entries[start : start + PER_WRITE], merge_on=("Table",))
    shown = tuple((table, name, count, count / limit) for table, name, count in counted)
    return RecordCounts(shown, total, limit, at, _alerts(total, limit))


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_current(fields: Fields, entry: dict[str, Json], since: str) -> bool:
    """Whether a record holds the entry's values, and was checked since then."""
    same = all(fields.get(name) == entry[name] for name in ("Rows", "Share of limit"))
    return same and (fields.get("Collection") or "") == entry["Collection"] and fields.get("Checked at", "") > since


def _alerts(total: int, limit: int) -> tuple[str, ...]:
    share = total / limit
    if share <= WARN_SHARE:
        return ()
    kind, above = ("critical", CRITICAL_SHARE) if share > CRITICAL_SHARE else ("warning", WARN_SHARE)
    return (
        f"{kind}: {total:,} of {limit:,} records, {share:.0%} of what the plan holds (above {above:.0%}); once it "
        "is full, Airtable refuses new records. Change to a larger plan, or delete rows (logs first)",
    )
