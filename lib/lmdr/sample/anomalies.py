"""The anomalies of a real site: one row of each kind, with an id that is the same for every seed and scale.

An anomaly is a row as its service writes it, with one value replaced. `quarantined`: no Airtable column of the catalog
can hold an equivalent, so the row must be quarantined; every other row must be migrated, and its round trip is exact.

Some kinds are missing since a Wix site cannot hold them: a missing or duplicate `_id`, an integer beyond a double (its
server parses numbers as doubles), a lone surrogate (its store is UTF-8), a date without a zone or milliseconds (it
formats every date as `2025-03-01T12:00:00.123Z`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lmdr.sample.generator import Item, fixed_id

ABSENT = object()
"""The key is missing."""


@dataclass(frozen=True)
class Anomaly:
    """An anomalous row: its collection, the kind of anomaly, the field and its value."""

    collection: str
    kind: str
    field: str
    value: Any
    quarantined: bool = False

    @property
    def id(self) -> str:
        """The row's `_id`."""
        return fixed_id("mess", self.collection, self.kind, self.field)

    def apply(self, row: Item) -> None:
        """Turn a row into this one."""
        row["_id"] = self.id
        row.pop(self.field, None)
        if self.value is not ABSENT:
            row[self.field] = self.value


_LONG = "All work and no play makes a long text. " * 2600  # 104,000 characters

QUARANTINED: tuple[Anomaly, ...] = (
    Anomaly("BlogPosts", "text over 100,000 characters", "content", _LONG, True),
    Anomaly("BlogPosts", "text where a number is needed", "view_count", "many", True),
    Anomaly("CaseStudies", "impossible date", "published_date", "2024-02-30T12:00:00.000Z", True),
    Anomaly("Carriers", "text where a number is needed", "driver_total", "about forty", True),
    Anomaly("Carriers", "choice outside a closed select", "status", "archived", True),
    Anomaly("Carriers", "required key missing", "dot_number", ABSENT, True),
    Anomaly("DriverProfiles", "impossible date", "cdl_expiration", "2027-02-30", True),
    Anomaly("DriverProfiles", "choice outside a closed select", "visibility_level", "friends", True),
    Anomaly("DriverCarrierInterests", "choice outside a closed select", "origin", "billboard", True),
    Anomaly("DriverCarrierInterests", "required key missing", "driver_id", ABSENT, True),
    Anomaly("MatchEvents", "required key missing", "timestamp", ABSENT, True),
    Anomaly("CarrierDriverViews", "text where a number is needed", "carrier_dot", "see recruiter", True),
    Anomaly("Messages", "choice outside a closed select", "sender_type", "bot", True),
    Anomaly("Messages", "required key missing", "receiver_id", ABSENT, True),
    Anomaly("StripeEvents", "required key missing", "event_id", ABSENT, True),
    Anomaly("BillingHistory", "text where a number is needed", "amount", "$249.00", True),
    Anomaly("CarrierEnrichments", "text where a number is needed", "dot_number", "unknown", True),
    Anomaly("AIUsageLog", "text where a number is needed", "tokensUsed", "n/a", True),
    Anomaly("SystemLogs", "text over 100,000 characters", "message", _LONG, True),
    Anomaly("AdminAuditLog", "required key missing", "action", ABSENT, True),
)
"""The rows that must be quarantined; no other row of a sample site may be."""

_URI = "wix:image://v1/0a1b2c3d4e5f~mv2.jpg/odd name é.jpg#originWidth=1&originHeight=1"

MIGRATED: tuple[Anomaly, ...] = (
    Anomaly("BlogPosts", "html", "content", "<div>\n\t<p>a&nbsp;b</p>\r\n<script>1 < 2</script>\n</div>  "),
    Anomaly("BlogPosts", "list with commas", "tags", ["pay, home time", 'say "hi"', " spaced ", ""]),
    Anomaly("BlogPosts", "scalar where a list is needed", "tags", "pay"),
    Anomaly("FAQs", "empty text", "question", ""),
    Anomaly("FAQs", "blanks around", "answer", "  \n an answer \n\n"),
    Anomaly("Carriers", "number where text is needed", "phy_zip", 7001),
    Anomaly("Carriers", "text of a number", "pay_cpm", "0.55"),
    Anomaly("Carriers", "text of a number", "nbr_power_unit", " 12 "),
    Anomaly("Carriers", "more decimals than the column", "accident_rate", 0.123456789),
    Anomaly("Carriers", "loose text", "mc_number", "MC123456"),
    Anomaly("Carriers", "null", "legal_name", None),
    Anomaly("Carriers", "missing key", "legal_name", ABSENT),
    Anomaly("Carriers", "emoji", "legal_name", "BIG 🚛 RIG 👩🏽‍✈️ LLC"),
    Anomaly("Carriers", "right to left", "legal_name", "شركة النقل السريع \u202bLTD\u202c"),
    Anomaly("Carriers", "combining characters", "legal_name", "Cafe\u0301 Transporte n\u0303andu\u0301"),
    Anomaly("Carriers", "zero width", "legal_name", "AC\u200bME\u200d \ufeffCARGO\u00a0INC"),
    Anomaly(
        "Carriers",
        "unknown key",
        "legacyCrm",
        {"id": 7, "tags": ["a", None], "since": {"$date": "2024-05-01T00:00:00.000Z"}},
    ),
    Anomaly("Carriers", "list where a scalar is needed", "operation_type", ["OTR", "Regional"]),
    Anomaly("Carriers", "choice outside an open select", "operation_type", "Intermodal"),
    Anomaly("Carriers", "natural key twice, first", "dot_number", 99_001),
    Anomaly("Carriers", "natural key twice, second", "dot_number", 99_001),
    Anomaly("Carriers", "short natural key", "dot_number", 99_002),
    Anomaly("CarrierSafetyData", "object where JSON text is needed", "basics", {"unsafe_driving": {"percentile": 1.5}}),
    Anomaly("DriverProfiles", "three states: true", "clean_mvr", True),
    Anomaly("DriverProfiles", "three states: false", "clean_mvr", False),
    Anomaly("DriverProfiles", "three states: null", "clean_mvr", None),
    Anomaly("DriverProfiles", "three states: absent", "clean_mvr", ABSENT),
    Anomaly("DriverProfiles", "scalar where a list is needed", "endorsements", "H"),
    Anomaly("DriverProfiles", "null", "endorsements", None),
    Anomaly(
        "DriverProfiles", "list with commas", "equipment_experience", ["Dry Van, 53 ft", "Reefer; new", "Flat|bed"]
    ),
    Anomaly("DriverProfiles", "media", "cdl_front_image", _URI),
    Anomaly("DriverProfiles", "empty text", "min_cpm", ""),
    Anomaly("DriverProfiles", "choice in another case", "status", "ACTIVE"),
    Anomaly("DriverJobs", "loose text", "payRate", "$21.50 an hour"),
    Anomaly("DriverJobs", "multi-line text", "benefits", "Health\r\nDental\n\n\tVision • 401(k)\u2028PTO"),
    Anomaly("DriverCarrierInterests", "choice outside an open select", "status", "accepted"),
    Anomaly("DriverCarrierInterests", "not JSON", "status_history", "[{status: applied"),
    Anomaly("DriverCarrierInterests", "dangling reference", "driver_id", fixed_id("deleted", "driver")),
    Anomaly("MatchEvents", "dangling reference", "carrier_dot", "9999999"),
    Anomaly("MatchEvents", "loose text", "carrier_dot", "undefined"),
    Anomaly("MatchEvents", "text of a number", "carrier_dot", " 0099002 "),
    Anomaly("Messages", "dangling reference", "application_id", fixed_id("deleted", "application")),
    Anomaly("BillingHistory", "missing key", "carrier_dot", ABSENT),
    Anomaly("carrierStaffingRequests", "dangling reference", "linked_carrier_id", fixed_id("deleted", "carrier")),
    Anomaly("recruiterCarriers", "dangling reference", "carrier_dot", "9999998"),
    Anomaly("SystemLogs", "null in a list", "tags", ["ai", None]),
    Anomaly("SystemLogs", "nested object", "details", {"a": {"b": [{"c": [1, 2.5, None, True, "x"]}]}, "é": ""}),
    Anomaly("AIUsageLog", "large number", "tokensUsed", 9_007_199_254_740_992),
    Anomaly("AdminAuditLog", "text where an object is needed", "details", '{"status": "approved"}'),
)
"""Unusual rows that must be migrated."""

ANOMALIES: tuple[Anomaly, ...] = (*QUARANTINED, *MIGRATED)


def anomalies_of(collection: str) -> list[Anomaly]:
    """The anomalous rows of a collection."""
    return [anomaly for anomaly in ANOMALIES if anomaly.collection == collection]
