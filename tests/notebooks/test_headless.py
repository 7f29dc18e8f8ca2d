"""`runbook run all` over every notebook: verified, signed, run again; nothing in it that a reviewer must not see."""

from __future__ import annotations

import json
import re

import pytest

from conftest import BIN, Home
from lmdr.platform import PLATFORM

pytestmark = pytest.mark.slow


def test_runbook_run_all_then_verify_then_sign(home: Home) -> None:
    said = home.call(str(BIN / "runbook"), "run", "all").stderr
    assert len(re.findall("passed", said)) == 6
    assert "limit is raised" in said
    run = home.newest_run()
    names = {path.name for path in run.glob("*.ipynb")}
    assert names == {f"{phase.slug}.passed.ipynb" for phase in PLATFORM.catalog.phases}
    manifest = json.loads((run / "manifest.json").read_text())
    figures = [done for phase in manifest["phases"].values() for done in phase["collections"].values()]
    assert len(figures) == 40
    assert all(done["exported"] == done["loaded"] + done["quarantined"] for done in figures)
    assert sum(done["unexplained"] for done in figures) == 0
    assert sum(done["quarantined"] for done in figures) > 10
    assert "as in the manifest" in home.call(str(BIN / "runbook"), "verify", run.name).stdout
    home.call(str(BIN / "runbook"), "sign-off", run.name, "--who", "A Reviewer")
    assert (run / "index.html").stat().st_size > 10_000
    status = home.call(str(BIN / "runbook"), "status").stdout
    assert "40 of 40" in status


def test_nothing_a_reviewer_sees_holds_a_personal_value(home: Home) -> None:
    site = home.path / "home/sandbox/site"
    personal = set()
    for collection in PLATFORM.catalog.collections.values():
        keys = [field.wix for field in collection.fields if field.personal]
        for line in (site / f"{collection.wix}.jsonl").read_bytes().splitlines():
            item = json.loads(line)
            values = [item[key] for key in keys if isinstance(item.get(key), str)]
            personal.update(value for value in values if len(value) > 9 and "\n" not in value)
    public = set()
    for collection in PLATFORM.catalog.collections.values():
        for line in (site / f"{collection.wix}.jsonl").read_bytes().splitlines():
            for key, value in json.loads(line).items():
                known = collection.by_key.get(key)
                if isinstance(value, str) and known is not None and not known.personal:
                    public.add(value)
    personal -= public
    assert len(personal) > 100
    shown = [path for path in home.newest_run().rglob("*") if path.is_file()]
    shown = [path for path in shown if not {"snapshots", "staged"} & set(path.parts)]
    assert len(shown) > 50
    told = "\n".join(path.read_text(errors="replace") for path in shown)
    assert [value for value in personal if value in told] == []


def test_a_second_run_writes_nothing(home: Home) -> None:
    home.call(str(BIN / "runbook"), "run", "2", "3")
    run = home.newest_run()
    for slug in ("02_content", "03_core_business"):
        rows = [json.loads(line) for line in (run / f"requests/{slug}.jsonl").read_bytes().splitlines()]
        assert rows
        assert {row["method"] for row in rows} == {"GET"}


def test_a_changed_file_is_named(home: Home) -> None:
    run = home.newest_run()
    path = run / "evidence/02_content/gate.json"
    before = path.read_text()
    path.write_text(before.replace("true", "true "))
    said = home.call(str(BIN / "runbook"), "verify", run.name, code=1)
    assert "02_content/gate.json" in said.stdout + said.stderr
    path.write_text(before)
    home.call(str(BIN / "runbook"), "verify", run.name)
