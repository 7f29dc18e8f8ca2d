"""The state: what it remembers, in SQLite and PostgreSQL alike, and what a wrong address is told."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runbook.errors import SettingError
from runbook.state import KnownRow, Progressed, State

BASE = "appFleet000000001"


def test_a_flag_begins_at_wix_and_every_turn_is_kept(state: State) -> None:
    assert state.flags.get("content") == "wix"
    state.flags.create(["content", "core"])
    state.flags.set("content", "airtable", who="ann", why="green", run_id="r1")
    state.flags.create(["content", "core", "more"])
    state.flags.set("content", "airtable", who="bob", why="again")
    state.flags.set("content", "wix", who="ann", why="back")
    state.flags.set("never made", "airtable", who="ann", why="new")
    assert state.flags.all() == {"content": "wix", "core": "wix", "more": "wix", "never made": "airtable"}
    turns = state.flags.history("content")
    assert [(t.value, t.who, t.why, t.run_id) for t in turns] == [
        ("airtable", "ann", "green", "r1"),
        ("wix", "ann", "back", None),
    ]
    assert [t.flag for t in state.flags.history()] == ["content", "content", "never made"]
    assert all(t.at.endswith("Z") for t in turns)
    with pytest.raises(SettingError, match="'wix' and 'airtable'"):
        state.flags.set("content", "Airtable", who="ann", why="typo")


def test_a_turn_by_another_process_is_seen_at_once(state: State, url: str) -> None:
    state.flags.create(["core"])
    assert state.flags.get("core") == "wix"
    code = (
        "import sys; from runbook.state import State\n"
        "with State(sys.argv[1]) as s: s.flags.set('core', 'airtable', 'other', 'test')"
    )
    subprocess.run([sys.executable, "-c", code, url], check=True, timeout=60)
    assert state.flags.get("core") == "airtable"
    assert state.flags.all() == {"core": "airtable"}


def test_the_last_word_on_a_collection_is_kept(state: State) -> None:
    done = Progressed(
        "Trucks", "r1", 3, 10, 9, 1, 9, 0, "wix", 10, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", True
    )
    state.progress.record(BASE, done)
    state.progress.record(BASE, Progressed("Trips", "r1", 4, 0, 0, 0, 0, 0, "dir", None, None, None, False))
    newer = Progressed("Trucks", "r2", 3, 11, 9, 1, 9, 1, "wix", 11, None, "2026-01-03T00:00:00Z", False)
    state.progress.record(BASE, newer)
    assert state.progress.all(BASE)["Trucks"] == newer
    assert state.progress.all(BASE).keys() == {"Trucks", "Trips"}
    assert state.progress.all("appOther000000001") == {}


def test_facts_are_put_swapped_appended_and_forgotten(state: State) -> None:
    assert state.facts.get("base") is None
    assert state.facts.swap("base", None, {"id": "app1", "ü": [1, None, 2.5]})
    assert not state.facts.swap("base", None, {"id": "app2"})
    assert not state.facts.swap("base", {"id": "app2"}, {"id": "app3"})
    assert state.facts.get("base") == {"ü": [1, None, 2.5], "id": "app1"}
    assert state.facts.swap("base", {"ü": [1, None, 2.5], "id": "app1"}, {"id": "app3"})
    state.facts.append("log", 1)
    state.facts.append("log", {"a": 2})
    assert state.facts.get("log") == [1, {"a": 2}]
    state.facts.put("base", None)
    assert state.facts.get("base") is None


def test_of_many_who_want_to_be_first_one_is(state: State) -> None:
    won: list[int] = []
    start = threading.Barrier(8)

    def run(n: int) -> None:
        start.wait()
        if state.facts.swap("base", None, {"by": n}):
            won.append(n)
        state.facts.append("all", n)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert state.facts.get("base") == {"by": won[0]}
    assert sorted(state.facts.get("all")) == list(range(8))


def test_a_second_opening_finds_everything(url: str) -> None:
    with State(url) as first:
        first.rows(BASE, "Trucks").put([KnownRow("a", "rec1", "h")])
        with State(url) as second:
            assert second.rows(BASE, "Trucks").all() == first.rows(BASE, "Trucks").all()
    with State(url) as third:
        assert third.rows(BASE, "Trucks").all().keys() == {"a"}


def test_processes_that_open_it_at_once_all_can(url: str) -> None:
    code = (
        "import sys; from runbook.state import State, KnownRow\n"
        "with State(sys.argv[1]) as s:\n"
        " for n in range(30): s.rows('app', 'C').put([KnownRow(f'{sys.argv[2]}-{n}', 'rec')])"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, url, str(n)]) for n in range(4)]
    assert [process.wait(60) for process in started] == [0] * 4
    with State(url) as state:
        assert len(state.rows("app", "C").all()) == 120


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "state.db"
    with State(f"sqlite:///{path}") as state:
        state.facts.put("a", 1)
        made = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert made == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://h/x", "names mysql"),
        ("postgres://h/x", "starts with 'postgres'"),
        ("state.db", "is not a supported database"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://state.db", "two slashes"),
        ("sqlite:////proc/none/state.db", "cannot be written"),
    ],
)
def test_a_wrong_address_is_told_what_would_be_right(url: str, words: str) -> None:
    with pytest.raises(SettingError, match=words) as caught:
        State(url)
    assert "sqlite:////absolute/path/state.db" in str(caught.value)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("notes of someone " * 500)
    with pytest.raises(SettingError, match="holds no state"):
        State(f"sqlite:///{path}")
    assert path.read_text() == "notes of someone " * 500


def test_no_message_holds_the_password() -> None:
    with pytest.raises(SettingError) as caught:
        State("postgresql://ann:s3cret@127.0.0.1:1/x")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
