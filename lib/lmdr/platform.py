"""LMDR as the engine sees it."""

from __future__ import annotations

from pathlib import Path

from lmdr import catalog, sample
from runbook.platform import Lookup, Platform

PLATFORM = Platform(
    name="lmdr",
    root=Path(__file__).resolve().parents[2],
    catalog=catalog.load(),
    write_sample=sample.write_site,
    lookups=(
        Lookup(2, "BlogPosts", "slug"),
        Lookup(3, "Carriers", "dot_number"),
        Lookup(3, "DriverProfiles", "_owner"),
        Lookup(4, "DriverCarrierInterests", "driver_id"),
        Lookup(5, "Messages", "application_id"),
        Lookup(5, "CarrierSubscriptions", "carrier_dot"),
        Lookup(6, "AdminAuditLog", "action"),
    ),
)
