"""The runner against real notebooks and kernels: what did not end as it should is never called passed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import pytest

from runbook.errors import SettingError, StepError
from runbook.evidence.folder import RunFolder
from runbook.evidence.runner import run_notebook

pytestmark = pytest.mark.slow

PARAMETERS = 'environment = "sandbox"  # or "live"\nrun_id = None  # None: a new one\ndry_run = False'
SECRET = "patABCDEFGHIJKLMN.0123456789abcdef"


def notebook(tmp_path: Path, *cells: str, parameters: str = PARAMETERS, name: str = "02_content") -> Path:
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    made.cells = [nbformat.v4.new_markdown_cell("# Content"), first, *map(nbformat.v4.new_code_cell, cells)]
    path = tmp_path / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(made, path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "runs" / "a-run")


def files(folder: RunFolder) -> list[str]:
    return sorted(p.name for p in folder.path.iterdir() if p.is_file())


def test_one_that_passes(tmp_path, folder):
    told: list[tuple[int, int]] = []
    path = notebook(
        tmp_path,
        "import os\nassert not dry_run\nrun_id, environment, os.path.basename(os.getcwd()), os.environ['GIVEN']",
        "import sys\nfor i in range(50):\n    print(f'\\r{i}', end='', flush=True)",
    )
    before = os.getcwd()
    done = run_notebook(path, folder, {"run_id": "a-run"}, on_cell=lambda *a: told.append(a), env={"GIVEN": "so"})
    assert (done.status, done.error, done.passed) == ("passed", None, True)
    assert files(folder) == ["02_content.passed.html", "02_content.passed.ipynb"]
    assert os.getcwd() == before
    saved = nbformat.read(done.path, 4)
    shown = saved.cells[3].outputs[0]
    assert shown.data["text/plain"] == "('a-run', 'sandbox', 'notebooks', 'so')"
    assert [o.text for o in saved.cells[4].outputs] == ["49"], "a redrawn line is one output: its last state"
    assert told[-1] == (5, 5)
    stamp = saved.metadata.runbook
    assert stamp.status == "passed"
    assert stamp.versions.python == ".".join(map(str, sys.version_info[:3]))
    assert stamp.started <= stamp.finished
    assert {"commit", "dirty"} <= stamp.keys()
    assert str(tmp_path) not in json.dumps(saved.metadata), "no path of a machine"
    assert "TCP" not in done.path.read_text(), "the kernel's warning about transport encryption"


def test_its_page_can_be_read_offline(tmp_path, folder):
    path = notebook(
        tmp_path,
        "from IPython.display import HTML\n"
        'HTML(\'<b>kept</b><script src="https://cdn.example/x.js"></script><img src="https://cdn.example/x.png">\')',
    )
    page = run_notebook(path, folder, {}).html
    assert page is not None
    text = page.read_text()
    assert "<b>kept</b>" in text
    assert "assert" not in text
    assert "from" in text
    assert not re.search(r"<script", text)
    assert not re.search(r"<(link|img|iframe|script)\b[^>]*(href|src)\s*=\s*[\"']?(https?:)?//", text)
    assert "default-src 'none'" in text


def test_one_that_raises_keeps_its_evidence(tmp_path, folder):
    path = notebook(tmp_path, "'evidence above'", "raise ValueError('the gate is red')", "'never'")
    done = run_notebook(path, folder, {})
    assert done.status == "failed"
    assert done.error == "raise ValueError('the gate is red'): ValueError: the gate is red"
    assert files(folder) == ["02_content.failed.html", "02_content.failed.ipynb"]
    saved = nbformat.read(done.path, 4)
    assert saved.metadata.runbook.error == done.error
    assert "did not pass.** raise ValueError" in saved.cells[0].source
    assert "An Exception was encountered" in saved.cells[1].source
    never = saved.cells[-1]
    assert (never.execution_count, never.metadata.papermill.status) == (None, "pending")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "the kernel died"),
        ("import os\nos._exit(0)", "the kernel died"),
        ("import sys\nsys.exit(0)", "ended early with SystemExit"),
        ("import time\ntime.sleep(60)", "exceeded the time limit of 1 s"),
        ("input()", "StdinNotImplementedError"),
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_what_did_not_end_as_it_should(tmp_path, folder, cell, said, last):
    path = notebook(tmp_path, "1 + 1", cell, *([] if last else ["'the gate'"]))
    done = run_notebook(path, folder, {}, timeout=1 if "sleep" in cell else None)
    assert done.status == "failed"
    assert re.search(said, done.error or "")
    assert files(folder) == ["02_content.failed.html", "02_content.failed.ipynb"]
    saved = nbformat.read(done.path, 4)
    assert saved.metadata.runbook.status == "failed"
    assert saved.metadata.papermill.exception is True
    assert "did not pass" in saved.cells[0].source
    if not last:
        assert saved.cells[-1].metadata.papermill.status == "pending"


def test_exit_does_not_skip_the_gate(tmp_path, folder):
    """IPython's `exit()` ends the kernel a tenth of a second later: the red gate is seen, or else that the kernel died."""
    done = run_notebook(notebook(tmp_path, "exit()", "assert False, 'red'"), folder, {})
    assert done.status == "failed"
    assert done.error is not None
    assert "AssertionError: red" in done.error or "the kernel died" in done.error


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"dryrun": True}, "no parameter 'dryrun'; did you mean 'dry_run'"),
        ({"zzz": 1}, "it has environment, run_id, dry_run"),
        ({"dry_run": "false"}, "dry_run is 'false', a str; it must be a bool"),
        ({"environment": 3}, "it must be a str"),
        ({"run_id": object()}, "parameters must be JSON"),
        ({"run_id": SECRET}, "run_id contains the value of AIRTABLE_API_KEY"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_written(tmp_path, folder, monkeypatch, parameters, said):
    monkeypatch.setenv("AIRTABLE_API_KEY", SECRET)
    with pytest.raises(SettingError, match=re.escape(said)) as refused:
        run_notebook(notebook(tmp_path), folder, parameters)
    assert SECRET not in str(refused.value)
    assert files(folder) == []


def test_a_notebook_without_parameters_says_so(tmp_path, folder):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    path = tmp_path / "bare.ipynb"
    nbformat.write(made, path)
    with pytest.raises(SettingError, match="no cell is tagged"):
        run_notebook(path, folder, {"x": 1})


def test_secrets_are_replaced_and_fail_the_run(tmp_path, folder):
    env = {
        "AIRTABLE_API_KEY": SECRET,
        "OTHER_TOKEN": 'zq7"te<d>12',
        "RUNBOOK_STATE_URL": "postgresql://runbook:p4ss%21word@db/state",
    }
    path = notebook(
        tmp_path,
        "import os\nprint('Bearer', os.environ['AIRTABLE_API_KEY'])",
        "from IPython.display import display, HTML\nimport html\n"
        "display({'token': os.environ['OTHER_TOKEN']}, HTML(html.escape(os.environ['OTHER_TOKEN'])))",
        "raise ValueError(os.environ['RUNBOOK_STATE_URL'])",
    )
    done = run_notebook(path, folder, {}, env=env)
    assert done.status == "failed"
    for name in env:
        assert name in (done.error or "")
    everything = b"".join(p.read_bytes() for p in folder.path.rglob("*") if p.is_file())
    for value in (SECRET, "zq7", "p4ss", "te&lt;d", "p4ss!word"):
        assert value.encode() not in everything
        assert value not in (done.error or "")
    assert "‹secret›".encode() in everything


def test_no_secret_reaches_the_disk_while_it_runs(tmp_path, folder):
    running = folder.path / "02_content.running.ipynb"
    path = notebook(tmp_path, "import os\nprint(os.environ['AIRTABLE_API_KEY'])", "2")
    seen: list[str] = []
    run_notebook(
        path, folder, {}, env={"AIRTABLE_API_KEY": SECRET}, on_cell=lambda *_: seen.append(running.read_text())
    )
    assert len(seen) == 4
    assert "‹secret›" in seen[-1]
    assert not any(SECRET in text for text in seen)


def test_a_secret_in_evidence_fails_the_run(tmp_path, folder):
    target = folder.path / "evidence" / "02_content"
    path = notebook(
        tmp_path,
        f"import os, pathlib\nf = pathlib.Path({str(target)!r})\nf.mkdir()\n"
        "(f / 'plan.json').write_text(os.environ['WIX_API_KEY'])",
    )
    done = run_notebook(path, folder, {}, env={"WIX_API_KEY": SECRET})
    assert done.error is not None
    assert "WIX_API_KEY (in plan.json)" in done.error


def test_earlier_ones_are_kept(tmp_path, folder):
    failing = notebook(tmp_path, "1/0")
    run_notebook(failing, folder, {})
    run_notebook(failing, folder, {})
    run_notebook(notebook(tmp_path, "1"), folder, {})
    run_notebook(notebook(tmp_path, "1"), folder, {})
    assert [name for name in files(folder) if name.endswith("ipynb")] == [
        "02_content.failed.1.ipynb",
        "02_content.failed.2.ipynb",
        "02_content.passed.3.ipynb",
        "02_content.passed.ipynb",
    ]
    assert len([name for name in files(folder) if name.endswith("html")]) == 4


def test_what_a_killed_process_left_is_kept_as_failed(tmp_path, folder):
    path = notebook(tmp_path, "1")
    left = nbformat.read(path, 4)
    nbformat.write(left, folder.path / "02_content.running.ipynb")
    assert run_notebook(path, folder, {}).passed
    assert [n for n in files(folder) if n.endswith("ipynb")] == ["02_content.failed.1.ipynb", "02_content.passed.ipynb"]
    assert "process was killed" in nbformat.read(folder.path / "02_content.failed.1.ipynb", 4).metadata.runbook.error


def test_half_a_notebook_that_a_killed_process_left_is_kept_as_one_that_can_be_read(tmp_path, folder):
    source = notebook(tmp_path, "1")
    whole = source.read_text()
    (folder.path / "02_content.running.ipynb").write_text(whole[: len(whole) // 2])
    assert run_notebook(source, folder, {}).passed
    assert (
        "while it was being saved" in nbformat.read(folder.path / "02_content.failed.1.ipynb", 4).metadata.runbook.error
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_from_outside(tmp_path, folder, number):
    path = notebook(tmp_path, "open('begun', 'w').close()\nimport time\ntime.sleep(300)", "'the gate'")
    begun = path.parent / "begun"
    os.mkfifo(begun)  # opened by both or by none: no waiting by the clock
    script = (
        "from pathlib import Path; import sys\nfrom runbook.evidence.folder import RunFolder\n"
        "from runbook.evidence.runner import run_notebook\n"
        "run_notebook(Path(sys.argv[1]), RunFolder(Path(sys.argv[2])), {})"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path), str(folder.path)], stderr=subprocess.PIPE, start_new_session=True
    )
    begun.open().close()
    with pytest.raises(StepError, match="by another process"):
        run_notebook(path, folder, {})
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0, said
    assert files(folder) == ["02_content.failed.html", "02_content.failed.ipynb"]
    saved = nbformat.read(folder.path / "02_content.failed.ipynb", 4)
    assert "interrupted" in saved.metadata.runbook.error
    assert saved.cells[-1].metadata.papermill.status == "pending"


def test_two_at_once_in_one_process(tmp_path):
    folders = [RunFolder(tmp_path / "runs" / f"run-{n}") for n in range(2)]
    path = notebook(tmp_path, "import os\nos.path.basename(os.getcwd())")
    done = {}
    threads = [
        threading.Thread(target=lambda n=n: done.update({n: run_notebook(path, folders[n], {})})) for n in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [done[n].status for n in range(2)] == ["passed", "passed"]
