"""Quarantine: every reason is kept once, rows are counted, and a kill loses no entry that was written."""

from __future__ import annotations

import json
import threading

import pytest

from runbook.quarantine import Entry, Quarantine

A, B = Entry("transform", "a", "n", "not a number"), Entry("transform", "b", None, "why")
NOBODY = Entry("transform", None, "_id", "required, but missing")


@pytest.fixture
def quarantine(tmp_path):
    return Quarantine(tmp_path / "quarantine")


def test_a_new_quarantine_is_empty(quarantine, tmp_path):
    assert quarantine.entries("Carriers") == []
    assert quarantine.ids("Carriers") == set()
    assert quarantine.count("Carriers") == 0
    quarantine.replace("Carriers", "transform", [])
    assert not (tmp_path / "quarantine").exists()


def test_entries_are_lines_of_json(quarantine, tmp_path):
    quarantine.replace("Carriers", "transform", [A, NOBODY])

    lines = (tmp_path / "quarantine" / "Carriers.jsonl").read_text("utf-8").splitlines()

    assert [json.loads(line) for line in lines] == [
        {"step": "transform", "id": "a", "field": "n", "reason": "not a number"},
        {"step": "transform", "id": None, "field": "_id", "reason": "required, but missing"},
    ]
    assert Quarantine(tmp_path / "quarantine").entries("Carriers") == [A, NOBODY]


def test_a_row_is_counted_once_and_rows_without_an_id_by_entry(quarantine):
    quarantine.replace("Carriers", "transform", [A, Entry("transform", "a", "m", "too"), B, NOBODY, NOBODY])
    quarantine.add("Carriers", Entry("load", "a", None, "422"))
    quarantine.add("Carriers", Entry("load", "c", None, "422"))

    assert quarantine.count("Carriers") == 5
    assert quarantine.count("Carriers", "transform") == 4
    assert quarantine.count("Carriers", "load") == 2
    assert quarantine.ids("Carriers") == {"a", "b", "c"}


def test_replacing_a_steps_entries_keeps_those_of_others(quarantine):
    loading = Entry("load", "c", None, "422")
    quarantine.replace("Carriers", "transform", [A, B])
    quarantine.add("Carriers", loading)

    quarantine.replace("Carriers", "transform", [B])
    assert quarantine.entries("Carriers") == [loading, B]

    quarantine.replace("Carriers", "load", [])
    quarantine.replace("Carriers", "transform", [])
    assert quarantine.entries("Carriers") == []


def test_a_failed_replacement_keeps_the_old_entries(quarantine):
    quarantine.replace("Carriers", "transform", [A])

    def failing():
        yield B
        raise OSError("killed")

    with pytest.raises(OSError, match="killed"):
        quarantine.replace("Carriers", "transform", failing())
    assert quarantine.entries("Carriers") == [A]


def test_the_same_entry_is_kept_once(quarantine):
    for _ in range(3):
        quarantine.add("Carriers", A)
    quarantine.add("Carriers", Entry("load", "a", "n", "not a number"))

    assert len(quarantine.entries("Carriers")) == 2


def test_a_line_truncated_by_a_kill_is_ignored_and_the_next_one_is_complete(quarantine, tmp_path):
    quarantine.add("Carriers", A)
    with (tmp_path / "quarantine" / "Carriers.jsonl").open("ab") as file:
        file.write(b'{"step":"load","id":"x')
    again = Quarantine(tmp_path / "quarantine")

    assert again.entries("Carriers") == [A]
    again.add("Carriers", B)
    assert Quarantine(tmp_path / "quarantine").entries("Carriers") == [A, B]


def test_what_another_process_put_in_is_seen(quarantine, tmp_path):
    quarantine.add("Carriers", A)
    Quarantine(tmp_path / "quarantine").add("Carriers", B)

    assert quarantine.entries("Carriers") == [A, B]


def test_collections_are_separate_also_those_of_apps(quarantine, tmp_path):
    quarantine.add("Stores/Products", A)

    assert quarantine.count("Stores") == 0
    assert [path.name for path in (tmp_path / "quarantine").iterdir()] == ["Stores%2FProducts.jsonl"]


def test_threads_may_add_at_once(quarantine):
    def work(worker: int) -> None:
        for n in range(20):
            quarantine.add("Carriers", Entry("load", f"{worker}-{n}", None, "422"))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert quarantine.count("Carriers") == 80


def test_half_a_surrogate_pair_in_an_id_does_not_stop_it(quarantine, tmp_path):
    quarantine.add("Carriers", Entry("transform", "\ud800", None, "surrogates"))

    assert Quarantine(tmp_path / "quarantine").count("Carriers") == 1
