"""The data layer: one record API over Wix Data, over Airtable, or routed between them by `DATA_SOURCE`.

    from runbook.query import Query
    records.query("Carriers", Query().eq("dot_number", 1234567))

`contract` says what holds for every side, `runbook.query` what can be asked.
"""

from __future__ import annotations

from runbook.records.airtable import AirtableRecords
from runbook.records.contract import Records
from runbook.records.results import Page
from runbook.records.routed import RoutedRecords
from runbook.records.wix import WixRecords

__all__ = ["AirtableRecords", "Page", "Records", "RoutedRecords", "WixRecords"]
