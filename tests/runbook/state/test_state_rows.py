"""The rows of a collection: which record each is, keys, journal, changes; in SQLite and PostgreSQL alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from runbook.state import AMBIGUOUS, AgreedRow, CollectionRows, History, KnownRow, State

BASE, OTHER = "appFleet000000001", "appOther000000001"


@pytest.fixture
def trucks(state: State) -> CollectionRows:
    return state.rows(BASE, "Trucks")


def agreed(legacy_id: str, record_id: str = "rec1", text: str = "{}") -> AgreedRow:
    return AgreedRow(legacy_id, record_id, "h", "answer", text)


def test_a_row_is_put_replaced_and_forgotten(state: State, trucks: CollectionRows) -> None:
    trucks.put({"a": "rec1", "b": "rec2"})
    trucks.put({"a": "rec9"})
    state.rows("appOther000000001", "Trucks").put({"a": "recX"})
    state.rows(BASE, "Trips").put({"a": "recY"})
    assert trucks.all() == {"a": KnownRow("a", "rec9"), "b": KnownRow("b", "rec2")}

    trucks.forget(["a", "never"])
    assert trucks.all() == {"b": KnownRow("b", "rec2")}
    assert state.rows(BASE, "Trips").all() == {"a": KnownRow("a", "recY")}


def test_what_was_agreed_stays_while_the_record_is_the_same(trucks: CollectionRows) -> None:
    trucks.agree([agreed("a", "rec1", "x"), agreed("b", "rec2", "y")])
    trucks.note_served("a", {"plate": "1"})
    trucks.note_served("a", {"dot": "2"})
    trucks.put({"a": "rec1", "b": "rec9"})
    assert trucks.all() == {"a": KnownRow("a", "rec1", "h", "answer"), "b": KnownRow("b", "rec9")}
    assert trucks.histories("abc") == {
        "a": History("x", {"plate": "1", "dot": "2"}),
        "b": History(None, {}),
    }
    trucks.agree([agreed("a", "rec1", "z")])
    assert trucks.histories("a") == {"a": History("z", {})}


def test_keys_resolve_to_records_and_are_never_guessed(trucks: CollectionRows) -> None:
    trucks.put({name: f"rec-{name}" for name in "abc"})
    trucks.replace_key("plate", {"a": "1", "b": "2", "c": "2", "not in the base": "3"})
    assert trucks.resolve_all("plate") == {"1": "rec-a", "2": AMBIGUOUS}
    assert trucks.resolve("plate", "1") == "rec-a"
    assert trucks.resolve("plate", "2") is AMBIGUOUS
    assert trucks.resolve("plate", "3") is None
    assert trucks.resolve("_id", "b") == "rec-b"
    assert trucks.resolve_all("_id") == {"a": "rec-a", "b": "rec-b", "c": "rec-c"}


def test_three_rows_with_one_key_are_ambiguous_too(trucks: CollectionRows) -> None:
    trucks.put({name: f"rec-{name}" for name in "abc"})
    trucks.replace_key("plate", dict.fromkeys("abc", "1"))
    assert trucks.resolve_all("plate") == {"1": AMBIGUOUS}


def test_a_key_is_replaced_in_full_and_forgotten_with_its_row(trucks: CollectionRows) -> None:
    trucks.put({"a": "rec1", "b": "rec2"})
    trucks.replace_key("plate", {"a": "1", "b": "2"})
    trucks.replace_key("vin", {"a": "V"})
    trucks.replace_key("plate", {"a": "5", "b": "2"})
    assert trucks.resolve_all("plate") == {"5": "rec1", "2": "rec2"}
    assert trucks.resolve_all("vin") == {"V": "rec1"}
    trucks.forget(["b"])
    trucks.put({"b": "rec2"})
    assert trucks.resolve_all("plate") == {"5": "rec1"}


def test_what_was_sent_is_unfinished_until_it_is_answered(state: State, trucks: CollectionRows) -> None:
    numbers = trucks.start_batches([["a", "b"], ["c"], ["a", "d"]])
    assert len(set(numbers)) == 3
    assert trucks.unfinished() == ["a", "b", "c", "d"]
    assert state.rows(BASE, "Trips").unfinished() == []
    trucks.finish_batches(numbers[:1], [agreed("a")])
    assert trucks.unfinished() == ["c", "a", "d"]
    assert trucks.all() == {"a": KnownRow("a", "rec1", "h", "answer")}
    trucks.settle()
    assert trucks.unfinished() == []
    assert trucks.start_batches([]) == []


def test_batches_get_their_numbers_in_order(trucks: CollectionRows) -> None:
    batches = [[f"{n}"] for n in range(50)]
    numbers = trucks.start_batches(batches)
    trucks.finish_batches(numbers[:49], [])
    assert trucks.unfinished() == ["49"]


def test_a_row_created_or_removed_is_noted_until_it_is_forgotten(state: State, trucks: CollectionRows) -> None:
    trucks.note_created(["a", "b"])
    trucks.note_removed(["c"])
    state.rows(OTHER, "Trucks").note_created(["x"])
    state.rows(BASE, "Trips").note_created(["y"])
    assert trucks.changes() == {"a": "created", "b": "created", "c": "removed"}
    trucks.forget_changes(["a", "nobody"])
    assert trucks.changes() == {"b": "created", "c": "removed"}
    trucks.forget_changes(trucks.changes())
    assert trucks.changes() == {}
    assert (state.rows(OTHER, "Trucks").changes(), state.rows(BASE, "Trips").changes()) == (
        {"x": "created"},
        {"y": "created"},
    )


def test_of_a_row_that_was_created_and_removed_no_note_remains(trucks: CollectionRows) -> None:
    trucks.note_created(["a", "b"])
    trucks.note_removed(iter(["a", "c"]))
    assert trucks.changes() == {"b": "created", "c": "removed"}
    trucks.note_removed(["c"])
    assert trucks.changes()["c"] == "removed"


def test_a_row_of_wix_that_was_removed_and_created_again_is_not_a_new_one(trucks: CollectionRows) -> None:
    trucks.note_removed(["a"])
    trucks.note_created(["a", "b"])
    assert trucks.changes() == {"b": "created"}
    trucks.note_removed(["a", "b"])
    assert trucks.changes() == {"a": "removed"}


def test_no_rows_are_no_error(trucks: CollectionRows) -> None:
    trucks.note_created([])
    trucks.note_removed([])
    trucks.forget_changes([])
    trucks.forget([])
    trucks.put({})
    trucks.agree([])
    trucks.finish_batches([], [])
    assert trucks.changes() == {}


def test_the_keys_of_one_row_are_replaced_without_touching_others(state: State, trucks: CollectionRows) -> None:
    trucks.put({name: f"rec-{name}" for name in "abc"})
    trucks.replace_key("plate", {"a": "1", "b": "2"})
    trucks.replace_keys_of("a", {"plate": "3", "vin": "V"})
    assert trucks.resolve_all("plate") == {"3": "rec-a", "2": "rec-b"}
    assert trucks.resolve("vin", "V") == "rec-a"
    trucks.replace_keys_of("c", {"plate": "2"})
    assert trucks.resolve("plate", "2") is AMBIGUOUS
    trucks.replace_keys_of("c", {})
    assert trucks.resolve("plate", "2") == "rec-b"
    state.rows(OTHER, "Trucks").replace_keys_of("b", {})
    assert trucks.resolve("plate", "2") == "rec-b"


def test_keys_replaced_by_many_threads_are_all_kept(trucks: CollectionRows) -> None:
    names = [f"{n}" for n in range(24)]
    trucks.put({name: f"rec-{name}" for name in names})
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: trucks.replace_keys_of(name, {"plate": name}), names))
    assert trucks.resolve_all("plate") == {name: f"rec-{name}" for name in names}


def test_a_row_without_a_key_any_more_loses_it(trucks: CollectionRows) -> None:
    trucks.put({"a": "rec1", "b": "rec2"})
    trucks.replace_key("plate", {"a": "1", "b": "2"})
    trucks.replace_key("plate", {"b": "2"})
    assert trucks.resolve_all("plate") == {"2": "rec2"}


def test_more_rows_than_one_statement_takes(trucks: CollectionRows) -> None:
    names = [f"{n}" for n in range(1203)]
    trucks.put({name: f"rec-{name}" for name in names})
    assert trucks.record_ids(names) == {name: f"rec-{name}" for name in names}
    assert trucks.histories(names).keys() == set(names)
    trucks.forget(names[1:])
    assert trucks.all().keys() == {"0"}
