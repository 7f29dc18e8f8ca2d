"""The state: what it remembers, in SQLite and PostgreSQL alike, and what a wrong address is told."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runbook.errors import SettingError
from runbook.state import CheckResult, CollectionProgress, GateResult, State

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


def test_the_last_progress_of_a_collection_is_kept(state: State) -> None:
    done = CollectionProgress(
        "Trucks", "r1", 3, 10, 9, 1, 9, 0, "wix", 10, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", True
    )
    state.facts.set_progress(BASE, done)
    state.facts.set_progress(BASE, CollectionProgress("Trips", "r1", 4, 0, 0, 0, 0, 0, "dir", None, None, None, False))
    newer = CollectionProgress("Trucks", "r2", 3, 11, 9, 1, 9, 1, "wix", 11, None, "2026-01-03T00:00:00Z", False)
    state.facts.set_progress(BASE, newer)
    assert state.facts.progress(BASE)["Trucks"] == newer
    assert state.facts.progress(BASE).keys() == {"Trucks", "Trips"}
    assert state.facts.progress("appOther000000001") == {}


def test_bases_are_kept_by_source_and_by_name(state: State) -> None:
    facts = state.facts
    assert facts.base_of("wix") is facts.created_base("Fleet ü") is None
    facts.set_base_of("wix", "app1", "Fleet ü")
    facts.set_base_of("folder", "app2", "Fleet ü (folder)")
    facts.set_created_base("Fleet ü", "app3")
    facts.set_base_of("wix", "app4", "Fleet ü")
    assert (facts.base_of("wix"), facts.base_of("folder"), facts.created_base("Fleet ü")) == ("app4", "app2", "app3")
    assert facts.created_base("wix") is None


def test_the_last_gate_of_a_phase_is_kept(state: State) -> None:
    assert state.facts.gate(BASE, 2) is None
    state.facts.set_gate(BASE, 2, GateResult(passed=True, run_id="r1"))
    state.facts.set_gate(BASE, 3, GateResult(passed=True, run_id="r1"))
    state.facts.set_gate(BASE, 2, GateResult(passed=False, run_id="r2"))
    assert state.facts.gate(BASE, 2) == GateResult(passed=False, run_id="r2")
    assert state.facts.gate(BASE, 3) == GateResult(passed=True, run_id="r1")
    assert state.facts.gate("appOther000000001", 2) is None


def test_former_permissions_and_alert_levels_are_kept(state: State) -> None:
    assert state.facts.frozen() == {}
    state.facts.add_frozen("Trucks", {"insert": "ANYONE"})
    state.facts.add_frozen("Trips", {"insert": "ADMIN"})
    assert state.facts.frozen() == {"Trucks": {"insert": "ANYONE"}, "Trips": {"insert": "ADMIN"}}
    state.facts.clear_frozen()
    assert state.facts.frozen() == {}
    assert state.facts.alert_levels() is None
    state.facts.set_alert_levels({"share of failed answers": 0.001})
    assert state.facts.alert_levels() == {"share of failed answers": 0.001}


def test_a_webhook_is_replaced_only_where_it_is_still_the_old_one(state: State) -> None:
    facts = state.facts
    assert facts.webhook(BASE) is None
    assert facts.replace_webhook(BASE, None, "ach1")
    assert not facts.replace_webhook(BASE, None, "ach2")
    assert not facts.replace_webhook(BASE, "ach2", "ach3")
    assert facts.webhook(BASE) == "ach1"
    assert facts.replace_webhook(BASE, "ach1", "ach3")
    assert not facts.replace_webhook(BASE, "ach1", None)
    assert facts.replace_webhook(BASE, "ach3", None)
    assert facts.webhook(BASE) is None


def test_of_many_threads_one_is_first_and_every_check_is_kept(state: State) -> None:
    won: list[int] = []
    start = threading.Barrier(8)

    def run(n: int) -> None:
        start.wait()
        if state.facts.replace_webhook(BASE, None, f"ach{n}"):
            won.append(n)
        state.facts.add_integrity_check(CheckResult("2026-01-01T00:00:00+00:00", passed=True, run=str(n)))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert state.facts.webhook(BASE) == f"ach{won[0]}"
    assert sorted(check.run for check in state.facts.integrity_checks()) == [str(n) for n in range(8)]


def test_a_second_opening_finds_everything(url: str) -> None:
    with State(url) as first:
        first.rows(BASE, "Trucks").put({"a": "rec1"})
        with State(url) as second:
            assert second.rows(BASE, "Trucks").all() == first.rows(BASE, "Trucks").all()
    with State(url) as third:
        assert third.rows(BASE, "Trucks").all().keys() == {"a"}


OPENING = """
import sys
from runbook.state import State
print("ready", flush=True)
sys.stdin.readline()
with State(sys.argv[1]) as s:
    for n in range(30): s.rows("app", "C").put({f"{sys.argv[2]}-{n}": "rec"})
"""


@pytest.mark.slow
@pytest.mark.parametrize("_", range(4))  # without the wait for the file, one opening in fifteen failed
def test_processes_that_open_a_new_one_at_once_all_can(url: str, _: int) -> None:
    command = [sys.executable, "-c", OPENING, url]
    processes = [
        subprocess.Popen([*command, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for n in range(6)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0] * 6
    with State(url) as state:
        assert len(state.rows("app", "C").all()) == 180


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "state.db"
    with State(f"sqlite:///{path}") as state:
        state.flags.create(["a"])
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
