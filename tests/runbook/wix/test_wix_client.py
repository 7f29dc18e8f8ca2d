"""The client: what it waits out, what it tries again, what it says."""

from __future__ import annotations

import json
import traceback

import pytest

from runbook.errors import SettingError, WixError
from runbook.wix.client import WixClient, WixTooMuch
from runbook.wix.secrets import put_secret

ITEMS = [{"_id": f"c{number}", "name": f"Name {number}"} for number in range(5)]


def refusal(status, code, text="no"):
    body = {
        "message": f"{code}: {text}",
        "details": {"applicationError": {"code": code, "description": text, "data": {}}},
    }
    return {"kind": "status", "status": status, "body": json.dumps(body)}


def test_reads_drafts_and_what_was_just_written(start):
    with start({"Carriers": ITEMS}, stale_reads=60_000) as site:
        site.insert("Carriers", {"_id": "new"})
        assert site.client.count("Carriers") == 6
        items, more = site.client.query("Carriers", limit=1000)
        assert ([item["_id"] for item in items], more) == (["c0", "c1", "c2", "c3", "c4", "new"], False)


def test_the_minute_quota_is_waited_out(start):
    with start({"Carriers": ITEMS}, requests_per_second=500, wix_reads_per_minute=2) as site:
        slept = []

        def sleep(seconds):
            slept.append(seconds)
            site.box.clock(advance=seconds)

        client = WixClient(site.box.wix_url, site.box.wix_key, site.box.site_id, sleep=sleep)
        assert [client.count("Carriers") for _ in range(3)] == [5, 5, 5]
        assert slept == [3, 6, 12, 24, 48]
        client.close()


def test_a_quota_that_stays_used_up_is_an_error(start):
    with start({"Carriers": ITEMS}) as site:
        site.box.faults({**refusal(429, "WDE0014"), "times": None})
        with pytest.raises(WixError, match="requests per minute stayed used up") as caught:
            site.client.count("Carriers")
        assert (caught.value.status, caught.value.code) == (429, "WDE0014")
        assert site.waits[:6] == [3, 6, 12, 24, 48, 60]
        assert max(site.waits) == 60


def test_retry_after_is_obeyed(start):
    with start({"Carriers": ITEMS}) as site:
        site.box.faults({**refusal(429, "WDE0014"), "headers": {"Retry-After": "7"}})
        assert site.client.count("Carriers") == 5
        assert site.waits == [7]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503, "body": "<html>busy</html>"},
        refusal(500, "WDE0053"),
        {"kind": "drop_before"},
        {"kind": "drop_after_commit"},
        {"kind": "truncate"},
        {"kind": "status", "status": 200, "body": "half an ans"},
    ],
    ids=["503", "500", "drop", "drop after", "truncate", "not JSON"],
)
def test_reads_are_tried_again(start, fault):
    with start({"Carriers": ITEMS}) as site:
        site.box.faults({**fault, "times": 2})
        assert len(site.client.query("Carriers")[0]) == 5
        assert site.waits == [1, 2]


@pytest.mark.slow
def test_a_late_answer_is_asked_for_again(start):
    with start({"Carriers": ITEMS}) as site:
        site.box.faults({"kind": "delay", "seconds": 1.0})
        client = WixClient(site.box.wix_url, site.box.wix_key, site.box.site_id, timeout=0.2, sleep=site.waits)
        assert client.count("Carriers") == 5
        assert site.waits == [1]
        client.close()


def test_no_answer_at_all_says_what_was_asked(start):
    with start({"Carriers": ITEMS}) as site:
        site.box.faults({"kind": "drop_before", "times": None})
        with pytest.raises(
            WixError, match=r"count the items of Carriers: .* broke the connection.*, 6 times"
        ) as caught:
            site.client.count("Carriers")
        assert caught.value.status is None


def test_a_write_is_not_sent_twice(start):
    with start() as site:
        at = {"method": "POST", "path": "/secrets"}
        for fault in (refusal(503, "WDE0053"), {"kind": "drop_before"}):
            site.box.faults({**fault, "match": at, "times": None}, clear=True)
            with pytest.raises(WixError, match="create the secret KEY"):
                put_secret(site.client, "KEY", "hush-hush")
            assert site.box.faults()[0]["hits"] == 1
        assert site.waits == []


def test_a_new_site_is_asked_twice(start):
    with start({"Carriers": ITEMS}) as site:
        site.box.faults(refusal(400, "WDE0117"))
        assert site.client.count("Carriers") == 5
        site.box.faults({**refusal(400, "WDE0117"), "times": None})
        with pytest.raises(WixError, match="WIX_SITE_ID names no site"):
            site.client.count("Carriers")


def test_a_wrong_key(start):
    with start({"Carriers": ITEMS}, token="IST.the-right-one") as site:
        client = WixClient(site.box.wix_url, "IST.wrong-key-value", site.box.site_id)
        with pytest.raises(WixError, match=r"HTTP 401.*WIX_API_KEY is not accepted") as caught:
            client.count("Carriers")
        said = "".join(traceback.format_exception(caught.value)) + repr(client) + repr(vars(client)["_session"])
        assert "wrong-key-value" not in said
        client.close()


def test_a_key_without_rights(start):
    with start({"Carriers": ITEMS}) as site:
        site.make("Closed", permissions={"read": "ADMIN"})
        site.box.wix_rights(data=False)
        with pytest.raises(WixError, match=r'HTTP 403 WDE0027; .* give it "Manage Data Items" and') as caught:
            site.client.query("Closed")
        assert (caught.value.status, caught.value.code) == (403, "WDE0027")


def test_a_collection_that_is_not_there(site):
    with pytest.raises(WixError, match="query carriers: HTTP 404 WDE0025; the site has no such collection"):
        site.client.query("carriers")


@pytest.mark.parametrize("key", ["", "IST.secret\n", "IST. secret", "IST.sécret"])
def test_a_key_that_cannot_be_one(key):
    with pytest.raises(SettingError, match="WIX_API_KEY") as caught:
        WixClient("http://127.0.0.1:1", key, "site")
    assert "secret" not in str(caught.value)


def test_a_redirect_is_no_answer(start):
    with start() as site:
        site.box.faults({"kind": "status", "status": 302, "body": "{}", "headers": {"Location": "/elsewhere"}})
        with pytest.raises(WixError, match="WIX_ENDPOINT_URL is not the URL"):
            site.client.collections()


def test_lists_every_page_of_collections(site):
    for number in range(103):
        site.make(f"C{number:03}")
    assert [entry["id"] for entry in site.client.collections()] == [f"C{number:03}" for number in range(103)]


def test_a_list_with_failed_sources_is_no_list(site):
    body = {"collections": [], "paging_metadata": {"count": 0}, "failed_sources": ["DOCSTORE"]}
    site.box.faults({"kind": "status", "status": 200, "body": body})
    with pytest.raises(WixError, match="DOCSTORE failed"):
        site.client.collections()


@pytest.mark.parametrize(("status", "code"), [(504, "WDE0028"), (400, "WDE0180"), (413, "WDE0109")])
def test_what_is_too_much_is_told_apart(start, status, code):
    with start({"Carriers": ITEMS}) as site:
        site.box.faults(refusal(status, code))
        with pytest.raises(WixTooMuch):
            site.client.query("Carriers")
        assert site.waits == []


@pytest.mark.parametrize("body", [[], {"dataItems": None}, {"dataItems": ["x"]}, {}])
def test_an_answer_of_another_shape(start, body):
    with start({"Carriers": ITEMS}) as site:
        site.box.faults({"kind": "status", "status": 200, "body": json.dumps(body)})
        with pytest.raises(WixError):
            site.client.query("Carriers")
