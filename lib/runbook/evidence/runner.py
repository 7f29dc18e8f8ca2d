"""Execute one notebook headless, into a run folder; the file name contains the result.

    done = run_notebook(Path("notebooks/02_content.ipynb"), folder, {"environment": "sandbox"})
    done.status                 # "passed", "failed" or "nothing-to-do"
    done.path                   # runs/<run id>/02_content.passed.ipynb, its HTML beside it

papermill alone is not strict enough. It saves a killed kernel, a timed-out cell and Ctrl-C as "completed",
`sys.exit(0)` skips the gate and exits 0, and a misspelt parameter is a warning. Here a notebook has passed only if
nothing raised, no cell shows an error, and every code cell was executed; else it is `.failed.ipynb`.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from runbook import errors
from runbook.catalog.names import nearest
from runbook.display import Shown, Table
from runbook.errors import SettingError, StepError
from runbook.evidence.execution import execute
from runbook.evidence.folder import EXECUTED, RunFolder, check_name, write_bytes
from runbook.evidence.provenance import commit_of, versions
from runbook.evidence.redaction import Redactor


@dataclass(frozen=True)
class Executed(Shown):
    """The result of a notebook. `status`: "passed", "failed" or "nothing-to-do"; `error`: one line, None unless failed.

    `refused`: it failed because a parameter, an account or the site is not the right one, and nothing was done.
    """

    status: str
    path: Path
    html: Path | None
    seconds: float
    error: str | None
    refused: bool = False

    @property
    def passed(self) -> bool:
        """Whether every cell ran, none raised, and there was something to do."""
        return self.status == "passed"

    @property
    def green(self) -> bool:
        """Whether it is not red."""
        return self.error is None

    def table(self) -> Table:
        """One row."""
        row = (self.path.name.split(".")[0], self.status, self.seconds, self.path.name, self.error)
        return Table("Executed", ("notebook", "verdict", "seconds", "file", "error"), [row])


def run_notebook(
    notebook: Path,
    folder: RunFolder,
    parameters: Mapping[str, Any],
    *,
    timeout: float | None = None,
    on_cell: Callable[[int, int], None] | None = None,
    env: Mapping[str, str] | None = None,
) -> Executed:
    """Execute a notebook. `timeout`: seconds per cell; `on_cell` gets (cells done, cells); `env`: added for the kernel.

    Raises SettingError, before anything is written, for a parameter that is unknown, has the wrong type or contains a
    secret, for a run that is signed, and for a kernel that is not this tool's own; StepError if the same notebook is
    being executed in this folder. Ctrl-C and SIGTERM are re-raised after the notebook is saved as failed.
    """
    notebook = Path(notebook).absolute()
    slug = check_name(notebook.stem, "notebook")
    folder.require_unsealed()
    redactor = Redactor({**os.environ, **(env or {})})
    _check(notebook, parameters, redactor)
    running = folder.path / f"{slug}.running.ipynb"
    started = datetime.now(UTC)
    began = time.monotonic()
    error: str | None = None
    interrupt: BaseException | None = None
    refused = False
    with _exclusive(running, folder, slug), sigterm_raises():
        try:
            execute(notebook, running, dict(parameters), timeout, on_cell, env, redactor)
        except SettingError:
            running.unlink(missing_ok=True)
            raise
        except (KeyboardInterrupt, SystemExit) as stop:
            error, interrupt = "interrupted (Ctrl-C or SIGTERM)", stop
        except Exception as raised:  # noqa: BLE001 - on any error the notebook is kept, as failed
            error, refused = _describe(raised, timeout), _is_refusal(raised)
        seconds = time.monotonic() - began
        status, path, page, error = _finish(running, notebook, folder, slug, started, seconds, error, redactor)
    if interrupt is not None:
        raise interrupt
    return Executed(status, path, page, seconds, error, refused)


def _check(notebook: Path, parameters: Mapping[str, Any], redactor: Redactor) -> None:
    import papermill  # type: ignore[import-untyped]  # 0.18 s

    if not notebook.is_file():
        raise SettingError(f"there is no notebook {notebook}")
    known = papermill.inspect_notebook(str(notebook))
    for name, value in parameters.items():
        if name not in known:
            has = ", ".join(known) or "none: no cell is tagged `parameters`"
            raise SettingError(f"{notebook.name} has no parameter {name!r}{nearest(name, known)}; it has {has}")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise SettingError(
                f"{name} is a {type(value).__name__}; parameters must be JSON: use text for a path or a date"
            ) from None
        default = _literal(known[name]["default"])
        if isinstance(default, bool | int | float | str) and not _fits(value, default):
            raise SettingError(
                f"{name} is {value!r}, a {type(value).__name__}; it must be a {type(default).__name__}, "
                f"as its default in {notebook.name} is"
            )
        if found := redactor.secrets_in(value):
            raise SettingError(
                f"parameter {name} contains the value of {found[0]}; notebooks read it from the environment"
            )
    if found := redactor.secrets_in(notebook.read_text(encoding="utf-8")):
        raise SettingError(
            f"{notebook.name} contains the value of {found[0]}; remove it, and renew it if it was shared"
        )


def _literal(text: Any) -> Any:
    try:
        return ast.literal_eval(str(text))
    except (ValueError, SyntaxError):
        return None


def _fits(value: Any, default: bool | float | str) -> bool:
    match default:
        case bool() | str():
            return type(value) is type(default)
        case _:
            return isinstance(value, int | float) and not isinstance(value, bool)


def _finish(
    running: Path,
    notebook: Path,
    folder: RunFolder,
    slug: str,
    started: datetime,
    seconds: float,
    error: str | None,
    redactor: Redactor,
) -> tuple[str, Path, Path | None, str | None]:
    """Check, stamp, rename and export the executed notebook. Returns its status, path, HTML, and the error, if any."""
    import nbformat

    try:
        executed = nbformat.read(running, as_version=4)  # type: ignore[no-untyped-call]
    except (OSError, ValueError):  # no file was written, or not completely
        executed = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
        error = error or "nothing was executed"
    error = error or _unfinished(executed)
    redactor.redact_outputs(executed)
    leaks = [*redactor.found, *_secrets_in_evidence(folder, slug, redactor)]
    if leaks:
        leak = f"a secret was shown: {', '.join(dict.fromkeys(leaks))}; renew it, and find out where it came from"
        error = f"{leak}; {error}" if error else leak
    error = redactor.redact(error) if error else None
    nothing = (folder.read_evidence(slug, "gate") or {}).get("nothing_to_do")
    status = "failed" if error else "nothing-to-do" if nothing else "passed"
    stamp = {
        "status": status,
        "error": error,
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "versions": versions(),
        **commit_of(notebook.parent),
    }
    _stamp(executed, notebook, stamp)
    nbformat.write(executed, running)  # type: ignore[no-untyped-call]
    _keep_earlier(folder, slug)
    path = folder.path / f"{slug}.{status}.ipynb"
    running.rename(path)
    from runbook.evidence.page import export_html

    return status, path, export_html(path), error


def _unfinished(executed: Any) -> str | None:
    """Why a notebook has not passed although nothing was raised; None if it has."""
    code = [(n, c) for n, c in enumerate(executed.cells, 1) if c.cell_type == "code" and c.source.strip()]
    for number, cell in code:
        for output in cell.outputs:
            if output.output_type == "error":
                return f"cell {number} ended early with {output.ename}({output.evalue})"
    missed = [number for number, cell in code if cell.execution_count is None]
    if missed:
        return f"{len(missed)} of {len(code)} code cells were not executed, the first is cell {missed[0]}"
    return None if code else "it has no code cells"


def _stamp(executed: Any, notebook: Path, stamp: dict[str, Any]) -> None:
    """Write the result where readers and programs find it; correct papermill's status of cells that never ran."""
    executed.metadata["runbook"] = stamp
    papermill = executed.metadata.setdefault("papermill", {})
    papermill["input_path"], papermill["output_path"] = notebook.name, f"{notebook.stem}.{stamp['status']}.ipynb"
    if stamp["error"] is None:
        return
    papermill["exception"] = True
    for cell in executed.cells:
        state = cell.metadata.get("papermill", {})
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None and state:
            state["status"] = "pending"
    import nbformat

    words = "> **This notebook did not pass.** " + escape(" ".join(stamp["error"].split()), quote=False)
    cell = nbformat.v4.new_markdown_cell(words)  # type: ignore[no-untyped-call]
    cell.metadata["tags"] = ["papermill-error-cell-tag"]  # papermill removes it when the notebook is run again
    executed.cells.insert(0, cell)


def _secrets_in_evidence(folder: RunFolder, slug: str, redactor: Redactor) -> list[str]:
    files = [*folder.path.glob(f"evidence/{slug}/*"), *folder.path.glob(f"requests/{slug}.jsonl")]
    found = []
    for path in files:
        if path.is_file():
            found += [f"{name} (in {path.name})" for name in redactor.secrets_in(path.read_text("utf-8", "replace"))]
    return found


def _keep_earlier(folder: RunFolder, slug: str) -> None:
    """Number an earlier notebook of the same name, and its HTML: nothing is overwritten."""
    names = [m for p in folder.path.glob(f"{slug}.*.ipynb") if (m := EXECUTED.fullmatch(p.name)) and m["slug"] == slug]
    number = 1 + max((int(m["number"] or 0) for m in names), default=0)
    for match in names:
        if match["status"] != "running" and match["number"] is None:
            for suffix in ("ipynb", "html"):
                earlier = folder.path / f"{slug}.{match['status']}.{suffix}"
                if earlier.exists():
                    earlier.rename(folder.path / f"{slug}.{match['status']}.{number}.{suffix}")
            number += 1


# The cells before the first one that writes.
_READS = ("run", "run.check_access()", "run.plan()", "check", "rollback")


def _is_refusal(raised: Exception) -> bool:
    """Whether nothing was done: the error says so, or its cell is one that opens, checks or plans."""
    # `source` and `ename` are of papermill's error: the cell, and the name of what it raised.
    if str(getattr(raised, "source", "")).strip().split("\n")[-1] in _READS:
        return True
    kind = getattr(errors, getattr(raised, "ename", ""), None)
    return isinstance(kind, type) and issubclass(kind, (errors.SettingError, errors.CatalogError))


def _describe(raised: Exception, timeout: float | None) -> str:
    """An exception as one line, without the traceback, which the notebook shows."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError  # type: ignore[import-untyped]

    notes = "".join(getattr(raised, "__notes__", ()))
    match raised:
        case PapermillExecutionError():
            source = raised.source.strip().splitlines()
            return f"{source[-1] if source else 'a cell'}: {raised.ename}: {_one_line(str(raised.evalue))}"
        case CellTimeoutError():
            return f"a cell exceeded the time limit of {timeout:g} s"
        case DeadKernelError():
            return f"the kernel died; it was killed or ran out of memory{notes}"
        case _:
            return f"{type(raised).__name__}: {' '.join(str(raised).split())}{notes}"


def _one_line(text: str) -> str:
    """A message whose lines are a list as one: `the gate is red: one; another`."""
    first, *items = [" ".join(line.split()) for line in text.splitlines() if line.strip()] or [""]
    return f"{first} {'; '.join(items)}" if first.endswith(":") else "; ".join([first, *items])


@contextlib.contextmanager
def _exclusive(running: Path, folder: RunFolder, slug: str) -> Iterator[None]:
    """Only one process executes a notebook into a folder. The notebook of a killed process is kept, as failed."""
    import nbformat

    lock = folder.path / f".{slug}.lock"
    with lock.open("w") as held:
        try:
            import fcntl

            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # this platform has no file locks
            pass
        except OSError:
            raise StepError(
                f"{slug} is being executed in run {folder.run_id} by another process; wait for it, "
                "or use another run_id"
            ) from None
        if running.exists():
            _keep_earlier(folder, slug)
            error = "its process was killed; this is the state last saved"
            try:
                left = nbformat.read(running, as_version=4)  # type: ignore[no-untyped-call]
            except ValueError:  # papermill's first and last saves are not atomic
                left = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
                error = "its process was killed while it was being saved; it cannot be read"
            _stamp(left, Path(f"{slug}.ipynb"), {"status": "failed", "error": error})
            write_bytes(running, nbformat.writes(left).encode())  # type: ignore[no-untyped-call]
            running.rename(folder.path / f"{slug}.failed.ipynb")
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextlib.contextmanager
def sigterm_raises() -> Iterator[None]:
    """Turn SIGTERM into SystemExit, so that a scheduler's stop leaves a failed notebook and no kernel."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    former = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
