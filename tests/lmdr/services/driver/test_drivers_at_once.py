"""What a driver does, twenty times at once."""

from __future__ import annotations

from at_once import AtOnce, Call
from lmdr.services.context import Caller
from lmdr.services.driver.profiles import log_carrier_interest

CALLERS = 20


def driver(number: int) -> Caller:
    return Caller(f"member-{number}", f"driver-{number}@example.com")


def test_interests_logged_at_once_are_one_row_for_each_pair(at_once: AtOnce) -> None:
    action = {"carrierName": "ACME", "matchScore": 80, "action": "interested"}
    calls = [
        Call(log_carrier_interest, driver(n % 2), {**action, "carrierDOT": 70 + n % 4 // 2}) for n in range(CALLERS)
    ]
    results = at_once.run(calls)
    rows = at_once.rows("DriverCarrierInterests")
    assert len(rows) == len({(row["_owner"], row["driver_id"], row["carrier_dot"]) for row in rows}) == 4
    assert len(at_once.rows("DriverProfiles")) == 2
    assert sum(result["isNew"] for result in results) == 4
    assert {result["interestId"] for result in results} == {row["_id"] for row in rows}
