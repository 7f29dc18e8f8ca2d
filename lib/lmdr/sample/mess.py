"""The mess that a real site has: one row a kind, under an id that is the same for every seed and scale.

A row of MESS is a row as its service writes it, with one value replaced. `refused`: no Airtable column of the catalog
can hold an equivalent, so the row has to be quarantined; everything else has to come through and come back unchanged.

Some kinds are not here since a Wix site cannot hold them: a missing or repeated `_id`, an integer that a double cannot
hold (its server reads numbers as doubles), a lone surrogate (its store is UTF-8), a date without a zone or milliseconds
(it gives every date as `2025-03-01T12:00:00.123Z`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lmdr.sample.world import Item, fixed_id

ABSENT = object()
"""The key is not there."""


@dataclass(frozen=True)
class Mess:
    """One spoilt row: where, under which id, of what kind, in which field."""

    collection: str
    kind: str
    field: str
    value: Any
    refused: bool = False

    @property
    def id(self) -> str:
        """The row's `_id`."""
        return fixed_id("mess", self.collection, self.kind, self.field)

    def spoil(self, row: Item) -> None:
        """Make it this row."""
        row["_id"] = self.id
        row.pop(self.field, None)
        if self.value is not ABSENT:
            row[self.field] = self.value


def _refused(collection: str, kind: str, field: str, value: Any) -> Mess:
    return Mess(collection, kind, field, value, refused=True)


_LONG = "All work and no play makes a long text. " * 2600  # 104,000 characters

QUARANTINED: tuple[Mess, ...] = (
    _refused("BlogPosts", "text over 100,000 characters", "content", _LONG),
    _refused("BlogPosts", "text where a number is needed", "view_count", "many"),
    _refused("CaseStudies", "impossible date", "published_date", "2024-02-30T12:00:00.000Z"),
    _refused("Carriers", "text where a number is needed", "driver_total", "about forty"),
    _refused("Carriers", "choice outside a closed select", "status", "archived"),
    _refused("Carriers", "required key missing", "dot_number", ABSENT),
    _refused("DriverProfiles", "impossible date", "cdl_expiration", "2027-02-30"),
    _refused("DriverProfiles", "choice outside a closed select", "visibility_level", "friends"),
    _refused("DriverCarrierInterests", "choice outside a closed select", "origin", "billboard"),
    _refused("DriverCarrierInterests", "required key missing", "driver_id", ABSENT),
    _refused("MatchEvents", "required key missing", "timestamp", ABSENT),
    _refused("CarrierDriverViews", "text where a number is needed", "carrier_dot", "see recruiter"),
    _refused("Messages", "choice outside a closed select", "sender_type", "bot"),
    _refused("Messages", "required key missing", "receiver_id", ABSENT),
    _refused("StripeEvents", "required key missing", "event_id", ABSENT),
    _refused("BillingHistory", "text where a number is needed", "amount", "$249.00"),
    _refused("CarrierEnrichments", "text where a number is needed", "dot_number", "unknown"),
    _refused("AIUsageLog", "text where a number is needed", "tokensUsed", "n/a"),
    _refused("SystemLogs", "text over 100,000 characters", "message", _LONG),
    _refused("AdminAuditLog", "required key missing", "action", ABSENT),
)
"""The rows that must be quarantined, and nothing else of a sample site."""

_URI = "wix:image://v1/0a1b2c3d4e5f~mv2.jpg/odd name é.jpg#originWidth=1&originHeight=1"

CARRIED: tuple[Mess, ...] = (
    Mess("BlogPosts", "html", "content", "<div>\n\t<p>a&nbsp;b</p>\r\n<script>1 < 2</script>\n</div>  "),
    Mess("BlogPosts", "list with commas", "tags", ["pay, home time", 'say "hi"', " spaced ", ""]),
    Mess("BlogPosts", "scalar where a list is needed", "tags", "pay"),
    Mess("FAQs", "empty text", "question", ""),
    Mess("FAQs", "blanks around", "answer", "  \n an answer \n\n"),
    Mess("Carriers", "number where text is needed", "phy_zip", 7001),
    Mess("Carriers", "text of a number", "pay_cpm", "0.55"),
    Mess("Carriers", "text of a number", "nbr_power_unit", " 12 "),
    Mess("Carriers", "more decimals than the column", "accident_rate", 0.123456789),
    Mess("Carriers", "loose text", "mc_number", "MC123456"),
    Mess("Carriers", "null", "legal_name", None),
    Mess("Carriers", "missing key", "legal_name", ABSENT),
    Mess("Carriers", "emoji", "legal_name", "BIG 🚛 RIG 👩🏽‍✈️ LLC"),
    Mess("Carriers", "right to left", "legal_name", "شركة النقل السريع \u202bLTD\u202c"),
    Mess("Carriers", "combining characters", "legal_name", "Cafe\u0301 Transporte n\u0303andu\u0301"),
    Mess("Carriers", "zero width", "legal_name", "AC\u200bME\u200d \ufeffCARGO\u00a0INC"),
    Mess(
        "Carriers",
        "unknown key",
        "legacyCrm",
        {"id": 7, "tags": ["a", None], "since": {"$date": "2024-05-01T00:00:00.000Z"}},
    ),
    Mess("Carriers", "list where a scalar is needed", "operation_type", ["OTR", "Regional"]),
    Mess("Carriers", "choice outside an open select", "operation_type", "Intermodal"),
    Mess("Carriers", "natural key twice, first", "dot_number", 99_001),
    Mess("Carriers", "natural key twice, second", "dot_number", 99_001),
    Mess("Carriers", "short natural key", "dot_number", 99_002),
    Mess("CarrierSafetyData", "object where JSON text is needed", "basics", {"unsafe_driving": {"percentile": 1.5}}),
    Mess("DriverProfiles", "three states: true", "clean_mvr", True),
    Mess("DriverProfiles", "three states: false", "clean_mvr", False),
    Mess("DriverProfiles", "three states: null", "clean_mvr", None),
    Mess("DriverProfiles", "three states: absent", "clean_mvr", ABSENT),
    Mess("DriverProfiles", "scalar where a list is needed", "endorsements", "H"),
    Mess("DriverProfiles", "null", "endorsements", None),
    Mess("DriverProfiles", "list with commas", "equipment_experience", ["Dry Van, 53 ft", "Reefer; new", "Flat|bed"]),
    Mess("DriverProfiles", "media", "cdl_front_image", _URI),
    Mess("DriverProfiles", "empty text", "min_cpm", ""),
    Mess("DriverProfiles", "choice in another case", "status", "ACTIVE"),
    Mess("DriverJobs", "loose text", "payRate", "$21.50 an hour"),
    Mess("DriverJobs", "multi-line text", "benefits", "Health\r\nDental\n\n\tVision • 401(k)\u2028PTO"),
    Mess("DriverCarrierInterests", "choice outside an open select", "status", "accepted"),
    Mess("DriverCarrierInterests", "not JSON", "status_history", "[{status: applied"),
    Mess("DriverCarrierInterests", "dangling reference", "driver_id", fixed_id("deleted", "driver")),
    Mess("MatchEvents", "dangling reference", "carrier_dot", "9999999"),
    Mess("MatchEvents", "loose text", "carrier_dot", "undefined"),
    Mess("MatchEvents", "text of a number", "carrier_dot", " 0099002 "),
    Mess("Messages", "dangling reference", "application_id", fixed_id("deleted", "application")),
    Mess("BillingHistory", "missing key", "carrier_dot", ABSENT),
    Mess("carrierStaffingRequests", "dangling reference", "linked_carrier_id", fixed_id("deleted", "carrier")),
    Mess("recruiterCarriers", "dangling reference", "carrier_dot", "9999998"),
    Mess("SystemLogs", "null in a list", "tags", ["ai", None]),
    Mess("SystemLogs", "nested object", "details", {"a": {"b": [{"c": [1, 2.5, None, True, "x"]}]}, "é": ""}),
    Mess("AIUsageLog", "large number", "tokensUsed", 9_007_199_254_740_992),
    Mess("AdminAuditLog", "text where an object is needed", "details", '{"status": "approved"}'),
)
"""Rows that look wrong and must come through."""

MESS: tuple[Mess, ...] = (*QUARANTINED, *CARRIED)


def mess_of(collection: str) -> list[Mess]:
    """The spoilt rows of a collection."""
    return [mess for mess in MESS if mess.collection == collection]
