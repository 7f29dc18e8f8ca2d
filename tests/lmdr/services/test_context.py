"""The test kit of the services, and their context."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lmdr.services.context import ANYONE, Caller, Context, service
from platform_kit import Platform
from runbook.errors import NoSuchItem, UnknownField, WrongType
from runbook.json_types import MISSING
from runbook.query import Query


def test_a_row_is_stored_unchanged_with_timestamps_of_the_clock(platform: Platform) -> None:
    row = platform.put("Carriers", dot_number=7, legal_name="ACME", phy_zip="07001", is_active=False)
    assert (row["dot_number"], row["phy_zip"], row["is_active"]) == (7, "07001", False)
    assert abs(row["_createdDate"] - platform.now) < timedelta(seconds=5)
    old = platform.put("Carriers", created=platform.now - timedelta(days=40), dot_number=8)
    assert platform.now - old["_createdDate"] > timedelta(days=39)
    assert [item["dot_number"] for item in platform.rows("Carriers")] == [7, 8]
    changed = platform.records.patch("Carriers", row["_id"], {"status": "active", "phy_zip": MISSING})
    assert "phy_zip" not in changed
    assert platform.row("Carriers", row["_id"]) == changed
    assert platform.records.count("Carriers", Query().eq("status", "active")) == 1


def test_errors_name_the_place(platform: Platform) -> None:
    with pytest.raises(UnknownField, match=r"Carriers.*'dot'"):
        platform.put("Carriers", dot_number=1, dot=1)
    with pytest.raises(WrongType, match=r"Carriers.*dot_number"):
        platform.put("Carriers", dot_number="many")
    with pytest.raises(NoSuchItem, match=r"Carriers has no item gone"):
        platform.records.patch("Carriers", "gone", {"status": "active"})
    assert platform.rows("Carriers") == []


def test_properties_of_a_caller() -> None:
    assert not ANYONE.logged_in
    assert Caller("m").logged_in
    assert not Caller("m", roles=frozenset({"driver"})).is_admin
    assert Caller("m", roles=frozenset({"ops_admin"})).is_admin
    assert "secret" not in repr(Caller("m", "secret@x.test"))


def test_a_failing_mail_raises_nothing(platform: Platform) -> None:
    def fail(template: str, to: str, variables: object) -> None:
        raise OSError(template, to, variables)

    context = platform.context(send_mail=fail)
    context.mail("welcome", "a@b.test", name="A")
    context.mail("welcome", None)
    assert platform.mails == []


def test_a_service_works_with_pinned_records(platform: Platform) -> None:
    @service
    def count(context: Context, collection: str) -> int:
        return context.records.count(collection)

    platform.put("Carriers", dot_number=1)
    assert count(platform.context(), "Carriers") == 1
