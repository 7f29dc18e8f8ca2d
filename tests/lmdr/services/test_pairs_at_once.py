"""Any two services that share a row, called at once: rows and answers are those of one call after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import pytest

from at_once import AtOnce, Call, Worker
from lmdr.matching.driver_weights import WEIGHTS
from lmdr.services.carrier.leads import update_lead_status
from lmdr.services.carrier.preferences import (
    deactivate_hiring_preferences,
    save_weight_preferences,
    update_hiring_preferences,
)
from lmdr.services.context import Caller
from lmdr.services.driver.applications import submit_application, withdraw_application
from lmdr.services.driver.profiles import (
    get_or_create_driver_profile,
    log_carrier_interest,
    remove_carrier_interest,
    set_discoverability,
    update_driver_documents,
    update_driver_preferences,
    update_driver_qualifications,
)
from lmdr.services.messaging.messages import mark_as_read
from lmdr.services.recruiter.outreach import save_driver_to_pipeline, send_message_to_driver
from lmdr.services.recruiter.pipeline import add_recruiter_notes, update_candidate_status
from lmdr.services.recruiter.profile import add_carrier, get_or_create_recruiter_profile, remove_carrier
from pairs import Outcome, Pair, Pairs
from platform_kit import NOON, Sides
from postgresql import create_database, postgresql_server
from runbook.json_types import Item
from sandbox import Sandbox

pytestmark = pytest.mark.slow
NEVER = ("none",)
INTERESTS = ("none", "logged", "applied", "withdrawn")


class Actors(NamedTuple):
    """Those of one pair of calls, by a number of five digits that is in all their keys."""

    number: int

    def name(self, kind: str) -> str:
        return f"{kind}-{self.number}"

    @property
    def driver(self) -> Caller:
        return Caller(self.name("driver"), f"driver-{self.number}@example.com")

    @property
    def recruiter(self) -> Caller:
        return Caller(self.name("recruiter"), f"recruiter-{self.number}@example.com")

    def rows(self, room: str, interest: str) -> Iterator[tuple[str, Item]]:
        dot = str(self.number)
        if interest != "no profile":
            profile = {"_id": self.name("profile"), "_owner": self.driver.member_id, "total_searches": 3}
            yield "DriverProfiles", {**profile, "display_name": "Ada", "email": self.driver.email}
        if room in ("link", "interest", "preferences"):
            link = {"_id": self.name("link"), "recruiter_id": self.recruiter.member_id, "carrier_dot": dot}
            yield (
                "recruiterCarriers",
                {**link, "is_active": True, "verification_status": "verified", "added_date": NOON},
            )
            yield "Carriers", {"_id": self.name("carrier"), "dot_number": self.number, "legal_name": "ACME"}
        if room == "interest":
            yield (
                "CarrierDriverViews",
                {"_id": self.name("view"), "carrier_dot": dot, "driver_id": self.name("profile")},
            )
        if interest in INTERESTS[1:]:
            pair = {"_id": self.name("interest"), "driver_id": self.name("profile"), "carrier_dot": dot}
            stage = {} if interest == "logged" else {"status": interest, "status_history": '[{"status":"old"}]'}
            yield "DriverCarrierInterests", {**pair, **stage, "action_timestamp": NOON - timedelta(hours=3)}
        if room == "preferences":
            row = {"_id": self.name("preferences"), "carrier_dot": dot, "required_cdl_types": ["A"], "is_active": True}
            yield "CarrierHiringPreferences", {**row, "target_radius_miles": 100}
        if room == "messages":
            for n in range(3):
                message = {
                    "_id": self.name(f"message-{n}"),
                    "application_id": dot,
                    "content": "Hello",
                    "timestamp": NOON,
                }
                sides = {"sender_type": "recruiter", "sender_id": "x", "receiver_id": self.driver.member_id}
                yield "Messages", {**message, **sides, "is_read": False}
        if room == "lead":
            texts = dict.fromkeys(("company_name", "contact_name", "phone", "staffing_type", "source_url"), "x")
            dates = {"submitted_date": NOON, "last_updated": NOON}
            lead = {"_id": self.name("lead"), "email": "a@x.test", "status": "new", "drivers_needed": "1", **texts}
            yield "carrierStaffingRequests", {**lead, **dates}


def _form(actors: Actors) -> dict[str, Any]:
    return {"carrierDOT": actors.number, "phone": "555 010 0000", "firstName": "Ada", "lastName": "L", "cdlFront": "f"}


ACTIONS: dict[str, dict[str, Callable[[Actors], Call]]] = {
    "interest": {
        "log": lambda a: Call(
            log_carrier_interest, a.driver, {"carrierDOT": a.number, "matchScore": 80, "action": "saved"}
        ),
        "remove": lambda a: Call(remove_carrier_interest, a.driver, a.number),
        "apply": lambda a: Call(submit_application, a.driver, _form(a)),
        "withdraw": lambda a: Call(withdraw_application, a.driver, a.number),
        "review": lambda a: Call(update_candidate_status, a.recruiter, a.name("interest"), "in_review", "why").at(
            timedelta(hours=1)
        ),
        "hire": lambda a: Call(update_candidate_status, a.recruiter, a.name("interest"), "hired"),
        "note": lambda a: Call(add_recruiter_notes, a.recruiter, a.name("interest"), "tall"),
        "save": lambda a: Call(save_driver_to_pipeline, a.recruiter, a.number, a.name("profile"), "met"),
        "message": lambda a: Call(send_message_to_driver, a.recruiter, a.number, a.name("profile"), "Hello"),
    },
    "profile": {
        "open": lambda a: Call(get_or_create_driver_profile, a.driver),
        "search": lambda a: Call(update_driver_preferences, a.driver, {"homeZip": "75201", "minCPM": 0.6}),
        "search on": lambda a: Call(update_driver_preferences, a.driver, {"homeZip": "10001"}),
        "documents": lambda a: Call(update_driver_documents, a.driver, {"cdlFront": "f", "cdlBack": "b"}),
        "card": lambda a: Call(update_driver_documents, a.driver, {"medCard": "m"}),
        "qualify": lambda a: Call(update_driver_qualifications, a.driver, {"cdl_class": "A", "endorsements": ["H"]}),
        "show": lambda a: Call(set_discoverability, a.driver, True),
        "apply": lambda a: Call(submit_application, a.driver, {**_form(a), "cdlBack": "b"}),
        "apply with card": lambda a: Call(submit_application, a.driver, {**_form(a), "medCard": "m", "cdlBack": "b"}),
    },
    "link": {
        "add": lambda a: Call(add_carrier, a.recruiter, a.number),
        "give up": lambda a: Call(remove_carrier, a.recruiter, a.number),
        "open": lambda a: Call(get_or_create_recruiter_profile, a.recruiter),
    },
    "preferences": {
        "weigh": lambda a: Call(save_weight_preferences, str(a.number), dict.fromkeys(WEIGHTS, 10)),
        "weigh again": lambda a: Call(save_weight_preferences, str(a.number), dict.fromkeys(WEIGHTS, 20)),
        "end": lambda a: Call(deactivate_hiring_preferences, a.recruiter, a.name("preferences")),
        "widen": lambda a: Call(
            update_hiring_preferences, a.recruiter, a.name("preferences"), {"target_radius_miles": 9}
        ),
    },
    "messages": {"read": lambda a: Call(mark_as_read, a.driver, str(a.number))},
    "lead": {
        "contact": lambda a: Call(update_lead_status, a.name("lead"), "contacted", "by phone"),
        "win": lambda a: Call(update_lead_status, a.name("lead"), "closed_won"),
    },
}
BEFORE = {"interest": INTERESTS, "profile": ("none", "no profile")}
"""What there is before the calls: of the interest between driver and carrier, and of the profile."""
PAIRS = [
    Pair(room, before, one, other)
    for room, actions in ACTIONS.items()
    for before in BEFORE.get(room, NEVER)
    for one, other in combinations_with_replacement(actions, 2)
]
COLLECTIONS = (
    "DriverProfiles", "DriverCarrierInterests", "recruiterCarriers", "recruiterProfiles", "CarrierHiringPreferences",
    "Messages", "RecruiterOutreachHistory", "carrierStaffingRequests",
)  # fmt: skip


pairs = Pairs(
    PAIRS,
    lambda number, pair: Actors(number).rows(pair.room, pair.before),
    lambda number, room, action: ACTIONS[room][action](Actors(number)),
    COLLECTIONS,
)


@pytest.fixture(scope="module")
def serial(sides: Sides) -> list[tuple[Outcome, Outcome]]:
    return pairs.one_after_the_other(sides)


@pytest.mark.parametrize(
    ("at_once", "some"),
    [
        ("wix", slice(None)),
        ("airtable", slice(0, None, 2)),
        ("two processes on airtable through the journal", slice(1, None, 2)),
    ],
    indirect=["at_once"],
)
def test_two_calls_at_once_are_one_after_the_other(
    serial: list[tuple[Outcome, Outcome]], at_once: AtOnce, some: slice
) -> None:
    assert pairs._replace(listed=PAIRS[some]).not_serial(at_once, serial[some]) == []


@pytest.fixture
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sides, Worker]]:
    with postgresql_server() as server, Sandbox(requests_per_second="off", plan="business") as box:
        sides = Sides(box, tmp_path_factory.mktemp("one"), create_database(server, "machines"))
        other = Worker(sides, tmp_path_factory.mktemp("other"))
        yield sides, other
        other.close()
        sides.close()


def test_so_are_two_calls_on_two_machines(
    serial: list[tuple[Outcome, Outcome]], machines: tuple[Sides, Worker]
) -> None:
    """With one state, on PostgreSQL, and each with a mirror of its own."""
    sides, other = machines
    at_once = AtOnce(sides, "two processes on airtable through the journal", lambda: other)
    some = slice(0, None, 4)
    assert pairs._replace(listed=PAIRS[some]).not_serial(at_once, serial[some], most=12) == []
