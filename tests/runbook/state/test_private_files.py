"""A state that is opened again in a process keeps the locks that others rely on: its file is not opened beside SQLite."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from runbook.private_files import create_private
from runbook.state import State

# As the last to close a database does, if no other process seems to have it open: it deletes the write-ahead log.
CLOSE_AS_LAST = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("SELECT count(*) FROM fact").fetchone()
db.close()
"""


def test_a_file_is_made_for_its_owner_alone_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    create_private(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("kept")
    path.chmod(0o640)
    create_private(path)
    assert path.read_text() == "kept"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(OSError, match="No such file"):
        create_private(tmp_path / "nowhere/x.db")


def test_a_second_state_in_a_process_does_not_give_away_the_first_ones_locks(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with State(url) as first:
        first.facts.set_base_of("one", "app1", "")
        with State(url) as second:
            second.facts.set_base_of("two", "app2", "")
            # While both are open, another process comes and goes; it must not take itself for the last.
            subprocess.run([sys.executable, "-c", CLOSE_AS_LAST, str(tmp_path / "state.db")], check=True)
            assert (tmp_path / "state.db-wal").exists()
            first.facts.set_base_of("three", "app3", "")
        assert [first.facts.base_of(name) for name in ("one", "two", "three")] == ["app1", "app2", "app3"]
    check = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchone()[0])"
    command = [sys.executable, "-c", check, str(tmp_path / "state.db")]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "ok"
