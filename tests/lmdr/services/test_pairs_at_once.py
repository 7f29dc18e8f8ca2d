"""Any two services that share a row, called at once: rows and answers are those of one call after the other."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import pytest

from at_once import AtOnce, Call
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
from platform_kit import NOON, Platform, Sides
from runbook.json_types import Item

pytestmark = pytest.mark.slow
FIRST = 10_001
AT_ONCE = 25
"""Pairs at once."""
SECONDS = 0.03
"""Of a request: so that the two of a pair meet."""
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
    (room, before, one, other)
    for room, actions in ACTIONS.items()
    for before in BEFORE.get(room, NEVER)
    for one, other in combinations_with_replacement(actions, 2)
]
Outcome = tuple[Any, Any, Any]
"""The rows after two calls, and the answers of both, without what differs from pair to pair."""


def plant(platform: Platform, numbered: dict[int, tuple[str, str, str, str]]) -> None:
    rows: dict[str, list[Item]] = defaultdict(list)
    for number, (room, before, _, _) in numbered.items():
        for collection, row in Actors(number).rows(room, before):
            rows[collection].append({"_owner": Actors(number).name("owner"), **row})
    for collection, items in rows.items():
        platform.records.bulk_insert(collection, items)


def calls_of(number: int, room: str, one: str, other: str) -> list[Call]:
    return [ACTIONS[room][name](Actors(number)) for name in (one, other)]


def outcomes(platform: Platform, answers: dict[int, list[Any]]) -> dict[int, Outcome]:
    rows: dict[int, list[Any]] = defaultdict(list)
    for collection in COLLECTIONS:
        for row in platform.rows(collection):
            number = int(re.findall(r"\b\d{5}\b", json.dumps(row, default=str))[0])
            rows[number].append([collection, alike(row, number)])
    return {
        number: (sorted(rows[number], key=json.dumps), *(alike(answer, number) for answer in answers[number]))
        for number in answers
    }


def alike(value: Any, number: int) -> Any:
    """A row or an answer without its number, its random ids, and what the side sets by itself."""
    text = json.dumps(value, default=str, sort_keys=True).replace(str(number), "99999")
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "ID", text)
    return json.loads(
        text, object_hook=lambda item: {k: v for k, v in item.items() if [k, v] not in SET and k not in STAMPS}
    )


STAMPS = ("_createdDate", "_updatedDate")
SET = [["_owner", "ID"]]
"""Wix makes the site's owner that of a row without one."""
COLLECTIONS = (
    "DriverProfiles", "DriverCarrierInterests", "recruiterCarriers", "recruiterProfiles", "CarrierHiringPreferences",
    "Messages", "RecruiterOutreachHistory", "carrierStaffingRequests",
)  # fmt: skip


@pytest.fixture(scope="module")
def serial(sides: Sides) -> list[tuple[Outcome, Outcome]]:
    """Of each pair: the outcomes of the first call before the second, and of the second before the first."""
    platform = Platform(sides, "wix")
    context = platform.context()
    numbered = {FIRST + 2 * n + turn: PAIRS[n] for n in range(len(PAIRS)) for turn in (0, 1)}
    plant(platform, numbered)
    answers = {}
    for number, (room, _, one, other) in numbered.items():
        calls = calls_of(number, room, one, other)
        turned = (number - FIRST) % 2
        made = [call.make(context) for call in (calls[::-1] if turned else calls)]
        answers[number] = made[::-1] if turned else made
    found = outcomes(platform, answers)
    sides.empty()
    return [(found[FIRST + 2 * n], found[FIRST + 2 * n + 1]) for n in range(len(PAIRS))]


@pytest.mark.parametrize("at_once", ["wix", "airtable", "two processes on airtable through the journal"], indirect=True)
def test_two_calls_at_once_are_one_after_the_other(serial: list[tuple[Outcome, Outcome]], at_once: AtOnce) -> None:
    numbered = {FIRST + n: pair for n, pair in enumerate(PAIRS)}
    plant(at_once, numbered)
    answers: dict[int, list[Any]] = {}
    listed = [*numbered.items()]
    for start in range(0, len(listed), AT_ONCE):
        chunk = listed[start : start + AT_ONCE]
        with at_once.slow(SECONDS):
            made = at_once.run(
                call for number, (room, _, one, other) in chunk for call in calls_of(number, room, one, other)
            )
        answers |= {number: made[2 * n : 2 * n + 2] for n, (number, _) in enumerate(chunk)}
    wrong = [
        (PAIRS[n], got, serial[n])
        for n, got in enumerate(outcomes(at_once, answers).values())
        if got not in (*serial[n], turned(serial[n], PAIRS[n]))
    ]
    assert wrong == []


def turned(both: tuple[Outcome, Outcome], pair: tuple[str, str, str, str]) -> Outcome:
    """Of a service called twice alike, the second caller may be served first."""
    rows, one, other = both[0]
    return (rows, other, one) if pair[2] == pair[3] else both[1]
