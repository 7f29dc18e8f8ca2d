"""LMDR for the engine: catalog, sample site, look-ups, endpoints and parallel tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmdr import catalog, sample
from runbook.platform import Lookup, Platform

if TYPE_CHECKING:  # SQLAlchemy and requests behind them cost 0.4 s
    from runbook.cutover import ParallelTest
    from runbook.records import Records


def _app(records: Records, env: Mapping[str, str]) -> Any:
    from lmdr.endpoints import make_app  # 0.2 s: starlette, stripe

    return make_app(records, env)


def _parallel_tests() -> Sequence[ParallelTest]:
    from lmdr.parallel import TESTS  # 0.2 s: the services

    return TESTS


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
    app=_app,
    parallel_tests=_parallel_tests,
)
