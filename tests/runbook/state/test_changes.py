"""What the data layer notes beside the id map: rows born and removed in Airtable, the keys of single rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from runbook.state import AMBIGUOUS, Landed, State

BASE, OTHER = "appFleet000000001", "appOther000000001"


def test_a_row_born_or_removed_is_told_until_it_is_forgotten(state: State) -> None:
    state.changes.born(BASE, "Trucks", ["a", "b"])
    state.changes.removed(BASE, "Trucks", ["c"])
    state.changes.born(OTHER, "Trucks", ["x"])
    state.changes.born(BASE, "Trips", ["y"])
    assert state.changes.of(BASE, "Trucks") == {"a": "born", "b": "born", "c": "removed"}
    state.changes.forget(BASE, "Trucks", ["a", "nobody"])
    assert state.changes.of(BASE, "Trucks") == {"b": "born", "c": "removed"}
    state.changes.forget(BASE, "Trucks")
    assert state.changes.of(BASE, "Trucks") == {}
    assert (state.changes.of(OTHER, "Trucks"), state.changes.of(BASE, "Trips")) == ({"x": "born"}, {"y": "born"})


def test_of_a_row_that_was_born_and_removed_nothing_is_left_to_tell(state: State) -> None:
    state.changes.born(BASE, "Trucks", ["a", "b"])
    state.changes.removed(BASE, "Trucks", iter(["a", "c"]))
    assert state.changes.of(BASE, "Trucks") == {"b": "born", "c": "removed"}
    state.changes.removed(BASE, "Trucks", ["c"])
    assert state.changes.of(BASE, "Trucks")["c"] == "removed"


def test_a_row_of_wix_that_was_removed_and_made_again_is_no_new_one(state: State) -> None:
    state.changes.removed(BASE, "Trucks", ["a"])
    state.changes.born(BASE, "Trucks", ["a", "b"])
    assert state.changes.of(BASE, "Trucks") == {"b": "born"}
    state.changes.removed(BASE, "Trucks", ["a", "b"])
    assert state.changes.of(BASE, "Trucks") == {"a": "removed"}


def test_nothing_to_note_is_no_error(state: State) -> None:
    state.changes.born(BASE, "Trucks", [])
    state.changes.removed(BASE, "Trucks", [])
    state.changes.forget(BASE, "Trucks", [])
    assert state.changes.of(BASE, "Trucks") == {}


def test_the_keys_of_one_row_are_put_without_touching_others(state: State) -> None:
    state.remember(BASE, "Trucks", [Landed(name, f"rec-{name}") for name in "abc"])
    state.remember_keys(BASE, "Trucks", "plate", {"a": "1", "b": "2"})
    state.link_keys.put(BASE, "Trucks", "a", {"plate": "3", "vin": "V"})
    assert state.key_map(BASE, "Trucks", "plate") == {"3": "rec-a", "2": "rec-b"}
    assert state.resolve(BASE, "Trucks", "vin", "V") == "rec-a"
    state.link_keys.put(BASE, "Trucks", "c", {"plate": "2"})
    assert state.resolve(BASE, "Trucks", "plate", "2") is AMBIGUOUS
    state.link_keys.put(BASE, "Trucks", "c", {})
    assert state.resolve(BASE, "Trucks", "plate", "2") == "rec-b"
    state.link_keys.put(OTHER, "Trucks", "b", {})
    assert state.resolve(BASE, "Trucks", "plate", "2") == "rec-b"


def test_many_put_at_once_and_each_is_kept(state: State) -> None:
    names = [f"{n}" for n in range(24)]
    state.remember(BASE, "Trucks", [Landed(name, f"rec-{name}") for name in names])
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: state.link_keys.put(BASE, "Trucks", name, {"plate": name}), names))
    assert state.key_map(BASE, "Trucks", "plate") == {name: f"rec-{name}" for name in names}
