"""What people change in Airtable while services use it is noted for Wix, and never what only looks like a change."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from mirror_kit import CATALOG, Fleet, carrier, items
from runbook.airtable.client import Airtable
from runbook.catalog import LEGACY_ID
from runbook.errors import AirtableError
from runbook.json_types import Json
from runbook.mirror import Mirror
from runbook.state import CollectionRows, Debt, Outbox

TABLE = CATALOG.collection("Carriers").table


def agreed(fleet: Fleet, count: int = 3) -> list[str]:
    """Rows that both sides agree on, each with a driver; their records."""
    records = fleet.add("Carriers", *items(count))
    (driver,) = fleet.add("Drivers", {"_id": "d1", "name": "Ann"})
    fleet.edit("Drivers", driver, Carrier=records[:1])
    fleet.agree()
    return records


def loaded(fleet: Fleet, **settings: Any) -> Mirror:
    mirror = fleet.mirror(**settings)
    mirror.load()
    return mirror


# A change is seen however the mirror learns of it


def by_webhook(fleet: Fleet, mirror: Mirror) -> None:
    mirror.refresh()


def by_full_sync(fleet: Fleet, mirror: Mirror) -> None:
    mirror.load()


def by_a_new_mirror(fleet: Fleet, mirror: Mirror) -> None:
    mirror.discard()
    fleet.mirror().load()


WAYS = [by_webhook, by_full_sync, by_a_new_mirror]


@pytest.mark.parametrize("way", WAYS)
def test_edits_new_rows_and_deletions_wait_for_wix(fleet: Fleet, way: Callable[[Fleet, Mirror], None]) -> None:
    first, second, _ = agreed(fleet)
    mirror = loaded(fleet)
    assert fleet.waiting("Carriers") == fleet.waiting("Drivers") == {}, "what both sides agree on is no change"
    fleet.edit("Carriers", first, Name="by hand")
    fleet.delete("Carriers", second)
    (typed,) = fleet.api.create(fleet.base, TABLE, [{"Name": "typed"}])
    way(fleet, mirror)
    (new,) = fleet.waiting().keys() - {"c00000", "c00001"}
    assert fleet.waiting() == {"c00000": "by hand", "c00001": None, new: "typed"}
    lines = fleet.outbox()
    assert (lines["c00000"].record_id, lines[new].record_id, lines["c00001"].record_id) == (first, typed["id"], second)
    assert all(line.by_hand for line in lines.values())
    assert lines["c00000"].fields[LEGACY_ID] == "c00000"  # type: ignore[index]
    assert fleet.state.rows(fleet.base, "Carriers").removed() == {"c00001": "{}"}, "what was agreed on is kept"


@pytest.mark.parametrize("way", WAYS)
def test_a_link_edited_in_the_grid_is_a_change(fleet: Fleet, way: Callable[[Fleet, Mirror], None]) -> None:
    _, second, _ = agreed(fleet)
    mirror = loaded(fleet)
    fleet.edit("Drivers", mirror.store.record_of("Drivers", "d1") or "", Carrier=[second])
    way(fleet, mirror)
    assert fleet.outbox("Drivers")["d1"].fields["Carrier"] == [second]  # type: ignore[index]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_noted_while_services_use_wix(fleet: Fleet, way: Callable[[Fleet, Mirror], None]) -> None:
    first, second, _ = agreed(fleet)
    fleet.turn("wix")
    mirror = loaded(fleet)
    fleet.edit("Carriers", first, Name="by hand")
    fleet.delete("Carriers", second)
    way(fleet, mirror)
    assert fleet.waiting() == {}
    assert fleet.state.rows(fleet.base, "Carriers").removed() == {}


@pytest.mark.parametrize("way", WAYS)
def test_a_deletion_stays_known_where_going_back_could_not_read_airtable(
    fleet: Fleet, way: Callable[[Fleet, Mirror], None]
) -> None:
    _, second, _ = agreed(fleet)
    mirror = loaded(fleet)
    fleet.delete("Carriers", second)
    fleet.turn("wix")
    flag = CATALOG.collection("Carriers").flag
    fleet.state.debts.note({flag: Debt(None, "2026-01-01T00:00:00Z", "ann", "Airtable was down")})
    before = fleet.state.rows(fleet.base, "Carriers").all()
    way(fleet, mirror)
    rows = fleet.state.rows(fleet.base, "Carriers")
    assert {*rows.all(), *rows.removed()} == before.keys(), "a rollback finds that it is gone"


def test_an_edit_that_is_taken_back_leaves_no_older_value_waiting(fleet: Fleet) -> None:
    first, *_ = agreed(fleet)
    mirror = loaded(fleet)
    fleet.edit("Carriers", first, Name="a slip")
    mirror.refresh()
    fleet.edit("Carriers", first, Name="Carrier 0")
    mirror.refresh()
    assert fleet.waiting() == {"c00000": "Carrier 0"}


def test_a_row_whose_record_was_replaced_by_its_copy_is_not_removed(fleet: Fleet) -> None:
    first, *_ = agreed(fleet)
    mirror = loaded(fleet)
    fleet.add("Carriers", carrier(0, name="the copy"), known=False)
    fleet.delete("Carriers", first)
    mirror.refresh()
    assert fleet.waiting() == {"c00000": "the copy"}
    assert fleet.state.rows(fleet.base, "Carriers").removed() == {}


def test_a_deleted_record_that_was_the_row_once_removes_nothing(fleet: Fleet) -> None:
    first, *_ = agreed(fleet)
    mirror = loaded(fleet)
    (moved,) = fleet.add("Carriers", carrier(0), known=False)
    fleet.state.rows(fleet.base, "Carriers").put({"c00000": moved})  # as another process has found
    assert mirror._ingester.delete([first]) == 1
    assert fleet.waiting() == {}
    assert "c00000" in fleet.state.rows(fleet.base, "Carriers").all()


def test_a_full_sync_removes_no_row_that_was_written_since_it_began(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreed(fleet)
    mirror = loaded(fleet)
    other = fleet.state.rows(fleet.base, "Carriers")  # of a machine that has a mirror of its own
    page = Airtable._page

    def written_after(self: Airtable, query: Any, offset: str | None) -> Json:
        found = page(self, query, offset)
        if "new" not in other.all():
            (record,) = fleet.add("Carriers", {"_id": "new"}, known=False)
            other.put_created({"new": record})
        return found

    monkeypatch.setattr(Airtable, "_page", written_after)
    mirror.load(["Carriers"])
    assert "new" in other.all()
    assert fleet.waiting() == {}


# A kill between the mirror's file and the state


class Killed(BaseException):
    """An error that nothing handles."""


@pytest.mark.parametrize("way", WAYS)
def test_killed_before_it_is_noted_for_wix_it_is_noted_the_next_time(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, way: Callable[[Fleet, Mirror], None]
) -> None:
    first, second, _ = agreed(fleet)
    mirror = loaded(fleet)
    fleet.edit("Carriers", first, Name="by hand")
    fleet.delete("Carriers", second)

    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    for target, method in ((CollectionRows, "note_removed"), (Outbox, "add")):
        with monkeypatch.context() as patch:
            patch.setattr(target, method, dies)
            with pytest.raises(Killed):
                way(fleet, mirror)
    fleet.mirror().refresh()
    fleet.mirror().ensure_loaded("Carriers")
    assert fleet.waiting() == {"c00000": "by hand", "c00001": None}


# What is no deletion


LOSSES: dict[str, dict[str, Any]] = {
    "the token may not read": {"kind": "status", "status": 403},
    "the token is not valid": {"kind": "status", "status": 401},
    "the base is gone": {"kind": "status", "status": 404},
    "Airtable is down": {"kind": "status", "status": 503},
}


@pytest.mark.parametrize("what", LOSSES)
def test_a_table_that_cannot_be_read_is_not_an_empty_one(fleet: Fleet, what: str) -> None:
    first, *_ = agreed(fleet)
    mirror = loaded(fleet)
    fleet.edit("Carriers", first, Name="by hand")
    everywhere = [{"match": {"path": path}, "times": None, **LOSSES[what]} for path in ("/v0/app*", "/v0/meta/*")]
    fleet.box.faults(everywhere)
    for look in (mirror.refresh, mirror.load, mirror.repair_if_due):
        with contextlib.suppress(AirtableError):
            look()
    mirror.discard()
    with contextlib.suppress(AirtableError):
        fleet.mirror().load()
    assert fleet.waiting() == {}
    assert len(fleet.state.rows(fleet.base, "Carriers").all()) == 3
    fleet.box.faults(clear=True)
    fleet.mirror().load()
    assert fleet.waiting() == {"c00000": "by hand"}
