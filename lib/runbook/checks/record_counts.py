"""The table Record Counts in the base: rows of each table and their share of the plan's record limit.

A base holds so many records over all of its tables; this table's own rows count as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from runbook.airtable.client import Airtable
from runbook.catalog import Catalog
from runbook.display import Shown, Table
from runbook.json_types import Fields, Json
from runbook.schema.apply import apply_schema
from runbook.schema.compare import Wanted
from runbook.schema.plan import plan_tables
from runbook.schema.tables import COUNTS_TABLE
from runbook.settings import CRITICAL_SHARE, WARN_SHARE

EVERY = "(all tables)"
_PER_WRITE = 10

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
    """What was written. `rows`: (table, collection, rows, share of the limit), the fullest first; `total` is over all.

    `alerts`: words where the total is above 80 % (a warning) or 95 % (critical) of `limit`.
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
        """A line a table."""
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
    """Bring the table up to date, making it where it is not there. `rows`: by Wix name; `limit`: what the plan holds.

    Rows are matched by table name, so writing them again changes them and adds none. A row that says the same and was
    checked within a day is left alone, so that a second run writes nothing. Raises SchemaDrift where a person has made
    a table of this name with other columns, AirtableError.
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
    there = {record["fields"].get("Table"): record["fields"] for record in airtable.records(base, COUNTS_TABLE)}
    since = _iso(now - timedelta(days=1))
    entries = [entry for entry in entries if not _says(there.get(entry["Table"], {}), entry, since)]
    for start in range(0, len(entries), _PER_WRITE):
        airtable.upsert(base, COUNTS_TABLE, entries[start : start + _PER_WRITE], merge_on=("Table",))
    shown = tuple((table, name, count, count / limit) for table, name, count in counted)
    return RecordCounts(shown, total, limit, at, _alerts(total, limit))


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _says(fields: Fields, entry: dict[str, Json], since: str) -> bool:
    """Whether a record says what an entry would, and was checked since then."""
    same = all(fields.get(name) == entry[name] for name in ("Rows", "Share of limit"))
    return same and (fields.get("Collection") or "") == entry["Collection"] and fields.get("Checked at", "") > since


def _alerts(total: int, limit: int) -> tuple[str, ...]:
    share = total / limit
    if share <= WARN_SHARE:
        return ()
    kind, above = ("critical", CRITICAL_SHARE) if share > CRITICAL_SHARE else ("warning", WARN_SHARE)
    return (
        f"{kind}: {total:,} of {limit:,} records, {share:.0%} of what the plan holds (above {above:.0%}); once it "
        "is full, "
        "Airtable refuses new records. A larger plan, or fewer rows (logs first)",
    )
