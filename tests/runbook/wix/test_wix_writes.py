"""What writes to Wix: freezing, secrets, items for reverse sync."""

from __future__ import annotations

import json

import pytest

from runbook.cutover.freeze import freeze, frozen, permissions, unfreeze
from runbook.errors import SettingError, WixError
from runbook.wix.reverse_sync import reverse_sync_references, reverse_sync_remove, reverse_sync_save
from runbook.wix.secrets import put_secret, secret_names

OPEN = {"insert": "ANYONE", "update": "SITE_MEMBER_AUTHOR", "remove": "ADMIN", "read": "ANYONE"}
CLOSED = {"insert": "ADMIN", "update": "ADMIN", "remove": "ADMIN", "read": "ANYONE"}


@pytest.fixture
def two(site):
    fields = [{"key": "name", "type": "TEXT", "displayName": "The Name", "description": "kept"}]
    for name in ("Carriers", "Drivers"):
        site.make(name, {"_id": "a"}, fields=fields, permissions=OPEN)
    return site


def without_clock(schema):
    return {key: value for key, value in schema.items() if key not in ("revision", "updatedDate", "permissions")}


def test_freeze_and_unfreeze_give_back_what_was(two):
    before = two.client.collection("Carriers")
    remembered = {}
    former = freeze(two.client, ["Carriers", "Drivers"], remember=remembered.__setitem__)
    assert former == remembered == {"Carriers": OPEN, "Drivers": OPEN}
    assert permissions(two.client, "Carriers") == CLOSED
    assert frozen(two.client, ["Carriers", "Drivers"]) == {"Carriers": True, "Drivers": True}
    assert without_clock(two.client.collection("Carriers")) == without_clock(before)
    assert unfreeze(two.client, former) == ("Carriers", "Drivers")
    assert permissions(two.client, "Carriers") == OPEN
    assert without_clock(two.client.collection("Carriers")) == without_clock(before)


def test_a_second_time_changes_nothing(two):
    freeze(two.client, ["Carriers"])
    revision = two.client.collection("Carriers")["revision"]
    assert freeze(two.client, ["Carriers"]) == {}
    assert two.client.collection("Carriers")["revision"] == revision
    assert unfreeze(two.client, {"Carriers": OPEN}) == ("Carriers",)
    assert unfreeze(two.client, {"Carriers": OPEN}) == ()


@pytest.mark.parametrize("kind", ["drop_before", "drop_after_commit", "truncate"])
def test_a_change_without_an_answer_is_looked_up(two, kind):
    two.box.faults({"match": {"method": "PUT"}, "kind": kind})
    assert freeze(two.client, ["Carriers"]) == {"Carriers": OPEN}
    assert permissions(two.client, "Carriers") == CLOSED


def test_another_hand_was_faster(two):
    conflict = {"applicationError": {"code": "WDE0178", "description": "", "data": {}}}
    body = {"message": "WDE0178: Invalid document revision.", "details": conflict}
    two.box.faults({"match": {"method": "PUT"}, "kind": "status", "status": 409, "body": body})
    freeze(two.client, ["Carriers"])
    assert permissions(two.client, "Carriers") == CLOSED


def test_stopped_half_way_says_what_is_frozen(two):
    remembered = {}
    with pytest.raises(WixError, match=r"read the schema of Nothing.*done Carriers; not done Nothing, Drivers"):
        freeze(two.client, ["Carriers", "Nothing", "Drivers"], remember=remembered.__setitem__)
    assert remembered == {"Carriers": OPEN}
    assert frozen(two.client, ["Carriers", "Drivers"]) == {"Carriers": True, "Drivers": False}


def test_a_refusal_names_the_permission(two):
    two.box.faults({"match": {"method": "PUT"}, "kind": "status", "status": 403, "body": "{}"})
    with pytest.raises(WixError, match='give it "Manage Data Collections" for this site'):
        freeze(two.client, ["Carriers"])
    assert permissions(two.client, "Carriers") == OPEN


# ---------------------------------------------------------------------- secrets


def value_of(site, name):
    from runbook.wix.client import SECRETS

    return site.client.request("GET", f"{SECRETS}/secrets/name/{name}", what="see", idempotent=True)["value"]


def test_a_secret_is_created_then_updated(site):
    assert secret_names(site.client) == ()
    assert put_secret(site.client, "DATA_SOURCE", "wix") == "created"
    assert put_secret(site.client, "DATA_SOURCE", "airtable") == "updated"
    assert put_secret(site.client, "AIRTABLE_API_KEY", "hush-hush", "of the record API") == "created"
    assert secret_names(site.client) == ("AIRTABLE_API_KEY", "DATA_SOURCE")
    assert value_of(site, "DATA_SOURCE") == "airtable"


@pytest.mark.parametrize("kind", ["drop_after_commit", "truncate"])
def test_a_secret_made_without_an_answer(site, kind):
    site.box.faults({"match": {"method": "POST", "path": "secrets"}, "kind": kind})
    put_secret(site.client, "KEY", "hush-hush")
    assert secret_names(site.client) == ("KEY",)
    assert value_of(site, "KEY") == "hush-hush"


@pytest.mark.parametrize(("name", "value"), [("", "x"), ("has blank", "x"), ("x" * 51, "x"), ("KEY", "")])
def test_a_secret_that_cannot_be(site, name, value):
    with pytest.raises(SettingError):
        put_secret(site.client, name, value)


def test_a_secret_is_in_no_error(site):
    put_secret(site.client, "KEY", "old")
    body = {"message": "bad value hush-hush", "details": {}}
    for method in ("PATCH", "POST"):
        site.box.faults({"match": {"method": method}, "kind": "status", "status": 400, "body": json.dumps(body)})
    for name in ("KEY", "NEW"):
        with pytest.raises(WixError) as caught:
            put_secret(site.client, name, "hush-hush")
        assert "hush-hush" not in str(caught.value)


def test_secrets_name_their_permission(site):
    site.box.faults({"kind": "status", "status": 403, "body": "{}"})
    with pytest.raises(WixError, match='give it "Manage Secrets"'):
        secret_names(site.client)


# ---------------------------------------------------------------------- reverse sync


def test_items_are_saved_and_removed(site):
    site.make("Carriers", {"_id": "a", "name": "old", "gone": 1})
    items = [{"_id": "a", "name": "new"}, *[{"_id": f"b{n}", "name": "x" * 3000} for n in range(2500)]]
    written = reverse_sync_save(site.client, "Carriers", items)
    assert (len(written.done), written.refused) == (2501, {})
    stored = site.get("Carriers", "a")
    assert {key: value for key, value in stored.items() if not key.startswith("_")} == {"name": "new"}
    removed = reverse_sync_remove(site.client, "Carriers", [item["_id"] for item in items] + ["never there"])
    assert (len(removed.done), removed.refused) == (2502, {})
    assert site.client.count("Carriers") == 0


def test_what_wix_refuses_is_told_by_id_and_code(site):
    site.make("Carriers")
    bad = {"_id": "bad", "name": "Ann Secret", "$key": 1}
    written = reverse_sync_save(site.client, "Carriers", [{"_id": "good"}, bad, {"_id": "also"}])
    assert (written.done, written.refused) == (["good", "also"], {"bad": "WDE0134"})


@pytest.mark.parametrize("kind", ["drop_before", "drop_after_commit", "truncate"])
def test_a_save_without_an_answer_is_sent_again(site, kind):
    site.make("Carriers")
    site.box.faults({"match": {"path": "/bulk/items/save"}, "kind": kind})
    assert reverse_sync_save(site.client, "Carriers", [{"_id": "a"}, {"_id": "b"}]).done == ["a", "b"]
    assert site.client.count("Carriers") == 2


def test_a_batch_that_is_too_large_is_halved(site):
    site.make("Carriers")
    body = {"message": "WDE0109: Payload is too large.", "details": {}}
    site.box.faults({"match": {"path": "/bulk/items/save"}, "kind": "status", "status": 413, "body": body})
    assert len(reverse_sync_save(site.client, "Carriers", [{"_id": f"{n}"} for n in range(9)]).done) == 9
    assert site.client.count("Carriers") == 9


def test_references_are_set(site):
    target = {"referencedCollectionId": "Drivers", "referencingFieldKey": "carriers"}
    ties = {"key": "drivers", "type": "MULTI_REFERENCE", "typeMetadata": {"multiReference": target}}
    site.make("Drivers", {"_id": "d1"}, {"_id": "d2"})
    site.make("Carriers", {"_id": "c"}, fields=[ties])
    reverse_sync_references(site.client, "Carriers", "drivers", "c", ["d1"])
    reverse_sync_references(site.client, "Carriers", "drivers", "c", ["d2", "d1"])
    assert sorted(map(str, site.client.referenced("Carriers", "drivers", "c"))) == ["d1", "d2"]
