"""A sandbox with a small site, a client on it that does not sleep, and collections to export."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from runbook.catalog import Catalog, Collection, Field, Kept, Phase
from runbook.wix.client import WixClient
from sandbox import Sandbox

SHARED = Path(__file__).parents[4] / "shared" / "data"


def make_collection(wix="Carriers", table=None, **types):
    """A catalog collection with fields of these Wix types, in text columns: the source side does not look at columns."""
    columns = {"number": ("number", {"precision": 2}), "boolean": ("checkbox", {}), "datetime": ("dateTime", {})}
    system = {"_id": "text", "_owner": "text", "_createdDate": "datetime", "_updatedDate": "datetime"}
    fields = []
    for key, kind in {**types, **system}.items():
        column, more = columns.get(kind, ("multilineText", {}))
        name = "Legacy Wix ID" if key == "_id" else re.sub(r"[_ ]+", " ", key).strip().title() + " Column"
        codec = "json_text" if kind == "multireference" else None
        fields.append(Field(wix=key, wix_type=kind, name=name, type=column, codec=codec, **more))
    return Collection(
        wix=wix, table=table or wix, phase=1, tab_group="All", flag="all", primary="Legacy Wix ID", fields=tuple(fields)
    )


def make_catalog(*collections, kept=()):
    return Catalog(
        base="Base",
        tab_groups=("All",),
        flags=("all",),
        phases=(Phase(number=1, name="one", title="One", collections=collections),),
        kept=tuple(Kept(wix=name, reason="it stays") for name in kept),
    )


class Waits(list):
    """What a client slept, in seconds."""

    def __call__(self, seconds):
        self.append(seconds)


class Site:
    """A running sandbox, spoken to as an app of the site would."""

    def __init__(self, box):
        self.box, self.waits = box, Waits()
        self.client = WixClient(box.wix_url, box.wix_key, box.site_id, sleep=self.waits)
        self._session = requests.Session()
        self._session.headers.update({"Authorization": box.wix_key, "wix-site-id": box.site_id})

    def ok(self, method, path, body=None):
        answer = self._session.request(method, f"{self.box.wix_url}/wix-data/v2{path}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def make(self, name, *items, fields=({"key": "name", "type": "TEXT"},), **more):
        self.ok("POST", "/collections", {"collection": {"id": name, "fields": list(fields), **more}})
        self.insert(name, *items)

    def insert(self, name, *items):
        for start in range(0, len(items), 1000):
            entries = [{"data": item} for item in items[start : start + 1000]]
            self.ok("POST", "/bulk/items/insert", {"dataCollectionId": name, "dataItems": entries})

    def update(self, name, item):
        self.ok("POST", "/items/update", {"dataCollectionId": name, "dataItem": {"id": item["_id"], "data": item}})

    def remove(self, name, *ids):
        self.ok("POST", "/bulk/items/remove", {"dataCollectionId": name, "dataItemIds": list(ids)})

    def get(self, name, item_id):
        body = {"dataCollectionId": name, "dataItemId": item_id, "consistentRead": True}
        return self.ok("POST", "/items/get", body)["dataItem"]["data"]

    def link(self, name, field, item_id, *others):
        for other in others:
            reference = {"referringItemFieldName": field, "referringItemId": item_id, "referencedItemId": other}
            self.ok("POST", "/items/insert-reference", {"dataCollectionId": name, "dataItemReference": reference})

    def close(self):
        self.client.close()
        self._session.close()


@contextmanager
def running(folder, files=None, described=None, **settings):
    """A site that holds these items: {collection: [item, …]}; `described` is its collections.json."""
    site = folder / "site"
    site.mkdir()
    if described is not None:
        (site / "collections.json").write_text(described)
    for name, items in (files or {}).items():
        (site / f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    with Sandbox(site=site, **{"requests_per_second": "off", **settings}) as box:
        opened = Site(box)
        try:
            yield opened
        finally:
            opened.close()


@pytest.fixture
def site(tmp_path):
    with running(tmp_path) as opened:
        yield opened


@pytest.fixture
def start(tmp_path):
    """Starts a site with files and settings; `start(files, **settings)` is a context manager."""
    return lambda files=None, **more: running(tmp_path, files, **more)


@pytest.fixture
def shapes():
    """What makes catalogs."""

    class Shapes:
        collection = staticmethod(make_collection)
        catalog = staticmethod(make_catalog)
        shared = SHARED

    return Shapes
