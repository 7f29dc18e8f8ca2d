"""A state of an older version is upgraded when it is opened, one of a newer version is refused; in both databases."""

from __future__ import annotations

import gzip
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, create_engine, event, inspect, select, text

from runbook.errors import SettingError
from runbook.state import AMBIGUOUS, State
from runbook.state.migrations import MIGRATIONS, VERSION

DATA = Path(__file__).parents[2] / "data"
RENAMED = {"flag_turn": "flag_change", "pace": "rate_limit", "change": "row_change"}

Rows = dict[str, list[tuple[Any, ...]]]


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def contents(url: str) -> Rows:
    """Every table with its rows, in order."""
    tables = MetaData()
    with connected(url) as connection:
        tables.reflect(connection)
        return {
            name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for name, table in tables.tables.items()
        }


def versions(url: str) -> list[int]:
    return [row[0] for row in contents(url)["state_migration"]]


@pytest.fixture(params=[1, 2, 3, 4], ids=["version 1", "version 2", "version 3", "version 4"])
def old_url(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A recorded state of an older version; on PostgreSQL its tables and rows, made there."""
    file = tmp_path / "state.db"
    file.write_bytes(gzip.decompress((DATA / f"state-{request.param}.db.gz").read_bytes()))
    if url.startswith("sqlite"):
        return f"sqlite:///{file}"
    tables = MetaData()
    with connected(f"sqlite:///{file}") as source, connected(url) as target:
        event.listen(tables, "column_reflect", lambda _, __, column: column.update(type=column["type"].as_generic()))
        tables.reflect(source)
        tables.create_all(target)
        for name, table in tables.tables.items():
            target.execute(table.insert(), [dict(row) for row in source.execute(select(table)).mappings()])
            if "id" in table.columns:
                target.execute(text(f"SELECT setval('{name}_id_seq', (SELECT max(id) FROM {name}))"))
    return url


def upgraded(before: Rows) -> Rows:
    """What the rows of an older version are in the version of today."""
    rows = {RENAMED.get(name, name): lines for name, lines in before.items()}
    rows.pop("state_migration", None)
    words = {"born": "created"}
    if "outbox" not in rows:
        rows["row_change"] = sorted(
            ((*(words.get(value, value) for value in line), None) for line in rows["row_change"]), key=repr
        )
    if "conflict" not in rows:
        unknown = (None, None, None)  # answer, agreed, served
        rows["id_map"] = sorted(((*line[:5], line[6], *unknown) for line in rows["id_map"]), key=repr)
    return {"conflict": [], "outbox": [], **rows, "pending_write": []}


def test_the_recorded_state_opens_with_everything_in_it(old_url: str) -> None:
    before = contents(old_url)
    assert all(before.values()), "every table must hold rows"
    for _ in range(2):
        State(old_url).close()
        after = contents(old_url)
        assert [line[0] for line in after.pop("state_migration")] == [m.version for m in MIGRATIONS]
        assert after == upgraded(before)


def test_the_recorded_state_is_used_as_one_made_today(old_url: str) -> None:
    with State(old_url) as state:
        base = state.facts.base_of("wix")
        members = state.rows(base, "TeamMembers")
        assert len(members.all()) == 3
        assert members.unfinished() == list(members.all())
        assert set(state.rows(base, "FAQs").changes().values()) == {"created"}
        assert set(state.rows(base, "CaseStudies").changes().values()) == {"removed"}
        carriers = list(state.rows(base, "Carriers").resolve_all("dot_number").values())
        assert (len(carriers), carriers.count(AMBIGUOUS)) == (31, 1)
        assert [change.value for change in state.flags.history("content")] == ["airtable", "wix"]
        assert len(state.facts.progress(base)) == 40
        # Numbers go on where they were.
        members.settle()
        (number,) = members.start_batches([["a"]])
        assert number == 64
        state.flags.set("content", "airtable", who="bob", why="again")
        members.put({"new": "rec"})
        members.note_created(["new"])
        assert abs(state.rate_limits.reserve(base, 0.2)) < 5
        assert len(members.all()) == 4
        assert len(state.flags.history("content")) == 3


def schema(url: str) -> dict[str, Any]:
    with connected(url) as connection:
        found = inspect(connection)
        return {
            name: (
                [(column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(name)],
                found.get_pk_constraint(name)["constrained_columns"],
                [(index["name"], index["column_names"]) for index in found.get_indexes(name)],
            )
            for name in found.get_table_names()
        }


def test_an_upgraded_state_has_the_tables_of_a_new_one(old_url: str) -> None:
    State(old_url).close()
    of_upgraded, tables = schema(old_url), MetaData()
    with connected(old_url) as connection:
        tables.reflect(connection)
        tables.drop_all(connection)
    State(old_url).close()
    assert schema(old_url) == of_upgraded
    assert versions(old_url) == [m.version for m in MIGRATIONS]


@pytest.mark.slow
def test_processes_that_upgrade_at_once_do_it_once(old_url: str) -> None:
    before = contents(old_url)
    code = "import sys; from runbook.state import State; State(sys.argv[1]).flags.get('content')"
    started = [subprocess.Popen([sys.executable, "-c", code, old_url]) for _ in range(4)]
    assert [process.wait(60) for process in started] == [0] * 4
    after = contents(old_url)
    assert len(after.pop("state_migration")) == len(MIGRATIONS)
    assert after == upgraded(before)


# Opens the state and is killed before a statement of the upgrade; writes how many there were if it is not.
KILLED = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from runbook.state import State, database

at, count = int(sys.argv[2]), 0

def upgrade(connection, upgrade=database.upgrade):
    @event.listens_for(connection, "before_cursor_execute")
    def executing(*_):
        global count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)

    upgrade(connection)

database.upgrade = upgrade
State(sys.argv[1]).close()
print(count)
"""


@pytest.mark.slow
def test_a_kill_during_the_upgrade_leaves_the_old_state_whole(old_url: str) -> None:
    before = contents(old_url)
    killed = 0
    for at in (1, 2, 3, 4, 6, 8, 10, 12, 16, 1000):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, old_url, str(at)], capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode == 0:
            assert int(done.stdout) > len(MIGRATIONS[-1].statements)
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        killed += 1
        assert contents(old_url) == before
    assert killed >= 4
    assert versions(old_url) == [m.version for m in MIGRATIONS]


def test_a_newer_state_is_refused_and_left_as_it_is(url: str) -> None:
    with State(url) as state:
        state.flags.create(["content"])
    with connected(url) as connection:
        newer = VERSION + 1
        connection.execute(text(f"INSERT INTO state_migration VALUES ({newer}, 'to come', '2030-01-01')"))
    before = contents(url)
    with pytest.raises(SettingError, match=f"version {newer}.*up to {VERSION}.*[Uu]se the newer runbook"):
        State(url)
    assert contents(url) == before


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE note (words TEXT)")
    other.execute("INSERT INTO note VALUES ('mine')")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(SettingError, match=r"holds no state of the runbook; its tables are note\. Nothing was changed"):
        State(f"sqlite:///{path}")
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["other.db"]


def test_a_table_of_another_program_by_the_same_name_is_refused(url: str) -> None:
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir()
    with connected(url) as connection:
        connection.execute(text("CREATE TABLE journal (words TEXT)"))
    with pytest.raises(SettingError, match="holds no state of the runbook"):
        State(url)
    assert contents(url) == {"journal": []}
