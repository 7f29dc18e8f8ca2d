"""Collections closed to writes, and opened as they were: also where Wix answers late, or not."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_platform import Fleet
from runbook.cutover.freeze import freeze, frozen, permissions, unfreeze
from runbook.errors import WixError

OPEN = {"insert": "ANYONE", "update": "SITE_MEMBER", "remove": "SITE_MEMBER"}
PUT: dict[str, Any] = {"service": "wix", "method": "PUT", "path": "/collections"}


def test_only_admins_may_write_and_reading_stays(fleet: Fleet) -> None:
    wix = fleet.connect().wix
    remembered: list[str] = []
    former = freeze(wix, ["Trucks", "Trips"], remember=lambda name, _: remembered.append(name))
    assert former["Trucks"].items() >= OPEN.items()
    assert remembered == ["Trucks", "Trips"]
    assert permissions(wix, "Trucks") == {**former["Trucks"], **dict.fromkeys(OPEN, "ADMIN")}
    assert frozen(wix, ["Trucks", "Owners"]) == {"Trucks": True, "Owners": False}
    assert freeze(wix, ["Trucks", "Trips"]) == {}  # a second call has nothing to return
    assert unfreeze(wix, former) == ("Trucks", "Trips")
    assert unfreeze(wix, former) == ()
    assert permissions(wix, "Trucks") == former["Trucks"]


def test_an_error_says_what_is_done_and_what_is_not(fleet: Fleet) -> None:
    wix = fleet.connect().wix
    with pytest.raises(WixError) as error:
        freeze(wix, ["Trucks", "Nowhere", "Trips"])
    assert "done Trucks; not done Nowhere, Trips" in str(error.value)
    assert error.value.code == "WDE0025"
    assert frozen(wix, ["Trucks", "Trips"]) == {"Trucks": True, "Trips": False}


@pytest.mark.parametrize("kind", ["drop_after_commit", "drop_before"])
def test_an_answer_that_was_lost_is_looked_up(fleet: Fleet, kind: str) -> None:
    wix = fleet.connect().wix
    fleet.box.faults({"match": PUT, "kind": kind})
    assert list(freeze(wix, ["Trucks"])) == ["Trucks"]
    assert frozen(wix, ["Trucks"]) == {"Trucks": True}


def test_a_refusal_is_raised_and_what_stays_unchanged_is_too(fleet: Fleet) -> None:
    wix = fleet.connect().wix
    fleet.box.faults({"match": PUT, "kind": "status", "status": 403})
    with pytest.raises(WixError) as error:
        freeze(wix, ["Trucks"])
    assert error.value.status == 403
    fleet.box.faults({"match": PUT, "kind": "status", "status": 200, "body": {}, "times": None}, clear=True)
    with pytest.raises(WixError, match="Trucks: Wix"):
        freeze(wix, ["Trucks"])
