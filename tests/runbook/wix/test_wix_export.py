"""A site as a source: every row once, as it stood when the export ended, whatever happens meanwhile."""

from __future__ import annotations

import json
import re
import threading

import pytest

from runbook.errors import SourceError, WixError
from runbook.snapshot import Snapshot
from runbook.steps.export import export
from runbook.wix.client import WixClient
from runbook.wix.source import Remarks, WixSource

OLD = {"$date": "2024-05-01T10:00:00.000Z"}


def old(count, **more):
    """Items of a bulk insert long ago: all stamps the same, ids in no order."""
    return [
        {
            "_id": f"{number * 7919 % 100_003:06}-{'aZ_é'[number % 4]}",
            "_owner": "me",
            "_createdDate": OLD,
            "_updatedDate": OLD,
            "name": f"Name {number}",
            **more,
        }
        for number in range(count)
    ]


def in_order(items):
    return sorted(items, key=lambda item: item["_id"])


def too_much(**more):
    code = {"applicationError": {"code": "WDE0028", "description": "slow", "data": {}}}
    return {"kind": "status", "status": 504, "body": {"message": "WDE0028: slow", "details": code}, **more}


@pytest.mark.slow
def test_ten_thousand_rows_with_one_stamp(start, shapes, tmp_path):
    items = old(10_000)
    with start({"Carriers": items}) as site:
        snapshot = export(WixSource(site.client), shapes.collection(name="text"), tmp_path / "snapshots")
        assert list(snapshot.items()) == in_order(items)
        assert (snapshot.count, snapshot.notes, snapshot.newest_update) == (10_000, (), OLD["$date"])
        asked = sum(site.box.stats()["wix"][site.box.site_id]["endpoints"]["POST /items/query"].values())
        assert asked <= 16


def test_rows_of_this_minute_are_read_twice_and_given_once(site, shapes, tmp_path):
    site.make("Carriers", *[{"_id": f"{n:04}", "name": "x"} for n in range(2500)])
    snapshot = export(WixSource(site.client), shapes.collection(name="text"), tmp_path)
    assert [item["_id"] for item in snapshot.items()] == [f"{n:04}" for n in range(2500)]


@pytest.mark.slow
def test_what_changes_between_two_pages(start, shapes, tmp_path):
    items = [{**item, "_id": f"{n:05}"} for n, item in enumerate(old(3000))]
    with start({"Carriers": items}) as site:
        seen = []

        def change(done, total):
            seen.append((done, total))
            if len(seen) == 1:  # the first page is read, the others are not
                site.update("Carriers", {"_id": "00005", "name": "changed behind"})
                site.update("Carriers", {"_id": "02500", "name": "changed ahead"})
                site.insert("Carriers", {"_id": "00005-new"}, {"_id": "02500-new"})
                site.remove("Carriers", "00007", "02700")

        rows = []
        notes = WixSource(site.client).export(shapes.collection(name="text"), rows.append, change).notes
        by_id = {item["_id"]: item for item in rows}
        assert len(by_id) == len(rows) == 3000
        assert list(by_id) == sorted(by_id)
        assert by_id["00005"]["name"] == "changed behind"
        assert by_id["02500"]["name"] == "changed ahead"
        assert {"00005-new", "02500-new"} < set(by_id)
        assert not {"00007", "02700"} & set(by_id)
        assert notes == ("1 row was deleted during the export and left out: 00007",)
        assert seen[0] == (1000, 3000)


def test_a_change_that_no_stamp_shows(start, shapes):
    """A row stamped later than now hides every newer stamp behind its own."""
    items = [{**item, "_id": f"{n:05}"} for n, item in enumerate(old(1500))]
    items[700]["_updatedDate"] = {"$date": "2999-01-01T00:00:00.000Z"}
    with start({"Carriers": items}) as site:
        told = []

        def change(done, total):
            if not told:
                site.update("Carriers", {"_id": "00005", "name": "changed"})
            told.append(done)

        rows = []
        WixSource(site.client).export(shapes.collection(name="text"), rows.append, change)
        assert rows[5]["name"] == "changed"


def test_a_row_whose_stamp_lies_before_the_export(start, shapes):
    """A server whose clock is behind: found by its count, not by its stamp."""
    items = [{**item, "_id": f"{n:05}"} for n, item in enumerate(old(1500))]
    with start({"Carriers": items}) as site:
        site.box.clock(now="2020-01-01T00:00:00Z")
        told = []

        def change(done, total):
            if not told:
                site.insert("Carriers", {"_id": "00005-late"})
            told.append(done)

        rows = []
        WixSource(site.client).export(shapes.collection(name="text"), rows.append, change)
        assert len(rows) == 1501
        assert rows[6]["_id"] == "00005-late"


@pytest.mark.slow
def test_while_others_write(start, shapes, tmp_path):
    items = [{**item, "_id": f"{n:05}"} for n, item in enumerate(old(4000))]
    with start({"Carriers": items}) as site:
        site.box.faults({"match": {"path": "/items/query"}, "kind": "delay", "ms": 15, "times": 6})
        begun, done = threading.Event(), threading.Event()
        updated, removed = [], []

        def live():
            begun.wait()
            for n in range(0, 4000, 40):
                site.update("Carriers", {"_id": f"{n:05}", "name": "new"})
                updated.append(f"{n:05}")
                site.remove("Carriers", f"{n + 1:05}")
                removed.append(f"{n + 1:05}")
                site.insert("Carriers", {"_id": f"{n:05}-b", "name": "b"})
            done.set()

        thread = threading.Thread(target=live)
        thread.start()
        rows = []
        WixSource(site.client, page_size=200).export(
            shapes.collection(name="text"), rows.append, lambda *_: begun.set()
        )
        thread.join()
        ids = [item["_id"] for item in rows]
        assert len(ids) == len(set(ids))
        untouched = {item["_id"] for item in items} - set(removed)
        assert untouched <= set(ids)
        assert done.is_set()
        # Once nobody writes any more, an export is the site, to the row.
        again = []
        assert WixSource(site.client).export(shapes.collection(name="text"), again.append) == Remarks()
        assert {item["_id"] for item in again} == untouched | {f"{n:05}-b" for n in range(0, 4000, 40)}
        assert all(item["name"] == "new" for item in again if item["_id"] in updated)


def test_a_site_that_keeps_changing_is_noted(start, shapes):
    with start({"Carriers": old(10)}) as site:

        class Restless(WixClient):
            written = 0

            def count(self, collection):
                found = super().count(collection)
                Restless.written += 1
                site.insert("Carriers", {"_id": f"more {Restless.written}"})
                return found

        client = Restless(site.box.wix_url, site.box.wix_key, site.box.site_id)
        rows = []
        warning, counted = WixSource(client).export(shapes.collection(name="text"), rows.append).warnings
        assert re.fullmatch(r"the site counted \d+ rows at the end; \d+ were read", counted)
        assert warning.startswith("kept changing while it was read, 5 times over; ")
        assert re.search(r"\d+ rows changed meanwhile: more \d+", warning)
        assert "run it again at a quiet time, or freeze the collection first" in warning
        assert {item["_id"] for item in old(10)} <= {item["_id"] for item in rows}
        client.close()


def test_what_settles_in_time_is_no_doubt(start, shapes):
    """Changes that stop are read again, and nothing is left to say."""
    with start({"Carriers": old(10)}) as site:

        class Busy(WixClient):
            written = 0

            def count(self, collection):
                found = super().count(collection)
                if Busy.written < 3:
                    Busy.written += 1
                    site.update("Carriers", {"_id": old(1)[0]["_id"], "name": f"new {Busy.written}"})
                return found

        client = Busy(site.box.wix_url, site.box.wix_key, site.box.site_id)
        rows = []
        assert WixSource(client).export(shapes.collection(name="text"), rows.append).warnings == ()
        assert next(row for row in rows if row["_id"] == old(1)[0]["_id"])["name"] == "new 3"
        client.close()


def test_pages_are_halved(start, shapes, tmp_path):
    items = old(2500)
    with start({"Carriers": items}) as site:
        site.box.faults(too_much(match={"path": "/items/query", "nth": 3}, times=2))
        snapshot = export(WixSource(site.client), shapes.collection(name="text"), tmp_path / "snapshots")
        assert list(snapshot.items()) == in_order(items)
        assert snapshot.notes == ("pages of 1000 were too large for the site; it was read in pages of 250",)


def test_trouble_on_the_way(start, shapes, tmp_path):
    items = old(3000)
    with start({"Carriers": items}) as site:
        for nth, fault in enumerate(("truncate", "drop_before", "drop_after_commit"), 2):
            site.box.faults({"match": {"path": "/items/query", "nth": nth}, "kind": fault})
        site.box.faults({"match": {"path": "/items/query", "nth": 5}, "kind": "status", "status": 502, "times": 2})
        snapshot = export(WixSource(site.client), shapes.collection(name="text"), tmp_path / "snapshots")
        assert list(snapshot.items()) == in_order(items)
        assert site.waits


def test_an_export_that_fails_leaves_what_was_there(start, shapes, tmp_path):
    with start({"Carriers": old(1500)}) as site:
        source, folder, collection = WixSource(site.client), tmp_path / "snapshots", shapes.collection(name="text")
        before = export(source, collection, folder)
        site.insert("Carriers", {"_id": "new"})
        site.box.faults({"match": {"path": "/items/query", "nth": 3}, "kind": "status", "status": 500, "times": None})
        with pytest.raises(WixError, match="run it again later"):
            export(source, collection, folder)
        assert Snapshot.read(folder, "Carriers") == before
        assert len(list(folder.iterdir())) == 2


def test_a_site_that_sorts_in_another_order(start, shapes):
    items = [{**item, "_id": name, "name": name.casefold()} for name, item in zip("aBcDeFgHiJ", old(10), strict=True)]
    with start({"Carriers": items}) as site:

        class CaseBlind(WixClient):
            def query(self, collection, *, sort=("_id", "ASC"), **more):
                return super().query(collection, sort=("name", "ASC") if sort[0] == "_id" else sort, **more)

        client = CaseBlind(site.box.wix_url, site.box.wix_key, site.box.site_id)
        rows = []
        notes = WixSource(client, page_size=3).export(shapes.collection(name="text"), rows.append).notes
        assert rows == in_order(items)
        assert notes == ("the site does not return ids in order: read by offset, rows that came twice counted once",)
        client.close()


def test_no_rows_where_some_are_counted(start, shapes, tmp_path):
    with start({"Carriers": old(7)}) as site:
        body = {"dataItems": [], "pagingMetadata": {"count": 0, "hasNext": False}}
        site.box.faults(
            {"match": {"path": "/items/query"}, "kind": "status", "status": 200, "body": body, "times": None}
        )
        with pytest.raises(
            WixError, match="Carriers: the site counts 7 rows, but only 0 can be read; no snapshot was made"
        ):
            export(WixSource(site.client), shapes.collection(name="text"), tmp_path / "snapshots")
        assert Snapshot.read(tmp_path / "snapshots", "Carriers") is None


def test_no_right_to_read(start, shapes, tmp_path):
    with start() as site:
        site.make("Carriers", {"_id": "a"}, permissions={"read": "ADMIN"})
        site.box.wix_rights(data=False)
        with pytest.raises(WixError, match="403 WDE0027"):
            export(WixSource(site.client), shapes.collection(name="text"), tmp_path / "snapshots")
        assert "403 WDE0027" in " ".join(WixSource(site.client).collections()["Carriers"].notes)


def test_drafts_are_read_and_counted(start, shapes, tmp_path):
    with start() as site:
        site.make("Posts", plugins=[{"type": "PUBLISH", "publishOptions": {"defaultStatus": "PUBLISHED"}}])
        site.insert("Posts", *[{"_id": f"{n}", "name": "x", "_publishStatus": "DRAFT"} for n in range(3)], {"_id": "z"})
        snapshot = export(WixSource(site.client), shapes.collection("Posts", name="text"), tmp_path / "snapshots")
        assert (snapshot.count, snapshot.drafts) == (4, 3)
        assert snapshot.unknown_keys == {"_publishStatus": 4}


@pytest.fixture
def fleet(start):
    """Carriers and drivers, tied to each other both ways."""
    with start() as site:
        target = {"referencedCollectionId": "Drivers", "referencingFieldKey": "carriers"}
        ties = {"key": "drivers", "type": "MULTI_REFERENCE", "typeMetadata": {"multiReference": target}}
        site.make("Drivers", *[{"_id": f"d{n:04}"} for n in range(1200)])
        site.make(
            "Carriers", *[{"_id": f"c{n:03}"} for n in range(250)], fields=[{"key": "name", "type": "TEXT"}, ties]
        )
        site.link("Carriers", "drivers", "c001", "d0003", "d0001", "d0002")
        site.link("Carriers", "drivers", "c200", "d0001")
        yield site


def test_multi_references_from_both_sides(fleet, shapes, tmp_path):
    source = WixSource(fleet.client)
    carriers = export(source, shapes.collection(name="text", drivers="multireference"), tmp_path)
    drivers = export(source, shapes.collection("Drivers", name="text", carriers="multireference"), tmp_path)
    assert {i["_id"]: i["drivers"] for i in carriers.items() if "drivers" in i} == {
        "c001": ["d0003", "d0001", "d0002"],  # in the order they were made
        "c200": ["d0001"],
    }
    assert {i["_id"]: i["carriers"] for i in drivers.items() if "carriers" in i} == {
        "d0001": ["c001", "c200"],
        "d0002": ["c001"],
        "d0003": ["c001"],
    }


def test_more_references_than_a_page(fleet, shapes):
    every = [f"d{n:04}" for n in range(1200)]
    body = {"dataCollectionId": "Carriers", "referringItemFieldName": "drivers", "referringItemId": "c005"}
    fleet.ok("POST", "/items/replace-references", {**body, "newReferencedItemIds": every[:1000]})
    fleet.link("Carriers", "drivers", "c005", *every[1000:])
    rows = []
    WixSource(fleet.client).export(shapes.collection(name="text", drivers="multireference"), rows.append)
    assert next(item["drivers"] for item in rows if item["_id"] == "c005") == every


def test_references_to_nothing_are_counted(start, shapes):
    files = {"Carriers": [{"_id": "c1", "drivers": ["gone", "d1"]}], "Drivers": [{"_id": "d1"}]}
    target = {"referencedCollectionId": "Drivers", "referencingFieldKey": "carriers"}
    ties = {"key": "drivers", "type": "MULTI_REFERENCE", "typeMetadata": {"multiReference": target}}
    about = json.dumps([{"id": "Drivers", "fields": []}, {"id": "Carriers", "fields": [ties]}])
    with start(files, described=about) as site:
        rows = []
        notes = WixSource(site.client).export(shapes.collection(drivers="multireference"), rows.append).notes
        assert rows[0]["drivers"] == ["d1"]
        assert notes == ("1 multi-references refer to items that do not exist; the API does not name them",)


def test_linked_anew_is_exported_anew(fleet, shapes, tmp_path):
    """Linking updates neither item, so no mark tells of it."""
    source, collection = WixSource(fleet.client), shapes.collection(name="text", drivers="multireference")
    export(source, collection, tmp_path)
    fleet.link("Carriers", "drivers", "c007", "d0009")
    rows = {item["_id"]: item for item in export(source, collection, tmp_path).items()}
    assert rows["c007"]["drivers"] == ["d0009"]


def test_mark_tells_of_every_change(start):
    with start({"Carriers": old(5)}) as site:
        source = WixSource(site.client)
        marks = [source.mark("Carriers")]
        assert (marks[0].count, marks[0].newest_update) == (5, OLD["$date"])
        assert source.mark("Carriers") == marks[0]
        first = old(5)[0]["_id"]
        for change in (
            lambda: site.update("Carriers", {"_id": first, "name": "new"}),
            lambda: site.insert("Carriers", {"_id": "new"}),
            lambda: site.remove("Carriers", first),
        ):
            site.box.clock(advance=1)
            change()
            marks.append(source.mark("Carriers"))
        assert len(set(marks)) == 4


def test_notes_say_where_the_site_differs_from_the_catalog(site, shapes):
    fields = [{"key": "name", "type": "NUMBER"}, {"key": "extra", "type": "TEXT", "displayName": "Extra!"}]
    site.make("Carriers", fields=fields, permissions={"read": "ADMIN"})
    site.make("driver_jobs", {"_id": "1"})
    catalog = shapes.catalog(shapes.collection(name="text", city="text"), shapes.collection("DriverJobs", name="text"))
    collections = WixSource(site.client, catalog).collections()
    assert set(collections) == {"Carriers", "driver_jobs"}
    found = collections["Carriers"]
    assert (found.count, found.fields["name"], found.display_names["extra"]) == (0, "number", "Extra!")
    assert found.notes == (
        "the collection is empty; ADMIN may read it: check in the CMS that it is",
        "fields that the catalog does not know: extra",
        "fields of the catalog that the source does not declare: city",
        "types that differ from the catalog's: name is number, in the catalog text",
    )
    assert "may be the catalog's DriverJobs under another name" in collections["driver_jobs"].notes


def test_a_collection_that_the_site_lacks(site, shapes, tmp_path):
    site.make("driver jobs".replace(" ", "_"), {"_id": "1"})
    source = WixSource(site.client)
    snapshot = export(source, shapes.collection("DriverJobs", name="text"), tmp_path)
    assert (snapshot.absent, snapshot.count) == (True, 0)
    assert "it has 'driver_jobs', which may be the same under another name" in snapshot.notes[0]
    assert "it has" not in str(source.missing(shapes.collection("Carriers")))
    with pytest.raises(SourceError, match="no such collection"):
        source.mark("DriverJobs")
