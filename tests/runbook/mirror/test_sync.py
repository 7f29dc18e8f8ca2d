"""Changes made in Airtable are in the mirror within its lag, with a webhook and without."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from mirror_kit import Fleet, carrier, ids, items
from runbook.airtable.webhooks import create_webhook
from runbook.errors import AirtableError
from runbook.mirror import Mirror, SyncResult
from runbook.query import Query

WEBHOOKS_REFUSED = {"match": {"path": "*/webhooks"}, "kind": "status", "status": 403, "times": None}
DOWN = {"match": {"service": "airtable"}, "kind": "drop_before", "times": None}


def eventually(check: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "not within time"
        time.sleep(0.005)


def names(mirror: Mirror) -> dict[str, Any]:
    return {item["_id"]: item["name"] for item in mirror.find("Carriers", Query().limit(1000))[0]}


class Clock:
    """Seconds since 1970, as far as the test has let them go."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


# With a webhook


def test_records_changed_created_and_deleted_by_others_are_seen_by_one_sync(fleet: Fleet) -> None:
    changed, removed, _ = fleet.add("Carriers", *items(3))
    mirror = fleet.mirror()
    assert len(names(mirror)) == 3
    fleet.edit("Carriers", changed, Name="by hand")
    fleet.add("Carriers", carrier(7), known=False)
    fleet.delete("Carriers", removed)
    assert mirror.refresh() == SyncResult(changed=2, deleted=1)
    assert names(mirror) == {"c00000": "by hand", "c00002": "Carrier 2", "c00007": "Carrier 7"}
    assert mirror.find("Carriers", Query().eq("dot", "100001")) == ([], False)


def test_a_sync_while_nothing_changes_is_one_request(fleet: Fleet) -> None:
    fleet.add("Carriers", *items(3))
    mirror = fleet.mirror()
    mirror.load()
    before = fleet.requests()
    for _ in range(3):
        assert mirror.refresh() == SyncResult()
    assert fleet.requests() == before + 3


def test_a_record_created_and_deleted_between_two_syncs_leaves_nothing(fleet: Fleet) -> None:
    mirror = fleet.mirror()
    mirror.load()
    fleet.delete("Carriers", *fleet.add("Carriers", carrier(1)))
    mirror.refresh()
    assert names(mirror) == {}


def test_more_changes_than_a_page_of_payloads_are_all_seen(fleet: Fleet) -> None:
    (record,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load(["Carriers"])
    for number in range(60):
        fleet.edit("Carriers", record, Name=f"edit {number}")
    assert mirror.refresh() == SyncResult(changed=1)
    assert names(mirror) == {"c00001": "edit 59"}


def test_tables_that_are_not_collections_or_not_synced_are_ignored(fleet: Fleet) -> None:
    mirror = fleet.mirror()
    mirror.load(["Carriers"])
    fleet.add("Drivers", {"_id": "d1", "name": "Ann"})
    fleet.api.create_table(fleet.base, {"name": "Notes", "fields": [{"name": "Name", "type": "singleLineText"}]})
    fleet.api.create(fleet.base, "Notes", [{"Name": "a note"}])
    assert mirror.refresh() == SyncResult()
    assert mirror.store.synced() == ["Carriers"]


def test_the_next_sync_makes_up_for_one_that_failed_half_way(fleet: Fleet) -> None:
    (record,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load()
    fleet.edit("Carriers", record, Name="by hand")
    fleet.box.faults({"match": {"path": "*/The Carriers*"}, "kind": "status", "status": 500, "times": None})
    with pytest.raises(AirtableError):
        mirror.refresh()
    assert names(mirror) == {"c00001": "Carrier 1"}
    fleet.box.faults(clear=True)
    mirror.refresh()
    assert names(mirror) == {"c00001": "by hand"}


def test_a_webhook_that_was_deleted_costs_a_full_sync_and_no_change(fleet: Fleet) -> None:
    changed, removed = fleet.add("Carriers", *items(2))
    mirror = fleet.mirror()
    mirror.load(["Carriers"])
    fleet.api.request(
        "DELETE", f"bases/{fleet.base}/webhooks/{webhook(fleet)}", scope="webhook:manage", base=fleet.base
    )
    fleet.edit("Carriers", changed, Name="by hand")
    fleet.delete("Carriers", removed)
    assert mirror.refresh().full == ("Carriers",)
    assert names(mirror) == {"c00000": "by hand"}
    fleet.edit("Carriers", changed, Name="again")
    assert mirror.refresh() == SyncResult(changed=1)
    assert len(webhooks(fleet)) == 1


def test_a_payload_that_says_airtable_failed_costs_a_full_sync(fleet: Fleet) -> None:
    (record,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror()
    mirror.load(["Carriers"])
    fleet.edit("Carriers", record, Name="by hand")
    failed = {"payloads": [{"error": True, "code": "INTERNAL_ERROR"}], "cursor": 2, "mightHaveMore": False}
    fleet.box.faults({"match": {"path": "*/payloads"}, "kind": "status", "status": 200, "body": failed})
    assert mirror.refresh().full == ("Carriers",)
    assert names(mirror) == {"c00001": "by hand"}


def test_eight_days_without_a_sync_cost_a_full_sync(own_fleet: Fleet) -> None:
    fleet, clock = own_fleet, Clock()
    changed, removed = fleet.add("Carriers", *items(2))
    first = fleet.mirror(clock=clock)
    first.load(["Carriers"])
    fleet.edit("Carriers", changed, Name="by hand")
    fleet.delete("Carriers", removed)
    fleet.box.clock(advance=8 * 86400)
    clock.now += 8 * 86400
    mirror = fleet.mirror(clock=clock)
    assert mirror.age("Carriers") > 8 * 86400 - 60
    assert mirror.refresh().full == ("Carriers",)
    assert names(mirror) == {"c00000": "by hand"}
    assert mirror.age("Carriers") == 0


def test_payloads_that_another_mirror_kept_the_webhook_alive_without_are_not_missed(own_fleet: Fleet) -> None:
    fleet, clock = own_fleet, Clock()
    (record,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror(clock=clock)
    mirror.load(["Carriers"])
    fleet.edit("Carriers", record, Name="by hand")
    for _ in range(2):  # another machine looks every four days
        fleet.box.clock(advance=4 * 86400)
        fleet.api.request(
            "GET", f"bases/{fleet.base}/webhooks/{webhook(fleet)}/payloads", scope="webhook:manage", base=fleet.base
        )
    clock.now += 8 * 86400
    assert mirror.refresh().full == ("Carriers",)
    assert names(mirror) == {"c00001": "by hand"}
    assert len(webhooks(fleet)) == 1


# Without one: by modified time


@pytest.fixture
def without_webhook(fleet: Fleet) -> Fleet:
    """A fleet whose base has ten webhooks already."""
    for _ in range(10):
        assert create_webhook(fleet.api, fleet.base) is not None
    assert create_webhook(fleet.api, fleet.base) is None
    return fleet


def test_where_no_webhook_can_be_made_changes_are_seen_within_the_lag(without_webhook: Fleet) -> None:
    fleet = without_webhook
    changed, _ = fleet.add("Carriers", *items(2))
    (driver,) = fleet.add("Drivers", {"_id": "d1", "name": "Ann"})
    mirror = fleet.mirror(refresh=10)
    mirror.load()
    assert mirror.lag == 20  # two collections, one a look
    fleet.edit("Carriers", changed, Name="by hand")
    fleet.add("Carriers", carrier(7))
    fleet.edit("Drivers", driver, Name="Bea")
    for _ in range(int(mirror.lag / 10)):
        mirror.refresh()
    assert names(mirror) == {"c00000": "by hand", "c00001": "Carrier 1", "c00007": "Carrier 7"}
    assert mirror.get("Drivers", "d1") == {"_id": "d1", "name": "Bea"}


def test_a_sync_without_a_webhook_is_as_many_requests_as_the_budget_allows(without_webhook: Fleet) -> None:
    mirror = without_webhook.mirror(refresh=60)
    mirror.load()
    before = without_webhook.requests()
    mirror.refresh()
    assert without_webhook.requests() == before + 2  # 60 s at 0.04 a second


def test_without_a_webhook_a_deleted_row_is_noticed_at_the_next_full_sync(without_webhook: Fleet) -> None:
    fleet, clock = without_webhook, Clock()
    removed, _ = fleet.add("Carriers", *items(2))
    mirror = fleet.mirror(repair=3600, clock=clock)
    mirror.load(["Carriers"])
    fleet.delete("Carriers", removed)
    mirror.refresh()
    assert len(names(mirror)) == 2
    assert mirror.repair_if_due() is None
    clock.now += 3601
    assert mirror.repair_if_due() == "Carriers"
    assert list(names(mirror)) == ["c00001"]


def test_a_token_that_may_not_make_webhooks_is_asked_again_after_an_hour(fleet: Fleet) -> None:
    clock = Clock()
    (record,) = fleet.add("Carriers", *items(1))
    fleet.box.faults(WEBHOOKS_REFUSED)
    mirror = fleet.mirror(clock=clock)
    mirror.load()
    mirror.refresh()
    assert webhooks(fleet, clear=True) == []
    mirror.refresh()
    assert webhooks(fleet) == []
    fleet.edit("Carriers", record, Name="between the last look and the webhook")
    clock.now += 3601
    assert set(mirror.refresh().full) == {"Carriers", "Drivers"}
    assert len(webhooks(fleet)) == 1
    assert names(mirror) == {"c00000": "between the last look and the webhook"}


# Airtable is down


def test_reads_go_on_and_show_their_age_while_airtable_is_down(fleet: Fleet) -> None:
    clock = Clock()
    (record,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror(refresh=0.02, clock=clock)
    records = fleet.records(mirror)
    mirror.load()
    with mirror.kept_updated():
        fleet.box.faults(DOWN)
        clock.now += 100
        eventually(lambda: mirror.last_error is not None)
        page = records.query("Carriers")
        assert ids(page.items) == ["c00001"]
        assert page.age == 100
        assert "cannot be reached" in repr(mirror.problems()) or "broke" in repr(mirror.problems())
        fleet.box.faults(clear=True)
        fleet.edit("Carriers", record, Name="meanwhile")
        clock.now += 100  # the sync that is due now comes after the edit
        eventually(lambda: names(mirror) == {"c00001": "meanwhile"})
        eventually(lambda: mirror.last_error is None)
        eventually(lambda: mirror.age("Carriers") == 0)


def test_a_collection_that_was_never_read_cannot_be_while_airtable_is_down(fleet: Fleet) -> None:
    mirror = fleet.mirror()
    mirror.load(["Carriers"])
    fleet.box.faults(DOWN)
    assert mirror.find("Carriers", Query()) == ([], False)
    with pytest.raises(AirtableError):
        mirror.find("Drivers", Query())
    assert mirror.age("Drivers") == float("inf")


# The thread


def test_the_thread_keeps_up_and_ends_with_its_block(fleet: Fleet) -> None:
    import threading

    (record,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror(refresh=0.02)
    mirror.load()
    with mirror.kept_updated():
        assert [thread.name for thread in threading.enumerate()].count("mirror") == 1
        fleet.edit("Carriers", record, Name="by hand")
        eventually(lambda: names(mirror) == {"c00001": "by hand"})
    assert "mirror" not in [thread.name for thread in threading.enumerate()]
    fleet.edit("Carriers", record, Name="later")
    before = fleet.requests()
    time.sleep(0.06)
    assert fleet.requests() == before


def test_of_two_processes_one_syncs_for_both(fleet: Fleet) -> None:
    clock = Clock()
    (record,) = fleet.add("Carriers", carrier(1))
    first, second = fleet.mirror(clock=clock), fleet.mirror(clock=clock)
    first.load()
    fleet.edit("Carriers", record, Name="by hand")
    clock.now += 61
    assert first.refresh_if_due() == SyncResult(changed=1)
    before = fleet.requests()
    assert second.refresh_if_due() is None
    assert names(second) == {"c00001": "by hand"}
    assert fleet.requests() == before


def test_a_background_sync_does_not_wait_for_the_lock(fleet: Fleet) -> None:
    first, second = fleet.mirror(), fleet.mirror()
    first.load()
    with first._exclusive():
        assert second.refresh_if_due() is None
        assert second.repair_if_due() is None


# Catching up


def test_catching_up_with_a_time_is_one_sync(fleet: Fleet) -> None:
    clock = Clock()
    (record,) = fleet.add("Carriers", carrier(1))
    mirror = fleet.mirror(clock=clock)
    mirror.load()
    fleet.edit("Carriers", record, Name="by hand")
    clock.now += 10
    before = fleet.requests()
    mirror.catch_up("Carriers", clock.now - 1)
    needed = fleet.requests() - before
    assert names(mirror) == {"c00001": "by hand"}
    mirror.catch_up("Carriers", clock.now - 1)
    mirror.catch_up("Drivers", clock.now - 1)
    assert fleet.requests() == before + needed


def test_without_a_webhook_catching_up_is_a_full_sync(without_webhook: Fleet) -> None:
    clock = Clock()
    _, removed = without_webhook.add("Carriers", *items(2))
    mirror = without_webhook.mirror(clock=clock)
    mirror.load()
    without_webhook.delete("Carriers", removed)
    clock.now += 10
    for name in ("Drivers", "Carriers"):
        mirror.catch_up(name, clock.now)
        assert mirror.age(name) == 0


# Webhooks


def webhooks(fleet: Fleet, *, clear: bool = False) -> list[str]:
    if clear:
        fleet.box.faults(clear=True)
    found = fleet.api.request("GET", f"bases/{fleet.base}/webhooks", scope="webhook:manage", base=fleet.base)
    return [hook["id"] for hook in found["webhooks"]]


def webhook(fleet: Fleet) -> str:
    (found,) = webhooks(fleet)
    return found


def test_all_mirrors_of_a_base_share_one_webhook(fleet: Fleet) -> None:
    (record,) = fleet.add("Carriers", carrier(1))
    fleet.mirror().load()
    for number in range(3):  # as often as its file is deleted, or another machine has one
        fleet.file.unlink()
        mirror = fleet.mirror()
        mirror.load()
        fleet.edit("Carriers", record, Name=f"edit {number}")
        assert mirror.refresh().changed == 1
    assert len(webhooks(fleet)) == 1


def test_a_webhook_can_be_deleted_twice(fleet: Fleet) -> None:
    mirror = fleet.mirror()
    mirror.load()
    mirror.delete_webhook()
    mirror.delete_webhook()
    assert webhooks(fleet) == []
