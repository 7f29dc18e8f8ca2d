"""Safety data: the cache of seven days, answers while FMCSA is unavailable, retries and limits."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lmdr.services.context import Context
from lmdr.services.fmcsa import safety_data as fmcsa
from lmdr.services.fmcsa.client import Circuit, Fmcsa, RateLimit
from lmdr.services.fmcsa.summary import normalized
from platform_kit import Platform
from runbook.errors import SourceDown

DOT = "1009283"
CARRIER = {"legalName": "ACME", "allowedToOperate": "Y", "safetyRating": "S", "totalDrivers": "7", "phyZipcode": "07001",
           "driverInsp": 4, "vehicleInsp": 3, "driverOosRate": 0, "vehicleOosRate": 31.1, "crashTotal": 2,
           "fatalCrash": 0, "injCrash": 1, "towawayCrash": 1, "mcs150Mileage": None}  # fmt: skip
BASICS = [
    {"basic": {"basicsType": {"basicsShortDesc": "Unsafe Driving"}, "basicsPercentile": "71.5%", "measureValue": "3.5",
               "totalViolation": 2, "exceededFMCSAInterventionThreshold": "Y"}},
    {"basic": {"basicsType": {"basicsShortDesc": "Crash/Fire 2"}, "basicsPercentile": "Not Public"}},
]  # fmt: skip
NOW = datetime(2026, 1, 21, 12, tzinfo=UTC)


class Site:
    """Stands for FMCSA: `script` holds what it does at each request for the carrier, then it answers well."""

    def __init__(self, *script: int | Exception) -> None:
        self.script = list(script)
        self.requests: list[str] = []
        self.waits: list[float] = []
        self.client = Fmcsa(self.get, jitter=lambda: 0.25)

    def get(self, path: str, timeout: float) -> tuple[int, Any]:
        assert timeout == 15
        self.requests.append(path)
        if path.endswith("/basics"):
            return 200, {"content": BASICS}
        result = self.script.pop(0) if self.script else 200
        if isinstance(result, Exception):
            raise result
        return result, {"content": {"carrier": CARRIER}}

    def context(self, platform: Platform) -> Context:
        return platform.context(providers={"fmcsa": self.client}, sleep=self.waits.append)

    @property
    def tries(self) -> int:
        return Counter(self.requests)[f"/carriers/{DOT}"]


def keep(platform: Platform, age: timedelta, **fields: Any) -> None:
    platform.put("CarrierSafetyData", dot_number=DOT, legal_name="OLD", fetched_date=platform.now - age,
                 basics='{"crash_indicator": {"alert": false}}', **fields)  # fmt: skip


# ------------------------------------------------------------------ what is kept


def test_a_carrier_is_fetched_and_cached(platform: Platform) -> None:
    site = Site()
    answer = fmcsa.get_carrier_safety_data(site.context(platform), int(DOT))
    assert (answer["success"], answer["fromCache"], answer["data"]["legal_name"]) == (True, False, "ACME")
    assert sorted(site.requests) == [f"/carriers/{DOT}", f"/carriers/{DOT}/basics"]
    (row,) = platform.rows("CarrierSafetyData")
    assert (row["dot_number"], row["lookup_count"], row["fetched_date"], row["last_lookup_date"]) == (
        DOT, 1, platform.now, platform.now)  # fmt: skip
    assert json.loads(row["basics"]) == answer["data"]["basics"]
    again = fmcsa.get_carrier_safety_data(site.context(platform), DOT)
    assert (again["fromCache"], again["data"]["basics"]) == (True, answer["data"]["basics"])
    assert again["data"]["crashes"] == {"total": 2, "fatal": 0, "injury": 1, "tow": 1}
    assert site.tries == 1


@pytest.mark.parametrize(("age", "requests"), [(timedelta(days=7), 0), (timedelta(days=7, milliseconds=1), 1)])
def test_safety_data_is_cached_for_seven_days(platform: Platform, age: timedelta, requests: int) -> None:
    keep(platform, age, lookup_count=4)
    site = Site()
    answer = fmcsa.get_carrier_safety_data(site.context(platform), DOT)
    assert (answer["fromCache"], site.tries) == (not requests, requests)
    (row,) = platform.rows("CarrierSafetyData")
    assert (row["legal_name"], row["lookup_count"]) == (("ACME", 5) if requests else ("OLD", 4))


def test_a_forced_refresh_ignores_the_cache(platform: Platform) -> None:
    keep(platform, timedelta(days=1))
    site = Site()
    assert fmcsa.get_carrier_safety_data(site.context(platform), DOT, force_refresh=True)["fromCache"] is False
    assert len(platform.rows("CarrierSafetyData")) == 1


@pytest.mark.parametrize("dot", ["", "12ab", None, -5, 1.5])
def test_an_invalid_dot_number_is_not_requested(platform: Platform, dot: Any) -> None:
    site = Site()
    assert fmcsa.get_carrier_safety_data(site.context(platform), dot) == {
        "success": False, "error": "Invalid DOT number"}  # fmt: skip
    assert site.requests == []


def test_an_answer_that_cannot_be_cached_is_given(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*args: Any, **kwargs: Any) -> None:
        raise SourceDown("down")

    context = Site().context(platform)
    monkeypatch.setattr(type(context.records), "insert", down)
    assert fmcsa.get_carrier_safety_data(context, DOT)["data"]["legal_name"] == "ACME"


# ------------------------------------------------------------------ while FMCSA cannot be asked


def test_stale_data_is_given_with_its_reason(platform: Platform) -> None:
    keep(platform, timedelta(days=30))
    answer = fmcsa.get_carrier_safety_data(Site(404).context(platform), DOT)
    assert (answer["success"], answer["fromCache"], answer["staleData"], answer["errorOccurred"]) == (True,) * 4
    assert (answer["data"]["legal_name"], answer["data"]["basics"]) == ("OLD", {"crash_indicator": {"alert": False}})
    assert answer["userMessage"]
    without = fmcsa.get_carrier_safety_data(platform.context(), DOT)
    assert (without["staleData"], without["errorOccurred"]) == (True, True)


def test_without_cached_data_the_error_has_the_reason(platform: Platform) -> None:
    gone = fmcsa.get_carrier_safety_data(Site(404).context(platform), DOT)
    assert (gone["success"], gone["error"], gone["errorOccurred"]) == (False, "FMCSA answered 404", True)
    lost = fmcsa.get_carrier_safety_data(Site(OSError("10.0.0.1")).context(platform), DOT)
    assert lost["error"] == "FMCSA cannot be reached"
    assert fmcsa.get_carrier_safety_data(platform.context(), DOT)["error"] == "FMCSA is not configured"
    assert platform.rows("CarrierSafetyData") == []


def test_a_carrier_unknown_to_fmcsa_is_not_cached(platform: Platform) -> None:
    client = Fmcsa(lambda path, timeout: (200, {"content": None}))
    answer = fmcsa.get_carrier_safety_data(platform.context(providers={"fmcsa": client}), DOT)
    assert (answer["success"], answer["error"]) == (False, "Carrier not found")
    assert platform.rows("CarrierSafetyData") == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_temporary_errors_are_retried_with_growing_delays(platform: Platform, status: int) -> None:
    site = Site(status, status)
    assert fmcsa.get_carrier_safety_data(site.context(platform), DOT)["success"] is True
    assert (site.tries, site.waits) == (3, [1.25, 2.25])


def test_a_timeout_is_retried_and_other_failures_are_not(platform: Platform) -> None:
    site = Site(TimeoutError(), TimeoutError(), TimeoutError())
    assert fmcsa.get_carrier_safety_data(site.context(platform), DOT)["error"] == "FMCSA was tried 3 times"
    assert (site.tries, site.waits) == (3, [1.0, 2.0])
    for once in (Site(403), Site(ConnectionResetError())):
        assert fmcsa.get_carrier_safety_data(once.context(platform), DOT)["success"] is False
        assert (once.tries, once.waits) == (1, [])
    assert site.client.circuit.count == 1


def test_a_wait_is_eight_seconds_at_the_most(platform: Platform) -> None:
    site = Site(500, 500)
    site.client.jitter = lambda: 100.0
    fmcsa.get_carrier_safety_data(site.context(platform), DOT)
    assert site.waits == [8.0, 8.0]


def test_carrier_and_basics_are_requested_in_parallel(platform: Platform) -> None:
    meet = threading.Barrier(2, timeout=10)

    def get(path: str, timeout: float) -> tuple[int, Any]:
        meet.wait()
        return 200, {"content": {"carrier": CARRIER}} if path.endswith(DOT) else {"content": []}

    answer = fmcsa.get_carrier_safety_data(platform.context(providers={"fmcsa": Fmcsa(get)}), DOT)
    assert answer["data"]["basics"] == {}


def test_five_exhausted_look_ups_keep_the_sixth_from_fmcsa_for_a_minute(platform: Platform) -> None:
    site = Site(*[500] * 15)
    context = site.context(platform)
    for count in range(5):
        assert fmcsa.get_circuit_status(context)["failures"] == count
        assert fmcsa.get_carrier_safety_data(context, DOT)["errorOccurred"] is True
    requests = len(site.requests)
    refused = fmcsa.get_carrier_safety_data(context, DOT)
    assert (refused["success"], refused["circuitBreakerActive"]) == (False, True)
    assert len(site.requests) == requests
    assert fmcsa.get_circuit_status(context) == {"success": True, "state": "OPEN", "failures": 5, "opensIn": 60.0}
    platform.at(platform.now + timedelta(seconds=60))
    assert fmcsa.get_circuit_status(context)["state"] == "HALF_OPEN"
    assert fmcsa.get_carrier_safety_data(context, DOT)["success"] is True
    assert fmcsa.get_circuit_status(context)["state"] == "CLOSED"


def test_thirty_look_ups_a_minute(platform: Platform) -> None:
    site = Site()
    context = site.context(platform)
    for _ in range(29):
        site.client.limit.allow(platform.now)
    assert fmcsa.get_carrier_safety_data(context, DOT, force_refresh=True)["fromCache"] is False
    status = fmcsa.get_rate_limit_status(context)
    assert status == {"success": True, "limit": 30, "used": 30, "remaining": 0, "resetsIn": 60.0}
    refused = fmcsa.get_carrier_safety_data(context, DOT, force_refresh=True)
    assert (refused["staleData"], refused["rateLimited"], refused["data"]["legal_name"]) == (True, True, "ACME")
    assert fmcsa.get_carrier_safety_data(context, DOT)["fromCache"] is True  # what is fresh needs no look-up
    platform.at(platform.now + timedelta(seconds=60))
    assert fmcsa.get_carrier_safety_data(context, DOT, force_refresh=True)["fromCache"] is False


def test_several_carriers_two_seconds_apart(platform: Platform) -> None:
    site = Site(404)
    result = fmcsa.get_multiple_carriers_safety_data(site.context(platform), [DOT, "7", "x"])
    assert [result["results"][dot]["success"] for dot in (DOT, "7", "x")] == [False, True, False]
    assert site.waits == [2.0, 2.0]
    assert fmcsa.get_multiple_carriers_safety_data(site.context(platform), []) == {"success": True, "results": {}}


def test_the_connection_test_ignores_the_cache(platform: Platform) -> None:
    site = Site()
    context = site.context(platform)
    assert fmcsa.test_fmcsa_connection(context) == {"success": True, "carrier": "ACME"}
    site.script = [503, 503, 503]
    assert fmcsa.test_fmcsa_connection(context)["success"] is False
    assert fmcsa.test_fmcsa_connection(platform.context())["success"] is False
    assert fmcsa.get_circuit_status(platform.context())["success"] is False
    assert fmcsa.get_rate_limit_status(platform.context())["success"] is False


# ------------------------------------------------------------------ the circuit and the limit by themselves


@pytest.fixture
def open_circuit() -> tuple[Circuit, datetime]:
    circuit = Circuit()
    for _ in range(5):
        assert circuit.allow(NOW)
        circuit.failed(NOW)
    assert not circuit.allow(NOW + timedelta(seconds=59.999))
    return circuit, NOW + timedelta(seconds=60)


def test_a_success_cancels_one_failure() -> None:
    circuit = Circuit()
    for _ in range(4):
        circuit.failed(NOW)
    circuit.succeeded()
    circuit.failed(NOW)
    assert (circuit.state(NOW), circuit.count) == ("CLOSED", 4)
    circuit.failed(NOW)
    assert circuit.state(NOW) == "OPEN"
    assert Circuit().opens_in(NOW) == 0


def test_two_trials_after_a_minute_and_a_failure_opens_again(open_circuit: tuple[Circuit, datetime]) -> None:
    circuit, later = open_circuit
    assert [circuit.allow(later) for _ in range(3)] == [True, True, False]
    circuit.failed(later)
    assert circuit.state(later + timedelta(seconds=59)) == "OPEN"
    assert circuit.allow(later + timedelta(seconds=60))
    circuit.succeeded()
    assert (circuit.state(later), circuit.count) == ("CLOSED", 0)


def test_trials_lost_by_the_network_do_not_block_the_circuit_forever(open_circuit: tuple[Circuit, datetime]) -> None:
    circuit, later = open_circuit
    for _ in range(5):
        assert circuit.allow(later)
        circuit.unknown()


def test_the_window_slides() -> None:
    limit = RateLimit(calls=2)
    assert limit.allow(NOW)
    assert limit.allow(NOW + timedelta(seconds=30))
    assert not limit.allow(NOW + timedelta(seconds=59))
    assert limit.available_in(NOW + timedelta(seconds=59)) == 1
    assert limit.allow(NOW + timedelta(seconds=60))
    assert not limit.allow(NOW + timedelta(seconds=89))
    assert limit.used(NOW + timedelta(seconds=200)) == 0
    assert limit.available_in(NOW + timedelta(seconds=200)) == 0


# ------------------------------------------------------------------ what FMCSA says


def test_fmcsas_answers_are_normalized() -> None:
    data = normalized(DOT, {"content": {"carrier": CARRIER}}, {"content": BASICS})
    assert (data["safety_rating"], data["safety_rating_code"], data["is_authorized"]) == ("SATISFACTORY", "S", True)
    assert (data["total_drivers"], data["phy_zip"], data["mcs150_mileage"], data["dba_name"]) == (7, "07001", 0, None)
    assert data["basics"] == {
        "unsafe_driving": {"percentile": 71.5, "measure": 3.5, "violations": 2, "alert": True},
        "crash_fire__": {"percentile": None, "measure": None, "violations": 0, "alert": False},
    }
    assert (data["inspections"]["driverOosRate"], data["inspections"]["vehicleOosRate"]) == (None, 31.1)
    assert data["has_basic_alerts"] is True


@pytest.mark.parametrize("answer", [None, {}, {"content": {"carrier": None}}, {"content": []}, "x"])
def test_an_answer_without_a_carrier_is_not_rated(answer: Any) -> None:
    data = normalized(DOT, answer, answer)
    assert (data["safety_rating"], data["operating_status"], data["basics"]) == ("NOT RATED", "NOT AUTHORIZED", {})


@pytest.mark.parametrize(
    ("rating", "badge", "alerts"),
    [("SATISFACTORY", "Satisfactory", 0), ("CONDITIONAL", "Conditional", 1), ("UNSATISFACTORY", "Unsatisfactory", 1),
     ("NOT RATED", "Not Rated", 0), (None, "Not Rated", 0)],
)  # fmt: skip
def test_a_rating_has_its_badge(rating: str | None, badge: str, alerts: int) -> None:
    result = fmcsa.build_safety_summary({"safety_rating": rating})
    assert (result["badge"], len(result["alerts"]), len(result["positives"])) == (
        badge,
        alerts,
        rating == "SATISFACTORY",
    )


@pytest.mark.parametrize(
    ("whose", "rate", "kind"),
    [("driver", 5.5, "positives"), ("driver", 5.51, None), ("driver", 8.265, None), ("driver", 8.27, "alerts"),
     ("vehicle", 20.7, "positives"), ("vehicle", 31.08, None), ("vehicle", 31.1, "alerts"), ("vehicle", None, None)],
)  # fmt: skip
def test_rates_out_of_service_are_seen_beside_the_countrys(whose: str, rate: float | None, kind: str | None) -> None:
    result = fmcsa.build_safety_summary({"inspections": json.dumps({f"{whose}OosRate": rate})})
    assert {name: len(result[name]) for name in ("alerts", "positives")} == {
        "alerts": int(kind == "alerts"), "positives": int(kind == "positives")}  # fmt: skip


def test_basics_are_read_as_text_or_as_they_are() -> None:
    basics = {"crash_indicator": {"alert": True}}
    for result in (basics, json.dumps(basics)):
        assert fmcsa.build_safety_summary({"basics": result})["alerts"] == ["BASIC alert: crash indicator"]
    assert fmcsa.build_safety_summary({"basics": "{no"})["alerts"] == []
    assert fmcsa.build_safety_summary({"basics": {"a": {"alert": False}}})["positives"] == ["No BASIC alerts"]
    assert fmcsa.build_safety_summary({"is_authorized": False})["alerts"] == ["Not authorized to operate"]


def test_only_users_of_the_same_client_share_its_limits(platform: Platform) -> None:
    one, other = Site(), Site()
    for _ in range(30):
        one.client.limit.allow(platform.now)
    for _ in range(2):
        assert fmcsa.get_carrier_safety_data(one.context(platform), DOT)["rateLimited"] is True
    assert fmcsa.get_carrier_safety_data(other.context(platform), DOT)["success"] is True
