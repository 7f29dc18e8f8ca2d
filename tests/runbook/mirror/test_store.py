"""The mirror's rows on disk: found as `evaluate` says, whatever the index thinks; put, taken out, and never mixed up."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirror_kit import CATALOG, carrier, catalog, collection, ids, items
from random_items import KEYS, collected, conditions
from random_items import items as random_items
from runbook.json_types import Item
from runbook.mirror.store import SetAside, Store
from runbook.query.evaluate import predicate, sort_items
from runbook.query.query import Query, Test

one_store = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
orders = st.lists(st.tuples(st.sampled_from([*KEYS, "_id", "_createdDate", "insured"]), st.booleans()), max_size=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "mirror.db", CATALOG)
    yield store
    store.close()


def put(store: Store, found: list[Item], **settings: Any) -> list[str]:
    return store.put("Carriers", [(f"rec{item['_id']}", item) for item in found], **settings).changed


def hold(store: Store) -> None:
    assert store.set_synced("Carriers", at=1.0, mark=store.mark())


def orphans(store: Store) -> int:
    """Sort keys of no row, or of another row."""
    sql = "SELECT count(*) FROM sort_key LEFT JOIN row USING (n) WHERE row.id IS NOT sort_key.id"
    return int(store.file.connection().execute(sql).fetchone()[0])


@one_store
@given(st.lists(random_items, max_size=8), conditions, orders, st.integers(1, 3), st.integers(0, 3), st.booleans())
def test_it_finds_and_counts_what_evaluation_does(
    store: Store, found: list[Item], condition: Any, order: Any, limit: int, skip: int, large: bool
) -> None:
    store.clear("Carriers")
    existing = collected(found)
    put(store, existing)
    hold(store)
    if large:  # as if there were too many rows to read them in order
        store.file.connection().execute("UPDATE synced SET rows = 1000000")
    wanted = sort_items(filter(predicate(condition), existing), order)
    kept, more = store.find("Carriers", Query(condition, tuple(order), limit, skip))
    assert kept == wanted[skip : skip + limit]
    assert more == (len(wanted) > skip + limit)
    assert store.count("Carriers", condition) == len(wanted)
    for item in existing:
        assert store.get("Carriers", item["_id"]) == item


def test_going_through_the_index_gives_the_order_of_a_sort(store: Store) -> None:
    found = items(300)
    put(store, found)
    hold(store)
    for query in (Query(), Query().descending("trucks"), Query().ascending("name"), Query().descending("dot")):
        query = query.limit(20).skip(30)
        assert store.find("Carriers", query)[0] == sort_items(found, query.order)[30:50]


def test_a_draft_is_never_seen(store: Store) -> None:
    put(store, [carrier(1), carrier(2, _publishStatus="DRAFT"), carrier(3, _publishStatus="PUBLISHED")])
    hold(store)
    assert ids(store.find("Carriers", Query())[0]) == ["c00003", "c00001"]
    assert store.find("Carriers", Query().eq("dot", "100002"))[0] == []
    assert store.get("Carriers", "c00002") is None
    assert store.count("Carriers", Query().where) == 2
    assert store.count("Carriers", Test("dot", "ne", None)) == 2
    assert store.count("Carriers", Test("insured", "eq", False)) == 2


def test_no_sort_key_points_to_a_wrong_row_after_any_change(store: Store) -> None:
    put(store, items(5))
    put(store, [carrier(1, dot="7", tags=["a", "b"]), carrier(2, name=None)])
    store.put("Carriers", [("recc00001", carrier(9))])  # its legacy id was changed by hand
    store.delete("Carriers", ["c00003"])
    store.delete_records(["recc00004"])
    store.set_aside([SetAside("Carriers", "recc00000", "c00002")])
    assert store.count("Carriers", Test("dot", "ne", None)) == 2
    assert sorted(ids(store.find("Carriers", Query())[0])) == ["c00002", "c00009"]
    assert store.record_of("Carriers", "c00009") == "recc00001"
    assert orphans(store) == 0


def test_what_was_written_since_a_read_began_stays(store: Store) -> None:
    put(store, [carrier(1), carrier(2)])
    mark = store.mark()
    put(store, [carrier(1, name="written here")])
    store.delete("Carriers", ["c00002"])
    put(store, [carrier(3)])
    read = [carrier(1), carrier(2), carrier(3), carrier(4)]  # as it was before
    written = store.put("Carriers", [(f"rec{item['_id']}", item) for item in read], after=mark)
    assert written.skipped == ["c00001", "c00002", "c00003"]
    assert written.changed == ["c00004"]
    assert store.get("Carriers", "c00001") == carrier(1, name="written here")
    assert store.get("Carriers", "c00002") is None


def test_a_row_that_was_deleted_before_it_was_stored_stays_deleted(store: Store) -> None:
    mark = store.mark()
    store.delete("Carriers", ["c00001"])
    put(store, [carrier(1)], after=mark)
    assert store.get("Carriers", "c00001") is None
    put(store, [carrier(1)])  # stored again once it was created again
    assert store.get("Carriers", "c00001") == carrier(1)


def test_a_record_that_became_a_row_since_a_read_began_is_not_set_aside(store: Store) -> None:
    mark = store.mark()
    put(store, [carrier(1)])
    store.set_aside([SetAside("Carriers", "recc00001", None)], after=mark)
    assert store.get("Carriers", "c00001") == carrier(1)
    assert store.records_set_aside() == []
    store.set_aside([SetAside("Carriers", "recc00001", None)], after=store.mark())
    assert store.get("Carriers", "c00001") is None


def test_what_is_put_again_is_no_change(store: Store) -> None:
    assert put(store, items(3)) == ["c00000", "c00001", "c00002"]
    mark = store.mark()
    assert put(store, items(3), after=mark) == []
    assert put(store, [carrier(1, name="other")], after=mark) == ["c00001"]


def test_what_was_written_back_to_what_it_was_is_newer_than_a_page_read_meanwhile(store: Store) -> None:
    put(store, [carrier(1)])
    mark = store.mark()
    put(store, [carrier(1)])  # between the two another value stood in Airtable, and a page was read that has it
    assert put(store, [carrier(1, name="between")], after=mark) == []
    assert store.get("Carriers", "c00001") == carrier(1)


def test_a_full_sync_deletes_what_it_did_not_see(store: Store) -> None:
    put(store, items(4))
    store.set_aside([SetAside("Carriers", "recCopy", "c00001"), SetAside("Drivers", "recOther", None)])
    mark = store.mark()
    put(store, [carrier(7)])
    deleted = store.delete_unseen("Carriers", {"recc00000", "recc00001"}, mark)
    assert deleted == [("Carriers", "c00002", "recc00002"), ("Carriers", "c00003", "recc00003")]
    assert sorted(ids(store.find("Carriers", Query())[0])) == ["c00000", "c00001", "c00007"]
    assert store.records_set_aside() == [SetAside("Drivers", "recOther", None)]


def test_sort_keys_can_be_rebuilt(store: Store) -> None:
    put(store, items(3))
    hold(store)
    store.file.connection().execute("DELETE FROM sort_key WHERE field = 'dot'")
    store.file.connection().execute("UPDATE sort_key SET value = x'00' WHERE field = 'name'")
    assert store.find("Carriers", Query().eq("dot", "100001"))[0] == []
    store.reindex("Carriers")
    assert store.find("Carriers", Query().eq("dot", "100001"))[0] == [carrier(1)]
    assert store.count("Carriers", Test("name", "eq", None)) == 0


def test_a_collection_is_not_synced_once_the_catalog_has_changed(tmp_path: Path) -> None:
    first = Store(tmp_path / "mirror.db", CATALOG)
    put(first, items(2))
    hold(first)
    assert first.synced() == ["Carriers"]
    changed = Store(tmp_path / "mirror.db", catalog(collection("Carriers")))
    assert changed.as_of("Carriers") is None
    assert changed.synced() == []
    assert first.as_of("Carriers") is not None
    first.close()
    changed.close()


def test_the_file_is_for_its_owner_alone(store: Store, tmp_path: Path) -> None:
    put(store, items(1))
    found = list(tmp_path.glob("mirror.db*"))
    assert len(found) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}


@pytest.mark.parametrize("content", [b"", b"no database" * 100])
def test_a_file_that_is_no_database_is_made_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mirror.db"
    path.write_bytes(content)
    store = Store(path, CATALOG)
    put(store, items(1))
    assert store.get("Carriers", "c00000") == carrier(0)
    store.close()


def test_a_file_of_another_version_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "mirror.db"
    with sqlite3.connect(path) as old:
        old.execute("CREATE TABLE row (something TEXT)")
    old.close()
    store = Store(path, CATALOG)
    assert put(store, items(1)) == ["c00000"]
    store.close()


def test_its_file_can_be_deleted_while_it_is_used(store: Store) -> None:
    put(store, items(2))
    hold(store)
    mark = store.mark()
    store.file.path.unlink()  # and its write-ahead log stays, which belongs to no file now
    assert store.synced() == []
    assert store.get("Carriers", "c00000") is None
    assert store.mark() > mark
    assert not store.set_synced("Carriers", at=1.0, mark=mark)  # what began before is not whole
    put(store, items(1))
    hold(store)
    assert store.synced() == ["Carriers"]


def test_an_error_leaves_nothing_half_written(store: Store) -> None:
    with pytest.raises(KeyError):
        put(store, [carrier(1), {"_id": "no record"}, {}])
    assert store.count("Carriers", Query().where) == 0
    assert orphans(store) == 0


def test_half_a_surrogate_pair_is_no_id(store: Store) -> None:
    assert store.get("Carriers", "\ud800") is None


def test_connections_of_threads_that_ended_are_closed(store: Store) -> None:
    for _ in range(5):
        thread = threading.Thread(target=store.mark)
        thread.start()
        thread.join()
    assert len(store.file._open) <= 2


def test_reads_use_the_index(store: Store) -> None:
    put(store, items(50))
    hold(store)
    plans: list[str] = []
    db = store.file.connection()
    statements: list[str] = []
    db.set_trace_callback(statements.append)
    store.find("Carriers", Query().eq("dot", "100007").eq("insured", False))
    store.find("Carriers", Query().eq("insured", True).descending("trucks"))
    store.get("Carriers", "c00001")
    store.count("Carriers", Test("trucks", "gt", 3))
    store.count("Carriers", Query().where)
    db.set_trace_callback(None)
    for sql in statements:
        if sql.startswith("SELECT"):
            plans += [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert len(plans) > 10
    scans = [plan for plan in plans if plan.startswith("SCAN") and "subquery" not in plan and "(" not in plan]
    assert scans == []
